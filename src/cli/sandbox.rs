//! The process shuts itself in: what it reads comes from strangers, and nothing that they send is to reach further than
//! its outputs.
//!
//! On Linux by Landlock (<https://docs.kernel.org/userspace-api/landlock.html>): everything that is read or written is
//! open by then, so no file can be opened any more but the next one of a rotation, no connection can be made, and no
//! privilege be gained. To be entered before there are threads: it holds for those that are started later.

use std::path::{Path, PathBuf};

/// What stays possible.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowed<'a> {
    /// The folder in which files are made and written.
    pub(super) folder: Option<&'a Path>,
    /// The device whose counts are read while it is captured on.
    pub(super) device: Option<&'a str>,
    /// Connections can be made and waited for.
    pub(super) network: bool,
    /// Files can be read and the network be asked: a BPF filter may have names of hosts, protocols and ports in it, which
    /// libpcap looks up when it meets a link type.
    pub(super) lookups: bool,
    /// The terminal can be opened anew: it is, where standard input is a capture.
    pub(super) terminal: bool,
    /// The file that lets one in at the X server, which can be read. The server itself can be reached without a word here:
    /// Landlock holds nobody from a socket that has a path. For the clipboard, which is asked for once it is needed: a
    /// thread that serves it from before would not be shut in.
    pub(super) display: Option<&'a Path>,
}

/// The file that lets one in at the X server (xauth(1)), where there is such a server and its clipboard is `wanted`. A
/// clipboard of Wayland takes more than may stay possible: files in the folder for temporary ones.
pub(super) fn authority(wanted: bool) -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if !wanted || set("DISPLAY").is_none() {
        return None;
    }
    let file = set("XAUTHORITY").map(PathBuf::from);
    file.or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".Xauthority")))
        .filter(|file| file.is_file())
}

/// Enters. Says why that was not possible, or not wholly; `None` where it was, and on systems where nothing of the kind
/// is there.
#[cfg(target_os = "linux")]
pub(super) fn enter(allowed: Allowed<'_>) -> Option<String> {
    use landlock::RulesetStatus::{FullyEnforced, NotEnforced, PartiallyEnforced};

    match linux::restrict(allowed) {
        Ok(FullyEnforced | PartiallyEnforced) => None,
        Ok(NotEnforced) => {
            Some("this kernel has no Landlock: what is read is analysed without that safety net".to_owned())
        }
        Err(error) => {
            Some(format!("Landlock cannot be used ({error}): the analysis runs without that safety net"))
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::path::Path;

    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
        RulesetCreatedAttr as _, RulesetStatus, Scope,
    };

    use super::Allowed;

    /// The newest version of Landlock that this was tried with; of older ones what they have is taken.
    const TRIED: ABI = ABI::V6;

    /// What making files takes.
    const MAKE: [AccessFs; 3] = [AccessFs::MakeReg, AccessFs::WriteFile, AccessFs::Truncate];

    /// The terminal of whoever asks (tty(4)).
    const TERMINAL: &str = "/dev/tty";

    pub(super) fn restrict(allowed: Allowed<'_>) -> Result<RulesetStatus, Box<dyn std::error::Error>> {
        let files = if allowed.lookups { AccessFs::from_write(TRIED) } else { AccessFs::from_all(TRIED) };
        let mut ruleset = Ruleset::default().handle_access(files)?.scope(Scope::from_all(TRIED))?;
        if !allowed.network && !allowed.lookups {
            ruleset = ruleset.handle_access(AccessNet::from_all(TRIED))?;
        }
        let mut rules = ruleset.create()?;
        if let Some(folder) = allowed.folder {
            rules = rules.add_rule(beneath(folder, MAKE.into_iter().collect())?)?;
        }
        // libpcap reads there what an interface dropped. Not every device has it: `any` does not.
        let counts = allowed.device.map(|device| Path::new("/sys/class/net").join(device).join("statistics"));
        if let Some(counts) = counts.filter(|counts| !allowed.lookups && counts.is_dir()) {
            rules = rules.add_rule(beneath(&counts, AccessFs::ReadFile.into())?)?;
        }
        let terminal = (AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev) & files;
        if let Some(display) = allowed.display.filter(|_| !allowed.lookups) {
            rules = rules.add_rule(beneath(display, AccessFs::ReadFile.into())?)?;
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

/// Enters: nothing of the kind is there on this system.
#[cfg(not(target_os = "linux"))]
pub(super) fn enter(_: Allowed<'_>) -> Option<String> {
    None
}
