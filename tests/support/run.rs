//! Runs the engine over a capture and keeps what it emits.

use std::collections::BTreeMap;

use mcpdump::base::{Fact, Finding, Findings};
use mcpdump::capture::{self, Item, Packet, Source};
use mcpdump::engine::Engine;
use mcpdump::export::jsonl;
use mcpdump::ledger::{CaptureFact, ConnectionFact, Entry, Exchange, Notification, Record, Stream};
use serde_json::Value;

/// The output of the engine for one capture.
pub(crate) struct Run {
    /// All entries, in order.
    pub(crate) entries: Vec<Entry>,
}

impl Run {
    /// Runs the engine over a source.
    ///
    /// # Errors
    /// Those of the source.
    pub(crate) fn of(source: &mut dyn Source) -> Result<Self, capture::Error> {
        let (mut engine, mut entries) = (Engine::new(), Vec::new());
        while engine.read(source, &mut entries)? {}
        Ok(Self { entries })
    }

    /// Runs the engine over items.
    pub(crate) fn over(items: &[Item]) -> Self {
        Self::of(&mut Replay(items.iter())).expect("a list of items is always readable")
    }

    /// Runs the engine over items, with the payloads of messages.
    pub(crate) fn with_payloads(items: &[Item]) -> Self {
        let (mut engine, mut entries) = (Engine::new(), Vec::new());
        engine.emit_payloads();
        let mut source = Replay(items.iter());
        while engine.read(&mut source, &mut entries).expect("a list of items is always readable") {}
        Self { entries }
    }

    /// Runs the engine over a source, with requests emitted as they are captured.
    ///
    /// # Errors
    /// Those of the source.
    pub(crate) fn watching(source: &mut dyn Source) -> Result<Self, capture::Error> {
        let (mut engine, mut entries) = (Engine::new(), Vec::new());
        engine.emit_requests();
        while engine.read(source, &mut entries)? {}
        Ok(Self { entries })
    }

    /// `export --to jsonl`.
    pub(crate) fn jsonl(&self) -> String {
        let mut text = Vec::new();
        for entry in &self.entries {
            jsonl::write(entry, &mut text).unwrap();
        }
        String::from_utf8(text).expect("the export is UTF-8")
    }

    /// The rows of `export --to jsonl`.
    pub(crate) fn rows(&self) -> Vec<Value> {
        parse_rows(&self.jsonl())
    }

    /// The exchanges, in order of completion.
    pub(crate) fn exchanges(&self) -> Vec<&Exchange> {
        self.entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Record(Record::Exchange(exchange)) => Some(&**exchange),
                _ => None,
            })
            .collect()
    }

    /// The event streams, in the order of their ends.
    pub(crate) fn streams(&self) -> Vec<&Stream> {
        self.entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Record(Record::Stream(stream)) => Some(&**stream),
                _ => None,
            })
            .collect()
    }

    /// The notifications, in order.
    pub(crate) fn notifications(&self) -> Vec<&Notification> {
        self.entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Record(Record::Notification(notification)) => Some(&**notification),
                _ => None,
            })
            .collect()
    }

    /// The findings, in order.
    pub(crate) fn findings(&self) -> Vec<&Finding> {
        self.entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Finding(finding) => Some(finding),
                _ => None,
            })
            .collect()
    }

    /// The connections.
    pub(crate) fn connections(&self) -> Vec<&ConnectionFact> {
        self.entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Fact(Fact::Connection(connection)) => Some(&**connection),
                _ => None,
            })
            .collect()
    }

    /// The counts of the whole capture, or `None` if it has none.
    pub(crate) fn capture(&self) -> Option<CaptureFact> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Fact(Fact::Capture(capture)) => Some(**capture),
            _ => None,
        })
    }

    /// Whether every byte was captured once and in order: no hole, no retransmission.
    pub(crate) fn is_smooth(&self) -> bool {
        self.connections().iter().flat_map(|connection| connection.directions).all(|direction| {
            direction.holes == 0 && direction.retransmissions == 0 && direction.duplicates == 0
        })
    }
}

/// Parses JSON lines.
pub(crate) fn parse_rows(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// A list of items as a source.
struct Replay<I>(I);

impl<'a, I: Iterator<Item = &'a Item>> Source for Replay<I> {
    fn next(&mut self, _findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        Ok(self.0.next().cloned())
    }
}

/// A list of items as a source that owns them.
pub(crate) fn source_of(items: Vec<Item>) -> impl Source {
    struct Owned(std::vec::IntoIter<Item>);
    impl Source for Owned {
        fn next(&mut self, _findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
            Ok(self.0.next())
        }
    }
    Owned(items.into_iter())
}

/// The packets among items, by their number.
pub(crate) fn packets(items: &[Item]) -> BTreeMap<u64, &Packet> {
    items
        .iter()
        .filter_map(|item| match item {
            Item::Packet(packet) => Some((packet.origin.packet.0, packet)),
            _ => None,
        })
        .collect()
}

/// A capture made from another: its packets, renumbered, and the original number of each.
pub(crate) struct Remade {
    /// The items; packets are numbered from 1.
    pub(crate) items: Vec<Item>,
    /// The original number of packet `n`, at index `n - 1`.
    back: Vec<u64>,
}

impl Remade {
    /// Renumbers packets that still have their original number.
    pub(crate) fn new(mut items: Vec<Item>) -> Self {
        let mut back = Vec::new();
        for item in &mut items {
            if let Item::Packet(packet) = item {
                back.push(packet.origin.packet.0);
                packet.origin.packet.0 = back.len() as u64;
            }
        }
        Self { items, back }
    }

    /// The original number of packet `n`.
    pub(crate) fn back(&self, n: u64) -> u64 {
        let at = usize::try_from(n).unwrap().checked_sub(1);
        at.and_then(|at| self.back.get(at)).copied().unwrap_or(0)
    }

    /// Replaces every packet number in a row of the export by the original number.
    pub(crate) fn map_back(&self, row: &mut Value) {
        if let Value::Array(elements) = row {
            elements.iter_mut().for_each(|element| self.map_back(element));
        }
        let Value::Object(fields) = row else {
            return;
        };
        for (name, value) in fields.iter_mut() {
            match (name.as_str(), value.as_u64()) {
                (
                    "first_packet" | "last_packet" | "packet" | "waited_packet" | "end_packet"
                    | "response_packet" | "first_token_packet",
                    Some(n),
                ) => *value = self.back(n).into(),
                _ => self.map_back(value),
            }
        }
    }
}
