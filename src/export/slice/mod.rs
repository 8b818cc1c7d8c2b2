//! Which packets belong to exchanges: the plan of a pcapng slice.
//!
//! ```text
//!  entries ─▶ SlicePlan ─▶ Selection ◀─ SegmentFact   (the capture, read again)
//!                 │            └─▶ numbers of the chosen packets, comments
//!                 └─▶ Comparison ◀─ exchanges           (the chosen packets, analysed alone)
//! ```
//!
//! A slice is no [`Export`](super::Export): which packets belong to an exchange is known only when
//! it completes, so the capture is read again. `Engine::of_segments` says which connection a packet
//! belongs to, `capture::save::PacketFile` writes the chosen ones.
//!
//! Of a connection, the packets before its first payload and those with SYN, FIN and RST are always
//! chosen. Of an exchange, the packets of its transaction: from the first one of the request until
//! the client sends something else. Of an event stream that carried its answer, the beginning and
//! the packets of the answer. The exchanges that open the session go with it, since the transport
//! and the revision follow from them.
//!
//! The plan keeps of each chosen exchange the numbers of its packets, its comments and a hash of
//! its outcome. Beyond [`MAX_SLICE_EXCHANGES`](crate::base::limits::MAX_SLICE_EXCHANGES) it keeps
//! only which connections their sessions had, a bit for each.

mod comparison;
mod packet_spans;
mod plan;
mod selection;

pub use comparison::Comparison;
pub use plan::SlicePlan;
pub use selection::{Chosen, Selection};

/// What is chosen around an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// The packets of the exchange, with what TCP and the session need around them.
    #[default]
    Exchanges,
    /// All packets of the connections that carried it.
    Connections,
    /// All packets of the connections of its session.
    Session,
}

impl Extent {
    /// The extents that can be asked for.
    pub const ALL: [Self; 3] = [Self::Exchanges, Self::Connections, Self::Session];

    /// Returns the name that the command line uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exchanges => "exchanges",
            Self::Connections => "connections",
            Self::Session => "sessions",
        }
    }

    /// Returns the next larger extent; `None` if there is none.
    #[must_use]
    pub fn wider(self) -> Option<Self> {
        Self::ALL.into_iter().find(|extent| *extent > self)
    }
}
