//! The exchanges as data for the script.
//!
//! ```text
//!  {"base": "…", "fields": […], "rows": [[…], …], "notes": [[…], …], "sessions": [[…], …],
//!   "texts": […]}
//! ```
//!
//! A row is a list in the order of `COLUMNS` of `filter.js`. Texts are numbers in `texts`,
//! sanitized as everywhere on the page. Times are nanoseconds after `base`. A number that a double
//! cannot hold is a string.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::hash::BuildHasher as _;
use std::io;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::exchanges;
use super::grid::BOUNDS;
use super::rows::{Note, Rows};
use crate::base::protocols::{HttpVersion, Protocols};
use crate::base::{Files, PacketNo, Side, Span, Timestamp, json, sanitize};
use crate::ledger::query::{FIELDS, Field, FieldInfo, Kind};
use crate::ledger::{Cause, Exchange, Id, MessageSpan, SessionRef};
use crate::report::label;
use crate::report::options::Options;

/// Writes the data.
///
/// # Errors
/// Returns the errors of `out`.
pub(super) fn write(rows: &Rows, options: &Options, out: &mut impl io::Write) -> io::Result<()> {
    let kept = rows.exchanges();
    let base = kept.iter().map(|exchange| exchange.request.span.start.time.0).min().unwrap_or(0);
    let mut data = Data { base, options, texts: Texts::default(), sessions: Sessions::default() };
    let mut line = String::new();
    write!(
        line,
        "{{\"v\":1,\"base\":\"{base}\",\"all\":{},\"several\":{}",
        rows.len(),
        options.numbering.are_several()
    )
    .map_err(io::Error::other)?;
    let bounds: Vec<_> = BOUNDS.iter().map(ToString::to_string).collect();
    write!(line, ",\"bounds\":[{}]", bounds.join(",")).map_err(io::Error::other)?;
    let names: Vec<_> =
        options.numbering.names().iter().map(|name| data.texts.own(name.to_string())).collect();
    line.push_str(&format!(",\"files\":[{}]", names.join(",")));
    let grid = rows.grid();
    if let Some((first, last)) = grid.shown() {
        let start = number(i128::from(grid.start()) - i128::from(base));
        let (width, columns) = (number(grid.width()), grid.columns_count());
        line.push_str(&format!(",\"grid\":[{start},{width},{columns},{first},{last}]"));
    }
    line.push_str(",\"fields\":[");
    FIELDS.iter().for_each(|info| field(info, &mut line));
    end_list(&mut line);
    line.push_str(",\"rows\":[");
    out.write_all(line.as_bytes())?;
    for (at, exchange) in kept.iter().enumerate() {
        line.clear();
        line.push_str(if at == 0 { "\n" } else { ",\n" });
        data.row(exchange, &mut line);
        out.write_all(line.as_bytes())?;
    }
    line.clear();
    line.push_str("],\n\"notes\":[");
    let numbers: HashSet<u64, RandomState> = kept.iter().map(|exchange| exchange.n).collect();
    for note in rows.notes().filter(|note| numbers.contains(&note.exchange)) {
        data.note(note, &mut line);
    }
    end_list(&mut line);
    line.push_str(",\n\"sessions\":[");
    let Data { sessions, texts, .. } = &mut data;
    for session in &sessions.list {
        let (id, server_name, client_name) = (&session.id, &session.server_name, &session.client_name);
        let columns = [
            session.number.to_string(),
            texts.some(id.as_deref()),
            texts.number(session.transport.name()),
            texts.number(&session.server.to_string()),
            texts.some(session.path.as_deref()),
            texts.some(server_name.as_deref()),
            texts.number(&label::client(session)),
            texts.some(client_name.as_deref()),
        ];
        push_list(&columns, &mut line);
    }
    end_list(&mut line);
    line.push_str(",\n\"texts\":[");
    out.write_all(line.as_bytes())?;
    for (at, text) in data.texts.list.iter().enumerate() {
        out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        write_text(text, out)?;
    }
    out.write_all(b"]}")
}

/// Writes a JSON string that ends no script (WHATWG HTML section 4.12.1.3).
fn write_text(text: &str, out: &mut impl io::Write) -> io::Result<()> {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    json::write_string(&mut quoted, text)?;
    for part in quoted.split_inclusive(|byte| matches!(byte, b'<' | b'>' | b'&')) {
        match part.split_last() {
            Some((last @ (b'<' | b'>' | b'&'), before)) => {
                out.write_all(before)?;
                write!(out, "\\u{last:04x}")?;
            }
            _ => out.write_all(part)?,
        }
    }
    Ok(())
}

