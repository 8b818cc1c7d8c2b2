//! Connections written frame by frame, and what the layers make of them.

use super::frame::PREFACE;
use super::frame::tests::frame;
use super::hpack::tests::{Encoder, Form};
use super::*;
use crate::base::{Ending, Span, Stack};
use crate::http::{Assembler, Update, UpdateKind};
use bytes::Bytes;

mod hostile;
mod laws;
mod oracle;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const BODY: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const RESULT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;

/// A connection under construction: an encoder for each side, and the layers that read it.
struct World {
    encoders: [Encoder; 2],
    layers: Stack<Connection, Assembler>,
    out: Vec<Update>,
    findings: Findings,
    packet: u64,
}

impl World {
    /// A connection whose prefaces were exchanged.
    fn new() -> Self {
        let mut world = Self::midstream();
        let settings = frame(Kind::SETTINGS, 0, 0, &[]);
        world.send(Side::Client, &[PREFACE, &settings].concat());
        world.send(Side::Server, &settings);
        world
    }

    /// A connection of which nothing was sent.
    fn midstream() -> Self {
        Self {
            encoders: [Encoder::default(), Encoder::default()],
            layers: Stack::new(Connection::new(), Assembler::new()),
            out: Vec::new(),
            findings: Findings::new(),
            packet: 0,
        }
    }

    /// Sends bytes in a packet of their own, a millisecond after the one before.
    fn send(&mut self, side: Side, bytes: &[u8]) {
        self.packet += 1;
        let span = Span::of(Origin::new(self.packet, self.packet as i64 * 1_000_000));
        self.feed(side, Feed::Data(Bytes::copy_from_slice(bytes), span));
    }

    fn feed(&mut self, side: Side, feed: Feed) {
        self.layers.push((side, feed), &mut Sink::new(&mut self.out, &mut self.findings));
        self.layers.settle();
    }

    fn lose(&mut self, side: Side, bytes: &[u8]) {
        self.packet += 1;
        let at = Origin::new(self.packet, self.packet as i64 * 1_000_000);
        self.feed(side, Feed::Gap { len: bytes.len() as u64, why: Degraded::GAP, at });
    }

    fn close(&mut self, side: Side) {
        self.packet += 1;
        let at = Origin::new(self.packet, self.packet as i64 * 1_000_000);
        self.feed(side, Feed::Eof { how: Ending::Closed, at });
    }

    fn block(&mut self, side: Side, fields: &[(&str, &str)]) -> Vec<u8> {
        let mut block = Vec::new();
        let encoder = &mut self.encoders[usize::from(side == Side::Server)];
        fields.iter().for_each(|field| encoder.field(*field, Form::Added, &mut block));
        block
    }

    fn headers(&mut self, side: Side, id: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
        let block = self.block(side, fields);
        frame(Kind::HEADERS, END_HEADERS | flags, id, &block)
    }

    fn request(&mut self, id: u32) -> Vec<u8> {
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/mcp"),
            ("content-type", "application/json"),
        ];
        self.headers(Side::Client, id, 0, &fields)
    }

    fn response(&mut self, id: u32, media_type: &str) -> Vec<u8> {
        self.headers(Side::Server, id, 0, &[(":status", "200"), ("content-type", media_type)])
    }

    /// One exchange on a stream: POST and JSON.
    fn exchange(&mut self, id: u32) {
        let request = self.request(id);
        self.send(Side::Client, &[request, frame(Kind::DATA, END_STREAM, id, BODY.as_bytes())].concat());
        let response = self.response(id, "application/json");
        self.send(Side::Server, &[response, frame(Kind::DATA, END_STREAM, id, RESULT.as_bytes())].concat());
    }

    /// The updates so far in words, one a line.
    fn lines(&self) -> Vec<String> {
        self.out.iter().map(words).collect()
    }

    #[track_caller]
    fn finds(&self, code: Code, count: usize) {
        let faults = self
            .out
            .iter()
            .filter(|update| matches!(&update.kind, UpdateKind::Fault(fault) if fault.code == code));
        let found =
            self.findings.list().iter().filter(|finding| finding.code == code).count() + faults.count();
        assert_eq!(found, count, "{code}: {:#?}\n{:#?}", self.findings, self.lines());
    }

    #[track_caller]
    fn finds_nothing(&self) {
        assert!(self.findings.is_empty(), "{:#?}", self.findings);
        assert!(!self.lines().iter().any(|line| line.contains("fault")), "{:#?}", self.lines());
    }
}

