//! Every field and operator on each type of record, precedence, and error offsets.

use super::{Filter, Subject};
use crate::base::protocols::{HttpVersion, Protocols, TlsNames};
use crate::base::tls::TlsVersion;
use crate::base::{Code, Degraded, Origin, PacketNo, ResponseEnd, Side, Span, Timestamp};
use crate::ledger::{
    Asked, Cause, Exchange, Id, MessageSpan, Notification, RpcError, SessionRef, Status, Stream, Transport,
};

const MS: i64 = 1_000_000;
/// 2026-11-22T09:30:15.5Z.
const START: i64 = 1_795_339_815_500 * MS;

fn span(first: u64, from: i64, last: u64, to: i64) -> Span {
    Span {
        start: Origin::new(first, from),
        end: Origin::new(last, to),
        first: PacketNo(first),
        last: PacketNo(last),
    }
}

fn session() -> SessionRef {
    SessionRef {
        number: 1,
        id: Some("AB12-7f".into()),
        transport: Transport::HttpSse,
        server: "127.0.0.1:3000".parse().unwrap(),
        path: None,
        client: "10.1.2.3:50000".parse().unwrap(),
        via: None,
        behind: None,
        server_name: Some("HackerNews".into()),
        client_name: Some("An Agent".into()),
    }
}

/// Send 2 ms, wait 600 ms, receive 1.5 ms, ack -1 ms, 100 + 9900 bytes.
pub(super) fn exchange() -> Exchange {
    Exchange {
        n: 1,
        tcp_stream: 0,
        transaction: 0,
        protocols: Protocols::default(),
        answered_on: None,
        session: session(),
        client: "[::ffff:10.1.2.3]:50001".parse().unwrap(),
        protocol_version: Some("2025-03-26".into()),
        origin: Side::Client,
        id: Id::Int(7),
        method: "tools/call".into(),
        name: Some("My Tool".into()),
        status: Status::Error,
        error: Some(RpcError { code: Some(-32602), message: "no".into() }),
        http_status: Some(404),
        request: MessageSpan { span: span(10, START, 12, START + 2 * MS), bytes: 100 },
        response: Some(MessageSpan {
            span: span(20, START + 602 * MS, 22, START + 603 * MS + MS / 2),
            bytes: 9900,
        }),
        ack: Some(Timestamp(START + MS)),
        progress: 3,
        retransmissions: 2,
        cause: None,
        wait_ended: None,
        http2: None,
        continues: None,
        input_ns: None,
        parent: None,
        asked: Asked { requests: 1, client_ns: 1_500 * MS },
        twins: Default::default(),
        trace: None,
        degraded: Degraded::GAP.and(Degraded::MIDSTREAM),
        findings: vec![Code::TcpGap, Code::McpIdReused],
    }
}

fn notification() -> Notification {
    Notification {
        session: session(),
        tcp_stream: 0,
        transaction: 0,
        protocols: Protocols::default(),
        from: Side::Server,
        method: "notifications/progress".into(),
        message: MessageSpan { span: span(30, START, 30, START), bytes: 54 },
        exchange: None,
        degraded: Degraded::NONE,
    }
}

fn stream() -> Stream {
    Stream {
        session: None,
        exchange: None,
        tcp_stream: 0,
        transaction: 0,
        protocols: Protocols::default(),
        method: Some("GET".into()),
        target: Some("/sse".into()),
        http_status: Some(200),
        server: "[2001:db8::1]:443".parse().unwrap(),
        client: "[2001:db8::2]:40000".parse().unwrap(),
        span: span(5, START, 50, START + 2000 * MS),
        first_event: None,
        last_event: None,
        events: 4,
        bytes: 9120,
        ended: ResponseEnd::Open,
        end: None,
        degraded: Degraded::NONE,
    }
}

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|error| panic!("{}", error.render(text)))
}

