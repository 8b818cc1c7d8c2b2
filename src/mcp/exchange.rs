//! Exchanges that are open, and which message belongs to which.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::session::SessionIndex;
use super::transaction::TransactionKey;
use super::{Cause, Exchange, Id, MessageSpan, RpcError, SessionRef, Status};
use crate::base::{Degraded, Origin, Peers, Side, Span};
use crate::rpc::{Envelope, Kind};

/// An exchange that is not told yet.
#[derive(Debug)]
pub(super) struct OpenExchange {
    pub(super) told: Exchange,
    pub(super) place: SessionIndex,
    /// The transaction that carried the request; `None` once that is over.
    pub(super) carrier: Option<TransactionKey>,
    /// The transaction whose response carried the request of the server.
    pub(super) asked_on: Option<TransactionKey>,
    /// The stream that its answer may come on, and how many segments the server had sent again there when it was asked.
    pub(super) stream: Option<(TransactionKey, u32)>,
    pub(super) token: Option<Id>,
    /// Its response was seen: it waits for the status line that answers its POST.
    pub(super) answered: bool,
    /// The packet that cancelled it, and how.
    pub(super) cancelled: Option<(Origin, Cause)>,
    /// How what should have carried its answer ended, as far as it has.
    pub(super) ended: Option<Cause>,
    /// The POST was accepted or answered: a repetition would be another request.
    pub(super) acknowledged: bool,
}

/// What a new exchange is made of.
pub(super) struct NewExchange<'a> {
    pub(super) n: u64,
    pub(super) peers: Peers,
    pub(super) session: SessionRef,
    pub(super) place: SessionIndex,
    pub(super) carrier: TransactionKey,
    pub(super) origin: Side,
    pub(super) envelope: &'a Envelope,
    pub(super) span: Span,
    pub(super) method: Arc<str>,
    pub(super) name: Option<Arc<str>>,
    pub(super) degraded: Degraded,
}

impl OpenExchange {
    pub(super) fn new(asked: NewExchange<'_>) -> Self {
        let NewExchange { n, peers, session, place, carrier, origin, envelope, span, method, name, degraded } =
            asked;
        let told = Exchange {
            n,
            tcp_stream: peers.tcp_stream,
            transaction: carrier.1.0,
            answered_on: None,
            session,
            client: peers.client,
            protocol_version: None,
            origin,
            id: envelope.id.clone().unwrap_or(Id::Null),
            method,
            name,
            status: Status::Unanswered,
            error: None,
            http_status: None,
            request: MessageSpan { span, bytes: envelope.bytes },
            response: None,
            ack: None,
            progress: 0,
            cause: None,
            continues: None,
            retransmissions: 0,
            degraded,
            findings: envelope.faults.iter().map(|fault| fault.code).collect(),
        };
        let token = envelope.look.progress_token.clone();
        let asked_on = (origin == Side::Server).then_some(carrier);
        let carrier = (origin == Side::Client).then_some(carrier);
        Self {
            told,
            place,
            carrier,
            asked_on,
            stream: None,
            token,
            answered: false,
            cancelled: None,
            ended: None,
            acknowledged: false,
        }
    }

    /// Length of the texts that it was opened with, in bytes: what its sender chose.
    pub(super) fn text_len(&self) -> usize {
        let token = self.token.as_ref().map_or(0, Id::len);
        self.told.id.len()
            + token
            + self.told.method.len()
            + self.told.name.as_ref().map_or(0, |name| name.len())
    }

    /// Takes the response.
    pub(super) fn answer(
        &mut self,
        carrier: TransactionKey,
        envelope: &Envelope,
        span: Span,
        degraded: Degraded,
    ) {
        self.answered = true;
        self.told.answered_on = Some((carrier.0, carrier.1.0));
        self.told.response = Some(MessageSpan { span, bytes: envelope.bytes });
        self.told.degraded.add(degraded);
        self.told.error.clone_from(&envelope.error);
        self.told.findings.extend(envelope.faults.iter().map(|fault| fault.code));
        self.told.status = match envelope.kind {
            Kind::Error => Status::Error,
            _ if envelope.look.is_error => Status::ToolError,
            _ => Status::Ok,
        };
    }

    /// The request ended in a 4xx or 5xx without a response.
    pub(super) fn http_error(&mut self, error: Option<RpcError>) {
        self.told.status = Status::HttpError;
        self.told.cause = Some(Cause::HttpError);
        self.told.error = error;
    }

    /// What is left to say when nothing more comes: the cause, where there is no answer, and whether the cancellation
    /// came before it, where there is one.
    pub(super) fn settle(&mut self) {
        let end = self.told.response.map(|response| response.span.end.packet);
        match self.cancelled {
            Some((at, cause)) if end.is_none_or(|end| at.packet < end) => {
                self.told.status = Status::Cancelled;
                self.told.cause = Some(cause);
            }
            _ if self.told.status == Status::Unanswered => {
                let cause = self.ended.unwrap_or(Cause::CaptureEnd);
                if cause == Cause::CaptureEnd {
                    self.told.degraded.add(Degraded::CAPTURE_END);
                }
                self.told.cause = Some(cause);
            }
            _ => {}
        }
    }
}

/// All open exchanges, oldest first.
pub(super) type OpenExchanges = BTreeMap<u64, Box<OpenExchange>>;
