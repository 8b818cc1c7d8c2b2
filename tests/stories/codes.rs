//! Every code has a story in which it is found, and one in which it is withheld if it says that
//! something did not come. Here are the faults of single messages, and the list.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mcpdump::base::Code;
use regex::Regex;
use serde_json::json;

use super::http::*;
use super::story::*;
use crate::support::assert_no_problems;

const A: &str = "10.0.0.1:5000";
const SID: Fields = &[("Mcp-Session-Id", "x")];

/// Codes that no story of packets can have, the file that tests them (none does if it is empty),
/// and why.
const EXCEPTIONS: [(&str, &str, &str); 20] = [
    ("capture.bad_block", "src/capture/pcapng.rs", "damage to a file"),
    ("capture.time_range", "src/capture/pcapng.rs", "a time that pcap cannot write"),
    ("capture.no_time", "src/capture/pcapng.rs", "a block without time"),
    ("capture.file_numbers", "src/capture/merge.rs", "32 MB of changes between files"),
    ("link.unsupported", "src/link/mod.rs", "a link type"),
    ("link.malformed", "src/link/tests/mod.rs", "headers that no story builds"),
    ("link.fragment_incomplete", "src/link/tests/fragments.rs", "fragments"),
    ("link.fragment_overlap", "src/link/tests/fragments.rs", "fragments"),
    ("tcp.malformed", "src/link/tests/mod.rs", "headers that no story builds"),
    ("tls.premaster_secret", "src/engine/mod.rs", "a key log"),
    ("tls.unused_secrets", "src/engine/mod.rs", "a key log"),
    ("tls.held_limit", "src/tls/tests.rs", "megabytes that wait for secrets"),
    ("tls.secret_limit", "src/engine/mod.rs", "a million secrets"),
    ("http2.bad_headers", "src/http/h2/tests/mod.rs", "header blocks that no story encodes"),
    ("http2.stream_reset", "src/http/h2/tests/mod.rs", "frames of HTTP/2"),
    ("http2.goaway", "src/http/h2/tests/mod.rs", "frames of HTTP/2"),
    ("http2.window_closed", "src/http/h2/tests/mod.rs", "frames of HTTP/2"),
    ("http2.fields_unknown", "src/http/h2/tests/mod.rs", "header blocks that no story encodes"),
    ("ws.not_inflated", "src/http/ws/tests.rs", "compressed frames"),
    ("sse.event_too_long", "src/http/sse/tests.rs", "an event of 24 MB"),
];

/// The texts of the tests that tell stories, by path.
fn stories() -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut texts = BTreeMap::new();
    for directory in ["stories", "tls", "hostile"] {
        for entry in fs::read_dir(root.join(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("codes.rs") {
                texts.insert(path.clone(), fs::read_to_string(&path).unwrap());
            }
        }
    }
    // The list itself is no story; what is told here is.
    let own = include_str!("codes.rs");
    texts.insert(
        root.join("stories/codes.rs"),
        own.split_once("/// The texts of the tests").unwrap().1.to_owned(),
    );
    texts
}

/// Whether a text names a code: in quotation marks, or as a variant.
fn names(text: &str, code: Code) -> bool {
    let is_variant =
        |found: regex::Match<'_>| !text[found.end()..].starts_with(|c: char| c.is_alphanumeric());
    let variant = Regex::new(&format!("Code::{code:?}")).unwrap();
    text.contains(&format!("\"{}\"", code.name())) || variant.find_iter(text).any(is_variant)
}

#[test]
fn every_code_has_a_story() {
    let stories = stories();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut problems = Vec::new();
    for info in Code::all() {
        let has_story = stories.values().any(|text| names(text, info.code));
        let exception = EXCEPTIONS.iter().find(|(code, ..)| *code == info.name);
        match (has_story, exception) {
            (true, Some(_)) => problems.push(format!("{} has a story: take it out of EXCEPTIONS", info.name)),
            (false, None) => problems.push(format!("{} has no story", info.name)),
            (false, Some((_, file, _))) => {
                let text = fs::read_to_string(root.join(file)).unwrap_or_default();
                if !file.is_empty() && !names(&text, info.code) {
                    problems.push(format!("{}: {file} does not test it", info.name));
                }
            }
            (true, None) => {}
        }
    }
    assert_no_problems(&problems);
}

