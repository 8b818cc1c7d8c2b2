//! The command line, declared for clap.

pub(crate) mod counted;
pub(crate) mod deferred;
#[cfg(feature = "demo")]
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod help;
pub(crate) mod inventory;
#[cfg(feature = "mcp")]
pub(crate) mod mcp;
mod named;
pub(crate) mod quantity;
pub(crate) mod redaction;
pub(crate) mod screen;
#[cfg(feature = "demo")]
pub(crate) mod serve;
pub(crate) mod source;
pub(crate) mod tcpdump;
pub(crate) mod timeline;
#[cfg(feature = "demo")]
pub(crate) mod traffic;
#[cfg(feature = "web")]
pub(crate) mod web;
pub(crate) mod why;
#[cfg(unix)]
pub(crate) mod wrap;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use crate::base::Severity;
use crate::base::time_style::TimeStyle;
use crate::check;
use crate::export;
use crate::export::slice::Extent;
use crate::ledger::Views;
use crate::report::Format;
use counted::Counted;
use deferred::Deferred;
use named::named;
use redaction::Redaction;
use screen::{Color, ScreenArguments};
use source::SourceArguments;

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
    max_term_width = 100,
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) screen: ScreenArguments,
    /// Colour the output: auto (on a terminal, unless NO_COLOR is set), always or never
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    #[arg(hide_possible_values = true)]
    pub(crate) color: Color,
}

impl Arguments {
    /// Returns the declaration with the end of the long help, which takes as long to make as
    /// everything else: only who asks for help needs it.
    pub(crate) fn command_with_long_help() -> clap::Command {
        let with_end = |command: clap::Command| match help::examples_of_reader(command.get_name()) {
            Some(examples) => command.after_long_help(help::long(examples)),
            None => command,
        };
        with_end(Self::command()).mut_subcommands(with_end)
    }
}

