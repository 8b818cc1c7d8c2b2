//! Where the packets of an exchange are, and what is written to them.

use crate::base::{PacketNo, Side, sanitize, text, units};
use crate::ledger::Exchange;

/// The packets of an exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketSpans {
    pub(super) n: u64,
    pub(super) session: u32,
    /// The end that sent the request.
    pub(super) origin: Side,
    /// Connection and transaction of the request, and of the response; the same without one.
    pub(super) asked: (u32, u32),
    pub(super) answered: (u32, u32),
    /// The first and the last packet of the request, and of the wait if it ended without response.
    pub(super) request: (u64, u64),
    /// The packet that ended the wait; 0 if none did.
    pub(super) waited: u64,
    /// The first and the last packet of the response; `None` without one.
    pub(super) response: Option<(u64, u64)>,
}

impl PacketSpans {
    pub(super) fn of(exchange: &Exchange) -> Self {
        let asked = (exchange.tcp_stream, exchange.transaction);
        let request = exchange.request.span;
        let waited = exchange.wait_ended.map_or(0, |end| end.packet.0);
        let from = request.first.0.min(request.start.packet.0);
        let to = request.last.0.max(request.end.packet.0).max(waited);
        let response = exchange.response.map(|response| {
            let span = response.span;
            (span.first.0, span.last.0.max(span.end.packet.0))
        });
        Self {
            n: exchange.n,
            session: exchange.session.number,
            origin: exchange.origin,
            asked,
            answered: exchange.answered_on.unwrap_or(asked),
            request: (from, to),
            waited,
            response,
        }
    }
}

/// The comment of a packet.
#[derive(Clone, Debug)]
pub(super) struct Comment {
    pub(super) packet: PacketNo,
    pub(super) text: String,
}

/// The longest name and id in a comment, in columns; they are cut there.
const MAX_SHOWN: usize = 128;

impl Comment {
    /// The comments that name an exchange at the packets with its ends.
    pub(super) fn all_of(exchange: &Exchange) -> Box<[Self]> {
        let shown = |text: &str| {
            // Four bytes make one column, at most.
            let cleaned = sanitize::clean(text::beginning(text, 4 * MAX_SHOWN + 1));
            sanitize::fit(&cleaned, MAX_SHOWN).into_owned()
        };
        let call = shown(&exchange.method);
        let name = exchange.name.as_deref().map(|name| format!(" {}", shown(name)));
        let call = format!("{call}{}", name.unwrap_or_default());
        let id = shown(&exchange.id.json());
        let (n, session) = (exchange.n, exchange.session.number);
        let text = format!("exchange {n}: request {call}, id {id}, session s{session}");
        let request = Self { packet: exchange.request.span.first, text };
        let status = exchange.status.name();
        let response = exchange.response.map(|response| {
            let total = exchange.total_ns().map(units::duration).unwrap_or_default();
            let text = format!("exchange {n}: response to {call}: {status} after {total}");
            Self { packet: response.span.first, text }
        });
        let wait = exchange.wait_ended.map(|end| {
            let cause = exchange.cause.map_or("unknown", |cause| cause.name());
            let waited = exchange.waited_ns().map(units::duration).unwrap_or_default();
            let text = format!("exchange {n}: {call} waited until here: {status}, {cause}, after {waited}");
            Self { packet: end.packet, text }
        });
        [Some(request), response, wait].into_iter().flatten().collect()
    }
}
