//! Answers of each dialect, as pieces of HTTP bodies.

use std::fmt::Write as _;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

mod hostile;
mod samples;

use self::samples::{
    anthropic, gemini, gemini_array, kimi, ollama, openai_chat, openai_responses, samples, wanted,
};
use super::*;
use crate::base::{Degraded, Findings, Layer, Origin, Peers, ResponseEnd, Side, Sink, Span, limits};
use crate::http::{Assembler, Head, Part, PartKind, StartLine, TransactionNo, Update, UpdateKind};

const MS: i64 = 1_000_000;

/// A request and its answer.
struct Sample {
    dialect: Dialect,
    target: &'static str,
    request: String,
    media_type: &'static str,
    status: u16,
    /// What each packet of the answer carries; the first one comes 10 ms after the request.
    packets: Vec<String>,
}

/// What is read of a call: text, tool calls, tokens, why it ended.
type Read = (String, Vec<(Option<String>, String, String)>, [Option<u64>; 2], Option<String>);

fn read(call: &LlmCall) -> Read {
    let tools = call.tool_calls.iter().map(|tool| {
        (tool.id.as_deref().map(str::to_owned), tool.name.to_string(), tool.arguments.kept.clone())
    });
    let finish = call.finish_reason.as_deref().map(str::to_owned);
    (call.text.kept.clone(), tools.collect(), [call.input_tokens, call.output_tokens], finish)
}

fn expected(
    text: &str,
    tools: &[(Option<&str>, &str, &str)],
    tokens: [Option<u64>; 2],
    finish: &str,
) -> Read {
    let tools = tools
        .iter()
        .map(|(id, name, arguments)| (id.map(str::to_owned), (*name).to_owned(), (*arguments).to_owned()));
    (text.to_owned(), tools.collect(), tokens, Some(finish.to_owned()))
}

fn events(list: &[(&str, serde_json::Value)]) -> Vec<String> {
    let event = |(name, data): &(&str, serde_json::Value)| match *name {
        "" => format!("data: {data}\n\n"),
        name => format!("event: {name}\ndata: {data}\n\n"),
    };
    list.iter().map(event).collect()
}

impl Sample {
    fn sse(
        dialect: Dialect,
        target: &'static str,
        request: &serde_json::Value,
        packets: Vec<String>,
    ) -> Self {
        let request = request.to_string();
        Self {
            dialect,
            target,
            request,
            media_type: "text/event-stream; charset=utf-8",
            status: 200,
            packets,
        }
    }

    /// Runs the call; `cut` tells the lengths of the pieces of each packet, `how` the end.
    fn run(&self, cut: &mut dyn FnMut() -> usize, how: ResponseEnd) -> Option<LlmCall> {
        let mut run = Run::default();
        let head = head(StartLine::Request { method: "POST".into(), target: self.target.into() }, "h", 1);
        run.part(Side::Client, PartKind::Head(head, Degraded::NONE));
        let body = Bytes::from(self.request.clone());
        run.part(Side::Client, PartKind::Content(body, span(2)));
        run.part(Side::Client, PartKind::End { how: ResponseEnd::Complete, at: span(2).end });
        let response = StartLine::Response { status: self.status };
        run.part(Side::Server, PartKind::Head(head_of(response, self.media_type, 3), Degraded::NONE));
        let mut number = 3;
        for packet in &self.packets {
            number += 1;
            let mut rest = Bytes::from(packet.clone());
            while !rest.is_empty() {
                let piece = rest.split_to(cut().clamp(1, rest.len()));
                run.part(Side::Server, PartKind::Content(piece, span(number)));
            }
        }
        run.part(Side::Server, PartKind::End { how, at: span(number + 1).end });
        run.call()
    }

    fn whole(&self) -> LlmCall {
        self.run(&mut || usize::MAX, ResponseEnd::Complete).expect("a call")
    }
}

