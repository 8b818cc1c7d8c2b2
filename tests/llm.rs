//! LLM calls: the export of each capture `captures/llm-*` against what the client libraries put
//! together, and when client and server saw it (`truth.json`).

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::assert_no_problems;
use crate::support::corpus;
use crate::support::run::Run;

/// How far the clock of a program may be from the packets that it wrote or read, in seconds.
const SLACK: f64 = 0.002;

/// The directories of captures with LLM calls.
fn directories() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(corpus::directory()).unwrap().map(|entry| entry.unwrap().path());
    let is_llm = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("llm-");
    let mut found: Vec<_> = entries.filter(is_llm).collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

fn truth(directory: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(directory.join("truth.json")).unwrap()).unwrap()
}

/// The calls of a capture, in the order of their numbers.
fn calls(directory: &Path) -> Vec<Value> {
    let files = corpus::files_of(directory);
    let [file] = files.as_slice() else { panic!("{}: one capture", directory.display()) };
    let rows = Run::of(&mut corpus::source_of(file)).unwrap().rows();
    let mut calls: Vec<_> = rows.into_iter().filter(|row| row["type"] == "llm_call").collect();
    calls.sort_by_key(|row| row["l"].as_u64());
    calls
}

#[test]
fn calls_agree_with_what_client_libraries_put_together() {
    let mut problems = Vec::new();
    for directory in directories() {
        let truth = truth(&directory);
        let Some(wanted) = truth["calls"].as_array() else { continue };
        let mut rows = calls(&directory);
        if let Some(leg) = truth["leg"].as_u64() {
            let port = format!(":{leg}");
            rows.retain(|row| row["server"].as_str().unwrap().ends_with(&port));
        }
        let name = directory.file_name().unwrap().to_string_lossy().into_owned();
        if rows.len() != wanted.len() {
            problems.push(format!("{name}: {} calls, not {}", rows.len(), wanted.len()));
        }
        for (number, (row, want)) in rows.iter().zip(wanted).enumerate() {
            let place = format!("{name} call {} {}", number + 1, want["path"]);
            problems.extend(compare(row, want).into_iter().map(|problem| format!("{place}: {problem}")));
        }
    }
    assert_no_problems(&problems);
}

/// The differences between a call and its truth.
fn compare(row: &Value, want: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let mut check = |what: &str, have: &Value, want: &Value| {
        if have != want {
            problems.push(format!("{what}: {have}, not {want}"));
        }
    };
    check("dialect", &row["dialect"], &want["dialect"]);
    check("target", &row["target"], &want["path"]);
    check("text", &row["text"], &want["text"]);
    check("reasoning_bytes", &row["reasoning_bytes"], &want["thinking"].as_str().unwrap().len().into());
    // Some connections were open before the capture.
    if row["degraded"] != serde_json::json!(["midstream"]) {
        check("degraded", &row["degraded"], &Value::Array(Vec::new()));
    }
    let is_error = !want["error"].is_null();
    let is_abandoned = want["abandoned"] == true;
    let status = if is_error {
        "error"
    } else if is_abandoned {
        "cancelled"
    } else {
        "ok"
    };
    check("status", &row["status"], &status.into());
    if !is_error && !is_abandoned {
        check("finish_reason", &row["finish_reason"], &want["finish_reason"]);
        check("input_tokens", &row["input_tokens"], &want["input_tokens"]);
        check("output_tokens", &row["output_tokens"], &want["output_tokens"]);
    }
    if want["events"] != 0 {
        check("streamed", &row["streamed"], &want["stream"]);
    }
    if row["model"].as_str().is_none_or(|model| !model.contains(want["model"].as_str().unwrap())) {
        check("model", &row["model"], &want["model"]);
    }
    let mut tools: Vec<Value> = row["tool_calls"].as_array().unwrap().iter().map(tool).collect();
    for (have, want) in tools.iter_mut().zip(want["tool_calls"].as_array().unwrap()) {
        // Ollama's library leaves out ids that are on the wire.
        if want["id"].is_null() {
            have["id"] = Value::Null;
        }
    }
    check("tool calls", &tools.into(), &want["tool_calls"]);
    check(
        "tool results",
        &row["tool_results"].as_array().unwrap().len().into(),
        &want["tool_results"].as_array().unwrap().len().into(),
    );
    for (have, want) in
        row["tool_results"].as_array().unwrap().iter().zip(want["tool_results"].as_array().unwrap())
    {
        check("id of a result", &have["id"], &want["id"]);
        check("text of a result", &have["text"], &want["text"]);
    }
    problems.extend(times(row, want));
    problems
}

/// A tool call in the form of the truth: arguments as a value.
fn tool(call: &Value) -> Value {
    let arguments = serde_json::from_str::<Value>(call["arguments"].as_str().unwrap());
    serde_json::json!({ "id": call["id"], "name": call["name"], "arguments": arguments.unwrap() })
}

