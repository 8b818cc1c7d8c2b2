//! The keyboard, the mouse and the size of the terminal in; events out. Threads of their own, which end with the program.

use std::sync::mpsc::SyncSender;
use std::thread;

use ratatui::crossterm::event;

use super::event::Event;

/// Tells what comes from the terminal, and as [`Event::Terminate`] that it is gone.
pub(super) fn read(keys: SyncSender<Event>) {
    watch(keys.clone());
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

/// Waits for the terminal to be closed. Its reader would not tell: crossterm reads what was closed again and again without
/// end. (That the system tells by SIGHUP is not enough: whoever started the program may have it ignored, as nohup does.)
#[cfg(unix)]
fn watch(keys: SyncSender<Event>) {
    use std::fs::File;
    use std::io::{self, IsTerminal as _};
    use std::os::fd::{AsFd as _, OwnedFd};

    use nix::errno::Errno;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    // As crossterm does: standard input where it is a terminal, else the terminal of the process.
    let stdin = io::stdin();
    let terminal = if stdin.is_terminal() {
        stdin.as_fd().try_clone_to_owned()
    } else {
        File::open("/dev/tty").map(OwnedFd::from)
    };
    // What cannot be opened cannot be read either, which the reader tells.
    let Ok(terminal) = terminal else { return };
    thread::spawn(move || {
        // Nothing is asked for: what is told then is that it was closed, or cannot be watched.
        let mut watched = [PollFd::new(terminal.as_fd(), PollFlags::empty())];
        while poll(&mut watched, PollTimeout::NONE) == Err(Errno::EINTR) {}
        let seen = watched.first().and_then(PollFd::revents).unwrap_or(PollFlags::empty());
        if seen.intersects(PollFlags::POLLHUP | PollFlags::POLLERR) {
            // Where nobody listens the program ends already.
            drop(keys.send(Event::Terminate));
        }
    });
}

/// Nothing of the kind is there on this system.
#[cfg(not(unix))]
fn watch(_: SyncSender<Event>) {}
