//! The captures of `captures/`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use mcpdump::base::Findings;
use mcpdump::capture::{self, Item, Source};

use super::run::Run;

/// The captures that the laws are checked on: one file per kind of traffic, one of the link types.
pub(crate) const ALL: [&str; 25] = [
    "batch-2025-03-26/capture.pcapng",
    "big-results-mtu1500/capture.pcap",
    "br-json/capture.pcap",
    "damaged-ts-sse-dropped/capture.pcap",
    "damaged-ts-sse-midstream/capture.pcap",
    "damaged-ts-sse-overlapping/capture.pcap",
    "damaged-ts-sse-snaplen128/capture.pcap",
    "damaged-ts-sse-truncated-file/capture.pcap",
    "gzip-sse/capture.pcap",
    "hackernews-2026.pcapng",
    "hackernews-sse.pcapng",
    "hackernews-streamable.pcapng",
    "inspector-cli-old-sse/capture.pcapng",
    "linktypes/any-sll2.pcap",
    "llm-streams/capture.pcapng",
    "load-sse/capture.pcap",
    "many-sessions/capture.pcapng",
    "py-streamable-json/capture.pcap",
    "real-loss-server-side/capture.pcap",
    "rev-2026-07-28/capture.pcapng",
    "rmcp-server/capture.pcap",
    "slow-and-odd/capture.pcapng",
    "ts-sse/capture.pcap",
    "ts-streamable/capture.pcapng",
    "zstd-py/capture.pcap",
];

/// Captures of some megabytes: run with one seed where the others run with several.
const LARGE: [&str; 3] =
    ["big-results-mtu1500/capture.pcap", "load-sse/capture.pcap", "many-sessions/capture.pcapng"];

/// Captures with compressed bodies: their messages are not in the packets as text, and cannot be
/// read after a gap.
const COMPRESSED: [&str; 3] = ["br-json/capture.pcap", "gzip-sse/capture.pcap", "zstd-py/capture.pcap"];

/// One capture file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capture(pub(crate) &'static str);

impl Capture {
    /// Every capture of [`ALL`].
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        ALL.into_iter().map(Self)
    }

    /// The captures of MCP that are complete and not large.
    pub(crate) fn small_and_whole() -> impl Iterator<Item = Self> {
        Self::all().filter(|capture| !capture.is_large() && !capture.is_damaged() && capture.is_mcp())
    }

    /// Whether it carries MCP, and so exchanges.
    pub(crate) fn is_mcp(self) -> bool {
        !self.0.starts_with("llm-streams")
    }

    /// Whether it is listed in [`LARGE`].
    pub(crate) fn is_large(self) -> bool {
        LARGE.contains(&self.0)
    }

    /// Whether its bodies are compressed.
    pub(crate) fn is_compressed(self) -> bool {
        COMPRESSED.contains(&self.0)
    }

    /// Whether its export has rows other than findings: packets cut to 128 bytes leave none.
    pub(crate) fn is_legible(self) -> bool {
        !self.0.starts_with("damaged-ts-sse-snaplen128")
    }

    /// Whether packets are missing, cut or rewritten.
    pub(crate) fn is_damaged(self) -> bool {
        self.0.starts_with("damaged-")
    }

    /// The bytes of the file.
    pub(crate) fn bytes(self) -> Vec<u8> {
        bytes(&directory().join(self.0))
    }

    /// The items of the file.
    pub(crate) fn items(self) -> Vec<Item> {
        items(self.bytes()).unwrap_or_else(|error| panic!("{}: {error}", self.0))
    }

    /// A run of the engine over it, made once and shared by all tests.
    pub(crate) fn run(self) -> Arc<Run> {
        static RUNS: Mutex<BTreeMap<&str, Arc<OnceLock<Arc<Run>>>>> = Mutex::new(BTreeMap::new());
        let run = Arc::clone(RUNS.lock().unwrap().entry(self.0).or_default());
        Arc::clone(run.get_or_init(|| Arc::new(Run::over(&self.items()))))
    }
}

/// The directory of the captures.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")
}

/// The bytes of a file.
pub(crate) fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The capture files of one directory, in the order of their names.
pub(crate) fn files_of(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(".pcap"))
        .collect();
    files.sort();
    files
}

/// Opens the bytes of a file as the program opens standard input. If they are not a capture, `next`
/// returns the error.
pub(crate) fn source(bytes: Vec<u8>) -> impl Source {
    let reader: Box<dyn Read + Send> = Box::new(Cursor::new(bytes));
    capture::from_reader("test", reader)
}

/// Opens a file as a source.
pub(crate) fn source_of(path: &Path) -> impl Source {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let reader: Box<dyn Read + Send> = Box::new(file);
    capture::from_reader("test", reader)
}

/// The items in the bytes of a file.
///
/// # Errors
/// The bytes are not a capture.
pub(crate) fn items(bytes: Vec<u8>) -> Result<Vec<Item>, capture::Error> {
    let (mut source, mut findings, mut items) = (source(bytes), Findings::new(), Vec::new());
    while let Some(item) = source.next(&mut findings)? {
        items.push(item);
    }
    Ok(items)
}
