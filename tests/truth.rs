//! The export of every capture agrees with what client and server logged (`truth.json`).
//!
//! Behind a proxy each leg has a truth of its own, and is compared alone.

use crate::support::frame::Frame;
use crate::support::run::{Remade, Run};
use crate::support::truth::{Truth, compare};
use crate::support::{assert_no_problems, corpus};
use mcpdump::capture::Item;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Asserts that each capture of a directory agrees with its truth.
#[track_caller]
fn agrees(name: &str) {
    assert_no_problems(&differences(name));
}

/// The differences between the captures of a directory and their truth.
fn differences(name: &str) -> Vec<String> {
    let path = corpus::directory().join(name);
    let files = if path.is_dir() { corpus::files_of(&path) } else { vec![path] };
    assert!(!files.is_empty(), "no captures in {name}");
    let mut problems = Vec::new();
    for file in files {
        let shown = file.file_name().unwrap().to_string_lossy().into_owned();
        let items =
            corpus::items(corpus::bytes(&file)).unwrap_or_else(|error| panic!("{name}/{shown}: {error}"));
        for (leg, truth) in Truth::legs(&file) {
            let run = match leg {
                Some(port) => Run::over(&leg_of(&items, port)),
                None => Run::of(&mut corpus::source_of(&file)).unwrap(),
            };
            // A key log beside the captures opens those without secrets as well.
            let keys = file.with_file_name("keys.log");
            let run = if keys.exists() {
                Run::over(&[vec![corpus::secrets(corpus::bytes(&keys))], items.clone()].concat())
            } else {
                run
            };
            let (wrong, _) = compare(&truth, &run.rows());
            let place = leg.map_or_else(|| shown.clone(), |port| format!("{shown}, port {port}"));
            problems.extend(wrong.into_iter().map(|problem| format!("{place}: {problem}")));
        }
    }
    problems
}

/// The packets of one leg, as the filter `tcp port PORT` selects them.
fn leg_of(items: &[Item], port: u16) -> Vec<Item> {
    let is_of_leg = |item: &&Item| match item {
        Item::Packet(packet) => Frame::of(packet)
            .is_some_and(|frame| [frame.source.port(), frame.destination.port()].contains(&port)),
        _ => true,
    };
    Remade::new(items.iter().filter(is_of_leg).cloned().collect()).items
}

#[test]
fn batch_2025_03_26() {
    agrees("batch-2025-03-26");
}

#[test]
fn big_results_mtu1500() {
    agrees("big-results-mtu1500");
}

#[test]
fn br_json() {
    agrees("br-json");
}

#[test]
fn damaged_ts_sse_dropped() {
    agrees("damaged-ts-sse-dropped");
}

#[test]
fn damaged_ts_sse_midstream() {
    agrees("damaged-ts-sse-midstream");
}

#[test]
fn damaged_ts_sse_overlapping() {
    agrees("damaged-ts-sse-overlapping");
}

#[test]
fn damaged_ts_sse_snaplen128() {
    agrees("damaged-ts-sse-snaplen128");
}

#[test]
fn damaged_ts_sse_truncated_file() {
    agrees("damaged-ts-sse-truncated-file");
}

#[test]
fn gzip_sse() {
    agrees("gzip-sse");
}

#[test]
fn hackernews_2026() {
    agrees("hackernews-2026.pcapng");
}

#[test]
fn hackernews_sse() {
    agrees("hackernews-sse.pcapng");
}

#[test]
fn hackernews_streamable() {
    agrees("hackernews-streamable.pcapng");
}

#[test]
fn inspector_cli_old_sse() {
    agrees("inspector-cli-old-sse");
}

#[test]
fn linktypes() {
    agrees("linktypes");
}

#[test]
fn llm_anthropic() {
    agrees("llm-anthropic");
}

#[test]
fn llm_gemini() {
    agrees("llm-gemini");
}

#[test]
fn llm_litellm() {
    agrees("llm-litellm");
}

#[test]
fn llm_ollama() {
    agrees("llm-ollama");
}

#[test]
fn llm_openai_chat() {
    agrees("llm-openai-chat");
}

#[test]
fn llm_openai_responses() {
    agrees("llm-openai-responses");
}

#[test]
fn llm_streams() {
    agrees("llm-streams");
}

#[test]
fn load_sse() {
    agrees("load-sse");
}

