//! The exchanges of a capture, packed.

use std::collections::HashMap;
use std::fs::File;

use super::blocks::{BlockOffset, Blocks, NumberIndex};
use super::packed_exchange::{Packer, Unpacker, unpack_payload_offsets};
use super::payload_log::{LogOffset, NO_OFFSET, PayloadOffsets};
use super::shared_values::SharedValues;
use crate::mcp::Exchange;

/// Exchanges by index, in the order in which they were first pushed.
///
/// An open exchange is kept as it is: `mcp` limits their number. When it is over it is packed (see
/// [`Packer::exchange`]) and does not change again; packing it a second time would leave its first
/// bytes unused.
#[derive(Debug, Default)]
pub(super) struct ExchangeTable {
    /// The packed form of each; [`BlockOffset::NONE`] while it is open.
    offsets: Vec<BlockOffset>,
    blocks: Blocks,
    /// Memory that packed exchanges take before older ones go to the file, in bytes.
    packed_memory: usize,
    /// By index.
    open: HashMap<usize, OpenExchange, foldhash::fast::RandomState>,
    /// Indexes by [`Exchange::n`].
    by_n: NumberIndex,
    shared: SharedValues,
    /// Buffer for the exchange that is being packed.
    packed: Vec<u8>,
}

/// Memory of an exchange beside its packed form, in bytes: its offset, its number, and a row of the
/// list of the TUI.
const INDEX: usize = size_of::<BlockOffset>() + size_of::<u32>() + 12;

/// Memory of an open exchange, in bytes, with its texts.
const OPEN: usize = size_of::<Exchange>() + 128;

#[derive(Debug)]
struct OpenExchange {
    exchange: Box<Exchange>,
    /// See [`PayloadOffsets::request`].
    request: LogOffset,
}

impl ExchangeTable {
    /// Creates an empty table that keeps packed exchanges of `packed_memory` bytes in memory, if
    /// there is a file for the others.
    pub(super) fn new(packed_memory: usize) -> Self {
        Self { packed_memory, ..Self::default() }
    }

