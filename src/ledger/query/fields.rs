//! The fields of the language: one table, of which the README, the man page, `--help` and the TUI's help and completion
//! are made.

use crate::base::Status;
use crate::base::{Code, Degraded, Side};
use crate::mcp::{Cause, Transport};

use super::lex::Op;

/// A field of a record. TokenKind it means stands in [`FIELDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "FIELDS says it, and help prints that")]
pub enum Field {
    Method,
    Name,
    Id,
    Status,
    Cause,
    Origin,
    Session,
    Rev,
    Transport,
    Server,
    Client,
    Ip,
    Port,
    Dur,
    Send,
    Wait,
    Receive,
    Ack,
    Bytes,
    Progress,
    Packet,
    Time,
    Error,
    Http,
    Degraded,
    Finding,
    Retrans,
}

/// TokenKind the values of a field are, and so which operators it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text that is also ordered: dates, as revisions are.
    Ordered,
    /// One of the words of [`Field::words`].
    Word,
    /// `s1`, or the beginning of a session's id.
    Session,
    /// An address with or without a port, or a network (`10.0.0.0/8`).
    Address,
    /// An address or a network.
    Ip,
    /// A whole number.
    Number,
    /// A status code of HTTP, or a class of them (`4xx`).
    HttpStatus,
    /// A time span, in milliseconds where it has no unit.
    Duration,
    /// A number of bytes.
    Size,
    /// A packet number.
    Packet,
    /// A point in time, or a time of day.
    Time,
}

impl Kind {
    /// The operators that it takes, as they are written.
    #[must_use]
    pub fn operators(self) -> &'static [&'static str] {
        match self {
            Self::Text | Self::Word | Self::Session | Self::Address | Self::Ip => &[":", "!=", "~"],
            Self::Ordered => &[":", "!=", "~", ">", ">=", "<", "<="],
            Self::Number | Self::HttpStatus | Self::Duration | Self::Size | Self::Packet | Self::Time => {
                &[":", "!=", ">", ">=", "<", "<="]
            }
        }
    }

    /// TokenKind its values look like, as a phrase.
    #[must_use]
    pub fn values(self) -> &'static str {
        match self {
            Self::Text => "text, or its beginning and *",
            Self::Ordered => "a date, or its beginning and *",
            Self::Word => "a word, or its beginning and *",
            Self::Session => "s1, or the beginning of an id",
            Self::Address => "an address with or without a port, or a network (10.0.0.0/8)",
            Self::Ip => "an address, or a network (10.0.0.0/8)",
            Self::Number => "a whole number",
            Self::HttpStatus => "a status code, or a class (4xx)",
            Self::Duration => "a number and ns, us, ms, s, m or h",
            Self::Size => "a number and B, kB, MB, GB, KiB, MiB or GiB",
            Self::Packet => "a packet number",
            Self::Time => "epoch seconds, 2026-11-22, 2026-11-22T09:30:00Z, or a time of day (UTC)",
        }
    }

    pub(super) fn takes(self, op: Op) -> bool {
        self.operators().contains(&op.text())
    }
}

/// Which records have a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applies {
    /// Exchanges have it.
    pub exchanges: bool,
    /// Notifications have it.
    pub notifications: bool,
    /// Streams have it.
    pub streams: bool,
}

const EXCHANGES: Applies = Applies { exchanges: true, notifications: false, streams: false };
const MESSAGES: Applies = Applies { notifications: true, ..EXCHANGES };
const NO_NOTIFICATIONS: Applies = Applies { streams: true, ..EXCHANGES };
const ALL: Applies = Applies { streams: true, ..MESSAGES };

/// A row of [`FIELDS`].
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// The field.
    pub field: Field,
    /// Its name.
    pub name: &'static str,
    /// Other names that are understood.
    pub aliases: &'static [&'static str],
    /// TokenKind its values are.
    pub kind: Kind,
    /// The unit of a number without one; `None` where there is no unit.
    pub unit: Option<&'static str>,
    /// A test that uses it.
    pub example: &'static str,
    /// TokenKind it is, as a phrase.
    pub meaning: &'static str,
    /// Which records have it.
    pub applies: Applies,
}

impl FieldInfo {
    const fn new(
        field: Field,
        name: &'static str,
        kind: Kind,
        example: &'static str,
        meaning: &'static str,
    ) -> Self {
        let unit = match kind {
            Kind::Duration => Some("ms"),
            Kind::Size => Some("B"),
            _ => None,
        };
        Self { field, name, aliases: &[], kind, unit, example, meaning, applies: EXCHANGES }
    }