#[test]
fn many_sessions() {
    agrees("many-sessions");
}

#[test]
fn py_streamable_json() {
    agrees("py-streamable-json");
}

#[test]
fn real_loss_server_side() {
    agrees("real-loss-server-side");
}

#[test]
fn rev_2026_07_28() {
    agrees("rev-2026-07-28");
}

#[test]
fn rmcp_server() {
    agrees("rmcp-server");
}

#[test]
fn slow_and_odd() {
    agrees("slow-and-odd");
}

#[test]
fn stdio_wrap() {
    agrees("stdio-wrap");
}

#[test]
fn h2_tls() {
    agrees("h2-tls");
}

#[test]
fn h2c_sse() {
    agrees("h2c-sse");
}

#[test]
fn tls12_cbc() {
    agrees("tls12-cbc");
}

#[test]
fn tls12_keylog() {
    agrees("tls12-keylog");
}

#[test]
fn tls13_keylog() {
    agrees("tls13-keylog");
}

#[test]
fn ts_sse() {
    agrees("ts-sse");
}

#[test]
fn ts_streamable() {
    agrees("ts-streamable");
}

#[test]
fn zstd_py() {
    agrees("zstd-py");
}

#[test]
fn every_directory_has_its_test() {
    let source = include_str!("truth.rs");
    // The cases of `field` have no truth, those of `stacks` are below, those of `agent-run`,
    // `h2-stacks`, `limits` and `tls-suites` are compared in `agents`, `h2_stacks`, `limits` and
    // `tls`.
    let groups = ["agent-run", "field", "h2-stacks", "limits", "stacks", "tls-suites"];
    let is_group = |name: &String| groups.contains(&name.as_str());
    for name in directories("").into_iter().filter(|name| !is_group(name)) {
        assert!(source.contains(&format!("agrees(\"{name}\")")), "{name} has no test");
    }
}

