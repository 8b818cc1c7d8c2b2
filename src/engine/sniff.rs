//! Finds out what a connection speaks and which end is the client, from its first bytes. Ports are
//! not looked at.

use std::borrow::Cow;

use bytes::Bytes;

use crate::base::fact::Speaks;
use crate::base::{Degraded, End, Feed, Span, StreamBuf, limits};
use crate::http::h1::scan::{self, EntryPoint, PREFACE, StartKind};

/// Input held until the protocol of the connection is known.
#[derive(Debug, Default)]
pub(super) struct Sniffer {
    /// All feeds in order, while the beginning is complete.
    held: Vec<(End, Feed<End>)>,
    /// Bytes seen so far.
    bytes: usize,
    /// Why the beginning is missing. If anything is set, a place is searched where reading can
    /// start.
    missing: Degraded,
    /// The latest bytes that each end sent, if the beginning is missing.
    windows: [StreamBuf; 2],
    /// Ends of directions, if the beginning is missing.
    eofs: Vec<(End, Feed<End>)>,
}

/// The result of a look at some bytes.
#[derive(Debug)]
pub(super) enum Verdict {
    /// HTTP/1 from the beginning of the connection.
    Http1 {
        /// The client.
        client: End,
    },
    /// HTTP/1, readable from a place in the middle of what `from` sent.
    Midstream {
        /// The sender.
        from: End,
        /// The place in its window.
        entry: EntryPoint,
    },
    /// Something that is not decoded.
    Ignore(Speaks),
    /// More bytes are needed.
    Undecided,
}

/// What was held when the connection turned out to be readable from its middle.
#[derive(Debug)]
pub(super) struct Midstream {
    /// Why the beginning is missing.
    pub(super) missing: Degraded,
    /// The latest bytes of A and of B.
    pub(super) windows: [StreamBuf; 2],
    /// Ends of directions.
    pub(super) eofs: Vec<(End, Feed<End>)>,
}

impl Sniffer {
    /// Returns the number of bytes held.
    pub(super) fn held(&self) -> usize {
        let windows: usize = self.windows.iter().map(StreamBuf::len).sum();
        windows + if self.held.is_empty() { 0 } else { self.bytes.min(limits::MAX_SNIFF) }
    }

    /// Returns whether no payload was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Takes all feeds that were held, in order.
    pub(super) fn take_held(&mut self) -> Vec<(End, Feed<End>)> {
        std::mem::take(&mut self.held)
    }

    /// Takes what was held since the gap.
    pub(super) fn take_midstream(&mut self) -> Midstream {
        let Self { missing, windows, eofs, .. } = std::mem::take(self);
        Midstream { missing, windows, eofs }
    }

    /// Takes the next feed of what `from` sent. `opener` is the end that sent the SYN, if it was
    /// captured.
    pub(super) fn push(&mut self, from: End, feed: Feed<End>, opener: Option<End>) -> Verdict {
        match feed {
            Feed::Gap { why, .. } => {
                self.missing.add(why);
                for (end, feed) in std::mem::take(&mut self.held) {
                    match feed {
                        Feed::Data(bytes, span) => self.keep(end, bytes, span),
                        feed => self.eofs.push((end, feed)),
                    }
                }
                Verdict::Undecided
            }
            Feed::Eof { .. } => {
                let list = if self.missing.is_none() { &mut self.held } else { &mut self.eofs };
                list.push((from, feed));
                Verdict::Undecided
            }
            Feed::Data(bytes, span) => {
                self.bytes = self.bytes.saturating_add(bytes.len());
                if self.missing.any() {
                    self.keep(from, bytes, span);
                    return self.find_entry(from, opener);
                }
                let verdict = self.judge_front(from, &bytes);
                if self.held.is_empty() {
                    // Most often the first bytes decide.
                    self.held.reserve_exact(1);
                }
                // Bytes that wait must not keep a block of the capture in memory.
                let is_waiting = matches!(verdict, Verdict::Undecided);
                let bytes = if is_waiting { Bytes::copy_from_slice(&bytes) } else { bytes };
                self.held.push((from, Feed::Data(bytes, span)));
                verdict
            }
        }
    }

