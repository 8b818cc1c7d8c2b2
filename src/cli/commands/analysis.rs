//! What the commands do: the only file of this room that touches capture, engine, ledger and report.

use anyhow::{Context as _, anyhow};

use crate::base::{Fact, Findings};
use crate::capture::{self, Item, Packet, Source};
use crate::cli::Outcome;
use crate::cli::arguments::{By, ExportOptions, Format, ListOptions, ReportOptions};
use crate::cli::complain;
use crate::cli::output;
use crate::cli::progress_bar::Meter;
use crate::cli::reader::Reader;
use crate::cli::request::{Input, Inputs, Request};
use crate::cli::setup::{Begun, begin};
use crate::export::RawPacket;
pub(crate) use crate::ledger::query::HelpRow;
use crate::ledger::{By as Cut, Entry, Ledger, Record, Speaks, query};
use crate::{engine, report};

/// `mcpdump list`: a line per exchange, or per message, as it completes.
///
/// # Errors
/// The capture cannot be read, the filter is wrong, or the output cannot be written.
pub(crate) fn list(request: &Request, options: &ListOptions) -> anyhow::Result<Outcome> {
    let filter = filter(request)?;
    let Begun { mut reader, mut output, .. } = begin(request, None)?;
    let mut lines = report::list::Lines::new(report::list::Options {
        messages: options.messages,
        epoch: options.epoch,
        color: output::is_colored(request, None),
    });
    let mut unread = Unread::default();
    let mut engine = engine::Engine::new();
    if options.messages && filter.is_empty() {
        engine.emit_requests();
    }
    let result = analyse(&mut reader, engine, Meter::start(!output.is_file()), |entries| {
        entries.iter().for_each(|entry| unread.note(entry));
        output.write(|output| {
            for entry in entries.iter().filter(|entry| is_shown(&filter, entry)) {
                lines.write(entry, output)?;
            }
            output.batch()
        })
    });
    let result = result.and_then(|()| output.finish());
    if result.is_ok() {
        unread.tell(reader.heard());
    }
    reader.end(result)
}

/// `mcpdump report`: what the whole capture comes to.
///
/// # Errors
/// The capture cannot be read, the filter is wrong, or the output cannot be written.
pub(crate) fn report(request: &Request, options: &ReportOptions) -> anyhow::Result<Outcome> {
    let filter = filter(request)?;
    let path = options.output.as_deref();
    let Begun { mut reader, mut output, .. } = begin(request, path)?;
    let how = report::Options {
        color: output::is_colored(request, path),
        files: match &request.inputs {
            Inputs::Files(inputs) => inputs.iter().map(name).collect(),
            Inputs::Device(_) => reader.device().map(str::to_owned).into_iter().collect(),
        },
        ..report::Options::default()
    };
    let format = match options.format {
        Format::Text => report::Format::Text,
        Format::Json => report::Format::Json,
        Format::Csv => report::Format::Csv,
        Format::Markdown => report::Format::Markdown,
    };
    let mut ledger = Ledger::new(options.by.map(|by| match by {
        By::Server => Cut::Server,
        By::Session => Cut::Session,
        By::Client => Cut::Client,
    }));
    let result = analyse(&mut reader, engine::Engine::new(), Meter::start(false), |entries| {
        for entry in entries.iter().filter(|entry| is_shown(&filter, entry)) {
            ledger.push(entry);
        }
        Ok(())
    });
    let result = result
        .and_then(|()| output.write(|output| report::write(format, &ledger.snapshot(), &how, output)))
        .and_then(|()| output.finish());
    reader.end(result)
}

/// `mcpdump export`: everything, for other programs.
///
/// # Errors
/// The capture cannot be read, the filter is wrong, or the output cannot be written.
pub(crate) fn export(request: &Request, options: &ExportOptions) -> anyhow::Result<Outcome> {
    let filter = filter(request)?;
    let Begun { mut reader, mut output, .. } = begin(request, options.output.as_deref())?;
    let mut writer = (options.to.writer)();
    let wants = writer.wants();
    let mut engine = engine::Engine::new();
    if wants.payloads {
        engine.emit_payloads();
    }
    let meter = Meter::start(!output.is_file());
    let result = output.write(|output| writer.begin(output)).and_then(|()| {
        analyse_with_packets(&mut reader, engine, meter, wants.packets, |packets, entries| {
            output.write(|output| {
                for packet in packets {
                    writer.packet(RawPacket {
                        origin: packet.origin,
                        link_type: packet.link_type.0,
                        data: &packet.data,
                        original_len: packet.original_len,
                    })?;
                }
                for entry in entries.iter().filter(|entry| is_shown(&filter, entry)) {
                    writer.entry(entry, output)?;
                }
                output.batch()
            })
        })
    });
    let result = result.and_then(|()| output.write(|output| writer.finish(output)));
    reader.end(result.and_then(|()| output.finish()))
}

