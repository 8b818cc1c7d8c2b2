//! The fuzz target of the filter language.

use super::{Filter, complete};

/// An expression: it is read or refused with a place inside it, is what it says, and completions
/// fit at any place.
pub fn filter(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Filter::parse(&text) {
        Ok(filter) => {
            assert_eq!(filter.text(), text);
            let both = filter.and("dur>1s");
            assert!(Filter::parse(&both).is_ok() || both.len() > text.len(), "{both}");
        }
        Err(error) => assert!(!error.render(&text).is_empty()),
    }
    for (at, _) in text.char_indices().take(64) {
        for completion in complete(&text, at) {
            assert!(text.get(completion.range.clone()).is_some(), "{:?}", completion.range);
        }
    }
}
