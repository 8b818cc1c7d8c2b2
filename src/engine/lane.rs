//! A lane: everything from `tcp` to `rpc` for the connections of its shards. Several lanes can run
//! on several threads.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::base::fact::{ConnectionFact, DeliveryFact, IdentifiedFact};
use crate::base::{Budget, End, Findings, Origin, Sink, limits};
use crate::http::Update;
use crate::link::Segment;
use crate::llm;
use crate::rpc::{self, CarriedBy, ParsedUpdate};
use crate::tcp::{ConnectionId, Delivery, Opened, Reassembler, Summary};
use crate::tls::{ClientRandom, KeyStore, Keys, Line, Trials};

use super::input::{LaneInput, RoutedSegment};
use super::order::{Emitted, EmittedKind};
use super::output::{self, Output, beside_one};
use super::payload::payload;
use super::pipeline::Pipeline;
use super::segments;
use super::waiting::{self, Counted, Waiting};

/// The layers from `tcp` to `rpc`.
#[derive(Debug)]
pub(super) struct Lane {
    reassembler: Reassembler,
    /// By slot. Boxed: most slots belong to connections of other lanes.
    pipelines: Vec<Option<Box<Pipeline>>>,
    /// The memory of the connections of each shard: what waits for reassembly, and what the layers
    /// hold.
    budgets: [Budget; limits::SHARDS],
    /// Connections whose holes are given up when the input in hand is done, because they hold most
    /// of a share that is full.
    over_share: VecDeque<ConnectionId>,
    /// The secrets that were read so far, shared by all lanes. They take memory from the shares.
    secrets: Arc<KeyStore>,
    /// Number of shards with connections.
    pub(super) shards: usize,
    /// The connections that the latest of them are about.
    latest: BTreeSet<ClientRandom>,
    /// The connections of each shard that wait for secrets.
    waiting: [Waiting; limits::SHARDS],
    /// What the connections of each shard may decrypt in vain.
    trials: [Trials; limits::SHARDS],
    emits_payloads: bool,
    /// Whether segments, and what they put in order, are emitted.
    emits_segments: bool,
    deliveries: Vec<Delivery>,
    /// Deliveries of the input in hand that wait until more may be emitted.
    backlog: VecDeque<Delivery>,
    /// The input in hand, if not everything that it completes was emitted.
    unfinished: Option<Unfinished>,
    updates: Vec<Update>,
    /// An empty list whose memory is used again.
    spare: Vec<ParsedUpdate>,
    /// The packet or time of the input in hand, or of its latest delivery.
    at: Origin,
    findings: Findings,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            reassembler: Reassembler::default(),
            pipelines: Vec::new(),
            budgets: [const { Budget::new(limits::MAX_MEMORY_PER_SHARD) }; limits::SHARDS],
            over_share: VecDeque::new(),
            secrets: Arc::default(),
            shards: limits::SHARDS,
            latest: BTreeSet::new(),
            waiting: Default::default(),
            trials: Default::default(),
            emits_payloads: false,
            emits_segments: false,
            deliveries: Vec::new(),
            backlog: VecDeque::new(),
            unfinished: None,
            updates: Vec::new(),
            spare: Vec::new(),
            at: Origin::default(),
            findings: Findings::default(),
        }
    }
}

impl Lane {
    /// Takes half the memory: half of the shards have connections.
    pub(super) fn halve_memory(&mut self) {
        self.shards = limits::SHARDS / 2;
        if let Some(secrets) = Arc::get_mut(&mut self.secrets) {
            secrets.halve_memory();
        }
    }

    /// Returns a lane without connections that emits what this one does.
    pub(super) fn alike(&self) -> Self {
        let Self { emits_payloads, emits_segments, shards, .. } = *self;
        let mut lane = Self { emits_payloads, emits_segments, ..Self::default() };
        if shards < limits::SHARDS {
            lane.halve_memory();
        }
        lane
    }

    /// Emits payloads from now on.
    pub(super) fn emit_payloads(&mut self) {
        self.emits_payloads = true;
    }

    /// Emits segments from now on, and what they put in order.
    pub(super) fn emit_segments(&mut self) {
        self.emits_segments = true;
    }