/// The names of the directories below a directory of `captures`.
fn directories(below: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(corpus::directory().join(below)).unwrap().map(|entry| entry.unwrap());
    entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Captures of other servers, clients and proxies.
mod stacks {
    use super::*;

    /// Captures that do not agree yet, and why. One that agrees has to leave the list.
    const UNRESOLVED: [(&str, &str); 0] = [];

    /// A test for each capture, and the list of all of them.
    macro_rules! stacks {
        ($($test:ident: $name:literal),+ $(,)?) => {
            const STACKS: &[&str] = &[$($name),+];
            $(
                #[test]
                fn $test() {
                    stack_agrees($name);
                }
            )+
        };
    }

    stacks! {
        aiohttp_mcp_http: "aiohttp-mcp-http",
        fastapi_mcp_sse: "fastapi-mcp-sse",
        fastmcp_py_http: "fastmcp-py-http",
        fastmcp2_auth: "fastmcp2-auth",
        haproxy_http: "haproxy-http",
        haproxy_roundrobin: "haproxy-roundrobin",
        hono_node: "hono-node",
        java_sse_hypercorn_h2c: "java-sse-hypercorn-h2c",
        lighttpd_buffered_http: "lighttpd-buffered-http",
        litellm_streams: "litellm-streams",
        mcp_proxy_named_stateless: "mcp-proxy-named-stateless",
        mcp_remote_sse: "mcp-remote-sse",
        nginx_buffered_sse: "nginx-buffered-sse",
        nginx_unbuffered_http: "nginx-unbuffered-http",
        openai_client_sse: "openai-client-sse",
        squid_connect_http: "squid-connect-http",
        sse_connect_404: "sse-connect-404",
        supergateway_http: "supergateway-http",
        supergateway_ws: "supergateway-ws",
        toolbox_go_sse: "toolbox-go-sse",
    }

    /// Asserts that each leg of a capture agrees with its truth, or that it is listed in
    /// [`UNRESOLVED`] and one does not.
    #[track_caller]
    fn stack_agrees(name: &str) {
        let problems = differences(&format!("stacks/{name}"));
        if UNRESOLVED.iter().any(|(unresolved, _)| *unresolved == name) {
            assert!(!problems.is_empty(), "{name} agrees: remove it from UNRESOLVED");
        } else {
            assert_no_problems(&problems);
        }
    }

    #[test]
    fn every_stack_has_its_test() {
        assert_eq!(directories("stacks"), STACKS.iter().map(|&name| name.to_owned()).collect());
    }
}

/// Checks the comparison: rows made from a truth agree with it, each kind of difference is a
/// problem.
mod comparison {
    use super::*;

    /// A truth and the rows that agree with it, with the fields that are compared.
    fn perfect(name: &str) -> (Truth, Vec<Value>) {
        let truth = Truth::of(&corpus::directory().join(name));
        let text =
            std::fs::read_to_string(corpus::directory().join(name).with_file_name("truth.json")).unwrap();
        let raw: Value = serde_json::from_str(&text).unwrap();
        let mut rows = Vec::new();
        for session in raw["sessions"].as_array().unwrap() {
            let id = &session["session_id"];
            rows.push(
                json!({"type": "session", "session_id": id, "protocol_version": raw["protocol_version"]}),
            );
            for exchange in session["exchanges"].as_array().unwrap() {
                if exchange["fully_visible"] != false {
                    rows.push(exchange_row(&raw, id, exchange));
                }
            }
            for message in session["messages"].as_array().unwrap() {
                if message["kind"] == "notification" {
                    let from = if message["dir"] == "c2s" { "client" } else { "server" };
                    let method = &message["method"];
                    rows.push(
                        json!({"type": "notification", "session_id": id, "from": from, "method": method}),
                    );
                }
            }
        }
        for stream in raw["streams"].as_array().into_iter().flatten() {
            rows.push(json!({
                "type": "stream", "target": stream["path"], "events": stream["event_count"],
                "first_event": stream["t_first_event"], "last_event": stream["t_last_event"],
            }));
        }
        (truth, rows)
    }

    fn exchange_row(raw: &Value, session: &Value, exchange: &Value) -> Value {
        let total = exchange["latency_ms"].as_f64();
        let start = exchange["t_request"].as_f64().unwrap();
        let end = start + total.unwrap_or(0.0) / 1000.0;
        json!({
            "type": "exchange", "session_id": session, "transport": raw["transport"], "origin": exchange["origin"],
            "id": exchange["id"], "method": exchange["method"], "name": exchange["tool"],
            "status": exchange["status"], "progress": exchange["progress_count"].as_u64().unwrap_or(0),
            "request": {"start": start, "end": start, "first_packet": 1, "last_packet": 1},
            "response": total.map(|_| json!({"start": end, "end": end, "first_packet": 2, "last_packet": 2})),
            "total_ms": total, "send_ms": 0.0, "wait_ms": total, "receive_ms": total.map(|_| 0.0), "degraded": [],
        })
    }

    /// The problems after a change to rows that agree with the truth of ts-sse.
    fn after(change: impl FnOnce(&mut Vec<Value>)) -> String {
        let (truth, mut rows) = perfect("ts-sse/capture.pcap");
        change(&mut rows);
        compare(&truth, &rows).0.join("\n")
    }

    /// The first answered tool call.
    fn call(rows: &mut [Value]) -> &mut Value {
        rows.iter_mut().find(|row| row["method"] == "tools/call" && row["status"] == "ok").unwrap()
    }

    #[test]
    fn an_export_equal_to_the_truth_passes() {
        let names = [
            "ts-sse",
            "ts-streamable",
            "many-sessions",
            "rev-2026-07-28",
            "llm-streams",
            "damaged-ts-sse-dropped",
        ];
        for name in names {
            let (truth, rows) = perfect(&format!("{name}/capture"));
            let (problems, agreed) = compare(&truth, &rows);
            // Answered without a latency is a row that only this test makes.
            let problems: Vec<_> =
                problems.into_iter().filter(|p| !p.contains("answered without times")).collect();
            assert_eq!(problems, Vec::<String>::new(), "{name}");
            let wanted = truth.sessions.iter().flat_map(|session| &session.exchanges);
            assert_eq!(
                agreed,
                wanted.filter(|exchange| exchange.fully_visible != Some(false)).count(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_wrong_field_is_a_problem() {
        for (field, value) in [
            ("status", json!("tool_error")),
            ("id", json!("1")),
            ("method", json!("tools/list")),
            ("name", json!("other")),
            ("origin", json!("server")),
            ("session_id", json!("other")),
        ] {
            let said = after(|rows| call(rows)[field] = value);
            assert!(said.contains("missing") && said.contains("extra"), "{field}: {said}");
        }
        let said = after(|rows| call(rows)["progress"] = json!(99));
        assert!(said.starts_with("progress"), "{said}");
        let said = after(|rows| call(rows)["transport"] = json!("streamable-http"));
        assert!(said.starts_with("transport"), "{said}");
        let said = after(|rows| call(rows)["degraded"] = json!(["gap"]));
        assert!(said.starts_with("degraded"), "{said}");
        let said = after(|rows| rows[0]["protocol_version"] = json!("2024-11-05"));
        assert!(said.starts_with("revision"), "{said}");
    }

    #[test]
    fn a_missing_or_additional_row_is_a_problem() {
        let at = |rows: &[Value], kind: &str| rows.iter().position(|row| row["type"] == kind).unwrap();
        let said = after(|rows| drop(rows.remove(at(rows, "exchange"))));
        assert!(said.starts_with("missing"), "{said}");
        let said = after(|rows| rows.push(rows[at(rows, "exchange")].clone()));
        assert!(said.starts_with("extra"), "{said}");
        let said = after(|rows| drop(rows.remove(at(rows, "notification"))));
        assert!(said.starts_with("notification"), "{said}");
        let said = after(|rows| {
            let mut row = rows[at(rows, "notification")].clone();
            row["session_id"] = json!("unheard of");
            rows.push(row);
        });
        assert!(said.starts_with("notification"), "{said}");
        let said = after(|rows| rows.push(json!({"type": "gossip"})));
        assert!(said.starts_with("row"), "{said}");
    }

    #[test]
    fn a_wrong_time_is_a_problem() {
        let later = |row: &mut Value, ms: f64| {
            for field in ["total_ms", "wait_ms"] {
                row[field] = json!(row[field].as_f64().unwrap() + ms);
            }
        };
        let said = after(|rows| later(call(rows), 0.9));
        assert_eq!(said, "", "within the slack");
        let said = after(|rows| later(call(rows), 1.5));
        assert!(said.starts_with("time"), "{said}");
        let said = after(|rows| later(call(rows), -1000.0));
        assert!(said.starts_with("time"), "{said}");
        let said = after(|rows| call(rows)["send_ms"] = json!(1.0));
        assert!(said.starts_with("unsound") && said.contains("is not total"), "{said}");
        let said = after(|rows| call(rows)["wait_ms"] = json!(null));
        assert!(said.starts_with("unsound") && said.contains("is not total"), "{said}");
        let said = after(|rows| call(rows)["response"]["first_packet"] = json!(3));
        assert!(said.starts_with("unsound") && said.contains("backwards"), "{said}");
    }

    #[test]
    fn a_wrong_stream_is_a_problem() {
        let after = |change: &dyn Fn(&mut Vec<Value>)| {
            let (truth, mut rows) = perfect("llm-streams/capture");
            change(&mut rows);
            compare(&truth, &rows).0.join("\n")
        };
        assert!(after(&|rows| drop(rows.pop())).starts_with("streams: 9"));
        assert!(after(&|rows| rows[0]["events"] = json!(1)).contains("1 events"));
        assert!(after(&|rows| rows[0]["target"] = json!("/")).contains("stream"));
        let late = |rows: &mut Vec<Value>| {
            rows[0]["last_event"] = json!(rows[0]["last_event"].as_f64().unwrap() + 0.03)
        };
        assert!(after(&late).contains("last_event 30.0 ms"));
    }

    #[test]
    fn incomplete_traffic_may_be_degraded_but_not_wrong() {
        let (truth, mut rows) = perfect("damaged-ts-sse-dropped/capture");
        let raw =
            std::fs::read_to_string(corpus::directory().join("damaged-ts-sse-dropped/truth.json")).unwrap();
        let raw: Value = serde_json::from_str(&raw).unwrap();
        let session = &raw["sessions"][0];
        let exchanges = session["exchanges"].as_array().unwrap();
        let hidden = exchanges.iter().find(|exchange| exchange["fully_visible"] == false).unwrap();
        let mut row = exchange_row(&raw, &session["session_id"], hidden);
        row["status"] = json!("unanswered");
        rows.push(row);
        assert!(compare(&truth, &rows).0.join("\n").contains("extra"), "a false word passes");
        rows.last_mut().unwrap()["degraded"] = json!(["gap"]);
        assert_eq!(compare(&truth, &rows).0, Vec::<String>::new());
    }
}
