//! Attacks about which an MCP client asks (`mcpdump mcp`): every answer is bounded and one line of
//! JSON, and the memory of the server is, too.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use serde_json::{Value, json};

use super::wire::Wire;
use super::{MIB, run};
use crate::support::program::mcpdump;

/// Memory for bodies, in MiB.
const BODIES: u64 = 16;

/// The most memory beside it, in MiB.
const MEMORY: u64 = 256;

/// The most that an answer takes, in bytes: text and structure of 24,000 each, some of it escaped
/// once more, and what says how to treat text from traffic.
const ANSWER: usize = 100_000;

/// Questions that any capture answers.
const QUESTIONS: [(&str, &str); 7] = [
    ("summarize", "{}"),
    ("list_exchanges", r#"{"limit": 200}"#),
    ("list_exchanges", r#"{"limit": 200, "filter": "dur>1ms"}"#),
    ("list_latencies", r#"{"by": "session"}"#),
    ("list_latencies", r#"{"by": "server"}"#),
    ("list_findings", "{}"),
    ("list_sessions", "{}"),
];

/// Questions about exchanges, of which there may be none.
const ABOUT_EXCHANGES: [(&str, &str); 5] = [
    ("why", "{}"),
    ("compare", r#"{"before": "session:s1", "after": "session:*"}"#),
    ("get_exchange", r#"{"exchange": 1, "messages": true}"#),
    ("read_message", r#"{"exchange": 1, "message": "request"}"#),
    ("read_message", r#"{"exchange": 1, "message": "response"}"#),
];

/// Rounds of questions until an attack has been read, at most.
const ROUNDS: u32 = 100_000;

/// Asks about an attack of size `n` while it is read and afterwards, and checks what is answered
/// and what the server held.
pub(crate) fn check(name: &str, attack: fn(&mut Wire, usize), n: usize) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("attack.pcapng");
    let mut wire = Wire::new(Box::new(File::create(&file).unwrap()));
    attack(&mut wire, n);
    wire.end();
    let mut child = mcpdump()
        .args(["mcp", "--memory", &BODIES.to_string()])
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut number = 0;
    let mut longest = ("", 0);
    let mut ask = |method: &'static str, params: Value| -> Value {
        number += 1;
        writeln!(stdin, "{}", json!({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
            .unwrap();
        let line = lines.next().unwrap_or_else(|| panic!("{name} of {n}: no answer to {params}")).unwrap();
        let about = params["name"].as_str().unwrap_or(method);
        assert!(line.len() <= ANSWER, "{name} of {n}: {about} answers {} bytes", line.len());
        if line.len() > longest.1 {
            longest = (
                QUESTIONS.iter().find(|(tool, _)| *tool == about).map_or(method, |(tool, _)| tool),
                line.len(),
            );
        }
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{name} of {n}: {about}: {error}"))
    };
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
    ask("initialize", hello);
    let mut is_complete = false;
    for round in 0.. {
        assert!(round < ROUNDS, "{name} of {n} is not complete after {round} rounds");
        if is_complete {
            break;
        }
        let summary = ask("tools/call", json!({"name": "summarize", "arguments": {}}));
        is_complete = summary["result"]["structuredContent"]["capture"]["state"] == "complete";
        for (tool, arguments) in QUESTIONS {
            let arguments: Value = serde_json::from_str(arguments).unwrap();
            let answer = ask("tools/call", json!({"name": tool, "arguments": arguments}));
            let is_error = answer["result"]["isError"] == true;
            assert!(answer["result"].is_object() && !is_error, "{name} of {n}: {tool}: {answer}");
        }
        for (tool, arguments) in ABOUT_EXCHANGES {
            let arguments: Value = serde_json::from_str(arguments).unwrap();
            let answer = ask("tools/call", json!({"name": tool, "arguments": arguments}));
            assert!(answer["result"].is_object(), "{name} of {n}: {tool}: {answer}");
        }
    }
    let peak = run::resident_peak(child.id()).unwrap_or(0) / MIB;
    println!("{name:20} mcp    {n:>8} {peak:>6} MiB  {longest:?}");
    assert!(
        peak <= BODIES + MEMORY + super::build() / MIB,
        "{name} of {n} took {peak} MiB in the MCP server"
    );
    drop(stdin);
    child.wait().unwrap();
}
