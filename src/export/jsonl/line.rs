//! One JSON object in a buffer, written without building a value first.

use std::io;
use std::net::SocketAddr;

use crate::base::http2::Http2Facts;
use crate::base::protocols::{HttpVersion, Protocols, TlsNames};
use crate::base::{Degraded, Files, PacketNo, Timestamp, json, units};
use crate::ledger::{Id, Implementation, MessageSpan, RpcError, SessionRef};

/// Keys of the first and the last packet of something, and of their files.
pub(super) const FIRST: [&str; 2] = ["first_packet", "first_file"];
pub(super) const LAST: [&str; 2] = ["last_packet", "last_file"];

/// A line under construction. Most methods append a member, `,"key":value`, and write `null` for
/// `None`.
#[derive(Debug, Default)]
pub(super) struct Line {
    bytes: Vec<u8>,
    files: Files,
}

impl Line {
    /// Creates an empty line that numbers packets by these files.
    pub(super) fn new(files: Files) -> Self {
        Self { bytes: Vec::new(), files }
    }

    /// Begins a line of this type, and discards what the buffer holds.
    pub(super) fn start(&mut self, kind: &str) {
        self.bytes.clear();
        self.raw("{\"type\":\"");
        self.raw(kind);
        self.raw("\",\"v\":1");
    }

    /// Ends the line and returns it, line end included.
    pub(super) fn finish(&mut self) -> &[u8] {
        self.raw("}\n");
        &self.bytes
    }

    pub(super) fn session_fields(&mut self, session: Option<&SessionRef>) -> io::Result<()> {
        self.session_number(session.map(|session| session.number));
        self.text("session_id", session.and_then(|session| session.id.as_deref()))
    }

    /// The protocols that carried a message.
    pub(super) fn protocols(&mut self, protocols: &Protocols) -> io::Result<()> {
        self.word("http_version", protocols.http.map(HttpVersion::name));
        self.number("http2_stream", protocols.http2_stream.map(u64::from));
        let tls = protocols.tls.as_deref();
        self.word("tls", tls.and_then(TlsNames::version_name));
        self.text("suite", tls.and_then(|tls| tls.suite.as_deref()))?;
        self.text("sni", tls.and_then(|tls| tls.sni.as_deref()))?;
        self.text("alpn", tls.and_then(|tls| tls.alpn.as_deref()))
    }

    /// What HTTP/2 tells of an exchange besides.
    pub(super) fn http2_facts(&mut self, facts: &Http2Facts) -> io::Result<()> {
        self.duration("send_window_ms", facts.request_wait.map(|wait| wait.ns));
        self.duration("receive_window_ms", facts.response_wait.map(|wait| wait.ns));
        self.key("closed_by");
        let Some(frame) = &facts.closed_by else {
            self.raw("null");
            return Ok(());
        };
        self.raw("{\"frame\":\"");
        self.raw(frame.name());
        self.raw("\"");
        self.word("from", Some(frame.by.name()));
        self.text("code", frame.code.map(|code| code.to_string()).as_deref())?;
        self.number("last_stream", frame.last_stream.map(u64::from));
        self.packet(["packet", "file"], Some(frame.packet));
        self.raw("}");
        Ok(())
    }

    pub(super) fn session_number(&mut self, number: Option<u32>) {
        self.other_session("session", number);
    }

    pub(super) fn other_session(&mut self, key: &str, number: Option<u32>) {
        self.key(key);
        match number {
            Some(number) => {
                self.raw("\"s");
                units::push_digits(&mut self.bytes, number.into(), 1);
                self.raw("\"");
            }
            None => self.raw("null"),
        }
    }

