//! The built program in a real terminal: tmux.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::corpus;
use crate::support::tmux::{PATIENCE, Tmux, now};

const VIEWS: [(&str, &str); 8] = [
    ("1", "Overview"),
    ("2", "Sessions"),
    ("4", "Latency"),
    ("5", "Streams"),
    ("6", "Connections"),
    ("7", "Findings"),
    ("8", "Servers"),
    ("3", "Exchanges"),
];

/// The command line of the program, without configuration, with default colours and characters.
fn program(arguments: &str) -> String {
    let binary = env!("CARGO_BIN_EXE_mcpdump");
    format!("env -u NO_COLOR -u LC_ALL -u LC_CTYPE -u LANG XDG_CONFIG_HOME=/nonexistent {binary} {arguments}")
}

fn capture() -> String {
    corpus::directory().join(super::SSE).display().to_string()
}

#[test]
fn every_view_opens_in_a_terminal() {
    let Some(tmux) = Tmux::new("views") else { return };
    tmux.shell(&program(&capture()));
    tmux.show_exchanges();
    for (key, title) in VIEWS {
        // The tabs have short names here: the whole one stands above the help of the view.
        tmux.keys(&[key]);
        tmux.keys(&["?"]);
        tmux.wait_for(title, |screen| screen.contains(title) && screen.contains("esc: close"));
        tmux.keys(&["Escape"]);
        tmux.wait_for("the view", |screen| !screen.contains("esc: close"));
    }
    tmux.keys(&["q"]);
    tmux.is_whole();
}

#[test]
fn filter_copy_and_mouse_work_in_a_terminal() {
    let Some(tmux) = Tmux::new("walk") else { return };
    // The terminal takes what programs copy, as people's terminals do.
    assert!(tmux.run(&["set-option", "-s", "set-clipboard", "on"]).status.success());
    tmux.shell(&program(&capture()));
    tmux.wait("223 packets");
    tmux.show_exchanges();
    // A wrong filter is shown with the position of its error, and leaves no trace.
    tmux.keys(&["/"]);
    tmux.keys(&["-l", "dur>>"]);
    tmux.wait_for("what is wrong", |screen| {
        screen.contains("/ filter dur>>") && screen.contains("at column 5")
    });
    tmux.keys(&["C-u"]);
    // Fields and the values that occur are completed.
    tmux.keys(&["-l", "tool:slow"]);
    tmux.wait("slow-progress  in this capture");
    tmux.keys(&["Tab"]);
    tmux.wait("tool:slow-progress");
    tmux.keys(&["Enter"]);
    tmux.wait("1 of 1");
    tmux.keys(&["Enter"]);
    tmux.wait("Timeline");
    tmux.keys(&["y"]);
    tmux.wait("packet numbers");
    tmux.keys(&["p"]);
    tmux.wait("copied ");
    // Those of all its parts, as Wireshark takes a range of packets to export.
    let numbers = "140-142, 144, 146, 149, 151";
    tmux.wait_until("the packet numbers on the clipboard", || tmux.buffer() == numbers);
    // Back, and without the filter: what was selected still is.
    for _ in 0..2 {
        let before = tmux.screen();
        tmux.keys(&["Escape"]);
        tmux.wait_for("what esc does", |screen| screen != before);
    }
    tmux.wait("24 of 32");
    // A click selects, the wheel scrolls, a double click opens, a click on a view shows it.
    tmux.keys(&["Home"]);
    tmux.show_exchanges();
    tmux.mouse(0, 20, 6);
    tmux.wait("3 of 32");
    tmux.mouse(65, 20, 6);
    tmux.wait_for("what was below", |screen| screen.contains("slow-progress"));
    tmux.keys(&["Home"]);
    tmux.show_exchanges();
    tmux.mouse(0, 20, 6);
    tmux.mouse(0, 20, 6);
    tmux.wait("Timeline");
    tmux.mouse(0, 2, 1);
    tmux.wait("Worth a look");
    tmux.keys(&["q"]);
    tmux.is_whole();
}

#[test]
fn a_growing_file_is_followed() {
    let Some(tmux) = Tmux::new("follow") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes) = (folder.path().join("g.pcap"), corpus::bytes(&corpus::directory().join(super::SSE)));
    let append = |from: usize, to: usize| {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        std::io::Write::write_all(&mut file, &bytes[from..to]).unwrap();
    };
    append(0, 20_000);
    tmux.shell(&format!(
        "XDG_CONFIG_HOME=/nonexistent {} --follow {}",
        env!("CARGO_BIN_EXE_mcpdump"),
        path.display()
    ));
    tmux.wait("g.pcap  followed, 53 packets, 0/s");
    // The last request has no answer yet: its clock runs.
    tmux.wait("pending");
    tmux.wait("following, 8 of 8");
    tmux.keys(&["Up"]);
    append(20_000, bytes.len());
    tmux.wait("followed, 223 packets");
    tmux.wait("paused, 24 new, 7 of 32");
    tmux.keys(&["f"]);
    tmux.wait("following, 32 of 32");
    fs::rename(&path, folder.path().join("old")).unwrap();
    tmux.wait("was moved or removed; it was read to its end");
    tmux.wait("g.pcap  223 packets");
    tmux.keys(&["q"]);
    tmux.is_whole();
}

