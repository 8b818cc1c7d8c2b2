//! Colours: who prints is told whether there are any, nobody asks the terminal.

use anstyle::{AnsiColor, Effects, Style};

use crate::ledger::Tone;

/// What a piece of text is, for the eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// As it comes.
    Plain,
    /// A heading.
    Heading,
    /// What is read last.
    Faint,
    /// What counts most in its line.
    Strong,
    /// All is well.
    Good,
    /// Worth a look.
    Warn,
    /// Something failed.
    Bad,
}

impl Role {
    /// The role of a status or severity.
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

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    /// Whether escape sequences are written.
    pub color: bool,
}

impl Paint {
    /// Appends harmless text in its role. Columns are counted before: escape sequences take none.
    pub fn push(self, out: &mut String, role: Role, text: &str) {
        let style = role.style();
        if !self.color || style.is_plain() || text.trim().is_empty() {
            out.push_str(text);
            return;
        }
        out.push_str(&format!("{style}{text}{style:#}"));
    }
}
