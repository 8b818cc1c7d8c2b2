//! Exchanges in, rows of fixed size out, and back again: a million of them are to stay under 400 MB.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::Arc;

use super::said::{NOWHERE, Place};
use crate::base::{Code, Degraded, Origin, PacketNo, Side, Span, Timestamp};
use crate::ledger::{Carried, Cause, Exchange, Id, RpcError, SessionRef, Status};

/// No entry.
const NONE: u32 = u32::MAX;

/// An exchange, packed. Whatever few exchanges have lies elsewhere ([`Rare`]).
#[derive(Clone, Debug)]
pub(super) struct Row {
    n: u64,
    request: Packed,
    response: Packed,
    /// `i64::MIN` where there is none.
    ack: i64,
    tcp_stream: u32,
    transaction: u32,
    answered_on: (u32, u32),
    /// The pieces that were the latest of its transactions when the request, and when its end was told: what it said
    /// lies there, or a little before.
    said: [Place; 2],
    session: u32,
    client: u32,
    version: u32,
    method: u32,
    name: u32,
    id: PackedId,
    progress: u32,
    retransmissions: u32,
    /// 0 where there is none.
    http_status: u16,
    status: Status,
    cause: Option<Cause>,
    origin: Side,
    degraded: Degraded,
    is_open: bool,
    is_answered: bool,
    has_rare: bool,
}

/// [`Carried`] in 48 bytes: packets are held relative to the first.
#[derive(Clone, Copy, Debug, Default)]
struct Packed {
    start: i64,
    end: i64,
    bytes: u64,
    lowest: u64,
    /// Beyond [`Packed::lowest`]: the packets of the start and of the end, the first and the last.
    beyond: [u32; 4],
}

#[derive(Clone, Copy, Debug)]
enum PackedId {
    Int(i64),
    /// Any other lies with what is rare.
    Rare,
}

/// What few exchanges have.
#[derive(Clone, Debug)]
struct Rare {
    id: Option<Id>,
    error: Option<RpcError>,
    continues: Option<u64>,
    findings: Vec<Code>,
}

/// Values by a small number: what many rows share is held once.
#[derive(Debug)]
struct Shared<T> {
    values: Vec<T>,
    numbers: HashMap<T, u32, foldhash::fast::RandomState>,
}

impl<T: Clone + Eq + Hash> Shared<T> {
    fn new() -> Self {
        Self { values: Vec::new(), numbers: HashMap::default() }
    }

    fn number(&mut self, value: &T) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = u32::try_from(self.values.len()).unwrap_or(NONE);
        self.values.push(value.clone());
        self.numbers.insert(value.clone(), number);
        number
    }

    fn get(&self, number: u32) -> Option<&T> {
        self.values.get(number as usize)
    }
}

/// Rows, and what they share.
#[derive(Debug)]
pub(super) struct Rows {
    rows: Vec<Row>,
    by_n: HashMap<u64, u32, foldhash::fast::RandomState>,
    rare: HashMap<u32, Box<Rare>, foldhash::fast::RandomState>,
    texts: Shared<Arc<str>>,
    ends: Shared<SocketAddr>,
    /// By their number in the capture.
    sessions: HashMap<u32, SessionRef, foldhash::fast::RandomState>,
}