/// Appends a row of the table of fields: names, kind, words, and whether the page can test it.
fn field(info: &FieldInfo, line: &mut String) {
    let words: Vec<_> = info.field.words().iter().map(|word| format!("\"{word}\"")).collect();
    let names: Vec<_> = info.names().map(|name| format!("\"{name}\"")).collect();
    let kind = kind_name(info);
    line.push_str(&format!("[[{}],\"{kind}\",[{}]],", names.join(","), words.join(",")));
}

/// Returns the kind of a field as `filter.js` names it.
fn kind_name(info: &FieldInfo) -> &'static str {
    match info.kind {
        // It is about header fields, which are not in the page.
        Kind::Text if info.field == Field::Auth => "content",
        Kind::Text => "text",
        Kind::Ordered => "ordered",
        Kind::Word => "word",
        Kind::Session => "session",
        Kind::Address => "address",
        Kind::Ip => "ip",
        Kind::Number => "number",
        Kind::HttpStatus => "http",
        Kind::Duration => "duration",
        Kind::Size => "size",
        Kind::Packet => "packet",
        Kind::Time => "time",
        Kind::Content | Kind::Header => "content",
    }
}

/// Ends a list whose elements each end in a comma.
fn end_list(line: &mut String) {
    if line.ends_with(',') {
        line.pop();
    }
    line.push(']');
}

fn push_list(columns: &[String], line: &mut String) {
    line.push_str(&format!("[{}],", columns.join(",")));
}

/// The largest integer up to which a double holds each (2^53).
const MAX_SAFE: i128 = 1 << 53;

fn number(number: impl Into<i128>) -> String {
    let number = number.into();
    if number.abs() <= MAX_SAFE { number.to_string() } else { format!("\"{number}\"") }
}

fn some_number(number: Option<impl Into<i128>>) -> String {
    number.map_or_else(null, self::number)
}

fn null() -> String {
    "null".to_owned()
}

/// The texts of the page, each once.
#[derive(Debug, Default)]
struct Texts {
    list: Vec<String>,
    /// Places in `list`, by the hash of the text there.
    index: HashTable<usize>,
    hasher: RandomState,
}

impl Texts {
    /// Returns the number of a text.
    fn number(&mut self, text: &str) -> String {
        self.own(sanitize::clean(text))
    }

    fn own(&mut self, text: String) -> String {
        let Self { list, index, hasher } = self;
        let hash = hasher.hash_one(&text);
        if let Some(at) = index.find(hash, |at| list.get(*at).is_some_and(|has| *has == text)) {
            return at.to_string();
        }
        let at = list.len();
        list.push(text);
        index.insert_unique(hash, at, |at| list.get(*at).map_or(0, |text| hasher.hash_one(text)));
        at.to_string()
    }

    fn some(&mut self, text: Option<&str>) -> String {
        text.map_or_else(null, |text| self.number(text))
    }
}

/// The sessions of the rows, each once.
#[derive(Debug, Default)]
struct Sessions {
    list: Vec<SessionRef>,
    index: HashMap<u32, usize, RandomState>,
}

struct Data<'a> {
    base: i64,
    options: &'a Options,
    texts: Texts,
    sessions: Sessions,
}

