//! Which views of a call count, where both legs of a proxy were captured.

use crate::mcp::{Record, SessionRef};

/// Which views of a call count, where both legs of a proxy were captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Views {
    /// The view of the client: each call counts once.
    #[default]
    Front,
    /// All.
    All,
}

impl Views {
    /// Every choice.
    pub const ALL: [Self; 2] = [Self::Front, Self::All];

    /// The word on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::All => "all",
        }
    }

    /// Whether a record is shown or counted.
    #[must_use]
    pub fn include(self, record: &Record) -> bool {
        if self == Self::All {
            return true;
        }
        let is_behind = |session: &SessionRef| session.behind.is_some();
        match record {
            Record::Request(exchange) | Record::Interrupted(exchange) | Record::Exchange(exchange) => {
                !exchange.is_other_view()
            }
            Record::Notification(notification) => !is_behind(&notification.session),
            Record::Stream(stream) => !stream.session.as_ref().is_some_and(is_behind),
            Record::Transaction(transaction) => !transaction.session.as_ref().is_some_and(is_behind),
            Record::Session(session) => !is_behind(&session.session),
            Record::Offer(offer) => !offer.is_other_view,
        }
    }
}
