//! HTTP/2 of several programs (`captures/h2-stacks`): the calls are those that client and servers
//! logged.

use serde::Deserialize;

use crate::support::run::Run;
use crate::support::{assert_no_problems, corpus};

const CAPTURE: &str = "h2-stacks/capture.pcapng";

/// What `make.py` wrote.
#[derive(Debug, Deserialize)]
struct Logged {
    fronts: Vec<Front>,
    servers: Vec<Received>,
}

#[derive(Debug, Deserialize)]
struct Front {
    name: String,
    port: u16,
    behind: Option<u16>,
    session_id: String,
    got: Vec<Got>,
}

/// What curl got.
#[derive(Debug, Deserialize)]
struct Got {
    id: Option<i64>,
    method: String,
    status: u16,
}

/// What a server received: the times in seconds since the epoch.
#[derive(Debug, Deserialize)]
struct Received {
    port: u16,
    id: Option<i64>,
    method: String,
    received: f64,
    sent: f64,
}

fn logged() -> Logged {
    let path = corpus::directory().join("h2-stacks/calls.json");
    serde_json::from_slice(&corpus::bytes(&path)).unwrap()
}

fn run() -> Run {
    let path = corpus::directory().join(CAPTURE);
    Run::of(&mut corpus::source_of(&path)).unwrap()
}

/// Every call of curl is one exchange on the leg in front, and one on the leg behind a proxy.
#[test]
fn the_calls_of_every_stack_are_read() {
    let rows = run().rows();
    let exchanges = || rows.iter().filter(|row| row["type"] == "exchange");
    let mut problems = Vec::new();
    for front in logged().fronts {
        let want: Vec<_> =
            front.got.iter().filter_map(|got| Some((got.id?, &*got.method, got.status))).collect();
        for port in [Some(front.port), front.behind].into_iter().flatten() {
            let is_here = |row: &&serde_json::Value| {
                row["session_id"] == front.session_id.as_str()
                    && row["server"].as_str().is_some_and(|server| server.ends_with(&format!(":{port}")))
            };
            let mut have: Vec<_> = exchanges()
                .filter(is_here)
                .map(|row| {
                    let is_right = row["status"] == "ok" && row["degraded"] == serde_json::json!([]);
                    assert!(is_right, "{}: {row}", front.name);
                    let status = u16::try_from(row["http_status"].as_u64().unwrap()).unwrap();
                    (row["id"].as_i64().unwrap(), row["method"].as_str().unwrap(), status)
                })
                .collect();
            have.sort_unstable();
            if have != want {
                problems.push(format!("{} at port {port}: {have:?}", front.name));
            }
        }
    }
    assert_no_problems(&problems);
}

/// A server receives a call after its first byte was sent, and sends before the answer is complete.
#[test]
fn the_times_are_those_of_the_servers() {
    const TOLERANCE: f64 = 0.02;
    let rows = run().rows();
    let mut problems = Vec::new();
    for received in logged().servers.iter().filter(|received| received.id.is_some()) {
        let is_it = |row: &&serde_json::Value| {
            row["type"] == "exchange"
                && row["id"].as_i64() == received.id
                && row["method"] == received.method.as_str()
                && row["server"].as_str().is_some_and(|it| it.ends_with(&format!(":{}", received.port)))
                && row["request"]["start"].as_f64().is_some_and(|at| at <= received.received + TOLERANCE)
                && row["response"]["end"].as_f64().is_some_and(|at| at >= received.sent - TOLERANCE)
        };
        if !rows.iter().any(|row| is_it(&row)) {
            problems.push(format!("{received:?}"));
        }
    }
    assert_no_problems(&problems);
}
