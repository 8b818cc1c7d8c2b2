//! Ctrl-C and its like: the first ends a live capture cleanly, the second ends the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Catches these signals. The first one sets the flag, which whoever is to end looks at: no thread has to be free for that.
/// The flag may be set otherwise too (`--for`): only a signal makes the next one the second.
///
/// # Errors
/// The system does not let them be caught.
pub(super) fn catch(signals: &[i32], told: &Arc<AtomicBool>) -> io::Result<()> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in signals {
        // In this order: the first signal finds nothing asked, and the second one what it does by default.
        signal_hook::flag::register_conditional_default(*signal, Arc::clone(&asked))?;
        signal_hook::flag::register(*signal, Arc::clone(&asked))?;
        signal_hook::flag::register(*signal, Arc::clone(told))?;
    }
    Ok(())
}

/// The signals to be caught: SIGINT, SIGTERM and, where it is not ignored already (nohup), SIGHUP. To be asked for while
/// the process can still read what is told of it.
#[cfg(unix)]
pub(super) fn wanted() -> Vec<i32> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    let mut signals = vec![SIGINT, SIGTERM];
    if !is_ignored(SIGHUP) {
        signals.push(SIGHUP);
    }
    signals
}

/// The signals to be caught: SIGINT and SIGTERM.
#[cfg(not(unix))]
pub(super) fn wanted() -> Vec<i32> {
    vec![signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM]
}

/// Whether whoever started the process has it ignore a signal: a mask in hexadecimal digits (proc(5), `SigIgn`). Where
/// the system does not tell so, it is not.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let bit = u32::try_from(signal - 1).ok().and_then(|bit| 1_u64.checked_shl(bit)).unwrap_or(0);
    mask & bit != 0
}

#[cfg(all(test, unix))]
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
