//! `export --to csv`: a row an exchange, for spreadsheets and data frames.
//!
//! The first line holds the names of the columns; columns are only ever added at the end. Durations
//! are exact milliseconds, times epoch seconds with nine decimals and, for people, UTC. Values that
//! do not exist are empty. Lists (`degraded`, `findings`) are separated by blanks. Text from
//! traffic is sanitized as in the reports, credentials included, and begins with `'` if a
//! spreadsheet would read it as a formula. Other records have no rows.

use std::io;

use super::writer::Export;
use crate::base::{Files, PacketNo, sanitize, units};
use crate::ledger::{Entry, Exchange, Id, Record};

/// The names of the columns.
const HEADS: [&str; 41] = [
    "n",
    "time",
    "start",
    "session",
    "session_id",
    "server",
    "path",
    "client",
    "origin",
    "id",
    "method",
    "name",
    "status",
    "cause",
    "http_status",
    "error_code",
    "error_message",
    "total_ms",
    "send_ms",
    "wait_ms",
    "receive_ms",
    "ack_ms",
    "waited_ms",
    "waited_packet",
    "request_bytes",
    "response_bytes",
    "progress",
    "retransmissions",
    "tcp_stream",
    "first_packet",
    "last_packet",
    "degraded",
    "findings",
    "transport",
    "protocol_version",
    "v",
    "server_name",
    "client_name",
    "server_ms",
    "user_ms",
    "network_ms",
];

/// The names of the columns that follow them if several files are read: the files that the packets
/// and the connection are numbered in.
const FILE_HEADS: [&str; 4] = ["first_file", "last_file", "waited_file", "stream_file"];

/// Writes rows.
#[derive(Debug, Default)]
pub struct Csv {
    files: Files,
}

impl Csv {
    /// Creates a writer that numbers packets by these files.
    #[must_use]
    pub fn new(files: Files) -> Self {
        Self { files }
    }
}

impl Export for Csv {
    fn begin(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        if self.files.are_several() {
            return write_row(&[HEADS.as_slice(), &FILE_HEADS].concat(), out);
        }
        write_row(&HEADS, out)
    }

    fn entry(&mut self, entry: &Entry, out: &mut dyn io::Write) -> io::Result<()> {
        match entry {
            Entry::Record(Record::Exchange(exchange)) => write_row(&cells(exchange, &self.files), out),
            _ => Ok(()),
        }
    }
}

fn write_row<T: AsRef<[u8]>>(cells: &[T], out: &mut dyn io::Write) -> io::Result<()> {
    let mut csv = ::csv::Writer::from_writer(out);
    csv.write_record(cells)?;
    csv.flush()
}

fn cells(exchange: &Exchange, files: &Files) -> Vec<String> {
    let text = |text: Option<&str>| text.map(sanitize::spreadsheet_cell).unwrap_or_default();
    let ms = |ns: Option<i64>| ns.map(units::ms).unwrap_or_default();
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let (session, request) = (&exchange.session, exchange.request.span);
    let response = exchange.response.map(|response| response.span);
    let start = request.start.time;
    let waited = exchange.waited_until().map(|end| end.packet);
    let first = response.map_or(request.first, |response| request.first.min(response.first));
    let last = response.map_or(request.last, |response| request.last.max(response.last));
    let mut cells = vec![
        exchange.n.to_string(),
        format!("{} {}", units::date(start), units::time_of_day(start)),
        start.to_string(),
        format!("s{}", session.number),
        text(session.id.as_deref()),
        session.server.to_string(),
        text(session.path.as_deref()),
        exchange.client.to_string(),
        exchange.origin.name().to_owned(),
        id(&exchange.id),
        text(Some(&exchange.method)),
        text(exchange.name.as_deref()),
        exchange.status.name().to_owned(),
        exchange.cause.map(|cause| cause.name().to_owned()).unwrap_or_default(),
        number(exchange.http_status.map(u64::from)),
        exchange.error.as_ref().and_then(|error| error.code).map(|code| code.to_string()).unwrap_or_default(),
        text(exchange.error.as_ref().map(|error| error.message.as_ref())),
        ms(exchange.total_ns()),
        ms(Some(exchange.send_ns())),
        ms(exchange.wait_ns()),
        ms(exchange.receive_ns()),
        ms(exchange.ack_ns()),
        ms(exchange.waited_ns()),
        number(waited.map(|packet| files.number(packet))),
        exchange.request.bytes.to_string(),
        number(exchange.response.map(|response| response.bytes)),
        exchange.progress.to_string(),
        exchange.retransmissions.to_string(),
        number(files.stream(exchange.tcp_stream, request.first).map(u64::from)),
        files.number(first).to_string(),
        files.number(last).to_string(),
        exchange.degraded.names().collect::<Vec<_>>().join(" "),
        exchange.findings.iter().map(|code| code.name()).collect::<Vec<_>>().join(" "),
        session.transport.name().to_owned(),
        text(exchange.protocol_version.as_deref()),
        "1".to_owned(),
        text(session.server_name.as_deref()),
        text(session.client_name.as_deref()),
        ms(exchange.server_ns()),
        ms((exchange.asked.requests > 0).then_some(exchange.asked.client_ns)),
        ms(Some(exchange.network_ns())),
    ];
    if files.are_several() {
        let packets = [Some(first), Some(last), waited, Some(request.first)];
        let name = |packet: Option<PacketNo>| packet.and_then(|packet| files.name(packet));
        cells.extend(packets.map(|packet| name(packet).map(sanitize::spreadsheet_cell).unwrap_or_default()));
    }
    cells
}

/// Returns an id: a number as such, a text without quotes.
fn id(id: &Id) -> String {
    match id {
        Id::Int(int) => int.to_string(),
        Id::Text(text) => sanitize::spreadsheet_cell(text),
        id => sanitize::spreadsheet_cell(&id.json()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sample;

    fn written(entries: &[Entry]) -> String {
        let (mut csv, mut out) = (Csv::default(), Vec::new());
        csv.begin(&mut out).unwrap();
        for entry in entries {
            csv.entry(entry, &mut out).unwrap();
        }
        csv.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn rows(text: &str) -> Vec<::csv::StringRecord> {
        ::csv::Reader::from_reader(text.as_bytes()).into_records().map(Result::unwrap).collect()
    }

    #[test]
    fn every_exchange_is_a_row_and_nothing_else_is() {
        let entries = sample::entries();
        let is_exchange = |entry: &&Entry| matches!(entry, Entry::Record(Record::Exchange(_)));
        let text = written(&entries);
        assert_eq!(rows(&text).len(), entries.iter().filter(is_exchange).count());
        assert!(rows(&text).iter().all(|row| row.len() == HEADS.len()));
    }

    /// OWASP: CSV injection.
    #[test]
    fn no_cell_begins_a_formula() {
        for name in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "|calc", "\u{ff1d}1"] {
            let exchange = sample::exchange(1, "tools/call", Some(name), 1_000);
            let text = written(&[Entry::Record(Record::Exchange(Box::new(exchange)))]);
            let row = &rows(&text)[0];
            let cell = &row[HEADS.iter().position(|head| *head == "name").unwrap()];
            let first = cell.chars().next().unwrap();
            assert!(!['=', '+', '-', '@', '\t', '\r', '|', '\u{ff1d}'].contains(&first), "{cell:?}");
        }
    }
}
