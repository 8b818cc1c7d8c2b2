//! Attacks that are opened in the TUI, in a real terminal: its memory is bounded, and it answers to
//! keys while it reads and afterwards.

use std::env;
use std::fs::File;
use std::thread;

use super::wire::Wire;
use super::{MIB, run};
use crate::support::tmux::Tmux;

/// Memory for bodies, in MiB.
const BODIES: u64 = 16;

/// The most memory beside it, in MiB.
const MEMORY: u64 = 256;

/// Every view, by its key; the last one stays open.
const VIEWS: [&str; 8] = ["1", "2", "4", "5", "6", "7", "8", "3"];

/// Opens an attack of size `n` in the TUI, goes through its views while it is read and afterwards,
/// and checks what it held.
pub(crate) fn check(name: &str, attack: fn(&mut Wire, usize), n: usize) {
    let Some(tmux) = Tmux::new(&format!("attack-{name}")) else { return };
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("capture");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let program = env::var("MCPDUMP").unwrap_or_else(|_| env!("CARGO_BIN_EXE_mcpdump").to_owned());
    tmux.shell(&format!(
        "clear; XDG_CONFIG_HOME=/nonexistent {program} --memory {BODIES} - < {}",
        fifo.display()
    ));
    let writing = thread::spawn(move || {
        // Waits for the program.
        let mut wire = Wire::new(Box::new(File::options().write(true).open(fifo).unwrap()));
        attack(&mut wire, n);
        wire.end();
    });
    tmux.wait("3 Exch");
    let process = tmux.child().parse().unwrap();
    answers(&tmux);
    let written = writing.join();
    // At the end of the pipe it says so.
    let mut keys = 0;
    while tmux.screen().lines().next().is_some_and(|line| line.contains("reading")) {
        answers(&tmux);
        keys += 1;
    }
    answers(&tmux);
    // An opened row, if there is one, and its tabs.
    tmux.keys(&["Home", "Enter", "Right", "Right", "Right", "Escape"]);
    answers(&tmux);
    let peak = run::resident_peak(process).unwrap() / MIB;
    println!("{name:20} TUI    {n:>8} {peak:>6} MiB  {keys}");
    assert!(peak <= BODIES + MEMORY + super::build() / MIB, "{name} of {n} took {peak} MiB in the TUI");
    tmux.keys(&["C-c"]);
    tmux.is_whole();
    written.unwrap();
}

/// Goes through all views, and opens and closes the help.
fn answers(tmux: &Tmux) {
    tmux.keys(&VIEWS);
    tmux.keys(&["?"]);
    tmux.wait_for("the help", |screen| screen.contains("esc: close"));
    tmux.keys(&["Escape"]);
    tmux.wait_for("the view", |screen| !screen.contains("esc: close"));
}
