//! Sessions: which one a transaction belongs to, and what is known of each.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{Id, Implementation, Session, SessionEnd, SessionRef, Transport};
use crate::base::{Degraded, Origin, PacketNo, Peers, ResponseEnd, Side, Timestamp, limits, text};

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Exchanges by who asked and an id or a token, each list in the order of the requests.
pub(super) type Lists = Map<(Side, Id), VecDeque<u64>>;

/// The place of a session, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SessionIndex(u32);

/// What makes a session the same one (design: «which session»). Always with the server's address and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum SessionKey {
    /// HTTP+SSE: the target that its `endpoint` event names.
    Target(SocketAddr, Arc<str>),
    /// Streamable HTTP: the `Mcp-Session-Id`.
    Id(SocketAddr, Arc<str>),
    /// No id on the wire: the client's address, and who it says it is where each request says so (2026-07-28).
    Client(SocketAddr, IpAddr, Option<Implementation>),
}

/// What is known of a session.
#[derive(Debug)]
pub(super) struct SessionState {
    pub(super) told: Session,
    pub(super) stream: Stream,
    /// The latest of these streams.
    pub(super) speaks_on: Option<super::transaction::TransactionKey>,
    /// Made for a stream whose beginning was not captured, and not joined by any POST yet.
    pub(super) headless: bool,
    /// Requests without an answer, by who sent them and their id.
    pub(super) outstanding: Lists,
    /// Progress tokens of requests that are not complete, by who gave them.
    pub(super) tokens: Lists,
    /// The latest complete exchanges.
    pub(super) done: VecDeque<Done>,
    /// Events that carried messages: a hash of their id, and their length.
    pub(super) events: VecDeque<(u64, u64)>,
    /// Tasks, by their id: the exchange that created each.
    pub(super) tasks: Map<Box<str>, u64>,
    /// Results that ask for input, by the state that their retry repeats.
    pub(super) asked: VecDeque<Asked>,
    pub(super) initialized: bool,
    /// The latest packet at which bytes were given up that could have held an answer, and why: of the client's (to the
    /// server), of the server's (on its streams).
    pub(super) gaps: [Option<(PacketNo, Degraded)>; 2],
    /// Responses with the id 0 that nobody asked for.
    pub(super) zeros: u32,
    /// A session of the same id with other addresses.
    pub(super) twin: Option<SessionIndex>,
    /// It was said that it is the same traffic as its twin.
    pub(super) twin_told: bool,
    /// What the session is found by.
    keys: Vec<SessionKey>,
}

/// The stream that server messages come on outside of POSTs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// None was seen.
    Unseen,
    /// So many are open.
    Open(u32),
    /// The last one ended so.
    Ended(ResponseEnd),
}

/// What is remembered of a complete exchange.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) n: u64,
    pub(super) origin: Side,
    /// Hash of its id.
    id: u64,
    /// Hash of its progress token.
    token: Option<u64>,
    /// Hash of its method.
    method: u64,
    pub(super) start: Timestamp,
}

impl Done {
    pub(super) fn new(told: &super::Exchange, token: Option<&Id>) -> Self {
        Self {
            n: told.n,
            origin: told.origin,
            id: id_hash(&told.id),
            token: token.map(id_hash),
            method: text::hash(&told.method),
            start: told.request.span.start.time,
        }
    }

    /// Whether it was a request of `origin` with this id.
    pub(super) fn is(&self, origin: Side, id: &Id) -> bool {
        self.origin == origin && self.id == id_hash(id)
    }

    /// Whether `origin` gave this progress token with it.
    pub(super) fn gave(&self, origin: Side, token: &Id) -> bool {
        self.origin == origin && self.token == Some(id_hash(token))
    }

    /// Whether it says the same as another request: id and method.
    pub(super) fn says(&self, told: &super::Exchange) -> bool {
        self.id == id_hash(&told.id) && self.method == text::hash(&told.method)
    }
}

/// A hash of an id, the same in every run.
fn id_hash(id: &Id) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

/// A result of type `input_required`.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) n: u64,
    pub(super) state: Option<(u64, u64)>,
    pub(super) method: Arc<str>,
    pub(super) name: Option<Arc<str>>,
}

