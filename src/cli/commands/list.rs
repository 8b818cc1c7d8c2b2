//! `mcpdump list`: a line per exchange, or per message, as it completes.

use super::analysis;
use crate::base::Fact;
use crate::base::time_style::{TimeFormat, TimeStyle};
use crate::cli::arguments::ListOptions;
use crate::cli::exit::Outcome;
use crate::cli::matching::Matching;
use crate::cli::progress_bar::ProgressBar;
use crate::cli::request::Request;
use crate::cli::setup::Setup;
use crate::cli::{locale, messages, output, redaction};
use crate::engine::Engine;
use crate::ledger::{Entry, Record};
use crate::report::UnreadConnections;
use crate::report::list::{Lines, Options};

/// Runs the command.
///
/// # Errors
/// The capture cannot be read, the filter is invalid, or the output cannot be written.
pub(crate) fn run(request: &Request, options: &ListOptions) -> anyhow::Result<Outcome> {
    let mut matching = Matching::new(request, options.views)?;
    let redactor = options.redaction.redactor(request)?;
    // Its file cannot be read in the sandbox.
    let zone = jiff::tz::TimeZone::system();
    let style = if options.epoch { TimeStyle::Epoch } else { options.time.unwrap_or_default() };
    let Setup { mut reader, mut output, slicer, matching_packets, .. } = Setup::open(request, None)?;
    reader.mask_metrics(options.redaction.redactor(request)?);
    if matching_packets.is_some() {
        matching.plan_slice();
    }
    let mut lines = Lines::new(Options {
        messages: options.messages,
        numbering: request.numbering.clone(),
        ascii: locale::is_ascii(),
        time: TimeFormat { style, zone },
        color: output::is_colored(request, None),
    });
    let mut seen = Contents::default();
    let mut engine = Engine::new();
    matching.prepare(&mut engine);
    if options.messages && matching.filter().is_empty() {
        engine.emit_requests();
    }
    let progress_bar = ProgressBar::start(!output.is_file());
    let result = analysis::run(&mut reader, engine, progress_bar, |entries| {
        for entry in entries {
            seen.record(entry);
        }
        output.write(|output| {
            matching
                .select(entries, |entry| lines.write(&redaction::masked(redactor.as_ref(), entry), output))?;
            output.end_batch()
        })
    });
    let result = result.and_then(|()| output.finish()).and_then(|()| {
        analysis::write_matching_packets(request, &mut matching, &reader, slicer.as_ref(), matching_packets)
    });
    redaction::report(redactor.as_ref());
    if result.is_ok() {
        seen.warn_of_cut_packets();
        seen.explain_empty_list(reader.device_with_packets());
    }
    reader.finish(result)
}

/// What the capture holds besides the lines, to explain them. (A report explains itself.)
#[derive(Default)]
struct Contents {
    unread: UnreadConnections,
    has_exchange: bool,
    packets: u64,
    cut_packets: u64,
}

impl Contents {
    fn record(&mut self, entry: &Entry) {
        match entry {
            Entry::Record(Record::Exchange(_)) | Entry::LlmCall(_) => self.has_exchange = true,
            Entry::Fact(Fact::Capture(capture)) => {
                (self.packets, self.cut_packets) = (capture.packets, capture.cut_packets);
                self.unread.add_quic(capture.quic_connections);
            }
            Entry::Fact(Fact::Connection(connection)) => {
                self.unread.add(connection.speaks, connection.wrapper, 1);
            }
            Entry::Record(_) | Entry::Finding(_) | Entry::Fact(_) => {}
        }
    }

    /// Prints that packets were cut, so that messages may be missing.
    fn warn_of_cut_packets(&self) {
        if self.cut_packets > 0 {
            messages::error(&format!(
                "{} of {} packets are cut: messages may be missing; capture with a snapshot length of 262144",
                self.cut_packets, self.packets
            ));
        }
    }

    /// Prints why the list is empty, if it is. Without TLS and HTTP/2 it is explained for a device
    /// only.
    fn explain_empty_list(&self, device: Option<&str>) {
        if self.has_exchange {
            return;
        }
        match (self.unread.describe(), device) {
            (Some(unread), _) => messages::error(&format!("no MCP was seen; not read: {unread}")),
            (None, Some(device)) => messages::error(&format!("no MCP was seen on {device}")),
            (None, None) => {}
        }
    }
}
