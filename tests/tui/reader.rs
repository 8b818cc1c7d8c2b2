//! The message reader (bytes, values, search) and the tabs of an exchange about packets.

use std::time::Duration;

use mcpdump::base::{Code, Fact, Finding, Origin};
use mcpdump::ledger::{Entry, Record};
use mcpdump::tui::{Effect, Event};

use super::screen::{SIZES, Screen, batches, until_open};
use super::{ODD, SSE, screens, snapshot};

const LOSS: &str = "real-loss-server-side/capture.pcap";
const DROPPED: &str = "damaged-ts-sse-dropped/capture.pcap";
const NEW: &str = "rev-2026-07-28/capture.pcapng";

/// The keys that open the first exchange of a filter.
fn opened<'a>(filter: &'a str, then: &[&'a str]) -> Vec<&'a str> {
    let mut keys = vec!["/", filter, "enter", "enter"];
    keys.extend(then);
    keys
}

#[test]
fn the_bytes_of_the_selection_are_highlighted() {
    let keys = opened("'tool:slow-progress'", &["right", "b", "down", "down", "down", "down"]);
    screens("bytes", SSE, &keys);
    let mut screen = Screen::of(SSE, 120, 40);
    screen.press(&keys);
    let text = screen.text();
    for shown in
        ["bytes 56-86 of 142, 31 long", "tcp.stream 1, packet 140", "/params/arguments", "[22 61", "7d]2c"]
    {
        assert!(text.contains(shown), "{shown} in\n{text}");
    }
}

#[test]
fn every_timeline() {
    screens("timeline-loss", LOSS, &opened("'retrans>0'", &[]));
    screens("timeline-dropped", DROPPED, &["end", "enter"]);
    screens("timeline-2026", NEW, &opened("'progress>0'", &[]));
    screens("timeline-odd", ODD, &opened("'status:cancelled'", &[]));
    screens("packets-2026", NEW, &opened("'progress>0'", &["left", "left", "left"]));
}

/// A segment of the request and one before the response were lost and retransmitted.
#[test]
fn network_time_is_drawn_in_the_timeline() {
    let mut all = batches(SSE);
    let mut gap = None;
    for entry in all.iter_mut().flatten() {
        let Entry::Record(Record::Exchange(exchange)) = entry else { continue };
        if exchange.name.as_deref() != Some("slow-progress") {
            continue;
        }
        let Some(response) = &mut exchange.response else { panic!("it has one") };
        let start = response.span.start;
        response.span.end = Origin::new(155, start.time.0 + 20_000_000);
        exchange.retransmissions = 2;
        let at = Origin::new(145, exchange.request.span.start.time.0 + 33_000_000);
        gap = Some(Finding {
            code: Code::TcpGap,
            at: Some(at),
            tcp_stream: Some(exchange.tcp_stream),
            session: None,
            exchange: None,
            count: 1,
            detail: "155 bytes not captured".to_owned(),
        });
    }
    all.insert(0, vec![Entry::Finding(gap.unwrap())]);
    for (columns, lines) in SIZES {
        let mut screen = Screen::empty(columns, lines);
        all.iter().for_each(|batch| screen.tell(Event::Batch(batch.clone().into())));
        screen.tell(Event::End);
        screen.press(&opened("'tool:slow-progress'", &[]));
        snapshot(&format!("timeline-network-{columns}x{lines}"), &screen.text());
        let [gap, held] = [" gap ", "held up"].map(|name| screen_line(&mut screen, name));
        assert!(gap.contains("at 33.0ms 145"), "{gap}");
        assert!(held.contains("20.0ms 151-155"), "{held}");
        screen.press(&["end"]);
        assert!(screen_line(&mut screen, "network").contains("2 seg"), "{}", screen.text());
    }
}

fn screen_line(screen: &mut Screen, name: &str) -> String {
    let text = screen.text();
    text.lines().find(|line| line.contains(name)).map(str::to_owned).unwrap_or(text)
}

#[test]
fn a_long_string_is_read_in_full() {
    let story =
        "A <i>long</i> comment with\\n\\nparagraphs and a link: https://me:secret@example.org/x?y=1. ";
    let result = format!(
        r#"{{"content":[{{"type":"text","text":"{}"}}],"n":1.0,"json":"{{\"a\":[1e5]}}"}}"#,
        story.repeat(60)
    );
    for (columns, lines) in SIZES {
        let mut screen = answered(&result, columns, lines);
        screen.press(&["down", "down", "down", "down", "down"]);
        snapshot(&format!("value-{columns}x{lines}"), &screen.text());
        screen.press(&["enter"]);
        snapshot(&format!("value-opened-{columns}x{lines}"), &screen.text());
        assert!(!screen.text().contains("secret"), "{}", screen.text());
        screen.press(&["end"]);
        assert!(screen.text().contains("opened value, line"), "{}", screen.text());
        screen.press(&["esc"]);
        assert!(screen.text().contains("line 6 of 14"), "back where it was: {}", screen.text());
    }
    let mut screen = answered(&result, 120, 40);
    assert!(screen.text().contains("\"n\": 1.0"), "as it was sent: {}", screen.text());
    screen.press(&["ctrl-f", "'1e5'", "enter", "enter"]);
    assert!(screen.text().contains("/result/json in full"), "{}", screen.text());
    screen.press(&["down", "down"]);
    assert!(screen.text().contains("    1e5"), "JSON within JSON is JSON: {}", screen.text());
    assert!(matches!(screen.press(&["y", "k"]).as_slice(), [Effect::Copy(text), ..] if text == "/a/0"));
}

#[test]
fn a_search_unfolds_and_counts() {
    let mut screen = answered(r#"{"a":[{"x":"needle"},{"y":["needle",{"z":"needle needle"}]}]}"#, 120, 40);
    screen.press(&["-"]);
    assert!(!screen.text().contains("needle"), "{}", screen.text());
    screen.press(&["ctrl-f", "'NEEDLE'", "enter"]);
    assert!(screen.text().contains("3 found; n: next, N: previous"), "{}", screen.text());
    assert!(screen.text().contains("\"x\": \"needle\""), "{}", screen.text());
    screen.press(&["n", "n"]);
    assert!(screen.text().contains("3 of 3"), "{}", screen.text());
    assert!(screen.text().contains("\"z\": \"needle needle\""), "{}", screen.text());
    snapshot("search-third", &screen.text());
    screen.press(&["n"]);
    assert!(screen.text().contains("1 of 3"), "it goes around: {}", screen.text());
    screen.press(&["N", "down"]);
    assert!(screen.text().contains("found 3, line"), "{}", screen.text());
}

#[test]
fn the_selected_value_is_copied() {
    let mut screen = answered(r#"{"a/b":[{"x" : "tw\u00f6\n"}]}"#, 120, 40);
    let copied = |screen: &mut Screen, key: &str| match screen.press(&["y", key]).as_slice() {
        [Effect::Copy(text), ..] => text.clone(),
        other => panic!("{key}: {other:?}"),
    };
    screen.press(&["down", "down", "down", "down"]);
    assert_eq!(copied(&mut screen, "v"), "\"tw\\u00f6\\n\"");
    assert_eq!(copied(&mut screen, "t"), "two\n".replace('o', "\u{f6}"));
    assert_eq!(copied(&mut screen, "k"), "/result/a~1b/0/x");
    screen.press(&["up"]);
    assert_eq!(copied(&mut screen, "v"), r#"{"x" : "tw\u00f6\n"}"#);
    snapshot("copy-value", &screen.pressed(&["y"]));
    screen.press(&["esc", "right"]);
    assert!(copied(&mut screen, "d").starts_with("{\"method\":\"notifications/progress\""));
    screen.press(&["right"]);
    let heads = copied(&mut screen, "h");
    assert!(heads.contains("POST /messages?sessionId=") && heads.contains("sec-fetch-mode: cors"), "{heads}");
    screen.press(&["right"]);
    assert_eq!(copied(&mut screen, "p"), "140-142, 144, 146, 149, 151");
    assert_eq!(
        copied(&mut screen, "a"),
        "tcp.stream in {1, 0} && frame.number in {140..142, 144, 146, 149, 151}"
    );
}

#[test]
fn an_event_is_opened_with_its_bytes() {
    let keys =
        opened("'tool:slow-progress'", &["right", "right", "right", "down", "enter", "down", "down", "b"]);
    screens("event-opened", SSE, &keys);
    let mut screen = Screen::of(SSE, 120, 40);
    screen.press(&keys);
    assert!(screen.text().contains("event 2 of 6, message"), "{}", screen.text());
    assert!(screen.text().contains("tcp.stream 0, packet 144"), "{}", screen.text());
    screen.press(&["esc"]);
    assert!(screen.text().contains("2 of 6"), "back among the events: {}", screen.text());
    screen.press(&["right", "right", "left", "left", "enter", "P"]);
    assert!(screen.text().contains("***") && !screen.text().contains("step"), "{}", screen.text());
}

#[test]
fn a_click_on_a_byte_selects_what_it_belongs_to() {
    let mut screen = Screen::of(SSE, 120, 40);
    screen.press(&opened("'tool:slow-progress'", &["right", "b", "-"]));
    let digits = screen.column_of("00000050") + 10;
    let line = screen.text().lines().position(|line| line.contains("00000050")).unwrap();
    screen.click(digits, line.try_into().unwrap());
    assert!(screen.text().contains("/params/arguments/ms"), "unfolded: {}", screen.text());
    assert!(screen.text().contains("bytes 79-85 of 142"), "{}", screen.text());
}

#[test]
fn a_stage_of_the_timeline_opens_its_tab() {
    let mut screen = Screen::of(SSE, 120, 40);
    screen.press(&opened("'tool:slow-progress'", &["end", "enter"]));
    assert!(screen.text().contains("\"text\": \"done\""), "{}", screen.text());
}

#[test]
fn nothing_opens_if_the_filter_matches_nothing() {
    let mut screen = Screen::of(SSE, 120, 40);
    let effects = screen.press(&opened("'nothing-like-it'", &[]));
    assert!(effects.contains(&Effect::Bell) && !screen.text().contains("Timeline"), "{}", screen.text());
}

/// A session in which one call has this JSON text as result.
fn with_answer(result: &str) -> Vec<Vec<Entry>> {
    let mut all = batches(SSE);
    for entry in all.iter_mut().flatten() {
        if let Entry::Fact(Fact::Payload(carried)) = entry
            && carried.bytes.windows(13).any(|part| part == b"\"text\":\"done\"")
        {
            carried.bytes = format!("{{\"result\":{result},\"jsonrpc\":\"2.0\",\"id\":23}}").into();
        }
    }
    all
}

/// The screen with the response of that call.
fn answered(result: &str, columns: u16, lines: u16) -> Screen {
    let mut screen = Screen::empty(columns, lines);
    with_answer(result).into_iter().for_each(|batch| screen.tell(Event::Batch(batch.into())));
    screen.tell(Event::End);
    screen.press(&opened("'tool:slow-progress'", &["right", "right"]));
    screen
}

/// What some keys allocate, frames included, in bytes.
fn allocated_by(screen: &mut Screen, keys: &[&str]) -> u64 {
    allocation_counter::measure(|| drop(screen.press(keys))).bytes_total
}

#[test]
fn a_frame_of_a_huge_response_copies_no_more_than_one_of_a_small_one() {
    let long = format!("\"{}\"", "x\\n word".repeat(1_400_000));
    let many = format!("[{}0]", "{\"a\":[1,\"b\"]},".repeat(700_000));
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let broken = format!("{{\"a\":\"{}", "x word ".repeat(1_400_000));
    let mut small = answered("[1]", 120, 40);
    small.press(&["b"]);
    let least = allocated_by(&mut small, &["down", "up"]);
    for (name, result) in [("long", &long), ("many", &many), ("deep", &deep), ("broken", &broken)] {
        let mut screen = answered(result, 120, 40);
        if name == "broken" {
            // It must not be taken for the response: it is only an event.
            screen.press(&["right", "end", "enter"]);
            assert!(screen.text().contains("event 6 of 6"), "{}", screen.text());
        }
        screen.press(&["b", "down", "down"]);
        assert!(screen.text().contains("tcp.stream 0, packet 151"), "{}", screen.text());
        let frame = allocated_by(&mut screen, &["down", "up"]);
        assert!(frame < 2 * least + 500_000, "{name}: {frame} bytes, {least} of a small one");
    }
}

#[test]
fn the_timeline_of_a_pending_exchange_counts_up() {
    let mut screen = Screen::empty(120, 40);
    screen.make_live();
    until_open(ODD).into_iter().for_each(|batch| screen.tell(Event::Batch(batch.into())));
    screen.press(&["end", "enter"]);
    let before = screen.text();
    assert!(before.contains("pending "), "{before}");
    screen.pass(Duration::from_secs(125));
    let pending = |text: &str| text.lines().find(|line| line.contains(" pending  ")).map(str::to_owned);
    let after = pending(&screen.text());
    assert!(after.as_ref().is_some_and(|line| line.contains("2m05s")), "{after:?}");
    assert_ne!(pending(&before), after);
    snapshot("timeline-pending", &screen.text());
}
