//! Tools that ask their client: sampling, elicitation, progress, cancellation, and
//! `input_required`.

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{CallToolResponse, ClientRequest, InputRequiredResult, NumberOrString, ProtocolVersion, Request},
    service::{PeerRequestOptions, RequestContext},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Pair, Person, REVISIONS, Seen, call, failure, refusal, snapshot, soon, text};
use crate::serve::hackernews::tools::{ASK_READER, DIGEST};

/// Returns a context of the running server, for a call made by the test itself.
pub(super) async fn context_of(pair: &mut Pair) -> RequestContext<RoleServer> {
    let server = soon(&mut pair.server).await.unwrap().unwrap();
    let context = RequestContext::new(NumberOrString::Number(1000), server.peer().clone());
    pair.server = tokio::spawn(async move { Ok(server) });
    context
}

fn message(text: &str) -> Option<Result<Value, ErrorData>> {
    let content = json!({"type": "text", "text": text});
    Some(Ok(json!({"role": "assistant", "content": content, "model": "tiny-1"})))
}

async fn next(inbox: &mut mpsc::UnboundedReceiver<Seen>) -> Seen {
    soon(inbox.recv()).await.unwrap()
}

async fn request_of(inbox: &mut mpsc::UnboundedReceiver<Seen>) -> Value {
    loop {
        if let Seen::Request(request) = next(inbox).await {
            return request;
        }
    }
}

/// rmcp's client puts a progress token on every request.
#[tokio::test]
async fn a_digest_reports_progress_for_every_step() {
    for version in REVISIONS {
        let (person, mut inbox) = Person::new(version.clone(), json!({}));
        let pair = Pair::new(snapshot(), person).await;
        let digest = text(&pair.call(DIGEST, json!({"amount": 3})).await.unwrap());
        assert!(
            digest.starts_with("3 stories from Hacker News (This client does not support sampling.)"),
            "{digest}"
        );
        assert_eq!(digest.matches("\n- ").count(), 3);
        for step in 1..=3 {
            let Seen::Progress(progress) = next(&mut inbox).await else { panic!("no progress") };
            assert_eq!((progress.progress, progress.total), (f64::from(step), Some(3.0)), "{version}");
            let has_message = version >= ProtocolVersion::V_2025_03_26;
            assert_eq!(progress.message.is_some(), has_message, "{version}");
        }
    }
}

/// By a request from the server or by `input_required`, the client sees and gets the same.
#[tokio::test]
async fn the_digest_is_written_by_the_model_of_the_client() {
    for version in REVISIONS {
        let (person, mut inbox) = Person::new(version.clone(), json!({"sampling": {}}));
        let person = person.answering("sampling/createMessage", message("All is well."));
        let pair = Pair::new(snapshot(), person).await;
        let digest = text(&pair.call(DIGEST, json!({"amount": 2})).await.unwrap());
        assert!(digest.starts_with("All is well.\n\n(By tiny-1.)"), "{version}: {digest}");
        let request = request_of(&mut inbox).await;
        assert!(request["messages"][0].to_string().contains("Sum up these stories"), "{request}");
    }
}

#[tokio::test]
async fn a_refusing_model_leads_to_the_plain_digest() {
    for (answer, expected) in [
        (Some(Err(ErrorData::invalid_request("The user said no", None))), "The user said no (-32600)"),
        (Some(Ok(json!({"role": "assistant", "content": [], "model": "m"}))), "gave no text"),
    ] {
        let (person, _inbox) = Person::new(ProtocolVersion::V_2025_06_18, json!({"sampling": {}}));
        let pair = Pair::new(snapshot(), person.answering("sampling/createMessage", answer)).await;
        let digest = text(&pair.call(DIGEST, json!({"amount": 2})).await.unwrap());
        assert!(digest.contains(expected), "{digest}");
        assert_eq!(digest.matches("\n- ").count(), 2);
    }
}