    const fn also(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn of(mut self, applies: Applies) -> Self {
        self.applies = applies;
        self
    }

    /// Its name, then its other names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

/// Every field, in the order of the variants of [`Field`] (and of the design).
#[rustfmt::skip] // A table is read by its columns.
pub const FIELDS: &[FieldInfo] = &[
    FieldInfo::new(Field::Method, "method", Kind::Text, "method:tools/call", "the method; of a stream that of its HTTP request").of(ALL),
    FieldInfo::new(Field::Name, "name", Kind::Text, "tool:search*", "the tool, the prompt or the resource URI").also(&["tool"]),
    FieldInfo::new(Field::Id, "id", Kind::Text, "id:7", "the request's id as text: 7 is also \"7\""),
    FieldInfo::new(Field::Status, "status", Kind::Word, "status:error", "what became of the request"),
    FieldInfo::new(Field::Cause, "cause", Kind::Word, "cause:server_closed", "why the request has no answer"),
    FieldInfo::new(Field::Origin, "origin", Kind::Word, "origin:server", "who sent the request or notification").also(&["from"]).of(MESSAGES),
    FieldInfo::new(Field::Session, "session", Kind::Session, "session:s1", "the session's number, or the beginning of its id").of(ALL),
    FieldInfo::new(Field::Rev, "rev", Kind::Ordered, "rev>=2025-03-26", "the revision of MCP that holds for it"),
    FieldInfo::new(Field::Transport, "transport", Kind::Word, "transport:http+sse", "what carries the session").of(ALL),
    FieldInfo::new(Field::Server, "server", Kind::Address, "server:127.0.0.1:3000", "the server's address and port").of(ALL),
    FieldInfo::new(Field::Client, "client", Kind::Address, "client:10.0.0.0/8", "the client's address and port").of(ALL),
    FieldInfo::new(Field::Ip, "ip", Kind::Ip, "not ip:10.0.0.5", "the address of either end").of(ALL),
    FieldInfo::new(Field::Port, "port", Kind::Number, "port:3000", "the port of either end").of(ALL),
    FieldInfo::new(Field::Dur, "dur", Kind::Duration, "dur>500ms", "first byte of the request to last byte of the response; of a stream to its last packet").also(&["total"]).of(NO_NOTIFICATIONS),
    FieldInfo::new(Field::Send, "send", Kind::Duration, "send>10ms", "first to last byte of the request"),
    FieldInfo::new(Field::Wait, "wait", Kind::Duration, "wait>1.5s", "last byte of the request to first byte of the response; may be negative"),
    FieldInfo::new(Field::Receive, "receive", Kind::Duration, "receive>=200us", "first to last byte of the response"),
    FieldInfo::new(Field::Ack, "ack", Kind::Duration, "ack>5ms", "last byte of the request to the status line that answers its POST; may be negative"),
    FieldInfo::new(Field::Bytes, "bytes", Kind::Size, "bytes>=10kB", "length of the JSON text of request and response; of a stream its body's").of(ALL),
    FieldInfo::new(Field::Progress, "progress", Kind::Number, "progress>0", "how many progress notifications came for it"),
    FieldInfo::new(Field::Packet, "packet", Kind::Packet, "packet:812", "the packets that carry it; compared with > and < the first of them").of(ALL),
    FieldInfo::new(Field::Time, "time", Kind::Time, "time>=2026-11-22T09:30", "its first byte").of(ALL),
    FieldInfo::new(Field::Error, "error", Kind::Number, "error:-32602", "the code of the JSON-RPC error"),
    FieldInfo::new(Field::Http, "http", Kind::HttpStatus, "http:4xx", "the HTTP status").of(NO_NOTIFICATIONS),
    FieldInfo::new(Field::Degraded, "degraded", Kind::Word, "degraded:gap", "why it may not be whole: a reason, any or none").of(ALL),
    FieldInfo::new(Field::Finding, "finding", Kind::Word, "finding:tcp.*", "a finding's code, any or none"),
    FieldInfo::new(Field::Retrans, "retrans", Kind::Number, "retrans>0", "segments that were sent again while it was carried"),
];

/// The word that a field with several values has where it has none of them.
pub(super) const NONE: &str = "none";
/// The word that stands for every other than [`NONE`].
pub(super) const ANY: &str = "any";

impl Field {
    /// The words that its values are, in the order of the reports; empty where they are no words.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        match self {
            Self::Status => Status::ALL.map(Status::name).to_vec(),
            Self::Cause => Cause::ALL.map(Cause::name).to_vec(),
            Self::Origin => Side::BOTH.map(Side::name).to_vec(),
            Self::Transport => [Transport::HttpSse, Transport::StreamableHttp].map(Transport::name).to_vec(),
            Self::Degraded => reasons().chain([ANY, NONE]).collect(),
            Self::Finding => Code::all().iter().map(|info| info.name).chain([ANY, NONE]).collect(),
            _ => Vec::new(),
        }
    }
}

