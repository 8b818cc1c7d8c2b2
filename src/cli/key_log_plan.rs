//! The key logs that a command reads: `--tls-keylog`, else `SSLKEYLOGFILE`.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::capture::{Error, KeyLogs};

/// Which key logs are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyLogPlan {
    paths: Vec<PathBuf>,
    /// Whether the user named them, so that a missing one is an error.
    is_named: bool,
}

impl KeyLogPlan {
    /// Plans to read `named` files; if there are none, the one that the environment names.
    pub(super) fn new(named: &[PathBuf], from_environment: Option<OsString>) -> Self {
        if !named.is_empty() {
            return Self { paths: named.to_vec(), is_named: true };
        }
        let path = from_environment.filter(|path| !path.is_empty()).map(PathBuf::from);
        Self { paths: path.into_iter().collect(), is_named: false }
    }

    /// Opens the key logs; `None` if there are none. Those of a live capture are read as they grow.
    ///
    /// # Errors
    /// A file that the user named cannot be opened.
    pub(super) fn open(&self, is_live: bool) -> Result<Option<KeyLogs>, Error> {
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
        assert!(plan.open(false).unwrap().is_none(), "no error: it is set for other programs");
        assert_eq!(KeyLogPlan::new(&[], Some(OsString::new())), KeyLogPlan::default());
        let named = KeyLogPlan::new(&["/nonexistent/named".into()], variable());
        assert!(
            named.open(false).unwrap_err().to_string().starts_with("/nonexistent/named: no such key log")
        );
        assert!(KeyLogPlan::default().open(true).unwrap().is_none());
    }
}
