//! What a piece of text is for the eye, and how a theme shows it. Passed to whoever draws, never global.

use std::str::FromStr;

use ratatui::style::{Color, Modifier, Style};

use crate::ledger::{Status, Tone};

/// The text that stands for a masked id, token or payload.
pub(super) const MASK: &str = "***";

/// What a piece of the screen is, for the eye. Verdict colours stand only where a verdict stands: red is *failed*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// As it comes.
    Text,
    /// What is read last.
    Faint,
    /// What counts most in its line.
    Strong,
    /// Headings, names of columns, the tab that is open.
    Title,
    /// Frames and rules.
    Border,
    /// The row that is selected.
    Selected,
    /// A key that can be pressed.
    Key,
    /// All is well.
    Good,
    /// Worth a look.
    Warn,
    /// It failed.
    Bad,
    /// Nothing came of it yet.
    Pending,
    /// The time that a request takes to be sent.
    Send,
    /// The time that an answer takes to begin.
    Wait,
    /// The time that an answer takes to come.
    Receive,
    /// What a stream carries after the answer.
    Tail,
    /// A member's name in JSON.
    JsonKey,
    /// A string in JSON.
    JsonString,
    /// A number in JSON.
    JsonNumber,
    /// `true`, `false` and `null` in JSON.
    JsonWord,
    /// What was searched for.
    Found,
}

impl Role {
    /// Every role with its name in the configuration.
    pub const ALL: [(Self, &'static str); 20] = [
        (Self::Text, "text"),
        (Self::Faint, "faint"),
        (Self::Strong, "strong"),
        (Self::Title, "title"),
        (Self::Border, "border"),
        (Self::Selected, "selected"),
        (Self::Key, "key"),
        (Self::Good, "good"),
        (Self::Warn, "warn"),
        (Self::Bad, "bad"),
        (Self::Pending, "pending"),
        (Self::Send, "send"),
        (Self::Wait, "wait"),
        (Self::Receive, "receive"),
        (Self::Tail, "tail"),
        (Self::JsonKey, "json-key"),
        (Self::JsonString, "json-string"),
        (Self::JsonNumber, "json-number"),
        (Self::JsonWord, "json-word"),
        (Self::Found, "found"),
    ];

    /// The role of a status or severity. An open exchange has [`Role::Pending`] instead.
    #[must_use]
    pub fn of(tone: impl Into<Tone>) -> Self {
        match tone.into() {
            Tone::Faint => Self::Faint,
            Tone::Neutral => Self::Text,
            Tone::Good => Self::Good,
            Tone::Warn => Self::Warn,
            Tone::Bad => Self::Bad,
        }
    }
}

/// The themes that there are, by the name that they have in the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThemeName {
    /// For dark terminals.
    #[default]
    Dark,
    /// For light terminals.
    Light,
    /// Pure colours on black, and no faint text.
    HighContrast,
}

impl ThemeName {
    /// Every theme with its name in the configuration.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Dark, "dark"), (Self::Light, "light"), (Self::HighContrast, "high-contrast")];
}

/// The styles of every role, and the symbols.
#[derive(Clone, Debug)]
pub struct Theme {
    styles: [Style; Role::ALL.len()],
    symbols: Symbols,
}

impl Theme {
    /// A theme as it comes.
    #[must_use]
    pub fn new(name: ThemeName) -> Self {
        let mut theme = Self { styles: [Style::new(); Role::ALL.len()], symbols: Symbols::UNICODE };
        for (role, _) in Role::ALL {
            theme.put(role, Self::plain(role));
            if let Some(color) = color(name, role) {
                theme.recolor(role, color);
            }
        }
        if name == ThemeName::HighContrast {
            let (black, white) = (Color::from_u32(0x000000), Color::from_u32(0xffffff));
            theme.put(Role::Selected, Style::new().fg(black).bg(white));
        }
        theme
    }

    /// The theme without colours (<https://no-color.org>): bold, faint and reversed text remain.
    #[must_use]
    pub fn without_colors(mut self) -> Self {
        for (role, _) in Role::ALL {
            self.put(role, Self::plain(role));
        }
        self
    }

    /// The theme with no character beyond ASCII of its own.
    #[must_use]
    pub fn in_ascii(self) -> Self {
        Self { symbols: Symbols::ASCII, ..self }
    }

