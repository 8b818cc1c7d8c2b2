//! The key logs that a command reads: `--tls-keylog`, else `SSLKEYLOGFILE`.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::awaited_file;
use crate::capture::{Error, KeyLogs};

/// Which key logs are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyLogPlan {
    paths: Vec<PathBuf>,
    /// Whether the user named them, so that a missing one is an error.
    is_named: bool,
    /// A key log that is open already, instead of the others.
    opened: Option<OpenedKeyLog>,
}

/// A key log that was opened with privileges that the process gives up later.
#[derive(Clone, Debug)]
struct OpenedKeyLog {
    name: String,
    file: Arc<File>,
}

impl PartialEq for OpenedKeyLog {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file)
    }
}

impl Eq for OpenedKeyLog {}

impl KeyLogPlan {
    /// Plans to read `named` files; if there are none, the one that the environment names.
    pub(super) fn new(named: &[PathBuf], from_environment: Option<OsString>) -> Self {
        if !named.is_empty() {
            return Self { paths: named.to_vec(), is_named: true, opened: None };
        }
        let path = from_environment.filter(|path| !path.is_empty()).map(PathBuf::from);
        Self { paths: path.into_iter().collect(), is_named: false, opened: None }
    }

    /// Plans to read a file that is open already, as it grows. `name` is for messages.
    #[cfg(feature = "demo")]
    pub(super) fn of_file(name: String, file: File) -> Self {
        Self { opened: Some(OpenedKeyLog { name, file: Arc::new(file) }), ..Self::default() }
    }

    /// Whether no key log is read.
    pub(super) fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.opened.is_none()
    }

    /// Returns the key log that the environment names, if it does not exist.
    pub(super) fn missing(&self) -> Option<&Path> {
        self.paths.first().map(PathBuf::as_path).filter(|path| !self.is_named && !path.exists())
    }

    /// Opens the key logs; `None` if there are none. Those of a live capture are read as they grow.
    /// One that the environment names may come later: another program writes it. Called before the
    /// sandbox is entered; the thread that waits for a file enters one unless `is_unconfined`.
    ///
    /// # Errors
    /// A file that the user named cannot be opened, or a thread cannot be started.
    pub(super) fn open(&self, is_live: bool, is_unconfined: bool) -> Result<Option<KeyLogs>, Error> {
        if let Some(OpenedKeyLog { name, file }) = &self.opened {
            let file = file.try_clone().map_err(|error| Error(format!("{name}: {error}")))?;
            return Ok(Some(KeyLogs::of_file(name.clone(), file)));
        }
        if let (Some(path), true) = (self.missing(), is_live) {
            let name = path.display().to_string();
            let file = awaited_file::open(path.to_owned(), is_unconfined)
                .map_err(|error| Error(format!("{name}: cannot be waited for: {error}")))?;
            return Ok(Some(KeyLogs::awaiting(name, file)));
        }
        match KeyLogs::open(&self.paths, is_live) {
            _ if self.paths.is_empty() => Ok(None),
            // The variable is set for other programs too: mcpdump runs without it.
            Err(_) if !self.is_named => Ok(None),
            logs => logs.map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_counts_if_no_file_is_named() {
        let variable = || Some(OsString::from("/nonexistent/keys"));
        let plan = KeyLogPlan::new(&[], variable());
        assert!(plan.open(false, false).unwrap().is_none(), "no error: it is set for other programs");
        assert_eq!(plan.missing(), Some(Path::new("/nonexistent/keys")));
        assert_eq!(KeyLogPlan::new(&[], Some(OsString::new())), KeyLogPlan::default());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        let plan = KeyLogPlan::new(&[], Some(path.clone().into()));
        assert!(plan.open(true, false).unwrap().is_some());
        assert!(!path.exists(), "the program that logs creates it");
        std::fs::write(&path, "").unwrap();
        assert_eq!(plan.missing(), None);
        let named = KeyLogPlan::new(&["/nonexistent/named".into()], variable());
        assert_eq!(named.missing(), None);
        assert!(
            named
                .open(false, false)
                .unwrap_err()
                .to_string()
                .starts_with("/nonexistent/named: no such key log")
        );
        assert!(KeyLogPlan::default().open(true, false).unwrap().is_none());
    }
}
