//! Opens the encrypted records of one direction: AEAD and CBC suites, TLS 1.2 and 1.3.
//!
//! ```text
//!   1.3   header │ content, type, zeros │ tag       nonce = iv xor sequence number
//!   1.2   header │ explicit nonce │ content │ tag   GCM, CCM; ChaCha20-Poly1305 as in 1.3
//!   1.2   header │ iv │ content, MAC, padding       CBC, MAC-then-encrypt
//!   1.2   header │ iv │ content, padding │ MAC      CBC, encrypt-then-MAC (RFC 7366)
//! ```

use aes::cipher::array::Array;
use aes::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use aes::{Aes128, Aes256};
use bytes::{Bytes, BytesMut};
use ring::hmac;

use super::aead::{Aead, AeadKey, NONCE_LEN};
use super::record::{ContentType, Header, Record};
use super::schedule::{self, Key};
use super::secret::{ClientRandom, Secret};
use super::suite::{Cipher, Mac, Suite};
use crate::base::Side;

/// The content of an opened record.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) content_type: ContentType,
    pub(super) content: Bytes,
}

/// The keys of one direction.
pub(super) struct Opener {
    form: Form,
}

enum Form {
    /// TLS 1.3.
    V13 { key: AeadKey, iv: [u8; NONCE_LEN] },
    /// GCM and CCM of TLS 1.2 (RFC 5288, RFC 6655): the first four bytes of each nonce.
    Explicit12 { key: AeadKey, salt: [u8; 4], tag_len: usize },
    /// ChaCha20-Poly1305 of TLS 1.2 (RFC 7905).
    ChaCha12 { key: AeadKey, iv: [u8; NONCE_LEN], tag_len: usize },
    /// CBC of TLS 1.2.
    Cbc { key: Key, mac: hmac::Key, encrypt_then_mac: bool },
}

/// What the keys of TLS 1.2 depend on, besides the master secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Randoms {
    pub(super) client: ClientRandom,
    pub(super) server: [u8; 32],
}

impl Opener {
    /// Derives the keys of TLS 1.3 from a traffic secret. `None` if the suite is not decrypted, or
    /// if the secret does not fit it.
    pub(super) fn v13(suite: Suite, secret: &Secret) -> Option<Self> {
        let (Cipher::Aead(kind), hash) = (suite.cipher()?, suite.hash()) else { return None };
        if secret.len() != hash.len() {
            return None;
        }
        let key = schedule::expand_label(hash, secret, "key", kind.key_len())?;
        let iv = schedule::expand_label(hash, secret, "iv", NONCE_LEN)?;
        let iv = iv.as_slice().try_into().ok()?;
        Some(Self { form: Form::V13 { key: kind.key(&key)?, iv } })
    }

    /// Derives the keys of `side` in TLS 1.2 (RFC 5246 section 6.3). `None` if the suite is not
    /// decrypted.
    pub(super) fn v12(
        (suite, encrypt_then_mac): (Suite, bool),
        master: &Secret,
        randoms: &Randoms,
        side: Side,
    ) -> Option<Self> {
        let cipher = suite.cipher()?;
        let (mac_len, key_len, iv_len) = match cipher {
            Cipher::Aead(kind @ Aead::ChaCha20Poly1305) => (0, kind.key_len(), NONCE_LEN),
            Cipher::Aead(kind) => (0, kind.key_len(), 4),
            Cipher::Cbc(key_len, mac) => (mac.len(), key_len, 0),
        };
        let len = 2 * (mac_len + key_len + iv_len);
        let block = schedule::key_block(suite.hash(), master, &randoms.client, &randoms.server, len);
        // Both MAC keys, both keys, both ivs; the client's first.
        let second = usize::from(side == Side::Server);
        let part = |from: usize, len: usize| block.get(from + second * len..from + (second + 1) * len);
        let mac_key = part(0, mac_len)?;
        let key = part(2 * mac_len, key_len)?;
        let iv = part(2 * (mac_len + key_len), iv_len)?;
        let form = match cipher {
            Cipher::Aead(kind @ Aead::ChaCha20Poly1305) => {
                Form::ChaCha12 { key: kind.key(key)?, iv: iv.try_into().ok()?, tag_len: kind.tag_len() }
            }
            Cipher::Aead(kind) => {
                let (key, tag_len) = (kind.key(key)?, kind.tag_len());
                Form::Explicit12 { key, salt: iv.try_into().ok()?, tag_len }
            }
            Cipher::Cbc(_, mac) => Form::Cbc {
                key: Key::new(key.to_vec()),
                mac: hmac::Key::new(mac.algorithm(), mac_key),
                encrypt_then_mac,
            },
        };
        Some(Self { form })
    }

