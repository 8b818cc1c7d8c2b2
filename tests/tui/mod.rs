//! Screens of the TUI: captures and keys in, cells out, compared with snapshots.

mod connection;
mod findings;
mod hostile;
mod looks;
mod reader;
mod readme;
mod screen;
mod state;
mod svg;
mod terminal;
mod views;

use std::time::Duration;

use self::screen::{SIZES, Screen};
use crate::support::corpus::Capture;
use crate::support::split::Split;
use mcpdump::base::Fact;
use mcpdump::base::fact::{CaptureFact, Losses};
use mcpdump::ledger::Entry;
use mcpdump::tui::{Config, Effect, Environment, Event, Loading};

const SSE: &str = "ts-sse/capture.pcap";
const LLM: &str = "llm-streams/capture.pcapng";
const MANY: &str = "many-sessions/capture.pcapng";
const MODERN: &str = "rev-2026-07-28/capture.pcapng";
const ODD: &str = "slow-and-odd/capture.pcapng";

/// Compares a screen with `snapshots/NAME.snap`.
#[track_caller]
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Compares the screen after some keys at every size.
fn screens(name: &str, capture: &str, keys: &[&str]) {
    for (columns, lines) in SIZES {
        let mut screen = Screen::of(capture, columns, lines);
        screen.press(keys);
        snapshot(&format!("{name}-{columns}x{lines}"), &screen.text());
    }
}

#[test]
fn the_exchanges() {
    screens("exchanges", SSE, &[]);
    screens("odd", ODD, &["end"]);
}

/// What was said is found in bodies and header fields.
#[test]
fn words_are_found_in_bodies() {
    screens("searched", SSE, &["/", "'body:\"slow-progress\" or header:mcp-session-id'", "enter"]);
}

/// Packets of several files have the numbers of their file, and its name.
#[test]
fn several_files_are_named() {
    let split = Split::of(&Capture(ODD).items(), 2, &[(90, 1)]);
    let keys: [(&str, &[&str]); 7] = [
        ("files-overview", &["1"]),
        ("files-timeline", &["/", "'file:1.pcap not status:ok'", "enter", "enter"]),
        ("files-copies", &["enter", "y"]),
        ("files-connections", &["6"]),
        ("files-findings", &["7", "tab"]),
        ("files-streams", &["5"]),
        ("files-events", &["5", "enter"]),
    ];
    for (columns, lines) in [(80, 24), (200, 50)] {
        for (name, keys) in keys {
            let mut screen = Screen::of_files(&split, columns, lines);
            screen.press(keys);
            snapshot(&format!("{name}-{columns}x{lines}"), &screen.text());
        }
    }
}

/// Whose time a call was: the server's, the user's, the network's; and who ended a wait.
#[test]
fn whose_time_it_was() {
    screens("asked", SSE, &["/", "'tool:ask-model'", "enter", "enter"]);
    screens("hung-up", SSE, &["/", "'tool:hang'", "enter", "enter"]);
    screens("rounds", MODERN, &["/", "'tool:deploy status:ok'", "enter", "down", "enter"]);
    screens("overview-waits", "demo.pcapng.zst", &["1"]);
}

#[test]
fn times_are_shown_in_the_form_that_is_asked_for() {
    let mut screen = Screen::of(SSE, 120, 40);
    let first = |screen: &mut Screen| screen.text().lines().nth(3).unwrap()[..20].to_owned();
    assert!(first(&mut screen).contains("08:49:15.293"), "{}", screen.text());
    // Local time is UTC in the tests.
    screen.press(&["t", "t"]);
    assert!(first(&mut screen).contains("+0.061"), "{}", screen.text());
    for view in ["1", "2", "4", "5", "6", "7", "8"] {
        assert!(!screen.pressed(&[view, "enter"]).contains("08:49:"), "view {view}:\n{}", screen.text());
        screen.press(&["esc", "esc"]);
    }
    screen.press(&["3", "t"]);
    assert!(first(&mut screen).contains("08:49:15.293"), "{}", screen.text());
}

