//! Work that is counted, not timed: the instructions that the program executes, by valgrind.
//!
//! That is everything it does, walks over tables included, and the same in every run but for the
//! seeds of hash tables. What an empty capture takes is subtracted: it is the start of the program.

use std::env;
use std::process::Command;
use std::sync::OnceLock;

use super::run;
use super::wire::Wire;
use crate::support::program::plain;

/// Instructions by which two runs differ for other reasons: buffers and tables that grow in steps.
const NOISE: u64 = 2_000_000;

/// Instructions that the program executes to export what `attack` writes, beyond those that it
/// takes to start.
///
/// # Panics
/// If valgrind is missing, or the program fails.
fn instructions(attack: impl FnOnce(&mut Wire)) -> u64 {
    static START: OnceLock<u64> = OnceLock::new();
    let start = START.get_or_init(|| count(|_| {}));
    count(attack).saturating_sub(*start)
}

fn count(attack: impl FnOnce(&mut Wire)) -> u64 {
    let outcome = run::run_as(valgrind(), &super::EXPORT, attack);
    assert!(outcome.failed.is_none(), "{}", outcome.failed.unwrap_or_default());
    let refs = outcome.messages.lines().find_map(|line| line.split_once("I   refs:"));
    let (_, digits) = refs.unwrap_or_else(|| panic!("no count of instructions: {}", outcome.messages));
    let count = digits.trim().replace(',', "").parse().unwrap();
    assert!(count > 0, "valgrind counted nothing: {}", outcome.messages);
    count
}

/// The program under valgrind.
fn valgrind() -> Command {
    let program = env::var_os("MCPDUMP").unwrap_or_else(|| env!("CARGO_BIN_EXE_mcpdump").into());
    let mut command = plain("valgrind");
    command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]).arg(program);
    command
}

/// Checks that the attack at `2 * n` takes at most 2.2 times the instructions of that at `n`.
pub(crate) fn check(name: &str, attack: fn(&mut Wire, usize), n: usize) {
    let half = instructions(|wire| attack(wire, n));
    let whole = instructions(|wire| attack(wire, 2 * n));
    let ratio = whole as f64 / half.max(1) as f64;
    println!("{name:24} {n:>8} {half:>14} {whole:>14} {ratio:>6.2}");
    assert!(
        whole <= half * 22 / 10 + NOISE,
        "{name}: {half} instructions for {n}, {whole} for twice as many"
    );
}
