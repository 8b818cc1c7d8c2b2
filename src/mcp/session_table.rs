//! All sessions, and the ways to find one.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::carried::CarriedSessions;
use super::costly::{CostlySessions, SessionCounts};
use super::doubts::Doubts;
use super::handle::SessionIndex;
use super::peer_sessions::{Attempt, PeerSessions};
use super::record::{Session, SessionEnd, SessionRef, Transport};
use super::server_stream::ServerStream;
use super::session::SessionState;
use super::session_key::SessionKey;
use super::session_list::{OtherSessions, SessionList};
use super::session_slot::{Quiet, Slot};
use super::sighting::Sighting;
use super::silences::Silences;
use crate::base::{Degraded, Finding, Origin, Peers, Side, Timestamp, limits};
use crate::rpc::Channel;

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// How long a session stays active after its last packet, in nanoseconds of packet time. What is
/// dropped then serves to explain late and repeated messages.
const QUIET_AFTER: i64 = 30_000_000_000;

/// The same for a session that has ended, and the time between two checks of a session.
const QUIET_AFTER_END: i64 = 2_000_000_000;

/// How long an attempt to open a session that failed waits for the session that the client opens
/// next, in nanoseconds of packet time.
const ATTEMPT_WAIT: i64 = 60_000_000_000;

/// Sessions with one id that are compared: the legs of a chain of proxies, and sessions of servers
/// that count.
const MAX_VIEWS: usize = 16;

/// Latest sessions of one client and server that a gap in the client's direction concerns.
const MAX_CONCERNED: usize = 64;

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    list: SessionList,
    /// When to check whether a session is still active.
    checks: BinaryHeap<Reverse<(Timestamp, SessionIndex)>>,
    /// Sessions that ended and fell silent, the first to fall silent first, each once. One that
    /// became active again may be in it.
    over: VecDeque<SessionIndex>,
    /// Those in `over`.
    among_over: BTreeSet<SessionIndex>,
    silences: Silences,
    /// Counts of the sessions that [`Self::take_over`] and [`Self::take_idle`] removed.
    taken: SessionCounts,
    by_key: Map<SessionKey, SessionIndex>,
    by_peers: PeerSessions,
    /// The first sessions with an id, on any server, oldest first.
    by_id: Map<Arc<str>, Vec<SessionIndex>>,
    doubts: Doubts,
    /// The latest POSTs that were redirected: the hash of their messages, the client's address, and
    /// the session.
    redirected: VecDeque<(u64, IpAddr, SessionIndex)>,
    /// The open connections of sessions without an id.
    connections: Map<u32, SessionIndex>,
    carried: CarriedSessions,
    /// Number of headless sessions: see [`SessionState::is_headless`].
    headless: usize,
    /// Whether what belongs to sessions takes half the memory.
    is_halved: bool,
}

impl Sessions {
    /// Takes half the memory from now on.
    pub(super) fn halve_memory(&mut self) {
        self.is_halved = true;
    }

    /// Returns the memory that what belongs to sessions may take, in bytes.
    pub(super) fn most(&self) -> usize {
        limits::MAX_MEMORY_OF_SESSIONS >> u32::from(self.is_halved)
    }

    /// The session; `None` if it is quiet or evicted.
    pub(super) fn get(&self, index: SessionIndex) -> Option<&SessionState> {
        self.list.get(index)?.active()
    }

    /// The session; `None` if it is quiet or evicted.
    pub(super) fn get_mut(&mut self, index: SessionIndex) -> Option<&mut SessionState> {
        self.list.get_mut(index)?.active_mut()
    }

    /// The session, and all others beside it; `None` if it is quiet or evicted.
    pub(super) fn split(&mut self, index: SessionIndex) -> Option<(&mut SessionState, OtherSessions<'_>)> {
        self.list.split(index)
    }

