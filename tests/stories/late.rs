//! Requests that are sent again, requests of servers without an answer, sessions that ended
//! before: who stopped waiting, and whose time it was.

use mcpdump::why::{Certainty, Question};
use serde_json::json;

use super::http::*;
use super::story::*;
use super::why::why;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";
const SID: Fields = &[("Mcp-Session-Id", "x")];

/// A call on a connection that was idle for 5 s, which one side resets, and which is sent again
/// `wait` milliseconds after the first time.
fn sent_again(reset_by: Side, wait: f64) -> Story {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let body = post("/mcp", SID, &with(1, "tools/call", json!({"name": "t"})));
    story.at(20.0).c(conn, post("/mcp", SID, &request(7, "ping")));
    story.at(21.0).s(conn, ok(&result(7)));
    story.ack(conn, Client);
    story.at(5030.0).c(conn, &body);
    story.at(5030.0 + wait - 10.0).rst(conn, reset_by);
    let again = story.at(5030.0 + wait - 1.0).connect(B, SERVER);
    story.at(5030.0 + wait).c(again, &body);
    story.at(6030.0 + wait).s(again, ok(&result(1)));
    story.ack(again, Client);
    story
}

/// The time until a request was sent again is not the server's.
#[test]
fn the_time_before_a_request_is_sent_again_is_not_the_servers() {
    for (reset_by, wait, after) in [(Server, 100.0, "100 ms"), (Client, 30_011.0, "30.011 s")] {
        let story = sent_again(reset_by, wait);
        let answer = why(&story, Question::Exchange(3));
        let words = format!("The client sent the request again {after} after the first time");
        answer.says(Certainty::Proven, &words);
        answer.says(
            Certainty::Likely,
            "After the request was sent again, the server, or what is behind it, took 1.000 s",
        );
        answer.is_silent_on("% of it");
        let side = if reset_by == Server { "the server" } else { "the client" };
        let words = format!("A reset (RST) in the name of {side} ended the connection of the first request");
        let told = answer.says(Certainty::Proven, &words);
        assert_eq!(told.text.contains("idle for 5.009 s"), reset_by == Server, "{}", told.text);
        let answer = why(&story, Question::Worst);
        let words = format!("with a request that was sent again {after} after the first time");
        answer.says(Certainty::Proven, &words);
        answer.is_silent_on("of them the server's");
    }
}

/// The side that ends a connection first is the one that ended it: an answer with a reset is none.
#[test]
fn the_first_end_of_the_first_connection_counts() {
    for (by, side) in [(Client, "The client"), (Server, "The server")] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        let body = post("/mcp", SID, &with(1, "tools/call", json!({"name": "t"})));
        story.at(100.0).c(conn, &body);
        story.at(10_100.0).fin(conn, by);
        story.at(10_101.0).rst(conn, if by == Client { Server } else { Client });
        let again = story.at(10_110.0).connect(B, SERVER);
        story.at(10_111.0).c(again, &body);
        story.at(10_200.0).s(again, ok(&result(1)));
        story.ack(again, Client);
        let answer = why(&story, Question::Exchange(2));
        answer.says(Certainty::Proven, &format!("{side} closed (FIN) the connection of the first request"));
        answer.is_silent_on("reset (RST) in the name of");
    }
}

/// A client that gives up with a FIN, and an answer that comes later: its system answers with a
/// reset. One that only ended what it sends goes on reading, and acknowledges.
#[test]
fn an_answer_that_meets_a_closed_connection_is_not_read() {
    for is_read in [false, true] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
        story.at(301_000.0).fin(conn, Client);
        story.at(312_000.0).s(conn, ok(&result(1)));
        if is_read {
            story.at(312_001.0).ack(conn, Client);
        }
        story.at(312_002.0).reset_bytes(conn, Client);
        let (exchange, worst) = (why(&story, Question::Exchange(2)), why(&story, Question::Worst));
        if is_read {
            exchange.is_silent_on("nobody read the answer");
            worst.is_silent_on("had closed the connection");
        } else {
            let words =
                "The client had closed the connection (FIN) 300.000 s after the request, before the answer";
            exchange.says(Certainty::Likely, words);
            exchange.says(Certainty::Matches, "300.000 s of silence matches");
            let words = "after the client had closed the connection (FIN) 300.000 s after the request";
            worst.says(Certainty::Proven, words);
        }
    }
}

/// A request of the server that nobody answers: it is the client that owes the answer, and limits
/// on HTTP requests say nothing about it.
#[test]
fn a_question_that_is_not_answered_is_no_http_request() {
    let mut story = Story::new();
    let _ = streamable(&mut story, A, "2025-06-18", "x");
    let stream = story.at(100.0).connect(B, SERVER);
    story.c(stream, get("/mcp", SID));
    story.s(stream, sse(&[]));
    story.at(20_000.0).s(stream, event(&request("p", "ping")));
    story.at(50_000.0).s(stream, LAST);
    let answer = why(&story, Question::Exchange(2));
    answer.says(Certainty::Proven, "The server ended the stream on which it had asked");
    answer.is_silent_on("from the request on matches");
    answer.is_silent_on("opening its connection");
}

