//! What the tests over captures share: the captures themselves, a run of the engine, and ways to
//! maim a capture.
//!
//! The readers of packets and truths here are written apart from the program's own, so that a
//! mistake has to be made twice to go unseen.

pub(crate) mod corpus;
pub(crate) mod damage;
pub(crate) mod frame;
pub(crate) mod law;
pub(crate) mod resegment;
pub(crate) mod rng;
pub(crate) mod run;
#[cfg(feature = "demo")]
pub(crate) mod timed;
pub(crate) mod tmux;
pub(crate) mod truth;

/// Fails with all problems at once: the first ones are printed, the rest counted.
#[track_caller]
pub(crate) fn assert_no_problems(problems: &[String]) {
    const SHOWN: usize = 50;
    if problems.is_empty() {
        return;
    }
    let shown: Vec<&str> = problems.iter().take(SHOWN).map(String::as_str).collect();
    panic!("{} problems:\n  {}", problems.len(), shown.join("\n  "));
}
