//! Live capture against measured times: server and clients run in this process, their traffic is
//! captured on loopback. Every exchange must be paired, and its total time lie between what the
//! server and what the client measured.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::assert_no_problems;
use crate::support::run::Run;
use crate::support::timed::{Handled, Log, Timed};
use mcpdump::capture::live;
use mcpdump::serve::{self, Hackernews, Server, Stories};
use mcpdump::traffic::{self, Call, Target, Transport};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

const WAYS: [(Transport, &str); 5] = [
    (Transport::Sse, "2024-11-05"),
    (Transport::Streamable, "2025-03-26"),
    (Transport::Streamable, "2025-06-18"),
    (Transport::Streamable, "2025-11-25"),
    (Transport::Streamable, "2026-07-28"),
];

/// Opens loopback, or prints that the test is skipped and returns `None` if that is not allowed.
fn device(port: u16) -> Option<live::Opened> {
    let options = live::Options { filter: Some(format!("tcp port {port}")), ..Default::default() };
    match live::open(&options) {
        Ok(opened) => Some(opened),
        Err(error) => {
            let strict = std::env::var_os("MCPDUMP_MUST_CAPTURE").is_some_and(|value| !value.is_empty());
            assert!(!strict, "not to be skipped: {error}");
            eprintln!("skipped: {error}");
            None
        }
    }
}

/// Traffic in every revision, as clients, server and mcpdump measured it.
struct Seen {
    calls: Vec<Call>,
    handled: Vec<Handled>,
    rows: Vec<Value>,
}

async fn see() -> Option<Seen> {
    let log = Log::default();
    let inner = Hackernews::new(Stories::snapshot().unwrap()).with_step(Duration::from_millis(10));
    let options = serve::Options { listen: "127.0.0.1:0".parse().unwrap(), ..Default::default() };
    let server = Server::bind_handler(options, Timed { inner, log: log.clone() }).await.unwrap();
    let address = server.local_addr();
    let live = device(address.port())?.start().unwrap();
    let (stop, counts) = (live.stop(), live.counts());
    let mut source = live;
    let analysis = std::thread::spawn(move || Run::of(&mut source).unwrap());

    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(server.run(shutdown.clone()));
    let calls = Arc::new(Mutex::new(Vec::new()));
    let observed = Arc::clone(&calls);
    let targets = WAYS.map(|(transport, revision)| {
        let path = if transport == Transport::Sse { "sse" } else { "mcp" };
        let mut target = Target::new(&format!("http://{address}/{path}")).unwrap();
        (target.transport, target.revision) = (transport, Some(revision.to_owned()));
        target
    });
    let options = traffic::Options {
        targets: targets.to_vec(),
        clients: targets.len(),
        rate: 200.0,
        calls: Some(300),
        lively: Some(false),
        observer: Some(Arc::new(move |call: &Call| observed.lock().unwrap().push(call.clone()))),
        ..Default::default()
    };
    let run = tokio::time::timeout(Duration::from_secs(90), traffic::run(options, CancellationToken::new()));
    let summary = run.await.expect("traffic ends").unwrap();
    shutdown.cancel();
    serving.await.unwrap();
    stop.stop();
    let run = analysis.join().unwrap();
    assert_eq!(counts.dropped_by_kernel() + counts.dropped_by_mcpdump(), 0, "nothing was lost");
    let calls = std::mem::take(&mut *calls.lock().unwrap());
    assert_eq!(summary.calls(), calls.len() as u64);
    Some(Seen { calls, handled: log.all(), rows: run.rows() })
}

/// What identifies a request at both ends: the client's name and the id.
type Key = (String, String);

fn name(client: usize) -> String {
    format!("mcpdump-traffic-{}", client + 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn totals_lie_between_server_and_client_measurements() {
    let Some(Seen { calls, handled, rows }) = see().await else {
        return;
    };
    let of = |kind: &str| rows.iter().filter(|row| row["type"] == kind).collect::<Vec<_>>();
    let clients: HashMap<&str, &str> = of("session")
        .into_iter()
        .filter_map(|session| Some((session["session"].as_str()?, session["client_info"]["name"].as_str()?)))
        .collect();
    let mut exchanges: HashMap<Key, Vec<&Value>> = HashMap::new();
    for exchange in of("exchange").into_iter().filter(|exchange| exchange["origin"] == "client") {
        let client = clients.get(exchange["session"].as_str().unwrap()).copied().unwrap_or_default();
        exchanges.entry((client.to_owned(), exchange["id"].to_string())).or_default().push(exchange);
    }
    let mut served: HashMap<Key, Duration> = HashMap::new();
    for handled in handled {
        let client = handled.client.clone().expect("a server knows who asks");
        let before = served.insert((client, handled.id.to_string()), handled.took);
        assert!(before.is_none(), "ids are used once: {handled:?}");
    }

    let mut problems = Vec::new();
    let mut between = 0;
    for call in &calls {
        let key = (name(call.client), call.id.to_string());
        let Some([exchange]) = exchanges.get(&key).map(Vec::as_slice) else {
            problems.push(format!("{call:?}: seen as {:?}", exchanges.get(&key)));
            continue;
        };
        if exchange["status"] != call.status.name() || exchange["method"] != *call.method {
            problems.push(format!("{call:?}: {exchange}"));
        }
        if exchange["degraded"] != serde_json::json!([]) {
            problems.push(format!("degraded: {exchange}"));
        }
        let Some(total) = exchange["total_ms"].as_f64() else {
            problems.push(format!("{call:?}: no total: {exchange}"));
            continue;
        };
        let (Some(least), most) = (served.get(&key), call.took) else {
            problems.push(format!("{call:?}: the server has not seen it"));
            continue;
        };
        let (least, most) = (least.as_secs_f64() * 1e3, most.as_secs_f64() * 1e3);
        if least <= total && total <= most {
            between += 1;
        } else {
            problems.push(format!("{} {:?}: {least} ms, {total} ms, {most} ms", call.method, call.name));
        }
    }
    assert_no_problems(&problems);
    assert_eq!(between, calls.len());
    assert!(calls.len() >= 300);
    assert_eq!(exchanges.values().map(Vec::len).sum::<usize>(), calls.len(), "and nothing was made up");
    let asked: Vec<_> =
        of("exchange").into_iter().filter(|exchange| exchange["origin"] == "server").collect();
    assert!(!asked.is_empty() && asked.iter().all(|asked| asked["status"] == "ok"), "{asked:?}");
}
