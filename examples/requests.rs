//! Prints what is read of captures, for `make foreign`: a JSON object a line for each file, with
//! its packets, the requests of HTTP/1 by connection, what each connection speaks and lacks, its
//! findings, and whether reading the file panics.
//!
//! ```text
//! find captures -name '*.pcap*' | cargo run --example requests
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, Write as _};
use std::panic;
use std::process::ExitCode;

use mcpdump::base::fact::{PayloadKind, Wrapper};
use mcpdump::base::{Fact, Side};
use mcpdump::capture;
use mcpdump::engine::Engine;
use mcpdump::ledger::Entry;
use serde_json::{Value, json};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("requests: {error}");
            ExitCode::FAILURE
        }
    }
}

/// # Errors
/// Those of standard input and output.
fn run() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for path in io::stdin().lock().lines() {
        let path = path?;
        let row = panic::catch_unwind(|| read(&path)).unwrap_or_else(|_| json!({"panic": true}));
        writeln!(out, "{}", json!({"file": path, "read": row}))?;
    }
    Ok(())
}

/// What is read of a file.
fn read(path: &str) -> Value {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) => return json!({"error": error.to_string()}),
    };
    let mut source = capture::from_reader(path, Box::new(file));
    let (mut engine, mut entries) = (Engine::new(), Vec::new());
    engine.emit_payloads();
    let (mut seen, mut error) = (Seen::default(), None);
    loop {
        match engine.read(&mut source, &mut entries) {
            Ok(true) => {}
            Ok(false) => break,
            Err(why) => {
                error = Some(why.to_string());
                engine.finish(&mut entries);
                break;
            }
        }
        entries.drain(..).for_each(|entry| seen.push(&entry));
    }
    entries.drain(..).for_each(|entry| seen.push(&entry));
    json!({
        "error": error, "packets": seen.packets, "unreadable": seen.unreadable, "cut": seen.cut,
        "tcp": seen.tcp, "findings": seen.findings, "connections": seen.connections,
        "faults": seen.faults,
    })
}

/// What the entries of a file say.
#[derive(Default)]
struct Seen {
    packets: u64,
    unreadable: u64,
    cut: u64,
    tcp: u64,
    findings: BTreeMap<&'static str, u64>,
    /// The request lines of each connection.
    requests: BTreeMap<u32, Vec<String>>,
    connections: BTreeMap<u32, Value>,
    /// The findings of each connection.
    faults: BTreeMap<u32, BTreeSet<&'static str>>,
}

impl Seen {
    fn push(&mut self, entry: &Entry) {
        match entry {
            Entry::Fact(Fact::Payload(fact)) if fact.side == Side::Client => {
                let line = fact.bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
                if fact.kind == PayloadKind::Head {
                    let line = String::from_utf8_lossy(line).into_owned();
                    self.requests.entry(fact.peers.tcp_stream).or_default().push(line);
                }
            }
            Entry::Fact(Fact::Connection(fact)) => {
                let requests = self.requests.remove(&fact.tcp_stream).unwrap_or_default();
                let gaps: u64 = fact.directions.iter().map(|direction| direction.gaps).sum();
                self.connections.insert(
                    fact.tcp_stream,
                    json!({
                        "client": fact.client, "server": fact.server, "speaks": fact.speaks.name(),
                        "wrapper": fact.wrapper.map(Wrapper::name), "tls": fact.tls.is_some(),
                        "mcp": fact.mcp, "gaps": gaps, "requests": requests,
                    }),
                );
            }
            Entry::Fact(Fact::Capture(fact)) => {
                (self.packets, self.cut) = (fact.packets, fact.cut_packets);
                (self.unreadable, self.tcp) = (fact.unreadable_packets, fact.tcp_packets);
            }
            Entry::Finding(finding) => {
                *self.findings.entry(finding.code.name()).or_default() += finding.count;
                if let Some(stream) = finding.tcp_stream {
                    self.faults.entry(stream).or_default().insert(finding.code.name());
                }
            }
            _ => {}
        }
    }
}
