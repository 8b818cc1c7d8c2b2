//! How long a frame of the TUI takes with a million exchanges, 100,000 sessions, connections and
//! findings and 50,000 streams: every view, with a filter, in another order, a body of 10 MB opened
//! and searched.
//!
//! A frame is all that a key costs: the action, bringing the view up to date, drawing 200x50 cells.
//! The aim is 16 ms, one frame at 60 Hz.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark that cannot go on says so and stops"
)]

use std::fs;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use mcpdump::base::fact::{PayloadFact, PayloadKind};
use mcpdump::base::{Code, Fact, Finding, Findings};
use mcpdump::capture::Source;
use mcpdump::engine::Engine;
use mcpdump::ledger::query::Filter;
use mcpdump::ledger::{Entry, Exchange, Record};
use mcpdump::tui::{self, Action, App, Config, Event, Model, ViewName, draw};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

const EXCHANGES: u64 = 1_000_000;
const SESSIONS: u32 = 100_000;
const CONNECTIONS: u32 = 100_000;
const FINDINGS: u32 = 100_000;
const STREAMS: u32 = 50_000;

/// Memory for what is shown, in bytes: enough to list everything, and for the body that is opened.
const MEMORY: usize = 1 << 30;

/// Bytes of the body that is opened.
const BODY: usize = 10_000_000;

/// The entries of a capture.
fn told() -> Vec<Entry> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/many-sessions/capture.pcapng");
    let mut source =
        mcpdump::capture::from_reader("bench", Box::new(fs::File::open(path).expect("the capture")));
    let (mut engine, mut entries, mut findings) = (Engine::new(), Vec::new(), Findings::new());
    engine.emit_payloads();
    while let Some(item) = source.next(&mut findings).expect("it can be read") {
        engine.push(item, &mut entries);
    }
    engine.finish(&mut entries);
    entries
}

/// Repeats the exchanges of a capture, each with its own number, time and duration.
fn exchanges(told: &[Entry]) -> impl Iterator<Item = Exchange> {
    let seen: Vec<Exchange> = told
        .iter()
        .filter_map(|entry| match entry {
            Entry::Record(Record::Exchange(exchange)) => Some((**exchange).clone()),
            _ => None,
        })
        .collect();
    (1..=EXCHANGES).map(move |n| {
        let mut exchange = seen.get(n as usize % seen.len()).expect("there are some").clone();
        exchange.n = n;
        exchange.session.number = 1 + (n % u64::from(SESSIONS)) as u32;
        (exchange.tcp_stream, exchange.transaction) = ((n % u64::from(CONNECTIONS)) as u32, (n >> 17) as u32);
        exchange.answered_on = exchange.answered_on.map(|_| (exchange.tcp_stream, exchange.transaction));
        let later = n as i64 * 1_000_000;
        let span = &mut exchange.request.span;
        (span.start.time, span.end.time) = (span.start.time.plus(later), span.end.time.plus(later));
        if let Some(response) = &mut exchange.response {
            let longer = later + (n as i64).wrapping_mul(7_919) % 50_000_000;
            let span = &mut response.span;
            (span.start.time, span.end.time) = (span.start.time.plus(longer), span.end.time.plus(longer));
        }
        exchange
    })
}

