//! Colours of text output. The caller decides whether to use them; the terminal is not asked.

use anstyle::{AnsiColor, Effects, Style};

use crate::ledger::Tone;

/// Purpose of a piece of text, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Normal text.
    Plain,
    /// Section heading.
    Heading,
    /// Secondary text.
    Faint,
    /// Most important text of a line.
    Strong,
    /// Success.
    Good,
    /// Warning.
    Warn,
    /// Failure.
    Bad,
}

impl Role {
    /// Returns the role of a status or severity.
    #[must_use]
    pub fn of(tone: impl Into<Tone>) -> Self {
        match tone.into() {
            Tone::Faint => Self::Faint,
            Tone::Neutral => Self::Plain,
            Tone::Good => Self::Good,
            Tone::Warn => Self::Warn,
            Tone::Bad => Self::Bad,
        }
    }

    fn style(self) -> Style {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Heading => colour(AnsiColor::Cyan).effects(Effects::BOLD),
            Self::Faint => Style::new().effects(Effects::DIMMED),
            Self::Strong => Style::new().effects(Effects::BOLD),
            Self::Good => colour(AnsiColor::Green),
            Self::Warn => colour(AnsiColor::Yellow),
            Self::Bad => colour(AnsiColor::Red).effects(Effects::BOLD),
        }
    }
}

/// Writer of coloured text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    /// Whether escape sequences are written.
    pub color: bool,
}

impl Paint {
    /// Appends sanitized text in the colour of its role. Escape sequences have no width, so measure
    /// the text before.
    pub fn push(self, out: &mut String, role: Role, text: &str) {
        let style = role.style();
        if !self.color || style.is_plain() || text.trim().is_empty() {
            out.push_str(text);
            return;
        }
        out.push_str(&format!("{style}{text}{style:#}"));
    }
}
