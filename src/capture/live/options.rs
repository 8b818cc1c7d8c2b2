//! What to capture on a device.

use std::time::Duration;

/// What to capture, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The device's name, `any` included; `None` is the loopback device.
    pub device: Option<String>,
    /// A filter expression (pcap-filter(7)), run by the kernel where it can; `None` or an empty one lets everything
    /// pass. Packets that do not pass have no number.
    pub filter: Option<String>,
    /// Most bytes of a packet that are captured.
    pub snaplen: u32,
    /// The kernel's buffer, in bytes.
    pub buffer: usize,
    /// Whether packets for other machines are captured too. `any` and some devices cannot do that, and then do not.
    pub promiscuous: bool,
    /// The capture ends after this many packets; `None`: it does not.
    pub packets: Option<u64>,
    /// The capture ends this long after its start; `None`: it does not.
    pub duration: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            device: None,
            filter: None,
            // libpcap's MAXIMUM_SNAPLEN: whole packets, also those that are put together before they are captured.
            snaplen: 262_144,
            buffer: 64 << 20,
            promiscuous: false,
            packets: None,
            duration: None,
        }
    }
}