/// If the call is cancelled while the model works, the client learns that its answer is not needed.
#[tokio::test]
async fn a_cancelled_digest_cancels_its_request_to_the_client() {
    let (person, mut inbox) = Person::new(ProtocolVersion::V_2025_11_25, json!({"sampling": {}}));
    let pair = Pair::new(snapshot(), person.answering("sampling/createMessage", None)).await;
    let request = ClientRequest::CallToolRequest(Request::new(call(DIGEST, json!({"amount": 1}))));
    let options = PeerRequestOptions::no_options();
    let handle = soon(pair.client.send_cancellable_request(request, options)).await.unwrap();
    request_of(&mut inbox).await;
    soon(handle.cancel(Some("enough".to_owned()))).await.unwrap();
    let Seen::Cancelled(cancelled) = next(&mut inbox).await else { panic!("nothing is cancelled") };
    assert!(cancelled.reason.unwrap().contains("cancelled"));
}

/// Each step takes an hour: only the cancellation can end this.
#[tokio::test]
async fn a_cancelled_digest_stops_at_once() {
    let mut pair = Pair::of_snapshot(&ProtocolVersion::V_2025_06_18).await;
    let context = context_of(&mut pair).await;
    let cancel = context.ct.clone();
    let handler = snapshot().with_step(Duration::from_secs(3600));
    let running = handler.call_tool(call(DIGEST, json!({})), context);
    let cancelled = async { cancel.cancel() };
    let (result, ()) = soon(async { tokio::join!(running, cancelled) }).await;
    let Ok(CallToolResponse::Complete(result)) = result else { panic!("{result:?}") };
    assert_eq!(failure(&result), "The call was cancelled.");
}

