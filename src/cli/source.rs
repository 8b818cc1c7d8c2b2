//! The words of a command line, told apart: files, then a BPF filter.
//!
//! Leading words that exist as files (or `-`) are files, `--` ends them, the rest is the filter. Nothing is opened.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue};
use pcap::{Capture, Linktype};

use super::args::{Arguments, Color, SourceArguments};

/// What a command reads and what it shows of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// The captures, at least one, in the order in which they were given.
    pub(super) inputs: Vec<Input>,
    /// The BPF filter; `None` where there is none.
    pub(super) bpf: Option<String>,
    /// What `--filter` says.
    pub(super) filter: Option<String>,
    /// What `--color` says.
    pub(super) color: Color,
}

/// One capture.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    Path(PathBuf),
    Stdin,
}

impl Request {
    /// Of a command.
    ///
    /// # Errors
    /// There is no file, or what follows the files is no filter.
    pub(super) fn new(arguments: &SourceArguments, color: Color) -> anyhow::Result<Self> {
        let ended = !arguments.bpf.is_empty();
        let (files, mut rest) = if ended {
            (arguments.words.as_slice(), arguments.bpf.as_slice())
        } else {
            split(&arguments.words)
        };
        if files.is_empty() {
            match rest.first() {
                Some(word) if !ended => {
                    bail!("{}: no such file: name a capture, or - for standard input", word.display())
                }
                _ => bail!("no capture is named: give a file, or - for standard input"),
            }
        }
        if rest.len() == 1 && rest.iter().all(|word| word.is_empty()) {
            // tcpdump takes an empty filter for none; scripts pass "$FILTER".
            rest = &[];
        }
        let inputs: Vec<Input> = files.iter().map(|word| input(word)).collect();
        if inputs.iter().filter(|input| **input == Input::Stdin).count() > 1 {
            bail!("-: standard input can be read once only");
        }
        Ok(Self { inputs, bpf: bpf(rest, ended)?, filter: arguments.filter.clone(), color })
    }

    /// Of a command line without a command: its first word may have been meant for one.
    ///
    /// # Errors
    /// As [`Self::new`], with what the first word may have been meant for.
    pub(super) fn without_command(arguments: &SourceArguments, color: Color) -> anyhow::Result<Self> {
        if let (Some(first), true) = (arguments.words.first(), arguments.bpf.is_empty())
            && !is_file(first, true)
        {
            let first = first.display();
            match meant(&first.to_string()) {
                Some(command) => bail!("{first}: no such file and no such command: did you mean {command}?"),
                None => bail!("{first}: no such file and no such command: mcpdump help lists the commands"),
            }
        }
        Self::new(arguments, color)
    }

    /// The inputs that have a name.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.inputs.iter().filter_map(|input| match input {
            Input::Path(path) => Some(path.as_path()),
            Input::Stdin => None,
        })
    }

    /// Whether what is read may still be under way: standard input, a pipe.
    pub(super) fn is_live(&self) -> bool {
        self.inputs.iter().any(|input| match input {
            Input::Stdin => true,
            Input::Path(path) => fs::metadata(path).is_ok_and(|file| !file.is_file()),
        })
    }
}

/// The leading words that are files, and the rest.
fn split(words: &[OsString]) -> (&[OsString], &[OsString]) {
    let files = words.iter().enumerate().take_while(|(at, word)| is_file(word, *at == 0)).count();
    words.split_at_checked(files).unwrap_or((words, &[]))
}

/// Whether a word stands for a capture. A directory does where a file must come, so that the message is about it; behind
/// a file it does not: `tcp` is a word of filters and a name of directories. What cannot be looked at is taken for a
/// file too: whoever opens it can say why.
fn is_file(word: &OsStr, first: bool) -> bool {
    if word == "-" {
        return true;
    }
    match fs::metadata(word) {
        Ok(file) => first || !file.is_dir(),
        Err(error) => !matches!(
            error.kind(),
            io::ErrorKind::NotFound
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::InvalidFilename
                | io::ErrorKind::InvalidInput
        ),
    }
}

fn input(word: &OsStr) -> Input {
    if word == "-" { Input::Stdin } else { Input::Path(word.into()) }
}

