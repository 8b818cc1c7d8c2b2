//! What regexes of text and of bytes have in common: their limits and their errors.

use super::error::Error;
use super::lex::Value;

/// Memory limit of a compiled regex and of its lazily built automaton, in bytes each. `\w{40}`
/// needs more than 1 MiB.
pub(super) const MAX_REGEX: usize = 4 << 20;

/// Converts an error of the regex parser, which points at the position that it reports.
pub(super) fn error(error: regex::Error, value: &Value) -> Error {
    match error {
        regex::Error::CompiledTooBig(_) => {
            Error::new(value.position(0), "the regex is too large").hint("use smaller repetitions")
        }
        error => {
            let description = error.to_string();
            let cause = description.lines().last().unwrap_or("").trim_start_matches("error: ");
            let at = value.position(fault_offset(&description, &value.text));
            Error::new(at, format!("invalid regex: {cause}"))
        }
    }
}

/// Returns the byte offset of a regex error. The parser reports it only as a picture: the pattern
/// indented by four blanks, with carets below. Returns 0 for a multi-line pattern, whose picture
/// differs.
fn fault_offset(description: &str, pattern: &str) -> usize {
    let carets = description.lines().find(|line| line.trim_start().starts_with('^'));
    let Some(column) = carets.and_then(|line| line.find('^')).and_then(|at| at.checked_sub(4)) else {
        return 0;
    };
    if pattern.contains('\n') {
        return 0;
    }
    pattern.char_indices().nth(column).map_or(pattern.len(), |(at, _)| at)
}