impl Rows {
    pub(super) fn new() -> Self {
        Self {
            rows: Vec::new(),
            by_n: HashMap::default(),
            rare: HashMap::default(),
            texts: Shared::new(),
            ends: Shared::new(),
            sessions: HashMap::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Where exchange `n` stands.
    pub(super) fn find(&self, n: u64) -> Option<usize> {
        self.by_n.get(&n).map(|index| *index as usize)
    }

    /// Takes an exchange that is open or complete, in the place of what was known of it. Says where it stands.
    pub(super) fn put(&mut self, exchange: &Exchange, is_open: bool, said: [Place; 2]) -> usize {
        let index = self.find(exchange.n).unwrap_or(self.rows.len());
        let key = u32::try_from(index).unwrap_or(NONE);
        let rare = Rare::of(exchange);
        let mut row = self.pack(exchange, is_open, rare.is_some());
        let asked = self.rows.get(index).map(|known| known.said[0]).filter(|place| *place != NOWHERE);
        row.said = [asked.unwrap_or(said[0]), said[1]];
        match rare {
            Some(rare) => drop(self.rare.insert(key, Box::new(rare))),
            None => drop(self.rare.remove(&key)),
        }
        match self.rows.get_mut(index) {
            Some(place) => *place = row,
            None => {
                self.rows.push(row);
                self.by_n.insert(exchange.n, key);
            }
        }
        index
    }

    /// Where what it said lies, or a little before that: the request, the response.
    pub(super) fn said(&self, index: usize) -> [Place; 2] {
        self.rows.get(index).map_or([NOWHERE; 2], |row| row.said)
    }

    /// Whether what became of it is not known yet.
    pub(super) fn is_open(&self, index: usize) -> bool {
        self.rows.get(index).is_some_and(|row| row.is_open)
    }

    /// The exchange of a row, as it was told.
    pub(super) fn get(&self, index: usize) -> Option<Exchange> {
        let row = self.rows.get(index)?;
        let rare = row.has_rare.then(|| self.rare.get(&(index as u32))).flatten();
        let text = |number: u32| self.texts.get(number).cloned();
        Some(Exchange {
            n: row.n,
            tcp_stream: row.tcp_stream,
            transaction: row.transaction,
            answered_on: row.is_answered.then_some(row.answered_on),
            session: self.sessions.get(&row.session)?.clone(),
            client: *self.ends.get(row.client)?,
            protocol_version: text(row.version),
            origin: row.origin,
            id: match row.id {
                PackedId::Int(int) => Id::Int(int),
                PackedId::Rare => rare.and_then(|rare| rare.id.clone()).unwrap_or(Id::Null),
            },
            method: text(row.method)?,
            name: text(row.name),
            status: row.status,
            error: rare.and_then(|rare| rare.error.clone()),
            http_status: (row.http_status != 0).then_some(row.http_status),
            request: row.request.unpack(),
            response: row.is_answered.then(|| row.response.unpack()),
            ack: (row.ack != i64::MIN).then_some(Timestamp(row.ack)),
            progress: row.progress,
            cause: row.cause,
            continues: rare.and_then(|rare| rare.continues),
            retransmissions: row.retransmissions,
            degraded: row.degraded,
            findings: rare.map(|rare| rare.findings.clone()).unwrap_or_default(),
        })
    }

    fn pack(&mut self, exchange: &Exchange, is_open: bool, has_rare: bool) -> Row {
        self.sessions.insert(exchange.session.number, exchange.session.clone());
        let mut text = |text: Option<&Arc<str>>| text.map_or(NONE, |text| self.texts.number(text));
        Row {
            n: exchange.n,
            request: Packed::of(&exchange.request),
            response: exchange.response.as_ref().map(Packed::of).unwrap_or_default(),
            ack: exchange.ack.map_or(i64::MIN, |ack| ack.0),
            tcp_stream: exchange.tcp_stream,
            transaction: exchange.transaction,
            answered_on: exchange.answered_on.unwrap_or_default(),
            said: [NOWHERE; 2],
            session: exchange.session.number,
            version: text(exchange.protocol_version.as_ref()),
            method: text(Some(&exchange.method)),
            name: text(exchange.name.as_ref()),
            client: self.ends.number(&exchange.client),
            id: match &exchange.id {
                Id::Int(int) => PackedId::Int(*int),
                _ => PackedId::Rare,
            },
            progress: exchange.progress,
            retransmissions: exchange.retransmissions,
            http_status: exchange.http_status.unwrap_or_default(),
            status: exchange.status,
            cause: exchange.cause,
            origin: exchange.origin,
            degraded: exchange.degraded,
            is_open,
            is_answered: exchange.response.is_some(),
            has_rare,
        }
    }
}

impl Rare {
    /// `None` where an exchange has nothing rare.
    fn of(exchange: &Exchange) -> Option<Self> {
        let id = Some(&exchange.id).filter(|id| !matches!(id, Id::Int(_))).cloned();
        let rare = Self {
            id,
            error: exchange.error.clone(),
            continues: exchange.continues,
            findings: exchange.findings.clone(),
        };
        let any = rare.id.is_some()
            || rare.error.is_some()
            || rare.continues.is_some()
            || !rare.findings.is_empty();
        any.then_some(rare)
    }
}

impl Packed {
    fn of(carried: &Carried) -> Self {
        let Span { start, end, first, last } = carried.span;
        let packets = [start.packet, end.packet, first, last].map(|packet| packet.0);
        let lowest = packets.into_iter().min().unwrap_or_default();
        Self {
            start: start.time.0,
            end: end.time.0,
            bytes: carried.bytes,
            lowest,
            beyond: packets.map(|packet| u32::try_from(packet - lowest).unwrap_or(u32::MAX)),
        }
    }

    fn unpack(&self) -> Carried {
        let [start, end, first, last] = self.beyond.map(|beyond| self.lowest + u64::from(beyond));
        let span = Span {
            start: Origin::new(start, self.start),
            end: Origin::new(end, self.end),
            first: PacketNo(first),
            last: PacketNo(last),
        };
        Carried { span, bytes: self.bytes }
    }
}
