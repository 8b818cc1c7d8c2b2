//! The threads that read keys, mouse and size of the terminal. They end with the process.

use std::sync::mpsc::SyncSender;
use std::thread;

use ratatui::crossterm::event;

use super::event::Event;

/// Sends events from the terminal, and [`Event::Terminate`] when the terminal is closed.
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
                // The terminal can no longer be read.
                Err(_) => Event::Terminate,
            };
            let last = matches!(event, Event::Terminate);
            if keys.send(event).is_err() || last {
                return;
            }
        }
    });
}

/// Waits until the terminal is closed. crossterm does not report that: it reads a closed terminal
/// again and again. SIGHUP is not enough, because the parent process may have it ignored, as nohup
/// does.
#[cfg(unix)]
fn watch(keys: SyncSender<Event>) {
    use std::fs::File;
    use std::io::{self, IsTerminal as _};
    use std::os::fd::{AsFd as _, OwnedFd};

    use nix::errno::Errno;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    // As in crossterm: standard input if it is a terminal, else the terminal of the process.
    let stdin = io::stdin();
    let terminal = if stdin.is_terminal() {
        stdin.as_fd().try_clone_to_owned()
    } else {
        File::open("/dev/tty").map(OwnedFd::from)
    };
    // A terminal that cannot be opened cannot be read either, which the reader reports.
    let Ok(terminal) = terminal else { return };
    thread::spawn(move || {
        // No events are requested: poll reports only that it was closed, or that it cannot be
        // watched.
        let mut watched = [PollFd::new(terminal.as_fd(), PollFlags::empty())];
        while poll(&mut watched, PollTimeout::NONE) == Err(Errno::EINTR) {}
        let seen = watched.first().and_then(PollFd::revents).unwrap_or(PollFlags::empty());
        if seen.intersects(PollFlags::POLLHUP | PollFlags::POLLERR) {
            // If nobody receives, the program is ending already.
            drop(keys.send(Event::Terminate));
        }
    });
}

/// Not supported on this system.
#[cfg(not(unix))]
fn watch(_: SyncSender<Event>) {}