    /// Opens the record with this sequence number; `None` if it does not authenticate.
    pub(super) fn open(&self, record: &Record, sequence: u64) -> Option<Plain> {
        match &self.form {
            Form::V13 { key, iv } => {
                let mut bytes = BytesMut::from(record.body.as_ref());
                key.open(nonce(iv, sequence), &record.header.bytes(), &mut bytes)?;
                inner_plaintext(bytes.freeze())
            }
            Form::Explicit12 { key, salt, tag_len } => {
                let (explicit, sealed) = record.body.split_first_chunk::<8>()?;
                let mut nonce = [0; NONCE_LEN];
                for (to, from) in nonce.iter_mut().zip(salt.iter().chain(explicit)) {
                    *to = *from;
                }
                open_12((key, *tag_len), nonce, record.header, sealed, sequence)
            }
            Form::ChaCha12 { key, iv, tag_len } => {
                let nonce = nonce(iv, sequence);
                open_12((key, *tag_len), nonce, record.header, &record.body, sequence)
            }
            Form::Cbc { key, mac, encrypt_then_mac } => {
                open_cbc(key, mac, *encrypt_then_mac, record, sequence)
            }
        }
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opener")
    }
}

impl Mac {
    fn algorithm(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
        }
    }

    /// Returns the length of its output, in bytes.
    fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// The iv with the sequence number xored into its end (RFC 8446 section 5.3).
fn nonce(iv: &[u8; NONCE_LEN], sequence: u64) -> [u8; NONCE_LEN] {
    let mut nonce = *iv;
    for (byte, of_sequence) in nonce.iter_mut().rev().zip(sequence.to_le_bytes()) {
        *byte ^= of_sequence;
    }
    nonce
}

/// Splits the type off the content, which zeros may follow (RFC 8446 section 5.4). `None` if there
/// are only zeros.
fn inner_plaintext(mut bytes: Bytes) -> Option<Plain> {
    let at = bytes.iter().rposition(|byte| *byte != 0)?;
    let content_type = ContentType(*bytes.get(at)?);
    bytes.truncate(at);
    Some(Plain { content_type, content: bytes })
}

/// The additional data and the input of the MAC of TLS 1.2 (RFC 5246 section 6.2.3): sequence
/// number, type, version, length.
fn pseudo_header(header: Header, sequence: u64, len: usize) -> Option<[u8; 13]> {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sequence.to_be_bytes();
    let [major, minor] = header.version.to_be_bytes();
    let [high, low] = u16::try_from(len).ok()?.to_be_bytes();
    Some([s0, s1, s2, s3, s4, s5, s6, s7, header.content_type.0, major, minor, high, low])
}

fn open_12(
    (key, tag_len): (&AeadKey, usize),
    nonce: [u8; NONCE_LEN],
    header: Header,
    sealed: &[u8],
    sequence: u64,
) -> Option<Plain> {
    let aad = pseudo_header(header, sequence, sealed.len().checked_sub(tag_len)?)?;
    let mut bytes = BytesMut::from(sealed);
    key.open(nonce, &aad, &mut bytes)?;
    Some(Plain { content_type: header.content_type, content: bytes.freeze() })
}

fn open_cbc(
    key: &Key,
    mac: &hmac::Key,
    encrypt_then_mac: bool,
    record: &Record,
    sequence: u64,
) -> Option<Plain> {
    let mac_len = mac.algorithm().digest_algorithm().output_len();
    let body = &record.body;
    let sealed = if encrypt_then_mac {
        let (sealed, tag) = body.split_at_checked(body.len().checked_sub(mac_len)?)?;
        verify(mac, pseudo_header(record.header, sequence, sealed.len())?, sealed, tag)?;
        sealed
    } else {
        body
    };
    let (iv, blocks) = sealed.split_first_chunk::<BLOCK>()?;
    let mut bytes = BytesMut::from(blocks);
    decrypt_cbc(key, iv, &mut bytes)?;
    let padding = *bytes.last()?;
    let len = bytes.len().checked_sub(usize::from(padding) + 1)?;
    if !bytes.get(len..)?.iter().all(|byte| *byte == padding) {
        return None;
    }
    bytes.truncate(len);
    if !encrypt_then_mac {
        let tag = bytes.split_off(len.checked_sub(mac_len)?);
        verify(mac, pseudo_header(record.header, sequence, bytes.len())?, &bytes, &tag)?;
    }
    Some(Plain { content_type: record.header.content_type, content: bytes.freeze() })
}