/// The commands. Without one the TUI opens; if standard output is no terminal, `report` runs on
/// files and `list` on a device, both with default options.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a line per exchange as it completes
    #[command(
        override_usage = "mcpdump list [OPTIONS] [FILE... | -i IFACE] [BPF...]",
        after_help = help::LIST_EXAMPLES,
    )]
    List(Deferred<List>),
    /// Print totals, sessions, latency tables per method and tool, and findings
    #[command(
        override_usage = "mcpdump report [OPTIONS] [FILE... | -i IFACE] [BPF...]",
        after_help = help::REPORT_EXAMPLES,
    )]
    Report(Deferred<Report>),
    /// Show the HTML report in a browser on this machine, while the capture goes on
    #[cfg(feature = "web")]
    #[command(
        override_usage = "mcpdump web [OPTIONS] [FILE... | -i IFACE] [BPF...]",
        after_help = help::WEB_EXAMPLES,
    )]
    Web(Deferred<web::Web>),
    /// Answer an agent's questions about a capture, as an MCP server
    #[cfg(feature = "mcp")]
    #[command(
        override_usage = "mcpdump mcp [OPTIONS] [FILE... | -i IFACE] [BPF...]",
        after_help = help::MCP_EXAMPLES,
    )]
    Mcp(Deferred<mcp::Mcp>),
    /// Tell what became of an exchange: who ended it, by which limit, where the time went
    #[command(
        override_usage = "mcpdump why [OPTIONS] [FILE... | -i IFACE] [EXCHANGE | SESSION] [BPF...]",
        after_help = help::WHY_EXAMPLES,
    )]
    Why(Deferred<why::Why>),
    /// Show what a model asked for and what MCP did: the runs of agents on one time axis
    #[command(
        override_usage = "mcpdump timeline [OPTIONS] [FILE... | -i IFACE] [BPF...]",
        after_help = help::TIMELINE_EXAMPLES,
    )]
    Timeline(Deferred<timeline::Timeline>),
    /// Write everything in a format for other programs
    #[command(
        override_usage = "mcpdump export [OPTIONS] [FILE... | -i IFACE] [BPF...]",
        after_help = help::EXPORT_EXAMPLES,
    )]
    Export(Deferred<Export>),
    /// Check a capture for findings and objectives: exit status 1 if one fails it
    #[command(
        override_usage = "mcpdump check [OPTIONS] [FILE... | -i IFACE] [BPF...]",
        after_help = help::CHECK_EXAMPLES,
    )]
    Check(Deferred<Check>),
    /// Compare two captures: latencies, failures, definitions, findings
    #[command(
        override_usage = "mcpdump diff [OPTIONS] BEFORE AFTER [-- BPF...]\n       \
            mcpdump diff [OPTIONS] CAPTURE --filter EXPR --filter EXPR [-- BPF...]",
        after_help = help::DIFF_EXAMPLES,
    )]
    Diff(Deferred<diff::Diff>),
    /// List the servers and clients of captures, and what they do
    #[command(
        override_usage = "mcpdump inventory [OPTIONS] [FILE... | -i IFACE] [BPF...]",
        after_help = help::INVENTORY_EXAMPLES,
    )]
    Inventory(Deferred<inventory::Inventory>),
    /// Tell in how many sessions each method and tool failed
    #[command(
        override_usage = "mcpdump stats [OPTIONS] [FILE... | -i IFACE] [BPF...]",
        after_help = help::STATS_EXAMPLES,
    )]
    Stats(Deferred<inventory::Stats>),
    /// Explain a finding: what it means, what to do, what it rests on
    #[command(after_help = help::EXPLAIN_EXAMPLES, after_long_help = help::EXPLAIN_EXAMPLES)]
    Explain {
        /// Code of the finding, as in mcp.unanswered; all are listed without one
        code: Option<String>,
    },
    /// Write the packets of the exchanges that match to a file of their own
    #[command(
        override_usage = "mcpdump slice [OPTIONS] -o FILE [FILE... | -i IFACE] [BPF...]",
        after_help = help::SLICE_EXAMPLES,
    )]
    Slice(Deferred<Slice>),
    /// List the capture devices and why some cannot be used
    #[command(after_help = help::INTERFACES_EXAMPLES, after_long_help = help::INTERFACES_EXAMPLES)]
    Interfaces,
    /// Run a program so that it logs the secrets of its TLS connections
    #[command(after_help = help::KEYS_EXAMPLES, after_long_help = help::KEYS_EXAMPLES)]
    Keys(Deferred<Keys>),
    /// Run a server on standard input and output, and record what passes as a capture
    #[cfg(unix)]
    #[command(after_help = help::WRAP_EXAMPLES, after_long_help = help::WRAP_EXAMPLES)]
    Wrap(Deferred<wrap::Wrap>),
    /// Run a Hacker News MCP server, to have traffic to capture
    #[cfg(feature = "demo")]
    #[command(after_help = help::SERVE_EXAMPLES)]
    Serve(Deferred<serve::Serve>),
    /// Run MCP clients that make traffic against any server
    #[cfg(feature = "demo")]
    #[command(after_help = help::TRAFFIC_EXAMPLES)]
    Traffic(Deferred<traffic::Traffic>),
    /// Run server, clients and live capture together
    #[cfg(feature = "demo")]
    #[command(after_help = help::DEMO_EXAMPLES)]
    Demo(Deferred<demo::Demo>),
    /// Print the TUI configuration, defaults included
    #[command(after_help = help::CONFIG_EXAMPLES)]
    Config,
    /// Print the completion script of a shell
    #[command(
        after_help = help::COMPLETIONS_EXAMPLES
    )]
    Completions {
        /// Shell to complete for
        shell: Shell,
    },
    /// Print the manual page, or write the pages of all commands to a directory
    #[command(after_help = help::MAN_EXAMPLES)]
    Man {
        /// Directory for the pages
        #[arg(value_hint = ValueHint::DirPath)]
        directory: Option<PathBuf>,
    },
}

