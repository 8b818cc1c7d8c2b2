//! The sandbox of the process: a filter of system calls and no new privileges, for every command.

use std::process::Stdio;

use super::dump::{Dump, PATIENCE, can_capture, mcpdump, until};
use super::traffic::Traffic;
use crate::support::tmux::Tmux;

/// A field of /proc/self/status of the tests themselves (proc(5)).
fn own(name: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
}

/// Whether system calls are filtered (seccomp(2): mode 2).
fn is_filtered(dump: &Dump) -> bool {
    dump.field("Seccomp:") == "2"
}

/// Each waits for a capture that does not come.
#[test]
fn every_command_filters_its_system_calls() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("out.pcap").display().to_string();
    let commands: &[&[&str]] = &[
        &["list", "-"],
        &["report", "-"],
        &["report", "--format", "html", "-"],
        &["export", "-"],
        &["why", "-"],
        &["check", "-"],
        &["inventory", "-"],
        &["stats", "-"],
        &["diff", "-", "captures/ts-sse/capture.pcap"],
        &["slice", "-", "-o", &kept],
        #[cfg(feature = "web")]
        &["web", "-"],
        #[cfg(all(feature = "mcp", feature = "demo"))]
        &["mcp", "--http", "0", "-"],
    ];
    for arguments in commands {
        let mut command = mcpdump();
        command.args(*arguments).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::piped());
        let dump = Dump::spawn(command);
        until(&format!("{arguments:?} filters"), PATIENCE, || is_filtered(&dump));
        assert_eq!(dump.field("NoNewPrivs:"), "1", "{arguments:?}");
    }
}

#[test]
fn a_capture_filters_its_system_calls_unless_told_otherwise() {
    if !can_capture() {
        return;
    }
    for (option, filter) in [("--threads=1", "2".to_owned()), ("--no-sandbox", own("Seccomp:"))] {
        let traffic = Traffic::new();
        let dump = Dump::start(["list", "-i", "lo", option, &traffic.filter()]);
        assert_eq!(dump.field("Seccomp:"), filter, "{option}");
        let privileges = if option == "--no-sandbox" { own("NoNewPrivs:") } else { "1".to_owned() };
        assert_eq!(dump.field("NoNewPrivs:"), privileges, "{option}");
        traffic.make(3, 10);
        let ended = dump.interrupt();
        assert_eq!(ended.with(0).lines().count(), 3, "{option}");
        assert!(!ended.stderr.contains("note:"), "{}", ended.stderr);
    }
}

#[test]
fn the_tui_filters_its_system_calls() {
    let Some(tmux) = Tmux::new("sandbox") else { return };
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/ts-sse/capture.pcap");
    for (option, filter) in [("", "2".to_owned()), ("--no-sandbox", own("Seccomp:"))] {
        tmux.shell(&format!(
            "clear; XDG_CONFIG_HOME=/nonexistent {} {option} {capture}",
            env!("CARGO_BIN_EXE_mcpdump")
        ));
        tmux.show_exchanges();
        let status = std::fs::read_to_string(format!("/proc/{}/status", tmux.child())).unwrap();
        let found = status.lines().find_map(|line| line.strip_prefix("Seccomp:")).unwrap().trim();
        assert_eq!(found, filter, "{option}");
        tmux.keys(&["q"]);
        tmux.is_whole();
    }
}