#[track_caller]
fn check(subject: Subject<'_>, hold: &[&str], fail: &[&str]) {
    for text in hold {
        assert!(filter(text).matches(subject), "should match: {text}");
    }
    for text in fail {
        assert!(!filter(text).matches(subject), "should not match: {text}");
    }
}

#[test]
#[rustfmt::skip] // Lists of expressions, not columns of them.
fn texts_and_words() {
    let it = exchange();
    check(
        Subject::Exchange(&it),
        &[
            "", " \t ", "method:TOOLS/call", "method:tools/*", "method!=ping", "method=tools/call",
            "method==tools/call", "method : tools/call", "method~^TOOLS/(call|list)$", "(method~call)", "(method~(tools)/c)",
            "method~[)]|call", r#"method~"tools/\w+""#, r#"name:"my tool""#, r#"tool:"my"*"#, "tool:*",
            r#"name:"\u{4d}y\u{20}tool""#, "id:7", "id:*", "status:error", "status:err*", "status~^err",
            "STATUS!=OK", "origin:client", "from:client", "rev:2025-*", "rev>2025-03", "rev<=2025-03-26",
            "rev>=2025-03-26", "rev<2025-06-18", "transport:http+sse", "degraded:gap", "degraded:any",
            "degraded:*", "degraded!=cut_packet", "degraded~mid", "finding:tcp.gap", "finding:tcp.*",
            "finding:any", "finding!=mcp.batch", "session:s1", "session:ab12", "session:ab*",
            "session:AB12-7F", "session!=s2", "session~^s1$", "session~12-", "session:*",
        ],
        &[
            "method:tools", "method!=tools/call", "method~^call", "id:70", "id!=7", "status:ok",
            "status!=error", "origin:server", "cause:*", "cause!=no_stream", "rev>2025-03-26",
            "transport:streamable-http", "degraded:none", "degraded!=gap", "finding:none", "finding:sse.*",
            "finding!=tcp.gap", "session:s2", "session:s12", "session:12", r#"session:"s1""#, "session!=s1",
            "session!=ab", r#"tool:"my*""#,
        ],
    );
}

#[test]
fn protocols() {
    let tls = TlsNames {
        version: Some(TlsVersion::V13),
        suite: None,
        sni: Some("mcp.example.com".into()),
        alpn: Some("h2".into()),
    };
    let encrypted =
        Protocols { http: Some(HttpVersion::V2), http2_stream: Some(5), tls: Some(std::sync::Arc::new(tls)) };
    let plain = Protocols { http: Some(HttpVersion::V11), ..Protocols::default() };
    let (mut exchange, mut stream) = (exchange(), stream());
    (exchange.protocols, stream.protocols) = (encrypted.clone(), encrypted);
    let of_encrypted = ["tls:1.3", "tls:any", "tls!=none", "sni:mcp.*", "alpn:H2", "http_version:2"];
    let of_plain = ["tls:none", "not sni:*", "http_version:1.1", "http_version:1.*"];
    check(Subject::Exchange(&exchange), &of_encrypted, &of_plain);
    check(Subject::Stream(&stream), &of_encrypted, &of_plain);
    exchange.protocols = plain;
    check(Subject::Exchange(&exchange), &of_plain, &of_encrypted);
    check(Subject::Exchange(&exchange), &[], &["sni!=a", "alpn!=h2", "tls:1.*"]);
}

