//! Section 7: the fields of each row and their order, and the order of the rows.

use serde_json::json;

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";
const SID: Fields = &[("Mcp-Session-Id", "x")];

/// The keys of an object, as they stand in the text of a row.
fn keys(row: &str) -> Vec<String> {
    let (mut found, mut depth, mut rest) = (Vec::new(), 0, row);
    while let Some(c) = rest.chars().next() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            '"' => {
                let end = rest[1..].find('"').unwrap() + 1;
                if depth == 1 && rest[end + 1..].starts_with(':') {
                    found.push(rest[1..end].to_owned());
                }
                rest = &rest[end..];
            }
            _ => {}
        }
        rest = &rest[c.len_utf8().min(rest.len())..];
    }
    found
}

/// The fields that the design names come in its order; others may be added, after them.
#[test]
fn fields_in_their_order() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.s(posts, accepted());
    story.at(11.0).s(stream, event(&result(9)));
    story.at(900.0).close(stream, Client);
    let rows = story.run();
    for (kind, expected) in [
        (
            "session",
            "type v session session_id transport protocol_version server client client_info server_info exchanges \
             ended degraded",
        ),
        (
            "exchange",
            "type v n tcp_stream session session_id transport protocol_version origin id method name status error \
             http_status request response total_ms send_ms wait_ms receive_ms ack_ms progress cause continues \
             degraded findings",
        ),
        ("notification", "type v session session_id from method time packet bytes exchange"),
        (
            "stream",
            "type v session session_id exchange tcp_stream method target http_status server client start \
             first_event last_event events bytes first_packet last_packet ended",
        ),
        ("finding", "type v code severity session exchange packet detail"),
    ] {
        let expected: Vec<&str> = expected.split_whitespace().collect();
        let mut count = 0;
        for line in rows.text.lines().filter(|line| line.contains(&format!("\"type\":\"{kind}\""))) {
            assert_eq!(keys(line)[..expected.len()], expected, "{line}");
            assert!(line.starts_with(&format!("{{\"type\":\"{kind}\",\"v\":1,")), "{line}");
            count += 1;
        }
        assert!(count > 0, "no {kind} row in\n{}", rows.text);
    }
}

/// Nine decimals for times; the keys of a message.
#[test]
fn numbers_as_text() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.125).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(12.25).s(conn, ok(&result(1)));
    let rows = story.run();
    let line = rows.text.lines().find(|line| line.contains("\"n\":2,")).unwrap();
    let request = format!(
        r#""request":{{"start":1795337355.010125000,"end":1795337355.010125000,"first_packet":8,"last_packet":8,"bytes":{}}}"#,
        request(1, "tools/list").len()
    );
    assert!(line.contains(&request), "{line}");
    assert!(
        line.contains(r#""total_ms":2.125,"send_ms":0.0,"wait_ms":2.125,"receive_ms":0.0,"ack_ms":2.125,"#),
        "{line}"
    );
}

/// By completing packet; `n` is the order of requests. What is open comes at the end, in the order
/// of `n`, then the sessions in the order of their first packet.
#[test]
fn rows_in_their_order() {
    let mut story = Story::new();
    let one = story.connect(A, SERVER);
    let two = streamable(&mut story, B, "2025-06-18", "x");
    let (three, four) = (story.connect("10.0.0.1:5003", SERVER), story.connect("10.0.0.1:5004", SERVER));
    // n = 2 to 5; the session of `three` began with its request after the one of the handshake.
    story.at(10.0).c(three, post("/mcp", &[("Mcp-Session-Id", "y")], &request(1, "ping")));
    story.at(11.0).c(two, post("/mcp", SID, &request(2, "tools/list")));
    story.at(12.0).c(four, post("/mcp", SID, &request(3, "tools/list")));
    story.at(13.0).c(one, post("/mcp", SID, &request(4, "tools/list")));
    story.at(20.0).s(one, ok(&result(4)));
    story.at(21.0).s(two, ok(&result(2)));
    let rows = story.run();
    let told: Vec<_> = rows
        .rows
        .iter()
        .filter(|row| row["type"] == "exchange" || row["type"] == "session")
        .map(|row| if row["type"] == "exchange" { row["n"].clone() } else { row["session_id"].clone() })
        .collect();
    assert_eq!(told, [json!(1), json!(5), json!(3), json!(2), json!(4), json!("x"), json!("y")]);
}

/// `n` numbers requests in packet order, of both sides.
#[test]
fn n_is_by_packet() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let other = story.connect(B, SERVER);
    // The first begins earlier and is complete later.
    let whole = post("/mcp", SID, &request(1, "tools/list"));
    let (a, b) = whole.split_at(30);
    story.at(10.0).c(conn, a);
    story.at(11.0).c(other, post("/mcp", SID, &request(2, "prompts/list")));
    story.at(12.0).c(conn, b);
    story.at(20.0).s(conn, ok(&result(1)));
    story.at(21.0).s(other, ok(&result(2)));
    let rows = story.run();
    let ids: Vec<_> =
        rows.of_type("exchange").iter().map(|row| (row["id"].clone(), row["n"].clone())).collect();
    // By completing packet, as everything is numbered when it is complete.
    assert_eq!(ids[1..], [(json!(1), json!(3)), (json!(2), json!(2))]);
}

/// An exchange lists the codes of its findings.
#[test]
fn findings_of_an_exchange() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(11.0).close(conn, Server);
    let rows = story.run();
    rows.exchange_is(2, json!({"findings": ["mcp.unanswered"]}));
    has(
        rows.found("mcp.unanswered")[0],
        json!({"v": 1, "severity": "error", "session": "s1", "exchange": 2}),
    );
}

/// The same input gives the same text.
#[test]
fn the_same_input_gives_the_same_text() {
    let mut story = Story::new();
    legacy_ready(&mut story);
    assert_eq!(story.run().text, story.run().text);
}

/// The sessions come last: findings that only the end brings come before them.
#[test]
fn sessions_come_last() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.s(posts, accepted());
    story.at(20.0).s(stream, event(&result(1)));
    story.at(21.0).s(stream, event(&result(9)));
    let rows = story.run();
    rows.finds("mcp.unknown_response", 1);
    let kinds: Vec<_> = rows.rows.iter().map(|row| row["type"].as_str().unwrap()).collect();
    assert_eq!(kinds.last(), Some(&"session"), "{}", rows.text);
}
