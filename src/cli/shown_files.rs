//! Saves what the TUI shows: a report, a table, JSON lines or the packets of the exchanges that
//! match its filter. The capture is read again, so that a file has what the command would print.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use anyhow::Context as _;

use super::clock;
use super::file_broker::FileBroker;
use super::matching::Matching;
use super::slicer::{SliceOutput, Slicer};
use crate::base::{Files, units};
use crate::capture::Source;
use crate::engine::Engine;
use crate::export::slice::Extent;
use crate::export::{self, WriterOptions};
use crate::ledger::query::Filter;
use crate::ledger::{Entry, Ledger};
use crate::report;
use crate::tui::SaveAs;

/// Saves files.
#[derive(Clone, Debug)]
pub(super) struct ShownFiles {
    slicer: Slicer,
    broker: FileBroker,
    /// The names of the inputs.
    inputs: Vec<String>,
    numbering: Files,
}

impl ShownFiles {
    /// Saves what `slicer` reads again. `inputs` are the names of what is read, `numbering` its
    /// files.
    pub(super) fn new(slicer: Slicer, broker: FileBroker, inputs: Vec<String>, numbering: Files) -> Self {
        Self { slicer, broker, inputs, numbering }
    }

    /// Saves what matches a filter. Returns a message with the name of the file.
    ///
    /// # Errors
    /// The file cannot be created or written, or the capture cannot be read again.
    pub(super) fn save(&self, save_as: SaveAs, text: &str) -> anyhow::Result<String> {
        let filter = Filter::parse(text).map_err(|error| anyhow::anyhow!("{}", error.message))?;
        // What is shown may not be read to its end yet.
        let filter = filter.on_files(self.slicer.numbering_again(&self.numbering));
        let (name, file) = self
            .broker
            .create(&stem(), extension(save_as))
            .context("no file can be created in the working directory")?;
        let mut out = BufWriter::new(file);
        let mut matching = Matching::of(filter);
        let what = match save_as {
            SaveAs::Report => self.save_report(&mut matching, &mut out).map(|()| "report".to_owned()),
            SaveAs::Csv => self.save_export("csv", &mut matching, &mut out).map(|()| "table".to_owned()),
            SaveAs::JsonLines => {
                self.save_export("jsonl", &mut matching, &mut out).map(|()| "JSON lines".to_owned())
            }
            SaveAs::Packets => self.save_packets(text, &mut matching, &mut out),
        };
        let what = what.with_context(|| format!("{name}: cannot be written"))?;
        out.flush().with_context(|| format!("{name}: cannot be written"))?;
        Ok(format!("saved: {what}, {name}"))
    }

    fn save_report(&self, matching: &mut Matching, out: &mut BufWriter<File>) -> anyhow::Result<()> {
        let options = report::Options {
            files: self.inputs.clone(),
            numbering: matching.filter().files().clone(),
            filter: Some(matching.filter().text().to_owned()).filter(|filter| !filter.trim().is_empty()),
            ..report::Options::default()
        };
        let mut ledger = Ledger::new(None).with_views(matching.filter().views());
        self.read(matching, |entry| {
            ledger.push(entry);
            Ok(())
        })?;
        report::write(report::Format::Markdown, &ledger.snapshot(), &options, out)?;
        Ok(())
    }

    fn save_export(
        &self,
        format: &str,
        matching: &mut Matching,
        out: &mut BufWriter<File>,
    ) -> anyhow::Result<()> {
        let format: &export::Format = format.parse()?;
        let mut writer = (format.writer)(WriterOptions {
            files: matching.filter().files().clone(),
            ..WriterOptions::default()
        });
        writer.begin(out)?;
        self.read(matching, |entry| Ok(writer.entry(entry, out)?))?;
        writer.finish(out)?;
        Ok(())
    }

    fn save_packets(
        &self,
        filter: &str,
        matching: &mut Matching,
        out: &mut BufWriter<File>,
    ) -> anyhow::Result<String> {
        matching.plan_slice();
        self.read(matching, |_| Ok(()))?;
        let mut plan = matching.take_plan().unwrap_or_default();
        let filter = if filter.trim().is_empty() { String::new() } else { format!(", filter {filter}") };
        let about = format!("slice of {}{filter}", self.inputs.join(", "));
        let output = SliceOutput { file: Some(out.get_ref().try_clone()?), out };
        let written =
            self.slicer.write((&mut plan, matching.filter().files()), Extent::Exchanges, &about, output)?;
        let exchanges = units::several(written.exchanges as u64, "exchange");
        Ok(format!("{} of {exchanges}", units::several(written.packets, "packet")))
    }

    /// Analyses the capture again, and passes what matches to `show`.
    fn read(
        &self,
        matching: &mut Matching,
        mut show: impl FnMut(&Entry) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let files = matching.filter().files().clone();
        let mut source: Box<dyn Source> = Box::new(self.slicer.read()?.numbering(files));
        let (mut engine, mut entries) = (Engine::new(), Vec::new());
        matching.prepare(&mut engine);
        let mut has_more = true;
        while has_more {
            has_more = engine.read(&mut *source, &mut entries)?;
            matching.select(&entries, &mut show)?;
            entries.clear();
        }
        Ok(())
    }
}

/// Returns the name of a file that is saved now, UTC: `mcpdump-20261129-010700`.
fn stem() -> String {
    let now = clock::now();
    let digits = |text: String| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let time = digits(units::time_of_day(now));
    format!("mcpdump-{}-{}", digits(units::date(now)), time.get(..6).unwrap_or(&time))
}

fn extension(save_as: SaveAs) -> &'static str {
    match save_as {
        SaveAs::Report => "md",
        SaveAs::Csv => "csv",
        SaveAs::JsonLines => "jsonl",
        SaveAs::Packets => "pcapng",
    }
}
