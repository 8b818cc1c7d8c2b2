//! A capture built in memory packet by packet, and the rows of its export.

use std::io::Cursor;
use std::net::{IpAddr, SocketAddr};

use mcpdump::capture;
use mcpdump::engine::Engine;
use mcpdump::export::jsonl;
use serde_json::Value;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// The start of every story, in seconds since the epoch.
const EPOCH: u64 = 1_795_337_355;

/// The server of most stories.
pub(crate) const SERVER: &str = "10.0.0.2:3000";

/// The sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

pub(crate) use Side::{Client, Server};

/// A connection of a story.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conn(usize);

/// One end of a connection: its address and its next sequence number.
#[derive(Clone, Copy, Debug)]
struct End {
    address: SocketAddr,
    next: u32,
}

/// The packets so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    now: u64,
    packets: Vec<(u64, Vec<u8>, usize)>,
    /// Time to live of the packets that follow, if it is not 64.
    hop_limit: Option<u8>,
    conns: Vec<[End; 2]>,
}

/// A time as the export writes it, from milliseconds after the story's start.
pub(crate) fn t(ms: f64) -> f64 {
    let ns = nanos(ms);
    let text = format!("{}.{:09}", EPOCH + ns / 1_000_000_000, ns % 1_000_000_000);
    // As the rows are parsed, last digit and all.
    serde_json::from_str(&text).unwrap()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
fn nanos(ms: f64) -> u64 {
    (ms * 1000.0).round() as u64 * 1000
}

impl Story {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Sets the time of the packets that follow, in milliseconds after the start.
    pub(crate) fn at(&mut self, ms: f64) -> &mut Self {
        self.now = nanos(ms);
        self
    }

    /// Sets the time to live of the packets that follow.
    pub(crate) fn hop_limit(&mut self, hop_limit: u8) -> &mut Self {
        self.hop_limit = Some(hop_limit);
        self
    }

    /// A connection that was open before the capture began.
    pub(crate) fn midstream(&mut self, client: &str, server: &str) -> Conn {
        let isn = 1000 * (u32::try_from(self.conns.len()).unwrap() + 1);
        self.conns.push(
            [(client, isn), (server, isn + 500_000)]
                .map(|(address, next)| End { address: address.parse().unwrap(), next }),
        );
        Conn(self.conns.len() - 1)
    }

    /// Opens a connection: three packets.
    pub(crate) fn connect(&mut self, client: &str, server: &str) -> Conn {
        let conn = self.midstream(client, server);
        self.packet(conn, Client, SYN, &[]);
        self.packet(conn, Server, SYN | ACK, &[]);
        self.packet(conn, Client, ACK, &[]);
        conn
    }

    /// A connection that the server refuses: nobody listens.
    pub(crate) fn refuse(&mut self, client: &str, server: &str) -> Conn {
        let conn = self.midstream(client, server);
        self.packet(conn, Client, SYN, &[]);
        self.rst(conn, Server);
        conn
    }

    /// Opens a connection over a network whose round trip takes `ms` milliseconds, captured at the
    /// client.
    pub(crate) fn connect_over(&mut self, ms: f64, client: &str, server: &str) -> Conn {
        let conn = self.midstream(client, server);
        self.packet(conn, Client, SYN, &[]);
        self.now += nanos(ms);
        self.packet(conn, Server, SYN | ACK, &[]);
        self.packet(conn, Client, ACK, &[]);
        conn
    }

    /// Sends one packet from the client and returns its packet number.
    pub(crate) fn c(&mut self, conn: Conn, bytes: impl AsRef<[u8]>) -> u64 {
        self.packet(conn, Client, PSH | ACK, bytes.as_ref())
    }

    /// Sends one packet from the server and returns its packet number.
    pub(crate) fn s(&mut self, conn: Conn, bytes: impl AsRef<[u8]>) -> u64 {
        self.packet(conn, Server, PSH | ACK, bytes.as_ref())
    }

    /// Sends a packet that is not captured, and returns the sequence number of its first byte.
    pub(crate) fn lose(&mut self, conn: Conn, side: Side, bytes: impl AsRef<[u8]>) -> u32 {
        let end = &mut self.conns[conn.0][side as usize];
        let seq = end.next;
        end.next += u32::try_from(bytes.as_ref().len()).unwrap();
        seq
    }

    /// Sends bytes from `seq` on once more.
    pub(crate) fn retransmit(&mut self, conn: Conn, side: Side, seq: u32, bytes: impl AsRef<[u8]>) -> u64 {
        self.write(conn, side, seq, PSH | ACK, bytes.as_ref())
    }

    pub(crate) fn ack(&mut self, conn: Conn, side: Side) -> u64 {
        self.packet(conn, side, ACK, &[])
    }

    pub(crate) fn fin(&mut self, conn: Conn, side: Side) -> u64 {
        self.packet(conn, side, FIN | ACK, &[])
    }

    /// Closes with a FIN from each side, `first` first.
    pub(crate) fn close(&mut self, conn: Conn, first: Side) {
        let second = if first == Client { Server } else { Client };
        self.fin(conn, first);
        self.fin(conn, second);
        self.ack(conn, first);
    }

    /// A reset as a closed socket answers bytes with: without an acknowledgement.
    pub(crate) fn reset_bytes(&mut self, conn: Conn, side: Side) -> u64 {
        self.packet(conn, side, RST, &[])
    }

    pub(crate) fn rst(&mut self, conn: Conn, side: Side) -> u64 {
        self.packet(conn, side, RST | ACK, &[])
    }

    /// Cuts the last packet as a snapshot length does, by `missing` bytes.
    pub(crate) fn cut_last(&mut self, missing: usize) {
        let last = self.packets.last_mut().unwrap();
        last.1.truncate(last.2 - missing);
    }

    /// Swaps the last two packets; the capture times stay in order.
    pub(crate) fn swap_last_two(&mut self) {
        let len = self.packets.len();
        let times = (self.packets[len - 2].0, self.packets[len - 1].0);
        self.packets.swap(len - 2, len - 1);
        self.packets[len - 2].0 = times.0;
        self.packets[len - 1].0 = times.1;
    }

    fn packet(&mut self, conn: Conn, side: Side, flags: u8, bytes: &[u8]) -> u64 {
        let seq = self.conns[conn.0][side as usize].next;
        let more = u32::from(flags & (SYN | FIN) != 0) + u32::try_from(bytes.len()).unwrap();
        self.conns[conn.0][side as usize].next += more;
        self.write(conn, side, seq, flags, bytes)
    }

    fn write(&mut self, conn: Conn, side: Side, seq: u32, flags: u8, bytes: &[u8]) -> u64 {
        let ends = self.conns[conn.0];
        let (from, to) = (ends[side as usize], ends[1 - side as usize]);
        let mut data = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        let hop_limit = self.hop_limit.unwrap_or(64);
        match (from.address.ip(), to.address.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                data.extend([8, 0, 0x45, 0]);
                data.extend(u16::try_from(40 + bytes.len()).unwrap().to_be_bytes());
                // The identification differs from packet to packet: none is a copy of another.
                data.extend(u16::try_from(self.packets.len() + 1).unwrap().to_be_bytes());
                data.extend([0x40, 0, hop_limit, 6, 0, 0]);
                data.extend(from.octets());
                data.extend(to.octets());
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                data.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
                data.extend(u16::try_from(20 + bytes.len()).unwrap().to_be_bytes());
                data.extend([6, hop_limit]);
                data.extend(from.octets());
                data.extend(to.octets());
            }
            ends => panic!("both ends have addresses of one family: {ends:?}"),
        }
        data.extend(from.address.port().to_be_bytes());
        data.extend(to.address.port().to_be_bytes());
        data.extend(seq.to_be_bytes());
        let ack = if flags & ACK == 0 { 0 } else { to.next };
        data.extend(ack.to_be_bytes());
        data.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        data.extend(bytes);
        let length = data.len();
        self.packets.push((self.now, data, length));
        self.packets.len() as u64
    }

    /// The capture as a file: classic pcap with nanoseconds, Ethernet.
    pub(crate) fn pcap(&self) -> Vec<u8> {
        let mut file = Vec::new();
        file.extend(0xa1b2_3c4d_u32.to_le_bytes());
        file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        file.extend(262_144_u32.to_le_bytes());
        file.extend(1_u32.to_le_bytes());
        for (time, data, length) in &self.packets {
            for field in
                [EPOCH + time / 1_000_000_000, time % 1_000_000_000, data.len() as u64, *length as u64]
            {
                file.extend(u32::try_from(field).unwrap().to_le_bytes());
            }
            file.extend(data);
        }
        file
    }

    /// Runs the program over the capture.
    pub(crate) fn run(&self) -> Rows {
        Rows::of(self.pcap())
    }
}

