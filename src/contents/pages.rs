//! Lists in pages: cursors that nobody gave, pages that go round, and pages of one list that may be
//! kept by different clients.

use std::collections::HashMap;

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
    /// Hashes of the cursors that the server gave, and who may keep the page that gave each: `None`
    /// if the page does not say it, or pages that gave the same cursor differ.
    given: HashMap<u64, Option<Scope>, RandomState>,
    is_told: bool,
    is_scope_told: bool,
    /// Whether not all cursors are kept.
    is_full: bool,
}

/// Who may keep a page (MCP 2026-07-28, caching, `cacheScope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Public,
    Private,
}

impl Scope {
    /// `None` if the page does not say it.
    fn of(result: &Value) -> Option<Self> {
        match result.get("cacheScope").and_then(Value::as_str) {
            Some("public") => Some(Self::Public),
            Some("private") => Some(Self::Private),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

impl Pages {
    /// Takes a call; what is wrong waits.
    pub(super) fn push(&mut self, call: &Call<'_>, deferred: &mut Deferred) {
        // Another page may have given the same cursor.
        let scope = self.scope(call);
        // A first page in between may have begun anew.
        let cursor = self.cursor(call, deferred);
        scope.into_iter().chain(cursor).for_each(|finding| deferred.push_between(finding));
    }

    /// All pages of one list have one scope (MCP 2026-07-28, caching, "Interaction with
    /// Pagination").
    fn scope(&mut self, call: &Call<'_>) -> Option<Finding> {
        let method = &*call.exchange.method;
        if !call.exchange.is_stateless() || !method.ends_with("/list") {
            return None;
        }
        let cursor = call.param("cursor")?;
        let list = self.lists.get_mut(&(call.exchange.session.number, text::hash(method)))?;
        let before = (*list.given.get(&hash(cursor))?)?;
        let scope = Scope::of(call.result()?)?;
        if before == scope || std::mem::replace(&mut list.is_scope_told, true) {
            return None;
        }
        let (scope, before) = (scope.name(), before.name());
        let detail = format!("{method}: this page has the scope {scope}, the page before it {before}");
        Some(call.of_response(Code::ContentsCacheScope, detail))
    }

    fn cursor(&mut self, call: &Call<'_>, deferred: &mut Deferred) -> Option<Finding> {
        let method = &*call.exchange.method;
        let session = call.exchange.session.number;
        if !method.ends_with("/list") || call.request.is_none() {
            return None;
        }
        let asked = call.param("cursor");
        let next = call.result().and_then(|result| result.get("nextCursor")).filter(|next| !next.is_null());
        let list = self.lists.entry((session, text::hash(method))).or_default();
        if let Some(cursor) = asked
            && !list.given.contains_key(&hash(cursor))
            && !list.is_full
            && !call.exchange.is_stateless()
            && deferred.has_begun(session)
        {
            let detail = format!("{method} with a cursor that no page of the session had before");
            deferred.push(session, call.of_request(Code::ContentsUnknownCursor, detail));
        }
        // The first page begins anew, and a last one leads nowhere.
        let from = asked.map_or(0, hash);
        match asked {
            None => list.next = HashMap::default(),
            Some(_) => _ = list.next.remove(&from),
        }
        let next = hash(next?);
        if self.cursors >= MAX_CURSORS {
            list.is_full = true;
            return None;
        }
        self.cursors += 1;
        let scope = call.result().and_then(Scope::of);
        list.given
            .entry(next)
            .and_modify(|known| *known = known.filter(|_| *known == scope))
            .or_insert(scope);
        list.next.insert(from, next);
        // From the page that follows back to this one.
        let mut at = next;
        let mut pages = 1;
        while at != from {
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