/// A call that is cancelled while a question inside it is open: the call leads, and its limit is
/// told once.
#[test]
fn a_question_inside_a_cancelled_call_is_told_after_it() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
    story.at(1001.0).s(conn, sse(&[]));
    story.at(1002.0).s(conn, event(&request(5, "elicitation/create")));
    let other = story.at(61_000.0).connect(B, SERVER);
    let cancel = notification("notifications/cancelled", json!({"requestId": 1}));
    story.at(61_001.0).c(other, post("/mcp", SID, &cancel));
    story.s(other, accepted());
    story.at(61_010.0).fin(conn, Client);
    let answer = why(&story, Question::Worst);
    let call = answer.text().find("the client cancelled it").unwrap();
    assert!(call < answer.text().find("elicitation/create").unwrap(), "{}", answer.text());
    answer.is_silent_on("nginx");
    let answer = why(&story, Question::Exchange(2));
    answer.says(Certainty::Proven, "1 request of the server inside the call waited");
    answer.is_silent_on("to answer");
}

/// Over HTTP+SSE a session lives as long as its stream.
#[test]
fn a_post_after_the_stream_of_its_session_ended() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(5000.0).close(stream, Server);
    story.at(9000.0).c(posts, send(TARGET, &request(1, "tools/call")));
    story.s(posts, reply("404 Not Found", &[("Content-Type", "text/plain")], "Could not find session"));
    let answer = why(&story, Question::Exchange(2));
    let told = answer.says(Certainty::Proven, "had ended 4.000 s before with its event stream");
    assert!(told.text.contains("the server closed it"), "{}", told.text);
    why(&story, Question::Worst).says(Certainty::Proven, "had ended 4.000 s before with its event stream");
}

#[test]
fn a_redirect_that_nobody_follows() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.at(10.0).c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.at(12.0).s(conn, reply("308 Permanent Redirect", &[("Location", "https://a/mcp")], ""));
    let answer = why(&story, Question::Exchange(1));
    answer.says(Certainty::Proven, "It was redirected (HTTP 308)");
}

/// What is in a request of which a part is missing is not known: nothing says that all was well.
#[test]
fn a_request_that_was_cut_is_not_nothing() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let body = post("/mcp", SID, &request(1, "tools/call"));
    story.at(1000.0).c(conn, &body[..body.len() - 10]);
    story.at(61_000.0).reset_bytes(conn, Client);
    let answer = why(&story, Question::Worst);
    answer.is_silent_on("Nothing was left without an answer");
    answer.says(Certainty::Proven, "A request was cut (http.request_cut)");
}

/// A request that TCP sends again and again, and that nobody acknowledges, did not wait for the
/// server. Where only acknowledgements are missing it is sent once.
#[test]
fn a_request_that_is_never_acknowledged() {
    for copies in [0, 4] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        let body = post("/mcp", SID, &request(1, "tools/call"));
        let seq = story.lose(conn, Client, &body);
        for copy in 0..=copies {
            story.at(1000.0 + 1000.0 * f64::from(copy)).retransmit(conn, Client, seq, &body);
        }
        story.at(31_000.0).fin(conn, Client);
        let answer = why(&story, Question::Exchange(2));
        if copies > 0 {
            answer.says(Certainty::Proven, "The client sent the end of the request 5 times within 4.000 s");
        } else {
            answer.is_silent_on("acknowledged none");
        }
    }
}

/// Requests on both sides of a NAT: the same, captured twice. Sent later, or of another length, it
/// is another one.
#[test]
fn a_request_on_both_sides_of_a_nat_is_no_second_one() {
    for (apart, name, found) in [(0.02, "a", 0), (500.0, "a", 1), (0.02, "abc", 1)] {
        let mut story = Story::new();
        let inside = story.connect(A, SERVER);
        let outside = story.at(0.02).connect("192.0.2.1:61000", SERVER);
        let first = post("/mcp", &[], &initialize(0, "2025-06-18"));
        story.at(1.0).c(inside, &first);
        story.at(1.02).c(outside, &first);
        let answer = json_reply("200 OK", SID, &initialized(0, "2025-06-18"));
        story.at(2.0).s(outside, &answer);
        story.at(2.02).s(inside, &answer);
        let params = |name: &str| json!({"name": name, "arguments": {}, "_meta": {"progressToken": 4}});
        story.at(1000.0).c(inside, post("/mcp", SID, &with(1, "tools/call", params("a"))));
        story.at(1000.0 + apart).c(outside, post("/mcp", SID, &with(1, "tools/call", params(name))));
        story.at(3000.0).s(outside, ok(&result(1)));
        story.at(3000.02).s(inside, ok(&result(1)));
        let rows = story.run();
        rows.exchange_is(3, json!({"status": "ok"}));
        rows.exchange_is(4, json!({"status": "ok"}));
        rows.finds("mcp.id_reused", found);
        rows.finds("mcp.token_collision", found);
    }
}

/// A session that is refused and served in turn is not lost.
#[test]
fn a_session_that_is_refused_in_turn_is_not_lost() {
    for served in [2, 0] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "0b6a1d4e9f6f4c5f8f0a3d7b5a2c9e11");
        let sid: Fields = &[("Mcp-Session-Id", "0b6a1d4e9f6f4c5f8f0a3d7b5a2c9e11")];
        for n in 1..=4 {
            story.at(1000.0 * f64::from(n)).c(conn, post("/mcp", sid, &request(n, "tools/call")));
            let unknown =
                json_reply("404 Not Found", &[], &error(serde_json::Value::Null, -32001, "no session"));
            let is_served = n % 2 == 1 && (served > 0 || n == 1);
            story.s(conn, if is_served { ok(&result(n)) } else { unknown });
        }
        let answer = why(&story, Question::Worst);
        if served > 0 {
            answer.says(
                Certainty::Likely,
                "refused the id of session s1 2 times (HTTP 404) and served it once",
            );
            answer.is_silent_on("was lost");
        } else {
            answer.says(Certainty::Likely, "Session s1 was lost");
        }
    }
}
