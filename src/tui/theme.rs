//! Themes: the role of a piece of the screen, and how a theme shows it. A theme is passed, never
//! global.

use std::str::FromStr;

use ratatui::style::{Color, Modifier, Style};

use crate::ledger::{Status, Tone};

/// The text that stands for a masked id, token or payload.
pub(super) const MASK: &str = "***";

/// The role of a piece of the screen. Verdict colours mark verdicts only: red means *failed*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Normal text.
    Text,
    /// Text of minor importance.
    Faint,
    /// The most important text of a line.
    Strong,
    /// Headings, column headers, the current tab.
    Title,
    /// Frames and rules.
    Border,
    /// The selected row.
    Selected,
    /// A key.
    Key,
    /// Success.
    Good,
    /// Worth a look.
    Warn,
    /// Failure.
    Bad,
    /// In progress.
    Pending,
    /// The time to send a request.
    Send,
    /// The time until the response begins.
    Wait,
    /// The time to receive a response.
    Receive,
    /// The time in which the server waits for the client or its user.
    User,
    /// The stream after the response.
    Tail,
    /// A member name in JSON.
    JsonKey,
    /// A string in JSON.
    JsonString,
    /// A number in JSON.
    JsonNumber,
    /// `true`, `false` and `null` in JSON.
    JsonWord,
    /// A match of the search.
    Found,
}

