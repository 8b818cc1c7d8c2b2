//! Cuts the payload of a capture into other segments with the same bytes and times.

use mcpdump::capture::{Item, Packet};

use super::frame::{Frame, RST, SYN};
use super::rng::Rng;
use super::run::Remade;

/// How payloads are cut.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// Into at most this number of pieces, at random offsets.
    Random(usize),
    /// Into pieces of this length in bytes.
    Every(usize),
}

/// Cuts the payload of every packet into pieces that are captured at the packet's time, each in a
/// packet of its own. Packets with a truncated payload and those with SYN or RST stay unchanged.
pub(crate) fn cut(items: &[Item], how: Cut, rng: &mut Rng) -> Remade {
    let pieces = |packet: &Packet| pieces(packet, how, rng);
    Remade::new(each_packet(items, pieces))
}

/// Cuts as [`cut`] does, then shuffles the pieces of each packet and repeats some of them.
pub(crate) fn cut_and_shuffle(items: &[Item], how: Cut, rng: &mut Rng) -> Remade {
    let shuffled = |packet: &Packet| {
        let mut pieces = pieces(packet, how, rng);
        if pieces.len() > 1 {
            let again = pieces[rng.below(pieces.len())].clone();
            pieces.push(again);
            rng.shuffle(&mut pieces);
        }
        pieces
    };
    Remade::new(each_packet(items, shuffled))
}

/// Replaces each packet by other packets.
fn each_packet(items: &[Item], mut instead: impl FnMut(&Packet) -> Vec<Packet>) -> Vec<Item> {
    let mut made = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Item::Packet(packet) => made.extend(instead(packet).into_iter().map(Item::Packet)),
            other => made.push(other.clone()),
        }
    }
    made
}

fn pieces(packet: &Packet, how: Cut, rng: &mut Rng) -> Vec<Packet> {
    let whole = Frame::of(packet).filter(|frame| frame.is_whole && !frame.has(SYN | RST));
    let Some(frame) = whole.filter(|frame| frame.payload.len() > 1) else {
        return vec![packet.clone()];
    };
    let len = frame.payload.len();
    let mut places: Vec<usize> = match how {
        Cut::Random(most) => (1..1 + rng.below(most)).map(|_| 1 + rng.below(len - 1)).collect(),
        Cut::Every(bytes) => (bytes..len).step_by(bytes).collect(),
    };
    places.extend([0, len]);
    places.sort_unstable();
    places.dedup();
    let parts = places.windows(2).map(|ends| ends[0]..ends[1]);
    parts.map(|part| frame.piece(packet, part)).collect()
}
