//! Session ids that can be guessed from others of their server.

use std::collections::BTreeMap;

use crate::base::{Code, Finding, Timestamp};
use crate::ledger::{ServerRef, Session};

/// Ids that show how they are made.
const MIN_IDS: usize = 3;

/// Ids that are kept of a server: the first.
const MAX_IDS: usize = 32;

/// Servers that are kept.
const MAX_SERVERS: usize = 2000;

/// Longest id that is looked at, in bytes: longer ones are made of more.
const MAX_LEN: usize = 64;

/// Largest step of a counter.
const MAX_STEP: u128 = 16;

/// Shortest id that cannot be tried out, in bytes: 48 bits if it is of base 64.
const MIN_LEN: usize = 8;

/// Largest distance of a time in an id from the time at which it was given, in seconds.
const MAX_AWAY: i64 = 3600;

/// The session ids of servers.
#[derive(Debug, Default)]
pub(super) struct SessionIds {
    servers: BTreeMap<ServerRef, Vec<Given>>,
}

#[derive(Debug)]
struct Given {
    id: Box<str>,
    at: Timestamp,
    finding: Finding,
}

impl SessionIds {
    /// Takes a session.
    pub(super) fn push(&mut self, session: &Session) {
        let Some(id) = session.session.id.as_deref().filter(|_| session.session.behind.is_none()) else {
            return;
        };
        let server = session.session.identity();
        if self.servers.len() >= MAX_SERVERS && !self.servers.contains_key(&server) {
            return;
        }
        let given = self.servers.entry(server).or_default();
        if given.len() >= MAX_IDS || id.len() > MAX_LEN || given.iter().any(|known| *known.id == *id) {
            return;
        }
        let finding = Finding {
            code: Code::SecurityGuessableSession,
            at: Some(session.first),
            tcp_stream: None,
            session: Some(session.session.number),
            exchange: None,
            count: 1,
            detail: String::new(),
        };
        given.push(Given { id: id.into(), at: session.first.time, finding });
    }

    /// Returns what is known at the end.
    pub(super) fn finish(&mut self) -> Vec<Finding> {
        let told = std::mem::take(&mut self.servers).into_iter().filter_map(|(server, mut given)| {
            given.sort_by_key(|given| given.at);
            let ids: Vec<&str> = given.iter().map(|given| &*given.id).collect();
            let times: Vec<Timestamp> = given.iter().map(|given| given.at).collect();
            let how = guess(&ids, &times)?;
            let mut finding = given.into_iter().next()?.finding;
            finding.detail = format!("session ids of {server} {how}");
            Some(finding)
        });
        told.collect()
    }
}

/// How ids are made that were given in this order; `None` if they cannot be guessed.
fn guess(ids: &[&str], times: &[Timestamp]) -> Option<&'static str> {
    if ids.len() < MIN_IDS {
        return None;
    }
    let numbers = |radix: u32| -> Option<Vec<u128>> {
        let prefix = common(ids, false);
        let suffix = common(ids, true);
        let parts = ids.iter().map(|id| {
            let part = id.get(prefix..id.len().checked_sub(suffix).filter(|end| *end > prefix)?)?;
            u128::from_str_radix(part, radix).ok().filter(|_| part.len() <= 30)
        });
        parts.collect()
    };
    let counts_up = |numbers: &Vec<u128>| {
        numbers.windows(2).all(|pair| match pair {
            [one, next] => next.checked_sub(*one).is_some_and(|step| (1..=MAX_STEP).contains(&step)),
            _ => false,
        })
    };
    if [10, 16].into_iter().filter_map(numbers).any(|numbers| counts_up(&numbers)) {
        return Some("count up");
    }
    let is_time = |(id, at): (&&str, &Timestamp)| {
        let seconds = at.0 / 1_000_000_000;
        let digits: String = id.chars().filter(char::is_ascii_digit).collect();
        let is_number = digits.len() == id.len();
        let time: Option<i64> = match id.len() {
            10 => digits.parse().ok(),
            13 => digits.parse().ok().map(|ms: i64| ms / 1000),
            _ => None,
        };
        is_number && time.is_some_and(|time| (time - seconds).abs() <= MAX_AWAY)
    };
    if ids.iter().zip(times).all(is_time) {
        return Some("are the time at which they were given");
    }
    ids.iter().all(|id| id.len() < MIN_LEN).then_some("are shorter than 8 characters")
}

/// The length of what ids have in common at their beginning, or at their end, in bytes; digits are
/// left to the numbers.
fn common(ids: &[&str], at_end: bool) -> usize {
    let Some((first, others)) = ids.split_first() else { return 0 };
    let bytes =
        |id: &str| -> Vec<u8> { if at_end { id.bytes().rev().collect() } else { id.bytes().collect() } };
    let first = bytes(first);
    let same = |at: usize| others.iter().all(|id| bytes(id).get(at) == first.get(at));
    let len = (0..first.len()).take_while(|at| same(*at)).count();
    let common = first.get(..len).unwrap_or_default();
    len - common.iter().rev().take_while(|byte| byte.is_ascii_hexdigit()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_count_up_or_are_short_or_a_time() {
        let times = [1_800_000_000, 1_800_000_100, 1_800_000_200].map(|s| Timestamp(s * 1_000_000_000));
        let of = |ids: [&str; 3]| guess(&ids, &times);
        assert_eq!(of(["1", "2", "3"]), Some("count up"));
        assert_eq!(of(["session-9", "session-10", "session-11"]), Some("count up"));
        assert_eq!(of(["00000000000000a9", "00000000000000aa", "00000000000000ab"]), Some("count up"));
        assert_eq!(of(["abc", "xyz", "qrs"]), Some("are shorter than 8 characters"));
        let told = Some("are the time at which they were given");
        assert_eq!(of(["1800000000123", "1800000100456", "1800000200789"]), told);
        let random = ["7f4d5d4912ab", "0a1b2c3d4e5f", "99f08e7d6c5b"];
        assert_eq!(of(random), None);
        assert_eq!(guess(&["1", "2"], &times), None, "two may be chance");
    }
}
