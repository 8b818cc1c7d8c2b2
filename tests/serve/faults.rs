//! Deliberate faults: each one on the wire, and the same ones for the same seed.

use std::num::NonZeroU64;
use std::time::Duration;

use mcpdump::serve::{Faults, Options};
use serde_json::Value;

use super::raw::{End, Running, status};
use super::streamable::{CALL, begun, session};
use super::walkthrough::shaken;

async fn with(faults: Faults) -> Running {
    Running::start(Options { faults, json: true, ..Default::default() }).await
}

/// How a server answers some calls: `ok`, `tool_error`, `error`, or the status that is not 200.
async fn fates(faults: Faults, calls: usize) -> Vec<String> {
    let server = with(faults).await;
    let session = session(&server, "2025-11-25").await;
    let mut fates = Vec::new();
    for _ in 0..calls {
        let response = server.post("/mcp", &[&session], CALL).await;
        fates.push(match response.status() {
            200 => fate(&response.json()).to_owned(),
            other => other.to_string(),
        });
    }
    server.end().await;
    fates
}

fn fate(answer: &Value) -> &'static str {
    match (&answer["error"], &answer["result"]["isError"]) {
        (Value::Object(_), _) => "error",
        (_, Value::Bool(true)) => "tool_error",
        _ => "ok",
    }
}

#[tokio::test]
async fn the_same_seed_makes_the_same_faults_of_every_kind() {
    let faults = Faults { fail_rate: 0.6, seed: 7, ..Default::default() };
    let seen = fates(faults.clone(), 40).await;
    assert_eq!(seen, fates(faults.clone(), 40).await);
    assert_ne!(seen, fates(Faults { seed: 8, ..faults }, 40).await);
    for kind in ["ok", "tool_error", "error", "500"] {
        assert!(seen.iter().any(|fate| fate == kind), "{kind}: {seen:?}");
    }
}

#[tokio::test]
async fn a_hanging_call_is_accepted_and_never_answered() {
    let server = Running::start(Options {
        faults: Faults { hang_rate: 1.0, ..Default::default() },
        ..Default::default()
    })
    .await;
    let session = session(&server, "2025-11-25").await;
    let (mut accepted, mut open) = (0, Vec::new());
    while accepted == 0 || open.is_empty() {
        let mut client = begun(&server, &[&session], CALL).await;
        match status(&client.head().await) {
            202 => accepted += 1,
            200 => open.push(client),
            other => panic!("{other}"),
        }
    }
    // A hanging call ends with the server.
    server.end().await;
}

#[tokio::test]
async fn streams_are_cut_by_fin_and_by_rst_in_turn() {
    let faults = Faults { drop_stream_every: NonZeroU64::new(1), ..Default::default() };
    let server = Running::start(Options { faults, ..Default::default() }).await;
    for end in [End::Fin, End::Reset, End::Fin] {
        let (stream, target) = shaken(&server).await;
        assert_eq!(server.post(&target, &[], CALL).await.status(), 202);
        assert_eq!(stream.rest().await, (String::new(), end));
    }
    let session = session(&server, "2025-11-25").await;
    let mut client = begun(&server, &[&session], CALL).await;
    assert_eq!(status(&client.head().await), 200);
    let (rest, end) = client.rest().await;
    assert_eq!(end, End::Reset);
    assert!(!rest.contains("result"), "{rest}");
    server.end().await;
}

#[tokio::test]
async fn delays_and_pauses_have_the_configured_length() {
    let delay = Duration::from_millis(120);
    let faults = Faults { delay: Some("120ms".parse().unwrap()), ..Default::default() };
    let server = with(faults).await;
    let field = session(&server, "2025-11-25").await;
    let begin = tokio::time::Instant::now();
    assert_eq!(server.post("/mcp", &[&field], CALL).await.status(), 200);
    assert!(begin.elapsed() >= delay);
    server.end().await;

    // What fails on purpose is no sooner there.
    let faults = Faults { delay: Some("60ms".parse().unwrap()), fail_rate: 1.0, ..Default::default() };
    let server = with(faults).await;
    let field = session(&server, "2025-11-25").await;
    let mut kinds = std::collections::BTreeSet::new();
    while kinds.len() < 3 {
        let begin = tokio::time::Instant::now();
        let response = server.post("/mcp", &[&field], CALL).await;
        let took = begin.elapsed();
        let kind = if response.status() == 500 { "500" } else { fate(&response.json()) };
        assert!(kind != "ok" && took >= Duration::from_millis(60), "{kind}: {took:?}");
        kinds.insert(kind);
    }
    server.end().await;

    let silence = Duration::from_millis(150);
    let faults = Faults { silence: Some(silence), ..Default::default() };
    let server = Running::start(Options { faults, ..Default::default() }).await;
    let mut stream = server.connect().await;
    // Before the stream is asked for, so that a busy machine only makes it longer.
    let begin = tokio::time::Instant::now();
    stream.get("/sse", &[]).await;
    stream.head().await;
    let endpoint = stream.event().await;
    let target = endpoint.trim().rsplit(' ').next().unwrap();
    let ping = r#"{"jsonrpc":"2.0","id":0,"method":"ping"}"#;
    assert_eq!(server.post(target, &[], ping).await.status(), 202);
    stream.event().await;
    assert!(begin.elapsed() >= silence, "{:?}", begin.elapsed());
    server.end().await;
}
