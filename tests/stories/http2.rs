//! HTTP/2: what lost frames and lost header fields mean, and what they do not. Each rule has a
//! story beside it in which nothing is missing.

use mcpdump::why::{Certainty, Question};
use serde_json::json;

use super::http::{initialize, initialized, notification, request, result};
use super::story::*;
use super::why::why;

const A: &str = "10.0.0.1:5000";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const MCP: Fields = &[(":path", "/mcp"), ("accept", "application/json, text/event-stream"), SID];
const SID: (&str, &str) = ("mcp-session-id", "7f4d5d49-1c7e-4f2a-9d36-0b1e2f3a4c5d");
const JSON: (&str, &str) = ("content-type", "application/json");
const EVENTS: (&str, &str) = ("content-type", "text/event-stream");
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

type Fields = &'static [(&'static str, &'static str)];

/// A connection of HTTP/2 with prior knowledge. Every field that is not static is added to the
/// dynamic table when it is sent first, and is an index from then on.
struct Http2 {
    conn: Conn,
    /// What each side added, the latest first.
    added: [Vec<(String, String)>; 2],
}

impl Http2 {
    /// Opens a connection.
    fn open(story: &mut Story) -> Self {
        let conn = story.connect(A, SERVER);
        story.c(conn, [PREFACE, &frame(4, 0, 0, &[])].concat());
        story.s(conn, frame(4, 0, 0, &[]));
        Self { conn, added: [Vec::new(), Vec::new()] }
    }

    fn headers(&mut self, side: Side, flags: u8, id: u32, fields: &[(&str, &str)]) -> Vec<u8> {
        let added = &mut self.added[side as usize];
        let mut block = Vec::new();
        for (name, value) in fields {
            let is_it = |known: &(String, String)| (known.0.as_str(), known.1.as_str()) == (*name, *value);
            match (*name, *value) {
                (":method", "GET") => block.push(0x82),
                (":method", "POST") => block.push(0x83),
                (":status", "200") => block.push(0x88),
                _ => match added.iter().position(is_it) {
                    Some(age) => block.push(0x80 | u8::try_from(62 + age).unwrap()),
                    None => {
                        block.push(0x40);
                        for text in [name, value] {
                            block.push(u8::try_from(text.len()).unwrap());
                            block.extend(text.bytes());
                        }
                        added.insert(0, ((*name).to_owned(), (*value).to_owned()));
                    }
                },
            }
        }
        frame(1, END_HEADERS | flags, id, &block)
    }

    /// The frames of a POST: the head, the content, and the end of the stream.
    fn post(&mut self, id: u32, fields: Fields, body: &str) -> [Vec<u8>; 3] {
        let length = body.len().to_string();
        let head = [&[(":method", "POST"), JSON, ("content-length", &length)], fields].concat();
        let head = self.headers(Client, 0, id, &head);
        [head, frame(0, 0, id, body.as_bytes()), frame(0, END_STREAM, id, &[])]
    }

    /// A POST in one packet.
    fn posts(&mut self, story: &mut Story, id: u32, body: &str) {
        let frames = self.post(id, MCP, body).concat();
        story.c(self.conn, frames);
    }

    /// An answer in JSON, in one packet.
    fn answers(&mut self, story: &mut Story, id: u32, body: &str) {
        let head = self.headers(Server, 0, id, &[(":status", "200"), JSON, SID]);
        story.s(self.conn, [head, frame(0, END_STREAM, id, body.as_bytes())].concat());
    }

    /// An event on a stream.
    fn event(&self, story: &mut Story, id: u32, data: &str) {
        story.s(self.conn, frame(0, 0, id, format!("data: {data}\n\n").as_bytes()));
    }

