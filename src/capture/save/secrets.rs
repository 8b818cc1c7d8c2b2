//! The secrets of TLS connections that go into a file of packets, and where they stand in it.
//!
//! ```text
//!   packet ─▶ ClientHello? ─▶ secrets known ─────▶ secrets block before the packet
//!                                └─ not yet ─▶ what follows is held for HOLD ─▶ block before it
//! ```
//!
//! Wireshark reads a file once, from its beginning: it decrypts a connection if its secrets stand
//! before the ServerHello. The program that is captured logs them some milliseconds after that.
//!
//! A connection that was open when the capture began has no ClientHello: the analysis finds its
//! secrets by trial, on a packet that is written already. What is still in memory is therefore held
//! for HOLD at the beginning of the capture, and its secrets stand before all of it.

use std::collections::VecDeque;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::base::tls::client_random;
use crate::base::{Timestamp, limits};

/// How long packets are held for the secrets of a connection, in nanoseconds of packet time: a
/// round trip, the check of a certificate, and the interval at which key logs are read.
const HOLD: i64 = 500_000_000;

/// Bytes of a packet that are searched for the beginning of a ClientHello: the headers of tunnels
/// and a PROXY protocol header fit.
const SEARCHED: usize = 512;

/// The random of a ClientHello.
pub type ClientRandom = [u8; 32];

/// The secrets that were read so far, and which connections need them.
pub trait SecretSource: Send + Sync {
    /// Adds the lines of a key log that the capture itself holds.
    fn add(&self, key_log: &[u8]);

    /// Returns a number that grows when secrets or connections are added.
    fn version(&self) -> u64;

    /// Whether secrets may still come.
    fn is_expecting(&self) -> bool;

    /// Returns the secrets of a connection, as they are known now.
    fn secrets_of(&self, random: &ClientRandom) -> ConnectionSecrets;

    /// Takes the connections that the analysis identified without a ClientHello.
    fn take_identified(&self) -> Vec<ClientRandom>;
}

/// What is known of the secrets of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionSecrets {
    /// The lines of a key log, in the order in which they were read.
    pub lines: Vec<Zeroizing<String>>,
    /// Whether they open both directions to their end.
    pub is_complete: bool,
}

/// What a writer keeps of secrets.
#[derive(Clone)]
pub struct KeptSecrets {
    /// Where it finds them.
    pub source: Arc<dyn SecretSource>,
    /// Whether each file is private from its beginning. Else it becomes private with its first
    /// secret.
    pub is_private: bool,
}

/// The secrets of a file that is being written.
pub(super) struct FileSecrets {
    kept: KeptSecrets,
    /// The version of the source that was asked last.
    version: u64,
    /// The connections that began last, in order, at most [`limits::MAX_CANDIDATES`].
    connections: VecDeque<Carried>,
    /// The time of the first packet of the capture, while packets are held for connections that
    /// were open then.
    began: Began,
}

/// Whether packets are held for the connections that were open when the capture began.
#[derive(Clone, Copy)]
enum Began {
    /// There was no packet.
    NotYet,
    /// Since this time.
    At(Timestamp),
    /// No longer.
    Over,
}

/// A connection whose packets are in the file.
struct Carried {
    random: ClientRandom,
    /// Its lines that are in the file.
    written: Vec<Zeroizing<String>>,
    /// Where the packet with its ClientHello begins in the file, and its time. `None` if packets
    /// are not held for it.
    held: Option<(u64, Timestamp)>,
    /// Whether the analysis found out whose it is, from packets before.
    is_identified: bool,
}

/// A secrets block that is to be inserted.
pub(super) struct Insertion {
    /// Position in the file.
    pub(super) at: u64,
    /// Lines of a key log.
    pub(super) key_log: Zeroizing<String>,
}

impl FileSecrets {
    pub(super) fn new(kept: KeptSecrets) -> Self {
        Self { kept, version: 0, connections: VecDeque::new(), began: Began::NotYet }
    }

    /// Whether each file is private from its beginning.
    pub(super) fn is_private(&self) -> bool {
        self.kept.is_private
    }

