//! Options of tcpdump that its users type from habit.
//!
//! They read (`-r`), change nothing (`-n`), or are refused with the way to get the same.

use std::ffi::OsString;

use anyhow::bail;
use clap::{ArgAction, Args, ValueHint};

/// tcpdump's options that are not mcpdump's own. Not listed in the help.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct TcpdumpArguments {
    /// Read packets from this file; all words are then the filter
    #[arg(short = 'r', value_name = "FILE", value_hint = ValueHint::FilePath, hide = true)]
    pub(crate) read: Vec<OsString>,
    /// Names are never resolved
    #[arg(short = 'n', action = ArgAction::Count, hide = true)]
    numeric: u8,
    /// A line is always printed at once
    #[arg(short = 'l', hide = true)]
    line_buffered: bool,
    /// Packets are always written at once
    #[arg(short = 'U', hide = true)]
    packet_buffered: bool,
    /// Checksums are never verified
    #[arg(short = 'K', hide = true)]
    no_checksums: bool,
    /// Lines are always short
    #[arg(short = 'q', hide = true)]
    quiet: bool,
    /// Everything is always decoded
    #[arg(short = 'v', action = ArgAction::Count, hide = true)]
    verbose: u8,
    /// Sequence numbers are never printed
    #[arg(short = 'S', hide = true)]
    absolute: bool,
    #[arg(short = 'z', value_name = "COMMAND", hide = true)]
    compress: Option<OsString>,
    #[arg(short = 'A', hide = true)]
    ascii: bool,
    #[arg(short = 'X', action = ArgAction::Count, hide = true)]
    hex_ascii: u8,
    #[arg(short = 'x', action = ArgAction::Count, hide = true)]
    hex: u8,
    #[arg(short = 'e', hide = true)]
    link_header: bool,
    #[arg(short = 't', action = ArgAction::Count, hide = true)]
    times: u8,
    #[arg(short = 'D', hide = true)]
    list_interfaces: bool,
    #[arg(short = 'F', value_name = "FILE", hide = true)]
    filter_file: Option<OsString>,
}

impl TcpdumpArguments {
    /// Returns the arguments `-r FILE`.
    pub(crate) fn reading(file: OsString) -> Self {
        Self { read: vec![file], ..Self::default() }
    }

    /// Refuses the options that would have to change what is printed.
    ///
    /// # Errors
    /// One of them was given; the message says what to do instead.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let Self {
            ascii, hex_ascii, hex, link_header, times, list_interfaces, filter_file, compress, ..
        } = self;
        if compress.is_some() {
            bail!("-z: compress files once they are complete (zstd FILE): mcpdump reads them as they are");
        }
        if *list_interfaces {
            bail!("-D: mcpdump interfaces lists the devices");
        }
        if *ascii || *hex_ascii > 0 || *hex > 0 {
            bail!(
                "-A, -X and -x: messages are printed by mcpdump list --messages, \
                and shown whole in the TUI: mcpdump FILE, then Enter"
            );
        }
        if *link_header {
            bail!("-e: link-layer headers are not shown; tcpdump -e -r FILE prints them");
        }
        if *times > 0 {
            bail!("-t: mcpdump list prints the time of day, with --epoch seconds since the epoch");
        }
        if filter_file.is_some() {
            bail!("-F: write the filter behind the options, as in mcpdump FILE tcp port 3000");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::Arguments;
    use super::*;

    fn parse(words: &[&str]) -> TcpdumpArguments {
        let words = ["mcpdump"].iter().chain(words);
        Arguments::try_parse_from(words).unwrap().source.tcpdump
    }

    #[test]
    fn options_without_meaning_are_accepted() {
        for words in [&["-n"][..], &["-nn"], &["-nnlUq"], &["-nnvvS"], &["-Knr", "a.pcap", "tcp"]] {
            assert!(parse(words).check().is_ok(), "{words:?}");
        }
    }

    #[test]
    fn options_that_print_packets_name_the_right_way() {
        for (option, way) in [
            ("-A", "list --messages"),
            ("-XX", "list --messages"),
            ("-xx", "list --messages"),
            ("-e", "tcpdump -e"),
            ("-tttt", "--epoch"),
            ("-zgzip", "zstd FILE"),
            ("-D", "mcpdump interfaces"),
            ("-Ffile", "behind the options"),
        ] {
            let message = parse(&[option]).check().unwrap_err().to_string();
            assert!(message.contains(way), "{option}: {message}");
        }
    }
}