    /// Gives a role another colour; what is selected another background. What has a colour is not dimmed: terminals halve
    /// the contrast by that, or more.
    pub fn recolor(&mut self, role: Role, color: Color) {
        let style = match role {
            Role::Selected => Style::new().bg(color),
            _ => Style {
                add_modifier: self.style(role).add_modifier - Modifier::DIM,
                ..Style::new().fg(color)
            },
        };
        self.put(role, style);
    }

    /// How a role is shown.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// The symbols.
    #[must_use]
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    fn put(&mut self, role: Role, style: Style) {
        if let Some(place) = self.styles.get_mut(role as usize) {
            *place = style;
        }
    }

    /// A role without colour.
    fn plain(role: Role) -> Style {
        match role {
            Role::Faint | Role::Border => Style::new().add_modifier(Modifier::DIM),
            Role::Strong | Role::Title | Role::Key | Role::Bad => Style::new().add_modifier(Modifier::BOLD),
            Role::Selected | Role::Found => Style::new().add_modifier(Modifier::REVERSED),
            _ => Style::new(),
        }
    }
}

/// The colour of a role in a theme; `None` for what the terminal has. Checked for contrast in the tests.
fn color(theme: ThemeName, role: Role) -> Option<Color> {
    let [dark, light, contrast] = match role {
        Role::Text | Role::Strong => return None,
        Role::Faint => [0x949ba4, 0x59636e, 0xffffff],
        Role::Title | Role::Key => [0x56b6f0, 0x0550ae, 0x66d9ff],
        Role::Border => [0x6e7681, 0x6e7781, 0xffffff],
        Role::Selected => [0x1b3156, 0xcfe3ff, 0xffffff],
        Role::Good => [0x7ec699, 0x116329, 0x00ff00],
        Role::Warn => [0xe5c07b, 0x7d4e00, 0xffff00],
        Role::Bad => [0xff7b72, 0xb3161f, 0xff8080],
        Role::Pending => [0xffa657, 0x953800, 0xffc266],
        Role::Send => [0x79c0ff, 0x0550ae, 0x66d9ff],
        Role::Wait => [0xe5c07b, 0x7d4e00, 0xffff00],
        Role::Receive => [0x7ec699, 0x116329, 0x00ff00],
        Role::Tail => [0xa5a5f0, 0x6639ba, 0xd0b0ff],
        Role::JsonKey => [0x79c0ff, 0x0550ae, 0x66d9ff],
        Role::JsonString => [0xa5d6a7, 0x0a3069, 0xffffff],
        Role::JsonNumber => [0xf2b48a, 0x953800, 0xffc266],
        Role::JsonWord => [0xd2a8ff, 0x6639ba, 0xd0b0ff],
        Role::Found => [0xf2cc60, 0x7d4e00, 0xffff00],
    };
    Some(Color::from_u32(match theme {
        ThemeName::Dark => dark,
        ThemeName::Light => light,
        ThemeName::HighContrast => contrast,
    }))
}

/// A colour as the configuration writes it: a name of the terminal's 16, a number of its 256, or `#rrggbb`.
///
/// # Errors
/// There is no such colour.
pub(super) fn parse_color(text: &str) -> Result<Color, String> {
    Color::from_str(text).map_err(|_| format!("no such colour: {text}; as in red, 208 or #ffa657"))
}

