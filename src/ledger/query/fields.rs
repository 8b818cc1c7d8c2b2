//! Table of the fields. Help, completion, the man page and the documents are generated from it.

use crate::base::Status;
use crate::base::protocols::HttpVersion;
use crate::base::tls::TlsVersion;
use crate::base::{Code, Degraded, Side};
use crate::llm::{CallStatus, Dialect};
use crate::mcp::{Cause, Transport};

use super::lex::Op;

/// Field of a record. [`FIELDS`] describes its meaning.
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
    Waited,
    User,
    Bytes,
    Progress,
    Packet,
    File,
    Time,
    Error,
    Http,
    Degraded,
    Finding,
    Retrans,
    View,
    Tls,
    Sni,
    Alpn,
    HttpVersion,
    Body,
    Header,
    Auth,
    LlmModel,
    LlmDialect,
    LlmFirstToken,
    LlmGap,
    LlmTokens,
    LlmInput,
    LlmTool,
    LlmFinish,
}

/// Type of the values of a field, which decides its operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text with an order, such as the dates of protocol revisions.
    Ordered,
    /// One of the words of [`Field::words`].
    Word,
    /// `s1`, or a prefix of a session id.
    Session,
    /// Address with or without a port, a network (`10.0.0.0/8`), or a name.
    Address,
    /// Address or network.
    Ip,
    /// Integer.
    Number,
    /// HTTP status code, or a class of codes (`4xx`).
    HttpStatus,
    /// Duration: a number and its unit.
    Duration,
    /// Number of bytes.
    Size,
    /// Packet number.
    Packet,
    /// Point in time, or time of day.
    Time,
    /// Text in the messages of the exchange.
    Content,
    /// Name of a header field, or text of one.
    Header,
}

impl Kind {
    /// Returns the operators of the fields of this kind.
    #[must_use]
    pub fn operators(self) -> &'static [&'static str] {
        match self {
            Self::Content => &[":", "~"],
            Self::Text | Self::Header | Self::Word | Self::Session | Self::Address | Self::Ip => {
                &[":", "!=", "~"]
            }
            Self::Ordered => &[":", "!=", "~", ">", ">=", "<", "<="],
            Self::Number | Self::HttpStatus | Self::Duration | Self::Size | Self::Packet | Self::Time => {
                &[":", "!=", ">", ">=", "<", "<="]
            }
        }
    }

    /// Returns the format of the values as a phrase.
    #[must_use]
    pub fn values(self) -> &'static str {
        match self {
            Self::Text => "text, or a prefix and *",
            Self::Ordered => "a date, or a prefix and *",
            Self::Word => "a word, or a prefix and *",
            Self::Session => "s1, or a prefix of an id",
            Self::Address => {
                "an address with or without a port, a network (10.0.0.0/8), or a name, or its prefix and *"
            }
            Self::Ip => "an address, or a network (10.0.0.0/8)",
            Self::Number => "an integer",
            Self::HttpStatus => "a status code, or a class (4xx)",
            Self::Duration => "a number and ns, us, ms, s, m or h",
            Self::Size => "a number and B, kB, MB, GB, KiB, MiB or GiB",
            Self::Packet => "a packet number, or a file and the number in it (b.pcap:1328)",
            Self::Content => "a word, its beginning and *, or text in quotes",
            Self::Header => "a name, or a prefix and *; with ~ a regex for the line",
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
    /// Whether exchanges have the field.
    pub exchanges: bool,
    /// Whether notifications have the field.
    pub notifications: bool,
    /// Whether streams have the field.
    pub streams: bool,
    /// Whether LLM calls have the field.
    pub llm_calls: bool,
}

const EXCHANGES: Applies =
    Applies { exchanges: true, notifications: false, streams: false, llm_calls: false };
