//! The configuration, read from TOML: keys, colours, columns and switches. Unknown or repeated
//! entries are errors that name the line.

use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::base::time_style::TimeStyle;
use crate::why::Limits;

use super::action::{ACTIONS, Action};
use super::column_name::ColumnName;
use super::key_bindings::{KeyBindings, KeyPress};
use super::theme::{self, Role, Theme, ThemeName};

/// The user's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The keys of every action.
    pub(super) keys: KeyBindings,
    /// The theme, with the user's colours.
    pub(super) theme: Theme,
    /// The columns of the exchanges, in order.
    pub(super) columns: Vec<ColumnName>,
    /// Whether the mouse is captured from the start.
    pub(super) mouse: bool,
    /// Whether spinners stand still.
    pub(super) still: bool,
    /// How times are shown at first.
    pub(super) time: TimeStyle,
    /// The time zone of local times; set by the program, which reads it from the system.
    pub zone: TimeZone,
    /// The memory for rows and bodies, in bytes. Older bodies go to a temporary file.
    pub memory: usize,
    /// Whether filters are saved for the next run.
    pub history: bool,
    /// Whether text is also copied to this machine's clipboard.
    pub clipboard: bool,
    /// The limits that stories know: those of the program and the user's.
    pub limits: Limits,
    /// Whether copies hold credentials. Set by the command line alone, so that it is never left on.
    pub with_secrets: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            keys: KeyBindings::default(),
            theme: Theme::new(ThemeName::default()),
            columns: ColumnName::ALL.to_vec(),
            mouse: true,
            still: false,
            time: TimeStyle::default(),
            zone: TimeZone::UTC,
            memory: 160 << 20,
            history: true,
            clipboard: true,
            limits: Limits::default(),
            with_secrets: false,
        }
    }
}

/// Restrictions from the environment. They override the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// No colours: `NO_COLOR` is set, or `--color never`.
    pub no_color: bool,
    /// ASCII only: the locale is not UTF-8.
    pub ascii: bool,
}

impl Config {
    /// Parses a configuration.
    ///
    /// # Errors
    /// The text is not TOML, has an unknown entry, or binds a key twice. The message begins with
    /// the line number.
    pub fn parse(text: &str, environment: Environment) -> Result<Self, String> {
        let at = |span: std::ops::Range<usize>| {
            1 + text.get(..span.start).unwrap_or_default().matches('\n').count()
        };
        let at_line = |line: usize, what: String| format!("line {line}: {what}");
        let root = DeTable::parse(text)
            .map_err(|error| at_line(error.span().map_or(1, at), error.message().replace('\n', ", ")))?;
        let mut reader =
            Reader { config: Self::default(), name: ThemeName::default(), colors: Vec::new(), ascii: false };
        for (key, value) in in_text_order(root.get_ref()) {
            reader
                .read_entry(key.get_ref(), value)
                .map_err(|(span, what)| at_line(at(span.unwrap_or(key.span())), what))?;
        }
        let mut config = reader.config;
        config.limits = Limits::parse(text)?;
        if let Some((key, one, other)) = config.keys.conflict() {
            let line = binding_position(root.get_ref(), &[one.name, other.name]).map_or(1, at);
            return Err(at_line(
                line,
                format!("the key {key} is bound to {} and to {}", one.name, other.name),
            ));
        }
        config.theme = Theme::new(reader.name);
        for (role, color) in reader.colors {
            config.theme.recolor(role, color);
        }
        if environment.no_color {
            config.theme = config.theme.without_colors();
        }
        if environment.ascii || reader.ascii {
            config.theme = config.theme.in_ascii();
        }
        Ok(config)
    }

