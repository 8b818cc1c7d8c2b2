//! Hostile text in traffic must not affect the screen.

use bytes::Bytes;
use mcpdump::base::fact::{PayloadFact, PayloadKind};
use mcpdump::base::{Code, Fact, Finding};
use mcpdump::ledger::{Entry, Implementation, Record, RpcError};
use mcpdump::tui::Event;

use super::screen::{SIZES, Screen, batches};
use super::{SSE, looks, snapshot};

const EVIL: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\u{202e}evil\u{200b}日本e\u{301}\r\n\u{9b}31m";

/// The capture with hostile text in every name, and with other payloads: `data` returns the new
/// data of a payload, or `None` to keep it.
fn evil(data: impl Fn(&PayloadFact) -> Option<Bytes>) -> Vec<Vec<Entry>> {
    let mut all = batches(SSE);
    for entry in all.iter_mut().flatten() {
        match entry {
            Entry::Record(Record::Exchange(exchange) | Record::Request(exchange)) => {
                exchange.name = Some(EVIL.into());
                exchange.method = EVIL.into();
                exchange.protocol_version = Some(EVIL.into());
                exchange.session.id = Some(EVIL.into());
                exchange.error = Some(RpcError { code: Some(i64::MIN), message: EVIL.into() });
            }
            Entry::Record(Record::Stream(stream)) => {
                stream.method = Some(EVIL.into());
                stream.target = Some(EVIL.into());
            }
            Entry::Record(Record::Offer(offer)) => {
                offer.definitions.iter_mut().for_each(|(name, _)| *name = EVIL.into());
            }
            Entry::Record(Record::Session(session)) => {
                let implementation = Implementation { name: EVIL.into(), version: EVIL.into() };
                session.server_info = Some(implementation.clone());
                session.client_info = Some(implementation);
                session.server_capabilities = vec![EVIL.into(); 3];
                session.protocol_version = Some(EVIL.into());
                session.session.id = Some(EVIL.into());
            }
            Entry::Fact(Fact::Payload(carried)) => {
                if let PayloadKind::Event { name, id } = &mut carried.kind {
                    (*name, *id) = (Some(EVIL.into()), Some(EVIL.into()));
                }
                carried.bytes = data(carried).unwrap_or_else(|| carried.bytes.clone());
            }
            _ => {}
        }
    }
    let finding = Finding {
        code: Code::TcpGap,
        at: None,
        tcp_stream: Some(0),
        session: Some(1),
        exchange: Some(1),
        count: 1,
        detail: EVIL.to_owned(),
    };
    all.push(vec![Entry::Finding(finding)]);
    all
}

/// Every view, every tab, the menu, the filter line, and what is typed into it.
fn walk_all(screen: &mut Screen, columns: u16) -> String {
    let mut text = looks::walk(screen, &looks::VIEWS);
    text.push_str(&looks::walk(screen, &[("a server", &["8", "enter"]), ("a definition", &["enter"])]));
    text.push_str(&looks::walk(screen, &[("a finding", &["7", "enter"]), ("a stream", &["5", "enter"])]));
    screen.press(&["3", "home", "enter"]);
    text.push_str(&looks::walk(screen, &looks::TABS));
    text.push_str(&looks::walk(screen, &[("copy", &["y"]), ("filter", &["esc", "esc", "/"])]));
    screen.tell(Event::Paste(EVIL.to_owned()));
    text.push_str(&format!("== pasted\n{}", screen.text()));
    assert_harmless(&text, columns);
    text
}

/// Escape sequences, controls, bidirectional overrides, zero-width, wide and combining characters:
/// all are shown, as symbols where they would do something, and no column moves.
#[test]
fn no_control_character_reaches_the_terminal() {
    for (columns, lines) in SIZES {
        let mut screen = Screen::named(EVIL, columns, lines);
        let all = evil(|_| Some(EVIL.into()));
        all.into_iter().for_each(|batch| screen.tell(Event::Batch(batch.into())));
        screen.tell(Event::End);
        snapshot(&format!("hostile-{columns}x{lines}"), &walk_all(&mut screen, columns));
    }
}

/// 10 MB on one line, of characters that are costly to cut.
#[test]
fn a_line_of_10_mb_is_shown() {
    let worst = EVIL.replace(|c: char| c.is_control(), "\u{202e}").repeat(400_000);
    let long = Bytes::from(format!("{{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{{\"a\":\"{worst}\"}}}}"));
    assert!(long.len() > 10_000_000);
    // The answer to `initialize`.
    let answers = |bytes: &[u8]| bytes.windows(16).any(|part| part == b"protocolVersion\"");
    let all = evil(|carried| answers(&carried.bytes).then(|| long.clone()));
    for (columns, lines) in SIZES {
        let mut screen = Screen::empty(columns, lines);
        all.iter().for_each(|batch| screen.tell(Event::Batch(batch.clone().into())));
        screen.tell(Event::End);
        screen.press(&["home", "enter"]);
        let mut text = looks::walk(&mut screen, &looks::TABS);
        let found = screen.pressed(&["left", "left", "left", "left", "ctrl-f", "'EVIL'", "enter"]);
        text.push_str(&format!("== found\n{found}"));
        assert_harmless(&text, columns);
        assert!(text.contains("evil"), "{text}");
        snapshot(&format!("hostile-long-{columns}x{lines}"), &text);
    }
}

/// A tool definition as it was listed.
#[test]
fn a_hostile_tool_definition_is_shown() {
    let text = serde_json::to_string(EVIL).unwrap();
    let mut all = batches(SSE);
    for entry in all.iter_mut().flatten() {
        if let Entry::Fact(Fact::Payload(carried)) = entry {
            let said = String::from_utf8_lossy(&carried.bytes)
                .replace("\"description\":\"", &format!("\"description\":{}", text.trim_end_matches('"')));
            carried.bytes = said.into();
        }
    }
    for (columns, lines) in SIZES {
        let mut screen = Screen::empty(columns, lines);
        all.iter().for_each(|batch| screen.tell(Event::Batch(batch.clone().into())));
        screen.tell(Event::End);
        for key in ["8", "enter", "enter", "down", "down"] {
            screen.press(&[key]);
            assert_harmless(&screen.text(), columns);
        }
        assert!(screen.text().contains("evil"), "{}", screen.text());
    }
}

fn assert_harmless(text: &str, columns: u16) {
    let does_something = |c: &char| c.is_control() || "\u{202e}\u{200b}".contains(*c);
    let bad: Vec<char> = text.chars().filter(|c| *c != '\n').filter(does_something).collect();
    assert!(bad.is_empty(), "{bad:?} in\n{text}");
    let fits = |line: &str| unicode_width::UnicodeWidthStr::width(line) <= columns.into();
    assert!(text.lines().all(fits), "{text}");
}