const MESSAGES: Applies = Applies { notifications: true, ..EXCHANGES };
const CALLS: Applies = Applies { llm_calls: true, ..EXCHANGES };
const NO_NOTIFICATIONS: Applies = Applies { streams: true, ..CALLS };
const ALL: Applies = Applies { notifications: true, ..NO_NOTIFICATIONS };
const LLM: Applies = Applies { exchanges: false, ..CALLS };

/// Row of [`FIELDS`].
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// Field that the row describes.
    pub field: Field,
    /// Name of the field.
    pub name: &'static str,
    /// Other accepted names.
    pub aliases: &'static [&'static str],
    /// Type of the values.
    pub kind: Kind,
    /// Test that uses the field.
    pub example: &'static str,
    /// Meaning as a phrase.
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
        Self { field, name, aliases: &[], kind, example, meaning, applies: EXCHANGES }
    }

    const fn also(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn of(mut self, applies: Applies) -> Self {
        self.applies = applies;
        self
    }

    /// Returns the name, then the other accepted names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

/// Every field, in the order of the variants of [`Field`].
#[rustfmt::skip] // A table is read by its columns.
pub const FIELDS: &[FieldInfo] = &[
    FieldInfo::new(Field::Method, "method", Kind::Text, "method:tools/call", "method; for a stream, the method of its HTTP request").of(ALL),
    FieldInfo::new(Field::Name, "name", Kind::Text, "tool:search*", "tool or prompt name, or resource URI").also(&["tool"]),
    FieldInfo::new(Field::Id, "id", Kind::Text, "id:7", "request id as text: 7 also matches \"7\""),
    FieldInfo::new(Field::Status, "status", Kind::Word, "status:error", "outcome of the request; LLM calls are ok, error, cancelled, cut or open").of(CALLS),
    FieldInfo::new(Field::Cause, "cause", Kind::Word, "cause:server_closed", "why the request has no response").of(CALLS),
    FieldInfo::new(Field::Origin, "origin", Kind::Word, "origin:server", "sender of the request or notification").also(&["from"]).of(MESSAGES),
    FieldInfo::new(Field::Session, "session", Kind::Session, "session:s1", "session number, or a prefix of the session id").of(ALL),
    FieldInfo::new(Field::Rev, "rev", Kind::Ordered, "rev>=2025-03-26", "MCP protocol revision of the request"),
    FieldInfo::new(Field::Transport, "transport", Kind::Word, "transport:http+sse", "transport of the session").of(ALL),
    FieldInfo::new(Field::Server, "server", Kind::Address, "server:127.0.0.1:3000", "server address and port, or the name that it gives itself").of(ALL),
    FieldInfo::new(Field::Client, "client", Kind::Address, "client:10.0.0.0/8", "client address and port, or the name that it gives itself").of(ALL),
    FieldInfo::new(Field::Ip, "ip", Kind::Ip, "not ip:10.0.0.5", "client or server address").of(ALL),
    FieldInfo::new(Field::Port, "port", Kind::Number, "port:3000", "client or server port").of(ALL),
    FieldInfo::new(Field::Dur, "dur", Kind::Duration, "dur>500ms", "first byte of the request to last byte of the response; for a stream, first to last packet").also(&["total"]).of(NO_NOTIFICATIONS),
    FieldInfo::new(Field::Send, "send", Kind::Duration, "send>10ms", "first to last byte of the request"),
    FieldInfo::new(Field::Wait, "wait", Kind::Duration, "wait>1.5s", "last byte of the request to first byte of the response; may be negative"),
    FieldInfo::new(Field::Receive, "receive", Kind::Duration, "receive>=200us", "first to last byte of the response"),
    FieldInfo::new(Field::Ack, "ack", Kind::Duration, "ack>5ms", "last byte of the request to the status line that answers its POST; may be negative"),
    FieldInfo::new(Field::Waited, "waited", Kind::Duration, "waited>30s", "first byte of the request to its response, or to what ended the wait for one: a cancellation, a FIN, the end of the capture"),
    FieldInfo::new(Field::User, "user", Kind::Duration, "user>5s", "time in which the server waited for the client or its user inside the call: elicitation, sampling, roots"),
    FieldInfo::new(Field::Bytes, "bytes", Kind::Size, "bytes>=10kB", "length of the JSON text of request and response; for a stream, of its body").of(ALL),
    FieldInfo::new(Field::Progress, "progress", Kind::Number, "progress>0", "number of progress notifications for the request"),
    FieldInfo::new(Field::Packet, "packet", Kind::Packet, "packet:812", "packets of the record, with several files in any of them or in the one that is named; > and < compare the first packet").of(ALL),
    FieldInfo::new(Field::File, "file", Kind::Text, "file:b.pcap", "file that holds packets of the record, by the name that is shown").of(ALL),
    FieldInfo::new(Field::Time, "time", Kind::Time, "time>=2026-11-22T09:30", "time of the first byte").of(ALL),
    FieldInfo::new(Field::Error, "error", Kind::Number, "error:-32602", "JSON-RPC error code"),
    FieldInfo::new(Field::Http, "http", Kind::HttpStatus, "http:4xx", "HTTP status code").of(NO_NOTIFICATIONS),
    FieldInfo::new(Field::Degraded, "degraded", Kind::Word, "degraded:gap", "why the record may be incomplete: a reason, any or none").of(ALL),
    FieldInfo::new(Field::Finding, "finding", Kind::Word, "finding:tcp.*", "finding code, any or none"),
    FieldInfo::new(Field::Retrans, "retrans", Kind::Number, "retrans>0", "TCP retransmissions during the transfer"),
    FieldInfo::new(Field::View, "view", Kind::Word, "not view:back", "leg of a proxy on which the call was seen, if both were: front is the client's"),
    FieldInfo::new(Field::Tls, "tls", Kind::Word, "tls:none", "TLS version of the connection, any or none").of(ALL),
    FieldInfo::new(Field::Sni, "sni", Kind::Text, "sni:*", "host that the client named in TLS").of(ALL),
    FieldInfo::new(Field::Alpn, "alpn", Kind::Text, "alpn:h2", "protocol that the server chose in TLS").of(ALL),
    FieldInfo::new(Field::HttpVersion, "http_version", Kind::Word, "http_version:2", "HTTP version").of(ALL),
    FieldInfo::new(Field::Body, "body", Kind::Content, "body:password", "word in the body or event of request or response, ignoring case; body~regex for its text").also(&["payload"]),
    FieldInfo::new(Field::Header, "header", Kind::Header, "header:mcp-session-id", "HTTP header field of request or response; header~regex for its line").also(&["head"]),
    FieldInfo::new(Field::Auth, "auth", Kind::Text, "auth:none", "scheme of the request's Authorization (bearer, basic), api-key, or none"),
    FieldInfo::new(Field::LlmModel, "llm.model", Kind::Text, "llm.model:gpt-*", "model of an LLM call").of(LLM),
    FieldInfo::new(Field::LlmDialect, "llm.dialect", Kind::Word, "llm.dialect:anthropic", "API of an LLM call").of(LLM),
    FieldInfo::new(Field::LlmFirstToken, "llm.ttft", Kind::Duration, "llm.ttft>2s", "first byte of the request to the first piece of the answer").of(LLM),
    FieldInfo::new(Field::LlmGap, "llm.gap", Kind::Duration, "llm.gap>1s", "longest time between two pieces of the answer").of(LLM),
    FieldInfo::new(Field::LlmTokens, "llm.tokens", Kind::Number, "llm.tokens>1000", "tokens of the output, as the server counts them").of(LLM),
    FieldInfo::new(Field::LlmInput, "llm.input", Kind::Number, "llm.input>100000", "tokens of the input, as the server counts them").of(LLM),
    FieldInfo::new(Field::LlmTool, "llm.tool", Kind::Text, "llm.tool:get-*", "tool that the model calls in its answer").of(LLM),
    FieldInfo::new(Field::LlmFinish, "llm.finish", Kind::Text, "llm.finish:length", "why the model stopped, in the words of the API").of(LLM),
];

/// Value of a field that may have several values and has none.
pub(super) const NONE: &str = "none";
/// Word that matches every value except [`NONE`].
pub(super) const ANY: &str = "any";

impl Field {
    /// Whether the field is about the messages of an exchange, which its record does not hold.
    pub(super) fn is_content(self) -> bool {
        matches!(self, Self::Body | Self::Header | Self::Auth)
    }

    /// Returns the words that are the values of the field, in the order of the reports. Empty if
    /// its values are not words.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        match self {
            Self::Status => {
                let of_calls = [CallStatus::Cut, CallStatus::Open].map(CallStatus::name);
                Status::ALL.map(Status::name).into_iter().chain(of_calls).collect()
            }
            Self::LlmDialect => Dialect::ALL.map(Dialect::name).to_vec(),
            Self::Cause => Cause::ALL.map(Cause::name).to_vec(),
            Self::Origin => Side::BOTH.map(Side::name).to_vec(),
            Self::Transport => Transport::ALL.map(Transport::name).to_vec(),
            Self::Degraded => reasons().chain([ANY, NONE]).collect(),
            Self::View => ["front", "back"].to_vec(),
            Self::Tls => TlsVersion::NAMES.into_iter().rev().chain([ANY, NONE]).collect(),
            Self::HttpVersion => HttpVersion::ALL.map(HttpVersion::name).to_vec(),
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
        .and(Degraded::NOT_READ)
        .and(Degraded::TIME_BACK)
        .names()
}

/// Returns the row of the field with this name, ignoring case.
pub(super) fn find(name: &str) -> Option<&'static FieldInfo> {
    FIELDS.iter().find(|info| info.names().any(|known| known.eq_ignore_ascii_case(name)))
}

