//! What is emitted of a transaction.

use super::{Transaction, TransactionEnd};
use crate::base::ResponseEnd;
use crate::mcp::record::{Stream, Transaction as TransactionRecord};

impl Transaction {
    /// Its record, without its session and its findings; `None` if the request was not captured.
    /// `why` says what became of it.
    pub(in crate::mcp) fn record(&self, end: TransactionEnd, why: String) -> Option<TransactionRecord> {
        let (request, span) = (self.request.as_ref()?, self.request_span?);
        let response = self.response.as_ref();
        Some(TransactionRecord {
            session: None,
            tcp_stream: self.peers.tcp_stream,
            transaction: self.key.1.0,
            protocols: self.protocols.clone(),
            method: request.method().into(),
            target: Box::from(&*request.target),
            http_status: self.status(),
            media_type: response.and_then(|response| response.media_type.as_deref().map(Into::into)),
            server: self.peers.server,
            client: self.peers.client,
            request: span,
            response: end.span.filter(|_| response.is_some()),
            bytes: end.bytes,
            ended: end.how,
            why: why.into(),
            degraded: self.degraded.and(self.gaps).and(end.degraded),
            findings: Vec::new(),
        })
    }

    /// The record of its event stream, without its session; `None` if the response is none.
    pub(in crate::mcp) fn stream_record(&self, end: TransactionEnd) -> Option<Box<Stream>> {
        let stream = self.stream.as_ref()?;
        Some(Box::new(Stream {
            session: None,
            exchange: self.requests.first().copied(),
            tcp_stream: self.peers.tcp_stream,
            transaction: self.key.1.0,
            protocols: self.protocols.clone(),
            method: self.request.as_ref().map(|request| request.method().into()),
            target: self.target().map(|target| Box::from(&**target)),
            http_status: self.status(),
            server: self.peers.server,
            client: self.peers.client,
            span: end.span.map_or(stream.span, |span| stream.span.join(span)),
            first_event: stream.first_event,
            last_event: stream.last_event,
            events: stream.events,
            bytes: end.bytes,
            ended: end.how,
            end: end.at.filter(|_| end.how != ResponseEnd::Open),
            degraded: self.degraded.and(self.gaps).and(end.degraded),
        }))
    }
}