#[test]
#[rustfmt::skip] // Lists of expressions, not columns of them.
fn numbers() {
    let it = exchange();
    check(
        Subject::Exchange(&it),
        &[
            "dur>500ms", "dur>500.0ms", "dur > 0.6s", "dur:603.5ms", "total:603500us", "dur<1m", "dur<1h",
            "dur>=603500000ns", "dur!=1ms", "dur>603499999.5ns", "dur<=603500000.5ns", "send:2ms", "wait:600ms",
            "wait!=601ms", "receive:1500µs", "receive:1500μs", "receive<1.6MS", "ack<0", "ack:-1ms",
            "bytes>=10kB", "bytes:10000", "bytes<10KiB", "bytes<0.01MB or bytes=10KB", "bytes<1GiB",
            "bytes<1g", "progress:3", "progress>+2", "retrans>1", "error:-32602", "error<0", "error:*",
            "http:404", "http:4xx", "http!=2XX", "http>=400", "packet:11", "packet:21", "packet>=10",
            "packet<11", "packet!=15", "packet:*", "waited:603.5ms", "user:1.5s", "user!=0",
        ],
        &[
            "dur>603.5ms", "dur:603500000.5ns", "dur<500ms", "wait<0", "ack>0", "bytes>10kB", "bytes:10KiB",
            "progress:4", "error:-32601", "error!=-32602", "http:5xx", "http:405", "packet:15", "packet:9",
            "packet!=11", "packet>10", "waited>1s", "user<1s",
        ],
    );
}

#[test]
#[rustfmt::skip] // Lists of expressions, not columns of them.
fn addresses() {
    let it = exchange();
    check(
        Subject::Exchange(&it),
        &[
            "port:3000", "port:50001", "port!=80", "port>50000", "port<3001", "ip:10.1.2.3", "ip:127.0.0.1",
            "ip:10.0.0.0/8", "ip!=10.0.0.5", "ip:10.*", "ip:::ffff:10.1.2.3", "ip:::ffff:10.0.0.0/104",
            "ip~^127", "ip:0.0.0.0/0", "server:127.0.0.1", "server:127.0.0.1:3000", "server:127.*",
            "server~:3000$", "server:127.0.0.0/8", "server:Hacker*", "server:hackernews", "server~news",
            "client:\"An Agent\"", "client!=hackernews", "client:10.1.2.3:50001", "client!=10.1.2.4",
            "client:[::ffff:10.1.2.3]",
        ],
        &[
            "port:80", "port!=3000", "ip:10.0.0.5", "ip!=127.0.0.1", "ip:::/0", "ip:10.1.2.0/31",
            "server:127.0.0.1:3001", "server:127.0.0.1:300", "client!=10.1.2.3",
            "server:agent", "server!=hackernews", "client:news", "client:abc",
        ],
    );
}

#[test]
#[rustfmt::skip] // Lists of expressions, not columns of them.
fn times() {
    let it = exchange();
    check(
        Subject::Exchange(&it),
        &[
            "time:2026-11-22", "time:09:30", "time:09:30:15", "time:09:30:15.5", "time>09:29", "time<10:00",
            "time>=2026-11-22T09:30", "time:2026-11-22T09", "time:2026-11-22T10:30:15+01:00",
            "time>2026-11-22T09:30:15Z", "time:1795339815", "time:1795339815.5", "time<1795339816", "time>-1",
            "time!=2026-11-21", r#"time<"2026-11-22 09:31""#,
        ],
        &[
            "time:09:31", "time:2026-11-21", "time>2026-11-22T09:30:16Z", "time:1795339815.4",
            "time<09:30:15", "time>09:30:16", "time!=09:30",
        ],
    );
}

