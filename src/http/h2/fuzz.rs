//! The fuzz target of HPACK.

use super::hpack::oracle::{MAX_BLOCK, Peer, Verdict, sorted};
use super::hpack::{Decoder, Fields};
use crate::base::fuzz::Choices;
use crate::base::{Degraded, limits};

/// Blocks of a connection that are compared with the `h2` crate, at most.
const COMPARED: usize = 32;

/// Header blocks of one direction: fields and table stay within their limits. A table of which
/// entries are not known gives the same fields, or says that it does not know them. The `h2` crate
/// reads the same fields, and refuses what is refused here.
pub fn header_blocks(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (mut known, mut unknown) = (Decoder::new(), Decoder::new());
    unknown.lose(Degraded::MIDSTREAM);
    let (mut fields, mut others) = (Fields::default(), Fields::default());
    let (mut peer, mut compared) = (Peer::new(), 0);
    while !choices.is_empty() {
        let block = choices.piece();
        fields.clear();
        others.clear();
        let read = known.decode(block, &mut fields);
        let of_unknown = unknown.decode(block, &mut others);
        assert!(fields.len() <= limits::MAX_HEAD && fields.iter().count() <= limits::MAX_FIELDS);
        assert!(known.held() <= 4 * limits::MAX_HEADER_TABLE, "{} bytes of a table", known.held());
        compared += 1;
        if block.len() > MAX_BLOCK || compared > COMPARED {
            peer = None;
        }
        match peer.as_mut().and_then(|peer| peer.read(block)) {
            Some(Verdict::Fields(expected)) => {
                assert_eq!(read, Ok(()), "the h2 crate reads {expected:?}");
                assert!(fields.is_cut() || names_and_values(&fields) == expected, "{expected:?}");
            }
            Some(Verdict::Invalid) => {
                assert!(read.is_err() || may_be_refused(block, &fields), "refused by the h2 crate");
                peer = None;
            }
            Some(Verdict::Refused) => assert!(read.is_ok(), "{read:?}"),
            None => peer = None,
        }
        if read.is_err() {
            // A table that is not known may accept an index that is none.
            return;
        }
        assert!(of_unknown.is_ok(), "{of_unknown:?}, with the whole table none");
        if others.unknown().is_none() && !fields.is_cut() && !others.is_cut() {
            assert!(fields.iter().eq(others.iter()), "fields differ, and none is said to be unknown");
        }
    }
}

/// The fields but the pseudo-header fields, which the `h2` crate does not return for trailers.
fn names_and_values(fields: &Fields) -> Vec<(Vec<u8>, Vec<u8>)> {
    let known = |text: Option<&[u8]>| text.unwrap_or(b"?").to_vec();
    let all = fields.iter().map(|(name, value)| (known(name), known(value)));
    sorted(all.filter(|(name, _)| !name.starts_with(b":")).collect())
}

/// Whether the `h2` crate may refuse a valid block: it enforces the limit of the table that it
/// announced, and checks the bytes of names and values.
fn may_be_refused(block: &[u8], fields: &Fields) -> bool {
    let is_plain = |(name, value): (Option<&[u8]>, Option<&[u8]>)| {
        let name = name.unwrap_or_default();
        !name.is_empty()
            && name.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
            && value.unwrap_or_default().iter().all(|byte| (32..127).contains(byte))
    };
    block.first().is_some_and(|first| first & 0xe0 == 0x20) || fields.is_cut() || !fields.iter().all(is_plain)
}
