//! Findings that hold only if the server does not answer the session afterwards.

use std::collections::{HashMap, VecDeque};

use super::handle::SessionIndex;
use crate::base::{Finding, Origin, Timestamp, limits};

/// How long the refusal of a session waits for a request that is served all the same, in
/// nanoseconds of packet time: less than a session is active.
const DOUBT_WAIT: i64 = 20_000_000_000;

/// The refusals that are in doubt, oldest first.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    list: VecDeque<Doubt>,
    /// The number of the first one in `list`: each has the next number.
    first: u64,
    by_session: HashMap<SessionIndex, OfSession, foldhash::fast::RandomState>,
}

/// A GET of a session that was refused: the server may not know the session, or have no route for
/// GET.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) at: Origin,
    pub(super) session: SessionIndex,
    /// The finding if the server does not know the session.
    pub(super) refused: Finding,
    /// The finding if the server has no route for GET.
    pub(super) no_route: Option<Finding>,
    /// Whether what the server answered is no JSON-RPC.
    pub(super) is_page: bool,
    /// Whether the server refused a POST of the session since.
    pub(super) is_confirmed: bool,
}

/// The numbers of the doubts of one session, ascending. Each leaves its list when it is visited, so
/// no doubt is visited twice.
#[derive(Debug, Default)]
struct OfSession {
    open: u32,
    unexplained: Vec<u64>,
    unconfirmed: Vec<u64>,
}

impl Doubts {
    /// Keeps a finding until it is known whether the server answers the session afterwards.
    pub(super) fn add(&mut self, at: Origin, session: SessionIndex, refused: Finding) {
        if self.list.len() >= limits::MAX_HELD_RESPONSES {
            return;
        }
        let number = self.first + self.list.len() as u64;
        self.list.push_back(Doubt {
            at,
            session,
            refused,
            no_route: None,
            is_page: false,
            is_confirmed: false,
        });
        let of_session = self.by_session.entry(session).or_default();
        of_session.open += 1;
        of_session.unexplained.push(number);
        of_session.unconfirmed.push(number);
    }

    /// The server may have no route for the latest GET of the session instead: `finding` says so.
    /// `is_page`: what it answers is no JSON-RPC.
    pub(super) fn explain(&mut self, session: SessionIndex, finding: Finding, is_page: bool) {
        let latest = self.by_session.get_mut(&session).and_then(|of_session| of_session.unexplained.pop());
        if let Some(doubt) = latest.and_then(|number| self.get_mut(number)) {
            (doubt.no_route, doubt.is_page) = (Some(finding), is_page);
        }
    }

    /// The server does not know the session: it refuses a POST.
    pub(super) fn confirm(&mut self, session: SessionIndex) {
        let Some(of_session) = self.by_session.get_mut(&session) else { return };
        for number in std::mem::take(&mut of_session.unconfirmed) {
            if let Some(doubt) = self.get_mut(number) {
                doubt.is_confirmed = true;
            }
        }
    }

    /// Takes the oldest one if it has waited long enough, or in any case without `now`.
    pub(super) fn pop_due(&mut self, now: Option<Timestamp>) -> Option<Doubt> {
        let is_due = |doubt: &mut Doubt| now.is_none_or(|now| now.since(doubt.at.time) > DOUBT_WAIT);
        let doubt = self.list.pop_front_if(is_due)?;
        self.first += 1;
        if let Some(of_session) = self.by_session.get_mut(&doubt.session) {
            of_session.open -= 1;
            if of_session.open == 0 {
                self.by_session.remove(&doubt.session);
            }
        }
        Some(doubt)
    }

    fn get_mut(&mut self, number: u64) -> Option<&mut Doubt> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.list.get_mut(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Code;

    fn finding(detail: &str) -> Finding {
        Finding {
            code: Code::McpSessionRefused,
            at: None,
            tcp_stream: None,
            session: None,
            exchange: None,
            count: 1,
            detail: detail.to_owned(),
        }
    }

    #[test]
    fn the_latest_doubt_is_explained_and_all_so_far_are_confirmed() {
        let (mut doubts, one, other) = (Doubts::default(), SessionIndex(1), SessionIndex(2));
        for (packet, session) in [(1, one), (2, other), (3, one)] {
            doubts.add(Origin::new(packet, packet as i64), session, finding("refused"));
        }
        doubts.explain(one, finding("third"), true);
        doubts.confirm(one);
        doubts.explain(one, finding("first"), false);
        doubts.explain(one, finding("none left"), false);
        doubts.add(Origin::new(4, 4), one, finding("refused"));
        let rest = std::iter::from_fn(|| doubts.pop_due(None));
        let rest: Vec<_> = rest
            .map(|doubt| {
                (doubt.at.packet.0, doubt.is_confirmed, doubt.no_route.map(|finding| finding.detail))
            })
            .collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            rest,
            [(1, true, text("first")), (2, false, None), (3, true, text("third")), (4, false, None)]
        );
        assert!(doubts.by_session.is_empty());
    }
}
