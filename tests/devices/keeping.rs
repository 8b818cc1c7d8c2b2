//! File rotation, and files that cannot be written.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::dump::{Dump, Ended, PATIENCE, allowed, can_capture, export, is_root, kept, mcpdump, tool, until};
use super::traffic::Traffic;

/// The files of a directory, in the order of their names.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A run that saves some hundred kilobytes of packets in files of 10 kB.
fn rotate(file: &Path, more: &[&str]) -> Ended {
    let traffic = Traffic::new();
    let mut arguments = vec!["export", "-i", "lo", "-w", file.to_str().unwrap(), "-C", "10kB"];
    arguments.extend(more);
    let filter = traffic.filter();
    arguments.push(&filter);
    let dump = Dump::start(arguments);
    traffic.make(40, 1000);
    dump.interrupt()
}

#[test]
fn files_of_a_size_are_numbered_and_hold_every_packet() {
    if !can_capture() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let ended = rotate(&directory.path().join("lo.pcapng"), &[]);
    let live = ended.with(0);
    let names = names(directory.path());
    assert!(names.len() > 4, "{names:?}");
    assert_eq!(names[0], "lo.pcapng");
    for number in 1..names.len() {
        assert!(names.contains(&format!("lo.pcapng{number}")), "{names:?}");
    }
    let files: Vec<PathBuf> = names.iter().map(|name| directory.path().join(name)).collect();
    let packets: usize = files.iter().map(|file| kept(file).len()).sum();
    assert_eq!(packets as u64, ended.number(" packets captured"));
    assert_eq!(packets as u64, ended.number(" packets kept"));
    let last = format!("lo.pcapng{}", names.len() - 1);
    ended.says(&[&format!("kept in {} files, from", names.len()), &last]);
    // Sections of one file, so that packets are numbered through.
    let whole = directory.path().join("whole");
    let mut bytes = fs::read(directory.path().join("lo.pcapng")).unwrap();
    for number in 1..names.len() {
        bytes.extend(fs::read(directory.path().join(format!("lo.pcapng{number}"))).unwrap());
    }
    fs::write(&whole, bytes).unwrap();
    let output = mcpdump().arg("export").arg(&whole).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), live, "together they are one capture");
    // A file is changed before the packet that follows the one that made it too large; its
    // statistics come behind that.
    assert!(files.iter().all(|file| file.metadata().unwrap().len() < 10_000 + 3000));
}

#[test]
fn a_ring_keeps_the_newest_files() {
    if !can_capture() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    rotate(&directory.path().join("ring"), &["-W", "11"]).with(0);
    assert!(names(directory.path()).starts_with(&["ring00".to_owned(), "ring01".to_owned()]));
    let directory = tempfile::tempdir().unwrap();
    let ended = rotate(&directory.path().join("ring"), &["-W", "3"]);
    ended.with(0);
    assert_eq!(names(directory.path()), ["ring0", "ring1", "ring2"]);
    let packets: usize =
        names(directory.path()).iter().map(|name| kept(&directory.path().join(name)).len()).sum();
    assert_eq!(ended.number(" packets kept in 3 files"), packets as u64);
    let overwritten = ended.number(" packets in files that were overwritten");
    assert_eq!(packets as u64 + overwritten, ended.number(" packets captured"));
}

#[test]
fn the_file_count_with_a_duration_ends_the_run() {
    if !can_capture() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("%Y-%s.pcapng");
    let traffic = Traffic::new();
    let dump = Dump::start([
        "list",
        "-i",
        "lo",
        "-w",
        file.to_str().unwrap(),
        "-G",
        "1",
        "-W",
        "1",
        &traffic.filter(),
    ]);
    let ended = dump.wait();
    ended.with(0);
    let names = names(directory.path());
    assert_eq!(names.len(), 1);
    let (year, _) = names[0].split_once('-').unwrap();
    assert!(year.parse::<u32>().unwrap() >= 2025, "{names:?}");
    assert!(kept(&directory.path().join(&names[0])).is_empty());
}