/// `mcpdump keys`.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    /// Write the secrets to this key log; they are appended
    #[arg(short = 'o', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(default_value = "keys.log")]
    pub(crate) tls_keylog: PathBuf,
    /// The program and its arguments
    ///
    /// It runs with SSLKEYLOGFILE (curl, wget, Python, Deno, browsers) and with --tls-keylog in
    /// NODE_OPTIONS (Node.js, npx and their children). Bun, Go, Java and Rust programs log nothing
    /// by themselves: docs/https.md says what to do instead.
    #[arg(last = true, required = true, num_args = 1.., value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// `mcpdump list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) options: ListOptions,
}

/// Options of `list` alone.
#[derive(Debug, Default, Args)]
pub(crate) struct ListOptions {
    /// Print a line per message instead: requests, responses, notifications, and one per stream
    #[arg(long)]
    pub(crate) messages: bool,
    /// Print times as seconds since the epoch: --time epoch
    #[arg(long, conflicts_with = "time")]
    pub(crate) epoch: bool,
    /// Print times as time of day (utc, local), seconds since the first line (relative), or seconds
    /// since the epoch (epoch) [default: utc]
    #[arg(long, value_name = "STYLE")]
    #[arg(value_parser = named(&TimeStyle::ALL, TimeStyle::name))]
    pub(crate) time: Option<TimeStyle>,
    /// Print calls that were captured on both legs of a proxy once (front), or on each leg (all)
    /// [default: all]
    #[arg(long, value_name = "WHICH")]
    #[arg(value_parser = named(&Views::ALL, Views::name))]
    pub(crate) views: Option<Views>,
    #[command(flatten)]
    pub(crate) redaction: Redaction,
}

/// `mcpdump report`.
#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) options: ReportOptions,
}

/// Options of `report` alone.
#[derive(Debug, Default, Args)]
pub(crate) struct ReportOptions {
    /// Format of the report
    #[arg(long, default_value = "text", value_parser = named(&Format::ALL, Format::name))]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) counted: Counted,
    /// Write to this file instead of standard output
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

/// Options of `export` alone.
#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// Format of the export
    #[arg(long, default_value = "jsonl", value_parser = export_formats())]
    pub(crate) to: &'static export::Format,
    /// Write exchanges alone, without sessions, notifications, streams and findings
    #[arg(long, value_name = "WHAT")]
    #[arg(value_parser = named(&Only::ALL, Only::name))]
    pub(crate) only: Option<Only>,
    /// Write calls that were captured on both legs of a proxy once (front), or on each leg (all)
    /// [default: all]
    #[arg(long, value_name = "WHICH")]
    #[arg(value_parser = named(&Views::ALL, Views::name))]
    pub(crate) views: Option<Views>,
    /// Write credentials as they are: with --to har, which masks them
    #[arg(long)]
    pub(crate) with_secrets: bool,
    /// With --to otlp, send to this collector (OTLP over HTTP) [default: what
    /// OTEL_EXPORTER_OTLP_ENDPOINT says, else lines of JSON are written]
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) endpoint: Option<String>,
    /// With --to otlp, how long to try again what the collector does not take [default: 5m]
    #[arg(long, value_name = "DURATION", value_parser = quantity::duration)]
    pub(crate) retry_for: Option<Duration>,
    #[command(flatten)]
    pub(crate) redaction: Redaction,
    /// Write to this file instead of standard output; with --to parquet into this new directory
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

/// `mcpdump check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) options: CheckOptions,
}

