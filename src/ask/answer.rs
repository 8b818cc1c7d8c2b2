//! What all answers have in common: the state of the capture, and the structure besides the text.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::capture::Capture;
use super::traffic::{NAME, NOTICE, SENTENCE, escaped};
use crate::base::{Timestamp, units};

/// Names of files that an answer lists.
const MOST_SOURCES: usize = 10;

/// An answer: text for models and people, and the same as a structure.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) structure: Value,
}

/// The structure of an answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Structure<T> {
    /// How to treat text from traffic
    notice: &'static str,
    /// What of the capture the answer is about
    capture: CaptureState,
    #[serde(flatten)]
    body: T,
}

/// What of a capture was read.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct CaptureState {
    /// Names of the files, or of the device: the first 10
    source: Vec<String>,
    /// Files whose names are left out
    more_sources: usize,
    /// `complete`: everything was read; `reading`: a file is being read; `live`: packets may still
    /// arrive, the answer is what is known so far
    state: &'static str,
    /// Packets read
    packets: u64,
    /// Time of the first packet, UTC; null without packets
    start: Option<String>,
    /// Time of the latest packet, UTC; null without packets
    end: Option<String>,
    /// What is missing from the answers; null if nothing is
    missing: Option<String>,
}

impl CaptureState {
    /// Describes what was read so far.
    pub(super) fn of(capture: &Capture) -> Self {
        let source = capture.source();
        let known = capture.lock();
        let counts = known.kept.capture();
        let state = match (known.is_reading(), source.is_live) {
            (false, _) => "complete",
            (true, false) => "reading",
            (true, true) => "live",
        };
        let failed = known.failure().map(|why| format!("reading ended early: {}", escaped(why, SENTENCE)));
        let names = &source.names;
        let lost = counts.lost.total();
        let lost = (lost > 0).then(|| format!("{lost} packets were lost while they were captured"));
        let missing: Vec<String> = [failed, lost, known.kept.missing()].into_iter().flatten().collect();
        Self {
            source: names.iter().take(MOST_SOURCES).map(|name| escaped(name, NAME)).collect(),
            more_sources: names.len().saturating_sub(MOST_SOURCES),
            state,
            packets: counts.packets,
            start: counts.first.map(|first| time(first.time)),
            end: counts.last.map(|last| time(last.time)),
            missing: (!missing.is_empty()).then(|| missing.join("; ")),
        }
    }

    /// Returns the first line of an answer.
    fn describe(&self) -> String {
        let Self { source, more_sources, state, packets, start, end, missing } = self;
        let state = match *state {
            "complete" => "read completely",
            "live" => "still being captured, this is what is known so far",
            _ => "still being read, this is what is known so far",
        };
        let times = match (start, end) {
            (Some(start), Some(end)) => format!(", {start} to {end}"),
            _ => String::new(),
        };
        let missing = missing.as_ref().map(|missing| format!("; missing: {missing}")).unwrap_or_default();
        let packets = units::several(*packets, "packet");
        let more = match more_sources {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("Capture {}{more} ({state}): {packets}{times}{missing}\n", source.join(", "))
    }
}

/// Puts the state of the capture before text and structure.
pub(super) fn answer<T: Serialize + JsonSchema>(capture: &Capture, text: &str, body: T) -> Answer {
    let state = CaptureState::of(capture);
    let text = format!("{}{NOTICE}\n\n{text}", state.describe());
    let structure = Structure { notice: NOTICE, capture: state, body };
    // A structure of text and numbers can be written.
    Answer { text, structure: serde_json::to_value(structure).unwrap_or_default() }
}

/// Returns a time as RFC 3339 with nanoseconds, UTC.
pub(super) fn time(time: Timestamp) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(time.0)) {
        Ok(time) => format!("{time:.9}"),
        Err(_) => time.to_string(),
    }
}

/// Returns nanoseconds as milliseconds.
pub(super) fn ms(ns: i64) -> f64 {
    ns as f64 / 1e6
}