/// An update in words: transaction, kind, content, reasons.
fn words(update: &Update) -> String {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let what = match &update.kind {
        UpdateKind::Request(head) => format!("request {:?}", head.start),
        UpdateKind::RequestBody(body) => format!("asks {} {:?}", text(&body.content), body.degraded),
        UpdateKind::Response(head) if head.is_unseen() => "unseen response".to_owned(),
        UpdateKind::Response(head) => format!("response {:?} {:?}", head.start, head.unknown()),
        UpdateKind::ResponseBody(body) => format!("answers {} {:?}", text(&body.content), body.degraded),
        UpdateKind::Event(event) => format!("event {} {:?}", text(&event.data), event.degraded),
        UpdateKind::Gap { side, why } => format!("gap of the {} {why:?}", side.name()),
        UpdateKind::ClientClosed => "client closed".to_owned(),
        UpdateKind::Waited { side, wait } => format!("the {} waited {}", side.name(), wait.ns),
        UpdateKind::Closing(frame) => format!("{frame} of the {}", frame.by.name()),
        UpdateKind::Fault(fault) => format!("fault {} {}", fault.code, fault.detail),
        UpdateKind::Sent(body) => format!("sent {}", body.content.len()),
        UpdateKind::Ended { how, bytes, .. } => format!("ended {} {bytes}", how.name()),
    };
    format!("{}: {what}", update.transaction.0)
}

/// The layers behind cannot tell which version of HTTP carried a transaction.
#[test]
fn a_transaction_is_that_of_http_1() {
    let mut world = World::new();
    world.exchange(1);
    world.finds_nothing();
    let mut http1 = Stack::new(crate::http::h1::Connection::new(), Assembler::new());
    let (mut out, mut findings) = (Vec::new(), Findings::new());
    let fields = "content-type: application/json\r\ncontent-length";
    for (side, text) in [
        (Side::Client, format!("POST /mcp HTTP/1.1\r\n{fields}: {}\r\n\r\n{BODY}", BODY.len())),
        (Side::Server, format!("HTTP/1.1 200 OK\r\n{fields}: {}\r\n\r\n{RESULT}", RESULT.len())),
    ] {
        let span = Span::of(Origin::new(1, 1));
        http1.push((side, Feed::Data(text.into(), span)), &mut Sink::new(&mut out, &mut findings));
    }
    assert_eq!(world.lines(), out.iter().map(words).collect::<Vec<_>>());
}

#[test]
fn a_message_begins_and_ends_with_its_frames() {
    let mut world = World::new();
    let request = world.request(1);
    world.send(Side::Client, &request[..4]);
    world.send(Side::Client, &request[4..]);
    let data = frame(Kind::DATA, END_STREAM, 1, BODY.as_bytes());
    world.send(Side::Client, &data[..12]);
    world.send(Side::Client, &data[12..]);
    let UpdateKind::RequestBody(body) = &world.out.last().unwrap().kind else {
        panic!("{:?}", world.lines())
    };
    assert_eq!((body.span.first.0, body.span.start.packet.0), (3, 3), "the header of HEADERS");
    assert_eq!((body.span.last.0, body.span.end.packet.0), (6, 6));
}

