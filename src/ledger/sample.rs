//! Entries for the tests of this layer, of `report` and of `export`.

use std::net::SocketAddr;
use std::sync::Arc;

use super::*;
use crate::base::protocols::{HttpVersion, Protocols};
use crate::base::{Code, Degraded, End, Ending, Finding, Origin, ResponseEnd, RoundTrips, Span, Timestamp};

/// 2026-11-22T08:49:15.351Z, the time of the examples in the design.
pub(crate) const T0: i64 = 1_795_337_355_351_000_000;

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn session_ref(number: u32) -> SessionRef {
    SessionRef {
        number,
        id: Some(Arc::from(format!("7f4d5d49-{number}"))),
        transport: Transport::HttpSse,
        server: address("127.0.0.1:3000"),
        path: None,
        client: address("127.0.0.1:52814"),
        via: None,
        behind: None,
        server_name: Some(Arc::from("hackernews")),
        client_name: Some(Arc::from("inspector")),
    }
}

/// HTTP/1.1 without TLS.
pub(crate) fn protocols() -> Protocols {
    Protocols { http: Some(HttpVersion::V11), ..Protocols::default() }
}

/// Packets `first` and `last`, from `start` to `end` in nanoseconds after [`T0`].
pub(crate) fn span(first: u64, last: u64, start: i64, end: i64) -> Span {
    Span::of(Origin::new(first, T0 + start)).join(Span::of(Origin::new(last, T0 + end)))
}

/// An exchange like the design's example that was answered `total` nanoseconds after its start.
pub(crate) fn exchange(n: u64, method: &str, name: Option<&str>, total: i64) -> Exchange {
    let at = i64::try_from(n).unwrap() * 1_000_000_000;
    Exchange {
        n,
        tcp_stream: 3,
        transaction: 0,
        protocols: protocols(),
        answered_on: None,
        session: session_ref(1),
        client: address("127.0.0.1:52820"),
        protocol_version: Some(Arc::from("2024-11-05")),
        origin: Side::Client,
        id: Id::Int(3),
        method: Arc::from(method),
        name: name.map(Arc::from),
        status: Status::Ok,
        error: None,
        http_status: Some(202),
        request: MessageSpan { span: span(10 * n, 10 * n, at, at), bytes: 143 },
        response: Some(MessageSpan {
            span: span(10 * n + 5, 10 * n + 6, at + total - total / 10, at + total),
            bytes: 1772,
        }),
        ack: Some(Timestamp(T0 + at + 1_900_000)),
        progress: 0,
        cause: None,
        wait_ended: None,
        http2: None,
        continues: None,
        input_ns: None,
        parent: None,
        asked: Asked::default(),
        twins: Twins::default(),
        trace: None,
        retransmissions: 0,
        degraded: Degraded::NONE,
        findings: Vec::new(),
    }
}

/// The exchange without its response, and why.
pub(crate) fn unanswered(mut exchange: Exchange, status: Status, cause: Cause) -> Exchange {
    exchange.status = status;
    exchange.cause = Some(cause);
    exchange.response = None;
    exchange
}

pub(crate) fn session(number: u32) -> Session {
    Session {
        session: session_ref(number),
        addresses: vec![address("127.0.0.1:3000")],
        protocol_version: Some(Arc::from("2024-11-05")),
        client_info: Some(Implementation { name: "inspector".into(), version: "0.16.1".into() }),
        server_info: Some(Implementation { name: "hackernews".into(), version: "1.0.0".into() }),
        client_capabilities: vec!["sampling".into()],
        server_capabilities: vec!["tools".into()],
        exchanges: 32,
        calls: 20,
        first: Origin::new(12 + u64::from(number), T0 - 61_000_000),
        last: Origin::new(215, T0 + 749_000_000),
        ended: SessionEnd::StreamClosed { by: Some(Side::Client) },
        degraded: Degraded::NONE,
    }
}

pub(crate) fn notification() -> Notification {
    Notification {
        session: session_ref(1),
        tcp_stream: 1,
        transaction: 1,
        protocols: protocols(),
        from: Side::Client,
        method: Arc::from("notifications/initialized"),
        message: MessageSpan { span: span(40, 40, -26_400_000, -26_400_000), bytes: 54 },
        exchange: None,
        degraded: Degraded::NONE,
    }
}