/// What says that something did not come is silent where it may be missing, and so is every rule
/// that reads what messages contain.
#[test]
fn every_code_that_needs_all_packets_is_withheld_in_a_story() {
    let all: Vec<String> = stories().into_values().collect();
    let is_withheld = |code: &str| {
        let code = regex::escape(code);
        let silent =
            Regex::new(&format!(r#"(?s)is_silent_on\((?:&\w+, )?&?\[[^\]]*"{code}"|finds\("{code}", 0\)"#))
                .unwrap();
        all.iter().any(|text| silent.is_match(text))
    };
    let problems: Vec<_> = Code::all()
        .iter()
        .filter(|info| info.code.needs_all_packets() || info.code.is_of_contents() || info.code.is_security())
        .filter(|info| !is_withheld(info.name))
        .map(|info| format!("no story in which {} is withheld", info.name))
        .collect();
    assert_no_problems(&problems);
}

/// A POST of any bytes.
fn posted(body: &[u8]) -> Vec<u8> {
    let head = post("/mcp", SID, "").replace("Content-Length: 0", &format!("Content-Length: {}", body.len()));
    [head.as_bytes(), body].concat()
}

fn answered(body: &[u8]) -> Vec<u8> {
    let head = ok("").replace("Content-Length: 0", &format!("Content-Length: {}", body.len()));
    [head.as_bytes(), body].concat()
}

/// Each fault of a request, beside the same request without its second half, in which it is.
#[test]
fn a_fault_of_a_request_is_found_and_half_a_request_has_none() {
    let faults: [(&str, &[u8]); 8] = [
        ("rpc.not_utf8", b"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\",\"params\":{\"a\":\"\xff\"}}"),
        ("rpc.trailing_bytes", br#"{"jsonrpc":"2.0","id":2,"method":"ping"} and more"#),
        ("rpc.bad_version", br#"{"id":2,"method":"ping","params":{},"jsonrpc":"1.0"}"#),
        ("rpc.bad_id", br#"{"jsonrpc":"2.0","method":"ping","params":{},"id":[2]}"#),
        ("rpc.bad_method", br#"{"jsonrpc":"2.0","id":2,"params":{},"method":["ping"]}"#),
        ("rpc.bad_params", br#"{"jsonrpc":"2.0","id":2,"method":"ping","params":[1,2]}"#),
        ("rpc.method_and_result", br#"{"jsonrpc":"2.0","id":2,"method":"ping","result":{}}"#),
        ("rpc.duplicate_key", br#"{"jsonrpc":"2.0","id":2,"method":"ping","params":{},"id":3}"#),
    ];
    for (code, body) in faults {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        story.at(100.0).c(conn, posted(body));
        story.at(110.0).s(conn, ok(&error(2, -32600, "invalid")));
        story.run().finds(code, 1);

        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        let message = posted(body);
        let (half, rest) = message.split_at(message.len() - body.len() / 2);
        story.at(100.0).c(conn, half);
        story.lose(conn, Client, rest);
        story.ack(conn, Server);
        story.at(110.0).s(conn, ok(&error(2, -32600, "invalid")));
        story.at(2000.0).close(conn, Client);
        let rows = story.run();
        let found: Vec<_> = rows.codes().into_iter().filter(|found| found.starts_with("rpc.")).collect();
        assert_eq!(found, Vec::<&str>::new(), "{code} in\n{}", rows.text);
    }
}

/// The same for what is wrong with an answer.
#[test]
fn a_fault_of_an_answer_is_found_and_half_an_answer_has_none() {
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":2,"error":{{"code":1,"message":"","data":{}{}}}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    let faults: [(&str, &[u8]); 2] = [
        (
            "rpc.result_and_error",
            br#"{"jsonrpc":"2.0","id":2,"result":{},"error":{"code":1,"message":"no"}}"#,
        ),
        ("rpc.too_deep", deep.as_bytes()),
    ];
    for (code, body) in faults {
        for is_whole in [true, false] {
            let mut story = Story::new();
            let conn = streamable(&mut story, A, "2025-06-18", "x");
            story.at(100.0).c(conn, post("/mcp", SID, &request(2, "ping")));
            let message = answered(body);
            if is_whole {
                story.at(110.0).s(conn, message);
            } else {
                let (half, rest) = message.split_at(message.len() - body.len() / 2);
                story.at(110.0).s(conn, half);
                story.lose(conn, Server, rest);
                story.ack(conn, Client);
                story.at(2000.0).close(conn, Client);
            }
            story.run().finds(code, usize::from(is_whole));
        }
    }
}

/// Lengths that are none, differ, or stand beside chunks.
#[test]
fn lengths_that_are_none_or_two() {
    let of = |lengths: &str, body: &str| {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        story.at(100.0).c(conn, post("/mcp", SID, &request(2, "ping")));
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{lengths}\r\n");
        story.at(110.0).s(conn, format!("{head}{body}"));
        story.at(120.0).close(conn, Server);
        story.run()
    };
    let body = result(2);
    let len = body.len();
    of("Content-Length: many\r\n", &body).finds("http.bad_length", 1);
    let differ = format!("Content-Length: {len}\r\nContent-Length: {}\r\n", len + 1);
    of(&differ, &body).finds("http.bad_length", 1);
    let chunked = format!("Content-Length: {len}\r\nTransfer-Encoding: chunked\r\n");
    let both = of(&chunked, &format!("{}{LAST}", chunk(&body)));
    both.finds("http.length_conflict", 1);
    both.exchange_is(2, json!({"status": "ok"}));
    let same = of(&format!("Content-Length: {len}\r\nContent-Length: {len}\r\n"), &body);
    same.is_silent_on(&["http.length_conflict", "http.bad_length"]);
    same.exchange_is(2, json!({"status": "ok"}));
}

/// A coding that nobody knows hides the answer, and blames nobody for its absence.
#[test]
fn a_content_coding_that_is_not_known() {
    for (coding, expected) in [("zz9", 1), ("identity", 0)] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        story.at(100.0).c(conn, post("/mcp", SID, &request(2, "ping")));
        story.at(110.0).s(conn, json_reply("200 OK", &[("Content-Encoding", coding)], &result(2)));
        let rows = story.run();
        rows.finds("http.content_unknown", expected);
        rows.is_silent_on(&["mcp.unanswered", "rpc.not_json"]);
    }
}

#[test]
fn an_event_that_is_not_utf8() {
    for (byte, expected) in [(b"\xff".as_slice(), 1), (b"x".as_slice(), 0)] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        story.at(100.0).c(conn, post("/mcp", SID, &request(2, "ping")));
        story.at(110.0).s(conn, sse(&[]));
        let data = [
            b"data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"a\":\"",
            byte,
            b"\"}}\n\n",
        ];
        let data = data.concat();
        let chunk = [format!("{:x}\r\n", data.len()).as_bytes(), &data, b"\r\n"].concat();
        story.at(120.0).s(conn, chunk);
        story.at(130.0).s(conn, event(&result(2)));
        story.s(conn, LAST);
        let rows = story.run();
        rows.finds("sse.not_utf8", expected);
        rows.exchange_is(2, json!({"status": "ok"}));
    }
}

/// Two copies of the same bytes that differ: the receiver may have read either.
#[test]
fn copies_that_differ() {
    for (second, expected) in [("tools/call", 1), ("tools/list", 0)] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        let [first, other] = ["tools/list", second].map(|method| post("/mcp", SID, &request(2, method)));
        let (head, body) = first.split_at(40);
        let start = story.at(100.0).lose(conn, Client, head);
        let ahead = story.lose(conn, Client, body);
        // Both copies come before what is ahead of them.
        story.retransmit(conn, Client, ahead, body);
        story.at(101.0).retransmit(conn, Client, ahead, &other[40..]);
        story.at(102.0).retransmit(conn, Client, start, head);
        story.at(410.0).s(conn, ok(&result(2)));
        story.run().finds("tcp.overlap_conflict", expected);
    }
}

#[test]
fn bytes_outside_of_the_stream() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let end = story.at(100.0).lose(conn, Client, "");
    story.retransmit(conn, Client, end.wrapping_add(1 << 30), "far ahead");
    story.at(200.0).fin(conn, Client);
    story.at(210.0).retransmit(conn, Client, end.wrapping_add(1), "after the end");
    let rows = story.run();
    rows.finds("tcp.out_of_window", 1);
    rows.finds("tcp.after_end", 1);

    // A connection that was open before: what is before its first packet was sent earlier.
    let mut story = Story::new();
    let conn = story.midstream(A, SERVER);
    let seq = story.at(10.0).lose(conn, Client, "");
    story.c(conn, post("/mcp", SID, &request(2, "ping")));
    story.at(20.0).retransmit(conn, Client, seq.wrapping_sub(5), "early");
    story.at(30.0).s(conn, ok(&result(2)));
    let rows = story.run();
    rows.finds("tcp.before_start", 1);
    rows.exchange_is(1, json!({"status": "ok"}));
}

/// The beginning of TLS: a ClientHello (RFC 8446 section 4.1.2) without extensions.
fn client_hello() -> Vec<u8> {
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    // No session id, one suite, no compression.
    hello.extend([0, 0, 2, 0x13, 1, 1, 0, 0, 0]);
    let len = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 3, 1, 0, len + 4, 1, 0, 0, len];
    record.extend(hello);
    record
}

#[test]
fn a_fatal_alert_is_told_and_a_close_is_none() {
    for (alert, expected) in [([2, 40], 1), ([1, 0], 0)] {
        let mut story = Story::new();
        let conn = story.connect(A, "10.0.0.2:443");
        story.c(conn, client_hello());
        story.at(10.0).s(conn, [&[0x15, 3, 3, 0, 2][..], &alert].concat());
        story.at(20.0).close(conn, Server);
        story.run().finds("tls.alert", expected);
    }
}

/// What is no record is one fault; where packets are missing it may be the rest of one.
#[test]
fn a_record_of_tls_that_is_none() {
    for is_lossy in [false, true] {
        let mut story = Story::new();
        let conn = story.connect(A, "10.0.0.2:443");
        story.c(conn, client_hello());
        if is_lossy {
            story.lose(conn, Server, [0; 100]);
            story.ack(conn, Client);
        }
        story.at(10.0).s(conn, "HTTP/1.0 400 Bad Request\r\n\r\n");
        story.at(2000.0).close(conn, Server);
        story.run().finds("tls.bad_record", usize::from(!is_lossy));
    }
}
