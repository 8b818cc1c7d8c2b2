//! What is in the files that were written, those that were overwritten excluded.

use std::collections::VecDeque;
use std::fmt;

use crate::base::units;

/// Most files whose packets are counted one by one. A ring has fewer; files of earlier ones count
/// as still there.
const MAX_FILES: usize = 4096;

/// Most names that are listed in full.
const MAX_NAMES: usize = 4;

/// The files of a writer, and the packets in each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Files that are there, in the order in which they were begun.
    files: VecDeque<KeptFile>,
    /// Number and packets of the files before them.
    earlier: (u64, u64),
    /// Name of the first of these.
    first: Option<String>,
    /// Packets in files that were overwritten.
    overwritten: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct KeptFile {
    name: String,
    packets: u64,
}

impl Kept {
    /// Begins a file; one of this name is overwritten.
    pub(super) fn begin(&mut self, name: &str) {
        if let Some(place) = self.files.iter().position(|file| file.name == name)
            && let Some(file) = self.files.remove(place)
        {
            self.overwritten += file.packets;
        }
        if self.files.len() >= MAX_FILES
            && let Some(file) = self.files.pop_front()
        {
            self.earlier.0 += 1;
            self.earlier.1 += file.packets;
            self.first.get_or_insert(file.name);
        }
        self.files.push_back(KeptFile { name: name.to_owned(), packets: 0 });
    }

    /// Sets the number of packets in the current file.
    pub(super) fn set_packets(&mut self, packets: u64) {
        if let Some(file) = self.files.back_mut() {
            file.packets = packets;
        }
    }

    /// Number of packets in the files that are there.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.earlier.1 + self.files.iter().map(|file| file.packets).sum::<u64>()
    }

    /// Number of packets in files that were overwritten.
    #[must_use]
    pub fn overwritten(&self) -> u64 {
        self.overwritten
    }
}

/// Formats as `5 packets kept in 2 files: w0, w1; 3 packets in files that were overwritten since`.
impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kept in ", units::several(self.packets(), "packet"))?;
        let number = self.earlier.0 + self.files.len() as u64;
        let names = || self.files.iter().map(|file| file.name.as_str());
        let first = self.first.as_deref().or_else(|| names().next()).unwrap_or_default();
        let last = names().next_back().unwrap_or_default();
        if number == 1 {
            f.write_str(last)?;
        } else if number <= MAX_NAMES as u64 {
            let names: Vec<&str> = names().collect();
            write!(f, "{number} files: {}", names.join(", "))?;
        } else {
            write!(f, "{number} files, from {first} to {last}")?;
        }
        if self.overwritten > 0 {
            let packets = units::several(self.overwritten, "packet");
            write!(f, "; {packets} in files that were overwritten since")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(files: &[(&str, u64)]) -> Kept {
        let mut kept = Kept::default();
        for (name, packets) in files {
            kept.begin(name);
            kept.set_packets(*packets);
        }
        kept
    }

    #[test]
    fn one_file_is_named_alone() {
        assert_eq!(kept(&[("w", 1)]).to_string(), "1 packet kept in w");
    }

    #[test]
    fn packets_of_overwritten_files_are_not_kept() {
        let kept = kept(&[("w0", 5), ("w1", 7), ("w0", 2)]);
        assert_eq!((kept.packets(), kept.overwritten()), (9, 5));
        assert_eq!(
            kept.to_string(),
            "9 packets kept in 2 files: w1, w0; 5 packets in files that were overwritten since"
        );
    }

    #[test]
    fn many_files_are_named_by_the_first_and_the_last() {
        let names: Vec<String> = (0..MAX_FILES + 3).map(|n| format!("w{n}")).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), 2)).collect();
        let kept = kept(&files);
        assert_eq!(kept.to_string(), "8198 packets kept in 4099 files, from w0 to w4098");
        assert_eq!(kept.files.len(), MAX_FILES);
    }
}
