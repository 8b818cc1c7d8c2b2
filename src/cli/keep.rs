//! The file that packets are kept in: `-w`, `-C`, `-G` and `-W`.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::bail;
use jiff::tz::TimeZone;

use super::arguments::source::KeepArguments;
use super::clock;
use crate::capture::LinkType;
use crate::capture::save::{FileMetadata, KeptSecrets, Names, PacketWriter, Rotation, Target};

/// Where packets are kept and when a new file starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeepPlan {
    /// A file or standard output.
    pub(super) target: Target,
    /// When a new file starts.
    pub(super) rotation: Rotation,
}

impl KeepPlan {
    /// Checks the options; `None` if no packets are kept. `is_live` is true for a live capture.
    ///
    /// # Errors
    /// Options contradict each other or the source.
    pub(super) fn new(arguments: &KeepArguments, is_live: bool) -> anyhow::Result<Option<Self>> {
        let KeepArguments { write, file_size, rotate_seconds, file_count, no_secrets: _ } = arguments;
        let rotation = Rotation { size: *file_size, seconds: *rotate_seconds, count: *file_count };
        let Some(path) = write else {
            if rotation != Rotation::default() {
                bail!("-C, -G and -W need a file to keep packets in: add -w FILE");
            }
            return Ok(None);
        };
        if rotation.is_none() && rotation.count.is_some() {
            bail!("-W limits the number of files of -C SIZE or -G SECONDS: add one of them");
        }
        if rotation.seconds.is_some() && !is_live {
            bail!("-G is an option of live captures: use -C to split what is read from files");
        }
        if path.as_os_str() != "-" {
            Names::new(rotation.clone(), TimeZone::UTC, Default::default()).check(path)?;
            return Ok(Some(Self { target: Target::Path(path.clone()), rotation }));
        }
        if !rotation.is_none() {
            bail!("-w -: -C and -G write several files, standard output is one: name a file");
        }
        if io::stdout().is_terminal() {
            bail!("-w -: standard output is a terminal: name a file, or redirect it to a file or a pipe");
        }
        Ok(Some(Self { target: Target::Stdout, rotation }))
    }

    /// Path of the file; `None` for standard output.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.target {
            Target::Path(path) => Some(path),
            Target::Stdout => None,
        }
    }

    /// Directory below which further files will be created; `None` if there is only one file. If
    /// names of directories contain times too, it is the last directory without.
    pub(super) fn directory(&self) -> Option<PathBuf> {
        let path = self.path().filter(|_| !self.rotation.is_none())?;
        let is_timed =
            |directory: &Path| self.rotation.seconds.is_some() && directory.to_string_lossy().contains('%');
        let directory = path.ancestors().skip(1).find(|directory| !is_timed(directory));
        let directory = directory.filter(|directory| !directory.as_os_str().is_empty());
        Some(directory.unwrap_or(Path::new(".")).to_owned())
    }

    /// Creates the first file. Names contain local time: the time zone is read here, before the
    /// sandbox is entered.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn create(
        &self,
        about: FileMetadata,
        link_type: Option<LinkType>,
        secrets: Option<KeptSecrets>,
    ) -> anyhow::Result<PacketWriter> {
        let names = Names::new(self.rotation.clone(), TimeZone::system(), clock::now());
        Ok(PacketWriter::create(self.target.clone(), names, about, link_type, secrets)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeping(
        write: Option<&str>,
        rotation: [Option<u32>; 3],
        live: bool,
    ) -> Result<Option<KeepPlan>, String> {
        let [size, rotate_seconds, file_count] = rotation;
        let arguments = KeepArguments {
            write: write.map(PathBuf::from),
            file_size: size.map(u64::from),
            rotate_seconds,
            file_count,
            no_secrets: false,
        };
        KeepPlan::new(&arguments, live).map_err(|error| error.to_string())
    }

    #[test]
    fn contradictions_are_errors() {
        for (write, rotation, live, want) in [
            (None, [Some(1), None, None], true, "add -w FILE"),
            (None, [None, None, Some(1)], true, "add -w FILE"),
            (Some("w"), [None, None, Some(2)], true, "-W limits"),
            (Some("w"), [None, Some(2), None], false, "-G is an option of live captures"),
            (Some("-"), [Some(1), None, None], true, "standard output is one"),
        ] {
            let error = keeping(write, rotation, live).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
        assert_eq!(keeping(None, [None; 3], true), Ok(None));
    }

    #[test]
    fn only_rotation_needs_a_directory() {
        let directory = |name, rotation| keeping(Some(name), rotation, true).unwrap().unwrap().directory();
        assert_eq!(directory("a/w", [None; 3]), None);
        assert_eq!(directory("a/w", [Some(1), None, None]), Some("a".into()));
        assert_eq!(directory("w", [None, Some(1), None]), Some(".".into()));
        assert_eq!(directory("a/%Y/%m/w", [None, Some(1), None]), Some("a".into()));
        assert_eq!(directory("%Y/w", [None, Some(1), None]), Some(".".into()));
        assert_eq!(directory("/%Y/w", [None, Some(1), None]), Some("/".into()));
        assert_eq!(directory("a/%Y/w", [Some(1), None, None]), Some("a/%Y".into()), "no time");
    }
}
