//! `mcpdump wrap`: what passes, how it ends, and what the file holds.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use mcpdump::base::Findings;
use mcpdump::capture::{self, Item, Packet, Source as _};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::program::{mcpdump, plain};

/// A wrap of a shell script that records to `w.pcapng` in a directory of its own.
struct Wrap {
    directory: tempfile::TempDir,
}

impl Wrap {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("w.pcapng")
    }

    fn command(&self, script: &str) -> Command {
        let mut command = mcpdump();
        command.args(["wrap", "-w"]).arg(self.path()).args(["--", "sh", "-c", script]);
        command
    }

    /// Runs a script with this standard input.
    fn run(&self, script: &str, input: &[u8]) -> Output {
        output(self.command(script), input)
    }

    /// Starts a script with all pipes open.
    fn start(&self, script: &str) -> Child {
        let mut command = self.command(script);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn packets(&self) -> Vec<Packet> {
        let (packets, findings) = packets(&self.path());
        assert!(findings.is_empty(), "{findings:?}");
        packets
    }
}

fn output(mut command: Command, input: &[u8]) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A server that reads nothing closes the pipe.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn packets(path: &Path) -> (Vec<Packet>, Findings) {
    let mut source = capture::from_reader("w", Box::new(fs::File::open(path).unwrap()));
    let (mut packets, mut findings) = (Vec::new(), Findings::new());
    while let Some(item) = source.next(&mut findings).unwrap() {
        if let Item::Packet(packet) = item {
            packets.push(packet);
        }
    }
    (packets, findings)
}

/// The bytes that client and server sent, put together by sequence number.
fn streams(packets: &[Packet]) -> [Vec<u8>; 2] {
    let mut streams = [Vec::new(), Vec::new()];
    let mut first = [None; 2];
    for packet in packets {
        let bytes = &packet.data;
        let header = usize::from(bytes[0] & 15) * 4;
        if bytes[9] != 6 {
            continue;
        }
        let tcp = &bytes[header..];
        let side = usize::from(Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]).octets()[1] >= 128);
        let sequence = u32::from_be_bytes(tcp[4..8].try_into().unwrap());
        let is_syn = tcp[13] & 2 != 0;
        let payload = &tcp[usize::from(tcp[12] >> 4) * 4..];
        if is_syn {
            first[side] = Some(sequence.wrapping_add(1));
            continue;
        }
        let at = sequence.wrapping_sub(first[side].unwrap()) as usize;
        assert!(payload.is_empty() || at == streams[side].len(), "no hole, and nothing twice");
        streams[side].extend_from_slice(payload);
    }
    streams
}

fn rows(path: &Path) -> Vec<Value> {
    let output = mcpdump().args(["export", "--to", "jsonl"]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until `is_there`, for a limited time.
fn wait_until(what: &str, mut is_there: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_there() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

/// A server in a few lines of shell, as far as the tests need one.
const SERVER: &str = r#"while read -r line; do case "$line" in
*'"initialize"'*) echo '{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"shell","version":"1"}}}';;
*'"tools/call"'*) echo called >&2; echo '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';;
*'"ping"'*) exit 5;;
esac; done"#;

const CALLS: &str = concat!(
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#,
    "\n",
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    "\n",
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}"#,
    "\n",
);

/// Both directions hold the same bytes, wrapped and not wrapped, and the file holds them, too:
/// lines, half lines, bytes that are no text.
#[test]
fn bytes_pass_untouched() {
    let input = [CALLS.as_bytes(), b"\r\n\n\0\xff\xfe{\"half\":"].concat();
    let script = "cat; printf '\\377tail'; exit 4";
    let mut alone = plain("sh");
    alone.args(["-c", script]);
    let alone = output(alone, &input);
    let wrap = Wrap::new();
    let wrapped = wrap.run(script, &input);
    assert_eq!((wrapped.status.code(), &wrapped.stdout), (alone.status.code(), &alone.stdout));
    assert_eq!(String::from_utf8_lossy(&wrapped.stderr), "");
    assert_eq!(streams(&wrap.packets()), [input, wrapped.stdout]);
}

/// 20 MB on one line.
#[test]
fn a_long_line_passes() {
    let line = [&vec![b'x'; 20 << 20][..], b"\n"].concat();
    let wrap = Wrap::new();
    let wrapped = wrap.run("cat", &line);
    assert!(wrapped.status.success() && wrapped.stdout == line);
}

