//! Attacks with what servers list, with messages that are large when they are built, and with what
//! inventories, comparisons and stories keep.

use super::messages::session;
use super::wire::{Conn, MS, Side, Wire};

use Side::{Client, Server};

fn list(id: usize, cursor: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list","params":{{{cursor}}}}}"#)
}

fn result(id: usize, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

/// `n` servers, each with a session, a name of its own, and 20 tools with schemas of 2 kB.
pub(crate) fn tool_servers(wire: &mut Wire, n: usize) {
    let long = "x".repeat(2000);
    for number in 0..n {
        let mut conn = wire.connect(Conn::new(number).at(number));
        wire.post(
            &mut conn,
            "",
            &format!(r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"2025-06-18","capabilities":{{}},"clientInfo":{{"name":"c{number}","version":"1"}}}}}}"#),
        );
        let info = format!(
            r#"{{"protocolVersion":"2025-06-18","capabilities":{{}},"serverInfo":{{"name":"s{number}{}","version":"1"}}}}"#,
            &long[..240]
        );
        let field = format!("Mcp-Session-Id: session-{number}\r\n");
        wire.answer(&mut conn, &field, &result(0, &info));
        let tools: Vec<_> = (0..20)
            .map(|tool| {
                format!(r#"{{"name":"{tool}","inputSchema":{{"type":"object","title":"{number}{long}"}}}}"#)
            })
            .collect();
        wire.post(&mut conn, &field, &list(1, ""));
        wire.answer(&mut conn, &field, &result(1, &format!(r#"{{"tools":[{}]}}"#, tools.join(","))));
        wire.close(&mut conn);
    }
}

/// `n` first pages of a list of 100 tools, of 20 servers and many sessions, whose next page nobody
/// asks for, each with a cursor of 10 kB.
pub(crate) fn open_lists(wire: &mut Wire, n: usize) {
    let tools: Vec<_> = (0..100).map(|tool| format!(r#"{{"name":"a-tool-with-a-name-{tool}"}}"#)).collect();
    let (tools, long) = (tools.join(","), "x".repeat(10_000));
    for number in 0..n {
        let mut conn = wire.connect(Conn::new(number).at(number % 20));
        let field = session(wire, &mut conn, &format!("session-{number}"));
        wire.post(&mut conn, &field, &list(1, ""));
        let page = format!(r#"{{"tools":[{tools}],"nextCursor":"{number}{long}"}}"#);
        wire.answer(&mut conn, &field, &result(1, &page));
        wire.close(&mut conn);
    }
}

/// A definition of 1 MB, then pages with `n` small ones of the same name.
pub(crate) fn versions(wire: &mut Wire, n: usize) {
    const PAGE: usize = 1000;
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    let mut page = |id: usize, tools: &str| {
        wire.post(&mut conn, &field, &list(id, ""));
        wire.answer(&mut conn, &field, &result(id, &format!(r#"{{"tools":[{tools}]}}"#)));
    };
    page(1, &format!(r#"{{"name":"a","inputSchema":{{"enum":[{}0]}}}}"#, "0,".repeat(500_000)));
    for id in 0..n / PAGE {
        let tools: Vec<_> =
            (0..PAGE).map(|tool| format!(r#"{{"name":"a","title":"{}"}}"#, tool % 2)).collect();
        page(2 + id, &tools.join(","));
    }
}

/// Messages of `n` KiB that take forty times as much when they are built: an error with data, a
/// result with text that is hidden, a text that is no JSON at its end, a request for a page, and
/// two versions of a definition.
pub(crate) fn wide_values(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    let wide = "0,".repeat(n * 512);
    let bodies = [
        format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":1,"data":[{wide}0],"message":"m"}}}}"#),
        result(2, &format!(r#"{{"content":[{wide}"\u202e"]}}"#)),
        format!(r#"{{"jsonrpc":"2.0","id":3,"result":{{"content":[{wide}0],"\ud800":0}}}}"#),
    ];
    for (id, body) in (1..).zip(bodies) {
        wire.post(&mut conn, &field, &list(id, ""));
        wire.answer(&mut conn, &field, &body);
    }
    // Longer pages are not kept.
    let part = wide.get(..wide.len().min(4_000_000)).unwrap_or_default();
    wire.post(&mut conn, &field, &list(4, &format!(r#""x":[{part}0],"cursor":"c""#)));
    wire.answer(&mut conn, &field, &result(4, r#"{"tools":[]}"#));
    for (id, first) in [(5, 1), (6, 2)] {
        wire.post(&mut conn, &field, &list(id, ""));
        let tools = format!(r#"{{"tools":[{{"name":"a","inputSchema":{{"enum":[{first},{part}0]}}}}]}}"#);
        wire.answer(&mut conn, &field, &result(id, &tools));
    }
}

/// `n` calls whose results hold what could be a list, then as many requests for lists that are
/// refused.
pub(crate) fn list_requests(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    for id in 1..=n {
        let call = r#""method":"tools/call","params":{"name":"t","arguments":{}}"#;
        wire.post(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0","id":{id},{call}}}"#));
        wire.answer(&mut conn, &field, &result(id, r#"{"tools":"none"}"#));
    }
    for id in 1..=n {
        wire.post(&mut conn, &field, &list(id, r#""cursor":"c""#));
        let refused = r#""error":{"code":-32602,"message":"tools"}"#;
        wire.answer(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0","id":{id},{refused}}}"#));
    }
}

/// 64 connections, each with `n` calls of heads of 6 kB that take two seconds, and with calls that
/// are refused with pages.
pub(crate) fn slow_heads(wire: &mut Wire, n: usize) {
    let fields = format!("X-Long: {}\r\n", "x".repeat(6000));
    for number in 0..64 {
        let mut conn = wire.open(number);
        let field = session(wire, &mut conn, &format!("session-{number}")) + &fields;
        for id in 1..=n {
            let call = format!(r#""method":"tools/call","params":{{"name":"t{number}","arguments":{{}}}}"#);
            wire.post(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0","id":{id},{call}}}"#));
            wire.now += 2000 * MS;
            let page = "<html>".repeat(100);
            let head = format!("HTTP/1.1 503 Busy\r\n{fields}Content-Length: {}\r\n\r\n", page.len());
            wire.send(&mut conn, Server, head + &page);
        }
        wire.close(&mut conn);
    }
}

/// 2026-07-28: `n` clients, each with requests in 16 revisions that it gives up after different
/// times, with schemes of its own.
pub(crate) fn behaviours(wire: &mut Wire, n: usize) {
    let long = "x".repeat(200);
    for number in 0..n {
        let mut conn = wire.open(number);
        for id in 0..16 {
            let revision =
                format!(r#""io.modelcontextprotocol/protocolVersion":"2026-{id:02}-{number}{long}""#);
            let info =
                format!(r#""io.modelcontextprotocol/clientInfo":{{"name":"c{number}","version":"1"}}"#);
            let meta = format!(r#""params":{{"_meta":{{{revision},{info}}}}}"#);
            let field = format!("Authorization: scheme-{number}-{id} {long}\r\nHost: h{number}-{id}\r\n");
            let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"m{id}",{meta}}}"#);
            wire.post(&mut conn, &field, &body);
            wire.now += (number * 37 % 1000 + id) as u64 * 100 * MS;
        }
        for side in [Client, Server] {
            wire.send(&mut conn, side, "");
        }
        wire.close(&mut conn);
    }
}
