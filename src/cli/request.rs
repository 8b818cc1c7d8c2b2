//! The words of a command line, told apart: files, then a BPF filter.
//!
//! Leading words that exist as files (or `-`) are files, `--` ends them, the rest is the filter. Without a file a device is
//! captured on. Nothing is opened.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue};
use pcap::{Capture, Linktype};

use crate::capture::follow::FollowLimits;
use crate::capture::live;
use crate::cli::arguments::{Arguments, Color, LiveArguments, SourceArguments};
use crate::cli::keep::Keeping;

/// What a command reads and what it shows of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Where packets come from.
    pub(super) inputs: Inputs,
    /// The BPF filter; `None` where there is none.
    pub(super) bpf: Option<String>,
    /// What `--filter` says.
    pub(super) filter: Option<String>,
    /// What `--color` says.
    pub(super) color: Color,
    /// Where the packets are kept; `None` where they are not.
    pub(super) keep: Option<Keeping>,
    /// What `-Z` says.
    pub(super) user: Option<String>,
    /// The files are followed as they grow, for so long; `None` where they are read to their end.
    pub(super) follow: Option<FollowLimits>,
    /// The command makes connections of its own while it reads: those that only read are kept from it.
    pub(super) network: bool,
}

/// Where packets come from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inputs {
    /// The captures, at least one, in the order in which they were given.
    Files(Vec<Input>),
    /// A device.
    Device(live::Options),
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
    /// A file is missing, what follows the files is no filter, or options do not go together.
    pub(super) fn new(arguments: &SourceArguments, color: Color) -> anyhow::Result<Self> {
        let ended = !arguments.bpf.is_empty();
        let device = arguments.live.interface.is_some();
        let (files, mut rest) = match (ended, device) {
            (true, true) if !arguments.words.is_empty() => bail!(both(&arguments.words)),
            (true, _) => (arguments.words.as_slice(), arguments.bpf.as_slice()),
            (false, true) => ([].as_slice(), arguments.words.as_slice()),
            (false, false) => split(&arguments.words),
        };
        if rest.len() == 1 && rest.iter().all(|word| word.is_empty()) {
            // tcpdump takes an empty filter for none; scripts pass "$FILTER".
            rest = &[];
        }
        if let (true, false, false, Some(word)) = (files.is_empty(), ended, device, rest.first())
            && !begins_a_filter(word)
        {
            let wait =
                if arguments.follow { "\n  --follow waits for more of a file that is there" } else { "" };
            bail!("{}{wait}", missing(word));
        }
        let bpf = match bpf(rest, (ended, device)) {
            Err(_) if device && !ended && rest.first().is_some_and(|word| is_file(word, false)) => {
                bail!(both(rest))
            }
            bpf => bpf?,
        };
        let inputs = match files {
            [] if arguments.follow => bail!(
                "--follow is about files that grow, and a device is captured on as it happens: name a file, or leave it out"
            ),
            [] => Inputs::Device(options(&arguments.live, bpf.clone())),
            files => Inputs::Files(self::files(files, arguments)?),
        };
        let LiveArguments { count: packets, duration, .. } = arguments.live;
        let follow = arguments.follow.then_some(FollowLimits { packets, duration });
        let keep = Keeping::new(&arguments.keep, matches!(inputs, Inputs::Device(_)))?;
        let user = arguments.live.relinquish_privileges.clone();
        let filter = arguments.filter.clone();
        Ok(Self { inputs, bpf, filter, color, keep, user, follow, network: false })
    }

    /// Of a command line without a command: its first word may have been meant for one.
    ///
    /// # Errors
    /// As [`Self::new`], with what the first word may have been meant for.
    pub(super) fn without_command(arguments: &SourceArguments, color: Color) -> anyhow::Result<Self> {
        if let (Some(first), true, None) =
            (arguments.words.first(), arguments.bpf.is_empty(), &arguments.live.interface)
            && !is_file(first, true)
            && !begins_a_filter(first)
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
        let inputs = match &self.inputs {
            Inputs::Files(inputs) => inputs.as_slice(),
            Inputs::Device(_) => &[],
        };
        inputs.iter().filter_map(|input| match input {
            Input::Path(path) => Some(path.as_path()),
            Input::Stdin => None,
        })
    }

    /// Whether what is read may still be under way: a device, standard input, a pipe, files that are followed.
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

/// The captures of some words.
fn files(words: &[OsString], arguments: &SourceArguments) -> anyhow::Result<Vec<Input>> {
    let (follow, live) = (arguments.follow, &arguments.live);
    let inputs: Vec<Input> = words.iter().map(|word| input(word)).collect();
    if inputs.iter().filter(|input| **input == Input::Stdin).count() > 1 {
        bail!("-: standard input can be read once only");
    }
    if follow && inputs.contains(&Input::Stdin) {
        bail!("-: standard input is read as it comes: leave --follow out");
    }
    let given = [
        ("-c", live.count.is_some() && !follow),
        ("--for", live.duration.is_some() && !follow),
        ("-B", live.buffer_size.is_some()),
        ("-s", live.snapshot_length.is_some()),
        ("-p", live.no_promiscuous_mode),
    ];
    if let Some((option, _)) = given.iter().find(|(_, given)| *given) {
        let or = if ["-c", "--for"].contains(option) { ", or with --follow" } else { "" };
        bail!("{option} is an option of live captures: with -i IFACE, or without a file{or}");
    }
    Ok(inputs)
}

