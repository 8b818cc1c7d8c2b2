//! Reads a capture again: its files, or what was spooled of an input that is read once.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::item::{Error, Item, Source};
use super::merge::Capture;
use super::open::{Input, OpenOptions, from_readers, open_path};
use super::spool::{FileAt, Replayed, SpoolReader};
use crate::base::{Files, Findings};

/// A capture that can be read several times, also while it is still being read. The files stay
/// open: none can be opened in the sandbox.
#[derive(Clone, Debug)]
pub enum Replay {
    /// Files, with their names, and the options with which they are read.
    Files(Vec<(String, Arc<File>)>, OpenOptions),
    /// What was spooled so far.
    Spooled(SpoolReader),
}

impl Replay {
    /// Opens regular files a second time; `None` if one of the inputs is none: it can be read only
    /// once.
    ///
    /// # Errors
    /// A file cannot be opened.
    pub fn open(inputs: &[Input], options: &OpenOptions) -> Result<Option<Self>, Error> {
        let mut files = Vec::with_capacity(inputs.len());
        for input in inputs {
            let Some(path) = input.path() else { return Ok(None) };
            // Opening a pipe would wait for its writer.
            if !is_regular(path) {
                return Ok(None);
            }
            let (file, _) = open_path(path)?;
            files.push((input.to_string(), Arc::new(file)));
        }
        Ok(Some(Self::Files(files, options.clone())))
    }

    /// Returns a source that yields everything again, with the same packet numbers: what is in the
    /// files now, or what was spooled until now.
    ///
    /// # Errors
    /// The filter does not compile.
    pub fn read(&self) -> Result<ReplaySource, Error> {
        match self {
            Self::Files(files, options) => {
                let reader = |(name, file): &(String, Arc<File>)| {
                    let file: Box<dyn Read + Send> = Box::new(FileAt { file: Arc::clone(file), at: 0 });
                    (name.clone(), file)
                };
                let capture = from_readers(files.iter().map(reader).collect(), options)?;
                Ok(ReplaySource::Files(Box::new(capture)))
            }
            Self::Spooled(spool) => Ok(ReplaySource::Spooled(spool.read())),
        }
    }
}

/// A capture that is read again.
pub enum ReplaySource {
    /// From its files.
    Files(Box<Capture>),
    /// From the spool.
    Spooled(Replayed),
}

impl ReplaySource {
    /// As [`Capture::numbering`]; what was spooled was numbered when it was read.
    #[must_use]
    pub fn numbering(self, files: Files) -> Self {
        match self {
            Self::Files(capture) => Self::Files(Box::new(capture.numbering(files))),
            Self::Spooled(replayed) => Self::Spooled(replayed),
        }
    }
}

impl Source for ReplaySource {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, Error> {
        match self {
            Self::Files(capture) => capture.next(findings),
            Self::Spooled(replayed) => replayed.next(findings),
        }
    }
}

fn is_regular(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::samples::LITTLE;

    fn packets(mut source: impl Source) -> usize {
        let mut findings = Findings::new();
        std::iter::from_fn(|| source.next(&mut findings).unwrap())
            .filter(|item| matches!(item, Item::Packet(_)))
            .count()
    }

    #[test]
    fn files_are_read_again_from_their_beginning() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.pcap");
        let records = (1..9).flat_map(|second| LITTLE.record(second, 0, 9, &second.to_le_bytes()));
        let file: Vec<u8> = LITTLE.pcap(0xa1b2_c3d4, 1).into_iter().chain(records).collect();
        std::fs::write(&path, file).unwrap();
        let inputs = [Input::Path(path)];
        let replay = Replay::open(&inputs, &OpenOptions::default()).unwrap().unwrap();
        let mut one = replay.read().unwrap();
        one.next(&mut Findings::new()).unwrap();
        assert_eq!(packets(replay.read().unwrap()), 8, "a half read copy does not move another");
        assert_eq!(packets(one), 7);
        let with_stdin = [inputs[0].clone(), Input::Stdin];
        assert!(Replay::open(&with_stdin, &OpenOptions::default()).unwrap().is_none());
    }
}
