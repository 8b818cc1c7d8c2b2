//! Replaces what packets tell about people and machines, so that the same analysis comes out of
//! them.
//!
//! ```text
//!  Packet ─▶ frame ─▶ queue ──────────────────────────▶ Packet
//!            (headers)  │ payload, by stream offset  ▲
//!                       └▶ flow ─▶ stream ─▶ output ─┘
//!                          (order)  (HTTP/1, SSE, JSON, WebSocket, TLS: words)
//! ```
//!
//! A byte is replaced by its offset in what its sender sent, not by its packet: a packet that is
//! sent again, in other pieces, too, is replaced in the same way. So packets wait until everything
//! before their payload was read. Nothing is replaced by text of another length.
//!
//! What replaces it depends on a [`Key`] and on nothing else: equal words and equal addresses stay
//! equal, in all connections.

mod addresses;
mod checksum;
mod event_stream;
mod flow;
mod frame;
mod head;
mod key;
mod output;
mod proxy_header;
mod queue;
mod stream;
#[cfg(test)]
mod tests;
mod text;
mod tls;
mod tools;
mod vocabulary;
mod web_socket;
mod words;

use std::collections::HashMap;
use std::net::SocketAddr;

use bytes::Bytes;
use foldhash::fast::RandomState;

use crate::base::limits;
use crate::capture::Packet;

pub use frame::LeftOut;
pub use key::{Key, NoRandomness};
pub use tools::Cleared;
pub use vocabulary::contains as is_public;

use flow::{Flow, Segment};
use queue::{Queue, Waiting};
use tools::Tools;

/// Replaces packets.
#[derive(Debug)]
pub struct Anonymizer {
    tools: Tools,
    queue: Queue,
    /// The connections, by their ends: the smaller one first.
    numbers: HashMap<[SocketAddr; 2], u64, RandomState>,
    flows: HashMap<u64, Flow, RandomState>,
    /// The number of the next connection, and of the next packet.
    next_flow: u64,
    packets: u64,
    /// What the replaced bytes of all connections take, in bytes.
    remembered: usize,
    /// Packets that are left out, by [`LeftOut`].
    left_out: [u64; LeftOut::ALL.len()],
}

