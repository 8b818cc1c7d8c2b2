//! What is masked: the rules of `--redact`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use regex::{Captures, Regex, RegexBuilder};

use super::path::Path;
use crate::base::credential;

/// Stands for what is masked.
pub(super) const MASK: &str = "***";

/// Names whose values `default` masks.
const KEYS: [&str; 32] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "client_secret",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "auth_token",
    "api_key",
    "x-api-key",
    "private_key",
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "credential",
    "credentials",
    "signature",
    "code_verifier",
    "otp",
    "email",
    "phone",
    "phone_number",
    "ssn",
    "iban",
    "card_number",
    "cvv",
    "birth_date",
    "date_of_birth",
];

/// Forms of text that `default` masks: mail addresses and the numbers of payment cards.
const PATTERNS: [&str; 2] = [
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}",
    r"\b[3-6][0-9]{3}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{3,7}\b",
];

/// The size of a compiled pattern, in bytes.
const MAX_PATTERN: usize = 1 << 20;

/// A rule as it is written.
#[derive(Clone, Debug)]
pub enum Rule {
    /// `default`: names and forms that usually are private, and credentials.
    Default,
    /// `session-ids`: the ids of sessions.
    SessionIds,
    /// `key:NAME`: the value of members, header fields and parameters with this name.
    Key(String),
    /// `pattern:REGEX`: text that matches.
    Pattern(Regex),
    /// `$.path`: what a JSON path selects in a message.
    Path(String),
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            _ if text == "default" => Ok(Self::Default),
            _ if text == "session-ids" => Ok(Self::SessionIds),
            _ if text.starts_with('$') => Path::parse(text).map(|_| Self::Path(text.to_owned())),
            Some(("key", name)) if !normal(name).is_empty() => Ok(Self::Key(name.to_owned())),
            Some(("pattern", pattern)) => {
                let regex = RegexBuilder::new(pattern).size_limit(MAX_PATTERN).build();
                let regex = regex.map_err(|error| error.to_string())?;
                if regex.is_match("") {
                    return Err(format!("{pattern:?} matches no text at all, too: leave out * or ?"));
                }
                Ok(Self::Pattern(regex))
            }
            _ => Err(
                "expected default, session-ids, key:NAME, pattern:REGEX, or a path such as $.params.arguments.email"
                    .to_owned(),
            ),
        }
    }
}

impl Rule {
    fn name(&self) -> String {
        match self {
            Self::Default => "default".to_owned(),
            Self::SessionIds => "session-ids".to_owned(),
            Self::Key(name) => format!("key:{name}"),
            Self::Pattern(regex) => format!("pattern:{regex}"),
            Self::Path(path) => path.clone(),
        }
    }
}

/// How often each rule masked something. Copies count together.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<[(String, AtomicU64)]>);

