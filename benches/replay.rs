//! How fast a capture is read: `captures/many-sessions`, multiplied.
//!
//! Ten copies (9 MB); `MCPDUMP_COPIES=100 cargo bench --bench replay` for a hundred. `engine` and `export` run in this
//! process on one thread, `report` is the whole program. Each is told in bytes and in packets a second.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark stops where it cannot go on; criterion's macros write functions without documentation"
)]

#[path = "../tests/support/multiply.rs"]
mod multiply;

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mcpdump::capture;
use mcpdump::engine::Engine;
use mcpdump::ledger::Entry;
use mcpdump::report::jsonl;
use multiply::{Multiply, Written};

const COPIES: &str = "MCPDUMP_COPIES";

/// Makes the capture in `target/`.
fn make() -> (PathBuf, Written) {
    let copies =
        std::env::var(COPIES).map_or(10, |text| text.parse().unwrap_or_else(|_| panic!("{COPIES}={text}")));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(directory).unwrap();
    let path = directory.join(format!("many-sessions-{copies}.pcap"));
    let input = File::open(root.join("captures/many-sessions/capture.pcapng")).unwrap();
    let mut output = BufWriter::new(File::create(&path).unwrap());
    let how = Multiply { copies, overlap: 8 };
    let written = multiply::multiply(Box::new(input), how, &mut output).unwrap();
    output.flush().unwrap();
    (path, written)
}

/// Runs the engine over a file and hands over what it tells, piece by piece; how many entries there were.
fn analyse(path: &Path, mut tell: impl FnMut(&Entry)) -> usize {
    let mut source = capture::from_reader("bench", Box::new(File::open(path).unwrap()));
    let (mut engine, mut entries, mut told) = (Engine::new(), Vec::new(), 0);
    let mut goes_on = true;
    while goes_on {
        goes_on = engine.read(&mut source, &mut entries).unwrap();
        told += entries.len();
        entries.drain(..).for_each(|entry| tell(&entry));
    }
    told
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
    let (path, written) = make();
    let units = [Throughput::Bytes(written.bytes), Throughput::Elements(written.packets)];
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
