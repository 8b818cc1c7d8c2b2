//! Whether what has the form of a credential is one: its checksum, or how random it is.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

/// Characters of a GitHub or npm token after its prefix: 30 that are random, and the checksum.
const CHECKED: usize = 36;

/// Characters of the checksum.
const CHECKSUM: usize = 6;

/// Least entropy of a token, in bits for each character: words and rows of one letter have less.
const MIN_ENTROPY: f64 = 3.0;

/// Whether a token of a known form is no example: `token` with its prefix.
pub(super) fn is_genuine(token: &str) -> bool {
    if token.contains("EXAMPLE") || token.to_ascii_lowercase().contains("xxxx") {
        return false;
    }
    if token.starts_with("eyJ") {
        return is_jwt(token);
    }
    match checked_part(token) {
        Some(rest) => has_checksum(rest),
        None => entropy(token) >= MIN_ENTROPY,
    }
}

/// What follows the prefix of a token with a checksum (GitHub's blog, "Behind GitHub's new
/// authentication token formats"; npm does the same); `None` if its form has none.
fn checked_part(token: &str) -> Option<&str> {
    let (prefix, rest) = token.split_once('_')?;
    (["ghp", "gho", "ghu", "ghs", "ghr", "npm"].contains(&prefix) && rest.len() == CHECKED).then_some(rest)
}

/// Whether the last characters are the CRC-32 of those before, in base 62.
fn has_checksum(rest: &str) -> bool {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((random, checksum)) = rest.split_at_checked(CHECKED - CHECKSUM) else { return false };
    let mut crc = flate2::Crc::new();
    crc.update(random.as_bytes());
    let expected = checksum.bytes().try_fold(0_u64, |sum, byte| {
        let digit = DIGITS.iter().position(|known| *known == byte)?;
        Some(sum * 62 + digit as u64)
    });
    expected == Some(u64::from(crc.sum()))
}

/// Whether the first part is the header of a JSON web token (RFC 7519 section 5).
fn is_jwt(token: &str) -> bool {
    let header = token.split('.').next().and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
    let header: Option<serde_json::Value> = header.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    header.is_some_and(|header| header.get("alg").is_some_and(serde_json::Value::is_string))
}

/// Shannon entropy of the characters, in bits for each.
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let len = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    let used = counts.iter().filter(|count| **count > 0);
    used.map(|count| f64::from(*count) / len).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_checked() {
        let mut crc = flate2::Crc::new();
        let random = "0123456789abcdefghijABCDEFGHIJ";
        crc.update(random.as_bytes());
        let (mut rest, mut digits) = (u64::from(crc.sum()), Vec::new());
        for _ in 0..CHECKSUM {
            let digit = (rest % 62) as usize;
            digits.push(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[digit]);
            rest /= 62;
        }
        digits.reverse();
        let checksum = String::from_utf8(digits).unwrap();
        assert!(is_genuine(&format!("ghp_{random}{checksum}")), "{checksum}");
        assert!(!is_genuine(&format!("ghp_{random}000000")));
        assert!(!is_genuine(&format!("npm_{random}{}", "0".repeat(CHECKSUM))));
    }

    #[test]
    fn examples_are_no_credentials() {
        for token in
            ["AKIAIOSFODNN7EXAMPLE", "sk-xxxxxxxxxxxxxxxxxxxxxxx1", "sk-aaaaaaaaaaaaaaaaaaaaaaaa1", "eyJ.a.b"]
        {
            assert!(!is_genuine(token), "{token}");
        }
        for token in ["sk-ant-api03-AbCdEf0123456789AbCdEf", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"] {
            assert!(is_genuine(token), "{token}");
        }
    }
}
