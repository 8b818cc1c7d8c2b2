//! HTTP inside or behind something else: CONNECT, the PROXY protocol, upgrades.

use mcpdump::base::Fact;
use mcpdump::base::fact::{ConnectionFact, Speaks, Wrapper};
use mcpdump::capture;
use mcpdump::engine::Engine;
use mcpdump::ledger::Entry;
use serde_json::json;

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const PROXY: &str = "10.0.0.9:3128";
const CONNECT: &str = "CONNECT mcp.example:3000 HTTP/1.1\r\nHost: mcp.example:3000\r\n\r\n";
const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";
const CLIENT_HELLO: &[u8] = &[22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3];

/// Sends a handshake and a call.
fn session(story: &mut Story, conn: Conn) {
    story.at(30.0).c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.at(35.0).s(conn, json_reply("200 OK", &[("Mcp-Session-Id", "x")], &initialized(0, "2025-06-18")));
    story.at(40.0).c(conn, post("/mcp", &[("Mcp-Session-Id", "x")], &request(1, "tools/list")));
    story.at(47.0).s(conn, ok(&result(1)));
}

/// The first connection of a story, as the engine reports it.
fn connection(story: &Story) -> Box<ConnectionFact> {
    let mut source = capture::from_reader("story", Box::new(std::io::Cursor::new(story.pcap())));
    let (mut engine, mut entries) = (Engine::new(), Vec::new());
    while engine.read(&mut source, &mut entries).unwrap() {}
    let fact = |entry| if let Entry::Fact(Fact::Connection(fact)) = entry { Some(fact) } else { None };
    entries.into_iter().find_map(fact).unwrap()
}

#[track_caller]
fn carries(story: &Story, speaks: Speaks, wrapper: Option<Wrapper>) {
    let fact = connection(story);
    assert_eq!((fact.speaks, fact.wrapper), (speaks, wrapper));
}

/// What is inside the tunnel is HTTP like any other, also after a proxy that first asked for a
/// password, and for a client that sends before it is let.
#[test]
fn http_in_a_tunnel() {
    for early in [false, true] {
        let mut story = Story::new();
        let conn = story.connect(A, PROXY);
        story.at(1.0).c(conn, CONNECT);
        story.at(5.0).s(conn, reply("407 Proxy Authentication Required", &[], "no"));
        story.at(10.0).c(conn, CONNECT);
        if early {
            // The 200 was captured late.
            story.at(30.0).c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
            story.at(31.0).s(conn, ESTABLISHED);
            let sid = [("Mcp-Session-Id", "x")];
            story.at(35.0).s(conn, json_reply("200 OK", &sid, &initialized(0, "2025-06-18")));
        } else {
            story.at(15.0).s(conn, ESTABLISHED);
            session(&mut story, conn);
        }
        let rows = story.run();
        rows.exchange_is(1, json!({"method": "initialize", "status": "ok", "total_ms": 5.0}));
        if !early {
            rows.exchange_is(2, json!({"method": "tools/list", "status": "ok", "total_ms": 7.0}));
        }
        for code in ["http.bad_head", "http.resync", "http.unmatched_response", "http.not_read"] {
            rows.finds(code, 0);
        }
        rows.finds("http.tunnel", 1);
        assert!(rows.found("http.tunnel")[0]["detail"].as_str().unwrap().contains("mcp.example:3000"));
        carries(&story, Speaks::Http1, Some(Wrapper::ConnectTunnel));
    }
}

/// HTTP+SSE in tunnels: the stream in one, the POSTs in another.
#[test]
fn http_sse_in_tunnels() {
    let mut story = Story::new();
    let [stream, posts] = ["10.0.0.1:5000", "10.0.0.1:5001"].map(|client| {
        let conn = story.connect(client, PROXY);
        story.c(conn, CONNECT);
        story.s(conn, ESTABLISHED);
        conn
    });
    story.at(10.0).c(stream, get("/sse", &[]));
    story.s(stream, sse(&[]) + &chunk(&format!("event: endpoint\ndata: {TARGET}\n\n")));
    story.at(20.0).c(posts, send(TARGET, &initialize(0, "2024-11-05")));
    story.at(21.0).s(posts, accepted());
    story.at(24.0).s(stream, event(&initialized(0, "2024-11-05")));
    let rows = story.run();
    rows.exchange_is(1, json!({"transport": "http+sse", "status": "ok", "total_ms": 4.0, "ack_ms": 1.0}));
    rows.counts("session", 1);
}

/// TLS and HTTP/2 in the tunnel are read, anything else is named, whichever end speaks first and
/// however it is cut.
#[test]
fn what_is_in_a_tunnel_is_named() {
    for (side, bytes, speaks) in [
        (Client, CLIENT_HELLO, Speaks::Tls),
        (Server, b"SSH-2.0-OpenSSH_9\r\n", Speaks::Other),
        (Client, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Speaks::Http2),
    ] {
        for cut in [0, 1, 4] {
            let mut story = Story::new();
            let conn = story.connect(A, PROXY);
            story.c(conn, CONNECT);
            story.s(conn, ESTABLISHED);
            for piece in [&bytes[..cut], &bytes[cut..]].into_iter().filter(|piece| !piece.is_empty()) {
                if side == Client {
                    story.c(conn, piece)
                } else {
                    story.s(conn, piece)
                };
            }
            story.close(conn, Client);
            let rows = story.run();
            let unread = rows.found("http.not_read");
            assert_eq!(unread.len(), usize::from(speaks == Speaks::Other));
            for detail in unread.iter().map(|row| row["detail"].as_str().unwrap()) {
                assert!(detail.contains("unknown") && detail.contains("mcp.example:3000"), "{detail}");
            }
            rows.finds("http.bad_head", 0);
            rows.finds("http.tunnel", 1);
            carries(&story, speaks, Some(Wrapper::ConnectTunnel));
        }
    }
}