    /// Returns the text of a configuration that sets every entry to its default.
    #[must_use]
    pub fn defaults() -> String {
        let mut text = String::from(
            "# Configuration of the mcpdump TUI, with every setting at its default.\n\
             # Read from $XDG_CONFIG_HOME/mcpdump/config.toml (~/.config/mcpdump if that is not set).\n\n\
             # dark, light or high-contrast; NO_COLOR in the environment turns colours off\n\
             theme = \"dark\"\n\
             # show ASCII characters only\n\
             ascii = false\n\
             # capture the mouse: click, double click, wheel\n\
             mouse = true\n\
             # animate spinners\n\
             animation = true\n\
             # times: utc, local or relative (to the first packet)\n\
             time = \"utc\"\n\
             # memory for rows and bodies, in MB; older bodies go to a temporary file\n\
             memory = 160\n\
             # save filters for later runs, in $XDG_STATE_HOME/mcpdump/history\n\
             history = true\n\
             # copy to the local clipboard too, not only to the terminal's (OSC 52)\n\
             clipboard = true\n\
             # columns of the exchanges; those that do not fit are left out from the right\n",
        );
        let columns: Vec<&str> = ColumnName::ALL.iter().map(|column| column.name()).collect();
        let columns = columns.join(" ");
        text.push_str(&format!("# available: {columns}\ncolumns = \"{columns}\"\n\n"));
        text.push_str("[keys]\n");
        for info in ACTIONS {
            let named = format!("{} = {:?}", info.name, info.keys);
            text.push_str(&format!("{named:<34} # {}\n", info.help));
        }
        text.push_str("\n# one of the terminal's 16 colours by name or 256 by number, or #rrggbb: bad = \"#ff7b72\"\n[colors]\n");
        let roles: Vec<&str> = Role::ALL.iter().map(|(_, name)| *name).collect();
        for line in roles.chunks(8) {
            text.push_str(&format!("# {}\n", line.join(" ")));
        }
        text.push_str(
            "\n# limits of your own that mcpdump why compares ends with (docs/why.md)\n\
             # [[limits]]\n\
             # name = \"our gateway's read time-out\"\n\
             # seconds = 47\n\
             # clock = \"silence\"  # silence, wait or idle\n\
             # by = \"server\"\n",
        );
        text
    }
}

/// An error with its position in the text; `None` for the position of the key.
type EntryError = (Option<std::ops::Range<usize>>, String);

struct Reader {
    config: Config,
    name: ThemeName,
    colors: Vec<(Role, ratatui::style::Color)>,
    ascii: bool,
}

