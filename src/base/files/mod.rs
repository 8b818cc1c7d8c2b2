//! The files of a capture: which file a packet is in, and its number there.
//!
//! Several files are read as one capture, whose packets are numbered over all of them
//! ([`PacketNo`]). What a user can look up in Wireshark is the number in a file: `b.pcap:1328`.
//! Numbers are resolved when they are written. Until then a packet has its number in the capture
//! alone, so that nothing that is kept for a packet or a message grows.
//!
//! ```text
//!  merge ─▶ Turns: which file yields packets from here on ──┐
//!                                                           ├─▶ b.pcap:1328, tcp.stream 4
//!  front ─▶ Streams: which connections a file holds ────────┘
//! ```

mod names;
mod streams;
#[cfg(test)]
mod tests;
mod turns;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{PacketNo, sanitize};
use streams::Streams;
use turns::Turns;

/// The files of a capture, shared by what reads them and what writes results. Cloning it copies a
/// pointer.
///
/// Without files (a device), and with one file, packets and connections have the numbers of the
/// capture, and [`Files::name`] is `None`.
#[derive(Clone, Debug, Default)]
pub struct Files(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    /// Names as they were given.
    paths: Vec<String>,
    names: Vec<Arc<str>>,
    numbers: Mutex<Numbers>,
}

/// The same names.
impl PartialEq for Files {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

impl Eq for Files {}

#[derive(Debug)]
struct Numbers {
    turns: Turns,
    streams: Streams,
}

impl Files {
    /// Creates the files with these names, in the order in which they decide between equal times.
    #[must_use]
    pub fn new(paths: Vec<String>) -> Self {
        if paths.is_empty() {
            return Self::default();
        }
        let numbers = Numbers { turns: Turns::new(paths.len()), streams: Streams::new(paths.len()) };
        let names = names::short(&paths).iter().map(|name| sanitize::escape(name).into()).collect();
        Self(Some(Arc::new(Shared { paths, names, numbers: Mutex::new(numbers) })))
    }

    /// Returns the same files for another reading of them, of which nothing is known yet.
    #[must_use]
    pub fn again(&self) -> Self {
        Self::new(self.0.as_ref().map(|shared| shared.paths.clone()).unwrap_or_default())
    }

    /// Whether there are several files, so that numbers need the name of theirs.
    #[must_use]
    pub fn are_several(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.names.len() > 1)
    }

    /// Returns the names of the files: base names, longer where two are alike. Sanitized.
    #[must_use]
    pub fn names(&self) -> &[Arc<str>] {
        self.0.as_ref().map_or(&[], |shared| &shared.names)
    }

    /// The packets from `at` on are of the file with this index, until the next call. Returns false
    /// once, when there is no room for more: packets from there on are numbered over all files.
    pub fn begin_turn(&self, at: PacketNo, file: usize) -> bool {
        self.several().is_none_or(|shared| lock(shared).turns.begin(at.0, file))
    }

    /// A packet of a connection (numbered over all files) was read. Returns false once, when there
    /// is no room for the numbers of more.
    pub fn add_stream(&self, at: PacketNo, tcp_stream: u32) -> bool {
        let Some(shared) = self.several() else { return true };
        let mut numbers = lock(shared);
        match numbers.turns.file(at.0) {
            Some(file) => numbers.streams.add(file, tcp_stream),
            None => true,
        }
    }

    /// Returns the name of the file that a packet is in; `None` without several files, or if it is
    /// not known any more.
    #[must_use]
    pub fn name(&self, packet: PacketNo) -> Option<&str> {
        let shared = self.several()?;
        let file = lock(shared).turns.file(packet.0)?;
        shared.names.get(file).map(|name| &**name)
    }

    /// Returns the same, of one file, too.
    #[must_use]
    pub fn file(&self, packet: PacketNo) -> Option<&Arc<str>> {
        let shared = self.0.as_ref()?;
        let file = if shared.names.len() == 1 { 0 } else { lock(shared).turns.file(packet.0)? };
        shared.names.get(file)
    }

    /// Returns the file that a packet is in as it was named, with its directories; `None` as for
    /// [`Files::name`].
    #[must_use]
    pub fn path(&self, packet: PacketNo) -> Option<&str> {
        let shared = self.several()?;
        let file = lock(shared).turns.file(packet.0)?;
        shared.paths.get(file).map(String::as_str)
    }

