//! What readers look at: everything that a report says, in numbers, in a fixed order.

use super::{
    By, CaptureFact, ConnectionCount, Exchange, FindingRow, LatencyRow, OfferRow, SessionRow, Status,
    Streams, Unanswered, latency,
};

/// The state of a [`super::Ledger`] at one moment. Owns all that it shows: a reader keeps it while the ledger goes on.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// What the capture is, and how good.
    pub capture: CaptureFact,
    /// Connections by what they carry, MCP first.
    pub connections: Vec<ConnectionCount>,
    /// The median TCP handshake of connections that carry MCP, in nanoseconds: what the network alone costs. `None`
    /// where no handshake was captured.
    pub handshake_p50_ns: Option<i64>,
    /// The exchanges, counted.
    pub exchanges: ExchangeCount,
    /// Notifications.
    pub notifications: u64,
    /// Latency per method and tool, the highest p95 first.
    pub latency: Vec<LatencyRow>,
    /// What [`Snapshot::grouped`] is cut by.
    pub by: Option<By>,
    /// Latency per group, method and tool; with `None` per server, all its calls together, and empty where there
    /// is only one server. The highest p95 first.
    pub grouped: Vec<LatencyRow>,
    /// How many sessions there were.
    pub sessions_count: u64,
    /// The sessions, by their first packet, as far as they were kept.
    pub sessions: Vec<SessionRow>,
    /// The slowest answered exchanges, the slowest first; of equally slow ones the lowest `n`.
    pub slowest: Vec<Exchange>,
    /// What has no answer.
    pub unanswered: Unanswered,
    /// The event streams.
    pub streams: Streams,
    /// What servers offer, by server and kind.
    pub offers: Vec<OfferRow>,
    /// Findings by code, the worst first.
    pub findings: Vec<FindingRow>,
}

/// Exchanges, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExchangeCount {
    /// By status, in the order of [`Status::ALL`].
    pub statuses: [u64; 6],
    /// Those for which the capture does not hold all evidence.
    pub degraded: u64,
    /// Those that the server asked.
    pub from_server: u64,
}

impl ExchangeCount {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.statuses.iter().sum()
    }

    /// Those with this status.
    #[must_use]
    pub fn count(&self, status: Status) -> u64 {
        latency::count(&self.statuses, status)
    }

    /// Those that ended in an error: of the tool, of JSON-RPC, of HTTP.
    #[must_use]
    pub fn errors(&self) -> u64 {
        latency::errors(&self.statuses)
    }
}
