//! Exchanges in, rows of some 60 bytes out, and back again: a million of them take less than 100 MB.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::sync::Arc;

use super::pack::{At, Blocks, Places, Unpack, put, put_from, put_signed, put_text};
use super::payload_log::{NOWHERE, Place};
use crate::base::{Code, Degraded, Origin, PacketNo, Side, Span, Timestamp};
use crate::ledger::{Cause, Exchange, Id, MessageSpan, RpcError, SessionRef, Status};

/// Rows, and what they share.
///
/// An exchange that is open is kept as it was told: `mcp` bounds how many there are. Once it is over it is packed (see
/// [`Packer::exchange`]) into blocks; one that were told again would be packed again, and its bytes be lost.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Where each is packed; [`At::NONE`] while it is open.
    rows: Vec<At>,
    blocks: Blocks,
    /// By where they stand.
    open: HashMap<usize, Open, foldhash::fast::RandomState>,
    by_n: Places,
    shared: Shared,
    packed: Vec<u8>,
}

/// An exchange that is open.
#[derive(Debug)]
struct Open {
    exchange: Box<Exchange>,
    /// Where its request lies, or a little before that.
    asked: Place,
}

/// What many rows have alike, by a small number.
#[derive(Debug, Default)]
struct Shared {
    texts: Texts,
    room: Room,
    /// By their number in the capture.
    sessions: HashMap<u32, SessionRef, foldhash::fast::RandomState>,
}

/// Bytes of texts longer than [`SHORT`] that rows may hold together. Methods, names, ids and messages of errors rarely
/// are; a million of 4 KiB each, which is what traffic can make of them, would take 4 GB.
const MAX_TEXTS: usize = 64 << 20;

/// Bytes of a text that are always kept.
const SHORT: usize = 64;

/// How much room there is for long texts.
#[derive(Debug)]
struct Room {
    left: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { left: MAX_TEXTS }
    }
}

impl Room {
    /// The text, or its beginning with an ellipsis where there is no room for the whole.
    fn fit<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        if text.len() <= SHORT {
            return Cow::Borrowed(text);
        }
        if let Some(left) = self.left.checked_sub(text.len()) {
            self.left = left;
            return Cow::Borrowed(text);
        }
        let front = text.get(..text.floor_char_boundary(SHORT)).unwrap_or_default();
        Cow::Owned(format!("{front}\u{2026}"))
    }
}

/// Texts by a number, from 1; 0 is none.
#[derive(Debug, Default)]
struct Texts {
    values: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32, foldhash::fast::RandomState>,
}

impl Texts {
    fn number(&mut self, text: &Arc<str>, room: &mut Room) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let text = match room.fit(text) {
            Cow::Borrowed(_) => Arc::clone(text),
            Cow::Owned(cut) => Arc::from(cut),
        };
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        self.values.push(Arc::clone(&text));
        let number = u32::try_from(self.values.len()).unwrap_or(0);
        self.numbers.insert(text, number);
        number
    }

    fn get(&self, number: u32) -> Option<&Arc<str>> {
        self.values.get((number as usize).checked_sub(1)?)
    }
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Where exchange `n` stands.
    pub(super) fn find(&self, n: u64) -> Option<usize> {
        self.by_n.get(n).map(|place| place as usize)
    }

    /// Takes an exchange that is open or complete, in the place of what was known of it. `said` are the pieces that
    /// were the latest of its transactions when that was told. (Of more than 2^32 - 2 exchanges the last are not kept.)
    pub(super) fn put(&mut self, exchange: Box<Exchange>, is_open: bool, said: [Place; 2]) {
        let index = match self.find(exchange.n) {
            Some(index) => index,
            None if !self.by_n.put(exchange.n, self.rows.len()) => return,
            None => {
                self.rows.push(At::NONE);
                self.rows.len() - 1
            }
        };
        let [asked, _] = self.said(index);
        let asked = if asked == NOWHERE { said[0] } else { asked };
        self.shared.note(&exchange.session);
        if is_open {
            self.open.insert(index, Open { exchange, asked });
            return;
        }
        self.open.remove(&index);
        self.packed.clear();
        Packer { out: &mut self.packed, shared: &mut self.shared }.exchange(&exchange, [asked, said[1]]);
        let at = self.blocks.push(&self.packed);
        if let Some(row) = self.rows.get_mut(index) {
            *row = at;
        }
    }

    /// Where what it said lies, or a little before that: the request, the response.
    pub(super) fn said(&self, index: usize) -> [Place; 2] {
        if let Some(open) = self.open.get(&index) {
            return [open.asked, NOWHERE];
        }
        let row = self.rows.get(index).and_then(|at| self.blocks.get(*at));
        row.and_then(|mut row| unpack_said(&mut row)).unwrap_or([NOWHERE; 2])
    }

    /// Whether what became of it is not known yet.
    pub(super) fn is_open(&self, index: usize) -> bool {
        self.open.contains_key(&index)
    }

    /// The exchange of a row, as it was told.
    pub(super) fn get(&self, index: usize) -> Option<Exchange> {
        if let Some(open) = self.open.get(&index) {
            return Some((*open.exchange).clone());
        }
        let mut row = self.blocks.get(*self.rows.get(index)?)?;
        unpack_said(&mut row)?;
        Unpacker { row, shared: &self.shared }.exchange()
    }
}

