//! What the receiver of a direction acknowledged, and when.
//!
//! Only acknowledgements of bytes that were not delivered yet are logged: in an undamaged capture
//! there are none.

use std::collections::VecDeque;

use super::seq::{Cursor, Position, Seq};
use crate::base::{Timestamp, limits};

/// Entries of the log. Acknowledgements within one tick share an entry, so those of
/// [`limits::HOLE_WAIT`] fit in 6.
const MAX_LOG: usize = 16;

/// The acknowledgements for one direction.
#[derive(Debug, Default)]
pub(super) struct Acks {
    /// The latest number, plausible or not.
    last: Option<Seq>,
    /// An acknowledgement far ahead that no second one confirmed so far.
    stray: Option<Seq>,
    /// Exclusive position up to which the receiver has everything, and since when; both ascend.
    log: VecDeque<(u64, Timestamp)>,
}

impl Acks {
    /// Takes an acknowledgement number; `cursor` is where the direction stands.
    pub(super) fn note(&mut self, ack: Seq, cursor: Option<Cursor>, time: Timestamp) {
        self.last = Some(ack);
        let Some(cursor) = cursor else { return };
        if ack == cursor.seq {
            return;
        }
        match cursor.locate(ack) {
            Position::Behind(_) => {}
            Position::Ahead(position) => self.log(position, time),
            // One number far ahead may be forged or damaged; two that agree are genuine.
            Position::Far(position) => match self.stray.replace(ack) {
                Some(stray) if ack.ahead_of(stray) <= limits::MAX_AHEAD => self.log(position, time),
                _ => {}
            },
        }
    }

    fn log(&mut self, position: u64, time: Timestamp) {
        if position <= self.highest() {
            return;
        }
        let full = self.log.len() >= MAX_LOG;
        match self.log.back_mut() {
            // Keep the earlier time, so that a receiver that keeps acknowledging does not postpone
            // the entry forever.
            Some(last) if time.since(last.1) < limits::TICK => last.0 = position,
            Some(last) if full => *last = (position, time),
            _ => self.log.push_back((position, time)),
        }
    }

    /// Returns the latest acknowledgement number.
    pub(super) fn last(&self) -> Option<Seq> {
        self.last
    }

    /// Returns whether nothing after the cursor is acknowledged.
    pub(super) fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// Returns the highest acknowledged position; 0 if nothing after the cursor is acknowledged.
    pub(super) fn highest(&self) -> u64 {
        self.log.back().map_or(0, |(position, _)| *position)
    }

    /// Returns since when the receiver has everything before `position`.
    pub(super) fn since(&self, position: u64) -> Option<Timestamp> {
        let entry = self.log.iter().find(|(reached, _)| *reached >= position);
        entry.map(|(_, time)| *time)
    }

    /// Returns the highest position that was acknowledged at `time`; 0 if none was.
    pub(super) fn confirmed_at(&self, time: Timestamp) -> u64 {
        let entry = self.log.iter().rev().find(|(_, since)| *since <= time);
        entry.map_or(0, |(position, _)| *position)
    }

    /// Drops entries that the cursor has passed.
    pub(super) fn forget(&mut self, cursor: u64) {
        while self.log.front().is_some_and(|(position, _)| *position <= cursor) {
            self.log.pop_front();
        }
    }
}
