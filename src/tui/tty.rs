//! The terminal: taken on the way in, given back whole on every way out, whatever comes first.
//!
//! Whoever takes it or gives it back holds the lock of standard output meanwhile, so a thread that panics finds it either
//! not taken at all or taken wholly.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute};

/// The terminal of this process, which a panic gives back first.
#[derive(Clone, Debug)]
pub struct Tty {
    taken: Arc<AtomicBool>,
}

impl Tty {
    /// To be called before other threads are started: from then on a panic, in whatever thread and whenever, gives the
    /// terminal back if it was taken, says what happened, and ends the process.
    #[must_use]
    pub fn guarded() -> Self {
        let tty = Self { taken: Arc::new(AtomicBool::new(false)) };
        let guard = tty.clone();
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // Held to the end: whoever takes the terminal or draws waits, and so does neither after this.
            let _screen = io::stdout().lock();
            // Whatever the terminal says to that: what matters is what panicked.
            drop(guard.give_back());
            hook(panic);
            // As the released program does: a screen whose reader is gone would stand still for ever.
            std::process::abort();
        }));
        tty
    }

    /// Takes the terminal. What fails half way is to be given back too.
    pub(super) fn take(&self, mouse: bool) -> io::Result<()> {
        let mut screen = io::stdout().lock();
        // Before the first of it is done, so that no part of it is forgotten.
        self.taken.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        execute!(screen, EnterAlternateScreen, Clear(ClearType::All), EnableBracketedPaste, cursor::Hide)?;
        if mouse { execute!(screen, EnableMouseCapture) } else { Ok(()) }
    }

    /// Gives the terminal back, where it was taken. As much as can be done is done, whatever fails.
    pub(super) fn give_back(&self) -> io::Result<()> {
        let mut screen = io::stdout().lock();
        if !self.taken.swap(false, Ordering::SeqCst) {
            return Ok(());
        }
        let left =
            execute!(screen, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
        disable_raw_mode().and(left)
    }

    /// The mouse is taken, or given to the terminal.
    pub(super) fn mouse(&self, taken: bool) -> io::Result<()> {
        let mut screen = io::stdout().lock();
        if taken { execute!(screen, EnableMouseCapture) } else { execute!(screen, DisableMouseCapture) }
    }

    /// Rings.
    pub(super) fn bell(&self) -> io::Result<()> {
        let mut screen = io::stdout().lock();
        screen.write_all(b"\x07")?;
        screen.flush()
    }

    /// Gives the terminal back, stops the process as ctrl-z does elsewhere, and takes the terminal when it goes on. A
    /// process that no shell would wake again is not stopped: the system sees to that (POSIX, orphaned process groups).
    #[cfg(unix)]
    pub(super) fn suspend(&self, mouse: bool) -> io::Result<()> {
        self.give_back()?;
        // Not caught: the default is what is wanted, and it comes before this returns.
        signal_hook::low_level::raise(signal_hook::consts::SIGTSTP)?;
        self.take(mouse)
    }

    /// Nothing of the kind is there on this system.
    #[cfg(not(unix))]
    pub(super) fn suspend(&self, _mouse: bool) -> io::Result<()> {
        Ok(())
    }

    /// Takes the terminal anew: whoever stopped the process did so without its knowledge, and a shell had the terminal.
    pub(super) fn retake(&self, mouse: bool) -> io::Result<()> {
        // It is only set where it was not set before.
        disable_raw_mode()?;
        self.take(mouse)
    }
}