#[test]
fn the_other_views() {
    screens("view-overview", ODD, &["1"]);
    screens("view-sessions", ODD, &["2"]);
    screens("view-streams", LLM, &["5"]);
    screens("stream", LLM, &["5", "enter", "end"]);
    screens("view-connections", ODD, &["6"]);
    screens("view-findings", ODD, &["7", "enter"]);
    let mut screen = Screen::of(ODD, 120, 40);
    screen.press(&["2", "down", "enter"]);
    assert!(screen.text().contains("filter session:s2"), "{}", screen.text());
    screen.press(&["1", "enter"]);
    assert!(
        screen.text().contains("status:unanswered") || screen.text().contains("Timeline"),
        "{}",
        screen.text()
    );
    assert!(Screen::of(ODD, 80, 24).press(&["x"]).contains(&Effect::Bell));
}

#[test]
fn latencies() {
    screens("view-latency", SSE, &["4"]);
    screens("latency-odd", ODD, &["4", "s"]);
    screens("latency-bucket", SSE, &["4", "tab", "down"]);
    screens("latency-cell", SSE, &["4", "tab", "right"]);
    let config = Config::parse("", Environment { no_color: true, ascii: true }).unwrap();
    let mut screen = Screen::with(config, 80, 24);
    screen.press(&["4"]);
    assert!(screen.text().contains("waiting for the first exchange"), "{}", screen.text());
    screen.load(SSE);
    screen.press(&["tab", "right"]);
    snapshot("latency-ascii", &screen.text());
    assert!(screen.text().is_ascii() && !screen.has_colors());
    snapshot("latency-least", &Screen::of(SSE, 60, 15).pressed(&["4"]));
}

/// Every bucket opens as many exchanges as it counts.
#[test]
fn a_bucket_filters_its_exchanges() {
    for (capture, rows) in [(SSE, 20), (ODD, 27)] {
        let mut screen = Screen::of(capture, 80, 24);
        let mut chosen = 0;
        for row in 0..rows {
            screen.press(&["4", "home"]);
            screen.press(&vec!["down"; row]);
            screen.press(&["tab"]);
            let mut before = String::new();
            while screen.text() != before {
                before = screen.text();
                chosen += usize::from(leads_to_what_it_says(&mut screen));
                screen.press(&["right"]);
                chosen += usize::from(leads_to_what_it_says(&mut screen));
                // Back to the whole line, and to the next one.
                screen.press(&["left", "down"]);
            }
            screen.press(&["esc"]);
        }
        assert!(chosen > rows, "{chosen}");
    }
}

/// Opens the selected bucket, if it has exchanges, and returns.
fn leads_to_what_it_says(screen: &mut Screen) -> bool {
    let text = screen.text();
    let said = text.lines().find_map(|line| line.split_once(" exchange")).map(|(front, _)| front);
    let Some(count) = said.and_then(|said| said.rsplit(": ").next()) else { return false };
    if count == "0" {
        assert!(screen.press(&["enter"]).contains(&Effect::Bell), "{text}");
        return false;
    }
    screen.press(&["enter"]);
    let filtered = screen.text();
    let shown = filtered.lines().last().unwrap();
    assert!(shown.ends_with(&format!(" of {count}")), "{text}\n{filtered}");
    screen.press(&["esc", "4"]);
    true
}

