//! What goes wrong on purpose, so that every status of an exchange can be seen: the ordinal of a request in, its
//! verdict out.
//!
//! A verdict depends on the seed and on the ordinal of the request (from 1, in the order of arrival), on nothing else:
//! the same sequence of requests meets the same faults. `initialize`, `server/discover` and `ping` are not counted and
//! always answered, so that clients get as far as their calls.
//!
//! | option | what happens | what an observer sees |
//! |---|---|---|
//! | `--delay` | the handler starts later | latency |
//! | `--fail-rate`, a third each | a result with `isError` (of `tools/call`, else the next) | `tool_error` |
//! | | error -32603 | `error` |
//! | | `500 Internal Server Error` | `http_error` |
//! | `--hang-rate`, a half each | the stream stays open, nothing comes | `unanswered`, or `cancelled` by the client |
//! | | `202 Accepted` and no stream (HTTP+SSE: as above) | `unanswered`, `no_stream` |
//! | `--drop-stream-every`, in turn | the stream ends without its last chunk, by FIN | `unanswered`, `server_closed` |
//! | | the same by RST | `unanswered`, `server_reset` |
//! | `--silence` | a stream says nothing for so long after each event | gaps in streams |
//!
//! A stream is cut when its response is ready, so its progress is seen before. On Streamable HTTP with sessions the
//! response is kept: a client that resumes with `Last-Event-ID` gets it. On HTTP+SSE the session ends with its stream.

mod handler;
mod outgoing;

use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::net::Connection;

pub(super) use handler::{Busy, Faulty};
pub(super) use outgoing::{Outgoing, broken};

/// What goes wrong on purpose. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// What the faults are drawn by.
    pub seed: u64,
    /// How much later a request is answered; `None` is as soon as possible.
    pub delay: Option<Delay>,
    /// The share of requests that fail, 0 to 1.
    pub fail_rate: f64,
    /// The share of requests that are never answered, 0 to 1.
    pub hang_rate: f64,
    /// Every how many requests the response stream is cut; `None` is never.
    pub drop_stream_every: Option<NonZeroU64>,
    /// How long a stream says nothing after an event; `None` is not at all.
    pub silence: Option<Duration>,
}

/// A time between two bounds, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// At least so long.
    pub min: Duration,
    /// At most so long; not less than `min`.
    pub max: Duration,
}

impl FromStr for Delay {
    type Err = String;

    /// `5ms..80ms`, or `20ms` for always the same.
    fn from_str(text: &str) -> Result<Self, String> {
        let (min, max) = text.split_once("..").unwrap_or((text, text));
        let (min, max) = (duration(min)?, duration(max)?);
        if min > max {
            return Err(format!("{text} ends before it begins: the shorter time comes first"));
        }
        Ok(Self { min, max })
    }
}

/// A time with its unit: `80ms`, `1.5s`, `2m`.
///
/// # Errors
///
/// What is no time, or one before it begins; the text says how to write it.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration: write 80ms, 1.5s or 2m");
    let duration: jiff::SignedDuration = text.trim().parse().map_err(|_| wrong())?;
    duration.try_into().map_err(|_| wrong())
}

/// Draws the verdicts.
#[derive(Debug)]
pub(super) struct Plan {
    faults: Faults,
    /// The requests counted so far.
    seen: AtomicU64,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) delay: Duration,
    pub(super) outcome: Outcome,
}

/// How a request ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Outcome {
    #[default]
    Answered,
    ToolError,
    RpcError,
    HttpError,
    Hangs,
    NoStream,
    Cut {
        reset: bool,
    },
}

/// A request's verdict with the line that its response goes out on. It travels in the extensions of the request.
#[derive(Clone, Debug)]
pub(super) struct Sentence {
    pub(super) verdict: Verdict,
    pub(super) line: Line,
}

/// What a response goes out on, and how to cut it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    connection: Connection,
    cut: CancellationToken,
    /// Cancelled when nobody reads any more.
    gone: CancellationToken,
}

impl Plan {
    pub(super) fn new(faults: Faults) -> Self {
        Self { faults, seen: AtomicU64::new(0) }
    }

    /// How long streams say nothing after an event.
    pub(super) fn silence(&self) -> Option<Duration> {
        self.faults.silence
    }

    /// Counts a request and says what happens to it.
    pub(super) fn next(&self, method: &str) -> Verdict {
        if matches!(method, "initialize" | "server/discover" | "ping") {
            return Verdict::default();
        }
        self.of(self.seen.fetch_add(1, Ordering::Relaxed).wrapping_add(1))
    }