/// Options of `check` alone.
#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// Fail on findings of this severity and above
    #[arg(long, value_name = "SEVERITY", default_value = "warning")]
    #[arg(value_parser = named(&FailOn::ALL, FailOn::name))]
    pub(crate) fail_on: FailOn,
    /// Let the findings of this file pass: a code and, if it is given, a method and a name in each
    /// line, as --format baseline writes it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) baseline: Vec<PathBuf>,
    /// Leave out findings, as in 'sse.*' or 'mcp.unanswered tools/call slow'
    #[arg(long, value_name = "CODE [METHOD [NAME]]")]
    pub(crate) ignore: Vec<String>,
    /// Also look for what concerns security
    ///
    /// Credentials in URLs, without TLS, in messages, or sent to two servers; servers that ask for
    /// none, or let pages of any origin in; session ids that can be guessed; tools with the name of
    /// another server's; texts that go on to another server; invisible characters. No credential is
    /// printed.
    #[arg(long)]
    pub(crate) security: bool,
    /// With --security, also apply rules that guess: words that read like instructions to a model
    #[arg(long, requires = "security")]
    pub(crate) guesses: bool,
    /// Report servers that are not in this list: a TOML file with servers = ["10.0.0.2:3000", ...],
    /// each an address, an address and port, with its path or without, or the name of a server
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) inventory: Option<PathBuf>,
    /// Fail if an objective is missed, as in 'p95(tools/call)<500ms', 'error_rate(tool:search)<1%',
    /// 'max(*)<30s' or 'count(initialize)<10'; any filter expression selects the calls
    #[arg(long, value_name = "OBJECTIVE")]
    pub(crate) slo: Vec<String>,
    /// Format of the verdict
    #[arg(long, default_value = "text", value_parser = named(&check::Format::ALL, check::Format::name))]
    pub(crate) format: check::Format,
    #[command(flatten)]
    pub(crate) redaction: Redaction,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

/// The severity that fails a check; `None` if no finding does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FailOn(pub(crate) Option<Severity>);

impl FailOn {
    const ALL: [Self; 5] = [
        Self(Some(Severity::Error)),
        Self(Some(Severity::Warning)),
        Self(Some(Severity::Notice)),
        Self(Some(Severity::Info)),
        Self(None),
    ];

    fn name(self) -> &'static str {
        self.0.map_or("never", Severity::name)
    }
}

/// `mcpdump slice`.
#[derive(Debug, Args)]
pub(crate) struct Slice {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) options: SliceOptions,
}

/// Options of `slice` alone.
#[derive(Debug, Args)]
pub(crate) struct SliceOptions {
    /// The file to write (pcapng); - is standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Packets of the matching exchanges with what TCP needs around them, of all of their
    /// connections, or of all connections of their sessions
    #[arg(long, value_name = "WHAT", default_value = "exchanges")]
    #[arg(value_parser = named(&Extent::ALL, Extent::name))]
    pub(crate) of: Extent,
    /// Replace addresses, names, tokens, session ids and texts by others of the same length, so
    /// that the file can be given away and the same analysis comes out of it
    #[arg(long)]
    pub(crate) anonymize: bool,
}

/// What alone is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Only {
    /// Exchanges.
    Exchanges,
}

impl Only {
    const ALL: [Self; 1] = [Self::Exchanges];

    fn name(self) -> &'static str {
        match self {
            Self::Exchanges => "exchanges",
        }
    }
}

/// Parses the name of an export format: one of [`export::FORMATS`].
fn export_formats() -> impl TypedValueParser<Value = &'static export::Format> {
    let values = export::FORMATS.iter().map(|format| PossibleValue::new(format.name).help(format.summary));
    // Hidden: the error says which feature is missing.
    #[cfg(not(feature = "parquet"))]
    let values = values.chain([PossibleValue::new("parquet").hide(true)]);
    PossibleValuesParser::new(values).try_map(|name| {
        name.parse::<&'static export::Format>().map_err(|unknown| match &*name {
            "parquet" => "not in this program: cargo build --release --features parquet".to_owned(),
            _ => unknown.to_string(),
        })
    })
}

/// Commands of features, with the feature and whether this build has it.
const OPTIONAL: [(&str, &str, bool); 5] = [
    ("serve", "demo", cfg!(feature = "demo")),
    ("traffic", "demo", cfg!(feature = "demo")),
    ("demo", "demo", cfg!(feature = "demo")),
    ("web", "web", cfg!(feature = "web")),
    ("mcp", "mcp", cfg!(feature = "mcp")),
];