#[test]
fn latencies_are_updated_and_clickable() {
    let mut screen = Screen::empty(120, 40);
    screen.make_live();
    screen.press(&["4"]);
    let batches = screen::batches(SSE);
    let (first, rest) = batches.split_at(batches.len() / 2);
    first.iter().for_each(|batch| screen.tell(Event::Batch(batch.clone().into())));
    screen.pass(Duration::from_secs(1));
    let half = screen.text();
    rest.iter().for_each(|batch| screen.tell(Event::Batch(batch.clone().into())));
    screen.pass(Duration::from_secs(1));
    assert_ne!(screen.text(), half);
    screen.tell(Event::End);
    let table = |text: &str| -> Vec<String> { text.lines().skip(2).map(str::to_owned).collect() };
    screen.press(&["home"]);
    assert_eq!(table(&screen.text()), table(&Screen::of(SSE, 120, 40).pressed(&["4"])));
    let line = screen.text().lines().position(|line| line.contains("50ms █")).unwrap();
    screen.click(20, line.try_into().unwrap());
    assert!(screen.text().contains("50ms to 63ms: 3 exchanges"), "{}", screen.text());
    screen.click(20, line.try_into().unwrap());
    assert!(screen.text().contains("dur>=50ms dur<63ms"), "a double click opens: {}", screen.text());
    screen.press(&["esc", "4", "esc"]);
    let errors = screen.column_of("Err");
    screen.click(errors, 2);
    assert!(screen.text().contains("Err▼"), "{}", screen.text());
}

#[test]
fn the_servers() {
    screens("view-servers", ODD, &["8"]);
    screens("view-servers-many", MANY, &["8"]);
    screens("server", SSE, &["8", "enter", "s", "s"]);
    screens("definition", SSE, &["8", "enter", "down", "enter"]);
    let mut screen = Screen::of(SSE, 120, 40);
    screen.press(&["8", "enter", "s", "s", "x"]);
    let text = screen.text();
    assert!(text.contains("filter method:tools/call name:\""), "what uses the most used tool: {text}");
    assert!(!text.contains("no exchange passes") && text.contains("of 32"), "{text}");
    screen.press(&["8", "enter", "ctrl-f", "'properties'", "enter", "n"]);
    assert!(screen.text().contains("\"properties\""), "{}", screen.text());
    let copied = screen.press(&["y", "j"]);
    let Some(Effect::Copy(json)) = copied.first() else { panic!("{copied:?}") };
    let tool: serde_json::Value = serde_json::from_str(json).unwrap();
    assert!(tool["name"].is_string() && tool["inputSchema"].is_object(), "{json}");
    screen.press(&["esc", "esc", "esc"]);
    assert!(screen.text().contains("Capabilities"), "back to the list: {}", screen.text());
}

#[test]
fn the_filter_applies_to_streams() {
    let mut screen = Screen::of(LLM, 120, 40);
    screen.press(&["5"]);
    let all = screen.text();
    screen.press(&["/", "'port:1'", "enter", "5"]);
    assert!(screen.text().contains("no event stream matches the filter"), "{}", screen.text());
    screen.press(&["esc", "5"]);
    assert_eq!(screen.text(), all);
}

#[test]
fn servers_in_privacy_mode_and_in_ascii() {
    let mut screen = Screen::of(SSE, 120, 24);
    screen.press(&["8", "enter"]);
    assert!(screen.text().contains("Throws"), "{}", screen.text());
    screen.press(&["P"]);
    assert!(!screen.text().contains("Throws"), "{}", screen.text());
    screen.press(&["enter"]);
    assert!(!screen.text().contains("Throws") && screen.text().contains("***"), "{}", screen.text());
    let config = Config::parse("", Environment { no_color: true, ascii: true }).unwrap();
    let mut screen = Screen::with(config, 200, 50);
    screen.load(SSE);
    for keys in [["8"], ["enter"], ["enter"]] {
        screen.press(&keys);
        assert!(screen.text().is_ascii() && !screen.has_colors(), "{}", screen.text());
    }
    let mut narrow = Screen::of(SSE, 60, 15);
    narrow.press(&["8", "enter"]);
    snapshot("server-narrow", &narrow.text());
    let mut none = Screen::empty(80, 24);
    none.press(&["8"]);
    assert!(none.text().contains("waiting for the first server"), "{}", none.text());
}

#[test]
fn every_tab_of_an_opened_row() {
    let tabs = ["timeline", "request", "response", "events", "http", "packets", "findings"];
    for (turns, tab) in tabs.into_iter().enumerate() {
        let mut keys = vec!["/", "'tool:slow-progress'", "enter", "enter"];
        keys.extend(std::iter::repeat_n("right", turns));
        screens(tab, SSE, &keys);
    }
}