/// What is kept of a session.
#[derive(Debug)]
enum Kept {
    /// It speaks, or did lately.
    Live(Box<SessionState>),
    /// It has been silent for a while: only what is told of it at the end is kept, and what it is found by.
    Quiet(Box<(Session, Vec<SessionKey>)>),
    /// It was given up.
    Gone,
}

/// How long a session keeps all that is known of it after it was last heard, in nanoseconds of packet time. What is
/// forgotten then serves to explain late and repeated messages.
const QUIET: i64 = 30_000_000_000;

/// The same for a session that has ended.
const OVER: i64 = 2_000_000_000;

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// By place.
    kept: Vec<Kept>,
    /// Sessions before this place were given up.
    oldest: usize,
    /// When to look whether a session still speaks, soonest first.
    checks: VecDeque<(Timestamp, SessionIndex)>,
    places: Map<SessionKey, SessionIndex>,
    /// The sessions of a client address and a server, oldest first.
    pairs: Map<(SocketAddr, IpAddr), VecDeque<SessionIndex>>,
    /// How many sessions were made for streams without a beginning and are joined by no POST yet.
    headless: usize,
    /// The first session with an id, whatever its server.
    ids: Map<Arc<str>, SessionIndex>,
}

impl Sessions {
    pub(super) fn get(&self, place: SessionIndex) -> Option<&SessionState> {
        match self.kept.get(place.0 as usize)? {
            Kept::Live(state) => Some(state),
            Kept::Quiet(_) | Kept::Gone => None,
        }
    }

    pub(super) fn get_mut(&mut self, place: SessionIndex) -> Option<&mut SessionState> {
        match self.kept.get_mut(place.0 as usize)? {
            Kept::Live(state) => Some(state),
            Kept::Quiet(_) | Kept::Gone => None,
        }
    }

    /// A session speaks again, at `at`: it is live from now on.
    pub(super) fn wake(&mut self, place: SessionIndex, at: Timestamp) {
        let Some(kept) = self.kept.get_mut(place.0 as usize) else {
            return;
        };
        if !matches!(kept, Kept::Quiet(_)) {
            return;
        }
        if let Kept::Quiet(quiet) = std::mem::replace(kept, Kept::Gone) {
            let (told, keys) = *quiet;
            *kept = Kept::Live(Box::new(SessionState { keys, ..SessionState::of(told) }));
            self.checks.push_back((at.plus(OVER), place));
        }
    }

    /// Packet time went on to `now`: sessions that were not heard for a while are kept small.
    pub(super) fn tick(&mut self, now: Timestamp) {
        // Each once: a time at the end of time is due for ever.
        for _ in 0..self.checks.len() {
            let Some((_, place)) = self.checks.pop_front_if(|(due, _)| *due <= now) else { return };
            let Some(kept) = self.kept.get_mut(place.0 as usize) else {
                continue;
            };
            let Kept::Live(state) = kept else { continue };
            let wait = if state.told.ended == SessionEnd::Open { QUIET } else { OVER };
            if now.since(state.told.last.time) < wait || state.is_busy() {
                self.checks.push_back((now.plus(OVER), place));
                continue;
            }
            if let Kept::Live(state) = std::mem::replace(kept, Kept::Gone) {
                *kept = Kept::Quiet(Box::new((state.told, state.keys)));
            }
        }
    }

    pub(super) fn find(&self, key: &SessionKey) -> Option<SessionIndex> {
        self.places.get(key).copied()
    }

