//! The command line: arguments in; exit status, messages and the results of the other layers out.
//!
//! ```text
//!  arguments  ─▶  request, keep  ─▶  setup                    ─▶  commands
//!  clap           checked            opens, drops privileges      analyse and print
//! ```
//!
//! A file imports only files to its left, and helpers: `bpf`, `clock`, `exit`, `messages`,
//! `signals`, `user_dirs`. `setup` uses `reader`, `output`, `privileges`, `sandbox` and
//! `filter_history`.

mod arguments;
mod awaited_file;
mod background;
mod bpf;
mod clock;
#[cfg(feature = "otlp")]
mod collector;
mod commands;
mod configuration;
mod exit;
mod file_broker;
mod filter_history;
mod interactive;
mod keep;
mod key_log_plan;
mod locale;
mod logged_secrets;
mod matching;
mod messages;
mod metrics;
mod output;
mod privileges;
mod progress_bar;
mod reader;
mod redaction;
mod request;
mod sandbox;
mod service;
mod setup;
mod shown_files;
mod signals;
mod slicer;
mod unwanted_file;
mod user_dirs;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use arguments::deferred::Deferred;
use arguments::screen::ScreenArguments;
use arguments::{Arguments, Command, ListOptions, ReportOptions};
#[cfg(feature = "mcp")]
use commands::mcp;
#[cfg(feature = "web")]
use commands::web;
#[cfg(unix)]
use commands::wrap;
use commands::{
    check, diff, export, generate, interfaces, inventory, keys, list, report, slice, timeline, tui, why,
};
#[cfg(feature = "demo")]
use commands::{demo, serve, traffic};
use exit::Outcome;
use request::{Inputs, Request};

/// Runs the program with the arguments of the process and returns its exit status.
#[must_use]
pub fn main() -> ExitCode {
    if asks_for_filter_help() {
        // A closed pipe is no error.
        drop(io::stdout().write_all(arguments::help::filter_topic().as_bytes()));
        return ExitCode::SUCCESS;
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return print_clap_error(&with_long_help(error)),
    };
    match dispatch(arguments) {
        Ok(outcome) => outcome.into(),
        Err(error) if exit::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            messages::error(&messages::with_causes(&error));
            ExitCode::from(exit::FAILURE)
        }
    }
}

/// Whether the arguments are `help filter`: a topic that is no command.
fn asks_for_filter_help() -> bool {
    let mut words = std::env::args_os().skip(1);
    words.next().is_some_and(|word| word == "help")
        && words.next().is_some_and(|word| word == "filter")
        && words.next().is_none()
}

/// Replaces help by help that has the end of the long help, too.
fn with_long_help(error: clap::Error) -> clap::Error {
    if error.kind() != ErrorKind::DisplayHelp {
        return error;
    }
    Arguments::command_with_long_help().try_get_matches().err().unwrap_or(error)
}

