//! A capture that is divided into several files.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use mcpdump::base::{Fact, Files};
use mcpdump::capture::save::{FileMetadata, PacketFile};
use mcpdump::capture::{Item, OpenOptions, from_readers};
use mcpdump::engine::Engine;
use mcpdump::ledger::Entry;
use serde_json::Value;

use super::run::source_of;

/// A capture in several files: `some/0.pcap` and so on.
pub(crate) struct Split {
    pub(crate) files: Vec<Vec<u8>>,
    /// The file of each packet, and its number there.
    places: Vec<(usize, u64)>,
    /// The connections of each file in the order of their first packets: Wireshark's numbers.
    streams: Vec<Vec<u32>>,
}

impl Split {
    /// Puts packets into `count` files: `changes` says after how many packets, and to which file,
    /// it goes on. Packets of one time stay together, since equal times do not tell their order.
    pub(crate) fn of(items: &[Item], count: usize, changes: &[(usize, usize)]) -> Self {
        let new = || PacketFile::new(Vec::new(), FileMetadata::default());
        let mut writers: Vec<_> = std::iter::repeat_with(new).take(count).collect();
        let mut split = Self { files: Vec::new(), places: Vec::new(), streams: vec![Vec::new(); count] };
        let connections = connections(items);
        let mut changes = changes.iter().copied();
        let (mut file, mut next, mut latest) = (0, changes.next(), i64::MIN);
        let mut counts = vec![0; count];
        for item in items {
            match item {
                Item::Packet(packet) => {
                    let number = packet.origin.packet.0;
                    if let Some((_, to)) = next.filter(|(after, _)| split.places.len() >= *after)
                        && packet.origin.time.0 > latest
                    {
                        file = to % count;
                        let passed = split.places.len();
                        next = changes.next().map(|(more, to)| (passed + more, to));
                    }
                    latest = latest.max(packet.origin.time.0);
                    counts[file] += 1;
                    split.places.push((file, counts[file]));
                    if let Some(stream) = connections.get(&number)
                        && !split.streams[file].contains(stream)
                    {
                        split.streams[file].push(*stream);
                    }
                    writers[file].packet(packet, None).unwrap();
                }
                // What precedes the packets of any file is read first.
                Item::Secrets { kind, data } => writers[0].secrets(*kind, data).unwrap(),
                Item::Lost { .. } | Item::Time(_) | Item::Pending => {}
            }
        }
        split.files = writers.into_iter().map(|writer| writer.finish().unwrap()).collect();
        split
    }

    /// Analyses the files, and returns what is emitted and their numbers.
    pub(crate) fn run(&self) -> (Vec<Entry>, Files) {
        self.run_with(Engine::new())
    }

    /// Does the same with an engine.
    pub(crate) fn run_with(&self, mut engine: Engine) -> (Vec<Entry>, Files) {
        let names: Vec<String> = (0..self.files.len()).map(|index| format!("some/{index}.pcap")).collect();
        let readers = names.iter().zip(&self.files).map(|(name, file)| {
            let file: Box<dyn Read + Send> = Box::new(Cursor::new(file.clone()));
            (name.clone(), file)
        });
        let files = Files::new(names.clone());
        let capture = from_readers(readers.collect(), &OpenOptions::default()).unwrap();
        let mut capture = capture.numbering(files.clone());
        engine.set_files(files.clone());
        let mut entries = Vec::new();
        while engine.read(&mut capture, &mut entries).unwrap() {}
        (entries, files)
    }

    /// Replaces the numbers of the files in a row by those of the whole capture.
    pub(crate) fn whole(&self, value: &mut Value) {
        let Value::Object(fields) = value else { return };
        let names: Vec<String> = fields.keys().cloned().collect();
        for name in names {
            let of_file = match name.as_str() {
                "file" => "packet".to_owned(),
                "stream_file" => "tcp_stream".to_owned(),
                name => match name.strip_suffix("_file") {
                    Some(front) => format!("{front}_packet"),
                    None => continue,
                },
            };
            let file = fields.remove(&name).unwrap();
            let Some(file) = file.as_str() else {
                assert_eq!(fields[&of_file], Value::Null, "{name} is missing: {fields:?}");
                continue;
            };
            let file: usize = file.strip_suffix(".pcap").unwrap().parse().unwrap();
            let number = fields[&of_file].as_u64().unwrap();
            fields[&of_file] = if of_file == "tcp_stream" {
                self.streams[file][usize::try_from(number).unwrap()].into()
            } else {
                self.packet(file, number).into()
            };
        }
        if let Some(Value::String(detail)) = fields.get_mut("detail") {
            *detail = self.whole_text(detail);
        }
        fields.values_mut().for_each(|value| self.whole(value));
    }

    fn packet(&self, file: usize, number: u64) -> u64 {
        self.places.iter().position(|place| *place == (file, number)).unwrap() as u64 + 1
    }

    /// The same in the text of a finding: `0.pcap:12`.
    fn whole_text(&self, text: &str) -> String {
        let pattern = regex::Regex::new(r"(\d)\.pcap:(\d+)").unwrap();
        let number = |found: &regex::Captures<'_>| {
            self.packet(found[1].parse().unwrap(), found[2].parse().unwrap()).to_string()
        };
        pattern.replace_all(text, number).into_owned()
    }
}

/// The connection of each packet.
fn connections(items: &[Item]) -> BTreeMap<u64, u32> {
    let (mut engine, mut entries) = (Engine::of_segments(), Vec::new());
    let mut source = source_of(items.to_vec());
    while engine.read(&mut source, &mut entries).unwrap() {}
    let segment = |entry: &Entry| match entry {
        Entry::Fact(Fact::Segment(segment)) => Some((segment.origin.packet.0, segment.tcp_stream)),
        _ => None,
    };
    entries.iter().filter_map(segment).collect()
}
