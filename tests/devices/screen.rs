//! The TUI on a device, in a real terminal.

use std::fs;

use super::dump::{can_capture, kept, tool};
use super::traffic::Traffic;
use crate::support::tmux::Tmux;

/// The command line of the program, without configuration and sudo user.
fn program() -> String {
    format!("env -u SUDO_USER XDG_CONFIG_HOME=/nonexistent {}", env!("CARGO_BIN_EXE_mcpdump"))
}

/// Asserts that no thread of a process has a capability or can gain one.
#[track_caller]
fn is_shut_in(process: &str) {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let mut looked = 0;
    for thread in threads {
        let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
        assert_eq!((field("NoNewPrivs:"), field("CapEff:")), ("1", "0000000000000000"), "{status}");
        looked += 1;
    }
    // The screen, the keyboard, signals, the device and the analysis.
    assert!(looked >= 5, "{looked} threads");
}

#[test]
fn the_tui_shows_a_device_and_quits() {
    if !can_capture() {
        return;
    }
    let Some(tmux) = Tmux::new("live") else { return };
    let (traffic, directory) = (Traffic::new(), tempfile::tempdir().unwrap());
    let file = directory.path().join("kept.pcapng");
    let command = format!("{} -i lo -w {} {}", program(), file.display(), traffic.filter());
    tmux.shell(&command);
    tmux.wait("live, 0 packets, 0/s, -w kept.pcapng");
    traffic.make(3, 100);
    tmux.wait(" of 3");
    tmux.wait_for("packets a second", |screen| screen.contains("/s") && !screen.contains(" 0 packets,"));
    is_shut_in(&tmux.child());
    tmux.keys(&["q"]);
    tmux.wait("packets are kept in");
    // Another key, and it goes on.
    tmux.keys(&["1"]);
    tmux.wait("Worth a look");
    tmux.keys(&["3", "q", "q"]);
    tmux.wait("lost by mcpdump");
    let screen = tmux.wait("packets kept in");
    tmux.is_whole();
    let packets = kept(&file).len();
    assert!(
        packets > 6 && screen.contains(&format!("{packets} packets captured on lo")),
        "{packets}: {screen}"
    );
}

/// New rows scroll the list until the selection moves up; a paused screen does not change.
#[test]
fn the_list_follows_until_a_row_is_selected() {
    if !can_capture() {
        return;
    }
    let Some(tmux) = Tmux::new("live-follow") else { return };
    let traffic = Traffic::new();
    tmux.shell(&format!("{} -i lo {}", program(), traffic.filter()));
    tmux.wait("live, 0 packets");
    traffic.make(40, 100);
    tmux.wait("40 of 40");
    tmux.keys(&["Up"]);
    tmux.wait("39 of 40");
    traffic.make(3, 100);
    tmux.wait("paused, 3 new, 39 of 43");
    tmux.keys(&["End"]);
    tmux.wait_for("the last", |screen| screen.contains("43 of 43") && !screen.contains("paused"));
    traffic.make(1, 100);
    tmux.wait("44 of 44");
    tmux.keys(&["p"]);
    tmux.wait("frozen, 0 new");
    traffic.make(2, 100);
    let frozen = tmux.wait_for("news of it", |screen| {
        screen.contains("frozen, ") && screen.contains(" new") && !screen.contains("frozen, 0")
    });
    assert!(frozen.contains("44 of 44"), "{frozen}");
    tmux.keys(&["p"]);
    tmux.wait("46 of 46");
    // A terminal that is made smaller and larger again goes on showing what comes.
    for (columns, lines, shows) in [("40", "10", "current: 40x10"), ("100", "30", "46 of 46")] {
        assert!(tmux.run(&["resize-window", "-x", columns, "-y", lines]).status.success());
        tmux.wait(shows);
    }
    traffic.make(1, 100);
    tmux.wait("47 of 47");
    tmux.keys(&["q"]);
    tmux.wait("packets are not kept");
    tmux.keys(&["q"]);
    tmux.is_whole();
}

#[test]
fn a_signal_ends_the_tui_and_the_file_is_complete() {
    if !can_capture() {
        return;
    }
    let Some(tmux) = Tmux::new("live-signal") else { return };
    let (traffic, directory) = (Traffic::new(), tempfile::tempdir().unwrap());
    let file = directory.path().join("kept.pcapng");
    tmux.shell(&format!("{} -w {} {}", program(), file.display(), traffic.filter()));
    tmux.wait("live, 0 packets");
    traffic.make(2, 100);
    tmux.wait(" of 2");
    tool(&format!("kill -TERM {}", tmux.child())).unwrap();
    tmux.wait("packets kept in");
    tmux.is_whole();
    assert!(kept(&file).len() > 4);
}

#[test]
#[cfg(feature = "demo")]
fn the_tui_shows_the_demo() {
    if !can_capture() {
        return;
    }
    let Some(tmux) = Tmux::new("demo") else { return };
    tmux.shell(&format!("{} demo", program()));
    tmux.wait("live, ");
    tmux.wait("tools/call");
    is_shut_in(&tmux.child());
    tmux.keys(&["q"]);
    tmux.wait("packets are not kept");
    tmux.keys(&["q"]);
    tmux.wait(" calls in ");
    tmux.is_whole();
}

/// The reader of the FIFO reads nothing: the TUI quits, and a signal ends the wait for it.
#[test]
fn a_fifo_without_reader_does_not_delay_the_exit() {
    if !can_capture() {
        return;
    }
    let Some(tmux) = Tmux::new("live-blocked") else { return };
    let (traffic, directory) = (Traffic::new(), tempfile::tempdir().unwrap());
    let fifo = directory.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // Both ends, so that it can be opened for writing; nothing is read of it.
    let _reader = fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    tmux.shell(&format!("{} -i lo -w {} {}", program(), fifo.display(), traffic.filter()));
    tmux.wait("live, 0 packets");
    // More than a pipe holds.
    traffic.make(40, 10_000);
    let process = tmux.child();
    tmux.keys(&["q"]);
    tmux.wait("quit again to end the capture");
    tmux.keys(&["q"]);
    tmux.wait_for("the end of the screen", |_| {
        tmux.run(&["display-message", "-p", "#{alternate_on}"]).stdout.starts_with(b"0")
    });
    assert!(fs::exists(format!("/proc/{process}")).unwrap(), "it waits for the pipe");
    tmux.wait_for("the end of the process", |_| {
        // One that comes before the screen is left wholly is no second one.
        drop(tool(&format!("kill -TERM {process}")));
        !fs::exists(format!("/proc/{process}")).unwrap()
    });
    tmux.is_whole();
}
