//! Opens the Initials of a client (RFC 9001 section 5): their keys are no secret.

use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey, quic};
use ring::hmac;

use super::header::{Initial, Version};
use crate::tls::schedule::expand_label;
use crate::tls::secret::Secret;
use crate::tls::suite::Hash;

/// The keys of a client's Initials.
pub(super) struct Keys {
    header: quic::HeaderProtectionKey,
    packet: LessSafeKey,
    iv: [u8; aead::NONCE_LEN],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// Derives the keys that a client uses whose first Initial is `initial` (RFC 9001 section 5.2,
    /// RFC 9369 section 3.3).
    pub(super) fn of_client(initial: &Initial<'_>) -> Option<Self> {
        let (salt, labels) = match initial.version {
            Version::V1 => (SALT_V1, ["quic key", "quic iv", "quic hp"]),
            Version::V2 => (SALT_V2, ["quicv2 key", "quicv2 iv", "quicv2 hp"]),
        };
        // HKDF-Extract.
        let extracted = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &salt), initial.destination_id);
        let extracted = Secret::new(extracted.as_ref().to_vec());
        let client = expand_label(Hash::Sha256, &extracted, "client in", 32)?;
        let client = Secret::new(client.to_vec());
        let [key, iv, header] = labels;
        let derive = |label: &str, len: usize| expand_label(Hash::Sha256, &client, label, len);
        Some(Self {
            header: quic::HeaderProtectionKey::new(&quic::AES_128, &derive(header, 16)?).ok()?,
            packet: LessSafeKey::new(UnboundKey::new(&aead::AES_128_GCM, &derive(key, 16)?).ok()?),
            iv: derive(iv, aead::NONCE_LEN)?.as_slice().try_into().ok()?,
        })
    }

    /// Removes the protection of an Initial. Returns its frames; `None` if it does not
    /// authenticate.
    pub(super) fn open(&self, initial: &Initial<'_>) -> Option<Vec<u8>> {
        let Initial { packet, number_at, .. } = *initial;
        // The sample lies behind the longest packet number, whatever its length (RFC 9001 section
        // 5.4.2).
        let sample = packet.get(number_at + 4..)?.first_chunk::<SAMPLE>()?;
        let [first_mask, number_mask @ ..] = self.header.new_mask(sample).ok()?;
        let first = packet.first()? ^ first_mask & 0x0f;
        let len = usize::from(first & 3) + 1;
        let (header, content) = packet.split_at_checked(number_at + len)?;
        let mut header = header.to_vec();
        *header.first_mut()? = first;
        let mut nonce = self.iv;
        for ((byte, mask), nonce) in header
            .get_mut(number_at..)?
            .iter_mut()
            .zip(number_mask)
            .zip(nonce.get_mut(aead::NONCE_LEN - len..)?.iter_mut())
        {
            // The first packets have small numbers: what is left out of them is 0.
            *byte ^= mask;
            *nonce ^= *byte;
        }
        let mut content = content.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let len = self.packet.open_in_place(nonce, Aad::from(&header), &mut content).ok()?.len();
        content.truncate(len);
        Some(content)
    }

    /// Protects an Initial: the reverse of [`Keys::open`]. `header` ends with a packet number of
    /// four bytes.
    #[cfg(test)]
    pub(super) fn seal(&self, header: &[u8], frames: &[u8]) -> Vec<u8> {
        let (front, number) = header.split_at(header.len() - 4);
        let mut nonce = self.iv;
        nonce[aead::NONCE_LEN - 4..].iter_mut().zip(number).for_each(|(nonce, byte)| *nonce ^= byte);
        let mut content = frames.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.packet.seal_in_place_append_tag(nonce, Aad::from(header), &mut content).unwrap();
        let [first_mask, number_mask @ ..] = self.header.new_mask(&content[..SAMPLE]).unwrap();
        let mut packet = front.to_vec();
        packet[0] ^= first_mask & 0x0f;
        packet.extend(number.iter().zip(number_mask).map(|(byte, mask)| byte ^ mask));
        packet.extend(content);
        packet
    }
}

/// Length of the sample of header protection, in bytes.
const SAMPLE: usize = 16;

const SALT_V1: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc,
    0xbb, 0x7f, 0x0a,
];

const SALT_V2: [u8; 20] = [
    0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9,
    0xbd, 0x2e, 0xd9,
];
