//! Attacks with calls of language models.

use super::wire::{Conn, Side, Wire};

use Side::{Client, Server};

/// Asks for an answer, which comes as `media_type` and does not end.
fn ask(wire: &mut Wire, number: usize, path: &str, media_type: &str) -> Conn {
    let mut conn = wire.open(number);
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}"#;
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
    wire.send(&mut conn, Client, format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()));
    wire.send(&mut conn, Server, format!("HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\n\r\n"));
    conn
}

/// `n` answers that stay open: text and arguments beyond what is kept, and many tools.
pub(crate) fn texts(wire: &mut Wire, n: usize) {
    let text = format!(r#"data: {{"choices":[{{"delta":{{"content":"{}"}}}}]}}"#, "x".repeat(1200));
    for number in 0..n {
        let mut conn = ask(wire, number, "/v1/chat/completions", "text/event-stream");
        for index in 0..200 {
            let tool = format!(
                r#"data: {{"choices":[{{"delta":{{"tool_calls":[{{"index":{index},"id":"{index}","function":{{"name":"n","arguments":"{}"}}}}]}}}}]}}"#,
                "a".repeat(600)
            );
            wire.send(&mut conn, Server, format!("{text}\n\n{tool}\n\n"));
        }
    }
}

/// An answer in lines of `n` KiB that are objects and say nothing, and the same as an array.
pub(crate) fn lines(wire: &mut Wire, n: usize) {
    for (number, piece) in ["{}\n", "{},", r#"{"model":"m","done":false},"#].into_iter().enumerate() {
        let mut conn = ask(wire, number, "/api/chat", "application/x-ndjson");
        wire.send(&mut conn, Server, if number == 0 { "{}\n" } else { "[" });
        wire.fill(&mut conn, Server, piece.as_bytes(), n << 10);
        wire.close(&mut conn);
    }
}

/// Patches that hold patches, `n` deep.
pub(crate) fn nested(wire: &mut Wire, n: usize) {
    let patches =
        [("/backend-api/conversation", r#"{"v":["#), ("/api/v0/chat/completion", r#"{"o":"BATCH","v":["#)];
    for (number, (path, begin)) in patches.into_iter().enumerate() {
        let mut conn = ask(wire, number, path, "text/event-stream");
        let patches = format!("{}{}", begin.repeat(n), "]}".repeat(n));
        wire.send(&mut conn, Server, format!("event: delta\ndata: {patches}\n\n"));
        wire.close(&mut conn);
    }
}

/// A request with `n` results of tools, and `n` tools that it offers.
pub(crate) fn results(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let result = format!(r#"{{"role":"tool","tool_call_id":"c","content":"{}"}}"#, "r".repeat(2000));
    let results = vec![result; n].join(",");
    let tools = vec![r#"{"type":"function","function":{"name":"t"}}"#; n].join(",");
    let body = format!(r#"{{"model":"m","messages":[{results}],"tools":[{tools}]}}"#);
    let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    wire.send(&mut conn, Client, format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()));
    wire.answer(&mut conn, "", r#"{"choices":[{"message":{"content":"x"}}]}"#);
}
