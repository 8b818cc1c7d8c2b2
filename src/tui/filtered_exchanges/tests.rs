//! FilteredExchanges that are kept up to date, against rows that are made anew: the same, whatever comes in which order.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;
use crate::ledger::{Cause, Entry, Record, Status, sample};

/// What can happen to rows.
#[derive(Clone, Debug)]
enum Step {
    /// An exchange is told: which, whether it is open, and what of it varies.
    Tell {
        n: u64,
        open: bool,
        total: i64,
        kind: u8,
    },
    Filter(u8),
    Sort(u8, bool),
    Look(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let tell = (1_u64..60, any::<bool>(), 0_i64..6, any::<u8>());
    prop::collection::vec(
        prop_oneof![
            12 => tell.prop_map(|(n, open, total, kind)| Step::Tell { n, open, total: total * 1_000_000, kind }),
            1 => any::<u8>().prop_map(Step::Filter),
            1 => (any::<u8>(), any::<bool>()).prop_map(|(by, descending)| Step::Sort(by, descending)),
            2 => (0_usize..40).prop_map(Step::Look),
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
    // What is open may turn out to have been sent otherwise.
    exchange.request.span.start.time.0 -= i64::from(kind % 3) * 1_500_000_000;
    if open { sample::unanswered(exchange, Status::Unanswered, Cause::CaptureEnd) } else { exchange }
}

/// The order of two exchanges, as the help says it, without any of the keys.
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
        SortBy::Total => match (a.total_ns(), b.total_ns()) {
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

/// Every exchange of those that were looked at which passes, sorted anew.
fn made_anew(rows: &FilteredExchanges, store: &Store) -> Vec<usize> {
    let (by, descending) = rows.sorted();
    let mut all: Vec<_> = (0..rows.looked()).map(|index| (store.exchange(index).unwrap(), index)).collect();
    all.retain(|(exchange, _)| rows.filter().matches(Subject::Exchange(exchange)));
    all.sort_by(|a, b| compare(by, descending, a, b));
    all.into_iter().map(|(_, index)| index).collect()
}

proptest! {
    #[test]
    fn same_as_rows_that_are_made_anew(steps in steps()) {
        let (mut rows, mut store) = (FilteredExchanges::new(Filter::default()), Store::new(0));
        for step in steps {
            match step {
                Step::Tell { n, open, total, kind } => {
                    let told = exchange(n, open, total, kind);
                    let index = store.find(n);
                    let was = index.and_then(|index| store.exchange(index));
                    rows.told(index.unwrap_or(store.len()), was.as_ref(), &told);
                    let told = Box::new(told);
                    store.push(Entry::Record(if open { Record::Request(told) } else { Record::Exchange(told) }));
                }
                Step::Filter(which) => {
                    let text = FILTERS[usize::from(which) % FILTERS.len()];
                    rows.refilter(Filter::parse(text).unwrap());
                }
                Step::Sort(by, descending) => {
                    rows.resort(SortBy::ALL[usize::from(by) % SortBy::ALL.len()], descending);
                }
                Step::Look(most) => {
                    let before = rows.looked();
                    let more = rows.look(&store, most);
                    // The oracle that counts: a slice looks at so many, and nothing is looked at again.
                    prop_assert_eq!(rows.looked(), store.len().min(before + most));
                    prop_assert_eq!(more, rows.looked() < store.len());
                }
            }
            let want = made_anew(&rows, &store);
            let got: Vec<usize> = (0..rows.len()).map(|row| rows.get(row).unwrap()).collect();
            prop_assert_eq!(&got, &want);
            prop_assert_eq!(rows.get(rows.len()), None);
            for index in 0..store.len() {
                let place = want.iter().position(|known| *known == index);
                prop_assert_eq!(rows.place(&store, index), place);
            }
        }
    }
}

/// Many chunks: what comes in order, in reverse, and in between.
#[test]
fn many_rows_keep_their_order() {
    for descending in [false, true] {
        let (mut rows, mut store) = (FilteredExchanges::new(Filter::default()), Store::new(0));
        rows.resort(SortBy::Total, descending);
        for n in 1..=6000_u64 {
            let told = exchange(n, n.is_multiple_of(9), (n * 7919 % 1000) as i64, 1);
            rows.told(store.len(), None, &told);
            store.push(Entry::Record(Record::Exchange(Box::new(told))));
        }
        let got: Vec<usize> = (0..rows.len()).map(|row| rows.get(row).unwrap()).collect();
        assert_eq!(got, made_anew(&rows, &store));
        for (place, index) in got.into_iter().enumerate().step_by(97) {
            assert_eq!(rows.place(&store, index), Some(place));
        }
    }
}
