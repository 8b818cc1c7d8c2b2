//! Traffic of programs that work raises no finding of severity warning or error: a tool that warns
//! of healthy traffic is not believed when it warns of a fault.

use std::collections::BTreeSet;

use crate::support::assert_no_problems;
use crate::support::corpus::Capture;
use serde_json::Value;

/// Findings that captures with a truth do raise: capture, code, and what happened there.
const EXPECTED: &[(&str, &str, &str)] = &[
    ("batch-2025-03-26", "rpc.empty_batch", "an empty batch was sent on purpose"),
    ("batch-2025-03-26", "mcp.unknown_token", "progress with a token that no request has"),
    ("damaged-ts-sse-dropped", "tcp.gap", "four packets are missing"),
    ("damaged-ts-sse-snaplen128", "capture.cut_packets", "packets are cut at 128 bytes"),
    ("rev-2026-07-28", "mcp.header_mismatch", "two requests were sent with a wrong header"),
    ("slow-and-odd", "mcp.duplicate_response", "a duplicate was sent on purpose"),
    ("slow-and-odd", "mcp.unknown_response", "responses without request"),
    ("slow-and-odd", "rpc.not_json", "an invalid body was sent on purpose"),
    ("lighttpd-buffered-http", "mcp.not_forwarded", "the proxy never sends a request of the server on"),
    ("toolbox-go-sse", "mcp.duplicate_response", "the server answers on the stream and in the POST"),
];

#[test]
fn healthy_captures_raise_no_warning() {
    let (mut problems, mut raised) = (Vec::new(), BTreeSet::new());
    for capture in Capture::all().filter(|capture| !capture.is_case()) {
        let rows = capture.run().rows();
        let is_warning = |row: &&Value| {
            row["type"] == "finding"
                && ["warning", "error"].iter().any(|severity| row["severity"] == *severity)
        };
        for finding in rows.iter().filter(is_warning) {
            let is_expected =
                |(name, code, _): &&(&str, &str, &str)| capture.name() == *name && finding["code"] == *code;
            match EXPECTED.iter().find(is_expected) {
                Some(expected) => drop(raised.insert(expected)),
                None => problems.push(format!("{}: {} ({})", capture.0, finding["code"], finding["detail"])),
            }
        }
    }
    let unused = EXPECTED.iter().filter(|expected| !raised.contains(expected));
    problems
        .extend(unused.map(|(name, code, _)| format!("{name} raises no {code}: remove it from EXPECTED")));
    assert_no_problems(&problems);
}
