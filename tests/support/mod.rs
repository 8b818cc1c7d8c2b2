//! What the test modules share: the captures, a run of the engine, and ways to damage a capture.
//!
//! The readers of packets and of `truth.json` use none of the program's code, so that the same
//! mistake would have to be made twice.

#[cfg(feature = "otlp")]
pub(crate) mod collector;
pub(crate) mod corpus;
pub(crate) mod damage;
pub(crate) mod frame;
pub(crate) mod json;
pub(crate) mod law;
pub(crate) mod program;
pub(crate) mod quic;
pub(crate) mod resegment;
pub(crate) mod rng;
pub(crate) mod run;
pub(crate) mod split;
#[cfg(feature = "mcp")]
pub(crate) mod stdio;
#[cfg(feature = "demo")]
pub(crate) mod timed;
pub(crate) mod tmux;
pub(crate) mod truth;
#[cfg(all(unix, feature = "web"))]
pub(crate) mod web;

/// Fails if there are problems; prints the first ones and the count of all.
#[track_caller]
pub(crate) fn assert_no_problems(problems: &[String]) {
    const SHOWN: usize = 200;
    if problems.is_empty() {
        return;
    }
    let shown: Vec<&str> = problems.iter().take(SHOWN).map(String::as_str).collect();
    panic!("{} problems:\n  {}", problems.len(), shown.join("\n  "));
}
