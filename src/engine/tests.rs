//! Live and saved agree: whether silence is announced as it passes or found out by the next packet changes nothing.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::Engine;
use crate::base::{Findings, Timestamp};
use crate::capture::{Input, Item, OpenOptions, Source as _, open};

/// Captures with holes, resets, answers that nobody asked for, and long silences.
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

/// Everything that is told, as text.
fn told(items: impl Iterator<Item = Item>) -> Vec<String> {
    let (mut engine, mut entries) = (Engine::new(), Vec::new());
    for item in items {
        engine.push(item, &mut entries);
    }
    engine.finish(&mut entries);
    entries.iter().map(|entry| format!("{entry:?}")).collect()
}

/// The items with a time before each packet that comes after silence: `parts` of the way from the packet before.
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
        let (live, saved) = (with_times(&items, &parts), told(items.into_iter()));
        prop_assert!(live.iter().filter(|item| matches!(item, Item::Time(_))).count() > 10);
        prop_assert_eq!(told(live.into_iter()), saved);
    }
}