    /// A session of Streamable HTTP whose client is ready, on streams 1 and 3.
    fn ready(story: &mut Story) -> Self {
        let mut http2 = Self::open(story);
        let fields = [MCP[0], MCP[1]];
        let body = initialize(0, "2025-06-18");
        let head = http2.headers(Client, 0, 1, &[&[(":method", "POST"), JSON], &fields[..]].concat());
        story.c(http2.conn, [head, frame(0, END_STREAM, 1, body.as_bytes())].concat());
        http2.answers(story, 1, &initialized(0, "2025-06-18"));
        http2.posts(story, 3, &notification("notifications/initialized", json!({})));
        let head = http2.headers(Server, END_STREAM, 3, &[(":status", "202"), SID]);
        story.s(http2.conn, head);
        http2
    }

    fn gets_stream(&mut self, story: &mut Story, id: u32) {
        let head = [&[(":method", "GET")], MCP].concat();
        let head = self.headers(Client, END_STREAM, id, &head);
        story.c(self.conn, head);
        let head = self.headers(Server, 0, id, &[(":status", "200"), EVENTS, SID]);
        story.s(self.conn, head);
    }
}

fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[..], &[kind, flags], &id.to_be_bytes(), payload].concat()
}

/// The rows have no exchange, stream or finding that says that somebody failed.
#[track_caller]
fn blames_nobody(rows: &Rows) {
    for exchange in rows.of_type("exchange") {
        assert_ne!(exchange["status"], "unanswered", "{}", rows.text);
    }
    for finding in rows.of_type("finding") {
        let is_of_capture = ["tcp.gap", "capture."]
            .iter()
            .any(|code| finding["code"].as_str().is_some_and(|name| name.starts_with(code)));
        assert!(
            is_of_capture || !["warning", "error"].contains(&finding["severity"].as_str().unwrap()),
            "{finding}"
        );
    }
}

/// Header fields that repeat lost ones are not known: what they say is concluded, and degraded.
#[test]
fn calls_behind_lost_header_fields_stay_in_their_session() {
    for is_captured in [true, false] {
        let mut story = Story::new();
        let mut http2 = Http2::ready(&mut story);
        let call = http2.post(5, MCP, &request(1, "tools/list")).concat();
        if is_captured {
            story.at(10.0).c(http2.conn, call);
        } else {
            story.at(10.0).lose(http2.conn, Client, call);
        }
        http2.answers(story.at(20.0), 5, &result(1));
        http2.posts(story.at(30.0), 7, &request(12, "tools/list"));
        http2.answers(story.at(40.0), 7, &result(12));
        story.at(5000.0).close(http2.conn, Client);
        let rows = story.run();
        rows.counts("session", 1);
        rows.session_is("s1", json!({"session_id": SID.1, "transport": "streamable-http"}));
        blames_nobody(&rows);
        let last = rows.of_type("exchange").len() as u64;
        assert_eq!(last, if is_captured { 3 } else { 2 });
        let degraded = if is_captured { json!([]) } else { json!(["gap"]) };
        rows.exchange_is(last, json!({"id": 12, "session": "s1", "status": "ok", "degraded": degraded}));
    }
}

/// A response may be captured long before its request, which waits behind a hole: it opens no
/// session of its own.
#[test]
fn events_wait_for_the_request_behind_a_hole() {
    let mut story = Story::new();
    let mut http2 = Http2::ready(&mut story);
    let ping = frame(6, 0, 0, &[1; 8]);
    story.at(10.0).lose(http2.conn, Client, ping);
    http2.posts(story.at(11.0), 5, &request(1, "tools/call"));
    let head = http2.headers(Server, 0, 5, &[(":status", "200"), EVENTS]);
    story.at(20.0).s(http2.conn, head);
    http2.event(story.at(30.0), 5, &result(1));
    story.at(31.0).s(http2.conn, frame(0, END_STREAM, 5, &[]));
    story.at(5000.0).close(http2.conn, Client);
    let rows = story.run();
    rows.counts("session", 1);
    rows.exchange_is(2, json!({"id": 1, "session": "s1", "status": "ok", "total_ms": 19.0}));
    blames_nobody(&rows);
}

