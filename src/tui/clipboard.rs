//! Text in; the clipboard of whoever looks, and that of this machine.
//!
//! Through the terminal (OSC 52) text reaches whoever looks, over SSH too. This machine's own clipboard is reached by a thread
//! of its own: a display that does not answer is not to hold the screen.

use std::io::{self, Write as _};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Bytes of text that are sent to the terminal's clipboard. Terminals drop OSC 52 sequences beyond some 100 kB.
const MAX_OSC52: usize = 74_994;

/// How long this machine's clipboard may take. Chosen: it takes milliseconds, and somebody waits who pressed a key.
const PATIENCE: Duration = Duration::from_secs(1);

/// Both clipboards.
pub(super) struct Clipboard {
    /// Whether this machine's may be used. Not any more once it did not answer.
    local: bool,
    /// `None` before it was used.
    machine: Option<Machine>,
}

impl Clipboard {
    /// `local` says that this machine's may be used.
    pub(super) fn new(local: bool) -> Self {
        Self { local, machine: None }
    }

    /// Copies, and says where to.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<String> {
        // First this machine's: a terminal that takes the text too then holds it, longer than this program lives.
        let here = self.local && self.copy_here(text);
        let to_terminal = text.len() <= MAX_OSC52;
        if to_terminal {
            let mut out = io::stdout().lock();
            write!(out, "\x1b]52;c;{}\x07", STANDARD.encode(text))?;
            out.flush()?;
        }
        let bytes = text.len();
        Ok(match (to_terminal, here) {
            (true, true) => format!("copied {bytes} bytes, here and through the terminal"),
            (true, false) => through_the_terminal(bytes),
            (false, true) => format!("copied {bytes} bytes here; too long for the terminal (OSC 52)"),
            (false, false) => {
                "not copied: too long for the terminal, and no clipboard of this machine can be used"
                    .to_owned()
            }
        })
    }

    fn copy_here(&mut self, text: &str) -> bool {
        if self.machine.is_none() {
            self.machine = Machine::start();
        }
        let answer = self.machine.as_ref().and_then(|machine| machine.copy(text));
        if answer.is_none() {
            // Its thread is left alone with its display, and ends with the process.
            (self.local, self.machine) = (false, None);
        }
        answer.unwrap_or(false)
    }
}

impl Drop for Clipboard {
    /// What is on the clipboard of X11 is gone with who put it there: a manager of clipboards is asked to take it.
    fn drop(&mut self) {
        if let Some(Machine { texts, copied, thread }) = self.machine.take() {
            drop(texts);
            // It answers nothing any more: this ends when it has ended, or when it took too long.
            if copied.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Disconnected) {
                drop(thread.join());
            }
        }
    }
}

/// What to say of a copy that went to the terminal alone: what stands between may keep it (tmux(1), `set-clipboard`).
fn through_the_terminal(bytes: usize) -> String {
    let is_set = |name| std::env::var_os(name).is_some();
    if is_set("STY") {
        format!("{bytes} bytes went to the terminal (OSC 52), but screen passes none on")
    } else if is_set("TMUX") {
        format!("copied {bytes} bytes through the terminal (OSC 52; tmux: set-clipboard on)")
    } else {
        format!("copied {bytes} bytes through the terminal only (OSC 52)")
    }
}

/// The thread that holds this machine's clipboard.
struct Machine {
    texts: SyncSender<String>,
    copied: Receiver<bool>,
    thread: JoinHandle<()>,
}

impl Machine {
    fn start() -> Option<Self> {
        let (texts, wanted) = sync_channel::<String>(1);
        let (answer, copied) = sync_channel(1);
        let work = move || {
            // A machine without a display has none, and the terminal's is enough.
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

    /// Whether it was copied; `None` where there was no answer.
    fn copy(&self, text: &str) -> Option<bool> {
        match self.texts.try_send(text.to_owned()) {
            Ok(()) => self.copied.recv_timeout(PATIENCE).ok(),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => None,
        }
    }
}
