//! What a command reads: its words and options, checked. Nothing is opened yet.
//!
//! Leading words that exist as files (or `-`) are files, `--` ends them, the rest is a BPF filter.
//! Without a file, packets are captured on a device.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::available_parallelism;

use anyhow::bail;
use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue};

use super::arguments::Arguments;
use super::arguments::screen::Color;
use super::arguments::source::{LiveArguments, SourceArguments};
use super::bpf;
use super::keep::KeepPlan;
use super::key_log_plan::KeyLogPlan;
use crate::base::Files;
use crate::capture::Input;
use crate::capture::follow::FollowLimits;
use crate::capture::live;

/// What a command reads and what it shows of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Where packets come from.
    pub(super) inputs: Inputs,
    /// BPF filter that packets must pass.
    pub(super) bpf: Option<String>,
    /// Expression of `--filter`.
    pub(super) filter: Option<String>,
    /// Value of `--color`.
    pub(super) color: Color,
    /// Where the packets are kept (`-w`).
    pub(super) keep: Option<KeepPlan>,
    /// User to become (`-Z`).
    pub(super) user: Option<String>,
    /// When to stop following the files (`--follow`); `None` if they are read to their end.
    pub(super) follow: Option<FollowLimits>,
    /// Key logs with the secrets of TLS connections.
    pub(super) key_logs: KeyLogPlan,
    /// Whether the secrets of connections are written with their packets.
    pub(super) keeps_secrets: bool,
    /// The files, which number the packets; those of a device have none.
    pub(super) numbering: Files,
    /// Number of threads (`--threads`); `None` for one per processor.
    pub(super) threads: Option<NonZeroUsize>,
    /// Where metrics are served (`--prometheus`); `None` if they are not.
    pub(super) prometheus: Option<SocketAddr>,
    /// Whether the process makes connections of its own. If not, the sandbox denies them.
    pub(super) uses_network: bool,
    /// Whether no sandbox is entered (`--no-sandbox`).
    pub(super) is_unconfined: bool,
}

/// Where packets come from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inputs {
    /// At least one capture file, in the order of the command line.
    Files(Vec<Input>),
    /// A device to capture on.
    Device(live::Options),
}

impl Request {
    /// Checks the arguments of a command.
    ///
    /// # Errors
    /// A file is missing, the words after the files are no filter, or options contradict each
    /// other.
    pub(super) fn new(arguments: &SourceArguments, color: Color) -> anyhow::Result<Self> {
        arguments.tcpdump.check()?;
        let Words { files, filter, after_dashes } = Words::split(arguments)?;
        let has_device = arguments.live.interface.is_some();
        if let (true, false, false, Some(word)) = (files.is_empty(), after_dashes, has_device, filter.first())
            && !(word.is_empty() && filter.len() == 1)
            && !bpf::can_start_filter(word)
        {
            let follow = if arguments.follow { "\n  --follow needs a file that exists" } else { "" };
            bail!("{}{follow}", missing_file(word));
        }
        let bpf = checked_bpf(filter, after_dashes, has_device)?;
        let inputs = match files.as_slice() {
            [] if arguments.follow => {
                bail!("--follow needs a file: name one, or leave out --follow to capture live")
            }
            [] => Inputs::Device(live_options(&arguments.live, bpf.clone())),
            files => Inputs::Files(inputs(files, arguments)?),
        };
        let LiveArguments { count: packets, duration, .. } = arguments.live;
        Ok(Self {
            bpf,
            filter: arguments.filter.clone(),
            color,
            keep: KeepPlan::new(&arguments.keep, matches!(inputs, Inputs::Device(_)))?,
            user: arguments.live.relinquish_privileges.clone(),
            follow: arguments.follow.then_some(FollowLimits { packets, duration }),
            key_logs: KeyLogPlan::new(&arguments.tls_keylog, env::var_os("SSLKEYLOGFILE")),
            keeps_secrets: !arguments.keep.no_secrets,
            threads: arguments.threads,
            uses_network: false,
            is_unconfined: arguments.no_sandbox,
            prometheus: arguments.live.prometheus,
            numbering: Files::new(names(&inputs)),
            inputs,
        })
    }

