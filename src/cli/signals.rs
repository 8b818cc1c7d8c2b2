//! Ctrl-C and SIGTERM: the first stops a capture cleanly, the second ends the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

#[cfg(unix)]
use super::service;

/// Catches signals. The first one sets `stop`, the second one has its default action. `stop` may
/// also be set by the program (`--for`): that does not count as a signal.
///
/// # Errors
/// The system does not allow a handler.
pub(super) fn catch(signals: &[i32], stop: &Arc<AtomicBool>) -> io::Result<()> {
    let caught = Arc::new(AtomicBool::new(false));
    for signal in signals {
        // The order matters: at the first signal `caught` is still false.
        signal_hook::flag::register_conditional_default(*signal, Arc::clone(&caught))?;
        signal_hook::flag::register(*signal, Arc::clone(&caught))?;
        signal_hook::flag::register(*signal, Arc::clone(stop))?;
    }
    Ok(())
}

/// Returns the signals to catch: SIGINT, SIGTERM and, unless it is ignored (nohup) or a service
/// manager asks for a reload with it, SIGHUP. Reads `/proc`: call it before the sandbox is entered.
#[cfg(unix)]
pub(super) fn termination_signals() -> Vec<i32> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    let mut signals = vec![SIGINT, SIGTERM];
    if !service::is_managed() && !is_ignored(SIGHUP) {
        signals.push(SIGHUP);
    }
    signals
}

/// Returns the signals that are forwarded to a program that is run: those that ask to end or to do
/// something, unless they are ignored, as the program ignores them then, too. Reads `/proc`.
#[cfg(unix)]
pub(super) fn forwarded() -> Vec<i32> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

    let all = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];
    all.into_iter().filter(|signal| !is_ignored(*signal)).collect()
}

/// Sets `reload` at each SIGHUP, if a service manager asks for a reload with it: without a handler
/// it would end the process.
///
/// # Errors
/// The system does not allow a handler.
#[cfg(unix)]
pub(super) fn on_reload(reload: &Arc<AtomicBool>) -> io::Result<()> {
    if service::is_managed() {
        signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(reload))?;
    }
    Ok(())
}

/// Does nothing on this system.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub(super) fn on_reload(_: &Arc<AtomicBool>) -> io::Result<()> {
    Ok(())
}

/// Returns the signals to catch: SIGINT and SIGTERM.
#[cfg(not(unix))]
pub(super) fn termination_signals() -> Vec<i32> {
    vec![signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM]
}

/// Whether the process was started with a signal ignored: a bit mask in hexadecimal (proc(5),
/// `SigIgn`). False on systems without `/proc`.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let bit = u32::try_from(signal - 1).ok().and_then(|bit| 1_u64.checked_shl(bit)).unwrap_or(0);
    mask & bit != 0
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn a_flag_that_is_already_set_does_not_count_as_a_signal() {
        let flag = Arc::new(AtomicBool::new(true));
        catch(&[signal_hook::consts::SIGUSR1], &flag).unwrap();
        // If it counted, the default action would end this process.
        signal_hook::low_level::raise(signal_hook::consts::SIGUSR1).unwrap();
        assert!(flag.load(Ordering::Relaxed));
    }

    #[test]
    fn a_signal_sets_the_flag() {
        let flag = Arc::new(AtomicBool::new(false));
        catch(&[signal_hook::consts::SIGUSR2], &flag).unwrap();
        assert!(!flag.load(Ordering::Relaxed));
        signal_hook::low_level::raise(signal_hook::consts::SIGUSR2).unwrap();
        assert!(flag.load(Ordering::Relaxed));
    }
}
