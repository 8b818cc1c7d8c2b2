//! How long a frame of the TUI takes with a million exchanges: the list, with a filter, in another order, opened.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark that cannot go on says so and stops"
)]

use std::fs;

use criterion::{Criterion, criterion_group, criterion_main};
use mcpdump::base::Findings;
use mcpdump::capture::Source;
use mcpdump::engine::Engine;
use mcpdump::ledger::query::Filter;
use mcpdump::ledger::{Entry, Exchange, Record};
use mcpdump::tui::{Action, App, Config, Event, World, draw};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const EXCHANGES: u64 = 1_000_000;

/// Exchanges as a capture has them, again and again, each with its own number, time and duration.
fn exchanges() -> impl Iterator<Item = Exchange> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/many-sessions/capture.pcapng");
    let mut source =
        mcpdump::capture::from_reader("bench", Box::new(fs::File::open(path).expect("the capture")));
    let (mut engine, mut entries, mut findings) = (Engine::new(), Vec::new(), Findings::new());
    while let Some(item) = source.next(&mut findings).expect("it can be read") {
        engine.push(item, &mut entries);
    }
    engine.finish(&mut entries);
    let seen: Vec<Exchange> = entries
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Record(Record::Exchange(exchange)) => Some(*exchange),
            _ => None,
        })
        .collect();
    let one_more = move |n: u64| {
        let mut exchange = seen.get(n as usize % seen.len()).expect("there are some").clone();
        exchange.n = n;
        let later = n as i64 * 1_000_000;
        let span = &mut exchange.request.span;
        (span.start.time, span.end.time) = (span.start.time.plus(later), span.end.time.plus(later));
        if let Some(response) = &mut exchange.response {
            let longer = later + (n as i64).wrapping_mul(7_919) % 50_000_000;
            let span = &mut response.span;
            (span.start.time, span.end.time) = (span.start.time.plus(longer), span.end.time.plus(longer));
        }
        exchange
    };
    (1..=EXCHANGES).map(one_more)
}

fn frames(criterion: &mut Criterion) {
    let mut app = App::new(World::new("bench".to_owned(), false, 64 << 20), Config::default());
    let mut batch = Vec::new();
    for exchange in exchanges() {
        batch.push(Entry::Record(Record::Exchange(Box::new(exchange))));
        if batch.len() == 512 {
            app.handle(Event::Batch(std::mem::take(&mut batch)));
        }
    }
    app.handle(Event::Batch(batch));
    app.handle(Event::End);
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        status
            .lines()
            .filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"))
            .for_each(|line| println!("{line}"));
    }
    let mut terminal = Terminal::new(TestBackend::new(200, 50)).expect("a screen");
    let mut frame = |app: &mut App, action: Action| {
        app.act(action);
        app.refresh();
        let mut seen = None;
        terminal.draw(|frame| seen = Some(draw(app, frame))).expect("a frame");
        seen.into_iter().for_each(|seen| app.saw(seen));
    };
    let settle = |app: &mut App| while app.work() {};
    let mut group = criterion.benchmark_group("frame of a million exchanges");
    group.sample_size(20);
    for (name, action) in [("list", Action::Down), ("end", Action::End), ("page up", Action::PageUp)] {
        group.bench_function(name, |bencher| bencher.iter(|| frame(&mut app, action)));
    }
    group.bench_function("overview", |bencher| {
        app.act(Action::Overview);
        bencher.iter(|| frame(&mut app, Action::Down));
    });
    app.act(Action::Latency);
    group.bench_function("latency", |bencher| bencher.iter(|| frame(&mut app, Action::Down)));
    group.bench_function("latency sorted", |bencher| bencher.iter(|| frame(&mut app, Action::Sort)));
    app.act(Action::Home);
    app.act(Action::NextPane);
    group.bench_function("latency bucket", |bencher| bencher.iter(|| frame(&mut app, Action::Right)));
    app.act(Action::NextPane);
    app.act(Action::Exchanges);
    group.bench_function("a slice of a filter", |bencher| {
        app.world.refilter(Filter::parse("dur>20ms not status:error").expect("a filter"));
        bencher.iter(|| {
            if !app.work() {
                app.world.refilter(Filter::parse("dur>20ms not status:error").expect("a filter"));
            }
            frame(&mut app, Action::Down);
        });
    });
    settle(&mut app);
    group.bench_function("filtered", |bencher| bencher.iter(|| frame(&mut app, Action::Down)));
    group.bench_function("sorting", |bencher| bencher.iter(|| frame(&mut app, Action::SortReverse)));
    group.finish();
}

criterion_group!(benches, frames);
criterion_main!(benches);
