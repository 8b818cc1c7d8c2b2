//! The metrics of a live capture (`--prometheus`): counted by the analysis, read by who asks.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use super::redaction;
use crate::base::fact::Losses;
use crate::capture::live;
use crate::export::meter::Meter;
use crate::export::openmetrics::{self, Health};
use crate::export::redact::Redactor;
use crate::ledger::Entry;
use crate::telemetry::Scrape;

/// Counts entries.
pub(super) struct Metrics {
    meter: Arc<Mutex<Meter>>,
    /// Masks entries before they are counted.
    redactor: Option<Redactor>,
}

impl Metrics {
    /// Starts serving the counts from now on. `counts` are those of a device.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(super) fn start(
        Opened { scrape, memory }: Opened,
        counts: Option<live::Counts>,
    ) -> std::io::Result<Self> {
        let meter = Arc::new(Mutex::new(Meter::default()));
        let counted = Arc::clone(&meter);
        let render = move || {
            let health = Health { memory: memory.as_ref().and_then(resident), ..health(counts.as_ref()) };
            openmetrics::text(&counted.lock().unwrap_or_else(PoisonError::into_inner), &health)
        };
        scrape.start(openmetrics::MEDIA_TYPE, Arc::new(render))?;
        Ok(Self { meter, redactor: None })
    }

    /// Masks the entries that are counted from now on.
    pub(super) fn mask(&mut self, redactor: Option<Redactor>) {
        self.redactor = redactor;
    }

    /// Counts entries.
    pub(super) fn record(&self, entries: &[Entry]) {
        let mut meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in entries {
            meter.record(&redaction::masked(self.redactor.as_ref(), entry));
        }
    }
}

/// What is opened before the sandbox is entered.
pub(super) struct Opened {
    scrape: Scrape,
    /// The file that tells the memory of this process; `None` if there is none.
    memory: Option<File>,
}

impl Opened {
    /// Listens at an address.
    ///
    /// # Errors
    /// The address cannot be used.
    pub(super) fn at(address: std::net::SocketAddr) -> anyhow::Result<Self> {
        let scrape = Scrape::bind(address)
            .map_err(|error| anyhow::anyhow!("--prometheus {address}: cannot be listened at: {error}"))?;
        Ok(Self { scrape, memory: File::open("/proc/self/statm").ok() })
    }

    /// The address that is listened at.
    pub(super) fn address(&self) -> std::net::SocketAddr {
        self.scrape.address()
    }
}

fn health(counts: Option<&live::Counts>) -> Health {
    let Some(counts) = counts else { return Health::default() };
    Health {
        packets: counts.packets(),
        lost: Losses {
            kernel: counts.dropped_by_kernel(),
            interface: counts.dropped_by_interface(),
            mcpdump: counts.dropped_by_mcpdump(),
            unknown: 0,
        },
        packets_not_analysed: counts.saved_only(),
        memory: None,
    }
}

/// Resident memory in bytes: the second number of `/proc/self/statm`, in pages (proc(5)).
#[cfg(target_os = "linux")]
fn resident(file: &File) -> Option<u64> {
    use std::os::unix::fs::FileExt as _;

    let mut text = [0; 256];
    let len = file.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(text.get(..len)?).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    pages.checked_mul(u64::try_from(size).ok()?)
}

/// Resident memory: unknown on this system.
#[cfg(not(target_os = "linux"))]
fn resident(_: &File) -> Option<u64> {
    None
}
