//! The file of the user's configuration.

use std::fs;
use std::io;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};

use super::user_dirs;

/// Reads the configuration of a user with `parse`, of an empty text if there is no file. `user` is
/// the user that the process became; `None` if the user did not change.
///
/// # Errors
/// The file cannot be read, or `parse` rejects it; the message names the file.
pub(super) fn read<T>(user: Option<&str>, parse: impl Fn(&str) -> Result<T, String>) -> anyhow::Result<T> {
    let Some(path) = path(user) else {
        return parse("").map_err(|error| anyhow!(error));
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("{}: cannot be read", path.display())),
    };
    parse(&text).map_err(|error| anyhow!("{}: {error}", path.display()))
}

/// `$XDG_CONFIG_HOME/mcpdump/config.toml`; `~/.config` if the variable is not set.
fn path(user: Option<&str>) -> Option<PathBuf> {
    Some(user_dirs::user_dir(user, "XDG_CONFIG_HOME", ".config")?.join("mcpdump").join("config.toml"))
}