/// Whether times lie between what server and client saw.
fn times(row: &Value, want: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let start = row["request"]["start"].as_f64().unwrap();
    let after = |key: &str| row[key].as_f64().map(|ms| start + ms / 1000.0);
    let mut within = |what: &str, at: f64, from: &Value, to: &Value| {
        let (from, to) = (from.as_f64().unwrap_or(f64::MIN), to.as_f64().unwrap_or(f64::MAX));
        if at < from - SLACK || at > to + SLACK {
            problems.push(format!("{what} at {at}, not from {from} to {to}"));
        }
    };
    within("request", start, &want["t_request"], &want["t_server_request"]);
    match after("first_token_ms") {
        Some(at) => within("first token", at, &want["t_first_output"], &want["t_client_first_output"]),
        None if want["stream"] == true && want["text"] != "" => problems.push("no first token".to_owned()),
        None => {}
    }
    problems
}

/// The replayed streams of three products on the web and of two APIs.
#[test]
fn replayed_streams_are_put_together() {
    let directory = corpus::directory().join("llm-streams");
    let truth = truth(&directory);
    let mut rows = calls(&directory);
    let wanted = truth["streams"].as_array().unwrap();
    assert_eq!(rows.len(), wanted.len());
    let mut problems = Vec::new();
    for want in wanted {
        // Five of them run at once.
        let dialect = want["dialect"].as_str().unwrap();
        let dialect = if dialect == "openai" { "openai-chat" } else { dialect };
        let at =
            rows.iter().position(|row| row["dialect"] == dialect).unwrap_or_else(|| panic!("no {dialect}"));
        let row = rows.remove(at);
        let id = &want["request_id"];
        if row["text"] != want["text"] || row["status"] != "ok" || row["target"] != want["path"] {
            problems.push(format!("{id}: {row}"));
        }
        let tokens = matches!(dialect, "openai-chat" | "anthropic").then(|| &want["text_tokens"]);
        if row["output_tokens"] != *tokens.unwrap_or(&Value::Null) {
            problems.push(format!("{id}: {} output tokens", row["output_tokens"]));
        }
        // The events with text are the last ones but those that end the answer.
        let events: Vec<f64> =
            want["t_events"].as_array().unwrap().iter().map(|at| at.as_f64().unwrap()).collect();
        let before = if dialect == "anthropic" { 3 } else { 2 - usize::from(dialect == "openai-chat") };
        let pieces = want["text_tokens"].as_u64().unwrap() as usize;
        let events = &events[before..before + pieces];
        if row["pieces"].as_u64() != Some(pieces as u64) {
            problems.push(format!("{id}: {} pieces, not {pieces}", row["pieces"]));
        }
        let start = row["request"]["start"].as_f64().unwrap();
        let first = start + row["first_token_ms"].as_f64().unwrap() / 1000.0;
        if first < events[0] - SLACK || first > events[0] + 5.0 * SLACK {
            problems.push(format!("{id}: first token at {first}, not at {}", events[0]));
        }
        let longest = events.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        let gap = row["longest_gap_ms"].as_f64().unwrap() / 1000.0;
        if (gap - longest).abs() > 3.0 * SLACK {
            problems.push(format!("{id}: longest gap {gap}, not {longest}"));
        }
    }
    assert_no_problems(&problems);
}

/// LiteLLM's proxy, asked in three dialects; the other leg is that of the server behind it.
#[test]
fn calls_through_a_gateway_are_read() {
    let directory = corpus::directory().join("stacks/litellm-streams");
    let rows: Vec<_> =
        calls(&directory).into_iter().filter(|row| row["server"] == "127.0.0.1:9300").collect();
    let text = std::fs::read_to_string(directory.join("streams.jsonl")).unwrap();
    let wanted: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), wanted.len());
    for (row, want) in rows.iter().zip(&wanted) {
        let (dialect, status, is_streamed) = match want["kind"].as_str().unwrap() {
            "responses" => ("openai-responses", "ok", true),
            "anthropic" => ("anthropic", "ok", true),
            "chat-plain" => ("openai-chat", "ok", false),
            "chat-abandoned" => ("openai-chat", "cancelled", true),
            "bad-model" => ("openai-chat", "error", false),
            _ => ("openai-chat", "ok", true),
        };
        assert_eq!(row["dialect"], dialect, "{row}");
        assert_eq!((&row["status"], &row["target"]), (&status.into(), &want["path"]), "{row}");
        if status == "ok" {
            assert_eq!(row["streamed"], is_streamed, "{row}");
            assert!(row["text"].as_str().is_some_and(|text| !text.is_empty()), "{row}");
        }
        if let (true, Some(first)) = (is_streamed, row["first_token_ms"].as_f64()) {
            let at = row["request"]["start"].as_f64().unwrap() + first / 1000.0;
            let last = want["t_last"].as_f64().unwrap() + SLACK;
            assert!(want["t0"].as_f64().unwrap() < at && at < last, "{row}");
        }
    }
}

/// Captures of MCP have no LLM calls.
#[test]
fn mcp_is_no_llm_call() {
    let mut problems = Vec::new();
    for capture in corpus::Capture::all() {
        let is_llm = capture.0.contains("llm") || capture.0.contains("litellm");
        let found = capture.run().rows().into_iter().find(|row| row["type"] == "llm_call");
        if let Some(row) = found.filter(|_| !is_llm) {
            problems.push(format!("{}: {row}", capture.0));
        }
    }
    assert_no_problems(&problems);
}
