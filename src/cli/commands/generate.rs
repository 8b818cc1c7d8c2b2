//! Completion scripts and manual pages, generated from the declaration of the arguments.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

use crate::cli::arguments::help;
use crate::ledger::query;

/// Prints the completion script of a shell.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn completions(shell: Shell, mut command: Command) -> anyhow::Result<()> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    print(&script)
}

/// Prints the page of the program, or writes the pages of the program and its commands to an
/// existing directory.
///
/// # Errors
/// Standard output or a file cannot be written.
pub(crate) fn man(directory: Option<&Path>, command: &Command) -> anyhow::Result<()> {
    // `mcpdump help` would add a page per command.
    let mut command = command.clone().disable_help_subcommand(true);
    command.build();
    let Some(directory) = directory else {
        return print(&page(&command, help::EXAMPLES)?);
    };
    let mut pages = vec![(command.clone(), help::EXAMPLES)];
    for (name, examples) in COMMANDS {
        let of_command = command.find_subcommand(name).context("command not declared")?;
        pages.push((of_command.clone(), *examples));
    }
    for (command, examples) in pages {
        let path = directory.join(Man::new(command.clone()).get_filename());
        fs::write(&path, page(&command, examples)?)
            .with_context(|| format!("{}: cannot be written", path.display()))?;
    }
    Ok(())
}

/// Commands with a page, and their examples.
const COMMANDS: &[(&str, &str)] = &[
    ("list", help::LIST_EXAMPLES),
    ("report", help::REPORT_EXAMPLES),
    #[cfg(feature = "web")]
    ("web", help::WEB_EXAMPLES),
    #[cfg(feature = "mcp")]
    ("mcp", help::MCP_EXAMPLES),
    ("why", help::WHY_EXAMPLES),
    ("timeline", help::TIMELINE_EXAMPLES),
    ("export", help::EXPORT_EXAMPLES),
    ("check", help::CHECK_EXAMPLES),
    ("diff", help::DIFF_EXAMPLES),
    ("inventory", help::INVENTORY_EXAMPLES),
    ("stats", help::STATS_EXAMPLES),
    ("explain", help::EXPLAIN_EXAMPLES),
    ("slice", help::SLICE_EXAMPLES),
    ("interfaces", help::INTERFACES_EXAMPLES),
    ("keys", help::KEYS_EXAMPLES),
    #[cfg(unix)]
    ("wrap", help::WRAP_EXAMPLES),
    #[cfg(feature = "demo")]
    ("serve", help::SERVE_EXAMPLES),
    #[cfg(feature = "demo")]
    ("traffic", help::TRAFFIC_EXAMPLES),
    #[cfg(feature = "demo")]
    ("demo", help::DEMO_EXAMPLES),
    ("config", help::CONFIG_EXAMPLES),
    ("completions", help::COMPLETIONS_EXAMPLES),
    ("man", help::MAN_EXAMPLES),
];

fn print(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).context("standard output: cannot be written")
}

/// Renders a page: clap's sections, then filter language, exit statuses and examples as sections.
fn page(command: &Command, examples: &str) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut roff = Roff::new();
    roff.control("SH", ["FILTER LANGUAGE"]);
    for (form, meaning) in query::SYNTAX {
        row(&mut roff, form, meaning);
    }
    roff.control("PP", []);
    roff.text([roman("Fields:")]);
    for field in query::help() {
        row(&mut roff, &field.name, &help::describe(&field));
    }
    roff.control("SH", ["EXIT STATUS"]);
    for (status, meaning) in help::EXIT_STATUSES {
        row(&mut roff, status, meaning);
    }
    roff.control("SH", ["EXAMPLES"]);
    verbatim(&mut roff, examples.strip_prefix("Examples:\n").unwrap_or(examples));
    roff.control("SH", ["SEE ALSO"]);
    roff.text([
        bold("tcpdump"),
        roman("(8), "),
        bold("pcap-filter"),
        roman("(7), "),
        bold("tshark"),
        roman("(1)"),
    ]);
    roff.to_writer(&mut page)?;
    Ok(page)
}

fn row(roff: &mut Roff, left: &str, right: &str) {
    roff.control("TP", ["22"]);
    roff.text([bold(left)]);
    roff.text([roman(right)]);
}

/// Appends text without filling lines.
fn verbatim(roff: &mut Roff, text: &str) {
    roff.control("nf", []);
    for line in text.lines() {
        roff.text(vec![Inline::Roman(line.to_owned())]);
    }
    roff.control("fi", []);
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::arguments::Arguments;

    #[test]
    fn every_visible_command_has_a_page() {
        let command = Arguments::command();
        let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
        assert_eq!(
            shown.map(Command::get_name).collect::<Vec<_>>(),
            COMMANDS.iter().map(|(name, _)| *name).collect::<Vec<_>>()
        );
    }
}
