//! A device that is open, before its first packet is read.

use pcap::{Active, Capture};

use super::error::{Error, message};
use super::options::Options;
use super::{device, interfaces};
use crate::capture::filter;
use crate::capture::item::LinkType;
use crate::capture::stop::Stop;

/// A device that was opened. The kernel keeps its packets already.
pub struct Opened {
    pub(super) name: String,
    pub(super) handle: Capture<Active>,
    pub(super) options: Options,
    pub(super) link_type: LinkType,
    pub(super) stop: Stop,
}

/// Opens a device and sets the filter. No thread is started, and nothing that needs a right is left to do.
///
/// # Errors
/// There is no right to capture, no such device, or the filter does not compile; see [`Error`].
pub fn open(options: &Options) -> Result<Opened, Error> {
    let name = match &options.device {
        Some(name) => name.clone(),
        None => interfaces::loopback().unwrap_or_else(|| "lo".to_owned()),
    };
    let mut handle = device::activate(&name, options)?;
    let filter = options.filter.as_deref().map_or("", str::trim);
    if !filter.is_empty() {
        handle.filter(filter, true).map_err(|error| Error::Filter {
            device: name.clone(),
            filter: filter.to_owned(),
            why: message(error),
        })?;
    }
    let link_type = filter::link_type(handle.get_datalink());
    Ok(Opened { name, handle, options: options.clone(), link_type, stop: Stop::default() })
}

impl Opened {
    /// The device's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the first header of its packets is.
    #[must_use]
    pub fn link_type(&self) -> LinkType {
        self.link_type
    }

    /// Most bytes of a packet that are captured.
    #[must_use]
    pub fn snaplen(&self) -> u32 {
        self.options.snaplen
    }

    /// A handle that ends the capture, also one that has not begun.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }
}
