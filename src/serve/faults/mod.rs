//! Deliberate faults, so that every status of an exchange can be seen: maps the ordinal of a
//! request to a verdict.
//!
//! A verdict depends on the seed and the ordinal of the request (from 1, in order of arrival) only:
//! the same sequence of requests meets the same faults. `initialize`, `server/discover` and `ping`
//! are not counted and always answered, so that clients reach their calls.
//!
//! | option | effect | visible as |
//! |---|---|---|
//! | `--delay` | the handler starts later | latency |
//! | `--fail-rate`, a third each | a result with `isError` (of `tools/call`, else the next) | `tool_error` |
//! | | error -32603 | `error` |
//! | | `500 Internal Server Error` | `http_error` |
//! | `--hang-rate`, half each | the stream stays open, nothing comes | `unanswered`, or `cancelled` by the client |
//! | | `202 Accepted` and no stream (HTTP+SSE: as above) | `unanswered`, `no_stream` |
//! | `--drop-stream-every`, in turn | the stream ends without its last chunk, by FIN | `unanswered`, `server_closed` |
//! | | the same by RST | `unanswered`, `server_reset` |
//! | `--silence` | a stream pauses after each event | silence in streams |
//!
//! A stream is cut when its response is ready, after its progress. On Streamable HTTP with sessions
//! the response is kept for a client that resumes with `Last-Event-ID`. On HTTP+SSE the session
//! ends with its stream.

mod any_handler;
mod handler;
mod outgoing;

use std::net::IpAddr;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::connection::Connection;

pub(super) use handler::{Busy, Faulty};
pub(super) use outgoing::{Outgoing, broken};

/// Deliberate faults. The default is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// Seed of the faults.
    pub seed: u64,
    /// Delay of answers; `None` for no delay.
    pub delay: Option<Delay>,
    /// Fraction of requests that fail, 0 to 1.
    pub fail_rate: f64,
    /// Fraction of requests that are never answered, 0 to 1.
    pub hang_rate: f64,
    /// Cuts the response stream of every n-th request; `None` cuts none.
    pub drop_stream_every: Option<NonZeroU64>,
    /// Pause of a stream after each event; `None` for no pause.
    pub silence: Option<Duration>,
}

/// Range of a delay, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// Minimum.
    pub min: Duration,
    /// Maximum, at least `min`.
    pub max: Duration,
}

impl FromStr for Delay {
    type Err = String;

    /// Parses `5ms..80ms`, or `20ms` for a constant delay.
    fn from_str(text: &str) -> Result<Self, String> {
        let (min, max) = text.split_once("..").unwrap_or((text, text));
        let (min, max) = (duration(min)?, duration(max)?);
        if min > max {
            return Err(format!("{text} ends before it begins: the shorter time comes first"));
        }
        Ok(Self { min, max })
    }
}

/// Parses a duration with its unit: `80ms`, `1.5s`, `2m`.
///
/// # Errors
///
/// Not a duration, or negative; the text says how to write one.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration: write 80ms, 1.5s or 2m");
    let duration: jiff::SignedDuration = text.trim().parse().map_err(|_| wrong())?;
    duration.try_into().map_err(|_| wrong())
}

/// Draws verdicts.
#[derive(Debug)]
pub(super) struct Plan {
    faults: Faults,
    /// Number of requests counted so far.
    seen: AtomicU64,
}

/// Delay and outcome of a request.
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

/// Verdict of a request and the line that carries its response, passed in the extensions of the
/// request.
#[derive(Clone, Debug)]
pub(super) struct AssignedVerdict {
    pub(super) verdict: Verdict,
    pub(super) line: Line,
}

/// Handle of the connection that carries a response; can cut it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    connection: Connection,
    cut: CancellationToken,
    /// Cancelled when no client reads the response any more.
    gone: CancellationToken,
}

impl Plan {
    pub(super) fn new(faults: Faults) -> Self {
        Self { faults, seen: AtomicU64::new(0) }
    }

    /// Returns the pause of streams after an event.
    pub(super) fn silence(&self) -> Option<Duration> {
        self.faults.silence
    }

    /// Counts a request and draws its verdict.
    pub(super) fn next(&self, method: &str) -> Verdict {
        if matches!(method, "initialize" | "server/discover" | "ping") {
            return Verdict::default();
        }
        self.of(self.seen.fetch_add(1, Ordering::Relaxed).wrapping_add(1))
    }

    fn of(&self, ordinal: u64) -> Verdict {
        let faults = &self.faults;
        // Multiplying by 2^64 / golden ratio separates neighbouring seeds and ordinals.
        let mut rng =
            StdRng::seed_from_u64(faults.seed.wrapping_add(ordinal.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        // Always the same number of draws, so that options are independent of each other.
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

    /// Returns the address of the client.
    pub(super) fn client(&self) -> IpAddr {
        self.connection.client().ip()
    }

    /// Ends the stream without its last chunk, by RST or FIN.
    pub(super) fn cut(&self, reset: bool) {
        if reset {
            self.connection.end_by_reset();
        }
        self.cut.cancel();
    }

    /// Waits until the stream is cut.
    pub(super) async fn is_cut(&self) {
        self.cut.cancelled().await;
    }

    /// Returns a guard for the reader of the stream; dropping it means that nobody reads any more.
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
    fn the_seed_determines_the_faults() {
        let faults = Faults { fail_rate: 0.3, hang_rate: 0.1, seed: 7, ..Faults::default() };
        assert_eq!(plan(faults.clone()), plan(faults.clone()));
        assert_ne!(plan(faults.clone()), plan(Faults { seed: 8, ..faults }));
    }

    #[test]
    fn rates_hold_and_every_kind_of_fault_occurs() {
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
    fn delays_vary_within_their_bounds() {
        let delay: Delay = "5ms..80ms".parse().unwrap();
        let verdicts = plan(Faults { delay: Some(delay), ..Faults::default() });
        assert!(verdicts.iter().all(|verdict| (delay.min..=delay.max).contains(&verdict.delay)));
        assert_ne!(verdicts[0].delay, verdicts[1].delay);
    }

    #[test]
    fn the_handshake_is_not_counted_and_never_fails() {
        let plan = Plan::new(Faults { fail_rate: 1.0, ..Faults::default() });
        assert_eq!(plan.next("initialize"), Verdict::default());
        assert_eq!(plan.seen.load(Ordering::Relaxed), 0);
        assert_ne!(plan.next("tools/list").outcome, Outcome::Answered);
    }

    #[test]
    fn delays_are_parsed_with_units_in_order() {
        let ms = Duration::from_millis;
        assert_eq!("20ms".parse(), Ok(Delay { min: ms(20), max: ms(20) }));
        assert_eq!("5ms..1.5s".parse(), Ok(Delay { min: ms(5), max: ms(1500) }));
        for wrong in ["", "5", "80ms..5ms", "-1s", "5ms..", "fast"] {
            assert!(wrong.parse::<Delay>().is_err(), "{wrong}");
        }
    }
}
