//! `--prometheus` of the program: what the page says while a capture is followed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use crate::support::corpus::Capture;
use crate::support::program::mcpdump;

/// The body of an answer to `GET /metrics`.
fn page(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Content-Type: application/openmetrics-text; version=1.0.0"), "{head}");
    body.to_owned()
}

/// The sum of the samples of a name whose labels hold one of these texts.
fn total(page: &str, name: &str, labels: &[&str]) -> u64 {
    let samples = page.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    let samples = samples.filter(|line| labels.iter().any(|label| line.contains(label)));
    samples.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}

/// The outcomes of a request that was answered.
const ANSWERED: [&str; 3] =
    ["mcpdump_status=\"ok\"", "mcpdump_status=\"tool_error\"", "mcpdump_status=\"error\""];

#[test]
fn metrics_are_served_while_a_capture_is_followed() {
    let capture = Capture("ts-streamable/capture.pcapng");
    let expected = capture.run().exchanges().iter().filter(|it| it.status.is_answered()).count() as u64;
    let mut child = mcpdump()
        .args(["export", "--follow", "captures/ts-streamable/capture.pcapng", "-o", "/dev/null"])
        .args(["--prometheus", "0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("mcpdump: metrics at http://").unwrap();
    let address = address.strip_suffix("/metrics").unwrap();
    let mut text = String::new();
    while total(&text, "mcpdump_operations_total", &ANSWERED) < expected {
        text = page(address);
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(total(&text, "mcpdump_operations_total", &ANSWERED), expected);
    // Those that failed without an answer have a duration, too.
    assert!(total(&text, "mcp_client_operation_duration_seconds_count", &[""]) >= expected);
    assert_eq!(cfg!(target_os = "linux"), text.contains("\nprocess_resident_memory_bytes "));
}

#[test]
fn metrics_are_for_live_captures() {
    let output =
        mcpdump().args(["export", "captures/ts-sse/capture.pcap", "--prometheus", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("--prometheus is an option of live captures"), "{told}");
}
