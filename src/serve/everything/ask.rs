//! Requests from the server to the client (sampling, roots, elicitation) in both of MCP's ways, and
//! the tools that only ask. Up to 2025-11-25 the request is sent on the stream and the client POSTs
//! its answer; in 2026-07-28 it is in an `input_required` result and the answer comes with the
//! retry (SEP-2322).

#![expect(
    deprecated,
    reason = "sampling and roots are what older revisions have (SEP-2577): they are to be on the wire"
)]

use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
    CreateMessageRequest, CreateMessageRequestParams, ElicitRequest, ElicitRequestParams, InputRequest,
    InputRequests, InputRequiredResult, ListRootsRequest, SamplingMessage, Tool,
};
use rmcp::service::{RequestContext, ServiceError};
use rmcp::{ErrorData, RoleServer, object};
use serde_json::{Value, json};

use super::content::text_argument;
use super::revision::is_stateless;
use super::tool::plain;

/// Time limit for an answer of the client, which may come from a person. Without it, a client that
/// never answers would hold the call as long as its session lives.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(5);

/// Key of the single request in the `input_required` results of these tools.
const KEY: &str = "answer";

/// Whether this module has the tool.
pub(super) fn has(name: &str) -> bool {
    matches!(
        name,
        "test_sampling"
            | "test_list_roots"
            | "test_elicitation"
            | "test_elicitation_sep1034_defaults"
            | "test_elicitation_sep1330_enums"
    )
}

/// Returns the definitions of these tools.
pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "test_sampling",
            "Asks the client's model (sampling)",
            object!({"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}),
        ),
        Tool::new(
            "test_elicitation",
            "Asks the user (elicitation)",
            object!({"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}),
        ),
        plain("test_list_roots", "Asks for the client's roots"),
        plain("test_elicitation_sep1034_defaults", "Asks the user with a default for every field (SEP-1034)"),
        plain("test_elicitation_sep1330_enums", "Asks the user with every kind of choice (SEP-1330)"),
    ]
}

/// Calls one of these tools.
///
/// # Errors
///
/// Invalid params if an argument is missing; an internal error if the client breaks off.
pub(super) async fn call(
    request: &CallToolRequestParams,
    cx: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let arguments = request.arguments.clone().unwrap_or_default();
    let question = match request.name.as_ref() {
        "test_sampling" => sampling(text_argument(&arguments, "prompt")?),
        "test_list_roots" => roots(),
        "test_elicitation" => elicitation(text_argument(&arguments, "message")?, contact())?,
        "test_elicitation_sep1034_defaults" => elicitation("Please review what is filled in", defaults())?,
        _ => elicitation("Please choose", choices())?,
    };
    let known = request.input_responses.as_ref().and_then(|responses| responses.get(KEY));
    let answer = match known.filter(|answer| answer.is_object()) {
        Some(answer) => answer.clone(),
        None if is_stateless(cx) => {
            if !offers(&cx.client_capabilities().unwrap_or_default(), &question) {
                return Ok(CallToolResult::error(vec![ContentBlock::text(not_offered(&question))]).into());
            }
            return Ok(one(KEY, question).into());
        }
        None => match send(question, cx).await {
            Ok(answer) => answer,
            Err(reason) => return Ok(CallToolResult::error(vec![ContentBlock::text(reason)]).into()),
        },
    };
    Ok(CallToolResult::success(vec![ContentBlock::text(format!("The client answered: {answer}"))]).into())
}

/// Returns a request to the client's model.
pub(super) fn sampling(prompt: &str) -> InputRequest {
    let params = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], 100);
    InputRequest::CreateMessage(CreateMessageRequest::new(params))
}

/// Returns a request for the client's roots.
pub(super) fn roots() -> InputRequest {
    InputRequest::ListRoots(ListRootsRequest::default())
}