#[test]
fn padding_priority_and_continuations_are_no_content() {
    let mut world = World::new();
    let block = world.block(Side::Client, &[(":method", "POST"), (":path", "/mcp"), ("x", "y")]);
    let (front, rest) = block.split_at(3);
    let padded = [&[3, 0, 0, 0, 0, 16][..], front, &[0; 3]].concat();
    world.send(Side::Client, &frame(Kind::HEADERS, 0x28, 1, &padded));
    world.send(Side::Client, &frame(Kind::CONTINUATION, 0, 1, &rest[..1]));
    world.send(Side::Client, &frame(Kind::CONTINUATION, END_HEADERS, 1, &rest[1..]));
    let data = [&[4][..], BODY.as_bytes(), &[0; 4]].concat();
    world.send(Side::Client, &frame(Kind::DATA, 0x8, 1, &data));
    world.send(Side::Client, &frame(Kind::DATA, 0x9, 1, &[2, 0, 0]));
    world.finds_nothing();
    let target: std::sync::Arc<str> = "/mcp".into();
    let start = crate::http::StartLine::Request { method: "POST".into(), target };
    assert_eq!(world.lines(), [format!("0: request {start:?}"), format!("0: asks {BODY} {{}}")]);
}

#[test]
fn interim_responses_trailers_and_pushes_are_passed_over() {
    let mut world = World::new();
    let request = world.request(1);
    world.send(Side::Client, &[request, frame(Kind::DATA, END_STREAM, 1, BODY.as_bytes())].concat());
    let before = world.out.len();
    let interim = world.headers(Side::Server, 1, 0, &[(":status", "103"), ("link", "</a>")]);
    let promise =
        [&[0, 0, 0, 2][..], &world.block(Side::Server, &[(":method", "GET"), (":path", "/a")])].concat();
    let pushed = world.headers(Side::Server, 2, END_STREAM, &[(":status", "200")]);
    let response = world.response(1, "application/json");
    let trailers = world.headers(Side::Server, 1, END_STREAM, &[("checksum", "x")]);
    for bytes in [
        interim,
        frame(Kind::PUSH_PROMISE, END_HEADERS, 1, &promise),
        pushed,
        frame(Kind::PRIORITY, 0, 1, &[0, 0, 0, 0, 1]),
        frame(Kind(0x42), 0, 0, b"unknown"),
        response,
        frame(Kind::DATA, 0, 1, RESULT.as_bytes()),
        trailers,
    ] {
        world.send(Side::Server, &bytes);
    }
    world.finds_nothing();
    let lines = world.lines().split_off(before);
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert_eq!(lines[1], format!("0: answers {RESULT} {{}}"));
    assert_eq!(lines[2], format!("0: ended complete {}", RESULT.len()));
}

/// Who resets a stream, and with which code, decides what is said of it.
#[test]
fn a_reset_stream_says_by_whom_and_why() {
    let reset = |by: Side, code: u32, with_response: bool| {
        let mut world = World::new();
        let request = world.request(1);
        world.send(Side::Client, &[request, frame(Kind::DATA, END_STREAM, 1, BODY.as_bytes())].concat());
        if with_response {
            let response = world.response(1, "text/event-stream");
            world.send(Side::Server, &[response, frame(Kind::DATA, 0, 1, b"data: 1\n\n")].concat());
        }
        world.send(by, &frame(Kind::RST_STREAM, 0, 1, &code.to_be_bytes()));
        world
    };
    for (by, code, with_response, found, ended) in [
        (Side::Client, 8, true, None, "ended client_reset 9"),
        (Side::Client, 8, false, None, "ended client_reset 0"),
        (Side::Client, 2, true, Some(Code::Http2StreamReset), "ended client_reset 9"),
        (Side::Server, 8, true, Some(Code::HttpBodyCut), "ended server_reset 9"),
        (Side::Server, 7, false, Some(Code::Http2StreamReset), "ended server_reset 0"),
        (Side::Server, 11, true, Some(Code::Http2StreamReset), "ended server_reset 9"),
    ] {
        let world = reset(by, code, with_response);
        assert_eq!(world.lines().last().unwrap(), &format!("0: {ended}"));
        match found {
            Some(code) => world.finds(code, 1),
            None => world.finds_nothing(),
        }
    }
    let lines = reset(Side::Server, 11, true).lines().join("\n");
    assert!(lines.contains("the server reset the stream with ENHANCE_YOUR_CALM"), "{lines}");
}