    /// The session of `key`, made where there is none. `id` is what is shown of it.
    pub(super) fn enter(
        &mut self,
        key: SessionKey,
        id: Option<Arc<str>>,
        peers: Peers,
        at: Origin,
    ) -> SessionIndex {
        if let Some(place) = self.find(&key) {
            return place;
        }
        let transport = if matches!(key, SessionKey::Target(..)) {
            Transport::HttpSse
        } else {
            Transport::StreamableHttp
        };
        let joined = self.headless_to_join(&key, peers);
        let place = joined.unwrap_or_else(|| self.make(transport, peers, at));
        self.places.insert(key.clone(), place);
        if let Some(state) = self.get_mut(place) {
            state.keys.push(key);
            let was_headless = std::mem::replace(&mut state.headless, false);
            state.told.session.transport = transport;
            state.told.session.id.clone_from(&id);
            self.headless -= usize::from(was_headless);
        }
        if let Some(id) = id {
            let first = *self.ids.entry(id).or_insert(place);
            if let Some(state) = self.get_mut(place).filter(|_| first != place) {
                state.twin = Some(first);
            }
            if let Some(state) = self.get_mut(first).filter(|_| first != place) {
                state.twin.get_or_insert(place);
            }
        }
        place
    }

    /// A session for a stream whose beginning was not captured: the one that it can only belong to, or a new one.
    /// True beside it where several could own it.
    pub(super) fn adopt(&mut self, peers: Peers, at: Origin) -> (SessionIndex, bool) {
        let streamless = self.of_pair(peers, |state| state.stream == Stream::Unseen && !state.headless);
        let headless = self.of_pair(peers, |state| state.headless);
        if let ([only], []) = (&*streamless, &*headless) {
            return (*only, false);
        }
        let several = streamless.len() + headless.len() > 1;
        let place = self.make(Transport::HttpSse, peers, at);
        if let Some(state) = self.get_mut(place) {
            state.headless = true;
            state.told.degraded.add(Degraded::MIDSTREAM);
        }
        self.headless += 1;
        (place, several)
    }

    /// The latest session without an id of this client and server: one that a request joins which does not say who
    /// its client is.
    pub(super) fn latest_without_id(&self, peers: Peers) -> Option<SessionIndex> {
        let sessions = self.pairs.get(&(peers.server, peers.client.ip()))?;
        let without_id = |place: &&SessionIndex| {
            self.get(**place).is_some_and(|s| s.told.session.id.is_none() && !s.headless)
        };
        let last = |place: &&SessionIndex| self.get(**place).map(|state| (state.told.last, **place));
        sessions.iter().rev().take(limits::MAX_ALIKE).filter(without_id).max_by_key(last).copied()
    }

    /// The session of HTTP+SSE with this id, by whatever target it is reached.
    pub(super) fn by_shown_id(&self, server: SocketAddr, id: &str) -> Option<SessionIndex> {
        let state = |place: &SessionIndex| self.get(*place).map(|state| &state.told.session);
        let place = *self.ids.get(id)?;
        state(&place)
            .is_some_and(|told| told.server == server && told.transport == Transport::HttpSse)
            .then_some(place)
    }

    /// Another target of a session.
    pub(super) fn also(&mut self, key: SessionKey, place: SessionIndex) {
        if let Some(state) = self.get_mut(place).filter(|state| state.keys.len() < 16) {
            state.keys.push(key.clone());
            self.places.entry(key).or_insert(place);
        }
    }

    /// The oldest session, where there are more than are followed.
    pub(super) fn over_limit(&self) -> Option<SessionIndex> {
        let over = self.kept.len().saturating_sub(self.oldest) > limits::MAX_SESSIONS;
        over.then(|| u32::try_from(self.oldest).ok().map(SessionIndex)).flatten()
    }

    /// Gives a session up; yields what there is to tell of it.
    pub(super) fn remove(&mut self, place: SessionIndex) -> Option<Session> {
        let kept = std::mem::replace(self.kept.get_mut(place.0 as usize)?, Kept::Gone);
        self.oldest = self.oldest.max(place.0 as usize + 1);
        let (told, keys) = kept.told()?;
        for key in &keys {
            self.places.remove(key);
        }
        if let Some(id) = told.session.id.as_ref().filter(|id| self.ids.get(*id) == Some(&place)) {
            self.ids.remove(id);
        }
        let pair = (told.session.server, told.session.client.ip());
        if let Some(sessions) = self.pairs.get_mut(&pair) {
            if sessions.front() == Some(&place) {
                sessions.pop_front();
            } else {
                sessions.retain(|at| *at != place);
            }
        }
        Some(told)
    }