/// Returns a request to the user, with the JSON Schema of the form.
///
/// # Errors
///
/// An internal error if elicitation does not support the schema.
pub(super) fn elicitation(message: &str, schema: Value) -> Result<InputRequest, ErrorData> {
    let requested_schema = serde_json::from_value(schema)
        .map_err(|error| ErrorData::internal_error(format!("no elicitation schema: {error}"), None))?;
    let params =
        ElicitRequestParams::FormElicitationParams { meta: None, message: message.into(), requested_schema };
    Ok(InputRequest::Elicitation(ElicitRequest::new(params)))
}

/// Whether the client declares that it can answer this request.
pub(super) fn offers(client: &ClientCapabilities, request: &InputRequest) -> bool {
    match request {
        InputRequest::CreateMessage(_) => client.sampling.is_some(),
        InputRequest::Elicitation(_) => client.elicitation.is_some(),
        InputRequest::ListRoots(_) => client.roots.is_some(),
        _ => false,
    }
}

/// Returns an `input_required` result with one request and no state.
pub(super) fn one(key: &str, request: InputRequest) -> InputRequiredResult {
    InputRequiredResult::from_input_requests(InputRequests::from([(key.to_owned(), request)]))
}

/// Sends the request and waits for its answer. An error is returned as text for the caller of the
/// tool.
async fn send(question: InputRequest, cx: &RequestContext<RoleServer>) -> Result<Value, String> {
    if !offers(&cx.client_capabilities().unwrap_or_default(), &question) {
        return Err(not_offered(&question));
    }
    let answer = async {
        match question {
            InputRequest::CreateMessage(request) => json_of(cx.peer.create_message(request.params).await),
            InputRequest::Elicitation(request) => json_of(cx.peer.create_elicitation(request.params).await),
            _ => json_of(cx.peer.list_roots().await),
        }
    };
    tokio::select! {
        () = cx.ct.cancelled() => Err("the call was cancelled".to_owned()),
        answer = tokio::time::timeout(ANSWER_TIMEOUT, answer) => {
            answer.unwrap_or_else(|_| Err(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())))
        }
    }
}

fn json_of<T: serde::Serialize>(answer: Result<T, ServiceError>) -> Result<Value, String> {
    let answer = answer.map_err(|error| format!("the client did not answer: {error}"))?;
    serde_json::to_value(answer).map_err(|error| format!("the client's answer is no JSON: {error}"))
}

fn not_offered(question: &InputRequest) -> String {
    let what = match question {
        InputRequest::CreateMessage(_) => "sampling",
        InputRequest::Elicitation(_) => "elicitation",
        _ => "roots",
    };
    format!("the client does not offer {what}")
}

fn contact() -> Value {
    json!({
        "type": "object",
        "properties": {
            "username": {"type": "string", "description": "The user's name"},
            "email": {"type": "string", "description": "The user's address", "format": "email"}
        },
        "required": ["username", "email"]
    })
}

/// One field of every primitive type, each with the default of the suite's scenario.
fn defaults() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "Name", "default": "John Doe"},
            "age": {"type": "integer", "description": "Age in years", "default": 30},
            "score": {"type": "number", "description": "Score", "default": 95.5},
            "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            "verified": {"type": "boolean", "description": "Whether it was verified", "default": true}
        },
        "required": []
    })
}

/// The five kinds of choice: with and without titles, single and multiple, and the older
/// `enumNames`.
fn choices() -> Value {
    let titled = |names: [&str; 3]| {
        let pairs = names.iter().enumerate();
        pairs
            .map(|(n, title)| json!({"const": format!("value{}", n + 1), "title": title}))
            .collect::<Vec<_>>()
    };
    json!({
        "type": "object",
        "properties": {
            "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
            "titledSingle": {"type": "string", "oneOf": titled(["First Option", "Second Option", "Third Option"])},
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"]
            },
            "untitledMulti": {
                "type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}
            },
            "titledMulti": {
                "type": "array", "items": {"anyOf": titled(["First Choice", "Second Choice", "Third Choice"])}
            }
        },
        "required": []
    })
}