fn dispatch(arguments: Arguments) -> anyhow::Result<Outcome> {
    let Arguments { command, source, screen, color } = arguments;
    let Some(command) = command else {
        refuse_missing_command(&source.words)?;
        let request = Request::without_command(&source, color)?;
        if tui::is_available() {
            return tui::run(&request, &screen);
        }
        screen.require_none()?;
        return match request.inputs {
            Inputs::Files(_) if request.follow.is_none() => report::run(&request, &ReportOptions::default()),
            Inputs::Files(_) | Inputs::Device(_) => list::run(&request, &ListOptions::default()),
        };
    };
    if !source.is_empty() || screen != ScreenArguments::default() {
        anyhow::bail!("files and options go after the command: mcpdump COMMAND FILE...");
    }
    match command {
        Command::List(Deferred(list)) => list::run(&Request::new(&list.source, color)?, &list.options),
        Command::Report(Deferred(report)) => {
            report::run(&Request::new(&report.source, color)?, &report.options)
        }
        #[cfg(feature = "web")]
        Command::Web(Deferred(arguments)) => {
            web::run(&Request::new(&arguments.source, color)?, &arguments.options)
        }
        #[cfg(feature = "mcp")]
        Command::Mcp(Deferred(arguments)) => {
            mcp::run(&Request::new(&arguments.source, color)?, &arguments.options)
        }
        Command::Export(Deferred(export)) => {
            export::run(&Request::new(&export.source, color)?, &export.options)
        }
        Command::Check(Deferred(check)) => check::run(&Request::new(&check.source, color)?, &check.options),
        Command::Diff(Deferred(arguments)) => diff::run(&arguments, color),
        Command::Inventory(Deferred(arguments)) => inventory::run(&arguments, color),
        Command::Stats(Deferred(arguments)) => inventory::run_stats(&arguments, color),
        Command::Explain { code } => check::print_explanation(code.as_deref()).map(|()| Outcome::Success),
        Command::Why(Deferred(why)) => why::run(*why, color),
        Command::Timeline(Deferred(arguments)) => timeline::run(&arguments, color),
        Command::Slice(Deferred(slice)) => slice::run(&Request::new(&slice.source, color)?, &slice.options),
        Command::Config => tui::print_config().map(|()| Outcome::Success),
        #[cfg(feature = "demo")]
        Command::Serve(Deferred(serve)) => serve::run(*serve).map(|()| Outcome::Success),
        #[cfg(feature = "demo")]
        Command::Traffic(Deferred(traffic)) => traffic::run(&traffic, color).map(|()| Outcome::Success),
        #[cfg(feature = "demo")]
        Command::Demo(Deferred(demo)) => demo::run(&demo, color),
        Command::Interfaces => interfaces::run().map(|()| Outcome::Success),
        Command::Keys(Deferred(command)) => keys::run(&command),
        #[cfg(unix)]
        Command::Wrap(Deferred(command)) => wrap::run(*command),
        Command::Completions { shell } => {
            generate::completions(shell, Arguments::command()).map(|()| Outcome::Success)
        }
        Command::Man { directory } => {
            generate::man(directory.as_deref(), &Arguments::command()).map(|()| Outcome::Success)
        }
    }
}

/// Explains why the command of a feature is missing.
///
/// # Errors
/// The first word is such a command, and no file.
fn refuse_missing_command(words: &[std::ffi::OsString]) -> anyhow::Result<()> {
    let Some(word) = words.first() else { return Ok(()) };
    match arguments::missing_feature(word) {
        Some(feature) if !std::path::Path::new(word).exists() => {
            anyhow::bail!("{}: this build lacks the command (cargo feature `{feature}`)", word.display())
        }
        _ => Ok(()),
    }
}

/// Prints help and version to standard output, errors in the arguments to standard error.
fn print_clap_error(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // A closed pipe is no error.
            drop(error.print());
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(exit::FAILURE))
        }
        _ => {
            // clap's tip on `--` does not apply: the words after it are a BPF filter.
            let text = error.render().to_string();
            let lines: Vec<&str> = text.lines().filter(|line| !line.contains("tip: to pass '")).collect();
            let mut text = lines.join("\n").replace("\n\n\n", "\n\n");
            if let Some(hint) = hint(error) {
                text = format!("{}\n\n{hint}", text.trim_end());
            }
            messages::error(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
            ExitCode::from(exit::FAILURE)
        }
    }
}

/// Hint for an unknown option.
fn hint(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let has_option = |command: &&clap::Command| {
        // Those that clap adds are not options of one command.
        let is_added = |known: &&clap::Arg| matches!(known.get_id().as_str(), "help" | "version");
        command.get_arguments().filter(|known| !is_added(known)).any(|known| {
            known.get_long().is_some_and(|long| option.strip_prefix("--") == Some(long))
                || known.get_short().is_some_and(|short| *option == format!("-{short}"))
        })
    };
    let mut commands = Arguments::command();
    commands.build();
    let mut names: Vec<_> = has_option(&&commands).then_some("the TUI").into_iter().collect();
    names.extend(commands.get_subcommands().filter(has_option).map(clap::Command::get_name));
    let names = match names.split_last()? {
        (last, []) => (*last).to_owned(),
        (last, others) => format!("{} and {last}", others.join(", ")),
    };
    Some(format!("{option} is an option of {names}"))
}
