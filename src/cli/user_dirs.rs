//! Directories of a user's own files.

use std::env;
use std::path::PathBuf;

/// Returns the directory named by the environment variable `variable`, else `subdirectory` of the
/// home directory (XDG Base Directory 0.8: relative paths are ignored). If the process became
/// another `user`, it is `subdirectory` of that user's home: the environment is still the previous
/// user's. `None` if there is no home directory.
pub(super) fn user_dir(user: Option<&str>, variable: &str, subdirectory: &str) -> Option<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let variable_path = |name| env::var_os(name).map(PathBuf::from).and_then(absolute);
    match user {
        Some(user) => Some(home_of(user).and_then(absolute)?.join(subdirectory)),
        None => variable_path(variable).or_else(|| Some(variable_path("HOME")?.join(subdirectory))),
    }
}

#[cfg(unix)]
fn home_of(user: &str) -> Option<PathBuf> {
    nix::unistd::User::from_name(user).ok().flatten().map(|user| user.dir)
}

#[cfg(not(unix))]
fn home_of(_: &str) -> Option<PathBuf> {
    None
}