/// The client closed first, in a packet behind one that is not captured.
#[test]
fn the_side_whose_end_is_behind_a_hole_closed_first() {
    for is_captured in [true, false] {
        let mut story = Story::new();
        let mut http2 = Http2::ready(&mut story);
        http2.gets_stream(story.at(10.0), 5);
        let ping = frame(6, 0, 0, &[1; 8]);
        if is_captured {
            story.at(20.0).c(http2.conn, ping);
        } else {
            story.at(20.0).lose(http2.conn, Client, ping);
        }
        story.at(30.0).close(http2.conn, Client);
        let rows = story.run();
        rows.row_is("stream", 0, json!({"ended": "client_closed", "http2_stream": 5}));
        blames_nobody(&rows);
    }
}

/// The client may have reset the stream in what is missing.
#[test]
fn a_server_that_closes_after_lost_frames_of_the_client_is_not_blamed() {
    for is_captured in [true, false] {
        let mut story = Story::new();
        let mut http2 = Http2::ready(&mut story);
        http2.posts(story.at(10.0), 5, &request(1, "tools/call"));
        let head = http2.headers(Server, 0, 5, &[(":status", "200"), JSON, ("content-length", "900")]);
        story.at(11.0).s(http2.conn, head);
        let ping = frame(6, 0, 0, &[1; 8]);
        if is_captured {
            story.at(20.0).c(http2.conn, ping);
        } else {
            story.at(20.0).lose(http2.conn, Client, ping);
        }
        story.at(30.0).close(http2.conn, Server);
        let rows = story.run();
        let status = if is_captured { "unanswered" } else { "undetermined" };
        rows.exchange_is(2, json!({"id": 1, "status": status}));
        rows.finds("http.body_cut", usize::from(is_captured));
    }
}

/// A body with a length is complete when all of it came, whatever else is missing.
#[test]
fn a_length_tells_that_nothing_of_a_body_is_missing() {
    // Lost: the frame that ends the stream; a frame of no stream in the middle of the body.
    for lost in [2, 1] {
        let mut story = Story::new();
        let mut http2 = Http2::ready(&mut story);
        let body = request(1, "tools/call");
        let [head, _, end] = http2.post(5, MCP, &body);
        story.at(10.0).c(http2.conn, head);
        let (first, rest) = body.as_bytes().split_at(7);
        story.c(http2.conn, frame(0, 0, 5, first));
        if lost == 1 {
            story.lose(http2.conn, Client, frame(6, 0, 0, &[1; 8]));
        }
        story.c(http2.conn, frame(0, 0, 5, rest));
        if lost == 2 {
            story.lose(http2.conn, Client, end);
        } else {
            story.c(http2.conn, end);
        }
        story.c(http2.conn, frame(6, 0, 0, &[2; 8]));
        http2.answers(story.at(20.0), 5, &result(1));
        story.at(5000.0).close(http2.conn, Client);
        let rows = story.run();
        rows.exchange_is(
            2,
            json!({"id": 1, "session": "s1", "status": "ok", "request": {"bytes": body.len()}}),
        );
        blames_nobody(&rows);
    }
}

/// HTTP+SSE: the status of the answer repeats a field that was lost. A POST of this transport has
/// no session of its own.
#[test]
fn a_post_whose_status_is_not_known_stays_in_its_session() {
    for is_captured in [true, false] {
        let mut story = Story::new();
        let mut http2 = Http2::open(&mut story);
        let head = http2.headers(Client, END_STREAM, 1, &[(":method", "GET"), (":path", "/sse")]);
        story.c(http2.conn, head);
        let head = http2.headers(Server, 0, 1, &[(":status", "200"), EVENTS]);
        story.s(http2.conn, head);
        story.s(http2.conn, frame(0, 0, 1, b"event: endpoint\ndata: /messages/\n\n"));
        let target: Fields = &[(":path", "/messages/")];
        let calls = [(3, initialize(0, "2024-11-05")), (5, request(1, "ping"))];
        let answers = [initialized(0, "2024-11-05"), result(1)];
        for ((id, call), answer) in calls.into_iter().zip(answers) {
            let post = http2.post(id, target, &call).concat();
            story.at(10.0 * f64::from(id)).c(http2.conn, post);
            let head = http2.headers(Server, END_STREAM, id, &[(":status", "202")]);
            if id == 3 && !is_captured {
                story.lose(http2.conn, Server, head);
            } else {
                story.s(http2.conn, head);
            }
            http2.event(&mut story, 1, &answer);
        }
        story.at(5000.0).close(http2.conn, Client);
        let rows = story.run();
        rows.counts("session", 1);
        rows.exchange_is(2, json!({"id": 1, "session": "s1", "status": "ok", "transport": "http+sse"}));
        blames_nobody(&rows);
    }
}