    pub(super) fn carried(&mut self, key: &str, carried: Option<&MessageSpan>) {
        self.key(key);
        let Some(carried) = carried else {
            return self.raw("null");
        };
        self.raw("{\"start\":");
        units::push_seconds(&mut self.bytes, carried.span.start.time);
        self.time("end", Some(carried.span.end.time));
        self.packet(FIRST, Some(carried.span.first));
        self.packet(LAST, Some(carried.span.last));
        self.number("bytes", Some(carried.bytes));
        self.raw("}");
    }

    pub(super) fn error(&mut self, error: Option<&RpcError>) -> io::Result<()> {
        self.key("error");
        let Some(error) = error else {
            self.raw("null");
            return Ok(());
        };
        self.raw("{\"code\":");
        match error.code {
            Some(code) => self.integer(code),
            None => self.raw("null"),
        }
        self.text("message", Some(&error.message))?;
        self.raw("}");
        Ok(())
    }

    pub(super) fn implementation(&mut self, key: &str, info: Option<&Implementation>) -> io::Result<()> {
        self.key(key);
        let Some(info) = info else {
            self.raw("null");
            return Ok(());
        };
        self.raw("{\"name\":");
        self.quoted(&info.name)?;
        self.text("version", Some(&info.version))?;
        self.raw("}");
        Ok(())
    }

    pub(super) fn id(&mut self, id: &Id) -> io::Result<()> {
        self.key("id");
        match id {
            Id::Null => self.raw("null"),
            Id::Int(int) => self.integer(*int),
            // Copied from the wire, where it was parsed as a JSON number.
            Id::Number(spelled) => self.raw(spelled),
            Id::Cut(text) | Id::Text(text) => self.quoted(text)?,
        }
        Ok(())
    }

    pub(super) fn degraded(&mut self, degraded: Degraded) {
        self.words("degraded", degraded.names());
    }

    pub(super) fn words(&mut self, key: &str, words: impl Iterator<Item = &'static str>) {
        self.key(key);
        self.raw("[");
        for (i, word) in words.enumerate() {
            self.raw(if i == 0 { "\"" } else { ",\"" });
            self.raw(word);
            self.raw("\"");
        }
        self.raw("]");
    }

    pub(super) fn texts(&mut self, key: &str, texts: &[Box<str>]) -> io::Result<()> {
        self.key(key);
        self.raw("[");
        for (i, text) in texts.iter().enumerate() {
            self.raw(if i == 0 { "" } else { "," });
            self.quoted(text)?;
        }
        self.raw("]");
        Ok(())
    }

    /// The number of a packet. With several files it is the number in its file, and the name of the
    /// file follows: `"first_packet":61,"first_file":"b.pcap"`.
    pub(super) fn packet(&mut self, [key, file_key]: [&str; 2], packet: Option<PacketNo>) {
        if !self.files.are_several() {
            return self.number(key, packet.map(|packet| packet.0));
        }
        let files = self.files.clone();
        self.number(key, packet.map(|packet| files.number(packet)));
        self.name(file_key, packet.and_then(|packet| files.name(packet)));
    }

    /// The number of a connection. With several files it is the number in the file of one of its
    /// packets, and the name of the file follows.
    pub(super) fn stream(&mut self, tcp_stream: Option<u32>, packet: Option<PacketNo>) {
        let key = "tcp_stream";
        if !self.files.are_several() {
            return self.number(key, tcp_stream.map(u64::from));
        }
        let files = self.files.clone();
        let known = tcp_stream.zip(packet);
        self.number(key, known.and_then(|(stream, packet)| files.stream(stream, packet)).map(u64::from));
        self.name("stream_file", known.and_then(|(_, packet)| files.name(packet)));
    }

    /// The name of a file, which is no text of the traffic.
    fn name(&mut self, key: &str, name: Option<&str>) {
        self.key(key);
        match name {
            // A buffer takes everything.
            Some(name) => drop(self.quoted(name)),
            None => self.raw("null"),
        }
    }

    pub(super) fn number(&mut self, key: &str, value: Option<u64>) {
        self.key(key);
        match value {
            Some(value) => units::push_digits(&mut self.bytes, value, 1),
            None => self.raw("null"),
        }
    }