#[test]
fn the_exit_status_is_that_of_the_server() {
    for (script, status) in [
        ("exit 0", 0),
        ("exit 7", 7),
        ("exit 255", 255),
        ("kill -KILL $$", 137),
        ("kill -TERM $$", 143),
        ("read x; exit 3", 3),
    ] {
        assert_eq!(Wrap::new().run(script, b"").status.code(), Some(status), "{script}");
    }
    let wrap = Wrap::new();
    for (program, status) in [("/no/such/program", 127), ("/", 126)] {
        let mut command = mcpdump();
        let missing = command.args(["wrap", "-w"]).arg(wrap.path()).args(["--", program]).output().unwrap();
        assert_eq!(missing.status.code(), Some(status));
        let text = String::from_utf8_lossy(&missing.stderr).into_owned();
        assert!(text.starts_with(&format!("mcpdump: {program}: cannot be run: ")), "{text}");
        assert!(!wrap.path().exists());
    }
}

#[test]
fn signals_are_forwarded() {
    for (signal, name, status) in
        [(Signal::SIGTERM, "TERM", 41), (Signal::SIGINT, "INT", 42), (Signal::SIGHUP, "HUP", 43)]
    {
        let wrap = Wrap::new();
        let mut child = wrap.start(&format!("trap 'exit {status}' {name}; echo ready; read x; read x"));
        let mut line = String::new();
        // It stays open: the wrap is to see a signal and nothing else.
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        // `wait` closes what it finds: the end of standard input would come before the signal.
        let stdin = child.stdin.take();
        assert_eq!(child.wait().unwrap().code(), Some(status));
        drop(stdin);
        let file = fs::read(wrap.path()).unwrap();
        let remark = format!("SIG{name} for the server");
        assert!(file.windows(remark.len()).any(|window| window == remark.as_bytes()));
    }
}

/// The end of standard output arrives while the server goes on, and so does what it reads then.
#[test]
fn a_server_that_closes_standard_output_first() {
    let wrap = Wrap::new();
    let mut child = wrap.start("echo one; exec >&-; read x; echo \"$x\" >&2; exit 3");
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert_eq!(output, "one\n");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"later\n").unwrap();
    drop(stdin);
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert_eq!((error.as_str(), child.wait().unwrap().code()), ("later\n", Some(3)));
    assert_eq!(streams(&wrap.packets()), [b"later\n".to_vec(), b"one\n".to_vec()]);
}

/// A client that reads no more: the server's write fails as it would without the wrap.
#[test]
fn a_client_that_closes_standard_output() {
    let wrap = Wrap::new();
    let mut child = wrap.start("while echo x; do :; done 2>/dev/null; exit 9");
    drop(child.stdout.take());
    // The shell is ended by SIGPIPE, or sees the error if it ignores that.
    assert!([Some(141), Some(9)].contains(&child.wait().unwrap().code()));
}

/// What the client sends after it closed the pipe that it reads is in the file, and the client is
/// who broke off.
#[test]
fn a_client_that_sends_and_does_not_read() {
    let wrap = Wrap::new();
    let script = "trap '' PIPE; while echo x; do :; done 2>/dev/null; echo closed >&2; read x; exit 9";
    let mut child = wrap.start(script);
    drop(child.stdout.take());
    let mut error = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    error.read_line(&mut line).unwrap();
    assert_eq!(line, "closed\n");
    child.stdin.take().unwrap().write_all(b"later\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(9));
    let packets = wrap.packets();
    assert_eq!(streams(&packets)[0], b"later\n");
    let is_reset = |packet: &&Packet| packet.data[9] == 6 && packet.data[33] & 4 != 0;
    let [reset] = packets.iter().filter(is_reset).collect::<Vec<_>>()[..] else { panic!("one reset") };
    assert!(reset.data[13] < 128, "from the client");
    let file = fs::read(wrap.path()).unwrap();
    assert!(String::from_utf8_lossy(&file).contains("the client closed the standard output of the server"));
}

/// A reader that pauses until the server has ended gets everything.
#[test]
fn what_a_server_wrote_last_arrives() {
    let wrap = Wrap::new();
    // More than a pipe holds, and less than two pipes and the buffer of the wrap, also if pages of
    // the pipes are not full.
    let mut child = wrap.start("echo $$; head -c 100000 /dev/zero >&2");
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let server = Pid::from_raw(line.trim_end().parse().unwrap());
    wait_until("the server ends", || kill(server, None).is_err());
    let mut error = Vec::new();
    child.stderr.take().unwrap().read_to_end(&mut error).unwrap();
    assert_eq!((error.len(), child.wait().unwrap().code()), (100_000, Some(0)));
}

/// A client that does not read standard error: a warning does not keep the wrap from its end.
#[test]
fn a_warning_that_is_not_read_is_lost() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    while writer.write(&[b' '; 4096]).is_ok() {}
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
    let mut command = mcpdump();
    command.args(["wrap", "-w", "/no/such/directory/w", "--", "sh", "-c", "exit 6"]).stderr(writer);
    let mut child = command.spawn().unwrap();
    let process = Pid::from_raw(child.id().cast_signed());
    let (ended, end) = mpsc::channel();
    let waits = std::thread::spawn(move || ended.send(child.wait().unwrap().code()));
    let status = end.recv_timeout(Duration::from_secs(30));
    if status.is_err() {
        kill(process, Signal::SIGKILL).unwrap();
    }
    waits.join().unwrap().unwrap();
    assert_eq!(status, Ok(Some(6)));
    drop(reader);
}

