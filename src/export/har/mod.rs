//! `export --to har`: HTTP transactions of MCP as an HTTP Archive 1.2, for the developer tools of
//! browsers, proxies and their readers.
//!
//! An entry is an HTTP transaction, as it was on the wire, not a call: a GET stream of an hour is
//! one. Fields that HAR does not have begin with `_`: `_mcp` has the calls of the transaction,
//! `_eventSourceMessages` the events of a stream. Credentials are masked unless asked for. The
//! archive is one document, so everything is kept until the end: payloads beyond a few MiB in a
//! temporary file.

mod connection;
mod entry;
mod head;
mod masking;

use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::ops::RangeInclusive;

use serde_json::json;

use self::connection::HarConnection;
use self::entry::{Call, Transaction};
use self::masking::Masking;
use super::redact::Tally;
use super::writer::{Export, Wants, WriterOptions};
use crate::base::fact::{ConnectionFact, PayloadFact, Speaks};
use crate::base::{Fact, Files, Room, Timestamp, json, units};
use crate::ledger::store::Store;
use crate::ledger::{Entry, Record};

/// Payloads that are kept in memory, in bytes; more go to a temporary file.
const MEMORY: usize = 2 << 20;

/// Transactions that are written, at most: a reader of HAR loads all of it.
const MAX_TRANSACTIONS: usize = 100_000;

/// Transactions that are kept until it is known which are written. More are left out.
const MAX_SEEN: usize = 500_000;

/// Memory of the calls of transactions, in bytes. More are left out.
const MAX_CALL_MEMORY: usize = 24 << 20;

/// Length of the archive, in bytes, and how many more for each byte that was captured: content that
/// is small when compressed may be a thousand times as long. More entries are left out.
const MAX_LEN: u64 = 64 << 20;
const LEN_PER_BYTE: u64 = 64;

/// Events of a transaction that are written, in bytes: the last ones of a long stream.
const MAX_EVENTS: usize = 4 << 20;

/// Writes an HTTP Archive.
#[derive(Debug)]
pub struct Har {
    files: Files,
    masking: Masking,
    redacted: Tally,
    /// Whether only transactions with a record are written.
    is_filtered: bool,
    payloads: Store,
    /// The start of each transaction, by connection and number.
    starts: BTreeMap<(u32, u32), Timestamp>,
    /// Whether not all transactions and calls are written.
    is_cut: bool,
    /// Memory that is left for `calls`.
    room: Room,
    /// Captured bytes, headers included.
    captured: u64,
    /// The calls of each transaction, by connection and transaction. Empty for one with a record
    /// that is no call.
    calls: BTreeMap<(u32, u32), Vec<Call>>,
    connections: HashMap<u32, HarConnection>,
}

impl Har {
    /// Creates a writer.
    #[must_use]
    pub fn new(options: WriterOptions) -> Self {
        Self {
            files: options.files,
            masking: Masking::new(options.with_secrets),
            redacted: options.redacted,
            is_filtered: options.is_filtered,
            payloads: Store::new(MEMORY),
            starts: BTreeMap::new(),
            is_cut: false,
            room: Room::new(MAX_CALL_MEMORY),
            captured: 0,
            calls: BTreeMap::new(),
            connections: HashMap::new(),
        }
    }

    fn payload(&mut self, fact: &PayloadFact) {
        let is_full = self.starts.len() >= MAX_SEEN;
        if let MapEntry::Vacant(first) = self.starts.entry((fact.peers.tcp_stream, fact.transaction)) {
            if is_full {
                self.is_cut = true;
                return;
            }
            first.insert(fact.span.start.time);
        }
        self.payloads.push(Entry::Fact(Fact::Payload(Box::new(fact.clone()))));
    }

    fn connection(&mut self, fact: &ConnectionFact) {
        let mut of_connection = self.starts.range(all_of(fact.tcp_stream));
        if of_connection.clone().next().is_none() {
            return;
        }
        // That of lines has no transactions of HTTP.
        let is_http = fact.speaks != Speaks::JsonLines;
        let has_records = of_connection.any(|(transaction, _)| self.calls.contains_key(transaction));
        let is_wanted = is_http && if self.is_filtered { has_records } else { fact.mcp };
        if is_wanted {
            self.connections.insert(fact.tcp_stream, HarConnection::of(fact));
        } else if !(is_http && self.is_filtered) {
            while let Some((transaction, _)) = self.starts.range(all_of(fact.tcp_stream)).next() {
                let transaction = *transaction;
                self.starts.remove(&transaction);
            }
        }
    }

