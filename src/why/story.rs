//! Stories: what became of something, sentence by sentence, each with its evidence.

use super::words::capitalized;
use crate::base::code::Confidence;
use crate::base::files::InFile;
use crate::base::{Code, Files, Finding, PacketNo, sanitize, units};

/// The most lines of a story as text: a screen.
pub(super) const MAX_LINES: usize = 20;

/// Sentences of one kind in a story, at most.
pub(super) const MOST_ALIKE: usize = 2;

/// Columns of the detail of a finding.
const MAX_DETAIL: usize = 160;

/// Packet numbers that a sentence names. Others are counted.
const MAX_PACKETS: usize = 12;

/// What became of an exchange, a session, or of what is worst in a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// What it is about. Quotes traffic; sanitized.
    pub title: String,
    /// What it is about, as numbers.
    pub subject: Subject,
    /// The sentences, in the order of the story.
    pub sentences: Vec<Sentence>,
}

/// What a story is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subject {
    /// A whole capture.
    #[default]
    Capture,
    /// A session, by its number in the capture.
    Session(u32),
    /// An exchange, by its `n`.
    Exchange(u64),
}

/// How sure a sentence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// The packets show it.
    Proven,
    /// It explains the packets best; something else could have sent the same ones.
    Likely,
    /// A time equals a known limit. Another cause may end something after the same time.
    Matches,
    /// The capture lacks what would decide it.
    Unknown,
}

impl Certainty {
    /// Returns the name used in output: the same number of columns for all but one.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Likely => "likely",
            Self::Matches => "matches",
            Self::Unknown => "unknown",
        }
    }
}

/// The question that a sentence answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// What became of it.
    Outcome,
    /// Who ended it, and how.
    Ended,
    /// Which limit was reached.
    Limit,
    /// Where the time went.
    Time,
    /// How its event streams did.
    Stream,
    /// What became of its session.
    Session,
}

impl Topic {
    /// Returns the name used in exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Ended => "ended",
            Self::Limit => "limit",
            Self::Time => "time",
            Self::Stream => "stream",
            Self::Session => "session",
        }
    }
}

/// One sentence of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// The question that it answers.
    pub topic: Topic,
    /// How sure it is.
    pub certainty: Certainty,
    /// The sentence. Quotes traffic; sanitized.
    pub text: String,
    /// The packets that show it.
    pub evidence: Evidence,
    /// Where known limits are documented.
    pub sources: Vec<String>,
    /// Whether the sentence has words of the traffic: a header field, a name, the detail of a
    /// finding.
    pub quotes_traffic: bool,
    /// The finding that it tells; `None` if it tells something else.
    pub finding: Option<Code>,
}

impl Sentence {
    /// Creates a sentence without sources.
    pub(super) fn new(
        topic: Topic,
        certainty: Certainty,
        text: impl Into<String>,
        evidence: Evidence,
    ) -> Self {
        Self {
            topic,
            certainty,
            text: text.into(),
            evidence,
            sources: Vec::new(),
            quotes_traffic: false,
            finding: None,
        }
    }

    /// Tells findings of one code by the first of them; `None` without one.
    pub(super) fn of_findings<'a>(
        topic: Topic,
        mut findings: impl Iterator<Item = &'a Finding>,
    ) -> Option<Self> {
        let first = findings.next()?;
        let count = findings.fold(first.count, |count, it| count.saturating_add(it.count));
        Some(Self::of_finding(topic, first, count))
    }

    fn of_finding(topic: Topic, finding: &Finding, count: u64) -> Self {
        let times = units::several(count, "time");
        // A finding of many alike says it itself.
        let is_said = count <= 1 || finding.detail.starts_with(&times);
        let times = if is_said { String::new() } else { format!(", {times}") };
        let detail = sanitize::clean(&finding.detail);
        let text = format!(
            "{} ({}{times}): {}",
            capitalized(finding.code.info().title),
            finding.code.name(),
            sanitize::fit(&detail, MAX_DETAIL)
        );
        let certainty = match finding.code.confidence() {
            Confidence::Proven => Certainty::Proven,
            Confidence::Likely => Certainty::Likely,
        };
        let evidence = match (finding.tcp_stream, finding.at) {
            (Some(tcp_stream), Some(at)) => Evidence::none().packet(tcp_stream, at.packet),
            _ => Evidence::none(),
        };
        Self { finding: Some(finding.code), ..Self::new(topic, certainty, text, evidence).quoting() }
    }

    /// Marks the sentence as one that has words of the traffic.
    #[must_use]
    pub(super) fn quoting(self) -> Self {
        Self { quotes_traffic: true, ..self }
    }
}

