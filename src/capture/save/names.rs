//! Names and rotation of the files written: tcpdump's `-C`, `-G` and `-W`.
//!
//! | given | names | ends |
//! |---|---|---|
//! | `-C` | `w`, `w1`, `w2` … | |
//! | `-C -W 12` | `w00`, `w01` … `w11`, `w00` again | |
//! | `-G` | `w` as a strftime(3) format of the local start time | `-W`: after that many files |
//! | `-C -G` | that, and a number per start time | never; `-W` makes it a ring |

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jiff::fmt::strtime::{BrokenDownTime, Config};
use jiff::tz::TimeZone;

use crate::base::Timestamp;
use crate::capture::item::Error;

/// When to begin the next file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// `-C`: after this many bytes; `None` for no limit.
    pub size: Option<u64>,
    /// `-G`: after this many seconds; `None` for no limit.
    pub seconds: Option<u32>,
    /// `-W`: maximum number of files; `None` for no limit.
    pub count: Option<u32>,
}

impl Rotation {
    /// Whether there is a single file.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.size.is_none() && self.seconds.is_none()
    }
}

/// Sequence of file names.
#[derive(Clone, Debug)]
pub struct Names {
    rotation: Rotation,
    zone: TimeZone,
    /// Start of the current time slot.
    began: Timestamp,
    /// Number of time slots begun after the first.
    slots: u32,
    /// Number of the file within its slot.
    number: u32,
}

/// Where the next packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextFile {
    /// The same file.
    Same,
    /// A new file.
    File,
    /// No file: the maximum number of files is reached.
    Over,
}

impl Names {
    /// Creates a sequence. The first file begins at `began`; `zone` is the time zone of the names.
    #[must_use]
    pub fn new(rotation: Rotation, zone: TimeZone, began: Timestamp) -> Self {
        Self { rotation, zone, began, slots: 0, number: 0 }
    }

    /// Checks whether a path can be used as a name.
    ///
    /// # Errors
    /// The path is a time format (`-G`) and not UTF-8.
    pub fn check(&self, path: &Path) -> Result<(), Error> {
        if self.rotation.seconds.is_none() || path.to_str().is_some() {
            return Ok(());
        }
        Err(Error(format!("{}: with -G the file name must be UTF-8", path.display())))
    }

    /// Returns the name of the current file.
    pub(super) fn now(&self, path: &Path) -> PathBuf {
        let mut name = self.timed(path).into_os_string();
        let width = self.width();
        if self.rotation.size.is_some() && (self.number > 0 || width > 0) {
            name.push(OsString::from(format!("{:0width$}", self.number)));
        }
        name.into()
    }

    /// Returns the file for a packet of time `now`, while the current file has `len` bytes. The
    /// time is checked before the size: a file of a new time slot is empty.
    pub(super) fn next(&mut self, now: Timestamp, len: u64) -> NextFile {
        if self.is_later(now) {
            self.began = now;
            self.slots = self.slots.saturating_add(1);
            self.number = 0;
            return if self.is_last_slot() { NextFile::Over } else { NextFile::File };
        }
        if self.rotation.size.is_none_or(|size| len <= size) {
            return NextFile::Same;
        }
        self.number = self.number.saturating_add(1);
        if self.rotation.count.is_some_and(|count| self.number >= count) {
            self.number = 0;
        }
        NextFile::File
    }

