//! TLS: every suite and feature of `captures/tls-suites`, secrets that come late or never, losses,
//! and a start in midstream.

mod http3;
mod keeping;
mod secrets;
mod suites;
mod tshark;
mod tunnel;

use crate::support::corpus;
use crate::support::run::Run;
use mcpdump::base::{Code, Finding};
use mcpdump::capture::Item;

/// The items of a capture without secrets, and the lines of its key log.
fn without_secrets(directory: &str) -> (Vec<Item>, Vec<String>) {
    let directory = corpus::directory().join(directory);
    let mut items = corpus::items(corpus::bytes(&directory.join("capture.pcapng"))).unwrap();
    items.retain(|item| !matches!(item, Item::Secrets { .. }));
    let keys = String::from_utf8(corpus::bytes(&directory.join("keys.log"))).unwrap();
    (items, keys.lines().map(|line| format!("{line}\n")).collect())
}

/// The findings of a code.
fn found(run: &Run, code: Code) -> Vec<&Finding> {
    run.findings().into_iter().filter(|finding| finding.code == code).collect()
}

/// The exchanges, each as a line without packet and time.
fn exchanges(run: &Run) -> Vec<String> {
    let rows = run.rows();
    let exchanges = rows.iter().filter(|row| row["type"] == "exchange");
    exchanges.map(|row| format!("{} {} {}", row["name"], row["id"], row["status"])).collect()
}
