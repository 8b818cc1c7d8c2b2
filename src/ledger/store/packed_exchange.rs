//! The packed form of an exchange.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::sync::Arc;

use super::payload_log::PayloadOffsets;
use super::shared_values::SharedValues;
use super::varint::{Decoder, put_delta, put_signed, put_text, put_unsigned};
use crate::base::http2::{ClosingFrame, ErrorCode, Http2Facts, WindowWait};
use crate::base::protocols::{HttpVersion, Protocols};
use crate::base::{Code, Degraded, Origin, PacketNo, Side, Span, Status, Timestamp, TraceContext};
use crate::mcp::{Asked, Cause, Exchange, Id, MessageSpan, RpcError, Twins};

/// Bits of the flags byte: which optional parts follow.
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

/// Bits of the byte with the HTTP version: what HTTP/2 tells besides follows, the context of a
/// trace follows.
const HAS_FACTS: u8 = 0x80;
const HAS_TRACE: u8 = 0x40;

/// Base of the request times, in nanoseconds since the epoch: 2026-01-01, so that the times of
/// recent captures are short.
const EPOCH: i64 = 1_767_225_600_000_000_000;

/// Writes packed exchanges.
pub(super) struct Packer<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) shared: &'a mut SharedValues,
}

impl Packer<'_> {
    /// Appends an exchange:
    ///
    /// ```text
    ///   request payload │ response payload │ flags 1 │ status and cause 1 │ n │ tcp_stream │
    ///   transaction │ session │ version │ method │ name │ client │ id │ http status │ progress │
    ///   retransmissions │ other exchanges │ request │ the parts in the flags
    /// ```
    ///
    /// Times, packets, offsets and connections are differences to those written before.
    pub(super) fn exchange(&mut self, exchange: &Exchange, payloads: PayloadOffsets) {
        let is = |flag, is: bool| if is { flag } else { 0 };
        let flags = is(flag::ANSWERED_ON, exchange.answered_on.is_some())
            | is(flag::RESPONSE, exchange.response.is_some())
            | is(flag::ACK, exchange.ack.is_some())
            | is(flag::FROM_SERVER, exchange.origin == Side::Server)
            | is(flag::ERROR, exchange.error.is_some())
            | is(flag::CONTINUES, exchange.continues.is_some())
            | is(flag::FINDINGS, !exchange.findings.is_empty())
            | is(flag::DEGRADED, exchange.degraded.any());
        put_unsigned(self.out, payloads.request.wrapping_add(1));
        put_delta(self.out, payloads.response, payloads.request);
        let cause = exchange.cause.and_then(|cause| Cause::ALL.iter().position(|known| *known == cause));
        let status = Status::ALL.iter().position(|known| *known == exchange.status).unwrap_or(0);
        self.out.extend_from_slice(&[flags, (status | cause.map_or(0, |cause| cause + 1) << 4) as u8]);
        let texts = [exchange.protocol_version.as_ref(), Some(&exchange.method), exchange.name.as_ref()];
        let [version, method, name] = texts.map(|text| self.shared.text_number(text));
        for number in [
            exchange.n,
            exchange.tcp_stream.into(),
            exchange.transaction.into(),
            exchange.session.number.into(),
            version,
            method,
            name,
        ] {
            put_unsigned(self.out, number);
        }
        self.address(exchange.client);
        self.id(&exchange.id);
        put_unsigned(self.out, exchange.http_status.map_or(0, |status| u64::from(status) + 1));
        put_unsigned(self.out, exchange.progress.into());
        put_unsigned(self.out, exchange.retransmissions.into());
        self.others(exchange);
        self.carried(&exchange.request, Origin::new(0, EPOCH));
        self.rest(exchange);
    }

    fn rest(&mut self, exchange: &Exchange) {
        let start = exchange.request.span.start;
        if let Some((tcp_stream, transaction)) = exchange.answered_on {
            put_delta(self.out, tcp_stream.into(), exchange.tcp_stream.into());
            put_unsigned(self.out, transaction.into());
        }
        if let Some(response) = &exchange.response {
            self.carried(response, start);
        }
        if let Some(ack) = exchange.ack {
            self.time(ack, start.time);
        }
        if let Some(error) = &exchange.error {
            put_unsigned(self.out, error.code.is_some().into());
            put_signed(self.out, error.code.unwrap_or(0));
            put_text(self.out, &self.shared.budget.fit(&error.message));
        }
        if let Some(continues) = exchange.continues {
            put_delta(self.out, continues, exchange.n);
        }
        if !exchange.findings.is_empty() {
            put_unsigned(self.out, exchange.findings.len() as u64);
            exchange.findings.iter().for_each(|code| put_unsigned(self.out, *code as u64));
        }
        if exchange.degraded.any() {
            self.out.push(exchange.degraded.bits());
        }
        if !exchange.status.is_answered() {
            self.out.push(exchange.wait_ended.is_some().into());
            if let Some(end) = exchange.wait_ended {
                self.time(end.time, start.time);
                put_delta(self.out, end.packet.0, start.packet.0);
            }
        }
    }

    /// What ties it to other exchanges: a byte that says which parts follow, and these.
    fn others(&mut self, exchange: &Exchange) {
        let Twins { in_front, behind, proxy_ns } = exchange.twins;
        let Asked { requests, client_ns } = exchange.asked;
        let has_asked = exchange.asked != Asked::default();
        let Protocols { http, http2_stream, tls } = &exchange.protocols;
        let is_usual = (*http, *http2_stream) == (Some(HttpVersion::V11), None)
            && exchange.http2.is_none()
            && exchange.trace.is_none();
        let parts = [
            in_front.is_some(),
            behind.is_some(),
            proxy_ns.is_some(),
            exchange.parent.is_some(),
            exchange.input_ns.is_some(),
            has_asked,
            tls.is_some(),
            !is_usual,
        ];
        self.out.push(parts.iter().enumerate().map(|(i, is)| u8::from(*is) << i).sum());
        for n in [in_front, behind, exchange.parent].into_iter().flatten() {
            put_delta(self.out, n, exchange.n);
        }
        for ns in [proxy_ns, exchange.input_ns].into_iter().flatten() {
            put_signed(self.out, ns);
        }
        if has_asked {
            put_unsigned(self.out, requests.into());
            put_signed(self.out, client_ns);
        }
        if let Some(tls) = tls {
            put_unsigned(self.out, self.shared.tls_number(tls));
        }
        if !is_usual {
            let facts = if exchange.http2.is_some() { HAS_FACTS } else { 0 };
            let trace = if exchange.trace.is_some() { HAS_TRACE } else { 0 };
            self.out.push(http.map_or(0, |http| http as u8 + 1) | facts | trace);
            put_unsigned(self.out, http2_stream.map_or(0, |stream| u64::from(stream) + 1));
            if let Some(facts) = &exchange.http2 {
                self.http2_facts(facts);
            }
            if let Some(trace) = &exchange.trace {
                let TraceContext { trace_id, span_id, flags, state } = &**trace;
                self.out.extend_from_slice(trace_id);
                self.out.extend_from_slice(span_id);
                self.out.push(*flags);
                put_text(self.out, &self.shared.budget.fit(state.as_deref().unwrap_or_default()));
            }
        }
    }

    fn http2_facts(&mut self, facts: &Http2Facts) {
        let Http2Facts { request_wait, response_wait, closed_by } = facts;
        let has = [request_wait.is_some(), response_wait.is_some(), closed_by.is_some()];
        self.out.push(has.iter().enumerate().map(|(i, is)| u8::from(*is) << i).sum());
        for WindowWait { ns, from, to } in [request_wait, response_wait].into_iter().flatten() {
            put_signed(self.out, *ns);
            self.time(from.time, Timestamp(EPOCH));
            self.time(to.time, from.time);
            put_unsigned(self.out, from.packet.0);
            put_delta(self.out, to.packet.0, from.packet.0);
        }
        if let Some(ClosingFrame { by, code, last_stream, packet }) = closed_by {
            self.out.push((*by == Side::Server).into());
            for number in [code.map(|code| code.0), *last_stream] {
                put_unsigned(self.out, number.map_or(0, |number| u64::from(number) + 1));
            }
            put_unsigned(self.out, packet.0);
        }
    }

    /// Addresses are not shared: a client has a port for each connection, so few occur twice.
    fn address(&mut self, address: SocketAddr) {
        match address {
            SocketAddr::V4(address) => {
                self.out.push(4);
                self.out.extend_from_slice(&address.ip().octets());
            }
            SocketAddr::V6(address) => {
                self.out.push(6);
                self.out.extend_from_slice(&address.ip().octets());
                put_unsigned(self.out, address.flowinfo().into());
                put_unsigned(self.out, address.scope_id().into());
            }
        }
        put_unsigned(self.out, address.port().into());
    }

    fn id(&mut self, id: &Id) {
        let (kind, text) = match id {
            Id::Null => (0, None),
            Id::Int(_) => (1, None),
            Id::Number(text) => (2, Some(text)),
            Id::Text(text) => (3, Some(text)),
            Id::Cut(text) => (4, Some(text)),
        };
        let text = text.map(|text| self.shared.budget.fit(text));
        // A number that was cut is no JSON any more.
        let is_cut = kind == 2 && text.as_deref().is_some_and(|text| text.contains('…'));
        self.out.push(if is_cut { 4 } else { kind });
        if let Id::Int(int) = id {
            put_signed(self.out, *int);
        }
        if let Some(text) = text {
            put_text(self.out, &text);
        }
    }

    fn carried(&mut self, carried: &MessageSpan, from: Origin) {
        let Span { start, end, first, last } = carried.span;
        self.time(start.time, from.time);
        self.time(end.time, start.time);
        put_unsigned(self.out, carried.bytes);
        put_delta(self.out, start.packet.0, from.packet.0);
        put_delta(self.out, end.packet.0, start.packet.0);
        put_delta(self.out, first.0, start.packet.0);
        put_delta(self.out, last.0, first.0);
    }

    fn time(&mut self, time: Timestamp, from: Timestamp) {
        put_signed(self.out, time.0.wrapping_sub(from.0));
    }
}

