//! The action for GitHub (`action.yml`): its step runs as it does there, with its inputs as
//! environment variables.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const FAULTY: &str = "captures/field/error-with-null-id/capture.pcap";
const HEALTHY: &str = "captures/ts-sse/capture.pcap";

/// Runs the step in the repository. The summary and files go to `out`.
fn step(out: &Path, inputs: &[(&str, &str)]) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_mcpdump")).parent().expect("it is in a directory");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let mut step = Command::new("bash");
    step.arg(format!("{ROOT}/.github/check.sh")).current_dir(ROOT).env("PATH", path);
    step.env("GITHUB_STEP_SUMMARY", out.join("summary.md")).env_remove("SSLKEYLOGFILE");
    for (name, value) in inputs {
        step.env(format!("MCPDUMP_{name}"), value);
    }
    step.output().expect("bash starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_step_annotates_summarizes_and_fails() {
    let out = TempDir::new().expect("a directory");
    let (sarif, junit) = (out.path().join("a.sarif"), out.path().join("a.xml"));
    let inputs = [
        ("FILES", FAULTY),
        ("SLO", "p95(tools/call)<10s\n\nerror_rate(tools/call)<1%\n"),
        ("SARIF", sarif.to_str().expect("UTF-8")),
        ("JUNIT", junit.to_str().expect("UTF-8")),
    ];
    let output = step(out.path(), &inputs);
    let annotations = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{annotations}{}", text(&output.stderr));
    assert!(
        annotations.contains("::error file=captures/field/error-with-null-id/capture.pcap"),
        "{annotations}"
    );
    assert!(annotations.contains("error_rate(tools/call)<1%"), "the second objective: {annotations}");
    let summary = fs::read_to_string(out.path().join("summary.md")).expect("a summary");
    assert!(summary.contains("mcp.id_changed"), "{summary}");
    let sarif: serde_json::Value = serde_json::from_slice(&fs::read(&sarif).expect("a file")).expect("JSON");
    assert_eq!(sarif["version"], "2.1.0");
    assert!(fs::read_to_string(&junit).expect("a file").contains("<testsuites "));
}

/// Patterns are expanded, and a healthy capture passes.
#[test]
fn the_step_passes_where_the_check_does() {
    let out = TempDir::new().expect("a directory");
    let output = step(out.path(), &[("FILES", "captures/ts-ss*/capture.pcap\n")]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    let output = step(out.path(), &[("FILES", FAULTY), ("IGNORE", "sse.*\nmcp.id_changed\n*")]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let output =
        step(out.path(), &[("FILES", FAULTY), ("FAIL_ON", "error"), ("FILTER", "method:initialize")]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

/// What cannot run is no success.
#[test]
fn the_step_fails_where_the_check_cannot_run() {
    let out = TempDir::new().expect("a directory");
    for inputs in [
        &[][..],
        &[("FILES", "captures/nowhere*.pcap")],
        &[("FILES", HEALTHY), ("SLO", "p95(tools/call)")],
        &[("FILES", HEALTHY), ("BASELINE", "/nowhere")],
    ] {
        let output = step(out.path(), inputs);
        assert_eq!(output.status.code(), Some(2), "{inputs:?} {}", text(&output.stdout));
        assert!(!out.path().join("summary.md").exists());
    }
}

/// The inputs of the action are those that the step reads, and the example uses no others.
#[test]
fn inputs_reach_the_step() {
    let action = fs::read_to_string(format!("{ROOT}/action.yml")).expect("the action");
    let step = fs::read_to_string(format!("{ROOT}/.github/check.sh")).expect("the step");
    let (inputs, runs) = action.split_once("\nruns:").expect("inputs before steps");
    let inputs = inputs.split_once("\ninputs:\n").expect("inputs").1;
    let is_name = |line: &&str| line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':');
    let names: Vec<&str> =
        inputs.lines().filter(is_name).map(|line| line.trim().trim_end_matches(':')).collect();
    assert_eq!(names.len(), 8);
    for name in &names {
        let variable = format!("MCPDUMP_{}", name.to_uppercase().replace('-', "_"));
        assert!(runs.contains(&format!("{variable}: ${{{{ inputs.{name} }}}}")), "{name}");
        let is_read = step.contains(&variable) || ["sarif", "junit"].contains(name);
        assert!(is_read, "{name}");
    }
    let example = fs::read_to_string(format!("{ROOT}/examples/github/mcp.yml")).expect("the example");
    let with = example.split_once("@VERSION\n").expect("a use of the action").1;
    let with = with.split("      - uses:").next().unwrap_or_default();
    for line in
        with.lines().skip(1).filter(|line| line.starts_with("          ") && !line.starts_with("           "))
    {
        let name = line.trim().split(':').next().unwrap_or_default();
        assert!(names.contains(&name), "{line}");
    }
}
