//! Captures on loopback, if permitted, and sources over queues filled by the test.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use bytes::Bytes;

use super::queue::{Overflow, PacketMeta, Sender, queue};
use super::saver::SaverLoop;
use super::source::Live;
use super::{Counts, Error, Opened, Options, interfaces, open};
use crate::base::fact::Loser;
use crate::base::{Findings, Timestamp};
use crate::capture::save::{FileMetadata, Names, PacketWriter, Rotation, Target};
use crate::capture::{Item, LinkType, Source};

/// Opens loopback for the connections of `port`, with a time limit. Returns `None` and prints the
/// reason if that is not permitted.
fn loopback(port: u16, packets: Option<u64>) -> Option<Opened> {
    let filter = Some(format!("tcp port {port}"));
    let duration = Some(Duration::from_secs(30));
    match open(&Options { filter, packets, duration, buffer: 4 << 20, ..Options::default() }) {
        Ok(opened) => Some(opened),
        Err(why @ Error::NotAllowed { .. }) => {
            eprintln!("skipped: {why}");
            None
        }
        Err(why) => panic!("{why}"),
    }
}

fn next(live: &mut Live) -> Option<Item> {
    live.next(&mut Findings::new()).unwrap()
}

/// Sends `needle` through a connection.
fn say(listener: &TcpListener, needle: &[u8]) {
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.write_all(needle).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let mut got = vec![0; needle.len()];
    server.read_exact(&mut got).unwrap();
    assert_eq!(got, needle);
}

#[test]
fn loopback_is_captured() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let Some(opened) = loopback(listener.local_addr().unwrap().port(), None) else { return };
    assert_eq!((opened.link_type(), opened.snaplen()), (LinkType(1), 262_144));
    let mut live = opened.start().unwrap();
    let (stop, counts) = (live.stop(), live.counts());
    say(&listener, b"the needle");
    // At once: packets already on the wire are still yielded.
    stop.stop();
    let mut packets = Vec::new();
    while let Some(item) = next(&mut live) {
        if let Item::Packet(packet) = item {
            packets.push(packet);
        }
    }
    let numbers: Vec<_> = packets.iter().map(|packet| packet.origin.packet.0).collect();
    assert_eq!(numbers, (1..=packets.len() as u64).collect::<Vec<_>>());
    assert!(packets.iter().any(|packet| packet.data.ends_with(b"the needle")));
    assert!(packets.is_sorted_by_key(|packet| packet.origin.time));
    assert_eq!((counts.packets(), counts.lost()), (packets.len() as u64, 0));
    assert_eq!(live.ended(), None);
    assert!(next(&mut live).is_none(), "the end stays the end");
}

#[test]
fn silence_yields_times_and_can_be_stopped() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let Some(opened) = loopback(listener.local_addr().unwrap().port(), None) else { return };
    let mut live = opened.start().unwrap();
    let times: Vec<_> = (0..3)
        .map(|_| match next(&mut live) {
            Some(Item::Time(time)) => time,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    live.stop().stop();
    while let Some(item) = next(&mut live) {
        assert!(matches!(item, Item::Time(_)), "{item:?}");
    }
}

#[test]
fn a_capture_ends_after_its_packet_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let Some(opened) = loopback(listener.local_addr().unwrap().port(), Some(3)) else { return };
    let mut live = opened.start().unwrap();
    for _ in 0..5 {
        say(&listener, b"x");
    }
    let packets = std::iter::from_fn(|| next(&mut live)).filter(|item| matches!(item, Item::Packet(_)));
    assert_eq!(packets.count(), 3);
}

#[test]
fn unknown_devices_and_invalid_filters_are_distinguished() {
    let device = Some("no-such-device".to_owned());
    match open(&Options { device, ..Options::default() }).map(|_| ()).unwrap_err() {
        Error::NoDevice { available, .. } => assert!(!available.is_empty()),
        Error::NotAllowed { why, .. } => return eprintln!("skipped: {why}"),
        other => panic!("{other}"),
    }
    let wrong = open(&Options { filter: Some("tcp prt 1".into()), ..Options::default() }).map(|_| ());
    assert!(wrong.unwrap_err().to_string().contains("syntax error"));
    let found = interfaces().unwrap();
    let loopback = found.iter().find(|interface| interface.is_loopback).unwrap();
    assert!(loopback.is_up && loopback.obstacle.is_none(), "{loopback:?}");
    assert!(loopback.addresses.iter().any(std::net::IpAddr::is_loopback));
}

fn filled(fill: impl FnOnce(&mut Sender)) -> (Live, Counts) {
    let counts = Counts::default();
    let (mut sender, receiver) = queue(10_000, counts.clone(), Overflow::Drop);
    fill(&mut sender);
    sender.end(Some("eth9 was removed".into()));
    (Live::from_queue(receiver, LinkType(1), counts.clone()), counts)
}

