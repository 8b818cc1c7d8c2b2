//! What a lane emits for one input.

use super::order::{Emitted, EmittedKind, Order};
use crate::rpc::{CarriedBy, ConnectionUpdates, ParsedUpdate};
use crate::tcp::ConnectionId;

/// Where a lane puts what it emits for one input and one connection.
pub(super) struct Output<'a> {
    order: Order,
    pub(super) out: &'a mut Vec<Emitted>,
    /// Number of updates that were emitted together with others.
    more: usize,
}

impl<'a> Output<'a> {
    pub(super) fn new(number: u64, id: ConnectionId, out: &'a mut Vec<Emitted>) -> Self {
        Self { order: Order { input: number, connection: id.tcp_stream, sequence: 0 }, out, more: 0 }
    }

    /// Returns the number of values that were emitted.
    pub(super) fn len(&self) -> usize {
        self.out.len() + self.more
    }

    /// Emits updates, and leaves `list` empty.
    pub(super) fn emit_updates(&mut self, by: &CarriedBy, list: &mut Vec<ParsedUpdate>) {
        if !list.is_empty() {
            self.more += list.len() - 1;
            let (by, list) = (by.clone(), std::mem::take(list));
            self.emit(EmittedKind::Updates(ConnectionUpdates { by, list }));
        }
    }

    #[inline]
    pub(super) fn emit(&mut self, kind: EmittedKind) {
        // A lane emits the values of a connection in order, so the position in its list is enough,
        // also if one tick first releases a hole of the connection and then closes it.
        let sequence = u32::try_from(self.out.len()).unwrap_or(u32::MAX);
        self.out.push(Emitted { order: Order { sequence, ..self.order }, kind });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Findings;

    /// One tick can release a hole of a connection and then close it.
    #[test]
    fn values_of_one_input_keep_their_order_over_several_deliveries() {
        let mut out = Vec::new();
        for _ in 0..2 {
            let id = ConnectionId { tcp_stream: 7, ..ConnectionId::default() };
            let mut output = Output::new(1, id, &mut out);
            output.emit(EmittedKind::Findings(Findings::new()));
            output.emit(EmittedKind::Findings(Findings::new()));
        }
        assert!(out.is_sorted_by(|one, next| one.order < next.order), "{out:?}");
    }
}
