//! The reader thread: reads packets from libpcap and queues them in blocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use pcap::{Active, Capture, PacketHeader};

use super::counts::Counts;
use super::device;
use super::error::message;
use super::link_state::{LinkState, LinkWatch};
use super::open::Opened;
use super::queue::{PacketMeta, Sender};
use crate::base::Timestamp;
use crate::base::fact::Loser;
use crate::capture::stop::Stop;

/// Maximum number of packets read between checks of clock, counts and stop. A packet costs well
/// below a microsecond.
const MAX_BATCH: usize = 4096;

/// Length of a packet that offloads merged, in bytes: packets are left in the kernel's buffer if
/// fewer of this length fit into the queue.
const LONG_PACKET: usize = 64 << 10;

/// How long the reader waits for room in the queue.
const ROOM_WAIT: Duration = Duration::from_millis(1);

/// Approximate bytes of a block. Blocks are sent when this full, and when the kernel has no more.
const BLOCK_SIZE: usize = 256 << 10;

/// Size of an allocation in bytes; blocks are split off it.
const CHUNK_SIZE: usize = 1 << 20;

/// Maximum wait for packets, in milliseconds. A stop has effect within this time and
/// [`DRAIN_TIME`].
const WAIT_MS: u16 = 40;

/// How long the reader continues after a stop: earlier packets may be in a block that the kernel
/// delivers at its deadline ([`device::DEADLINE_MS`]).
const DRAIN_TIME: Duration = Duration::from_millis(25);

/// Maximum time after a stop while packets continue to arrive.
const MAX_DRAIN: Duration = Duration::from_millis(50);

/// Interval of reading the kernel's counts. Short, so that a loss is reported near its position.
const COUNT_INTERVAL: Duration = Duration::from_millis(100);

/// Interval of reporting the time.
const TIME_INTERVAL: Duration = Duration::from_millis(50);

/// Interval of asking whether the device is up, in silence.
const LINK_INTERVAL: Duration = Duration::from_millis(500);

/// Lag of the time reported in silence behind the clock, in nanoseconds: ten times
/// [`device::DEADLINE_MS`], so that no earlier packet follows.
const LAG: i64 = 100_000_000;

/// Reads a device until it is stopped.
pub(super) struct Reader {
    name: String,
    handle: Capture<Active>,
    blocks: BlockBuilder,
    counts: Counts,
    /// Packets that may still be read; `None` for no limit.
    left: Option<u64>,
    stop: Stop,
    /// When the duration ends.
    until: Option<Instant>,
    /// When the stop was noticed.
    stopped: Option<Instant>,
    kernel_drops: DropCounter,
    interface_drops: DropCounter,
    count_at: Instant,
    time_at: Instant,
    link: LinkWatch,
    link_at: Instant,
}

/// Result of one read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    Packets,
    Silence,
    End,
}

impl Reader {
    pub(super) fn new(opened: Opened, queue: Sender, counts: Counts, link: LinkWatch) -> Self {
        let (now, _) = clock();
        Self {
            name: opened.name,
            handle: opened.handle,
            blocks: BlockBuilder {
                packets_meta: Vec::new(),
                data: BytesMut::new(),
                queue,
                last: Timestamp(i64::MIN),
                nanoseconds: device::NANOSECONDS,
            },
            counts,
            left: opened.options.packets,
            stop: opened.stop,
            until: opened.options.duration.and_then(|duration| now.checked_add(duration)),
            stopped: None,
            kernel_drops: DropCounter::new(device::copies(opened.is_loopback)),
            interface_drops: DropCounter::new(1),
            count_at: now,
            time_at: now,
            link,
            link_at: now,
        }
    }

