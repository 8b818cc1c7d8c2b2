//! `--follow`: a growing file gives the output of the saved file, however it is written, and the
//! program ends in every way that it should.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::corpus;
use crate::support::program::mcpdump;
use crate::support::run::Run;
use mcpdump::base::Findings;
use mcpdump::capture::follow::{FollowLimits, Followed, follow};
use mcpdump::capture::{self, Item, Source};
use proptest::prelude::*;
use tempfile::TempDir;

/// Time limit for each step; long, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Captures of both formats; one is damaged, one ends in the middle of a packet.
const CAPTURES: [&str; 5] = [
    "ts-sse/capture.pcap",
    "hackernews-streamable.pcapng",
    "damaged-ts-sse-dropped/capture.pcap",
    "damaged-ts-sse-truncated-file/capture.pcap",
    "slow-and-odd/capture.pcapng",
];

/// A capture that is written piece by piece, each after the pieces before it were read; then its
/// reader is stopped.
struct Fed {
    followed: Followed,
    file: File,
    pieces: VecDeque<Vec<u8>>,
}

impl Fed {
    fn new(path: &Path, bytes: &[u8], cuts: &[usize]) -> Self {
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % bytes.len()).chain([bytes.len()]).collect();
        ends.sort_unstable();
        let mut at = 0;
        let pieces =
            ends.into_iter().map(|end| bytes[std::mem::replace(&mut at, end)..end].to_vec()).collect();
        let file = File::create(path).unwrap();
        Self { followed: followed(&[path]), file, pieces }
    }
}

impl Source for Fed {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        let item = self.followed.next(findings)?;
        if let Some(Item::Pending) = item {
            match self.pieces.pop_front() {
                Some(piece) => self.file.write_all(&piece).unwrap(),
                None => self.followed.stop().stop(),
            }
        }
        Ok(item)
    }
}

fn followed(paths: &[&Path]) -> Followed {
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    follow(&paths, &capture::OpenOptions::default(), FollowLimits::default()).unwrap()
}

fn saved(capture: &str) -> (Vec<u8>, String) {
    let bytes = corpus::bytes(&corpus::directory().join(capture));
    let told = Run::of(&mut corpus::source(bytes.clone())).unwrap().jsonl();
    (bytes, told)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_growing_file_gives_the_output_of_the_saved_file(
        which in 0..CAPTURES.len(),
        cuts in proptest::collection::vec(0usize..1_000_000, 0..10),
    ) {
        let (bytes, want) = saved(CAPTURES[which]);
        let folder = tempfile::tempdir().unwrap();
        let mut fed = Fed::new(&folder.path().join("g"), &bytes, &cuts);
        let told = Run::of(&mut fed).unwrap().jsonl();
        // Details of findings name the file.
        let told = told.replace(&format!("{}, ", folder.path().join("g").display()), "test, ");
        prop_assert!(told == want, "{} cut at {cuts:?}", CAPTURES[which]);
    }
}

#[test]
fn several_growing_files_give_the_output_of_the_saved_files() {
    let paths =
        ["ts-sse/capture.pcap", "ts-streamable/capture.pcapng"].map(|path| corpus::directory().join(path));
    let inputs = paths.clone().map(capture::Input::Path);
    let mut all = capture::open(&inputs, &capture::OpenOptions::default()).unwrap();
    let want = Run::of(&mut all).unwrap().jsonl();
    let mut source = followed(&[&paths[0], &paths[1]]);
    source.stop().stop();
    assert!(Run::of(&mut source).unwrap().jsonl() == want);
}

/// The program in a temporary folder, with its output in files there.
struct Program {
    folder: TempDir,
    child: Child,
}

