//! The silence before the end of an event stream.

use super::idle::IdleEnd;
use super::record::Stream;
use super::step::Step;
use super::transaction::TransactionEnd;
use crate::base::ResponseEnd;

impl Step<'_> {
    /// Remembers the silence before the end of an event stream.
    pub(super) fn add_idle_end(&mut self, end: TransactionEnd, stream: &Stream) {
        let session = self.transaction.session().and_then(|index| self.tables.sessions.get(index));
        // A POST's stream that the server completes is over because everything was sent.
        let is_done = self.transaction.is_post() && end.how == ResponseEnd::Complete;
        if let (Some(session), Some(silence), Some(at)) = (session, stream.silent_ns(), stream.end)
            && !is_done
            && stream.degraded.is_none()
        {
            let index = session.index();
            self.tables.idle_ends.add(IdleEnd {
                server: stream.server,
                how: end.how,
                at,
                tcp_stream: stream.tcp_stream,
                silence,
                session: index,
                number: session.number(),
                is_reopened: false,
            });
        }
    }
}
