//! Opens files and standard input as one capture.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::buffer::InputBuffer;
use super::file::CaptureFile;
use super::filter::Filter;
use super::item::Error;
use super::merge::Capture;
use super::progress::Progress;
use super::unrecognised::EXPECTED;

/// An input to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file, or a named pipe.
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

/// Converts a command-line argument: `-` is standard input, anything else a path.
impl From<&OsStr> for Input {
    fn from(argument: &OsStr) -> Self {
        if argument == "-" { Self::Stdin } else { Self::Path(argument.into()) }
    }
}

impl Input {
    /// Returns the path; `None` for standard input.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Stdin => None,
        }
    }
}

/// Formats the name used in messages.
impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Stdin => f.write_str("standard input"),
        }
    }
}

/// Options of [`open`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// Filter expression (pcap-filter(7)); `None` or an empty one matches everything. Packets that
    /// do not match are numbered too, so numbers are those of the files.
    pub filter: Option<String>,
}

/// Opens the inputs as one capture in time order. File headers are read at once; standard input and
/// pipes are first read by [`Source::next`](super::Source::next).
///
/// # Errors
/// A file cannot be opened or is not a capture, standard input is named twice, or the filter does
/// not compile.
pub fn open(inputs: &[Input], options: &OpenOptions) -> Result<Capture, Error> {
    if inputs.iter().filter(|i| **i == Input::Stdin).count() > 1 {
        return Err(Error("standard input is named twice (-); it can be read once".into()));
    }
    let mut progress = Progress::of_files();
    let mut files = Vec::with_capacity(inputs.len());
    for input in inputs {
        let (raw, size): (Raw, _) = match input {
            Input::Stdin => (Box::new(io::stdin()), None),
            Input::Path(path) => {
                let (file, size) = open_path(path)?;
                (Box::new(file), size)
            }
        };
        progress.add_file(size);
        let wait = size.is_none();
        let mut file = CaptureFile::new(InputBuffer::new(input.to_string(), raw, progress.counter()));
        if !wait {
            file.begin()?;
        }
        files.push(file);
    }
    finish(files, options, progress)
}

/// Reads a capture from `reader`, called `name` in messages.
#[must_use]
pub fn from_reader(name: &str, reader: Box<dyn Read + Send>) -> Capture {
    let progress = Progress::default();
    let blocks = InputBuffer::new(name.to_owned(), reader, progress.counter());
    Capture::new(vec![CaptureFile::new(blocks)], None, progress)
}

/// Reads several captures, each with its name in messages, as one in time order.
///
/// # Errors
/// The filter does not compile.
pub fn from_readers(
    readers: Vec<(String, Box<dyn Read + Send>)>,
    options: &OpenOptions,
) -> Result<Capture, Error> {
    let progress = Progress::default();
    let files = readers
        .into_iter()
        .map(|(name, reader)| CaptureFile::new(InputBuffer::new(name, reader, progress.counter())))
        .collect();
    finish(files, options, progress)
}

type Raw = Box<dyn Read + Send>;

/// Merges `files` into one capture and checks the filter.
///
/// # Errors
/// The filter does not compile.
pub(super) fn finish(
    files: Vec<CaptureFile>,
    options: &OpenOptions,
    progress: Progress,
) -> Result<Capture, Error> {
    let filter = options.filter.as_deref().and_then(Filter::new);
    if let Some(filter) = &filter {
        let link_types: Vec<_> = files.iter().filter_map(CaptureFile::link_type).collect();
        filter.check(&link_types)?;
    }
    Ok(Capture::new(files, filter, progress))
}

/// Opens a file. Returns its length too, in bytes, if it is a regular file.
///
/// # Errors
/// It cannot be opened.
pub(super) fn open_path(path: &Path) -> Result<(fs::File, Option<u64>), Error> {
    let failed = |error: &io::Error| Error(format!("{}: {}", path.display(), remedy(error)));
    let metadata = fs::metadata(path).map_err(|e| failed(&e))?;
    if metadata.is_dir() {
        return Err(Error(format!("{}: is a directory; name the files in it; {EXPECTED}", path.display())));
    }
    let file = fs::File::open(path).map_err(|e| failed(&e))?;
    let size = metadata.is_file().then_some(metadata.len());
    Ok((file, size))
}

fn remedy(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file; check the path".into(),
        io::ErrorKind::PermissionDenied => "no permission to read it; ask its owner, or use sudo".into(),
        _ => format!("cannot be opened: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::samples::{LITTLE, drain};

    fn path(dir: &tempfile::TempDir, name: &str) -> Input {
        Input::Path(dir.path().join(name))
    }

    #[test]
    fn files_are_read_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let file = [LITTLE.pcap(0xa1b2_c3d4, 1), LITTLE.record(1, 0, 3, b"abc")].concat();
        fs::write(dir.path().join("a"), &file).unwrap();
        fs::write(dir.path().join("b"), zstd::encode_all(&file[..], 3).unwrap()).unwrap();
        let inputs = [path(&dir, "a"), path(&dir, "b")];
        let capture = open(&inputs, &OpenOptions::default()).unwrap();
        let progress = capture.progress();
        assert_eq!(drain(capture).table().len(), 2);
        assert_eq!(Some(progress.read()), progress.total());
        assert!(progress.total() > Some(file.len() as u64));
    }

    #[test]
    fn errors_of_opening_name_a_remedy() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("empty"), b"").unwrap();
        fs::write(dir.path().join("text"), b"hello world").unwrap();
        for (name, want) in [
            ("missing", "missing: no such file; check the path"),
            ("", "is a directory"),
            ("empty", "empty: is empty: 0 bytes"),
            ("text", "begins with \"hello world\" (text)"),
        ] {
            let error = open(&[path(&dir, name)], &OpenOptions::default()).map(|_| ());
            let error = error.unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
        let twice = open(&[Input::Stdin, Input::from(OsStr::new("-"))], &OpenOptions::default());
        assert!(twice.map(|_| ()).unwrap_err().to_string().contains("twice"));
    }

    #[test]
    fn the_filter_is_checked_for_the_link_type_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("raw"), LITTLE.pcap(0xa1b2_c3d4, 101)).unwrap();
        let with = |filter: &str| {
            let options = OpenOptions { filter: Some(filter.into()) };
            open(&[path(&dir, "raw")], &options).map(|_| ()).map_err(|e| e.to_string())
        };
        assert_eq!(with("tcp port 3000"), Ok(()));
        assert!(with("ether host 1:2:3:4:5:6").unwrap_err().contains("link type 101"));
    }
}