/// A server that reads no more: the client's write fails.
#[test]
fn a_server_that_closes_standard_input() {
    let wrap = Wrap::new();
    let fifo = wrap.directory.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut child = wrap.start(&format!("exec <&-; echo closed; read x < {}; exit 8", fifo.display()));
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut String::new()).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    wait_until("the write fails", || stdin.write_all(b"x\n").is_err());
    drop(fs::File::options().write(true).open(&fifo).unwrap());
    assert_eq!(child.wait().unwrap().code(), Some(8));
}

/// What passes does not depend on the file: a directory that does not exist, a full disk.
#[test]
fn a_file_that_cannot_be_written_changes_nothing() {
    for (path, why) in [("/no/such/directory/w", "not recorded"), ("/dev/full", "not recorded")] {
        if !Path::new("/dev/full").exists() {
            continue;
        }
        let mut command = mcpdump();
        command.args(["wrap", "-w", path, "--", "sh", "-c", "cat; exit 6"]);
        let ended = output(command, CALLS.as_bytes());
        assert_eq!((ended.status.code(), &ended.stdout[..]), (Some(6), CALLS.as_bytes()), "{path}");
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(text.contains(path) && text.contains(why) && text.lines().count() == 1, "{text}");
    }
}

/// A disk that becomes full, here as a limit of the file: what is in the file can be read.
#[test]
fn a_disk_that_becomes_full_changes_nothing() {
    let (wrap, line) = (Wrap::new(), format!("{CALLS}{}\n", "x".repeat(1 << 20)));
    let mut command = plain("sh");
    command.args(["-c", "ulimit -f 64; exec \"$@\"", "sh"]);
    command.arg(mcpdump().get_program()).args(["wrap", "-w"]).arg(wrap.path()).args(["--", "cat"]);
    let ended = output(command, line.as_bytes());
    assert!(ended.status.success() && ended.stdout == line.as_bytes(), "{ended:?}");
    let text = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(text.contains("packets are missing, the server is not affected"), "{text}");
    let packets = wrap.packets();
    assert!(packets.len() >= 3, "{}", packets.len());
    assert!(fs::metadata(wrap.path()).unwrap().len() <= 64 << 10);
}

#[test]
fn the_file_is_a_session_over_stdio() {
    let wrap = Wrap::new();
    let ended = wrap.run(SERVER, CALLS.as_bytes());
    assert_eq!((ended.status.code(), &ended.stderr[..]), (Some(0), &b"called\n"[..]));
    let rows = rows(&wrap.path());
    let of_type = |kind: &str| rows.iter().filter(|row| row["type"] == kind).collect::<Vec<_>>();
    let [session] = of_type("session")[..] else { panic!("{rows:?}") };
    assert_eq!(
        (&session["transport"], &session["ended"], &session["degraded"]),
        (&json!("stdio"), &json!("stream_closed"), &json!([]))
    );
    assert_eq!(session["server_info"]["name"], "shell");
    let [_, call] = of_type("exchange")[..] else { panic!("{rows:?}") };
    assert_eq!((&call["name"], &call["status"]), (&json!("x"), &json!("ok")));
    assert_eq!(of_type("finding"), Vec::<&Value>::new());
    let file = String::from_utf8_lossy(&fs::read(wrap.path()).unwrap()).into_owned();
    for text in
        ["standard error: called", "the server ended with status 0", "standard input and output of: sh -c"]
    {
        assert!(file.contains(text), "{text}");
    }
}

