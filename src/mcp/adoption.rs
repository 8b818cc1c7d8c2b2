//! The session of an event stream whose request is not known.

use super::content::Content;
use super::rules::{self, Head, RULES};
use super::step::Step;
use crate::base::{Degraded, Origin};

impl Step<'_> {
    /// The request does not come any more: what the stream carried so far finds its session without
    /// it.
    pub(super) fn give_up_request(&mut self) {
        if !self.transaction.awaits_request() {
            return;
        }
        self.transaction.give_up_request();
        let first = self.transaction.waiting().iter().find_map(|content| match content {
            Content::Event(event) => Some(event.parsed.span.start),
            Content::Request(..) | Content::Response(_) => None,
        });
        if let Some(first) = first {
            self.adopt(first);
            self.bind(false);
        }
    }

    /// Concludes the session of a stream whose request is not known, and that has no `endpoint`
    /// event. `first` is the start of the first event.
    pub(super) fn adopt(&mut self, first: Origin) {
        let gaps = self.transaction.gaps();
        self.transaction.degrade(if gaps.any() { gaps } else { Degraded::MIDSTREAM });
        let sessions = &mut *self.tables.sessions;
        let inferred = sessions.of_unknown_stream(self.transaction);
        let (index, is_ambiguous) = match inferred {
            Some(index) => (index, false),
            None => sessions.adopt(self.transaction.peers(), first),
        };
        self.transaction.set_session(Some(index));
        if self.transaction.protocols().http2_stream.is_some() {
            self.tables.sessions.carried_mut().add(self.transaction.key().0, index);
        }
        if is_ambiguous {
            let head = Head { transaction: self.transaction, session: None, at: self.at };
            rules::check(RULES.ambiguous_stream, &head, self.tables.sink.findings);
        }
        // Of a POST whose request is missing, the stream answers nothing but its own request.
        if inferred.is_none() {
            self.open_stream(index);
        }
    }
}
