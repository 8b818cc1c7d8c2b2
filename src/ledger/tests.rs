use super::sample::{self, exchange, unanswered};
use super::*;

fn ledger(by: Option<By>) -> Ledger {
    let mut ledger = Ledger::new(by);
    for entry in sample::entries() {
        ledger.push(&entry);
    }
    ledger
}

fn push(ledger: &mut Ledger, exchange: Exchange) {
    ledger.push(&Entry::Record(Record::Exchange(Box::new(exchange))));
}

#[test]
fn every_exchange_is_counted_once() {
    for by in [None, Some(By::Server), Some(By::Session), Some(By::Client)] {
        let shot = ledger(by).snapshot();
        assert_eq!(shot.exchanges.total(), 88);
        let counted = |rows: &[LatencyRow]| rows.iter().map(LatencyRow::exchanges).sum::<u64>();
        assert_eq!(counted(&shot.latency), 88);
        assert_eq!(counted(&shot.grouped), 88, "{by:?}");
        assert_eq!(shot.exchanges.errors(), 3);
        assert_eq!(shot.unanswered.exchanges, 3);
        let missing: u64 = shot.unanswered.causes.iter().map(|cause| cause.exchanges).sum();
        assert_eq!(missing, 3);
    }
}

#[test]
fn one_server_has_no_table_of_servers() {
    let mut ledger = Ledger::new(None);
    push(&mut ledger, exchange(1, "ping", None, 5));
    assert!(ledger.snapshot().grouped.is_empty());
}

#[test]
fn cancelled_exchanges_have_no_latency_even_if_answered_late() {
    let mut ledger = Ledger::new(None);
    let mut late = exchange(1, "tools/call", Some("a"), 9_000);
    late.status = Status::Cancelled;
    late.cause = Some(Cause::Cancelled);
    push(&mut ledger, late);
    let shot = ledger.snapshot();
    assert_eq!(shot.latency[0].p50_ns, None);
    assert_eq!(shot.latency[0].unanswered(), 1);
    assert!(shot.slowest.is_empty());
}

#[test]
fn of_equally_slow_exchanges_the_lowest_n_are_listed() {
    let mut ledger = Ledger::new(None);
    for n in (1..=30).rev() {
        push(&mut ledger, exchange(n, "ping", None, 1_000));
    }
    push(&mut ledger, exchange(31, "ping", None, 2_000));
    let slowest: Vec<_> = ledger.snapshot().slowest.iter().map(|exchange| exchange.n).collect();
    assert_eq!(slowest, [31, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn unanswered_exchanges_are_listed_before_cancelled_ones() {
    let mut ledger = Ledger::new(None);
    for n in 1..=100 {
        push(&mut ledger, unanswered(exchange(n, "ping", None, 1), Status::Cancelled, Cause::Cancelled));
    }
    push(&mut ledger, unanswered(exchange(101, "ping", None, 1), Status::Unanswered, Cause::NoStream));
    let unanswered = ledger.snapshot().unanswered;
    assert_eq!(unanswered.exchanges, 101);
    assert_eq!(unanswered.listed.len(), limits::UNANSWERED_LISTED);
    assert_eq!(unanswered.listed[0].n, 101);
    assert_eq!(unanswered.causes[0].cause, Some(Cause::NoStream));
}

#[test]
fn rows_beyond_the_limit_are_summed_up() {
    let mut ledger = Ledger::new(None);
    for n in 0..limits::MAX_TABLE_ROWS as u64 + 50 {
        push(&mut ledger, exchange(n, "tools/call", Some(&format!("tool-{n}")), 1_000));
    }
    let rows = ledger.snapshot().latency;
    assert_eq!(rows.len(), limits::MAX_TABLE_ROWS + 1);
    let last = rows.last().unwrap();
    assert_eq!(last.key.subject, CallGroup::Other);
    assert_eq!(last.exchanges(), 50);
}

#[test]
fn uses_of_a_tool_are_counted_per_server() {
    let offers = ledger(None).snapshot().offers;
    assert_eq!(offers.len(), 1);
    assert_eq!(offers[0].bytes(), 2532);
    let uses: Vec<_> = offers[0].definitions.iter().map(|tool| tool.uses).collect();
    assert_eq!(uses, [80, 0]);
}

#[test]
fn connections_are_counted_by_protocol() {
    let shot = ledger(None).snapshot();
    let counts: Vec<_> = shot.connections.iter().map(|c| (c.speaks, c.mcp, c.connections, c.bytes)).collect();
    assert_eq!(counts, [(Speaks::Http1, true, 1, 10_000), (Speaks::Tls, false, 1, 10_000)]);
    assert_eq!(shot.handshake_p50_ns, Some(45_000));
}