/// The sessions, connections, findings and streams beside the exchanges.
fn around(told: &[Entry]) -> Vec<Entry> {
    let any = |of: fn(&Entry) -> bool| told.iter().find(|entry| of(entry)).expect("there is one").clone();
    let session = any(|entry| matches!(entry, Entry::Record(Record::Session(_))));
    let stream = any(|entry| matches!(entry, Entry::Record(Record::Stream(_))));
    let connection = any(|entry| matches!(entry, Entry::Fact(Fact::Connection(_))));
    let counts = any(|entry| matches!(entry, Entry::Fact(Fact::Capture(_))));
    let numbered = |entry: &Entry, number: u32| {
        let mut entry = entry.clone();
        match &mut entry {
            Entry::Record(Record::Session(session)) => session.session.number = number + 1,
            Entry::Record(Record::Stream(stream)) => stream.tcp_stream = number,
            Entry::Fact(Fact::Connection(connection)) => connection.tcp_stream = number,
            _ => {}
        }
        entry
    };
    let codes = Code::all();
    let finding = |number: u32| {
        let code = codes.get(number as usize % codes.len()).expect("there are codes").code;
        let (session, exchange) = (Some(number + 1), Some(u64::from(number) + 1));
        let detail = "what was noticed, in some words".to_owned();
        Entry::Finding(Finding {
            code,
            at: None,
            tcp_stream: Some(number),
            session,
            exchange,
            count: 1,
            detail,
        })
    };
    let mut all: Vec<Entry> = (0..SESSIONS).map(|number| numbered(&session, number)).collect();
    all.extend((0..STREAMS).map(|number| numbered(&stream, number)));
    all.extend((0..CONNECTIONS).map(|number| numbered(&connection, number)));
    all.extend((0..FINDINGS).map(finding));
    all.push(counts);
    all
}