    /// Makes a quiet session active again at `at`.
    pub(super) fn wake(&mut self, index: SessionIndex, at: Timestamp) {
        let Some(slot) = self.list.get_mut(index) else { return };
        if !matches!(slot, Slot::Quiet(_)) {
            return;
        }
        if let Slot::Quiet(quiet) = std::mem::replace(slot, Slot::Evicted) {
            let Quiet { record, keys, .. } = *quiet;
            for server in &record.addresses {
                self.by_peers.reconsider(*server, record.session.client.ip(), index);
            }
            *slot = Slot::Active(Box::new(SessionState::resume(index, record, keys)));
            self.checks.push(Reverse((at.plus(QUIET_AFTER_END), index)));
        }
    }

    /// Packet time is `now`: reduces sessions that were silent for a while to their record.
    pub(super) fn tick(&mut self, now: Timestamp) {
        self.silences.trim(&self.list);
        // Each check once: one at the end of time is always due.
        for _ in 0..self.checks.len() {
            if self.checks.peek().is_none_or(|Reverse((due, _))| *due > now) {
                return;
            }
            let Some(Reverse((_, index))) = self.checks.pop() else { return };
            let Some(slot) = self.list.get_mut(index) else { continue };
            let Slot::Active(session) = slot else { continue };
            let record = session.record();
            let wait = match record.ended {
                SessionEnd::Open if session.is_failed_attempt() => ATTEMPT_WAIT,
                SessionEnd::StreamClosed { .. } if session.is_trial() => ATTEMPT_WAIT,
                SessionEnd::Open => QUIET_AFTER,
                SessionEnd::Deleted | SessionEnd::StreamClosed { .. } => QUIET_AFTER_END,
            };
            let silence = now.since(record.last.time);
            if silence < wait || session.is_busy() {
                // The longer it is silent, the less often: many may be busy until the capture ends.
                self.checks.push(Reverse((now.plus(QUIET_AFTER_END.max(silence / 2)), index)));
                continue;
            }
            let is_over = record.ended != SessionEnd::Open;
            if let Slot::Active(session) = std::mem::replace(slot, Slot::Evicted) {
                *slot = Slot::Quiet(Box::new(Quiet::of(*session, self.silences.begin(index))));
            }
            if is_over && self.among_over.insert(index) {
                self.over.push_back(index);
            }
            self.charge(index);
        }
    }

    /// Removes a session that is over if more than `most` are kept, and returns its record: the one
    /// that fell silent first. One that is active again stays.
    pub(super) fn take_over(&mut self, most: usize) -> Option<Session> {
        while self.over.len() > most {
            let index = self.over.pop_front()?;
            self.among_over.remove(&index);
            let is_over = |quiet: &Quiet| quiet.record.ended != SessionEnd::Open;
            if matches!(self.list.get(index), Some(Slot::Quiet(quiet)) if is_over(quiet)) {
                let record = self.evict(index)?;
                self.taken.add_bounded(&record);
                return Some(record);
            }
        }
        None
    }

    /// Removes a session without a message for [`limits::SESSION_IDLE`] at `now`, and returns its
    /// record. `None` also if there are no more than `most` sessions: they may go on.
    pub(super) fn take_idle(&mut self, most: usize, now: Timestamp) -> Option<Session> {
        let index = self.silences.first(&self.list).filter(|_| self.list.len() > most)?;
        let last = self.list.get(index)?.record()?.last;
        if now.since(last.time) < limits::SESSION_IDLE {
            return None;
        }
        let record = self.evict(index)?;
        self.taken.add_bounded(&record);
        Some(record)
    }

    /// Findings that hold only if the server does not answer the session afterwards.
    pub(super) fn doubts(&mut self) -> &mut Doubts {
        &mut self.doubts
    }

    /// Takes the oldest doubted finding if it has waited long enough, or in any case without `now`.
    /// `None` in the place of the finding: it does not hold.
    pub(super) fn pop_doubted(&mut self, now: Option<Timestamp>) -> Option<Option<Finding>> {
        let doubt = self.doubts.pop_due(now)?;
        let session = self.get(doubt.session);
        let is_served = session.is_some_and(|session| session.served().is_since(doubt.at.packet));
        let has_no_route = is_served || (doubt.is_page && !doubt.is_confirmed);
        Some(if has_no_route { doubt.no_route } else { Some(doubt.refused) })
    }