#[test]
fn a_device_shows_its_losses_and_its_file() {
    let mut screen = Screen::empty(120, 40);
    screen.make_device(Some("kept.pcapng"));
    let lost = Losses { kernel: 3, mcpdump: 2, ..Losses::default() };
    let capture = CaptureFact { packets: 7, lost, ..CaptureFact::default() };
    screen.tell(Event::Batch(vec![Entry::Fact(Fact::Capture(Box::new(capture)))].into()));
    assert!(screen.text().contains("live, 7 packets, 0/s, 5 lost, -w kept.pcapng"), "{}", screen.text());
    screen.press(&["1"]);
    let lost = "capture  ! 3 packets lost by the kernel, 2 packets lost by mcpdump";
    assert!(screen.text().contains(lost), "{}", screen.text());
    assert!(!screen.press(&["q"]).contains(&Effect::Quit));
    assert!(screen.text().contains("packets are kept in kept.pcapng; quit again to end the capture"));
    // After another key the message is shown again.
    assert!(!screen.press(&["down", "q"]).contains(&Effect::Quit));
    assert!(screen.press(&["q"]).contains(&Effect::Quit));
    // Also from the help, and by a click.
    assert!(!screen.press(&["?", "q"]).contains(&Effect::Quit));
    assert!(screen.press(&["q"]).contains(&Effect::Quit));
    screen.press(&["esc"]);
    let quit = screen.column_of("q quit");
    screen.click(quit, 39);
    assert!(screen.text().contains("quit again to end the capture"), "{}", screen.text());
    screen.make_device(None);
    screen.press(&["down", "q"]);
    assert!(screen.text().contains("packets are not kept (no -w FILE)"), "{}", screen.text());
    screen.tell(Event::Warned("the disk is full".to_owned()));
    assert!(screen.text().contains("the disk is full"), "{}", screen.text());
    screen.tell(Event::End);
    assert!(screen.press(&["down", "q"]).contains(&Effect::Quit), "it is over");
}

#[test]
fn the_filter_line() {
    screens("filtered", SSE, &["/", "'status:tool_error'", "enter"]);
    screens("wrong-filter", SSE, &["/", "'status:tool_error dur>>'"]);
    screens("completion", SSE, &["/", "'tool:'", "tab", "tab"]);
    let mut screen = Screen::of(SSE, 120, 40);
    screen.press(&["/", "'status:tool_error'", "enter"]);
    assert!(screen.text().contains("3 of 32"), "{}", screen.text());
    screen.press(&["/", "ctrl-u", "'nothing-like-it'", "enter"]);
    assert!(screen.text().contains("no exchange matches the filter"), "{}", screen.text());
    screen.press(&["/", "up", "up", "enter"]);
    assert!(screen.text().contains("3 of 32"), "the history has the first one: {}", screen.text());
    screen.press(&["esc"]);
    assert!(screen.text().contains("1 of 32") || screen.text().contains("of 32"), "{}", screen.text());
    assert_eq!(screen.press(&["esc"]), [Effect::Bell], "esc never leaves");
}

/// Two levels down and back, with selection and filter restored.
#[test]
fn esc_returns_to_the_view_that_opened_the_exchanges() {
    let mut screen = Screen::of(ODD, 120, 40);
    screen.press(&["/", "'not method:ping'", "enter", "2", "down"]);
    let sessions = screen.text();
    screen.press(&["enter"]);
    assert!(screen.text().contains("filter not method:ping session:s2"), "{}", screen.text());
    screen.press(&["enter"]);
    assert!(screen.text().contains("Timeline"), "{}", screen.text());
    screen.press(&["esc"]);
    assert!(screen.text().contains("session:s2") && !screen.text().contains("Timeline"), "{}", screen.text());
    assert_eq!(screen.pressed(&["esc"]), sessions);
    // From an exchange opened elsewhere, esc returns there at once.
    screen.press(&["esc", "1", "end"]);
    let overview = screen.text();
    screen.press(&["enter"]);
    assert!(screen.text().contains("Timeline"), "{}", screen.text());
    assert_eq!(screen.pressed(&["esc"]), overview);
    // After changing the view by key there is nothing to return to.
    screen.press(&["2", "enter", "3", "esc"]);
    assert!(screen.text().contains(" of 46"), "the filter is cleared: {}", screen.text());
    assert_eq!(screen.press(&["esc"]), [Effect::Bell]);
}

