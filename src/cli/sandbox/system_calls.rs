//! Which system calls the process may make: a filter in the kernel (seccomp(2)).
//!
//! A call that is not on the list fails as on a kernel that does not have it (`ENOSYS`), so that a
//! library of another version takes its older way, and a capture goes on. No list has what runs a
//! program, loads code, traces another process, or changes users and mounts; `clone` creates no
//! namespace, and `clone3`, whose flags a filter cannot read, fails: the C library takes `clone`.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

use super::Allowed;

/// What every command calls once its inputs and outputs are open: memory, threads, signals, clocks,
/// and reading, writing and waiting for what is open. Names are looked up (`statx`) to see that a
/// file was moved; Landlock does not hide them, either.
const ALWAYS: &[i64] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Threads. For `clone` see `conditions`.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_get_robust_list,
    libc::SYS_gettid,
    libc::SYS_membarrier,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    // Signals. For what sends them see `conditions`.
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    // Clocks and facts.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getcwd,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_getsid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_nanosleep,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    // What is open.
    libc::SYS_close,
    libc::SYS_copy_file_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_lseek,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_sendfile,
    libc::SYS_splice,
    libc::SYS_write,
    libc::SYS_writev,
    // What has a name.
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_newfstatat,
    libc::SYS_readlinkat,
    libc::SYS_statx,
    // Waiting.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_socketpair,
    // Sockets that are open: a device, metrics, the page of `web`, a service manager.
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
];

