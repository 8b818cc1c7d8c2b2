//! `mcpdump keys`: runs a program so that it logs the secrets of its TLS connections.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::cli::arguments::Keys;
use crate::cli::exit::Outcome;
use crate::cli::messages;

/// Runs the program in place of this process, with the variables that make it log.
///
/// # Errors
/// The key log cannot be created, or the program cannot be run.
pub(crate) fn run(keys: &Keys) -> anyhow::Result<Outcome> {
    let log = absolute(&keys.tls_keylog)?;
    create(&log).with_context(|| format!("{}: the key log cannot be written", log.display()))?;
    let Some((program, arguments)) = keys.command.split_first() else {
        bail!("name a program after --, as in mcpdump keys -- node client.js");
    };
    if let Some(note) = limitation(program, arguments) {
        messages::error(&format!("note: {}: {note}", program.display()));
    }
    messages::status(&format!(
        "mcpdump: secrets are logged to {0}; read them with --tls-keylog {0}",
        log.display()
    ));
    let mut command = Command::new(program);
    command.args(arguments).env("SSLKEYLOGFILE", &log);
    command.env("NODE_OPTIONS", node_options(env::var_os("NODE_OPTIONS"), &log));
    start(command).with_context(|| format!("{}: cannot be run", program.display()))
}

/// Replaces this process by the program: signals and exit status are the program's own.
#[cfg(unix)]
fn start(mut command: Command) -> io::Result<Outcome> {
    Err(std::os::unix::process::CommandExt::exec(&mut command))
}

/// Runs the program to its end.
#[cfg(not(unix))]
fn start(mut command: Command) -> io::Result<Outcome> {
    Ok(if command.status()?.success() { Outcome::Success } else { Outcome::PartialFailure })
}

/// Returns the path for programs that change their directory.
fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{}: is no path of a key log", path.display()))
}

/// Creates the key log if it does not exist, readable by the owner only.
fn create(path: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Adds the key log to the options that Node.js and its children read. A path with blanks stands in
/// quotation marks.
fn node_options(options: Option<OsString>, log: &Path) -> OsString {
    let mut all = options.filter(|options| !options.is_empty()).map_or_else(OsString::new, |mut options| {
        options.push(" ");
        options
    });
    let has_blank = log.as_os_str().as_encoded_bytes().contains(&b' ');
    let quote = if has_blank { "\"" } else { "" };
    for part in [OsStr::new(quote), OsStr::new("--tls-keylog="), log.as_os_str(), OsStr::new(quote)] {
        all.push(part);
    }
    all
}

/// Programs that log nothing, whatever the variables say, and what to do instead. docs/https.md has
/// the reasons.
const LIMITATIONS: [(&[&str], &str); 4] = [
    (
        &["bun", "bunx", "claude"],
        "Bun logs no secrets: let it connect to http://, or capture behind a proxy that ends TLS",
    ),
    (
        &["java", "gradle", "mvn", "jbang"],
        "Java logs no secrets by itself: add -javaagent:extract-tls-secrets.jar=FILE",
    ),
    (
        &["uvicorn", "hypercorn", "gunicorn"],
        "this server logs no secrets: log those of its client, or capture behind a proxy that ends TLS",
    ),
    (&["go"], "a Go program logs secrets only if its code sets tls.Config.KeyLogWriter"),
];

/// Returns why a program logs nothing; `None` if it may log.
fn limitation(program: &OsStr, arguments: &[OsString]) -> Option<&'static str> {
    let name_of = |word: &OsStr| Path::new(word).file_stem().map(OsStr::to_owned);
    // `python -m uvicorn`, `env bun`, `uv run uvicorn`
    let words = std::iter::once(program).chain(arguments.iter().take(3).map(OsString::as_os_str));
    let is_url = |word: &&OsStr| word.to_string_lossy().contains("://");
    let names: Vec<OsString> = words.filter(|word| !is_url(word)).filter_map(name_of).collect();
    let is_named = |(programs, _): &&(&[&str], &str)| {
        names.iter().any(|name| programs.iter().any(|program| name == program))
    };
    LIMITATIONS.iter().find(is_named).map(|(_, note)| *note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_node_are_kept() {
        let log = Path::new("/tmp/keys.log");
        assert_eq!(node_options(None, log), "--tls-keylog=/tmp/keys.log");
        assert_eq!(node_options(Some(OsString::new()), log), "--tls-keylog=/tmp/keys.log");
        let options = Some(OsString::from("--inspect"));
        assert_eq!(node_options(options, log), "--inspect --tls-keylog=/tmp/keys.log");
        assert_eq!(node_options(None, Path::new("/my keys")), "\"--tls-keylog=/my keys\"");
    }

    #[test]
    fn programs_that_log_nothing_are_named() {
        let of = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            limitation(&words[0], &words[1..])
        };
        assert!(of(&["/usr/local/bin/bun", "run", "x.ts"]).unwrap().starts_with("Bun"));
        assert!(of(&["python3", "-m", "uvicorn", "app"]).unwrap().contains("server"));
        assert!(of(&["go", "run", "."]).unwrap().contains("KeyLogWriter"));
        assert_eq!(of(&["node", "client.js"]), None);
        assert_eq!(of(&["curl", "https://bun.example/"]), None);
    }
}