/// The rows of `export --to jsonl`.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) text: String,
    pub(crate) rows: Vec<Value>,
}

impl Rows {
    pub(crate) fn of(pcap: Vec<u8>) -> Self {
        let mut source = capture::from_reader("story", Box::new(Cursor::new(pcap)));
        let (mut engine, mut entries, mut text) = (Engine::new(), Vec::new(), Vec::new());
        while engine.read(&mut source, &mut entries).unwrap() {}
        for entry in &entries {
            jsonl::write(entry, &mut text).unwrap();
        }
        let text = String::from_utf8(text).unwrap();
        let rows = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Self { text, rows }
    }

    /// The rows of a type, in their order.
    pub(crate) fn of_type(&self, kind: &str) -> Vec<&Value> {
        self.rows.iter().filter(|row| row["type"] == kind).collect()
    }

    #[track_caller]
    pub(crate) fn exchange(&self, n: u64) -> &Value {
        let mut found = self.rows.iter().filter(|row| row["type"] == "exchange" && row["n"] == n);
        let row = found.next().unwrap_or_else(|| panic!("no exchange {n} in\n{}", self.text));
        assert!(found.next().is_none(), "exchange {n} twice in\n{}", self.text);
        row
    }

    #[track_caller]
    pub(crate) fn session(&self, name: &str) -> &Value {
        self.rows
            .iter()
            .find(|row| row["type"] == "session" && row["session"] == name)
            .unwrap_or_else(|| panic!("no session {name} in\n{}", self.text))
    }

