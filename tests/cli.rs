//! The program as a process: exit statuses, messages, and what goes to which output. What it finds
//! in captures is tested in `truth.rs`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Output, Stdio};

use crate::support::program::{mcpdump, plain};
use tempfile::TempDir;

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/ts-sse/capture.pcap");

fn run(arguments: &[&str]) -> Output {
    mcpdump().args(arguments).output().expect("the program starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("output is UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("messages are UTF-8")
}

/// Asserts that the program fails: exit status 2, nothing on standard output, and a message with
/// these words.
#[track_caller]
fn refuses(arguments: &[&str], words: &[&str]) {
    let output = run(arguments);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert_eq!(stdout(&output), "");
    assert!(message.starts_with("mcpdump: "), "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is missing: {message}");
    }
}

/// Asserts exit status 0 and nothing on standard error, and returns standard output.
#[track_caller]
fn runs(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(stderr(&output), "");
    assert_eq!(output.status.code(), Some(0));
    stdout(&output)
}

/// A message that is not there because its packet was cut looks like one that was never sent.
#[test]
fn a_list_says_that_packets_are_cut() {
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/damaged-ts-sse-snaplen128/capture.pcap");
    let output = run(&["list", capture]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("110 of 223 packets are cut"), "{}", stderr(&output));
}

/// What tcpdump's users type reads the file and filters it.
#[test]
fn tcpdumps_options_read_a_file() {
    let plain = runs(&["list", CAPTURE, "tcp"]);
    assert_eq!(runs(&["list", "-nn", "-l", "-r", CAPTURE, "tcp"]), plain);
    assert_eq!(runs(&["-nr", CAPTURE]), runs(&[CAPTURE]));
    refuses(&["-X", "-r", CAPTURE], &["mcpdump list --messages"]);
}

fn write(directory: &TempDir, name: &str, content: &[u8]) -> String {
    let path = directory.path().join(name);
    fs::write(&path, content).expect("a file is written");
    path.to_str().expect("its path is UTF-8").to_owned()
}

// Errors.

#[test]
fn a_missing_file_is_named() {
    refuses(&["report", "absent.pcap"], &["absent.pcap: no such file"]);
    refuses(&["report", "absent.pcap", "--", "tcp"], &["absent.pcap: ", "o such file"]);
    refuses(&["report", CAPTURE, "absent.pcap", "--", "tcp"], &["absent.pcap: ", "o such file"]);
}

#[test]
fn a_missing_file_without_a_command_may_be_a_command() {
    refuses(&["absent.pcap"], &["absent.pcap: no such file and no such command", "mcpdump help"]);
}

#[test]
fn a_mistyped_command_gets_a_suggestion() {
    refuses(&["reprot", CAPTURE], &["reprot: no such file and no such command", "did you mean report?"]);
}

#[test]
fn a_mistyped_option_gets_a_suggestion() {
    let words = ["'--fliter'", "'--filter'"];
    refuses(&["list", "--fliter", "dur>1s", CAPTURE], &words);
    refuses(&["report", "--format", "jsno", CAPTURE], &["'jsno'", "'json'"]);
}

#[test]
fn options_of_a_live_capture_are_not_for_files() {
    for option in [["-c", "5"], ["--for", "1s"], ["-B", "1MiB"], ["-s", "100"]] {
        refuses(&["list", option[0], option[1], CAPTURE], &[option[0], "is an option of live captures"]);
    }
    refuses(&["list", "-i", "lo", CAPTURE], &[CAPTURE, "is a file, but -i names a device"]);
    refuses(&["list", "--for", "soon", "-i", "lo"], &["'--for <DURATION>'", "does not start with a number"]);
}

#[test]
fn options_of_w_require_w() {
    refuses(&["list", "-C", "1", CAPTURE], &["add -w FILE"]);
    refuses(&["list", "-w", "x", "-W", "2", CAPTURE], &["-W limits the number of files"]);
    refuses(&["list", "-w", "x", "-G", "2", CAPTURE], &["-G is an option of live captures"]);
    refuses(&["list", "-w", "-", "-C", "1", CAPTURE], &["standard output is one: name a file"]);
    refuses(&["export", "-w", "-", "-o", "-", CAPTURE], &["both would write to standard output"]);
}

