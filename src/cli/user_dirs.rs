//! Where a user's own files are.

use std::env;
use std::path::PathBuf;

/// The folder of a kind of files that `variable` names, `below` the user's home where that is not set (XDG Base Directory,
/// 0.8: a path that is not absolute is none). Of a `user` that the process became it is that user's: the surroundings
/// are whose it was before. `None` where there is no home.
pub(super) fn folder(user: Option<&str>, variable: &str, below: &str) -> Option<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let set = |name| env::var_os(name).map(PathBuf::from).and_then(absolute);
    match user {
        Some(user) => Some(of(user).and_then(absolute)?.join(below)),
        None => set(variable).or_else(|| Some(set("HOME")?.join(below))),
    }
}

#[cfg(unix)]
fn of(user: &str) -> Option<PathBuf> {
    nix::unistd::User::from_name(user).ok().flatten().map(|user| user.dir)
}

#[cfg(not(unix))]
fn of(_: &str) -> Option<PathBuf> {
    None
}
