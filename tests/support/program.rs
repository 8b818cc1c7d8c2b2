//! The program as a process that inherits nothing from whoever runs the tests: no variables, and no
//! signal that is ignored.

use std::env;
use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// The variables that are kept: tools are found, temporary files have a directory, and coverage has
/// its file.
const KEPT: [&str; 4] = ["PATH", "TMPDIR", "SYSTEMROOT", "LLVM_PROFILE_FILE"];

/// The program without arguments; see [`plain`]. `MCPDUMP` in the environment names another build
/// of it.
pub(crate) fn mcpdump() -> Command {
    plain(env::var_os("MCPDUMP").unwrap_or_else(|| env!("CARGO_BIN_EXE_mcpdump").into()))
}

/// A command with a fixed environment, an empty standard input, and the default actions for SIGHUP
/// and SIGINT, also if the tests run under nohup or in the background of a script.
pub(crate) fn plain(program: impl AsRef<OsStr>) -> Command {
    #[cfg(target_os = "linux")]
    reset_signals();
    let mut command = Command::new(program);
    let kept = KEPT.into_iter().filter_map(|name| Some((name, env::var_os(name)?)));
    command.env_clear().envs(kept).env("TERM", "xterm").stdin(Stdio::null());
    command
}

/// Makes processes started from now on begin with the default action for a signal that this process
/// ignores: exec keeps a signal ignored, but resets one that is caught.
#[cfg(target_os = "linux")]
fn reset_signals() {
    use signal_hook::consts::{SIGHUP, SIGINT};
    use std::sync::{Arc, Once};

    static RESET: Once = Once::new();
    RESET.call_once(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
        let ignored = u64::from_str_radix(ignored, 16).unwrap();
        for signal in [SIGHUP, SIGINT].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 1) {
            signal_hook::flag::register(signal, Arc::default()).unwrap();
        }
    });
}