pub(crate) fn stream(session: Option<SessionRef>) -> Stream {
    Stream {
        session,
        exchange: None,
        tcp_stream: 0,
        transaction: 0,
        protocols: protocols(),
        method: Some("GET".into()),
        target: Some("/sse?api_key=hunter2".into()),
        http_status: Some(200),
        server: address("127.0.0.1:3000"),
        client: address("127.0.0.1:52814"),
        span: span(12, 215, -61_000_000, 749_000_000),
        first_event: Some(Timestamp(T0 - 51_000_000)),
        last_event: Some(Timestamp(T0 + 749_000_000)),
        events: 41,
        bytes: 9120,
        ended: ResponseEnd::ClosedBy(Side::Client),
        end: Some(Origin::new(217, T0 + 950_000_000)),
        degraded: Degraded::NONE,
    }
}

pub(crate) fn finding(code: Code, detail: &str) -> Finding {
    Finding {
        code,
        at: Some(Origin::new(812, T0)),
        tcp_stream: Some(3),
        session: None,
        exchange: None,
        count: 1,
        detail: detail.to_owned(),
    }
}

/// A call of a language model that was answered in pieces and calls a tool.
pub(crate) fn llm_call(number: u64) -> LlmCall {
    let at = |packet: u64, ms: i64| Origin::new(packet, T0 + ms * 1_000_000);
    let mut text = Bounded::default();
    text.push("Let me look.", 100);
    let mut arguments = Bounded::default();
    arguments.push(r#"{"type":"topstories"}"#, 100);
    let mut result = Bounded::default();
    result.push("sunny", 100);
    LlmCall {
        number,
        tcp_stream: 9,
        transaction: 0,
        dialect: Dialect::OpenaiChat,
        server: address("10.0.0.9:443"),
        client: address("10.0.0.5:50000"),
        protocols: protocols(),
        host: Some(Arc::from("api.example.com")),
        target: Some(Arc::from("/v1/chat/completions?api_key=hunter2")),
        model: Some(Arc::from("toy-model")),
        is_streamed: true,
        is_event_stream: true,
        http_status: Some(200),
        status: CallStatus::Ok,
        ended: ResponseEnd::Complete,
        end: Some(at(310, 1_400)),
        error: None,
        request: Some(Carried { span: span(300, 301, 0, 2_000_000), bytes: 512 }),
        response: Some(Carried { span: span(303, 310, 20_000_000, 1_400_000_000), bytes: 9_000 }),
        pace: Pace {
            first: Some(at(304, 25)),
            last: Some(at(309, 1_390)),
            longest_gap_ns: Some(40_000_000),
            pieces: 57,
            went_back: false,
        },
        input_tokens: Some(9),
        output_tokens: Some(57),
        reasoning_tokens: None,
        cached_tokens: None,
        text,
        reasoning_bytes: 0,
        tool_calls: vec![ToolCall {
            id: Some("call_1".into()),
            name: "get-hackernews-top-stories".into(),
            arguments,
            at: Some(at(309, 1_390)),
            is_complete: true,
        }],
        tool_results: vec![ToolResult {
            id: Some("call_0".into()),
            name: None,
            text: result,
            is_error: false,
        }],
        tools: vec!["get-hackernews-top-stories".into()],
        tools_offered: 1,
        finish_reason: Some("tool_calls".into()),
        degraded: Degraded::NONE,
    }
}

pub(crate) fn connection(speaks: Speaks, mcp: bool) -> ConnectionFact {
    ConnectionFact {
        tcp_stream: 0,
        client: address("127.0.0.1:52814"),
        named_client: None,
        server: address("127.0.0.1:3000"),
        client_end: End::A,
        speaks,
        wrapper: None,
        tls: None,
        mcp,
        first: Origin::new(1, T0),
        last: Origin::new(215, T0),
        handshake_ns: Some(45_000),
        pings: RoundTrips::default(),
        ended: Ending::Closed,
        is_refused: false,
        directions: [DirectionFact {
            packets: 10,
            bytes: 5_000,
            delivered: 5_000,
            retransmissions: 1,
            ..DirectionFact::default()
        }; 2],
    }
}

/// One of everything that a report can say: several servers, errors, hostile names, all kinds of
/// missing answers.
pub(crate) fn entries() -> Vec<Entry> {
    let mut exchanges =
        vec![exchange(1, "initialize", None, 2_310_000), exchange(2, "tools/list", None, 981_000)];
    for n in 3..83u64 {
        let total = 10_000_000 + 150_000 * i64::try_from(n * 37 % 80).unwrap();
        exchanges.push(exchange(n, "tools/call", Some("get-hackernews-top-stories"), total));
    }
    let mut slow =
        exchange(83, "tools/call", Some("summarise-the-whole-internet-in-one-sentence"), 64_200_000_000);
    slow.status = Status::ToolError;
    slow.progress = 12;
    slow.asked = Asked { requests: 1, client_ns: 40_000_000_000 };
    let mut bad = exchange(84, "tools/call", Some("evil\u{1b}[31m\u{202e}name"), 3_100_000);
    bad.status = Status::Error;
    bad.error = Some(RpcError {
        code: Some(-32602),
        message: "Invalid params: https://joe:secret@example.org/?token=abc".into(),
    });
    bad.findings = vec![Code::McpIdReused];
    let mut sampling = exchange(85, "sampling/createMessage", None, 812_000_000);
    sampling.origin = Side::Server;
    sampling.session.server = address("10.1.2.3:8080");
    sampling.session.server_name = None;
    sampling.parent = Some(83);
    sampling.http_status = None;
    sampling.ack = None;
    let mut refused = unanswered(exchange(86, "tools/list", None, 1), Status::HttpError, Cause::HttpError);
    refused.http_status = Some(404);
    let mut cancelled =
        unanswered(exchange(87, "tools/call", Some("slow"), 1), Status::Cancelled, Cause::Cancelled);
    cancelled.wait_ended = Some(Origin::new(1190, T0 + 90_000_000_000));
    let mut cut = unanswered(
        exchange(88, "resources/read", Some("file:///etc/motd"), 1),
        Status::Unanswered,
        Cause::CaptureEnd,
    );
    cut.degraded = Degraded::CAPTURE_END.and(Degraded::GAP);
    exchanges.extend([slow, bad, sampling, refused, cancelled, cut]);
    let records = exchanges.into_iter().map(|exchange| Record::Exchange(Box::new(exchange))).chain([
        Record::Notification(Box::new(notification())),
        Record::Stream(Box::new(stream(Some(session_ref(1))))),
        Record::Stream(Box::new(stream(None))),
        Record::Offer(Box::new(Offer {
            is_other_view: false,
            server: session_ref(1).identity(),
            kind: "tools",
            definitions: vec![("get-hackernews-top-stories".into(), 412), ("unused".into(), 2120)],
        })),
    ]);
    let mut entries: Vec<_> = records.map(Entry::Record).collect();
    let refused = LlmCall {
        status: CallStatus::Error,
        http_status: Some(429),
        error: Some(CallError { code: Some("rate_limit".into()), message: "slow \u{1b}[31mdown".into() }),
        model: Some(Arc::from("evil\u{202e}model")),
        input_tokens: None,
        output_tokens: None,
        pace: Pace::default(),
        finish_reason: None,
        tool_calls: Vec::new(),
        ..llm_call(2)
    };
    entries.extend([llm_call(1), refused].map(|call| Entry::LlmCall(Box::new(call))));
    entries.extend(tail());
    entries
}

fn tail() -> Vec<Entry> {
    let capture = CaptureFact {
        packets: 1234,
        bytes: 912_400,
        captured_bytes: 912_000,
        first: Some(Origin::new(1, T0 - 61_000_000)),
        last: Some(Origin::new(1234, T0 + 95_000_000_000)),
        length_ns: 95_061_000_000,
        time_steps: 0,
        truncated_files: 0,
        cut_packets: 3,
        tcp_packets: 1230,
        unreadable_packets: 0,
        quic_connections: 0,
        lost: crate::base::fact::Losses { kernel: 4, interface: 1, mcpdump: 2, unknown: 0 },
        mcp_bytes: 610_000,
        tcp_bytes: 640_000,
    };
    let mut entries = vec![
        Entry::Finding(finding(Code::TcpGap, "1448 bytes from the server are not in the capture")),
        Entry::Finding(finding(Code::McpIdReused, "id 3 of \u{202e}tools/call")),
        Entry::Fact(Fact::Connection(Box::new(connection(Speaks::Http1, true)))),
        Entry::Fact(Fact::Connection(Box::new(connection(Speaks::Tls, false)))),
    ];
    entries.extend((1..=2).map(|number| Entry::Record(Record::Session(Box::new(session(number))))));
    entries.push(Entry::Fact(Fact::Capture(Box::new(capture))));
    entries
}