/// The characters that stand for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbols {
    /// An exchange that is well.
    pub ok: &'static str,
    /// One that failed.
    pub bad: &'static str,
    /// One whose sender cancelled it.
    pub cancelled: &'static str,
    /// One that has no answer.
    pub unanswered: &'static str,
    /// Phases of one that is open.
    pub spinner: [&'static str; 4],
    /// Sorted upwards and downwards.
    pub sorted: [&'static str; 2],
    /// Something folded and something open.
    pub fold: [&'static str; 2],
    /// A request of the server.
    pub from_server: &'static str,
    /// The parts of a bar: whole, and its eighths from the left, the smallest first.
    pub bar: [&'static str; 8],
    /// What is left of a bar.
    pub track: &'static str,
    /// The steps of a sparkline, the lowest first.
    pub levels: [&'static str; 8],
    /// The steps of a heat map, the coldest first.
    pub heat: [&'static str; 4],
    /// Between things of a line.
    pub dot: &'static str,
    /// Where text was cut.
    pub more: &'static str,
    /// A rule that lies, and one that stands.
    pub rules: [&'static str; 2],
    /// The corners of a frame: above on the left and right, below on the left and right.
    pub corners: [&'static str; 4],
    /// The selected row.
    pub pointer: &'static str,
    /// A finding.
    pub flag: &'static str,
}

impl Symbols {
    const UNICODE: Self = Self {
        ok: "✓",
        bad: "✗",
        cancelled: "⊘",
        unanswered: "?",
        spinner: ["◐", "◓", "◑", "◒"],
        sorted: ["▲", "▼"],
        fold: ["▸", "▾"],
        from_server: "←",
        bar: ["▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
        track: "·",
        levels: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
        heat: ["░", "▒", "▓", "█"],
        dot: "·",
        more: "…",
        rules: ["─", "│"],
        corners: ["╭", "╮", "╰", "╯"],
        pointer: "▌",
        flag: "!",
    };

    const ASCII: Self = Self {
        ok: "+",
        bad: "x",
        cancelled: "/",
        unanswered: "?",
        spinner: ["|", "/", "-", "\\"],
        sorted: ["^", "v"],
        fold: [">", "v"],
        from_server: "<",
        bar: ["-", "-", "-", "=", "=", "=", "#", "#"],
        track: ".",
        levels: [".", ":", "-", "=", "+", "*", "#", "@"],
        heat: [".", "+", "#", "@"],
        dot: "-",
        more: "~",
        rules: ["-", "|"],
        corners: ["+", "+", "+", "+"],
        pointer: ">",
        flag: "!",
    };

    /// The symbol of a status.
    #[must_use]
    pub fn status(&self, status: Status) -> &'static str {
        match status {
            Status::Ok => self.ok,
            Status::ToolError | Status::Error | Status::HttpError => self.bad,
            Status::Cancelled => self.cancelled,
            Status::Unanswered => self.unanswered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.1).
    fn luminance(color: Color) -> f64 {
        let Color::Rgb(r, g, b) = color else { panic!("{color:?} is no RGB colour") };
        let part = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.03928 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
    }

    fn contrast(one: Color, other: Color) -> f64 {
        let (a, b) = (luminance(one), luminance(other));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// WCAG 2.1: 4.5 for text (1.4.3, AA), 7 where contrast is what is wanted (1.4.6, AAA), 3 for what is no text (1.4.11).
    /// On the ground that terminals of the kind have, and in the row that is selected.
    #[test]
    fn every_role_stands_out_from_its_ground() {
        for (name, ink, ground, least) in [
            (ThemeName::Dark, 0xe6edf3, 0x0d1117, 4.5),
            (ThemeName::Light, 0x1f2328, 0xffffff, 4.5),
            (ThemeName::HighContrast, 0xffffff, 0x000000, 7.0),
        ] {
            let (ink, ground) = (Color::from_u32(ink), Color::from_u32(ground));
            let theme = Theme::new(name);
            let selected = theme.style(Role::Selected);
            for (role, word) in Role::ALL.into_iter().filter(|(role, _)| *role != Role::Selected) {
                let style = theme.style(role);
                assert!(!style.add_modifier.contains(Modifier::DIM), "{word} of {name:?} is dimmed");
                let least = if role == Role::Border { 3.0 } else { least };
                let ratio = contrast(style.fg.unwrap_or(ink), ground);
                assert!(ratio >= least, "{word} of {name:?}: {ratio:.1}");
                // A rule is no text, and what was found is turned round: neither takes the ground of the row.
                if ![Role::Border, Role::Found].contains(&role) {
                    let patched = style.patch(selected);
                    let ratio = contrast(patched.fg.unwrap_or(ink), selected.bg.unwrap());
                    assert!(ratio >= least, "{word} of {name:?}, selected: {ratio:.1}");
                }
            }
        }
    }

    #[test]
    fn roles_are_where_they_are_looked_up() {
        for (index, (role, _)) in Role::ALL.into_iter().enumerate() {
            assert_eq!(role as usize, index);
        }
        let theme = Theme::new(ThemeName::Dark).without_colors();
        for (role, name) in Role::ALL {
            assert_eq!((theme.style(role).fg, theme.style(role).bg), (None, None), "{name}");
        }
    }

    #[test]
    fn ascii_is_ascii() {
        let text = format!("{:?}", Symbols::ASCII);
        assert!(text.is_ascii(), "{text}");
    }
}