#[test]
fn w_copies_the_packets_of_a_file() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("copy.pcapng");
    let name = file.to_str().expect("its path is UTF-8");
    let all = runs(&["export", CAPTURE]);
    assert_eq!(runs(&["export", "-w", name, CAPTURE]), all);
    assert_eq!(runs(&["export", name]), all);
    refuses(&["list", "-w", name, name], &[name, "this file is an input"]);
    refuses(&["report", "-w", name, "-o", name, CAPTURE], &[name, "packets are written to this file"]);
    assert_eq!(runs(&["export", name]), all);

    let filtered = directory.path().join("filtered.pcapng");
    let filtered = filtered.to_str().expect("its path is UTF-8");
    runs(&["list", "-w", filtered, CAPTURE, "udp"]);
    assert!(runs(&["report", filtered]).contains("0 packets"));
}

#[test]
fn an_option_before_its_command_is_explained() {
    refuses(&["--format", "json", CAPTURE], &["--format is an option of report"]);
    refuses(
        &["list", "-o", "x", CAPTURE],
        &["-o is an option of report, why, timeline, export, check, diff, inventory, stats, slice and keys"],
    );
}

#[test]
fn a_command_after_a_file_is_explained() {
    refuses(&[CAPTURE, "list"], &["\"list\" is neither", "the command goes first"]);
    refuses(&[CAPTURE, "--color", "never", "list"], &["files and options go after the command"]);
}

#[test]
fn a_directory_is_refused() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    refuses(&["report", directory], &[directory, "directory"]);
}

#[test]
fn a_file_that_is_no_capture_is_named() {
    let directory = TempDir::new().expect("a directory");
    let file = write(&directory, "notes.txt", b"These are notes and no packets.\n");
    refuses(&["report", &file], &[&file]);
}

#[test]
fn control_characters_in_a_file_name_are_escaped() {
    refuses(&["report", "\u{1b}[2J.pcap"], &["[2J.pcap: no such file"]);
    let output = run(&["report", "\u{1b}[2J.pcap"]);
    assert!(!stderr(&output).contains('\u{1b}'));
}

#[test]
fn a_wrong_filter_is_shown_with_the_position_of_the_error() {
    let output = run(&["list", "--filter", "metod:tools/call", CAPTURE]);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(2));
    let lines: Vec<&str> = message.lines().collect();
    let shown = lines.iter().position(|line| line.trim() == "metod:tools/call");
    let caret = shown.and_then(|at| lines.get(at + 1)).expect("a line behind the filter");
    assert!(caret.trim_start().starts_with('^'), "{message}");
    assert!(lines[0].starts_with("mcpdump: --filter: "), "{message}");
}

#[test]
fn a_wrong_filter_is_reported_before_the_capture_is_opened() {
    refuses(&["list", "--filter", "metod:x", "absent.pcap", "--", "tcp"], &["--filter: "]);
}

#[test]
fn a_wrong_bpf_filter_names_both_possibilities() {
    refuses(
        &["list", CAPTURE, "foo.pcap"],
        &["\"foo.pcap\" is neither an existing file nor the start of a valid BPF filter: "],
    );
    refuses(&["list", CAPTURE, "--", "tcp", "prt", "1"], &["\"tcp prt 1\""]);
    refuses(&["list", CAPTURE, "method:tools/call"], &["--filter 'method:tools/call'"]);
}

#[test]
fn standard_input_can_be_named_once() {
    refuses(&["list", "-", "-"], &["standard input"]);
}

#[test]
fn an_input_file_is_never_overwritten() {
    let directory = TempDir::new().expect("a directory");
    let content = fs::read(CAPTURE).expect("the capture");
    let file = write(&directory, "a.pcap", &content);
    for command in ["report", "export"] {
        refuses(&[command, "--output", &file, &file], &[&file, "name another one"]);
    }
    assert_eq!(fs::read(&file).expect("the capture"), content);
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("absent").join("report.txt");
    let file = file.to_str().expect("its path is UTF-8");
    refuses(&["report", "-o", file, CAPTURE], &[file, "cannot be written"]);
}

// Output without a capture.