impl Program {
    /// Writes files and starts the program on them.
    fn start(files: &[(&str, &[u8])], arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let child = start(folder.path(), arguments, "out");
        Self { folder, child }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn append(&self, name: &str, bytes: &[u8]) {
        OpenOptions::new().append(true).open(self.path(name)).unwrap().write_all(bytes).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    #[track_caller]
    fn wait_for_lines(&self, lines: usize) {
        until("its lines", || self.text("out").lines().count() >= lines);
        assert_eq!(self.text("out").lines().count(), lines, "{}", self.text("out"));
    }

    /// Ends the program with a signal and returns its output.
    #[track_caller]
    fn interrupt(&mut self) -> String {
        signal(&self.child);
        self.end()
    }

    /// Waits for the end with exit status 0 and returns the output.
    #[track_caller]
    fn end(&mut self) -> String {
        ends_well(&mut self.child);
        self.text("out")
    }
}

impl Drop for Program {
    /// Ends the program also if the test fails.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn start(folder: &Path, arguments: &[&str], out: &str) -> Child {
    let file = |name: &str| Stdio::from(File::create(folder.join(name)).unwrap());
    let mut command = mcpdump();
    command.current_dir(folder).args(arguments);
    command.stdout(file(out)).stderr(file(&format!("{out}.err"))).spawn().unwrap()
}

fn signal(child: &Child) {
    assert!(Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success());
}

#[track_caller]
fn ends_well(child: &mut Child) {
    let mut status = None;
    until("its end", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(0));
}

#[track_caller]
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// The output for a saved file.
fn prints(arguments: &[&str]) -> String {
    let output = mcpdump().args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn capture(name: &str) -> (Vec<u8>, String) {
    let path = corpus::directory().join(name);
    (corpus::bytes(&path), prints(&["list", &path.display().to_string()]))
}

#[test]
fn lines_are_printed_while_the_file_grows_until_a_signal() {
    let (bytes, want) = capture(CAPTURES[0]);
    let mut program = Program::start(&[("g", b"")], &["list", "--follow", "g"]);
    // In the middle of packets.
    for (from, to, lines) in [(0, 10, 0), (10, 20_000, 7), (20_000, 40_001, 17)] {
        program.append("g", &bytes[from..to]);
        program.wait_for_lines(lines);
    }
    program.append("g", &bytes[40_001..]);
    program.wait_for_lines(32);
    assert_eq!(program.interrupt(), want);
    assert_eq!(program.text("out.err"), "");
}

#[test]
fn a_report_is_printed_at_the_end() {
    let (bytes, _) = capture(CAPTURES[0]);
    for arguments in
        [&["report", "--follow", "g", "--for", "100ms"][..], &["export", "--follow", "g", "--for", "1s"]]
    {
        let mut program = Program::start(&[("g", &bytes)], arguments);
        let told = program.end();
        let path = program.path("g").display().to_string();
        assert_eq!(told.replace("  source       g\n", ""), {
            prints(&[arguments[0], &path]).replace(&format!("  source       {path}\n"), "")
        });
    }
}

#[test]
fn without_a_terminal_lines_are_printed_and_count_ends_the_run() {
    let (bytes, want) = capture(CAPTURES[0]);
    let mut program = Program::start(&[("g", &bytes[..20_000])], &["--follow", "g", "-c", "223", "tcp"]);
    program.wait_for_lines(7);
    program.append("g", &bytes[20_000..]);
    assert_eq!(program.end(), want);
}

#[test]
fn the_written_copy_is_flushed_and_can_be_followed() {
    let (bytes, want) = capture(CAPTURES[0]);
    let mut program = Program::start(
        &[("g", &bytes[..30_000])],
        &["report", "--follow", "g", "-w", "copy.pcapng", "-o", "told"],
    );
    until("the copy", || program.path("copy.pcapng").exists());
    let mut second = start(program.folder.path(), &["list", "--follow", "copy.pcapng"], "second");
    let lines = |name: &str| program.text(name).lines().count();
    until("lines of the copy", || lines("second") > 5);
    program.append("g", &bytes[30_000..]);
    until("all lines of the copy", || lines("second") == 32);
    program.interrupt();
    signal(&second);
    ends_well(&mut second);
    assert_eq!(program.text("second"), want);
    assert!(program.text("told").contains("223 packets"));
}

#[test]
fn a_removed_file_is_read_to_its_end() {
    let (bytes, want) = capture(CAPTURES[0]);
    let mut program = Program::start(&[("g", &bytes[..20_000])], &["list", "--follow", "g"]);
    program.wait_for_lines(7);
    fs::rename(program.path("g"), program.path("old")).unwrap();
    // Its writer goes on, and another file takes its name.
    program.append("old", &bytes[20_000..]);
    fs::write(program.path("g"), &bytes[..100]).unwrap();
    assert_eq!(program.end(), want);
    assert!(program.text("out.err").contains("g: another file has its name now; it was read to its end"));
}

#[test]
fn a_file_that_shrinks_ends_the_run() {
    let (bytes, _) = capture(CAPTURES[0]);
    let mut program = Program::start(&[("g", &bytes)], &["list", "--follow", "g"]);
    program.wait_for_lines(32);
    File::create(program.path("g")).unwrap();
    program.end();
    assert!(program.text("out.err").contains("g: became shorter while it was followed"));
}

#[test]
fn an_idle_file_does_not_delay_the_others() {
    let (bytes, want) = capture(CAPTURES[0]);
    let mut program = Program::start(&[("g", &bytes[..20_000]), ("h", b"")], &["list", "--follow", "g", "h"]);
    program.wait_for_lines(7);
    program.append("g", &bytes[20_000..]);
    program.wait_for_lines(32);
    fs::remove_file(program.path("h")).unwrap();
    until("the word about it", || program.text("out.err").contains("h: was moved or removed"));
    // Of two files, each packet names its own.
    assert_eq!(program.interrupt().replace(" g:", " "), want);
}

#[test]
fn sources_that_cannot_grow_are_refused() {
    let packed = corpus::directory().join("demo.pcapng.zst").display().to_string();
    let plain = corpus::directory().join(CAPTURES[0]).display().to_string();
    for (arguments, words) in [
        (&["list", "--follow", "-"][..], "leave out --follow"),
        (&["list", "--follow", "-i", "lo"], "--follow needs a file"),
        (&["list", "--follow"], "--follow needs a file"),
        (&["list", "--follow", "/dev/null"], "is not a regular file"),
        (&["list", "--follow", "absent.pcap"], "absent.pcap: no such file"),
        (&["list", "--follow", &packed], "compressed with zstd, and compressed files cannot be followed"),
        (&["list", "--follow", "-s", "100", &plain], "-s is an option of live captures"),
        (&["list", "-c", "1", &plain], "or add --follow"),
    ] {
        let output = mcpdump().args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(words), "{arguments:?}: {said}");
    }
}
