//! Processes and threads of a trace: clients and servers, and rows on which slices do not overlap.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::base::{Side, Timestamp, sanitize};
use crate::ledger::SessionRef;

/// Clients and servers with a process of their own; more share one.
const MAX_PROCESSES: usize = 2_048;

/// Threads of all processes, and of one kind in one process. What finds none is asynchronous.
const MAX_TRACKS: usize = 32_768;
const MAX_LANES: usize = 256;

/// The longest path that tells servers of one address apart, in bytes.
const MAX_PATH: usize = 256;

/// A process and a thread. Their numbers are unique over both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Track {
    pub(super) pid: u32,
    pub(super) tid: u32,
}

/// What a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Requests of the process.
    Calls,
    /// Answers of the process that came elsewhere than in the response to the request.
    Answers,
    /// Event streams of a server.
    Streams,
    /// HTTP transactions of a client without a message.
    Transactions,
    /// Sessions of a client.
    Sessions,
    /// Notifications of the process.
    Notifications,
    /// Findings.
    Findings,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Answers => "answers",
            Self::Streams => "streams",
            Self::Transactions => "http",
            Self::Sessions => "sessions",
            Self::Notifications => "notifications",
            Self::Findings => "findings",
        }
    }

    /// The category of its events.
    pub(super) fn category(self) -> &'static str {
        match self {
            Self::Calls => "call",
            Self::Answers => "answer",
            Self::Streams => "stream",
            Self::Transactions => "http",
            Self::Sessions => "session",
            Self::Notifications => "notification",
            Self::Findings => "finding",
        }
    }
}

/// Who a process is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Actor {
    /// A client: its address, and the name that it gives itself.
    Client(IpAddr, Option<Arc<str>>),
    /// A server: its address and port, and its path.
    Server(SocketAddr, Option<Arc<str>>),
    /// The capture itself.
    Capture,
    /// Clients, or servers, beyond [`MAX_PROCESSES`].
    Others(Side),
}

impl Actor {
    pub(super) fn client(address: SocketAddr, session: Option<&SessionRef>) -> Self {
        Self::Client(address.ip(), session.and_then(|session| session.client_name.clone()))
    }

    pub(super) fn server(address: SocketAddr, session: Option<&SessionRef>) -> Self {
        let path = session.and_then(|session| session.path.clone());
        Self::Server(address, path.filter(|path| path.len() <= MAX_PATH))
    }

    /// The name of the process. The name that a server gives itself follows its address.
    fn name(&self, server_name: Option<&str>) -> String {
        match self {
            Self::Client(ip, Some(name)) => format!("client {ip} {}", sanitize::clean(name)),
            Self::Client(ip, None) => format!("client {ip}"),
            Self::Server(address, path) => {
                let path = sanitize::clean(path.as_deref().unwrap_or_default());
                let name = server_name.map(sanitize::clean).unwrap_or_default();
                format!("server {address}{path} {name}").trim_end().to_owned()
            }
            Self::Capture => "capture".to_owned(),
            Self::Others(Side::Client) => "other clients".to_owned(),
            Self::Others(Side::Server) => "other servers".to_owned(),
        }
    }

    fn others(&self) -> Self {
        Self::Others(if matches!(self, Self::Client(..)) { Side::Client } else { Side::Server })
    }
}

#[derive(Debug)]
struct Process {
    pid: u32,
    lanes: BTreeMap<Kind, Vec<Lane>>,
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    tid: u32,
    /// The end of the last slice.
    end: Timestamp,
}

/// A process or thread that was not named yet.
#[derive(Debug)]
pub(super) struct New {
    pub(super) track: Track,
    /// `process_name` or `thread_name`.
    pub(super) what: &'static str,
    pub(super) name: String,
}

/// Gives slices their rows.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    processes: HashMap<Actor, Process>,
    /// The number that was given last, to a process or a thread.
    last: u32,
    lanes: usize,
    /// What is to be named before the next event.
    new: Vec<New>,
}

impl Tracks {
    /// Returns what is to be named before the next event.
    pub(super) fn take_new(&mut self) -> Vec<New> {
        std::mem::take(&mut self.new)
    }

    /// Returns the row of a process that has no thread.
    pub(super) fn process(&mut self, actor: Actor, session: Option<&SessionRef>) -> Track {
        let actor = self.known(actor);
        let pid = self.process_mut(actor, session).0.pid;
        Track { pid, tid: pid }
    }

    /// Returns a row of a process on which nothing overlaps this time: the one whose last slice
    /// ended latest. `None` if there is none and none may be added.
    ///
    /// Slices come in the order of their ends, roughly. A row whose last slice ended before this
    /// one begins is free for all of it.
    pub(super) fn track(
        &mut self,
        actor: Actor,
        session: Option<&SessionRef>,
        kind: Kind,
        (from, to): (Timestamp, Timestamp),
    ) -> Option<Track> {
        let actor = self.known(actor);
        let may_add = self.lanes < MAX_TRACKS;
        let (process, last) = self.process_mut(actor, session);
        let pid = process.pid;
        let rows = process.lanes.entry(kind).or_default();
        let free = rows.iter_mut().filter(|lane| lane.end <= from).max_by_key(|lane| lane.end);
        if let Some(lane) = free {
            lane.end = to;
            return Some(Track { pid, tid: lane.tid });
        }
        if !may_add || rows.len() >= MAX_LANES {
            return None;
        }
        *last += 1;
        let track = Track { pid, tid: *last };
        rows.push(Lane { tid: track.tid, end: to });
        let name = match rows.len() {
            1 => kind.name().to_owned(),
            count => format!("{} {count}", kind.name()),
        };
        self.lanes += 1;
        self.new.push(New { track, what: "thread_name", name });
        Some(track)
    }

    /// The process of an actor: its own, or the one that those beyond the limit share.
    fn known(&self, actor: Actor) -> Actor {
        let is_full = self.processes.len() >= MAX_PROCESSES;
        if is_full && !self.processes.contains_key(&actor) { actor.others() } else { actor }
    }

    /// The process of an actor, and the number that was given last.
    fn process_mut(&mut self, actor: Actor, session: Option<&SessionRef>) -> (&mut Process, &mut u32) {
        let Self { processes, last, new, .. } = self;
        let process = match processes.entry(actor) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => {
                *last += 1;
                let track = Track { pid: *last, tid: *last };
                let name = vacant.key().name(session.and_then(|session| session.server_name.as_deref()));
                new.push(New { track, what: "process_name", name });
                vacant.insert(Process { pid: *last, lanes: BTreeMap::new() })
            }
        };
        (process, last)
    }
}
