//! The key of a run, and the functions that it makes unpredictable.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{digest, hmac};

/// A key. What was replaced under one key cannot be found out without it, and is the same in
/// everything that is anonymized under it.
#[derive(Clone)]
pub struct Key {
    words: hmac::Key,
    addresses: Aes128,
}

/// The operating system gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers for the key")]
pub struct NoRandomness;

impl Key {
    /// Creates a random key.
    ///
    /// # Errors
    /// The operating system gives no random numbers.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut secret = [0; 32];
        SystemRandom::new().fill(&mut secret).map_err(|_| NoRandomness)?;
        Ok(Self::of(&secret))
    }

    /// Creates the key that follows from a secret of any length.
    #[must_use]
    pub fn of(secret: &[u8]) -> Self {
        let part = |purpose: &[u8]| {
            let mut context = digest::Context::new(&digest::SHA256);
            context.update(purpose);
            context.update(secret);
            context.finish()
        };
        let mut block = [0; 16];
        for (byte, random) in block.iter_mut().zip(part(b"addresses").as_ref()) {
            *byte = *random;
        }
        Self {
            words: hmac::Key::new(hmac::HMAC_SHA256, part(b"words").as_ref()),
            addresses: Aes128::new(&block.into()),
        }
    }

    /// Returns 32 bytes that depend on the key and on `parts`.
    pub(super) fn of_words(&self, parts: &[&[u8]]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.words);
        parts.iter().for_each(|part| context.update(part));
        context.sign()
    }

    /// Returns 16 bytes that depend on the key and on `block`.
    pub(super) fn of_address(&self, block: u128) -> u128 {
        let mut block = block.to_be_bytes().into();
        self.addresses.encrypt_block(&mut block);
        u128::from_be_bytes(block.into())
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}
