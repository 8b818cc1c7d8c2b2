//! Opens a device with libpcap.

use pcap::{Active, Capture, Precision};

use super::error::Error;
use super::options::Options;

/// Time after which the kernel delivers a block that is not full, in milliseconds.
///
/// Used instead of libpcap's immediate mode. On Linux that mode uses TPACKET_V2: a slot of the
/// snapshot length per packet, so 64 MiB hold 256 packets of any length. TPACKET_V3 packs packets
/// into blocks of 256 KiB and delivers a block when it is full or this old. Measured with
/// `examples/load.rs` on two cores, `lo`, 64 MiB:
///
/// | exchanges per second | immediate mode | this |
/// |--:|:--|:--|
/// | 6,000 | 9 % of a core, 139 MB | 5 % of a core, 76 MB |
/// | 20,000 | 888 of 321,000 packets lost | no loss |
/// | 75,000 (maximum of two cores) | | no loss |
///
/// A block that the deadline delivers occupies 256 KiB whatever it holds, so 64 MiB bridge 256
/// deadlines in which mcpdump does not run. At 90 exchanges per second, stopped for 5 seconds: with
/// 10 ms a third of the packets was lost, with 30 ms none.
pub(super) const DEADLINE_MS: i32 = 30;

/// Returns how often the kernel counts a lost packet. On Linux a loopback device delivers each
/// packet twice, sent and received. libpcap passes on one of them, but the kernel counts both as
/// lost. Measured with a stopped mcpdump and tcpdump beside it: 569 packets were missing, 1138
/// counted.
pub(super) fn copies(is_loopback: bool) -> u64 {
    if cfg!(target_os = "linux") && is_loopback { 2 } else { 1 }
}

/// Whether packet times are requested and delivered in nanoseconds. Linux does so on every device;
/// the BPF devices of other systems deliver microseconds, and the crate does not expose the
/// precision.
pub(super) const NANOSECONDS: bool = cfg!(target_os = "linux");

/// Maximum size of the kernel's buffer in bytes: libpcap accepts 31 bits.
const MAX_BUFFER: usize = i32::MAX as usize;

/// Opens a device.
///
/// # Errors
/// No permission, no such device, or the device is down.
pub(super) fn activate(name: &str, options: &Options) -> Result<Capture<Active>, Error> {
    let try_with = |promiscuous: bool| {
        let precision = if NANOSECONDS { Precision::Nano } else { Precision::Micro };
        Capture::from_device(name)?
            .snaplen(i32::try_from(options.snaplen).unwrap_or(i32::MAX))
            .buffer_size(i32::try_from(options.buffer.min(MAX_BUFFER)).unwrap_or(i32::MAX))
            .timeout(DEADLINE_MS)
            .precision(precision)
            .promisc(promiscuous)
            .open()?
            .setnonblock()
    };
    // The crate treats libpcap's warning that a device cannot be promiscuous as an error.
    match try_with(options.promiscuous) {
        Err(pcap::Error::PcapError(why)) if options.promiscuous && why.contains("romiscuous") => {
            try_with(false)
        }
        done => done,
    }
    .map_err(|error| Error::of_opening(name, error))
}

/// Checks whether a device can be captured on now.
///
/// # Errors
/// As [`activate`].
pub(super) fn check(name: &str) -> Result<(), Error> {
    let small = Options { buffer: 1 << 20, ..Options::default() };
    activate(name, &small).map(drop)
}
