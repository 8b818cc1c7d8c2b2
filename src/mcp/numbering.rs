//! The integers that one side counts its requests with. One that is missing among them, and that
//! a response or a token names, shows that the capture lacks its request.

use crate::rpc::Id;

/// Holes that are kept.
const MAX_HOLES: usize = 64;

/// How far a number may be below the ones that were seen, and how wide a hole may be.
const REACH: i64 = 64;

/// How far an id may be above them: a wrong one is farther away.
const AHEAD: i64 = 4;

/// The ids of the requests of one side, as far as they count up.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    /// The least number and the one behind the greatest; `None` before the first.
    seen: Option<(i64, i64)>,
    /// Numbers between these that were not seen: inclusive start and exclusive end, ascending.
    holes: Vec<(i64, i64)>,
}

impl Numbering {
    /// Adds the id of a request.
    pub(super) fn add(&mut self, id: &Id) {
        let Some(number) = id.as_int() else { return };
        let Some((first, next)) = &mut self.seen else {
            self.seen = Some((number, number.saturating_add(1)));
            return;
        };
        if number >= *next {
            if number > *next && self.holes.len() < MAX_HOLES && number.saturating_sub(*next) <= REACH {
                self.holes.push((*next, number));
            }
            *next = number.saturating_add(1);
        } else if number < *first {
            if first.saturating_sub(number) <= REACH && self.holes.len() < MAX_HOLES {
                self.holes.insert(0, (number.saturating_add(1), *first));
            }
            *first = number;
        } else if let Some(at) = self.holes.iter().position(|(from, to)| (*from..*to).contains(&number))
            && let Some((from, to)) = self.holes.get(at).copied()
        {
            let rest = [(from, number), (number.saturating_add(1), to)];
            let room = MAX_HOLES.saturating_sub(self.holes.len() - 1);
            self.holes.splice(at..=at, rest.into_iter().filter(|(from, to)| from < to).take(room));
        }
    }

    /// Whether a request with this id may have been sent and not captured. A number that is missing
    /// among the others shows it. Any other id could be a wrong one instead, unless there is no
    /// request that it could be wrong for: `is_idle` says that none is outstanding.
    pub(super) fn lacks(&self, id: &Id, is_idle: bool) -> bool {
        match id.as_int() {
            Some(number) => self.lacks_number(number, is_idle, AHEAD),
            None => is_idle,
        }
    }

    /// Whether a request with this progress token may have been sent and not captured: many clients
    /// give the number of the request.
    pub(super) fn lacks_token(&self, token: &Id, is_idle: bool) -> bool {
        token.as_int().is_some_and(|number| self.lacks_number(number, is_idle, REACH))
    }

    fn lacks_number(&self, number: i64, is_idle: bool, ahead: i64) -> bool {
        if self.holes.iter().any(|(from, to)| (*from..*to).contains(&number)) {
            return true;
        }
        let (first, next) = self.seen.unwrap_or_default();
        let is_near = number >= next && number.saturating_sub(next) < ahead
            || number < first && first.saturating_sub(number) <= REACH;
        is_idle && is_near
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ids: impl IntoIterator<Item = i64>) -> Numbering {
        let mut numbering = Numbering::default();
        ids.into_iter().for_each(|id| numbering.add(&Id::Int(id)));
        numbering
    }

    #[test]
    fn a_number_that_is_missing_among_others_was_not_captured() {
        for ids in [vec![0, 1, 2, 5, 6], vec![6, 5, 2, 1, 0], vec![5, 0, 6, 2, 1]] {
            let numbering = of(ids);
            for id in [3, 4] {
                assert!(numbering.lacks(&Id::Int(id), false), "{id}");
            }
            for id in [0, 2, 5, 6] {
                assert!(!numbering.lacks(&Id::Int(id), true), "{id}");
            }
        }
    }

    #[test]
    fn beyond_the_numbers_it_may_be_a_wrong_id_of_one_that_is_outstanding() {
        let numbering = of([3, 4]);
        for id in [Id::Int(2), Id::Int(5), Id::Text("a".into())] {
            assert!(numbering.lacks(&id, true), "{id}");
            assert!(!numbering.lacks(&id, false), "{id}");
        }
        assert!(!numbering.lacks(&Id::Int(999), true));
        assert!(Numbering::default().lacks(&Id::Int(0), true));
    }

    #[test]
    fn a_hole_that_is_filled_is_none() {
        let numbering = of([0, 3, 1, 2]);
        for id in 0..4 {
            assert!(!numbering.lacks(&Id::Int(id), true), "{id}");
        }
        assert!(numbering.holes.is_empty());
    }

    #[test]
    fn extreme_numbers_are_no_fault() {
        let numbering = of([i64::MAX, i64::MIN, 0, i64::MAX - 1]);
        assert!(!numbering.lacks(&Id::Int(7), false));
    }
}
