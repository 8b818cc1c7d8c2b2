//! Replaces what a TLS connection shows to everybody: names, certificates, random values. What is
//! encrypted becomes zeros, so that nobody who has the secrets can read it either.

use super::output::Output;
use super::words::Words;

/// Length of the header of a record (RFC 8446 section 5.1).
const HEADER: usize = 5;

/// Longest payload of a record (RFC 5246 section 6.2.3).
const MAX_RECORD: usize = (1 << 14) + 2048;

/// The random of a ServerHello that is a HelloRetryRequest begins with it (RFC 8446 section 4.1.3).
const RETRY: [u8; 8] = [0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11];

/// Protocols that a ClientHello may offer and that name nothing private (RFC 7301, IANA registry).
const PROTOCOLS: [&[u8]; 5] = [b"h2", b"http/1.1", b"http/1.0", b"h3", b"acme-tls/1"];

/// One direction of a TLS connection.
#[derive(Debug, Default)]
pub(super) struct Records {
    header: Vec<u8>,
    /// The payload of a record of the handshake.
    body: Vec<u8>,
    left: usize,
    /// Whether a ChangeCipherSpec was sent: what follows is encrypted.
    is_encrypted: bool,
}

/// The types of records.
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

impl Records {
    /// Adds the next byte. Returns the number of bytes that became 0; `None` if no record begins
    /// here.
    pub(super) fn push(&mut self, byte: u8, output: &mut Output, words: &mut Words) -> Option<u64> {
        if self.header.len() < HEADER {
            output.frame(byte);
            self.header.push(byte);
            if let [kind, major, _, high, low] = self.header.as_slice() {
                let len = usize::from(u16::from_be_bytes([*high, *low]));
                if !(20..=24).contains(kind) || *major != 3 || len > MAX_RECORD {
                    return None;
                }
                self.left = len;
                if len == 0 {
                    self.header.clear();
                }
            }
            return Some(0);
        }
        self.left -= 1;
        let mut cleared = 0;
        match self.header.first() {
            Some(&HANDSHAKE) if !self.is_encrypted => self.body.push(byte),
            Some(&CHANGE_CIPHER_SPEC) => {
                output.frame(byte);
                self.is_encrypted = true;
            }
            Some(&ALERT) if !self.is_encrypted && self.left < 2 => output.frame(byte),
            _ => {
                output.push(byte, 0);
                cleared = 1;
            }
        }
        if self.left == 0 {
            self.header.clear();
            cleared += self.end_handshake(output, words);
        }
        Some(cleared)
    }

    /// Continues behind missing bytes; false if they hold more than a part of one record.
    pub(super) fn skip(&mut self, len: u64, output: &mut Output) -> bool {
        self.flush(output);
        let Some(left) = usize::try_from(len).ok().and_then(|len| self.left.checked_sub(len)) else {
            return false;
        };
        self.left = left;
        // What is left of a handshake message is not read.
        self.is_encrypted = true;
        if left == 0 {
            self.header.clear();
        }
        true
    }

    /// Adds what was collected, as zeros.
    pub(super) fn flush(&mut self, output: &mut Output) {
        self.body.drain(..).for_each(|byte| output.push(byte, 0));
    }

    fn end_handshake(&mut self, output: &mut Output, words: &mut Words) -> u64 {
        let mut replaced = self.body.clone();
        let cleared = handshake(&mut replaced, words);
        for (byte, replaced) in self.body.drain(..).zip(replaced) {
            output.push(byte, replaced);
        }
        cleared
    }
}

/// Replaces the messages in a record of the handshake. Returns the number of bytes that became 0.
fn handshake(body: &mut [u8], words: &mut Words) -> u64 {
    let (mut cleared, mut at) = (0, 0);
    while let Some([kind, a, b, c, rest @ ..]) = body.get_mut(at..) {
        let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let is_known = matches!(kind, 0..=2 | 4 | 8 | 11..=16 | 20 | 22 | 24);
        let Some(message) = rest.get_mut(..len).filter(|_| is_known) else { break };
        let done = match kind {
            1 => Hello { bytes: message, at: 0 }.client(words),
            2 => Hello { bytes: message, at: 0 }.server(words),
            _ => Some(0),
        };
        if let Some(rest) = message.get_mut(done.unwrap_or(0)..) {
            cleared += rest.len() as u64;
            rest.fill(0);
        }
        at += 4 + len;
    }
    // A message in several records, or an encrypted one.
    let rest = body.get_mut(at..).unwrap_or_default();
    let kept = if rest.len() >= 4 && matches!(rest.first(), Some(1 | 2 | 11 | 12 | 22)) { 4 } else { 0 };
    if let Some(rest) = rest.get_mut(kept..) {
        cleared += rest.len() as u64;
        rest.fill(0);
    }
    cleared
}

