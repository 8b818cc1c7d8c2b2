//! Arguments in; exit status, messages and the work of the other rooms out.
//!
//! `args` says what may be asked, `source` what a command reads, `keeping` what it keeps of it, `output` where it writes;
//! `begin` opens all that, then gives up what is not needed any more (`rights`, `sandbox`); `run` and `view` do what was
//! asked: the only files here that touch engine, ledger, report and tui. Nothing here looks into a capture.
//!
//! Exit status: 0 it ran, 1 it ran and what was asked for failed, 2 it could not run. A closed pipe is no error.

mod arguments;
mod background;
mod clock;
mod commands;
mod filter_history;
mod keep;
mod output;
mod privileges;
mod progress_bar;
mod reader;
mod request;
mod sandbox;
mod setup;
mod signals;
mod user_dirs;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command, ScreenArguments};
use commands::{analysis as run, generate, interfaces, tui as view};
#[cfg(feature = "demo")]
use commands::{demo, serve, traffic};
use request::{Inputs, Request};

/// The exit status of a command that ran, and failed at something that was asked for.
const FAILED: u8 = 1;

/// The exit status of a command that could not run: a wrong argument, an unreadable file, a wrong filter.
const COULD_NOT_RUN: u8 = 2;

/// What became of a command that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Everything that was asked for.
    Done,
    /// Something failed on the way, and was said.
    Failed,
}

/// Runs the program with the arguments of the process, and says what its exit status is.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(answer) => return say(&answer),
    };
    match dispatch(arguments) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(FAILED),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn dispatch(arguments: Arguments) -> anyhow::Result<Outcome> {
    let color = arguments.color;
    let Some(command) = arguments.command else {
        let request = Request::without_command(&arguments.source, color)?;
        if !view::is_wanted() {
            arguments.screen.refuse()?;
        }
        return match request.inputs {
            _ if view::is_wanted() => view::view(&request, &arguments.screen),
            Inputs::Files(_) if request.follow.is_some() => {
                run::list(&request, &arguments::ListOptions::default())
            }
            Inputs::Files(_) => run::report(&request, &arguments::ReportOptions::default()),
            Inputs::Device(_) => run::list(&request, &arguments::ListOptions::default()),
        };
    };
    if !arguments.source.is_empty() || arguments.screen != ScreenArguments::default() {
        anyhow::bail!("the command comes first, then its files and options: mcpdump COMMAND FILE...");
    }
    match command {
        Command::List(list) => run::list(&Request::new(&list.source, color)?, &list.options),
        Command::Report(report) => run::report(&Request::new(&report.source, color)?, &report.options),
        Command::Export(export) => run::export(&Request::new(&export.source, color)?, &export.options),
        Command::Config => view::print_config().map(|()| Outcome::Done),
        #[cfg(feature = "demo")]
        Command::Serve(serve) => serve::run(serve).map(|()| Outcome::Done),
        #[cfg(feature = "demo")]
        Command::Traffic(traffic) => traffic::run(&traffic, color).map(|()| Outcome::Done),
        #[cfg(feature = "demo")]
        Command::Demo(demo) => demo::run(&demo, color),
        Command::Interfaces => interfaces::list().map(|()| Outcome::Done),
        Command::Completions { shell } => {
            generate::completions(shell, Arguments::command()).map(|()| Outcome::Done)
        }
        Command::Man { directory } => {
            generate::man(directory.as_deref(), &Arguments::command()).map(|()| Outcome::Done)
        }
    }
}

/// Prints what clap has to say: help and version on standard output, what is wrong on standard error.
fn say(answer: &clap::Error) -> ExitCode {
    match answer.kind() {
        // clap colours these where the terminal wants it. A closed pipe is no error here either.
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            drop(answer.print());
            ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(COULD_NOT_RUN))
        }
        _ => {
            // What clap says of `--` would be wrong here: what follows it is a BPF filter.
            let text = answer.render().to_string();
            let lines: Vec<&str> = text.lines().filter(|line| !line.contains("tip: to pass '")).collect();
            let mut text = lines.join("\n").replace("\n\n\n", "\n\n");
            if let Some(hint) = hint(answer) {
                text = format!("{}\n\n{hint}", text.trim_end());
            }
            complain(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

/// What may have been meant by an argument that is not known.
fn hint(answer: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(argument)) = answer.get(ContextKind::InvalidArg) else {
        return None;
    };
    if argument == "--tls-keylog" {
        return Some("TLS is not read yet.".to_owned());
    }
    let commands = Arguments::command();
    let has = |command: &&clap::Command| {
        command.get_arguments().any(|known| {
            known.get_long().is_some_and(|long| argument.strip_prefix("--") == Some(long))
                || known.get_short().is_some_and(|short| *argument == format!("-{short}"))
        })
    };
    let names: Vec<_> = commands.get_subcommands().filter(has).map(clap::Command::get_name).collect();
    (!names.is_empty()).then(|| {
        format!("{argument} is an option of {}: mcpdump COMMAND {argument} ... FILE...", names.join(" and "))
    })
}

/// Prints a message to the operator on standard error. It may quote file names, which may hold anything.
fn complain(message: &str) {
    let harmless: String =
        message.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect();
    // Where standard error is closed there is nobody left to tell.
    drop(writeln!(io::stderr(), "mcpdump: {harmless}"));
}

/// Prints a line on standard error that is no complaint: what a live capture is doing.
fn tell(line: &str) {
    let harmless: String = line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    drop(writeln!(io::stderr(), "{harmless}"));
}

/// Whether the reader of the output has gone: `mcpdump list F | head -1` has done what was asked.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