    /// Checks the arguments of a command line without a command: its first word may be a misspelt
    /// command.
    ///
    /// # Errors
    /// As [`Self::new`]; the message suggests a command.
    pub(super) fn without_command(arguments: &SourceArguments, color: Color) -> anyhow::Result<Self> {
        if let (Some(first), true, None) =
            (arguments.words.first(), arguments.bpf.is_empty(), &arguments.live.interface)
            && arguments.tcpdump.read.is_empty()
            && !is_file(first, true)
            && !bpf::can_start_filter(first)
        {
            let first = first.display().to_string();
            let hint = match similar_command(&first) {
                Some(command) => format!("did you mean {command}?"),
                None => "mcpdump help lists the commands".to_owned(),
            };
            bail!("{first}: no such file and no such command: {hint}");
        }
        Self::new(arguments, color)
    }

    /// Whether only the packets of what matches are kept: `-w` together with `--filter`.
    pub(super) fn slices_matching(&self) -> bool {
        self.keep.is_some() && self.filter.as_ref().is_some_and(|filter| !filter.trim().is_empty())
    }

    /// Whether files of packets are private from their beginning: secrets will go into them.
    pub(super) fn has_private_files(&self) -> bool {
        self.keeps_secrets && !self.key_logs.is_empty()
    }

    /// Returns the inputs that are named files.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let inputs = match &self.inputs {
            Inputs::Files(inputs) => inputs.as_slice(),
            Inputs::Device(_) => &[],
        };
        inputs.iter().filter_map(|input| match input {
            Input::Path(path) => Some(path.as_path()),
            Input::Stdin => None,
        })
    }

    /// Returns the names of the inputs, `-` for standard input; none for a device.
    pub(super) fn input_names(&self) -> Vec<String> {
        names(&self.inputs)
    }

    /// Returns the number of threads that analyse the packets: one if reading may wait for them, or
    /// if they are kept in step with the analysis.
    pub(super) fn threads(&self) -> NonZeroUsize {
        if self.is_live() || self.keep.is_some() {
            return NonZeroUsize::MIN;
        }
        self.threads.or_else(|| available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
    }

    /// Whether packets may still arrive while the command runs: a device, standard input, a pipe,
    /// followed files.
    pub(super) fn is_live(&self) -> bool {
        match &self.inputs {
            Inputs::Device(_) => true,
            Inputs::Files(_) if self.follow.is_some() => true,
            Inputs::Files(inputs) => inputs.iter().any(|input| match input {
                Input::Stdin => true,
                Input::Path(path) => fs::metadata(path).is_ok_and(|file| !file.is_file()),
            }),
        }
    }
}

/// Returns the names of the inputs, `-` for standard input; none for a device.
fn names(inputs: &Inputs) -> Vec<String> {
    let inputs = match inputs {
        Inputs::Files(inputs) => inputs.as_slice(),
        Inputs::Device(_) => &[],
    };
    let name = |input: &Input| match input {
        Input::Path(path) => path.display().to_string(),
        Input::Stdin => "-".to_owned(),
    };
    inputs.iter().map(name).collect()
}

/// Takes the first word that names no file out of the words, if `is_it`: an operand of the command.
pub(super) fn take_operand<T>(
    arguments: &mut SourceArguments,
    is_it: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let words = &mut arguments.words;
    let has_files = arguments.live.interface.is_none() && arguments.tcpdump.read.is_empty();
    let is_file = |(index, word): &(usize, &OsString)| has_files && is_file(word, *index == 0);
    let files = words.iter().enumerate().take_while(is_file).count();
    let found = is_it(words.get(files)?.to_str()?)?;
    words.remove(files);
    Some(found)
}

/// The words of a command line.
struct Words<'a> {
    /// Names of files, or `-`.
    files: Vec<OsString>,
    /// The BPF filter.
    filter: &'a [OsString],
    /// Whether the filter follows `--`, so that its first word cannot be a misspelt file.
    after_dashes: bool,
}

