//! Which devices there are, and whether they can be captured on now.

use std::net::IpAddr;

use super::device;
use super::error::{Error, message};

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, as `-i` takes it.
    pub name: String,
    /// What it is, in libpcap's message; `None` where it has none.
    pub description: Option<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// It is up.
    pub is_up: bool,
    /// It is running: it has a carrier.
    pub is_running: bool,
    /// It is a loopback device.
    pub is_loopback: bool,
    /// It is a wireless device.
    pub is_wireless: bool,
    /// Why it cannot be captured on now; `None` where it can.
    pub obstacle: Option<Error>,
}

/// The devices of this machine, in libpcap's order. Each is opened for a moment to see whether it can be captured on.
///
/// # Errors
/// The system does not tell its devices.
pub fn interfaces() -> Result<Vec<Interface>, Error> {
    let list = pcap::Device::list()
        .map_err(|error| Error::Other { device: "devices".to_owned(), why: message(error) })?;
    Ok(list.into_iter().map(interface).collect())
}

fn interface(found: pcap::Device) -> Interface {
    Interface {
        obstacle: device::check(&found.name).err(),
        is_up: found.flags.is_up(),
        is_running: found.flags.is_running(),
        is_loopback: found.flags.is_loopback(),
        is_wireless: found.flags.is_wireless(),
        addresses: found.addresses.into_iter().map(|address| address.addr).collect(),
        description: found.desc,
        name: found.name,
    }
}

/// The loopback device; `None` where the system tells of none.
pub(super) fn loopback() -> Option<String> {
    let list = pcap::Device::list().unwrap_or_default();
    list.into_iter().find(|device| device.flags.is_loopback()).map(|device| device.name)
}