impl Reader {
    fn read_entry(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<(), EntryError> {
        match key {
            "theme" => {
                let word = text(value)?;
                let found = ThemeName::ALL.iter().find(|(_, name)| *name == word);
                self.name = found
                    .ok_or_else(|| {
                        error_at(
                            value,
                            format!("no such theme: {word}; available: dark, light, high-contrast"),
                        )
                    })?
                    .0;
            }
            "ascii" => self.ascii = flag(value)?,
            // Read by `Limits::parse`.
            "limits" => {}
            "mouse" => self.config.mouse = flag(value)?,
            "history" => self.config.history = flag(value)?,
            "clipboard" => self.config.clipboard = flag(value)?,
            "time" => {
                let word = text(value)?;
                let style = word.parse().ok().filter(|style| *style != TimeStyle::Epoch);
                self.config.time = style.ok_or_else(|| {
                    error_at(value, format!("no such time: {word}; available: utc, local, relative"))
                })?;
            }
            "animation" => self.config.still = !flag(value)?,
            "memory" => {
                let number =
                    value.get_ref().as_integer().and_then(|number| number.as_str().parse::<usize>().ok());
                let number = number.filter(|number| (1..=1 << 20).contains(number));
                self.config.memory = number
                    .ok_or_else(|| error_at(value, "expected a number of MB, for example memory = 64"))?
                    << 20;
            }
            "columns" => self.columns(value)?,
            "keys" => {
                for (name, value) in table(value)? {
                    self.bind(name, value)?;
                }
            }
            "colors" => {
                for (name, value) in table(value)? {
                    let role = Role::ALL.iter().find(|(_, known)| *known == name.get_ref().as_ref());
                    let role = role
                        .ok_or_else(|| (Some(name.span()), format!("no such role: {}", name.get_ref())))?
                        .0;
                    self.colors.push((
                        role,
                        theme::parse_color(text(value)?).map_err(|what| error_at(value, what))?,
                    ));
                }
            }
            _ => {
                return Err((None, format!("no such entry: {key}; mcpdump config prints all entries")));
            }
        }
        Ok(())
    }

    fn columns(&mut self, value: &Spanned<DeValue<'_>>) -> Result<(), EntryError> {
        let mut columns = Vec::new();
        for word in text(value)?.split_whitespace() {
            let known = ColumnName::ALL.iter().find(|column| column.name() == word);
            let column = *known.ok_or_else(|| error_at(value, format!("no such column: {word}")))?;
            if columns.contains(&column) {
                return Err(error_at(value, format!("the column {word} is repeated")));
            }
            columns.push(column);
        }
        if columns.is_empty() {
            return Err(error_at(value, "expected at least one column"));
        }
        self.config.columns = columns;
        Ok(())
    }

    fn bind(
        &mut self,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), EntryError> {
        let info = ACTIONS.iter().find(|info| info.name == name.get_ref().as_ref());
        let info = info.ok_or_else(|| (Some(name.span()), format!("no such action: {}", name.get_ref())))?;
        let keys: Result<Vec<KeyPress>, String> = text(value)?.split_whitespace().map(str::parse).collect();
        let keys = keys.map_err(|what| error_at(value, what))?;
        if keys.is_empty() && info.action == Action::Quit {
            return Err(error_at(value, "quit needs a key"));
        }
        self.config.keys.bind(info.action, keys);
        Ok(())
    }
}

fn error_at(value: &Spanned<DeValue<'_>>, what: impl Into<String>) -> EntryError {
    (Some(value.span()), what.into())
}

fn text<'v>(value: &'v Spanned<DeValue<'_>>) -> Result<&'v str, EntryError> {
    value.get_ref().as_str().ok_or_else(|| error_at(value, "expected text in quotes"))
}

fn flag(value: &Spanned<DeValue<'_>>) -> Result<bool, EntryError> {
    value.get_ref().as_bool().ok_or_else(|| error_at(value, "expected true or false"))
}

type Pair<'t, 'i> = (&'t Spanned<std::borrow::Cow<'i, str>>, &'t Spanned<DeValue<'i>>);

fn table<'t, 'i>(value: &'t Spanned<DeValue<'i>>) -> Result<Vec<Pair<'t, 'i>>, EntryError> {
    value.get_ref().as_table().map(in_text_order).ok_or_else(|| error_at(value, "expected a table"))
}

/// Returns the entries in the order of the text, so that the first mistake is reported.
fn in_text_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<Pair<'t, 'i>> {
    let mut pairs: Vec<Pair<'t, 'i>> = table.iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    pairs
}

/// Returns the position of the last binding of the actions.
fn binding_position(root: &DeTable<'_>, names: &[&str]) -> Option<std::ops::Range<usize>> {
    let keys = root.iter().find(|(key, _)| key.get_ref() == "keys")?.1.get_ref().as_table()?;
    let bound = keys.iter().filter(|(key, _)| names.contains(&key.get_ref().as_ref()));
    bound.map(|(key, _)| key.span()).max_by_key(|span| span.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Config::parse(text, Environment::default()).map(|_| ()).unwrap_err()
    }

    #[test]
    fn printed_defaults_equal_the_defaults() {
        let text = Config::defaults();
        let read =
            Config::parse(&text, Environment::default()).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(format!("{read:?}"), format!("{:?}", Config::default()));
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    }

    #[test]
    fn errors_name_the_line() {
        for (text, want) in [
            ("theme = \"dark\"\ncolour = 1", "line 2: no such entry: colour"),
            ("theme = \"dark\"\ntheme = \"light\"", "line 2: duplicate key"),
            ("\n\n[keys]\nfly = \"x\"", "line 4: no such action: fly"),
            ("[keys]\nquit = \"hyper-x\"", "line 2: no such key: hyper-x"),
            ("[keys]\nquit = \"\"", "line 2: quit needs a key"),
            ("[keys]\nup = \"q\"", "line 2: the key q is bound to up and to quit"),
            ("[colors]\nbad = \"reddish\"", "line 2: no such colour: reddish"),
            ("[colors]\nworse = \"red\"", "line 2: no such role"),
            ("columns = \"time tme\"", "line 1: no such column: tme"),
            ("columns = \"time time\"", "line 1: the column time is repeated"),
            ("mouse = 1", "line 1: expected true or false"),
            ("memory = 0", "line 1: expected a number of MB"),
            ("keys = 3", "line 1: expected a table"),
            ("theme = dark", "line 1: "),
        ] {
            let error = error(text);
            assert!(error.starts_with(want), "{text:?}: {error}");
        }
    }

    #[test]
    fn entries_are_applied() {
        let text = "theme = \"light\"\nanimation = false\nmemory = 1\ncolumns = \"total method\"\n[keys]\nquit = \"Q\"\n[colors]\nbad = \"#010203\"\n";
        let config = Config::parse(text, Environment::default()).unwrap();
        assert!(config.still && config.memory == 1 << 20);
        assert_eq!(config.columns.len(), 2);
        assert_eq!(config.theme.style(Role::Bad).fg, Some(ratatui::style::Color::Rgb(1, 2, 3)));
        let plain = Config::parse(text, Environment { no_color: true, ascii: true }).unwrap();
        assert_eq!(plain.theme.style(Role::Bad).fg, None);
        assert!(plain.theme.symbols().ok.is_ascii());
    }
}