/// A response that is over stays complete, whatever is reset behind it (RFC 9113 section 8.1).
#[test]
fn a_reset_behind_the_response_changes_nothing() {
    let mut world = World::new();
    let request = world.request(1);
    world.send(Side::Client, &request);
    let response = world.headers(Side::Server, 1, END_STREAM, &[(":status", "413")]);
    world.send(Side::Server, &response);
    world.send(Side::Server, &frame(Kind::RST_STREAM, 0, 1, &[0; 4]));
    world.finds_nothing();
    assert_eq!(world.lines().iter().filter(|line| line.contains("ended")).count(), 1, "{:?}", world.lines());
    assert_eq!(world.layers.lower.streams.len(), 0);
}

#[test]
fn a_closing_server_says_what_it_does_not_answer() {
    let mut world = World::new();
    for id in [1, 3] {
        let request = world.request(id);
        world.send(Side::Client, &[request, frame(Kind::DATA, END_STREAM, id, BODY.as_bytes())].concat());
    }
    let goaway = [&1u32.to_be_bytes()[..], &11u32.to_be_bytes(), b"too_many_pings"].concat();
    world.send(Side::Server, &frame(Kind::GOAWAY, 0, 0, &goaway));
    world.finds(Code::Http2Goaway, 2);
    assert!(world.findings.list()[0].detail.contains("ENHANCE_YOUR_CALM, last stream 1, \"too_many_pings\""));
    assert_eq!(world.lines().last().unwrap(), "1: ended server_closed 0");
    let mut world = World::new();
    world.exchange(1);
    world.send(Side::Server, &frame(Kind::GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]));
    world.finds_nothing();
}

#[test]
fn tunnels_are_named_and_not_read() {
    let mut world = World::new();
    let fields = [(":method", "CONNECT"), (":protocol", "websocket"), (":path", "/ws"), (":scheme", "http")];
    let request = world.headers(Side::Client, 1, 0, &fields);
    world.send(Side::Client, &request);
    let response = world.headers(Side::Server, 1, 0, &[(":status", "200")]);
    world.send(Side::Server, &response);
    world.send(Side::Server, &frame(Kind::DATA, 0, 1, b"\x81\x05hello"));
    world.finds(Code::HttpNotRead, 1);
    let lines = world.lines().join("\n");
    assert!(lines.contains("extended CONNECT to /ws: websocket on a stream of HTTP/2"), "{lines}");
    assert!(!lines.contains("hello"), "{lines}");
}

/// A connection that carries nothing but gRPC is dropped; nothing is emitted for it.
#[test]
fn grpc_is_recognised_and_not_read() {
    let mut world = World::new();
    for id in [1, 3, 5, 7] {
        assert!(!world.layers.is_over());
        let fields = [(":method", "POST"), (":path", "/s/m"), ("content-type", "application/grpc")];
        let request = world.headers(Side::Client, id, 0, &fields);
        world.send(Side::Client, &[request, frame(Kind::DATA, END_STREAM, id, &[0; 50])].concat());
        let response = world.response(id, "application/grpc");
        world.send(Side::Server, &[response, frame(Kind::DATA, 0, id, &[0; 50])].concat());
    }
    assert!(world.layers.is_over());
    assert_eq!(world.lines(), Vec::<String>::new());
    world.finds_nothing();
    // One other request, and it is read.
    let mut world = World::new();
    world.exchange(1);
    for id in (3..30).step_by(2) {
        let fields = [(":method", "POST"), (":path", "/s/m"), ("content-type", "application/grpc")];
        let request = world.headers(Side::Client, id, END_STREAM, &fields);
        world.send(Side::Client, &request);
    }
    assert!(!world.layers.is_over());
}

/// A `content-length` that does not fit is a fault of the sender (RFC 9113 section 8.1.1), but not
/// in a response to HEAD.
#[test]
fn a_length_is_held_against_the_content() {
    for (method, content, faults) in [("GET", "{}", 0), ("GET", "{}}", 1), ("HEAD", "", 0)] {
        let mut world = World::new();
        let request = world.headers(Side::Client, 1, END_STREAM, &[(":method", method), (":path", "/")]);
        world.send(Side::Client, &request);
        let response = world.headers(Side::Server, 1, 0, &[(":status", "200"), ("content-length", "2")]);
        world.send(Side::Server, &[response, frame(Kind::DATA, END_STREAM, 1, content.as_bytes())].concat());
        world.finds(Code::HttpLengthMismatch, faults);
    }
}

