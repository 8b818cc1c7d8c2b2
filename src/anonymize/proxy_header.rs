//! Replaces the addresses in a PROXY protocol header (haproxy's `proxy-protocol.txt`).

use super::output::{Output, Rule};
use super::tools::Tools;
use super::words::Words;

/// The first bytes of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The longest header of version 2 that is read, in bytes.
const MAX_LEN: usize = 4096;

/// Replaces a header of version 1. Its IPv4 addresses become others of the same length and kind: of
/// another form than the packets have, whose length would differ.
pub(super) fn text(line: &[u8], output: &mut Output, words: &mut Words) {
    line.iter().for_each(|byte| output.text(*byte, Rule::Digits, words));
    output.end_word(words);
}

/// Whether bytes may begin a header of version 2 that is not longer than they are, or not complete.
pub(super) fn may_be(bytes: &[u8]) -> bool {
    let known = bytes.len().min(SIGNATURE.len());
    bytes.get(..known) == SIGNATURE.get(..known) && len(bytes).is_none_or(|len| len <= MAX_LEN)
}

fn len(bytes: &[u8]) -> Option<usize> {
    let len = bytes.get(14..)?.first_chunk()?;
    Some(16 + usize::from(u16::from_be_bytes(*len)))
}

/// Replaces a header of version 2; `None` if it is not complete.
pub(super) fn binary(bytes: &[u8], tools: &mut Tools) -> Option<Vec<u8>> {
    let header = bytes.get(..len(bytes)?)?;
    let mut replaced = header.to_vec();
    let (fixed, addresses) = replaced.split_at_mut_checked(16)?;
    let family = fixed.get(13)? >> 4;
    // Two addresses, two ports, then what else the proxy knows.
    let kept = match family {
        1 if addresses.len() >= 12 => {
            for address in addresses.get_mut(..8)?.as_chunks_mut::<4>().0 {
                tools.addresses.replace_v4(address);
            }
            12
        }
        2 if addresses.len() >= 36 => {
            for address in addresses.get_mut(..32)?.as_chunks_mut::<16>().0 {
                tools.addresses.replace_v6(address);
            }
            36
        }
        _ => 0,
    };
    addresses.get_mut(kept..)?.fill(0);
    Some(replaced)
}