#[test]
fn the_screen_follows_the_size_of_the_terminal() {
    let Some(tmux) = Tmux::new("size") else { return };
    let directory = tempfile::tempdir().unwrap();
    let [before, after] = ["before", "after"].map(|name| directory.path().join(name));
    settings(&tmux, &before);
    tmux.shell(&program(&capture()));
    tmux.show_exchanges();
    tmux.keys(&["Enter"]);
    tmux.wait("Timeline");
    for (columns, lines, shows) in
        [("40", "10", "current: 40x10"), ("200", "50", "8 Servers"), ("60", "15", "Timeline")]
    {
        assert!(tmux.run(&["resize-window", "-x", columns, "-y", lines]).status.success());
        tmux.wait(shows);
    }
    assert!(tmux.run(&["resize-window", "-x", "100", "-y", "30"]).status.success());
    tmux.wait_for("a wide screen", |screen| screen.lines().any(|line| line.chars().count() > 90));
    tmux.keys(&["q"]);
    tmux.is_whole();
    settings(&tmux, &after);
    assert_eq!(fs::read_to_string(&before).unwrap(), fs::read_to_string(&after).unwrap());
}

/// The program ends by a signal, a panic, a key, or the end of its input.
#[test]
fn the_terminal_is_restored_however_the_program_ends() {
    let Some(tmux) = Tmux::new("end") else { return };
    let directory = tempfile::tempdir().unwrap();
    let [before, after] = ["before", "after"].map(|name| directory.path().join(name));
    settings(&tmux, &before);
    let same = |how: &str| {
        tmux.is_whole();
        settings(&tmux, &after);
        let [before, after] = [&before, &after].map(|path| fs::read_to_string(path).unwrap());
        assert_eq!(before, after, "after {how}");
    };
    for signal in ["TERM", "HUP", "INT"] {
        tmux.shell(&format!("clear; {}", program(&capture())));
        tmux.show_exchanges();
        kill(signal, &tmux.child());
        same(signal);
    }
    tmux.shell("clear");
    tmux.wait_for("an empty screen", |screen| screen.trim() == "ready>");
    tmux.shell(&format!("MCPDUMP_TEST_PANIC=1 {}", program(&capture())));
    tmux.wait("MCPDUMP_TEST_PANIC is set");
    same("a panic");
    // The writer of the pipe has ended; keys still come from the terminal.
    tmux.shell(&format!("clear; cat {} | {}", capture(), program("-")));
    tmux.wait(" of 32");
    tmux.keys(&["q"]);
    same("a pipe");
    // The reader of standard error is gone, which must not end the program.
    tmux.shell(&format!("clear; {} 2>&1 >/dev/tty | true", program(&capture())));
    tmux.show_exchanges();
    tmux.keys(&["q"]);
    same("a closed pipe");
}

/// The terminal is closed, with its window or its connection.
#[test]
fn the_program_ends_with_its_terminal() {
    let Some(tmux) = Tmux::new("gone") else { return };
    tmux.shell(&program(&capture()));
    tmux.show_exchanges();
    let process = tmux.child();
    let alive =
        || fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name.trim() == "mcpdump");
    assert!(alive());
    drop(tmux);
    let began = now();
    while alive() {
        assert!(began.elapsed() < PATIENCE, "it goes on without a terminal");
    }
}

impl Tmux {
    /// Waits for a condition that no screen shows.
    #[track_caller]
    fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = now();
        while !is_so() {
            assert!(began.elapsed() < PATIENCE, "{what}: does not come:\n{}", self.screen());
        }
    }

    /// Sends a mouse button at a column and a line, from 1, in xterm's SGR encoding: 0 is the left
    /// button, 65 wheel down.
    fn mouse(&self, button: u16, column: u16, line: u16) {
        self.keys(&["-l", &format!("\u{1b}[<{button};{column};{line}M\u{1b}[<{button};{column};{line}m")]);
    }

    /// The text copied last.
    fn buffer(&self) -> String {
        String::from_utf8_lossy(&self.run(&["show-buffer"]).stdout).into_owned()
    }
}

/// Records the settings of the terminal.
fn settings(tmux: &Tmux, into: &Path) {
    tmux.shell(&format!("clear; stty -a > {} && echo noted-$?", into.display()));
    tmux.wait("noted-0");
}

fn kill(signal: &str, process: &str) {
    assert!(Command::new("kill").args([&format!("-{signal}"), process]).status().unwrap().success());
}
