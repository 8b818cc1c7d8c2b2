//! The event loop: takes the terminal, handles events, draws frames, and restores the terminal.
//!
//! The loop is generic over the backend, so that tests run it without a terminal.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};

use super::app::App;
use super::clipboard::Clipboard;
use super::draw::draw;
use super::effect::{Effect, SaveAs};
use super::event::Event;
use super::explanation::{Explanation, Unexplained};
use super::keyboard;
use super::tty::Tty;

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(33);

/// The time between two steps of clocks and spinners.
const TICK: Duration = Duration::from_millis(250);

/// How long events are handled before the keys are checked again. With [`FRAME`] it bounds how long
/// a key waits.
const HANDLING: Duration = Duration::from_millis(8);

/// What the program around the TUI does for it.
pub trait Surrounding {
    /// Saves an applied filter for later runs.
    ///
    /// # Errors
    /// The history cannot be written.
    fn save_filter(&mut self, filter: &str) -> io::Result<()>;

    /// Reads the packets of a connection (Wireshark's number) again, and sends them as
    /// [`Event::Inspected`].
    ///
    /// # Errors
    /// The message says why they cannot be read.
    fn inspect(&mut self, tcp_stream: u32) -> Result<(), String>;

    /// Reads the packets that a story needs again, and sends it as [`Event::Explained`].
    ///
    /// # Errors
    /// The message says why they cannot be read.
    fn explain(&mut self, story: Unexplained) -> Result<(), String>;

    /// Saves what matches a filter, and sends [`Event::Done`] or [`Event::Warned`].
    ///
    /// # Errors
    /// The message says why nothing can be saved.
    fn save(&mut self, save_as: SaveAs, filter: &str) -> Result<(), String>;
}

/// Runs the TUI in this terminal until the user quits. `events` receives all events; `keys` is the
/// sending end of the same channel, for the thread that reads the keyboard.
///
/// # Errors
/// The terminal cannot be taken or written to.
pub fn run(
    app: &mut App,
    tty: &Tty,
    events: &Receiver<Event>,
    keys: SyncSender<Event>,
    program: &mut dyn Surrounding,
) -> io::Result<()> {
    let clipboard = Clipboard::new(app.config.clipboard);
    let mut outside = Surroundings { tty, mouse: app.mouse, clipboard, program, has_reported_failure: false };
    let outcome = tty.take(app.mouse).and_then(|()| {
        keyboard::read(keys);
        let mut terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        run_loop(app, &mut terminal, events, &mut outside)
    });
    let given_back = tty.give_back();
    outcome.and(given_back)
}

/// Performs effects outside of the app.
pub(super) trait PerformEffect {
    /// Performs an effect. Returns a message for the user; `None` if there is nothing to report.
    fn perform(&mut self, effect: &Effect) -> io::Result<Option<String>>;
}

/// Handles events and draws frames until [`Effect::Quit`].
pub(super) fn run_loop<B: Backend>(
    app: &mut App,
    terminal: &mut Terminal<B>,
    events: &Receiver<Event>,
    outside: &mut impl PerformEffect,
) -> io::Result<()>
where
    io::Error: From<B::Error>,
{
    let began = now();
    let mut drawn: Option<Instant> = None;
    loop {
        let wait = if app.work() {
            Duration::ZERO
        } else {
            time_to_wait(app.dirty, drawn.map(|drawn| now() - drawn))
        };
        let first = match events.recv_timeout(wait) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            // All senders are gone, the keyboard's too.
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        let is_input = match handle_events(app, first, events, outside)? {
            Handled::Quit => return Ok(()),
            Handled::Input => true,
            Handled::TerminalTaken => {
                // Another program drew on the screen: draw the next frame completely.
                terminal.swap_buffers();
                true
            }
            Handled::Data => false,
        };
        app.tick(now() - began);
        // The result of a key is drawn at once.
        if !is_input && drawn.is_some_and(|drawn| now() - drawn < FRAME) {
            continue;
        }
        if app.take_dirty() {
            app.refresh();
            explain(app, outside)?;
            let mut info = None;
            terminal.draw(|frame| info = Some(draw(app, frame)))?;
            if let Some(info) = info {
                app.set_frame_info(info);
            }
            drawn = Some(now());
        }
    }
}

/// Has the packets read again that the shown story needs.
fn explain(app: &mut App, outside: &mut impl PerformEffect) -> io::Result<()> {
    let Some(effect) = app.take_refresh_effect() else { return Ok(()) };
    if let (Some(why), Effect::Explain(story)) = (outside.perform(&effect)?, &effect) {
        let explanation = Explanation { n: story.n, told: Err(why) };
        drop(app.handle(Event::Explained(Box::new(explanation))));
    }
    Ok(())
}

/// Returns how long the loop waits for an event. `drawn` is the time since the last frame; `None`
/// before the first. A changed screen is drawn one [`FRAME`] after the last one; otherwise the loop
/// waits for a [`TICK`].
fn time_to_wait(is_dirty: bool, drawn: Option<Duration>) -> Duration {
    if !is_dirty {
        return TICK;
    }
    drawn.map_or(Duration::ZERO, |ago| FRAME.saturating_sub(ago))
}

