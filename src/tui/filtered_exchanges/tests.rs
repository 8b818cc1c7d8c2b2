//! Rows that are kept up to date equal rows that are sorted from scratch.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;
use crate::ledger::{Cause, Entry, Record, Status, sample};

/// A change of the rows.
#[derive(Clone, Debug)]
enum Step {
    /// An exchange arrives or changes. `kind` selects its fields.
    Update {
        n: u64,
        open: bool,
        total: i64,
        kind: u8,
    },
    Filter(u8),
    Sort(u8, bool),
    Scan(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let update = (1_u64..60, any::<bool>(), 0_i64..6, any::<u8>());
    prop::collection::vec(
        prop_oneof![
            12 => update.prop_map(|(n, open, total, kind)| Step::Update { n, open, total: total * 1_000_000, kind }),
            1 => any::<u8>().prop_map(Step::Filter),
            1 => (any::<u8>(), any::<bool>()).prop_map(|(by, descending)| Step::Sort(by, descending)),
            2 => (0_usize..40).prop_map(Step::Scan),
        ],
        1..200,
    )
}

const FILTERS: [&str; 5] =
    ["", "dur>=3ms", "status:error", "method:tools/call and not name:b", "ip:10.0.0.0"];

fn exchange(n: u64, open: bool, total: i64, kind: u8) -> Exchange {
    let (method, name) =
        [("tools/call", Some("a")), ("tools/call", Some("b")), ("ping", None), ("tools/call", None)]
            [usize::from(kind % 4)];
    let mut exchange = sample::exchange(n, method, name, total);
    exchange.session.number = 1 + u32::from(kind % 3);
    exchange.client.set_port(50_000 + u16::from(kind % 5));
    exchange.progress = u32::from(kind % 2);
    exchange.request.bytes += u64::from(kind % 7);
    if kind.is_multiple_of(5) {
        exchange.status = Status::Error;
    }
    // The start of an open request may change.
    exchange.request.span.start.time.0 -= i64::from(kind % 3) * 1_500_000_000;
    if open { sample::unanswered(exchange, Status::Unanswered, Cause::CaptureEnd) } else { exchange }
}

/// Compares two exchanges as the help says it, without sort keys.
fn compare(
    by: SortBy,
    descending: bool,
    (a, at): &(Exchange, usize),
    (b, bt): &(Exchange, usize),
) -> Ordering {
    let call = |exchange: &Exchange| (exchange.method.clone(), exchange.name.clone());
    let bytes =
        |exchange: &Exchange| exchange.request.bytes + exchange.response.map_or(0, |response| response.bytes);
    let order = match by {
        SortBy::Time => a.request.span.start.time.cmp(&b.request.span.start.time),
        SortBy::Session => a.session.number.cmp(&b.session.number),
        SortBy::Method => call(a).cmp(&call(b)),
        SortBy::Status => a.status.cmp(&b.status),
        SortBy::Total => match (a.elapsed_ns(), b.elapsed_ns()) {
            (None, Some(_)) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (a, b) => a.cmp(&b),
        },
        SortBy::Progress => a.progress.cmp(&b.progress),
        SortBy::Bytes => bytes(a).cmp(&bytes(b)),
        SortBy::Client => a.client.cmp(&b.client),
    };
    let order = order.then(at.cmp(bt));
    if descending { order.reverse() } else { order }
}

/// Returns the scanned exchanges that match, sorted from scratch.
fn sorted_from_scratch(rows: &FilteredExchanges, store: &Store) -> Vec<usize> {
    let (by, descending) = rows.order();
    let mut all: Vec<_> = (0..rows.scanned()).map(|index| (store.exchange(index).unwrap(), index)).collect();
    all.retain(|(exchange, _)| rows.filter().matches(Subject::Exchange(exchange)));
    all.sort_by(|a, b| compare(by, descending, a, b));
    all.into_iter().map(|(_, index)| index).collect()
}

proptest! {
    #[test]
    fn rows_equal_rows_sorted_from_scratch(steps in steps()) {
        let (mut rows, mut store) = (FilteredExchanges::new(Filter::default()), Store::new(0));
        for step in steps {
            match step {
                Step::Update { n, open, total, kind } => {
                    let exchange = exchange(n, open, total, kind);
                    let index = store.find(n);
                    let previous = index.and_then(|index| store.exchange(index));
                    rows.update(index.unwrap_or(store.len()), previous.as_ref(), &exchange, Found::NONE);
                    let exchange = Box::new(exchange);
                    let record = if open { Record::Request(exchange) } else { Record::Exchange(exchange) };
                    store.push(Entry::Record(record));
                }
                Step::Filter(which) => {
                    let text = FILTERS[usize::from(which) % FILTERS.len()];
                    rows.set_filter(Filter::parse(text).unwrap());
                }
                Step::Sort(by, descending) => {
                    rows.sort(SortBy::ALL[usize::from(by) % SortBy::ALL.len()], descending);
                }
                Step::Scan(limit) => {
                    let before = rows.scanned();
                    let more = rows.scan(&store, &ContentSearch::default(), limit);
                    // A slice scans up to `limit` exchanges, each once.
                    prop_assert_eq!(rows.scanned(), store.len().min(before + limit));
                    prop_assert_eq!(more, rows.scanned() < store.len());
                }
            }
            let want = sorted_from_scratch(&rows, &store);
            let got: Vec<usize> = (0..rows.len()).map(|row| rows.get(row).unwrap()).collect();
            prop_assert_eq!(&got, &want);
            prop_assert_eq!(rows.get(rows.len()), None);
            for index in 0..store.len() {
                let row = want.iter().position(|known| *known == index);
                prop_assert_eq!(rows.row_of(&store, index), row);
            }
        }
    }
}

/// Many chunks: rows arrive in order, in reverse and in between.
#[test]
fn many_rows_keep_their_order() {
    for descending in [false, true] {
        let (mut rows, mut store) = (FilteredExchanges::new(Filter::default()), Store::new(0));
        rows.sort(SortBy::Total, descending);
        for n in 1..=6000_u64 {
            let exchange = exchange(n, n.is_multiple_of(9), (n * 7919 % 1000) as i64, 1);
            rows.update(store.len(), None, &exchange, Found::NONE);
            store.push(Entry::Record(Record::Exchange(Box::new(exchange))));
        }
        let got: Vec<usize> = (0..rows.len()).map(|row| rows.get(row).unwrap()).collect();
        assert_eq!(got, sorted_from_scratch(&rows, &store));
        for (row, index) in got.into_iter().enumerate().step_by(97) {
            assert_eq!(rows.row_of(&store, index), Some(row));
        }
    }
}