#[test]
fn what_a_record_does_not_have_never_matches() {
    let mut it = exchange();
    (it.response, it.ack, it.error, it.http_status, it.name) = (None, None, None, None, None);
    it.findings.clear();
    it.degraded = Degraded::NONE;
    it.cause = Some(Cause::ServerReset);
    it.session.id = None;
    check(
        Subject::Exchange(&it),
        &[
            "not dur>1s",
            "not dur<=1h",
            "not name:x",
            "bytes:100",
            "cause:server_*",
            "degraded:none",
            "degraded!=gap",
            "finding:none",
            "finding!=tcp.gap",
            "not error:*",
            "session:s1",
        ],
        &[
            "dur>1ns",
            "dur<=1h",
            "dur!=1s",
            "wait<5s",
            "waited:*",
            "name!=x",
            "name~.",
            "error!=1",
            "http!=200",
            "degraded:any",
            "degraded:*",
            "finding:*",
            "finding~.",
            "packet:21",
            "session:ab",
        ],
    );
    check(
        Subject::Notification(&notification()),
        &[
            "from:server",
            "method~progress",
            "bytes:54",
            "session:s1",
            "packet:30",
            "port:50000",
            "degraded:none",
            "s1",
        ],
        &["status:ok", "status!=ok", "dur>=0", "id!=1", "finding:none", "rev!=x", "client:10.1.2.3:50001"],
    );
    check(
        Subject::Stream(&stream()),
        &[
            "method:get",
            "/SSE",
            "http:2xx",
            "dur:2s",
            "bytes>9kB",
            "ip:2001:db8::/32",
            "server:[2001:db8::1]:443",
            "server:2001:db8::1",
            "packet:30",
            "time:09:30",
            "not session:s1",
            "ip:::/0",
        ],
        &["session!=s1", "transport!=http+sse", "s1", "origin!=client", "ip!=2001:db8::1", "ip:10.0.0.0/8"],
    );
}

/// A call that was seen once has no view.
#[test]
fn views_of_a_call() {
    let mut it = exchange();
    check(Subject::Exchange(&it), &["not view:back"], &["view:front", "view:back", "view:*"]);
    it.twins.behind = Some(2);
    check(Subject::Exchange(&it), &["view:front", "view:f*"], &["view:back"]);
    it.twins.in_front = Some(3);
    check(Subject::Exchange(&it), &["view:back", "view!=front"], &["not view:back"]);
}