impl Anonymizer {
    /// Creates an anonymizer that has seen no packet.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self {
            tools: Tools::new(key),
            queue: Queue::default(),
            numbers: HashMap::default(),
            flows: HashMap::default(),
            next_flow: 0,
            packets: 0,
            remembered: 0,
            left_out: [0; LeftOut::ALL.len()],
        }
    }

    /// Takes the next packet of a capture, and appends those that are replaced now to `out`, in the
    /// order in which they came.
    pub fn push(&mut self, packet: &Packet, out: &mut Vec<Packet>) {
        self.packets += 1;
        let mut bytes = packet.data.to_vec();
        let wire = u64::from(packet.original_len);
        match frame::replace(&mut bytes, packet.link_type.0, wire, &mut self.tools.addresses) {
            Err(why) => self.leave_out(why),
            Ok(frame) => self.frame(Packet { data: Bytes::new(), ..packet.clone() }, bytes, frame),
        }
        while self.queue.size() > limits::MAX_ANONYMIZED {
            self.give_up();
            self.drain(out);
        }
        self.drain(out);
        if self.remembered > limits::MAX_ANONYMIZED || self.flows.len() > limits::MAX_CONNECTIONS {
            self.forget();
        }
    }

    /// Ends the capture: appends the packets that are left to `out`.
    pub fn finish(&mut self, out: &mut Vec<Packet>) {
        self.drain(out);
        while !self.queue.is_empty() {
            self.give_up();
            self.drain(out);
        }
    }

    /// Returns the number of packets that were left out, for each reason that occurred.
    pub fn left_out(&self) -> impl Iterator<Item = (LeftOut, u64)> {
        LeftOut::ALL.into_iter().zip(self.left_out).filter(|(_, packets)| *packets > 0)
    }

    /// Returns the bytes of payload that were cut off or became zeros, for each reason that
    /// occurred.
    pub fn cleared(&self) -> impl Iterator<Item = (Cleared, u64)> {
        self.tools.all_cleared().filter(|(_, bytes)| *bytes > 0)
    }

    fn leave_out(&mut self, why: LeftOut) {
        for (of, count) in LeftOut::ALL.iter().zip(&mut self.left_out) {
            if *of == why {
                *count += 1;
            }
        }
    }

    fn frame(&mut self, packet: Packet, bytes: Vec<u8>, frame: frame::Frame) {
        let [source, destination] = frame.ends;
        let direction = usize::from(source > destination);
        let ends = if direction == 0 { [source, destination] } else { [destination, source] };
        let mut number = self.number(ends);
        if frame.syn && !self.flow(number).syn(direction, frame.seq) {
            // The ports are used again. What waits is not continued.
            self.end_flow(number);
            self.numbers.remove(&ends);
            number = self.number(ends);
            self.flow(number).syn(direction, frame.seq);
        }
        let len = frame.payload.len() as u64;
        let id = self.queue.next();
        let waits_for = (len + frame.missing > 0).then_some((number, direction));
        let seq = frame.seq.wrapping_add(u32::from(frame.syn));
        let payload = frame.payload;
        self.queue.push(Waiting { packet, bytes, payload, sums: frame.sums, waits_for });
        let packets = self.packets;
        let Self { flows, queue, tools, .. } = self;
        let flow = flows.entry(number).or_default();
        flow.last = packets;
        if len + frame.missing > 0 && !frame.rst {
            let segment = Segment { packet: id, seq, len, missing: frame.missing };
            flow.segment(direction, segment, queue, tools);
        } else {
            // The payload of a reset is of no stream (RFC 9293 section 3.5.3).
            queue.resolve(id, |payload| payload.fill(0));
        }
        if frame.fin {
            flow.fin(direction, seq.wrapping_add((len + frame.missing) as u32), queue, tools);
        }
        if frame.rst {
            flow.reset(queue, tools);
        }
        let growth = flow.growth();
        self.remembered = self.remembered.saturating_add_signed(growth);
    }

    fn number(&mut self, ends: [SocketAddr; 2]) -> u64 {
        let next = &mut self.next_flow;
        *self.numbers.entry(ends).or_insert_with(|| {
            *next += 1;
            *next
        })
    }

    fn flow(&mut self, number: u64) -> &mut Flow {
        self.flows.entry(number).or_default()
    }

    /// Replaces the packets of a connection that wait, with what is known, and forgets it.
    fn end_flow(&mut self, number: u64) {
        if let Some(mut flow) = self.flows.remove(&number) {
            flow.give_up_all(&mut self.queue, &mut self.tools);
            flow.forget();
            let growth = flow.growth();
            self.remembered = self.remembered.saturating_add_signed(growth);
        }
    }

    /// Waits no longer for what the first packet waits for.
    fn give_up(&mut self) {
        let Some((packet, (number, direction))) = self.queue.blocked() else { return };
        let Self { flows, queue, tools, .. } = self;
        match flows.get_mut(&number).filter(|flow| flow.is_waiting()) {
            Some(flow) => {
                flow.give_up(direction, packet, queue, tools);
                let growth = flow.growth();
                self.remembered = self.remembered.saturating_add_signed(growth);
            }
            None => queue.resolve(packet, |payload| payload.fill(0)),
        }
    }

    fn drain(&mut self, out: &mut Vec<Packet>) {
        while let Some(packet) = self.queue.pop() {
            out.push(packet);
        }
    }

    /// Forgets the half of the connections that had no packet for longest, since they are too many
    /// or take too much. If they take too much, only the bytes for packets that are sent again are
    /// forgotten at first.
    fn forget(&mut self) {
        let mut by_age: Vec<_> = self.flows.iter().map(|(number, flow)| (flow.last, *number)).collect();
        by_age.sort_unstable();
        by_age.truncate(by_age.len().div_ceil(2));
        for (_, number) in &by_age {
            if let Some(flow) = self.flows.get_mut(number) {
                flow.forget();
                let growth = flow.growth();
                self.remembered = self.remembered.saturating_add_signed(growth);
            }
        }
        if self.remembered > limits::MAX_ANONYMIZED / 2 || self.flows.len() > limits::MAX_CONNECTIONS {
            by_age.iter().for_each(|(_, number)| self.end_flow(*number));
            self.numbers.retain(|_, number| self.flows.contains_key(number));
        }
    }
}