/// The kind of events that were handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handled {
    /// The program ends.
    Quit,
    /// A key, the mouse, pasted text or a resize.
    Input,
    /// The terminal was taken again.
    TerminalTaken,
    /// Only data, or nothing.
    Data,
}

/// Handles events for at most about [`HANDLING`].
fn handle_events(
    app: &mut App,
    first: Option<Event>,
    events: &Receiver<Event>,
    outside: &mut impl PerformEffect,
) -> io::Result<Handled> {
    let began = now();
    let mut next = first;
    while let Some(event) = next {
        let is_input = matches!(event, Event::Key(_) | Event::Mouse(_) | Event::Paste(_) | Event::Resize);
        let mut is_terminal_taken = false;
        for effect in app.handle(event) {
            if effect == Effect::Quit {
                return Ok(Handled::Quit);
            }
            is_terminal_taken |= matches!(effect, Effect::Suspend | Effect::RetakeTerminal);
            if let Some(message) = outside.perform(&effect)? {
                app.notify(message);
            }
        }
        if is_terminal_taken {
            return Ok(Handled::TerminalTaken);
        }
        if is_input {
            return Ok(Handled::Input);
        }
        // Received only if it is handled now: a received event would be lost.
        next = if now() - began > HANDLING { None } else { events.try_recv().ok() };
    }
    Ok(Handled::Data)
}

/// The terminal and the clipboards.
struct Surroundings<'a> {
    tty: &'a Tty,
    /// Whether the mouse is captured.
    mouse: bool,
    clipboard: Clipboard,
    program: &'a mut dyn Surrounding,
    /// Whether a failure to save a filter was reported.
    has_reported_failure: bool,
}

impl PerformEffect for Surroundings<'_> {
    fn perform(&mut self, effect: &Effect) -> io::Result<Option<String>> {
        let done = match effect {
            Effect::Bell => self.tty.bell(),
            Effect::CaptureMouse(taken) => {
                self.mouse = *taken;
                self.tty.mouse(*taken)
            }
            Effect::Copy(text) => return self.clipboard.copy(text).map(Some),
            Effect::SaveFilter(filter) => return Ok(self.save(filter)),
            Effect::Save(save_as, filter) => return Ok(self.program.save(*save_as, filter).err()),
            Effect::Inspect(tcp_stream) => return Ok(self.program.inspect(*tcp_stream).err()),
            Effect::Explain(story) => return Ok(self.program.explain(Unexplained::clone(story)).err()),
            Effect::Suspend => self.tty.suspend(self.mouse),
            Effect::RetakeTerminal => self.tty.retake(self.mouse),
            Effect::Quit
            | Effect::ShowView(_)
            | Effect::OpenExchange(_)
            | Effect::OpenPacket(..)
            | Effect::ShowConnection(_)
            | Effect::Filter(_)
            | Effect::ShowMessage(_) => Ok(()),
        };
        done.map(|()| None)
    }
}

impl Surroundings<'_> {
    /// Saves a filter for later runs. Returns a message for the first failure.
    fn save(&mut self, filter: &str) -> Option<String> {
        let error = self.program.save_filter(filter).err()?;
        let is_new = !std::mem::replace(&mut self.has_reported_failure, true);
        is_new.then(|| format!("cannot save the filter history: {error}"))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "frames, spinners and double clicks are the program's, not the capture's"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::tui::{Config, Model, Source};

    struct SlowEffects;

    impl PerformEffect for SlowEffects {
        fn perform(&mut self, _: &Effect) -> io::Result<Option<String>> {
            // Takes so long that each event is the last of its round.
            let began = now();
            while now() - began <= HANDLING {
                std::thread::yield_now();
            }
            Ok(None)
        }
    }

    /// However long an event takes, the following ones are not lost.
    #[test]
    fn no_event_is_lost() {
        let (send, events) = sync_channel(3);
        send.send(Event::Warned("slow".to_owned())).unwrap();
        send.send(Event::End).unwrap();
        let mut app = App::new(Model::new(Source::saved("test"), 1 << 20), Config::default());
        for _ in 0..2 {
            let first = events.try_recv().ok();
            handle_events(&mut app, first, &events, &mut SlowEffects).unwrap();
        }
        assert!(app.model.has_ended());
    }

    /// A capture that ended on an untouched screen uses no processor time.
    #[test]
    fn idle_loop_waits() {
        for ago in [Duration::ZERO, FRAME, TICK, TICK * 100] {
            assert_eq!(time_to_wait(false, Some(ago)), TICK);
        }
        assert_eq!(time_to_wait(true, Some(FRAME)), Duration::ZERO);
        assert_eq!(time_to_wait(true, Some(Duration::ZERO)), FRAME);
        assert_eq!(time_to_wait(true, None), Duration::ZERO);
    }
}