impl Role {
    /// Every role with its name in the configuration.
    pub(super) const ALL: [(Self, &'static str); 21] = [
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
        (Self::User, "user"),
        (Self::Tail, "tail"),
        (Self::JsonKey, "json-key"),
        (Self::JsonString, "json-string"),
        (Self::JsonNumber, "json-number"),
        (Self::JsonWord, "json-word"),
        (Self::Found, "found"),
    ];

    /// The role of a status or severity. An open exchange has [`Role::Pending`] instead.
    #[must_use]
    pub(super) fn of(tone: impl Into<Tone>) -> Self {
        match tone.into() {
            Tone::Faint => Self::Faint,
            Tone::Neutral => Self::Text,
            Tone::Good => Self::Good,
            Tone::Warn => Self::Warn,
            Tone::Bad => Self::Bad,
        }
    }
}

/// The themes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ThemeName {
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
    pub(super) const ALL: [(Self, &'static str); 3] =
        [(Self::Dark, "dark"), (Self::Light, "light"), (Self::HighContrast, "high-contrast")];
}

/// The style of every role, and the symbols.
#[derive(Clone, Debug)]
pub(super) struct Theme {
    styles: [Style; Role::ALL.len()],
    symbols: Symbols,
}

impl Theme {
    /// Returns a theme without changes.
    #[must_use]
    pub(super) fn new(name: ThemeName) -> Self {
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

    /// Returns the theme without colours (<https://no-color.org>): bold, dimmed and reversed text
    /// remain.
    #[must_use]
    pub(super) fn without_colors(mut self) -> Self {
        for (role, _) in Role::ALL {
            self.put(role, Self::plain(role));
        }
        self
    }

    /// Returns the theme with ASCII symbols.
    #[must_use]
    pub(super) fn in_ascii(self) -> Self {
        Self { symbols: Symbols::ASCII, ..self }
    }

    /// Replaces the colour of a role; the background for [`Role::Selected`]. Coloured text is not
    /// dimmed, because terminals halve the contrast by that.
    pub(super) fn recolor(&mut self, role: Role, color: Color) {
        let style = match role {
            Role::Selected => Style::new().bg(color),
            _ => Style {
                add_modifier: self.style(role).add_modifier - Modifier::DIM,
                ..Style::new().fg(color)
            },
        };
        self.put(role, style);
    }

    /// Returns the style of a role.
    #[must_use]
    pub(super) fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// Returns the symbols.
    #[must_use]
    pub(super) fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    fn put(&mut self, role: Role, style: Style) {
        if let Some(slot) = self.styles.get_mut(role as usize) {
            *slot = style;
        }
    }

    /// Returns the style of a role without colour.
    fn plain(role: Role) -> Style {
        match role {
            Role::Faint | Role::Border => Style::new().add_modifier(Modifier::DIM),
            Role::Strong | Role::Title | Role::Key | Role::Bad => Style::new().add_modifier(Modifier::BOLD),
            Role::Selected | Role::Found => Style::new().add_modifier(Modifier::REVERSED),
            _ => Style::new(),
        }
    }
}

/// Returns the colour of a role in a theme; `None` for the terminal's own. Tests check the
/// contrast.
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
        Role::User => [0xf29bd4, 0x99286e, 0xff99dd],
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

/// Parses a colour: a name of the terminal's 16, a number of its 256, or `#rrggbb`.
///
/// # Errors
/// There is no such colour.
pub(super) fn parse_color(text: &str) -> Result<Color, String> {
    Color::from_str(text).map_err(|_| format!("no such colour: {text}; for example red, 208 or #ffa657"))
}

/// The symbols of a theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Symbols {
    /// An exchange that succeeded.
    pub(super) ok: &'static str,
    /// An exchange that failed.
    pub(super) bad: &'static str,
    /// An exchange that was cancelled.
    pub(super) cancelled: &'static str,
    /// An exchange without a response.
    pub(super) unanswered: &'static str,
    /// An exchange whose response may be in what the capture lacks.
    pub(super) undetermined: &'static str,
    /// The phases of the spinner of an open exchange.
    pub(super) spinner: [&'static str; 4],
    /// Marks of an ascending and a descending column.
    pub(super) sorted: [&'static str; 2],
    /// Marks of a folded and an unfolded value.
    pub(super) fold: [&'static str; 2],
    /// A request from the server.
    pub(super) from_server: &'static str,
    /// The parts of a bar: one to eight eighths of a column.
    pub(super) bar: [&'static str; 8],
    /// The empty part of a bar.
    pub(super) track: &'static str,
    /// The heights of a sparkline, the lowest first.
    pub(super) levels: [&'static str; 8],
    /// The shades of a heat map, the lightest first.
    pub(super) heat: [&'static str; 4],
    /// A separator.
    pub(super) dot: &'static str,
    /// The mark for cut text.
    pub(super) more: &'static str,
    /// A horizontal and a vertical rule.
    pub(super) rules: [&'static str; 2],
    /// The corners of a frame: top left, top right, bottom left, bottom right.
    pub(super) corners: [&'static str; 4],
    /// The mark of the selected row.
    pub(super) pointer: &'static str,
    /// The mark of a finding.
    pub(super) flag: &'static str,
}

impl Symbols {
    const UNICODE: Self = Self {
        ok: "✓",
        bad: "✗",
        cancelled: "⊘",
        unanswered: "?",
        undetermined: "◌",
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
        undetermined: "_",
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

    /// Returns the symbol of a status.
    #[must_use]
    pub(super) fn status(&self, status: Status) -> &'static str {
        match status {
            Status::Ok => self.ok,
            Status::ToolError | Status::Error | Status::HttpError => self.bad,
            Status::Cancelled => self.cancelled,
            Status::Unanswered => self.unanswered,
            Status::Undetermined => self.undetermined,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the relative luminance (WCAG 2.1).
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

    /// WCAG 2.1 contrast: 4.5 for text (1.4.3, AA), 7 for the high contrast theme (1.4.6, AAA), 3
    /// for what is not text (1.4.11). Checked on the usual background and in the selected row.
    #[test]
    fn every_role_has_enough_contrast() {
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
                // Rules are not text, and matches are reversed: the background of the row does not
                // apply.
                if ![Role::Border, Role::Found].contains(&role) {
                    let patched = style.patch(selected);
                    let ratio = contrast(patched.fg.unwrap_or(ink), selected.bg.unwrap());
                    assert!(ratio >= least, "{word} of {name:?}, selected: {ratio:.1}");
                }
            }
        }
    }

    #[test]
    fn roles_index_their_styles() {
        for (index, (role, _)) in Role::ALL.into_iter().enumerate() {
            assert_eq!(role as usize, index);
        }
        let theme = Theme::new(ThemeName::Dark).without_colors();
        for (role, name) in Role::ALL {
            assert_eq!((theme.style(role).fg, theme.style(role).bg), (None, None), "{name}");
        }
    }

    #[test]
    fn ascii_symbols_are_ascii() {
        let text = format!("{:?}", Symbols::ASCII);
        assert!(text.is_ascii(), "{text}");
    }
}
