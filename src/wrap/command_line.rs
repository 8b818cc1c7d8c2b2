//! The command line of a server as a file names it: for people, without credentials.

use std::ffi::OsString;
use std::path::Path;

use crate::base::credential;

/// Programs that run another one, which their arguments name.
const LAUNCHERS: [&str; 14] = [
    "npx", "bunx", "pnpm", "yarn", "uvx", "uv", "pipx", "node", "bun", "deno", "python", "python3", "docker",
    "sh",
];

/// Words that such a program takes before the name.
const WORDS: [&str; 7] = ["run", "exec", "dlx", "tool", "x", "start", "env"];

/// Longest name, in bytes.
const MAX_NAME: usize = 40;

/// Returns the command line on one line. Credentials are `…`: those that [`credential::redact`]
/// finds, and what follows an option whose name announces one (`--api-key VALUE`).
#[must_use]
pub fn masked(command: &[OsString]) -> String {
    let mut words = Vec::new();
    let mut is_secret = false;
    for word in command {
        let word = word.to_string_lossy();
        if is_secret && !word.starts_with('-') {
            words.push("…".to_owned());
            is_secret = false;
            continue;
        }
        let redacted = credential::redact(&word);
        is_secret = word.starts_with('-') && !word.contains('=') && announces_secret(&word);
        words.push(quoted(&redacted));
    }
    words.join(" ")
}

/// Whether the value of an option with this name is a credential.
fn announces_secret(option: &str) -> bool {
    credential::redact(&format!("{option}=x")).ends_with("=…")
}

/// Puts a word with blanks into quotation marks.
fn quoted(word: &str) -> String {
    let word = word.replace(char::is_control, "\u{fffd}");
    if word.is_empty() || word.contains([' ', '"', '\'']) {
        format!("'{}'", word.replace('\'', "’"))
    } else {
        word
    }
}

/// Returns a short name of a server for a file: letters, digits, `.`, `_` and `-`. It is the
/// program, or what a launcher runs: `server-everything` of `npx -y
/// @modelcontextprotocol/server-everything`.
#[must_use]
pub fn short_name(command: &[OsString]) -> String {
    let name_of = |word: &str| {
        let word = word.trim_end_matches(['/', '\\']);
        let file =
            Path::new(word).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        // A version: `server@1.2.3`, `image:tag`.
        file.split(['@', ':']).find(|part| !part.is_empty()).unwrap_or_default().to_owned()
    };
    let words: Vec<_> = command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let Some((program, arguments)) = words.split_first() else { return "server".to_owned() };
    let program = name_of(program);
    let is_name = |word: &&String| !word.starts_with('-') && !WORDS.contains(&word.as_str());
    let run = arguments.iter().find(is_name).filter(|_| LAUNCHERS.contains(&program.as_str()));
    // Not what may be a credential.
    let run = run.filter(|word| credential::redact(word) == word.as_str()).map(|word| name_of(word));
    let name = run.filter(|name| !name.is_empty()).unwrap_or(program);
    let is_kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = name.chars().map(|c| if is_kept(c) { c } else { '-' }).take(MAX_NAME).collect();
    let name = name.trim_matches(['.', '-']).to_owned();
    if name.is_empty() { "server".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(|word| OsString::from(word.replace('_', " "))).collect()
    }

    #[test]
    fn credentials_of_arguments_are_masked() {
        for (line, shown) in [
            ("server --api-key abc --verbose x", "server --api-key … --verbose x"),
            ("server --token=abc -e GITHUB_TOKEN=abc", "server --token=… -e 'GITHUB TOKEN=…'"),
            (
                "npx mcp-remote https://h/?token=abc --header Authorization:_Bearer_abc",
                "npx mcp-remote https://h/?token=… --header 'Authorization: …'",
            ),
            ("server --password --verbose", "server --password --verbose"),
            ("server xoxb-1234567890ab", "server …"),
            ("a  b", "a '' b"),
        ] {
            assert_eq!(masked(&words(line)), shown, "{line}");
        }
    }

    #[test]
    fn servers_have_short_names() {
        for (line, name) in [
            ("npx -y @modelcontextprotocol/server-everything stdio", "server-everything"),
            ("npx -y server@1.2.3", "server"),
            ("uv run --quiet /srv/weather.py", "weather.py"),
            ("docker run -i mcp/time:latest", "time"),
            ("/usr/local/bin/weather --x", "weather"),
            ("python -m", "python"),
            ("../", "server"),
            ("", "server"),
        ] {
            assert_eq!(short_name(&words(line)), name, "{line}");
        }
    }
}
