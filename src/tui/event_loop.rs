//! The terminal: taken on the way in, given back whole on every way out, and the loop between.
//!
//! The loop is generic over what draws, so that tests drive it without a terminal.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};

use super::app::App;
use super::clipboard::Clipboard;
use super::draw::draw;
use super::effect::Effect;
use super::event::Event;
use super::keyboard;
use super::tty::Tty;

/// A frame is drawn at most this often.
const FRAME: Duration = Duration::from_millis(33);

/// How often clocks and spinners move.
const TICK: Duration = Duration::from_millis(250);

/// How long events are taken without a look at the keys: with [`FRAME`] it bounds how long a key waits.
const TAKING: Duration = Duration::from_millis(8);

/// What keeps the filters that were applied beyond the run: it is called with each.
pub type Remember<'a> = &'a mut dyn FnMut(&str) -> io::Result<()>;

/// Runs the screen in this terminal until somebody leaves. `events` is where it is told what happens, `keys` where the
/// thread that reads the keyboard puts what is pressed: the other end of the same channel.
///
/// # Errors
/// The terminal cannot be taken or written to.
pub fn run(
    app: &mut App,
    tty: &Tty,
    events: &Receiver<Event>,
    keys: SyncSender<Event>,
    remember: Remember<'_>,
) -> io::Result<()> {
    let clipboard = Clipboard::new(app.config.clipboard);
    let mut outside = Outside { tty, mouse: app.mouse, clipboard, remember, forgets: false };
    let outcome = tty.take(app.mouse).and_then(|()| {
        keyboard::read(keys);
        let mut terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        turn(app, &mut terminal, events, &mut outside)
    });
    let given_back = tty.give_back();
    outcome.and(given_back)
}

/// What is done outside of the program.
pub(super) trait Do {
    /// Does what came of an action. Says what there is to say of it.
    fn effect(&mut self, effect: &Effect) -> io::Result<Option<String>>;
}

/// The loop: what happened in, frames out, until an effect says that it ends.
pub(super) fn turn<B: Backend>(
    app: &mut App,
    terminal: &mut Terminal<B>,
    events: &Receiver<Event>,
    outside: &mut impl Do,
) -> io::Result<()>
where
    io::Error: From<B::Error>,
{
    let began = now();
    let mut drawn: Option<Instant> = None;
    loop {
        let wait =
            if app.work() { Duration::ZERO } else { patience(app.dirty, drawn.map(|drawn| now() - drawn)) };
        let first = match events.recv_timeout(wait) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            // Nobody is left who could tell anything, not even the keyboard.
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        let asked = match take_all(app, first, events, outside)? {
            Taken::Quit => return Ok(()),
            Taken::Input => true,
            Taken::Anew => {
                // What is on the screen is not what was drawn last: the next frame is drawn whole.
                terminal.swap_buffers();
                true
            }
            Taken::Told => false,
        };
        app.tick(now() - began);
        // Who pressed a key sees at once what came of it.
        if !asked && drawn.is_some_and(|drawn| now() - drawn < FRAME) {
            continue;
        }
        if app.take_dirty() {
            app.refresh();
            let mut info = None;
            terminal.draw(|frame| info = Some(draw(app, frame)))?;
            if let Some(info) = info {
                app.set_frame_info(info);
            }
            drawn = Some(now());
        }
    }
}

/// How long the loop waits for something to happen, where a frame was drawn so long ago (`None`: none was yet). What
/// changed is drawn a frame's time after the last frame; where nothing did, a tick is waited for, however long ago that
/// was.
fn patience(is_dirty: bool, drawn: Option<Duration>) -> Duration {
    if !is_dirty {
        return TICK;
    }
    drawn.map_or(Duration::ZERO, |ago| FRAME.saturating_sub(ago))
}

/// What was among what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// The program ends.
    Quit,
    /// Somebody did something.
    Input,
    /// The terminal was taken anew.
    Anew,
    /// Something was told, or nothing.
    Told,
}

