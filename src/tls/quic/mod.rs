//! Names QUIC connections (RFC 9000, RFC 9369): the host and the protocols that a client asks for.
//!
//! HTTP/3 is not decoded. The first packets of a client, its Initials, are encrypted with keys that
//! follow from what they show (RFC 9001 section 5.2), so their ClientHello can be read.
//!
//! ```text
//!   datagram ─▶ header ─Initial─▶ initial ─frames─▶ crypto ─▶ ClientHello ─▶ QuicConnection
//! ```

mod crypto;
mod header;
mod initial;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use foldhash::fast::RandomState;

pub(super) use self::crypto::Crypto;
use self::header::Initial;
use self::initial::Keys;
use super::handshake::ClientHello;
use crate::base::{Origin, limits};

/// A QUIC connection, as far as its client's first packets name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuicConnection {
    /// The sender of the first packet.
    pub client: SocketAddr,
    /// Its receiver.
    pub server: SocketAddr,
    /// The first packet.
    pub at: Origin,
    /// What the client asks for; `None` if its ClientHello was not captured whole.
    pub asked: Option<Asked>,
}

/// What the client of a QUIC connection asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The host (RFC 6066 section 3); `None` if it names none.
    pub sni: Option<Box<str>>,
    /// The protocols offered with ALPN (RFC 7301), in the client's order.
    pub alpn: Vec<Box<str>>,
}

impl Asked {
    /// Whether the client offers HTTP/3 (RFC 9114 section 3.1), a draft of it included.
    #[must_use]
    pub fn is_http3(&self) -> bool {
        self.alpn.iter().any(|protocol| **protocol == *"h3" || protocol.starts_with("h3-"))
    }
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Sender.
    pub source: SocketAddr,
    /// Receiver.
    pub destination: SocketAddr,
    /// Captured payload.
    pub payload: &'a [u8],
    /// Length of the payload on the wire, in bytes.
    pub wire_len: usize,
    /// Packet number and time.
    pub at: Origin,
}

/// The QUIC connections of a capture.
///
/// INVARIANT: at most [`limits::MAX_QUIC_CONNECTIONS`] are known, and `held` bytes of their
/// ClientHellos are kept, at most [`limits::MAX_QUIC_HELD`].
#[derive(Debug, Default)]
pub struct QuicConnections {
    /// By client and server.
    known: HashMap<[SocketAddr; 2], State, RandomState>,
    /// The keys of `known`, oldest first.
    order: VecDeque<[SocketAddr; 2]>,
    held: usize,
}

/// What is known of a connection.
#[derive(Debug)]
enum State {
    /// Its ClientHello is not complete.
    Reading(Box<Reading>),
    /// It was emitted.
    Named,
}

/// A connection whose ClientHello is not complete.
#[derive(Debug)]
struct Reading {
    at: Origin,
    /// The keys of the client's first Initial, while they fit.
    keys: Keys,
    crypto: Crypto,
    /// Initials that may still be read.
    left: usize,
}

impl QuicConnections {
    /// Takes a datagram. Returns whether it begins a connection; connections that were named, or
    /// that will not be, are appended to `out`.
    ///
    /// A datagram that is no Initial costs a look at its first bytes.
    pub fn push(&mut self, datagram: &Datagram<'_>, out: &mut Vec<QuicConnection>) -> bool {
        if !header::is_initial(datagram.payload) || datagram.wire_len < MIN_DATAGRAM {
            return false;
        }
        let key = [datagram.source, datagram.destination];
        let is_new = match self.known.get(&key) {
            Some(State::Named) => return false,
            Some(State::Reading(_)) => false,
            // The server's Initials have keys of their own and say nothing of interest.
            None if self.known.contains_key(&[datagram.destination, datagram.source]) => return false,
            None => true,
        };
        let mut initials = header::initials(datagram.payload).peekable();
        if is_new {
            let Some(keys) = initials.peek().and_then(Keys::of_client) else { return false };
            self.begin(
                key,
                Reading { at: datagram.at, keys, crypto: Crypto::default(), left: MAX_INITIALS },
                out,
            );
        }
        for initial in initials {
            self.read(key, &initial, out);
        }
        if datagram.payload.len() < datagram.wire_len {
            // What was cut does not authenticate.
            self.name(key, None, out);
        }
        is_new
    }