    fn record(&mut self, record: &Record) {
        match record {
            Record::Exchange(exchange) => {
                self.add(exchange.tcp_stream, exchange.transaction, Some(Call::of(exchange)));
                if let Some((tcp_stream, transaction)) = exchange.answered_on {
                    self.add(tcp_stream, transaction, None);
                }
            }
            Record::Stream(stream) => self.add(stream.tcp_stream, stream.transaction, None),
            Record::Transaction(transaction) => {
                self.add(transaction.tcp_stream, transaction.transaction, None);
            }
            _ => {}
        }
    }

    fn add(&mut self, tcp_stream: u32, transaction: u32, call: Option<Call>) {
        if self.calls.len() < MAX_TRANSACTIONS || self.calls.contains_key(&(tcp_stream, transaction)) {
            let calls = self.calls.entry((tcp_stream, transaction)).or_default();
            let Some(call) = call.filter(|_| calls.len() < entry::MAX_CALLS) else { return };
            if self.room.take(call.allocated()) {
                calls.push(call);
            } else {
                self.is_cut = true;
            }
        } else {
            self.is_cut = true;
        }
    }

    /// Returns the transactions to be written, the earliest first.
    fn chosen(&mut self) -> Vec<(Timestamp, u32, u32)> {
        let mut chosen = Vec::new();
        for ((tcp_stream, number), asked) in &self.starts {
            let connection = self.connections.get(tcp_stream);
            let is_mcp = !self.is_filtered && connection.is_some();
            if is_mcp || self.calls.contains_key(&(*tcp_stream, *number)) {
                let set_up = connection.filter(|_| *number == 0).and_then(|it| it.set_up(*asked));
                chosen.push((set_up.map_or(*asked, |it| it.began), *tcp_stream, *number));
            }
        }
        chosen.sort_unstable();
        self.is_cut |= chosen.len() > MAX_TRANSACTIONS;
        chosen.truncate(MAX_TRANSACTIONS);
        chosen
    }

    fn write_entry(&mut self, (tcp_stream, number): (u32, u32), out: &mut dyn io::Write) -> io::Result<()> {
        let payloads = self.payloads.payloads_within(tcp_stream, number, MAX_EVENTS)?;
        let all = self.payloads.payload_count(tcp_stream, number) as usize;
        let transaction = Transaction {
            tcp_stream,
            number,
            left_out: all.saturating_sub(payloads.len()),
            payloads,
            calls: self.calls.get(&(tcp_stream, number)).map_or(&[], Vec::as_slice),
            connection: self.connections.get(&tcp_stream).copied(),
        };
        json::write_compact(&mut &mut *out, &transaction.entry(&self.masking, &self.files))
    }
}

impl Export for Har {
    fn wants(&self) -> Wants {
        Wants { payloads: true, requests: false }
    }

    fn spill_into(&mut self, file: File) {
        self.payloads.spill_into(file);
    }

    fn entry(&mut self, entry: &Entry, _out: &mut dyn io::Write) -> io::Result<()> {
        match entry {
            Entry::Fact(Fact::Payload(fact)) => self.payload(fact),
            Entry::Fact(Fact::Connection(fact)) => self.connection(fact),
            Entry::Fact(Fact::Capture(fact)) => self.captured = fact.captured_bytes,
            Entry::Record(record) => self.record(record),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        let creator = json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")});
        write!(out, r#"{{"log":{{"version":"1.2","creator":{creator},"pages":[],"entries":["#)?;
        let (most, mut len) = (MAX_LEN + LEN_PER_BYTE * self.captured, 0);
        for (at, (_, tcp_stream, number)) in self.chosen().into_iter().enumerate() {
            if len > most {
                self.is_cut = true;
                break;
            }
            out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
            let mut counted = Counted { out: &mut *out, len: &mut len };
            self.write_entry((tcp_stream, number), &mut counted)?;
        }
        out.write_all(b"\n]")?;
        if self.is_cut {
            let what = units::several(MAX_TRANSACTIONS as u64, "transaction");
            let size = units::bytes(most);
            let comment = format!("not all are here, {what} and {size} at most: narrow it with --filter");
            write!(out, r#","comment":{}"#, json!(comment))?;
        }
        if self.redacted.total() > 0 {
            write!(out, r#","_redacted":{}"#, self.redacted.total())?;
        }
        out.write_all(b"}}\n")
    }
}

/// All transactions of a connection.
fn all_of(tcp_stream: u32) -> RangeInclusive<(u32, u32)> {
    (tcp_stream, 0)..=(tcp_stream, u32::MAX)
}

/// Counts what is written.
struct Counted<'a> {
    out: &'a mut dyn io::Write,
    len: &'a mut u64,
}

impl io::Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        *self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