    /// Adds the lines of a key log that the capture itself holds.
    pub(super) fn add(&self, key_log: &[u8]) {
        self.kept.source.add(key_log);
    }

    /// Takes the packet that is written next, at `position`. If it begins a TLS connection, returns
    /// what is known of its secrets, to be written before it.
    pub(super) fn packet(&mut self, data: &[u8], position: u64, time: Timestamp) -> Option<Insertion> {
        if let Began::NotYet = self.began {
            self.began = if self.kept.source.is_expecting() { Began::At(time) } else { Began::Over };
        }
        let random = hello(data)?;
        if self.connections.iter().any(|known| known.random == random) {
            return None;
        }
        let secrets = self.kept.source.secrets_of(&random);
        let waits = !secrets.is_complete && self.kept.source.is_expecting();
        let insertion = insertion(position, &secrets.lines);
        let held = waits.then_some((position, time));
        self.carry(Carried { random, written: secrets.lines, held, is_identified: false });
        insertion
    }

    /// Returns the secrets that were read since the last call, of connections in the file. `end` is
    /// the position of the next block.
    pub(super) fn poll(&mut self, end: u64) -> Vec<Insertion> {
        let version = self.kept.source.version();
        if version == self.version {
            return Vec::new();
        }
        self.version = version;
        for random in self.kept.source.take_identified() {
            if !self.connections.iter().any(|known| known.random == random) {
                self.carry(Carried { random, written: Vec::new(), held: None, is_identified: true });
            }
        }
        let mut insertions = Vec::new();
        for connection in &mut self.connections {
            let secrets = self.kept.source.secrets_of(&connection.random);
            let at = match connection.held {
                Some((position, _)) => position,
                // Before everything that is not written out.
                None if connection.is_identified => 0,
                None => end,
            };
            let mut lines = secrets.lines;
            lines.retain(|line| !connection.written.contains(line));
            insertions.extend(insertion(at, &lines));
            connection.written.extend(lines);
            if secrets.is_complete {
                connection.held = None;
            }
        }
        // From the end, so that one does not move the place of another.
        insertions.sort_by_key(|insertion| std::cmp::Reverse(insertion.at));
        insertions
    }

    /// A block of `len` bytes was inserted: what begins there or behind moves.
    pub(super) fn moved(&mut self, at: u64, len: u64) {
        for (position, _) in self.connections.iter_mut().filter_map(|connection| connection.held.as_mut()) {
            if *position >= at {
                *position += len;
            }
        }
    }

    /// Returns the position from which on packets are held at packet time `now`; `None` if none
    /// are.
    pub(super) fn held_from(&mut self, now: Timestamp) -> Option<u64> {
        if let Began::At(since) = self.began
            && now.since(since).saturating_abs() >= HOLD
        {
            self.began = Began::Over;
        }
        let mut first = if let Began::At(_) = self.began { Some(0) } else { None };
        for connection in &mut self.connections {
            connection.held = connection.held.filter(|(_, since)| now.since(*since).saturating_abs() < HOLD);
            first = match (first, connection.held) {
                (Some(first), Some((position, _))) => Some(position.min(first)),
                (first, held) => first.or(held.map(|(position, _)| position)),
            };
        }
        first
    }

    /// Packets are no longer held.
    pub(super) fn release(&mut self) {
        self.began = Began::Over;
        self.connections.iter_mut().for_each(|connection| connection.held = None);
    }

    /// A file begins. Returns the secrets of the latest connections, which may go on in it.
    pub(super) fn begin_file(&mut self) -> Zeroizing<String> {
        let mut key_log = Zeroizing::default();
        for connection in &mut self.connections {
            connection.held = None;
            connection.written = self.kept.source.secrets_of(&connection.random).lines;
            connection.written.iter().for_each(|line| push_line(&mut key_log, line));
        }
        key_log
    }

    fn carry(&mut self, connection: Carried) {
        if self.connections.len() >= limits::MAX_CANDIDATES {
            self.connections.pop_front();
        }
        self.connections.push_back(connection);
    }
}