/// A server that ends in the middle of a call, by itself and by a signal.
#[test]
fn a_server_that_ends_is_seen_in_the_file() {
    for (last, cause) in [("exit 5", "server_closed"), ("kill -KILL $$", "server_reset")] {
        let wrap = Wrap::new();
        let script = SERVER.replace("exit 5", last);
        let mut child = wrap.start(&script);
        let mut stdin = child.stdin.take().unwrap();
        let ping = r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#;
        stdin.write_all(format!("{CALLS}{ping}\n").as_bytes()).unwrap();
        child.wait().unwrap();
        drop(stdin);
        let rows = rows(&wrap.path());
        let ping = rows.iter().find(|row| row["method"] == "ping").unwrap();
        assert_eq!((&ping["status"], &ping["cause"]), (&json!("unanswered"), &json!(cause)), "{ping}");
    }
}

/// Files of several wraps are one capture: connections do not clash, and each is a session.
#[test]
fn files_of_several_wraps_merge() {
    let wraps = [Wrap::new(), Wrap::new(), Wrap::new()];
    for wrap in &wraps {
        assert!(wrap.run(SERVER, CALLS.as_bytes()).status.success());
    }
    let mut command = mcpdump();
    command.args([
        "export",
        "--to",
        "jsonl",
        "--filter",
        "transport:stdio method:tools/call",
        "--only",
        "exchanges",
    ]);
    let output = command.args(wraps.iter().map(Wrap::path)).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let calls: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(calls.len(), 3, "{text}");
    for member in ["session", "client"] {
        assert!(calls[0][member] != calls[1][member] && calls[1][member] != calls[2][member], "{text}");
    }
}

/// What was recorded before a kill can be read.
#[test]
fn the_file_can_be_read_at_any_moment() {
    let wrap = Wrap::new();
    let mut child = wrap.start(SERVER);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(CALLS.as_bytes()).unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..2 {
        output.read_line(&mut String::new()).unwrap();
    }
    wait_until("the file begins", || fs::metadata(wrap.path()).is_ok_and(|file| file.len() > 0));
    wait_until("the answer is in the file", || streams(&packets(&wrap.path()).0)[1].ends_with(b"[]}}\n"));
    child.kill().unwrap();
    child.wait().unwrap();
    let rows = rows(&wrap.path());
    let call = rows.iter().find(|row| row["name"] == "x").unwrap();
    assert_eq!(call["status"], "ok");
    assert!(rows.iter().all(|row| row["type"] != "finding"), "{rows:?}");
}

/// Without -w the file is new, in the user's directory, and named; with a directory it is there.
#[test]
fn files_have_a_place_and_no_secrets_of_arguments() {
    let wrap = Wrap::new();
    let state = wrap.directory.path().join("state");
    let mut command = mcpdump();
    command.env("XDG_STATE_HOME", &state).args(["wrap", "--", "sh", "-c", "exit 0", "sh"]);
    let ended = command.args(["--api-key", "hunter2hunter2", "TOKEN=hunter2hunter2"]).output().unwrap();
    let text = String::from_utf8(ended.stderr).unwrap();
    let name = text.trim_end().strip_prefix("mcpdump: recording to ").unwrap();
    assert!(Path::new(name).starts_with(state.join("mcpdump")), "{name}");
    let file = fs::read(name).unwrap();
    assert!(!file.windows(7).any(|window| window == b"hunter2"));
    assert!(String::from_utf8_lossy(&file).contains("--api-key … TOKEN=…"));
    let mut command = mcpdump();
    let ended = command.args(["wrap", "-w"]).arg(&state).args(["--", "sh", "-c", "exit 0"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    assert!(
        fs::read_dir(&state).unwrap().any(|entry| {
            entry.unwrap().path().extension().is_some_and(|extension| extension == "pcapng")
        })
    );
}

/// Wireshark finds nothing wrong with the packets.
#[test]
fn tshark_reads_the_file() {
    let wrap = Wrap::new();
    let long = format!("{CALLS}{}\n", "x".repeat(200_000));
    assert!(wrap.run(SERVER, long.as_bytes()).status.success());
    let mut command = plain("tshark");
    command.arg("-r").arg(wrap.path());
    command.args([
        "-o",
        "tcp.check_checksum:TRUE",
        "-o",
        "ip.check_checksum:TRUE",
        "-o",
        "udp.check_checksum:TRUE",
    ]);
    command.args([
        "-Y",
        "tcp.analysis.flags || _ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0",
    ]);
    let Ok(output) = command.output() else {
        println!("skipped: tshark is not installed");
        return;
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{}", String::from_utf8_lossy(&output.stderr));
}
