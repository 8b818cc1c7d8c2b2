//! Secrets in files of packets: those of the connections in the file, before the packets that they
//! open, in a file that only its owner may read.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;

use super::without_secrets;
use crate::support::corpus;
use crate::support::program::mcpdump;
use mcpdump::capture::Item;
use mcpdump::capture::save::{FileMetadata, PacketFile};

/// The captures of MCP over TLS.
const CAPTURES: [&str; 4] = ["h2-tls", "tls12-cbc", "tls12-keylog", "tls13-keylog"];

fn run(arguments: &[&str]) -> Output {
    let output = mcpdump().args(arguments).env_remove("SSLKEYLOGFILE").output().expect("the program starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn stdout(arguments: &[&str]) -> String {
    String::from_utf8(run(arguments).stdout).unwrap()
}

fn file(directory: &str, name: &str) -> String {
    corpus::directory().join(directory).join(name).to_str().unwrap().to_owned()
}

/// The client randoms of the lines of a key log.
fn randoms(text: &str) -> BTreeSet<String> {
    text.lines().filter_map(|line| line.split(' ').nth(1)).map(str::to_owned).collect()
}

/// What a file of packets holds: the text of its secrets blocks, whether one stands behind a
/// packet, and the number of packets.
fn contents(path: &Path) -> (String, bool, usize) {
    let items = corpus::items(fs::read(path).unwrap()).unwrap();
    let (mut text, mut is_behind, mut packets) = (String::new(), false, 0);
    for item in &items {
        match item {
            Item::Secrets { data, .. } => {
                text.push_str(std::str::from_utf8(data).unwrap());
                is_behind |= packets > 0;
            }
            Item::Packet(_) => packets += 1,
            _ => {}
        }
    }
    (text, is_behind, packets)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A key log with the lines of a capture among those of other connections.
fn busy_key_log(directory: &Path, name: &str) -> PathBuf {
    let others: String =
        (0..500).map(|number| format!("CLIENT_RANDOM {:064x} {}\n", number + 1, "ab".repeat(48))).collect();
    let keys = fs::read_to_string(file(name, "keys.log")).unwrap();
    let path = directory.join("keys.log");
    fs::write(&path, format!("{others}{keys}EXPORTER_SECRET {:064x} 00\n{others}", 7)).unwrap();
    path
}

#[test]
fn a_kept_capture_opens_without_its_key_log() {
    let directory = TempDir::new().unwrap();
    let kept = directory.path().join("kept.pcapng");
    let path = kept.to_str().unwrap();
    for name in CAPTURES {
        let keys = busy_key_log(directory.path(), name);
        let capture = file(name, "capture.pcapng");
        let keys = keys.to_str().unwrap();
        let live = stdout(&["export", "--tls-keylog", keys, "-w", path, &capture]);
        assert!(live.lines().count() > 50, "{name}");
        assert_eq!(stdout(&["export", path]), live, "{name}");
        let (text, _, _) = contents(&kept);
        let known = randoms(&fs::read_to_string(file(name, "keys.log")).unwrap());
        assert!(randoms(&text).is_subset(&known), "{name}: a secret of no connection in the file");
        assert!(!text.contains("EXPORTER"), "{name}: a secret that decrypts nothing");
        assert_eq!(mode(&kept), 0o600, "{name}");
        // Without them it is as closed as it was.
        let closed = directory.path().join("closed.pcapng");
        run(&["export", "--tls-keylog", keys, "--no-secrets", "-w", closed.to_str().unwrap(), &capture]);
        assert_eq!(contents(&closed).0, "", "{name}");
        assert_ne!(mode(&closed), 0o600, "{name}: an ordinary file");
    }
}

/// A file that holds secrets is read with a filter for some of its connections: the file that is
/// kept has only theirs.
#[test]
fn secrets_of_other_connections_are_not_kept() {
    let directory = TempDir::new().unwrap();
    let (all, some) = (directory.path().join("all.pcapng"), directory.path().join("some.pcapng"));
    let capture = file("tls13-keylog", "capture-dsb.pcapng");
    let keep = |path: &Path, filter: &str| {
        drop(run(&["list", "-w", path.to_str().unwrap(), &capture, filter]));
        contents(path)
    };
    let (all_secrets, _, all_packets) = keep(&all, "tcp");
    let (some_secrets, _, some_packets) = keep(&some, "tcp port 56014");
    assert!(some_packets < all_packets && some_packets > 10);
    assert_eq!(randoms(&some_secrets).len(), 1);
    assert!(randoms(&all_secrets).len() > 3);
    assert_eq!((mode(&all), mode(&some)), (0o600, 0o600));
}

/// A capture that begins in the middle of a connection of TLS 1.3 has no ClientHello, and is read
/// all the same, with the secrets that were found to fit.
#[test]
fn secrets_that_were_found_by_trial_are_kept() {
    let directory = TempDir::new().unwrap();
    let (items, lines) = without_secrets("tls13-keylog");
    let midstream = directory.path().join("midstream.pcapng");
    let mut file = PacketFile::new(fs::File::create(&midstream).unwrap(), FileMetadata::default());
    let mut packets =
        items.iter().filter_map(|item| if let Item::Packet(it) = item { Some(it) } else { None });
    packets.nth(40);
    packets.for_each(|packet| file.packet(packet, None).unwrap());
    drop(file.finish().unwrap());
    let keys = directory.path().join("keys.log");
    fs::write(&keys, lines.concat()).unwrap();
    let (keys, midstream) = (keys.to_str().unwrap(), midstream.to_str().unwrap());
    let kept = directory.path().join("kept.pcapng");
    let path = kept.to_str().unwrap();
    let live = stdout(&["list", "--tls-keylog", keys, "-w", path, midstream]);
    assert!(live.lines().count() > 5, "{live}");
    assert_eq!(stdout(&["list", path]), live);
    let slice = directory.path().join("slice.pcapng");
    run(&["slice", "--tls-keylog", keys, "-o", slice.to_str().unwrap(), midstream]);
    assert_eq!(stdout(&["list", slice.to_str().unwrap()]).lines().count(), live.lines().count());
}

/// The secrets of a slice stand before its packets, wherever they stood, and are those of its
/// connections.
#[test]
fn a_slice_has_the_secrets_of_its_connections_first() {
    let directory = TempDir::new().unwrap();
    let slice = directory.path().join("slice.pcapng");
    let path = slice.to_str().unwrap();
    // Secrets at the end, as programs write them that learn them late.
    let (items, lines) = without_secrets("tls12-keylog");
    let late = directory.path().join("late.pcapng");
    let mut file = PacketFile::new(fs::File::create(&late).unwrap(), FileMetadata::default());
    for item in &items {
        if let Item::Packet(packet) = item {
            file.packet(packet, None).unwrap();
        }
    }
    file.secrets(0x544c_534b, lines.concat().as_bytes()).unwrap();
    file.secrets(0x5353_484b, b"of another protocol").unwrap();
    drop(file.finish().unwrap());
    run(&["slice", "--filter", "method:tools/call", "-o", path, late.to_str().unwrap()]);
    let (text, is_behind, packets) = contents(&slice);
    assert!(!is_behind && packets > 10 && !text.is_empty() && !text.contains("another"));
    assert!(randoms(&text).is_subset(&randoms(&lines.concat())));
    assert_eq!(mode(&slice), 0o600);
    let listed = stdout(&["list", path]);
    assert!(listed.contains("tools/call"), "{listed}");
    run(&["slice", "--no-secrets", "--filter", "method:tools/call", "-o", path, late.to_str().unwrap()]);
    assert_eq!(contents(&slice).0, "");
}