/// Packets, and the connections that they belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The connections, by their numbers in the capture, ascending.
    tcp_streams: Vec<u32>,
    /// First and last packet of each range, ascending.
    packets: Vec<(PacketNo, PacketNo)>,
}

impl Evidence {
    /// Creates evidence without packets.
    pub(super) fn none() -> Self {
        Self::default()
    }

    /// Adds a packet of a connection.
    #[must_use]
    pub(super) fn packet(self, tcp_stream: u32, packet: PacketNo) -> Self {
        self.range(tcp_stream, packet, packet)
    }

    /// Adds the packets of a connection from `first` to `last`.
    #[must_use]
    pub(super) fn range(mut self, tcp_stream: u32, first: PacketNo, last: PacketNo) -> Self {
        if let Err(at) = self.tcp_streams.binary_search(&tcp_stream) {
            self.tcp_streams.insert(at, tcp_stream);
        }
        let range = (first.min(last), first.max(last));
        if let Err(at) = self.packets.binary_search(&range) {
            self.packets.insert(at, range);
        }
        self
    }

    /// Whether there are no packets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Returns connections and packets with their numbers in each file that holds some. Empty
    /// without packets.
    #[must_use]
    pub fn in_files<'a>(&self, files: &'a Files) -> Vec<InFile<'a>> {
        if self.is_empty() { Vec::new() } else { files.by_file(&self.tcp_streams, &self.packets) }
    }

    /// Returns a line for each file: the packets, and their Wireshark display filter.
    #[must_use]
    pub fn lines(&self, files: &Files) -> Vec<String> {
        let line = |it: &InFile<'_>| format!("{}: {}", named(it), it.filter());
        self.in_files(files).iter().map(line).collect()
    }
}

/// Returns the packet numbers, as `packets 61-62, 78`, `packet b.pcap:7`; the first few of many.
fn named(it: &InFile<'_>) -> String {
    let word = |(first, last): &(u64, u64)| {
        let file = it.file.map(|file| format!("{file}:")).unwrap_or_default();
        if first == last { format!("{file}{first}") } else { format!("{file}{first}-{last}") }
    };
    let shown: Vec<String> = it.packets.iter().take(MAX_PACKETS).map(word).collect();
    let noun =
        if matches!(it.packets.as_slice(), [(first, last)] if first == last) { "packet" } else { "packets" };
    let more = if shown.len() < it.packets.len() { ", …" } else { "" };
    format!("{noun} {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(packets: &[(u32, u64, u64)]) -> Evidence {
        packets.iter().fold(Evidence::none(), |evidence, (stream, first, last)| {
            evidence.range(*stream, PacketNo(*first), PacketNo(*last))
        })
    }

    fn lines(packets: &[(u32, u64, u64)]) -> String {
        evidence(packets).lines(&Files::default()).join("\n")
    }

    #[test]
    fn packets_are_named_once_and_in_order() {
        assert_eq!(
            lines(&[(3, 78, 78), (3, 61, 62), (3, 62, 63), (3, 64, 64)]),
            "packets 61-64, 78: tcp.stream == 3 && frame.number in {61..64, 78}"
        );
    }

    #[test]
    fn a_filter_names_every_connection_and_every_packet() {
        assert_eq!(lines(&[(0, 7, 7)]), "packet 7: tcp.stream == 0 && frame.number == 7");
        assert_eq!(
            lines(&[(4, 9, 9), (2, 5, 5)]),
            "packets 5, 9: tcp.stream in {2, 4} && frame.number in {5, 9}"
        );
        assert_eq!(lines(&[]), "");
        let many: Vec<_> = (0..20).map(|n| (1, n * 10, n * 10)).collect();
        assert!(lines(&many).contains(", 110, …: "));
        assert!(lines(&many).ends_with(", 190}"), "a filter leaves no packet out");
    }

    #[test]
    fn each_file_has_its_own_filter() {
        let files = Files::new(vec!["a.pcap".to_owned(), "b.pcap".to_owned()]);
        for (packet, file) in [(1, 0), (2, 0), (3, 1), (4, 1)] {
            files.begin_turn(PacketNo(packet), file);
            files.add_stream(PacketNo(packet), 7);
        }
        assert_eq!(
            evidence(&[(7, 2, 3), (7, 4, 4)]).lines(&files),
            [
                "packet a.pcap:2: tcp.stream == 0 && frame.number == 2",
                "packets b.pcap:1-2: tcp.stream == 0 && frame.number in {1..2}",
            ]
        );
    }
}