/// The client closes while a response is open, then the server does.
#[test]
fn an_end_of_the_connection_ends_its_streams() {
    let mut world = World::new();
    for id in [1, 3] {
        let request = world.request(id);
        world.send(Side::Client, &[request, frame(Kind::DATA, END_STREAM, id, BODY.as_bytes())].concat());
    }
    let response = world.response(1, "text/event-stream");
    world.send(Side::Server, &response);
    let before = world.out.len();
    world.close(Side::Client);
    world.close(Side::Server);
    let expected =
        ["0: client closed", "1: client closed", "0: ended client_closed 0", "1: ended client_closed 0"];
    assert_eq!(world.lines().split_off(before), expected);
    world.finds_nothing();
    assert!(world.layers.is_over());
    assert_eq!(world.layers.lower.streams.len(), 0);
}

#[test]
fn a_server_that_closes_inside_a_response_cuts_it() {
    let mut world = World::new();
    let request = world.request(1);
    world.send(Side::Client, &[request, frame(Kind::DATA, END_STREAM, 1, BODY.as_bytes())].concat());
    let response = world.response(1, "application/json");
    world.send(Side::Server, &[response, frame(Kind::DATA, 0, 1, b"{\"js")].concat());
    world.close(Side::Server);
    world.finds(Code::HttpBodyCut, 1);
}

/// A response that was captured before its request is that of the request; one without a request
/// is reported when none can come any more.
#[test]
fn a_response_may_be_captured_before_its_request() {
    let mut world = World::new();
    let response = world.response(1, "application/json");
    world.send(Side::Server, &[response, frame(Kind::DATA, END_STREAM, 1, RESULT.as_bytes())].concat());
    let request = world.request(1);
    world.send(Side::Client, &[request, frame(Kind::DATA, END_STREAM, 1, BODY.as_bytes())].concat());
    assert!(world.lines().iter().all(|line| line.starts_with("0: ")), "{:?}", world.lines());
    world.finds_nothing();
    assert_eq!(world.layers.lower.streams.len(), 0);
    let response = world.response(3, "application/json");
    world.send(Side::Server, &[response, frame(Kind::DATA, END_STREAM, 3, RESULT.as_bytes())].concat());
    world.finds_nothing();
    let request = world.request(5);
    world.send(Side::Client, &request);
    world.finds(Code::HttpUnmatchedResponse, 1);
}

// Flow control.

#[test]
fn data_that_waited_for_a_window_says_how_long() {
    let mut world = World::new();
    let request = world.request(1);
    world.send(Side::Client, &[request, frame(Kind::DATA, END_STREAM, 1, BODY.as_bytes())].concat());
    let response = world.response(1, "application/json");
    world.send(Side::Server, &response);
    for _ in 0..3 {
        world.send(Side::Server, &frame(Kind::DATA, 0, 1, &[b' '; 16_384]));
    }
    world.send(Side::Server, &frame(Kind::DATA, 0, 1, &[b' '; 16_383]));
    world.send(Side::Client, &frame(Kind::WINDOW_UPDATE, 0, 0, &[0, 1, 0, 0]));
    world.send(Side::Client, &frame(Kind::WINDOW_UPDATE, 0, 1, &[0, 1, 0, 0]));
    world.send(Side::Server, &frame(Kind::DATA, END_STREAM, 1, b"{}"));
    let waits: Vec<String> = world.lines().into_iter().filter(|line| line.contains("waited")).collect();
    assert_eq!(waits, ["0: the server waited 2000000"], "from the last byte to the second update");
    world.finds_nothing();
}

