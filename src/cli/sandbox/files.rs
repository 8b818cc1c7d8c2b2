//! What files and connections are open to the process: Landlock.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope,
};

use super::Allowed;

/// Newest version of Landlock that was tested. Of older ones the available restrictions are
/// used.
const TESTED: ABI = ABI::V6;

/// Permissions to create and write files, and directories for them.
const CREATE: [AccessFs; 4] = [AccessFs::MakeReg, AccessFs::MakeDir, AccessFs::WriteFile, AccessFs::Truncate];

/// Controlling terminal of the process (tty(4)).
const TERMINAL: &str = "/dev/tty";

/// Restricts this thread, and those that it starts.
///
/// # Errors
/// Returns what is missing.
pub(super) fn restrict(allowed: Allowed<'_>) -> Result<(), String> {
    match rules(allowed) {
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => Ok(()),
        Ok(RulesetStatus::NotEnforced) => Err("this kernel has no Landlock".to_owned()),
        Err(error) => Err(format!("Landlock cannot be used ({error})")),
    }
}

fn rules(allowed: Allowed<'_>) -> Result<RulesetStatus, Box<dyn std::error::Error>> {
    let files = if allowed.lookups { AccessFs::from_write(TESTED) } else { AccessFs::from_all(TESTED) };
    let mut ruleset = Ruleset::default().handle_access(files)?.scope(Scope::from_all(TESTED))?;
    if !allowed.lookups {
        // What listens was bound before.
        let denied = if allowed.network { AccessNet::BindTcp.into() } else { AccessNet::from_all(TESTED) };
        ruleset = ruleset.handle_access(denied)?;
    }
    let mut rules = ruleset.create()?;
    if let Some(directory) = allowed.directory {
        rules = rules.add_rule(beneath(directory, CREATE.into_iter().collect())?)?;
    }
    if let (Some(directory), false) = (allowed.readable, allowed.lookups) {
        rules = rules.add_rule(beneath(directory, AccessFs::ReadFile.into())?)?;
    }
    // libpcap reads the drop counters there. The device `any` has none.
    let counters = allowed.device.map(|device| Path::new("/sys/class/net").join(device).join("statistics"));
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
