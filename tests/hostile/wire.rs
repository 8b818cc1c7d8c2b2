//! Writes a capture packet by packet into the program, without keeping it in memory.

use std::io::{self, BufWriter, Write};
use std::sync::{Arc, Mutex};

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const ACK: u8 = 16;

/// The start of every attack, in nanoseconds since the epoch.
pub(crate) const EPOCH: u64 = 1_795_337_355_000_000_000;

/// The largest payload of one packet.
const MOST: usize = 32_768;

/// A millisecond, in nanoseconds.
pub(crate) const MS: u64 = 1_000_000;

/// A writer of pcapng with nanoseconds, Ethernet.
pub(crate) struct Wire {
    out: BufWriter<Box<dyn Write>>,
    /// The time of the next packet, in nanoseconds.
    pub(crate) now: u64,
    /// Nanoseconds between packets.
    pub(crate) step: u64,
    ip_id: u16,
    data: Vec<u8>,
}

/// The capture that an attack writes, in memory.
pub(crate) fn capture(attack: impl FnOnce(&mut Wire)) -> Vec<u8> {
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);
    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let shared = Shared::default();
    let mut wire = Wire::new(Box::new(shared.clone()));
    attack(&mut wire);
    wire.end();
    let mut bytes = shared.0.lock().unwrap();
    std::mem::take(&mut *bytes)
}

/// The sender.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Client,
    Server,
}

/// A connection: its addresses and the offsets of the next bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conn {
    number: u32,
    /// The last two bytes of the server's address.
    server: u16,
    next: [u32; 2],
}

impl Conn {
    /// The connection with this number, whose ends differ from those of all others below 2^30.
    pub(crate) fn new(number: usize) -> Self {
        Self { number: u32::try_from(number).unwrap(), server: 2, next: [1000, 9000] }
    }

    /// The same with another server, of 65,536.
    pub(crate) fn at(self, server: usize) -> Self {
        Self { server: (server % 65_536) as u16, ..self }
    }

    fn server(self) -> ([u8; 4], u16) {
        let [a, b] = self.server.to_be_bytes();
        ([10, 0, a, b], 3000)
    }

    fn client(self) -> ([u8; 4], u16) {
        let [_, b, c, d] = (self.number / 16_384).to_be_bytes();
        ([10, b | 128, c, d], u16::try_from(20_000 + self.number % 16_384).unwrap())
    }
}

impl Wire {
    /// Writes the file's beginning.
    pub(crate) fn new(out: Box<dyn Write>) -> Self {
        let mut wire = Self {
            out: BufWriter::with_capacity(1 << 18, out),
            now: EPOCH,
            step: 1000,
            ip_id: 1,
            data: Vec::new(),
        };
        let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
        section.extend([1, 0, 0, 0]);
        section.extend([0xff; 8]);
        wire.block(0x0a0d_0d0a, &section);
        // Ethernet, no snap length, if_tsresol 9.
        wire.block(1, &[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        wire
    }

    /// Flushes and closes the pipe.
    pub(crate) fn end(mut self) {
        self.out.flush().unwrap();
    }

    /// Writes a block of pcapng.
    pub(crate) fn block(&mut self, kind: u32, body: &[u8]) {
        let padding = (4 - body.len() % 4) % 4;
        let length = u32::try_from(12 + body.len() + padding).unwrap().to_le_bytes();
        for part in [&kind.to_le_bytes()[..], &length, body, &[0; 3][..padding], &length] {
            self.out.write_all(part).unwrap();
        }
    }

    /// Writes a frame, with the number of packets lost before it.
    pub(crate) fn frame(&mut self, frame: &[u8], lost: u64) {
        let mut body = Vec::with_capacity(frame.len() + 40);
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        body.extend(0_u32.to_le_bytes());
        body.extend(((self.now >> 32) as u32).to_le_bytes());
        body.extend((self.now as u32).to_le_bytes());
        body.extend(length);
        body.extend(length);
        body.extend(frame);
        if lost > 0 {
            body.resize(body.len().next_multiple_of(4), 0);
            body.extend([4, 0, 8, 0]);
            body.extend(lost.to_le_bytes());
            body.extend([0; 4]);
        }
        self.block(6, &body);
        self.now = self.now.wrapping_add(self.step);
    }

    /// Writes an IPv4 packet; `fragment` is the word of flags and fragment offset.
    pub(crate) fn ip(&mut self, (from, to): ([u8; 4], [u8; 4]), protocol: u8, fragment: u16, payload: &[u8]) {
        let mut data = std::mem::take(&mut self.data);
        data.clear();
        data.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0]);
        data.extend(u16::try_from(20 + payload.len()).unwrap().to_be_bytes());
        data.extend(self.ip_id.to_be_bytes());
        data.extend(fragment.to_be_bytes());
        data.extend([64, protocol, 0, 0]);
        data.extend(from);
        data.extend(to);
        data.extend(payload);
        self.ip_id = self.ip_id.wrapping_add(1);
        self.frame(&data, 0);
        self.data = data;
    }