/// An exchange whose response is one line of 10 MB, and its payloads.
fn large(told: &[Entry]) -> Vec<Entry> {
    let exchange = told.iter().find_map(|entry| match entry {
        Entry::Record(Record::Exchange(exchange)) if exchange.name.is_some() => Some(exchange.clone()),
        _ => None,
    });
    let mut exchange = exchange.expect("a call of a tool");
    (exchange.n, exchange.tcp_stream, exchange.transaction) = (EXCHANGES + 1, CONNECTIONS, 0);
    exchange.answered_on = Some((CONNECTIONS, 0));
    exchange.name = Some("large".into());
    let carried = told.iter().find_map(|entry| match entry {
        Entry::Fact(Fact::Payload(carried)) if carried.kind == PayloadKind::Body => Some(carried.clone()),
        _ => None,
    });
    let carried = carried.expect("a body");
    let text: String = (0..BODY / 100)
        .map(|line| {
            format!(r#"{{"id":{line},"text":"a line of what a tool has found, number {line:>40}"}},"#)
        })
        .collect();
    let answer = format!(r#"{{"jsonrpc":"2.0","id":3,"result":{{"content":[{text}{{"text":"needle"}}]}}}}"#);
    let said = |response: bool| {
        let mut carried: PayloadFact = (*carried).clone();
        carried.peers.tcp_stream = CONNECTIONS;
        carried.transaction = 0;
        if response {
            carried.side = mcpdump::base::Side::Server;
            carried.span = exchange.response.expect("it was answered").span;
            carried.bytes = answer.clone().into();
        } else {
            carried.span = exchange.request.span;
        }
        Entry::Fact(Fact::Payload(Box::new(carried)))
    };
    vec![said(false), said(true), Entry::Record(Record::Exchange(exchange.clone()))]
}

fn filled() -> App {
    let told = told();
    let mut app = App::new(Model::new(tui::Source::saved("bench"), MEMORY), Config::default());
    let exchanges = exchanges(&told).map(|exchange| Entry::Record(Record::Exchange(Box::new(exchange))));
    let mut entries = exchanges.chain(around(&told)).chain(large(&told));
    loop {
        let batch: Vec<Entry> = entries.by_ref().take(512).collect();
        if batch.is_empty() {
            break;
        }
        app.handle(Event::Batch(batch.into()));
    }
    app.handle(Event::End);
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        let of_memory = |line: &&str| line.starts_with("VmHWM") || line.starts_with("VmRSS");
        status.lines().filter(of_memory).for_each(|line| println!("{line}"));
    }
    app
}

/// A screen of 200x50.
struct Screen {
    app: App,
    terminal: Terminal<TestBackend>,
}

impl Screen {
    fn frame(&mut self) {
        self.app.refresh();
        let mut seen = None;
        self.terminal.draw(|frame| seen = Some(draw(&self.app, frame))).expect("a frame");
        seen.into_iter().for_each(|seen| self.app.set_frame_info(seen));
    }

    fn handle_action(&mut self, action: Action) {
        self.app.handle_action(action);
        self.frame();
    }

    fn key(&mut self, code: KeyCode) {
        self.app.handle(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        self.frame();
    }

    /// Finishes all background work.
    fn settle(&mut self) {
        while self.app.work() {}
        self.frame();
    }

    fn filter(&mut self, text: &str) {
        self.app.model.set_filter(Filter::parse(text).expect("a filter"));
    }
}

fn frames(criterion: &mut Criterion) {
    let terminal = Terminal::new(TestBackend::new(200, 50)).expect("a screen");
    let mut screen = Screen { app: filled(), terminal };
    screen.settle();
    let mut group = criterion.benchmark_group("frame of a million exchanges");
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    for view in [
        ViewName::Overview,
        ViewName::Sessions,
        ViewName::Exchanges,
        ViewName::Latency,
        ViewName::Streams,
        ViewName::Connections,
        ViewName::Findings,
        ViewName::Servers,
    ] {
        let name = view.title().to_lowercase();
        screen.handle_action(Action::Show(view));
        screen.settle();
        group.bench_function(&name, |bencher| bencher.iter(|| screen.handle_action(Action::Down)));
        group.bench_function(format!("{name}, its end"), |bencher| {
            bencher.iter(|| {
                screen.handle_action(Action::End);
                screen.handle_action(Action::PageUp);
            });
        });
        if !matches!(view, ViewName::Overview | ViewName::Exchanges) {
            group.bench_function(format!("{name}, another order"), |bencher| {
                bencher.iter(|| screen.handle_action(Action::Sort));
            });
        }
    }
    screen.handle_action(Action::Show(ViewName::Latency));
    screen.handle_action(Action::Home);
    screen.handle_action(Action::NextPane);
    group.bench_function("latency, its buckets", |bencher| {
        bencher.iter(|| screen.handle_action(Action::Right))
    });
    screen.handle_action(Action::NextPane);
    screen.handle_action(Action::Show(ViewName::Exchanges));
    group.bench_function("exchanges, a slice of a filter", |bencher| {
        bencher.iter(|| {
            if !screen.app.work() {
                screen.filter("dur>20ms not status:error");
            }
            screen.handle_action(Action::Down);
        });
    });
    screen.settle();
    group
        .bench_function("exchanges, filtered", |bencher| bencher.iter(|| screen.handle_action(Action::Down)));
    group.bench_function("exchanges, a slice of an order", |bencher| {
        bencher.iter(|| {
            if !screen.app.work() {
                screen.handle_action(Action::Sort);
            }
            screen.handle_action(Action::Down);
        });
    });
    screen.settle();
    group.bench_function("exchanges, sorted", |bencher| bencher.iter(|| screen.handle_action(Action::Down)));
    screen.filter("name:large");
    screen.settle();
    screen.handle_action(Action::Home);
    group.bench_function("an exchange of 10 MB opened", |bencher| {
        bencher.iter(|| {
            screen.handle_action(Action::Open);
            screen.handle_action(Action::Back);
        });
    });
    screen.handle_action(Action::Open);
    screen.handle_action(Action::Right);
    screen.handle_action(Action::Right);
    let shown: String =
        screen.terminal.backend().buffer().content().iter().map(|cell| cell.symbol()).collect();
    assert!(shown.contains("what a tool has found"), "{shown}");
    group.bench_function("10 MB, a line down", |bencher| bencher.iter(|| screen.handle_action(Action::Down)));
    screen.handle_action(Action::UnfoldAll);
    group.bench_function("10 MB, its end", |bencher| bencher.iter(|| screen.handle_action(Action::End)));
    screen.handle_action(Action::Search);
    group.bench_function("10 MB, a letter of a search", |bencher| {
        bencher.iter(|| {
            screen.key(KeyCode::Char('n'));
            screen.key(KeyCode::Backspace);
        });
    });
    group.finish();
}

criterion_group!(benches, frames);
criterion_main!(benches);
