//! Connections of TLS 1.3 with AES-128-GCM, sealed here: every record opens with the secrets of
//! [`secrets`].

use ring::{aead, hkdf};

use super::wire::{Conn, Side, Wire};

use Side::{Client, Server};

/// The traffic secret of a side. Connections share them: what differs is the client random.
const SECRETS: [[u8; 32]; 2] = [[0x11; 32], [0x22; 32]];

/// The labels of those secrets in a key log (RFC 9850 section 2).
const LABELS: [&str; 2] = ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"];

/// Types of records and of their content (RFC 8446 section 5.1).
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const DATA: u8 = 23;

/// The most content that one record takes here, in bytes.
const MOST: usize = 16_000;

/// Type of a secrets block with a key log of TLS (pcapng section 4.7).
const TLS_KEY_LOG: u32 = 0x544c_534b;

/// The lines of a key log that open connection `number`.
pub(crate) fn secrets(number: usize) -> String {
    let line = |side: usize| {
        let secret: String = SECRETS[side].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{} {number:064x} {secret}\n", LABELS[side])
    };
    line(0) + &line(1)
}

/// A record in clear.
pub(crate) fn record(content_type: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[content_type, 3, 3], &len[..], body].concat()
}

/// A handshake message, of which `len` is the announced length.
pub(crate) fn message(message_type: u8, len: usize, body: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(len).unwrap().to_be_bytes();
    [&[message_type, a, b, c], body].concat()
}

/// The body of a ClientHello of connection `number`, with these extensions.
pub(crate) fn client_hello(number: usize, extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([0; 24]);
    body.extend((number as u64).to_be_bytes());
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    body
}

/// The body of a ServerHello that chooses TLS 1.3 and AES-128-GCM.
fn server_hello() -> Vec<u8> {
    [&[3, 3][..], &[8; 32], &[0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4]].concat()
}

/// The keys of one side.
struct Keys {
    key: aead::LessSafeKey,
    iv: [u8; 12],
}

impl Keys {
    fn of(secret: &[u8; 32]) -> Self {
        let mut key = [0; 16];
        let mut iv = [0; 12];
        expand(secret, "key", &mut key);
        expand(secret, "iv", &mut iv);
        let key = aead::UnboundKey::new(&aead::AES_128_GCM, &key).unwrap();
        Self { key: aead::LessSafeKey::new(key), iv }
    }
}

/// HKDF-Expand-Label (RFC 8446 section 7.1).
fn expand(secret: &[u8; 32], label: &str, into: &mut [u8]) {
    struct Len(usize);
    impl hkdf::KeyType for Len {
        fn len(&self) -> usize {
            self.0
        }
    }
    let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, secret);
    let len = [0, u8::try_from(into.len()).unwrap(), u8::try_from(6 + label.len()).unwrap()];
    let info = [&len[..], b"tls13 ", label.as_bytes(), &[0]];
    prk.expand(&info, Len(into.len())).unwrap().fill(into).unwrap();
}

/// A connection of TLS 1.3.
pub(crate) struct Sealed {
    pub(crate) conn: Conn,
    secrets: [[u8; 32]; 2],
    keys: [Keys; 2],
    /// Sequence number of the next record of each side.
    sequence: [u64; 2],
}

impl Sealed {
    /// Opens connection `number`: hellos and no more. Its secrets are not written.
    pub(crate) fn open(wire: &mut Wire, number: usize) -> Self {
        let mut conn = wire.open(number);
        let hello = client_hello(number, &[]);
        wire.send(&mut conn, Client, record(HANDSHAKE, &message(1, hello.len(), &hello)));
        let hello = server_hello();
        wire.send(&mut conn, Server, record(HANDSHAKE, &message(2, hello.len(), &hello)));
        Self { conn, secrets: SECRETS, keys: SECRETS.each_ref().map(Keys::of), sequence: [0; 2] }
    }

    /// Opens connection `number`, behind its secrets.
    pub(crate) fn open_with_secrets(wire: &mut Wire, number: usize) -> Self {
        wire.secrets(&secrets(number));
        Self::open(wire, number)
    }

    /// The next record of a side, with this content.
    pub(crate) fn seal(&mut self, side: Side, content_type: u8, content: &[u8]) -> Vec<u8> {
        let (keys, sequence) = (&self.keys[side as usize], &mut self.sequence[side as usize]);
        let mut nonce = keys.iv;
        nonce.iter_mut().rev().zip(sequence.to_le_bytes()).for_each(|(byte, of)| *byte ^= of);
        *sequence += 1;
        let mut body = [content, &[content_type]].concat();
        let len = u16::try_from(body.len() + keys.key.algorithm().tag_len()).unwrap();
        let header = record(DATA, &vec![0; len.into()])[..5].to_vec();
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        keys.key.seal_in_place_append_tag(nonce, aead::Aad::from(&header), &mut body).unwrap();
        record(DATA, &body)
    }

    /// A side changes its keys `times` times (RFC 8446 section 7.2).
    pub(crate) fn update_keys(&mut self, side: Side, times: usize) {
        let side = side as usize;
        for _ in 0..times {
            let before = self.secrets[side];
            expand(&before, "traffic upd", &mut self.secrets[side]);
        }
        self.keys[side] = Keys::of(&self.secrets[side]);
        self.sequence[side] = 0;
    }

    /// Sends data, in as many records as it needs.
    pub(crate) fn send(&mut self, wire: &mut Wire, side: Side, bytes: impl AsRef<[u8]>) {
        let records: Vec<u8> =
            bytes.as_ref().chunks(MOST).flat_map(|part| self.seal(side, DATA, part)).collect();
        wire.send(&mut self.conn, side, records);
    }
}

impl Wire {
    /// Writes a secrets block with this key log.
    pub(crate) fn secrets(&mut self, key_log: &str) {
        let len = u32::try_from(key_log.len()).unwrap();
        let body = [&TLS_KEY_LOG.to_le_bytes()[..], &len.to_le_bytes(), key_log.as_bytes()].concat();
        self.block(10, &body);
    }
}
