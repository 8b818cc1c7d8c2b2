//! The terminal: taken on the way in, given back whole on every way out, and the loop between.
//!
//! The loop is generic over what draws, so that tests drive it without a terminal.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::crossterm::event::{
    self, DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute};

use super::app::App;
use super::draw::draw;
use super::effect::Effect;
use super::event::Event;

/// A frame is drawn at most this often.
const FRAME: Duration = Duration::from_millis(33);

/// How often clocks and spinners move.
const TICK: Duration = Duration::from_millis(250);

/// How long events are taken without a look at the keys: with [`FRAME`] it bounds how long a key waits.
const TAKING: Duration = Duration::from_millis(8);

/// Bytes of text that are sent to the terminal's clipboard. Terminals drop OSC 52 sequences beyond some 100 kB.
const MAX_OSC52: usize = 74_994;

/// Runs the screen in this terminal until somebody leaves. `events` is where it is told what happens, `keys` where the
/// thread that reads the keyboard puts what is pressed: the other end of the same channel. `local` says that this
/// machine's clipboard may be used; one that shut itself in reaches the terminal's only.
///
/// # Errors
/// The terminal cannot be taken or written to.
pub fn run(app: &mut App, events: &Receiver<Event>, keys: SyncSender<Event>, local: bool) -> io::Result<()> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // Held to the end: whoever draws waits, and does not draw over what was given back.
        let _screen = io::stdout().lock();
        // Whatever the terminal says to that: what matters is what panicked.
        drop(give_back());
        hook(panic);
        // As the released program does: a screen whose reader is gone would stand still for ever.
        std::process::abort();
    }));
    let outcome = take(app.mouse).and_then(|()| {
        read_keys(keys);
        let mut terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        turn(app, &mut terminal, events, &mut Outside { local, clipboard: None })
    });
    let given_back = give_back();
    outcome.and(given_back)
}

/// Takes the terminal.
fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
    if mouse { execute!(io::stdout(), EnableMouseCapture) } else { Ok(()) }
}

/// Gives the terminal back. As much as can be done is done, whatever fails.
fn give_back() -> io::Result<()> {
    let screen = execute!(
        io::stdout(),
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    );
    disable_raw_mode().and(screen)
}

/// Reads the keyboard in a thread of its own, which ends with the program.
fn read_keys(keys: SyncSender<Event>) {
    thread::spawn(move || {
        loop {
            let event = match event::read() {
                Ok(event::Event::Key(key)) => Event::Key(key),
                Ok(event::Event::Mouse(mouse)) => Event::Mouse(mouse),
                Ok(event::Event::Paste(text)) => Event::Paste(text),
                Ok(event::Event::Resize(..)) => Event::Resize,
                Ok(event::Event::FocusGained | event::Event::FocusLost) => continue,
                // A terminal that cannot be read any more has gone.
                Err(_) => Event::Terminate,
            };
            let last = matches!(event, Event::Terminate);
            if keys.send(event).is_err() || last {
                return;
            }
        }
    });
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
    let mut drawn = None;
    loop {
        let pause = if app.dirty { FRAME } else { TICK };
        let wait = if app.work() {
            Duration::ZERO
        } else {
            drawn.map_or(Duration::ZERO, |drawn: Instant| pause.saturating_sub(now() - drawn))
        };
        let first = match events.recv_timeout(wait) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            // Nobody is left who could tell anything, not even the keyboard.
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        let asked = match take_all(app, first, events, outside)? {
            Taken::Quit => return Ok(()),
            Taken::Input => true,
            Taken::Told => false,
        };
        app.tick(now() - began);
        // Who pressed a key sees at once what came of it.
        if !asked && drawn.is_some_and(|drawn| now() - drawn < FRAME) {
            continue;
        }
        if app.take_dirty() {
            app.refresh();
            let mut seen = None;
            terminal.draw(|frame| seen = Some(draw(app, frame)))?;
            seen.into_iter().for_each(|seen| app.saw(seen));
            drawn = Some(now());
        } else {
            drawn.get_or_insert_with(now);
        }
    }
}

/// What was among what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// The program ends.
    Quit,
    /// Somebody did something.
    Input,
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
        for effect in app.handle(event) {
            if effect == Effect::Quit {
                return Ok(Taken::Quit);
            }
            if let Some(said) = outside.effect(&effect)? {
                app.say(said);
            }
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
struct Outside {
    /// Whether this machine's clipboard may be used.
    local: bool,
    /// Kept: what is on the clipboard of X11 is gone with who put it there.
    clipboard: Option<arboard::Clipboard>,
}

impl Do for Outside {
    fn effect(&mut self, effect: &Effect) -> io::Result<Option<String>> {
        let mut out = io::stdout();
        match effect {
            Effect::Bell => out.write_all(b"\x07").and_then(|()| out.flush()).map(|()| None),
            Effect::Mouse(true) => execute!(out, EnableMouseCapture).map(|()| None),
            Effect::Mouse(false) => execute!(out, DisableMouseCapture).map(|()| None),
            Effect::Copy(text) => self.copy(text).map(Some),
            Effect::Quit | Effect::Show(_) | Effect::Open(_) | Effect::Filter(_) | Effect::Say(_) => Ok(None),
        }
    }
}

impl Outside {
    /// Copies to the clipboard of whoever looks, through the terminal (OSC 52: over SSH too), and to this machine's.
    fn copy(&mut self, text: &str) -> io::Result<String> {
        let to_terminal = text.len() <= MAX_OSC52;
        if to_terminal {
            let mut out = io::stdout();
            write!(out, "\x1b]52;c;{}\x07", STANDARD.encode(text))?;
            out.flush()?;
        }
        if self.local && self.clipboard.is_none() {
            // A machine without a display has none, and the terminal's is enough.
            self.clipboard = arboard::Clipboard::new().ok();
        }
        let here = self.clipboard.as_mut().is_some_and(|clipboard| clipboard.set_text(text).is_ok());
        Ok(match (to_terminal, here) {
            (true, true) => format!("copied {} bytes, here and through the terminal", text.len()),
            (true, false) => format!("copied {} bytes through the terminal (OSC 52)", text.len()),
            (false, true) => format!("copied {} bytes here; too long for the terminal (OSC 52)", text.len()),
            (false, false) => {
                "not copied: too long for the terminal, and no clipboard of this machine can be used"
                    .to_owned()
            }
        })
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
    use crate::tui::{Config, World};

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
        let mut app = App::new(World::new("test".to_owned(), false, 1 << 20), Config::default());
        for _ in 0..2 {
            let first = events.try_recv().ok();
            take_all(&mut app, first, &events, &mut Nothing).unwrap();
        }
        assert!(app.world.ended);
    }
}
