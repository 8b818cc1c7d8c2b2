//! `mcpdump inventory` and `stats`: what servers and clients are, and what they do.

use std::io::Cursor;

use mcpdump::base::{OutputFormat, Timestamp};
use mcpdump::capture;
use mcpdump::engine::Engine;
use mcpdump::inventory::{Census, Client, Inventory, Server, advertised, write, write_stats};
use serde_json::{Value, json};

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const SID: Fields = &[("Mcp-Session-Id", "x")];

fn inventory_since(story: &Story, since: Option<Timestamp>) -> Inventory {
    let mut capture = capture::from_reader("story", Box::new(Cursor::new(story.pcap())));
    let (mut engine, mut entries) = (Engine::new(), Vec::new());
    engine.emit_payloads();
    while engine.read(&mut capture, &mut entries).unwrap() {}
    let mut census = Census::new(since);
    entries.iter().for_each(|entry| census.push(entry));
    census.finish()
}

fn inventory(story: &Story) -> Inventory {
    inventory_since(story, None)
}

fn printed(inventory: &Inventory, format: OutputFormat) -> String {
    let mut text = Vec::new();
    write(format, inventory, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn only_client(inventory: &Inventory) -> (&str, &Client) {
    assert_eq!(inventory.clients.len(), 1, "{}", printed(inventory, OutputFormat::Text));
    inventory.clients.first_key_value().map(|(name, client)| (name.as_str(), client)).unwrap()
}

fn only_server(inventory: &Inventory) -> &Server {
    assert_eq!(inventory.servers.len(), 1, "{}", printed(inventory, OutputFormat::Text));
    inventory.servers.values().next().unwrap()
}

fn call(id: i64, tool: &str) -> String {
    with(id, "tools/call", json!({"name": tool}))
}

fn offering(story: &mut Story, conn: Conn, id: i64, tools: &[&str]) {
    story.c(conn, post("/mcp", SID, &request(id, "tools/list")));
    let tools: Vec<Value> =
        tools.iter().map(|name| json!({"name": name, "inputSchema": {"type": "object"}})).collect();
    story.s(conn, ok(&json!({"jsonrpc": "2.0", "id": id, "result": {"tools": tools}}).to_string()));
}

#[test]
fn a_server_offers_tools_of_which_some_are_used() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    offering(story.at(100.0), conn, 2, &["search", "fetch"]);
    for id in 3..6 {
        story.at(100.0 * id as f64).c(conn, post("/mcp", SID, &call(id, "search")));
        story.s(conn, ok(&result(id)));
    }
    let inventory = inventory(&story);
    let server = only_server(&inventory);
    assert_eq!((server.sessions, server.requests, server.failures), (1, 5, 0));
    assert_eq!(server.offered, ["fetch", "search"]);
    assert_eq!(server.used.iter().collect::<Vec<_>>(), [("search", 3)]);
    assert!(server.tls.has("none") && server.authentication.has("none"));
    let text = printed(&inventory, OutputFormat::Text);
    assert!(text.contains("  tools           1 of 2 used: search (3); unused: fetch\n"), "{text}");
}

/// What the client asked for counts, and not what the server made of it.
#[test]
fn a_client_asks_for_a_revision_and_gets_another() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, post("/mcp", &[], &initialize(1, "2025-11-25")));
    story.s(conn, json_reply("200 OK", SID, &initialized(1, "2025-06-18")));
    story.c(conn, post("/mcp", &[("Mcp-Session-Id", "x"), ("Authorization", "Bearer abc")], &call(2, "a")));
    story.s(conn, ok(&result(2)));
    let inventory = inventory(&story);
    let (_, client) = only_client(&inventory);
    assert_eq!(client.asked.iter().collect::<Vec<_>>(), [("2025-11-25", 1)]);
    assert!(client.revisions.has("2025-06-18"));
    assert_eq!(client.authentication.iter().collect::<Vec<_>>(), [("bearer", 1), ("none", 1)]);
    assert!(!printed(&inventory, OutputFormat::Text).contains("abc"), "no token is shown");
}

#[test]
fn a_client_gives_up_after_a_minute_and_asks_in_parallel() {
    let mut story = Story::new();
    let first = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(first, post("/mcp", SID, &call(2, "slow")));
    let second = story.connect("10.0.0.1:5001", SERVER);
    story.at(1010.0).c(second, post("/mcp", SID, &call(3, "slow")));
    let third = story.connect("10.0.0.1:5002", SERVER);
    for (at, id) in [(61_000.0, 2), (61_010.0, 3)] {
        let cancel = notification("notifications/cancelled", json!({"requestId": id}));
        story.at(at).c(third, post("/mcp", SID, &cancel));
        story.s(third, accepted());
    }
    let inventory = inventory(&story);
    let (_, client) = only_client(&inventory);
    assert_eq!(client.gave_up.iter().collect::<Vec<_>>(), [("cancelled after 60 s", 2)]);
    assert_eq!((client.parallel, client.connections, client.requests), (2, 2, 3));
    let markdown = printed(&inventory, OutputFormat::Markdown);
    assert!(markdown.contains("| gave up | cancelled after 60 s (2) |"), "{markdown}");
}