    /// A POST of the session was redirected, perhaps to another address.
    pub(super) fn add_redirected(&mut self, messages: u64, client: IpAddr, index: SessionIndex) {
        if self.redirected.len() >= MAX_VIEWS {
            self.redirected.pop_front();
        }
        self.redirected.push_back((messages, client, index));
    }

    /// Whether this client has a session with this server.
    pub(super) fn has_client(&self, peers: Peers) -> bool {
        self.by_peers.latest(peers).next().is_some()
    }

    /// A connection carries something of a session without an id.
    pub(super) fn add_connection(&mut self, tcp_stream: u32, index: SessionIndex) {
        let before = self.connections.insert(tcp_stream, index);
        if before == Some(index) {
            return;
        }
        if let Some(session) = before.and_then(|before| self.get_mut(before)) {
            session.close_connection();
        }
        if let Some(session) = self.get_mut(index) {
            session.open_connection();
        }
    }

    /// Which sessions the open connections of HTTP/2 carried.
    pub(super) fn carried(&self) -> &CarriedSessions {
        &self.carried
    }

    pub(super) fn carried_mut(&mut self) -> &mut CarriedSessions {
        &mut self.carried
    }

    /// A connection ended.
    pub(super) fn close_connection(&mut self, tcp_stream: u32) {
        self.carried.close(tcp_stream);
        if let Some(index) = self.connections.remove(&tcp_stream)
            && let Some(session) = self.get_mut(index)
        {
            session.close_connection();
        }
    }

    /// The session with this key is over: what has the key from now on is another one.
    pub(super) fn release(&mut self, key: &SessionKey) {
        self.by_key.remove(key);
    }

    /// Whether the session with this key was opened, and its client closed its stream.
    pub(super) fn is_left_by_client(&self, key: &SessionKey) -> bool {
        let slot = self.find(key).and_then(|index| self.list.get(index));
        slot.and_then(Slot::record).is_some_and(|record| {
            let is_left = matches!(record.ended, SessionEnd::StreamClosed { by: Some(Side::Client) });
            is_left && record.protocol_version.is_some()
        })
    }

    /// The only open session with an id of this client and server: the one of a request that should
    /// have named it.
    pub(super) fn only_with_id(&self, peers: Peers, path: &str) -> Option<SessionIndex> {
        let open = self.open_of_peers(peers, |session| {
            session.has_id() && session.is_streamable_http() && session.has_path(path)
        });
        if let [only] = *open { Some(only) } else { None }
    }

    pub(super) fn find(&self, key: &SessionKey) -> Option<SessionIndex> {
        self.by_key.get(key).copied()
    }

    /// The session with this key, created if there is none. `id` is the id that is shown of it.
    pub(super) fn find_or_create(
        &mut self,
        key: SessionKey,
        id: Option<Arc<str>>,
        seen: Sighting<'_>,
    ) -> SessionIndex {
        if let Some(index) = self.find(&key) {
            return index;
        }
        let transport = match key {
            SessionKey::Target(..) => Transport::HttpSse,
            SessionKey::Id(..) | SessionKey::Client(..) => Transport::StreamableHttp,
            SessionKey::Channel(Channel::WebSocket, _) => Transport::WebSocket,
            SessionKey::Channel(Channel::Lines, _) => Transport::Stdio,
        };
        let joined = self.headless_to_join(&key, seen.peers).or_else(|| self.attempt_to_join(&key, seen));
        let index = joined.unwrap_or_else(|| self.create(transport, seen.peers, seen.at));
        if let Some(old) = self.get(index).and_then(|session| session.reference().id.clone()) {
            self.remove_id(&old, index);
        }
        self.by_key.insert(key.clone(), index);
        if let Some(session) = self.get_mut(index) {
            let old_keys = if id.is_some() { session.take_keys() } else { Vec::new() };
            session.reopen();
            let was_headless = session.identify(key, transport, id.as_ref());
            session.set_path(seen.path);
            self.headless -= usize::from(was_headless);
            // What has no id is another session from now on.
            for key in old_keys {
                self.by_key.remove(&key);
            }
        }
        if let Some(id) = id {
            self.add_legs(id, index);
        }
        index
    }

