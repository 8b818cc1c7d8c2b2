//! Packet and loss counts of a live capture.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of a live capture so far. Clones share the counters, and outlive the capture.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    packets: AtomicU64,
    kernel: AtomicU64,
    interface: AtomicU64,
    mcpdump: AtomicU64,
    saved_only: AtomicU64,
}

impl Counts {
    /// Packets read from the kernel, including those that mcpdump then dropped.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.shared.packets.load(Ordering::Relaxed)
    }

    /// Packets that the kernel dropped because its buffer was full.
    #[must_use]
    pub fn dropped_by_kernel(&self) -> u64 {
        self.shared.kernel.load(Ordering::Relaxed)
    }

    /// Packets that the interface or its driver dropped, if the system reports them.
    #[must_use]
    pub fn dropped_by_interface(&self) -> u64 {
        self.shared.interface.load(Ordering::Relaxed)
    }

    /// Packets that mcpdump read and dropped because the writer or the analysis was too far behind.
    #[must_use]
    pub fn dropped_by_mcpdump(&self) -> u64 {
        self.shared.mcpdump.load(Ordering::Relaxed)
    }

    /// Packets that are in the output file but were not analysed because the analysis was too far
    /// behind.
    #[must_use]
    pub fn saved_only(&self) -> u64 {
        self.shared.saved_only.load(Ordering::Relaxed)
    }

    /// Lost packets: neither analysed nor in a file.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.dropped_by_kernel() + self.dropped_by_interface() + self.dropped_by_mcpdump()
    }

    pub(super) fn add_packets(&self, packets: u64) {
        self.shared.packets.fetch_add(packets, Ordering::Relaxed);
    }

    pub(super) fn add_kernel(&self, packets: u64) {
        self.shared.kernel.fetch_add(packets, Ordering::Relaxed);
    }

    pub(super) fn add_interface(&self, packets: u64) {
        self.shared.interface.fetch_add(packets, Ordering::Relaxed);
    }

    pub(super) fn add_mcpdump(&self, packets: u64) {
        self.shared.mcpdump.fetch_add(packets, Ordering::Relaxed);
    }

    pub(super) fn add_kept_only(&self, packets: u64) {
        self.shared.saved_only.fetch_add(packets, Ordering::Relaxed);
    }
}