#[test]
fn version_and_help_go_to_standard_output() {
    assert_eq!(runs(&["--version"]), concat!("mcpdump ", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(runs(&["-h"]).contains("Examples:"));
    assert_eq!(runs(&["help", "report"]), runs(&["report", "--help"]));
    let topic = runs(&["help", "filter"]);
    for text in ["field:value", "body:password", "dur, total"] {
        assert!(topic.contains(text), "help filter lacks {text:?}");
    }
}

#[test]
fn every_command_documents_filter_and_exit_statuses() {
    for command in ["list", "report", "export", "check", "slice", "diff", "inventory", "stats", "timeline"] {
        let help = runs(&[command, "--help"]);
        for text in ["Examples:", "field:value", "method:tools/call", "Exit status:"] {
            assert!(help.contains(text), "{command} --help lacks {text:?}");
        }
    }
}

/// A gate for CI: 0 passed, 1 failed, 2 did not run.
#[test]
fn a_check_fails_by_findings_and_objectives() {
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/field/error-with-null-id/capture.pcap");
    let status = |arguments: &[&str]| {
        let output = run(&[&["check", capture], arguments].concat());
        assert_eq!(stderr(&output), "");
        output.status.code().unwrap()
    };
    assert_eq!(status(&[]), 1);
    assert_eq!(status(&["--fail-on", "never"]), 0);
    assert_eq!(status(&["--ignore", "*"]), 0);
    assert_eq!(status(&["--fail-on", "never", "--slo", "p95(tools/call)<1ms"]), 1);
    assert_eq!(status(&["--fail-on", "never", "--slo", "p95(tools/call)<10s"]), 0);
    assert_eq!(status(&["--fail-on", "never", "--slo", "p95(tool:nothing)<1ms"]), 0);
    assert_eq!(status(&["--filter", "method:initialize"]), 0);
    assert_eq!(run(&["check", CAPTURE]).status.code(), Some(0), "a healthy capture");
}

#[test]
fn a_baseline_lets_known_findings_pass() {
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/field/error-with-null-id/capture.pcap");
    let directory = TempDir::new().expect("a directory");
    let known = directory.path().join("known.txt");
    let baseline = run(&["check", "--format", "baseline", capture]);
    assert_eq!(baseline.status.code(), Some(1), "the verdict is that without a baseline");
    fs::write(&known, &baseline.stdout).expect("the baseline");
    let known = known.to_str().expect("its path is UTF-8");
    assert!(runs(&["check", "--baseline", known, capture]).contains("in the baseline"));
}

#[test]
fn a_check_that_cannot_run_prints_nothing() {
    refuses(&["check", "--slo", "p95(tools/call)", CAPTURE], &["--slo", "p95(tools/call)"]);
    refuses(&["check", "--ignore", "nonsense", CAPTURE], &["--ignore", "nonsense"]);
    refuses(&["check", "--baseline", "/nowhere", CAPTURE], &["/nowhere"]);
    refuses(&["check", "/nowhere.pcap"], &["/nowhere.pcap"]);
    refuses(&["explain", "mcp.unanswerd"], &["mcp.unanswerd", "no such code"]);
}

/// With a filter the sessions of a report count what matched.
#[test]
fn the_sessions_of_a_filtered_report_count_what_matched() {
    for filter in ["method:tools/call", "status:error", "method:*"] {
        let text = runs(&["report", "--format", "json", "--filter", filter, CAPTURE]);
        let report: serde_json::Value = serde_json::from_str(&text).expect("a document");
        let sessions = report["sessions"].as_array().expect("sessions");
        let counted: u64 = sessions.iter().map(|session| session["exchanges"].as_u64().unwrap()).sum();
        assert_eq!(Some(counted), report["exchanges"]["total"].as_u64(), "{filter}");
    }
}

#[test]
fn completions_exist_for_each_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let script = runs(&["completions", shell]);
        assert!(script.contains("mcpdump"), "{shell}");
        assert!(script.contains("report"), "{shell}");
    }
}

#[test]
fn the_manual_page_has_filter_and_exit_statuses() {
    let page = runs(&["man"]);
    for text in [".TH mcpdump 1", "FILTER LANGUAGE", "method:tools/call", "EXIT STATUS", "EXAMPLES"] {
        assert!(page.contains(text), "the page lacks {text:?}");
    }
}

