//! What a command needs of what the sandbox denies.

use std::path::{Path, PathBuf};

/// What the sandbox still allows.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "this system has no sandbox"))]
pub(in crate::cli) struct Allowed<'a> {
    /// Everything is (`--no-sandbox`): no sandbox is entered.
    pub(in crate::cli) everything: bool,
    /// Directory below which files may be created and written.
    pub(in crate::cli) directory: Option<&'a Path>,
    /// Directory below which files may be read.
    pub(in crate::cli) readable: Option<&'a Path>,
    /// Device whose packet counters may be read.
    pub(in crate::cli) device: Option<&'a str>,
    /// Connections may be made and accepted.
    pub(in crate::cli) network: bool,
    /// Files may be read and name servers asked: libpcap looks up names of hosts, protocols and
    /// ports in a BPF filter when it meets a new link type.
    pub(in crate::cli) lookups: bool,
    /// The terminal may be opened: the TUI does so if standard input is a capture.
    pub(in crate::cli) terminal: bool,
    /// Credentials file of the X server, which may be read. The clipboard is opened when it is
    /// first used: a thread that served it from before would not be in the sandbox. The server's
    /// socket needs no permission: Landlock does not restrict sockets in the file system.
    pub(in crate::cli) xauthority: Option<&'a Path>,
}

/// Returns the credentials file of the X server (xauth(1)), if there is one and its clipboard is
/// `wanted`. Wayland's clipboard is not supported: it would need to create temporary files.
pub(in crate::cli) fn xauthority(wanted: bool) -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if !wanted || variable("DISPLAY").is_none() {
        return None;
    }
    let file = variable("XAUTHORITY").map(PathBuf::from);
    file.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".Xauthority")))
        .filter(|file| file.is_file())
}
