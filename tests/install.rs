//! The installer (`packaging/install.sh`): it installs what it can verify, and nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::program::plain;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const TARGET: &str = "x86_64-unknown-linux-musl";

/// A folder of releases with one release, and an empty folder to install to.
struct Release {
    folder: tempfile::TempDir,
}

impl Release {
    /// Packs a script in place of the program.
    fn new() -> Option<Self> {
        if Command::new("python3").arg("--version").output().is_err() {
            eprintln!("skipped: python3 is missing");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("mcpdump");
        // Makes a manual page and completions, as the program does.
        let script = "#!/bin/sh\n[ \"$1\" != man ] || echo page > \"$2/mcpdump.1\"\n[ \"$1\" != completions ] || echo \"$2\"\n";
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let release = Self { folder };
        let mut pack = plain("python3");
        pack.arg(format!("{ROOT}/packaging/archive.py")).arg(&program).args(["1.2.3", TARGET]);
        let packed = pack.arg(release.directory()).output().unwrap();
        assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
        Some(release)
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("releases/v1.2.3")
    }

    fn archive(&self) -> PathBuf {
        self.directory().join(format!("mcpdump-1.2.3-{TARGET}.tar.gz"))
    }

    fn prefix(&self) -> PathBuf {
        self.folder.path().join("prefix")
    }

    fn install(&self, version: &str) -> Output {
        let mut install = plain("sh");
        install.arg(format!("{ROOT}/packaging/install.sh")).arg(version);
        let releases = format!("file://{}/releases", self.folder.path().display());
        install.env("MCPDUMP_RELEASES", releases).env("MCPDUMP_TARGET", TARGET);
        install.env("PREFIX", self.prefix()).output().unwrap()
    }

    /// Asserts that nothing is installed, and that the message has these words.
    #[track_caller]
    fn refuses(&self, version: &str, words: &[&str]) {
        let output = self.install(version);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{message}");
        for word in words {
            assert!(message.contains(word), "{word:?} is missing: {message}");
        }
        assert!(!self.prefix().exists(), "something was installed");
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn what_is_whole_is_installed() {
    let Some(release) = Release::new() else { return };
    let output = release.install("1.2.3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let program = release.prefix().join("bin/mcpdump");
    assert_eq!(text(&program), text(&release.folder.path().join("mcpdump")));
    assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o777, 0o755);
    let share = release.prefix().join("share");
    assert_eq!(text(&share.join("man/man1/mcpdump.1")), "page\n");
    assert_eq!(text(&share.join("zsh/site-functions/_mcpdump")), "zsh\n");
    assert_eq!(text(&share.join("bash-completion/completions/mcpdump")), "bash\n");
    // Over an older one.
    assert!(release.install("1.2.3").status.success());
}

#[test]
fn an_archive_that_was_changed_is_not_installed() {
    let Some(release) = Release::new() else { return };
    let mut bytes = fs::read(release.archive()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(release.archive(), &bytes).unwrap();
    release.refuses("1.2.3", &["its checksum is", "nothing was installed"]);
    // Cut short.
    fs::write(release.archive(), &bytes[..middle]).unwrap();
    release.refuses("1.2.3", &["its checksum is"]);
}

#[test]
fn an_archive_without_a_checksum_is_not_installed() {
    let Some(release) = Release::new() else { return };
    let sums = release.directory().join("SHA256SUMS");
    let line = text(&sums);
    // That of another archive, whose name ends alike.
    fs::write(&sums, line.replace("  mcpdump-", "  other-mcpdump-")).unwrap();
    release.refuses("1.2.3", &["SHA256SUMS has no checksum of it"]);
    fs::remove_file(&sums).unwrap();
    release.refuses("1.2.3", &["SHA256SUMS: cannot be fetched"]);
    release.refuses("9.9.9", &["cannot be fetched"]);
    release.refuses("", &["name a version"]);
}

#[test]
fn the_same_program_gives_the_same_archive() {
    let (Some(one), Some(other)) = (Release::new(), Release::new()) else { return };
    assert_eq!(fs::read(one.archive()).unwrap(), fs::read(other.archive()).unwrap());
}
