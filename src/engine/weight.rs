//! What a value holds that is on its way from a lane to the engine.
//!
//! Only asked with threads: on one thread a value is passed on before the next is made.

use super::order::{Emitted, EmittedKind};
use crate::base::fact::{ConnectionFact, DeliveryFact, PayloadFact, SegmentFact};
use crate::base::tls::TlsFact;
use crate::base::{Finding, Findings, PacketNo};
use crate::http::{Head, UpdateKind};
use crate::llm::LlmCall;
use crate::rpc::{Parsed, ParsedUpdate, StreamEvent};

/// Returns about what is allocated for a value, in bytes.
pub(super) fn weight(emitted: &Emitted) -> usize {
    let content = match &emitted.kind {
        EmittedKind::Updates(updates) => {
            let contents: usize = updates.list.iter().map(update).sum();
            updates.list.capacity() * size_of::<ParsedUpdate>() + contents
        }
        EmittedKind::Payload(fact) => size_of::<PayloadFact>() + fact.bytes.len(),
        EmittedKind::Segment(fact) => size_of::<SegmentFact>() + fact.fragments.len() * size_of::<PacketNo>(),
        EmittedKind::Delivery(fact) => size_of::<DeliveryFact>() + fact.feed.data_len(),
        EmittedKind::Closed(fact) => {
            let tls = fact.tls.as_ref().map_or(0, |tls| size_of::<TlsFact>() + tls.text_len());
            size_of::<ConnectionFact>() + tls
        }
        EmittedKind::Unread(ends) => size_of_val(&**ends),
        EmittedKind::Identified(_) | EmittedKind::LlmBegan(_) => 0,
        EmittedKind::LlmCall(call) => size_of::<LlmCall>() + call.text_len(),
        EmittedKind::Findings(list) => findings(list),
    };
    size_of::<Emitted>() + content
}

fn findings(findings: &Findings) -> usize {
    findings.list().iter().map(|finding| size_of::<Finding>() + finding.detail.len()).sum()
}

fn update(update: &ParsedUpdate) -> usize {
    match &update.kind {
        // The start line may be a copy.
        UpdateKind::Request(head) | UpdateKind::Response(head) => size_of::<Head>() + 2 * head.text().len(),
        UpdateKind::RequestBody(body) | UpdateKind::ResponseBody(body) | UpdateKind::Sent(body) => {
            size_of::<Parsed>() + body.allocated()
        }
        UpdateKind::Event(event) => size_of::<StreamEvent>() + event.allocated(),
        UpdateKind::Fault(fault) => fault.detail.len(),
        UpdateKind::Gap { .. }
        | UpdateKind::ClientClosed
        | UpdateKind::Waited { .. }
        | UpdateKind::Closing(_)
        | UpdateKind::Ended { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::{Code, Degraded, Origin, Peers, Span};
    use crate::engine::order::Order;
    use crate::http::{Arrivals, Body, Fault, TransactionNo, Update};
    use crate::rpc::{self, CarriedBy, ConnectionUpdates, Envelope};

    /// The weight of what a body becomes.
    fn weight_of(content: String) -> usize {
        let (len, span) = (content.len() as u64, Span::of(Origin::default()));
        let degraded = Degraded::NONE;
        let arrivals = Arrivals::default();
        let body = Body { content: content.into(), len, span, arrivals, degraded, is_complete: true };
        let kind = UpdateKind::RequestBody(body);
        let update = rpc::read(&mut Update { transaction: TransactionNo(0), at: Origin::default(), kind });
        let (client, server) = (([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 80).into());
        let peers = Peers { tcp_stream: 0, client, server, via: None };
        let by = CarriedBy { peers: Arc::new(peers), tls: None, retransmissions: [0; 2] };
        emitted(EmittedKind::Updates(ConnectionUpdates { by, list: vec![update] }))
    }

    fn emitted(kind: EmittedKind) -> usize {
        weight(&Emitted { order: Order { input: 0, connection: 0, sequence: 0 }, kind })
    }

    #[test]
    fn a_batch_weighs_what_its_messages_take() {
        let one = weight_of("{}".to_owned());
        assert!(one < 4096, "{one}");
        let batch = |element: &str| weight_of(format!("[{}{element}]", format!("{element},").repeat(9_999)));
        let empty = batch("{}");
        assert!(empty >= 10_000 * size_of::<Envelope>(), "{empty}");
        assert!(empty <= 20_000 * (size_of::<Envelope>() + 4 * size_of::<Fault>()));
        // Those that are no messages are faults.
        assert!(batch("1") >= 10_000 * size_of::<Fault>());
        let long = format!(r#"{{"method":"{}"}}"#, "m".repeat(100));
        assert!(batch(&long) >= 10_000 * (size_of::<Envelope>() + 100));
    }

    #[test]
    fn texts_and_definitions_are_weighed() {
        let tools = r#"{"name":"0123456789"},"#.repeat(1000);
        let listing = format!(r#"{{"id":1,"result":{{"tools":[{}]}}}}"#, tools.trim_end_matches(','));
        assert!(weight_of(listing) >= 1000 * (10 + size_of::<Box<str>>() + 16));
        let mut findings = Findings::new();
        (0..10).for_each(|_| findings.add(Code::TcpGap, Origin::default(), "x".repeat(100)));
        assert!(emitted(EmittedKind::Findings(findings)) >= 10 * (size_of::<Finding>() + 100));
    }
}
