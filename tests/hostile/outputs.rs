//! Everything that the program prints of a capture, made in this process and checked as it is made:
//! JSON by a strict reader, text for characters that a terminal would obey.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};

use mcpdump::anonymize::{Anonymizer, Key};
use mcpdump::base::{Files, Findings, OutputFormat};
use mcpdump::capture::{Item, Packet, Source};
use mcpdump::check::{self, Gate};
use mcpdump::contents::Rules;
use mcpdump::diff::{self, Difference, Profile, Profiler};
use mcpdump::engine::Engine;
use mcpdump::export::{self, Export, WriterOptions};
use mcpdump::inventory::{self, Census};
use mcpdump::ledger::{Entry, Ledger, Snapshot, Views};
use mcpdump::report::{self, Format, Options, list, page};
use mcpdump::security::{self, Watch};
use mcpdump::why::{self, Collector, Limits, Question};

use crate::support::json;

/// What the analysis of a capture took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// The most memory that was allocated at one time, in bytes.
    pub(crate) peak: u64,
    /// Memory that was allocated in all, in bytes.
    pub(crate) allocated: u64,
    /// Number of allocations.
    pub(crate) allocations: u64,
}

/// Makes and checks every output of a source. What the source cannot read ends the outputs early.
///
/// # Errors
/// What is wrong: a panic, or the first output that is invalid.
pub(crate) fn check(open: impl FnOnce() -> Box<dyn Source>) -> Result<Cost, String> {
    measured(|| all(&mut *open()))
}

/// Runs something, and measures what it takes.
fn measured(run: impl FnOnce() -> Result<(), String>) -> Result<Cost, String> {
    let mut result = Ok(());
    let used = allocation_counter::measure(|| {
        let checked = panic::catch_unwind(AssertUnwindSafe(run));
        result = checked.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied());
            Err(format!("panics: {}", text.unwrap_or("without a message")))
        });
    });
    let (peak, allocated, allocations) = (used.bytes_max, used.bytes_total, used.count_total);
    result.map(|()| Cost { peak, allocated, allocations })
}

/// Anonymizes the packets of a source, as `slice --anonymize` does, and checks that each comes out
/// once and in order, no longer than it was, or is counted as left out.
///
/// # Errors
/// What is wrong: a panic, or a packet.
pub(crate) fn anonymize(open: impl FnOnce() -> Box<dyn Source>) -> Result<Cost, String> {
    measured(|| anonymize_all(&mut *open()))
}

fn anonymize_all(source: &mut dyn Source) -> Result<(), String> {
    let mut anonymizer = Anonymizer::new(&Key::of(b"test"));
    let (mut findings, mut out) = (Findings::new(), Vec::new());
    let (mut waiting, mut taken, mut given) = (VecDeque::new(), 0_u64, 0_u64);
    let mut check = |waiting: &mut VecDeque<(u64, usize, u32)>, out: &mut Vec<Packet>| {
        for packet in out.drain(..) {
            given += 1;
            let number = packet.origin.packet.0;
            // Those before it were left out.
            let of = std::iter::from_fn(|| waiting.pop_front()).find(|(other, ..)| *other == number);
            let Some((_, len, original_len)) = of else {
                return Err(format!("packet {number} comes out of order"));
            };
            if packet.data.len() > len || packet.original_len != original_len {
                return Err(format!("packet {number} has another length"));
            }
        }
        Ok(())
    };
    while let Ok(Some(item)) = source.next(&mut findings) {
        let Item::Packet(packet) = item else { continue };
        taken += 1;
        waiting.push_back((packet.origin.packet.0, packet.data.len(), packet.original_len));
        anonymizer.push(&packet, &mut out);
        check(&mut waiting, &mut out)?;
    }
    anonymizer.finish(&mut out);
    check(&mut waiting, &mut out)?;
    let left_out: u64 = anonymizer.left_out().map(|(_, packets)| packets).sum();
    if given + left_out == taken {
        Ok(())
    } else {
        Err(format!("{taken} packets, {given} anonymized, {left_out} left out"))
    }
}

