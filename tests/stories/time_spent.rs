//! `mcpdump why`: where the time went, and what became of streams and sessions.

use mcpdump::why::{Certainty, Question};
use serde_json::json;

use super::http::*;
use super::ready::Ready;
use super::story::*;
use super::why::{Answer, why};

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";
const SID: Fields = &[("Mcp-Session-Id", "x")];

fn call(id: u64) -> String {
    post("/mcp", SID, &with(id, "tools/call", json!({"name": "search"})))
}

/// A call that is answered after `ms` milliseconds.
fn answered(story: &mut Story, conn: Conn, id: u64, at: f64, ms: f64) {
    story.at(at).c(conn, call(id));
    story.at(at + ms).s(conn, ok(&result(id)));
}

/// A small answer and, from 200 to 600 ms, a large message on one event stream.
fn behind(large: &str, is_behind: bool) -> Answer {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    for id in [1, 2] {
        story.at(100.0 + id as f64).c(posts, send(TARGET, &with(id, "tools/call", json!({"name": "a"}))));
        story.s(posts, accepted());
    }
    for (at, part) in event(large).as_bytes().chunks(1000).enumerate() {
        story.at(200.0 + 100.0 * at as f64).s(stream, part);
    }
    let small = if is_behind { 600.0 } else { 1200.0 };
    story.at(small).s(stream, event(&result(2)));
    why(&story, Question::Exchange(3))
}

#[test]
fn a_small_answer_behind_a_large_message() {
    let text = "x".repeat(4000);
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"text": text}}).to_string();
    let log = notification("notifications/message", json!({"level": "info", "data": text}));
    let asked = with(7, "sampling/createMessage", json!({"messages": [], "maxTokens": 1, "x": text}));
    for (large, what) in
        [(&answer, "the answer of exchange 2"), (&log, "1 other message"), (&asked, "1 other message")]
    {
        behind(large, true).says(Certainty::Likely, &format!("behind {what} on the same event stream"));
        behind(large, false).is_silent_on("on the same event stream");
    }
}

/// What a server sends in the course of a call is no wait behind others.
#[test]
fn progress_of_the_call_itself() {
    for mut ready in Ready::each() {
        let params = json!({"name": "a", "_meta": {"progressToken": 7}});
        ready.ask(&with(1, "tools/call", params));
        ready.begin();
        let text = "x".repeat(1000);
        for at in 0..20 {
            let progress = json!({"progressToken": 7, "progress": at, "message": text});
            ready.at(100.0 + 0.8 * f64::from(at)).tell(&notification("notifications/progress", progress));
        }
        ready.at(116.0).tell(&result(1));
        ready.end();
        why(&ready.story, Question::Exchange(2)).is_silent_on("on the same event stream");
    }
}

