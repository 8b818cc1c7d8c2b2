//! Privileges of the process: root is dropped once the device is open, as tcpdump does.

use crate::capture::live;

/// Becomes `user` (`-Z`), or else the user who ran sudo; root without sudo stays root. Drops groups
/// and, on Linux, all capabilities. Call it when everything that needs privileges is open, and
/// before threads are started.
///
/// `creates_files` says that files will be created later: if the process stays root, it keeps the
/// capability to create them in other users' directories. Returns the user that the process became;
/// `None` if the user did not change.
///
/// # Errors
/// There is no such user, or the system refuses.
#[cfg(unix)]
pub(super) fn drop_root(user: Option<&str>, creates_files: bool) -> anyhow::Result<Option<String>> {
    #[cfg(target_os = "linux")]
    linux::drop_bounding_set()?;
    let new_user = unix::become_other(user)?;
    #[cfg(target_os = "linux")]
    linux::drop_capabilities(creates_files)?;
    #[cfg(not(target_os = "linux"))]
    let _ = creates_files;
    Ok(new_user)
}

/// Drops the privileges of a set-user-ID program: saved captures are read as the user who runs it.
///
/// # Errors
/// The system refuses.
#[cfg(unix)]
pub(super) fn drop_setuid() -> anyhow::Result<()> {
    use anyhow::Context as _;
    use nix::unistd::{getgid, getuid, setgid, setuid};

    setgid(getgid()).and_then(|()| setuid(getuid())).context("the set-user-ID privileges cannot be dropped")
}

#[cfg(unix)]
mod unix {
    use std::ffi::CString;

    use anyhow::{Context as _, bail};
    use nix::unistd::{Uid, User, getuid, setgid, setuid};

    /// Becomes another user if the process is root. Returns which, `None` if it stays root.
    pub(super) fn become_other(requested: Option<&str>) -> anyhow::Result<Option<String>> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        let Some(user) = target_user(requested)? else {
            return Ok(None);
        };
        let switch = || -> nix::Result<()> {
            groups(&user)?;
            setgid(user.gid)?;
            setuid(user.uid)
        };
        switch().with_context(|| format!("{}: cannot become this user; -Z root stays root", user.name))?;
        if setuid(Uid::from_raw(0)).is_ok() {
            bail!("{}: root could be regained after dropping it; refusing to run", user.name);
        }
        Ok(Some(user.name))
    }

    /// Returns the user to become; `None` to stay root.
    ///
    /// For a set-user-ID program it is the user who runs it, whatever `-Z` says: `-Z root -w FILE`
    /// would let anybody write any file.
    fn target_user(requested: Option<&str>) -> anyhow::Result<Option<User>> {
        let sudo = std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty());
        let user = match (requested, sudo) {
            _ if !getuid().is_root() => {
                let user =
                    User::from_uid(getuid()).context("the user who runs mcpdump cannot be looked up")?;
                Some(user.with_context(|| format!("user {}, who runs mcpdump, does not exist", getuid()))?)
            }
            (Some(name), _) => {
                let user =
                    User::from_name(name).with_context(|| format!("-Z {name}: cannot be looked up"))?;
                Some(user.with_context(|| format!("-Z {name}: no such user"))?)
            }
            (None, Some(name)) => {
                let user = User::from_name(&name).with_context(|| format!("{name}: cannot be looked up"))?;
                Some(
                    user.with_context(|| {
                        format!("{name}, who ran sudo, does not exist: name a user with -Z")
                    })?,
                )
            }
            (None, None) => None,
        };
        Ok(user.filter(|user| !user.uid.is_root()))
    }

    /// Sets the groups of the user, and no others.
    #[cfg(not(target_vendor = "apple"))]
    fn groups(user: &User) -> nix::Result<()> {
        let name = CString::new(user.name.as_str()).map_err(|_| nix::errno::Errno::EINVAL)?;
        nix::unistd::initgroups(&name, user.gid)
    }

    /// Does nothing: on macOS the groups follow from the user.
    #[cfg(target_vendor = "apple")]
    fn groups(_: &User) -> nix::Result<()> {
        Ok(())
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use anyhow::Context as _;
    use caps::{CapSet, Capability, CapsHashSet};

    /// Drops the capabilities that an executed program could gain, if permitted.
    pub(super) fn drop_bounding_set() -> anyhow::Result<()> {
        let drop = || match caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
            true => caps::clear(None, CapSet::Bounding),
            false => Ok(()),
        };
        drop().context("the bounding set of capabilities cannot be dropped")
    }

    /// Drops every capability. If `creates_files`, root keeps the one to create files in any
    /// directory.
    pub(super) fn drop_capabilities(creates_files: bool) -> anyhow::Result<()> {
        let is_root = nix::unistd::Uid::effective().is_root();
        let drop = || -> Result<(), caps::errors::CapsError> {
            let overrides = Capability::CAP_DAC_OVERRIDE;
            let mut left = CapsHashSet::new();
            if is_root && creates_files && caps::has_cap(None, CapSet::Permitted, overrides)? {
                left.insert(overrides);
            }
            caps::set(None, CapSet::Inheritable, &CapsHashSet::new())?;
            caps::set(None, CapSet::Effective, &left)?;
            caps::set(None, CapSet::Permitted, &left)
        };
        drop().context("the capabilities cannot be dropped")
    }
}

/// Does nothing on this system.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub(super) fn drop_root(_: Option<&str>, _: bool) -> anyhow::Result<Option<String>> {
    Ok(None)
}

/// Does nothing on this system.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub(super) fn drop_setuid() -> anyhow::Result<()> {
    Ok(())
}

/// Returns the message for a device that cannot be captured on; if a permission is missing, with
/// how to get it.
pub(super) fn explain(error: &live::Error) -> String {
    match error {
        live::Error::NotAllowed { .. } => format!("{error}\n{}", permission_instructions()),
        live::Error::Filter { .. } | live::Error::NoDevice { .. } | live::Error::Other { .. } => {
            error.to_string()
        }
    }
}

/// Explains how to get permission to capture.
#[cfg(target_os = "linux")]
pub(super) fn permission_instructions() -> String {
    let binary = std::env::current_exe().and_then(std::fs::canonicalize);
    let binary = binary.map_or_else(|_| "mcpdump".to_owned(), |path| path.display().to_string());
    let quoted = format!("'{}'", binary.replace('\'', r"'\''"));
    format!(
        "  sudo setcap cap_net_raw,cap_net_admin=eip {quoted}\n  \
         lets everybody who may run this binary capture; or run it with sudo"
    )
}

/// Explains how to get permission to capture.
#[cfg(not(target_os = "linux"))]
pub(super) fn permission_instructions() -> String {
    "  run it with sudo, or make /dev/bpf* readable for your user (on macOS, Wireshark's ChmodBPF does so)"
        .to_owned()
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instructions_are_a_shell_command() {
        let message = explain(&live::Error::NotAllowed { device: "lo".into(), why: "no".into() });
        let line = message.lines().nth(1).unwrap();
        assert!(line.starts_with("  sudo setcap cap_net_raw,cap_net_admin=eip '/"), "{message}");
        assert!(line.ends_with('\''), "{message}");
    }

    #[test]
    fn an_unknown_user_is_named_in_the_error() {
        if !nix::unistd::Uid::effective().is_root() {
            return;
        }
        let error = unix::become_other(Some("nobody-here")).unwrap_err();
        assert_eq!(error.to_string(), "-Z nobody-here: no such user");
        assert_eq!(unix::become_other(Some("root")).unwrap(), None);
    }
}
