//! What may be asked for on the command line, and the help texts.

pub(crate) mod help;
pub(crate) mod quantity;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::cli::arguments::quantity as measure;
#[cfg(feature = "demo")]
use crate::cli::commands::demo::Demo;
#[cfg(feature = "demo")]
use crate::cli::commands::serve::Serve;
#[cfg(feature = "demo")]
use crate::cli::commands::traffic::Traffic;
use crate::export;

/// tcpdump for MCP: sessions, exchanges and latencies out of packets
#[derive(Debug, Parser)]
#[command(
    name = "mcpdump",
    version,
    about,
    long_about = help::ABOUT,
    override_usage = "mcpdump FILE... [BPF...]\n       mcpdump [-i IFACE] [BPF...]\n       \
        mcpdump COMMAND [OPTIONS] [FILE... | -i IFACE] [BPF...]",
    after_help = help::EXAMPLES,
    after_long_help = help::long(help::EXAMPLES),
    max_term_width = 100,
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) screen: ScreenArguments,
    /// Colours: on a terminal only (auto; off where NO_COLOR is set), always or never
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    #[arg(hide_possible_values = true)]
    pub(crate) color: Color,
}

/// The commands. Without one the TUI is opened; where there is no terminal `report` is run on files, and `list` on a
/// device, with their defaults.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A line per exchange, as it completes
    #[command(
        override_usage = "mcpdump list [OPTIONS] [FILE... | -i IFACE] [BPF...]",
        after_help = help::LIST_EXAMPLES,
        after_long_help = help::long(help::LIST_EXAMPLES),
    )]
    List(List),
    /// Totals, sessions, latency tables per method and tool, findings
    #[command(
        override_usage = "mcpdump report [OPTIONS] [FILE... | -i IFACE] [BPF...]",
        after_help = help::REPORT_EXAMPLES,
        after_long_help = help::long(help::REPORT_EXAMPLES),
    )]
    Report(Report),
    /// Everything that was seen, for other programs
    #[command(
        override_usage = "mcpdump export [OPTIONS] [FILE... | -i IFACE] [BPF...]",
        after_help = help::EXPORT_EXAMPLES,
        after_long_help = help::long(help::EXPORT_EXAMPLES),
    )]
    Export(Export),
    /// The devices that can be captured on, and what is missing for those that cannot
    #[command(after_help = help::INTERFACES_EXAMPLES, after_long_help = help::INTERFACES_EXAMPLES)]
    Interfaces,
    /// The Hacker News MCP server: traffic to look at
    #[cfg(feature = "demo")]
    #[command(after_help = help::SERVE_EXAMPLES)]
    Serve(Serve),
    /// MCP clients that make traffic: against any server
    #[cfg(feature = "demo")]
    #[command(after_help = help::TRAFFIC_EXAMPLES)]
    Traffic(Traffic),
    /// Server, clients and live capture in one: see it work
    #[cfg(feature = "demo")]
    #[command(after_help = help::DEMO_EXAMPLES)]
    Demo(Demo),
    /// Prints the configuration of the TUI, with what holds where nothing is said
    #[command(after_help = help::CONFIG_EXAMPLES)]
    Config,
    /// Prints the completion script of a shell
    #[command(
        hide = true,
        after_help = "Example:\n  mcpdump completions bash > /etc/bash_completion.d/mcpdump"
    )]
    Completions {
        /// The shell that the script is for
        shell: Shell,
    },
    /// Prints the manual page, or writes all of them into a directory
    #[command(hide = true, after_help = "Example:\n  mcpdump man | man -l -")]
    Man {
        /// Where to write the pages of the program and of each command
        #[arg(value_hint = ValueHint::DirPath)]
        directory: Option<PathBuf>,
    },
}

/// What every command that analyses takes.
#[derive(Debug, Default, Args)]
pub(crate) struct SourceArguments {
    /// Captures to read (- is standard input), then a BPF filter as tcpdump takes it
    ///
    /// Without a capture a device is captured on, and all words are the filter.
    ///
    /// pcap or pcapng, also compressed with gzip, zstd or lz4. Several files are read as one capture in time order.
    /// Leading words that exist as files are files, the rest is the filter; -- ends the files.
    #[arg(value_name = "FILE|BPF", value_hint = ValueHint::FilePath)]
    pub(crate) words: Vec<OsString>,
    /// A BPF filter: the words before it are files
    #[arg(last = true, value_name = "BPF", hide = true)]
    pub(crate) bpf: Vec<OsString>,
    /// Narrows what is shown, as in 'method:tools/call dur>500ms'; --help has the language
    #[arg(long, value_name = "EXPR")]
    pub(crate) filter: Option<String>,
    /// Goes on as the files grow, until Ctrl-C (or q in the TUI); -c and --for end it too
    ///
    /// Reads captures that are still being written (tcpdump -U -w FILE, dumpcap, mcpdump -w) to their end and waits there for
    /// more. A packet that is half there is waited for. It ends by itself where a file is moved, removed or replaced, after
    /// what is left of it was read. Several files are put in time order as far as each has packets: one that is silent is not
    /// waited for longer than a tenth of a second. Not for compressed files, pipes and standard input.
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) live: LiveArguments,
    #[command(flatten)]
    pub(crate) keep: KeepArguments,
}

impl SourceArguments {
    /// Whether none of them was given.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { words, bpf, filter, follow, live, keep } = self;
        words.is_empty()
            && bpf.is_empty()
            && filter.is_none()
            && !follow
            && *live == LiveArguments::default()
            && *keep == KeepArguments::default()
    }
}

