//! Options of every command that analyses packets: where the packets come from and where they are
//! kept.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::quantity;
use super::tcpdump::TcpdumpArguments;

const LIVE: &str = "Live capture";
const KEEP: &str = "Keeping packets";

/// The source of packets and the filters.
#[derive(Debug, Default, Args)]
pub(crate) struct SourceArguments {
    /// Captures to read (- is standard input), then a BPF filter in tcpdump's syntax
    ///
    /// Without a capture, mcpdump captures on a device and all words are the filter.
    ///
    /// Captures are pcap or pcapng, optionally compressed with gzip, zstd or lz4. Several files are
    /// read as one capture in time order. Leading words that exist as files are files, the rest is
    /// the filter; -- ends the files.
    #[arg(value_name = "FILE|BPF", value_hint = ValueHint::FilePath)]
    pub(crate) words: Vec<OsString>,
    /// A BPF filter; all words before -- are files
    #[arg(last = true, value_name = "BPF", hide = true)]
    pub(crate) bpf: Vec<OsString>,
    /// Show only what matches, as in 'method:tools/call dur>500ms'; --help explains the language
    #[arg(long, value_name = "EXPR")]
    pub(crate) filter: Option<String>,
    /// Keep reading as the files grow, until Ctrl-C (or q in the TUI), -c or --for
    ///
    /// Reads captures that are still being written (tcpdump -U -w FILE, dumpcap, mcpdump -w) to
    /// their end, then waits for more. An incomplete packet at the end is read once it is complete.
    /// Stops when a file is moved, removed or replaced, after reading what is left of it. Packets
    /// of several files are merged in time order; a file without new packets delays the others by
    /// at most a tenth of a second. Not available for compressed files, pipes and standard input.
    #[arg(long)]
    pub(crate) follow: bool,
    /// Decrypt TLS with the secrets in this key log (default: $SSLKEYLOGFILE); repeatable
    ///
    /// A key log (RFC 9850) has the secrets of connections, written by a client or a server: curl,
    /// Python and browsers write the file that SSLKEYLOGFILE names, Node.js that of --tls-keylog.
    /// In a live capture and with --follow it is read as it grows, and created if it does not
    /// exist. Secrets inside a pcapng file are used as well.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) tls_keylog: Vec<PathBuf>,
    /// Analyse files with N threads (default: one per processor); the output is the same
    ///
    /// One thread reads and counts, up to four reassemble connections and parse what they carry.
    /// Captures of a few thousand packets are analysed by one. So are devices, pipes, files that
    /// are followed, captures whose packets are kept (-w), and captures in the TUI.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Keep the rights to open files, connect and run programs while packets are analysed
    ///
    /// Without it, mcpdump gives them up on Linux once inputs and outputs are open (Landlock and
    /// seccomp), so that a capture that exploits a fault of mcpdump reaches nothing else. For
    /// systems on which that fails, and to trace mcpdump.
    #[arg(long)]
    pub(crate) no_sandbox: bool,
    #[command(flatten)]
    pub(crate) live: LiveArguments,
    #[command(flatten)]
    pub(crate) keep: KeepArguments,
    #[command(flatten)]
    pub(crate) tcpdump: TcpdumpArguments,
}

impl SourceArguments {
    /// Whether no argument was given.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { words, bpf, filter, follow, tls_keylog, threads, no_sandbox, live, keep, tcpdump } = self;
        words.is_empty()
            && bpf.is_empty()
            && filter.is_none()
            && !follow
            && tls_keylog.is_empty()
            && threads.is_none()
            && !no_sandbox
            && *live == LiveArguments::default()
            && *keep == KeepArguments::default()
            && *tcpdump == TcpdumpArguments::default()
    }
}

/// Options of a live capture, with tcpdump's letters.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct LiveArguments {
    /// Capture on this device (default: loopback); mcpdump interfaces lists the devices
    #[arg(short, long, value_name = "IFACE", help_heading = LIVE)]
    pub(crate) interface: Option<String>,
    /// Stop after N packets
    #[arg(short = 'c', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    #[arg(help_heading = LIVE)]
    pub(crate) count: Option<u64>,
    /// Stop after this time, as in 30s or 5m
    #[arg(long = "for", value_name = "DURATION", value_parser = quantity::duration, help_heading = LIVE)]
    pub(crate) duration: Option<Duration>,
    /// Size of the kernel's buffer, as in 64MiB (the default); a bare number is KiB
    #[arg(short = 'B', long, value_name = "SIZE", value_parser = quantity::buffer, help_heading = LIVE)]
    pub(crate) buffer_size: Option<usize>,
    /// Capture at most this many bytes of each packet (default and 0: 262144)
    #[arg(short, long, value_name = "BYTES", help_heading = LIVE)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=262_144))]
    pub(crate) snapshot_length: Option<u32>,
    /// Do not put the device into promiscuous mode: see only packets from and to this machine
    #[arg(short = 'p', long, help_heading = LIVE)]
    pub(crate) no_promiscuous_mode: bool,
    /// Become this user once the device is open (default: the user who ran sudo; root stays root)
    #[arg(short = 'Z', long, value_name = "USER", help_heading = LIVE)]
    pub(crate) relinquish_privileges: Option<String>,
    /// Answer GET /metrics at this port, or address and port, with what was captured so far, for
    /// Prometheus
    #[arg(long, value_name = "ADDR", value_parser = quantity::local_address, help_heading = LIVE)]
    pub(crate) prometheus: Option<SocketAddr>,
}

/// Where packets are kept.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct KeepArguments {
    /// Also write the packets to this file (pcapng); - is standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = KEEP)]
    pub(crate) write: Option<PathBuf>,
    /// Start a new file after SIZE million bytes (or as in 10MiB): FILE, FILE1, FILE2
    #[arg(short = 'C', long, value_name = "SIZE", value_parser = quantity::file_size, help_heading = KEEP)]
    pub(crate) file_size: Option<u64>,
    /// Start a new file every SECONDS; FILE is a strftime format, as in %H%M.pcapng
    #[arg(short = 'G', long, value_name = "SECONDS", help_heading = KEEP)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rotate_seconds: Option<u32>,
    /// With -C, keep COUNT files and overwrite the oldest; with -G, stop after COUNT files
    #[arg(short = 'W', long, value_name = "COUNT", help_heading = KEEP)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) file_count: Option<u32>,
    /// Leave the secrets of TLS connections out of the packets that are written
    ///
    /// Without it, the secrets of the connections in a file are written before their packets
    /// (pcapng secrets blocks), so that mcpdump and Wireshark decrypt it without a key log, and
    /// only its owner may read it (mode 0600).
    #[arg(long, help_heading = KEEP)]
    pub(crate) no_secrets: bool,
}
