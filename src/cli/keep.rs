//! `-w`, `-C`, `-G` and `-W`: where packets are kept, and what does not go together.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::bail;
use jiff::tz::TimeZone;

use crate::capture::LinkType;
use crate::capture::encode::FileMetadata;
use crate::capture::save::{Names, PacketWriter, Rotation, Target};
use crate::cli::arguments::KeepArguments;
use crate::cli::clock;

/// Where packets are to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keeping {
    /// The file, or standard output.
    pub(super) target: Target,
    /// When another file begins.
    pub(super) rotation: Rotation,
}

impl Keeping {
    /// What the options ask for; `None` where nothing is kept.
    ///
    /// # Errors
    /// They do not go together, or with what is read.
    pub(super) fn new(arguments: &KeepArguments, live: bool) -> anyhow::Result<Option<Self>> {
        let KeepArguments { write, file_size, rotate_seconds, file_count } = arguments;
        let rotation = Rotation { size: *file_size, seconds: *rotate_seconds, count: *file_count };
        let Some(path) = write else {
            if rotation != Rotation::default() {
                bail!("-C, -G and -W are about the file that packets are kept in: name it with -w FILE");
            }
            return Ok(None);
        };
        if rotation.is_none() && rotation.count.is_some() {
            bail!("-W says how many files -C SIZE or -G SECONDS make: add one of them");
        }
        if rotation.seconds.is_some() && !live {
            bail!("-G is an option of live captures: of files, -C makes several");
        }
        if path.as_os_str() != "-" {
            Names::new(rotation.clone(), TimeZone::UTC, Default::default()).check(path)?;
            return Ok(Some(Self { target: Target::Path(path.clone()), rotation }));
        }
        if !rotation.is_none() {
            bail!("-w -: standard output is one file, and -C and -G make several: name a file");
        }
        if io::stdout().is_terminal() {
            bail!("-w -: standard output is a terminal, which packets would confuse: name a file or a pipe");
        }
        Ok(Some(Self { target: Target::Stdout, rotation }))
    }

    /// The file that is named, if it is one.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.target {
            Target::Path(path) => Some(path),
            Target::Stdout => None,
        }
    }

    /// The folder in, or somewhere below, which further files will be made; `None` where there is one file only. Where the
    /// names of folders have times in them too, it is the one above them.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        let path = self.path().filter(|_| !self.rotation.is_none())?;
        let is_timed =
            |folder: &Path| self.rotation.seconds.is_some() && folder.to_string_lossy().contains('%');
        let folder = path.ancestors().skip(1).find(|folder| !is_timed(folder));
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        Some(folder.unwrap_or(Path::new(".")).to_owned())
    }

    /// Creates the first file. Times in names are local ones: the time zone is looked up here, while it can be.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn create(
        &self,
        about: FileMetadata,
        link_type: Option<LinkType>,
    ) -> anyhow::Result<PacketWriter> {
        let names = Names::new(self.rotation.clone(), TimeZone::system(), clock::now());
        Ok(PacketWriter::create(self.target.clone(), names, about, link_type)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeping(
        write: Option<&str>,
        rotation: [Option<u32>; 3],
        live: bool,
    ) -> Result<Option<Keeping>, String> {
        let [size, rotate_seconds, file_count] = rotation;
        let arguments = KeepArguments {
            write: write.map(PathBuf::from),
            file_size: size.map(u64::from),
            rotate_seconds,
            file_count,
        };
        Keeping::new(&arguments, live).map_err(|error| error.to_string())
    }

    #[test]
    fn what_does_not_go_together_is_said() {
        for (write, rotation, live, want) in [
            (None, [Some(1), None, None], true, "name it with -w"),
            (None, [None, None, Some(1)], true, "name it with -w"),
            (Some("w"), [None, None, Some(2)], true, "-W says how many"),
            (Some("w"), [None, Some(2), None], false, "-G is an option of live captures"),
            (Some("-"), [Some(1), None, None], true, "one file"),
        ] {
            let error = keeping(write, rotation, live).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
        assert_eq!(keeping(None, [None; 3], true), Ok(None));
    }

    #[test]
    fn only_what_makes_files_later_has_a_folder() {
        let folder = |name, rotation| keeping(Some(name), rotation, true).unwrap().unwrap().folder();
        assert_eq!(folder("a/w", [None; 3]), None);
        assert_eq!(folder("a/w", [Some(1), None, None]), Some("a".into()));
        assert_eq!(folder("w", [None, Some(1), None]), Some(".".into()));
        assert_eq!(folder("a/%Y/%m/w", [None, Some(1), None]), Some("a".into()));
        assert_eq!(folder("%Y/w", [None, Some(1), None]), Some(".".into()));
        assert_eq!(folder("/%Y/w", [None, Some(1), None]), Some("/".into()));
        assert_eq!(folder("a/%Y/w", [Some(1), None, None]), Some("a/%Y".into()), "no time");
    }
}
