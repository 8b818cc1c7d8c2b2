//! What is wrong with a message, as faults of its transaction.

use crate::base::{Code, Finding, Findings, Side, Span};
use crate::http::{Part, TransactionNo};

/// Emits what was found while a message of `side` was read: as faults of its transaction, if there
/// is one.
#[cold]
pub(super) fn push_findings(
    current: Option<TransactionNo>,
    side: Side,
    (from, to): (&mut Findings, &mut Findings),
    out: &mut Vec<Part>,
) {
    for finding in from.drain() {
        match current {
            Some(transaction) => out.push(fault_of(transaction, side, finding)),
            None => to.push(finding),
        }
    }
}

fn fault_of(transaction: TransactionNo, side: Side, finding: Finding) -> Part {
    Part::fault(transaction, side, finding.code, (finding.at.unwrap_or_default(), finding.detail))
}

/// Emits the faults of a head that lies in `span`.
pub(super) fn push_faults(
    transaction: TransactionNo,
    side: Side,
    (faults, span): (Vec<(Code, String)>, Span),
    out: &mut Vec<Part>,
) {
    if faults.is_empty() {
        return;
    }
    out.extend(
        faults.into_iter().map(|(code, detail)| Part::fault(transaction, side, code, (span.end, detail))),
    );
}
