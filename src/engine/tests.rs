//! What must not change the output: when a silence is announced, and how many lanes there are.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::Engine;
use crate::base::{Findings, Timestamp, limits};
use crate::capture::{Input, Item, OpenOptions, Source as _, open};

/// Captures with holes, resets, unsolicited responses, and long silences.
const CAPTURES: [&str; 5] =
    ["slow-and-odd", "damaged-ts-sse-dropped", "damaged-ts-sse-midstream", "ts-streamable", "ts-sse"];

fn items(name: &str) -> Vec<Item> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name);
    let file = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path: &PathBuf| path.to_string_lossy().contains(".pcap"))
        .unwrap();
    let mut capture = open(&[Input::Path(file)], &OpenOptions::default()).unwrap();
    std::iter::from_fn(|| capture.next(&mut Findings::new()).unwrap()).collect()
}

/// Returns all entries that an engine makes of the items, as text.
fn entries(mut engine: Engine, items: impl Iterator<Item = Item>) -> Vec<String> {
    let mut entries = Vec::new();
    engine.emit_payloads();
    for item in items {
        engine.push(item, &mut entries);
    }
    engine.finish(&mut entries);
    entries.iter().map(|entry| format!("{entry:?}")).collect()
}

/// Inserts up to three times into each silence between packets; `parts` says where, as shares of
/// the remaining silence.
fn with_times(items: &[Item], parts: &[f64]) -> Vec<Item> {
    let (mut all, mut last, mut parts) = (Vec::new(), None, parts.iter().cycle());
    for item in items {
        if let Item::Packet(packet) = item {
            let now = packet.origin.time;
            let silence = now.since(last.unwrap_or(now));
            let mut at = 0;
            for part in parts.by_ref().take(3) {
                at += ((silence - at) as f64 * part) as i64;
                if silence > 0 {
                    all.push(Item::Time(Timestamp(now.0 - silence + at)));
                }
            }
            last = Some(now);
        }
        all.push(item.clone());
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn times_in_silence_change_nothing(
        which in 0..CAPTURES.len(),
        parts in proptest::collection::vec(0.0f64..1.0, 1..50),
    ) {
        let items = items(CAPTURES[which]);
        let (live, saved) = (with_times(&items, &parts), entries(Engine::new(), items.into_iter()));
        prop_assert!(live.iter().filter(|item| matches!(item, Item::Time(_))).count() > 10);
        prop_assert_eq!(entries(Engine::new(), live.into_iter()), saved);
    }
}

#[test]
fn the_number_of_lanes_changes_nothing() {
    let deals: [fn(usize) -> usize; 3] = [|shard| shard % 3, |shard| shard / 2, |shard| 2 - shard * 7 % 3];
    for name in CAPTURES.into_iter().chain(["many-sessions"]) {
        let items = items(name);
        let expected = entries(Engine::new(), items.iter().cloned());
        for deal in deals {
            let engine = Engine::with_lanes(3, std::array::from_fn::<_, { limits::SHARDS }, _>(deal));
            assert_eq!(entries(engine, items.iter().cloned()), expected, "{name}");
        }
    }
}
