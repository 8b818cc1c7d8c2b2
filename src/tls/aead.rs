//! Authenticated encryption of records: GCM and ChaCha20-Poly1305 by `ring`, CCM (RFC 6655, RFC
//! 8446 appendix B.4), which it lacks, by `ccm`.

use aes::{Aes128, Aes256};
use bytes::BytesMut;
use ccm::aead::inout::InOutBuf;
use ccm::consts::{U8, U12, U16};
use ccm::{AeadInOut, Ccm, KeyInit as _};
use ring::aead as ring_aead;

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aead {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
    Aes128Ccm,
    Aes256Ccm,
    /// With a tag of eight bytes.
    Aes128Ccm8,
    /// With a tag of eight bytes.
    Aes256Ccm8,
}

/// A key of an [`Aead`].
pub(super) enum AeadKey {
    Ring(Box<ring_aead::LessSafeKey>),
    Aes128Ccm(Box<Ccm<Aes128, U16, U12>>),
    Aes256Ccm(Box<Ccm<Aes256, U16, U12>>),
    Aes128Ccm8(Box<Ccm<Aes128, U8, U12>>),
    Aes256Ccm8(Box<Ccm<Aes256, U8, U12>>),
}

/// Length of a nonce, in bytes.
pub(super) const NONCE_LEN: usize = 12;

impl Aead {
    /// Returns the length of a key, in bytes.
    pub(super) fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Ccm | Self::Aes128Ccm8 => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 | Self::Aes256Ccm | Self::Aes256Ccm8 => 32,
        }
    }

    /// Returns the length of a tag, in bytes.
    pub(super) fn tag_len(self) -> usize {
        if matches!(self, Self::Aes128Ccm8 | Self::Aes256Ccm8) { 8 } else { 16 }
    }

    /// Returns a key; `None` if it has another length.
    pub(super) fn key(self, key: &[u8]) -> Option<AeadKey> {
        let algorithm = match self {
            Self::Aes128Gcm => &ring_aead::AES_128_GCM,
            Self::Aes256Gcm => &ring_aead::AES_256_GCM,
            Self::ChaCha20Poly1305 => &ring_aead::CHACHA20_POLY1305,
            Self::Aes128Ccm => return Some(AeadKey::Aes128Ccm(Box::new(Ccm::new_from_slice(key).ok()?))),
            Self::Aes256Ccm => return Some(AeadKey::Aes256Ccm(Box::new(Ccm::new_from_slice(key).ok()?))),
            Self::Aes128Ccm8 => return Some(AeadKey::Aes128Ccm8(Box::new(Ccm::new_from_slice(key).ok()?))),
            Self::Aes256Ccm8 => return Some(AeadKey::Aes256Ccm8(Box::new(Ccm::new_from_slice(key).ok()?))),
        };
        let key = ring_aead::UnboundKey::new(algorithm, key).ok()?;
        Some(AeadKey::Ring(Box::new(ring_aead::LessSafeKey::new(key))))
    }
}

impl AeadKey {
    /// Decrypts `bytes`, and removes the tag from their end; `None` if they do not authenticate.
    pub(super) fn open(&self, nonce: [u8; NONCE_LEN], aad: &[u8], bytes: &mut BytesMut) -> Option<()> {
        match self {
            Self::Ring(key) => {
                let nonce = ring_aead::Nonce::assume_unique_for_key(nonce);
                let len = key.open_in_place(nonce, ring_aead::Aad::from(aad), bytes).ok()?.len();
                bytes.truncate(len);
                Some(())
            }
            Self::Aes128Ccm(key) => open_ccm(&**key, nonce, aad, bytes),
            Self::Aes256Ccm(key) => open_ccm(&**key, nonce, aad, bytes),
            Self::Aes128Ccm8(key) => open_ccm(&**key, nonce, aad, bytes),
            Self::Aes256Ccm8(key) => open_ccm(&**key, nonce, aad, bytes),
        }
    }

    /// Encrypts `bytes`, and appends the tag: the reverse of [`AeadKey::open`].
    #[cfg(test)]
    pub(super) fn seal(&self, nonce: [u8; NONCE_LEN], aad: &[u8], bytes: &mut Vec<u8>) {
        match self {
            Self::Ring(key) => {
                let nonce = ring_aead::Nonce::assume_unique_for_key(nonce);
                key.seal_in_place_append_tag(nonce, ring_aead::Aad::from(aad), bytes).unwrap();
            }
            Self::Aes128Ccm(key) => seal_ccm(&**key, nonce, aad, bytes),
            Self::Aes256Ccm(key) => seal_ccm(&**key, nonce, aad, bytes),
            Self::Aes128Ccm8(key) => seal_ccm(&**key, nonce, aad, bytes),
            Self::Aes256Ccm8(key) => seal_ccm(&**key, nonce, aad, bytes),
        }
    }
}

fn open_ccm<A: AeadInOut>(key: &A, nonce: [u8; NONCE_LEN], aad: &[u8], bytes: &mut BytesMut) -> Option<()> {
    let nonce = nonce.as_slice().try_into().ok()?;
    let len = bytes.len().checked_sub(ccm::Tag::<A::TagSize>::default().len())?;
    let tag = bytes.split_off(len);
    let tag = tag.as_ref().try_into().ok()?;
    key.decrypt_inout_detached(nonce, aad, InOutBuf::from(&mut bytes[..]), tag).ok()
}

#[cfg(test)]
fn seal_ccm<A: AeadInOut>(key: &A, nonce: [u8; NONCE_LEN], aad: &[u8], bytes: &mut Vec<u8>) {
    let nonce = nonce.as_slice().try_into().unwrap();
    let tag = key.encrypt_inout_detached(nonce, aad, InOutBuf::from(&mut bytes[..])).unwrap();
    bytes.extend_from_slice(&tag);
}
