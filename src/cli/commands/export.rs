//! `mcpdump export`: everything that was seen, for other programs.

use super::analysis;
use crate::cli::arguments::ExportOptions;
use crate::cli::exit::Outcome;
use crate::cli::progress_bar::ProgressBar;
use crate::cli::request::Request;
use crate::cli::setup::Setup;
use crate::engine::Engine;
use crate::export::RawPacket;
use crate::ledger::{Entry, Views};

/// Runs the command.
///
/// # Errors
/// The capture cannot be read, the filter is invalid, or the output cannot be written.
pub(crate) fn run(request: &Request, options: &ExportOptions) -> anyhow::Result<Outcome> {
    let filter = analysis::filter(request)?;
    let Setup { mut reader, mut output, .. } = Setup::open(request, options.output.as_deref())?;
    let mut writer = (options.to.writer)();
    let wants = writer.wants();
    let mut engine = Engine::new();
    if wants.payloads {
        engine.emit_payloads();
    }
    let progress_bar = ProgressBar::start(!output.is_file());
    let result = output.write(|output| writer.begin(output)).and_then(|()| {
        analysis::run_with_packets(&mut reader, engine, progress_bar, wants.packets, |packets, entries| {
            output.write(|output| {
                for packet in packets {
                    writer.packet(RawPacket {
                        origin: packet.origin,
                        link_type: packet.link_type.0,
                        data: &packet.data,
                        original_len: packet.original_len,
                    })?;
                }
                let views = options.views.unwrap_or(Views::All);
                let is_shown = |entry: &&Entry| {
                    analysis::is_shown(&filter, entry) && analysis::is_included(views, entry)
                };
                for entry in entries.iter().filter(is_shown) {
                    writer.entry(entry, output)?;
                }
                output.end_batch()
            })
        })
    });
    let result = result.and_then(|()| output.write(|output| writer.finish(output)));
    reader.finish(result.and_then(|()| output.finish()))
}
