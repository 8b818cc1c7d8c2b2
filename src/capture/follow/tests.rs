use std::fs::{self, File, OpenOptions as Write};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::capture::samples::{BIG, Got, LITTLE, read};

/// Time limit of a test, far above its duration.
const MAX_MERGE_WAIT: Duration = Duration::from_secs(60);

fn start(paths: &[&Path], limits: FollowLimits) -> Followed {
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    follow(&paths, &OpenOptions::default(), limits).unwrap()
}

fn refusal(path: &Path) -> String {
    let followed = follow(&[path.to_owned()], &OpenOptions::default(), FollowLimits::default());
    followed.map(|_| ()).unwrap_err().to_string()
}

fn append(path: &Path, bytes: &[u8]) {
    Write::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// Collects items. `idle` is called at each [`Item::Pending`]; it returns whether to continue.
fn drain(followed: &mut Followed, mut idle: impl FnMut(&Followed, &Got) -> bool) -> Got {
    let (mut got, mut findings) = (Got::default(), Findings::new());
    let began = now();
    loop {
        match followed.next(&mut findings) {
            Ok(Some(Item::Pending)) if !idle(followed, &got) => followed.stop().stop(),
            Ok(Some(Item::Pending)) => {}
            Ok(Some(item)) => got.items.push(item),
            Ok(None) => break,
            Err(error) => {
                got.error = Some(error.to_string());
                break;
            }
        }
        assert!(began.elapsed() < MAX_MERGE_WAIT, "it does not end: {:?}", got.table());
    }
    for finding in findings.drain() {
        got.codes.push(finding.code);
        got.details.push(finding.detail);
    }
    got
}

/// Collects items until the first [`Item::Pending`].
fn there(followed: &mut Followed) -> Got {
    drain(followed, |_, _| false)
}

fn pcap(seconds: &[u32]) -> Vec<u8> {
    let records = seconds.iter().flat_map(|s| LITTLE.record(*s, 0, 9, &s.to_le_bytes()));
    LITTLE.pcap(0xa1b2_c3d4, 1).into_iter().chain(records).collect()
}

fn seconds(got: &Got) -> Vec<i64> {
    got.times().iter().map(|time| time / 1_000_000_000).collect()
}

/// A file of each format.
fn samples() -> [Vec<u8>; 2] {
    let packet = |n: u8| LITTLE.packet(0, n.into(), &vec![n; usize::from(n) * 9], &[]);
    let ng =
        [LITTLE.section(), LITTLE.interface(1, 0, &[]), packet(9), LITTLE.statistics(0, 3, 0), packet(1)];
    let again = [BIG.section(), BIG.interface(1, 0, &[]), BIG.packet(0, 7, b"seven", &[]), packet(2)];
    [pcap(&[1, 5, 3, 9, 9]), [ng.concat(), again[..3].concat()].concat()]
}

/// A file in a directory of its own.
struct Growing {
    folder: TempDir,
    path: PathBuf,
}

impl Growing {
    fn new(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g");
        fs::write(&path, bytes).unwrap();
        Self { folder, path }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A file that grows in any pieces yields the items of the complete file, without findings.
    #[test]
    fn pieces_make_no_difference(which in 0usize..2, cuts in proptest::collection::vec(0usize..400, 0..8)) {
        let whole = &samples()[which];
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % whole.len()).collect();
        cuts.sort_unstable();
        let first = cuts.first().copied().unwrap_or(0);
        let growing = Growing::new(&whole[..first]);
        let mut ends = cuts.into_iter().skip(1).chain([whole.len()]);
        let mut at = first;
        let got = drain(&mut start(&[&growing.path], FollowLimits::default()), |_, _| {
            let Some(end) = ends.next() else { return false };
            append(&growing.path, &whole[at..end]);
            at = end;
            true
        });
        let want = read(whole);
        prop_assert_eq!(format!("{:?}", got.items), format!("{:?}", want.items));
        prop_assert_eq!((got.codes, got.error), (want.codes, want.error));
    }
}

#[test]
fn half_a_packet_is_one_at_the_end_only() {
    let [whole, _] = samples();
    let growing = Growing::new(&whole[..whole.len() - 3]);
    let got = there(&mut start(&[&growing.path], FollowLimits::default()));
    let want = read(&whole[..whole.len() - 3]);
    assert_eq!((got.table(), &got.codes), (want.table(), &want.codes));
    assert_eq!(got.codes, [crate::base::Code::CaptureTruncated]);
}

#[test]
fn an_empty_file_is_no_error_and_tells_no_total_at_its_end() {
    let growing = Growing::new(b"");
    let mut followed = start(&[&growing.path], FollowLimits::default());
    assert_eq!(followed.progress().total(), Some(0));
    let got = there(&mut followed);
    assert!(got.items.is_empty() && got.codes.is_empty() && got.error.is_none(), "{got:?}");
    assert_eq!((followed.progress().total(), followed.ended().all()), (None, vec![]));
}

#[test]
fn it_ends_after_so_many_packets_or_so_long() {
    let growing = Growing::new(&pcap(&[1, 2, 3]));
    let limits = FollowLimits { packets: Some(2), duration: None };
    let got = drain(&mut start(&[&growing.path], limits), |_, _| panic!("two are there"));
    assert_eq!(seconds(&got), [1, 2]);
    for duration in [Duration::ZERO, Duration::from_millis(20)] {
        let limits = FollowLimits { packets: None, duration: Some(duration) };
        let got = drain(&mut start(&[&growing.path], limits), |_, _| true);
        assert_eq!(seconds(&got), [1, 2, 3]);
    }
}

#[test]
fn what_is_written_before_the_stop_is_read() {
    let growing = Growing::new(&pcap(&[1]));
    let mut followed = start(&[&growing.path], FollowLimits::default());
    let got = drain(&mut followed, |_, _| {
        append(&growing.path, &pcap(&[2, 3])[24..]);
        false
    });
    assert_eq!(seconds(&got), [1, 2, 3]);
}

#[test]
fn errors_of_following_name_a_remedy() {
    let packed = Growing::new(&zstd::encode_all(&pcap(&[1])[..], 3).unwrap());
    let error = refusal(&packed.path);
    assert!(error.contains("is compressed with zstd") && error.contains("without --follow"), "{error}");
    assert!(refusal("/dev/null".as_ref()).contains("omit --follow"));
    assert!(refusal(packed.folder.path()).contains("is a directory"));
    assert!(refusal(&packed.folder.path().join("none")).contains("no such file"));
    assert!(refusal(&Growing::new(b"hello world").path).contains("(text)"));
    // The second byte shows the compression later.
    let growing = Growing::new(&[0x1f]);
    let mut followed = start(&[&growing.path], FollowLimits::default());
    let got = drain(&mut followed, |_, _| {
        append(&growing.path, &[0x8b, 8, 0]);
        true
    });
    assert!(got.error.is_some_and(|error| error.contains("is compressed with gzip")));
}

#[test]
fn a_truncated_file_is_reported() {
    let growing = Growing::new(&pcap(&[1, 2]));
    let mut followed = start(&[&growing.path], FollowLimits::default());
    let got = drain(&mut followed, |_, _| {
        File::create(&growing.path).unwrap();
        true
    });
    assert_eq!((seconds(&got), got.codes), (vec![1, 2], vec![]));
    let [why] = &followed.ended().take_new()[..] else { panic!("one file") };
    assert!(why.contains("g: became shorter while it was followed"), "{why}");
    assert!(followed.ended().take_new().is_empty(), "returned once");
}

#[test]
fn a_rewritten_file_is_no_longer_followed() {
    // The new file is longer than the old one: only its content differs, in its header or its first
    // packet.
    for anew in [vec![0xee; 400], pcap(&[7, 8, 9, 10])] {
        let growing = Growing::new(&pcap(&[1, 2]));
        let mut followed = start(&[&growing.path], FollowLimits::default());
        let got = drain(&mut followed, |_, _| {
            fs::write(&growing.path, &anew).unwrap();
            true
        });
        assert_eq!((seconds(&got), got.codes), (vec![1, 2], vec![]));
        let why = followed.ended().all().concat();
        assert!(why.contains("g: was rewritten; it is no longer followed"), "{why}");
    }
}

#[test]
fn a_damaged_file_is_reported() {
    let growing = Growing::new(&pcap(&[1, 2]));
    let mut followed = start(&[&growing.path], FollowLimits::default());
    let got = drain(&mut followed, |_, _| {
        append(&growing.path, &[0xee; 400]);
        true
    });
    assert_eq!((seconds(&got), got.codes), (vec![1, 2], vec![crate::base::Code::CaptureBadBlock]));
    assert!(followed.ended().all().concat().contains("is damaged, or was rewritten"));
}

#[test]
fn a_renamed_file_is_read_to_its_end() {
    for replaced in [false, true] {
        let growing = Growing::new(&pcap(&[1]));
        let (old, mut times) = (growing.folder.path().join("old"), 0);
        let mut followed = start(&[&growing.path], FollowLimits::default());
        let got = drain(&mut followed, |_, _| {
            times += 1;
            match times {
                1 => fs::rename(&growing.path, &old).unwrap(),
                // The writer continues as if the file had not changed.
                2 => append(&old, &pcap(&[2])[24..]),
                3 if replaced => fs::write(&growing.path, pcap(&[7])).unwrap(),
                _ => {}
            }
            true
        });
        assert_eq!((seconds(&got), got.codes), (vec![1, 2], vec![]));
        let why = followed.ended().all().concat();
        let want = if replaced { "another file has its name now" } else { "was moved or removed" };
        assert!(why.contains(want) && why.contains("read to its end"), "{why}");
    }
}

#[test]
fn a_name_that_returns_does_not_end_the_file() {
    let growing = Growing::new(&pcap(&[1]));
    let (away, mut times) = (growing.folder.path().join("away"), 0);
    let mut followed = start(&[&growing.path], FollowLimits::default());
    let mut back = now();
    let got = drain(&mut followed, |_, _| {
        times += 1;
        match times {
            1 => fs::rename(&growing.path, &away).unwrap(),
            3 => {
                fs::rename(&away, &growing.path).unwrap();
                back = now();
            }
            _ => {}
        }
        times < 4 || back.elapsed() < Duration::from_millis(1200)
    });
    assert_eq!((seconds(&got), followed.ended().all()), (vec![1], vec![]));
}

#[test]
fn several_files_are_in_order_and_a_silent_one_delays_nothing() {
    let (one, two) = (Growing::new(&pcap(&[1, 4, 5])), Growing::new(&pcap(&[2, 3])));
    let mut followed = start(&[&one.path, &two.path], FollowLimits::default());
    let mut times = 0;
    let got = drain(&mut followed, |_, got| {
        // The second file stays silent from now on. The first one grows, and its packets are
        // emitted.
        match (times, seconds(got).len()) {
            (0, 5) => append(&one.path, &pcap(&[6, 7])[24..]),
            (1, 7) => append(&two.path, &pcap(&[8])[24..]),
            (2, 8) => return false,
            _ => return true,
        }
        times += 1;
        true
    });
    assert_eq!(seconds(&got), [1, 2, 3, 4, 5, 6, 7, 8]);
    let numbers: Vec<u64> = got.packets().iter().map(|packet| packet.origin.packet.0).collect();
    assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
}

#[test]
fn other_files_continue_when_one_ends() {
    let (one, two) = (Growing::new(&pcap(&[1])), Growing::new(&pcap(&[2])));
    let mut followed = start(&[&one.path, &two.path], FollowLimits::default());
    fs::remove_file(&one.path).unwrap();
    let mut is_written = false;
    let got = drain(&mut followed, |followed, _| {
        let has_ended = !followed.ended().all().is_empty();
        if has_ended && !is_written {
            append(&two.path, &pcap(&[3])[24..]);
            is_written = true;
            return true;
        }
        !has_ended
    });
    assert_eq!(seconds(&got), [1, 2, 3]);
}

#[test]
fn a_file_that_is_not_a_capture_ends_alone() {
    let (one, two) = (Growing::new(&[]), Growing::new(&pcap(&[2])));
    let mut followed = start(&[&one.path, &two.path], FollowLimits::default());
    let mut times = 0;
    let got = drain(&mut followed, |followed, _| {
        if times == 0 {
            append(&one.path, b"<html><body>this is no capture</body></html>");
        }
        let has_ended = !followed.ended().all().is_empty();
        times += if times == 0 || has_ended { 1 } else { 0 };
        if times == 2 {
            append(&two.path, &pcap(&[3])[24..]);
        }
        !has_ended
    });
    assert_eq!((seconds(&got), got.error), (vec![2, 3], None));
    let why = followed.ended().take_new().concat();
    assert!(why.contains("(HTML)") && why.contains("nothing more is read of it"), "{why}");
}