    /// Reads until the end and sends the reason.
    pub(super) fn run(mut self) {
        let why = loop {
            let (now, _) = clock();
            if self.batch() == 0 && self.is_running() && !self.is_over(now) {
                // The kernel's buffer bridges an analysis that is behind.
                std::thread::park_timeout(ROOM_WAIT);
                self.count_if_due(now);
                continue;
            }
            match self.round() {
                Ok(Round::Packets) => {}
                Ok(Round::Silence) => self.wait(),
                Ok(Round::End) => break None,
                Err(why) if self.is_only_down(&why) => {
                    self.link.set(LinkState::Down);
                    self.wait();
                }
                Err(why) => break Some(self.describe_end(&why)),
            }
        };
        self.count();
        self.blocks.queue.end(why);
    }

    /// Reads the available packets and checks clock, counts and stop.
    ///
    /// # Errors
    /// Message of libpcap if the device can no longer be read.
    fn round(&mut self) -> Result<Round, String> {
        let (before, time) = clock();
        // At the end of the capture what does not fit is lost.
        let most = self.batch().max(1);
        let most = self.left.map_or(most, |left| usize::try_from(left).map_or(most, |left| left.min(most)));
        let blocks = &mut self.blocks;
        let read = self.handle.dispatch(Some(most), |packet| blocks.add(packet.header, packet.data));
        self.blocks.flush();
        let packets = read.map_err(message)?;
        self.counts.add_packets(packets as u64);
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(packets as u64);
        }
        self.count_if_due(before);
        if before >= self.time_at {
            self.time_at = before + TIME_INTERVAL;
            // With packets, the time of the last one.
            let read_all_of = if packets == 0 { time.plus(-LAG) } else { self.blocks.last };
            self.blocks.queue.time(read_all_of.max(self.blocks.last));
        }
        self.watch_link(before, packets > 0);
        Ok(self.after_round(before, packets))
    }

    /// Returns the number of packets to read at once: as many as fit into the queue.
    fn batch(&self) -> usize {
        (self.blocks.queue.room() / LONG_PACKET).min(MAX_BATCH)
    }

    fn count_if_due(&mut self, now: Instant) {
        if now >= self.count_at {
            self.count_at = now + COUNT_INTERVAL;
            self.count();
        }
    }

    fn after_round(&mut self, now: Instant, packets: usize) -> Round {
        if self.left == Some(0) || self.blocks.queue.is_closed() {
            return Round::End;
        }
        let is_over = self.stop.is_set() || self.is_over(now);
        if is_over {
            let since = now.saturating_duration_since(*self.stopped.get_or_insert(now));
            if since >= MAX_DRAIN || (packets == 0 && since >= DRAIN_TIME) {
                return Round::End;
            }
        }
        if packets == 0 { Round::Silence } else { Round::Packets }
    }

    /// Publishes whether the device is up. A device that delivers packets is.
    fn watch_link(&mut self, now: Instant, has_packets: bool) {
        if has_packets && self.link.state() == LinkState::Up {
            self.link_at = now + LINK_INTERVAL;
        } else if now >= self.link_at {
            self.link_at = now + LINK_INTERVAL;
            self.link.set(LinkState::of(&self.name));
        }
    }

    /// Waits for packets, at most until the next check is due.
    #[cfg(unix)]
    fn wait(&self) {
        use std::os::fd::AsFd as _;

        use nix::errno::Errno;
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

        let most = if self.stopped.is_some() { 5 } else { WAIT_MS };
        let fd = self.handle.as_fd();
        let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::from(most)) {
            // Errors show up at the next read.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => std::thread::park_timeout(Duration::from_millis(most.into())),
        }
    }

    /// Waits for a moment: the event of Npcap cannot be waited for without `unsafe`.
    #[cfg(not(unix))]
    fn wait(&self) {
        let most = if self.stopped.is_some() { 5 } else { WAIT_MS };
        std::thread::park_timeout(Duration::from_millis(most.min(5).into()));
    }

    /// Reads the drop counts of kernel and interface and reports increases. Does nothing if the
    /// device is gone.
    fn count(&mut self) {
        let Ok(now) = self.handle.stats() else { return };
        let kernel = self.kernel_drops.record(now.dropped);
        let interface = self.interface_drops.record(now.if_dropped);
        if kernel > 0 {
            self.counts.add_kernel(kernel);
            self.blocks.queue.lose(Loser::Kernel, kernel);
        }
        if interface > 0 {
            self.counts.add_interface(interface);
            self.blocks.queue.lose(Loser::Interface, interface);
        }
    }

    /// libpcap before 1.10 treats a device that went down as an error, although it may come up
    /// again.
    fn is_only_down(&self, why: &str) -> bool {
        why.contains("went down")
            && self.is_running()
            && pcap::Device::list().is_ok_and(|list| list.iter().any(|device| device.name == self.name))
    }

    /// Whether the capture is to continue.
    fn is_running(&self) -> bool {
        !self.stop.is_set() && !self.blocks.queue.is_closed()
    }

    /// Whether the duration is over.
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now >= until)
    }

    fn describe_end(&self, why: &str) -> String {
        let packets = self.counts.packets();
        let name = &self.name;
        let plural = if packets == 1 { "packet was" } else { "packets were" };
        if why.contains("disappeared") || why.contains("went down") || why.contains("No such device") {
            format!("{name} was removed; {packets} {plural} captured")
        } else {
            format!("{name}: {why}; {packets} {plural} captured")
        }
    }
}