/// What a live capture takes: tcpdump's letters.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct LiveArguments {
    /// Captures on this device (see mcpdump interfaces); loopback where no file is named either
    #[arg(short, long, value_name = "IFACE", help_heading = LIVE)]
    pub(crate) interface: Option<String>,
    /// Ends after so many packets
    #[arg(short = 'c', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    #[arg(help_heading = LIVE)]
    pub(crate) count: Option<u64>,
    /// Ends after this time, as in 30s or 5m
    #[arg(long = "for", value_name = "DURATION", value_parser = measure::duration, help_heading = LIVE)]
    pub(crate) duration: Option<Duration>,
    /// The kernel's buffer, as in 64MiB (the default); a bare number is KiB
    #[arg(short = 'B', long, value_name = "SIZE", value_parser = measure::buffer, help_heading = LIVE)]
    pub(crate) buffer_size: Option<usize>,
    /// Most bytes of a packet that are captured; 262144, and 0 means that too
    #[arg(short, long, value_name = "BYTES", help_heading = LIVE)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=262_144))]
    pub(crate) snapshot_length: Option<u32>,
    /// Leaves out what is for other machines: the device is not made promiscuous
    #[arg(short = 'p', long, help_heading = LIVE)]
    pub(crate) no_promiscuous_mode: bool,
    /// Becomes this user once the device is open; by default the one that ran sudo; root stays root
    #[arg(short = 'Z', long, value_name = "USER", help_heading = LIVE)]
    pub(crate) relinquish_privileges: Option<String>,
}

/// Where packets are kept.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct KeepArguments {
    /// Keeps the packets in this file (pcapng) while they are analysed; - is standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = KEEP)]
    pub(crate) write: Option<PathBuf>,
    /// Begins another file after so many millions of bytes: FILE, FILE1, FILE2; also 10MiB
    #[arg(short = 'C', long, value_name = "SIZE", value_parser = measure::file_size, help_heading = KEEP)]
    pub(crate) file_size: Option<u64>,
    /// Begins another file after so many seconds; FILE is a format of strftime, as in %H%M.pcapng
    #[arg(short = 'G', long, value_name = "SECONDS", help_heading = KEEP)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rotate_seconds: Option<u32>,
    /// With -C, keeps so many files and begins again; with -G, ends after so many
    #[arg(short = 'W', long, value_name = "COUNT", help_heading = KEEP)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) file_count: Option<u32>,
}

/// What the TUI takes.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct ScreenArguments {
    /// What may be kept of bodies in memory, as in 256MiB; 64MiB, and a bare number is MiB
    ///
    /// The rest lies in a temporary file without a name. Without it the configuration says how much.
    #[arg(long, value_name = "SIZE", value_parser = measure::memory, help_heading = SCREEN)]
    pub(crate) memory: Option<usize>,
}

impl ScreenArguments {
    /// Refuses what has no effect where no TUI is opened.
    ///
    /// # Errors
    /// Something was asked for.
    pub(crate) fn refuse(&self) -> anyhow::Result<()> {
        if self.memory.is_some() {
            anyhow::bail!(
                "--memory is an option of the TUI, and standard output is no terminal to show it on"
            );
        }
        Ok(())
    }
}

const SCREEN: &str = "The TUI";
const LIVE: &str = "Live capture";
const KEEP: &str = "Keeping packets";

/// `mcpdump list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) options: ListOptions,
}

/// What `list` takes beside its source.
#[derive(Debug, Default, Args)]
pub(crate) struct ListOptions {
    /// A line per message instead: requests, responses, notifications, and one per stream
    #[arg(long)]
    pub(crate) messages: bool,
    /// Times as epoch seconds, not as time of day (UTC)
    #[arg(long)]
    pub(crate) epoch: bool,
}

/// `mcpdump report`.
#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) options: ReportOptions,
}

/// What `report` takes beside its source.
#[derive(Debug, Default, Args)]
pub(crate) struct ReportOptions {
    /// How the report is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Latency tables per server, session or client address
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) by: Option<By>,
    /// Writes to this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

/// `mcpdump export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) options: ExportOptions,
}

/// What `export` takes beside its source.
#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// Output format
    #[arg(long, default_value = "jsonl", value_parser = export_formats())]
    pub(crate) to: &'static export::Format,
    /// Writes to this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// The formats of `report`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Csv,
    Markdown,
}

/// What the latency tables of `report` are split by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    Server,
    Session,
    Client,
}

/// Parses the name of an export format. The possible values are the rows of [`export::FORMATS`].
fn export_formats() -> impl TypedValueParser<Value = &'static export::Format> {
    let values = export::FORMATS.iter().map(|format| PossibleValue::new(format.name).help(format.summary));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<&'static export::Format>())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declaration_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_follows_two_dashes_is_told_apart() {
        let arguments =
            Arguments::try_parse_from(["mcpdump", "list", "a", "b", "--", "tcp", "port", "1"]).unwrap();
        let Some(Command::List(list)) = arguments.command else {
            panic!("list is a command");
        };
        assert_eq!(list.source.words, ["a", "b"]);
        assert_eq!(list.source.bpf, ["tcp", "port", "1"]);
    }

    #[test]
    fn a_command_after_a_file_is_no_command() {
        let arguments = Arguments::try_parse_from(["mcpdump", "a.pcap", "list"]).unwrap();
        assert!(arguments.command.is_none());
        assert_eq!(arguments.source.words, ["a.pcap", "list"]);
    }

    #[test]
    fn options_may_stand_behind_the_words() {
        let arguments =
            Arguments::try_parse_from(["mcpdump", "list", "a.pcap", "tcp", "--messages"]).unwrap();
        let Some(Command::List(list)) = arguments.command else {
            panic!("list is a command");
        };
        assert!(list.options.messages);
        assert_eq!(list.source.words, ["a.pcap", "tcp"]);
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Arguments::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("mcpdump "), "{}", command.get_name());
        }
    }
}