fn all(source: &mut dyn Source) -> Result<(), String> {
    let mut engine = Engine::new();
    engine.emit_payloads();
    let mut ledger = Ledger::new(None);
    let mut exports: Vec<_> = export::FORMATS
        .iter()
        .map(|format| (format.name, (format.writer)(WriterOptions::default()), Sheet::of(format.name)))
        .collect();
    for (name, writer, sheet) in &mut exports {
        writer.begin(sheet).map_err(|error| format!("{name}: {error}"))?;
    }
    let mut lists = [false, true].map(|messages| {
        let options = list::Options { messages, ..list::Options::default() };
        (list::Lines::new(options), Sheet::of("list"))
    });
    let mut entries = Vec::new();
    let mut keepers = Keepers::new();
    // A source that cannot be read further is a matter of the operator.
    while engine.read(source, &mut entries).unwrap_or(false) {
        keepers.push(&entries);
        put(&mut entries, &mut ledger, &mut exports, &mut lists)?;
    }
    keepers.push(&entries);
    put(&mut entries, &mut ledger, &mut exports, &mut lists)?;
    keepers.finish(&ledger.snapshot())?;
    for (name, mut writer, mut sheet) in exports {
        writer.finish(&mut sheet).map_err(|error| format!("{name}: {error}"))?;
        sheet.end().map_err(|error| format!("{name}: {error}"))?;
    }
    for (_, sheet) in lists {
        sheet.end().map_err(|error| format!("list: {error}"))?;
    }
    let snapshot = ledger.snapshot();
    // The page is written with its exchanges.
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Html) {
        let mut sheet = Sheet::of(format.name());
        let written = report::write(format, &snapshot, &Options::default(), &mut sheet);
        written.and_then(|()| sheet.end()).map_err(|error| format!("report, {}: {error}", format.name()))?;
    }
    Ok(())
}

/// Exchanges of the page that is checked.
const PAGE_EXCHANGES: u64 = 200;

/// What the commands keep that tell more than a report.
struct Keepers {
    census: Census,
    profiler: Profiler,
    collector: Collector,
    gate: Gate,
    watch: Watch,
    rules: Rules,
    rows: page::Rows,
}

impl Keepers {
    fn new() -> Self {
        Self {
            census: Census::new(None),
            profiler: Profiler::new(),
            collector: Collector::new(Question::Worst),
            gate: Gate::new(check::Options::default()),
            watch: Watch::new(security::Options { guesses: true, ..security::Options::default() }),
            rules: Rules::new(),
            rows: page::Rows::new(Views::All),
        }
    }

    fn push(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.census.push(entry);
            self.profiler.push(entry);
            self.collector.push(entry, true);
            // A page of long texts takes a debug build seconds.
            if self.rows.len() < PAGE_EXCHANGES {
                self.rows.push(entry);
            }
            self.gate.push(entry);
            let found = [self.watch.push(entry), self.rules.push(entry)];
            found.into_iter().flatten().for_each(|found| self.gate.push(&Entry::Finding(found)));
        }
    }

    fn finish(mut self, snapshot: &Snapshot) -> Result<(), String> {
        written("html", "page", |sheet| page::write(snapshot, &self.rows, &Options::default(), sheet))?;
        self.rules.finish();
        self.watch.finish();
        let (inventory, profile) = (self.census.finish(), self.profiler.finish());
        let difference = Difference::between(&profile, &Profile::default());
        for format in OutputFormat::ALL {
            let name = if format == OutputFormat::Json { "json" } else { "text" };
            written(name, "inventory", |sheet| inventory::write(format, &inventory, sheet))?;
            written(name, "stats", |sheet| inventory::write_stats(format, &inventory, sheet))?;
            written(name, "diff", |sheet| diff::write(format, &difference, ["a", "b"], sheet))?;
        }
        for file in inventory::advertised(&inventory) {
            json::check(&file.json).map_err(|error| format!("{}: {error}", file.file))?;
        }
        let (verdict, capture) =
            (self.gate.finish(), check::Capture { name: "a", numbering: Files::default() });
        for format in check::Format::ALL {
            let name = if format == check::Format::Json { "json" } else { "text" };
            written(name, "check", |sheet| check::write(format, &verdict, &capture, sheet))?;
        }
        let story = self.collector.story(&Limits::default());
        written("json", "why", |sheet| why::json(&story, &Files::default(), sheet))
    }
}

/// Checks an output that is written at once.
fn written(kind: &str, name: &str, write: impl FnOnce(&mut Sheet) -> io::Result<()>) -> Result<(), String> {
    let mut sheet = Sheet::of(kind);
    write(&mut sheet).and_then(|()| sheet.end()).map_err(|error| format!("{name}: {error}"))
}

