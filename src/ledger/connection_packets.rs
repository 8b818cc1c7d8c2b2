//! The packets of one connection, and what each end sent: what a page about it shows. Collected
//! from an analysis of this connection alone (`Engine::of_connections`).

use std::collections::BTreeMap;
use std::ops::Range;

use super::entry::Entry;
use crate::base::fact::{ConnectionFact, DeliveryFact, PayloadFact, PayloadKind, SegmentFact};
use crate::base::{End, Ending, Fact, Feed, PacketNo, Side, limits, sanitize};
use crate::mcp::{Exchange, Record};

/// The packets of a connection.
#[derive(Clone, Debug)]
pub struct ConnectionPackets {
    /// Wireshark's number of the connection.
    pub tcp_stream: u32,
    /// Its summary; `None` until the capture was read to its end.
    pub fact: Option<ConnectionFact>,
    /// Its segments, in packet order.
    pub segments: Vec<SegmentFact>,
    /// What A and B sent.
    pub sent: [SentBytes; 2],
    /// What of it was decrypted, with the packets of the TLS records; empty without TLS.
    pub decrypted: [SentBytes; 2],
    /// The HTTP transactions on it, in order.
    pub transactions: Vec<CarriedTransaction>,
    /// Whether there are more packets or bytes than are kept.
    pub is_cut: bool,
    by_number: BTreeMap<u32, usize>,
}

/// What an end sent, in order.
#[derive(Clone, Debug, Default)]
pub struct SentBytes {
    /// The captured bytes, without those that are missing.
    pub bytes: Vec<u8>,
    /// The pieces that they consist of, gaps and the end between them.
    pub pieces: Vec<SentPiece>,
    /// The ranges of `bytes` that hold credentials.
    pub secrets: Vec<Range<usize>>,
}

/// A piece of what an end sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentPiece {
    /// The bytes from `at` on, up to the next piece, and the packet that carried them.
    Bytes {
        /// Position in [`SentBytes::bytes`].
        at: usize,
        /// Number of bytes.
        len: usize,
        /// The packet.
        packet: PacketNo,
    },
    /// Bytes that were not captured; 0 if their number is not known.
    Gap {
        /// Number of bytes.
        len: u64,
        /// The packet at which they were given up.
        packet: PacketNo,
    },
    /// The end.
    End {
        /// How it ended.
        how: Ending<End>,
        /// The packet that ended it.
        packet: PacketNo,
    },
}

/// An HTTP transaction on the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedTransaction {
    /// Its number on the connection, from 0.
    pub number: u32,
    /// The first line of the request; empty if it was not captured.
    pub request: String,
    /// The first line of the response; empty if there is none.
    pub response: String,
    /// The requests of JSON-RPC that it carried: method and name.
    pub calls: Vec<String>,
    /// Its first packet, and the last one of what was read.
    pub first: PacketNo,
    /// See `first`.
    pub last: PacketNo,
}

impl ConnectionPackets {
    /// Creates the page of a connection of which nothing was read.
    #[must_use]
    pub fn new(tcp_stream: u32) -> Self {
        Self {
            tcp_stream,
            fact: None,
            segments: Vec::new(),
            sent: Default::default(),
            decrypted: Default::default(),
            transactions: Vec::new(),
            is_cut: false,
            by_number: BTreeMap::new(),
        }
    }

    /// Takes an entry of the analysis of the connection.
    pub fn push(&mut self, entry: &Entry) {
        match entry {
            Entry::Fact(Fact::Segment(segment)) => {
                if self.segments.len() < limits::MAX_PAGE_PACKETS {
                    self.segments.push(SegmentFact::clone(segment));
                } else {
                    self.is_cut = true;
                }
            }
            Entry::Fact(Fact::Delivery(delivery)) => self.deliver(delivery),
            Entry::Fact(Fact::Payload(payload)) => self.payload(payload),
            Entry::Fact(Fact::Connection(fact)) => self.fact = Some(ConnectionFact::clone(fact)),
            Entry::Record(Record::Request(exchange)) => self.call(exchange),
            _ => {}
        }
    }

    /// Finds the credentials in what was sent. Called once everything was pushed.
    pub fn find_secrets(&mut self) {
        for sent in self.sent.iter_mut().chain(&mut self.decrypted) {
            sent.secrets = secrets(&sent.bytes);
        }
    }

    /// Returns the end that is the client; the sender of the first packet while it is not known.
    #[must_use]
    pub fn client(&self) -> End {
        self.fact.as_ref().map_or(End::A, |fact| fact.client_end)
    }

    /// Returns what a side sent.
    #[must_use]
    pub fn sent_by(&self, side: Side) -> &SentBytes {
        let client = self.client();
        if side == Side::Client { client.of(&self.sent) } else { client.other().of(&self.sent) }
    }

