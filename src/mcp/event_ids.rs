//! The ids of events: which of them repeat one of another stream.

use super::event_stream::EventStream;
use super::rules::{self, FirstEventId, RULES, WrongReplay};
use super::step::Step;
use crate::base::Origin;

impl Step<'_> {
    /// Reports the first event of the stream that repeats one of another stream.
    pub(super) fn check_replay(&mut self, id: &str, at: Origin) {
        let is_first = self.transaction.stream_mut().is_some_and(EventStream::set_wrong_replay);
        if is_first {
            let session = self.session_number();
            let replay = WrongReplay { transaction: self.transaction, session, at, id };
            rules::check(RULES.wrong_replay, &replay, self.tables.sink.findings);
        }
    }

    /// Checks the first event id of a stream, until one was reported of the session.
    pub(super) fn check_event_id(&mut self, id: &str, at: Origin) {
        let session = self.transaction.session().and_then(|index| self.tables.sessions.get_mut(index));
        let Some(session) = session.filter(|session| !session.history().is_repetition_reported()) else {
            return;
        };
        let first = FirstEventId { transaction: self.transaction, session, at, id };
        let before = self.tables.sink.findings.len();
        rules::check(RULES.first_event_id, &first, self.tables.sink.findings);
        if self.tables.sink.findings.len() > before {
            session.history_mut().set_repetition_reported();
        }
    }
}
