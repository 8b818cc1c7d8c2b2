//! The ids of spans: those that the traffic names, else ones derived from what identifies an
//! exchange, so that the same capture gives the same ids each time.

use std::collections::BTreeMap;

use ring::digest::{Context, SHA256};

use crate::ledger::Exchange;

/// Exchanges whose ids are kept for what refers to them. Those with the lowest numbers go first.
const MAX_KNOWN: usize = 65_536;

/// The trace and the span of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SpanIds {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
}

impl SpanIds {
    /// Derives the ids of an exchange. They depend on what is known of it from its request on: its
    /// client, its connection, its place in the capture and its time.
    fn derived(exchange: &Exchange) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(b"mcpdump exchange 1\0");
        hash.update(exchange.client.to_string().as_bytes());
        hash.update(&[0]);
        for number in [
            u64::from(exchange.tcp_stream),
            exchange.transaction.into(),
            exchange.n,
            exchange.request.span.start.time.0.cast_unsigned(),
            exchange.request.bytes,
        ] {
            hash.update(&number.to_be_bytes());
        }
        let digest = hash.finish();
        Self { trace: id(digest.as_ref()), span: id(digest.as_ref().get(16..).unwrap_or_default()) }
    }

    /// Derives the id of a span below this one.
    pub(super) fn child(&self, name: &str) -> [u8; 8] {
        let mut hash = Context::new(&SHA256);
        hash.update(b"mcpdump phase 1\0");
        hash.update(&self.trace);
        hash.update(&self.span);
        hash.update(name.as_bytes());
        id(hash.finish().as_ref())
    }
}

/// The first bytes of a digest, as an id: it is not all zeros.
fn id<const LEN: usize>(digest: &[u8]) -> [u8; LEN] {
    match digest.first_chunk() {
        Some(id) if *id != [0; LEN] => *id,
        _ => [1; LEN],
    }
}

/// The ids of the exchanges that were seen last.
#[derive(Debug, Default)]
pub(super) struct KnownSpans {
    by_number: BTreeMap<u64, SpanIds>,
}

impl KnownSpans {
    /// Returns the ids of an exchange, and remembers them. Its trace is the one that it names, else
    /// that of the call in which it was sent, else one of its own.
    pub(super) fn of(&mut self, exchange: &Exchange) -> SpanIds {
        if let Some(known) = self.by_number.get(&exchange.n) {
            return *known;
        }
        let mut ids = SpanIds::derived(exchange);
        let parent = exchange.parent.and_then(|n| self.get(n));
        if let Some(trace) = exchange.trace.as_ref().map(|it| it.trace_id).or(parent.map(|it| it.trace)) {
            ids.trace = trace;
        }
        self.by_number.insert(exchange.n, ids);
        if self.by_number.len() > MAX_KNOWN {
            self.by_number.pop_first();
        }
        ids
    }

    /// Returns the ids of an exchange by its `n`; `None` if it was not seen yet, or long ago.
    pub(super) fn get(&self, n: u64) -> Option<SpanIds> {
        self.by_number.get(&n).copied()
    }
}
