//! Runs the targets on their seeds, on damaged seeds, and on what broke them before.

use std::fs;
use std::io::Read as _;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use super::{TARGETS, Target, seeds};

/// Damaged seeds of each target in a run of all tests; `FUZZ_RUNS` in the environment is another
/// number.
const RUNS: usize = 60;

/// Pseudo-random numbers, the same in every run (SplitMix64: Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Lengths and numbers that readers treat in a way of their own.
const NUMBERS: [&[u8]; 8] =
    [&[0], &[0xff], &[0x7f], &[0x80], &[0, 0], &[0xff, 0xff], &[0xff, 0xff, 0xff], &[0x40, 0x00]];

/// Damages bytes in one to six places.
fn damage(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        let end = (at + 1 + random.below(64)).min(bytes.len());
        match random.below(8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at.min(end)..end)),
            2 => {
                let part = bytes[at.min(end)..end].to_vec();
                bytes.splice(at..at, part);
            }
            3 => {
                let from = random.below(other.len());
                let part = &other[from..(from + random.below(400)).min(other.len())];
                bytes.splice(at..at, part.iter().copied());
            }
            4 => {
                let number = NUMBERS[random.below(NUMBERS.len())];
                bytes.splice(at..(at + number.len()).min(bytes.len()), number.iter().copied());
            }
            5 => bytes.insert(at, random.next() as u8),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
}

/// Runs a target; what broke a law is written to a file, whose path is returned with the message.
fn try_run(target: Target, bytes: &[u8]) -> Result<(), String> {
    panic::catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("panics");
        let text: String = text.chars().take(800).collect();
        let directory = directory(target, "artifacts");
        let name = format!("{:016x}", crate::base::text::digest(&String::from_utf8_lossy(bytes)));
        let path = directory.join(name);
        let written = fs::create_dir_all(&directory).and_then(|()| fs::write(&path, bytes));
        format!("{}: {text}; input in {} ({written:?})", target.name, path.display())
    })
}

/// `fuzz/KIND/TARGET`.
fn directory(target: Target, kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join(target.name)
}

/// The files of a directory, in the order of their names; none if it is not there.
fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_target_keeps_its_laws_on_damaged_captures() {
    let runs = std::env::var("FUZZ_RUNS").map_or(RUNS, |runs| runs.parse().unwrap());
    let only = std::env::var("FUZZ_TARGET").ok();
    let seeds = seeds::all();
    let mut problems = Vec::new();
    for target in TARGETS.into_iter().filter(|target| only.as_ref().is_none_or(|only| only == target.name)) {
        let seeds = &seeds[target.name];
        problems.extend(seeds.iter().filter_map(|seed| try_run(target, seed).err()));
        for run in 0..runs {
            let mut random = Random(run as u64);
            let mut bytes = seeds[random.below(seeds.len())].clone();
            damage(&mut bytes, &seeds[random.below(seeds.len())], &mut random);
            problems.extend(try_run(target, &bytes).err());
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn what_broke_a_law_before_does_not_any_more() {
    for target in TARGETS {
        for path in files(&directory(target, "regressions")) {
            (target.run)(&fs::read(&path).unwrap());
        }
    }
}

/// Inputs that fuzzing found, each of which reaches code that the others do not: `make corpus`.
#[test]
fn every_target_keeps_its_laws_on_its_corpus() {
    let problems = std::thread::scope(|scope| {
        // Two threads: the inputs are many.
        let halves = TARGETS.iter().enumerate().fold([Vec::new(), Vec::new()], |mut halves, (n, target)| {
            halves[n % 2].push(*target);
            halves
        });
        let run = |targets: Vec<Target>| {
            let inputs = targets.into_iter().flat_map(|target| {
                let inputs = unpack(&corpus_archive(target));
                assert!(!inputs.is_empty(), "{} has no corpus", target.name);
                inputs.into_iter().map(move |(_, bytes)| (target, bytes))
            });
            inputs.filter_map(|(target, bytes)| try_run(target, &bytes).err()).collect::<Vec<_>>()
        };
        halves.map(|half| scope.spawn(move || run(half))).map(|thread| thread.join().unwrap()).concat()
    });
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// `fuzz/corpora/TARGET.tar.gz`.
fn corpus_archive(target: Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpora").join(format!("{}.tar.gz", target.name))
}

/// The files in an archive (POSIX ustar): names and bytes.
fn unpack(path: &Path) -> Vec<(String, Vec<u8>)> {
    let packed = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    let (mut files, mut rest) = (Vec::new(), &bytes[..]);
    let text =
        |field: &[u8]| String::from_utf8(field.iter().copied().take_while(|byte| *byte != 0).collect());
    while let Some((header, behind)) = rest.split_first_chunk::<512>().filter(|(header, _)| header[0] != 0) {
        let len = usize::from_str_radix(text(&header[124..136]).unwrap().trim(), 8).unwrap();
        if header[156] == b'0' {
            files.push((text(&header[..100]).unwrap(), behind[..len].to_vec()));
        }
        rest = &behind[len.next_multiple_of(512)..];
    }
    files
}

/// Writes seeds, regressions and the corpora of the repository to where libFuzzer reads them:
/// `make fuzz` calls it.
#[test]
#[ignore = "writes files: make fuzz"]
fn write_corpora() {
    let seeds = seeds::all();
    for target in TARGETS {
        let corpus = directory(target, "corpus");
        fs::create_dir_all(&corpus).unwrap();
        for (number, seed) in seeds[target.name].iter().enumerate() {
            fs::write(corpus.join(format!("seed-{number:03}")), seed).unwrap();
        }
        for path in files(&directory(target, "regressions")) {
            fs::copy(&path, corpus.join(path.file_name().unwrap())).unwrap();
        }
        if corpus_archive(target).exists() {
            for (name, bytes) in unpack(&corpus_archive(target)) {
                fs::write(corpus.join(Path::new(&name).file_name().unwrap()), bytes).unwrap();
            }
        }
    }
}

#[test]
fn every_target_is_a_program_of_libfuzzer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let mut names: Vec<_> = TARGETS.iter().map(|target| format!("{}.rs", target.name)).collect();
    names.sort();
    let programs = files(&root.join("fuzz_targets"));
    let programs: Vec<_> = programs.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(programs, names);
    for target in TARGETS {
        let source =
            fs::read_to_string(root.join("fuzz_targets").join(format!("{}.rs", target.name))).unwrap();
        assert!(source.contains(&format!("mcpdump::fuzz::{}", target.name)), "{}", target.name);
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
    }
}