#[test]
fn the_manual_pages_are_written_into_a_directory() {
    let directory = TempDir::new().expect("a directory");
    runs(&["man", directory.path().to_str().expect("its path is UTF-8")]);
    let mut names: Vec<_> = fs::read_dir(&directory)
        .expect("the directory")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "mcpdump-check.1",
            "mcpdump-completions.1",
            "mcpdump-config.1",
            #[cfg(feature = "demo")]
            "mcpdump-demo.1",
            "mcpdump-diff.1",
            "mcpdump-explain.1",
            "mcpdump-export.1",
            "mcpdump-interfaces.1",
            "mcpdump-inventory.1",
            "mcpdump-keys.1",
            "mcpdump-list.1",
            "mcpdump-man.1",
            #[cfg(feature = "mcp")]
            "mcpdump-mcp.1",
            "mcpdump-report.1",
            #[cfg(feature = "demo")]
            "mcpdump-serve.1",
            "mcpdump-slice.1",
            "mcpdump-stats.1",
            "mcpdump-timeline.1",
            #[cfg(feature = "demo")]
            "mcpdump-traffic.1",
            #[cfg(feature = "web")]
            "mcpdump-web.1",
            "mcpdump-why.1",
            #[cfg(unix)]
            "mcpdump-wrap.1",
            "mcpdump.1"
        ]
    );
    refuses(&["man", "/absent/directory"], &["/absent/directory", "cannot be written"]);
}

/// The program finds both variables, its status is the command's, and its own options are kept.
#[cfg(unix)]
#[test]
fn keys_runs_a_program_that_logs_its_secrets() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = TempDir::new().expect("a directory");
    let log = directory.path().join("keys.log");
    let script = "printf '%s|%s' \"$SSLKEYLOGFILE\" \"$NODE_OPTIONS\"; exit 7";
    let output = mcpdump()
        .args(["keys", "--tls-keylog", log.to_str().expect("its path is UTF-8"), "--", "sh", "-c", script])
        .env("NODE_OPTIONS", "--no-warnings")
        .output()
        .expect("the program starts");
    let log = log.display();
    assert_eq!(stdout(&output), format!("{log}|--no-warnings --tls-keylog={log}"));
    assert_eq!(output.status.code(), Some(7));
    assert!(stderr(&output).contains(&format!("--tls-keylog {log}")), "{}", stderr(&output));
    let mode = fs::metadata(directory.path().join("keys.log")).expect("the key log").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    refuses_to_log(&["keys", "-o", "/absent/keys.log", "--", "true"], "/absent/keys.log");
}

/// Asserts that the command fails with this text.
#[cfg(unix)]
fn refuses_to_log(arguments: &[&str], text: &str) {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains(text), "{}", stderr(&output));
}

/// The same capture with the key log of its client: what was encrypted is shown.
#[test]
fn a_key_log_opens_a_capture() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/tls13-keylog");
    let (capture, keys) = (format!("{directory}/capture.pcapng"), format!("{directory}/keys.log"));
    let closed = runs(&["report", &capture]);
    assert!(closed.contains("tls.no_secret") && closed.contains("--tls-keylog FILE"), "{closed}");
    let open = runs(&["report", "--tls-keylog", &keys, &capture]);
    assert!(open.contains("37 exchanges") && open.contains("TLS_AES_256_GCM_SHA384"), "{open}");
    let by_variable =
        mcpdump().args(["report", &capture]).env("SSLKEYLOGFILE", &keys).output().expect("it runs");
    assert_eq!(stdout(&by_variable), open);
    refuses(&["report", "--tls-keylog", "/absent/keys", &capture], &["/absent/keys", "no such key log"]);
}

// Output for a capture.

#[test]
fn an_empty_capture_has_exit_status_0() {
    let directory = TempDir::new().expect("a directory");
    let header = fs::read(CAPTURE).expect("the capture")[..24].to_vec();
    let file = write(&directory, "empty.pcap", &header);
    assert_eq!(runs(&["list", &file]), "");
    runs(&["report", &file]);
    runs(&["export", &file]);
}

/// A capture (raw IPv4) of one segment from port 1 to port 2.
fn capture_of(payload: &[u8]) -> Vec<u8> {
    let mut file =
        vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 101, 0, 0, 0];
    for (seq, flags, payload) in [(1_u32, 2, &[][..]), (2, 0x18, payload)] {
        let length = u16::try_from(40 + payload.len()).expect("a short payload");
        file.extend(
            [[0; 4], [0; 4], u32::from(length).to_le_bytes(), u32::from(length).to_le_bytes()].concat(),
        );
        file.extend([0x45, 0]);
        file.extend(length.to_be_bytes());
        file.extend([0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 1, 0, 2]);
        file.extend(seq.to_be_bytes());
        file.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        file.extend(payload);
    }
    file
}

