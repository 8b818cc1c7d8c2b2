//! Round trips of a connection, measured by frames that the other end answers at once.

/// Round trips from the place of the capture to an end of the connection and back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrips {
    /// Their number.
    pub count: u64,
    /// The shortest one, in nanoseconds; 0 if there are none.
    pub shortest_ns: i64,
    /// The longest one, in nanoseconds.
    pub longest_ns: i64,
    /// The latest one, in nanoseconds.
    pub last_ns: i64,
}

impl RoundTrips {
    /// Adds one of `ns` nanoseconds.
    pub fn add(&mut self, ns: i64) {
        self.shortest_ns = if self.count == 0 { ns } else { self.shortest_ns.min(ns) };
        self.longest_ns = if self.count == 0 { ns } else { self.longest_ns.max(ns) };
        self.last_ns = ns;
        self.count += 1;
    }
}
