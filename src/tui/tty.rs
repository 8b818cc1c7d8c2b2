//! The terminal: taken at the start and given back on every way out.
//!
//! The lock of standard output is held while the terminal is taken or given back, so that a
//! panicking thread finds it either fully taken or not at all.

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

/// The terminal of this process. A panic gives it back first.
#[derive(Clone, Debug)]
pub struct Tty {
    taken: Arc<AtomicBool>,
}

impl Tty {
    /// Installs the panic hook. To be called before other threads start: from then on a panic in
    /// any thread gives the terminal back, prints its message and ends the process.
    #[must_use]
    pub fn guarded() -> Self {
        let tty = Self { taken: Arc::new(AtomicBool::new(false)) };
        let guard = tty.clone();
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // Held to the end, so that no other thread takes the terminal or draws after this.
            let _screen = io::stdout().lock();
            // An error here must not hide the panic.
            drop(guard.give_back());
            hook(panic);
            // As the release build does: without its reader thread the screen would hang.
            std::process::abort();
        }));
        tty
    }

    /// Takes the terminal. To be given back even if this fails.
    pub(super) fn take(&self, mouse: bool) -> io::Result<()> {
        let mut screen = io::stdout().lock();
        // Set first, so that a partly taken terminal is given back too.
        self.taken.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        execute!(screen, EnterAlternateScreen, Clear(ClearType::All), EnableBracketedPaste, cursor::Hide)?;
        if mouse { execute!(screen, EnableMouseCapture) } else { Ok(()) }
    }

    /// Gives the terminal back if it was taken. On an error the remaining steps are still done.
    pub(super) fn give_back(&self) -> io::Result<()> {
        let mut screen = io::stdout().lock();
        if !self.taken.swap(false, Ordering::SeqCst) {
            return Ok(());
        }
        let left =
            execute!(screen, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
        disable_raw_mode().and(left)
    }

    /// Captures the mouse, or leaves it to the terminal.
    pub(super) fn mouse(&self, taken: bool) -> io::Result<()> {
        let mut screen = io::stdout().lock();
        if taken { execute!(screen, EnableMouseCapture) } else { execute!(screen, DisableMouseCapture) }
    }

    /// Rings the bell.
    pub(super) fn bell(&self) -> io::Result<()> {
        let mut screen = io::stdout().lock();
        screen.write_all(b"\x07")?;
        screen.flush()
    }

    /// Gives the terminal back, stops the process (ctrl-z), and takes the terminal when it resumes.
    /// The system does not stop a process that no shell would resume (POSIX, orphaned process
    /// groups).
    #[cfg(unix)]
    pub(super) fn suspend(&self, mouse: bool) -> io::Result<()> {
        self.give_back()?;
        // The signal is not caught: its default action stops the process before this returns.
        signal_hook::low_level::raise(signal_hook::consts::SIGTSTP)?;
        self.take(mouse)
    }

    /// Does nothing: this system cannot stop a process.
    #[cfg(not(unix))]
    pub(super) fn suspend(&self, _mouse: bool) -> io::Result<()> {
        Ok(())
    }

    /// Takes the terminal again after the process was stopped from outside, and a shell used the
    /// terminal.
    pub(super) fn retake(&self, mouse: bool) -> io::Result<()> {
        // Raw mode is only set if it was not set before.
        disable_raw_mode()?;
        self.take(mouse)
    }
}