impl<'a> Words<'a> {
    /// Splits the words into files and filter. After `-r FILE` all words are the filter, as for
    /// tcpdump.
    ///
    /// # Errors
    /// A file is named together with a device.
    fn split(arguments: &'a SourceArguments) -> anyhow::Result<Self> {
        let SourceArguments { words, bpf, live, tcpdump, .. } = arguments;
        let (after_dashes, has_device) = (!bpf.is_empty(), live.interface.is_some());
        let (more, filter) = match (after_dashes, has_device) {
            (_, true) if !tcpdump.read.is_empty() => bail!(file_and_device(&tcpdump.read)),
            (true, true) if !words.is_empty() => bail!(file_and_device(words)),
            (true, _) => (words.as_slice(), bpf.as_slice()),
            (false, _) if has_device || !tcpdump.read.is_empty() => ([].as_slice(), words.as_slice()),
            (false, _) => {
                let files =
                    words.iter().enumerate().take_while(|(index, word)| is_file(word, *index == 0)).count();
                words.split_at_checked(files).unwrap_or((words, &[]))
            }
        };
        let files = tcpdump.read.iter().chain(more).cloned().collect();
        Ok(Self { files, filter, after_dashes })
    }
}

/// Joins and checks the BPF filter. It is compiled here only for its error message; the capture
/// compiles it again for the link types that it meets.
fn checked_bpf(words: &[OsString], after_dashes: bool, has_device: bool) -> anyhow::Result<Option<String>> {
    let Some(filter) = bpf::join(words)? else {
        return Ok(None);
    };
    let Err(why) = bpf::check(&filter) else {
        return Ok(Some(filter));
    };
    let rejected = format!("libpcap rejects the filter \"{filter}\": {why}");
    let Some(first) = words.first().filter(|_| !after_dashes) else {
        bail!(rejected);
    };
    if has_device && is_file(first, false) {
        bail!(file_and_device(words));
    }
    let first = first.display().to_string();
    let mut message = if has_device {
        rejected
    } else {
        format!("\"{first}\" is neither an existing file nor the start of a valid BPF filter: {why}")
    };
    if Arguments::command().find_subcommand(&first).is_some() {
        message.push_str(&format!("\n  the command goes first: mcpdump {first} FILE..."));
    } else {
        message.push_str(filter_hint(&filter));
    }
    bail!(message)
}

/// Converts the words to inputs and checks the options that depend on them.
fn inputs(words: &[OsString], arguments: &SourceArguments) -> anyhow::Result<Vec<Input>> {
    let (follow, live) = (arguments.follow, &arguments.live);
    let inputs: Vec<Input> = words.iter().map(|word| input(word)).collect();
    if inputs.iter().filter(|input| **input == Input::Stdin).count() > 1 {
        bail!("-: standard input can be named only once");
    }
    if follow && inputs.contains(&Input::Stdin) {
        bail!("-: standard input is always read as it arrives: leave out --follow");
    }
    let live_only = [
        ("-c", live.count.is_some() && !follow),
        ("--for", live.duration.is_some() && !follow),
        ("-B", live.buffer_size.is_some()),
        ("-s", live.snapshot_length.is_some()),
        ("-p", live.no_promiscuous_mode),
        ("--prometheus", live.prometheus.is_some() && !follow),
    ];
    if let Some((option, _)) = live_only.iter().find(|(_, is_given)| *is_given) {
        let follow = if ["-c", "--for", "--prometheus"].contains(option) { ", or add --follow" } else { "" };
        bail!("{option} is an option of live captures: use it with -i IFACE or without a file{follow}");
    }
    Ok(inputs)
}

/// Converts a word to an input: `-` is standard input.
fn input(word: &OsStr) -> Input {
    if word == "-" { Input::Stdin } else { Input::Path(word.into()) }
}

