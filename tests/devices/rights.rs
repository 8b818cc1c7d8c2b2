//! Privileges: what happens without the right to capture, and which privileges are dropped once the
//! device is open.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::dump::{Dump, PATIENCE, allowed, can_capture, is_root, kept, mcpdump, plain, until};
use super::traffic::Traffic;
use crate::support::tmux::Tmux;

/// Makes a directory readable and writable for all users.
fn open(directory: &Path) {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
}

/// Copies the program in another process: a process started meanwhile by another test would inherit
/// the open copy, and a file open for writing cannot be run.
fn copy_program(to: &Path) {
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_mcpdump")).arg(to).status().unwrap();
    assert!(copied.success());
    // Whatever umask the tests run with.
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn without_the_right_to_capture_the_message_says_how_to_get_it() {
    if !is_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    open(directory.path());
    let binary = directory.path().join("it's mcpdump");
    copy_program(&binary);
    let run = |arguments: &[&str]| {
        let mut command = plain("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]);
        command.arg(&binary).args(arguments).output().unwrap()
    };
    let output = run(&["list", "-i", "lo"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{message}");
    let path = fs::canonicalize(&binary).unwrap().display().to_string().replace('\'', r"'\''");
    let line = format!("sudo setcap cap_net_raw,cap_net_admin=eip '{path}'\n");
    assert!(
        message.starts_with("mcpdump: lo: no permission to capture") && message.contains(&line),
        "{message}"
    );

    let output = run(&["interfaces"]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(table.contains("no permission") && table.contains(&line), "{table}");
}

#[test]
fn interfaces_lists_the_devices() {
    if !can_capture() {
        return;
    }
    let output = mcpdump().arg("interfaces").output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    let line = table.lines().find(|line| line.starts_with("lo ")).unwrap();
    for word in ["up", "yes", "127.0.0.1", "(loopback)"] {
        assert!(line.contains(word), "{line}");
    }
}

#[test]
fn an_unknown_device_is_reported_with_those_that_exist() {
    if !can_capture() {
        return;
    }
    let output = mcpdump().args(["list", "-i", "absent0"]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("absent0: no such device; there are: ") && message.contains("lo"), "{message}");
}

#[test]
fn root_becomes_the_user_that_ran_sudo() {
    if !is_root() {
        return;
    }
    for (variable, arguments) in [(Some("nobody"), [].as_slice()), (Some("root"), &["-Z", "nobody"])] {
        let directory = tempfile::tempdir().unwrap();
        open(directory.path());
        let file = directory.path().join("kept.pcapng");
        let traffic = Traffic::new();
        let mut command = mcpdump();
        command.envs(variable.map(|user| ("SUDO_USER", user))).args(arguments);
        command.args(["-i", "lo", "-w"]).arg(&file).arg(traffic.filter());
        let dump = Dump::start_command(command);
        let nobody = fs::metadata(&file).unwrap().uid();
        assert_ne!(nobody, 0);
        assert_eq!(dump.field("Uid:").split_whitespace().collect::<Vec<_>>(), vec![nobody.to_string(); 4]);
        assert!(dump.field("Gid:").split_whitespace().all(|gid| gid != "0"));
        assert!(dump.field("Groups:").split_whitespace().all(|gid| gid != "0"));
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(dump.mask(set), 0, "{set}");
        }
        traffic.make(3, 10);
        assert_eq!(dump.interrupt().with(0).lines().count(), 3);
        assert!(kept(&file).len() > 6);
    }
}

/// Otherwise every user who may run the program could read and write any file as root.
#[test]
fn a_set_user_id_program_opens_devices_only() {
    if !is_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    open(directory.path());
    let binary = directory.path().join("mcpdump");
    copy_program(&binary);
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o4755)).unwrap();
    let run = || {
        let mut command = plain("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&binary);
        command
    };
    let secret = directory.path().join("secret");
    fs::write(&secret, "of root").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let output = run().arg("list").arg(&secret).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(message.contains("no permission to read it"), "{message}");

    let kept = directory.path().join("kept");
    let output = run().args(["-Z", "root", "-i", "lo", "--for", "100ms", "-w"]).arg(&kept).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    if message.contains("no permission to capture") {
        allowed(Err("set-user-ID programs have no effect where temporary files are".to_owned()));
        return;
    }
    assert_eq!(output.status.code(), Some(0), "{message}");
    assert_eq!(fs::metadata(&kept).unwrap().uid(), 65534);
}

#[test]
fn an_unknown_user_is_refused() {
    if !is_root() {
        return;
    }
    let output = mcpdump().args(["-i", "lo", "-Z", "nobody-here"]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(message, "mcpdump: -Z nobody-here: no such user\n");
}

#[test]
fn a_file_is_read_without_any_rights() {
    let mut command = mcpdump();
    command.args(["list", "-"]).stdin(Stdio::piped());
    let dump = Dump::spawn(command);
    until("it shuts itself in", PATIENCE, || dump.field("NoNewPrivs:") == "1");
    for set in ["CapInh:", "CapPrm:", "CapEff:"] {
        assert_eq!(dump.mask(set), 0, "{set}");
    }
}

/// The output folder is moved away and another takes its name: the sandbox must refuse to create
/// the next file there.
#[test]
fn the_sandbox_allows_the_output_folder_only() {
    if !can_capture() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (folder, moved) = (directory.path().join("folder"), directory.path().join("moved"));
    fs::create_dir(&folder).unwrap();
    let traffic = Traffic::new();
    let mut command = mcpdump();
    command.args(["list", "-i", "lo", "-C", "1kB", "-w"]).arg(folder.join("lo")).arg(traffic.filter());
    let dump = Dump::start_command(command);
    assert_eq!(dump.field("NoNewPrivs:"), "1");
    fs::rename(&folder, &moved).unwrap();
    fs::create_dir(&folder).unwrap();
    traffic.make(20, 1000);
    let ended = dump.interrupt();
    if ended.stderr.contains("this kernel has no Landlock") {
        eprintln!("no Landlock here: only that no privileges can be gained is shown");
        assert!(folder.join("lo1").exists());
        return;
    }
    ended.with(1);
    ended.says(&["lo1: cannot be written: Permission denied"]);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    assert!(!kept(&moved.join("lo")).is_empty());
}

/// A secret configuration file; an error message about it would quote it.
fn write_secret(directory: &Path) {
    let folder = directory.join("mcpdump");
    fs::create_dir(&folder).unwrap();
    let secret = directory.join("root's");
    fs::write(&secret, "hunter2 = 1\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink(&secret, folder.join("config.toml")).unwrap();
}

/// The configuration is read with the rights of the user, not as root: an error message would quote
/// it.
#[test]
fn a_set_user_id_program_reads_no_configuration_as_root() {
    if !is_root() {
        return;
    }
    let Some(tmux) = Tmux::new("set-user-id") else { return };
    let directory = tempfile::tempdir().unwrap();
    open(directory.path());
    write_secret(directory.path());
    let binary = directory.path().join("program");
    copy_program(&binary);
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o4755)).unwrap();
    let capture = directory.path().join("capture.pcap");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/captures/ts-sse/capture.pcap"), &capture).unwrap();
    let command = format!(
        "env -u SUDO_USER XDG_CONFIG_HOME={} setpriv --reuid=65534 --regid=65534 --clear-groups {}",
        directory.path().display(),
        binary.display()
    );
    tmux.shell(&format!("clear; {command} {}", capture.display()));
    let screen = tmux.wait_for("an end", |screen| screen.contains("Permission denied"));
    assert!(!screen.contains("hunter2"), "{screen}");
    tmux.is_whole();
    tmux.shell(&format!("clear; {command} -i lo"));
    // The user that it became has no home and so no configuration.
    let shown =
        |screen: &str| screen.contains("live, 0 packets") || screen.contains("no permission to capture");
    let screen = tmux.wait_for("the screen", |screen| shown(screen) || screen.contains("hunter2"));
    assert!(!screen.contains("hunter2"), "{screen}");
    if screen.contains("no permission to capture") {
        allowed(Err("set-user-ID programs have no effect where temporary files are".to_owned()));
        return;
    }
    tmux.keys(&["q"]);
    tmux.wait("packets are not kept");
    tmux.keys(&["q"]);
    tmux.is_whole();
}

/// Under sudo configuration and history are those of the user who ran it, not root's.
#[test]
fn under_sudo_the_configuration_is_the_users() {
    if !is_root() {
        return;
    }
    let Some(tmux) = Tmux::new("sudo") else { return };
    let directory = tempfile::tempdir().unwrap();
    open(directory.path());
    write_secret(directory.path());
    let traffic = Traffic::new();
    for (user, shows) in [("nobody", "live, 0 packets"), ("root", "hunter2")] {
        tmux.shell(&format!(
            "clear; SUDO_USER={user} XDG_CONFIG_HOME={} {} -i lo {}",
            directory.path().display(),
            env!("CARGO_BIN_EXE_mcpdump"),
            traffic.filter()
        ));
        let either = |screen: &str| screen.contains("live, 0 packets") || screen.contains("hunter2");
        let screen = tmux.wait_for(shows, either);
        assert!(screen.contains(shows), "{user}: {screen}");
        if user == "nobody" {
            tmux.keys(&["q"]);
            tmux.wait("packets are not kept");
            tmux.keys(&["q"]);
        }
        tmux.is_whole();
    }
}