/// The filter of some words. It is compiled here once for what it has to say; the capture compiles it for the link
/// types that it has.
fn bpf(words: &[OsString], ended: bool) -> anyhow::Result<Option<String>> {
    let Some(first) = words.first() else {
        return Ok(None);
    };
    let filter = words
        .iter()
        .map(|word| word.to_str())
        .collect::<Option<Vec<_>>>()
        .context("the BPF filter is not UTF-8")?
        .join(" ");
    let Err(why) = compiles(&filter) else {
        return Ok(Some(filter));
    };
    if ended {
        bail!("libpcap does not accept the filter «{filter}»: {why}");
    }
    let first = first.display();
    let mut message = format!(
        "«{first}» is neither a file that exists nor, with what follows, a filter that libpcap accepts: {why}"
    );
    if Arguments::command().find_subcommand(first.to_string()).is_some() {
        message.push_str(&format!("\n  a command comes first: mcpdump {first} FILE..."));
    } else if filter.contains([':', '~']) {
        message.push_str("\n  what MCP says is filtered with --filter, as in --filter 'method:tools/call'");
    }
    bail!(message)
}

/// Whether libpcap takes the filter for a link type that MCP is likely captured on: some words hold for one only.
///
/// # Errors
/// What libpcap says of it on Ethernet.
fn compiles(filter: &str) -> Result<(), String> {
    let compile = |link_type| match Capture::dead(link_type).and_then(|dead| dead.compile(filter, true)) {
        Ok(_) => Ok(()),
        Err(pcap::Error::PcapError(why)) => Err(why),
        Err(why) => Err(why.to_string()),
    };
    compile(Linktype::ETHERNET).or_else(|why| {
        [Linktype::LINUX_SLL, Linktype::IEEE802_11]
            .into_iter()
            .find_map(|link_type| compile(link_type).ok())
            .ok_or(why)
    })
}

/// The command that a word is near to, by clap's own measure.
fn meant(word: &str) -> Option<String> {
    let commands = Arguments::command();
    let mut bare = clap::Command::new("mcpdump").disable_help_flag(true);
    for command in commands.get_subcommands().filter(|command| !command.is_hide_set()) {
        bare = bare.subcommand(command.clone());
    }
    let error = bare.try_get_matches_from(["mcpdump", word]).err()?;
    match error.get(ContextKind::SuggestedSubcommand)? {
        ContextValue::Strings(near) => near.last().cloned(),
        ContextValue::String(near) => Some(near.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(words: &[&str], behind: &[&str]) -> Result<Request, String> {
        let own = |words: &[&str]| words.iter().map(OsString::from).collect();
        let arguments = SourceArguments { words: own(words), bpf: own(behind), filter: None };
        Request::new(&arguments, Color::Auto).map_err(|error| error.to_string())
    }

    #[test]
    fn leading_words_that_exist_are_files() {
        let request = request(&["Cargo.toml", "-", "tcp", "port", "3000"], &[]).unwrap();
        assert_eq!(request.inputs, [Input::Path("Cargo.toml".into()), Input::Stdin]);
        assert_eq!(request.bpf.as_deref(), Some("tcp port 3000"));
    }

    #[test]
    fn two_dashes_end_the_files() {
        let request = request(&["absent.pcap"], &["tcp"]).unwrap();
        assert_eq!(request.inputs, [Input::Path("absent.pcap".into())]);
        assert_eq!(request.bpf.as_deref(), Some("tcp"));
    }

    #[test]
    fn a_directory_is_no_file_behind_a_file() {
        let error = request(&["Cargo.toml", "src"], &[]).unwrap_err();
        assert!(error.starts_with("«src» is neither a file"), "{error}");
        assert_eq!(request(&["src"], &[]).unwrap().inputs, [Input::Path("src".into())]);
    }

    #[test]
    fn a_filter_may_be_empty_or_one_word() {
        assert_eq!(request(&["Cargo.toml", ""], &[]).unwrap().bpf, None);
        let request = request(&["Cargo.toml", "tcp port 1 or udp"], &[]).unwrap();
        assert_eq!(request.bpf.as_deref(), Some("tcp port 1 or udp"));
    }

    #[test]
    fn a_wrong_filter_names_what_may_have_been_meant() {
        let error = request(&["Cargo.toml", "list"], &[]).unwrap_err();
        assert!(error.contains("a command comes first: mcpdump list"), "{error}");
        let error = request(&["Cargo.toml", "method:x"], &[]).unwrap_err();
        assert!(error.contains("--filter"), "{error}");
        let error = request(&["Cargo.toml"], &["tcp", "prt"]).unwrap_err();
        assert!(error.starts_with("libpcap does not accept the filter «tcp prt»"), "{error}");
    }

    #[test]
    fn standard_input_is_read_once() {
        assert!(request(&["-", "-"], &[]).unwrap_err().contains("once only"));
    }

    #[test]
    fn a_mistyped_command_is_recognised() {
        assert_eq!(meant("reprot").as_deref(), Some("report"));
        assert_eq!(meant("lst").as_deref(), Some("list"));
        assert_eq!(meant("capture.pcap"), None);
    }
}