#[test]
fn help_copies_and_search() {
    screens("help", SSE, &["?"]);
    screens("copy", SSE, &["y"]);
    screens("search", SSE, &["enter", "right", "ctrl-f", "'protocol'"]);
    let mut screen = Screen::of(SSE, 120, 40);
    let copied = screen.press(&["y", "w"]);
    let want = "(tcp.stream == 1 && frame.number == 12) || (tcp.stream == 0 && frame.number == 14)";
    assert!(
        matches!(copied.first(), Some(Effect::Copy(text)) if text.starts_with("(tcp.stream == ")),
        "{copied:?} {want}"
    );
    let copied = screen.press(&["y", "c"]);
    let Some(Effect::Copy(curl)) = copied.first() else { panic!("{copied:?}") };
    assert!(
        curl.starts_with("# left out: accept-language, sec-fetch-mode; --with-secrets has it\ncurl -sS -N 'http://127.0.0.1:8931/messages?sessionId=")
            && curl.contains("\"initialize\""),
        "{curl}"
    );
}

#[test]
fn sorting_goes_to_the_top_and_names_the_order() {
    let mut screen = Screen::of(SSE, 120, 20);
    for keys in [["end", "s"], ["end", "S"]].iter().cycle().take(20) {
        screen.press(keys);
        let text = screen.text();
        // The header, the titles of the columns, then the rows.
        assert!(text.lines().nth(3).is_some_and(|line| line.starts_with('▌')), "{text}");
    }
    screen.press(&["esc", "s", "s"]);
    let text = screen.text();
    let footer = text.lines().last().unwrap();
    let by = ["Session", "Method", "Status", "Total", "Events", "Bytes", "Client"];
    assert!(by.iter().any(|by| footer.contains(&format!("by {by}"))), "{text}");
}

#[test]
fn a_paused_screen_does_not_change() {
    let mut screen = Screen::empty(120, 40);
    let batches = screen::batches(SSE);
    let (first, rest) = batches.split_at(batches.len() / 2);
    first.iter().for_each(|batch| screen.tell(Event::Batch(batch.clone().into())));
    screen.press(&["p"]);
    let rows =
        |screen: &mut Screen| -> Vec<String> { screen.text().lines().skip(2).map(str::to_owned).collect() };
    let frozen = rows(&mut screen);
    rest.iter().for_each(|batch| screen.tell(Event::Batch(batch.clone().into())));
    assert_eq!(rows(&mut screen), frozen);
    assert!(screen.text().contains("frozen"), "{}", screen.text());
    screen.press(&["p"]);
    screen.tell(Event::End);
    assert_eq!(rows(&mut screen), rows(&mut Screen::of(SSE, 120, 40)), "nothing was lost");
}

#[test]
fn empty_loading_and_failed() {
    let mut screen = Screen::empty(80, 24);
    snapshot("empty", &screen.text());
    screen.tell(Event::Loading(Loading { read: 42, total: Some(100) }));
    snapshot("loading", &screen.text());
    screen.tell(Event::Failed("x.pcap: at 1234: input/output error".to_owned()));
    snapshot("failed", &screen.text());
    let mut narrow = Screen::of(SSE, 40, 10);
    snapshot("narrow", &narrow.text());
}

#[test]
fn no_colours_and_no_unicode() {
    let config = Config::parse("", Environment { no_color: true, ascii: true }).unwrap();
    let mut screen = Screen::with(config, 120, 40);
    screen.load(SSE);
    screen.press(&["end"]);
    snapshot("ascii", &screen.text());
    assert!(screen.text().is_ascii());
    assert!(!screen.has_colors());
    assert!(Screen::of(SSE, 120, 40).has_colors());
}