    /// Takes the next input; `number` is the front's number of the packet or tick that caused it.
    /// Must not be called while the lane [is pending](Self::is_pending).
    pub(super) fn push(&mut self, number: u64, input: LaneInput, out: &mut Vec<Emitted>) {
        let shard = input.shard();
        let mut sink = Sink::new(&mut self.deliveries, &mut self.findings);
        match input {
            LaneInput::Open(opened) => {
                self.reassembler.open(&opened);
                self.open(opened);
            }
            LaneInput::Segment(RoutedSegment { id, from, mut segment }) => {
                return self.push_segment(number, (id, from), &mut segment, out);
            }
            LaneInput::Close { id, unconfirmed, at } => {
                self.at = at;
                let summary = self.reassembler.close(id, unconfirmed, at, &mut sink);
                self.deliver(Unfinished { number, id, then: Then::Close(summary.map(Box::new)) }, out);
            }
            LaneInput::Tick { shard, now } => {
                self.at = now;
                self.release(number, shard, now, out);
            }
            LaneInput::Secrets { shard, at } => {
                self.at = at;
                self.retry(number, shard, 0, out);
            }
        }
        self.relieve(number, shard, out);
    }

    /// Takes the next segment, as [`Self::push`] does, and the payload out of it.
    #[inline]
    pub(super) fn push_segment(
        &mut self,
        number: u64,
        (id, from): (ConnectionId, End),
        segment: &mut Segment,
        out: &mut Vec<Emitted>,
    ) {
        self.at = segment.origin;
        if self.emits_segments {
            self.reassemble_shown(number, (id, from), segment, out);
        } else {
            self.reassemble(id, from, segment);
        }
        let is_ignored = |lane: &Self| {
            let pipeline = lane.pipelines.get(id.slot as usize).and_then(Option::as_deref);
            !lane.emits_segments && pipeline.is_some_and(Pipeline::is_ignored)
        };
        if !self.findings.is_empty() || (!self.deliveries.is_empty() && !is_ignored(self)) {
            self.deliver(Unfinished { number, id, then: Then::Relieve }, out);
        } else {
            self.deliveries.clear();
            self.charge_reassembly(id, &mut Output::new(number, id, out));
        }
        self.relieve(number, id.shard, out);
    }

    #[inline]
    fn reassemble(&mut self, id: ConnectionId, from: End, segment: &mut Segment) {
        let mut sink = Sink::new(&mut self.deliveries, &mut self.findings);
        self.reassembler.push(id, from, segment, &mut sink);
    }

    /// Reassembles a segment, and emits what became of it.
    fn reassemble_shown(
        &mut self,
        number: u64,
        (id, from): (ConnectionId, End),
        segment: &mut Segment,
        out: &mut Vec<Emitted>,
    ) {
        let mut fact = Box::new(segments::fact(id, from, segment, &[]));
        let before = self.reassembler.counts(id, from);
        self.reassemble(id, from, segment);
        if let Some(before) = before {
            let after = self.reassembler.counts(id, from).unwrap_or(before);
            fact.note = segments::note(before, after);
            Output::new(number, id, out).emit(EmittedKind::Segment(fact));
        }
    }

    /// Returns the secrets so far, to be given back by [`Self::set_secrets`].
    pub(super) fn take_secrets(&mut self) -> Arc<KeyStore> {
        std::mem::take(&mut self.secrets)
    }

    /// Sets the secrets so far. `latest` are those that were added.
    pub(super) fn set_secrets(&mut self, secrets: Arc<KeyStore>, latest: &[Line]) {
        self.latest = waiting::connections(latest);
        let share = limits::MAX_MEMORY_PER_SHARD.saturating_sub(secrets.memory() / self.shards);
        self.budgets.iter_mut().for_each(|budget| budget.set_share(share));
        self.secrets = secrets;
    }

    /// Returns whether the last input has more to emit.
    pub(super) fn is_pending(&self) -> bool {
        self.unfinished.is_some()
    }