/// A block of packets of one byte each.
fn push(sender: &mut Sender, bytes: &'static [u8]) {
    let head = |byte: &u8| PacketMeta { time: Timestamp(i64::from(*byte)), captured: 1, original: 60 };
    sender.push(bytes.iter().map(head).collect(), Bytes::from_static(bytes));
}

#[test]
fn packets_are_numbered_and_losses_have_their_position() {
    let (mut live, counts) = filled(|sender| {
        push(sender, b"ab");
        sender.lose(Loser::Kernel, 2);
        sender.lose(Loser::Interface, 1);
        push(sender, b"c");
        sender.time(Timestamp(200));
        push(sender, &[0; 9_900]);
    });
    let items = formatted(&mut live);
    let want =
        ["1:97", "2:98", "2 by the kernel", "1 by the interface", "3:99", "time 200", "9900 by mcpdump"];
    assert_eq!(items, want);
    assert_eq!(counts.dropped_by_mcpdump(), 9_900);
    assert_eq!(live.ended().as_deref(), Some("eth9 was removed"));
}

/// Items of a source, formatted.
fn formatted(source: &mut impl Source) -> Vec<String> {
    let mut findings = Findings::new();
    std::iter::from_fn(|| source.next(&mut findings).unwrap())
        .map(|item| match item {
            Item::Packet(packet) => format!("{}:{}", packet.origin.packet, packet.origin.time.0),
            Item::Lost { by, packets } => format!("{packets} by {}", by.name()),
            Item::Time(time) => format!("time {}", time.0),
            Item::Secrets { .. } => "secrets".to_owned(),
            Item::Pending => "idle".to_owned(),
        })
        .collect()
}

/// Runs a saver over the items that `fill` queues; `capacity` is that of the queue to the analysis,
/// in bytes. Returns the items of the file and of the analysis, formatted.
fn save(
    capacity: usize,
    rotation: Rotation,
    fill: impl FnOnce(&mut Sender),
) -> (Vec<String>, Vec<String>, Counts) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture");
    let counts = Counts::default();
    let (mut sender, read) = queue(1 << 20, counts.clone(), Overflow::Drop);
    let (to, taken) = queue(capacity, counts.clone(), Overflow::SavedOnly);
    fill(&mut sender);
    sender.end(Some("eth9 was removed".into()));
    let names = Names::new(rotation, jiff::tz::TimeZone::UTC, Timestamp(0));
    let target = Target::Path(path.clone());
    let metadata = FileMetadata::default();
    let writer = PacketWriter::create(target, names, metadata, Some(LinkType(1)), None).unwrap();
    let failure = std::sync::OnceLock::new();
    let writer = SaverLoop::new(read, LinkType(1), to).run(writer, &failure);
    assert_eq!((writer.failure(), failure.get()), (None, None));
    let mut live = Live::from_queue(taken, LinkType(1), counts.clone());
    let analysed = formatted(&mut live);
    let files = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let inputs: Vec<_> = files.map(crate::capture::Input::Path).collect();
    let mut file = crate::capture::open(&inputs, &crate::capture::OpenOptions::default()).unwrap();
    (formatted(&mut file), analysed, counts)
}

#[test]
fn packets_that_are_not_analysed_keep_their_numbers() {
    let (file, analysed, counts) = save(2_000, Rotation::default(), |sender| {
        push(sender, b"ab");
        push(sender, &[99; 500]);
        sender.lose(Loser::Kernel, 2);
        push(sender, b"d");
        sender.time(Timestamp(200));
    });
    let packets = file.iter().filter(|item| item.contains(':')).count();
    assert_eq!((packets, file[502].as_str()), (503, "2 by the kernel"), "{file:?}");
    assert_eq!(analysed, ["1:97", "2:98", "2 by the kernel", "500 by mcpdump", "503:100", "time 200"]);
    assert_eq!((counts.lost(), counts.saved_only()), (0, 500));
}

#[test]
fn full_files_end_the_capture_for_the_analysis() {
    let rotation = Rotation { seconds: Some(1), count: Some(1), size: None };
    let (file, analysed, _) = save(1 << 20, rotation, |sender| {
        let head = |time: i64| PacketMeta { time: Timestamp(time * 400_000_000), captured: 1, original: 60 };
        sender.push((0..10).map(head).collect(), Bytes::from_static(b"abcdefghij"));
        push(sender, b"late");
    });
    let packets = ["1:0", "2:400000000", "3:800000000"];
    assert_eq!((file, analysed), (packets.map(String::from).to_vec(), packets.map(String::from).to_vec()));
}