/// A header of the PROXY protocol stands before the first request, in either version, however it is
/// cut.
#[test]
fn http_behind_a_proxy_header() {
    let mut binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
    binary.extend([192, 0, 2, 7, 10, 0, 0, 2, 0x13, 0x88, 0x0b, 0xb8]);
    let text = b"PROXY TCP4 192.0.2.7 10.0.0.2 5000 3000\r\n";
    for header in [&text[..], &binary] {
        for cut in [0, 3, 14, header.len()] {
            let mut story = Story::new();
            let conn = story.connect(A, SERVER);
            let first = [header, post("/mcp", &[], &initialize(0, "2025-06-18")).as_bytes()].concat();
            if cut > 0 {
                story.at(20.0).c(conn, &first[..cut]);
            }
            story.at(30.0).c(conn, &first[cut..]);
            let sid = [("Mcp-Session-Id", "x")];
            story.at(35.0).s(conn, json_reply("200 OK", &sid, &initialized(0, "2025-06-18")));
            let rows = story.run();
            rows.exchange_is(1, json!({"status": "ok", "total_ms": 5.0}));
            rows.finds("http.proxy_header", 1);
            let detail = rows.found("http.proxy_header")[0]["detail"].as_str().unwrap();
            assert!(detail.contains("client 192.0.2.7:5000"), "{detail}");
            let client = json!({"client": "192.0.2.7:5000", "server": SERVER, "via": A});
            rows.exchange_is(1, client.clone());
            rows.session_is("s1", client);
            carries(&story, Speaks::Http1, Some(Wrapper::ProxyHeader));
        }
    }
}

/// Two clients behind one balancer are two sessions, in both transports.
#[test]
fn clients_behind_a_balancer_are_told_apart() {
    for is_http_sse in [false, true] {
        let mut story = Story::new();
        for (at, client) in [1_u32, 2].into_iter().zip(["192.0.2.7", "192.0.2.8"]) {
            let header = format!("PROXY TCP4 {client} 10.0.0.2 4000 3000\r\n");
            let conns = [1, 2].map(|n| story.connect(&format!("10.0.0.9:{}", 5000 + 10 * at + n), SERVER));
            story.at(10.0 * f64::from(at));
            if is_http_sse {
                story.c(conns[0], header.clone() + &get("/sse", &[]));
                let endpoint = format!("/messages?sessionId={at}");
                story.s(conns[0], sse(&[]) + &chunk(&format!("event: endpoint\ndata: {endpoint}\n\n")));
                story.c(conns[1], header + &send(&endpoint, &initialize(0, "2024-11-05")));
                story.s(conns[1], accepted());
                story.s(conns[0], event(&initialized(0, "2024-11-05")));
            } else {
                story.c(conns[0], header + &post("/mcp", &[], &initialize(0, "2025-06-18")));
                story.s(conns[0], ok(&initialized(0, "2025-06-18")));
            }
        }
        let rows = story.run();
        rows.counts("session", 2);
        for (name, client) in [("s1", "192.0.2.7:4000"), ("s2", "192.0.2.8:4000")] {
            rows.session_is(name, json!({"client": client}));
            assert!(rows.session(name)["via"].as_str().unwrap().starts_with("10.0.0.9:"));
        }
    }
}

/// TLS behind the header is named as TLS.
#[test]
fn tls_behind_a_proxy_header() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, [b"PROXY UNKNOWN\r\n", CLIENT_HELLO].concat());
    carries(&story, Speaks::Tls, Some(Wrapper::ProxyHeader));
    story.run().finds("http.proxy_header", 1);
}

/// What follows a 101 is not read, which is said; and nobody is blamed for a request whose answer
/// is in it.
#[test]
fn upgrades_are_named() {
    for (protocol, extension, speaks, word) in [
        ("websocket", "Sec-WebSocket-Extensions: permessage-zstd\r\n", Speaks::Other, "permessage-zstd"),
        ("tls/1.3", "", Speaks::Tls, "TLS"),
        ("x", "", Speaks::Other, "unknown"),
    ] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        let fields = [("Mcp-Session-Id", "x"), ("Connection", "Upgrade"), ("Upgrade", protocol)];
        story.at(10.0).c(conn, post("/mcp", &fields, &request(1, "tools/list")));
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n{extension}\r\n"
        );
        let switched = story.at(11.0).s(conn, head + "\0\0\0\x04\0");
        story.at(12.0).c(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        story.at(900.0).close(conn, Client);
        let rows = story.run();
        rows.finds("http.not_read", 1);
        has(rows.found("http.not_read")[0], json!({"packet": switched, "exchange": 2, "severity": "notice"}));
        assert!(rows.found("http.not_read")[0]["detail"].as_str().unwrap().contains(word));
        let exchange = rows.exchange(2);
        assert!(exchange["degraded"].as_array().unwrap().contains(&json!("not_read")), "{exchange}");
        rows.finds("mcp.unanswered", 0);
        rows.finds("http.bad_head", 0);
        carries(&story, speaks, None);
    }
}