/// How a device is captured on.
fn options(live: &LiveArguments, filter: Option<String>) -> live::Options {
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

/// What to say of a first word that is no file, and no filter either.
fn missing(word: &OsStr) -> String {
    let word = word.display().to_string();
    let mut message =
        format!("{word}: no such file: name a capture, or - for standard input, or -i and a device");
    if word.contains([':', '~']) {
        message.push_str("\n  what MCP says is filtered with --filter, as in --filter 'method:tools/call'");
    }
    message
}

/// What to say where a file is named beside a device.
fn both(words: &[OsString]) -> String {
    let file = words.first().map(|word| word.display().to_string()).unwrap_or_default();
    format!("{file}: is a file, and a device is named too: what follows -i IFACE is a filter")
}

/// Whether a word can begin a filter expression (pcap-filter(7)). Without -i the first word decides whether a capture was
/// meant: a misspelt name is not to be looked up as that of a host, and nothing is to be captured for it.
fn begins_a_filter(word: &OsStr) -> bool {
    let Some(word) = word.to_str() else {
        return false;
    };
    let bare = word.trim_start_matches(['(', '!', ' ']);
    let first = bare.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let behind = bare.get(first.len()..).unwrap_or_default();
    let known = BEGINNINGS.contains(&first) && behind.chars().next().is_none_or(|c| " [)=<>&!".contains(c));
    known || bare.is_empty() || bare.parse::<std::net::IpAddr>().is_ok()
}

/// The words that a filter expression can begin with.
const BEGINNINGS: [&str; 38] = [
    "arp",
    "broadcast",
    "dst",
    "ether",
    "gateway",
    "geneve",
    "greater",
    "host",
    "icmp",
    "icmp6",
    "ifname",
    "igmp",
    "inbound",
    "ip",
    "ip6",
    "ipv4",
    "ipv6",
    "len",
    "less",
    "link",
    "mpls",
    "multicast",
    "net",
    "not",
    "on",
    "outbound",
    "port",
    "portrange",
    "pppoes",
    "proto",
    "rarp",
    "sctp",
    "src",
    "tcp",
    "udp",
    "vlan",
    "vxlan",
    "wlan",
];

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
/// types that it has. It is known for a filter where it follows `--` (`ended`) or a `device` is named; else its first word
/// may have been meant for a file.
fn bpf(words: &[OsString], (ended, device): (bool, bool)) -> anyhow::Result<Option<String>> {
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
    let refused = format!("libpcap does not accept the filter «{filter}»: {why}");
    if ended {
        bail!(refused);
    }
    let first = first.display();
    let mut message = if device {
        refused
    } else {
        format!(
            "«{first}» is neither a file that exists nor, with what follows, a filter that libpcap accepts: {why}"
        )
    };
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
        let arguments = SourceArguments { words: own(words), bpf: own(behind), ..SourceArguments::default() };
        Request::new(&arguments, Color::Auto).map_err(|error| error.to_string())
    }

    /// The same on the device `lo`.
    fn device(words: &[&str], behind: &[&str]) -> Result<Request, String> {
        let own = |words: &[&str]| words.iter().map(OsString::from).collect();
        let live = LiveArguments { interface: Some("lo".to_owned()), ..LiveArguments::default() };
        let arguments =
            SourceArguments { words: own(words), bpf: own(behind), live, ..SourceArguments::default() };
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
        for filter in ["tcp", "(tcp", "!udp", "not", "10.0.0.1", "::1", "tcp[13]", "tcp port 1", "("] {
            assert!(begins_a_filter(filter.as_ref()), "{filter}");
        }
        for no in ["tcp.pcap", "capture", "udp/x", "ip6x", "reprot", "./tcp", "host-a.pcap"] {
            assert!(!begins_a_filter(no.as_ref()), "{no}");
        }
        assert!(request(&["capture"], &[]).unwrap_err().starts_with("capture: no such file"));
    }

    #[test]
    fn what_follows_a_device_is_a_filter() {
        let request = device(&["tcp", "port", "1"], &[]).unwrap();
        assert_eq!(request.bpf.as_deref(), Some("tcp port 1"));
        let Inputs::Device(options) = request.inputs else {
            panic!("a device");
        };
        assert_eq!(options.device.as_deref(), Some("lo"));
        assert!(options.promiscuous);
        assert!(device(&["Cargo.toml"], &[]).unwrap_err().starts_with("Cargo.toml: is a file, and a device"));
        assert!(device(&["Cargo.toml"], &["tcp"]).unwrap_err().contains("a device is named too"));
        assert_eq!(device(&[], &["tcp"]).unwrap().bpf.as_deref(), Some("tcp"));
        let error = device(&["method:x"], &[]).unwrap_err();
        assert!(error.starts_with("libpcap does not accept") && error.contains("--filter"), "{error}");
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
    fn a_directory_is_no_file_behind_a_file() {
        let error = request(&["Cargo.toml", "src"], &[]).unwrap_err();
        assert!(error.starts_with("«src» is neither a file"), "{error}");
        assert_eq!(request(&["src"], &[]).unwrap().inputs, Inputs::Files(vec![Input::Path("src".into())]));
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