    /// Emits the next part of what the last input completes.
    pub(super) fn resume(&mut self, out: &mut Vec<Emitted>) {
        let Some(unfinished) = self.unfinished.take() else { return };
        let Unfinished { number, id, .. } = unfinished;
        let then = match unfinished.then {
            Then::Release(now) => Then::Release(now),
            Then::Retry => Then::Retry,
            Then::Relieve | Then::Close(_) => Then::Relieve,
        };
        self.deliver(unfinished, out);
        match then {
            Then::Release(now) => self.release(number, id.shard, now, out),
            Then::Retry => self.retry(number, id.shard, id.slot + 1, out),
            Then::Relieve | Then::Close(_) => {}
        }
        self.relieve(number, id.shard, out);
    }

    /// Tries the connections of a shard again that wait for secrets, from this slot on.
    fn retry(&mut self, number: u64, shard: u8, from: u32, out: &mut Vec<Emitted>) {
        let mut from = from;
        let next = |lane: &Self, from: u32| lane.waiting.get(usize::from(shard))?.next(from, &lane.latest);
        while self.unfinished.is_none()
            && let Some(slot) = next(self, from)
        {
            from = slot.saturating_add(1);
            let Some(pipeline) = self.pipelines.get_mut(slot as usize).and_then(Option::as_deref_mut) else {
                continue;
            };
            let id = pipeline.id();
            let Some(trials) = self.trials.get(usize::from(shard)) else { return };
            let keys = Keys { store: &self.secrets, trials };
            pipeline.retry(keys, &mut Sink::new(&mut self.updates, &mut self.findings));
            self.deliver(Unfinished { number, id, then: Then::Retry }, out);
        }
    }

    /// Counts what a connection holds after a segment that its layers do not see: nothing changed
    /// unless the segment waits for others.
    fn charge_reassembly(&mut self, id: ConnectionId, output: &mut Output<'_>) {
        let held = self.reassembler.held(id.slot);
        let pipeline = self.pipelines.get(id.slot as usize).and_then(Option::as_deref);
        if pipeline.is_some_and(|pipeline| pipeline.counted_reassembly != Some(held)) {
            self.charge(id, output);
        }
    }

    /// Counts what a connection holds. If the share of its shard is full, the connections that hold
    /// most drop it.
    fn charge(&mut self, id: ConnectionId, output: &mut Output<'_>) {
        let pipeline = self.pipelines.get_mut(id.slot as usize).and_then(Option::as_deref_mut);
        let budget = self.budgets.get_mut(usize::from(id.shard));
        let (Some(pipeline), Some(budget)) = (pipeline, budget) else { return };
        let reassembly = self.reassembler.held(id.slot);
        pipeline.counted_reassembly = Some(reassembly);
        let held = pipeline.held() + reassembly;
        budget.charge(&mut pipeline.account, held);
        if budget.is_full() {
            self.shed(id.shard, output);
        }
    }

    /// Has the connections of a shard that hold most drop it, until a quarter of the share is free.
    /// Holes are only marked: what is behind them goes through a pipeline, so they wait until the
    /// input in hand is done.
    fn shed(&mut self, shard: u8, output: &mut Output<'_>) {
        let Some(budget) = self.budgets.get_mut(usize::from(shard)) else { return };
        let is_holder = |it: &&mut Box<Pipeline>| it.id().shard == shard && it.account.held() > MIN_SHED;
        let mut holders: Vec<_> = self.pipelines.iter_mut().flatten().filter(is_holder).collect();
        // The order of slots decides between equals: it does not depend on the number of lanes.
        holders.sort_by_key(|pipeline| std::cmp::Reverse(pipeline.account.held()));
        let mut excess = budget.excess();
        for pipeline in holders {
            if excess == 0 {
                break;
            }
            let (id, before) = (pipeline.id(), pipeline.account.held());
            let out_of_order = self.reassembler.held(id.slot);
            if out_of_order > before / 2 {
                self.over_share.push_back(id);
                excess = excess.saturating_sub(out_of_order / 2);
                continue;
            }
            let mut findings = Findings::new();
            pipeline.shed(self.at, &mut findings);
            let held = pipeline.held() + out_of_order;
            budget.charge(&mut pipeline.account, held);
            excess = excess.saturating_sub(before.saturating_sub(pipeline.account.held()));
            if !findings.is_empty() {
                findings.set_tcp_stream(id.tcp_stream);
                output.emit(EmittedKind::Findings(findings));
            }
        }
        budget.relieved();
    }