    /// All sessions, in the order of their first packet.
    pub(super) fn take_all(&mut self) -> Vec<Session> {
        self.places.clear();
        self.ids.clear();
        let kept = std::mem::take(&mut self.kept).into_iter();
        let mut all: Vec<Session> = kept.filter_map(Kept::told).map(|(told, _)| told).collect();
        all.sort_by_key(|told| (told.first, told.session.number));
        all
    }

    /// All sessions as they are now, in the order of their first packet.
    pub(super) fn all(&self) -> Vec<Session> {
        let told = |kept: &Kept| match kept {
            Kept::Live(state) => Some(state.told.clone()),
            Kept::Quiet(quiet) => Some(quiet.0.clone()),
            Kept::Gone => None,
        };
        self.kept.iter().filter_map(told).collect()
    }

    fn headless_to_join(&self, key: &SessionKey, peers: Peers) -> Option<SessionIndex> {
        if self.headless == 0 || matches!(key, SessionKey::Client(..)) {
            return None;
        }
        let headless = self.of_pair(peers, |state| state.headless);
        let streamless = self.of_pair(peers, |state| state.stream == Stream::Unseen && !state.headless);
        match (&*headless, &*streamless) {
            ([only], []) => Some(*only),
            _ => None,
        }
    }

    /// The latest sessions of a client address and a server: at most 64.
    pub(super) fn of(&self, peers: Peers) -> Vec<SessionIndex> {
        let sessions = self.pairs.get(&(peers.server, peers.client.ip()));
        sessions.into_iter().flat_map(|all| all.iter().rev().take(64)).copied().collect()
    }

    fn of_pair(&self, peers: Peers, wanted: impl Fn(&SessionState) -> bool) -> Vec<SessionIndex> {
        let sessions = self.pairs.get(&(peers.server, peers.client.ip()));
        let open = |state: &SessionState| state.told.ended == SessionEnd::Open && wanted(state);
        let latest = sessions.into_iter().flat_map(|all| all.iter().rev().take(limits::MAX_ALIKE));
        latest.copied().filter(|place| self.get(*place).is_some_and(open)).collect()
    }

    fn make(&mut self, transport: Transport, peers: Peers, at: Origin) -> SessionIndex {
        let place = SessionIndex(u32::try_from(self.kept.len()).unwrap_or(u32::MAX));
        let number = place.0.saturating_add(1);
        let session = SessionRef { number, id: None, transport, server: peers.server, client: peers.client };
        self.kept.push(Kept::Live(Box::new(SessionState::new(session, at))));
        self.checks.push_back((at.time.plus(OVER), place));
        self.pairs.entry((peers.server, peers.client.ip())).or_default().push_back(place);
        place
    }
}

impl Kept {
    fn told(self) -> Option<(Session, Vec<SessionKey>)> {
        match self {
            Self::Live(state) => Some((state.told, state.keys)),
            Self::Quiet(quiet) => Some(*quiet),
            Self::Gone => None,
        }
    }
}

impl SessionState {
    fn new(session: SessionRef, at: Origin) -> Self {
        Self::of(Session {
            session,
            protocol_version: None,
            client_info: None,
            server_info: None,
            client_capabilities: Vec::new(),
            server_capabilities: Vec::new(),
            exchanges: 0,
            first: at,
            last: at,
            ended: SessionEnd::Open,
            degraded: Degraded::NONE,
        })
    }

    /// A session of which nothing more is known than what is told.
    fn of(told: Session) -> Self {
        Self {
            initialized: told.exchanges > 0,
            told,
            stream: Stream::Unseen,
            speaks_on: None,
            headless: false,
            outstanding: Map::default(),
            tokens: Map::default(),
            done: VecDeque::new(),
            events: VecDeque::new(),
            tasks: Map::default(),
            asked: VecDeque::new(),
            gaps: [None; 2],
            zeros: 0,
            twin: None,
            twin_told: false,
            keys: Vec::new(),
        }
    }

    /// Something of the session was seen in these packets.
    pub(super) fn seen(&mut self, first: Origin, last: Origin) {
        if first.packet < self.told.first.packet {
            self.told.first = first;
        }
        self.told.last = self.told.last.later(last);
    }

