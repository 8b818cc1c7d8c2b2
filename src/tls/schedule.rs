//! Keys from secrets: HKDF of TLS 1.3 (RFC 8446 section 7), the PRF of TLS 1.2 (RFC 5246 section
//! 5).

use ring::{hkdf, hmac};
use zeroize::Zeroizing;

use super::secret::{ClientRandom, Secret};
use super::suite::Hash;

/// Key material; cleared when it is dropped.
pub(super) type Key = Zeroizing<Vec<u8>>;

/// Computes HKDF-Expand-Label with an empty context (RFC 8446 section 7.1). `None` if `len` is more
/// than HKDF can produce.
pub(super) fn expand_label(hash: Hash, secret: &Secret, label: &str, len: usize) -> Option<Key> {
    let algorithm = match hash {
        Hash::Sha256 => hkdf::HKDF_SHA256,
        Hash::Sha384 => hkdf::HKDF_SHA384,
    };
    let prk = hkdf::Prk::new_less_safe(algorithm, secret.bytes());
    let length = u16::try_from(len).ok()?.to_be_bytes();
    let label_len = [u8::try_from(label.len() + PREFIX.len()).ok()?];
    let info = [&length[..], &label_len, PREFIX, label.as_bytes(), &[0]];
    let mut key = Zeroizing::new(vec![0; len]);
    prk.expand(&info, Length(len)).ok()?.fill(&mut key).ok()?;
    Some(key)
}

/// Prefix of the labels of TLS 1.3.
const PREFIX: &[u8] = b"tls13 ";

/// Length of the output of HKDF, in bytes.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Returns the traffic secret that follows `secret` after a KeyUpdate (RFC 8446 section 7.2).
pub(super) fn next_secret(hash: Hash, secret: &Secret) -> Option<Secret> {
    let next = expand_label(hash, secret, "traffic upd", hash.len())?;
    Some(Secret::new(next.to_vec()))
}

/// Computes the key block of TLS 1.2 (RFC 5246 section 6.3): `len` bytes of the PRF of the master
/// secret and both randoms.
pub(super) fn key_block(
    hash: Hash,
    master: &Secret,
    client: &ClientRandom,
    server: &[u8; 32],
    len: usize,
) -> Key {
    let algorithm = match hash {
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
    };
    let key = hmac::Key::new(algorithm, master.bytes());
    let seed = [b"key expansion", &server[..], &client.0].concat();
    let mut block = Zeroizing::new(Vec::with_capacity(len + hash.len()));
    let mut a = hmac::sign(&key, &seed);
    while block.len() < len {
        let mut context = hmac::Context::with_key(&key);
        context.update(a.as_ref());
        context.update(&seed);
        block.extend_from_slice(context.sign().as_ref());
        a = hmac::sign(&key, a.as_ref());
    }
    block.truncate(len);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// RFC 8448 section 3: the server's handshake traffic secret, its key and its iv.
    #[test]
    fn expand_label_gives_the_keys_of_rfc_8448() {
        let secret = Secret::new(hex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"));
        let key = expand_label(Hash::Sha256, &secret, "key", 16).unwrap();
        let iv = expand_label(Hash::Sha256, &secret, "iv", 12).unwrap();
        assert_eq!(key.to_vec(), hex("3fce516009c21727d0f2e4e86ee403bc"));
        assert_eq!(iv.to_vec(), hex("5d313eb2671276ee13000b30"));
    }

    /// The PRF is `A(i)` and `HMAC(A(i) + seed)`, step by step.
    #[test]
    fn the_key_block_is_that_of_the_definition() {
        let (client, server) = (ClientRandom([3; 32]), [4; 32]);
        for (hash, algorithm) in [(Hash::Sha256, hmac::HMAC_SHA256), (Hash::Sha384, hmac::HMAC_SHA384)] {
            let master = Secret::new(vec![9; 48]);
            let key = hmac::Key::new(algorithm, &[9; 48]);
            let seed = [&b"key expansion"[..], &[4; 32], &[3; 32]].concat();
            let a1 = hmac::sign(&key, &seed);
            let a2 = hmac::sign(&key, a1.as_ref());
            let want = [
                hmac::sign(&key, &[a1.as_ref(), &seed].concat()).as_ref(),
                hmac::sign(&key, &[a2.as_ref(), &seed].concat()).as_ref(),
            ]
            .concat();
            let len = hash.len() + 7;
            assert_eq!(key_block(hash, &master, &client, &server, len).to_vec(), want[..len]);
        }
    }
}
