//! Ways to damage a capture. The same seed gives the same damage.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use mcpdump::base::Timestamp;
use mcpdump::capture::{Item, Packet};

use super::frame::{FIN, Frame, RST, SYN};
use super::rng::Rng;
use super::run::Remade;

/// A damaged capture, and which packets of the original are complete in it.
pub(crate) struct Damaged {
    /// The capture.
    pub(crate) remade: Remade,
    /// Packet numbers in the original.
    pub(crate) survivors: BTreeSet<u64>,
}

impl Damaged {
    /// Keeps the packets for which `keep` returns true, and all items that are not packets.
    fn keeping(items: &[Item], mut keep: impl FnMut(&Packet) -> bool) -> Self {
        let mut survivors = BTreeSet::new();
        let mut is_kept = |item: &&Item| match item {
            Item::Packet(packet) => keep(packet) && survivors.insert(packet.origin.packet.0),
            _ => true,
        };
        let left = items.iter().filter(&mut is_kept).cloned().collect();
        Self { remade: Remade::new(left), survivors }
    }

    /// Keeps the first packets of a capture.
    pub(crate) fn first(items: &[Item], packets: usize) -> Self {
        Self::keeping(items, |packet| packet.origin.packet.0 <= packets as u64)
    }
}

/// Loses one in `n` of the packets with payload. Packets without payload and those with SYN, FIN or
/// RST stay: from them the program can see that something is missing.
pub(crate) fn lose_data(items: &[Item], n: usize, rng: &mut Rng) -> Damaged {
    Damaged::keeping(items, |packet| !(is_data(packet) && rng.one_in(n)))
}

/// Loses one in `n` of all packets.
pub(crate) fn lose_any(items: &[Item], n: usize, rng: &mut Rng) -> Damaged {
    Damaged::keeping(items, |_| !rng.one_in(n))
}

/// Loses `count` packets in a row, from packet `first` on.
pub(crate) fn lose_run(items: &[Item], first: u64, count: u64) -> Damaged {
    Damaged::keeping(items, |packet| {
        packet.origin.packet.0 < first || packet.origin.packet.0 >= first + count
    })
}

/// A part of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Everything,
    /// The packets of the end with the lower address, and those of the other end.
    OneHalf,
    OtherHalf,
    Handshake,
    /// The packets with FIN or RST.
    Ends,
}

impl Part {
    pub(crate) const ALL: [Self; 5] =
        [Self::Everything, Self::OneHalf, Self::OtherHalf, Self::Handshake, Self::Ends];
}

/// The two ends of a connection, the lower address first.
pub(crate) type Ends = (SocketAddr, SocketAddr);

fn ends(frame: &Frame) -> Ends {
    (frame.source.min(frame.destination), frame.source.max(frame.destination))
}

/// The connections of a capture.
pub(crate) fn connections(items: &[Item]) -> Vec<Ends> {
    let frame = |item: &Item| match item {
        Item::Packet(packet) => Frame::of(packet),
        _ => None,
    };
    let all: BTreeSet<Ends> = items.iter().filter_map(frame).map(|frame| ends(&frame)).collect();
    all.into_iter().collect()
}

/// Loses a part of a connection.
pub(crate) fn lose_part(items: &[Item], connection: Ends, part: Part) -> Damaged {
    Damaged::keeping(items, |packet| {
        let Some(frame) = Frame::of(packet).filter(|frame| ends(frame) == connection) else { return true };
        match part {
            Part::Everything => false,
            Part::OneHalf => frame.source != connection.0,
            Part::OtherHalf => frame.source == connection.0,
            Part::Handshake => !frame.has(SYN),
            Part::Ends => !frame.has(FIN | RST),
        }
    })
}

/// Loses the first `packets` packets.
pub(crate) fn lose_start(items: &[Item], packets: u64) -> Damaged {
    Damaged::keeping(items, |packet| packet.origin.packet.0 > packets)
}

