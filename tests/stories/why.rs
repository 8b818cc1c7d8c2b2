//! `mcpdump why`: who ended it and by which limit, and that nobody is blamed without evidence.

use std::io::Cursor;

use mcpdump::base::Files;
use mcpdump::capture;
use mcpdump::engine::Engine;
use mcpdump::why::{Certainty, Collector, Limits, Question, Sentence, Story as Told, Topic};

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const SID: Fields = &[("Mcp-Session-Id", "x")];

/// What is told of a capture.
pub(super) struct Answer {
    told: Told,
    text: String,
}

pub(super) fn why(story: &Story, question: Question) -> Answer {
    why_of_file(&story.pcap(), question)
}

fn why_of_file(pcap: &[u8], question: Question) -> Answer {
    let source = || capture::from_reader("story", Box::new(Cursor::new(pcap.to_vec())));
    let mut collector = Collector::new(question);
    let (mut engine, mut entries, mut capture) = (Engine::new(), Vec::new(), source());
    while engine.read(&mut capture, &mut entries).unwrap() {}
    entries.drain(..).for_each(|entry| collector.push(&entry, true));
    let (mut engine, mut capture) = (Engine::of_connections(collector.connections()), source());
    engine.emit_payloads();
    while engine.read(&mut capture, &mut entries).unwrap() {}
    entries.iter().for_each(|entry| collector.trace(entry));
    let told = collector.story(&Limits::default());
    let mut text = Vec::new();
    mcpdump::why::text(&told, &mcpdump::why::Options::default(), &mut text).unwrap();
    Answer { told, text: String::from_utf8(text).unwrap() }
}

impl Answer {
    /// The sentences on a topic.
    fn on(&self, topic: Topic) -> Vec<&Sentence> {
        self.told.sentences.iter().filter(|sentence| sentence.topic == topic).collect()
    }

    /// One sentence says this, as sure as that; returns it.
    #[track_caller]
    pub(super) fn says(&self, certainty: Certainty, words: &str) -> &Sentence {
        let found = self.told.sentences.iter().find(|sentence| sentence.text.contains(words));
        let found = found.unwrap_or_else(|| panic!("{words:?} is not told:\n{}", self.text));
        assert_eq!(found.certainty, certainty, "{}", self.text);
        found
    }

    /// What is printed.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// No sentence says this.
    #[track_caller]
    pub(super) fn is_silent_on(&self, words: &str) {
        assert!(!self.text.contains(words), "{words:?} is told:\n{}", self.text);
    }
}

/// The packets of a sentence.
fn packets(sentence: &Sentence) -> Vec<u64> {
    let files = Files::default();
    let all = sentence.evidence.in_files(&files);
    all.iter().flat_map(|it| &it.packets).flat_map(|(first, last)| *first..=*last).collect()
}

/// A call whose stream the server closes after a minute of silence.
fn closed_after_a_minute(story: &mut Story) -> (Conn, u64, u64) {
    let conn = streamable(story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
    let head = story.at(1001.0).s(conn, sse(&[]));
    let fin = story.at(61_004.0).fin(conn, Server);
    (conn, head, fin)
}

#[test]
fn a_stream_that_dies_after_a_minute_of_silence_matches_limits_of_a_minute() {
    let mut story = Story::new();
    let (_, head, fin) = closed_after_a_minute(&mut story);
    let answer = why(&story, Question::Exchange(2));
    let ended =
        answer.says(Certainty::Proven, "The server closed the connection (FIN) 60.004 s after the request");
    assert!(packets(ended).contains(&fin));
    answer.says(Certainty::Proven, "the server's 60.003 s, the client's 60.004 s earlier");
    let limit =
        answer.says(Certainty::Matches, "60.003 s of silence matches nginx proxy_read_timeout (60 s)");
    assert_eq!(packets(limit), [head, fin]);
    let lines = limit.evidence.lines(&Files::default());
    let filter = format!(": tcp.stream == 0 && frame.number in {{{head}..{fin}}}");
    assert!(matches!(lines.as_slice(), [line] if line.ends_with(&filter)), "{lines:?}");
    assert!(limit.sources[0].contains("nginx.org"));
    answer.is_silent_on("Something between");
}

/// Half a minute is no limit of anything that closes a stream, and one end repeats nothing.
#[test]
fn an_end_that_equals_no_limit_matches_none() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
    story.at(1001.0).s(conn, sse(&[]));
    story.at(38_000.0).fin(conn, Server);
    let answer = why(&story, Question::Exchange(2));
    answer.says(Certainty::Proven, "The server closed the connection");
    assert!(answer.on(Topic::Limit).is_empty(), "{}", answer.text);
}