    /// Ends an input: gives up holes of the connections that were found to hold most of the shard.
    #[inline]
    fn relieve(&mut self, number: u64, shard: u8, out: &mut Vec<Emitted>) {
        if !self.over_share.is_empty() {
            self.relieve_share(number, shard, out);
        }
    }

    #[cold]
    fn relieve_share(&mut self, number: u64, shard: u8, out: &mut Vec<Emitted>) {
        while self.unfinished.is_none()
            && let Some(id) = self.over_share.pop_front()
        {
            self.reassembler.relieve(id, &mut Sink::new(&mut self.deliveries, &mut self.findings));
            self.deliver(Unfinished { number, id, then: Then::Relieve }, out);
        }
        if let Some(budget) = self.budgets.get_mut(usize::from(shard)).filter(|_| self.over_share.is_empty())
        {
            budget.relieved();
        }
    }

    /// Gives up the holes of a shard that are due at `now`.
    fn release(&mut self, number: u64, shard: u8, now: Origin, out: &mut Vec<Emitted>) {
        while self.unfinished.is_none()
            && let Some(id) =
                self.reassembler.release(shard, now, &mut Sink::new(&mut self.deliveries, &mut self.findings))
        {
            self.deliver(Unfinished { number, id, then: Then::Release(now) }, out);
        }
    }

