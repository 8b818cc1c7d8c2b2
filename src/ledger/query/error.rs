//! Errors of filter expressions.

use std::fmt;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
use winnow::error::ParserError;
use winnow::stream::{Location, Stream};

/// Error in an expression. `Display` prints it on one line, [`Error::render`] adds the expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Byte offset in the expression: at the start of a character, or at the end of the text.
    pub at: usize,
    /// Cause. May quote the expression; `Display` and `render` replace its control characters.
    pub message: String,
    /// Suggested correction, `None` if there is none.
    pub hint: Option<String>,
}

/// Columns of a long expression shown before and after the caret. Both fit in 80 columns.
const SHOWN_BEFORE: usize = 40;
const SHOWN_AFTER: usize = 34;

impl Error {
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns three lines: the message, the expression `text`, and a caret under the character
    /// with the hint next to it. A long expression is cut around the caret. Control, bidirectional
    /// and zero-width characters are replaced by visible symbols.
    #[must_use]
    pub fn render(&self, text: &str) -> String {
        let at = (0..=self.at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
        let (mut before, mut after) = (visible(before), visible(after));
        if before.width() > SHOWN_BEFORE {
            let reversed = clip(before.chars().rev(), SHOWN_BEFORE);
            before = std::iter::once('…').chain(reversed.chars().rev()).collect();
        }
        if after.width() > SHOWN_AFTER {
            after = clip(after.chars(), SHOWN_AFTER);
            after.push('…');
        }
        let mut out = format!("{}\n  {before}{after}\n  ", visible(&self.message));
        out.extend(std::iter::repeat_n(' ', before.width()));
        out.push('^');
        if let Some(hint) = &self.hint {
            out.push(' ');
            out.push_str(&visible(hint));
        }
        out
    }
}

/// Returns the longest prefix of the characters that fits in `columns`.
fn clip(chars: impl Iterator<Item = char>, columns: usize) -> String {
    let mut width = 0;
    chars
        .take_while(|c| {
            width += c.width().unwrap_or(0);
            width <= columns
        })
        .collect()
}

/// Replaces characters that a terminal would interpret or not display.
fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
            '\u{7f}' => '\u{2421}',
            '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
            c => c,
        })
        .collect()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", visible(&self.message), self.at)?;
        match &self.hint {
            Some(hint) => write!(f, ": {}", visible(hint)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Error of winnow's basic parsers. The parsers that combine them replace the message.
impl<I: Stream + Location> ParserError<I> for Error {
    type Inner = Self;

    fn from_input(input: &I) -> Self {
        Self::new(input.current_token_start(), String::new())
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_character() {
        let error = Error::new("名前:x\t".len(), "wrong\u{1b}[31m").hint("try y");
        assert_eq!(error.render("名前:x\t)"), "wrong␛[31m\n  名前:x␉)\n         ^ try y");
        assert_eq!(error.to_string(), "wrong␛[31m (at byte 9): try y");
    }

    #[test]
    fn a_long_expression_is_shown_around_the_place() {
        let text = "界".repeat(1000);
        let shown = Error::new(1500, "here").render(&text);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.iter().all(|line| line.width() < 80), "{shown}");
        assert_eq!(lines[2].width(), 2 + 1 + SHOWN_BEFORE + 1);
        // An offset inside a character or after the end does not panic.
        assert!(Error::new(1, "x").render("é").ends_with("\n  ^"));
        assert!(Error::new(99, "x").render("é").ends_with("\n   ^"));
    }
}
