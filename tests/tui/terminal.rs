//! The built program in a real terminal: tmux.

use std::process::Command;

use crate::support::corpus;
use crate::tmux::Tmux;

fn program(capture: &str) -> String {
    let path = corpus::directory().join(capture);
    format!("XDG_CONFIG_HOME=/nonexistent {} {}", env!("CARGO_BIN_EXE_mcpdump"), path.display())
}

#[test]
fn walks_filters_copies_resizes_and_quits() {
    let Some(tmux) = Tmux::new("walk") else { return };
    tmux.shell(&program(crate::SSE));
    tmux.wait("223 packets");
    tmux.wait("1 of 32");
    tmux.keys(&["1"]);
    tmux.wait("Worth a look");
    tmux.keys(&["3"]);
    tmux.keys(&["/"]);
    tmux.keys(&["-l", "status:tool_error"]);
    tmux.wait("enter applies");
    tmux.keys(&["Enter"]);
    tmux.wait("3 of 32");
    tmux.keys(&["Enter"]);
    tmux.wait("Timeline");
    tmux.keys(&["y"]);
    tmux.wait("Wireshark filter");
    tmux.keys(&["w"]);
    tmux.wait("copied ");
    assert!(tmux.run(&["resize-window", "-x", "50", "-y", "12"]).status.success());
    tmux.wait("needs more room");
    assert!(tmux.run(&["resize-window", "-x", "100", "-y", "30"]).status.success());
    tmux.wait("Timeline");
    tmux.keys(&["q"]);
    tmux.is_whole();
}

#[test]
fn the_terminal_is_whole_after_a_signal_and_after_a_panic() {
    let Some(tmux) = Tmux::new("end") else { return };
    tmux.shell(&format!("{} & echo $! ; fg", program(crate::SSE)));
    tmux.wait("1 of 32");
    let killed = Command::new("kill").args(["-TERM", &tmux.child()]).status().unwrap();
    assert!(killed.success());
    tmux.is_whole();
    tmux.shell(&format!("clear; MCPDUMP_TEST_PANIC=1 {}", program(crate::SSE)));
    tmux.wait("MCPDUMP_TEST_PANIC is set");
    tmux.is_whole();
}
