//! The fuzz target of HPACK.

use super::hpack::{Decoder, Fields};
use crate::base::fuzz::Choices;
use crate::base::{Degraded, limits};

/// Header blocks of one direction: fields and table stay within their limits. A table of which
/// entries are not known gives the same fields, or says that it does not know them.
pub fn header_blocks(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (mut known, mut unknown) = (Decoder::new(), Decoder::new());
    unknown.lose(Degraded::MIDSTREAM);
    let (mut fields, mut others) = (Fields::default(), Fields::default());
    while !choices.is_empty() {
        let block = choices.piece();
        fields.clear();
        others.clear();
        let read = known.decode(block, &mut fields);
        let of_unknown = unknown.decode(block, &mut others);
        assert!(fields.len() <= limits::MAX_HEAD && fields.iter().count() <= limits::MAX_FIELDS);
        assert!(known.held() <= 4 * limits::MAX_HEADER_TABLE, "{} bytes of a table", known.held());
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
