//! What a lane emits for one input.

use super::order::{Emitted, EmittedKind, Order};
use super::pipeline::Pipeline;
use crate::http::UpdateKind;
use crate::llm::{Connection, Step};
use crate::rpc::{CarriedBy, ConnectionUpdates, ParsedUpdate};
use crate::tcp::ConnectionId;

/// Bytes of a head, a body or an event that count as a value that is emitted: the texts that are
/// kept of it are part of them.
const TEXT: usize = 8 << 10;

/// Where a lane puts what it emits for one input and one connection.
pub(super) struct Output<'a> {
    order: Order,
    pub(super) out: &'a mut Vec<Emitted>,
    /// Number of updates that were emitted together with others, and what large ones count beside
    /// that: see [`Self::count`].
    more: usize,
}

impl<'a> Output<'a> {
    pub(super) fn new(number: u64, id: ConnectionId, out: &'a mut Vec<Emitted>) -> Self {
        Self { order: Order { input: number, connection: id.tcp_stream, sequence: 0 }, out, more: 0 }
    }

    /// Returns the number of values that were emitted. A large one counts as several.
    pub(super) fn len(&self) -> usize {
        self.out.len() + self.more
    }

    /// Counts what was emitted as so many values more.
    pub(super) fn count(&mut self, more: usize) {
        self.more = self.more.saturating_add(more);
    }

    /// Emits updates, and leaves `list` empty.
    pub(super) fn emit_updates(&mut self, by: &CarriedBy, list: &mut Vec<ParsedUpdate>) {
        if !list.is_empty() {
            self.more += list.len() - 1;
            let (by, list) = (by.clone(), std::mem::take(list));
            self.emit(EmittedKind::Updates(ConnectionUpdates { by, list }));
        }
    }

    /// Emits what became of LLM calls, behind the updates so far, and leaves both lists empty; does
    /// nothing without `steps`. Returns the number of values that they count as beside those.
    #[inline]
    pub(super) fn emit_llm(
        &mut self,
        by: &CarriedBy,
        list: &mut Vec<ParsedUpdate>,
        steps: &mut Vec<Step>,
    ) -> usize {
        if steps.is_empty() {
            return 0;
        }
        self.emit_updates(by, list);
        self.emit_steps(steps)
    }

    fn emit_steps(&mut self, steps: &mut Vec<Step>) -> usize {
        let mut more = 0;
        for step in steps.drain(..) {
            self.emit(match step {
                Step::Began(transaction) => EmittedKind::LlmBegan(transaction),
                Step::Over(call) => {
                    more += values_in(call.text_len());
                    EmittedKind::LlmCall(call)
                }
            });
        }
        more
    }

    /// Ends the LLM calls of a connection of which nothing more comes.
    pub(super) fn end_llm(&mut self, pipeline: &mut Pipeline) {
        let (peers, tls) = (pipeline.peers(), pipeline.tls_names());
        let mut steps = Vec::new();
        pipeline.llm.finish(Connection { peers: &peers, tls: tls.as_ref() }, &mut steps);
        let more = self.emit_steps(&mut steps);
        self.count(more);
    }

    #[inline]
    pub(super) fn emit(&mut self, kind: EmittedKind) {
        // A lane emits the values of a connection in order, so the position in its list is enough,
        // also if one tick first releases a hole of the connection and then closes it.
        let sequence = u32::try_from(self.out.len()).unwrap_or(u32::MAX);
        self.out.push(Emitted { order: Order { sequence, ..self.order }, kind });
    }
}

/// Returns the number of values that so many bytes count as beside one.
pub(super) fn values_in(bytes: usize) -> usize {
    bytes / TEXT
}

/// Returns the number of values beside one that an update counts as: of a batch each message and
/// each fault is one, and of a long text each [`TEXT`]. 0 if nothing is kept of it.
pub(super) fn beside_one(update: &ParsedUpdate) -> usize {
    let parsed = match &update.kind {
        UpdateKind::Request(head) | UpdateKind::Response(head) => return values_in(head.text().len()),
        UpdateKind::RequestBody(parsed) | UpdateKind::ResponseBody(parsed) | UpdateKind::Sent(parsed) => {
            parsed
        }
        UpdateKind::Event(event) => &event.parsed,
        _ => return 0,
    };
    match parsed.envelopes.len() + parsed.faults.len() {
        0 => 0,
        values => values - 1 + (parsed.bytes / TEXT as u64) as usize,
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