/// Packets come every 10 ms.
fn span(packet: u64) -> Span {
    Span::of(Origin::new(packet, packet as i64 * 10 * MS))
}

fn head(start: StartLine, host: &str, packet: u64) -> Box<Head> {
    let text = Bytes::from(format!("host: {host}\n"));
    let value = text.slice(6..6 + host.len());
    Box::new(Head::new(start, span(packet), text, [("host", &value[..])].into_iter()))
}

fn head_of(start: StartLine, media_type: &str, packet: u64) -> Box<Head> {
    let text = Bytes::from(format!("content-type: {media_type}\n"));
    let value = text.slice(14..14 + media_type.len());
    Box::new(Head::new(start, span(packet), text, [("content-type", &value[..])].into_iter()))
}

#[derive(Default)]
struct Run {
    assembler: Assembler,
    updates: Vec<Update>,
    calls: Calls,
    steps: Vec<Step>,
    most: usize,
}

impl Run {
    fn part(&mut self, side: Side, kind: PartKind) {
        let mut findings = Findings::new();
        let part = Part { transaction: TransactionNo(0), side, kind };
        self.assembler.push(part, &mut Sink::new(&mut self.updates, &mut findings));
        self.assembler.settle();
        let (client, server) = (([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 80).into());
        let peers = Peers { tcp_stream: 7, client, server, via: None };
        for update in self.updates.drain(..) {
            self.calls.push(&update, Connection { peers: &peers, tls: None }, &mut self.steps);
        }
        self.most = self.most.max(self.calls.held());
    }

    fn call(mut self) -> Option<LlmCall> {
        assert_eq!(self.calls.held(), 0, "nothing is held of a call that is over");
        match self.steps.pop()? {
            Step::Over(call) => Some(*call),
            Step::Began(_) => panic!("a call that began is never over"),
        }
    }
}

#[test]
fn each_dialect_is_put_together() {
    for (sample, (want, model)) in samples().into_iter().zip(wanted()) {
        let call = sample.whole();
        let name = sample.dialect.name();
        assert_eq!(call.dialect, sample.dialect, "{name}");
        let mut have = read(&call);
        if sample.media_type.starts_with("application/json") {
            // As it was sent, blanks included.
            let squeezed = |text: &str| text.split_whitespace().collect::<String>();
            have.1.iter_mut().for_each(|tool| tool.2 = squeezed(&tool.2));
            let mut want = want;
            want.1.iter_mut().for_each(|tool| tool.2 = squeezed(&tool.2));
            assert_eq!(have, want, "{name}");
        } else {
            assert_eq!(have, want, "{name}");
        }
        assert_eq!(call.model.as_deref().unwrap_or("-"), model, "{name}");
        assert_eq!((call.status, call.degraded), (CallStatus::Ok, Degraded::NONE), "{name}");
        assert!(call.is_streamed && call.tool_calls.iter().all(|tool| tool.is_complete), "{name}");
        assert_eq!(call.host.as_deref(), Some("h"), "{name}");
    }
}

#[test]
fn times_are_those_of_the_pieces_with_output() {
    for (sample, first, gap) in [
        // The first event has no text.
        (openai_chat(), 5, 10),
        (openai_responses(), 5, 20),
        // A ping lies between, and blocks that begin and end.
        (anthropic(), 7, 20),
        (gemini_array(), 4, 10),
        (ollama(), 4, 10),
        (kimi(), 5, 10),
    ] {
        let call = sample.whole();
        let name = call.dialect.name();
        assert_eq!(call.pace.first.map(|at| at.packet.0), Some(first), "{name}");
        assert_eq!(call.first_token_ns(), Some((first as i64 - 1) * 10 * MS), "{name}");
        assert_eq!(call.pace.longest_gap_ns, Some(gap * MS), "{name}");
        // To the last byte of the body, not to the packet that ends the framing.
        let last = 3 + sample.packets.len() as i64;
        assert_eq!(call.total_ns(), Some((last - 1) * 10 * MS), "{name}");
    }
}

#[test]
fn tokens_a_second_are_those_between_the_first_and_the_last_piece() {
    let call = openai_chat().whole();
    // 57 tokens, 7 of them of reasoning that was not sent, one that the time begins with, in 50 ms.
    assert_eq!(call.tokens_per_second().map(f64::round), Some(49.0 / 0.05));
    // Gemini counts them beside the output.
    assert_eq!(gemini().whole().tokens_per_second().map(f64::round), Some(5.0 / 0.02));
    assert_eq!(kimi().whole().tokens_per_second(), None, "not counted by guess");
}

#[test]
fn answers_that_come_as_a_whole_have_no_first_token() {
    let bodies = [
        (
            "/v1/chat/completions",
            json!({"object": "chat.completion", "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "sum", "arguments": "{\"a\":1}"}}]}, "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}),
            Dialect::OpenaiChat,
        ),
        (
            "/v1/responses",
            json!({"object": "response", "model": "m", "status": "completed", "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}, {"type": "function_call", "call_id": "c1", "name": "sum", "arguments": "{\"a\":1}"}], "usage": {"input_tokens": 1, "output_tokens": 2}}),
            Dialect::OpenaiResponses,
        ),
        (
            "/v1/messages",
            json!({"type": "message", "model": "m", "content": [{"type": "text", "text": "Hi"}, {"type": "tool_use", "id": "c1", "name": "sum", "input": {"a": 1}}], "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 2}}),
            Dialect::Anthropic,
        ),
        (
            "/v1beta/models/m:generateContent",
            json!({"candidates": [{"content": {"parts": [{"text": "Hi"}, {"functionCall": {"id": "c1", "name": "sum", "args": {"a": 1}}}]}, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2}}),
            Dialect::Gemini,
        ),
        (
            "/api/chat",
            json!({"model": "m", "message": {"role": "assistant", "content": "Hi", "tool_calls": [{"id": "c1", "function": {"name": "sum", "arguments": {"a": 1}}}]}, "done": true, "done_reason": "stop", "prompt_eval_count": 1, "eval_count": 2}),
            Dialect::Ollama,
        ),
    ];
    for (target, body, dialect) in bodies {
        let request = json!({"model": "m", "stream": false, "input": "x", "messages": [{"role": "user"}], "contents": [{"parts": []}]});
        let sample = Sample {
            dialect,
            target,
            request: request.to_string(),
            media_type: "application/json",
            status: 200,
            packets: vec![body.to_string()],
        };
        let call = sample.whole();
        assert_eq!(
            (call.dialect, call.is_streamed, call.status),
            (dialect, false, CallStatus::Ok),
            "{target}"
        );
        assert_eq!(call.text.kept, "Hi", "{target}");
        assert_eq!([call.input_tokens, call.output_tokens], [Some(1), Some(2)], "{target}");
        assert_eq!(
            read(&call).1,
            [(Some("c1".to_owned()), "sum".to_owned(), r#"{"a":1}"#.to_owned())],
            "{target}"
        );
        assert_eq!((call.first_token_ns(), call.tokens_per_second()), (None, None), "{target}");
    }
}

#[test]
fn an_error_is_the_servers_own() {
    for (status, body, code, message) in [
        (
            429,
            r#"{"error":{"message":"slow down","type":"rate_limit","code":null}}"#,
            Some("rate_limit"),
            "slow down",
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}}"#,
            Some("invalid_request_error"),
            "no",
        ),
        (404, r#"{"error":"model not found"}"#, None, "model not found"),
        (422, r#"{"detail":"bad"}"#, None, "bad"),
        (502, "<html>bad gateway</html>", None, "<html>bad gateway</html>"),
    ] {
        let sample = Sample {
            status,
            media_type: "application/json",
            packets: vec![body.to_owned()],
            ..openai_chat()
        };
        let call = sample.whole();
        assert_eq!((call.status, call.http_status), (CallStatus::Error, Some(status)));
        let error = call.error.expect("an error");
        assert_eq!((error.code.as_deref(), &*error.message), (code, message), "{body}");
    }
    // In the middle of a stream.
    let mut sample = openai_chat();
    sample.packets.truncate(3);
    sample.packets.push("data: {\"error\":{\"message\":\"overloaded\"}}\n\n".to_owned());
    let call = sample.whole();
    assert_eq!((call.status, call.text.kept.as_str()), (CallStatus::Error, "Hello \u{1f4e6}"));
}

#[test]
fn an_answer_without_its_end_is_told_from_a_whole_one() {
    for sample in samples() {
        let name = sample.dialect.name();
        // A complete answer stays one, however its connection ends.
        for how in
            [ResponseEnd::ResetBy(Side::Client), ResponseEnd::ClosedBy(Side::Server), ResponseEnd::Open]
        {
            // An array is read when it is complete.
            assert_eq!(sample.run(&mut || 5, how).unwrap().status, CallStatus::Ok, "{name}");
        }
        let mut cut = sample;
        cut.packets.truncate(cut.packets.len() / 2);
        for (how, status) in [
            (ResponseEnd::ClosedBy(Side::Client), CallStatus::Cancelled),
            (ResponseEnd::ResetBy(Side::Client), CallStatus::Cancelled),
            (ResponseEnd::ClosedBy(Side::Server), CallStatus::Cut),
            (ResponseEnd::Open, CallStatus::Open),
        ] {
            let call = cut.run(&mut || 5, how).unwrap();
            assert_eq!(call.status, status, "{name}");
            assert_eq!(call.output_tokens.filter(|_| call.dialect == Dialect::Anthropic), None, "{name}");
            assert_eq!(call.end.is_none(), how == ResponseEnd::Open, "{name}");
        }
        let whole = cut.run(&mut || 5, ResponseEnd::Complete).unwrap();
        let want = if whole.dialect.is_documented() { CallStatus::Cut } else { CallStatus::Ok };
        assert_eq!(whole.status, want, "{name}");
    }
}

#[test]
fn other_traffic_is_no_call() {
    for (target, request, media_type, answer) in [
        (
            "/mcp",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"model":"m","messages":[{"role":"user"}]}}"#,
            "application/json",
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        ),
        (
            "/v1/embeddings",
            r#"{"model":"m","input":"x"}"#,
            "application/json",
            r#"{"object":"list","data":[]}"#,
        ),
        ("/api/chat", r#"{"room":1,"text":"hello"}"#, "application/json", r#"{"ok":true}"#),
        ("/messages", r#"{"to":"x"}"#, "text/event-stream", "data: {\"jsonrpc\":\"2.0\"}\n\n"),
        ("/upload", "\0\u{1}binary", "application/json", "{}"),
    ] {
        let sample = Sample {
            dialect: Dialect::OpenaiChat,
            target,
            request: request.to_owned(),
            media_type,
            status: 200,
            packets: vec![answer.to_owned()],
        };
        assert!(sample.run(&mut || usize::MAX, ResponseEnd::Complete).is_none(), "{target}");
    }
}

#[test]
fn a_stream_whose_request_was_not_captured_is_known_by_its_shape() {
    for sample in samples().into_iter().filter(|sample| sample.media_type.starts_with("text/")) {
        let mut run = Run::default();
        let response = StartLine::Response { status: 200 };
        run.part(Side::Server, PartKind::Head(head_of(response, sample.media_type, 3), Degraded::NONE));
        for packet in &sample.packets {
            run.part(Side::Server, PartKind::Content(packet.clone().into(), span(4)));
        }
        run.part(Side::Server, PartKind::End { how: ResponseEnd::Complete, at: span(5).end });
        let call = run.call().unwrap_or_else(|| panic!("{}", sample.dialect.name()));
        assert_eq!(call.dialect, sample.dialect);
        assert!(call.request.is_none() && call.degraded.contains(Degraded::MIDSTREAM));
        assert_eq!((call.first_token_ns(), call.total_ns(), call.tokens_per_second()), (None, None, None));
        assert!(!call.text.kept.is_empty());
    }
}

#[test]
fn a_gap_marks_the_call_and_blames_nobody() {
    let sample = openai_chat();
    for (how, status) in [
        (ResponseEnd::Complete, CallStatus::Ok),
        (ResponseEnd::ClosedBy(Side::Server), CallStatus::Ok),
        (ResponseEnd::ResetBy(Side::Client), CallStatus::Ok),
        (ResponseEnd::Open, CallStatus::Open),
    ] {
        let mut run = Run::default();
        let start = StartLine::Request { method: "POST".into(), target: sample.target.into() };
        run.part(Side::Client, PartKind::Head(head(start, "h", 1), Degraded::NONE));
        run.part(Side::Client, PartKind::Content(sample.request.clone().into(), span(2)));
        run.part(Side::Client, PartKind::End { how: ResponseEnd::Complete, at: span(2).end });
        let response = StartLine::Response { status: 200 };
        run.part(Side::Server, PartKind::Head(head_of(response, sample.media_type, 3), Degraded::NONE));
        run.part(Side::Server, PartKind::Content(sample.packets[1].clone().into(), span(4)));
        // What is missing held the end of the answer.
        run.part(Side::Server, PartKind::Gap { why: Degraded::GAP, at: span(5).end });
        run.part(Side::Server, PartKind::End { how, at: span(6).end });
        let call = run.call().unwrap();
        assert_eq!((call.status, call.degraded, call.text.kept.as_str()), (status, Degraded::GAP, "Hel"));
        assert_eq!((call.output_tokens, call.tokens_per_second()), (None, None));
        assert_eq!((call.first_token_ns(), call.longest_gap_ns()), (None, None));
    }
}

#[test]
fn memory_does_not_grow_with_an_answer() {
    // Text, arguments, tools, and events that are none of these.
    let text = format!(
        "data: {}\n\n",
        json!({"object": "chat.completion.chunk", "choices": [{"delta": {"content": "x".repeat(4000)}}]})
    );
    let mut tools = String::new();
    for index in 0..50 {
        let tool = json!({"choices": [{"delta": {"tool_calls": [{"index": index, "id": format!("{index}{}", "i".repeat(9000)), "function": {"name": "n".repeat(9000), "arguments": "a".repeat(9000)}}]}}]});
        write!(tools, "data: {tool}\n\n").unwrap();
    }
    let mut more = String::new();
    for index in 0..500 {
        let tool = json!({"choices": [{"delta": {"tool_calls": [{"index": index + 50, "id": format!("t{index}")}]}}]});
        write!(more, "data: {tool}\n\n").unwrap();
    }
    let mut packets = vec![tools, more];
    packets.extend(std::iter::repeat_n(text, 500));
    let sample = Sample { packets, ..openai_chat() };
    let mut run = Run::default();
    let start = StartLine::Request { method: "POST".into(), target: sample.target.into() };
    run.part(Side::Client, PartKind::Head(head(start, "h", 1), Degraded::NONE));
    let response = StartLine::Response { status: 200 };
    run.part(Side::Server, PartKind::Head(head_of(response, sample.media_type, 3), Degraded::NONE));
    for packet in &sample.packets {
        run.part(Side::Server, PartKind::Content(packet.clone().into(), span(4)));
    }
    assert!(run.most < 4 * limits::MAX_LLM_TEXT + limits::MAX_LLM_TOOLS * 1024, "{}", run.most);
    run.calls.shed();
    assert!(run.calls.held() < limits::MAX_LLM_TOOLS * 1024, "{}", run.calls.held());
    run.part(Side::Server, PartKind::End { how: ResponseEnd::Complete, at: span(6).end });
    let call = run.call().unwrap();
    assert_eq!((call.text.len, call.tool_calls.len()), (2_000_000, limits::MAX_LLM_TOOLS));
    assert!(call.degraded.contains(Degraded::NOT_READ));
}

#[test]
fn calls_of_one_connection_have_a_cap() {
    let mut run = Run::default();
    let (client, server) = (([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 80).into());
    let peers = Peers { tcp_stream: 7, client, server, via: None };
    for number in 0..limits::MAX_LLM_CALLS as u32 + 10 {
        let start = StartLine::Request { method: "POST".into(), target: "/v1/chat/completions".into() };
        let kind = UpdateKind::Request(head(start, "h", 1));
        let update = Update { transaction: TransactionNo(number), at: span(1).end, kind };
        run.calls.push(&update, Connection { peers: &peers, tls: None }, &mut run.steps);
    }
    assert_eq!(run.steps.len(), 10, "the oldest are given up");
    run.calls.finish(Connection { peers: &peers, tls: None }, &mut run.steps);
    assert_eq!(run.steps.len(), limits::MAX_LLM_CALLS + 10);
}

/// The record without what tells two runs apart.
fn shown(call: Option<&LlmCall>) -> String {
    format!("{call:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However the packets of an answer are cut, the record is the same.
    #[test]
    fn cut_anywhere_gives_the_same(which in 0usize..9, lens in prop::collection::vec(1usize..40, 1..20)) {
        let sample = &samples()[which];
        let mut lens = lens.into_iter().cycle();
        let cut = sample.run(&mut || lens.next().unwrap_or(1), ResponseEnd::Complete);
        prop_assert_eq!(shown(cut.as_ref()), shown(Some(&sample.whole())));
    }

    /// Of an answer that stops anywhere, what is read is the beginning of all of it.
    #[test]
    fn an_unfinished_answer_is_a_beginning(which in 0usize..9, bytes in 0usize..4000) {
        let mut sample = samples().into_iter().nth(which).unwrap();
        let whole = sample.whole();
        let mut left = bytes;
        sample.packets.retain_mut(|packet| {
            let kept = packet.floor_char_boundary(left.min(packet.len()));
            left -= kept.min(left);
            packet.truncate(kept);
            !packet.is_empty()
        });
        let call = sample.run(&mut || 7, ResponseEnd::Open).unwrap();
        prop_assert!(whole.text.kept.starts_with(&call.text.kept));
        prop_assert!(call.tool_calls.len() <= whole.tool_calls.len());
        for (part, all) in call.tool_calls.iter().zip(&whole.tool_calls) {
            prop_assert!(all.arguments.kept.starts_with(&part.arguments.kept));
        }
        prop_assert!(call.pace.pieces <= whole.pace.pieces);
    }

    /// Events that are repeated, left out, out of order, or of another dialect.
    #[test]
    fn hostile_events_are_read(
        which in 0usize..9,
        picks in prop::collection::vec((0usize..9, 0usize..20), 0..30),
        junk in "\\PC{0,30}",
    ) {
        let all = samples();
        let mut packets: Vec<String> = picks.iter().filter_map(|(from, at)| all[*from].packets.get(*at).cloned()).collect();
        packets.push(format!("data: {junk}\n\n"));
        packets.push(format!("data: {{\"v\":[[[{{\"choices\":{junk}\n\n"));
        let sample = &all[which];
        let sample = Sample { packets, target: sample.target, request: sample.request.clone(), ..openai_chat() };
        let call = sample.run(&mut || 11, ResponseEnd::Complete);
        prop_assert!(call.is_some_and(|call| call.text.kept.len() <= limits::MAX_LLM_TEXT));
    }
}
