//! The bytes that updates carry, for exports and the TUI.

use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::{Degraded, Peers, Side};
use crate::http::{Update, UpdateKind};

/// Returns the bytes that an update carries; `None` if it carries none.
pub(super) fn payload(peers: Peers, update: &Update) -> Option<PayloadFact> {
    let (side, kind, span, bytes, degraded) = match &update.kind {
        UpdateKind::Request(head) => {
            (Side::Client, PayloadKind::Head, head.span, head.text(), Degraded::NONE)
        }
        UpdateKind::Response(head) => {
            (Side::Server, PayloadKind::Head, head.span, head.text(), Degraded::NONE)
        }
        UpdateKind::RequestBody(body) => {
            (Side::Client, PayloadKind::Body, body.span, &body.content, body.degraded)
        }
        UpdateKind::ResponseBody(body) => {
            (Side::Server, PayloadKind::Body, body.span, &body.content, body.degraded)
        }
        UpdateKind::Event(event) => {
            let kind = PayloadKind::Event { name: event.name.clone(), id: event.id.clone() };
            (Side::Server, kind, event.span, &event.data, event.degraded)
        }
        UpdateKind::Sent(message) => {
            let kind = PayloadKind::Event { name: None, id: None };
            (Side::Client, kind, message.span, &message.content, message.degraded)
        }
        UpdateKind::Gap { .. }
        | UpdateKind::ClientClosed
        | UpdateKind::Waited { .. }
        | UpdateKind::Closing(_)
        | UpdateKind::Fault(_)
        | UpdateKind::Ended { .. } => return None,
    };
    let (transaction, bytes) = (update.transaction.0, bytes.clone());
    Some(PayloadFact { peers, transaction, side, kind, span, bytes, degraded })
}