#[test]
fn bare_words_are_found_in_what_names_the_record() {
    let it = exchange();
    check(
        Subject::Exchange(&it),
        &[
            "CALL",
            r#""my t""#,
            "7",
            "12-7F",
            "S1",
            "y\u{a0}call",
            "\"\"",
            "s/c",
            r#""tools/call""#,
            "hello! or 7",
        ],
        &["s12", "1.2.3.4", "error", r#""ool c""#, "ä"],
    );
}

#[test]
fn ids_are_compared_as_text() {
    let mut it = exchange();
    for (id, text) in [
        (Id::Text("7".into()), "id:7"),
        (Id::Number("7.0".into()), "id:7.0"),
        (Id::Null, "id:null"),
        (Id::Text("a\"b".into()), r#"id:"a\"b""#),
    ] {
        it.id = id;
        check(Subject::Exchange(&it), &[text], &["id:8"]);
    }
}

#[test]
fn precedence_and_spellings() {
    let it = exchange();
    // `call` matches, `zz` does not.
    check(
        Subject::Exchange(&it),
        &[
            "call or zz and zz",
            "call or zz zz",
            "not zz or zz",
            "not zz and call",
            "!zz call",
            "! zz && call",
            "zz||call",
            "!(zz or zz)",
            "not not call",
            "!!call",
            "NOT zz AND call",
            "(call)(call)",
            "(zz)or(call)",
            "call and not(zz)",
            "method:tools/call tool:my* dur>500ms status:error session:ab12 (rev:2025-03-26 or \
             rev:2026-07-28) not ip:10.0.0.5 \"my tool\"",
        ],
        &[
            "(call or zz) and zz",
            "not (zz or call)",
            "zz or zz call",
            "not call or zz",
            "call&&zz",
            "call !zz zz",
        ],
    );
}

#[test]
fn errors_point_at_the_character() {
    let long = format!("{}é", "a".repeat(4095));
    let table: &[(&str, usize, &str)] = &[
        ("methd:x", 0, "did you mean `method`?"),
        ("a and xyzzy>3", 6, "must be quoted"),
        ("dur>", 4, "value is missing"),
        ("dur> and x", 4, "value is missing"),
        ("(dur>=)", 6, "value is missing"),
        ("dur==", 5, "value is missing"),
        (":x", 0, "field is missing"),
        ("a :: b", 0, "unknown field `a`"),
        ("a or :x", 5, "a field is missing"),
        ("dur>x", 4, "not a number"),
        ("dur>0.5", 7, "write dur>0.5s or dur>0.5ms"),
        ("wait<=-3", 8, "the unit is missing"),
        ("dur>5x", 5, "unknown unit `x`"),
        ("dur>5 ms", 6, "blank before"),
        ("bytes>5ms", 7, "unknown unit"),
        ("dur>123456789012345678901", 4, "digits"),
        ("dur~5", 3, "it takes : != > >= < <="),
        ("status>ok", 6, "it takes : != ~"),
        ("status:okk", 7, "did you mean `ok`?"),
        ("status:zzz", 7, "ok, tool_error, error, cancelled, http_error, unanswered, undetermined"),
        ("status:zzz*", 7, "unknown status"),
        ("cause:\"x\"", 7, "client_closed"),
        ("finding:tcp.gaps", 8, "did you mean `tcp.gap`?"),
        ("finding:zz", 8, "rpc.*"),
        ("name~(a", 5, "unclosed group"),
        ("name~ab[z-a]", 8, "range"),
        ("name~\"ä\\\"(\"", 10, "unclosed group"),
        ("name~\\w{1000}{10}", 5, "too large"),
        ("name~\"x\"*", 8, "inside the quotes"),
        ("name:a*b", 6, "only allowed at the end"),
        ("name!=*", 6, "not name:*"),
        ("rev>20*", 6, "goes with"),
        ("dur:4*", 5, "no prefix"),
        ("port:80.5", 7, "integer"),
        ("port:80x", 7, "integer"),
        ("http>4xx", 5, "class"),
        ("ip:localhost", 3, "not looked up"),
        ("server:10.0.0.256", 7, "not an address"),
        ("ip:10.0.0.1:80", 3, "not an address"),
        ("ip:10.0.0.0/33", 12, "prefix length"),
        ("time:25:00", 5, "not a time"),
        ("time:2026-13-01", 5, "not a time"),
        ("time:12x", 7, "epoch"),
        ("a and", 5, "missing at the end"),
        ("not", 3, "missing at the end"),
        ("or a", 0, "missing before `or`"),
        ("a && && b", 5, "missing before `and`"),
        ("()", 1, "missing before `)`"),
        ("(a", 0, "unclosed"),
        ("a (b (c)", 2, "unclosed"),
        ("a) b", 1, "unmatched"),
        ("f(x)", 1, "directly after the word"),
        ("name:f(x)", 6, "directly after the value"),
        ("\"a\"b", 3, "directly after the text"),
        ("ä \"b", 3, "unclosed"),
        ("\"a\\q\"", 2, "escape"),
        ("\"\\u{d800}\"", 1, "escape"),
        (&long, 4095, "longer"),
    ];
    for (text, at, says) in table {
        let error = Filter::parse(text).expect_err(text);
        assert_eq!(error.at, *at, "{}", error.render(text));
        assert!(error.to_string().contains(says), "{text}: {error} / {says}");
    }
}

#[test]
fn depth_and_size_are_capped() {
    for (open, deepest) in [("(", 64), ("!", 64), ("not ", 64)] {
        let close = if open == "(" { ")" } else { "" };
        let deep = |depth: usize| format!("{}a{}", open.repeat(depth), close.repeat(depth));
        assert!(Filter::parse(&deep(deepest - 1)).is_ok());
        assert_eq!(Filter::parse(&deep(deepest)).expect_err("too deep").at, open.len() * deepest);
        let bomb = open.repeat(4096 / open.len());
        assert!(Filter::parse(&bomb).is_err());
    }
    assert!(Filter::parse(&"a ".repeat(2048)).is_ok());
    assert!(Filter::parse(&"id~a ".repeat(16)).is_ok());
    assert_eq!(Filter::parse(&"id~a ".repeat(17)).expect_err("too many").at, 16 * 5);
    assert!(Filter::parse(r"name~\w{40}").is_ok());
}