impl Shared {
    fn note(&mut self, session: &SessionRef) {
        // What a session is becomes known with its first answer.
        if self.sessions.get(&session.number) != Some(session) {
            self.sessions.insert(session.number, session.clone());
        }
    }

    fn text(&mut self, text: Option<&Arc<str>>) -> u64 {
        text.map_or(0, |text| self.texts.number(text, &mut self.room).into())
    }
}

/// What of an exchange there is: the first two bytes behind its places.
mod flag {
    pub(super) const ANSWERED_ON: u8 = 1;
    pub(super) const RESPONSE: u8 = 2;
    pub(super) const ACK: u8 = 4;
    pub(super) const FROM_SERVER: u8 = 8;
    pub(super) const ERROR: u8 = 16;
    pub(super) const CONTINUES: u8 = 32;
    pub(super) const FINDINGS: u8 = 64;
    pub(super) const DEGRADED: u8 = 128;
}

/// Nanoseconds that most captures are near, so that their times are short: 2026-01-01.
const EPOCH: i64 = 1_767_225_600_000_000_000;

/// Writes a row.
struct Packer<'a> {
    out: &'a mut Vec<u8>,
    shared: &'a mut Shared,
}

impl Packer<'_> {
    /// ```text
    ///   asked │ answered │ flags 1 │ status and cause 1 │ n │ tcp_stream │ transaction │ session │ version │ method
    ///   name │ client │ id │ http status │ progress │ retransmissions │ request │ what the flags say there is
    /// ```
    ///
    /// Times and packets lie behind those of the request, places and connections behind one another.
    fn exchange(&mut self, exchange: &Exchange, [asked, answered]: [Place; 2]) {
        let is = |flag, is: bool| if is { flag } else { 0 };
        let flags = is(flag::ANSWERED_ON, exchange.answered_on.is_some())
            | is(flag::RESPONSE, exchange.response.is_some())
            | is(flag::ACK, exchange.ack.is_some())
            | is(flag::FROM_SERVER, exchange.origin == Side::Server)
            | is(flag::ERROR, exchange.error.is_some())
            | is(flag::CONTINUES, exchange.continues.is_some())
            | is(flag::FINDINGS, !exchange.findings.is_empty())
            | is(flag::DEGRADED, exchange.degraded.any());
        put(self.out, asked.wrapping_add(1));
        put_from(self.out, answered, asked);
        let cause = exchange.cause.and_then(|cause| Cause::ALL.iter().position(|known| *known == cause));
        let status = Status::ALL.iter().position(|known| *known == exchange.status).unwrap_or(0);
        self.out.extend_from_slice(&[flags, (status | cause.map_or(0, |cause| cause + 1) << 4) as u8]);
        let texts = [exchange.protocol_version.as_ref(), Some(&exchange.method), exchange.name.as_ref()];
        let [version, method, name] = texts.map(|text| self.shared.text(text));
        for number in [
            exchange.n,
            exchange.tcp_stream.into(),
            exchange.transaction.into(),
            exchange.session.number.into(),
            version,
            method,
            name,
        ] {
            put(self.out, number);
        }
        self.address(exchange.client);
        self.id(&exchange.id);
        put(self.out, exchange.http_status.map_or(0, |status| u64::from(status) + 1));
        put(self.out, exchange.progress.into());
        put(self.out, exchange.retransmissions.into());
        self.carried(&exchange.request, Origin::new(0, EPOCH));
        self.rest(exchange);
    }

    fn rest(&mut self, exchange: &Exchange) {
        let start = exchange.request.span.start;
        if let Some((tcp_stream, transaction)) = exchange.answered_on {
            put_from(self.out, tcp_stream.into(), exchange.tcp_stream.into());
            put(self.out, transaction.into());
        }
        if let Some(response) = &exchange.response {
            self.carried(response, start);
        }
        if let Some(ack) = exchange.ack {
            self.time(ack, start.time);
        }
        if let Some(error) = &exchange.error {
            put(self.out, error.code.is_some().into());
            put_signed(self.out, error.code.unwrap_or(0));
            put_text(self.out, &self.shared.room.fit(&error.message));
        }
        if let Some(continues) = exchange.continues {
            put_from(self.out, continues, exchange.n);
        }
        if !exchange.findings.is_empty() {
            put(self.out, exchange.findings.len() as u64);
            exchange.findings.iter().for_each(|code| put(self.out, *code as u64));
        }
        if exchange.degraded.any() {
            self.out.push(exchange.degraded.bits());
        }
    }

    /// Clients have a port for each connection: a number for each of these would take more than the address.
    fn address(&mut self, address: SocketAddr) {
        match address {
            SocketAddr::V4(address) => {
                self.out.push(4);
                self.out.extend_from_slice(&address.ip().octets());
            }
            SocketAddr::V6(address) => {
                self.out.push(6);
                self.out.extend_from_slice(&address.ip().octets());
                put(self.out, address.flowinfo().into());
                put(self.out, address.scope_id().into());
            }
        }
        put(self.out, address.port().into());
    }

    fn id(&mut self, id: &Id) {
        let (kind, text) = match id {
            Id::Null => (0, None),
            Id::Int(_) => (1, None),
            Id::Number(text) => (2, Some(text)),
            Id::Text(text) => (3, Some(text)),
        };
        self.out.push(kind);
        if let Id::Int(int) = id {
            put_signed(self.out, *int);
        }
        text.into_iter().for_each(|text| put_text(self.out, &self.shared.room.fit(text)));
    }

    fn carried(&mut self, carried: &MessageSpan, from: Origin) {
        let Span { start, end, first, last } = carried.span;
        self.time(start.time, from.time);
        self.time(end.time, start.time);
        put(self.out, carried.bytes);
        put_from(self.out, start.packet.0, from.packet.0);
        put_from(self.out, end.packet.0, start.packet.0);
        put_from(self.out, first.0, start.packet.0);
        put_from(self.out, last.0, first.0);
    }

    fn time(&mut self, time: Timestamp, from: Timestamp) {
        put_signed(self.out, time.0.wrapping_sub(from.0));
    }
}

