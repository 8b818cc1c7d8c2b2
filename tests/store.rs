//! The store of the TUI returns what was put into it, for every capture.

use std::collections::BTreeMap;

use crate::support::assert_no_problems;
use crate::support::corpus::{self, Capture};
use mcpdump::base::Fact;
use mcpdump::base::fact::{PayloadFact, PayloadKind};
use mcpdump::engine::Engine;
use mcpdump::ledger::store::{Payload, Store};
use mcpdump::ledger::{Entry, Exchange, Record};

/// All entries of a capture, payloads included.
fn watched(capture: Capture) -> Vec<Entry> {
    let (mut engine, mut entries) = (Engine::new(), Vec::new());
    engine.emit_payloads();
    let mut source = corpus::source(capture.bytes());
    while engine.read(&mut source, &mut entries).unwrap() {}
    entries
}

fn filled(entries: &[Entry], memory: usize) -> Store {
    let mut store = Store::new(memory);
    entries.iter().cloned().for_each(|entry| store.push(entry));
    store
}

#[test]
fn stored_exchanges_are_returned_unchanged() {
    let mut problems = Vec::new();
    for capture in Capture::all() {
        let entries = watched(capture);
        let store = filled(&entries, 1 << 20);
        let mut told: BTreeMap<u64, &Exchange> = BTreeMap::new();
        for entry in &entries {
            if let Entry::Record(Record::Exchange(exchange)) = entry {
                told.insert(exchange.n, exchange);
            }
        }
        if store.len() != told.len() {
            problems.push(format!("{}: {} exchanges, told were {}", capture.0, store.len(), told.len()));
        }
        for (n, exchange) in told {
            let index = store.find(n).unwrap_or_else(|| panic!("{}: {n} is not there", capture.0));
            let mut kept = store.exchange(index).unwrap();
            // More may be known of a session after its first exchanges: its id, its addresses, the
            // leg behind it.
            let (known, told) = (&kept.session, &exchange.session);
            if known.number == told.number && (known.id == told.id || told.id.is_none()) {
                kept.session = told.clone();
            }
            if format!("{kept:?}") != format!("{exchange:?}") || store.is_open(index) {
                problems.push(format!("{}: {kept:?}\n  was told as {exchange:?}", capture.0));
            }
        }
    }
    assert_no_problems(&problems);
}

#[test]
fn payloads_are_returned_from_memory_and_from_the_spill_file() {
    let mut problems = Vec::new();
    for capture in Capture::all() {
        let entries = watched(capture);
        // Only the newest chunk stays in memory.
        let mut store = filled(&entries, 0);
        let mut told: BTreeMap<(u32, u32), Vec<&PayloadFact>> = BTreeMap::new();
        for entry in &entries {
            if let Entry::Fact(Fact::Payload(carried)) = entry {
                told.entry((carried.peers.tcp_stream, carried.transaction)).or_default().push(carried);
            }
        }
        for ((tcp_stream, transaction), told) in told {
            let said = store.payloads(tcp_stream, transaction).unwrap();
            let same = said.len() == told.len()
                && said.iter().zip(told).all(|(said, told)| {
                    (said.side, &said.kind, said.span, said.degraded, &said.bytes[..])
                        == (told.side, &told.kind, told.span, told.degraded, &told.bytes[..])
                });
            if !same {
                problems.push(format!("{}: transaction {transaction} of {tcp_stream} differs", capture.0));
            }
        }
    }
    assert_no_problems(&problems);
}

#[test]
fn an_exchange_points_to_its_payloads() {
    let mut problems = Vec::new();
    for capture in Capture::all().filter(|capture| !capture.is_damaged()) {
        let mut store = filled(&watched(capture), 64 << 20);
        for index in 0..store.len() {
            let exchange = store.exchange(index).unwrap();
            let n = exchange.n;
            // Several events may have come in one packet.
            let mut holds = |(tcp_stream, transaction), span, what: &str| {
                let said = store.payloads(tcp_stream, transaction).unwrap();
                let mut of_span =
                    said.iter().filter(|said| said.kind != PayloadKind::Head && said.span == span);
                of_span.any(|said| String::from_utf8_lossy(&said.bytes).contains(what))
            };
            let method = format!("\"{}\"", exchange.method);
            if !holds((exchange.tcp_stream, exchange.transaction), exchange.request.span, &method) {
                problems.push(format!("{}: {n} has no request with {method}", capture.0));
            }
            if let (Some(on), Some(response)) = (exchange.answered_on, exchange.response)
                && !holds(on, response.span, "\"jsonrpc\"")
            {
                problems.push(format!("{}: {n} has no response", capture.0));
            }
        }
    }
    assert_no_problems(&problems);
}

/// A long stream is not read as a whole for one exchange: the heads, what its client sent, and some
/// payloads up to the message suffice.
#[test]
fn the_payloads_of_an_exchange_are_found_without_reading_all() {
    const PIECES: usize = 40;
    let mut problems = Vec::new();
    for capture in Capture::all().filter(|capture| !capture.is_damaged()) {
        let mut store = filled(&watched(capture), 64 << 20);
        for index in 0..store.len() {
            let exchange = store.exchange(index).unwrap();
            let heads = |said: &[Payload]| said.iter().filter(|said| said.kind == PayloadKind::Head).count();
            let asked = store.request_payloads(index, PIECES).unwrap();
            if !asked.iter().any(|said| said.span == exchange.request.span) || asked.len() > PIECES + 3 {
                problems.push(format!("{}: the request of {} is not there", capture.0, exchange.n));
            }
            let Some((response, on)) = exchange.response.zip(exchange.answered_on) else { continue };
            let answered = store.response_payloads(index, PIECES).unwrap();
            if !answered.iter().any(|said| said.span == response.span) {
                problems.push(format!("{}: the response to {} is not there", capture.0, exchange.n));
            }
            // Payloads after the response were not requested.
            let mut all = store.payloads(on.0, on.1).unwrap();
            all.retain(|said| said.span.start.packet <= response.span.end.packet);
            if heads(&answered) != heads(&all) {
                problems.push(format!("{}: heads of {} are missing", capture.0, exchange.n));
            }
        }
    }
    assert_no_problems(&problems);
}

/// Exchanges in progress can be listed at any time; at the end there are none.
#[test]
fn an_exchange_in_progress_is_stored_when_it_completes() {
    for capture in Capture::all().filter(|capture| !capture.is_large()) {
        let (mut engine, mut store, mut entries) = (Engine::new(), Store::new(1 << 20), Vec::new());
        engine.emit_payloads();
        let mut source = corpus::source(capture.bytes());
        let mut open = 0;
        while engine.read(&mut source, &mut entries).unwrap() {
            entries.drain(..).for_each(|entry| store.push(entry));
            store.set_in_progress(engine.in_progress());
            open = open.max(store.open_connections().len());
            let told: Vec<u32> = store.connections().iter().map(|fact| fact.tcp_stream).collect();
            assert!(store.open_connections().all(|fact| !told.contains(&fact.tcp_stream)), "{}", capture.0);
        }
        entries.drain(..).for_each(|entry| store.push(entry));
        assert!(open > 0, "{}", capture.0);
        let left = (store.open_connections().len(), store.open_streams().len(), store.open_sessions().len());
        assert_eq!(left, (0, 0, 0), "{}", capture.0);
    }
}