/// A comment keeps the stream alive: the silence counts from it.
#[test]
fn a_keep_alive_is_no_silence() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
    story.at(1001.0).s(conn, sse(&[]));
    story.at(41_000.0).s(conn, chunk(": ping\n\n"));
    story.at(61_004.0).fin(conn, Server);
    let answer = why(&story, Question::Exchange(2));
    answer.says(Certainty::Proven, "the server's 20.004 s, the client's 60.004 s earlier");
    answer.is_silent_on("proxy_read_timeout");
}

/// A stream of a call that comes in portions of these lengths, a second apart, cut anywhere.
fn in_portions(lens: &[usize]) -> Answer {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
    let events: String = (0..400)
        .map(|n| {
            let params =
                serde_json::json!({"progressToken": 1, "progress": n, "message": "x".repeat(n % 90)});
            format!("data: {}\n\n", notification("notifications/progress", params))
        })
        .collect();
    let mut rest = events.as_bytes();
    story.at(1001.0).s(conn, sse(&[]));
    for (n, len) in lens.iter().enumerate() {
        let (portion, others) = rest.split_at(*len);
        let framed = [format!("{len:x}\r\n").as_bytes(), portion, b"\r\n"].concat();
        story.at(2000.0 + 1000.0 * n as f64).s(conn, framed);
        rest = others;
    }
    story.at(60_000.0).fin(conn, Server);
    why(&story, Question::Exchange(2))
}

/// Events have any length: portions that all have the size of a buffer were not sent as they came.
/// Portions of another length, or of that length by chance, say nothing.
#[test]
fn portions_of_a_buffers_size_were_held_back() {
    let answer = in_portions(&[3900, 4096, 4096, 4096, 4096, 700]);
    answer.says(Certainty::Likely, "The stream came in 4 portions of 4096 bytes, 1.000 s apart on average");
    answer.is_silent_on("keep-alive");
    let others: [&[usize]; 3] =
        [&[3900, 4096, 4096, 700], &[3000, 4000, 4000, 4000, 4000], &[4096, 100, 4096, 100, 4096]];
    for lens in others {
        in_portions(lens).is_silent_on("portions");
    }
}

/// A call that the client cancels after a minute. Returns its connection, and the packet that
/// cancels it.
fn cancelled_after_a_minute(story: &mut Story) -> (Conn, u64) {
    let conn = streamable(story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
    story.at(1001.0).s(conn, sse(&[]));
    let other = story.at(61_000.0).connect("10.0.0.1:5001", SERVER);
    let cancel = notification("notifications/cancelled", serde_json::json!({"requestId": 1}));
    let packet = story.at(61_005.0).c(other, post("/mcp", SID, &cancel));
    story.s(other, accepted());
    (conn, packet)
}

#[test]
fn a_client_that_cancels_after_a_minute_matches_the_typescript_sdk() {
    let mut story = Story::new();
    let (_, packet) = cancelled_after_a_minute(&mut story);
    let answer = why(&story, Question::Exchange(2));
    let ended = answer.says(Certainty::Proven, "The client cancelled it (notifications/cancelled) 60.005 s");
    assert!(packets(ended).contains(&packet));
    answer.says(
        Certainty::Matches,
        "60.005 s from the request on matches the TypeScript SDK's request time-out",
    );
}

/// The answer comes after the client gave up: who gave up, and by which limit, is told as without
/// an answer.
#[test]
fn a_late_answer_does_not_hide_who_gave_up() {
    let mut story = Story::new();
    let (conn, _) = cancelled_after_a_minute(&mut story);
    let late = story.at(61_505.0).s(conn, event(&result(1)));
    let answer = why(&story, Question::Exchange(2));
    answer.says(Certainty::Proven, "The client cancelled it (notifications/cancelled) 60.005 s");
    answer.says(Certainty::Matches, "matches the TypeScript SDK's request time-out");
    let told = answer.says(Certainty::Proven, "The answer, its result, came 500 ms later");
    assert_eq!(packets(told), [late]);
    let answer = why(&story, Question::Worst);
    answer.says(Certainty::Proven, "the client cancelled it (notifications/cancelled) 60.005 s");
    answer.is_silent_on("answered after");
}

/// nginx buffered an answer of 297 kB for 14 s that the server had sent after 30 ms.
#[test]
fn what_a_proxy_took_is_not_the_servers() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/stacks/nginx-buffered-sse/capture.pcap");
    let answer = why_of_file(&std::fs::read(file).unwrap(), Question::Exchange(43));
    answer.says(Certainty::Proven, "The proxy took 14.406 s of it");
    answer.says(Certainty::Proven, "behind the proxy the same call, exchange 44, took 30.3 ms");
    answer.is_silent_on("The server, or what is behind it, took 14");
}

