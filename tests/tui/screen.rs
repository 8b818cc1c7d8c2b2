//! A screen without a terminal: keys in, cells out.

use std::time::Duration;

use mcpdump::engine::Engine;
use mcpdump::ledger::{Entry, Record};
use mcpdump::tui::{Action, App, Config, Device, Effect, Event, Model, Source, ViewName, draw};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::style::Color;

use crate::support::corpus;
use crate::support::split::Split;

/// The sizes of the snapshots.
pub(crate) const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 50)];

pub(crate) struct Screen {
    app: App,
    terminal: Terminal<TestBackend>,
}

impl Screen {
    /// A capture read to its end.
    pub(crate) fn of(capture: &str, columns: u16, lines: u16) -> Self {
        let mut screen = Self::empty(columns, lines);
        screen.load(capture);
        screen
    }

    /// A capture in several files.
    pub(crate) fn of_files(split: &Split, columns: u16, lines: u16) -> Self {
        let mut engine = Engine::new();
        engine.emit_payloads();
        let (entries, files) = split.run_with(engine);
        let mut screen = Self::with(Config::default(), columns, lines);
        let names: Vec<String> = files.names().iter().map(ToString::to_string).collect();
        *screen.app.model.source_mut() = Source { files, ..Source::saved(names.join(", ")) };
        screen.tell(Event::Batch(entries.into()));
        screen.tell(Event::End);
        screen
    }

    pub(crate) fn empty(columns: u16, lines: u16) -> Self {
        Self::with(Config::default(), columns, lines)
    }

    pub(crate) fn with(config: Config, columns: u16, lines: u16) -> Self {
        Self::new("captures/test.pcap", config, columns, lines)
    }

    /// As [`Screen::of`], with a name for the source.
    pub(crate) fn named(source: &str, columns: u16, lines: u16) -> Self {
        Self::new(source, Config::default(), columns, lines)
    }

    fn new(source: &str, config: Config, columns: u16, lines: u16) -> Self {
        let model = Model::new(Source::saved(source), 64 << 20);
        let terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
        let mut screen = Self { app: App::new(model, config), terminal };
        screen.app.handle_action(Action::Show(ViewName::Exchanges));
        screen.draw();
        screen
    }

    pub(crate) fn load(&mut self, capture: &str) {
        batches(capture).into_iter().for_each(|batch| self.tell(Event::Batch(batch.into())));
        self.tell(Event::End);
    }

    /// A live capture up to request `n`, ten seconds after its start.
    pub(crate) fn watch(&mut self, capture: &str, n: u64) {
        self.make_device(None);
        self.pass(Duration::from_secs(10));
        self.load_until(capture, n);
    }

    /// A capture up to request `n`, with the exchanges then in progress.
    pub(crate) fn load_until(&mut self, capture: &str, n: u64) {
        let (mut engine, mut entries) = (Engine::new(), Vec::new());
        engine.emit_payloads();
        let mut source = corpus::source(corpus::bytes(&corpus::directory().join(capture)));
        let asked =
            |entry: &Entry| matches!(entry, Entry::Record(Record::Request(exchange)) if exchange.n == n);
        while !entries.iter().any(asked) {
            assert!(engine.read(&mut source, &mut entries).unwrap(), "{capture} has no request {n}");
        }
        self.tell(Event::Batch(entries.into()));
        self.tell(Event::InProgress(Box::new(engine.in_progress())));
    }

    pub(crate) fn make_live(&mut self) {
        self.app.model.source_mut().is_live = true;
    }

    /// Switches to following a file.
    pub(crate) fn make_followed(&mut self) {
        self.app.model.source_mut().is_live = true;
        self.app.model.source_mut().is_followed = true;
    }

    /// Switches to capturing on a device.
    pub(crate) fn make_device(&mut self, kept: Option<&str>) {
        self.make_live();
        self.app.model.source_mut().device = Some(Device { written_to: kept.map(str::to_owned) });
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.app.handle(event);
        self.draw();
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let uptime = self.app.model.uptime() + time;
        self.app.tick(uptime);
        self.draw();
    }

