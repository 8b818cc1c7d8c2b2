//! Sandbox of the process: traffic is untrusted, so a bug in its analysis must not reach beyond the
//! outputs.
//!
//! On Linux it is Landlock (<https://docs.kernel.org/userspace-api/landlock.html>). When it is
//! entered, all inputs and outputs are open: afterwards the process can open no files, except the
//! next one of a rotation, can make no connections and can gain no privileges. Enter it before
//! threads are started: only later threads inherit it.

use std::path::{Path, PathBuf};

/// What the sandbox still allows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowed<'a> {
    /// Directory below which files may be created and written.
    pub(super) directory: Option<&'a Path>,
    /// Directory below which files may be read.
    pub(super) readable: Option<&'a Path>,
    /// Device whose packet counters may be read.
    pub(super) device: Option<&'a str>,
    /// Connections may be made and accepted.
    pub(super) network: bool,
    /// Files may be read and name servers asked: libpcap looks up names of hosts, protocols and
    /// ports in a BPF filter when it meets a new link type.
    pub(super) lookups: bool,
    /// The terminal may be opened: the TUI does so if standard input is a capture.
    pub(super) terminal: bool,
    /// Credentials file of the X server, which may be read. The clipboard is opened when it is
    /// first used: a thread that served it from before would not be in the sandbox. The server's
    /// socket needs no permission: Landlock does not restrict sockets in the file system.
    pub(super) xauthority: Option<&'a Path>,
}

/// Returns the credentials file of the X server (xauth(1)), if there is one and its clipboard is
/// `wanted`. Wayland's clipboard is not supported: it would need to create temporary files.
pub(super) fn xauthority(wanted: bool) -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if !wanted || variable("DISPLAY").is_none() {
        return None;
    }
    let file = variable("XAUTHORITY").map(PathBuf::from);
    file.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".Xauthority")))
        .filter(|file| file.is_file())
}

/// Enters the sandbox. Returns a warning if that failed; `None` on success, and on systems without
/// sandbox.
#[cfg(target_os = "linux")]
pub(super) fn enter(allowed: Allowed<'_>) -> Option<String> {
    use landlock::RulesetStatus::{FullyEnforced, NotEnforced, PartiallyEnforced};

    match linux::restrict(allowed) {
        Ok(FullyEnforced | PartiallyEnforced) => None,
        Ok(NotEnforced) => Some("this kernel has no Landlock: the analysis runs without sandbox".to_owned()),
        Err(error) => Some(format!("Landlock cannot be used ({error}): the analysis runs without sandbox")),
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::path::Path;

    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
        RulesetCreatedAttr as _, RulesetStatus, Scope,
    };

    use crate::cli::sandbox::Allowed;

    /// Newest version of Landlock that was tested. Of older ones the available restrictions are
    /// used.
    const TESTED: ABI = ABI::V6;

    /// Permissions to create and write files, and directories for them.
    const CREATE: [AccessFs; 4] =
        [AccessFs::MakeReg, AccessFs::MakeDir, AccessFs::WriteFile, AccessFs::Truncate];

    /// Controlling terminal of the process (tty(4)).
    const TERMINAL: &str = "/dev/tty";

    pub(super) fn restrict(allowed: Allowed<'_>) -> Result<RulesetStatus, Box<dyn std::error::Error>> {
        let files = if allowed.lookups { AccessFs::from_write(TESTED) } else { AccessFs::from_all(TESTED) };
        let mut ruleset = Ruleset::default().handle_access(files)?.scope(Scope::from_all(TESTED))?;
        if !allowed.network && !allowed.lookups {
            ruleset = ruleset.handle_access(AccessNet::from_all(TESTED))?;
        }
        let mut rules = ruleset.create()?;
        if let Some(directory) = allowed.directory {
            rules = rules.add_rule(beneath(directory, CREATE.into_iter().collect())?)?;
        }
        if let (Some(directory), false) = (allowed.readable, allowed.lookups) {
            rules = rules.add_rule(beneath(directory, AccessFs::ReadFile.into())?)?;
        }
        // libpcap reads the drop counters there. The device `any` has none.
        let counters =
            allowed.device.map(|device| Path::new("/sys/class/net").join(device).join("statistics"));
        if let Some(counters) = counters.filter(|counters| !allowed.lookups && counters.is_dir()) {
            rules = rules.add_rule(beneath(&counters, AccessFs::ReadFile.into())?)?;
        }
        let terminal = (AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev) & files;
        if let (Some(file), false) = (allowed.xauthority, allowed.lookups) {
            rules = rules.add_rule(beneath(file, AccessFs::ReadFile.into())?)?;
        }
        if allowed.terminal && Path::new(TERMINAL).exists() {
            rules = rules.add_rule(beneath(Path::new(TERMINAL), terminal)?)?;
        }
        Ok(rules.restrict_self()?.ruleset)
    }

    fn beneath(path: &Path, access: BitFlags<AccessFs>) -> Result<PathBeneath<PathFd>, String> {
        match PathFd::new(path) {
            Ok(found) => Ok(PathBeneath::new(found, access)),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }
}

/// Does nothing on this system.
#[cfg(not(target_os = "linux"))]
pub(super) fn enter(_: Allowed<'_>) -> Option<String> {
    None
}