type Writer = (&'static str, Box<dyn Export>, Sheet);

/// Hands entries to every output.
fn put(
    entries: &mut Vec<Entry>,
    ledger: &mut Ledger,
    exports: &mut [Writer],
    lists: &mut [(list::Lines, Sheet); 2],
) -> Result<(), String> {
    for entry in entries.drain(..) {
        ledger.push(&entry);
        for (name, writer, sheet) in exports.iter_mut() {
            writer.entry(&entry, sheet).map_err(|error| format!("{name}: {error}"))?;
        }
        for (lines, sheet) in lists.iter_mut() {
            lines.write(&entry, sheet).map_err(|error| format!("list: {error}"))?;
        }
    }
    Ok(())
}

/// An output that is checked line by line, or as a whole.
#[derive(Debug)]
struct Sheet {
    kind: Kind,
    /// What is not checked yet.
    text: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Each line is a JSON value.
    JsonLines,
    /// The whole is a JSON value.
    Json,
    /// The same, with one entry or event a line.
    Lines,
    /// Lines for people.
    Text,
    /// Comma-separated values (RFC 4180).
    Csv,
    /// A page: lines for people, with one script and one style sheet.
    Html,
    /// Not text.
    Binary,
}

impl Sheet {
    fn of(name: &str) -> Self {
        let kind = match name {
            "jsonl" => Kind::JsonLines,
            "json" => Kind::Json,
            "har" | "trace" => Kind::Lines,
            "csv" => Kind::Csv,
            "text" | "markdown" | "list" => Kind::Text,
            "html" => Kind::Html,
            _ => Kind::Binary,
        };
        Self { kind, text: Vec::new() }
    }

    /// Checks what was written last.
    fn end(mut self) -> io::Result<()> {
        match self.kind {
            Kind::JsonLines | Kind::Text if self.text.is_empty() => Ok(()),
            Kind::JsonLines | Kind::Text => Err(io::Error::other("the last line has no end")),
            Kind::Html => page_of(utf8(&self.text)?),
            Kind::Json | Kind::Lines => {
                let text = std::mem::take(&mut self.text);
                utf8(&text).and_then(|text| json::check(text).map_err(io::Error::other))
            }
            Kind::Csv => {
                let text = std::mem::take(&mut self.text);
                let mut reader =
                    csv::ReaderBuilder::new().has_headers(false).from_reader(utf8(&text)?.as_bytes());
                reader.records().try_for_each(|record| record.map(drop).map_err(io::Error::other))
            }
            Kind::Binary => Ok(()),
        }
    }
}

impl Write for Sheet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.kind {
            Kind::Binary => {}
            Kind::Json | Kind::Csv | Kind::Html => self.text.extend_from_slice(bytes),
            Kind::JsonLines | Kind::Text | Kind::Lines => {
                for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                    self.text.extend_from_slice(part);
                    match part.ends_with(b"\n") {
                        true if self.kind == Kind::Lines => self.member_line()?,
                        true => self.line()?,
                        false => {}
                    }
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sheet {
    /// Checks the member in a line that is complete, and keeps what stands around the members.
    fn member_line(&mut self) -> io::Result<()> {
        let begin = self.text.strip_suffix(b"\n").unwrap_or(&self.text);
        let begin = begin.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = utf8(self.text.get(begin..).unwrap_or_default())?.trim_end_matches(['\n', ',']);
        if ["{\"startedDateTime\"", "{\"ph\""].iter().any(|begin| line.starts_with(begin)) {
            json::check(line).map_err(io::Error::other)?;
            self.text.truncate(begin);
        }
        Ok(())
    }

    /// Checks a line that is complete.
    fn line(&mut self) -> io::Result<()> {
        let line = utf8(self.text.strip_suffix(b"\n").unwrap_or_default())?;
        if self.kind == Kind::JsonLines {
            json::check(line).map_err(io::Error::other)?;
        } else if let Some((_, char)) = json::deceptive(line) {
            return Err(io::Error::other(format!("{char:?} in {line:?}")));
        }
        self.text.clear();
        Ok(())
    }
}

/// Checks a page: no element of it is one that traffic could have brought, and its data is JSON.
fn page_of(html: &str) -> io::Result<()> {
    let fault = |what: String| Err(io::Error::other(what));
    if let Some((_, char)) = html.split('\n').find_map(json::deceptive) {
        return fault(format!("{char:?} in a page"));
    }
    let is_part = |c: char| c.is_ascii_alphanumeric();
    let (markup, script) = html.split_once("<script type=\"application/json\"").unwrap_or((html, ""));
    let Some((data, _)) = script.split_once('>').and_then(|(_, rest)| rest.split_once("</script>")) else {
        return fault("a page without data".to_owned());
    };
    json::check(data).map_err(io::Error::other)?;
    let markup = markup.split_once("</style>").map_or(markup, |(_, body)| body);
    for tag in markup.split('<').skip(1) {
        let name = tag.trim_start_matches('/');
        let name = name.split(|c| !is_part(c)).next().unwrap_or_default();
        if !ELEMENTS.contains(&name) {
            return fault(format!("<{name}> in a page"));
        }
    }
    Ok(())
}

/// The elements of a page.
const ELEMENTS: [&str; 42] = [
    "a",
    "body",
    "caption",
    "code",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "head",
    "header",
    "html",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "path",
    "rect",
    "section",
    "span",
    "strong",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
    "meta",
    "style",
    "label",
    "button",
];

fn utf8(bytes: &[u8]) -> io::Result<&str> {
    std::str::from_utf8(bytes).map_err(io::Error::other)
}
