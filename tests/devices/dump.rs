//! Starts the program on a device, waits for it, ends it, and checks its output.

use std::ffi::OsStr;
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mcpdump::base::Findings;
use mcpdump::capture::{self, Item, Source as _};

/// Time limit for each step; long, because the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `done`.
#[track_caller]
pub(crate) fn until(what: &str, patience: Duration, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < patience, "waited {patience:?} in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Whether a test may capture on loopback; if not, prints that it is skipped.
pub(crate) fn can_capture() -> bool {
    let opened = pcap::Capture::from_device("lo").and_then(pcap::Capture::open);
    allowed(opened.map(drop).map_err(|error| format!("no permission to capture on lo: {error}")))
}

/// Whether a test that needs root can run; if not, prints that it is skipped.
pub(crate) fn is_root() -> bool {
    let root = nix::unistd::Uid::effective().is_root();
    allowed(if root { Ok(()) } else { Err("it takes root".to_owned()) }) && can_capture()
}

/// Prints that a test is skipped; fails if no test may be skipped.
pub(crate) fn allowed(able: Result<(), String>) -> bool {
    let Err(why) = able else {
        return true;
    };
    let strict = std::env::var_os("MCPDUMP_MUST_CAPTURE").is_some_and(|value| !value.is_empty());
    assert!(!strict, "not to be skipped: {why}");
    eprintln!("skipped: {why}");
    false
}

/// Runs a tool of the system.
#[track_caller]
pub(crate) fn tool(line: &str) -> Result<(), String> {
    let output = Command::new("sh").args(["-c", line]).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{line}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

pub(crate) use crate::support::program::{mcpdump, plain};

/// The name of the program's processes, which the kernel cuts (proc(5), `comm`).
fn process_name() -> String {
    let program = mcpdump().get_program().to_owned();
    let name = Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.chars().take(15).collect()
}

/// A run of the program.
pub(crate) struct Dump {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<()>>,
    /// Standard error so far.
    said: Arc<Mutex<Vec<u8>>>,
}

/// The end of a run.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Dump {
    /// Starts the program, and waits until it captures.
    #[track_caller]
    pub(crate) fn start(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut command = mcpdump();
        command.args(arguments);
        Self::start_command(command)
    }

    #[track_caller]
    pub(crate) fn start_command(command: Command) -> Self {
        let mut dump = Self::spawn(command);
        dump.stdout = dump.child.stdout.take().map(collect);
        dump.wait_for_capture();
        dump
    }

    /// Starts the program, and leaves its output unread.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let said = Arc::new(Mutex::new(Vec::new()));
        let stderr = child.stderr.take().map(|from| collect_into(from, Arc::clone(&said)));
        Self { child, stdout: None, stderr, said }
    }

    /// Waits until the program captures: it starts its second thread, which writes or reads
    /// packets, after it opened the device and the outputs, entered its sandbox and installed its
    /// signal handlers. (A shell that started it may have such handlers too.)
    #[track_caller]
    pub(crate) fn wait_for_capture(&mut self) {
        let (began, name) = (Instant::now(), process_name());
        while self.field("Name:") != name || self.field("Threads:").parse().unwrap_or(1) < 2 {
            if self.child.try_wait().expect("it can be waited for").is_some() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "it does not begin to capture");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// A line of /proc/PID/status (proc(5)).
    pub(crate) fn field(&self, name: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    }

    pub(crate) fn mask(&self, name: &str) -> u64 {
        u64::from_str_radix(&self.field(name), 16).unwrap_or(0)
    }

    /// Starts to read standard output.
    pub(crate) fn read_stdout(&mut self) {
        self.stdout = self.child.stdout.take().map(collect);
    }

    /// Closes standard output.
    pub(crate) fn close_stdout(&mut self) {
        drop(self.child.stdout.take());
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("it can be waited for").is_some()
    }

    /// Whether standard error has these words so far.
    pub(crate) fn has_said(&self, words: &str) -> bool {
        String::from_utf8_lossy(&self.said.lock().unwrap()).contains(words)
    }

    pub(crate) fn signal(&self, name: &str) {
        tool(&format!("kill -s {name} {}", self.child.id())).expect("it can be signalled");
    }

    /// Interrupts the program and waits for its end.
    #[track_caller]
    pub(crate) fn interrupt(self) -> Ended {
        self.signal("INT");
        self.wait()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Ended {
        let mut status = None;
        until("its end", PATIENCE, || {
            status = self.child.try_wait().expect("it can be waited for");
            status.is_some()
        });
        let stdout = self.stdout.take().map_or_else(Vec::new, |thread| thread.join().unwrap());
        if let Some(thread) = self.stderr.take() {
            thread.join().unwrap();
        }
        let stderr = std::mem::take(&mut *self.said.lock().unwrap());
        Ended { status: status.unwrap(), stdout, stderr: String::from_utf8(stderr).unwrap() }
    }
}

impl Drop for Dump {
    /// Ends the program also if the test fails.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Ended {
    /// Asserts the exit status and returns standard output.
    #[track_caller]
    pub(crate) fn with(&self, code: i32) -> String {
        assert_eq!(self.status.code(), Some(code), "{}", self.stderr);
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// Asserts that standard error has these words.
    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is missing: {}", self.stderr);
        }
    }

    /// The number before these words on standard error.
    #[track_caller]
    pub(crate) fn number(&self, words: &str) -> u64 {
        let (before, _) = self.stderr.split_once(words).unwrap_or_else(|| panic!("{words}: {}", self.stderr));
        let number = before.rsplit(|c: char| !c.is_ascii_digit() && c != ',').next().unwrap_or_default();
        number.replace(',', "").parse().unwrap_or_else(|_| panic!("{words}: {}", self.stderr))
    }
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("its output can be read");
        bytes
    })
}

fn collect_into(mut from: impl Read + Send + 'static, to: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut piece = [0; 4096];
        loop {
            match from.read(&mut piece).expect("its output can be read") {
                0 => break,
                read => to.lock().unwrap().extend_from_slice(&piece[..read]),
            }
        }
    })
}

/// The packets of a capture and the codes of its findings.
pub(crate) fn packets(bytes: Vec<u8>) -> (Vec<capture::Packet>, Vec<String>) {
    let mut capture = capture::from_reader("test", Box::new(Cursor::new(bytes)));
    let (mut packets, mut findings) = (Vec::new(), Findings::new());
    while let Some(item) = capture.next(&mut findings).expect("a capture") {
        if let Item::Packet(packet) = item {
            packets.push(packet);
        }
    }
    (packets, findings.drain().map(|finding| finding.code.name().to_owned()).collect())
}

/// The packets of a file, which must have no findings.
#[track_caller]
pub(crate) fn kept(file: &Path) -> Vec<capture::Packet> {
    let (packets, codes) = packets(fs::read(file).unwrap());
    assert_eq!(codes, Vec::<String>::new(), "{}", file.display());
    packets
}

/// The export of a file.
#[track_caller]
pub(crate) fn export(file: &Path) -> String {
    let output = mcpdump().arg("export").arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