fn reasons() -> impl Iterator<Item = &'static str> {
    Degraded::MIDSTREAM
        .and(Degraded::GAP)
        .and(Degraded::CUT_PACKET)
        .and(Degraded::LOST_PACKETS)
        .and(Degraded::CAPTURE_END)
        .names()
}

/// The row of the field with this name, in any case.
pub(super) fn find(name: &str) -> Option<&'static FieldInfo> {
    FIELDS.iter().find(|info| info.names().any(|known| known.eq_ignore_ascii_case(name)))
}

/// TokenKind the language has beside fields, with its meaning: for help.
pub const SYNTAX: &[(&str, &str)] = &[
    ("field:value", "equal, ignoring case; value* is a beginning, * any value (also = and ==)"),
    ("field!=value", "not equal; never holds where the field has no value"),
    ("field~regex", "the regex is found in it, ignoring case ((?-i) heeds it)"),
    ("field>value", "compared; also >= < <="),
    ("a b, a and b, a && b", "both"),
    ("a or b, a || b", "one of them; and binds tighter"),
    ("not a, !a", "not; binds tightest; also true where the field has no value"),
    ("( )", "parentheses"),
    ("word", "found in method, name, id or session id, ignoring case; s1 is a session"),
    ("\"free text\"", "the same with blanks; \\\" \\\\ \\n \\t \\u{…} are escapes; values can be quoted too"),
];

/// A row of the help on fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpRow {
    /// The name, and the other names behind it.
    pub name: String,
    /// The operators, separated by blanks.
    pub operators: String,
    /// TokenKind stands on the right of the operator.
    pub values: String,
    /// TokenKind it means.
    pub meaning: &'static str,
    /// A test that uses it.
    pub example: &'static str,
    /// Which records have it: `exchanges, streams`.
    pub applies: String,
}

/// The help on every field, in the order of [`FIELDS`].
#[must_use]
pub fn help() -> Vec<HelpRow> {
    FIELDS.iter().map(help_row).collect()
}

fn help_row(info: &FieldInfo) -> HelpRow {
    let words = info.field.words();
    let values = match info.kind {
        // Findings have a list of their own.
        Kind::Word if info.field != Field::Finding => words.join(", "),
        kind => kind.values().to_owned(),
    };
    let applies = [
        (info.applies.exchanges, "exchanges"),
        (info.applies.notifications, "notifications"),
        (info.applies.streams, "streams"),
    ];
    HelpRow {
        name: info.names().collect::<Vec<_>>().join(", "),
        operators: info.kind.operators().join(" "),
        values,
        meaning: info.meaning,
        example: info.example,
        applies: applies
            .iter()
            .filter(|(applies, _)| *applies)
            .map(|(_, name)| *name)
            .collect::<Vec<_>>()
            .join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::query::Filter;

    #[test]
    fn every_field_has_a_row_that_parses() {
        for (index, info) in FIELDS.iter().enumerate() {
            assert_eq!(info.field as usize, index, "{}", info.name);
            if let Err(error) = Filter::parse(info.example) {
                panic!("{}", error.render(info.example));
            }
            assert!(info.names().any(|name| info.example.contains(name)));
            for name in info.names() {
                assert_eq!(find(&name.to_uppercase()).map(|found| found.field), Some(info.field));
            }
        }
        assert_eq!(FIELDS.len(), Field::Retrans as usize + 1);
        assert_eq!(help().len(), FIELDS.len());
    }

    #[test]
    fn no_name_stands_twice() {
        let mut names: Vec<&str> = FIELDS.iter().flat_map(FieldInfo::names).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