    /// Exchange `n` has at least these fields with these values.
    #[track_caller]
    pub(crate) fn exchange_is(&self, n: u64, expected: Value) {
        has(self.exchange(n), expected);
    }

    #[track_caller]
    pub(crate) fn session_is(&self, name: &str, expected: Value) {
        has(self.session(name), expected);
    }

    /// The `at`th row of a type (from 0) has at least these fields.
    #[track_caller]
    pub(crate) fn row_is(&self, kind: &str, at: usize, expected: Value) {
        let rows = self.of_type(kind);
        let row = rows.get(at).unwrap_or_else(|| panic!("only {} {kind} rows in\n{}", rows.len(), self.text));
        has(row, expected);
    }

    /// How many rows of a type there are.
    #[track_caller]
    pub(crate) fn counts(&self, kind: &str, expected: usize) {
        assert_eq!(self.of_type(kind).len(), expected, "{kind} rows in\n{}", self.text);
    }

    /// The findings with this code.
    pub(crate) fn found(&self, code: &str) -> Vec<&Value> {
        let all = self.of_type("finding");
        all.into_iter().filter(|row| row["code"] == code).collect()
    }

    /// The codes of all findings of notice and above, each as often as it is told.
    pub(crate) fn codes(&self) -> Vec<&str> {
        let all = self.of_type("finding").into_iter().filter(|row| row["severity"] != "info");
        let mut codes: Vec<&str> = all.filter_map(|row| row["code"].as_str()).collect();
        codes.sort_unstable();
        codes
    }

    /// These are all findings of notice and above.
    #[track_caller]
    pub(crate) fn says(&self, expected: &[&str]) {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(self.codes(), expected, "in\n{}", self.text);
    }

    /// Nothing of this is told.
    #[track_caller]
    pub(crate) fn is_silent_on(&self, codes: &[&str]) {
        for code in codes {
            self.finds(code, 0);
        }
    }

    /// How many findings with this code there are.
    #[track_caller]
    pub(crate) fn finds(&self, code: &str, expected: usize) {
        assert_eq!(self.found(code).len(), expected, "{code} in\n{}", self.text);
    }
}

/// A row has at least these fields with these values; fails with all that differ.
#[track_caller]
pub(crate) fn has(row: &Value, expected: Value) {
    let mut differ = Vec::new();
    compare("", row, &expected, &mut differ);
    assert!(differ.is_empty(), "{}\nin {row}", differ.join("\n"));
}

fn compare(path: &str, row: &Value, expected: &Value, differ: &mut Vec<String>) {
    if let (Value::Object(_), Value::Object(fields)) = (row, expected) {
        for (name, value) in fields {
            compare(&format!("{path}.{name}"), &row[name], value, differ);
        }
    } else if row.as_f64().is_some() && row.as_f64() == expected.as_f64() {
        // 12 and 12.0 are one number.
    } else if row != expected {
        differ.push(format!("{path}: expected {expected}, got {row}"));
    }
}