/// A reset in the name of the server whose hop limit is not the server's.
#[test]
fn a_reset_with_another_hop_limit_came_from_something_between() {
    let ended_by = |hop_limit: u8| {
        let mut story = Story::new();
        story.hop_limit(57);
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
        story.at(1001.0).s(conn, sse(&[]));
        let rst = story.at(20_000.0).hop_limit(hop_limit).rst(conn, Server);
        (why(&story, Question::Exchange(2)), rst)
    };
    let (answer, rst) = ended_by(255);
    answer.says(Certainty::Proven, "A reset (RST) in the name of the server ended the connection");
    let between = answer.says(Certainty::Likely, "Something between client and server sent that RST");
    assert!(between.text.contains("its hop limit is 255, that of the server's"), "{}", between.text);
    assert!(packets(between).contains(&rst));
    let (answer, _) = ended_by(57);
    answer.is_silent_on("between client and server");
}

/// The capture began in the middle: two packets do not say which hop limit a server has.
#[test]
fn few_packets_show_no_hop_limit() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.at(1000.0).c(conn, post("/mcp", &[], &request(1, "tools/call")));
    story.at(1001.0).s(conn, sse(&[]));
    story.at(20_000.0).hop_limit(255).rst(conn, Server);
    why(&story, Question::Exchange(1)).is_silent_on("Something between");
}

/// Resets to both sides out of silence: neither side answers a reset with one.
#[test]
fn resets_to_both_sides_came_from_something_between() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
    story.at(1001.0).s(conn, sse(&[]));
    let first = story.at(241_001.0).rst(conn, Server);
    let second = story.at(241_001.2).rst(conn, Client);
    let answer = why(&story, Question::Exchange(2));
    let between = answer.says(Certainty::Likely, "both got a reset in the name of the other");
    assert_eq!(packets(between), [first, second]);
}

/// A reset that answers bytes sooner than anything came back from the server.
#[test]
fn a_reset_that_comes_too_soon_came_from_nearer_than_the_server() {
    let reset_after = |ms: f64| {
        let mut story = Story::new();
        let conn = story.connect_over(40.0, A, SERVER);
        for n in 0..4_u32 {
            let at = 100.0 + f64::from(n) * 100.0;
            story.at(at).c(conn, post("/mcp", SID, &request(n, "ping")));
            story.at(at + 40.0).s(conn, ok(&result(n)));
        }
        story.at(20_000.0).c(conn, post("/mcp", SID, &request(9, "tools/call")));
        story.at(20_000.0 + ms).rst(conn, Server);
        why(&story, Question::Exchange(5))
    };
    reset_after(1.0)
        .says(Certainty::Likely, "Something between, nearer than the server, sent that RST: it came 1.00 ms");
    reset_after(40.0).is_silent_on("nearer than");
}

/// The client sends on a connection that the server closes at the same moment.
#[test]
fn a_request_on_an_idle_connection_meets_the_servers_keep_alive_limit() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    let answered = story.at(1002.0).s(conn, ok(&result(1)));
    let fin = story.at(6008.0).fin(conn, Server);
    story.at(6008.4).c(conn, post("/mcp", SID, &request(2, "tools/call")));
    let rst = story.at(6009.0).rst(conn, Server);
    let answer = why(&story, Question::Exchange(3));
    let idle = answer.says(Certainty::Proven, "idle for 5.006 s, then the server's FIN");
    assert!([answered, fin, rst].iter().all(|packet| packets(idle).contains(packet)), "{}", answer.text);
    let limit = answer.says(Certainty::Matches, "5.006 s without a request matches");
    for name in ["Node's http.Server keepAliveTimeout (5 s)", "uvicorn"] {
        assert!(limit.text.contains(name), "{}", limit.text);
    }
}

/// A NAT that forgot the connection: the reset answers the first packet after the silence.
#[test]
fn a_forgotten_connection_answers_with_a_reset() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(1002.0).s(conn, ok(&result(1)));
    story.at(401_000.0).c(conn, post("/mcp", SID, &request(2, "tools/call")));
    story.at(401_000.5).rst(conn, Server);
    let answer = why(&story, Question::Exchange(3));
    answer.says(
        Certainty::Likely,
        "a connection that had been idle for 399.998 s: the server, or something between",
    );
    answer.says(Certainty::Matches, "an AWS NAT gateway");
}

const NGINX_PAGE: &str = "<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>\r\n\
    <center><h1>504 Gateway Time-out</h1></center>\r\n<hr><center>nginx/1.24.0</center>\r\n</body>\r\n</html>\r\n";

