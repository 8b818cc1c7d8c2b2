//! Exchanges that ended alike.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::base::{Room, Status, limits};
use crate::ledger::{Cause, Exchange};

/// Kinds of ends that are told apart. Later kinds count in none.
const MAX_KINDS: usize = 1024;

/// Groups that an overview tells of.
const MAX_TOLD: usize = 6;

/// Time, in nanoseconds, from which an answered exchange is slow.
const SLOW: i64 = 1_000_000_000;

/// What exchanges have in common that ended alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    rank: u8,
    cause: Option<Cause>,
    http_status: Option<u16>,
    server: SocketAddr,
    method: Arc<str>,
    name: Option<Arc<str>>,
}

/// Exchanges that ended alike.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The one that took longest; of equal ones the first.
    pub(super) example: Exchange,
    pub(super) count: u64,
}

/// The exchanges that are worth a sentence, by how they ended.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    by_kind: BTreeMap<Kind, Group>,
    /// Memory that is left for the texts of other kinds.
    room: Room,
}

impl Default for Groups {
    fn default() -> Self {
        Self { by_kind: BTreeMap::new(), room: Room::new(limits::MAX_COMPARED_OTHERS) }
    }
}

impl Groups {
    /// Takes an exchange.
    pub(super) fn push(&mut self, exchange: &Exchange) {
        let Some(rank) = rank(exchange) else { return };
        let kind = Kind {
            rank,
            cause: exchange.cause,
            http_status: exchange.http_status.filter(|_| exchange.cause == Some(Cause::HttpError)),
            server: exchange.session.server,
            method: Arc::clone(&exchange.method),
            name: exchange.name.clone(),
        };
        let len =
            exchange.session.text_len() + kind.method.len() + kind.name.as_ref().map_or(0, |name| name.len());
        let is_new = !self.by_kind.contains_key(&kind);
        if is_new && (self.by_kind.len() >= MAX_KINDS || !self.room.take(len)) {
            return;
        }
        let group = self.by_kind.entry(kind).or_insert_with(|| Group { example: exchange.clone(), count: 0 });
        group.count += 1;
        if time(exchange) > time(&group.example) {
            group.example = exchange.clone();
        }
    }

    /// Returns the worst groups, the worst first.
    pub(super) fn worst(&self) -> Vec<&Group> {
        let mut groups: Vec<_> = self.by_kind.iter().collect();
        groups.sort_by_key(|(kind, group)| (kind.rank, Reverse(group.count), Reverse(time(&group.example))));
        groups.into_iter().map(|(_, group)| group).take(MAX_TOLD).collect()
    }
}

fn time(exchange: &Exchange) -> i64 {
    exchange.elapsed_ns().or(exchange.waited_ns()).unwrap_or(0)
}

/// How bad an end is, the worst first; `None` for one that is not told: it was answered soon, or
/// ended as its kind does.
fn rank(exchange: &Exchange) -> Option<u8> {
    if exchange.is_ended_subscription() {
        return None;
    }
    match (exchange.status, exchange.cause) {
        (Status::Unanswered, Some(Cause::CaptureEnd)) => Some(6),
        // A request of the server inside a call: the call is what went wrong.
        (Status::Unanswered, _) if exchange.parent.is_some() => Some(3),
        (Status::Unanswered, _) => Some(0),
        (Status::HttpError, _) if exchange.http_status.is_some_and(|status| status >= 500) => Some(1),
        (Status::Cancelled, _) => Some(2),
        (Status::HttpError, _) => Some(4),
        (Status::Ok | Status::ToolError | Status::Error, _) => {
            exchange.latency_ns().is_some_and(|ns| ns >= SLOW).then_some(5)
        }
        (Status::Undetermined, _) => Some(7),
    }
}
