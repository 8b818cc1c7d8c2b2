//! Two clipboards: that of the terminal, and the local one of this machine.
//!
//! The terminal's clipboard is set with OSC 52, which also works over SSH. This machine's clipboard
//! is set by a thread of its own, so that a display that does not respond cannot block the screen.

use std::io::{self, Write as _};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The longest text that is sent to the terminal's clipboard, in bytes. Terminals drop OSC 52
/// sequences beyond about 100 kB.
const MAX_OSC52: usize = 74_994;

/// How long a copy to the machine's clipboard may take; the user waits for it. Normally it takes
/// milliseconds.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The clipboards of the terminal and of this machine.
pub(super) struct Clipboard {
    /// Whether the machine's clipboard is used. Cleared once it does not respond.
    local: bool,
    /// The machine's clipboard; `None` before its first use.
    machine: Option<MachineClipboard>,
}

impl Clipboard {
    /// Returns the clipboards. `local` allows the use of the machine's clipboard.
    pub(super) fn new(local: bool) -> Self {
        Self { local, machine: None }
    }

    /// Copies a text. Returns a message for the user.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<String> {
        // The machine's first: if the terminal sets the same clipboard, its copy outlives this
        // program.
        let here = self.local && self.copy_here(text);
        let to_terminal = text.len() <= MAX_OSC52;
        if to_terminal {
            let mut out = io::stdout().lock();
            write!(out, "\x1b]52;c;{}\x07", STANDARD.encode(text))?;
            out.flush()?;
        }
        let bytes = text.len();
        Ok(match (to_terminal, here) {
            (true, true) => format!("copied {bytes} bytes to the terminal (OSC 52) and the local clipboard"),
            (true, false) => terminal_message(bytes),
            (false, true) => {
                format!("copied {bytes} bytes to the local clipboard; too long for the terminal (OSC 52)")
            }
            (false, false) => {
                "not copied: too long for the terminal (OSC 52), and there is no local clipboard".to_owned()
            }
        })
    }

    fn copy_here(&mut self, text: &str) -> bool {
        if self.machine.is_none() {
            self.machine = MachineClipboard::start();
        }
        let answer = self.machine.as_ref().and_then(|machine| machine.copy(text));
        if answer.is_none() {
            // A thread that hangs ends with the process.
            (self.local, self.machine) = (false, None);
        }
        answer.unwrap_or(false)
    }
}

impl Drop for Clipboard {
    /// Gives a clipboard manager time to take the text over: on X11 a text is lost when its owner
    /// exits.
    fn drop(&mut self) {
        if let Some(MachineClipboard { texts, copied, thread }) = self.machine.take() {
            drop(texts);
            // The thread sends nothing more: this returns when it has ended, or after the timeout.
            if copied.recv_timeout(TIMEOUT) == Err(std::sync::mpsc::RecvTimeoutError::Disconnected) {
                drop(thread.join());
            }
        }
    }
}

/// Returns the message for a text that was copied to the terminal only. A multiplexer may not pass
/// it on: tmux(1), `set-clipboard`.
fn terminal_message(bytes: usize) -> String {
    let is_set = |name| std::env::var_os(name).is_some();
    if is_set("STY") {
        format!("sent {bytes} bytes to the terminal (OSC 52), but GNU screen does not pass them on")
    } else if is_set("TMUX") {
        format!("copied {bytes} bytes to the terminal (OSC 52; tmux needs set-clipboard on)")
    } else {
        format!("copied {bytes} bytes to the terminal only (OSC 52)")
    }
}

/// The thread that owns the machine's clipboard.
struct MachineClipboard {
    texts: SyncSender<String>,
    copied: Receiver<bool>,
    thread: JoinHandle<()>,
}

impl MachineClipboard {
    fn start() -> Option<Self> {
        let (texts, wanted) = sync_channel::<String>(1);
        let (answer, copied) = sync_channel(1);
        let work = move || {
            // There is no clipboard on a machine without a display.
            let mut clipboard = None;
            for text in wanted {
                if clipboard.is_none() {
                    clipboard = arboard::Clipboard::new().ok();
                }
                let done = clipboard.as_mut().is_some_and(|clipboard| clipboard.set_text(text).is_ok());
                if answer.send(done).is_err() {
                    return;
                }
            }
            drop(clipboard);
            drop(answer);
        };
        let thread = Builder::new().name("clipboard".to_owned()).spawn(work).ok()?;
        Some(Self { texts, copied, thread })
    }

    /// Returns whether the text was copied; `None` if the thread did not respond.
    fn copy(&self, text: &str) -> Option<bool> {
        match self.texts.try_send(text.to_owned()) {
            Ok(()) => self.copied.recv_timeout(TIMEOUT).ok(),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => None,
        }
    }
}