#[tokio::test]
async fn the_reader_is_asked() {
    let accepted = json!({"action": "accept", "content": {"opinion": "Too long", "recommend": true}});
    let bare = json!({"action": "accept", "content": {"opinion": "Fine"}});
    let cases = [
        (accepted, r#"{"opinion":"Too long","recommend":true}"#),
        (bare, r#"{"opinion":"Fine","recommend":false}"#),
        (json!({"action": "decline"}), "The reader declined to answer."),
        (json!({"action": "cancel"}), "The reader closed the question without an answer."),
    ];
    for version in
        [ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28]
    {
        for (answer, expected) in cases.clone() {
            let (person, mut inbox) = Person::new(version.clone(), json!({"elicitation": {}}));
            let pair = Pair::new(snapshot(), person.answering("elicitation/create", Some(Ok(answer)))).await;
            let arguments = json!({"id": first_id(), "question": "Worth reading?"});
            assert_eq!(text(&pair.call(ASK_READER, arguments).await.unwrap()), expected, "{version}");
            let request = request_of(&mut inbox).await;
            assert!(request["message"].as_str().unwrap().ends_with("\n\nWorth reading?"), "{request}");
            assert_eq!(request["requestedSchema"]["required"], json!(["opinion"]));
        }
    }
}

#[tokio::test]
async fn an_invalid_answer_is_an_error_of_the_tool() {
    let cases = [
        (Ok(json!({"action": "accept"})), "without content"),
        (Ok(json!({"action": "accept", "content": {"recommend": true}})), "missing argument \"opinion\""),
        (Ok(json!({"action": "accept", "content": {"opinion": ""}})), "less than 1 characters"),
        (Ok(json!({"action": "accept", "content": {"opinion": 5}})), "must be a string"),
        (Err(ErrorData::internal_error("no window", None)), "no window (-32603)"),
    ];
    for (answer, expected) in cases {
        let (person, _inbox) =
            Person::new(ProtocolVersion::V_2025_11_25, json!({"elicitation": {"form": {}}}));
        let pair = Pair::new(snapshot(), person.answering("elicitation/create", Some(answer))).await;
        let error = failure(&pair.call(ASK_READER, json!({"id": first_id()})).await.unwrap());
        assert!(error.contains(expected), "{error}");
    }
}

/// Before 2026-07-28 it is an error of the tool; since then a missing capability has its own error.
#[tokio::test]
async fn a_client_without_elicitation_gets_an_error() {
    for version in REVISIONS {
        for capabilities in [json!({}), json!({"elicitation": {"url": {}}})] {
            let (person, _inbox) = Person::new(version.clone(), capabilities);
            let pair = Pair::new(snapshot(), person).await;
            let result = pair.call(ASK_READER, json!({"id": first_id()})).await;
            match version.has_initialize() {
                true => {
                    assert!(failure(&result.unwrap()).contains("did not declare the capability"), "{version}")
                }
                false => assert_eq!(refusal(result).0, -32021),
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_story_is_an_error_without_elicitation() {
    let (person, mut inbox) = Person::new(ProtocolVersion::V_2025_11_25, json!({"elicitation": {}}));
    let pair = Pair::new(snapshot(), person).await;
    let error = failure(&pair.call(ASK_READER, json!({"id": 1})).await.unwrap());
    assert_eq!(error, "There is no item 1 on Hacker News.");
    assert!(inbox.try_recv().is_err());
}

/// A state is valid for the call it was made for: same tool, arguments and server, unchanged.
#[tokio::test]
async fn a_request_state_is_valid_for_its_own_call_only() {
    let (person, _inbox) =
        Person::new(ProtocolVersion::V_2026_07_28, json!({"elicitation": {}, "sampling": {}}));
    let pair = Pair::new(snapshot(), person).await;
    let first = call(ASK_READER, json!({"id": first_id()}));
    let asked = later(&pair, first.clone()).await;
    let state = asked.request_state.unwrap();
    let answer = json!({"action": "accept", "content": {"opinion": "Good"}});
    let (key, _) = asked.input_requests.unwrap().pop_first().unwrap();
    let answers = [(key, answer)].into_iter().collect::<std::collections::BTreeMap<_, _>>();

    let good = first.clone().with_input_responses(answers.clone()).with_request_state(&state);
    let CallToolResponse::Complete(result) = soon(pair.client.call_tool_once(good)).await.unwrap() else {
        panic!("the call is not complete")
    };
    assert_eq!(text(&result), r#"{"opinion":"Good","recommend":false}"#);

    let mut changed = state.clone();
    changed.replace_range(8..9, if &state[8..9] == "A" { "B" } else { "A" });
    let other_story = call(ASK_READER, json!({"id": first_id(), "question": "Other?"}));
    let other_tool = call(DIGEST, json!({"amount": 1}));
    let of_another_server = later(&Pair::new(snapshot(), pair_person()).await, first.clone()).await;
    for (request, state) in [
        (first.clone(), changed),
        (other_story, state.clone()),
        (other_tool, state.clone()),
        (first.clone(), of_another_server.request_state.unwrap()),
        (first.clone(), "nonsense".to_owned()),
    ] {
        let request = request.with_input_responses(answers.clone()).with_request_state(state);
        let (code, message) = refusal(soon(pair.client.call_tool_once(request)).await);
        assert!(code == -32602 && message.contains("requestState"), "{code} {message}");
    }
    let stateless = first.clone().with_input_responses(answers);
    assert_eq!(refusal(soon(pair.client.call_tool_once(stateless)).await).0, -32602);
    // The state without the answer: asked again.
    later(&pair, first.with_request_state(state)).await;
}

fn pair_person() -> Person {
    Person::new(ProtocolVersion::V_2026_07_28, json!({"elicitation": {}})).0
}

async fn later(pair: &Pair, request: rmcp::model::CallToolRequestParams) -> InputRequiredResult {
    match soon(pair.client.call_tool_once(request)).await.unwrap() {
        CallToolResponse::InputRequired(result) => result,
        other => panic!("{other:?}"),
    }
}

/// Returns an id of the snapshot.
pub(super) fn first_id() -> u64 {
    48_100_030
}