/// Returns the feature that a build needs for a command; `None` if it has the command, or there is
/// none of this name.
pub(crate) fn missing_feature(word: &std::ffi::OsStr) -> Option<&'static str> {
    OPTIONAL
        .iter()
        .find(|(command, _, is_there)| !is_there && word == *command)
        .map(|(_, feature, _)| *feature)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Programs are built with Parquet or without; those without say how to get it.
    #[test]
    fn a_format_that_was_left_out_is_known() {
        let parsed = Arguments::try_parse_from(["mcpdump", "export", "--to", "parquet", "a.pcap"]);
        if cfg!(feature = "parquet") {
            assert!(parsed.is_ok());
        } else {
            assert!(parsed.unwrap_err().to_string().contains("--features parquet"));
        }
    }

    #[test]
    fn the_declaration_is_valid() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn words_after_two_dashes_are_a_filter() {
        let arguments =
            Arguments::try_parse_from(["mcpdump", "list", "a", "b", "--", "tcp", "port", "1"]).unwrap();
        let Some(Command::List(list)) = arguments.command else {
            panic!("list is a command");
        };
        assert_eq!(list.0.source.words, ["a", "b"]);
        assert_eq!(list.0.source.bpf, ["tcp", "port", "1"]);
    }

    #[test]
    fn a_command_name_after_a_file_is_a_word() {
        let arguments = Arguments::try_parse_from(["mcpdump", "a.pcap", "list"]).unwrap();
        assert!(arguments.command.is_none());
        assert_eq!(arguments.source.words, ["a.pcap", "list"]);
    }

    #[test]
    fn options_may_follow_the_words() {
        let arguments =
            Arguments::try_parse_from(["mcpdump", "list", "a.pcap", "tcp", "--messages"]).unwrap();
        let Some(Command::List(list)) = arguments.command else {
            panic!("list is a command");
        };
        assert!(list.0.options.messages);
        assert_eq!(list.0.source.words, ["a.pcap", "tcp"]);
    }

    #[test]
    fn the_long_help_of_commands_that_read_has_the_filter_language() {
        for command in Arguments::command_with_long_help().get_subcommands_mut() {
            let long = command.render_long_help().to_string();
            let reads = command.get_arguments().any(|argument| argument.get_id() == "filter");
            assert_eq!(long.contains("The language of --filter"), reads, "{}", command.get_name());
        }
    }

    /// The unit of systemd, the image and the DaemonSet call the program with arguments that it
    /// has.
    #[test]
    fn services_use_arguments_that_exist() {
        let unit = include_str!("../../../packaging/systemd/mcpdump.service");
        let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/")).unwrap();
        let of_unit = line
            .replace("${MCPDUMP_PROMETHEUS}", "127.0.0.1:9464")
            .replace("${MCPDUMP_INTERFACE}", "any")
            .replace("$MCPDUMP_FILTER", "tcp");
        let manifest = include_str!("../../../packaging/kubernetes/daemonset.yaml");
        let line = manifest.lines().find_map(|line| line.trim().strip_prefix("args: [")).unwrap();
        let arguments = line.trim_end_matches(']').replace("\"$(HOST_IP):9464\"", "10.0.0.1:9464");
        let of_manifest = format!("mcpdump {}", arguments.replace(',', ""));
        let image = include_str!("../../../packaging/Dockerfile");
        let line = image.lines().find(|line| line.starts_with("# docker run ")).unwrap();
        let of_image = &line[line.find(" mcpdump ").unwrap() + 1..];
        for command in [&*of_unit, &of_manifest, of_image] {
            let parsed = Arguments::try_parse_from(command.split(' '));
            let Ok(Some(Command::Export(export))) = parsed.map(|arguments| arguments.command) else {
                panic!("{command}");
            };
            assert_eq!(export.0.options.to.name, export::otlp::NAME, "{command}");
            assert!(export.0.source.live.interface.is_some(), "{command}");
        }
    }

    /// The structures of their arguments are described, too.
    #[test]
    fn commands_keep_their_descriptions() {
        let mut command = Arguments::command();
        let before: Vec<_> = command.get_subcommands().map(|command| command.get_about().cloned()).collect();
        command.build();
        let after = command.get_subcommands().map(|command| command.get_about().cloned());
        assert_eq!(after.take(before.len()).collect::<Vec<_>>(), before);
    }

    #[test]
    fn every_command_has_an_example() {
        for command in Arguments::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("mcpdump "), "{}", command.get_name());
        }
    }
}
