//! `mcpdump diff` and `inventory` as processes: exit statuses, files, and what is refused.

use std::fs;

use tempfile::TempDir;

use crate::support::program::mcpdump;

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/ts-sse/capture.pcap");
const FAULTY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/field/error-with-null-id/capture.pcap");

/// The exit status, standard output and standard error.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = mcpdump().args(arguments).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_comparison_fails_by_a_regression_if_it_should() {
    let (status, text, errors) = run(&["diff", "--fail-on", "regression", CAPTURE, CAPTURE]);
    assert_eq!((status, errors.as_str()), (Some(0), ""), "{text}");
    assert!(text.contains("\nno difference that can be told"), "{text}");
    assert_eq!(run(&["diff", CAPTURE, FAULTY]).0, Some(0), "it is told only");
    let (status, text, _) = run(&["diff", "--fail-on", "regression", CAPTURE, FAULTY]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("✗ warning mcp.id_changed: new"), "{text}");
}

#[test]
fn two_filters_compare_one_capture() {
    let filters = ["--filter", "method:ping", "--filter", "method:tools/list"];
    let (status, text, _) = run(&[&["diff", CAPTURE][..], &filters].concat());
    assert_eq!(status, Some(0));
    assert!(text.contains("· ping: only before: ") && text.contains("· tools/list: only after: "), "{text}");
}

#[test]
fn a_comparison_that_cannot_run_prints_nothing() {
    for (arguments, message) in [
        (&["diff", CAPTURE][..], "one capture is no difference"),
        (&["diff", CAPTURE, "absent.pcap"], "absent.pcap: no such file"),
        (&["diff", "absent.pcap", CAPTURE], "absent.pcap: no such file"),
        (&["diff", CAPTURE, CAPTURE, "--filter", "nonsense:"], "--filter"),
        (&["diff", "-", "-"], "only once"),
        (&["diff", CAPTURE, CAPTURE, "-o", CAPTURE], "would be overwritten"),
    ] {
        let (status, text, errors) = run(arguments);
        assert_eq!((status, text.as_str()), (Some(2), ""), "{arguments:?}: {errors}");
        assert!(errors.contains(message), "{arguments:?}: {errors}");
    }
}

/// The files are written from within the sandbox.
#[test]
fn what_is_advertised_is_written() {
    let directory = TempDir::new().expect("a directory");
    let offers = directory.path().join("offers");
    let path = offers.to_str().expect("its path is UTF-8");
    let (status, text, errors) = run(&["inventory", "--advertised", path, CAPTURE]);
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    assert!(text.starts_with("1 server, "), "{text}");
    let tools = fs::read_to_string(offers.join("tools.json")).expect("tools.json");
    let tools: serde_json::Value = serde_json::from_str(&tools).expect("JSON");
    assert!(tools["tools"].as_array().is_some_and(|tools| !tools.is_empty()));
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/hackernews-sse.pcapng");
    // Whether it is older depends on the day.
    let (status, text, _) = run(&["inventory", "--since", "1d", capture]);
    assert_eq!(status, Some(0), "{text}");
}