    /// Presses keys as the configuration names them; `'text'` is typed.
    pub(crate) fn press(&mut self, keys: &[&str]) -> Vec<Effect> {
        let mut effects = Vec::new();
        for key in keys {
            match key.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
                Some(text) => {
                    let events = text.chars().map(|c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
                    events.for_each(|event| effects.extend(self.app.handle(Event::Key(event))));
                }
                None => effects.extend(self.app.handle(Event::Key(event_of(key)))),
            }
            self.draw();
        }
        effects
    }

    /// The screen after these keys.
    pub(crate) fn pressed(&mut self, keys: &[&str]) -> String {
        self.press(keys);
        self.text()
    }

    pub(crate) fn click(&mut self, column: u16, row: u16) {
        let kind = MouseEventKind::Down(MouseButton::Left);
        self.app.handle(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
        self.draw();
    }

    /// The column of the first occurrence of a text.
    pub(crate) fn column_of(&mut self, text: &str) -> u16 {
        let screen = self.text();
        let (line, at) = screen.lines().find_map(|line| Some((line, line.find(text)?))).unwrap();
        line[..at].chars().count().try_into().unwrap()
    }

    /// The characters of the screen, without blanks at the ends of lines.
    pub(crate) fn text(&mut self) -> String {
        let cells = self.cells();
        let mut text = String::new();
        for line in cells.content().chunks(cells.area.width.into()) {
            let mut skip = 0;
            let mut shown = String::new();
            for cell in line {
                if skip == 0 {
                    shown.push_str(cell.symbol());
                }
                let wide = unicode_width::UnicodeWidthStr::width(cell.symbol());
                skip = if skip > 0 { skip - 1 } else { wide.saturating_sub(1) };
            }
            text.push_str(shown.trim_end());
            text.push('\n');
        }
        text
    }

    /// The screen as it is, drawn anew: terminals clear the other half of a wide character that is
    /// written over, the backend of the tests does not.
    pub(crate) fn cells(&mut self) -> &Buffer {
        self.terminal.clear().unwrap();
        self.draw();
        self.terminal.backend().buffer()
    }

    pub(crate) fn has_colors(&self) -> bool {
        let cells = self.terminal.backend().buffer().content();
        cells.iter().any(|cell| (cell.fg, cell.bg) != (Color::Reset, Color::Reset))
    }

    fn draw(&mut self) {
        while self.app.work() {}
        self.app.refresh();
        let mut seen = None;
        self.terminal.draw(|frame| seen = Some(draw(&self.app, frame))).unwrap();
        self.app.set_frame_info(seen.unwrap());
    }
}

fn event_of(key: &str) -> KeyEvent {
    let (key, modifiers) = match key.strip_prefix("ctrl-") {
        Some(rest) => (rest, KeyModifiers::CONTROL),
        None => (key, KeyModifiers::NONE),
    };
    let code = match key {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "end" => KeyCode::End,
        "home" => KeyCode::Home,
        key => KeyCode::Char(key.chars().next().unwrap()),
    };
    KeyEvent::new(code, modifiers)
}

/// The entries of a capture, in small batches.
pub(crate) fn batches(capture: &str) -> Vec<Vec<Entry>> {
    watched(corpus::bytes(&corpus::directory().join(capture))).chunks(64).map(<[Entry]>::to_vec).collect()
}

/// The entries of a capture up to a request that waits long for its response.
pub(crate) fn until_open(capture: &str) -> Vec<Vec<Entry>> {
    let entries = watched(corpus::bytes(&corpus::directory().join(capture)));
    let last = entries.iter().rposition(|entry| matches!(entry, Entry::Record(Record::Request(_)))).unwrap();
    entries[..=last].chunks(64).map(<[Entry]>::to_vec).collect()
}

pub(crate) fn watched(bytes: Vec<u8>) -> Vec<Entry> {
    let (mut engine, mut entries) = (Engine::new(), Vec::new());
    engine.emit_payloads();
    let mut source = corpus::source(bytes);
    while engine.read(&mut source, &mut entries).unwrap() {}
    entries
}
