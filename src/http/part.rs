//! The pieces of transactions that both versions of HTTP and channels emit.

use std::borrow::Cow;

use bytes::Bytes;

use super::head::Head;
use crate::base::http2::{ClosingFrame, WindowWait};
use crate::base::{Code, Degraded, Findings, Origin, ResponseEnd, Side, Span};

/// Number of a transaction on its connection, from 0, in the order in which transactions were first
/// seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionNo(pub u32);

/// A piece of a transaction as it was sent: the output of `h1` and `h2`.
#[derive(Clone, Debug)]
pub struct Part {
    /// The transaction.
    pub transaction: TransactionNo,
    /// The sender: the client sends the request, the server the response.
    pub side: Side,
    /// The piece.
    pub kind: PartKind,
}

/// The kinds of [`Part`].
#[derive(Clone, Debug)]
pub enum PartKind {
    /// A complete head, and the reasons of the gap before it, if there was one.
    Head(Box<Head>, Degraded),
    /// The next bytes of the content, transfer coding removed.
    Content(Bytes, Span),
    /// A message on a channel.
    Message(Bytes, Span),
    /// The content that follows waited for a window (RFC 9113 section 5.2).
    Waited {
        /// How long.
        wait: WindowWait,
        /// The packet in which it begins, or in which its stream ended without it.
        at: Origin,
    },
    /// A frame that ends the stream of HTTP/2 before the response is complete. The end follows.
    Closing {
        /// The frame.
        frame: ClosingFrame,
        /// The packet that ends the stream.
        at: Origin,
    },
    /// Content is missing.
    Gap {
        /// Why it is missing.
        why: Degraded,
        /// The packet at which it was given up.
        at: Origin,
    },
    /// Something of the transaction is missing, but nothing of its content as far as is known.
    Lost {
        /// Why it is missing.
        why: Degraded,
        /// The packet at which it was given up.
        at: Origin,
    },
    /// The message ended.
    End {
        /// How it ended.
        how: ResponseEnd,
        /// The packet that ended it.
        at: Origin,
    },
    /// The client closed its direction (FIN) before the response was complete. The response may
    /// continue.
    ClientClosed {
        /// The packet with the FIN.
        at: Origin,
    },
    /// Something is wrong with the transaction.
    Fault {
        /// What it is.
        fault: Fault,
        /// The packet that showed it.
        at: Origin,
    },
}

/// Something that is wrong with a transaction or a message: a finding, before it is known which
/// exchange it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it is.
    pub code: Code,
    /// Description.
    pub detail: Cow<'static, str>,
}

impl Part {
    /// Creates a fault of a transaction.
    pub(super) fn fault(
        transaction: TransactionNo,
        side: Side,
        code: Code,
        (at, detail): (Origin, String),
    ) -> Self {
        let fault = Fault { code, detail: detail.into() };
        Self { transaction, side, kind: PartKind::Fault { fault, at } }
    }
}

/// Ends a transaction whose response is not in the capture, or is not read.
pub(super) fn give_up(transaction: TransactionNo, why: Degraded, at: Origin, out: &mut Vec<Part>) {
    for kind in [PartKind::Gap { why, at }, PartKind::End { how: ResponseEnd::Complete, at }] {
        out.push(Part { transaction, side: Side::Server, kind });
    }
}

/// Returns who ended the connection, in words; `None` if nobody is known to have.
pub(super) fn ended_by(how: ResponseEnd) -> Option<String> {
    match how {
        ResponseEnd::ClosedBy(side) => Some(format!("the {} closed the connection", side.name())),
        ResponseEnd::ResetBy(side) => Some(format!("the {} reset the connection", side.name())),
        ResponseEnd::Complete | ResponseEnd::Open => None,
    }
}

/// Reports a response without a request; `is_missing`: its request may not be in the capture.
pub(super) fn report_unmatched(is_missing: bool, at: Origin, findings: &mut Findings) {
    let detail = if is_missing {
        "its request is not in the capture"
    } else {
        "it answers no request: the client sent none that was still to be answered"
    };
    findings.add(Code::HttpUnmatchedResponse, at, detail);
}
