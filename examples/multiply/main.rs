//! Writes a large capture for timing whole processes:
//!
//! ```text
//! cargo run --release --example multiply -- \
//!     captures/many-sessions/capture.pcapng big.pcap --copies 100
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a developer's tool ends at the first error"
)]

mod copies;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufWriter, Write};

use clap::Parser;
use copies::Multiply;

/// Makes a large capture out of a small one.
#[derive(Parser)]
struct Args {
    /// The capture to multiply: IPv4 over Ethernet.
    input: String,
    /// Where the classic pcap file goes.
    output: String,
    /// How many times the original is in it.
    #[arg(long, default_value_t = 100)]
    copies: u32,
    /// How many copies run at the same time.
    #[arg(long, default_value_t = 8)]
    overlap: u32,
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    let mut output = BufWriter::new(File::create(&args.output)?);
    let how = Multiply { copies: args.copies, overlap: args.overlap };
    let written = copies::multiply(Box::new(File::open(&args.input)?), how, &mut output)?;
    output.flush()?;
    println!("{}: {} packets, {} bytes", args.output, written.packets, written.bytes);
    Ok(())
}