    /// Returns what a side said: what was decrypted if anything was, else what it sent.
    #[must_use]
    pub fn said_by(&self, side: Side) -> &SentBytes {
        let client = self.client();
        let end = if side == Side::Client { client } else { client.other() };
        if self.is_decrypted() { end.of(&self.decrypted) } else { end.of(&self.sent) }
    }

    /// Returns whether anything was decrypted.
    #[must_use]
    pub fn is_decrypted(&self) -> bool {
        self.decrypted.iter().any(|sent| !sent.bytes.is_empty())
    }

    fn deliver(&mut self, delivery: &DeliveryFact) {
        let all = if delivery.is_decrypted { &mut self.decrypted } else { &mut self.sent };
        let (sent, _) = delivery.from.split_mut(all);
        let piece = match &delivery.feed {
            Feed::Data(bytes, span) => {
                let room = limits::MAX_PAGE_BYTES.saturating_sub(sent.bytes.len());
                let kept = bytes.get(..bytes.len().min(room)).unwrap_or_default();
                self.is_cut |= kept.len() < bytes.len();
                if kept.is_empty() {
                    return;
                }
                let at = sent.bytes.len();
                sent.bytes.extend_from_slice(kept);
                SentPiece::Bytes { at, len: kept.len(), packet: span.first }
            }
            Feed::Gap { len, at, .. } => SentPiece::Gap { len: *len, packet: at.packet },
            Feed::Eof { how, at } => SentPiece::End { how: *how, packet: at.packet },
        };
        if sent.pieces.len() < limits::MAX_PAGE_PACKETS {
            sent.pieces.push(piece);
        } else {
            self.is_cut = true;
        }
    }

    fn payload(&mut self, payload: &PayloadFact) {
        let Some(transaction) = self.transaction(payload.transaction, payload.span.first) else { return };
        transaction.last = transaction.last.max(payload.span.last);
        if payload.kind == PayloadKind::Head {
            let line = payload.bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let line = String::from_utf8_lossy(line.trim_ascii()).into_owned();
            match payload.side {
                Side::Client => transaction.request = line,
                // The final response follows interim ones.
                Side::Server => transaction.response = line,
            }
        }
    }

    fn call(&mut self, exchange: &Exchange) {
        let Some(transaction) = self.transaction(exchange.transaction, exchange.request.span.first) else {
            return;
        };
        if transaction.calls.len() < limits::MAX_PAGE_CALLS {
            let name = exchange.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
            transaction.calls.push(format!("{}{name}", exchange.method));
        }
    }

    /// Returns a transaction, which is new if nothing of it was pushed; `None` beyond the cap.
    fn transaction(&mut self, number: u32, packet: PacketNo) -> Option<&mut CarriedTransaction> {
        let index = match self.by_number.get(&number) {
            Some(index) => *index,
            None if self.transactions.len() >= limits::MAX_PAGE_PACKETS => {
                self.is_cut = true;
                return None;
            }
            None => {
                self.transactions.push(CarriedTransaction {
                    number,
                    request: String::new(),
                    response: String::new(),
                    calls: Vec::new(),
                    first: packet,
                    last: packet,
                });
                self.by_number.insert(number, self.transactions.len() - 1);
                self.transactions.len() - 1
            }
        };
        self.transactions.get_mut(index)
    }
}

/// Returns the ranges of a text that hold credentials: of each line, from the first to the last
/// byte that is redacted.
fn secrets(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if let Ok(text) = std::str::from_utf8(line) {
            let redacted = sanitize::redact(text);
            if redacted != text {
                let same =
                    |pairs: &mut dyn Iterator<Item = (&u8, &u8)>| pairs.take_while(|(a, b)| a == b).count();
                let front = same(&mut line.iter().zip(redacted.as_bytes()));
                let rest = line.len().min(redacted.len()) - front;
                let back = same(&mut line.iter().rev().zip(redacted.as_bytes().iter().rev())).min(rest);
                found.push(at + front..at + line.len() - back);
            }
        }
        at += line.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_at_their_place() {
        let text = b"POST /mcp HTTP/1.1\r\nAuthorization: Bearer abcdef0123456789abcdef\r\nAccept: a\r\n\r\n";
        let found = secrets(text);
        assert_eq!(found.len(), 1, "{found:?}");
        let secret = std::str::from_utf8(&text[found[0].clone()]).unwrap();
        assert!(secret.contains("abcdef0123456789abcde"), "{secret}");
        assert!(!secret.contains("Authorization") && !secret.contains('\n'), "{secret}");
        assert!(secrets(b"nothing here\r\n\xff\xfe").is_empty());
    }
}