    /// Bytes that `side` sent and that could have held an answer were given up at `packet`.
    pub(super) fn missed(&mut self, side: Side, packet: PacketNo, why: Degraded) {
        let [from_client, from_server] = &mut self.gaps;
        let gap = if side == Side::Client { from_client } else { from_server };
        let (before, reasons) = gap.unwrap_or((packet, why));
        *gap = Some((before.max(packet), reasons.and(why)));
    }

    /// Whether something is open that the state is needed for.
    fn is_busy(&self) -> bool {
        self.has_open_stream() || !self.outstanding.is_empty() || !self.tokens.is_empty() || self.headless
    }

    /// Whether a stream is open on which the server can send what belongs to no POST.
    pub(super) fn has_open_stream(&self) -> bool {
        matches!(self.stream, Stream::Open(_))
    }

    /// Whether responses that `from` sends can only stand on the response to their own POST: a session without an id,
    /// in which the ids of several clients meet.
    pub(super) fn only_own_post(&self, from: Side) -> bool {
        from == Side::Server
            && self.told.session.id.is_none()
            && self.told.session.transport == Transport::StreamableHttp
    }

    pub(super) fn remember(&mut self, done: Done) {
        if self.done.len() >= limits::MAX_ANSWERED {
            self.done.pop_front();
        }
        self.done.push_back(done);
    }

    /// Whether an event with this id and length was seen; it is, from now on.
    pub(super) fn is_replayed(&mut self, id: &str, bytes: u64, resumed: bool) -> bool {
        let event = (text::hash(id), bytes);
        if resumed && self.events.contains(&event) {
            return true;
        }
        if self.events.len() >= limits::MAX_EVENT_IDS {
            self.events.pop_front();
        }
        self.events.push_back(event);
        false
    }
}

impl SessionState {
    /// The exchange that a new request continues: the retry of an `input_required` result, or the poll of a task.
    pub(super) fn continued(
        &mut self,
        open: &super::exchange::OpenExchange,
        look: &crate::rpc::Look,
    ) -> Option<u64> {
        let told = &open.told;
        if super::method::is_task(&told.method) {
            return look.task.as_ref().and_then(|task| self.tasks.get(task).copied());
        }
        if !look.input_responses && look.request_state.is_none() {
            return None;
        }
        let same = |asked: &Asked| {
            asked.state == look.request_state && asked.method == told.method && asked.name == told.name
        };
        let at = self.asked.iter().rposition(same)?;
        self.asked.remove(at).map(|asked| asked.n)
    }

    pub(super) fn ask(&mut self, asked: Asked) {
        if self.asked.len() >= limits::MAX_ANSWERED {
            self.asked.pop_front();
        }
        self.asked.push_back(asked);
    }

    pub(super) fn introduce_client(&mut self, look: &crate::rpc::Look) {
        if look.client_info.is_some() {
            self.told.client_info.clone_from(&look.client_info);
        }
        if !look.capabilities.is_empty() {
            self.told.client_capabilities.clone_from(&look.capabilities);
        }
    }

    pub(super) fn introduce_server(&mut self, look: &crate::rpc::Look) {
        self.told.server_info.clone_from(&look.server_info);
        if !look.capabilities.is_empty() {
            self.told.server_capabilities.clone_from(&look.capabilities);
        }
    }

    /// The exchange `n` is no longer outstanding.
    pub(super) fn forget(&mut self, id: &(Side, Id), n: u64) {
        remove(&mut self.outstanding, id, n);
    }

    /// Progress for the exchange `n` no longer counts.
    pub(super) fn forget_token(&mut self, token: &(Side, Id), n: u64) {
        remove(&mut self.tokens, token, n);
    }
}

fn remove(lists: &mut Lists, key: &(Side, Id), n: u64) {
    let Some(list) = lists.get_mut(key) else { return };
    if list.front() == Some(&n) {
        list.pop_front();
    } else if let Ok(at) = list.binary_search(&n) {
        list.remove(at);
    }
    if list.is_empty() {
        lists.remove(key);
    }
}
