//! Sandbox of the process: traffic is untrusted, so a bug in its analysis must not reach beyond the
//! outputs.
//!
//! On Linux it is Landlock (`files`, <https://docs.kernel.org/userspace-api/landlock.html>) and a
//! filter of system calls (`system_calls`, seccomp(2)). When it is entered, all inputs and outputs
//! are open: afterwards the process can open no files, except the next one of a rotation, can make
//! no connections, run no programs and gain no privileges. Enter it before threads are started:
//! only later threads inherit it.

mod allowed;
#[cfg(target_os = "linux")]
mod files;
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
))]
mod system_calls;

pub(super) use allowed::{Allowed, xauthority};

/// Enters the sandbox. Returns a warning if a part of it failed; `None` on success, without
/// sandbox, and on systems that have none.
#[cfg(target_os = "linux")]
pub(super) fn enter(allowed: Allowed<'_>) -> Option<String> {
    if allowed.everything {
        return None;
    }
    let warnings = [files::restrict(allowed), restrict_system_calls(allowed)];
    let warnings: Vec<String> = warnings.into_iter().filter_map(Result::err).collect();
    (!warnings.is_empty()).then(|| format!("{}: the analysis is not fully in a sandbox", warnings.join("; ")))
}

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
))]
fn restrict_system_calls(allowed: Allowed<'_>) -> Result<(), String> {
    system_calls::restrict(allowed)
}

/// The numbers of the system calls of this processor are not known here.
#[cfg(all(
    target_os = "linux",
    not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))
))]
fn restrict_system_calls(_: Allowed<'_>) -> Result<(), String> {
    Ok(())
}

/// Does nothing on this system.
#[cfg(not(target_os = "linux"))]
pub(super) fn enter(_: Allowed<'_>) -> Option<String> {
    None
}
