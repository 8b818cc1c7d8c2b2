//! Throughput in bytes and packets per second of the engine, of the JSON lines export (both in this
//! process, on one thread) and of `mcpdump report` (a process of its own).
//!
//! Reads `captures/many-sessions`, or the capture named by `MCPDUMP_CAPTURE`; the example
//! `multiply` makes larger ones.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark stops where it cannot go on; criterion's macros write functions without documentation"
)]

use std::fs::{self, File};
use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mcpdump::base::Findings;
use mcpdump::capture::{self, Item, Source};
use mcpdump::engine::Engine;
use mcpdump::export::jsonl;
use mcpdump::ledger::Entry;

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/many-sessions/capture.pcapng");

fn source(path: &Path) -> impl Source {
    capture::from_reader("bench", Box::new(File::open(path).unwrap()))
}

/// Counts the packets of a capture.
fn packets(path: &Path) -> u64 {
    let (mut source, mut findings, mut packets) = (source(path), Findings::new(), 0);
    while let Some(item) = source.next(&mut findings).unwrap() {
        packets += u64::from(matches!(item, Item::Packet(_)));
    }
    packets
}

/// Runs the engine over a file and passes on each entry.
fn analyse(path: &Path, mut emit: impl FnMut(&Entry)) {
    let (mut source, mut engine, mut entries) = (source(path), Engine::new(), Vec::new());
    let mut has_more = true;
    while has_more {
        has_more = engine.read(&mut source, &mut entries).unwrap();
        for entry in entries.drain(..) {
            emit(&entry);
        }
    }
}

fn export(path: &Path) {
    let mut sink = io::sink();
    analyse(path, |entry| jsonl::write(entry, &mut sink).unwrap());
}

fn report(path: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcpdump"));
    let status = command.arg("report").arg(path).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "mcpdump report: {status}");
}

fn replay(criterion: &mut Criterion) {
    let path = std::env::var_os("MCPDUMP_CAPTURE").map_or_else(|| PathBuf::from(CAPTURE), PathBuf::from);
    let bytes = fs::metadata(&path).unwrap().len();
    let units = [Throughput::Bytes(bytes), Throughput::Elements(packets(&path))];
    for (unit, throughput) in ["bytes", "packets"].into_iter().zip(units) {
        let mut group = criterion.benchmark_group(format!("replay/{unit}"));
        group.sample_size(10).throughput(throughput);
        group.bench_function("engine", |b| {
            b.iter(|| {
                analyse(&path, |entry| {
                    black_box(entry);
                })
            });
        });
        group.bench_function("export", |b| b.iter(|| export(&path)));
        group.bench_function("report", |b| b.iter(|| report(&path)));
        group.finish();
    }
}

criterion_group!(benches, replay);
criterion_main!(benches);
