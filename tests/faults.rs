//! Faults of the machine while packets are written (`-w`): the process is killed at any moment, or
//! gets too little memory; the clock is stepped. What fails on a device (full disk, device gone,
//! output closed) is in `devices`, what a terminal does in `tui`.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mcpdump::base::Findings;
use mcpdump::capture::{self, Item, Source as _};

use crate::support::corpus;
use crate::support::program::{mcpdump, plain};
use crate::support::rng::Rng;

/// Time limit for each step; long, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

const CAPTURE: &str = "ts-sse/capture.pcap";

/// How often the writer is killed; `KILLS` names another number (`make faults`: 1000).
fn kills() -> u64 {
    std::env::var("KILLS").ok().and_then(|number| number.parse().ok()).unwrap_or(20)
}

/// The packets of a file, and the codes of what is wrong with it.
fn packets(file: &Path) -> (Vec<Vec<u8>>, Vec<&'static str>) {
    let opened = File::open(file).unwrap();
    let mut source = capture::from_reader("test", Box::new(opened));
    let (mut packets, mut findings) = (Vec::new(), Findings::new());
    while let Some(item) = source.next(&mut findings).expect("a capture") {
        if let Item::Packet(packet) = item {
            packets.push(packet.data.to_vec());
        }
    }
    (packets, findings.drain().map(|finding| finding.code.name()).collect())
}

/// Where each packet of a pcap file ends, after the header of the file (pcap-savefile(5), in the
/// byte order of the file, which is little).
fn ends(pcap: &[u8]) -> Vec<usize> {
    let (mut ends, mut at) = (Vec::new(), 24);
    while let Some(length) = pcap.get(at + 8..at + 12) {
        at += 16 + u32::from_le_bytes(length.try_into().unwrap()) as usize;
        ends.push(at);
    }
    ends
}

/// A process that copies a growing capture, killed at the end.
struct Writer {
    folder: tempfile::TempDir,
    process: Child,
    input: File,
}

impl Writer {
    /// Starts to follow a capture that begins with these bytes. `limit` is put before the program
    /// by the shell.
    fn start(bytes: &[u8], limit: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.pcap");
        fs::write(&path, bytes).unwrap();
        let program = mcpdump().get_program().to_owned();
        let mut command: Command = plain("sh");
        command.args(["-c", &format!("{limit} exec \"$0\" \"$@\"")]).arg(program);
        command.args(["list", "--follow", "in.pcap", "-w", "out.pcapng"]).args(more);
        command.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("the program starts");
        let input = OpenOptions::new().append(true).open(path).unwrap();
        Self { folder, process, input }
    }

    /// The files that it wrote, the oldest first.
    fn files(&self) -> Vec<PathBuf> {
        let first = self.folder.path().join("out.pcapng");
        let later = (1..).map(|number| self.folder.path().join(format!("out.pcapng{number}")));
        std::iter::once(first).chain(later).take_while(|path| path.exists()).collect()
    }

    fn written(&self) -> Vec<Vec<u8>> {
        self.files().iter().filter(|file| has_begun(file)).flat_map(|file| packets(file).0).collect()
    }