    fn judge_front(&self, from: End, bytes: &[u8]) -> Verdict {
        match front(&self.front_of(from, bytes)) {
            Guess::Request => Verdict::Http1 { client: from },
            Guess::Response => Verdict::Http1 { client: from.other() },
            Guess::Http2 => Verdict::Ignore(Speaks::Http2),
            Guess::Tls => Verdict::Ignore(Speaks::Tls),
            Guess::Undecided if self.bytes <= limits::MAX_SNIFF => Verdict::Undecided,
            Guess::Undecided | Guess::Other => Verdict::Ignore(Speaks::Other),
        }
    }

    /// Searches a place where reading can start in what `from` sent; keeps what may yet become one.
    fn find_entry(&mut self, from: End, opener: Option<End>) -> Verdict {
        let (window, _) = from.split_mut(&mut self.windows);
        // In the middle of a body anything may look like a head: the SYN, if captured, rules out
        // one of two readings.
        let is_plausible = |entry: &EntryPoint| match entry {
            EntryPoint::Request(_) => opener.is_none_or(|client| client == from),
            EntryPoint::Response(_) | EntryPoint::Event { .. } => opener.is_none_or(|client| client != from),
        };
        if let Some(entry) = scan::entry_point(window.bytes()).filter(is_plausible) {
            return Verdict::Midstream { from, entry };
        }
        if is_tls_record(window.bytes()) {
            return Verdict::Ignore(Speaks::Tls);
        }
        if window.len() > limits::MAX_WINDOW {
            window.skip(window.len() - limits::MAX_WINDOW / 2);
        }
        window.settle();
        Verdict::Undecided
    }

    fn keep(&mut self, end: End, bytes: Bytes, span: Span) {
        end.split_mut(&mut self.windows).0.push(bytes, span);
    }

    /// Returns the first bytes that `from` sent: those held, followed by `bytes`.
    fn front_of<'a>(&self, from: End, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let bytes = bytes.get(..64).unwrap_or(bytes);
        let mut front = Vec::new();
        for (end, feed) in &self.held {
            if let Feed::Data(held, _) = feed
                && *end == from
            {
                front.extend_from_slice(held);
            }
        }
        if front.is_empty() {
            return Cow::Borrowed(bytes);
        }
        front.extend_from_slice(bytes);
        Cow::Owned(front)
    }
}

/// What the front of a direction says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guess {
    /// An HTTP/1 request: its sender is the client.
    Request,
    /// An HTTP/1 response: its sender is the server.
    Response,
    /// The connection preface of HTTP/2 (RFC 9113 section 3.4): its sender is the client.
    Http2,
    /// A TLS handshake record.
    Tls,
    /// More bytes are needed.
    Undecided,
    /// None of these.
    Other,
}

/// Classifies the first bytes that a direction of a connection sent.
fn front(bytes: &[u8]) -> Guess {
    if bytes.trim_ascii_start().starts_with(PREFACE) {
        return Guess::Http2;
    }
    match scan::start_kind(bytes) {
        StartKind::Request => Guess::Request,
        StartKind::Response => Guess::Response,
        StartKind::Undecided => Guess::Undecided,
        StartKind::Other => tls(bytes),
    }
}

/// Classifies what may be a TLS handshake record (RFC 8446 section 5.1): type 22, version 3.x,
/// length, handshake type.
fn tls(bytes: &[u8]) -> Guess {
    match bytes {
        [22, 3, 0..=4, _, _, _, ..] => Guess::Tls,
        [22] | [22, 3] | [22, 3, 0..=4] | [22, 3, 0..=4, _] | [22, 3, 0..=4, _, _] => Guess::Undecided,
        _ => Guess::Other,
    }
}

/// Returns whether a TLS record begins here: version 1.0 to 1.3, and a length that RFC 8446 section
/// 5.2 allows.
fn is_tls_record(bytes: &[u8]) -> bool {
    matches!(bytes, [20..=23, 3, 0..=4, high, low, ..] if u16::from_be_bytes([*high, *low]) <= 16_640)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_recognised() {
        for (bytes, guess) in [
            (&b"GET / HTTP/1.1\r\n"[..], Guess::Request),
            (b"HTTP/1.1 200", Guess::Response),
            (b"HTTP/", Guess::Undecided),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Guess::Http2),
            (b"PRI * HT", Guess::Undecided),
            (b"\x16\x03\x01\x02\x00\x01\x00", Guess::Tls),
            (b"\x16\x03\x03\x00\x7a\x02", Guess::Tls),
            (b"\x16\x03\x03", Guess::Undecided),
            (b"SSH-2.0-OpenSSH", Guess::Other),
            (b"\x00\x00", Guess::Other),
        ] {
            assert_eq!(front(bytes), guess, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