/// Syntax besides fields: forms and their meaning, for help.
pub const SYNTAX: &[(&str, &str)] = &[
    ("field:value", "equal, ignoring case; value* matches a prefix, * any value (also = and ==)"),
    ("field!=value", "not equal; never matches a record without the field"),
    ("field~regex", "contains a match of the regex, ignoring case ((?-i) makes it case-sensitive)"),
    ("field>value", "greater; also >= < <="),
    ("a b, a and b, a && b", "both"),
    ("a or b, a || b", "at least one; and binds tighter"),
    ("not a, !a", "negation, binds tightest; also matches records without the field"),
    ("( )", "grouping"),
    ("word", "contained in method, name, id or session id, ignoring case; s1 is a session"),
    (
        "\"free text\"",
        "the same for text with blanks; \\\" \\\\ \\n \\t \\u{…} are escapes; values can be quoted too",
    ),
];

/// Row of the help on fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpRow {
    /// Name, followed by the other accepted names.
    pub name: String,
    /// Operators, separated by blanks.
    pub operators: String,
    /// Format of the values.
    pub values: String,
    /// Meaning as a phrase.
    pub meaning: &'static str,
    /// Test that uses the field.
    pub example: &'static str,
    /// Records that have the field: `exchanges, streams`.
    pub applies: String,
}

/// Returns the help on every field, in the order of [`FIELDS`].
#[must_use]
pub fn help() -> Vec<HelpRow> {
    FIELDS.iter().map(help_row).collect()
}

fn help_row(info: &FieldInfo) -> HelpRow {
    let words = info.field.words();
    let values = match info.kind {
        // The help lists finding codes in a section of their own.
        Kind::Word if info.field != Field::Finding => words.join(", "),
        kind => kind.values().to_owned(),
    };
    let applies = [
        (info.applies.exchanges, "exchanges"),
        (info.applies.notifications, "notifications"),
        (info.applies.streams, "streams"),
        (info.applies.llm_calls, "LLM calls"),
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
        assert_eq!(FIELDS.len(), Field::LlmFinish as usize + 1);
        assert_eq!(help().len(), FIELDS.len());
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = FIELDS.iter().flat_map(FieldInfo::names).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
