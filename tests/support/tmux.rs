//! A terminal to test in: tmux with a shell.

use std::process::Output;
use std::time::{Duration, Instant};

use super::program::plain;

/// Time limit for a screen to show a text; long, because the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A private tmux server with one shell.
pub(crate) struct Tmux {
    socket: String,
    /// State directory of the programs in it, apart from that of the user.
    pub(crate) state: tempfile::TempDir,
}

impl Tmux {
    /// Starts a server, or returns `None` if tmux is not installed. Fails in that case if no test
    /// may be skipped.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let socket = format!("mcpdump-test-{}-{name}", std::process::id());
        let tmux = Self { socket, state: tempfile::tempdir().unwrap() };
        if !plain("tmux").arg("-V").output().is_ok_and(|output| output.status.success()) {
            let strict = std::env::var_os("MCPDUMP_MUST_CAPTURE").is_some_and(|value| !value.is_empty());
            assert!(!strict, "not to be skipped: there is no tmux");
            eprintln!("skipped: there is no tmux");
            return None;
        }
        let state = format!("XDG_STATE_HOME={}", tmux.state.path().display());
        let session = ["-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30"];
        let shell = ["env", "-u", "DISPLAY", "-u", "WAYLAND_DISPLAY", "PS1=ready>", &state, "sh"];
        assert!(tmux.run(&[&session[..], &shell[..]].concat()).status.success());
        tmux.wait("ready>");
        Some(tmux)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        plain("tmux").args(["-u", "-L"]).arg(&self.socket).args(arguments).output().unwrap()
    }

    pub(crate) fn keys(&self, keys: &[&str]) {
        assert!(self.run(&[&["send-keys"], keys].concat()).status.success());
    }

    /// Types a command and enter.
    pub(crate) fn shell(&self, command: &str) {
        self.keys(&["-l", command]);
        self.keys(&["Enter"]);
    }

    pub(crate) fn screen(&self) -> String {
        String::from_utf8_lossy(&self.run(&["capture-pane", "-p"]).stdout).into_owned()
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    pub(crate) fn wait(&self, text: &str) -> String {
        self.wait_for(text, |screen| screen.contains(text))
    }

    /// Goes from the overview, which a saved capture opens with, to its 32 exchanges.
    #[track_caller]
    pub(crate) fn show_exchanges(&self) {
        let screen = self
            .wait_for("the capture", |screen| screen.contains("32 exchanges") || screen.contains("1 of 32"));
        if !screen.contains("1 of 32") {
            self.keys(&["3"]);
            self.wait("1 of 32");
        }
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, shows: impl Fn(&str) -> bool) -> String {
        let began = now();
        loop {
            let screen = self.screen();
            if shows(&screen) {
                return screen;
            }
            assert!(began.elapsed() < PATIENCE, "{what} does not come:\n{screen}");
        }
    }

    /// The process that the shell started last.
    #[track_caller]
    pub(crate) fn child(&self) -> String {
        let pane = self.run(&["display-message", "-p", "#{pane_pid}"]).stdout;
        let shell = String::from_utf8_lossy(&pane).trim().to_owned();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        children.split_whitespace().next_back().unwrap().to_owned()
    }

    /// Whether the terminal is restored: no alternate screen, no mouse, echo and line editing on.
    #[track_caller]
    pub(crate) fn is_whole(&self) {
        self.wait_for("the prompt", |screen| screen.trim_end().ends_with("ready>"));
        let flags = ["display-message", "-p", "#{alternate_on}#{mouse_any_flag}#{cursor_flag}"];
        let shown = self.run(&flags).stdout;
        assert_eq!(String::from_utf8_lossy(&shown).trim(), "001");
        self.shell("clear; stty -a | tr ';' '\\n' | grep -cE ' (icanon|echo) | echo '; echo whole-$?");
        self.wait("whole-0");
    }
}

/// The current time, for time limits.
#[expect(clippy::disallowed_methods, reason = "a screen that never comes is not waited for")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}