    pub(super) fn time(&mut self, key: &str, time: Option<Timestamp>) {
        self.key(key);
        match time {
            Some(time) => units::push_seconds(&mut self.bytes, time),
            None => self.raw("null"),
        }
    }

    pub(super) fn duration(&mut self, key: &str, ns: Option<i64>) {
        self.key(key);
        match ns {
            Some(ns) => units::push_ms(&mut self.bytes, ns),
            None => self.raw("null"),
        }
    }

    /// A string that needs no escapes, such as the name of a status.
    pub(super) fn boolean(&mut self, key: &str, value: bool) {
        self.key(key);
        self.raw(if value { "true" } else { "false" });
    }

    pub(super) fn word(&mut self, key: &str, word: Option<&str>) {
        self.key(key);
        match word {
            Some(word) => {
                self.raw("\"");
                self.raw(word);
                self.raw("\"");
            }
            None => self.raw("null"),
        }
    }

    /// An address: a string that needs no escapes.
    pub(super) fn address(&mut self, key: &str, address: SocketAddr) {
        self.word(key, Some(&address.to_string()));
    }

    pub(super) fn some_address(&mut self, key: &str, address: Option<SocketAddr>) {
        self.word(key, address.map(|address| address.to_string()).as_deref());
    }

    pub(super) fn addresses(&mut self, key: &str, addresses: &[SocketAddr]) {
        self.key(key);
        self.raw("[");
        for (i, address) in addresses.iter().enumerate() {
            self.raw(if i == 0 { "\"" } else { ",\"" });
            self.raw(&address.to_string());
            self.raw("\"");
        }
        self.raw("]");
    }

    pub(super) fn text(&mut self, key: &str, text: Option<&str>) -> io::Result<()> {
        self.key(key);
        match text {
            Some(text) => self.quoted(text),
            None => {
                self.raw("null");
                Ok(())
            }
        }
    }

    /// A number with three decimals.
    pub(super) fn decimal(&mut self, key: &str, value: Option<f64>) {
        self.key(key);
        match value {
            Some(value) => self.raw(&format!("{value:.3}")),
            None => self.raw("null"),
        }
    }

    /// An object whose members `members` appends.
    pub(super) fn object<T>(
        &mut self,
        key: &str,
        value: Option<&T>,
        members: impl Fn(&mut Self, &T) -> io::Result<()>,
    ) -> io::Result<()> {
        self.key(key);
        match value {
            Some(value) => self.braced(value, members),
            None => {
                self.raw("null");
                Ok(())
            }
        }
    }

    /// An array of objects.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        values: &[T],
        members: impl Fn(&mut Self, &T) -> io::Result<()>,
    ) -> io::Result<()> {
        self.key(key);
        self.raw("[");
        for (i, value) in values.iter().enumerate() {
            self.raw(if i == 0 { "" } else { "," });
            self.braced(value, &members)?;
        }
        self.raw("]");
        Ok(())
    }

    fn braced<T>(&mut self, value: &T, members: impl Fn(&mut Self, &T) -> io::Result<()>) -> io::Result<()> {
        self.raw("{");
        let from = self.bytes.len();
        members(self, value)?;
        // The comma before the first member.
        if self.bytes.get(from) == Some(&b',') {
            self.bytes.remove(from);
        }
        self.raw("}");
        Ok(())
    }

    fn quoted(&mut self, text: &str) -> io::Result<()> {
        json::write_string(&mut self.bytes, text)
    }

    fn integer(&mut self, value: i64) {
        if value < 0 {
            self.raw("-");
        }
        units::push_digits(&mut self.bytes, value.unsigned_abs(), 1);
    }

    fn key(&mut self, key: &str) {
        self.raw(",\"");
        self.raw(key);
        self.raw("\":");
    }

    fn raw(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }
}
