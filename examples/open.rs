//! Measures how the TUI opens a large capture: time to the first rows, latency of keys while the
//! rest is read, time to read all compared with `report`, and memory.
//!
//! ```text
//! # 1 GB, 5.8 million packets, 694,000 exchanges
//! cargo run --release --example multiply -- \
//!     captures/many-sessions/capture.pcapng big.pcap --copies 1084
//! cargo run --release --example open -- big.pcap
//! ```
//!
//! As in the program, one thread reads and analyses and hands batches over a channel of four, the
//! other takes them and draws 200x50 cells at most every 33 ms. A third presses a key every 20 ms.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a tool of the developers: it stops where it cannot go on, and its business is the clock"
)]

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use mcpdump::engine::Engine;
use mcpdump::ledger::Ledger;
use mcpdump::tui::{App, Config, Event, Model, Source, draw};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

const FRAME: Duration = Duration::from_millis(33);
const TAKING: Duration = Duration::from_millis(8);

fn main() -> io::Result<()> {
    let usage = || io::Error::other("which capture? one is made with --example multiply");
    let path = PathBuf::from(std::env::args().nth(1).ok_or_else(usage)?);
    let read = report(&path);
    println!("report        {:8.2} s", read.as_secs_f64());
    let opened = open(&path);
    println!("first rows    {:8.1} ms", opened.first.as_secs_f64() * 1e3);
    println!(
        "loaded        {:8.2} s, {:.2} times report",
        opened.all.as_secs_f64(),
        opened.all.div_duration_f64(read)
    );
    let ms = |at: usize| opened.waits.get(at).copied().unwrap_or_default().as_secs_f64() * 1e3;
    let last = opened.waits.len().saturating_sub(1);
    println!("a key waited  {:8.1} ms at the median, {:.1} at most, of {}", ms(last / 2), ms(last), last + 1);
    let ms = |at: Duration| at.as_secs_f64() * 1e3;
    let [batch, in_progress, frame] = opened.slowest;
    println!(
        "slowest       {:8.1} ms for a batch, {:.1} for what goes on, {:.1} for a frame",
        ms(batch),
        ms(in_progress),
        ms(frame)
    );
    let (exchanges, store) = (opened.app.model.store().len(), &opened.app.model.store());
    println!("exchanges     {exchanges}, connections {}", store.connections().len());
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"))
        .for_each(|line| println!("{line}"));
    Ok(())
}

fn source(path: &Path) -> impl mcpdump::capture::Source + Send + use<> {
    mcpdump::capture::from_reader("capture", Box::new(File::open(path).expect("the capture")))
}

/// The work of a report.
fn report(path: &Path) -> Duration {
    let began = Instant::now();
    let (mut engine, mut ledger, mut entries) = (Engine::new(), Ledger::new(None), Vec::new());
    let mut source = source(path);
    while engine.read(&mut source, &mut entries).expect("it can be read") {
        entries.drain(..).for_each(|entry| ledger.push(&entry));
    }
    entries.drain(..).for_each(|entry| ledger.push(&entry));
    drop(ledger.snapshot());
    began.elapsed()
}

struct Opened {
    first: Duration,
    all: Duration,
    /// How long each key waited for its frame, sorted.
    waits: Vec<Duration>,
    /// The longest times for a batch, for the exchanges in progress, and for a frame.
    slowest: [Duration; 3],
    app: App,
}

/// An event, and for keys when it was pressed.
type Sent = (Event, Option<Instant>);

fn open(path: &Path) -> Opened {
    let began = Instant::now();
    let (events, told) = sync_channel::<Sent>(4);
    let over = Arc::new(AtomicBool::new(false));
    let keys = thread::spawn({
        let (events, over) = (events.clone(), Arc::clone(&over));
        move || press(&events, &over)
    });
    let loader = thread::spawn({
        let source = source(path);
        move || load(source, &events)
    });
    let opened = show(began, &told);
    over.store(true, Ordering::Relaxed);
    drop(told);
    loader.join().expect("it reads to the end");
    keys.join().expect("it ends");
    opened
}

fn press(events: &SyncSender<Sent>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(20));
        let key = Event::Key(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE));
        if events.send((key, Some(Instant::now()))).is_err() {
            return;
        }
    }
}

fn load(mut source: impl mcpdump::capture::Source, events: &SyncSender<Sent>) {
    let (mut engine, mut gathered, mut since, mut in_progress) =
        (Engine::new(), Vec::new(), Instant::now(), Instant::now());
    engine.emit_payloads();
    let mut items = 0_u32;
    while engine.read(&mut source, &mut gathered).expect("it can be read") {
        items = items.wrapping_add(1);
        let late = items.is_multiple_of(256) && since.elapsed() >= Duration::from_millis(25);
        if gathered.len() < 512 && !late {
            continue;
        }
        since = Instant::now();
        if since >= in_progress {
            let told = Box::new(engine.in_progress());
            in_progress = Instant::now() + Duration::from_millis(250).max(since.elapsed() * 20);
            if events.send((Event::InProgress(told), None)).is_err() {
                return;
            }
        }
        if events.send((Event::Batch(std::mem::take(&mut gathered).into()), None)).is_err() {
            return;
        }
    }
    for batch in gathered.chunks(512) {
        if events.send((Event::Batch(batch.to_vec().into()), None)).is_err() {
            return;
        }
    }
    // The receiver may have ended.
    drop(events.send((Event::End, None)));
}

fn show(began: Instant, told: &Receiver<Sent>) -> Opened {
    let mut app = App::new(Model::new(Source::saved("bench"), 64 << 20), Config::default());
    let mut terminal = Terminal::new(TestBackend::new(200, 50)).expect("a screen");
    let (mut drawn, mut first, mut waits) = (None::<Instant>, None, Vec::new());
    let mut slowest = [Duration::ZERO; 3];
    while !app.model.has_ended() {
        let wait = drawn.map_or(Duration::ZERO, |drawn| FRAME.saturating_sub(drawn.elapsed()));
        let (taking, mut pressed) = (Instant::now(), None);
        let mut next = told.recv_timeout(wait).ok();
        while let Some((event, at)) = next {
            let (kind, began) = (usize::from(matches!(event, Event::InProgress(_))), Instant::now());
            app.handle(event);
            slowest[kind] = slowest[kind].max(began.elapsed());
            pressed = at;
            let is_enough = pressed.is_some() || taking.elapsed() > TAKING;
            next = if is_enough { None } else { told.try_recv().ok() };
        }
        app.tick(began.elapsed());
        if pressed.is_none() && drawn.is_some_and(|drawn| drawn.elapsed() < FRAME) || !app.take_dirty() {
            continue;
        }
        let frame = Instant::now();
        app.refresh();
        let mut seen = None;
        terminal.draw(|frame| seen = Some(draw(&app, frame))).expect("a frame");
        seen.into_iter().for_each(|seen| app.set_frame_info(seen));
        slowest[2] = slowest[2].max(frame.elapsed());
        drawn = Some(Instant::now());
        waits.extend(pressed.map(|at: Instant| at.elapsed()));
        if first.is_none() && !app.model.exchanges().is_empty() {
            first = Some(began.elapsed());
        }
    }
    waits.sort();
    Opened { first: first.unwrap_or_default(), all: began.elapsed(), waits, slowest, app }
}