/// The first head of the server may be an interim one (1xx): its status repeats a field from before
/// the capture.
#[test]
fn a_head_without_a_known_status_may_be_interim() {
    for is_final in [true, false] {
        let mut story = Story::new();
        let mut http2 = Http2::ready(&mut story);
        let early = http2.headers(Server, 0, 1, &[(":status", "103")]);
        story.at(5.0).lose(http2.conn, Server, early);
        http2.posts(story.at(10.0), 5, &request(1, "tools/call"));
        let first = http2.headers(Server, 0, 5, &[(":status", "103")]);
        story.at(11.0).s(http2.conn, first);
        if is_final {
            http2.answers(story.at(20.0), 5, &result(1));
        } else {
            story.at(20.0).s(http2.conn, frame(0, END_STREAM, 5, result(1).as_bytes()));
        }
        story.at(5000.0).close(http2.conn, Client);
        let rows = story.run();
        let status = if is_final { json!(200) } else { json!(null) };
        rows.exchange_is(2, json!({"id": 1, "status": "ok", "http_status": status}));
        blames_nobody(&rows);
    }
}

/// The window with which connections and streams begin (RFC 9113 section 6.9.2), in bytes.
const WINDOW: usize = 65_535;

/// Content of stream 5 that uses up a window, in frames of the usual size.
fn filling() -> [Vec<u8>; 4] {
    [16_384, 16_384, 16_384, WINDOW - 3 * 16_384].map(|size| frame(0, 0, 5, &vec![b' '; size]))
}

fn window_update(id: u32) -> Vec<u8> {
    frame(8, 0, id, &(1u32 << 20).to_be_bytes())
}

/// An answer that fills the window waits until the client opens it again.
#[test]
fn an_answer_waits_for_the_window_of_the_client() {
    let mut story = Story::new();
    let mut http2 = Http2::ready(&mut story);
    // What the answers before took.
    story.at(5.0).c(http2.conn, window_update(0));
    http2.posts(story.at(10.0), 5, &request(1, "tools/list"));
    let head = http2.headers(Server, 0, 5, &[(":status", "200"), JSON, SID]);
    story.at(20.0).s(http2.conn, head);
    for data in filling() {
        story.at(21.0).s(http2.conn, data);
    }
    story.at(321.0).c(http2.conn, window_update(5));
    story.at(322.0).s(http2.conn, frame(0, END_STREAM, 5, result(1).as_bytes()));
    story.at(5000.0).close(http2.conn, Client);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "ok", "wait_ms": 10.0, "send_window_ms": null, "receive_window_ms": 300.0}),
    );
    rows.exchange_is(1, json!({"send_window_ms": null, "receive_window_ms": null, "closed_by": null}));
    blames_nobody(&rows);
    let answer = why(&story, Question::Exchange(2));
    answer.says(Certainty::Proven, "The client kept the HTTP/2 window of the answer closed for 300 ms");
}

