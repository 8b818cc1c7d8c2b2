//! `mcpdump demo` and `mcpdump traffic` as processes: on a real device if the test may capture,
//! else from the recording.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::support::program;

/// Time limit for a run; long, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(90);

fn piped(mut command: Command) -> Command {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn mcpdump(arguments: &[&str]) -> Command {
    let mut command = piped(program::mcpdump());
    command.args(arguments);
    command
}

/// Waits for the end and returns exit status, standard output and standard error.
fn ended(mut child: Child) -> (Option<i32>, String, String) {
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take().unwrap());
    let (sender, done) = mpsc::channel();
    let id = child.id();
    std::thread::spawn(move || {
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text)
        });
        let mut text = String::new();
        if let Some(stdout) = &mut stdout {
            stdout.read_to_string(&mut text).unwrap();
        }
        let status = child.wait().unwrap();
        // The receiver is gone if the time limit was reached.
        drop(sender.send((status.code(), text, errors.join().unwrap().unwrap())));
    });
    done.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        kill(id, "KILL");
        panic!("it did not end within {PATIENCE:?}");
    })
}

/// Sends a signal to a process.
fn kill(id: u32, signal: &str) {
    let status = Command::new("kill").args(["-s", signal, &id.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "kill -s {signal} {id}");
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    ended(command.spawn().expect("the program starts"))
}

/// Whether the test may capture on loopback. If not, it prints that it is skipped, or fails if no
/// test may be skipped.
fn can_capture() -> bool {
    let Err(why) = pcap::Capture::from_device("lo").and_then(pcap::Capture::open) else {
        return true;
    };
    let strict = std::env::var_os("MCPDUMP_MUST_CAPTURE").is_some_and(|value| !value.is_empty());
    assert!(!strict, "not to be skipped: {why}");
    eprintln!("skipped: no permission to capture on lo: {why}");
    false
}

/// Asserts that a demo has every kind of line.
#[track_caller]
fn has_every_kind(listing: &str) {
    for (kind, words) in [
        ("answered", &[" ok "][..]),
        ("failed", &[" tool_error ", " error ", " http_error "]),
        ("taken back", &[" cancelled "]),
        ("progress and sampling", &["tools/call digest"]),
        ("asked by the server", &["sampling/createMessage", "elicitation/create"]),
        ("opened", &["initialize"]),
        ("without sessions", &["server/discover"]),
        ("resources", &["resources/read"]),
        ("prompts", &["prompts/get"]),
        ("the report", &["Latency"]),
        ("its sessions", &["Sessions"]),
    ] {
        assert!(words.iter().any(|word| listing.contains(word)), "{kind}: {words:?}\n{listing}");
    }
}

#[test]
fn a_demo_shows_every_kind_of_exchange_and_ends_by_itself() {
    if !can_capture() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("demo.pcapng");
    let file = file.to_str().unwrap();
    let (status, stdout, stderr) =
        run(&mut mcpdump(&["demo", "--for", "4s", "--rate", "80", "--clients", "5", "-w", file]));
    assert_eq!(status, Some(0), "{stderr}");
    has_every_kind(&stdout);
    assert!(stdout.contains("demo on 127.0.0.1:"), "{stdout}");
    assert!(
        stderr.contains("0 packets lost by the kernel") && stderr.contains("the clients made"),
        "{stderr}"
    );
    // The saved packets give the same.
    let (_, saved, _) = run(&mut mcpdump(&["list", file]));
    let listed: Vec<_> = stdout.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(saved.lines().collect::<Vec<_>>(), listed, "live and saved agree");
}

/// What is encrypted on the wire is shown, and the saved packets hold the secrets that open them.
#[test]
fn a_demo_over_tls_is_decrypted_live_and_when_saved() {
    if !can_capture() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let [file, keys] = ["demo.pcapng", "keys.log"].map(|name| directory.path().join(name));
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let [path, key_log] = [&file, &keys].map(|path| path.to_str().unwrap());
    let arguments = ["demo", "--tls", "--for", "4s", "--rate", "80", "--clients", "5", "-w", path];
    let (status, stdout, stderr) = run(mcpdump(&arguments).args(["--tls-keylog", key_log]));
    assert_eq!(status, Some(0), "{stderr}");
    has_every_kind(&stdout);
    assert!(stdout.contains("TLS 1.3, localhost") && !stdout.contains("tls.no_secret"), "{stdout}");
    assert_eq!((mode(&file), mode(&keys)), (0o600, 0o600));
    // In the saved packets the secrets stand in front: nothing waits for them, so that lines of
    // different connections may come in another order.
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().take_while(|line| !line.is_empty()).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let (_, saved, _) = run(mcpdump(&["list", path]).env_remove("SSLKEYLOGFILE"));
    assert_eq!(sorted(&saved), sorted(&stdout), "live and saved agree");
}

#[test]
fn a_demo_over_tls_needs_no_named_key_log() {
    if !can_capture() {
        return;
    }
    let (status, stdout, stderr) = run(&mut mcpdump(&["demo", "--tls", "--for", "2s", "--rate", "50"]));
    assert_eq!(status, Some(0), "{stderr}");
    assert!(stdout.contains("tools/call") && stdout.contains("TLS 1.3"), "{stdout}\n{stderr}");
}

#[test]
fn a_demo_ends_with_ctrl_c() {
    if !can_capture() {
        return;
    }
    let mut child = mcpdump(&["demo", "--rate", "50"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains('→'), "lines come as it happens");
    kill(child.id(), "INT");
    let rest: Vec<_> = lines.map(Result::unwrap).collect();
    let (status, _, stderr) = ended(child);
    assert_eq!(status, Some(0), "{stderr}");
    assert!(rest.iter().any(|line| line.starts_with("Latency")), "the report comes too: {rest:?}");
}

/// Copies the program to where all users may run it, and runs it as nobody.
fn as_nobody(arguments: &[&str]) -> (Option<i32>, String, String) {
    if !nix::unistd::Uid::effective().is_root() {
        return run(&mut mcpdump(arguments));
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let binary = directory.path().join("mcpdump");
    // A link where that goes: the program is large while it is being worked on. Built with a strict
    // umask others may not run it, and a copy is needed.
    let program = env!("CARGO_BIN_EXE_mcpdump");
    let is_public = fs::metadata(program).unwrap().permissions().mode() & 0o5 == 0o5;
    if !is_public || fs::hard_link(program, &binary).is_err() {
        fs::copy(program, &binary).unwrap();
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = piped(program::plain("setpriv"));
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]);
    run(command.arg(&binary).args(arguments))
}

#[test]
fn without_the_right_to_capture_the_recording_is_played() {
    let (status, stdout, stderr) = as_nobody(&["demo", "--for", "3s"]);
    assert_eq!(status, Some(0), "{stderr}");
    if stderr.contains("packets lost by mcpdump") {
        eprintln!("skipped: everybody may capture here");
        return;
    }
    assert_eq!(stderr.lines().filter(|line| line.contains("recording")).count(), 1, "{stderr}");
    assert!(stdout.contains(" ok ") && stdout.contains("Latency"), "{stdout}");
    let kept = as_nobody(&["demo", "--for", "3s", "-w", "/tmp/never.pcapng"]);
    assert_eq!(kept.0, Some(2), "nothing can be kept of a recording: {}", kept.2);
}

#[test]
fn the_recording_shows_every_kind_of_exchange() {
    let recording = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/demo.pcapng.zst");
    assert!(fs::metadata(recording).unwrap().len() < 300_000, "it is part of the program");
    let (status, listing, stderr) = run(&mut mcpdump(&["list", recording]));
    let (_, report, _) = run(&mut mcpdump(&["report", recording]));
    assert_eq!(status, Some(0), "{stderr}");
    has_every_kind(&format!("{listing}{report}"));
}

#[test]
fn traffic_without_a_server_has_exit_status_2() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    drop(listener);
    let (status, stdout, stderr) = run(&mut mcpdump(&["traffic", &url]));
    assert_eq!((status, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.starts_with(&format!("mcpdump: {url}: cannot be reached")), "{stderr}");
    for wrong in [
        &["traffic", "ftp://127.0.0.1"][..],
        &["traffic", "here"],
        &["traffic", &url, "--rate", "0"],
        &["traffic", &url, "--rate", "1e-30"],
        &["demo", "--rate", "1e-30"],
        &["demo", "--clients", "0"],
    ] {
        let (status, stdout, stderr) = run(&mut mcpdump(wrong));
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{wrong:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{wrong:?}: {stderr}");
    }
    // Secrets in a URL are not repeated, neither in the message nor in its cause.
    for path in ["mcp", "sse"] {
        let at = url.replace("http://", "http://user:hunter2@").replace("mcp", path);
        let (status, _, stderr) = run(&mut mcpdump(&["traffic", &format!("{at}?token=hunter2")]));
        assert_eq!(status, Some(2), "{stderr}");
        assert!(stderr.contains("cannot be reached") && !stderr.contains("hunter2"), "{stderr}");
    }
}

#[test]
fn traffic_to_our_server_prints_a_table_at_the_end() {
    let mut server = mcpdump(&["serve", "--listen", "0"]).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let url = line.split_whitespace().last().unwrap().to_owned();
    let (status, stdout, stderr) =
        run(&mut mcpdump(&["traffic", &url, "--calls", "80", "--rate", "200", "--timeout", "2s"]));
    kill(server.id(), "INT");
    assert_eq!(ended(server).0, Some(0), "the server ends");
    assert_eq!(status, Some(0), "{stderr}");
    for words in ["sessions, ", " calls in ", " ok", "Latency", "p95", "get-hackernews", "tools/list"] {
        assert!(stdout.contains(words), "{words}: {stdout}");
    }
}
