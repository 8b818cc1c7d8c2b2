//! A device that is open, before a thread reads it.

use pcap::{Active, Capture};

use super::error::{Error, message};
use super::options::Options;
use super::{device, interfaces};
use crate::capture::filter;
use crate::capture::item::LinkType;
use crate::capture::stop::Stop;

/// The device that stands for all devices.
const ANY: &str = "any";

/// LINKTYPE_LINUX_SLL2: Linux cooked capture version 2.
const SLL2: pcap::Linktype = pcap::Linktype(276);

/// An open device. The kernel already buffers its packets.
pub struct Opened {
    pub(super) name: String,
    pub(super) handle: Capture<Active>,
    pub(super) options: Options,
    pub(super) link_type: LinkType,
    pub(super) stop: Stop,
    /// Whether it is a loopback device.
    pub(super) is_loopback: bool,
}

/// Opens a device and sets the filter. Starts no thread. Later steps need no privileges.
///
/// # Errors
/// No permission, no such device, or the filter does not compile; see [`Error`].
pub fn open(options: &Options) -> Result<Opened, Error> {
    let name = match &options.device {
        Some(name) => name.clone(),
        None => interfaces::loopback().unwrap_or_else(|| "lo".to_owned()),
    };
    let mut handle = device::activate(&name, options)?;
    if name == ANY {
        // Its headers name the device of each packet, so that a packet seen on several devices is
        // not taken for a retransmission. libpcap before 1.10 does not have it.
        drop(handle.set_datalink(SLL2));
    }
    let filter = options.filter.as_deref().map_or("", str::trim);
    if !filter.is_empty() {
        handle.filter(filter, true).map_err(|error| Error::Filter {
            device: name.clone(),
            filter: filter.to_owned(),
            why: message(error),
        })?;
    }
    let link_type = filter::link_type(handle.get_datalink());
    let is_loopback = interfaces::is_loopback(&name);
    Ok(Opened { name, handle, options: options.clone(), link_type, stop: Stop::default(), is_loopback })
}

impl Opened {
    /// Device name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Type of the first header of its packets.
    #[must_use]
    pub fn link_type(&self) -> LinkType {
        self.link_type
    }

    /// Snapshot length in bytes.
    #[must_use]
    pub fn snaplen(&self) -> u32 {
        self.options.snaplen
    }

    /// Returns a handle that ends the capture, even before it starts.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }
}