    /// Waits until so many packets are in the files.
    fn wait_for(&self, count: usize) {
        let began = Instant::now();
        while self.written().len() < count {
            assert!(began.elapsed() < PATIENCE, "{count} packets are not written");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A file that was created and not written yet is empty.
fn has_begun(file: &Path) -> bool {
    file.metadata().is_ok_and(|file| file.len() > 0)
}

/// Asserts that the files hold the first packets of the capture, at least `least`, and nothing that
/// is not whole. Only the last file may end in the middle of a block: the kernel cuts a write off
/// at a page when the process is killed. Returns whether it does.
#[track_caller]
fn is_whole(writer: &Writer, all: &[Vec<u8>], least: usize, what: &str) -> bool {
    let (mut kept, mut any_cut) = (Vec::new(), false);
    let files = writer.files();
    for (at, file) in files.iter().enumerate().filter(|(_, file)| has_begun(file)) {
        let (packets, codes) = packets(file);
        let is_last = files[at + 1..].iter().all(|file| !has_begun(file));
        let is_cut = is_last && codes == ["capture.truncated_file"];
        assert!(is_cut || codes.is_empty(), "{what}: {}: {codes:?}", file.display());
        any_cut |= is_cut;
        kept.extend(packets);
    }
    assert!(kept.len() >= least, "{what}: {} packets are left of {least} that were written", kept.len());
    assert!(all.starts_with(&kept), "{what}: not the packets of the capture");
    if kills() > 100 {
        others_read(&writer.files(), kept.len(), what);
    }
    any_cut
}

/// Wireshark's reader opens the files, too.
fn others_read(files: &[PathBuf], count: usize, what: &str) {
    let Ok(_) = Command::new("capinfos").arg("--version").output() else { return };
    let mut total = 0;
    for file in files.iter().filter(|file| has_begun(file)) {
        let output = Command::new("capinfos").args(["-c", "-M", "-T", "-r"]).arg(file).output().unwrap();
        let (text, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let text = text.into_owned();
        assert!(output.status.success() || said.contains("cut short"), "{what}: {said}");
        total += text.trim().rsplit('\t').next().and_then(|count| count.parse::<usize>().ok()).unwrap_or(0);
    }
    assert_eq!(total, count, "{what}: capinfos");
}

/// Appends what is left of the capture in pieces of any length, and ends in the middle of one.
fn append_some(writer: &mut Writer, rest: &[u8], rng: &mut Rng) {
    let end = rng.below(rest.len() + 1);
    let mut at = 0;
    while at < end {
        let piece = (1 + rng.below(6000)).min(end - at);
        writer.input.write_all(&rest[at..at + piece]).unwrap();
        at += piece;
        if rng.one_in(4) {
            std::thread::park_timeout(Duration::from_micros(rng.below(20_000) as u64));
        }
    }
    std::thread::park_timeout(Duration::from_micros(rng.below(60_000) as u64));
}

/// What was in the file stays there, the rest may be lost. Returns whether a file ends in the
/// middle of a block.
fn is_killed(seed: u64, bytes: &[u8], all: &[Vec<u8>], ends: &[usize]) -> bool {
    let mut rng = Rng::new(seed);
    let more: &[&str] = if rng.one_in(2) { &["-C", "8kB"] } else { &[] };
    let first = if rng.one_in(3) { 0 } else { rng.below(ends.len()) };
    let at = if first == 0 { 24 } else { ends[first - 1] };
    let mut writer = Writer::start(&bytes[..at], "", more);
    writer.wait_for(first);
    append_some(&mut writer, &bytes[at..], &mut rng);
    writer.kill();
    is_whole(&writer, all, first, &format!("seed {seed}, {first} packets, {more:?}"))
}

#[test]
fn a_writer_that_is_killed_at_any_moment_leaves_files_that_open() {
    let path = corpus::directory().join(CAPTURE);
    let (bytes, (all, _)) = (corpus::bytes(&path), packets(&path));
    let ends = ends(&bytes);
    assert_eq!(ends.len(), all.len());
    let (next, cut) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= kills() {
                        return;
                    }
                    cut.fetch_add(is_killed(seed, &bytes, &all, &ends).into(), Ordering::Relaxed);
                }
            });
        }
    });
    eprintln!("{} kills, {} of them in the middle of a packet", kills(), cut.into_inner());
}

/// With less memory than it needs to start it ends, and leaves no file that is damaged; with enough
/// it writes every packet. An end in the middle is that of a process that is killed.
#[test]
#[cfg(target_os = "linux")]
fn a_writer_without_memory_leaves_files_that_open() {
    let path = corpus::directory().join(CAPTURE);
    let (bytes, (all, _)) = (corpus::bytes(&path), packets(&path));
    let (mut ended, mut completed) = (0, 0);
    // Address space in KiB: from less than it needs to start to more than it needs.
    for limit in [20_000, 60_000, 100_000, 140_000, 200_000, 400_000] {
        let mut writer = Writer::start(&bytes, &format!("ulimit -v {limit};"), &[]);
        let began = Instant::now();
        loop {
            if writer.process.try_wait().unwrap().is_some() {
                ended += 1;
                break;
            }
            if writer.written().len() == all.len() {
                completed += 1;
                writer.kill();
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{limit} KiB: it hangs");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        is_whole(&writer, &all, 0, &format!("{limit} KiB"));
    }
    assert!(ended > 0 && completed > 0, "{ended} limits are too small, {completed} large enough");
}

/// The clock of the capturing machine is stepped by an hour, forth or back, between any two
/// packets: the same exchanges with the same outcome are found, and none is said to have waited for
/// less than nothing.
#[test]
fn a_stepped_clock_loses_no_exchange() {
    let bytes = corpus::bytes(&corpus::directory().join(CAPTURE));
    let ends = ends(&bytes);
    let outcome = |bytes: &[u8], is_stream: bool| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stepped.pcap");
        fs::write(&path, bytes).unwrap();
        let mut command = mcpdump();
        command.arg("export");
        let output = match is_stream {
            // As a live capture it is read by one thread, packet by packet.
            true => command.arg("-").stdin(File::open(&path).unwrap()).output().unwrap(),
            false => command.arg(&path).output().unwrap(),
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let rows = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let rows = rows.filter(|row| row["type"] == "exchange");
        let mut rows: Vec<String> =
            rows.map(|row| format!("{} {} {}", row["id"], row["method"], row["status"])).collect();
        rows.sort();
        rows
    };
    let expected = outcome(&bytes, false);
    assert!(expected.len() > 10);
    let mut rng = Rng::new(18);
    for step in [3600_i64, -3600, 3600, -3600] {
        let at = 1 + rng.below(ends.len() - 1);
        let mut stepped = bytes.clone();
        for end in &ends[at - 1..ends.len() - 1] {
            let seconds = u32::from_le_bytes(stepped[*end..end + 4].try_into().unwrap());
            let seconds = u32::try_from(i64::from(seconds) + step).unwrap();
            stepped[*end..end + 4].copy_from_slice(&seconds.to_le_bytes());
        }
        for is_stream in [false, true] {
            let found = outcome(&stepped, is_stream);
            assert_eq!(found, expected, "{step} s before packet {}, stream: {is_stream}", at + 1);
        }
    }
}