    /// Returns the number of a packet in its file.
    #[must_use]
    pub fn number(&self, packet: PacketNo) -> u64 {
        let Some(shared) = self.several() else { return packet.0 };
        let numbers = lock(shared);
        numbers.turns.file(packet.0).map_or(packet.0, |file| numbers.turns.count(file, packet.0))
    }

    /// Returns the number of a connection (`tcp.stream`) in the file of a packet of it; `None` if
    /// it is not known.
    #[must_use]
    pub fn stream(&self, tcp_stream: u32, packet: PacketNo) -> Option<u32> {
        let Some(shared) = self.several() else { return Some(tcp_stream) };
        let numbers = lock(shared);
        numbers.streams.number(numbers.turns.file(packet.0)?, tcp_stream)
    }

    /// Returns a packet as it is printed: `1328`; with several files `b.pcap:1328`.
    #[must_use]
    pub fn packet(&self, packet: PacketNo) -> PacketName<'_> {
        PacketName { file: self.name(packet), number: self.number(packet) }
    }

    /// Returns the packets from `first` to `last` as they are printed: `61`, `61-66`; with several
    /// files `b.pcap:61-66`, `a.pcap:61-b.pcap:2`.
    #[must_use]
    pub fn packets(&self, first: PacketNo, last: PacketNo) -> String {
        let (from, to) = (self.packet(first), self.packet(last));
        match (first == last, from.file == to.file) {
            (true, _) => from.to_string(),
            (false, true) => format!("{from}-{}", to.number),
            (false, false) => format!("{from}-{to}"),
        }
    }

    /// Returns a connection in the file of one of its packets as it is printed: `4`, `b.pcap:4`.
    #[must_use]
    pub fn connection(&self, tcp_stream: u32, packet: PacketNo) -> String {
        match (self.name(packet), self.stream(tcp_stream, packet)) {
            (Some(file), Some(number)) => format!("{file}:{number}"),
            (Some(file), None) => format!("{file}:?"),
            (None, number) => number.unwrap_or(tcp_stream).to_string(),
        }
    }

    /// Returns the packets with this number, over all files: in the file with this name (ignoring
    /// case), or in each. Of the file that is being read, the packet may be one that will come.
    pub fn find(&self, name: Option<&str>, number: u64) -> impl Iterator<Item = PacketNo> {
        let found = match &self.0 {
            None if name.is_some() => Vec::new(),
            None => vec![number],
            Some(shared) => {
                let is_named = |index: &usize| {
                    let of = shared.names.get(*index);
                    name.is_none_or(|name| of.is_some_and(|of| of.eq_ignore_ascii_case(name)))
                };
                let files = (0..shared.names.len()).filter(is_named);
                if shared.names.len() == 1 {
                    files.map(|_| number).collect()
                } else {
                    let numbers = lock(shared);
                    files.filter_map(|file| numbers.turns.find(file, number)).collect()
                }
            }
        };
        found.into_iter().map(PacketNo)
    }

    /// Returns connections and ranges of packets as those of each file that holds some: what a
    /// display filter of Wireshark can name.
    #[must_use]
    pub fn by_file<'a>(&'a self, tcp_streams: &[u32], packets: &[(PacketNo, PacketNo)]) -> Vec<InFile<'a>> {
        let Some(shared) = self.several() else {
            let ranges = packets.iter().map(|(first, last)| (first.0, last.0)).collect();
            return vec![InFile { file: None, tcp_streams: tcp_streams.to_vec(), packets: joined(ranges) }];
        };
        let numbers = lock(shared);
        let of_file = |(file, name): (usize, &'a Arc<str>)| {
            let streams = tcp_streams.iter().filter_map(|stream| numbers.streams.number(file, *stream));
            let mut tcp_streams: Vec<u32> = streams.collect();
            tcp_streams.sort_unstable();
            let within = |(first, last): &(PacketNo, PacketNo)| {
                // Packets of other files between two of one file belong to something else.
                let ends = [first, last].map(|packet| numbers.turns.file(packet.0));
                let is_within = ends == [Some(file); 2] || ends[0] != ends[1];
                let from = numbers.turns.count(file, first.0.saturating_sub(1)) + 1;
                let to = numbers.turns.count(file, last.0);
                (is_within && from <= to).then_some((from, to))
            };
            let packets = joined(packets.iter().filter_map(within).collect());
            (tcp_streams, packets, name)
        };
        let all = shared.names.iter().enumerate().map(of_file);
        all.filter(|(tcp_streams, packets, _)| !tcp_streams.is_empty() && !packets.is_empty())
            .map(|(tcp_streams, packets, name)| InFile { file: Some(&**name), tcp_streams, packets })
            .collect()
    }

    /// Replaces the marks of [`PacketNo::mention`] in a text by the packets as they are printed.
    #[must_use]
    pub fn resolve<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !text.contains(MARK) {
            return Cow::Borrowed(text);
        }
        let mut parts = text.split(MARK);
        let mut resolved = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = part.split_at_checked(digits).unwrap_or(("", part));
            match number.parse() {
                Ok(packet) if !number.starts_with('0') => {
                    resolved.push_str(&self.packet(PacketNo(packet)).to_string());
                }
                // It is text of the traffic.
                _ => resolved.extend([MARK].into_iter().chain(number.chars())),
            }
            resolved.push_str(rest);
        }
        Cow::Owned(resolved)
    }

    fn several(&self) -> Option<&Shared> {
        self.0.as_deref().filter(|shared| shared.names.len() > 1)
    }
}

