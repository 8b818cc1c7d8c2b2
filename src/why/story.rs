//! Stories: what became of something, sentence by sentence, each with its evidence.

use std::fmt;

use crate::base::PacketNo;

/// The most lines of a story as text: a screen.
pub(super) const MAX_LINES: usize = 20;

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
}

impl Sentence {
    /// Creates a sentence without sources.
    pub(super) fn new(
        topic: Topic,
        certainty: Certainty,
        text: impl Into<String>,
        evidence: Evidence,
    ) -> Self {
        Self { topic, certainty, text: text.into(), evidence, sources: Vec::new(), quotes_traffic: false }
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
    /// Wireshark's numbers of the connections, ascending.
    tcp_streams: Vec<u32>,
    /// First and last packet number of each range, ascending, without overlap.
    packets: Vec<(u64, u64)>,
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
        self.packets.push((first.0.min(last.0), first.0.max(last.0)));
        self.packets.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(self.packets.len());
        for (first, last) in self.packets {
            match merged.last_mut().filter(|(_, end)| first <= end.saturating_add(1)) {
                Some((_, end)) => *end = last.max(*end),
                None => merged.push((first, last)),
            }
        }
        self.packets = merged;
        self
    }

    /// Whether there are no packets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Returns the connections, by Wireshark's numbers, ascending.
    #[must_use]
    pub fn tcp_streams(&self) -> &[u32] {
        &self.tcp_streams
    }

    /// Returns the first and the last number of each range of packets, ascending.
    #[must_use]
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.packets
    }

    /// Returns the Wireshark display filter for the packets (User's Guide, section 6.4.5); empty
    /// without packets.
    #[must_use]
    pub fn filter(&self) -> String {
        if self.packets.is_empty() {
            return String::new();
        }
        let numbers: Vec<u32> = self.tcp_streams.clone();
        let connection = match numbers.as_slice() {
            [one] => format!("tcp.stream == {one}"),
            several => {
                let several: Vec<_> = several.iter().map(u32::to_string).collect();
                format!("tcp.stream in {{{}}}", several.join(", "))
            }
        };
        match self.packets.as_slice() {
            [(first, last)] if first == last => format!("{connection} && frame.number == {first}"),
            _ => format!("{connection} && frame.number in {{{}}}", self.numbers("..")),
        }
    }

    fn numbers(&self, to: &str) -> String {
        let word = |(first, last): &(u64, u64)| {
            if first == last { first.to_string() } else { format!("{first}{to}{last}") }
        };
        self.packets.iter().map(word).collect::<Vec<_>>().join(", ")
    }
}

/// The packet numbers, as `packets 61-62, 78`; the first few of many.
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.packets.get(..self.packets.len().min(MAX_PACKETS)).unwrap_or_default();
        let shown = Self { tcp_streams: Vec::new(), packets: kept.to_vec() };
        let noun = if matches!(kept, [(first, last)] if first == last) { "packet" } else { "packets" };
        write!(f, "{noun} {}", shown.numbers("-"))?;
        if kept.len() < self.packets.len() { write!(f, ", …") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(packets: &[(u32, u64, u64)]) -> Evidence {
        packets.iter().fold(Evidence::none(), |evidence, (stream, first, last)| {
            evidence.range(*stream, PacketNo(*first), PacketNo(*last))
        })
    }

    #[test]
    fn packets_are_named_once_and_in_order() {
        let evidence = evidence(&[(3, 78, 78), (3, 61, 62), (3, 62, 63), (3, 64, 64)]);
        assert_eq!(evidence.to_string(), "packets 61-64, 78");
        assert_eq!(evidence.filter(), "tcp.stream == 3 && frame.number in {61..64, 78}");
    }

    #[test]
    fn a_filter_names_every_connection_and_every_packet() {
        assert_eq!(evidence(&[(0, 7, 7)]).filter(), "tcp.stream == 0 && frame.number == 7");
        assert_eq!(evidence(&[(0, 7, 7)]).to_string(), "packet 7");
        let two = evidence(&[(4, 9, 9), (2, 5, 5)]);
        assert_eq!(two.filter(), "tcp.stream in {2, 4} && frame.number in {5, 9}");
        assert_eq!(Evidence::none().filter(), "");
        let many: Vec<_> = (0..20).map(|n| (1, n * 10, n * 10)).collect();
        assert!(evidence(&many).to_string().ends_with(", 110, …"));
        assert!(evidence(&many).filter().ends_with(", 190}"), "a filter leaves no packet out");
    }
}