    fn of(&self, ordinal: u64) -> Verdict {
        let faults = &self.faults;
        // Neighbouring seeds and ordinals must not give the same numbers: 2^64 divided by the golden ratio spreads them.
        let mut rng =
            StdRng::seed_from_u64(faults.seed.wrapping_add(ordinal.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        // Always the same number of draws: one option does not change what another does.
        let (late, fate, kind) = (rng.random::<f64>(), rng.random::<f64>(), rng.random::<f64>());
        let delay = faults.delay.map_or(Duration::ZERO, |delay| {
            delay.min + (delay.max - delay.min).mul_f64(late.clamp(0.0, 1.0))
        });
        let cut = faults.drop_stream_every.filter(|every| ordinal.is_multiple_of(every.get()));
        let outcome = if let Some(every) = cut {
            Outcome::Cut { reset: (ordinal / every).is_multiple_of(2) }
        } else if fate < faults.fail_rate {
            match kind {
                ..0.333 => Outcome::ToolError,
                ..0.667 => Outcome::RpcError,
                _ => Outcome::HttpError,
            }
        } else if fate < faults.fail_rate + faults.hang_rate {
            if kind < 0.5 { Outcome::Hangs } else { Outcome::NoStream }
        } else {
            Outcome::Answered
        };
        Verdict { delay, outcome }
    }
}

impl Line {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, cut: CancellationToken::new(), gone: CancellationToken::new() }
    }

    /// Ends the stream without its last chunk: by RST or by FIN.
    pub(super) fn cut(&self, reset: bool) {
        if reset {
            self.connection.end_by_reset();
        }
        self.cut.cancel();
    }

    /// Waits until the stream is to be cut.
    pub(super) async fn is_cut(&self) {
        self.cut.cancelled().await;
    }

    /// Whoever waits to read holds it: when it is dropped nobody reads the stream any more.
    pub(super) fn reader(&self) -> DropGuard {
        self.gone.clone().drop_guard()
    }

    /// Waits until nobody reads the stream any more.
    pub(super) async fn is_gone(&self) {
        self.gone.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(faults: Faults) -> Vec<Verdict> {
        let plan = Plan::new(faults);
        (0..3000).map(|_| plan.next("tools/call")).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_faults_and_another_does_not() {
        let faults = Faults { fail_rate: 0.3, hang_rate: 0.1, seed: 7, ..Faults::default() };
        assert_eq!(plan(faults.clone()), plan(faults.clone()));
        assert_ne!(plan(faults.clone()), plan(Faults { seed: 8, ..faults }));
    }

    #[test]
    fn rates_are_kept_and_every_kind_comes() {
        let verdicts = plan(Faults { fail_rate: 0.3, hang_rate: 0.1, ..Faults::default() });
        let share = |wanted: &[Outcome]| {
            let count = verdicts.iter().filter(|verdict| wanted.contains(&verdict.outcome)).count();
            count as f64 / verdicts.len() as f64
        };
        for kind in [Outcome::ToolError, Outcome::RpcError, Outcome::HttpError] {
            assert!((0.07..0.13).contains(&share(&[kind])), "{kind:?} {}", share(&[kind]));
        }
        assert!((0.07..0.13).contains(&share(&[Outcome::Hangs, Outcome::NoStream])));
        assert!(share(&[Outcome::Hangs]) > 0.0 && share(&[Outcome::NoStream]) > 0.0);
    }

    #[test]
    fn every_nth_stream_is_cut_by_fin_and_rst_in_turn() {
        let verdicts = plan(Faults { drop_stream_every: NonZeroU64::new(3), ..Faults::default() });
        let cuts: Vec<_> = verdicts.iter().take(12).map(|verdict| verdict.outcome).collect();
        let cut = |reset| Outcome::Cut { reset };
        let expected = [2, 5, 8, 11].map(|at| cuts[at]);
        assert_eq!(expected, [cut(false), cut(true), cut(false), cut(true)]);
        assert!(cuts.iter().enumerate().all(|(at, cut)| at % 3 == 2 || *cut == Outcome::Answered));
    }

    #[test]
    fn delays_stay_between_their_bounds_and_differ() {
        let delay: Delay = "5ms..80ms".parse().unwrap();
        let verdicts = plan(Faults { delay: Some(delay), ..Faults::default() });
        assert!(verdicts.iter().all(|verdict| (delay.min..=delay.max).contains(&verdict.delay)));
        assert_ne!(verdicts[0].delay, verdicts[1].delay);
    }

    #[test]
    fn the_handshake_is_neither_counted_nor_failed() {
        let plan = Plan::new(Faults { fail_rate: 1.0, ..Faults::default() });
        assert_eq!(plan.next("initialize"), Verdict::default());
        assert_eq!(plan.seen.load(Ordering::Relaxed), 0);
        assert_ne!(plan.next("tools/list").outcome, Outcome::Answered);
    }

    #[test]
    fn delays_are_read_with_units_and_in_order() {
        let ms = Duration::from_millis;
        assert_eq!("20ms".parse(), Ok(Delay { min: ms(20), max: ms(20) }));
        assert_eq!("5ms..1.5s".parse(), Ok(Delay { min: ms(5), max: ms(1500) }));
        for wrong in ["", "5", "80ms..5ms", "-1s", "5ms..", "fast"] {
            assert!(wrong.parse::<Delay>().is_err(), "{wrong}");
        }
    }
}