fn refused(status: &str, fields: Fields, body: &str, ms: f64) -> Answer {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
    story.at(1000.0 + ms).s(conn, reply(status, fields, body));
    why(&story, Question::Exchange(2))
}

#[test]
fn the_error_page_of_a_proxy_names_the_proxy() {
    let answer = refused("504 Gateway Time-out", &[("Server", "nginx/1.24.0")], NGINX_PAGE, 60_002.0);
    answer.says(Certainty::Proven, "It was refused with HTTP 504 60.002 s after the request");
    answer.says(Certainty::Likely, "nginx made that answer, not the server behind it");
    answer.says(Certainty::Matches, "60.002 s of silence matches nginx proxy_read_timeout (60 s)");
}

/// Without a page, and with nothing to compare it with, the answer may be the server's own.
#[test]
fn a_bare_504_may_be_the_servers() {
    let answer = refused("504 Gateway Timeout", &[], "", 3000.0);
    answer.says(Certainty::Unknown, "whether the server or something in front of it made it cannot be told");
    answer.is_silent_on("matches");
    let answer = refused("500 Internal Server Error", &[], "", 60_000.0);
    answer.is_silent_on("gateway");
    answer.is_silent_on("nginx");
}

#[test]
fn another_server_field_than_elsewhere_shows_that_something_between_answered() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let uvicorn = [("Server", "uvicorn"), ("Content-Type", "application/json")];
    story.at(900.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(901.0).s(conn, reply("200 OK", &uvicorn, &result(1)));
    story.at(1000.0).c(conn, post("/mcp", SID, &request(2, "tools/call")));
    story.at(4000.0).s(conn, reply("502 Bad Gateway", &[("Server", "gateway")], "no"));
    let answer = why(&story, Question::Exchange(3));
    answer.says(
        Certainty::Likely,
        "its head has \"Server: gateway\", the server's other answers have \"Server: uvicorn\"",
    );
}

/// A limit that is in no table shows itself by repetition.
#[test]
fn streams_that_die_after_the_same_silence_show_a_limit() {
    let told = |silences: &[f64]| {
        let mut story = Story::new();
        for (n, silence) in (0_u16..).zip(silences) {
            let begin = f64::from(n) * 100_000.0;
            story.at(begin);
            let sid = format!("session-number-{n}");
            let conn = streamable(&mut story, &format!("10.0.0.1:{}", 5000 + n), "2025-06-18", &sid);
            story
                .at(begin + 1000.0)
                .c(conn, post("/mcp", &[("Mcp-Session-Id", &sid)], &request(1, "tools/call")));
            story.at(begin + 1001.0).s(conn, sse(&[]));
            story.at(begin + 1000.0 + silence).fin(conn, Server);
        }
        why(&story, Question::Worst)
    };
    let answer = told(&[47_100.0, 47_140.0, 47_060.0, 47_120.0]);
    answer.says(Certainty::Proven, "4 times tools/call, as in exchange");
    let equal = answer
        .says(Certainty::Likely, "All 4 streams that the server closed at 10.0.0.2:3000 ended after 47.");
    assert!(equal.text.ends_with("a limit, though none that is known here"), "{}", equal.text);
    told(&[47_100.0, 12_000.0, 81_000.0, 30_000.0]).is_silent_on("a limit");
}

/// What is missing may be what was sent last: no silence is told.
#[test]
fn a_gap_hides_the_silence() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
    story.at(1001.0).s(conn, sse(&[]));
    story.lose(conn, Server, event(&notification("notifications/progress", serde_json::json!({}))));
    story.at(61_004.0).fin(conn, Server);
    let answer = why(&story, Question::Exchange(2));
    answer.is_silent_on("of silence");
    answer.is_silent_on("proxy_read_timeout");
    assert!(answer.on(Topic::Outcome).iter().all(|it| it.certainty == Certainty::Unknown), "{}", answer.text);
}

#[test]
fn the_end_of_the_capture_is_nobodys_fault() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
    story.at(61_000.0).ack(conn, Client);
    let answer = why(&story, Question::Exchange(2));
    answer.says(Certainty::Unknown, "It was open when the capture ended");
    answer.is_silent_on("matches");
    answer.is_silent_on("closed");
}

/// Nothing is wrong, and that is what is told.
#[test]
fn a_healthy_capture_has_nothing_to_tell() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
    story.at(1012.0).s(conn, ok(&result(1)));
    let answer = why(&story, Question::Worst);
    answer.says(Certainty::Proven, "Nothing was left without an answer");
    assert_eq!(answer.told.sentences.len(), 1, "{}", answer.text);
}
