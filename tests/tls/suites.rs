//! Each suite and each feature of TLS, against what openssl reported of the connection.

use std::collections::BTreeMap;

use super::{found, without_secrets};
use crate::support::run::Run;
use crate::support::{assert_no_problems, corpus};
use mcpdump::base::tls::{Decrypted, TlsFact, TlsVersion};
use mcpdump::base::{Code, Side};
use serde::Deserialize;

/// What `make.py` wrote of a scenario.
#[derive(Debug, Deserialize)]
struct Scenario {
    name: String,
    port: u16,
    calls: usize,
    connections: Vec<Connection>,
    #[serde(default = "yes")]
    decrypted: bool,
}

#[derive(Debug, Deserialize)]
struct Connection {
    resumed: bool,
}

fn yes() -> bool {
    true
}

fn scenarios() -> Vec<Scenario> {
    let path = corpus::directory().join("tls-suites/scenarios.json");
    serde_json::from_slice(&corpus::bytes(&path)).unwrap()
}

fn run() -> Run {
    Run::of(&mut corpus::source_of(&corpus::directory().join("tls-suites/capture.pcapng"))).unwrap()
}

#[test]
fn every_call_of_every_scenario_is_read() {
    let run = run();
    let mut problems = Vec::new();
    let mut calls: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in run.rows().iter().filter(|row| row["type"] == "exchange") {
        let name = row["name"].as_str().unwrap().to_owned();
        calls.entry(name).or_default().push(format!("{} {} {}", row["id"], row["status"], row["degraded"]));
    }
    for scenario in scenarios() {
        let expected = if scenario.decrypted { scenario.calls } else { 0 };
        let want: Vec<_> = (1..=expected).map(|n| format!("{n} \"ok\" []")).collect();
        let got = calls.remove(&scenario.name).unwrap_or_default();
        if got != want {
            problems.push(format!("{}: {got:?}", scenario.name));
        }
    }
    problems.extend(calls.into_keys().map(|name| format!("{name} is no scenario")));
    assert_no_problems(&problems);
}

#[test]
fn connections_are_named_as_openssl_names_them() {
    let run = run();
    let mut problems = Vec::new();
    for scenario in scenarios() {
        let of_port = run.connections().into_iter().filter(|fact| fact.server.port() == scenario.port);
        let facts: Vec<&TlsFact> = of_port.map(|fact| fact.tls.as_deref().unwrap()).collect();
        assert_eq!(facts.len(), scenario.connections.len(), "{}", scenario.name);
        for (fact, connection) in facts.iter().zip(&scenario.connections) {
            let version = fact.version.unwrap();
            let is_named = scenario.name.starts_with(&version.name());
            // openssl counts a refused ticket as a new session.
            let is_right = is_named
                && fact.is_resumed == connection.resumed
                && (fact.decrypted == Decrypted::Everything) == scenario.decrypted
                && fact.sni.as_deref()
                    == Some(if scenario.name == "1.2-expired" { "other.example" } else { "mcp.example" })
                && fact.handshake_ns.is_none_or(|ns| (0..2_000_000_000).contains(&ns))
                && fact.records.iter().all(|side| side.records > 0 && side.bytes > 0);
            if !is_right {
                problems.push(format!("{}: {fact:?}", scenario.name));
            }
            let has_certificate = fact.certificate.is_some();
            if scenario.decrypted && has_certificate == connection.resumed {
                problems.push(format!("{}: certificate {has_certificate}", scenario.name));
            }
            if version == TlsVersion::V12 && !fact.suite.as_ref().unwrap().starts_with("TLS_") {
                problems.push(format!("{}: {:?}", scenario.name, fact.suite));
            }
        }
    }
    assert_no_problems(&problems);
}

/// What is wrong is found, and nothing else.
#[test]
fn findings_are_those_of_the_scenarios() {
    let run = run();
    let names = scenarios();
    let port = |name: &str| names.iter().find(|scenario| scenario.name == name).unwrap().port;
    let connections = run.connections();
    // openssl logs the premaster secrets of RSA key exchanges as well: nobody needs them.
    let findings = run.findings();
    let of_key_log: Vec<_> = findings.iter().filter(|it| it.tcp_stream.is_none()).map(|it| it.code).collect();
    let of_connections: Vec<_> = findings.iter().filter(|it| it.tcp_stream.is_some()).collect();
    assert_eq!(of_key_log, []);
    let got: BTreeMap<&str, u16> = of_connections
        .iter()
        .map(|finding| {
            let stream = finding.tcp_stream.unwrap();
            let fact = connections.iter().find(|fact| fact.tcp_stream == stream).unwrap();
            (finding.code.name(), fact.server.port())
        })
        .collect();
    let want = BTreeMap::from([
        ("tls.certificate_expired", port("1.2-expired")),
        ("tls.certificate_name", port("1.2-expired")),
        ("tls.old_version", port("1.1")),
        ("tls.unsupported_suite", port("1.2-camellia")),
    ]);
    assert_eq!(got, want);
    assert_eq!(of_connections.len(), want.len());
}

/// Without its secrets a connection is named all the same, and one finding says which secret would
/// open it.
#[test]
fn without_secrets_connections_are_named() {
    let (items, lines) = without_secrets("tls-suites");
    let run = Run::over(&items);
    assert!(run.exchanges().is_empty());
    let missing = found(&run, Code::TlsNoSecret);
    let connections: usize = scenarios()
        .iter()
        .filter(|scenario| scenario.decrypted)
        .map(|scenario| scenario.connections.len())
        .sum();
    assert_eq!(missing.len(), connections);
    for finding in missing {
        let random = finding.detail.split("client random ").nth(1).unwrap()[..64].to_owned();
        assert!(lines.iter().any(|line| line.contains(&random)), "{}", finding.detail);
        assert!(finding.detail.contains("example"), "{}", finding.detail);
    }
    for fact in run.connections() {
        let tls = fact.tls.as_deref().unwrap();
        assert!(tls.version.is_some() && tls.suite.is_some() && tls.sni.is_some(), "{tls:?}");
        assert_eq!(tls.decrypted, Decrypted::Nothing);
        for side in Side::BOTH {
            assert!(tls.records[usize::from(side == Side::Server)].records > 0, "{tls:?}");
        }
    }
}

/// The export has a line for each connection, with the names of docs/jsonl.md.
#[test]
fn json_lines_describe_the_connections() {
    let run = run();
    let rows = run.rows();
    let rows: Vec<_> = rows.iter().filter(|row| row["type"] == "connection").collect();
    assert_eq!(rows.len(), run.connections().len());
    let resumed = rows.iter().filter(|row| row["resumed"] == true).count();
    let expected =
        scenarios().iter().flat_map(|scenario| &scenario.connections).filter(|it| it.resumed).count();
    assert_eq!(resumed, expected);
    let first = rows[0];
    assert_eq!(first["tls"], "1.3");
    assert_eq!(first["suite"], "TLS_AES_128_GCM_SHA256");
    assert_eq!((&first["sni"], &first["speaks"]), (&"mcp.example".into(), &"http/1".into()));
    assert_eq!((&first["certificate"], &first["decrypted"]), (&"rsa.example".into(), &"yes".into()));
    assert!(first["tls_handshake_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{first}");
    let documented = include_str!("../../docs/jsonl.md");
    for field in first.as_object().unwrap().keys().filter(|field| !field.starts_with("server_")) {
        assert!(documented.contains(&format!("`{field}`")), "{field} is not documented");
    }
}
