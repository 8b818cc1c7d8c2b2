//! The secrets of TLS connections that were read: for reading the packets again, since no file of
//! packets has those of key logs, and for writing them with the packets.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use crate::base::Fact;
use crate::base::limits;
use crate::base::tls::TLS_KEY_LOG;
use crate::capture::Item;
use crate::capture::save::{self, ConnectionSecrets, SecretSource};
use crate::ledger::Entry;
use crate::tls::{ClientRandom, KeyLog, KeyStore};

/// Connections whose lines one item has.
const CONNECTIONS_PER_ITEM: usize = 1024;

/// Secrets, shared between the thread that reads and those that read again or write. At most
/// [`limits::MAX_SECRETS`] bytes: the oldest are dropped, as the analysis drops them
/// (`tls.secret_limit`).
#[derive(Clone, Default)]
pub(super) struct LoggedSecrets(Arc<Shared>);

#[derive(Default)]
struct Shared {
    store: Mutex<KeyStore>,
    version: AtomicU64,
}

impl LoggedSecrets {
    /// Adds the lines of a key log.
    pub(super) fn add(&self, key_log: &[u8]) {
        let lines = KeyLog::read(key_log).lines;
        if !lines.is_empty() {
            // The analysis reports what is dropped.
            self.store().add(&lines);
            self.0.version.fetch_add(1, Ordering::Release);
        }
    }

    /// Adds the secrets of an item.
    pub(super) fn push(&self, item: &Item) {
        if let Item::Secrets { kind: TLS_KEY_LOG, data } = item {
            self.add(data);
        }
    }

    /// Returns the connections whose secrets are known, those that were read last at the end.
    pub(super) fn connections(&self) -> VecDeque<ClientRandom> {
        self.store().connections().into()
    }

    /// Returns an item with the secrets of the next `connections`; `None` if there are no more.
    pub(super) fn next_item(&self, connections: &mut VecDeque<ClientRandom>) -> Option<Item> {
        let count = connections.len().min(CONNECTIONS_PER_ITEM);
        let mut key_log = Zeroizing::new(String::new());
        let store = self.store();
        for random in connections.drain(..count) {
            for line in store.lines_of(&random) {
                key_log.push_str(&line);
                key_log.push('\n');
            }
        }
        let data = bytes::Bytes::copy_from_slice(key_log.as_bytes());
        (count > 0).then_some(Item::Secrets { kind: TLS_KEY_LOG, data })
    }

    /// Returns the secrets of a connection.
    pub(super) fn of(&self, random: &save::ClientRandom) -> ConnectionSecrets {
        let (store, random) = (self.store(), ClientRandom(*random));
        ConnectionSecrets { lines: store.lines_of(&random), is_complete: store.is_complete(&random) }
    }

    fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    fn store(&self) -> MutexGuard<'_, KeyStore> {
        // A thread that panicked while it held the lock left a whole store.
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LoggedSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LoggedSecrets").field(&*self.store()).finish()
    }
}

/// The secrets that go into a file of packets: of key logs, and of the capture itself.
#[derive(Debug)]
pub(super) struct FileSecrets {
    logged: LoggedSecrets,
    /// Whether there are key logs.
    has_key_logs: bool,
    inside: LoggedSecrets,
    identified: Identified,
}

impl FileSecrets {
    /// Takes secrets from `logged`, which is filled from key logs if there are any.
    pub(super) fn new(logged: LoggedSecrets, has_key_logs: bool, identified: Identified) -> Self {
        Self { logged, has_key_logs, inside: LoggedSecrets::default(), identified }
    }
}

impl SecretSource for FileSecrets {
    fn add(&self, key_log: &[u8]) {
        self.inside.add(key_log);
    }

    fn version(&self) -> u64 {
        self.logged.version() + self.inside.version() + self.identified.version()
    }

    fn is_expecting(&self) -> bool {
        self.has_key_logs || self.inside.version() > 0
    }

    fn secrets_of(&self, random: &save::ClientRandom) -> ConnectionSecrets {
        let (mut secrets, inside) = (self.logged.of(random), self.inside.of(random));
        for line in inside.lines {
            if !secrets.lines.contains(&line) {
                secrets.lines.push(line);
            }
        }
        secrets.is_complete |= inside.is_complete;
        secrets
    }

    fn take_identified(&self) -> Vec<save::ClientRandom> {
        self.identified.take()
    }
}

/// Connections whose ClientHello was not captured, and whose secrets were found out by trial.
#[derive(Clone, Debug, Default)]
pub(super) struct Identified(Arc<(Mutex<VecDeque<save::ClientRandom>>, AtomicU64)>);

impl Identified {
    /// Takes an entry of the analysis.
    pub(super) fn note(&self, entry: &Entry) {
        let Entry::Fact(Fact::Identified(fact)) = entry else { return };
        let mut randoms = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if randoms.len() >= limits::MAX_CANDIDATES {
            randoms.pop_front();
        }
        randoms.push_back(fact.client_random);
        self.0.1.fetch_add(1, Ordering::Release);
    }

    fn version(&self) -> u64 {
        self.0.1.load(Ordering::Acquire)
    }

    fn take(&self) -> Vec<save::ClientRandom> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}
