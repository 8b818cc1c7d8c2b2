//! The events of the TUI: one enum for the one event loop.

use std::time::Duration;

use ratatui::crossterm::event::{KeyEvent, MouseEvent};

use super::batch::Batch;
use super::explanation::Explanation;
use crate::ledger::ConnectionPackets;
use crate::ledger::store::InProgress;

/// An event.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse moved, clicked or scrolled.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal was resized.
    Resize,
    /// The analysis emitted entries.
    Batch(Batch),
    /// More of the source was read.
    Loading(Loading),
    /// The current state of what is in progress.
    InProgress(Box<InProgress>),
    /// The packets of a connection were read again, or why they cannot be.
    Inspected(Result<Box<ConnectionPackets>, String>),
    /// The packets that a story needs were read again.
    Explained(Box<Explanation>),
    /// The capture ended.
    End,
    /// The capture cannot be read any further; the reason.
    Failed(String),
    /// Something that the user asked for is done: a message.
    Done(String),
    /// A warning for the user.
    Warned(String),
    /// The process was stopped from outside and resumed (SIGCONT).
    Resumed,
    /// The process was asked to end (SIGTERM, SIGINT, SIGHUP).
    Terminate,
}

/// How much of the source was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loading {
    /// The bytes that were read of the files.
    pub read: u64,
    /// The size of the files in bytes; `None` if it is unknown (standard input, a device).
    pub total: Option<u64>,
}

impl Loading {
    /// Returns how much was read, in percent; `None` if the size is unknown.
    #[must_use]
    pub fn percent(self) -> Option<u64> {
        let total = self.total.filter(|total| *total > 0)?;
        Some((u128::from(self.read) * 100 / u128::from(total)).min(100) as u64)
    }
}

/// The time that the program has run. For spinners and the clock of a live capture only: measured
/// times come from packets.
pub(super) type Uptime = Duration;
