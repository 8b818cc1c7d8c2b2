//! The ways in which a capture ends.

use std::os::unix::process::ExitStatusExt as _;

use super::dump::{Dump, PATIENCE, can_capture, kept, mcpdump, plain, until};
use super::traffic::Traffic;

#[test]
fn count_ends_the_capture() {
    if !can_capture() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("five.pcapng");
    let traffic = Traffic::new();
    let dump = Dump::start(["list", "-i", "lo", "-c", "5", "-w", file.to_str().unwrap(), &traffic.filter()]);
    traffic.make(10, 10);
    let ended = dump.wait();
    ended.with(0);
    ended.says(&["5 packets captured on lo", "5 packets kept"]);
    assert_eq!(kept(&file).len(), 5);
}

#[test]
fn a_filter_that_matches_nothing_is_reported() {
    if !can_capture() {
        return;
    }
    let dump = Dump::start(["report", "-i", "lo", "--for", "300ms", "udp", "port", "9"]);
    let ended = dump.wait();
    assert!(ended.with(0).contains("source       lo"), "{}", String::from_utf8_lossy(&ended.stdout));
    ended.says(&["no packet on lo passed the filter \"udp port 9\"", "0 packets captured on lo"]);
}

/// Only packets buffered in memory can be lost: the file is read while the process runs, and
/// captured packets arrive there without a signal. How soon depends on packet times and is tested
/// in `capture::keep`; this machine may be busy.
#[test]
fn a_killed_process_loses_at_most_a_second() {
    if !can_capture() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("killed.pcapng");
    let traffic = Traffic::new();
    let dump = Dump::start(["list", "-i", "lo", "-w", file.to_str().unwrap(), &traffic.filter()]);
    traffic.make(50, 500);
    // Three packets open the connection, each exchange has two at least, and one closes it.
    let all = || super::dump::packets(std::fs::read(&file).unwrap()).0.len() >= 104;
    until("its packets in the file", PATIENCE, all);
    dump.signal("KILL");
    let ended = dump.wait();
    assert_eq!(ended.status.signal(), Some(9));
    assert!(kept(&file).len() >= 104);
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    if !can_capture() {
        return;
    }
    let traffic = Traffic::new();
    let mut command = mcpdump();
    command.args(["list", "-i", "lo", &traffic.filter()]);
    let mut dump = Dump::spawn(command);
    dump.wait_for_capture();
    // More lines than a pipe holds: nobody reads them, so the program cannot end cleanly.
    traffic.make(1500, 10);
    dump.signal("INT");
    let sigint = 1 << (2 - 1);
    until("the first signal to arrive", PATIENCE, || {
        (dump.mask("ShdPnd:") | dump.mask("SigPnd:")) & sigint == 0
    });
    dump.signal("INT");
    assert_eq!(dump.wait().status.signal(), Some(2));
}

#[test]
fn a_closed_pipe_ends_the_capture_cleanly() {
    if !can_capture() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pipe.pcapng");
    let traffic = Traffic::new();
    let mut command = mcpdump();
    command.args(["list", "-i", "lo", "-w", file.to_str().unwrap(), &traffic.filter()]);
    let mut dump = Dump::spawn(command);
    dump.wait_for_capture();
    dump.close_stdout();
    // A program that another test starts just now may hold the pipe open for a moment: then its
    // lines find room there.
    until("it finds the pipe closed", PATIENCE, || {
        traffic.make(5, 10);
        dump.is_over()
    });
    let ended = dump.wait();
    ended.with(0);
    ended.says(&["captured on lo", "packets kept"]);
    assert_eq!(kept(&file).len() as u64, ended.number(" packets kept"));
}

#[test]
fn sigterm_and_sighup_end_the_capture_cleanly() {
    if !can_capture() {
        return;
    }
    for signal in ["TERM", "HUP"] {
        let traffic = Traffic::new();
        let dump = Dump::start(["list", "-i", "lo", &traffic.filter()]);
        traffic.make(3, 10);
        dump.signal(signal);
        assert_eq!(dump.wait().with(0).lines().count(), 3, "{signal}");
    }
}

#[test]
fn a_signal_ignored_by_nohup_stays_ignored() {
    if !can_capture() {
        return;
    }
    let traffic = Traffic::new();
    let mut command = plain("sh");
    command.args([
        "-c",
        "trap '' HUP; exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_mcpdump"),
        "list",
        "-i",
        "lo",
    ]);
    command.arg(traffic.filter());
    let dump = Dump::start_command(command);
    dump.signal("HUP");
    traffic.make(3, 10);
    assert_eq!(dump.interrupt().with(0).lines().count(), 3);
}
