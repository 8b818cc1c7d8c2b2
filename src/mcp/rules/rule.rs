//! A rule, what it finds, and how rules are checked.

use super::super::transaction::Transaction;
use crate::base::{Code, Finding, Findings, Origin};
use crate::rpc::{Fault, Id, Parsed};

/// A rule looks at a moment, and returns what breaks it.
type Rule<M> = fn(&M) -> Option<Violation>;

/// What a rule found.
#[derive(Debug)]
pub(in crate::mcp) struct Violation {
    code: Code,
    detail: String,
}

pub(super) fn violation(code: Code, detail: impl Into<String>) -> Option<Violation> {
    Some(Violation { code, detail: detail.into() })
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::mcp) struct FindingContext {
    pub(super) at: Origin,
    pub(super) tcp_stream: u32,
    pub(super) session: Option<u32>,
    pub(super) exchange: Option<u64>,
}

/// Something that rules look at.
pub(in crate::mcp) trait Moment {
    /// What the findings of this moment are about.
    fn subject(&self) -> FindingContext;
}

/// Checks rules, and adds what they find.
pub(in crate::mcp) fn check<M: Moment>(rules: &[Rule<M>], moment: &M, findings: &mut Findings) {
    for finding in violations(rules, moment) {
        findings.push(finding);
    }
}

/// What rules find, without adding it.
pub(in crate::mcp) fn violations<'a, M: Moment>(
    rules: &'a [Rule<M>],
    moment: &'a M,
) -> impl Iterator<Item = Finding> + 'a {
    rules.iter().filter_map(|rule| rule(moment)).map(|Violation { code, detail }| {
        let FindingContext { at, tcp_stream, session, exchange } = moment.subject();
        Finding { code, at: Some(at), tcp_stream: Some(tcp_stream), session, exchange, count: 1, detail }
    })
}

/// Adds a fault that `rpc` found in a body or event, or in one of its messages, which belongs to
/// this session and exchange.
pub(in crate::mcp) fn add_fault(
    transaction: &Transaction,
    (session, exchange): (Option<u32>, Option<u64>),
    parsed: &Parsed,
    fault: &Fault,
    findings: &mut Findings,
) {
    findings.push(Finding {
        code: fault.code,
        at: Some(parsed.span.end),
        tcp_stream: Some(transaction.key().0),
        session,
        exchange,
        count: 1,
        detail: fault.detail.clone().into_owned(),
    });
}

/// Adds that a cap was reached.
pub(in crate::mcp) fn add_limit(at: Origin, detail: String, findings: &mut Findings) {
    findings.add(Code::McpLimit, at, detail);
}

/// An id in the words of a finding; responses without one have the id null.
pub(in crate::mcp) fn id_text(id: Option<&Id>) -> String {
    id.filter(|id| **id != Id::Null).map_or_else(|| "id null".to_owned(), |id| format!("id {id}"))
}