#[test]
fn a_window_that_is_never_opened_is_reported_if_content_is_missing() {
    for (length, wait, found) in [("70000", 2000, 1), ("70000", 100, 0), ("65535", 2000, 0)] {
        let mut world = World::new();
        let request = world.headers(Side::Client, 1, END_STREAM, &[(":method", "GET"), (":path", "/")]);
        world.send(Side::Client, &request);
        let response = world.headers(Side::Server, 1, 0, &[(":status", "200"), ("content-length", length)]);
        world.send(Side::Server, &response);
        for size in [16_384, 16_384, 16_384, 16_383] {
            world.send(Side::Server, &frame(Kind::DATA, 0, 1, &vec![b' '; size]));
        }
        world.packet += wait;
        world.send(Side::Client, &frame(Kind::RST_STREAM, 0, 1, &8u32.to_be_bytes()));
        world.finds(Code::Http2WindowClosed, found);
    }
}

// Loss.

/// Bytes that are missing inside a DATA frame concern its stream alone: frames, header fields and
/// other streams are read on.
#[test]
fn a_gap_inside_a_frame_of_data_is_a_gap_of_its_stream() {
    let mut world = World::new();
    world.exchange(1);
    let request = world.request(3);
    world.send(Side::Client, &[request, frame(Kind::DATA, END_STREAM, 3, BODY.as_bytes())].concat());
    let response = world.response(3, "application/json");
    let data = frame(Kind::DATA, END_STREAM, 3, RESULT.as_bytes());
    world.send(Side::Server, &[&response[..], &data[..15]].concat());
    world.lose(Side::Server, &data[15..25]);
    world.send(Side::Server, &data[25..]);
    world.exchange(5);
    let lines = world.lines();
    assert!(lines.contains(&"1: gap of the server {\"gap\"}".to_owned()), "{lines:#?}");
    assert!(lines.contains(&"1: answers  {\"gap\"}".to_owned()), "{lines:#?}");
    assert!(lines.contains(&format!("2: answers {RESULT} {{}}")), "{lines:#?}");
    world.finds_nothing();
}

/// A gap in a header block loses the table; the frame behind it is known all the same.
#[test]
fn a_gap_inside_a_header_block_leaves_the_frames_known() {
    let mut world = World::new();
    world.exchange(1);
    let request = world.request(3);
    world.send(Side::Client, &[request, frame(Kind::DATA, END_STREAM, 3, BODY.as_bytes())].concat());
    let response = world.headers(
        Side::Server,
        3,
        0,
        &[(":status", "200"), ("content-type", "application/json"), ("x", "yyyyyyyyy")],
    );
    world.send(Side::Server, &response[..11]);
    world.lose(Side::Server, &response[11..15]);
    let data = frame(Kind::DATA, END_STREAM, 3, RESULT.as_bytes());
    world.send(Side::Server, &[&response[15..], &data].concat());
    let lines = world.lines();
    assert!(lines.contains(&"1: response UnseenResponse {\"gap\"}".to_owned()), "{lines:#?}");
    assert!(lines.contains(&format!("1: answers {RESULT} {{}}")), "{lines:#?}");
    world.finds(Code::Http2FieldsUnknown, 1);
    world.finds(Code::HttpResync, 0);
    world.finds(Code::Http2BadHeaders, 0);
}

/// Whole frames are missing: the next one that can be proven is read, what it refers to is unknown,
/// and nobody is blamed.
#[test]
fn after_a_gap_reading_resumes_at_a_proven_frame() {
    let mut world = World::new();
    world.exchange(1);
    let open = world.request(3);
    world.send(Side::Client, &[open, frame(Kind::DATA, END_STREAM, 3, BODY.as_bytes())].concat());
    let stream = world.response(3, "text/event-stream");
    world.send(Side::Server, &[stream, frame(Kind::DATA, 0, 3, b"data: 1\n\n")].concat());
    let lost = frame(Kind::DATA, 0, 3, b"data: 2\n\nda");
    world.lose(Side::Server, &lost[..12]);
    world.send(Side::Server, &[&lost[12..], &frame(Kind::DATA, 0, 3, b"ta: 3\n\ndata: 4\n\n")].concat());
    world.send(Side::Server, &frame(Kind::DATA, 0, 3, b"data: 5\n\n"));
    world.exchange(5);
    let lines = world.lines();
    assert!(lines.contains(&"1: event 4 {}".to_owned()), "{lines:#?}");
    assert!(lines.contains(&"1: event 5 {}".to_owned()), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with(&format!("2: answers {RESULT}"))), "{lines:#?}");
    // One of the frames, one of the events.
    world.finds(Code::HttpResync, 2);
    world.finds(Code::Http2FieldsUnknown, 1);
    world.finds(Code::Http2BadFrame, 0);
    world.finds(Code::Http2BadHeaders, 0);
}

