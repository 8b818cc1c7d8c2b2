//! Telemetry for a collector: `--to otlp` with an endpoint.

use std::cell::RefCell;

use anyhow::{Context as _, bail};

use super::arguments::ExportOptions;
use super::request::Request;
use super::{messages, signals};
use crate::base::units;
use crate::export::otlp::{self, Otlp, Signal};
use crate::export::{Export, Resource, WriterOptions};
use crate::telemetry::{Environment, Options, Sender, When, resource};

/// A collector that an export goes to.
pub(super) struct Collector {
    sender: RefCell<Sender>,
    resource: Resource,
}

impl Collector {
    /// Returns the collector that options and environment name; `None` if the export goes to a
    /// file.
    ///
    /// # Errors
    /// Options or variables are wrong, or contradict each other.
    pub(super) fn new(options: &ExportOptions, request: &Request) -> anyhow::Result<Option<Self>> {
        let endpoint = options.endpoint.as_deref();
        if options.to.name != otlp::NAME {
            return Ok(None);
        }
        if endpoint.is_some() && options.output.is_some() {
            bail!("--endpoint and -o: telemetry goes to a collector or to a file: leave out one of them");
        }
        let environment = Environment(&|name| std::env::var(name).ok());
        // A file that is named goes before what the environment names.
        let found = match options.output {
            Some(_) => None,
            None => Options::new(endpoint, &environment)?,
        };
        let Some(mut found) = found else { return Ok(None) };
        if let Some(retry_for) = options.retry_for {
            found.retry_for = retry_for;
        }
        let when_full = if request.is_live() { When::Drops } else { When::Waits };
        let resource = resource(&environment)?;
        Ok(Some(Self { sender: RefCell::new(Sender::new(found, when_full)), resource }))
    }

    /// Returns a writer whose messages go to the collector.
    pub(super) fn writer(&self, options: WriterOptions) -> Box<dyn Export> {
        let sender = self.sender.borrow();
        Box::new(Otlp::new(options).with_sink(sender.encodings(), Box::new(sender.handle())))
    }

    /// Starts sending.
    ///
    /// # Errors
    /// A certificate cannot be read.
    pub(super) fn start(&self) -> anyhow::Result<()> {
        let report = Box::new(|message: &str| messages::error(message));
        signals::on_reload(&self.sender.borrow().reload()).context("signals cannot be caught")?;
        Ok(self.sender.borrow_mut().start(self.resource.clone(), report)?)
    }

    /// Sends what waits, and prints what became of everything. Returns whether all of it arrived.
    pub(super) fn finish(self) -> bool {
        let sender = self.sender.into_inner();
        let names: Vec<String> = sender.targets().iter().map(|target| base_of(&target.name())).collect();
        let totals = sender.finish();
        let counts = Signal::ALL.map(|signal| units::several(totals.sent.of(signal), word(signal)));
        let mut names = names;
        names.dedup();
        messages::status(&format!("{} sent to {}", counts.join(", "), names.join(", ")));
        for (count, why) in [
            (totals.dropped, "dropped: the collector was too slow"),
            (totals.rejected, "not taken by the collector"),
            (totals.failed, "given up: the collector did not answer in time"),
        ] {
            for signal in Signal::ALL.into_iter().filter(|signal| count.of(*signal) > 0) {
                messages::error(&format!("{} {why}", units::several(count.of(signal), word(signal))));
            }
        }
        totals.lost() == 0
    }
}

fn word(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "span",
        Signal::Metrics => "data point",
        Signal::Logs => "log record",
    }
}

/// The URL without the path of the signal.
fn base_of(url: &str) -> String {
    let cut = Signal::ALL.iter().find_map(|signal| url.strip_suffix(&format!("/v1/{}", signal.name())));
    cut.unwrap_or(url).to_owned()
}