impl Tally {
    /// Returns how many places were masked.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count.load(Ordering::Relaxed)).sum()
    }

    /// Returns the rules, and how many places each masked.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, count)| (&**name, count.load(Ordering::Relaxed)))
    }

    pub(super) fn count(&self, rule: usize) {
        if let Some((_, count)) = self.0.get(rule) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Rules, ready to be applied.
#[derive(Debug)]
pub(super) struct Rules {
    /// Names without `-`, `_` and case, and the rule of each.
    keys: HashMap<String, usize>,
    /// Names with their values in text that is no JSON.
    assignments: Option<Regex>,
    patterns: Vec<(Regex, usize)>,
    pub(super) paths: Vec<(Path, usize)>,
    pub(super) session_ids: Option<usize>,
    credentials: Option<usize>,
    pub(super) tally: Tally,
}

impl Rules {
    /// # Errors
    /// There are so many names that they do not fit into a pattern.
    pub(super) fn new(rules: &[Rule]) -> Result<Self, String> {
        let tally = rules.iter().map(|rule| (rule.name(), AtomicU64::new(0))).collect();
        let mut made = Self {
            keys: HashMap::new(),
            assignments: None,
            patterns: Vec::new(),
            paths: Vec::new(),
            session_ids: None,
            credentials: None,
            tally: Tally(tally),
        };
        for (number, rule) in rules.iter().enumerate() {
            match rule {
                Rule::Default => {
                    made.credentials = Some(number);
                    KEYS.iter().for_each(|name| made.add_key(name, number));
                    for pattern in PATTERNS {
                        made.patterns.push((Regex::new(pattern).map_err(|error| error.to_string())?, number));
                    }
                }
                Rule::SessionIds => {
                    made.session_ids = Some(number);
                    ["mcp-session-id", "session_id"].iter().for_each(|name| made.add_key(name, number));
                }
                Rule::Key(name) => made.add_key(name, number),
                Rule::Pattern(regex) => made.patterns.push((regex.clone(), number)),
                Rule::Path(path) => made.paths.push((Path::parse(path)?, number)),
            }
        }
        if !made.keys.is_empty() {
            made.assignments = Some(assignments(made.keys.keys())?);
        }
        Ok(made)
    }

    fn add_key(&mut self, name: &str, rule: usize) {
        self.keys.entry(normal(name)).or_insert(rule);
    }

    /// Whether names or paths say what is masked: text that quotes a value does not tell its name.
    pub(super) fn name_values(&self) -> bool {
        !self.keys.is_empty() || !self.paths.is_empty()
    }

    /// The rule of a name; `None` if its value is not masked.
    pub(super) fn key(&self, name: &str) -> Option<usize> {
        self.keys.get(&normal(name)).copied()
    }

    /// Masks what is told by a form, or by a name before it.
    pub(super) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        if let Some(rule) = self.credentials
            && let Cow::Owned(masked) = credential::redact(&text)
            && masked != *text
        {
            self.tally.count(rule);
            text = Cow::Owned(masked);
        }
        if let Some(assignments) = &self.assignments {
            let replaced = assignments.replace_all(&text, |found: &Captures<'_>| self.assignment(found));
            if let Cow::Owned(owned) = replaced {
                text = Cow::Owned(owned);
            }
        }
        for (pattern, rule) in &self.patterns {
            let replaced = pattern.replace_all(&text, |_: &Captures<'_>| {
                self.tally.count(*rule);
                MASK
            });
            if let Cow::Owned(owned) = replaced {
                text = Cow::Owned(owned);
            }
        }
        text
    }

    /// The name and the sign before a value, and the mask for it.
    fn assignment(&self, found: &Captures<'_>) -> String {
        let part = |name: &str| found.name(name).map_or("", |part| part.as_str());
        if let Some(rule) = self.key(part("name")).filter(|_| part("value") != "…") {
            self.tally.count(rule);
        }
        format!("{}{}{}{MASK}", part("before"), part("name"), part("sign"))
    }
}

/// Finds `NAME=value`, `NAME: value` and `"NAME":"value"` in text.
fn assignments<'a>(names: impl Iterator<Item = &'a String>) -> Result<Regex, String> {
    let spelled = |name: &String| {
        let chars = name.chars().map(|c| regex::escape(c.encode_utf8(&mut [0; 4])));
        chars.collect::<Vec<_>>().join("[-_]?")
    };
    let mut names: Vec<String> = names.map(spelled).collect();
    names.sort_unstable();
    let names = names.join("|");
    let value = r#""(?:[^"\\]|\\.)*"|\\+"[^"\\]*\\+"|'[^']*'|(?:(?:bearer|basic)\s+)?[^\s&;,"'<>{}\[\]\\]+"#;
    let pattern = format!(
        r#"(?i)(?P<before>^|[^a-z0-9_-])(?P<name>{names})(?P<sign>\\*["']?\s*[:=]\s*)(?P<value>{value})"#
    );
    let regex = RegexBuilder::new(&pattern).size_limit(16 * MAX_PATTERN).build();
    regex.map_err(|_| "too many names: use a pattern instead".to_owned())
}

/// A name without `-`, `_` and case.
fn normal(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}