/// A capture that starts in the middle: DATA of a stream whose head was not captured is read if it
/// begins an event, static fields and literals are read, the rest is unknown.
#[test]
fn a_connection_is_read_from_its_middle() {
    let mut before = World::new();
    before.exchange(1);
    let mut world = World::midstream();
    world.encoders = before.encoders;
    for side in Side::BOTH {
        world.feed(side, Feed::Gap { len: 0, why: Degraded::MIDSTREAM, at: Origin::new(1, 1) });
    }
    let ping = frame(Kind::PING, 0, 0, &[1; 8]);
    world.send(Side::Server, &[&b"rest\n\n"[..], &ping, &frame(Kind::DATA, 0, 3, b": comment\n\n")].concat());
    for event in ["event: message\ndata: 1\n\n", "event: message\ndata: 2\n\n"] {
        world.send(Side::Server, &frame(Kind::DATA, 0, 3, event.as_bytes()));
    }
    world.exchange(7);
    let lines = world.lines();
    assert!(lines.contains(&"1: unseen response".to_owned()), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("1: event 1")), "{lines:#?}");
    assert!(lines.contains(&"1: event 2 {}".to_owned()), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("request") && line.contains("POST")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.ends_with(&format!("asks {BODY} {{}}"))), "{lines:#?}");
    assert!(lines.iter().any(|line| line.ends_with(&format!("answers {RESULT} {{}}"))), "{lines:#?}");
    world.finds(Code::Http2FieldsUnknown, 1);
    world.finds(Code::Http2BadHeaders, 0);
    world.finds(Code::Http2BadFrame, 0);
}

/// A response whose media type repeats an unknown entry is an event stream if it begins as one.
#[test]
fn an_unknown_media_type_is_told_by_the_content() {
    let mut before = World::new();
    let response = before.response(1, "text/event-stream");
    before.send(Side::Server, &response);
    let mut world = World::midstream();
    world.encoders = before.encoders;
    for side in Side::BOTH {
        world.feed(side, Feed::Gap { len: 0, why: Degraded::MIDSTREAM, at: Origin::new(1, 1) });
    }
    let request = world.request(3);
    world.send(Side::Client, &request);
    let response = world.response(3, "text/event-stream");
    world.send(Side::Server, &response);
    world.send(Side::Server, &frame(Kind::DATA, 0, 3, b"dat"));
    world.send(Side::Server, &frame(Kind::DATA, 0, 3, b"a: 1\n\n"));
    assert_eq!(world.lines().last().unwrap(), "0: event 1 {}");
}

/// A hundred streams, their frames in any order: each has its own messages.
#[test]
fn a_hundred_streams_do_not_mix() {
    let mut world = World::new();
    let ids: Vec<u32> = (0..100).map(|n| 2 * n + 1).collect();
    for id in &ids {
        let request = world.request(*id);
        world.send(Side::Client, &request);
        let response = world.response(*id, "text/event-stream");
        world.send(Side::Server, &response);
    }
    for round in 0..3 {
        for id in ids.iter().rev() {
            let event = format!("data: {}-{round}\n\n", id / 2);
            let (front, rest) = event.split_at(7 + round);
            world.send(Side::Server, &frame(Kind::DATA, 0, *id, front.as_bytes()));
            world.send(Side::Server, &frame(Kind::DATA, 0, *id, rest.as_bytes()));
        }
    }
    for n in 0..100 {
        let prefix = format!("{n}: event ");
        let events: Vec<String> =
            world.lines().into_iter().filter(|line| line.starts_with(&prefix)).collect();
        assert_eq!(events, [0, 1, 2].map(|round| format!("{n}: event {n}-{round} {{}}")));
    }
    world.finds_nothing();
}