    /// Writes a TCP packet at an offset of its direction.
    #[expect(clippy::too_many_arguments, reason = "so many fields of a TCP header are chosen")]
    pub(crate) fn tcp(&mut self, conn: Conn, side: Side, seq: u32, flags: u8, bytes: &[u8]) {
        let (client, server) = (conn.client(), conn.server());
        let (from, to) = match side {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        let ack = if flags & ACK == 0 { 0 } else { conn.next[1 - side as usize] };
        let mut segment = Vec::with_capacity(20 + bytes.len());
        segment.extend(from.1.to_be_bytes());
        segment.extend(to.1.to_be_bytes());
        segment.extend(seq.to_be_bytes());
        segment.extend(ack.to_be_bytes());
        segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(bytes);
        self.ip((from.0, to.0), 6, 0x4000, &segment);
    }

    /// Opens a connection: three packets.
    pub(crate) fn open(&mut self, number: usize) -> Conn {
        self.connect(Conn::new(number))
    }

    /// Opens this connection.
    pub(crate) fn connect(&mut self, mut conn: Conn) -> Conn {
        self.syn(&mut conn, Side::Client, SYN);
        self.syn(&mut conn, Side::Server, SYN | ACK);
        self.tcp(conn, Side::Client, conn.next[0], ACK, &[]);
        conn
    }

    fn syn(&mut self, conn: &mut Conn, side: Side, flags: u8) {
        self.tcp(*conn, side, conn.next[side as usize], flags, &[]);
        conn.next[side as usize] += 1;
    }

    /// Sends bytes, in as many packets as they need.
    pub(crate) fn send(&mut self, conn: &mut Conn, side: Side, bytes: impl AsRef<[u8]>) {
        for part in bytes.as_ref().chunks(MOST) {
            self.tcp(*conn, side, conn.next[side as usize], ACK, part);
            self.skip(conn, side, part.len());
        }
    }

    /// Sends bytes in one packet.
    pub(crate) fn send_whole(&mut self, conn: &mut Conn, side: Side, bytes: &[u8]) {
        self.tcp(*conn, side, conn.next[side as usize], ACK, bytes);
        self.skip(conn, side, bytes.len());
    }

    /// Skips bytes, as if they were not captured.
    pub(crate) fn skip(&mut self, conn: &mut Conn, side: Side, len: usize) {
        let next = &mut conn.next[side as usize];
        *next = next.wrapping_add(u32::try_from(len).unwrap());
    }

    /// Repeats the same bytes until a number of bytes is sent.
    pub(crate) fn fill(&mut self, conn: &mut Conn, side: Side, bytes: &[u8], total: usize) {
        let block = bytes.repeat((MOST / bytes.len()).max(1));
        let mut sent = 0;
        while sent < total {
            self.send(conn, side, &block);
            sent += block.len();
        }
    }

    /// Closes the connection from both sides.
    pub(crate) fn close(&mut self, conn: &mut Conn) {
        for side in [Side::Client, Side::Server] {
            self.tcp(*conn, side, conn.next[side as usize], FIN | ACK, &[]);
            conn.next[side as usize] = conn.next[side as usize].wrapping_add(1);
        }
    }

    /// The client POSTs JSON to the MCP endpoint; `fields` are more header lines, each with its
    /// CRLF.
    pub(crate) fn post(&mut self, conn: &mut Conn, fields: &str, body: &str) {
        let text = format!(
            "POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n{fields}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(conn, Side::Client, text);
    }

    /// The server accepts what was POSTed: 202.
    pub(crate) fn accept(&mut self, conn: &mut Conn) {
        self.send(conn, Side::Server, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
    }

    /// The server answers with JSON.
    pub(crate) fn answer(&mut self, conn: &mut Conn, fields: &str, body: &str) {
        let text = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{fields}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(conn, Side::Server, text);
    }

    /// A GET that is answered by an event stream which stays open.
    pub(crate) fn stream(&mut self, conn: &mut Conn, fields: &str) {
        let get = format!("GET /mcp HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n{fields}\r\n");
        self.send(conn, Side::Client, get);
        self.send(conn, Side::Server, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    }
}