/// A request waits for the window of the server; what else the connection carries does not.
#[test]
fn a_request_waits_for_the_window_of_the_server() {
    let mut story = Story::new();
    let mut http2 = Http2::ready(&mut story);
    story.at(5.0).s(http2.conn, window_update(0));
    let fields = [&[(":method", "POST"), JSON], MCP].concat();
    let head = http2.headers(Client, 0, 5, &fields);
    story.at(10.0).c(http2.conn, head);
    for data in filling() {
        story.at(10.0).c(http2.conn, data);
    }
    http2.posts(story.at(20.0), 7, &request(2, "ping"));
    http2.answers(story.at(21.0), 7, &result(2));
    story.at(60.0).s(http2.conn, window_update(5));
    story.at(61.0).c(http2.conn, frame(0, END_STREAM, 5, request(1, "tools/list").as_bytes()));
    http2.answers(story.at(70.0), 5, &result(1));
    story.at(5000.0).close(http2.conn, Client);
    let rows = story.run();
    let waits = |id: u64| {
        let exchange = rows.of_type("exchange").into_iter().find(|row| row["id"] == id);
        exchange.unwrap_or_else(|| panic!("{}", rows.text))["send_window_ms"].clone()
    };
    assert_eq!((waits(1), waits(2)), (json!(50.0), json!(null)), "{}", rows.text);
    blames_nobody(&rows);
    let n = rows.of_type("exchange").into_iter().find(|row| row["id"] == 1).unwrap()["n"].as_u64().unwrap();
    let answer = why(&story, Question::Exchange(n));
    answer.says(Certainty::Proven, "The server kept the HTTP/2 window of the request closed for 50.0 ms");
}

/// On a stream that all calls share, the event that waited has the wait, and no other.
#[test]
fn an_event_that_waited_is_that_of_its_call() {
    let mut story = Story::new();
    let mut http2 = Http2::ready(&mut story);
    story.at(5.0).c(http2.conn, window_update(0));
    http2.posts(story.at(10.0), 5, &request(1, "tools/call"));
    http2.posts(story.at(10.0), 7, &request(2, "tools/call"));
    let head = http2.headers(Server, 0, 5, &[(":status", "200"), EVENTS, SID]);
    story.at(12.0).s(http2.conn, head);
    let progress = notification("notifications/message", json!({"level": "info", "data": 1}));
    http2.event(story.at(13.0), 5, &progress);
    let sent = progress.len() + 8;
    // A comment fills the window.
    let comment = format!(":{}\n", " ".repeat(WINDOW - sent - 2));
    for part in comment.as_bytes().chunks(16_384) {
        story.at(14.0).s(http2.conn, frame(0, 0, 5, part));
    }
    story.at(54.0).c(http2.conn, window_update(5));
    http2.event(story.at(55.0), 5, &result(1));
    story.at(56.0).s(http2.conn, frame(0, END_STREAM, 5, &[]));
    http2.answers(story.at(60.0), 7, &result(2));
    story.at(5000.0).close(http2.conn, Client);
    let rows = story.run();
    rows.exchange_is(2, json!({"id": 1, "status": "ok", "receive_window_ms": 40.0}));
    rows.exchange_is(3, json!({"id": 2, "status": "ok", "receive_window_ms": null}));
    blames_nobody(&rows);
}

/// Why a stream ended early is in its exchange, with the side that ended it.
#[test]
fn the_frame_that_ended_a_stream_is_that_of_its_exchange() {
    let mut story = Story::new();
    let mut http2 = Http2::ready(&mut story);
    http2.posts(story.at(10.0), 5, &request(1, "tools/call"));
    http2.posts(story.at(11.0), 7, &request(2, "tools/call"));
    http2.posts(story.at(12.0), 9, &request(3, "tools/call"));
    http2.posts(story.at(13.0), 11, &request(4, "tools/call"));
    story.at(20.0).c(http2.conn, frame(3, 0, 5, &8u32.to_be_bytes()));
    story.at(21.0).s(http2.conn, frame(3, 0, 7, &11u32.to_be_bytes()));
    let goaway = [9u32.to_be_bytes(), 0u32.to_be_bytes()].concat();
    story.at(22.0).s(http2.conn, frame(7, 0, 0, &goaway));
    story.at(30.0).close(http2.conn, Server);
    let rows = story.run();
    let ended = |id: u64| {
        let exchange = rows.of_type("exchange").into_iter().find(|row| row["id"] == id);
        let exchange = exchange.unwrap_or_else(|| panic!("{}", rows.text));
        let frame = &exchange["closed_by"];
        json!([exchange["cause"], frame["frame"], frame["from"], frame["code"], frame["last_stream"]])
    };
    assert_eq!(ended(1), json!(["client_reset", "RST_STREAM", "client", "CANCEL", null]), "{}", rows.text);
    assert_eq!(ended(2), json!(["server_reset", "RST_STREAM", "server", "ENHANCE_YOUR_CALM", null]));
    assert_eq!(ended(3), json!(["server_closed", "GOAWAY", "server", "NO_ERROR", 9]));
    assert_eq!(ended(4), json!(["server_closed", "GOAWAY", "server", "NO_ERROR", 9]));
    let says = |n, words| drop(why(&story, Question::Exchange(n)).says(Certainty::Proven, words).clone());
    says(2, "The client reset HTTP/2 stream 5 (RST_STREAM with CANCEL)");
    says(3, "The server reset HTTP/2 stream 7 (RST_STREAM with ENHANCE_YOUR_CALM)");
    says(
        4,
        "The server announced the end of the HTTP/2 connection (GOAWAY with NO_ERROR, last stream 9), then",
    );
    says(5, "The server refused HTTP/2 stream 11 (GOAWAY with NO_ERROR, last stream 9)");
}

