//! Runs the program as a process, feeds it an attack through a pipe, and samples its memory.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::wire::Wire;
use crate::support::program::mcpdump;

/// The interval at which memory is sampled.
const LOOK: Duration = Duration::from_millis(5);

/// The result of an attack.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Peak resident memory in bytes, or `None` if the system does not report it.
    pub(crate) peak: Option<u64>,
    /// Processor time of the program itself, in milliseconds.
    pub(crate) user_ms: Option<u64>,
    /// The rows of each type.
    pub(crate) rows: BTreeMap<String, u64>,
    /// The findings of each code.
    pub(crate) findings: BTreeMap<String, u64>,
    /// Exchanges that were answered with a result.
    pub(crate) answered: u64,
    /// Bytes of standard output.
    pub(crate) printed: u64,
    /// The beginning of what it wrote to standard error.
    pub(crate) messages: String,
    /// Its message if it failed, else `None`.
    pub(crate) failed: Option<String>,
}

/// Runs the program over what `attack` writes.
pub(crate) fn run(arguments: &[&str], attack: impl FnOnce(&mut Wire)) -> Outcome {
    run_as(mcpdump(), arguments, attack)
}

/// Runs a command that is the program, or runs it, over what `attack` writes.
pub(crate) fn run_as(mut command: Command, arguments: &[&str], attack: impl FnOnce(&mut Wire)) -> Outcome {
    let mut child = command
        .args(arguments)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (pid, over) = (child.id(), AtomicBool::new(false));
    let input = child.stdin.take().unwrap();
    let mut outcome = Outcome::default();
    thread::scope(|scope| {
        let looking = scope.spawn(|| watch(pid, &over));
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let reading = scope.spawn(move || count(BufReader::new(out)));
        let warned = scope.spawn(move || {
            let mut text = String::new();
            BufReader::new(err).take(1 << 20).read_to_string(&mut text).map(|_| text)
        });
        let mut wire = Wire::new(Box::new(input));
        // If the program died, its message says more than the broken pipe.
        let attacked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| attack(&mut wire)));
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wire.end()));
        outcome = reading.join().unwrap();
        let said = warned.join().unwrap().unwrap_or_default();
        over.store(true, Ordering::Relaxed);
        outcome.peak = looking.join().unwrap();
        outcome.user_ms = user_ms(&child);
        let status = child.wait().unwrap();
        if attacked.is_err() || ended.is_err() || !matches!(status.code(), Some(0 | 1)) {
            outcome.failed = Some(format!("{status}: {said}"));
        }
        outcome.messages = said;
    });
    outcome
}

/// Counts the rows of an export; other output only has a length.
fn count(mut reader: impl std::io::BufRead) -> Outcome {
    let (mut outcome, mut line) = (Outcome::default(), Vec::new());
    loop {
        line.clear();
        let len = reader.read_until(b'\n', &mut line).unwrap();
        if len == 0 {
            return outcome;
        }
        outcome.printed += len as u64;
        let Some(kind) = text_of(&line, "type") else { continue };
        if kind == "finding"
            && let Some(code) = text_of(&line, "code")
        {
            *outcome.findings.entry(code).or_default() += 1;
        }
        let is_answered = memchr::memmem::find(&line, b"\"status\":\"ok\"").is_some();
        outcome.answered += u64::from(kind == "exchange" && is_answered);
        *outcome.rows.entry(kind).or_default() += 1;
    }
}

/// The value of a field near the beginning of a row, read without parsing all of it.
fn text_of(line: &[u8], name: &str) -> Option<String> {
    let head = String::from_utf8_lossy(line.get(..line.len().min(400))?).into_owned();
    let (_, rest) = head.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

fn watch(pid: u32, over: &AtomicBool) -> Option<u64> {
    let mut peak = None;
    while !over.load(Ordering::Relaxed) {
        peak = peak.max(resident_peak(pid));
        thread::sleep(LOOK);
    }
    peak
}

/// `VmHWM` of a process, in bytes.
pub(crate) fn resident_peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

/// Processor time that a process which ended and was not waited for spent in itself: field 14, in
/// hundredths.
fn user_ms(child: &Child) -> Option<u64> {
    // The pipes are closed a moment before the process ends.
    thread::sleep(LOOK);
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().nth(11)?.parse::<u64>().ok()? * 10)
}