/// Counts lost packets from a counter of the system, which has 32 bits and wraps around.
struct DropCounter {
    /// Number of times that the system counts each lost packet.
    copies: u64,
    /// Value of the system's counter.
    latest: u32,
    /// Sum of the system's counts, and the packets that were reported for it.
    counted: u64,
    reported: u64,
}

impl DropCounter {
    fn new(copies: u64) -> Self {
        Self { copies: copies.max(1), latest: 0, counted: 0, reported: 0 }
    }

    /// Takes the system's counter; returns the number of packets lost since the last call.
    fn record(&mut self, now: u32) -> u64 {
        self.counted += u64::from(now.wrapping_sub(self.latest));
        self.latest = now;
        let lost = (self.counted / self.copies).saturating_sub(self.reported);
        self.reported += lost;
        lost
    }
}

/// Block under construction.
struct BlockBuilder {
    packets_meta: Vec<PacketMeta>,
    data: BytesMut,
    queue: Sender,
    /// Time of the latest packet.
    last: Timestamp,
    /// Whether `tv_usec` counts nanoseconds.
    nanoseconds: bool,
}

fn wide(number: impl Into<i64>) -> i64 {
    number.into()
}

impl BlockBuilder {
    fn add(&mut self, header: &PacketHeader, data: &[u8]) {
        if self.data.capacity() - self.data.len() < data.len() {
            self.flush();
            self.data.reserve(CHUNK_SIZE.max(data.len()));
        }
        self.data.extend_from_slice(data);
        let captured = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let unit = if self.nanoseconds { 1 } else { 1000 };
        // Their width depends on the system.
        let (seconds, fraction) = (wide(header.ts.tv_sec), wide(header.ts.tv_usec));
        let time = Timestamp(seconds.saturating_mul(1_000_000_000)).plus(fraction * unit);
        self.last = time;
        self.packets_meta.push(PacketMeta { time, captured, original: header.len.max(captured) });
        if self.data.len() >= BLOCK_SIZE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.packets_meta.is_empty() {
            self.queue.push(std::mem::take(&mut self.packets_meta), self.data.split().freeze());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the silence of a live capture is measured in wall time")]
fn clock() -> (Instant, Timestamp) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (Instant::now(), Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_that_are_counted_twice_are_reported_once() {
        let mut drops = DropCounter::new(2);
        let reported: Vec<_> = [0, 3, 4, 4, 1000].map(|now| drops.record(now)).into();
        assert_eq!(reported, [0, 1, 1, 0, 498]);
    }

    #[test]
    fn the_counter_of_the_system_wraps_around() {
        let mut drops = DropCounter::new(1);
        assert_eq!(drops.record(u32::MAX), u64::from(u32::MAX));
        assert_eq!(drops.record(4), 5);
    }
}
