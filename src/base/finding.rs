//! Findings: traffic that is odd, wrong or slow, each with a stable code.

use super::{Code, Origin};

/// One observation of something odd, wrong or slow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Kind of the finding.
    pub code: Code,
    /// Packet at which it was detected; `None` if it concerns the whole capture.
    pub at: Option<Origin>,
    /// Wireshark's number of the connection; `None` if it concerns no single connection.
    pub tcp_stream: Option<u32>,
    /// Number of the session in this capture (`s1` is 1); `None` if it concerns no session.
    pub session: Option<u32>,
    /// The exchange's `n`; `None` if it concerns no exchange.
    pub exchange: Option<u64>,
    /// Number of observations that it stands for: more than 1 if a fault repeats.
    pub count: u64,
    /// Description with numbers. May quote traffic: escape it when printing.
    pub detail: String,
}

/// The findings since the last [`Findings::drain`].
#[derive(Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
}

impl Findings {
    /// Creates an empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding at a packet, without connection, session or exchange.
    pub fn add(&mut self, code: Code, at: Origin, detail: impl Into<String>) {
        self.push(Finding {
            code,
            at: Some(at),
            tcp_stream: None,
            session: None,
            exchange: None,
            count: 1,
            detail: detail.into(),
        });
    }

    /// Adds a complete finding.
    pub fn push(&mut self, finding: Finding) {
        self.list.push(finding);
    }

    /// Returns whether there are no findings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the findings in the order in which they were added.
    #[must_use]
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// Returns the number of findings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Removes and returns the findings from position `at` on.
    #[must_use]
    pub fn split_off(&mut self, at: usize) -> Vec<Finding> {
        self.list.split_off(at.min(self.list.len()))
    }

    /// Moves the findings of `other` to the end of the list.
    pub fn append(&mut self, mut other: Self) {
        if self.list.is_empty() {
            self.list = other.list;
        } else {
            self.list.append(&mut other.list);
        }
    }

    /// Sets the connection of the findings that have none.
    pub fn set_tcp_stream(&mut self, tcp_stream: u32) {
        for finding in &mut self.list {
            finding.tcp_stream.get_or_insert(tcp_stream);
        }
    }

    /// Removes and returns all findings.
    pub fn drain(&mut self) -> impl Iterator<Item = Finding> + '_ {
        self.list.drain(..)
    }
}