/// A stream that is silent on a connection that is not: how long it was silent is known.
#[test]
fn a_stream_is_silent_beside_others() {
    let mut story = Story::new();
    let mut http2 = Http2::ready(&mut story);
    http2.posts(story.at(1000.0), 5, &request(1, "tools/call"));
    let head = http2.headers(Server, 0, 5, &[(":status", "200"), EVENTS, SID]);
    story.at(1003.0).s(http2.conn, head);
    http2.event(story.at(11_000.0), 5, &notification("notifications/message", json!({"level": "info"})));
    http2.posts(story.at(200_000.0), 7, &request(2, "tools/call"));
    http2.answers(story.at(200_010.0), 7, &result(2));
    story.at(311_005.0).s(http2.conn, frame(3, 0, 5, &2u32.to_be_bytes()));
    let answer = why(&story, Question::Exchange(2));
    answer.says(Certainty::Matches, "300.005 s of silence matches Envoy's stream_idle_timeout");
}

/// An answered call keeps nothing of what ended its connection.
#[test]
fn an_answered_call_has_no_frame_that_ended_it() {
    let mut story = Story::new();
    let mut http2 = Http2::ready(&mut story);
    http2.posts(story.at(10.0), 5, &request(1, "tools/call"));
    let head = http2.headers(Server, 0, 5, &[(":status", "200"), EVENTS, SID]);
    story.at(12.0).s(http2.conn, head);
    http2.event(story.at(13.0), 5, &result(1));
    story.at(20.0).c(http2.conn, frame(3, 0, 5, &8u32.to_be_bytes()));
    story.at(30.0).close(http2.conn, Client);
    story.run().exchange_is(2, json!({"status": "ok", "closed_by": null}));
}

/// The answer may be behind a hole that is not given up yet when the client resets the stream.
#[test]
fn a_client_that_resets_a_stream_behind_a_hole_may_have_its_answer() {
    for is_captured in [true, false] {
        let mut story = Story::new();
        let mut http2 = Http2::ready(&mut story);
        http2.posts(story.at(10.0), 5, &request(1, "tools/call"));
        let head = http2.headers(Server, 0, 5, &[(":status", "200"), EVENTS, SID]);
        story.at(12.0).s(http2.conn, head);
        if is_captured {
            http2.event(story.at(13.0), 5, &result(1));
        } else {
            let event = frame(0, 0, 5, format!("data: {}\n\n", result(1)).as_bytes());
            story.at(13.0).lose(http2.conn, Server, event);
        }
        story.at(20.0).c(http2.conn, frame(3, 0, 5, &0u32.to_be_bytes()));
        story.at(900.0).s(http2.conn, frame(6, 0, 0, &[1; 8]));
        story.at(5000.0).close(http2.conn, Client);
        let rows = story.run();
        let status = if is_captured { "ok" } else { "undetermined" };
        rows.exchange_is(2, json!({"id": 1, "status": status, "cause": null, "closed_by": null}));
        blames_nobody(&rows);
    }
}