    /// The session no longer has this id.
    fn remove_id(&mut self, id: &Arc<str>, index: SessionIndex) {
        if let Some(all) = self.by_id.get_mut(id) {
            all.retain(|other| *other != index);
            if all.is_empty() {
                self.by_id.remove(id);
            }
        }
    }

    /// Sessions with one id may be legs of one.
    fn add_legs(&mut self, id: Arc<str>, index: SessionIndex) {
        let all = self.by_id.entry(id).or_default();
        if all.contains(&index) {
            return;
        }
        let others = all.clone();
        if all.len() < MAX_VIEWS {
            all.push(index);
        }
        for other in others {
            for (leg, other) in [(index, other), (other, index)] {
                if let Some(session) = self.get_mut(leg) {
                    session.legs_mut().add(other);
                }
            }
        }
    }

    /// The session of a stream whose beginning was not captured: the only one that it can belong
    /// to, or a new one. The flag says whether several could own it.
    pub(super) fn adopt(&mut self, peers: Peers, at: Origin) -> (SessionIndex, bool) {
        let streamless = self.streamless(peers);
        let headless = self.open_of_peers(peers, SessionState::is_headless);
        if let ([only], []) = (&*streamless, &*headless) {
            return (*only, false);
        }
        let is_ambiguous = streamless.len() + headless.len() > 1;
        let others = self.open_of_peers(peers, |_| true);
        let is_streamable =
            |index: &SessionIndex| self.get(*index).is_some_and(SessionState::is_streamable_http);
        let transport = match others.iter().all(is_streamable) && !others.is_empty() {
            true => Transport::StreamableHttp,
            false => Transport::HttpSse,
        };
        let index = self.create(transport, peers, at);
        if let Some(session) = self.get_mut(index) {
            session.set_headless();
        }
        self.headless += 1;
        (index, is_ambiguous)
    }

    /// The latest session without an id of this client and server: the one of a request without
    /// `clientInfo`.
    pub(super) fn latest_without_id(&self, peers: Peers, path: &str) -> Option<SessionIndex> {
        let without_id = |index: &SessionIndex| {
            self.get(*index).is_some_and(|session| {
                let is_other = session.has_id() || session.is_headless() || session.is_channel();
                !is_other && session.has_path(path)
            })
        };
        let last = |index: &SessionIndex| self.get(*index).map(|session| (session.record().last, *index));
        self.by_peers.latest(peers).take(limits::MAX_ALIKE).filter(without_id).max_by_key(last)
    }

    /// The HTTP+SSE session with this id on this server, whatever its target.
    pub(super) fn by_shown_id(&self, server: SocketAddr, id: &str) -> Option<SessionIndex> {
        let is_it = |index: &SessionIndex| {
            self.get(*index)
                .is_some_and(|session| session.reference().server == server && session.is_http_sse())
        };
        self.by_id.get(id)?.iter().copied().find(is_it)
    }

    /// The sessions with this id on any server, oldest first, as far as they are active.
    pub(super) fn with_id(&self, id: &str) -> impl DoubleEndedIterator<Item = &SessionState> {
        self.by_id.get(id).into_iter().flatten().filter_map(|index| self.get(*index))
    }

    /// A session is seen at another address of its server.
    pub(super) fn add_address(&mut self, key: SessionKey, index: SessionIndex, peers: Peers) {
        let Some(session) = self.get_mut(index) else { return };
        if !session.add_key(&key) {
            return;
        }
        session.add_address(peers.server);
        let is_same_client = session.reference().client.ip() == peers.client.ip();
        self.by_key.entry(key).or_insert(index);
        if is_same_client {
            self.by_peers.insert(peers.server, peers.client.ip(), index);
        }
    }

