//! Answers that no server sends, and times that no clock shows.

use super::*;

/// Patches within patches are applied to a depth, whatever their number: no stack overflows.
#[test]
fn nested_patches_end() {
    let depth = 200_000;
    for (dialect, target, begin) in [
        (Dialect::ChatgptWeb, "/backend-api/conversation", r#"{"o":"patch","v":["#),
        (Dialect::DeepseekWeb, "/api/v0/chat/completion", r#"{"o":"BATCH","v":["#),
    ] {
        let nested = format!("data: {}{}{}\n\n", begin.repeat(depth), r#"{"v":"x"}"#, "]}".repeat(depth));
        let request = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
        let call = Sample::sse(dialect, target, &request, vec![nested]).whole();
        assert_eq!((call.dialect, call.text.len), (dialect, 0));
    }
}

/// A server that answers before the body of the request is complete: the call is told once, under
/// the number with which it began.
#[test]
fn an_answer_before_the_request_is_complete() {
    let sample = openai_chat();
    let mut run = Run::default();
    let start = StartLine::Request { method: "POST".into(), target: "/x".into() };
    run.part(Side::Client, PartKind::Head(head(start, "h", 1), Degraded::NONE));
    let response = StartLine::Response { status: 200 };
    run.part(Side::Server, PartKind::Head(head_of(response, sample.media_type, 3), Degraded::NONE));
    for packet in &sample.packets {
        run.part(Side::Server, PartKind::Content(packet.clone().into(), span(4)));
    }
    run.part(Side::Client, PartKind::Content("[]".into(), span(5)));
    run.part(Side::Client, PartKind::End { how: ResponseEnd::Complete, at: span(5).end });
    run.part(Side::Server, PartKind::End { how: ResponseEnd::Complete, at: span(6).end });
    let began = run.steps.iter().filter(|step| matches!(step, Step::Began(_))).count();
    let call = run.call().expect("a call");
    assert_eq!((began, call.status), (1, CallStatus::Ok));
}

/// Where packet times go back, no duration is told.
#[test]
fn times_that_go_back_are_no_durations() {
    let sample = openai_chat();
    let mut run = Run::default();
    let start = StartLine::Request { method: "POST".into(), target: sample.target.into() };
    run.part(Side::Client, PartKind::Head(head(start, "h", 1), Degraded::NONE));
    run.part(Side::Client, PartKind::Content(sample.request.clone().into(), span(2)));
    run.part(Side::Client, PartKind::End { how: ResponseEnd::Complete, at: span(2).end });
    let response = StartLine::Response { status: 200 };
    run.part(Side::Server, PartKind::Head(head_of(response, sample.media_type, 3), Degraded::NONE));
    for (number, packet) in sample.packets.iter().enumerate() {
        // The clock is set back by a second between two packets.
        let time = 10 * MS * number as i64 - if number > 1 { 1000 * MS } else { 0 };
        let at = Span::of(Origin::new(4 + number as u64, 40 * MS + time));
        run.part(Side::Server, PartKind::Content(packet.clone().into(), at));
    }
    run.part(Side::Server, PartKind::End { how: ResponseEnd::Complete, at: span(9).end });
    let call = run.call().unwrap();
    assert!(call.degraded.contains(Degraded::TIME_BACK));
    assert_eq!([call.first_token_ns(), call.longest_gap_ns(), call.total_ns()], [None; 3]);
    assert_eq!(call.tokens_per_second(), None);
}