impl Data<'_> {
    fn row(&mut self, it: &Exchange, line: &mut String) {
        let files = &self.options.numbering;
        let stream = |stream: u32, packet: PacketNo| files.stream(stream, packet);
        let request = it.request.span;
        let answered_on = it.answered_on.zip(it.response);
        let answered_on = answered_on.and_then(|((on, _), response)| stream(on, response.span.first));
        let columns = [
            it.n.to_string(),
            self.session(&it.session),
            some_number(stream(it.tcp_stream, request.first)),
            some_number(answered_on),
            self.texts.number(&it.client.to_string()),
            u8::from(it.origin == Side::Server).to_string(),
            self.id(&it.id),
            u8::from(matches!(it.id, Id::Text(_))).to_string(),
            self.texts.number(&it.method),
            self.texts.some(it.name.as_deref()),
            self.texts.number(it.status.name()),
            self.texts.some(it.cause.map(Cause::name)),
            self.texts.number(exchanges::tone(it)),
            some_number(it.http_status),
            some_number(it.error.as_ref().and_then(|error| error.code)),
            self.texts.some(it.error.as_ref().map(|error| &*error.message)),
            it.progress.to_string(),
            it.retransmissions.to_string(),
            self.list(it.degraded.names()),
            self.list(it.findings.iter().map(|code| code.name())),
            self.texts.some(it.view()),
            self.texts.some(it.protocol_version.as_deref()),
            self.protocols(&it.protocols),
            number(i128::from(request.start.time.0) - i128::from(self.base)),
            self.message(&it.request, request.start.time, files),
            it.response.map_or_else(null, |response| self.message(&response, request.end.time, files)),
            some_number(it.ack_ns()),
            it.waited_until().map_or_else(null, |end| {
                format!("[{},{}]", number(end.time.since(request.start.time)), files.number(end.packet))
            }),
            match it.asked.requests {
                0 => "0".to_owned(),
                requests => format!("[{requests},{}]", number(it.asked.client_ns)),
            },
            some_number(it.parent),
            some_number(it.continues),
            self.texts.some(label::why(it, &self.options.limits).as_deref()),
            if files.are_several() { self.in_files(it, files) } else { null() },
        ];
        push_list(&columns, line);
        line.pop();
    }

    fn session(&mut self, session: &SessionRef) -> String {
        let Sessions { list, index } = &mut self.sessions;
        let at = *index.entry(session.number).or_insert_with(|| {
            list.push(session.clone());
            list.len() - 1
        });
        // Names are seen later than the first exchange.
        if let Some(known) = list.get_mut(at).filter(|known| *known != session) {
            *known = session.clone();
        }
        at.to_string()
    }

    fn id(&mut self, id: &Id) -> String {
        match id {
            Id::Null => self.texts.number("null"),
            Id::Int(int) => self.texts.number(&int.to_string()),
            Id::Number(text) | Id::Cut(text) | Id::Text(text) => self.texts.number(text),
        }
    }

    /// Returns the number of a text of words with blanks between them.
    fn list(&mut self, words: impl Iterator<Item = &'static str>) -> String {
        let words: Vec<_> = words.collect();
        self.texts.number(&words.join(" "))
    }

    /// HTTP version, and of TLS version, host and protocol; 0 for HTTP/1.1 without TLS.
    fn protocols(&mut self, protocols: &Protocols) -> String {
        let tls = protocols.tls.as_deref();
        if protocols.http == Some(HttpVersion::V11) && tls.is_none() {
            return "0".to_owned();
        }
        let mut columns = vec![self.texts.some(protocols.http.map(HttpVersion::name))];
        if let Some(tls) = tls {
            columns.push(self.texts.some(tls.version_name()));
            columns.push(self.texts.some(tls.sni.as_deref()));
            columns.push(self.texts.some(tls.alpn.as_deref()));
        }
        format!("[{}]", columns.join(","))
    }

    /// Start after a time, duration, first packet, last packet, bytes.
    fn message(&self, message: &MessageSpan, after: Timestamp, files: &Files) -> String {
        let Span { start, end, first, last, .. } = message.span;
        format!(
            "[{},{},{},{},{}]",
            number(start.time.since(after)),
            number(end.time.since(start.time)),
            files.number(first),
            files.number(last),
            message.bytes
        )
    }

    /// Of several files: the packets, the display filters, and the names of the files.
    fn in_files(&mut self, it: &Exchange, files: &Files) -> String {
        let spans = [Some(it.request.span), it.response.map(|response| response.span)];
        let ends = spans.into_iter().flatten().flat_map(|span| [span.first, span.last]);
        let mut names: Vec<_> =
            ends.filter_map(|packet| files.file(packet)).map(|name| name.to_string()).collect();
        names.sort_unstable();
        names.dedup();
        let names: Vec<_> = names.into_iter().map(|name| self.texts.own(name)).collect();
        let filter = exchanges::wireshark(it, files).replace('\n', "; ");
        let (packets, filter) = (self.texts.own(label::packets(it, files)), self.texts.own(filter));
        format!("[{packets},{filter},[{}]]", names.join(","))
    }

    fn note(&mut self, note: &Note, line: &mut String) {
        let columns = [
            note.exchange.to_string(),
            number(i128::from(note.time.0) - i128::from(self.base)),
            self.options.numbering.number(note.packet).to_string(),
            u8::from(note.from == Side::Server).to_string(),
            self.texts.number(&note.method),
            note.bytes.to_string(),
        ];
        push_list(&columns, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_no_script() {
        let mut out = Vec::new();
        write_text("</script><!--\u{2028}\"&", &mut out).unwrap();
        assert_eq!(out, br#""\u003c/script\u003e\u003c!--\u2028\"\u0026""#);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), "</script><!--\u{2028}\"&");
    }

    #[test]
    fn large_numbers_are_strings() {
        assert_eq!(number(i64::MIN), "\"-9223372036854775808\"");
        assert_eq!(number(5_u64), "5");
    }
}