    /// Returns the open connections so far. `mcp` is not filled in.
    pub(super) fn in_progress(&self) -> impl Iterator<Item = ConnectionFact> + '_ {
        self.pipelines.iter().flatten().filter_map(|pipeline| {
            let summary = self.reassembler.summary(pipeline.id().slot)?;
            Some(pipeline.fact(summary, &self.secrets))
        })
    }

    fn open(&mut self, opened: Opened) {
        let index = opened.id.slot as usize;
        if index >= self.pipelines.len() {
            self.pipelines.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.pipelines.get_mut(index) {
            let pipeline = Pipeline::new(opened);
            let pipeline = if self.emits_segments { pipeline.showing_plaintext() } else { pipeline };
            let pipeline = if self.emits_payloads { pipeline.keeping_binary() } else { pipeline };
            *slot = Some(Box::new(pipeline));
        }
    }

    /// Pushes what was reassembled through the pipeline of its connection, emits the results and
    /// the findings, and finishes the input. Stops if much was emitted.
    fn deliver(&mut self, unfinished: Unfinished, out: &mut Vec<Emitted>) {
        let Unfinished { number, id, .. } = unfinished;
        let mut output = Output::new(number, id, out);
        let mut is_done = self.emit_deliveries(id, &mut output);
        if is_done && matches!(unfinished.then, Then::Close(_)) {
            // Nothing more can come of the connection.
            let pipeline = self.pipelines.get_mut(id.slot as usize).and_then(Option::as_deref_mut);
            if let Some(pipeline) = pipeline.filter(|pipeline| pipeline.is_undecided()) {
                let mut sink = Sink::new(&mut self.updates, &mut self.findings);
                if let Some(trials) = self.trials.get(usize::from(id.shard)) {
                    pipeline.conclude(None, Keys { store: &self.secrets, trials }, &mut sink);
                }
                is_done = self.emit_deliveries(id, &mut output);
            }
        }
        if !self.findings.is_empty() {
            let mut findings = std::mem::take(&mut self.findings);
            findings.set_tcp_stream(id.tcp_stream);
            output.emit(EmittedKind::Findings(findings));
        }
        match unfinished.then {
            _ if !is_done => self.unfinished = Some(unfinished),
            Then::Relieve | Then::Release(_) | Then::Retry => {}
            Then::Close(summary) => self.close(id, summary, &mut output),
        }
    }

    /// Emits the results of the deliveries; false if some are left.
    fn emit_deliveries(&mut self, id: ConnectionId, output: &mut Output<'_>) -> bool {
        let mut deliveries = std::mem::take(&mut self.deliveries);
        let is_done = self.emit_from(id, deliveries.drain(..), output);
        // Its memory is used again.
        self.deliveries = deliveries;
        is_done
    }

    fn emit_from(
        &mut self,
        id: ConnectionId,
        mut deliveries: std::vec::Drain<'_, Delivery>,
        output: &mut Output<'_>,
    ) -> bool {
        // What was decrypted outside of this function.
        self.emit_updates(id, output);
        let mut is_accounted = false;
        loop {
            let pipeline = self.pipelines.get_mut(id.slot as usize).and_then(Option::as_deref_mut);
            let Some(pipeline) = pipeline else {
                self.backlog.clear();
                return true;
            };
            let is_pending = pipeline.is_pending();
            if output.len() >= MAX_EMITTED || self.findings.len() >= MAX_EMITTED {
                self.backlog.extend(deliveries);
                return !is_pending && self.backlog.is_empty() && self.updates.is_empty();
            }
            let mut sink = Sink::new(&mut self.updates, &mut self.findings);
            let Some(trials) = self.trials.get(usize::from(id.shard)) else { return true };
            let keys = Keys { store: &self.secrets, trials };
            if is_pending {
                pipeline.resume(keys, &mut sink);
            } else {
                let Some((from, feed)) = self.backlog.pop_front().or_else(|| deliveries.next()) else {
                    if !is_accounted {
                        self.account(id, output);
                    }
                    return true;
                };
                self.at = feed.at();
                if self.emits_segments {
                    let (tcp_stream, feed) = (id.tcp_stream, feed.clone());
                    let fact = DeliveryFact { tcp_stream, from, feed, is_decrypted: false };
                    output.emit(EmittedKind::Delivery(Box::new(fact)));
                }
                pipeline.push(from, feed, keys, &mut sink);
            }
            self.account(id, output);
            is_accounted = true;
            self.emit_updates(id, output);
        }
    }

    /// Counts what of a connection waits for secrets, and what it holds.
    #[inline]
    fn account(&mut self, id: ConnectionId, output: &mut Output<'_>) {
        let pipeline = self.pipelines.get(id.slot as usize).and_then(Option::as_deref);
        if pipeline.is_some_and(|pipeline| !pipeline.is_plain()) {
            self.account_for_tls(id, output);
        }
        self.charge(id, output);
    }

    /// Counts what of a connection waits for secrets, and emits what is known of its TLS.
    fn account_for_tls(&mut self, id: ConnectionId, output: &mut Output<'_>) {
        let shard = usize::from(id.shard);
        let pipeline = self.pipelines.get_mut(id.slot as usize).and_then(Option::as_deref_mut);
        let Some(pipeline) = pipeline else { return };
        let (Some(waiting), Some(trials)) = (self.waiting.get_mut(shard), self.trials.get(shard)) else {
            return;
        };
        if pipeline.waiting() != pipeline.counted.bytes {
            recount(waiting, id.slot, pipeline);
            if waiting.is_full() {
                let mut sink = Sink::new(&mut self.updates, &mut self.findings);
                let keys = Keys { store: &self.secrets, trials };
                pipeline.conclude(Some("too many connections wait"), keys, &mut sink);
                recount(waiting, id.slot, pipeline);
            }
        }
        let unread = pipeline.take_unread();
        let identified = pipeline.take_identified();
        for (from, feed) in pipeline.take_shown() {
            let fact = DeliveryFact { tcp_stream: id.tcp_stream, from, feed, is_decrypted: true };
            output.emit(EmittedKind::Delivery(Box::new(fact)));
        }
        if !unread.is_empty() {
            output.emit(EmittedKind::Unread(unread));
        }
        if let Some(client_random) = identified {
            let fact = IdentifiedFact { tcp_stream: id.tcp_stream, client_random };
            output.emit(EmittedKind::Identified(fact));
        }
    }

    /// Emits the updates of a connection.
    #[inline(always)]
    fn emit_updates(&mut self, id: ConnectionId, output: &mut Output<'_>) {
        if !self.updates.is_empty() {
            self.read_updates(id, output);
        }
    }

    /// Reads the messages in the updates of a connection, and emits them. If they are many, some
    /// updates are left.
    fn read_updates(&mut self, id: ConnectionId, output: &mut Output<'_>) {
        let Some(pipeline) = self.pipelines.get_mut(id.slot as usize).and_then(Option::as_deref_mut) else {
            self.updates.clear();
            return;
        };
        let (peers, tls) = (pipeline.shared_peers(), pipeline.tls_names());
        let retransmissions = pipeline
            .client()
            .client_first(self.reassembler.retransmissions(id))
            .map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        let by = CarriedBy { peers, tls, retransmissions };
        let mut list = std::mem::take(&mut self.spare);
        let mut updates = std::mem::take(&mut self.updates);
        let (mut read, mut more) = (0, 0usize);
        let mut steps = Vec::new();
        for update in &mut updates {
            if more >= MAX_EMITTED {
                break;
            }
            if self.emits_payloads
                && let Some(fact) = payload(*by.peers, update)
            {
                output.emit_updates(&by, &mut list);
                more = more.saturating_add(output::values_in(fact.bytes.len()));
                output.emit(EmittedKind::Payload(Box::new(fact)));
            }
            let on = llm::Connection { peers: &by.peers, tls: by.tls.as_ref() };
            pipeline.llm.push(update, on, &mut steps);
            more = more.saturating_add(output.emit_llm(&by, &mut list, &mut steps));
            list.push(rpc::read(update));
            more = more.saturating_add(list.last().map_or(0, beside_one));
            read += 1;
        }
        // A small packet may carry hundreds of batches: the others are read when these are merged.
        updates.drain(..read);
        self.updates = updates;
        output.emit_updates(&by, &mut list);
        output.count(more);
    }

    /// Uses the memory of a list of updates again, which is empty.
    pub(super) fn reuse(&mut self, list: Vec<ParsedUpdate>) {
        if list.capacity() <= MAX_EMITTED {
            self.spare = list;
        }
    }

    /// Forgets a connection after everything of it was emitted.
    fn close(&mut self, id: ConnectionId, summary: Option<Box<Summary>>, output: &mut Output<'_>) {
        let pipeline = self.pipelines.get_mut(id.slot as usize).and_then(Option::take);
        let (Some(summary), Some(mut pipeline)) = (summary, pipeline) else { return };
        if let Some(budget) = self.budgets.get_mut(usize::from(id.shard)) {
            budget.close(&mut pipeline.account);
        }
        let shard = usize::from(id.shard);
        if let Some(waiting) = self.waiting.get_mut(shard) {
            waiting.count(id.slot, pipeline.counted, Counted::default());
        }
        output.end_llm(&mut pipeline);
        let fact = pipeline.fact(*summary, &self.secrets);
        output.emit(EmittedKind::Closed(Box::new(fact)));
    }
}

/// Values and findings that a lane emits before it lets the engine pass them on.
const MAX_EMITTED: usize = 1024;

/// Memory of a connection, in bytes, up to which it has nothing to drop that would be missed: the
/// state of its layers, the beginning of a head.
const MIN_SHED: usize = 8 << 10;

/// An input of which not everything was emitted.
#[derive(Debug)]
struct Unfinished {
    number: u64,
    id: ConnectionId,
    then: Then,
}

/// What follows when everything of an input was emitted.
#[derive(Debug)]
enum Then {
    /// Holes are given up if the share of the shard is full.
    Relieve,
    /// The connection is forgotten. `None` if it was not open.
    Close(Option<Box<Summary>>),
    /// The holes of further connections of the shard are given up.
    Release(Origin),
    /// Further connections of the shard are tried with new secrets.
    Retry,
}

/// Counts what of the connection in `slot` waits for secrets now.
fn recount(waiting: &mut Waiting, slot: u32, pipeline: &mut Pipeline) {
    let waits_for = pipeline.is_waiting().then(|| pipeline.client_random());
    let now = Counted { bytes: pipeline.waiting(), waits_for };
    waiting.count(slot, pipeline.counted, now);
    pipeline.counted = now;
}
