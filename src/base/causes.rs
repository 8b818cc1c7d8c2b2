//! Errors with their causes.

use std::error::Error;

/// Returns the text of an error and those of its causes (`Error::source`), on one line, without
/// those that the text before them repeats. Some errors, such as those of reqwest, leave them out.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Outer {
        text: &'static str,
        source: io::Error,
    }

    #[test]
    fn a_cause_is_said_once() {
        let of = |text| with_causes(&Outer { text, source: io::Error::other("refused") });
        assert_eq!(of("sending failed"), "sending failed: refused");
        assert_eq!(of("sending failed: refused"), "sending failed: refused");
    }
}