/// Why a listing may be empty: what is on the connections is not read yet. A report says so itself.
#[derive(Default)]
struct Unread {
    tls: u64,
    http2: u64,
    any_exchange: bool,
}

impl Unread {
    fn note(&mut self, entry: &Entry) {
        match entry {
            Entry::Record(Record::Exchange(_)) => self.any_exchange = true,
            Entry::Fact(Fact::Connection(connection)) => match connection.speaks {
                Speaks::Tls => self.tls += 1,
                Speaks::Http2 => self.http2 += 1,
                Speaks::Nothing | Speaks::Http1 | Speaks::Other => {}
            },
            Entry::Record(_) | Entry::Finding(_) | Entry::Fact(_) => {}
        }
    }

    /// Says it on standard error, where there was nothing else to show. Of a device also that nothing is there at all:
    /// whoever watches one waits for something.
    fn tell(&self, device: Option<&str>) {
        match (self.any_exchange, report::unread(self.tls, self.http2), device) {
            (true, ..) | (false, None, None) => {}
            (false, Some(unread), _) => complain(&format!("no MCP was seen; not read: {unread}")),
            (false, None, Some(device)) => complain(&format!("no MCP was seen on {device}")),
        }
    }
}

/// What the language of `--filter` has beside fields: for help, the manual page and README.
pub(crate) fn filter_syntax() -> &'static [(&'static str, &'static str)] {
    query::SYNTAX
}

/// The fields of `--filter`: for help, the manual page and README.
pub(crate) fn filter_fields() -> Vec<HelpRow> {
    query::help()
}

/// Reads a source to its end and calls `each` with the entries of each batch.
fn analyse(
    reader: &mut Reader,
    engine: engine::Engine,
    meter: Meter,
    mut each: impl FnMut(&[Entry]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    analyse_with_packets(reader, engine, meter, false, |_, entries| each(entries))
}

/// The same, with the packets of each batch too if `wants_packets`; else there are none.
fn analyse_with_packets(
    reader: &mut Reader,
    mut engine: engine::Engine,
    mut meter: Meter,
    wants_packets: bool,
    mut each: impl FnMut(&[Packet], &[Entry]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let progress = reader.progress();
    let (mut packets, mut entries) = (Vec::new(), Vec::new());
    loop {
        let goes_on = if wants_packets {
            engine.read(&mut Tee { source: reader, packets: &mut packets }, &mut entries)?
        } else {
            engine.read(reader, &mut entries)?
        };
        each(&packets, &entries)?;
        packets.clear();
        entries.clear();
        if let Some(progress) = &progress {
            meter.update(progress.read(), progress.total());
        }
        reader.heed();
        if !goes_on {
            return Ok(());
        }
    }
}

/// A source that keeps the packets that are read from it. They share their bytes with the block read.
struct Tee<'a> {
    source: &'a mut Reader,
    packets: &'a mut Vec<Packet>,
}

impl Source for Tee<'_> {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        let item = self.source.next(findings)?;
        if let Some(Item::Packet(packet)) = &item {
            self.packets.push(packet.clone());
        }
        Ok(item)
    }
}

/// The filter of `--filter`, empty if there is none. Its error shows the text and points at the character.
pub(crate) fn filter(request: &Request) -> anyhow::Result<query::Filter> {
    let text = request.filter.as_deref().unwrap_or_default();
    query::Filter::parse(text).map_err(|error| anyhow!("{}", error.render(text))).context("--filter")
}

/// Whether an entry passes the filter. Entries other than exchanges, notifications and streams always do: sessions,
/// findings and the quality of the capture are shown in any case.
fn is_shown(filter: &query::Filter, entry: &Entry) -> bool {
    let subject = match entry {
        // Whether it passes is known once the exchange is over: then both lines are shown.
        Entry::Record(Record::Request(_)) => return filter.is_empty(),
        Entry::Record(Record::Exchange(exchange)) => query::Subject::Exchange(exchange),
        Entry::Record(Record::Notification(notification)) => query::Subject::Notification(notification),
        Entry::Record(Record::Stream(stream)) => query::Subject::Stream(stream),
        Entry::Record(Record::Session(_) | Record::Offer(_)) | Entry::Finding(_) | Entry::Fact(_) => {
            return true;
        }
    };
    filter.matches(subject)
}

/// The name of an input in a report.
pub(crate) fn name(input: &Input) -> String {
    match input {
        Input::Path(path) => path.display().to_string(),
        Input::Stdin => "-".to_owned(),
    }
}