/// Converts the options of a live capture.
fn live_options(live: &LiveArguments, filter: Option<String>) -> live::Options {
    let default = live::Options::default();
    live::Options {
        device: live.interface.clone(),
        filter,
        snaplen: live.snapshot_length.filter(|length| *length > 0).unwrap_or(default.snaplen),
        buffer: live.buffer_size.unwrap_or(default.buffer),
        promiscuous: !live.no_promiscuous_mode,
        packets: live.count,
        duration: live.duration,
    }
}

/// Message for a first word that is neither a file nor a filter.
fn missing_file(word: &OsStr) -> String {
    let word = word.display().to_string();
    let hint = filter_hint(&word);
    format!("{word}: no such file: name a capture, - for standard input, or a device with -i{hint}")
}

/// Hint for words that look like an expression of `--filter`; else empty.
fn filter_hint(words: &str) -> &'static str {
    if words.contains([':', '~']) {
        "\n  filters on MCP go into --filter, as in --filter 'method:tools/call'"
    } else {
        ""
    }
}

/// Message for a file and a device together.
fn file_and_device(words: &[OsString]) -> String {
    let file = words.first().map(|word| word.display().to_string()).unwrap_or_default();
    format!(
        "{file}: is a file, but -i names a device: read one of them; words after -i IFACE are a BPF filter"
    )
}

/// Whether a word names a capture.
///
/// The first word may be a directory, so that the message is about the directory; later words may
/// not, because `tcp` is a word of filters and a common name of directories. A path that cannot be
/// inspected counts as a file: opening it gives the error message.
fn is_file(word: &OsStr, is_first: bool) -> bool {
    if word == "-" {
        return true;
    }
    match fs::metadata(word) {
        Ok(file) => is_first || !file.is_dir(),
        Err(error) => !matches!(
            error.kind(),
            io::ErrorKind::NotFound
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::InvalidFilename
                | io::ErrorKind::InvalidInput
        ),
    }
}

