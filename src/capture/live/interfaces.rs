//! Lists the devices, and whether each can be captured on.

use std::net::IpAddr;

use super::device;
use super::error::{Error, message};

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Name, for `-i`.
    pub name: String,
    /// Description by libpcap; `None` if it has no description.
    pub description: Option<String>,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether it is up.
    pub is_up: bool,
    /// Whether it is running, that is, has a carrier.
    pub is_running: bool,
    /// Whether it is a loopback device.
    pub is_loopback: bool,
    /// Whether it is a wireless device.
    pub is_wireless: bool,
    /// Why it cannot be captured on now; `None` if it can.
    pub obstacle: Option<Error>,
}

/// Lists the devices of this machine in libpcap's order. Each is opened briefly as a check.
///
/// # Errors
/// The system does not list its devices.
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

/// Whether a device is a loopback device.
pub(super) fn is_loopback(name: &str) -> bool {
    let list = pcap::Device::list().unwrap_or_default();
    list.iter().any(|device| device.name == name && device.flags.is_loopback())
}

/// Returns the name of the loopback device; `None` if the machine has no loopback device.
pub(super) fn loopback() -> Option<String> {
    let list = pcap::Device::list().unwrap_or_default();
    list.into_iter().find(|device| device.flags.is_loopback()).map(|device| device.name)
}
