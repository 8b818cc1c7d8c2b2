//! Options of a live capture.

use std::time::Duration;

/// Options of a live capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Device name, which may be `any`; `None` for the loopback device.
    pub device: Option<String>,
    /// Filter expression (pcap-filter(7)), run by the kernel if it can; `None` or an empty one
    /// matches everything. Packets that do not match get no number.
    pub filter: Option<String>,
    /// Snapshot length in bytes.
    pub snaplen: u32,
    /// Size of the kernel's buffer in bytes.
    pub buffer: usize,
    /// Whether to capture packets for other machines too. Without effect on `any` and on devices
    /// that do not support it.
    pub promiscuous: bool,
    /// Stop after this many packets; `None` for no limit.
    pub packets: Option<u64>,
    /// Stop after this time; `None` for no limit.
    pub duration: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            device: None,
            filter: None,
            // libpcap's MAXIMUM_SNAPLEN: whole packets, also those merged by receive offload.
            snaplen: 262_144,
            buffer: 64 << 20,
            promiscuous: false,
            packets: None,
            duration: None,
        }
    }
}
