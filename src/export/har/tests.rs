use serde_json::Value;

use super::*;
use crate::capture::{self, Source as _};
use crate::engine::Engine;

/// The archive of a capture of this repository.
fn archive(capture: &str, options: WriterOptions) -> Value {
    let path = format!("{}/captures/{capture}", env!("CARGO_MANIFEST_DIR"));
    let mut source = capture::from_reader("test", Box::new(File::open(path).unwrap()));
    let (mut engine, mut entries, mut findings) = (Engine::new(), Vec::new(), crate::base::Findings::new());
    engine.emit_payloads();
    while let Some(item) = source.next(&mut findings).unwrap() {
        engine.push(item, &mut entries);
    }
    engine.finish(&mut entries);
    let (mut har, mut out) = (Har::new(options), Vec::new());
    har.begin(&mut out).unwrap();
    entries.iter().for_each(|entry| har.entry(entry, &mut out).unwrap());
    har.finish(&mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

fn entries(archive: &Value) -> &[Value] {
    archive["log"]["entries"].as_array().unwrap()
}

fn of_tool<'a>(archive: &'a Value, tool: &str) -> &'a Value {
    entries(archive).iter().find(|entry| entry["_mcp"]["name"] == tool).unwrap()
}

/// What HAR 1.2 demands of every entry.
#[test]
fn every_entry_has_what_readers_rely_on() {
    for capture in [
        "ts-streamable/capture.pcapng",
        "ts-sse/capture.pcap",
        "rev-2026-07-28/capture.pcapng",
        "damaged-ts-sse-midstream/capture.pcap",
        "h2c-sse/capture.pcapng",
    ] {
        let archive = archive(capture, WriterOptions::default());
        assert_eq!(archive["log"]["version"], "1.2");
        let entries = entries(&archive);
        assert!(!entries.is_empty(), "{capture}");
        let starts: Vec<&str> =
            entries.iter().map(|entry| entry["startedDateTime"].as_str().unwrap()).collect();
        assert!(starts.is_sorted(), "{capture}");
        for entry in entries {
            let timings = entry["timings"].as_object().unwrap();
            let sum: f64 = timings
                .iter()
                .filter(|(name, _)| *name != "ssl")
                .map(|(_, ms)| ms.as_f64().unwrap().max(0.0))
                .sum();
            assert!((entry["time"].as_f64().unwrap() - sum).abs() < 1e-6, "{capture}: {entry}");
            assert!(timings.values().all(|ms| ms.as_f64().unwrap() >= 0.0 || ms == -1), "{entry}");
            for message in ["request", "response"] {
                for field in ["httpVersion", "cookies", "headers", "headersSize", "bodySize"] {
                    assert!(!entry[message][field].is_null(), "{capture}: {field} of {message}");
                }
            }
            assert!(entry["response"]["content"]["size"].is_u64());
        }
    }
}

#[test]
fn a_call_is_named_and_its_messages_are_there() {
    let archive = archive("ts-streamable/capture.pcapng", WriterOptions::default());
    let entry = of_tool(&archive, "slow-progress");
    assert_eq!(entry["_mcp"]["method"], "tools/call");
    assert_eq!(entry["_mcp"]["status"], "ok");
    assert!(entry["request"]["postData"]["text"].as_str().unwrap().contains("slow-progress"));
    assert_eq!(entry["request"]["url"].as_str().unwrap().rsplit('/').next(), Some("mcp"));
    let events = entry["_eventSourceMessages"].as_array().unwrap();
    let is_progress = |event: &&Value| event["data"].as_str().unwrap().contains("notifications/progress");
    assert!(events.iter().filter(is_progress).count() > 1);
    let text = entry["response"]["content"]["text"].as_str().unwrap();
    assert_eq!(text.matches("data: ").count(), events.len());
}

/// DevTools shows events of this type only, in lower case and without parameters.
#[test]
fn events_are_of_the_type_that_devtools_knows() {
    let archive = archive("slow-and-odd/capture.pcapng", WriterOptions::default());
    let streams = entries(&archive).iter().filter(|entry| !entry["_eventSourceMessages"].is_null());
    let types: Vec<&Value> = streams.map(|entry| &entry["response"]["content"]["mimeType"]).collect();
    assert!(types.len() > 1 && types.iter().all(|it| *it == "text/event-stream"), "{types:?}");
}

/// The time in which the server waited for the client is not the server's.
#[test]
fn the_users_time_is_blocked() {
    let archive = archive("ts-streamable/capture.pcapng", WriterOptions::default());
    let entry = of_tool(&archive, "ask-model");
    assert_eq!(entry["_mcp"]["others"][0]["method"], "sampling/createMessage");
    assert!(entry["timings"]["blocked"].as_f64().unwrap() > 0.0, "{entry}");
}

#[test]
fn credentials_are_left_out_unless_they_are_asked_for() {
    let capture = "stacks/fastmcp2-auth/capture.pcap";
    let field = |with_secrets: bool| {
        let options = WriterOptions { with_secrets, ..WriterOptions::default() };
        let archive = archive(capture, options);
        let headers =
            entries(&archive).iter().flat_map(|it| it["request"]["headers"].as_array().unwrap().clone());
        let values: Vec<String> = headers
            .filter(|header| header["name"].as_str().unwrap().eq_ignore_ascii_case("authorization"))
            .map(|header| header["value"].as_str().unwrap().to_owned())
            .collect();
        assert!(!values.is_empty());
        values
    };
    assert!(field(false).iter().all(|value| value == "***"));
    assert!(field(true).iter().all(|value| value.starts_with("Bearer ")));
}

#[test]
fn messages_of_a_websocket_are_those_of_both_sides() {
    let archive = archive("stacks/supergateway-ws/capture.pcap", WriterOptions::default());
    let [entry] = entries(&archive) else { panic!("one connection") };
    let messages = entry["_webSocketMessages"].as_array().unwrap();
    let sent = messages.iter().filter(|message| message["type"] == "send").count();
    assert!(sent > 1 && messages.len() > sent, "{messages:?}");
    assert_eq!(messages[0]["type"], "send");
    assert!(messages[0]["data"].as_str().unwrap().contains("initialize"));
    assert!(entry["request"].get("postData").is_none());
    assert_eq!(entry["_resourceType"], "websocket");
}

/// A target may be the authority alone, or hold a URL (RFC 9112 section 3.2).
#[test]
fn urls_are_whole_whatever_the_form_of_the_target() {
    let archive = archive("stacks/squid-connect-http/capture.pcap", WriterOptions::default());
    let all: Vec<&Value> = entries(&archive).iter().map(|entry| &entry["request"]).collect();
    let connect = all.iter().find(|request| request["method"] == "CONNECT").unwrap();
    assert_eq!(connect["url"], "http://127.0.0.1:9315");
    let post = all.iter().find(|request| request["method"] == "POST").unwrap();
    assert!(post["url"].as_str().unwrap().ends_with(":9315/mcp"), "{post}");
}
