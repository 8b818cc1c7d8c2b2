//! Options for what is shown on a terminal.

use clap::{Args, ValueEnum};

use super::quantity;

/// When output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// If standard output is a terminal and the environment does not refuse colour.
    Auto,
    Always,
    Never,
}

/// Options of the TUI.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct ScreenArguments {
    /// Memory for rows and bodies, as in 256MiB (default 64MiB; a bare number is MiB)
    ///
    /// Bodies that do not fit go to an unnamed temporary file. Overrides the configuration.
    #[arg(long, value_name = "SIZE", value_parser = quantity::memory, help_heading = "The TUI")]
    pub(crate) memory: Option<usize>,
    /// Copy curl commands with Authorization, cookies and tokens, which are left out otherwise
    #[arg(long, help_heading = "The TUI")]
    pub(crate) with_secrets: bool,
}

impl ScreenArguments {
    /// Rejects the options if no TUI is opened.
    ///
    /// # Errors
    /// One of the options was given.
    pub(crate) fn require_none(&self) -> anyhow::Result<()> {
        let given = [("--memory", self.memory.is_some()), ("--with-secrets", self.with_secrets)];
        if let Some((option, _)) = given.iter().find(|(_, is_given)| *is_given) {
            anyhow::bail!("{option} is an option of the TUI, but standard output is no terminal");
        }
        Ok(())
    }
}