/// Stands before the number of a packet in a text. The text may come before the packet's file is
/// known to those who write it; text of traffic that has the character is left alone.
const MARK: char = '\u{1}';

impl PacketNo {
    /// Returns the packet for the text of a finding: [`Files::resolve`] replaces it by the number
    /// in its file.
    #[must_use]
    pub fn mention(self) -> Mention {
        Mention(self)
    }
}

/// A packet in the text of a finding.
#[derive(Clone, Copy, Debug)]
pub struct Mention(PacketNo);

impl fmt::Display for Mention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK}{}", self.0)
    }
}

/// A packet as it is printed: `1328`, or `b.pcap:1328`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketName<'a> {
    /// Name of the file; `None` unless there are several.
    pub file: Option<&'a str>,
    /// Number in the file.
    pub number: u64,
}

impl fmt::Display for PacketName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file {
            Some(file) => write!(f, "{file}:{}", self.number),
            None => write!(f, "{}", self.number),
        }
    }
}

/// Connections and packets in one file, with their numbers there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFile<'a> {
    /// Name of the file; `None` unless there are several.
    pub file: Option<&'a str>,
    /// Connections, ascending.
    pub tcp_streams: Vec<u32>,
    /// First and last number of each range, ascending, without overlap.
    pub packets: Vec<(u64, u64)>,
}

impl InFile<'_> {
    /// Returns the numbers of the packets, each once: `140, 142-144`, with `to` between the ends of
    /// a range.
    #[must_use]
    pub fn numbers(&self, to: &str) -> String {
        let word = |(first, last): &(u64, u64)| {
            if first == last { first.to_string() } else { format!("{first}{to}{last}") }
        };
        self.packets.iter().map(word).collect::<Vec<_>>().join(", ")
    }

    /// Returns the Wireshark display filter for the packets (User's Guide, section 6.4.5); empty
    /// without packets.
    #[must_use]
    pub fn filter(&self) -> String {
        let connection = match self.tcp_streams.as_slice() {
            [one] => format!("tcp.stream == {one}"),
            several => {
                let several: Vec<_> = several.iter().map(u32::to_string).collect();
                format!("tcp.stream in {{{}}}", several.join(", "))
            }
        };
        match self.packets.as_slice() {
            [] => String::new(),
            [(first, last)] if first == last => format!("{connection} && frame.number == {first}"),
            _ => format!("{connection} && frame.number in {{{}}}", self.numbers("..")),
        }
    }
}

/// Sorts ranges and joins those that touch.
fn joined(mut ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match joined.last_mut().filter(|(_, end)| first <= end.saturating_add(1)) {
            Some((_, end)) => *end = last.max(*end),
            None => joined.push((first, last)),
        }
    }
    joined
}

/// A writer that panicked left complete numbers behind.
fn lock(shared: &Shared) -> MutexGuard<'_, Numbers> {
    shared.numbers.lock().unwrap_or_else(PoisonError::into_inner)
}
