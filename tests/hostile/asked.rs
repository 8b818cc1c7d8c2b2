//! Attacks about which an MCP client asks (`mcpdump mcp`): every answer is bounded and one line of
//! JSON, and the memory of the server is, too.

use std::fs::File;

use serde_json::Value;

use super::wire::Wire;
use super::{MIB, run};
use crate::support::stdio::Server;

/// Memory for bodies, in MiB.
const BODIES: u64 = 16;

/// The most memory beside it, in MiB: a question may have packets read again, by a second analysis.
const MEMORY: u64 = 384;

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
    let (mut server, _) = Server::start(&["--memory", &BODIES.to_string()], &[&file]);
    let mut longest = ("", 0);
    let mut ask = |(tool, arguments): (&'static str, &str)| -> Value {
        let line = server.call(tool, &serde_json::from_str(arguments).unwrap());
        assert!(line.len() <= ANSWER, "{name} of {n}: {tool} answers {} bytes", line.len());
        if line.len() > longest.1 {
            longest = (tool, line.len());
        }
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{name} of {n}: {tool}: {error}"))
    };
    let is_complete = (0..ROUNDS).any(|_| {
        let summary = ask(("summarize", "{}"));
        for question in QUESTIONS {
            let answer = ask(question);
            let is_error = answer["result"]["isError"] == true;
            assert!(answer["result"].is_object() && !is_error, "{name} of {n}: {question:?}: {answer}");
        }
        for question in ABOUT_EXCHANGES {
            let answer = ask(question);
            assert!(answer["result"].is_object(), "{name} of {n}: {question:?}: {answer}");
        }
        summary["result"]["structuredContent"]["capture"]["state"] == "complete"
    });
    assert!(is_complete, "{name} of {n} is not complete after {ROUNDS} rounds");
    let peak = run::resident_peak(server.process()).unwrap_or(0) / MIB;
    println!("{name:20} mcp    {n:>8} {peak:>6} MiB  {longest:?}");
    assert!(
        peak <= BODIES + MEMORY + super::build() / MIB,
        "{name} of {n} took {peak} MiB in the MCP server"
    );
    assert!(server.stop(), "{name} of {n}: the server fails at its end");
}