/// The older forms that processors have which had Linux before the others.
#[cfg(target_arch = "x86_64")]
const ALWAYS_OLDER: &[i64] = &[
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_dup2,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_eventfd,
    libc::SYS_getpgrp,
    libc::SYS_lstat,
    libc::SYS_pause,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const ALWAYS_OLDER: &[i64] = &[];

/// The signals that mcpdump raises in its own threads: an abort, Ctrl-Z, and those that end or stop
/// a process when they are caught a second time (`cli::signals`). SIGCONT ends nothing.
const RAISED: [i32; 7] =
    [libc::SIGABRT, libc::SIGCONT, libc::SIGHUP, libc::SIGINT, libc::SIGSTOP, libc::SIGTERM, libc::SIGTSTP];

/// The flags of `clone` that create namespaces (namespaces(7)).
const NEW_NAMESPACES: i32 = libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWTIME
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS;

/// What opens files. Landlock says which.
const OPENING: &[i64] = &[libc::SYS_getdents64, libc::SYS_openat];
#[cfg(target_arch = "x86_64")]
const OPENING_OLDER: &[i64] = &[libc::SYS_open];
#[cfg(not(target_arch = "x86_64"))]
const OPENING_OLDER: &[i64] = &[];

/// What creates files and directories.
const CREATING: &[i64] = &[libc::SYS_mkdirat];
#[cfg(target_arch = "x86_64")]
const CREATING_OLDER: &[i64] = &[libc::SYS_mkdir];
#[cfg(not(target_arch = "x86_64"))]
const CREATING_OLDER: &[i64] = &[];

/// What makes connections, sends to any address, and loads libraries that look names up.
const NETWORK: &[i64] = &[
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_listen,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_recvmmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_socket,
];

/// What the X server's clipboard needs; its socket is opened at the first copy.
const CLIPBOARD: &[i64] = &[libc::SYS_connect, libc::SYS_sendmsg, libc::SYS_socket];

/// Puts text into the input of a terminal, as if the user had typed it (ioctl_tty(2)).
const TIOCSTI: u64 = 0x5412;

/// The same with the selection of a console.
const TIOCLINUX: u64 = 0x541C;

/// Names an area of memory (prctl(2), `PR_SET_VMA`).
const PR_SET_VMA: u64 = 0x5356_4d41;

/// Length of a `sockaddr_nl` (netlink(7)). No address of another family has it.
const NETLINK_ADDRESS: u64 = 12;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;
type Built<T> = Result<T, seccompiler::BackendError>;

/// Restricts this thread, and those that it starts.
///
/// # Errors
/// Returns what is missing.
pub(super) fn restrict(allowed: Allowed<'_>) -> Result<(), String> {
    let failed = |why: &dyn std::fmt::Display| format!("system calls cannot be filtered ({why})");
    for program in programs(allowed).map_err(|error| failed(&error))? {
        apply_filter(&program).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// The filters, in the order in which they are installed: after the last, none can be. All are
/// asked for each call, the strictest answer counts.
fn programs(allowed: Allowed<'_>) -> Built<Vec<BpfProgram>> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let calls = SeccompFilter::new(rules(allowed)?, unknown, SeccompAction::Allow, arch)?;
    let mut programs = Vec::new();
    if let Some(families) = other_families(allowed)? {
        // libpcap lists devices of kinds that a kernel may lack.
        let unsupported = SeccompAction::Errno(libc::EAFNOSUPPORT.unsigned_abs());
        programs.push(SeccompFilter::new(families, SeccompAction::Allow, unsupported, arch)?.try_into()?);
    }
    programs.push(calls.try_into()?);
    Ok(programs)
}

/// The calls that are allowed; without rules of its own a call is allowed with any arguments.
fn rules(allowed: Allowed<'_>) -> Built<Rules> {
    let uses_network = allowed.network || allowed.lookups;
    let has_directory = allowed.directory.is_some();
    let opens = uses_network
        || has_directory
        || allowed.readable.is_some()
        || allowed.device.is_some()
        || allowed.terminal
        || allowed.xauthority.is_some();
    let mut calls: Rules = conditions(allowed)?;
    let mut allow = |lists: &[&[i64]]| {
        for call in lists.iter().flat_map(|list| list.iter()) {
            calls.insert(*call, Vec::new());
        }
    };
    allow(&[ALWAYS, ALWAYS_OLDER]);
    if opens {
        allow(&[OPENING, OPENING_OLDER]);
    }
    if has_directory {
        allow(&[CREATING, CREATING_OLDER]);
    }
    if allowed.xauthority.is_some() {
        allow(&[CLIPBOARD]);
    }
    if allowed.device.is_some() {
        allow(&[&[libc::SYS_socket]]);
    }
    if uses_network {
        allow(&[NETWORK]);
    }
    Ok(calls)
}

/// Calls that are allowed with some arguments only. One rule has to fit, with all its conditions.
fn conditions(allowed: Allowed<'_>) -> Built<Rules> {
    let own = u64::from(std::process::id());
    let argument = SeccompCondition::new;
    let one = |condition: SeccompCondition| SeccompRule::new(vec![condition]);
    let not_executable = argument(2, Dword, MaskedEq(libc::PROT_EXEC.unsigned_abs().into()), 0)?;
    let no_input = vec![argument(1, Dword, Ne, TIOCSTI)?, argument(1, Dword, Ne, TIOCLINUX)?];
    let names =
        [libc::PR_SET_NAME.unsigned_abs().into(), libc::PR_GET_NAME.unsigned_abs().into(), PR_SET_VMA];
    let names = names.into_iter().map(|option| one(argument(0, Dword, Eq, option)?));
    let mut sends = vec![one(argument(4, Qword, Eq, 0)?)?];
    let no_namespace = argument(0, Dword, MaskedEq(NEW_NAMESPACES.unsigned_abs().into()), 0)?;
    let mut rules = Rules::from([
        (libc::SYS_clone, vec![one(no_namespace)?]),
        (libc::SYS_ioctl, vec![SeccompRule::new(no_input)?]),
        (libc::SYS_prctl, names.collect::<Built<_>>()?),
        // Ctrl-Z stops the process group, which is 0.
        (libc::SYS_kill, vec![one(argument(0, Dword, Eq, own)?)?, one(argument(0, Dword, Eq, 0)?)?]),
        (libc::SYS_tgkill, vec![one(argument(0, Dword, Eq, own)?)?]),
        (libc::SYS_mmap, vec![one(not_executable.clone())?]),
        (libc::SYS_mprotect, vec![one(not_executable)?]),
    ]);
    if cfg!(target_env = "musl") {
        rules.insert(libc::SYS_tkill, raising()?);
    }
    if allowed.device.is_some() {
        // The list of devices comes from the kernel, over a netlink socket.
        sends.push(one(argument(5, Dword, Eq, NETLINK_ADDRESS)?)?);
        rules.insert(libc::SYS_bind, vec![one(argument(2, Dword, Eq, NETLINK_ADDRESS)?)?]);
    }
    // To the peer of a connection.
    rules.insert(libc::SYS_sendto, sends);
    Ok(rules)
}

/// The conditions of `tkill`, with which musl raises signals in place of `tgkill`. It names a
/// thread and no process, so a condition on the signal is all there is.
fn raising() -> Built<Vec<SeccompRule>> {
    let rule = |signal: i32| {
        let condition = SeccompCondition::new(1, Dword, Eq, signal.unsigned_abs().into())?;
        SeccompRule::new(vec![condition])
    };
    RAISED.into_iter().map(rule).collect()
}

/// The sockets that cannot be opened; `None` if all can, or none.
fn other_families(allowed: Allowed<'_>) -> Built<Option<Rules>> {
    if allowed.network || allowed.lookups {
        return Ok(None);
    }
    let mut others = Vec::new();
    let family = |family: i32| u64::from(family.unsigned_abs());
    if allowed.device.is_some() {
        // State of a device (netdevice(7)): these sockets send no datagram, `sendto` is restricted.
        // libpcap's own handle is open before. It is a packet socket that is bound to the device
        // (packet(7)), and write(2) on it sends a frame.
        others.extend([family(libc::AF_INET), family(libc::AF_INET6), family(libc::AF_NETLINK)]);
    }
    if allowed.xauthority.is_some() {
        others.push(family(libc::AF_UNIX));
    }
    let others = others.into_iter().map(|family| SeccompCondition::new(0, Dword, Ne, family));
    let others = others.collect::<Built<Vec<_>>>()?;
    if others.is_empty() {
        return Ok(None);
    }
    Ok(Some(Rules::from([(libc::SYS_socket, vec![SeccompRule::new(others)?])])))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io;
    use std::net::UdpSocket;
    use std::os::unix::net::UnixStream;
    use std::path::Path;
    use std::process::Command;
    use std::thread;

    use super::*;

    /// Runs on a thread with a filter, which ends with it.
    fn within<T: Send + 'static>(allowed: Allowed<'static>, work: impl FnOnce() -> T + Send + 'static) -> T {
        thread::spawn(move || {
            restrict(allowed).unwrap();
            work()
        })
        .join()
        .unwrap()
    }

    fn code<T>(result: io::Result<T>) -> Option<i32> {
        result.err().and_then(|error| error.raw_os_error())
    }

    #[test]
    fn no_file_is_opened_and_no_program_runs() {
        let opened = within(Allowed::default(), || code(File::open("/dev/null")));
        assert_eq!(opened, Some(libc::ENOSYS));
        let ran =
            within(Allowed { terminal: true, ..Allowed::default() }, || code(Command::new("true").status()));
        assert!(ran.is_some());
    }

    #[test]
    fn files_are_opened_where_some_may_be() {
        let readable = Some(Path::new("/dev"));
        assert_eq!(
            within(Allowed { readable, ..Allowed::default() }, || code(File::open("/dev/null"))),
            None
        );
    }

    #[test]
    fn sockets_are_those_that_are_needed() {
        let sockets = || (code(UdpSocket::bind("127.0.0.1:0")), code(UnixStream::connect("/absent")));
        assert_eq!(within(Allowed::default(), sockets), (Some(libc::ENOSYS), Some(libc::ENOSYS)));
        let x11 = Allowed { xauthority: Some(Path::new("/dev/null")), ..Allowed::default() };
        assert_eq!(within(x11, sockets), (Some(libc::EAFNOSUPPORT), Some(libc::ENOENT)));
        let network = Allowed { network: true, ..Allowed::default() };
        assert_eq!(within(network, sockets), (None, Some(libc::ENOENT)));
    }

    /// Sockets for the state of devices send nothing.
    #[test]
    fn a_capture_sends_no_datagram() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let device = Allowed { device: Some("lo"), ..Allowed::default() };
        let sent = within(device, move || code(socket.send_to(b"x", "127.0.0.1:9")));
        assert_eq!(sent, Some(libc::ENOSYS));
        let opened = within(device, || code(UnixStream::connect("/absent")));
        assert_eq!(opened, Some(libc::EAFNOSUPPORT));
        assert!(within(device, || pcap::Device::list().is_ok_and(|list| !list.is_empty())));
    }

    #[test]
    fn threads_signals_and_memory_work() {
        let sum = within(Allowed::default(), || {
            signal_hook::low_level::raise(libc::SIGCONT).unwrap();
            let parts = (0..4_u64).map(|n| thread::spawn(move || vec![n; 1 << 20].iter().sum::<u64>()));
            parts.collect::<Vec<_>>().into_iter().map(|part| part.join().unwrap()).sum::<u64>()
        });
        assert_eq!(sum, 6 << 20);
    }

    /// What a filter answers to a call: 0 if it is allowed, else the error. Runs the instructions
    /// that seccompiler emits on a `seccomp_data` (seccomp(2)), little-endian.
    fn answered(program: &BpfProgram, call: i64, arguments: [u64; 6]) -> i32 {
        let data = |at: u32| match at {
            0 => u32::try_from(call).unwrap(),
            // The first instructions end a process of another processor.
            4 => program[1].k,
            _ => {
                let argument = arguments[(at as usize - 16) / 8];
                u32::try_from(if at.is_multiple_of(8) { argument & 0xffff_ffff } else { argument >> 32 })
                    .unwrap()
            }
        };
        let (mut at, mut value) = (0_usize, 0_u32);
        loop {
            let step = &program[at];
            at += 1;
            let holds = match step.code {
                0x20 => {
                    value = data(step.k);
                    continue;
                }
                0x54 => {
                    value &= step.k;
                    continue;
                }
                0x05 => {
                    at += step.k as usize;
                    continue;
                }
                0x06 if step.k == libc::SECCOMP_RET_ALLOW => return 0,
                0x06 => {
                    assert_eq!(step.k & libc::SECCOMP_RET_ACTION_FULL, libc::SECCOMP_RET_ERRNO);
                    return i32::try_from(step.k & libc::SECCOMP_RET_DATA).unwrap();
                }
                0x15 => value == step.k,
                0x25 => value > step.k,
                0x35 => value >= step.k,
                code => panic!("instruction {code:#x}"),
            };
            at += usize::from(if holds { step.jt } else { step.jf });
        }
    }

    #[test]
    fn threads_are_created_and_namespaces_are_not() {
        let all = Allowed { device: Some("lo"), terminal: true, network: true, ..Allowed::default() };
        for allowed in [Allowed::default(), all] {
            let programs = programs(allowed).unwrap();
            let calls = programs.last().unwrap();
            let thread = libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND;
            let thread = u64::from((thread | libc::CLONE_THREAD | libc::CLONE_SETTLS).unsigned_abs());
            assert_eq!(answered(calls, libc::SYS_clone, [thread, 0, 0, 0, 0, 0]), 0);
            for flag in [libc::CLONE_NEWUSER, libc::CLONE_NEWNET, libc::CLONE_NEWNS, libc::CLONE_NEWPID] {
                let flag = u64::from(flag.unsigned_abs());
                assert_eq!(answered(calls, libc::SYS_clone, [thread | flag, 0, 0, 0, 0, 0]), libc::ENOSYS);
                assert_eq!(answered(calls, libc::SYS_unshare, [flag, 0, 0, 0, 0, 0]), libc::ENOSYS);
            }
            for call in [libc::SYS_clone3, libc::SYS_setns, libc::SYS_mount, libc::SYS_execve] {
                assert_eq!(answered(calls, call, [0; 6]), libc::ENOSYS);
            }
        }
    }

    #[test]
    fn signals_go_to_this_process() {
        let programs = programs(Allowed::default()).unwrap();
        let calls = programs.last().unwrap();
        let own = u64::from(std::process::id());
        let abort = u64::from(libc::SIGABRT.unsigned_abs());
        assert_eq!(answered(calls, libc::SYS_kill, [own, abort, 0, 0, 0, 0]), 0);
        assert_eq!(answered(calls, libc::SYS_kill, [1, abort, 0, 0, 0, 0]), libc::ENOSYS);
        assert_eq!(answered(calls, libc::SYS_tgkill, [own, own, abort, 0, 0, 0]), 0);
        assert_eq!(answered(calls, libc::SYS_tgkill, [1, 1, abort, 0, 0, 0]), libc::ENOSYS);
    }

    /// With musl; the rules are those of every C library.
    #[test]
    fn the_signals_of_a_thread_are_those_that_are_raised() {
        let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
        let rules = Rules::from([(libc::SYS_tkill, raising().unwrap())]);
        let refused = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
        let filter = SeccompFilter::new(rules, refused, SeccompAction::Allow, arch).unwrap();
        let program: BpfProgram = filter.try_into().unwrap();
        let answer =
            |signal: i32| answered(&program, libc::SYS_tkill, [7, signal.unsigned_abs().into(), 0, 0, 0, 0]);
        assert!(RAISED.into_iter().all(|signal| answer(signal) == 0));
        for signal in [libc::SIGKILL, libc::SIGSEGV, libc::SIGUSR1, libc::SIGQUIT] {
            assert_eq!(answer(signal), libc::ENOSYS, "{signal}");
        }
    }

    #[test]
    fn every_filter_is_small_enough() {
        for network in [false, true] {
            let all = Allowed { device: Some("lo"), terminal: true, network, ..Allowed::default() };
            for program in programs(all).unwrap() {
                // The kernel's limit is 4,096 instructions (BPF_MAXINSNS).
                assert!(program.len() < 1000, "{}", program.len());
            }
        }
    }
}
