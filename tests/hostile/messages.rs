//! Attacks with JSON-RPC and MCP messages.

use super::wire::{Conn, Side, Wire};

use Side::Server;

/// Starts a session over a connection; the fields that name it.
pub(super) fn session(wire: &mut Wire, conn: &mut Conn, id: &str) -> String {
    let field = format!("Mcp-Session-Id: {id}\r\n");
    wire.post(
        conn,
        "",
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#,
    );
    wire.answer(
        conn,
        &field,
        r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}"#,
    );
    field
}

/// Starts a session with an event stream that stays open: requests that are accepted wait.
pub(super) fn waiting(wire: &mut Wire) -> (Conn, String) {
    let (mut conn, mut stream) = (wire.open(0), wire.open(1));
    let field = session(wire, &mut conn, "one");
    wire.stream(&mut stream, &field);
    (conn, field)
}

/// Arrays in arrays, `n` deep.
pub(crate) fn deep(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":{}"#, "[".repeat(n));
    for body in [body, "[".repeat(n), r#"{"a":"#.repeat(n), format!("{}{}", "[".repeat(n), "]".repeat(n))] {
        wire.post(&mut conn, &field, &body);
        wire.accept(&mut conn);
    }
}

/// A batch of `n` requests, and one of `n` numbers.
pub(crate) fn batch(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let element = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    wire.post(&mut conn, "", &format!("[{}{element}]", format!("{element},").repeat(n - 1)));
    wire.accept(&mut conn);
    wire.post(&mut conn, "", &format!("[{}1]", "1,".repeat(n - 1)));
}

