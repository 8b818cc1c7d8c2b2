//! Whether servers ask who calls: calls without credentials that succeed, and pages of other
//! origins that are let in.

use std::collections::BTreeMap;

use super::requests::RequestHead;
use crate::base::{Code, Finding, Status};
use crate::ledger::{Exchange, ServerRef};

/// Servers that are kept.
const MAX_SERVERS: usize = 2000;

/// What was seen of the servers.
#[derive(Debug, Default)]
pub(super) struct Access {
    servers: BTreeMap<ServerRef, Server>,
}

#[derive(Debug, Default)]
struct Server {
    /// Calls with credentials that succeeded.
    with: u64,
    /// Calls without any that succeeded, and the first of them.
    without: u64,
    first: Option<Finding>,
    is_origin_told: bool,
}

impl Access {
    /// Takes an exchange with the head of its request. Returns what is found at once.
    pub(super) fn push(&mut self, exchange: &Exchange, head: &RequestHead) -> Option<Finding> {
        let is_call = matches!(&*exchange.method, "tools/call" | "resources/read" | "prompts/get");
        let is_answered = matches!(exchange.status, Status::Ok | Status::ToolError);
        let server = exchange.session.identity();
        // A head without its host is not known whole.
        if !is_answered || head.host.is_empty() {
            return None;
        }
        if self.servers.len() >= MAX_SERVERS && !self.servers.contains_key(&server) {
            return None;
        }
        let known = self.servers.entry(server).or_default();
        if is_call && head.scheme.is_none() && head.in_url.is_none() && !head.has_cookie {
            known.without += 1;
            // What it is called is known at the end.
            known.first.get_or_insert_with(|| {
                exchange.finding(Code::SecurityOpenServer, exchange.request.span.start, String::new())
            });
        } else if is_call {
            known.with += 1;
        }
        let origin = head.foreign_origin()?;
        if head.allows_origin != Some(false) || std::mem::replace(&mut known.is_origin_told, true) {
            return None;
        }
        let detail = format!("{} from the origin {origin} succeeds at {}", exchange.method, head.host);
        Some(exchange.finding(Code::SecurityOriginUnchecked, exchange.request.span.start, detail))
    }

    /// Returns what is known at the end.
    pub(super) fn finish(&mut self) -> Vec<Finding> {
        let told = std::mem::take(&mut self.servers).into_iter().filter_map(|(server, known)| {
            let mut finding = known.first?;
            if known.with > 0 {
                finding.code = Code::SecurityNoAuthorization;
                finding.detail = format!(
                    "{} of {} calls that succeed at {server} have no credential",
                    known.without,
                    known.without + known.with
                );
            } else if server.address.ip().is_loopback() {
                return None;
            } else {
                finding.detail = format!("{server} answers calls without any credential");
            }
            Some(finding)
        });
        told.collect()
    }
}
