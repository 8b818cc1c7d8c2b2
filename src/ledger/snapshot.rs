//! The numbers of a report, in a fixed order.

use super::latency::{self, By, LatencyRow};
use super::llm_totals::LlmRow;
use super::notable::{FindingRow, SessionRow, Unanswered, Undetermined};
use super::tls_totals::TlsRow;
use super::traffic::{ConnectionCount, OfferRow, Streams};
use super::views::Views;
use crate::base::Status;
use crate::base::fact::CaptureFact;
use crate::mcp::Exchange;

/// A copy of the totals of a [`Ledger`](crate::ledger::Ledger) at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The size and the quality of the capture.
    pub capture: CaptureFact,
    /// Connections by what they carry, MCP first.
    pub connections: Vec<ConnectionCount>,
    /// Median TCP handshake of connections that carry MCP, in nanoseconds: the round trip of the
    /// network. `None` if no handshake was captured.
    pub handshake_p50_ns: Option<i64>,
    /// TLS connections by what they agreed on, the most connections first.
    pub tls: Vec<TlsRow>,
    /// Number of exchanges.
    pub exchanges: ExchangeCount,
    /// Which views of a call count, where both legs of a proxy were captured.
    pub views: Views,
    /// Exchanges that do not count: the same call counts on the leg in front.
    pub other_views: u64,
    /// Number of notifications.
    pub notifications: u64,
    /// Latency per method and tool, the highest p95 first.
    pub latency: Vec<LatencyRow>,
    /// What [`Snapshot::grouped`] is grouped by.
    pub by: Option<By>,
    /// Latency per group, method and tool; with `None` per server, all its calls together, and
    /// empty where there is only one server. The highest p95 first.
    pub grouped: Vec<LatencyRow>,
    /// Number of sessions, each once.
    pub sessions_count: u64,
    /// Number of legs behind proxies: other views of these sessions.
    pub session_views: u64,
    /// The sessions in the order of their first packets. Only a limited number is kept.
    pub sessions: Vec<SessionRow>,
    /// The slowest answered exchanges, the slowest first; of equally slow ones the lowest `n`.
    pub slowest: Vec<Exchange>,
    /// The exchanges without an answer.
    pub unanswered: Unanswered,
    /// The exchanges whose answer may be in what the capture lacks.
    pub undetermined: Undetermined,
    /// The event streams.
    pub streams: Streams,
    /// Calls of language models by server and model, the servers with most calls first.
    pub llm: Vec<LlmRow>,
    /// What servers offer (tools, prompts, resources), by server and kind.
    pub offers: Vec<OfferRow>,
    /// Findings by code, the worst first.
    pub findings: Vec<FindingRow>,
}

/// Numbers of exchanges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExchangeCount {
    /// By status, in the order of [`Status::ALL`].
    pub statuses: [u64; Status::ALL.len()],
    /// Exchanges that the capture may not hold completely.
    pub degraded: u64,
    /// Exchanges whose request the server sent.
    pub from_server: u64,
}

impl ExchangeCount {
    /// The number of exchanges.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.statuses.iter().sum()
    }

    /// The number with this status.
    #[must_use]
    pub fn count(&self, status: Status) -> u64 {
        latency::count(&self.statuses, status)
    }

    /// The number that ended in an error: of the tool, of JSON-RPC, of HTTP.
    #[must_use]
    pub fn errors(&self) -> u64 {
        latency::errors(&self.statuses)
    }
}