/// Divides bytes at a length; `None`, with the bytes cleared, if they are fewer.
fn divided(bytes: &mut [u8], len: usize) -> Option<(&mut [u8], &mut [u8])> {
    if len > bytes.len() {
        bytes.fill(0);
        return None;
    }
    Some(bytes.split_at_mut(len))
}

/// A ClientHello or ServerHello (RFC 8446 section 4.1). What is replaced is counted by `at`; the
/// rest is cleared by the caller.
struct Hello<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Hello<'_> {
    fn take(&mut self, len: usize) -> Option<&mut [u8]> {
        let part = self.bytes.get_mut(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(part)
    }

    fn u8(&mut self) -> Option<usize> {
        self.take(1)?.first().map(|byte| usize::from(*byte))
    }

    fn u16(&mut self) -> Option<usize> {
        let [high, low] = self.take(2)? else { return None };
        Some(usize::from(u16::from_be_bytes([*high, *low])))
    }

    /// Replaces version, random and session id.
    fn begin(&mut self, words: &Words) -> Option<()> {
        self.take(2)?;
        let random = self.take(32)?;
        if !random.starts_with(&RETRY) {
            words.replace_random(random);
        }
        let len = self.u8()?;
        words.replace_random(self.take(len)?);
        Some(())
    }

    fn client(mut self, words: &mut Words) -> Option<usize> {
        self.begin(words)?;
        let suites = self.u16()?;
        self.take(suites)?;
        let compressions = self.u8()?;
        self.take(compressions)?;
        self.extensions(words);
        Some(self.at)
    }

    fn server(mut self, words: &mut Words) -> Option<usize> {
        self.begin(words)?;
        self.take(3)?;
        self.extensions(words);
        Some(self.at)
    }

    fn extensions(&mut self, words: &mut Words) -> Option<()> {
        self.u16()?;
        loop {
            let kind = self.u16()?;
            let len = self.u16()?;
            let data = self.take(len)?;
            match kind {
                0 => server_name(data, words),
                16 => protocols(data, words),
                51 => key_share(data),
                // Groups, points, signatures, padding, master secret, versions, key exchange modes.
                10 | 11 | 13 | 21 | 22 | 23 | 43 | 45 | 50 => {}
                // Values that mean nothing (RFC 8701), and renegotiation info at the beginning.
                kind if kind & 0x0f0f == 0x0a0a || kind == 0xff01 && len == 1 => {}
                _ => data.fill(0),
            }
        }
    }
}

/// Replaces the names of servers (RFC 6066 section 3).
fn server_name(data: &mut [u8], words: &mut Words) {
    let mut rest = data.get_mut(2..).unwrap_or_default();
    while let [_, high, low, names @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((name, following)) = divided(names, len) else { return };
        words.replace_text(name);
        rest = following;
    }
    rest.fill(0);
}

/// Replaces protocols that are not known (RFC 7301 section 3.1).
fn protocols(data: &mut [u8], words: &mut Words) {
    let mut rest = data.get_mut(2..).unwrap_or_default();
    while let [len, names @ ..] = rest {
        let Some((name, following)) = divided(names, usize::from(*len)) else { return };
        if !PROTOCOLS.contains(&&*name) {
            words.replace_text(name);
        }
        rest = following;
    }
}

/// Clears keys, and keeps the groups that they are of (RFC 8446 section 4.2.8).
fn key_share(data: &mut [u8]) {
    let len = data.len();
    let has_list =
        matches!(data, [high, low, ..] if usize::from(u16::from_be_bytes([*high, *low])) + 2 == len);
    let mut rest = data.get_mut(if has_list { 2 } else { 0 }..).unwrap_or_default();
    while let [_, _, high, low, keys @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((key, following)) = divided(keys, len) else { return };
        key.fill(0);
        rest = following;
    }
}