#[test]
fn tls_is_reported_as_unreadable() {
    let hello = [[22, 3, 1, 0, 100, 1, 0, 0, 96, 3, 3].as_slice(), &[7; 94]].concat();
    let directory = TempDir::new().expect("a directory");
    let file = write(&directory, "capture.pcap", &capture_of(&hello));
    let report = runs(&["report", &file]);
    assert!(report.contains("not read     TLS on 1 connection"), "{report}");
    let list = run(&["list", &file]);
    assert_eq!((stdout(&list).as_str(), list.status.code()), ("", Some(0)));
    assert!(stderr(&list).starts_with("mcpdump: no MCP was seen; not read: TLS on 1 connection"));
}

#[test]
fn a_report_is_the_default() {
    let report = runs(&["report", CAPTURE]);
    assert!(report.contains("tools/call"));
    assert_eq!(runs(&[CAPTURE]), report);
}

#[test]
fn a_report_fits_eighty_columns_and_has_no_colours_in_a_pipe() {
    let report = runs(&["report", CAPTURE]);
    assert!(report.contains("tools/call"));
    assert!(!report.contains('\u{1b}'));
    for line in report.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn color_always_colours_a_pipe() {
    assert!(runs(&["report", "--color", "always", CAPTURE]).contains('\u{1b}'));
    assert!(!runs(&["--color", "never", "report", CAPTURE]).contains('\u{1b}'));
}

#[test]
fn each_report_format_is_well_formed() {
    let json = runs(&["report", "--format", "json", CAPTURE]);
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
    assert!(runs(&["report", "--format", "csv", CAPTURE]).lines().count() > 1);
    assert!(runs(&["report", "--format", "markdown", CAPTURE]).contains("\n|"));
}

#[test]
fn by_groups_a_report() {
    for by in ["server", "session", "client"] {
        assert!(runs(&["report", "--by", by, CAPTURE]).contains("tools/call"), "{by}");
    }
}

#[test]
fn an_export_has_one_json_object_per_line() {
    let export = runs(&["export", "--to", "jsonl", CAPTURE]);
    let mut types = Vec::new();
    for line in export.lines() {
        let object: serde_json::Value = serde_json::from_str(line).expect("a JSON object");
        assert_eq!(object["v"], 1, "{line}");
        types.push(object["type"].as_str().expect("its type").to_owned());
    }
    for kind in ["session", "exchange", "notification", "stream"] {
        assert!(types.iter().any(|known| known == kind), "no {kind}");
    }
    assert_eq!(runs(&["export", CAPTURE]), export);
}

#[test]
fn an_output_file_has_the_bytes_of_standard_output() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("out.jsonl");
    let name = file.to_str().expect("its path is UTF-8");
    assert_eq!(runs(&["export", "-o", name, CAPTURE]), "");
    let export = runs(&["export", CAPTURE]);
    assert!(!export.is_empty());
    assert_eq!(fs::read_to_string(&file).expect("the output"), export);
    assert_eq!(runs(&["export", "-o", "-", CAPTURE]), export);
}

#[test]
fn the_filter_narrows_what_is_listed() {
    let all = runs(&["list", CAPTURE]);
    let calls = runs(&["list", "--filter", "method:tools/call", CAPTURE]);
    assert!(calls.lines().count() > 0);
    assert!(calls.lines().count() < all.lines().count());
    assert!(calls.lines().all(|line| line.contains("tools/call")), "{calls}");
    assert!(runs(&["list", "--messages", CAPTURE]).lines().count() > all.lines().count());
}

/// An archive without exchanges is no surprise.
#[test]
fn an_export_says_that_nothing_matches() {
    let told = |filter: &str, to: &str| {
        let output = run(&["export", "--to", to, "--filter", filter, CAPTURE]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stderr(&output).contains("nothing matches the filter")
    };
    for to in ["jsonl", "csv", "har"] {
        assert!(told("tool:none", to), "{to}");
        assert!(!told("method:tools/call", to), "{to}");
    }
}

/// On a link with loss, a retransmission is reported with the exchange that it delayed.
#[test]
fn retransmissions_of_an_exchange_are_counted() {
    let again = runs(&["list", "--filter", "retrans>0", "captures/real-loss-server-side/capture.pcap"]);
    assert_eq!(again.lines().count(), 1, "{again}");
    assert!(again.contains("ping #29"), "{again}");
    assert_eq!(runs(&["list", "--filter", "retrans>0", CAPTURE]), "");
}

#[test]
fn the_bpf_filter_narrows_what_is_read() {
    let all = runs(&["list", CAPTURE]);
    assert!(!all.is_empty());
    assert_eq!(runs(&["list", CAPTURE, "tcp"]), all);
    assert_eq!(runs(&["list", CAPTURE, "--", "tcp"]), all);
    assert_eq!(runs(&["list", CAPTURE, "udp", "port", "9"]), "");
}

#[test]
fn a_capture_is_read_from_standard_input() {
    let all = runs(&["list", CAPTURE]);
    assert!(!all.is_empty());
    let mut command = mcpdump();
    command.args(["list", "-"]).stdin(fs::File::open(CAPTURE).expect("the capture"));
    let output = command.output().expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), all);
}