/// Cuts every packet to `bytes`, as a snapshot length does.
pub(crate) fn snap(items: &[Item], bytes: usize) -> Damaged {
    let mut damaged = Damaged::keeping(items, |_| true);
    for item in &mut damaged.remade.items {
        if let Item::Packet(packet) = item
            && packet.data.len() > bytes
        {
            packet.data.truncate(bytes);
        }
    }
    let is_cut = |item: &Item| match item {
        Item::Packet(packet) if packet.data.len() > bytes => Some(packet.origin.packet.0),
        _ => None,
    };
    for cut in items.iter().filter_map(is_cut) {
        damaged.survivors.remove(&cut);
    }
    damaged
}

/// Captures one in `n` packets a second time, some packets later.
pub(crate) fn repeat(items: &[Item], n: usize, rng: &mut Rng) -> Remade {
    const LATER: usize = 4;
    let mut made = items.to_vec();
    for at in (0..items.len()).rev() {
        if rng.one_in(n)
            && let Item::Packet(packet) = &items[at]
        {
            let place = (at + 1 + rng.below(LATER)).min(made.len());
            let mut copy = packet.clone();
            copy.origin.time = time_before(&made, place).unwrap_or(copy.origin.time);
            made.insert(place, Item::Packet(copy));
        }
    }
    Remade::new(made)
}

/// The time of the last packet before an index.
fn time_before(items: &[Item], place: usize) -> Option<Timestamp> {
    items[..place].iter().rev().find_map(|item| match item {
        Item::Packet(packet) => Some(packet.origin.time),
        _ => None,
    })
}

/// Swaps neighbours that were captured within 20 ms, with their times: packets of two connections,
/// or data of one direction. Captures of several queues or interfaces look like that. A response is
/// never moved before its request on the same connection.
pub(crate) fn reorder(items: &[Item], rng: &mut Rng) -> Remade {
    const NEAR: i64 = 20_000_000;
    let mut made = items.to_vec();
    for at in 1..made.len() {
        let (Item::Packet(a), Item::Packet(b)) = (&made[at - 1], &made[at]) else {
            continue;
        };
        let near = b.origin.time.since(a.origin.time).abs() <= NEAR;
        if near && may_swap(a, b) && rng.one_in(3) {
            made.swap(at - 1, at);
        }
    }
    Remade::new(made)
}

fn may_swap(a: &Packet, b: &Packet) -> bool {
    let (Some(f), Some(g)) = (Frame::of(a), Frame::of(b)) else {
        return false;
    };
    let same_connection =
        [g.source, g.destination].contains(&f.source) && [g.source, g.destination].contains(&f.destination);
    !same_connection || (f.source == g.source && is_data(a) && is_data(b))
}

/// Whether a packet carries payload and neither opens nor ends its connection.
fn is_data(packet: &Packet) -> bool {
    Frame::of(packet).is_some_and(|frame| !frame.payload.is_empty() && !frame.has(SYN | FIN | RST))
}

/// Writes random bytes into one in `n` packets, headers and payload alike, and gives some of them
/// another length.
pub(crate) fn corrupt(items: &[Item], n: usize, rng: &mut Rng) -> Vec<Item> {
    let mut made = items.to_vec();
    for item in &mut made {
        let Item::Packet(packet) = item else {
            continue;
        };
        if packet.data.is_empty() || !rng.one_in(n) {
            continue;
        }
        let mut data = packet.data.to_vec();
        for _ in 0..=rng.below(8) {
            let at = rng.below(data.len());
            data[at] = rng.next().to_le_bytes()[0];
        }
        if rng.one_in(4) {
            data.truncate(rng.below(data.len()));
        }
        packet.data = data.into();
        if rng.one_in(8) {
            packet.original_len =
                packet.original_len.saturating_add(u32::try_from(rng.below(1 << 20)).unwrap());
        }
    }
    made
}

/// Gives one in `n` packets an arbitrary time.
pub(crate) fn corrupt_times(items: &[Item], n: usize, rng: &mut Rng) -> Vec<Item> {
    const ODD: [i64; 5] = [i64::MIN, i64::MAX, 0, -1, 1 << 62];
    let mut made = items.to_vec();
    for item in &mut made {
        if let Item::Packet(packet) = item
            && rng.one_in(n)
        {
            packet.origin.time = Timestamp(ODD[rng.below(ODD.len())]);
        }
    }
    made
}
