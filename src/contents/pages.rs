//! Lists in pages: cursors that nobody gave, and pages that go round.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use serde_json::Value;

use super::call::Call;
use super::deferred::Deferred;
use crate::base::{Code, Finding, text};

/// Cursors that are kept, of all sessions.
const MAX_CURSORS: usize = 500_000;

/// Pages that are followed to find out whether they go round.
const MAX_ROUND: usize = 256;

/// The pages of lists, by session and method.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// By session and method: the cursor that follows each.
    lists: HashMap<(u32, u64), List, RandomState>,
    cursors: usize,
}

#[derive(Debug, Default)]
struct List {
    /// The next cursor of each page, both as hashes; the first page is that of cursor 0.
    next: HashMap<u64, u64, RandomState>,
    /// Hashes of the cursors that the server gave.
    given: HashSet<u64, RandomState>,
    is_told: bool,
    /// Whether not all cursors are kept.
    is_full: bool,
}

impl Pages {
    /// Takes a call and returns what is wrong; what has to wait goes to `deferred`.
    pub(super) fn push(&mut self, call: &Call<'_>, deferred: &mut Deferred) -> Option<Finding> {
        let method = &*call.exchange.method;
        let session = call.exchange.session.number;
        if !method.ends_with("/list") || call.request.is_none() {
            return None;
        }
        let asked = call.param("cursor");
        let next = call.result().and_then(|result| result.get("nextCursor")).filter(|next| !next.is_null());
        let list = self.lists.entry((session, text::hash(method))).or_default();
        if let Some(cursor) = asked
            && !list.given.contains(&hash(cursor))
            && !list.is_full
            && !call.exchange.is_stateless()
            && deferred.has_begun(session)
        {
            let detail = format!("{method} with a cursor that no page of the session had before");
            deferred.push(session, call.of_request(Code::ContentsUnknownCursor, detail));
        }
        let next = hash(next?);
        if self.cursors >= MAX_CURSORS {
            list.is_full = true;
            return None;
        }
        self.cursors += 1;
        let asked = asked.map_or(0, hash);
        list.given.insert(next);
        list.next.insert(asked, next);
        // From the page that follows back to this one.
        let mut at = next;
        let mut pages = 1;
        while at != asked {
            at = *list.next.get(&at)?;
            pages += 1;
            if pages > MAX_ROUND {
                return None;
            }
        }
        if std::mem::replace(&mut list.is_told, true) {
            return None;
        }
        let detail = match pages {
            1 => format!("{method}: the next cursor is the one that was asked with"),
            pages => format!("{method}: the next cursor leads back to this page after {pages} pages"),
        };
        Some(call.of_response(Code::ContentsPageLoop, detail))
    }
}

/// A hash of a cursor, not 0.
fn hash(cursor: &Value) -> u64 {
    text::hash(&cursor.to_string()) | 1
}
