//! Who the process is: root's rights are given up once they are not needed any more, as tcpdump does.

use crate::capture::live;

/// Gives up root for the user that is `asked` for (`-Z`), or else for the one that ran sudo; root without sudo stays root.
/// Groups go too, and on Linux all capabilities. To be called when everything is open that needs a right, before
/// there are threads. `creates` says that files will be made later: root that stays root then keeps the right to do so
/// in folders of others. Says which user the process became; `None` where it is who it was.
///
/// # Errors
/// There is no such user, or the system does not let the rights go.
#[cfg(unix)]
pub(super) fn give_up(asked: Option<&str>, creates: bool) -> anyhow::Result<Option<String>> {
    #[cfg(target_os = "linux")]
    linux::drop_bounds()?;
    let user = unix::become_other(asked)?;
    #[cfg(target_os = "linux")]
    linux::drop_capabilities(creates)?;
    #[cfg(not(target_os = "linux"))]
    let _ = creates;
    Ok(user)
}

/// Gives up what a set-user-ID program has beyond who runs it: saved captures are read with one's own rights.
///
/// # Errors
/// The system does not let the rights go.
#[cfg(unix)]
pub(super) fn give_up_lent() -> anyhow::Result<()> {
    use anyhow::Context as _;
    use nix::unistd::{getgid, getuid, setgid, setuid};

    setgid(getgid()).and_then(|()| setuid(getuid())).context("the rights of this program cannot be given up")
}

#[cfg(unix)]
mod unix {
    use std::ffi::CString;

    use anyhow::{Context as _, bail};
    use nix::unistd::{Uid, User, getuid, setgid, setuid};

    /// Becomes another user where the process is root and is to. Says which.
    pub(super) fn become_other(asked: Option<&str>) -> anyhow::Result<Option<String>> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        let Some(user) = other(asked)? else {
            return Ok(None);
        };
        let leave = || -> nix::Result<()> {
            groups(&user)?;
            setgid(user.gid)?;
            setuid(user.uid)
        };
        leave().with_context(|| format!("{}: cannot become this user; -Z root stays root", user.name))?;
        if setuid(Uid::from_raw(0)).is_ok() {
            bail!("{}: root's rights could be had back, which must not be", user.name);
        }
        Ok(Some(user.name))
    }

    /// Whom to become: who ran a set-user-ID program (whatever they ask for: `-Z root -w FILE` would let everybody write
    /// any file), the user of -Z, who ran sudo. `None`: root it is.
    fn other(asked: Option<&str>) -> anyhow::Result<Option<User>> {
        let sudo = std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty());
        let user = match (asked, sudo) {
            _ if !getuid().is_root() => {
                let user = User::from_uid(getuid()).context("who runs this cannot be looked up")?;
                Some(user.with_context(|| format!("user {}, who runs this, is no user", getuid()))?)
            }
            (Some(name), _) => {
                let user =
                    User::from_name(name).with_context(|| format!("-Z {name}: cannot be looked up"))?;
                Some(user.with_context(|| format!("-Z {name}: there is no such user"))?)
            }
            (None, Some(name)) => {
                let user = User::from_name(&name).with_context(|| format!("{name}: cannot be looked up"))?;
                Some(
                    user.with_context(|| format!("{name}, who ran sudo, is no user; -Z says who to become"))?,
                )
            }
            (None, None) => None,
        };
        Ok(user.filter(|user| !user.uid.is_root()))
    }

    /// Takes the groups of the user, and no others.
    #[cfg(not(target_vendor = "apple"))]
    fn groups(user: &User) -> nix::Result<()> {
        let name = CString::new(user.name.as_str()).map_err(|_| nix::errno::Errno::EINVAL)?;
        nix::unistd::initgroups(&name, user.gid)
    }

    /// Takes the groups of the user: macOS has them follow from the user.
    #[cfg(target_vendor = "apple")]
    fn groups(_: &User) -> nix::Result<()> {
        Ok(())
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use anyhow::Context as _;
    use caps::{CapSet, Capability, CapsHashSet};

    /// Drops what a program that were run could get, where that may be done.
    pub(super) fn drop_bounds() -> anyhow::Result<()> {
        let drop = || match caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
            true => caps::clear(None, CapSet::Bounding),
            false => Ok(()),
        };
        drop().context("the bounding set of capabilities cannot be given up")
    }

    /// Drops every capability; root that makes files keeps the one for folders of others.
    pub(super) fn drop_capabilities(creates: bool) -> anyhow::Result<()> {
        let root = nix::unistd::Uid::effective().is_root();
        let drop = || -> Result<(), caps::errors::CapsError> {
            let overrides = Capability::CAP_DAC_OVERRIDE;
            let mut left = CapsHashSet::new();
            if root && creates && caps::has_cap(None, CapSet::Permitted, overrides)? {
                left.insert(overrides);
            }
            caps::set(None, CapSet::Inheritable, &CapsHashSet::new())?;
            caps::set(None, CapSet::Effective, &left)?;
            caps::set(None, CapSet::Permitted, &left)
        };
        drop().context("the rights to capture cannot be given up")
    }
}

/// Gives up rights: nothing of the kind is there on this system.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub(super) fn give_up(_: Option<&str>, _: bool) -> anyhow::Result<Option<String>> {
    Ok(None)
}

/// Gives up what is lent: nothing of the kind is there on this system.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub(super) fn give_up_lent() -> anyhow::Result<()> {
    Ok(())
}

/// What to say where a device cannot be captured on: where a right is missing, how to get it.
pub(super) fn advice(error: &live::Error) -> String {
    match error {
        live::Error::NotAllowed { .. } => format!("{error}\n{}", remedy()),
        live::Error::Filter { .. } | live::Error::NoDevice { .. } | live::Error::Other { .. } => {
            error.to_string()
        }
    }
}

/// How this binary gets the right to capture.
#[cfg(target_os = "linux")]
pub(super) fn remedy() -> String {
    let binary = std::env::current_exe().and_then(std::fs::canonicalize);
    let binary = binary.map_or_else(|_| "mcpdump".to_owned(), |path| path.display().to_string());
    let quoted = format!("'{}'", binary.replace('\'', r"'\''"));
    format!(
        "  sudo setcap cap_net_raw,cap_net_admin=eip {quoted}\n  \
         gives it to everybody who may run this binary; else run it with sudo"
    )
}

/// How this binary gets the right to capture.
#[cfg(not(target_os = "linux"))]
pub(super) fn remedy() -> String {
    "  run it with sudo, or let your user read /dev/bpf* (on macOS Wireshark's ChmodBPF does that)".to_owned()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_is_a_line_for_a_shell() {
        let message = advice(&live::Error::NotAllowed { device: "lo".into(), why: "no".into() });
        let line = message.lines().nth(1).unwrap();
        assert!(line.starts_with("  sudo setcap cap_net_raw,cap_net_admin=eip '/"), "{message}");
        assert!(line.ends_with('\''), "{message}");
    }

    #[test]
    fn a_user_that_is_not_there_is_named() {
        if !nix::unistd::Uid::effective().is_root() {
            return;
        }
        let error = unix::become_other(Some("no such user")).unwrap_err();
        assert_eq!(error.to_string(), "-Z no such user: there is no such user");
        assert_eq!(unix::become_other(Some("root")).unwrap(), None);
    }
}