fn insertion(at: u64, lines: &[Zeroizing<String>]) -> Option<Insertion> {
    let mut key_log = Zeroizing::default();
    lines.iter().for_each(|line| push_line(&mut key_log, line));
    (!key_log.is_empty()).then_some(Insertion { at, key_log })
}

fn push_line(key_log: &mut String, line: &str) {
    key_log.push_str(line);
    key_log.push('\n');
}

/// Returns the random of a ClientHello that begins in a packet. Its headers are not decoded: what
/// looks like one by chance has no secrets.
fn hello(packet: &[u8]) -> Option<ClientRandom> {
    let front = packet.get(..packet.len().min(SEARCHED))?;
    memchr::memchr_iter(0x16, front).find_map(|at| client_random(packet.get(at..)?))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    use bytes::Bytes;
    use jiff::tz::TimeZone;

    use super::super::{FileMetadata, Names, PacketWriter, Rotation, Target};
    use super::*;
    use crate::base::Origin;
    use crate::base::tls::TLS_KEY_LOG;
    use crate::capture::item::{Item, LinkType, Packet};
    use crate::capture::samples::read;

    /// Secrets that a test adds. The line of connection 7 is `key 7`.
    #[derive(Default)]
    struct Secrets {
        known: Mutex<HashMap<ClientRandom, usize>>,
        identified: Mutex<Vec<ClientRandom>>,
        version: AtomicU64,
    }

    impl Secrets {
        fn know(&self, connection: u8, lines: usize) {
            self.known.lock().unwrap().insert([connection; 32], lines);
            self.version.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl SecretSource for Secrets {
        fn add(&self, key_log: &[u8]) {
            let text = std::str::from_utf8(key_log).unwrap();
            self.know(text.trim_start_matches("key ").trim().parse().unwrap(), COMPLETE);
        }

        fn version(&self) -> u64 {
            self.version.load(Ordering::Relaxed)
        }

        fn is_expecting(&self) -> bool {
            true
        }

        fn secrets_of(&self, random: &ClientRandom) -> ConnectionSecrets {
            let lines = self.known.lock().unwrap().get(random).copied().unwrap_or(0);
            let line = |number: usize| Zeroizing::new(format!("key {}{}", random[0], "+".repeat(number)));
            ConnectionSecrets { lines: (0..lines).map(line).collect(), is_complete: lines >= COMPLETE }
        }

        fn take_identified(&self) -> Vec<ClientRandom> {
            std::mem::take(&mut self.identified.lock().unwrap())
        }
    }

    /// Lines that open both directions of a connection.
    const COMPLETE: usize = 2;

    const MS: i64 = 1_000_000;

    fn writer(path: &Path, rotation: Rotation, source: Arc<Secrets>) -> PacketWriter {
        let names = Names::new(rotation, TimeZone::UTC, Timestamp(0));
        let secrets = Some(KeptSecrets { source, is_private: false });
        let (target, metadata) = (Target::Path(path.to_owned()), FileMetadata::default());
        PacketWriter::create(target, names, metadata, Some(LinkType(1)), secrets).unwrap()
    }

    /// A packet with some headers and then `payload`, at `ms`.
    fn packet(ms: i64, payload: &[u8]) -> Item {
        let data: Bytes = [&[0x16; 54][..], payload].concat().into();
        let original_len = data.len() as u32;
        let origin = Origin::new(1, ms * MS);
        Item::Packet(Packet { origin, link_type: LinkType(1), interface: 0, data, original_len })
    }

    fn client_hello(ms: i64, connection: u8) -> Item {
        packet(ms, &[&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[connection; 32], &[0; 90]].concat())
    }

    /// What is in a file: `h7` is the hello of connection 7, `p` another packet, `[key 7]` a block
    /// of secrets.
    fn contents(path: &Path) -> String {
        let got = read(&std::fs::read(path).unwrap());
        let parts = got.items.iter().filter_map(|item| match item {
            Item::Packet(packet) => {
                Some(hello(&packet.data).map_or("p".to_owned(), |random| format!("h{}", random[0])))
            }
            Item::Secrets { kind: TLS_KEY_LOG, data } => {
                Some(format!("[{}]", String::from_utf8_lossy(data).trim_end().replace('\n', ",")))
            }
            _ => None,
        });
        parts.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn secrets_stand_before_the_packets_that_they_open() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w");
        let source = Arc::new(Secrets::default());
        let mut writer = writer(&path, Rotation::default(), Arc::clone(&source));
        source.know(1, COMPLETE);
        source.know(9, COMPLETE);
        writer.write(&packet(0, b"GET /"));
        writer.write(&client_hello(1001, 1));
        writer.write(&client_hello(1002, 2));
        writer.write(&packet(1210, b"x"));
        assert_eq!(contents(&path), "p [key 1,key 1+] h1", "what follows waits for its secrets");
        // The secrets of a handshake come in two parts.
        source.know(2, 1);
        writer.write(&client_hello(1211, 1));
        writer.write(&packet(1212, b"x"));
        source.know(2, 2);
        writer.write(&packet(1213, b"x"));
        writer.close();
        let want = "p [key 1,key 1+] h1 [key 2] [key 2+] h2 p h1 p p";
        assert_eq!(contents(&path), want, "nothing of connection 9, which is not in the file");
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn packets_do_not_wait_for_secrets_that_do_not_come() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w");
        let source = Arc::new(Secrets::default());
        let mut writer = writer(&path, Rotation::default(), Arc::clone(&source));
        writer.write(&client_hello(0, 1));
        writer.write(&packet(300, b"x"));
        assert_eq!(contents(&path), "");
        writer.write(&Item::Time(Timestamp(600 * MS)));
        assert_eq!(contents(&path), "h1 p");
        // Later ones stand behind what they open: mcpdump reads them there, too.
        source.know(1, COMPLETE);
        writer.write(&packet(700, b"x"));
        writer.close();
        assert_eq!(contents(&path), "h1 p [key 1,key 1+] p");
    }

    #[test]
    fn secrets_of_the_capture_are_those_of_its_packets() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w");
        let block = |text: &'static str| Item::Secrets {
            kind: TLS_KEY_LOG,
            data: Bytes::from_static(text.as_bytes()),
        };
        let source = Arc::new(Secrets::default());
        let mut writer = writer(&path, Rotation::default(), Arc::clone(&source));
        for item in [block("key 3"), packet(0, b"x"), client_hello(0, 4), block("key 4"), block("key 5")] {
            writer.write(&item);
        }
        source.identified.lock().unwrap().push([5; 32]);
        writer.write(&packet(1, b"x"));
        writer.close();
        assert_eq!(contents(&path), "[key 5,key 5+] p [key 4,key 4+] h4 p");
    }

    /// The analysis sees a packet after it was written.
    #[test]
    fn secrets_found_by_trial_stand_before_the_packets_that_showed_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w");
        let source = Arc::new(Secrets::default());
        let mut writer = writer(&path, Rotation::default(), Arc::clone(&source));
        let mut find = |ms: &[i64], connection: u8| {
            ms.iter().for_each(|ms| writer.write(&packet(*ms, b"x")));
            source.identified.lock().unwrap().push([connection; 32]);
            source.know(connection, COMPLETE);
        };
        find(&[0, 210, 490], 1);
        // Later at least the packet that showed it is still in memory.
        find(&[5000, 5300], 2);
        writer.close();
        assert_eq!(contents(&path), "[key 1,key 1+] p p p p [key 2,key 2+] p");
    }

    #[test]
    fn each_file_has_the_secrets_of_connections_that_go_on_in_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w");
        let source = Arc::new(Secrets::default());
        let rotation = Rotation { size: Some(1), ..Rotation::default() };
        let mut writer = writer(&path, rotation, Arc::clone(&source));
        source.know(1, COMPLETE);
        writer.write(&client_hello(0, 1));
        writer.write(&packet(1, b"x"));
        writer.close();
        let second = directory.path().join("w1");
        assert_eq!((contents(&path).as_str(), contents(&second).as_str()), ("", "[key 1,key 1+] h1"));
        assert_eq!(contents(&directory.path().join("w2")), "[key 1,key 1+] p");
        assert_eq!(mode(&second), 0o600);
    }

    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }
}