    /// The capture is over: connections that were not named are appended to `out`.
    pub fn finish(&mut self, out: &mut Vec<QuicConnection>) {
        for key in std::mem::take(&mut self.order) {
            self.forget(key, out);
        }
    }

    /// Returns the number of bytes that are kept of ClientHellos.
    #[cfg(any(test, feature = "fuzz"))]
    pub(in crate::tls) fn held(&self) -> usize {
        self.held
    }

    fn begin(&mut self, key: [SocketAddr; 2], reading: Reading, out: &mut Vec<QuicConnection>) {
        if self.known.len() >= limits::MAX_QUIC_CONNECTIONS
            && let Some(oldest) = self.order.pop_front()
        {
            self.forget(oldest, out);
        }
        self.known.insert(key, State::Reading(Box::new(reading)));
        self.order.push_back(key);
    }

    /// Reads an Initial of a connection that is not named yet.
    fn read(&mut self, key: [SocketAddr; 2], initial: &Initial<'_>, out: &mut Vec<QuicConnection>) {
        let Some(State::Reading(reading)) = self.known.get_mut(&key) else { return };
        let before = reading.crypto.held();
        let outcome = reading.read(initial);
        self.held = self.held - before + reading.crypto.held();
        let is_full = self.held > limits::MAX_QUIC_HELD;
        match outcome {
            Outcome::Asked(asked) => self.name(key, Some(asked), out),
            Outcome::GivenUp => self.name(key, None, out),
            Outcome::Incomplete if is_full => self.name(key, None, out),
            Outcome::Incomplete => {}
        }
    }

    /// Emits a connection.
    fn name(&mut self, key: [SocketAddr; 2], asked: Option<Asked>, out: &mut Vec<QuicConnection>) {
        let Some(state) = self.known.get_mut(&key) else { return };
        if let State::Reading(reading) = std::mem::replace(state, State::Named) {
            self.held -= reading.crypto.held();
            let [client, server] = key;
            out.push(QuicConnection { client, server, at: reading.at, asked });
        }
    }

    fn forget(&mut self, key: [SocketAddr; 2], out: &mut Vec<QuicConnection>) {
        self.name(key, None, out);
        self.known.remove(&key);
    }
}

/// What became of an Initial.
enum Outcome {
    Asked(Asked),
    /// The ClientHello needs more.
    Incomplete,
    /// It will not be read.
    GivenUp,
}

impl Reading {
    fn read(&mut self, initial: &Initial<'_>) -> Outcome {
        self.left = self.left.saturating_sub(1);
        let plain = self.keys.open(initial).or_else(|| {
            // After a Retry the client uses another connection id.
            let keys = Keys::of_client(initial)?;
            let plain = keys.open(initial)?;
            self.keys = keys;
            self.crypto = Crypto::default();
            Some(plain)
        });
        if let Some(plain) = plain
            && self.crypto.push(&plain)
            && let Some(body) = self.crypto.client_hello()
        {
            return match ClientHello::read(body) {
                Some(hello) => Outcome::Asked(Asked { sni: hello.server_name, alpn: hello.alpn }),
                None => Outcome::GivenUp,
            };
        }
        if self.left == 0 { Outcome::GivenUp } else { Outcome::Incomplete }
    }
}

/// Length of a datagram that carries a client's Initial, in bytes, at least (RFC 9000 section
/// 14.1).
const MIN_DATAGRAM: usize = 1200;

/// Initials of a connection that are read. Large ClientHellos need two or three, and are repeated
/// once or twice.
const MAX_INITIALS: usize = 8;