/// Takes what happened, for a while.
fn take_all(
    app: &mut App,
    first: Option<Event>,
    events: &Receiver<Event>,
    outside: &mut impl Do,
) -> io::Result<Taken> {
    let began = now();
    let mut next = first;
    while let Some(event) = next {
        let is_input = matches!(event, Event::Key(_) | Event::Mouse(_) | Event::Paste(_) | Event::Resize);
        let mut is_anew = false;
        for effect in app.handle(event) {
            if effect == Effect::Quit {
                return Ok(Taken::Quit);
            }
            is_anew |= matches!(effect, Effect::Suspend | Effect::Retake);
            if let Some(said) = outside.effect(&effect)? {
                app.say(said);
            }
        }
        if is_anew {
            return Ok(Taken::Anew);
        }
        if is_input {
            return Ok(Taken::Input);
        }
        // Only what is taken is received: what were received too late would be lost.
        next = if now() - began > TAKING { None } else { events.try_recv().ok() };
    }
    Ok(Taken::Told)
}

/// This terminal and this machine.
struct Outside<'a> {
    tty: &'a Tty,
    /// Whether the mouse is here.
    mouse: bool,
    clipboard: Clipboard,
    remember: Remember<'a>,
    /// That filters cannot be kept was said.
    forgets: bool,
}

impl Do for Outside<'_> {
    fn effect(&mut self, effect: &Effect) -> io::Result<Option<String>> {
        let done = match effect {
            Effect::Bell => self.tty.bell(),
            Effect::Mouse(taken) => {
                self.mouse = *taken;
                self.tty.mouse(*taken)
            }
            Effect::Copy(text) => return self.clipboard.copy(text).map(Some),
            Effect::Remember(filter) => return Ok(self.remember(filter)),
            Effect::Suspend => self.tty.suspend(self.mouse),
            Effect::Retake => self.tty.retake(self.mouse),
            Effect::Quit | Effect::Show(_) | Effect::Open(_) | Effect::Filter(_) | Effect::Say(_) => Ok(()),
        };
        done.map(|()| None)
    }
}

impl Outside<'_> {
    /// Keeps a filter beyond the run. What goes wrong with that is said once.
    fn remember(&mut self, filter: &str) -> Option<String> {
        let error = (self.remember)(filter).err()?;
        let is_new = !std::mem::replace(&mut self.forgets, true);
        is_new.then(|| format!("filters are not kept beyond this run: {error}"))
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

    struct Nothing;

    impl Do for Nothing {
        fn effect(&mut self, _: &Effect) -> io::Result<Option<String>> {
            // As long as anything may take, so that each event is the last of its round.
            let began = now();
            while now() - began <= TAKING {
                std::thread::yield_now();
            }
            Ok(None)
        }
    }

    /// However long one takes, the others wait and none is lost.
    #[test]
    fn no_event_is_lost() {
        let (send, events) = sync_channel(3);
        send.send(Event::Warned("slow".to_owned())).unwrap();
        send.send(Event::End).unwrap();
        let mut app = App::new(Model::new(Source::saved("test"), 1 << 20), Config::default());
        for _ in 0..2 {
            let first = events.try_recv().ok();
            take_all(&mut app, first, &events, &mut Nothing).unwrap();
        }
        assert!(app.model.has_ended());
    }

    /// A capture that is over, on a screen that nobody touches, costs nothing.
    #[test]
    fn the_loop_never_spins() {
        for ago in [Duration::ZERO, FRAME, TICK, TICK * 100] {
            assert_eq!(patience(false, Some(ago)), TICK);
        }
        assert_eq!(patience(true, Some(FRAME)), Duration::ZERO);
        assert_eq!(patience(true, Some(Duration::ZERO)), FRAME);
        assert_eq!(patience(true, None), Duration::ZERO);
    }
}