/// Size of a block of AES, in bytes.
const BLOCK: usize = 16;

fn verify(mac: &hmac::Key, header: [u8; 13], bytes: &[u8], tag: &[u8]) -> Option<()> {
    let mut context = hmac::Context::with_key(mac);
    context.update(&header);
    context.update(bytes);
    // Observed traffic: there is no one to learn from how long the comparison takes.
    (context.sign().as_ref() == tag).then_some(())
}

/// Decrypts whole blocks in place; `None` if they are not whole, or there are none.
fn decrypt_cbc(key: &Key, iv: &[u8; BLOCK], bytes: &mut [u8]) -> Option<()> {
    let (blocks, rest) = Array::slice_as_chunks_mut(bytes);
    if blocks.is_empty() || !rest.is_empty() {
        return None;
    }
    if key.len() == 16 {
        cbc::Decryptor::<Aes128>::new_from_slices(key, iv).ok()?.decrypt_blocks(blocks);
    } else {
        cbc::Decryptor::<Aes256>::new_from_slices(key, iv).ok()?.decrypt_blocks(blocks);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Origin, Span};

    fn record(content_type: u8, body: Vec<u8>) -> Record {
        let header =
            Header { content_type: ContentType(content_type), version: 0x0303, len: body.len() as u16 };
        Record { header, body: body.into(), span: Span::of(Origin::new(1, 1)) }
    }

    #[test]
    fn padding_and_type_follow_the_content() {
        let plain = inner_plaintext(Bytes::from_static(&[1, 2, 23, 0, 0])).unwrap();
        assert_eq!((plain.content_type, &plain.content[..]), (ContentType(23), &[1, 2][..]));
        let empty = inner_plaintext(Bytes::from_static(&[21])).unwrap();
        assert!(empty.content.is_empty());
        assert!(inner_plaintext(Bytes::from_static(&[0, 0])).is_none());
    }

    proptest::proptest! {
        /// What was sealed opens with its own sequence number, and with no other.
        #[test]
        fn sealed_records_open(
            content in proptest::collection::vec(0u8.., 0..200),
            sequence in 0u64..1000,
            padding in 0usize..5,
            suite in proptest::sample::select(vec![0x1301u16, 0x1302, 0x1303, 0x1304, 0x1305]),
        ) {
            let suite = Suite(suite);
            let secret = Secret::new(vec![5; suite.hash().len()]);
            let opener = Opener::v13(suite, &secret).unwrap();
            let Form::V13 { key, iv } = &opener.form else { unreachable!() };
            let mut bytes = [&content[..], &[23], &vec![0; padding]].concat();
            let Some(Cipher::Aead(kind)) = suite.cipher() else { unreachable!() };
            let len = (bytes.len() + kind.tag_len()) as u16;
            let header = Header { content_type: ContentType(23), version: 0x0303, len };
            key.seal(nonce(iv, sequence), &header.bytes(), &mut bytes);
            let sealed = record(23, bytes);
            proptest::prop_assert_eq!(&opener.open(&sealed, sequence).unwrap().content[..], &content[..]);
            proptest::prop_assert!(opener.open(&sealed, sequence + 1).is_none());
        }

        /// Any bytes: no panic, and nothing authenticates.
        #[test]
        fn noise_does_not_open(body in proptest::collection::vec(0u8.., 0..120), kind in 20u8..24) {
            let randoms = Randoms { client: ClientRandom([1; 32]), server: [2; 32] };
            let noise = record(kind, body);
            for (suite, etm) in [(0xc02f, false), (0xcca8, false), (0xc0ac, false), (0xc0af, false), (0x002f, false), (0x002f, true), (0xc028, true)] {
                let opener = Opener::v12((Suite(suite), etm), &Secret::new(vec![1; 48]), &randoms, Side::Client);
                proptest::prop_assert!(opener.unwrap().open(&noise, 0).is_none());
            }
            let opener = Opener::v13(Suite(0x1301), &Secret::new(vec![1; 32])).unwrap();
            proptest::prop_assert!(opener.open(&noise, 0).is_none());
        }
    }
}