/// A file system of some kilobytes, unmounted at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` if this user may not mount one.
    fn mount() -> Option<Self> {
        if !is_root() {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let mount = format!("mount -t tmpfs -o size=64k mcpdump-test {}", directory.path().display());
        match tool(&mount) {
            Ok(_) => Some(Self(directory)),
            Err(why) => {
                allowed(Err(why));
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Err(why) = tool(&format!("umount {}", self.0.path().display())) {
            eprintln!("{why}");
        }
    }
}

#[test]
fn a_full_disk_stops_the_writing_and_not_the_analysis() {
    let Some(disk) = SmallDisk::mount() else { return };
    let file = disk.0.path().join("full.pcapng");
    let traffic = Traffic::new();
    let dump = Dump::start(["list", "-i", "lo", "-w", file.to_str().unwrap(), &traffic.filter()]);
    traffic.make(100, 2000);
    let ended = dump.interrupt();
    assert_eq!(ended.with(1).lines().count(), 100, "the analysis goes on");
    ended.says(&["full.pcapng: the disk is full", "free some space", "0 packets lost by mcpdump"]);
    assert_eq!(ended.stderr.matches("the disk is full").count(), 1, "it is said once");
    let packets = kept(&file).len() as u64;
    assert!(packets > 10, "{packets}");
    assert_eq!(packets, ended.number(" packets are in it"));
    assert_eq!(packets, ended.number(" packets kept"));
}

#[test]
fn output_that_is_not_read_does_not_delay_the_file() {
    if !can_capture() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("all.pcapng");
    let traffic = Traffic::new();
    let mut command = mcpdump();
    command.args(["list", "-i", "lo", "-w", file.to_str().unwrap(), &traffic.filter()]);
    let mut dump = Dump::spawn(command);
    dump.wait_for_capture();
    // First more lines than a pipe holds, so that the program blocks; then more packets than the
    // queue holds, no faster than they are written.
    let (lines, rounds, large, bytes) = (2000, 10, 70, 150_000);
    traffic.make(lines, 10);
    for round in 1..=rounds {
        traffic.make(large, bytes);
        let least = round * large * bytes as u64;
        until("the file grows", PATIENCE, || file.metadata().is_ok_and(|file| file.len() > least));
    }
    dump.signal("INT");
    let is_closed = |dump: &mut Dump| {
        assert!(!dump.is_over(), "its lines are not read yet");
        dump.field("Threads:") == "1"
    };
    until("the end of the threads that read and keep", PATIENCE, || is_closed(&mut dump));
    let exported = export(&file);
    let rows = exported.lines().filter(|line| line.contains("\"method\":")).count() as u64;
    assert_eq!((rows, exported.contains("mcpdump lost")), (lines + rounds * large, false));
    let packets = kept(&file).len() as u64;
    dump.read_stdout();
    let ended = dump.wait();
    ended.with(0);
    assert_eq!(ended.number(" packets captured"), packets);
    assert_eq!((ended.number(" packets kept"), ended.number(" packets lost by mcpdump")), (packets, 0));
    assert!(ended.number(" packets of them not analysed") > 0, "{}", ended.stderr);
}

/// A pipe that nobody reads for a while stands for it. What waits is in the kernel's buffer.
#[test]
fn a_disk_that_stands_still_loses_nothing() {
    if !can_capture() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let slow = directory.path().join("slow");
    nix::unistd::mkfifo(&slow, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let path = slow.clone();
    let disk = std::thread::spawn(move || {
        let mut file = File::open(path).unwrap();
        wait.recv().unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let traffic = Traffic::new();
    let dump = Dump::start(["list", "-i", "lo", "-w", slow.to_str().unwrap(), &traffic.filter()]);
    // Many times what a pipe holds.
    traffic.make(60, 20_000);
    go.send(()).unwrap();
    let ended = dump.interrupt();
    assert_eq!(ended.with(0).lines().count(), 60);
    let (packets, codes) = super::dump::packets(disk.join().unwrap());
    assert_eq!(codes, Vec::<String>::new());
    assert_eq!(packets.len() as u64, ended.number(" packets captured"));
    assert_eq!(
        (ended.number(" packets lost by the kernel"), ended.number(" packets lost by mcpdump")),
        (0, 0)
    );
}

#[test]
fn an_export_to_a_full_disk_is_incomplete_and_says_so() {
    let Some(disk) = SmallDisk::mount() else { return };
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/many-sessions/capture.pcapng");
    let file = disk.0.path().join("out.jsonl");
    let mut command = mcpdump();
    command.args(["export", capture, "-o"]).arg(&file);
    let output = command.output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("out.jsonl: the disk is full; the output is incomplete"), "{message}");
    assert!(file.metadata().unwrap().len() > 0);
}