    /// Adds another target of a session.
    pub(super) fn add_key(&mut self, key: SessionKey, index: SessionIndex) {
        if self.get_mut(index).is_some_and(|session| session.add_key(&key)) {
            self.by_key.entry(key).or_insert(index);
        }
    }

    /// Counts the memory of a session, which may have changed.
    pub(super) fn charge(&mut self, index: SessionIndex) {
        self.list.charge(index);
    }

    /// Memory of all sessions, in bytes.
    pub(super) fn allocated(&self) -> usize {
        self.list.allocated() + self.silences.allocated()
    }

    /// The session to evict if there are more than [`limits::MAX_SESSIONS`].
    pub(super) fn over_limit(&mut self) -> Option<SessionIndex> {
        if self.list.len() <= limits::MAX_SESSIONS { None } else { self.least_needed() }
    }

    /// The session to evict first: of those that are quiet the one that fell silent first, else the
    /// oldest.
    pub(super) fn least_needed(&mut self) -> Option<SessionIndex> {
        self.silences.first(&self.list).or_else(|| self.list.oldest())
    }

    /// The session that a client uses instead of one of which nothing but the stream was seen: the
    /// next one that it opened at this server, within a minute.
    pub(super) fn used_instead_of(&self, index: SessionIndex) -> Option<SessionIndex> {
        let unused = self.get(index).filter(|session| session.is_unused())?.record();
        let is_it = |other: &SessionIndex| {
            self.get(*other).is_some_and(|session| {
                let record = session.record();
                (record.exchanges > 0 || session.has_open_stream())
                    && record.session.path == unused.session.path
                    && (0..=ATTEMPT_WAIT).contains(&record.first.time.since(unused.first.time))
            })
        };
        let (server, client) = (unused.session.server, unused.session.client.ip());
        self.by_peers.after(server, client, index).take(limits::MAX_ALIKE).find(is_it)
    }

    /// Drops a session that is part of another one.
    pub(super) fn forget(&mut self, index: SessionIndex) {
        self.evict(index);
    }

    /// Evicts a session and returns its record.
    pub(super) fn evict(&mut self, index: SessionIndex) -> Option<Session> {
        let (record, keys) = self.list.evict(index)?.into_parts()?;
        for key in &keys {
            self.by_key.remove(key);
        }
        record.session.id.iter().for_each(|id| self.remove_id(id, index));
        for server in &record.addresses {
            self.by_peers.remove(*server, record.session.client.ip(), index);
        }
        Some(record)
    }

    /// Takes the records of all sessions, in the order of their first packet.
    pub(super) fn take_all(&mut self) -> Vec<Session> {
        self.by_key.clear();
        self.by_id.clear();
        let mut records: Vec<Session> = self.list.take_records().collect();
        records.sort_by_key(|record| (record.first, record.session.number));
        records
    }

    /// Clients that open a session for each call, or more, in the order of their first session.
    pub(super) fn costly(&self) -> Vec<CostlySessions> {
        let mut all = self.taken.clone();
        self.list.records().for_each(|record| all.add(record));
        all.costly()
    }

    /// The records of the latest [`limits::MAX_IN_PROGRESS`] sessions, in the order of their
    /// numbers.
    pub(super) fn records(&self) -> Vec<Session> {
        let all: Vec<&Session> = self.list.records().collect();
        let earlier = all.len().saturating_sub(limits::MAX_IN_PROGRESS);
        all.into_iter().skip(earlier).cloned().collect()
    }

    /// The latest sessions of a client address and a server.
    pub(super) fn of_peers(&self, peers: Peers) -> Vec<SessionIndex> {
        self.by_peers.latest(peers).take(MAX_CONCERNED).collect()
    }

