//! The page of a connection: its packets, transactions and bytes.

use mcpdump::base::fact::DirectionFact;
use mcpdump::engine::Engine;
use mcpdump::ledger::ConnectionPackets;
use mcpdump::tui::{Effect, Event, SaveAs};

use super::screen::{SIZES, Screen};
use super::snapshot;
use crate::support::corpus::{self, Capture};

const LOSS: &str = "real-loss-server-side/capture.pcap";
const DROPPED: &str = "damaged-ts-sse-dropped/capture.pcap";

/// Does what the program does for [`Effect::Inspect`].
fn inspect(capture: &str, tcp_stream: u32) -> Event {
    let path = corpus::directory().join(capture);
    let mut source = corpus::source_of(&path);
    let (mut engine, mut packets) =
        (Engine::of_connections([tcp_stream]), ConnectionPackets::new(tcp_stream));
    engine.emit_payloads();
    let mut entries = Vec::new();
    while engine.read(&mut source, &mut entries).unwrap() {}
    entries.iter().for_each(|entry| packets.push(entry));
    packets.find_secrets();
    Event::Inspected(Ok(Box::new(packets)))
}

/// Selects the first connection of which this holds, and returns the keys for it.
fn keys_of(capture: &'static str, is: fn(&DirectionFact) -> bool) -> Vec<&'static str> {
    let run = Capture(capture).run();
    let mut connections: Vec<_> = run.connections();
    connections.sort_by_key(|connection| connection.tcp_stream);
    let at = connections.iter().position(|connection| connection.directions.iter().any(is)).unwrap();
    std::iter::once("6").chain(std::iter::repeat_n("down", at)).collect()
}

/// Opens the selected connection.
fn open(screen: &mut Screen, capture: &str) -> u32 {
    let effects = screen.press(&["enter"]);
    let [Effect::Inspect(tcp_stream)] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(screen.text().contains("reading its packets"), "{}", screen.text());
    screen.tell(inspect(capture, *tcp_stream));
    *tcp_stream
}

#[test]
fn a_connection_shows_what_was_sent_again() {
    for (columns, lines) in SIZES {
        let mut screen = Screen::of(LOSS, columns, lines);
        screen.press(&keys_of(LOSS, |direction| direction.retransmissions > 0));
        open(&mut screen, LOSS);
        screen.press(&["n"]);
        assert!(screen.text().contains("retransmitted"), "{}", screen.text());
        snapshot(&format!("connection-{columns}x{lines}"), &screen.text());
    }
}

#[test]
fn a_connection_shows_what_was_lost_and_its_bytes() {
    let mut screen = Screen::of(DROPPED, 120, 40);
    screen.press(&keys_of(DROPPED, |direction| direction.gaps > 0));
    let tcp_stream = open(&mut screen, DROPPED);
    screen.press(&["n"]);
    assert!(screen.text().contains("not captured"), "{}", screen.text());
    snapshot("connection-lost", &screen.text());
    snapshot("connection-transactions", &screen.pressed(&["right"]));
    assert!(screen.press(&["enter"]).is_empty());
    assert!(screen.text().contains("5 Streams") && screen.text().contains("head"), "{}", screen.text());
    screen.press(&["6"]);
    snapshot("connection-bytes", &screen.pressed(&["right"]));
    // Of a private screen nothing that was said is shown.
    let private = screen.pressed(&["P"]);
    assert!(!private.contains("HTTP/1"), "{private}");
    assert_eq!(screen.press(&["P", "left", "left", "enter"]), [Effect::Inspect(tcp_stream)]);
    screen.press(&["esc"]);
    assert!(screen.text().contains("Carries"), "{}", screen.text());
}

/// A body search goes on in slices; what it found can be gone through without closing it.
#[test]
fn exchanges_whose_body_holds_a_word_are_gone_through() {
    let mut screen = Screen::of("ts-sse/capture.pcap", 120, 40);
    screen.press(&["3", "/"]);
    screen.press(
        &"body~'slow-progress'"
            .chars()
            .map(String::from)
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    );
    screen.press(&["enter"]);
    let text = screen.text();
    assert!(text.contains("slow-progress") && !text.contains(" ping "), "{text}");
    screen.press(&["home", "enter", "right"]);
    let first = screen.text();
    let second = screen.pressed(&["]"]);
    assert_ne!(first, second);
    assert!(second.contains("method"), "the tab of the request stays: {second}");
    assert_eq!(screen.pressed(&["["]), first);
    assert!(screen.press(&["["]).contains(&Effect::Bell), "there is none before the first");
}

#[test]
fn what_is_shown_is_saved_in_the_form_of_a_letter() {
    let mut screen = Screen::of(LOSS, 120, 40);
    screen.press(&["3", "/", "'tool:x'", "enter"]);
    snapshot("save", &screen.pressed(&["w"]));
    let effects = screen.press(&["p"]);
    assert!(
        matches!(effects.as_slice(), [Effect::Save(SaveAs::Packets, filter)] if filter == "tool:x"),
        "{effects:?}"
    );
    screen.tell(Event::Done("saved: packets, a.pcapng".to_owned()));
    assert!(screen.text().contains("saved: packets, a.pcapng"));
    // A masked screen saves nothing that it masks.
    assert!(screen.press(&["P", "w"]).contains(&Effect::Bell));
    assert!(screen.press(&["r"]).is_empty());
}
