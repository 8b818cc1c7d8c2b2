//! What can happen to the screen: one enum, so that one loop takes it all.

use std::time::Duration;

use ratatui::crossterm::event::{KeyEvent, MouseEvent};

use crate::ledger::Entry;
use crate::ledger::store::InProgress;

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size.
    Resize,
    /// What the analysis told, in its order.
    Batch(Vec<Entry>),
    /// How far the reading is.
    Loading(Loading),
    /// What goes on and was not told yet.
    InProgress(Box<InProgress>),
    /// The capture is over: everything was told.
    End,
    /// The capture cannot be read any further.
    Failed(String),
    /// The operator is to know something at once.
    Warned(String),
    /// The program was stopped from outside and goes on (SIGCONT).
    Resumed,
    /// Somebody asked the program to go (SIGTERM, SIGINT, SIGHUP).
    Terminate,
}

/// How far the reading of a source is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loading {
    /// Bytes of the files that were read.
    pub read: u64,
    /// Bytes of the files; `None` where it is not known (standard input, a device).
    pub total: Option<u64>,
}

impl Loading {
    /// How much of the whole was read, in percent; `None` where the whole is not known.
    #[must_use]
    pub fn percent(self) -> Option<u64> {
        let total = self.total.filter(|total| *total > 0)?;
        Some((u128::from(self.read) * 100 / u128::from(total)).min(100) as u64)
    }
}

/// What the loop tells of the time: how long the program has run. For spinners and the clock of a live capture; what
/// is measured comes from packets.
pub type Uptime = Duration;