#[test]
fn lines_are_printed_while_standard_input_is_open() {
    let content = fs::read(CAPTURE).expect("the capture");
    let mut child = mcpdump()
        .args(["list", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(&content).expect("it reads");
    input.flush().expect("it reads");
    // Standard input stays open: lines must come before its end.
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    let mut line = String::new();
    output.read_line(&mut line).expect("it writes");
    assert!(!line.is_empty());
    drop(input);
    output.read_to_string(&mut line).expect("it writes");
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_closed_pipe_ends_the_run_without_error() {
    for arguments in [
        vec!["list", CAPTURE],
        vec!["report", CAPTURE],
        vec!["export", CAPTURE],
        vec!["man"],
        vec!["completions", "bash"],
        vec!["--help"],
    ] {
        let mut child = mcpdump()
            .args(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(stderr(&output), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let file = fs::OpenOptions::new().write(true).open("/dev/full").expect("the device");
    let output = mcpdump().args(["export", CAPTURE]).stdout(file).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "mcpdump: standard output: the disk is full; the output is incomplete\n");
}

#[test]
fn the_same_input_gives_the_same_output() {
    for arguments in [["list", CAPTURE], ["report", CAPTURE], ["export", CAPTURE]] {
        let first = runs(&arguments);
        assert!(!first.is_empty());
        assert_eq!(runs(&arguments), first);
    }
}

// Output in the documents.

/// Output of a command line of the documents, run by a shell in the repository.
#[cfg(unix)]
fn shell(line: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_mcpdump")).parent().expect("its directory");
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(program.to_owned()).chain(std::env::split_paths(&paths));
    let output = plain("sh")
        .args(["-c", line])
        .env("PATH", std::env::join_paths(paths).expect("paths"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("a shell");
    assert_eq!(stderr(&output), "", "{line}");
    stdout(&output)
}

/// Blocks of README and docs/ that begin with a command show its output; `BLESS=1 cargo test
/// documents` updates them.
#[test]
#[cfg(unix)]
fn documents_show_what_is_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = fs::read_dir(root.join("docs")).expect("docs").map(|entry| entry.expect("a page").path());
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let screens: usize =
        std::iter::once(root.join("README.md")).chain(pages).map(|page| outputs_of(&page)).sum();
    assert!(screens >= 5, "the documents show {screens} screens");
}

/// Compares the outputs on a page with those of the program, or updates them, and returns their
/// number.
#[cfg(unix)]
fn outputs_of(page: &Path) -> usize {
    let text = fs::read_to_string(page).expect("a page");
    let bless = std::env::var_os("BLESS").is_some();
    let (mut blessed, mut screens) = (String::new(), 0);
    for (i, part) in text.split("```").enumerate() {
        blessed.push_str(if i == 0 { "" } else { "```" });
        let Some((kind, rest)) = part.split_once("\n$ mcpdump ").filter(|_| i % 2 == 1) else {
            blessed.push_str(part);
            continue;
        };
        let (line, shown) = rest.split_once('\n').expect("a command is a line");
        let printed = shell(&format!("mcpdump {line}"));
        screens += 1;
        // JSON is wrapped for reading.
        let bare = |text: &str| text.split_whitespace().collect::<String>();
        let same = if kind == "json" { bare(shown) == bare(&printed) } else { shown == printed };
        assert!(same || bless, "{}: {line}\nrun `BLESS=1 cargo test documents`", page.display());
        let shown = if same { shown } else { &printed };
        blessed.push_str(&format!("{kind}\n$ mcpdump {line}\n{shown}"));
    }
    if blessed != text {
        fs::write(page, blessed).expect("the page is written");
    }
    screens
}