fn unpack_said(row: &mut Unpack<'_>) -> Option<[Place; 2]> {
    let asked = row.number()?.wrapping_sub(1);
    Some([asked, row.from(asked)?])
}

/// Reads what [`Packer`] wrote, behind the places.
struct Unpacker<'a> {
    row: Unpack<'a>,
    shared: &'a Shared,
}

impl Unpacker<'_> {
    fn exchange(&mut self) -> Option<Exchange> {
        let (flags, what) = (self.row.byte()?, self.row.byte()?);
        let has = |flag| flags & flag != 0;
        let n = self.row.number()?;
        let (tcp_stream, transaction) = (self.row.short()?, self.row.short()?);
        let session = self.shared.sessions.get(&self.row.short()?)?.clone();
        let (protocol_version, method, name) = (self.text()?, self.text()??, self.text()?);
        let client = self.address()?;
        let id = self.id()?;
        let http_status = self.row.number()?.checked_sub(1).and_then(|status| u16::try_from(status).ok());
        let (progress, retransmissions) = (self.row.short()?, self.row.short()?);
        let request = self.carried(Origin::new(0, EPOCH))?;
        let start = request.span.start;
        // In the order in which they were written: the fields of a struct literal are evaluated as they stand.
        Some(Exchange {
            n,
            tcp_stream,
            transaction,
            session,
            client,
            protocol_version,
            origin: if has(flag::FROM_SERVER) { Side::Server } else { Side::Client },
            id,
            method,
            name,
            status: *Status::ALL.get(usize::from(what & 0xf))?,
            cause: usize::from(what >> 4).checked_sub(1).and_then(|cause| Cause::ALL.get(cause).copied()),
            http_status,
            request,
            progress,
            retransmissions,
            answered_on: if has(flag::ANSWERED_ON) { Some(self.answered_on(tcp_stream)?) } else { None },
            response: if has(flag::RESPONSE) { Some(self.carried(start)?) } else { None },
            ack: if has(flag::ACK) { Some(self.time(start.time)?) } else { None },
            error: if has(flag::ERROR) { Some(self.error()?) } else { None },
            continues: if has(flag::CONTINUES) { Some(self.row.from(n)?) } else { None },
            findings: if has(flag::FINDINGS) { self.findings()? } else { Vec::new() },
            degraded: if has(flag::DEGRADED) {
                Degraded::from_bits(self.row.byte()?)
            } else {
                Degraded::NONE
            },
        })
    }

    fn text(&mut self) -> Option<Option<Arc<str>>> {
        Some(self.shared.texts.get(self.row.short()?).cloned())
    }

    fn address(&mut self) -> Option<SocketAddr> {
        let port = |row: &mut Unpack<'_>| u16::try_from(row.number()?).ok();
        if self.row.byte()? == 4 {
            let ip = Ipv4Addr::from(self.row.array()?);
            return Some(SocketAddrV4::new(ip, port(&mut self.row)?).into());
        }
        let ip = Ipv6Addr::from(self.row.array::<16>()?);
        let (flow, scope) = (self.row.short()?, self.row.short()?);
        Some(SocketAddrV6::new(ip, port(&mut self.row)?, flow, scope).into())
    }

    fn id(&mut self) -> Option<Id> {
        Some(match self.row.byte()? {
            0 => Id::Null,
            1 => Id::Int(self.row.signed()?),
            2 => Id::Number(self.row.text()?.into()),
            _ => Id::Text(self.row.text()?.into()),
        })
    }

    fn answered_on(&mut self, tcp_stream: u32) -> Option<(u32, u32)> {
        Some((u32::try_from(self.row.from(tcp_stream.into())?).ok()?, self.row.short()?))
    }

    fn carried(&mut self, from: Origin) -> Option<MessageSpan> {
        let start_time = self.time(from.time)?;
        let end_time = self.time(start_time)?;
        let bytes = self.row.number()?;
        let start = self.row.from(from.packet.0)?;
        let end = self.row.from(start)?;
        let first = self.row.from(start)?;
        let last = self.row.from(first)?;
        let span = Span {
            start: Origin { packet: PacketNo(start), time: start_time },
            end: Origin { packet: PacketNo(end), time: end_time },
            first: PacketNo(first),
            last: PacketNo(last),
        };
        Some(MessageSpan { span, bytes })
    }

    fn time(&mut self, from: Timestamp) -> Option<Timestamp> {
        Some(Timestamp(from.0.wrapping_add(self.row.signed()?)))
    }

    fn error(&mut self) -> Option<RpcError> {
        let (has_code, code) = (self.row.number()? == 1, self.row.signed()?);
        Some(RpcError { code: has_code.then_some(code), message: self.row.text()?.into() })
    }

    fn findings(&mut self) -> Option<Vec<Code>> {
        let many = self.row.number()?;
        (0..many).map(|_| Some(Code::all().get(self.row.short()? as usize)?.code)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::sample;

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

    fn exchange() -> impl Strategy<Value = Exchange> {
        let numbers = (1_u64..50, any::<[u32; 5]>(), any::<Option<(u32, u32)>>(), any::<Option<u16>>());
        let parts =
            (id(), carried(), prop::option::of(carried()), any::<Option<i64>>(), any::<Option<u64>>());
        let texts =
            (prop::option::of(".{0,9}"), ".{0,9}", prop::option::of((any::<Option<i64>>(), ".{0,30}")));
        let few = (0..6_usize, prop::option::of(0..8_usize), any::<u8>(), any::<bool>());
        let codes = prop::collection::vec(0..Code::all().len(), 0..4);
        (numbers, parts, texts, few, codes, client()).prop_map(
            |(numbers, parts, texts, few, codes, client)| {
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
                exchange.session.number = session;
                exchange.error = error.map(|(code, message)| RpcError { code, message: message.into() });
                exchange.origin = if from_server { Side::Server } else { Side::Client };
                exchange.degraded = Degraded::from_bits(degraded);
                (exchange.status, exchange.cause) =
                    (Status::ALL[status], cause.map(|cause| Cause::ALL[cause]));
                exchange.findings = codes.into_iter().map(|code| Code::all()[code].code).collect();
                (exchange.tcp_stream, exchange.transaction) = (tcp_stream, transaction);
                (exchange.progress, exchange.retransmissions) = (progress, retransmissions);
                (exchange.answered_on, exchange.http_status) = (answered_on, http_status);
                (exchange.id, exchange.request, exchange.response) = (id, request, response);
                (exchange.ack, exchange.continues) = (ack.map(Timestamp), continues);
                exchange
            },
        )
    }

    proptest! {
        /// Whatever was told last of an exchange is what there is of it, to the last nanosecond.
        #[test]
        fn what_was_put_is_there(told in prop::collection::vec((exchange(), any::<bool>(), any::<[u64; 2]>()), 1..40)) {
            let mut rows = Rows::default();
            let mut want: Vec<(Exchange, bool, Place)> = Vec::new();
            for (exchange, is_open, said) in told {
                rows.put(Box::new(exchange.clone()), is_open, said);
                match want.iter_mut().find(|(known, ..)| known.n == exchange.n) {
                    Some(known) => {
                        let asked = if known.2 == NOWHERE { said[0] } else { known.2 };
                        *known = (exchange, is_open, asked);
                    }
                    None => want.push((exchange, is_open, said[0])),
                }
            }
            prop_assert_eq!(rows.len(), want.len());
            for (index, (exchange, is_open, asked)) in want.into_iter().enumerate() {
                prop_assert_eq!(rows.find(exchange.n), Some(index));
                prop_assert_eq!(rows.is_open(index), is_open);
                prop_assert_eq!(rows.said(index)[0], asked);
                prop_assert_eq!(format!("{:?}", rows.get(index).unwrap()), format!("{exchange:?}"));
            }
        }
    }

    /// However long ids, names and errors are: together they take no more than there is room for, and say where they end.
    #[test]
    fn long_texts_have_room_together() {
        let mut rows = Rows::default();
        rows.shared.room.left = 10_000;
        let long = |n: u64| format!("{n}{}", "é".repeat(1000));
        let mut packed = 0;
        for n in 1..=1000 {
            let mut exchange = sample::exchange(n, "tools/call", Some(&long(n)), 1);
            exchange.id = Id::Text(long(n).into());
            exchange.error = Some(RpcError { code: None, message: long(n).into() });
            rows.put(Box::new(exchange), false, [0; 2]);
            packed += rows.packed.len();
        }
        let interned: usize = rows.shared.texts.values.iter().map(|text| text.len()).sum();
        assert!(packed + interned < 10_000 + 1000 * (3 * (SHORT + 3) + 72), "{packed} and {interned}");
        let [first, last] = [0, 999].map(|index| rows.get(index).unwrap());
        assert_eq!((&*first.name.unwrap(), first.id), (&*long(1), Id::Text(long(1).into())));
        let cut = format!("{}\u{2026}", &long(1000)[..SHORT]);
        assert_eq!((&*last.name.unwrap(), &*last.error.unwrap().message), (&*cut, &*cut));
    }

    /// What a million of them take is what one takes: a usual one is short.
    #[test]
    fn a_row_is_short() {
        let mut rows = Rows::default();
        rows.put(
            Box::new(sample::exchange(700_000, "tools/call", Some("search"), 480_000_000)),
            false,
            [1 << 30; 2],
        );
        assert!(rows.packed.len() <= 72, "{} bytes", rows.packed.len());
    }
}
