//! Network namespaces with devices of their own.

use std::process::Command;

use super::dump::{plain, tool};

/// A network namespace; deleted at the end.
pub(crate) struct Namespace(String);

impl Namespace {
    /// Creates a namespace and runs these commands of ip(8) in it.
    pub(crate) fn new(purpose: &str, setup: &[&str]) -> Result<Self, String> {
        let namespace = Self(format!("mcpdump-{}-{purpose}", std::process::id()));
        tool(&format!("ip netns add {}", namespace.0))?;
        for command in setup {
            tool(&format!("ip -n {} {command}", namespace.0))?;
        }
        Ok(namespace)
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// Runs a tool in the namespace.
    pub(crate) fn tool(&self, line: &str) {
        tool(&format!("ip netns exec {} {line}", self.name())).expect("the tool runs");
    }

    /// Returns the command that runs the program in the namespace.
    pub(crate) fn mcpdump(&self) -> Command {
        let mut command = plain("ip");
        command.args(["netns", "exec", self.name(), env!("CARGO_BIN_EXE_mcpdump")]);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(why) = tool(&format!("ip netns del {}", self.0)) {
            eprintln!("{why}");
        }
    }
}
