//! What traffic may not do to a screen: the entries of a capture with names and texts that would.

use mcpdump::base::Fact;
use mcpdump::ledger::{Entry, Implementation, Record};
use mcpdump::tui::Event;

use crate::SSE;
use crate::screen::{SIZES, Screen, batches};

const EVIL: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\u{202e}evil\u{200b}日本e\u{301}\r\n\u{9b}31m";

/// The capture with another name for each tool, and other data in each event.
fn evil(data: &str) -> Vec<Vec<Entry>> {
    let mut all = batches(SSE);
    for entry in all.iter_mut().flatten() {
        match entry {
            Entry::Record(Record::Exchange(exchange) | Record::Request(exchange)) => {
                exchange.name = Some(EVIL.into());
                exchange.method = EVIL.into();
                exchange.protocol_version = Some(EVIL.into());
            }
            Entry::Record(Record::Offer(offer)) => {
                offer.definitions.iter_mut().for_each(|(name, _)| *name = EVIL.into());
            }
            Entry::Record(Record::Session(session)) => {
                session.server_info = Some(Implementation { name: EVIL.into(), version: EVIL.into() });
                session.server_capabilities = vec![EVIL.into(); 3];
                session.protocol_version = Some(EVIL.into());
            }
            Entry::Fact(Fact::Carried(carried)) => carried.bytes = data.to_owned().into(),
            _ => {}
        }
    }
    all
}

#[test]
fn nothing_of_it_reaches_the_terminal() {
    let long =
        format!("{{\"a\":\"{}\"}}", EVIL.replace(|c: char| c.is_control(), "\u{202e}").repeat(400_000));
    assert!(long.len() > 10_000_000);
    for data in [EVIL, &long] {
        for (columns, lines) in SIZES {
            let mut screen = Screen::empty(columns, lines);
            evil(data).into_iter().for_each(|batch| screen.tell(Event::Batch(batch)));
            screen.tell(Event::End);
            screen.press(&["enter"]);
            for _ in 0..7 {
                assert_harmless(&screen.text(), columns);
                screen.press(&["right"]);
            }
            for key in ["8", "enter", "enter"] {
                screen.press(&[key]);
                assert_harmless(&screen.text(), columns);
            }
        }
    }
}

/// What a definition says of itself, as it was listed.
#[test]
fn a_hostile_definition_is_only_shown() {
    let text = serde_json::to_string(EVIL).unwrap();
    let mut all = batches(SSE);
    for entry in all.iter_mut().flatten() {
        if let Entry::Fact(Fact::Carried(carried)) = entry {
            let said = String::from_utf8_lossy(&carried.bytes)
                .replace("\"description\":\"", &format!("\"description\":{}", text.trim_end_matches('"')));
            carried.bytes = said.into();
        }
    }
    for (columns, lines) in SIZES {
        let mut screen = Screen::empty(columns, lines);
        all.iter().for_each(|batch| screen.tell(Event::Batch(batch.clone())));
        screen.tell(Event::End);
        for key in ["8", "enter", "enter", "down", "down"] {
            screen.press(&[key]);
            assert_harmless(&screen.text(), columns);
        }
        assert!(screen.text().contains("evil"), "{}", screen.text());
    }
}

fn assert_harmless(text: &str, columns: u16) {
    let bad = text.chars().find(|c| *c != '\n' && (c.is_control() || "\u{202e}\u{200b}".contains(*c)));
    assert_eq!(bad, None, "{text}");
    let fits = |line: &str| unicode_width::UnicodeWidthStr::width(line) <= columns.into();
    assert!(text.lines().all(fits), "{text}");
}
