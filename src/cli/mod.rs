//! Arguments in; exit status, messages and the work of the other rooms out.
//!
//! `args` says what may be asked, `source` what a command reads, `output` where it writes, `run` does it: the only
//! file here that touches capture, engine, ledger and report. Nothing here looks into a capture.
//!
//! Exit status: 0 it ran, 2 it could not run; 1 is kept for commands that judge (`check`). A closed pipe is no error.

mod args;
mod generate;
mod help;
mod output;
mod progress;
mod run;
mod source;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use args::{Arguments, Command};
use source::Request;

/// The exit status of a command that could not run: a wrong argument, an unreadable file, a wrong filter.
const COULD_NOT_RUN: u8 = 2;

/// What to do in place of what tcpdump does with `-i`.
const DEVICES: &str = "Devices are not captured on yet: tcpdump -i lo -U -w - | mcpdump list -";

/// Runs the program with the arguments of the process, and says what its exit status is.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(answer) => return say(&answer),
    };
    match dispatch(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn dispatch(arguments: Arguments) -> anyhow::Result<()> {
    let color = arguments.color;
    let Some(command) = arguments.command else {
        let request = Request::without_command(&arguments.source, color)?;
        return run::report(&request, &args::ReportOptions::default());
    };
    if !arguments.source.is_empty() {
        anyhow::bail!("the command comes first, then its files and options: mcpdump COMMAND FILE...");
    }
    match command {
        Command::List(list) => run::list(&Request::new(&list.source, color)?, &list.options),
        Command::Report(report) => run::report(&Request::new(&report.source, color)?, &report.options),
        Command::Export(export) => run::export(&Request::new(&export.source, color)?, &export.options),
        Command::Completions { shell } => generate::completions(shell, Arguments::command()),
        Command::Man { directory } => generate::man(directory.as_deref(), &Arguments::command()),
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
    match argument.as_str() {
        "-i" | "--interface" => return Some(DEVICES.to_owned()),
        "--tls-keylog" => return Some("TLS is not read yet.".to_owned()),
        _ => {}
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

/// Whether the reader of the output has gone: `mcpdump list F | head -1` has done what was asked.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