/// Reads the offsets, which are at the front of a packed exchange.
pub(super) fn unpack_payload_offsets(row: &mut Decoder<'_>) -> Option<PayloadOffsets> {
    let request = row.unsigned()?.wrapping_sub(1);
    Some(PayloadOffsets { request, response: row.delta(request)? })
}

/// Reads what [`Packer`] wrote after the offsets.
pub(super) struct Unpacker<'a> {
    pub(super) row: Decoder<'a>,
    pub(super) shared: &'a SharedValues,
}

/// What ties an exchange to others.
struct Others {
    twins: Twins,
    parent: Option<u64>,
    input_ns: Option<i64>,
    asked: Asked,
    protocols: Protocols,
    http2: Option<Box<Http2Facts>>,
    trace: Option<Box<TraceContext>>,
}

impl Unpacker<'_> {
    pub(super) fn exchange(&mut self) -> Option<Exchange> {
        let (flags, status_and_cause) = (self.row.byte()?, self.row.byte()?);
        let has = |flag| flags & flag != 0;
        let n = self.row.unsigned()?;
        let (tcp_stream, transaction) = (self.row.unsigned_32()?, self.row.unsigned_32()?);
        let session = self.shared.session(self.row.unsigned_32()?)?.clone();
        let (protocol_version, method, name) = (self.text()?, self.text()??, self.text()?);
        let client = self.address()?;
        let id = self.id()?;
        let http_status = self.row.unsigned()?.checked_sub(1).and_then(|status| u16::try_from(status).ok());
        let (progress, retransmissions) = (self.row.unsigned_32()?, self.row.unsigned_32()?);
        let Others { twins, parent, input_ns, asked, protocols, http2, trace } = self.others(n)?;
        let request = self.carried(Origin::new(0, EPOCH))?;
        let start = request.span.start;
        let status = *Status::ALL.get(usize::from(status_and_cause & 0xf))?;
        // The fields of a struct literal are evaluated in their order: it is that of Packer.
        Some(Exchange {
            n,
            tcp_stream,
            transaction,
            protocols,
            http2,
            session,
            client,
            protocol_version,
            origin: if has(flag::FROM_SERVER) { Side::Server } else { Side::Client },
            id,
            method,
            name,
            status,
            cause: usize::from(status_and_cause >> 4)
                .checked_sub(1)
                .and_then(|cause| Cause::ALL.get(cause).copied()),
            http_status,
            request,
            progress,
            retransmissions,
            twins,
            trace,
            parent,
            input_ns,
            asked,
            answered_on: if has(flag::ANSWERED_ON) { Some(self.answered_on(tcp_stream)?) } else { None },
            response: if has(flag::RESPONSE) { Some(self.carried(start)?) } else { None },
            ack: if has(flag::ACK) { Some(self.time(start.time)?) } else { None },
            error: if has(flag::ERROR) { Some(self.error()?) } else { None },
            continues: if has(flag::CONTINUES) { Some(self.row.delta(n)?) } else { None },
            findings: if has(flag::FINDINGS) { self.findings()? } else { Vec::new() },
            degraded: if has(flag::DEGRADED) {
                Degraded::from_bits(self.row.byte()?)
            } else {
                Degraded::NONE
            },
            wait_ended: if status.is_answered() { None } else { self.wait_ended(start)? },
        })
    }

    fn others(&mut self, n: u64) -> Option<Others> {
        let parts = self.row.byte()?;
        let has = |part: u8| parts & (1 << part) != 0;
        let in_front = if has(0) { Some(self.row.delta(n)?) } else { None };
        let behind = if has(1) { Some(self.row.delta(n)?) } else { None };
        let parent = if has(3) { Some(self.row.delta(n)?) } else { None };
        let proxy_ns = if has(2) { Some(self.row.signed()?) } else { None };
        let input_ns = if has(4) { Some(self.row.signed()?) } else { None };
        let asked = if has(5) {
            Asked { requests: self.row.unsigned_32()?, client_ns: self.row.signed()? }
        } else {
            Asked::default()
        };
        let tls = if has(6) { Some(self.shared.tls(self.row.unsigned()?)?.clone()) } else { None };
        let (http, http2_stream, http2, trace) = if has(7) {
            let byte = self.row.byte()?;
            let version = usize::from(byte & !(HAS_FACTS | HAS_TRACE)).checked_sub(1);
            let stream = self.row.unsigned()?.checked_sub(1).and_then(|stream| u32::try_from(stream).ok());
            let facts = if byte & HAS_FACTS != 0 { Some(self.http2_facts()?) } else { None };
            let trace = if byte & HAS_TRACE != 0 { Some(self.trace()?) } else { None };
            (version.and_then(|version| HttpVersion::ALL.get(version).copied()), stream, facts, trace)
        } else {
            (Some(HttpVersion::V11), None, None, None)
        };
        let (http2, trace) = (http2.map(Box::new), trace.map(Box::new));
        let protocols = Protocols { http, http2_stream, tls };
        let twins = Twins { in_front, behind, proxy_ns };
        Some(Others { twins, parent, input_ns, asked, protocols, http2, trace })
    }

    fn trace(&mut self) -> Option<TraceContext> {
        let (trace_id, span_id) = (self.row.array()?, self.row.array()?);
        let context = TraceContext { trace_id, span_id, flags: self.row.byte()?, state: None };
        // One that was cut is none.
        Some(context.with_state(Some(self.row.text()?)))
    }

    fn http2_facts(&mut self) -> Option<Http2Facts> {
        let parts = self.row.byte()?;
        let has = |part: u8| parts & (1 << part) != 0;
        Some(Http2Facts {
            request_wait: if has(0) { Some(self.window_wait()?) } else { None },
            response_wait: if has(1) { Some(self.window_wait()?) } else { None },
            closed_by: if has(2) { Some(self.closing_frame()?) } else { None },
        })
    }

    fn window_wait(&mut self) -> Option<WindowWait> {
        let ns = self.row.signed()?;
        let from = self.time(Timestamp(EPOCH))?;
        let to = self.time(from)?;
        let packet = self.row.unsigned()?;
        let last = self.row.delta(packet)?;
        let origin = |packet, time| Origin { packet: PacketNo(packet), time };
        Some(WindowWait { ns, from: origin(packet, from), to: origin(last, to) })
    }

    fn closing_frame(&mut self) -> Option<ClosingFrame> {
        let by = if self.row.byte()? == 1 { Side::Server } else { Side::Client };
        let mut number = || Some(self.row.unsigned()?.checked_sub(1).and_then(|n| u32::try_from(n).ok()));
        let (code, last_stream) = (number()?.map(ErrorCode), number()?);
        Some(ClosingFrame { by, code, last_stream, packet: PacketNo(self.row.unsigned()?) })
    }

    fn text(&mut self) -> Option<Option<Arc<str>>> {
        Some(self.shared.texts.get(self.row.unsigned_32()?).cloned())
    }

    fn address(&mut self) -> Option<SocketAddr> {
        let port = |row: &mut Decoder<'_>| u16::try_from(row.unsigned()?).ok();
        if self.row.byte()? == 4 {
            let ip = Ipv4Addr::from(self.row.array()?);
            return Some(SocketAddrV4::new(ip, port(&mut self.row)?).into());
        }
        let ip = Ipv6Addr::from(self.row.array::<16>()?);
        let (flow, scope) = (self.row.unsigned_32()?, self.row.unsigned_32()?);
        Some(SocketAddrV6::new(ip, port(&mut self.row)?, flow, scope).into())
    }

    fn id(&mut self) -> Option<Id> {
        Some(match self.row.byte()? {
            0 => Id::Null,
            1 => Id::Int(self.row.signed()?),
            2 => Id::Number(self.row.text()?.into()),
            4 => Id::Cut(self.row.text()?.into()),
            _ => Id::Text(self.row.text()?.into()),
        })
    }

    fn wait_ended(&mut self, from: Origin) -> Option<Option<Origin>> {
        if self.row.byte()? == 0 {
            return Some(None);
        }
        let time = self.time(from.time)?;
        Some(Some(Origin { packet: PacketNo(self.row.delta(from.packet.0)?), time }))
    }

    fn answered_on(&mut self, tcp_stream: u32) -> Option<(u32, u32)> {
        Some((u32::try_from(self.row.delta(tcp_stream.into())?).ok()?, self.row.unsigned_32()?))
    }

    fn carried(&mut self, from: Origin) -> Option<MessageSpan> {
        let start_time = self.time(from.time)?;
        let end_time = self.time(start_time)?;
        let bytes = self.row.unsigned()?;
        let start = self.row.delta(from.packet.0)?;
        let end = self.row.delta(start)?;
        let first = self.row.delta(start)?;
        let last = self.row.delta(first)?;
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
        let (has_code, code) = (self.row.unsigned()? == 1, self.row.signed()?);
        Some(RpcError { code: has_code.then_some(code), message: self.row.text()?.into() })
    }

    fn findings(&mut self) -> Option<Vec<Code>> {
        let count = self.row.unsigned()?;
        (0..count).map(|_| Some(Code::all().get(self.row.unsigned_32()? as usize)?.code)).collect()
    }
}