/// An object of `n` keys, all the same and all different.
pub(crate) fn keys(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let same = r#""a":1,"#.repeat(n);
    let other: String = (0..n).map(|key| format!(r#""k{key}":1,"#)).collect();
    for keys in [same, other] {
        wire.post(&mut conn, "", &format!(r#"{{{keys}"jsonrpc":"2.0","id":1,"method":"ping"}}"#));
        wire.accept(&mut conn);
    }
}

/// `n` requests of one session that are accepted and never answered.
pub(crate) fn unanswered(wire: &mut Wire, n: usize) {
    let (mut conn, field) = waiting(wire);
    for id in 1..=n {
        wire.post(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#));
        wire.accept(&mut conn);
    }
}

/// The same with one id for all of them.
pub(crate) fn same_id(wire: &mut Wire, n: usize) {
    let (mut conn, field) = waiting(wire);
    for _ in 1..=n {
        wire.post(&mut conn, &field, r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#);
        wire.accept(&mut conn);
    }
}

/// Requests that wait, then `n` packets with each of which the capture says that packets were lost.
pub(crate) fn lost(wire: &mut Wire, n: usize) {
    unanswered(wire, n);
    for _ in 0..n {
        wire.frame(&[0; 60], 1);
    }
}

/// `n` gaps in a session that has many requests waiting.
pub(crate) fn gaps(wire: &mut Wire, n: usize) {
    let (mut conn, field) = waiting(wire);
    for id in 1..=n {
        wire.post(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#));
        wire.accept(&mut conn);
    }
    let mut stream = wire.open(2);
    wire.stream(&mut stream, &field);
    wire.step = 100_000_000;
    for _ in 0..n {
        wire.skip(&mut stream, Server, 10);
        wire.send(&mut stream, Server, ": x\n\n");
        wire.tcp(stream, Side::Client, 2000, super::wire::ACK, &[]);
    }
}

/// Streams that open and close in a session that has many requests waiting.
pub(crate) fn streams(wire: &mut Wire, n: usize) {
    let (mut conn, field) = waiting(wire);
    for id in 1..=n {
        wire.post(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#));
        wire.accept(&mut conn);
    }
    for number in 0..n {
        let mut stream = wire.open(2 + number);
        wire.stream(&mut stream, &field);
        wire.close(&mut stream);
    }
}

/// `n` sessions, each on a connection of its own.
pub(crate) fn sessions(wire: &mut Wire, n: usize) {
    for number in 0..n {
        let mut conn = wire.open(number);
        session(wire, &mut conn, &format!("session-{number}"));
        wire.close(&mut conn);
    }
}

/// `n` sessions, each with a request that waits.
pub(crate) fn busy_sessions(wire: &mut Wire, n: usize) {
    for number in 0..n {
        let mut conn = wire.open(number);
        let field = session(wire, &mut conn, &format!("session-{number}"));
        wire.stream(&mut conn, &field);
        let mut other = wire.open(n + number);
        wire.post(&mut other, &field, r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
        wire.accept(&mut other);
    }
}

/// `n` sessions of one client, then `n` streams of it whose beginning was not captured.
pub(crate) fn strays(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    for number in 0..n {
        session(wire, &mut conn, &format!("session-{number}"));
    }
    for number in 1..n.min(16_000) {
        let mut stream = Conn::new(number);
        let event = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n";
        wire.send(&mut stream, Server, event.repeat(3));
    }
}

/// `n` methods and `n` tools, each with a name of its own and an answer.
pub(crate) fn names(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    for id in 1..=n {
        let asked = if id % 2 == 0 {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"method/{id}"}}"#)
        } else {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"tool{id}"}}}}"#)
        };
        wire.post(&mut conn, &field, &asked);
        wire.answer(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
    }
}

/// `n` responses without request.
pub(crate) fn unknown(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    for id in 1..=n {
        wire.post(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
        wire.accept(&mut conn);
    }
}

/// `n` requests whose id, method, tool and session id have 200 KB each.
pub(crate) fn long_texts(wire: &mut Wire, n: usize) {
    let long = "x".repeat(200_000);
    for number in 0..n {
        let mut conn = wire.open(number);
        let field = format!("Mcp-Session-Id: {number}{long}\r\n");
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":"{number}{long}","method":"tools/call","params":{{"name":"{long}{number}","_meta":{{"progressToken":"{number}{long}"}}}}}}"#
        );
        wire.post(&mut conn, &field, &body);
        wire.accept(&mut conn);
        let body = format!(r#"{{"jsonrpc":"2.0","id":"{number}","method":"{long}{number}"}}"#);
        wire.post(&mut conn, &field, &body);
    }
}

/// `n` requests with a progress token each, and as much progress for tokens that nobody gave.
pub(crate) fn tokens(wire: &mut Wire, n: usize) {
    let (mut conn, field) = waiting(wire);
    let mut stream = wire.open(2);
    wire.stream(&mut stream, &field);
    for id in 1..=n {
        let meta = format!(r#"{{"_meta":{{"progressToken":"t{id}"}}}}"#);
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list","params":{meta}}}"#);
        wire.post(&mut conn, &field, &body);
        wire.accept(&mut conn);
        let progress = r#""method":"notifications/progress","params":{"progress":1,"progressToken":"#;
        let event = format!("data: {{\"jsonrpc\":\"2.0\",{progress}\"u{id}\"}}}}\n\n");
        wire.send(&mut stream, Server, event);
    }
}

/// `n` requests with one progress token.
pub(crate) fn same_token(wire: &mut Wire, n: usize) {
    let (mut conn, field) = waiting(wire);
    for id in 1..=n {
        let meta = r#"{"_meta":{"progressToken":"t"}}"#;
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list","params":{meta}}}"#);
        wire.post(&mut conn, &field, &body);
        wire.accept(&mut conn);
    }
}

/// `n` tasks, each made by a request that is answered.
pub(crate) fn tasks(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    for id in 1..=n {
        let call = r#""method":"tools/call","params":{"name":"t","task":{}}"#;
        wire.post(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0","id":{id},{call}}}"#));
        let task = format!(r#"{{"task":{{"taskId":"task{id}","status":"working"}}}}"#);
        wire.answer(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{task}}}"#));
    }
}

/// `n` messages in the events of a response whose request is not there.
pub(crate) fn headless_events(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    wire.post(&mut conn, "", r#"{"a":1}"#);
    wire.send(&mut conn, Server, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    for id in 1..=n {
        let event = format!("id: {id}\ndata: {{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}\n\n");
        wire.send(&mut conn, Server, event);
    }
}

/// HTTP+SSE: `n` streams, each of which names an endpoint, and a POST to it.
pub(crate) fn endpoints(wire: &mut Wire, n: usize) {
    for number in 0..n {
        let mut stream = wire.open(number);
        wire.stream(&mut stream, "");
        wire.send(&mut stream, Server, format!("event: endpoint\ndata: /m?session_id={number}\n\n"));
    }
}

/// A batch of `n` requests (at most 10,000), answered on its stream one by one, the last first.
pub(crate) fn batch_answers(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    wire.post(&mut conn, &field, &pings(n));
    wire.send(&mut conn, Server, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    for id in (0..n).rev() {
        wire.send(
            &mut conn,
            Server,
            format!("data: {{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}\n\n"),
        );
    }
}

/// A batch of `n` requests.
fn pings(n: usize) -> String {
    let body: Vec<_> = (0..n).map(|id| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#)).collect();
    format!("[{}]", body.join(","))
}

/// A batch of `n` requests (at most 10,000), and `n` progress notifications on its stream with a
/// token that nobody gave.
pub(crate) fn batch_progress(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    wire.post(&mut conn, &field, &pings(n.min(10_000)));
    wire.send(&mut conn, Server, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    for _ in 0..n {
        let progress = r#""method":"notifications/progress","params":{"progress":1,"progressToken":"u"}"#;
        wire.send(&mut conn, Server, format!("data: {{\"jsonrpc\":\"2.0\",{progress}}}\n\n"));
    }
}

/// A batch of `n` requests (at most 10,000), and `n` responses on its stream that nobody asked for.
pub(crate) fn batch_unknown(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    wire.post(&mut conn, &field, &pings(n.min(10_000)));
    wire.send(&mut conn, Server, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    for id in 0..n {
        wire.send(
            &mut conn,
            Server,
            format!("data: {{\"jsonrpc\":\"2.0\",\"id\":\"u{id}\",\"result\":{{}}}}\n\n"),
        );
    }
}

/// `n` responses that nobody asked for (at most 10,000), then `n` requests, all at one time.
pub(crate) fn held_responses(wire: &mut Wire, n: usize) {
    wire.step = 0;
    unknown(wire, n.min(10_000));
    unanswered_more(wire, n);
}

fn unanswered_more(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(7);
    let field = session(wire, &mut conn, "two");
    for id in 1..=n {
        wire.post(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#));
        wire.answer(&mut conn, "", &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
    }
}

/// 2026-07-28: `n` clients behind one address, each with a name of its own, then as many requests
/// without a name.
pub(crate) fn clients(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    for id in 0..n {
        let version = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;
        let info = format!(r#""io.modelcontextprotocol/clientInfo":{{"name":"c{id}","version":"1"}}"#);
        let meta = format!(r#""params":{{"_meta":{{{version},{info}}}}}"#);
        wire.post(&mut conn, "", &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list",{meta}}}"#));
        wire.answer(&mut conn, "", &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
    }
    for id in 0..n {
        wire.post(&mut conn, "", &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#));
        wire.answer(&mut conn, "", &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
    }
}

/// `n` sessions, each with 2,000 names of capabilities of the client.
pub(crate) fn capabilities(wire: &mut Wire, n: usize) {
    let names: Vec<_> = (0..2000).map(|name| format!(r#""name-of-a-capability-{name:020}":{{}}"#)).collect();
    for number in 0..n {
        let mut conn = wire.open(number);
        let info = r#""protocolVersion":"2025-06-18","clientInfo":{"name":"c","version":"1"}"#;
        let params = format!(r#""params":{{{info},"capabilities":{{{}}}}}"#, names.join(","));
        wire.post(&mut conn, "", &format!(r#"{{"jsonrpc":"2.0","id":0,"method":"initialize",{params}}}"#));
        wire.answer(
            &mut conn,
            &format!("Mcp-Session-Id: {number}\r\n"),
            r#"{"jsonrpc":"2.0","id":0,"result":{}}"#,
        );
        wire.close(&mut conn);
    }
}

/// `n` requests that wait, each with an id and a token of 4000 bytes.
pub(crate) fn fat_requests(wire: &mut Wire, n: usize) {
    let (mut conn, field) = waiting(wire);
    let long = "x".repeat(4000);
    for id in 1..=n {
        let meta = format!(r#"{{"_meta":{{"progressToken":"{id}{long}"}}}}"#);
        let body = format!(r#"{{"jsonrpc":"2.0","id":"{id}{long}","method":"tools/list","params":{meta}}}"#);
        wire.post(&mut conn, &field, &body);
        wire.accept(&mut conn);
    }
}

/// `n` sessions whose last 64 exchanges have long ids.
pub(crate) fn fat_sessions(wire: &mut Wire, n: usize) {
    let long = "x".repeat(4000);
    for number in 0..n {
        let mut conn = wire.open(number);
        let field = session(wire, &mut conn, &format!("session-{number}"));
        for id in 1..=64 {
            let body = format!(r#"{{"jsonrpc":"2.0","id":"{id}{long}","method":"tools/list"}}"#);
            wire.post(&mut conn, &field, &body);
            wire.answer(&mut conn, "", &format!(r#"{{"jsonrpc":"2.0","id":"{id}{long}","result":{{}}}}"#));
        }
    }
}

/// `n` tools whose schemas are large and refer to themselves, each called twice, in turn.
pub(crate) fn schemas(wire: &mut Wire, n: usize) {
    const PAGE: usize = 50;
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    let properties: String = (0..40).map(|at| format!(r##""p{at}":{{"$ref":"#"}},"##)).collect();
    for from in (0..n).step_by(PAGE) {
        let tool = |at: usize| {
            format!(
                r##"{{"name":"t{at}","inputSchema":{{"type":"object","title":"{at}","properties":{{{properties}"q":{{"pattern":"(a|b)*{at}"}}}}}}}}"##
            )
        };
        let tools: Vec<_> = (from..n.min(from + PAGE)).map(tool).collect();
        wire.post(
            &mut conn,
            &field,
            &format!(
                r#"{{"jsonrpc":"2.0","id":{},"method":"tools/list","params":{{"cursor":"{from}"}}}}"#,
                from + 1
            ),
        );
        wire.answer(
            &mut conn,
            "",
            &format!(
                r#"{{"jsonrpc":"2.0","id":{},"result":{{"tools":[{}],"nextCursor":"{}"}}}}"#,
                from + 1,
                tools.join(","),
                from + PAGE
            ),
        );
    }
    let arguments = r#"{"p1":{"p2":{"p3":{"p4":{}}}},"q":"abababab"}"#;
    for at in (0..n).chain(0..n) {
        let id = n + at + 1;
        wire.post(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"t{at}","arguments":{arguments}}}}}"#));
        wire.answer(&mut conn, "", &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[]}}}}"#));
    }
}

/// `n` servers, each under a long path of its own, that answer a call with many words.
pub(crate) fn servers(wire: &mut Wire, n: usize) {
    let path = "p".repeat(3000);
    for number in 0..n {
        let mut conn = wire.open(number);
        let words: String = (0..50).map(|at| format!("word{at}of{number:012}number ")).collect();
        for (id, method) in [(0, "initialize"), (1, "tools/list"), (2, "tools/call")] {
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{"name":"t","protocolVersion":"2025-11-25","capabilities":{{}},"clientInfo":{{"name":"c","version":"1"}}}}}}"#
            );
            wire.send(&mut conn, Side::Client, format!("POST /{number}{path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
            let result = match method {
                "initialize" => format!(
                    r#"{{"protocolVersion":"2025-11-25","capabilities":{{}},"serverInfo":{{"name":"s{number}","version":"1"}}}}"#
                ),
                "tools/list" => r#"{"tools":[{"name":"t","inputSchema":{"type":"object"}}]}"#.to_owned(),
                _ => format!(
                    r#"{{"content":[{{"type":"text","text":"{words}"}}],"task":{{"taskId":"{number}","status":"working"}}}}"#
                ),
            };
            wire.answer(
                &mut conn,
                &format!("Mcp-Session-Id: session-{number}\r\n"),
                &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#),
            );
        }
    }
}