/// A call that the server answers late, or whose packets are lost, is no time-out of the client.
#[test]
fn what_may_be_missing_is_no_time_out() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &call(2, "slow")));
    story.lose(conn, Server, ok(&result(2)));
    story.ack(conn, Client);
    story.at(61_000.0).fin(conn, Client);
    let inventory = inventory(&story);
    let (_, client) = only_client(&inventory);
    assert!(client.gave_up.is_empty(), "{}", printed(&inventory, OutputFormat::Text));
    assert!(printed(&inventory, OutputFormat::Text).contains("not whole ("));
}

#[test]
fn a_tool_fails_in_some_of_the_sessions() {
    let mut story = Story::new();
    for (at, failing) in [(0, true), (1, false), (2, true)] {
        let id = ["x", "y", "z"][at];
        story.at(1000.0 * (at + 1) as f64);
        let conn = streamable(&mut story, &format!("10.0.0.{}:5000", at + 1), "2025-06-18", id);
        story.c(conn, post("/mcp", &[("Mcp-Session-Id", id)], &call(2, "search")));
        let answer = json!({"jsonrpc": "2.0", "id": 2, "result": {"content": [], "isError": failing}});
        story.s(conn, ok(&answer.to_string()));
    }
    let inventory = inventory(&story);
    let mut text = Vec::new();
    write_stats(OutputFormat::Text, &inventory, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let line = text.lines().nth(1).unwrap();
    assert!(line.starts_with("2 of 3 sessions "), "{text}");
    assert!(line.ends_with("2 of 3 calls (66.7 %)        tools/call search"), "{text}");
    assert!(text.ends_with("\n1 method or tool never failed: initialize (3 calls)\n"), "{text}");
    let mut document = Vec::new();
    write_stats(OutputFormat::Json, &inventory, &mut document).unwrap();
    let document: Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(document["calls"][0]["failed_sessions"], 2);
}

#[test]
fn what_is_older_is_left_out() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &call(2, "old")));
    story.at(1010.0).s(conn, ok(&result(2)));
    story.at(9000.0).c(conn, post("/mcp", SID, &call(3, "new")));
    story.at(9010.0).s(conn, ok(&result(3)));
    let at = |ms: f64| Timestamp((t(ms) * 1e9) as i64);
    let names = |since| -> Vec<String> {
        let uses = inventory_since(&story, Some(at(since))).uses;
        uses.into_iter().filter_map(|(name, _)| name.name.map(|name| name.to_string())).collect()
    };
    assert_eq!(names(0.0), ["new", "old"]);
    assert_eq!(names(5000.0), ["new"]);
    assert!(inventory_since(&story, Some(at(20_000.0))).clients.is_empty());
}

/// The latest version of each definition that is still listed; one server needs no name.
#[test]
fn what_is_advertised_can_be_scanned() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    offering(story.at(100.0), conn, 2, &["gone", "search"]);
    offering(story.at(200.0), conn, 3, &["search"]);
    let inventory = inventory(&story);
    let files: Vec<_> = advertised(&inventory).collect();
    assert_eq!(files.iter().map(|file| file.file.as_str()).collect::<Vec<_>>(), ["tools.json"]);
    let tools: Value = serde_json::from_str(&files[0].json).unwrap();
    assert_eq!(tools, json!({"tools": [{"name": "search", "inputSchema": {"type": "object"}}]}));
}

/// The names of servers come from traffic.
#[test]
fn no_file_of_what_is_advertised_leaves_the_directory() {
    let mut story = Story::new();
    for (at, name) in ["../../evil", "/etc/passwd", ".."].iter().enumerate() {
        let server = format!("10.0.1.{}:80", at + 1);
        let sid = ["x", "y", "z"][at];
        let conn = story.at(1000.0 * (at + 1) as f64).connect(&format!("10.0.0.1:{}", 5000 + at), &server);
        story.c(conn, post("/mcp", &[], &initialize(1, "2025-06-18")));
        let mut answer: Value = serde_json::from_str(&initialized(1, "2025-06-18")).unwrap();
        answer["result"]["serverInfo"] = json!({"name": name, "version": "1"});
        story.s(conn, json_reply("200 OK", &[("Mcp-Session-Id", sid)], &answer.to_string()));
        story.c(conn, post("/mcp", &[("Mcp-Session-Id", sid)], &request(2, "tools/list")));
        story.s(
            conn,
            ok(&json!({"jsonrpc": "2.0", "id": 2, "result": {"tools": [{"name": "a"}]}}).to_string()),
        );
    }
    let inventory = inventory(&story);
    let files: Vec<_> = advertised(&inventory).collect();
    assert_eq!(files.len(), 3);
    for file in &files {
        assert!(!file.file.starts_with('.') && !file.file.contains(['/', '\\']), "{}", file.file);
        assert!(!file.file.contains(".."), "{}", file.file);
        assert!(file.file.ends_with("-tools.json"), "{}", file.file);
    }
}

#[test]
fn every_format_is_harmless() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    offering(story.at(100.0), conn, 2, &["\u{1b}[31m|evil`\u{202e}"]);
    story.c(conn, post("/mcp", SID, &call(3, "\u{1b}[31m|evil`\u{202e}")));
    story.s(conn, ok(&result(3)));
    let inventory = inventory(&story);
    for format in OutputFormat::ALL {
        for text in [printed(&inventory, format), {
            let mut text = Vec::new();
            write_stats(format, &inventory, &mut text).unwrap();
            String::from_utf8(text).unwrap()
        }] {
            assert!(!text.contains(['\u{1b}', '\u{202e}']), "{format:?}: {text}");
            if format == OutputFormat::Json {
                let _: Value = serde_json::from_str(&text).unwrap();
            }
        }
    }
}