    /// Whether the maximum number of files is reached at `now`, without a packet.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        let mut later = self.clone();
        self.rotation.seconds.is_some() && later.next(now, 0) == NextFile::Over
    }

    fn is_later(&self, now: Timestamp) -> bool {
        // Whole seconds, as in time(2).
        let second = |time: Timestamp| time.0.div_euclid(1_000_000_000);
        self.rotation.seconds.is_some_and(|every| second(now) - second(self.began) >= i64::from(every))
    }

    /// With `-C` the count is the size of the ring, and writing does not end.
    fn is_last_slot(&self) -> bool {
        self.rotation.size.is_none() && self.rotation.count.is_some_and(|count| self.slots >= count)
    }

    /// Digits of the largest number, to which all are padded.
    fn width(&self) -> usize {
        let largest = self.rotation.count.map_or(0, |count| count.saturating_sub(1));
        largest.checked_ilog10().map_or(0, |digits| digits as usize + 1)
    }

    fn timed(&self, path: &Path) -> PathBuf {
        let (Some(_), Some(format)) = (self.rotation.seconds, path.to_str()) else {
            return path.to_owned();
        };
        let Ok(time) = jiff::Timestamp::from_nanosecond(i128::from(self.began.0)) else {
            return path.to_owned();
        };
        let time = BrokenDownTime::from(&time.to_zoned(self.zone.clone()));
        let mut name = String::new();
        // Unknown conversions are copied, as in the C library.
        match time.format_with_config(&Config::new().lenient(true), format, &mut name) {
            Ok(()) => name.into(),
            Err(_) => path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn names(size: Option<u64>, seconds: Option<u32>, count: Option<u32>) -> Names {
        Names::new(Rotation { size, seconds, count }, TimeZone::UTC, Timestamp(0))
    }

    /// Returns the names of the files of packets at these seconds, each of 100 bytes behind a
    /// header of 10.
    fn made(mut names: Names, path: &str, seconds: &[i64]) -> (Vec<String>, bool) {
        let mut len = 10;
        let mut made = vec![names.now(path.as_ref()).display().to_string()];
        for second in seconds {
            match names.next(Timestamp(second * SECOND), len) {
                NextFile::Same => {}
                NextFile::Over => return (made, true),
                NextFile::File => {
                    made.push(names.now(path.as_ref()).display().to_string());
                    len = 10;
                }
            }
            len += 100;
        }
        (made, false)
    }

    #[test]
    fn sizes_are_numbered_as_by_tcpdump() {
        let (files, over) = made(names(Some(100), None, None), "w", &[0, 0, 0, 0]);
        assert_eq!((files.as_slice(), over), (["w", "w1", "w2", "w3"].map(String::from).as_slice(), false));
        assert_eq!(made(names(Some(400), None, None), "w", &[0, 0, 0, 0, 0, 0]).0, ["w", "w1"]);
    }

    #[test]
    fn a_ring_begins_again() {
        assert_eq!(made(names(Some(1), None, Some(3)), "w", &[0; 4]).0, ["w0", "w1", "w2", "w0", "w1"]);
        assert_eq!(made(names(Some(1), None, Some(1)), "w", &[0; 2]).0, ["w", "w", "w"]);
        for (count, first) in [(2, "w0"), (10, "w0"), (11, "w00"), (100, "w00"), (101, "w000")] {
            assert_eq!(names(Some(1), None, Some(count)).now("w".as_ref()), Path::new(first), "{count}");
        }
    }

    #[test]
    fn times_are_those_of_the_first_packet_behind() {
        let timed = names(None, Some(10), None);
        let (files, over) = made(timed, "w-%H%M%S-%J.x", &[0, 9, 13, 22, 23]);
        assert_eq!(files, ["w-000000-%J.x", "w-000013-%J.x", "w-000023-%J.x"]);
        assert!(!over);
        assert_eq!(made(names(None, Some(10), None), "w", &[10]).0, ["w", "w"]);
    }

    #[test]
    fn a_count_of_times_ends() {
        let (files, over) = made(names(None, Some(10), Some(2)), "%S", &[0, 10, 19, 20, 30]);
        assert_eq!((files.as_slice(), over), (["00", "10"].map(String::from).as_slice(), true));
        let two = names(None, Some(10), Some(1));
        assert!(!two.is_over(Timestamp(9 * SECOND)));
        assert!(two.is_over(Timestamp(10 * SECOND)));
        assert!(!names(Some(5), None, Some(1)).is_over(Timestamp(99 * SECOND)));
    }

    #[test]
    fn sizes_count_anew_with_each_time() {
        let both = names(Some(100), Some(10), Some(2));
        let (files, over) = made(both, "%S-", &[0, 0, 1, 10, 10, 10, 20]);
        let want = ["00-0", "00-1", "00-0", "10-0", "10-1", "10-0", "20-0"];
        assert_eq!((files.as_slice(), over), (want.map(String::from).as_slice(), false));
    }
}