#[test]
fn calls_that_wait_for_each_other() {
    let mut story = Story::new();
    let conns: Vec<_> = (0..5).map(|n| story.connect(&format!("10.0.0.1:{}", 5000 + n), SERVER)).collect();
    story.c(conns[0], post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.s(conns[0], json_reply("200 OK", SID, &initialized(0, "2025-06-18")));
    for (n, conn) in (1..).zip(&conns) {
        story.at(100.0 + n as f64).c(*conn, call(n));
    }
    for (n, conn) in (1..).zip(&conns) {
        story.at(100.0 + 200.0 * n as f64).s(*conn, ok(&result(n)));
    }
    let answer = why(&story, Question::Exchange(6));
    answer.says(Certainty::Likely, "calls in front of it at the same server");
    why(&story, Question::Exchange(2)).is_silent_on("in front of it");
}

#[test]
fn a_first_call_that_is_slow() {
    let told = |first: f64| {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        answered(&mut story, conn, 1, 100.0, first);
        for id in 2..9 {
            answered(&mut story, conn, id, 5000.0 + 1000.0 * id as f64, 20.0);
        }
        why(&story, Question::Exchange(2))
    };
    told(2000.0).says(Certainty::Likely, "A cold start: the first call of its kind");
    told(25.0).is_silent_on("cold start");
}

#[test]
fn a_user_who_thinks() {
    for mut ready in Ready::each() {
        ready.ask(&with(1, "tools/call", json!({"name": "a"})));
        ready.begin();
        ready.at(100.0).tell(&request(7, "elicitation/create"));
        ready.at(9100.0).notify(&result(7));
        ready.at(9200.0).tell(&result(1));
        ready.end();
        let answer = why(&ready.story, Question::Exchange(2));
        answer.says(Certainty::Proven, "The client, its model or its user took 9.00 s");
    }
}

#[test]
fn a_connection_that_is_opened_for_the_call() {
    let mut story = Story::new();
    streamable(&mut story, A, "2025-06-18", "x");
    let conn = story.at(1000.0).connect_over(80.0, B, SERVER);
    story.at(1085.0).c(conn, call(1));
    story.at(1200.0).s(conn, ok(&result(1)));
    let answer = why(&story, Question::Exchange(2));
    answer.says(Certainty::Proven, "opening its connection took 85.0 ms: 80.0 ms for TCP");
    answer.says(Certainty::Proven, "The network: a round trip");
}

/// The client sends the end of a message when its beginning is acknowledged, 40 ms later.
#[test]
fn nagle_and_delayed_acknowledgements() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let request = call(1);
    let (head, body) = request.split_at(100);
    story.at(1000.0).c(conn, head);
    story.at(1040.0).ack(conn, Server);
    story.at(1040.1).c(conn, body);
    story.at(1050.0).s(conn, ok(&result(1)));
    why(&story, Question::Exchange(2)).says(Certainty::Likely, "Nagle's algorithm meets delayed ACKs");
}

/// Reconnecting with Last-Event-ID: whether the server repeats what was missed.
#[test]
fn a_stream_that_is_opened_again() {
    let told = |fields: Fields, repeats: bool| {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        story.at(100.0).c(conn, call(1));
        story.s(conn, sse(&[]));
        story.s(conn, event_id("e1", &notification("notifications/message", json!({"level": "info"}))));
        story.at(5000.0).close(conn, Server);
        let again = story.at(6000.0).connect(B, SERVER);
        let fields: Vec<_> = SID.iter().chain(fields).copied().collect();
        story.c(again, get("/mcp", &fields));
        story.s(again, sse(&[]));
        if repeats {
            story.at(6100.0).s(again, event_id("e2", &result(1)));
        }
        story.at(9000.0).s(again, LAST);
        why(&story, Question::Exchange(2))
    };
    let resumes: Fields = &[("Last-Event-ID", "e1")];
    told(resumes, true).says(Certainty::Proven, "with Last-Event-ID, and the answer came there");
    told(resumes, false).says(Certainty::Proven, "with Last-Event-ID, and the server repeated nothing there");
    told(&[], false).says(Certainty::Proven, "without Last-Event-ID: what was sent between is lost to it");
}

#[test]
fn connections_that_are_refused() {
    let mut story = Story::new();
    streamable(&mut story, A, "2025-06-18", "x");
    for port in 0..3 {
        story.at(1000.0 * f64::from(port)).refuse(&format!("10.0.0.1:{}", 6000 + port), SERVER);
    }
    story.refuse("10.0.0.1:7000", "10.0.0.9:1");
    let answer = why(&story, Question::Worst);
    answer.says(Certainty::Proven, "3 connections to 10.0.0.2:3000 were refused");
    answer.is_silent_on("10.0.0.9:1");
}

/// An answer that comes before the request is complete.
#[test]
fn a_refusal_before_the_end_of_the_request() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let request = call(1);
    let (head, body) = request.split_at(request.len() - 10);
    story.at(1000.0).c(conn, head);
    story.at(1005.0).s(conn, reply("401 Unauthorized", &[], ""));
    story.at(1007.0).c(conn, body);
    let answer = why(&story, Question::Exchange(2));
    answer.says(Certainty::Proven, "It was refused with HTTP 401 2.00 ms before the request was complete");
}