#[test]
fn the_mouse_selects_and_opens() {
    let mut screen = Screen::of(SSE, 120, 40);
    screen.click(20, 6);
    assert!(screen.text().lines().nth(6).is_some_and(|line| line.starts_with('▌')), "{}", screen.text());
    screen.click(20, 6);
    assert!(screen.text().contains("Timeline"), "a double click opens: {}", screen.text());
    screen.press(&["esc"]);
    let total = screen.column_of("Total");
    screen.click(total, 2);
    assert!(screen.text().contains("Total▼"), "{}", screen.text());
}

#[test]
fn privacy_hides_ids_and_payloads() {
    let mut screen = Screen::of(SSE, 160, 40);
    screen.press(&["end", "P", "enter"]);
    for _ in 0..7 {
        let text = screen.text();
        for secret in ["7f4d5d49-74a4", "\"echo\""] {
            assert!(!text.contains(secret), "{secret} in\n{text}");
        }
        screen.press(&["right"]);
    }
    assert!(screen.press(&["y"]).contains(&Effect::Bell), "nothing is copied either");
    // Error texts quote the traffic; the URI of a resource is private too.
    screen.press(&["esc", "/", "'status:error or status:tool_error'", "enter"]);
    for view in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        for keys in [&[view][..], &["down"], &["enter"], &["tab"], &["right"], &["esc"]] {
            let text = screen.pressed(keys);
            for secret in ["note://", "Method not found", "Resource note"] {
                assert!(!text.contains(secret), "{secret} in view {view} after {keys:?}:\n{text}");
            }
        }
    }
}

#[test]
fn a_pending_exchange_counts_up() {
    let mut screen = Screen::empty(120, 40);
    screen.make_live();
    screen.load_until(SSE, 5);
    let text = screen.text();
    assert!(text.contains("pending"), "{text}");
    screen.pass(Duration::from_secs(125));
    assert_ne!(screen.text(), text);
    assert!(screen.text().contains("2m"), "{}", screen.text());
}

/// A call that its client cancelled is no longer waited for, though an answer may still come: the
/// row says so at once, and its time stands still.
#[test]
fn who_hung_up_is_said_at_once() {
    let mut screen = Screen::empty(120, 40);
    screen.make_live();
    for batch in screen::until_open(ODD) {
        screen.tell(Event::Batch(batch.into()));
    }
    let row = |screen: &mut Screen| {
        let text = screen.text();
        text.lines()
            .find(|line| line.contains("tools/call never"))
            .unwrap_or_else(|| panic!("{text}"))
            .to_owned()
    };
    let hung_up = row(&mut screen);
    assert!(hung_up.contains("cancelled at packet 330") && !hung_up.contains("pending"), "{hung_up}");
    screen.pass(Duration::from_secs(125));
    assert_eq!(row(&mut screen), hung_up);
}

#[test]
fn a_growing_file_is_read_and_then_followed() {
    let mut screen = Screen::empty(80, 24);
    screen.make_followed();
    screen.tell(Event::Loading(Loading { read: 5, total: Some(10) }));
    assert!(screen.text().contains("reading 50 %"), "{}", screen.text());
    for batch in screen::until_open(ODD) {
        screen.tell(Event::Batch(batch.into()));
    }
    let capture = CaptureFact { packets: 1234, ..CaptureFact::default() };
    screen.tell(Event::Batch(vec![Entry::Fact(Fact::Capture(Box::new(capture)))].into()));
    screen.tell(Event::Loading(Loading { read: 10, total: None }));
    screen.press(&["f"]);
    snapshot("followed-80x24", &screen.text());
    screen.press(&["up"]);
    assert!(!screen.text().contains("following"), "{}", screen.text());
    // What is left without a question: nothing is lost with it.
    assert!(screen.press(&["q"]).contains(&Effect::Quit));
}