    /// Whether a client address has a session at a server, and at this path if one is given.
    pub(super) fn is_served(&self, peers: Peers, path: Option<&str>) -> bool {
        let latest = self.by_peers.latest(peers).take(limits::MAX_ALIKE);
        latest.filter_map(|index| self.list.get(index)).any(|slot| {
            slot.record().is_some_and(|record| path.is_none() || record.session.path.as_deref() == path)
        })
    }

    /// The headless session that a new key belongs to: the only candidate.
    fn headless_to_join(&self, key: &SessionKey, peers: Peers) -> Option<SessionIndex> {
        if self.headless == 0 || matches!(key, SessionKey::Client(..) | SessionKey::Channel(..)) {
            return None;
        }
        let headless = self.open_of_peers(peers, SessionState::is_headless);
        match (&*headless, &*self.streamless(peers)) {
            ([only], []) => Some(*only),
            _ => None,
        }
    }

    /// The session that holds nothing but attempts of this client until now: an `initialize` that
    /// failed, or a stream that it opened to see whether it can.
    fn attempt_to_join(&mut self, key: &SessionKey, seen: Sighting<'_>) -> Option<SessionIndex> {
        let client = seen.peers.client.ip();
        let redirected = self
            .redirected
            .iter()
            .rev()
            .find(|(messages, from, _)| *messages == seen.messages && *from == client);
        if let Some((.., index)) = redirected
            && self.get(*index).is_some_and(SessionState::is_failed_attempt)
        {
            return Some(*index);
        }
        let list = &self.list;
        let judge = |index: SessionIndex| {
            let Some(session) = list.get(index).and_then(Slot::active) else { return Attempt::RuledOut };
            let is_trial = session.is_trial() && session.reference().path.as_ref() == seen.path;
            let has_failed = (session.is_failed_attempt() || is_trial)
                && seen.at.time.since(session.record().last.time) <= ATTEMPT_WAIT
                && !session.has_other_client(key);
            match has_failed {
                true => Attempt::Joined,
                false if session.is_more_than_attempts() => Attempt::RuledOut,
                false => Attempt::Possible,
            }
        };
        self.by_peers.find_attempt(seen.peers, limits::MAX_ALIKE, judge)
    }

    /// Open sessions of these peers whose stream was not seen.
    fn streamless(&self, peers: Peers) -> Vec<SessionIndex> {
        self.open_of_peers(peers, |session| {
            session.server_stream() == ServerStream::Unseen && !session.is_headless()
        })
    }

    /// The latest open sessions of these peers that `is_wanted` accepts.
    pub(super) fn open_of_peers(
        &self,
        peers: Peers,
        is_wanted: impl Fn(&SessionState) -> bool,
    ) -> Vec<SessionIndex> {
        let is_open =
            |session: &SessionState| session.record().ended == SessionEnd::Open && is_wanted(session);
        let latest = self.by_peers.latest(peers).take(limits::MAX_ALIKE);
        latest.filter(|index| self.get(*index).is_some_and(is_open)).collect()
    }

    fn create(&mut self, transport: Transport, peers: Peers, at: Origin) -> SessionIndex {
        let index = self.list.next();
        let number = index.0.saturating_add(1);
        let Peers { server, client, via, .. } = peers;
        let session = SessionRef {
            number,
            id: None,
            transport,
            server,
            path: None,
            client,
            via,
            behind: None,
            server_name: None,
            client_name: None,
        };
        self.list.push(Box::new(SessionState::new(index, session, at)));
        // Time may stand still while sessions come and go.
        if self.checks.len() > 2 * self.list.len() {
            self.checks.retain(|Reverse((_, index))| self.list.get(*index).is_some_and(Slot::is_active));
        }
        self.silences.trim(&self.list);
        self.checks.push(Reverse((at.time.plus(QUIET_AFTER_END), index)));
        self.by_peers.insert(peers.server, peers.client.ip(), index);
        index
    }

    /// Adds a reason why the session may not be complete.
    pub(super) fn degrade(&mut self, index: SessionIndex, why: Degraded) {
        if let Some(session) = self.get_mut(index) {
            session.degrade(why);
        }
    }
}