    /// See [`Blocks::spill_into`].
    pub(super) fn spill_into(&mut self, file: File) {
        self.blocks.spill_into(file);
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Returns the memory of all exchanges, in bytes, with their places in a list that is sorted.
    pub(super) fn memory(&self) -> usize {
        let open = self.open.len() * OPEN;
        self.blocks.memory() + self.offsets.len() * INDEX + open + self.shared.memory()
    }

    /// The index of exchange `n`.
    pub(super) fn find(&self, n: u64) -> Option<usize> {
        self.by_n.get(n).map(|index| index as usize)
    }

    /// Sets the state of an exchange. `payloads` are the latest payloads of its transactions at
    /// this moment. Exchanges beyond 2^32 - 2 are ignored.
    pub(super) fn set(&mut self, exchange: Box<Exchange>, is_open: bool, payloads: PayloadOffsets) {
        let index = match self.find(exchange.n) {
            Some(index) => index,
            None if !self.by_n.set(exchange.n, self.offsets.len()) => return,
            None => {
                self.offsets.push(BlockOffset::NONE);
                self.offsets.len() - 1
            }
        };
        let known = self.payload_offsets(index).request;
        let request = if known == NO_OFFSET { payloads.request } else { known };
        self.shared.set_session(&exchange.session);
        if is_open {
            self.open.insert(index, OpenExchange { exchange, request });
            return;
        }
        self.open.remove(&index);
        self.packed.clear();
        let payloads = PayloadOffsets { request, response: payloads.response };
        Packer { out: &mut self.packed, shared: &mut self.shared }.exchange(&exchange, payloads);
        let offset = self.blocks.push(&self.packed, self.packed_memory);
        if let Some(entry) = self.offsets.get_mut(index) {
            *entry = offset;
        }
    }

    /// Where the payloads of an exchange are; [`PayloadOffsets::NONE`] if there is no such
    /// exchange.
    pub(super) fn payload_offsets(&self, index: usize) -> PayloadOffsets {
        if let Some(open) = self.open.get(&index) {
            return PayloadOffsets { request: open.request, response: NO_OFFSET };
        }
        let unpacked = |offset: &BlockOffset| {
            self.blocks.decode(*offset, |mut packed| unpack_payload_offsets(&mut packed))
        };
        self.offsets.get(index).and_then(unpacked).unwrap_or(PayloadOffsets::NONE)
    }

    /// Whether the exchange is not over yet.
    pub(super) fn is_open(&self, index: usize) -> bool {
        self.open.contains_key(&index)
    }

    /// The latest state of an exchange.
    pub(super) fn get(&self, index: usize) -> Option<Exchange> {
        if let Some(open) = self.open.get(&index) {
            return Some((*open.exchange).clone());
        }
        self.blocks.decode(*self.offsets.get(index)?, |mut row| {
            unpack_payload_offsets(&mut row)?;
            Unpacker { row, shared: &self.shared }.exchange()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, SocketAddrV6};

    use proptest::prelude::*;

    use super::*;
    use crate::base::http2::{ClosingFrame, ErrorCode, Http2Facts, WindowWait};
    use crate::base::{Code, Degraded, Origin, PacketNo, Side, Span, Status, Timestamp};
    use crate::ledger::sample;
    use crate::ledger::store::shared_values::SHORT;
    use crate::mcp::{Asked, Cause, Id, MessageSpan, RpcError};

    /// Bytes that a typical exchange may take.
    const MAX_TYPICAL: usize = 72;

    const OFFSETS: PayloadOffsets = PayloadOffsets { request: 0, response: 0 };

    fn carried() -> impl Strategy<Value = MessageSpan> {
        let origin = || (any::<u64>(), any::<i64>()).prop_map(|(packet, time)| Origin::new(packet, time));
        (origin(), origin(), any::<u64>(), any::<u64>(), any::<u64>()).prop_map(
            |(start, end, first, last, bytes)| MessageSpan {
                span: Span { start, end, first: PacketNo(first), last: PacketNo(last) },
                bytes,
            },
        )
    }

    fn id() -> impl Strategy<Value = Id> {
        prop_oneof![
            Just(Id::Null),
            any::<i64>().prop_map(Id::Int),
            "[0-9]{30}".prop_map(|text| Id::Number(text.into())),
            "[0-9]{30}".prop_map(|text| Id::Cut(format!("{text}…").into())),
            ".{0,40}".prop_map(|text| Id::Text(text.into())),
        ]
    }

    fn client() -> impl Strategy<Value = SocketAddr> {
        prop_oneof![
            (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::from((ip, port))),
            (any::<[u8; 16]>(), any::<u16>(), any::<u32>(), any::<u32>())
                .prop_map(|(ip, port, flow, scope)| SocketAddrV6::new(ip.into(), port, flow, scope).into()),
        ]
    }

    fn http2() -> impl Strategy<Value = Option<Box<Http2Facts>>> {
        let origin = || (any::<u64>(), any::<i64>()).prop_map(|(packet, time)| Origin::new(packet, time));
        let wait =
            || (any::<i64>(), origin(), origin()).prop_map(|(ns, from, to)| WindowWait { ns, from, to });
        let frame = (any::<bool>(), any::<Option<u32>>(), any::<Option<u32>>(), any::<u64>()).prop_map(
            |(from_server, code, last_stream, packet)| ClosingFrame {
                by: if from_server { Side::Server } else { Side::Client },
                code: code.map(ErrorCode),
                last_stream,
                packet: PacketNo(packet),
            },
        );
        (prop::option::of(wait()), prop::option::of(wait()), prop::option::of(frame)).prop_map(
            |(request_wait, response_wait, closed_by)| {
                Http2Facts { request_wait, response_wait, closed_by }.boxed()
            },
        )
    }

    fn exchange() -> impl Strategy<Value = Exchange> {
        let numbers = (1_u64..50, any::<[u32; 5]>(), any::<Option<(u32, u32)>>(), any::<Option<u16>>());
        let parts =
            (id(), carried(), prop::option::of(carried()), any::<Option<i64>>(), any::<Option<u64>>());
        let texts =
            (prop::option::of(".{0,9}"), ".{0,9}", prop::option::of((any::<Option<i64>>(), ".{0,30}")));
        let few = (0..6_usize, prop::option::of(0..Cause::ALL.len()), any::<u8>(), any::<bool>());
        let codes = prop::collection::vec(0..Code::all().len(), 0..4);
        (numbers, parts, texts, few, codes, client(), http2()).prop_map(
            |(numbers, parts, texts, few, codes, client, http2)| {
                let (
                    n,
                    [tcp_stream, transaction, session, progress, retransmissions],
                    answered_on,
                    http_status,
                ) = numbers;
                let (id, request, response, ack, continues) = parts;
                let (name, method, error) = texts;
                let (status, cause, degraded, from_server) = few;
                let mut exchange = sample::exchange(n, &method, name.as_deref(), 1);
                exchange.client = client;
                exchange.http2 = http2;
                exchange.session.number = session;
                exchange.error = error.map(|(code, message)| RpcError { code, message: message.into() });
                exchange.origin = if from_server { Side::Server } else { Side::Client };
                exchange.degraded = Degraded::from_bits(degraded);
                (exchange.status, exchange.cause) =
                    (Status::ALL[status], cause.map(|cause| Cause::ALL[cause]));
                if !exchange.status.is_answered() {
                    exchange.wait_ended = ack.map(|time| Origin::new(progress.into(), time));
                }
                exchange.findings = codes.into_iter().map(|code| Code::all()[code].code).collect();
                (exchange.tcp_stream, exchange.transaction) = (tcp_stream, transaction);
                (exchange.progress, exchange.retransmissions) = (progress, retransmissions);
                (exchange.answered_on, exchange.http_status) = (answered_on, http_status);
                (exchange.id, exchange.request, exchange.response) = (id, request, response);
                (exchange.ack, exchange.continues) = (ack.map(Timestamp), continues);
                (exchange.parent, exchange.input_ns) = (continues.filter(|_| from_server), ack);
                let client_ns = ack.unwrap_or_default();
                exchange.asked = Asked { requests: progress.min(retransmissions), client_ns };
                exchange
            },
        )
    }

    proptest! {
        /// The latest state of an exchange is returned exactly.
        #[test]
        fn exchanges_round_trip(pushed in prop::collection::vec((exchange(), any::<bool>(), any::<[u64; 2]>()), 1..40)) {
            let mut table = ExchangeTable::default();
            let mut want: Vec<(Exchange, bool, LogOffset)> = Vec::new();
            for (exchange, is_open, [request, response]) in pushed {
                table.set(Box::new(exchange.clone()), is_open, PayloadOffsets { request, response });
                match want.iter_mut().find(|(known, ..)| known.n == exchange.n) {
                    Some(known) => {
                        let first = if known.2 == NO_OFFSET { request } else { known.2 };
                        *known = (exchange, is_open, first);
                    }
                    None => want.push((exchange, is_open, request)),
                }
            }
            prop_assert_eq!(table.len(), want.len());
            for (index, (exchange, is_open, request)) in want.into_iter().enumerate() {
                prop_assert_eq!(table.find(exchange.n), Some(index));
                prop_assert_eq!(table.is_open(index), is_open);
                prop_assert_eq!(table.payload_offsets(index).request, request);
                prop_assert_eq!(format!("{:?}", table.get(index).unwrap()), format!("{exchange:?}"));
            }
        }
    }

    /// Ids, names and errors share a budget; a text that was cut ends with an ellipsis.
    #[test]
    fn long_texts_share_a_budget() {
        let mut table = ExchangeTable::default();
        table.shared.budget.left = 10_000;
        let long = |n: u64| format!("{n}{}", "é".repeat(1000));
        let mut packed = 0;
        for n in 1..=1000 {
            let mut exchange = sample::exchange(n, "tools/call", Some(&long(n)), 1);
            exchange.id = Id::Text(long(n).into());
            exchange.error = Some(RpcError { code: None, message: long(n).into() });
            table.set(Box::new(exchange), false, OFFSETS);
            packed += table.packed.len();
        }
        let interned: usize = table.shared.texts.values.iter().map(|text| text.len()).sum();
        assert!(
            packed + interned < 10_000 + 1000 * (3 * (SHORT + 3) + MAX_TYPICAL),
            "{packed} and {interned}"
        );
        let [first, last] = [0, 999].map(|index| table.get(index).unwrap());
        assert_eq!((&*first.name.unwrap(), first.id), (&*long(1), Id::Text(long(1).into())));
        let cut = format!("{}\u{2026}", &long(1000)[..SHORT]);
        assert_eq!((&*last.name.unwrap(), &*last.error.unwrap().message), (&*cut, &*cut));
    }

    /// A million exchanges take a million times this.
    #[test]
    fn a_typical_exchange_is_short() {
        let mut table = ExchangeTable::default();
        table.set(
            Box::new(sample::exchange(700_000, "tools/call", Some("search"), 480_000_000)),
            false,
            PayloadOffsets { request: 1 << 30, response: 1 << 30 },
        );
        assert!(table.packed.len() <= MAX_TYPICAL, "{} bytes", table.packed.len());
    }
}
