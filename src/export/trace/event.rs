//! One trace event in a buffer, written without building a value first.

use std::io;

use super::tracks::Track;
use crate::base::{Timestamp, json, sanitize, units};

/// Writes events, each on a line of its own.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    /// Time 0 of the trace; `None` before the first event.
    base: Option<Timestamp>,
    is_any: bool,
    has_arguments: bool,
}

const DAY: i64 = 86_400_000_000_000;

impl Events {
    /// The time that the times of events count from.
    pub(super) fn base(&self) -> Option<Timestamp> {
        self.base
    }

    /// Begins an event: its kind (`ph`), category and name. The name may be text from traffic.
    pub(super) fn start(&mut self, kind: char, category: &str, name: &str) -> io::Result<()> {
        self.line.clear();
        self.has_arguments = false;
        self.raw(if self.is_any { ",\n" } else { "\n" });
        self.is_any = true;
        self.raw("{\"ph\":\"");
        self.line.push(u8::try_from(kind).unwrap_or(b'i'));
        self.raw("\",\"cat\":\"");
        self.raw(category);
        self.raw("\",\"name\":");
        self.quoted(name)
    }

    /// Its process and thread.
    pub(super) fn track(&mut self, track: Track) {
        self.raw(",\"pid\":");
        units::push_digits(&mut self.line, track.pid.into(), 1);
        self.raw(",\"tid\":");
        units::push_digits(&mut self.line, track.tid.into(), 1);
    }

    /// Its time, in microseconds after the base with nanoseconds as decimals. A reader that holds
    /// numbers as doubles keeps them exact for a hundred days; since the epoch it would not. The
    /// base is the midnight (UTC) before the day of the first event: what is written later may have
    /// begun earlier. Times before it are 0.
    pub(super) fn time(&mut self, time: Timestamp) {
        let base = *self
            .base
            .get_or_insert_with(|| Timestamp(time.0.div_euclid(DAY).saturating_sub(1).saturating_mul(DAY)));
        self.raw(",\"ts\":");
        self.microseconds(time.since(base));
    }

    /// How long it lasts from `from` on.
    pub(super) fn lasts(&mut self, from: Timestamp, to: Timestamp) {
        let base = self.base.unwrap_or(from);
        self.raw(",\"dur\":");
        self.microseconds(to.since(base).max(0) - from.since(base).max(0));
    }

    /// The number of an arrow, or of an asynchronous slice.
    pub(super) fn id(&mut self, id: u64) {
        self.raw(&format!(",\"id\":\"0x{id:x}\""));
    }

    /// A member that needs no escapes.
    pub(super) fn word(&mut self, key: &str, word: &str) {
        self.raw(",\"");
        self.raw(key);
        self.raw("\":\"");
        self.raw(word);
        self.raw("\"");
    }

    /// An argument: text from traffic, credentials in it masked.
    pub(super) fn text(&mut self, key: &str, text: Option<&str>) -> io::Result<()> {
        let Some(text) = text else { return Ok(()) };
        self.argument(key);
        self.quoted(&sanitize::clean(text))
    }

    pub(super) fn number(&mut self, key: &str, number: Option<u64>) {
        if let Some(number) = number {
            self.argument(key);
            units::push_digits(&mut self.line, number, 1);
        }
    }

    pub(super) fn integer(&mut self, key: &str, number: Option<i64>) {
        if let Some(number) = number {
            self.argument(key);
            self.raw(if number < 0 { "-" } else { "" });
            units::push_digits(&mut self.line, number.unsigned_abs(), 1);
        }
    }

    /// An argument: a duration in milliseconds.
    pub(super) fn ms(&mut self, key: &str, ns: Option<i64>) {
        if let Some(ns) = ns {
            self.argument(key);
            units::push_ms(&mut self.line, ns);
        }
    }

    /// An argument: words, separated by blanks. Left out if there are none.
    pub(super) fn words(&mut self, key: &str, words: impl Iterator<Item = &'static str>) -> io::Result<()> {
        let words = words.collect::<Vec<_>>().join(" ");
        self.text(key, Some(&*words).filter(|words| !words.is_empty()))
    }

    /// Ends the event and writes it.
    pub(super) fn finish(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        self.raw(if self.has_arguments { "}}" } else { "}" });
        out.write_all(&self.line)
    }

    fn argument(&mut self, key: &str) {
        self.raw(if self.has_arguments { ",\"" } else { ",\"args\":{\"" });
        self.has_arguments = true;
        self.raw(key);
        self.raw("\":");
    }

    fn microseconds(&mut self, ns: i64) {
        let ns = u64::try_from(ns).unwrap_or(0);
        units::push_digits(&mut self.line, ns / 1_000, 1);
        self.raw(".");
        units::push_digits(&mut self.line, ns % 1_000, 3);
    }

    fn quoted(&mut self, text: &str) -> io::Result<()> {
        json::write_string(&mut self.line, text)
    }

    fn raw(&mut self, text: &str) {
        self.line.extend_from_slice(text.as_bytes());
    }
}