/// Returns the command that clap suggests for a misspelt word.
fn similar_command(word: &str) -> Option<String> {
    let commands = Arguments::command();
    let mut bare = clap::Command::new("mcpdump").disable_help_flag(true);
    for command in commands.get_subcommands().filter(|command| !command.is_hide_set()) {
        bare = bare.subcommand(command.clone());
    }
    let error = bare.try_get_matches_from(["mcpdump", word]).err()?;
    match error.get(ContextKind::SuggestedSubcommand)? {
        ContextValue::Strings(similar) => similar.last().cloned(),
        ContextValue::String(similar) => Some(similar.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn request(words: &[&str], after_dashes: &[&str]) -> Result<Request, String> {
        let own = |words: &[&str]| words.iter().map(OsString::from).collect();
        let arguments =
            SourceArguments { words: own(words), bpf: own(after_dashes), ..SourceArguments::default() };
        Request::new(&arguments, Color::Auto).map_err(|error| error.to_string())
    }

    /// As [`request`], with `-i lo`.
    fn device(words: &[&str], after_dashes: &[&str]) -> Result<Request, String> {
        let own = |words: &[&str]| words.iter().map(OsString::from).collect();
        let live = LiveArguments { interface: Some("lo".to_owned()), ..LiveArguments::default() };
        let arguments =
            SourceArguments { words: own(words), bpf: own(after_dashes), live, ..SourceArguments::default() };
        Request::new(&arguments, Color::Auto).map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_file_the_words_are_a_filter() {
        for request in [request(&["tcp", "port", "1"], &[]), request(&[], &["tcp", "port", "1"])] {
            let Inputs::Device(options) = request.unwrap().inputs else {
                panic!("a device");
            };
            assert_eq!((options.device, options.filter.as_deref()), (None, Some("tcp port 1")));
        }
        assert!(request(&["capture"], &[]).unwrap_err().starts_with("capture: no such file"));
    }

    #[test]
    fn words_after_a_device_are_a_filter() {
        let request = device(&["tcp", "port", "1"], &[]).unwrap();
        assert_eq!(request.bpf.as_deref(), Some("tcp port 1"));
        let Inputs::Device(options) = request.inputs else {
            panic!("a device");
        };
        assert_eq!(options.device.as_deref(), Some("lo"));
        assert!(options.promiscuous);
        assert!(
            device(&["Cargo.toml"], &[])
                .unwrap_err()
                .starts_with("Cargo.toml: is a file, but -i names a device")
        );
        assert!(device(&["Cargo.toml"], &["tcp"]).unwrap_err().contains("-i names a device"));
        assert_eq!(device(&[], &["tcp"]).unwrap().bpf.as_deref(), Some("tcp"));
        let error = device(&["method:x"], &[]).unwrap_err();
        assert!(error.starts_with("libpcap rejects") && error.contains("--filter"), "{error}");
    }

    #[test]
    fn words_after_a_read_file_are_a_filter() {
        let read = |words: &[&str]| {
            let words = ["mcpdump", "-n", "-r", "a.pcap"].iter().chain(words);
            let arguments = Arguments::try_parse_from(words).unwrap().source;
            Request::without_command(&arguments, Color::Auto).map_err(|error| error.to_string())
        };
        let request = read(&["tcp", "port", "3000"]).unwrap();
        assert_eq!(request.inputs, Inputs::Files(vec![Input::Path("a.pcap".into())]));
        assert_eq!(request.bpf.as_deref(), Some("tcp port 3000"));
        assert_eq!(read(&[]).unwrap().bpf, None);
        assert!(read(&["-i", "lo"]).unwrap_err().starts_with("a.pcap: is a file, but -i"));
        assert!(read(&["b.pcap"]).unwrap_err().contains("b.pcap"));
    }

    #[test]
    fn leading_words_that_exist_are_files() {
        let request = request(&["Cargo.toml", "-", "tcp", "port", "3000"], &[]).unwrap();
        assert_eq!(request.inputs, Inputs::Files(vec![Input::Path("Cargo.toml".into()), Input::Stdin]));
        assert_eq!(request.bpf.as_deref(), Some("tcp port 3000"));
    }

    #[test]
    fn two_dashes_end_the_files() {
        let request = request(&["absent.pcap"], &["tcp"]).unwrap();
        assert_eq!(request.inputs, Inputs::Files(vec![Input::Path("absent.pcap".into())]));
        assert_eq!(request.bpf.as_deref(), Some("tcp"));
    }

    #[test]
    fn a_directory_after_a_file_is_no_file() {
        let error = request(&["Cargo.toml", "src"], &[]).unwrap_err();
        assert!(error.starts_with("\"src\" is neither an existing file"), "{error}");
        assert_eq!(request(&["src"], &[]).unwrap().inputs, Inputs::Files(vec![Input::Path("src".into())]));
    }

    #[test]
    fn a_filter_may_be_empty_or_one_word() {
        assert_eq!(request(&["Cargo.toml", ""], &[]).unwrap().bpf, None);
        let request = request(&["Cargo.toml", "tcp port 1 or udp"], &[]).unwrap();
        assert_eq!(request.bpf.as_deref(), Some("tcp port 1 or udp"));
    }

    #[test]
    fn the_message_for_an_invalid_filter_has_a_hint() {
        let error = request(&["Cargo.toml", "list"], &[]).unwrap_err();
        assert!(error.contains("the command goes first: mcpdump list"), "{error}");
        let error = request(&["Cargo.toml", "method:x"], &[]).unwrap_err();
        assert!(error.contains("--filter"), "{error}");
        let error = request(&["Cargo.toml"], &["tcp", "prt"]).unwrap_err();
        assert!(error.starts_with("libpcap rejects the filter \"tcp prt\""), "{error}");
    }

    #[test]
    fn standard_input_can_be_named_once() {
        assert!(request(&["-", "-"], &[]).unwrap_err().contains("only once"));
    }

    #[test]
    fn a_misspelt_command_is_suggested() {
        assert_eq!(similar_command("reprot").as_deref(), Some("report"));
        assert_eq!(similar_command("lst").as_deref(), Some("list"));
        assert_eq!(similar_command("capture.pcap"), None);
    }
}
