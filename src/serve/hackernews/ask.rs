//! A question to the client in the middle of a tool call, in the way of its revision.
//!
//! ```text
//! before 2026-07-28           call ──▶  request ──▶ client ──▶ response  ──▶ result
//! 2026-07-28 (SEP-2322)       call ──▶  result `input_required` with the question and a sealed state
//!                             retry (inputResponses, requestState) ──▶  result
//! ```
//!
//! The state is bound to the tool and its arguments and lives for a while; the client can read it and cannot
//! change it.

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CancelledNotificationParam, ClientResult, InputRequest, InputRequests,
        InputRequiredResult, RequestStateCodec, SealOptions, ServerRequest,
    },
    service::{PeerRequestOptions, RequestContext, ServiceError},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::Revision;

/// How long a client (which asks a person or a model) may take before the question is given up, and how long
/// a request state is good: longer than a person thinks, shorter than a forgotten dialog stays open.
const PATIENCE: Duration = Duration::from_secs(300);

/// The key of the one question in `inputRequests`.
const QUESTION: &str = "question";

/// A tool call that may ask its client.
pub(super) struct Asker<'a> {
    pub(super) codec: &'a RequestStateCodec,
    pub(super) request: &'a CallToolRequestParams,
    pub(super) context: &'a RequestContext<RoleServer>,
}

/// What became of a question.
pub(super) enum Asked {
    /// The result of the request that was the question.
    Answer(Value),
    /// The answer comes with a retry of the call; this is the result until then.
    Later(InputRequiredResult),
    /// The client answered with an error, or not in time: why, in words.
    Failed(String),
    /// The call was cancelled while the question was open.
    Cancelled,
}

/// A retry: what was known when the question was asked, and the answer if it is there.
pub(super) struct Resumed<T> {
    pub(super) state: T,
    pub(super) answer: Option<Value>,
}

impl Asker<'_> {
    /// What this call goes on from, if it is the retry of an earlier one; `None` if it is a new call.
    ///
    /// # Errors
    /// -32602 for a state that was not handed out for this call, or is too old, and for answers without one.
    pub(super) fn resumed<T: DeserializeOwned>(&self) -> Result<Option<Resumed<T>>, ErrorData> {
        if Revision::of(self.context) < Revision::V2026_07_28 {
            return Ok(None);
        }
        let answers = self.request.input_responses.as_ref();
        let Some(state) = self.request.request_state.as_deref() else {
            return match answers {
                None => Ok(None),
                Some(_) => Err(ErrorData::invalid_params("inputResponses without requestState", None)),
            };
        };
        let state = self.codec.open_json_with(state, &self.bound_to());
        let state =
            state.map_err(|error| ErrorData::invalid_params(format!("requestState: {error}"), None))?;
        Ok(Some(Resumed { state, answer: answers.and_then(|answers| answers.get(QUESTION)).cloned() }))
    }

    /// Asks the client; `state` is what a retry needs to go on.
    pub(super) async fn ask<T: Serialize>(
        &self,
        question: InputRequest,
        state: &T,
    ) -> Result<Asked, ErrorData> {
        if Revision::of(self.context) < Revision::V2026_07_28 {
            return Ok(self.send(question).await);
        }
        let bound_to = self.bound_to();
        let options = SealOptions::new().associated_data(&bound_to).ttl(PATIENCE);
        let state = self.codec.seal_json_with(state, &options);
        let state =
            state.map_err(|error| ErrorData::internal_error(format!("requestState: {error}"), None))?;
        let questions = InputRequests::from([(QUESTION.to_owned(), question)]);
        Ok(Asked::Later(InputRequiredResult::new(Some(questions), Some(state))))
    }

    async fn send(&self, question: InputRequest) -> Asked {
        let request = match question {
            InputRequest::CreateMessage(request) => ServerRequest::CreateMessageRequest(request),
            InputRequest::Elicitation(request) => ServerRequest::ElicitRequest(request),
            _ => return Asked::Failed("this question cannot be asked".to_owned()),
        };
        let peer = &self.context.peer;
        let options = PeerRequestOptions::with_timeout(PATIENCE);
        let sent = tokio::select! {
            () = self.context.ct.cancelled() => return Asked::Cancelled,
            sent = peer.send_cancellable_request(request, options) => sent,
        };
        let handle = match sent {
            Ok(handle) => handle,
            Err(error) => return Asked::Failed(in_words(&error)),
        };
        let id = handle.id.clone();
        tokio::select! {
            () = self.context.ct.cancelled() => {
                // The dialog of the client need not stay open. Where that cannot be said the client is gone.
                let reason = Some("the call that asked was cancelled".to_owned());
                let _ = peer.notify_cancelled(CancelledNotificationParam::new(Some(id), reason)).await;
                Asked::Cancelled
            }
            response = handle.await_response() => match response {
                Ok(result) => answer_of(result),
                Err(error) => Asked::Failed(in_words(&error)),
            },
        }
    }

    /// A state is good for the call that it was handed out for, and for no other.
    fn bound_to(&self) -> Vec<u8> {
        let arguments = self.request.arguments.clone().unwrap_or_default();
        format!("{}\n{}", self.request.name, Value::Object(arguments)).into_bytes()
    }
}

fn answer_of(result: ClientResult) -> Asked {
    let value = match result {
        ClientResult::CreateMessageResult(result) => serde_json::to_value(result),
        ClientResult::ElicitResult(result) => serde_json::to_value(result),
        _ => return Asked::Failed("its response is of another kind".to_owned()),
    };
    value.map_or_else(|error| Asked::Failed(error.to_string()), Asked::Answer)
}

/// The client's own words where it has any.
fn in_words(error: &ServiceError) -> String {
    match error {
        ServiceError::McpError(error) => format!("{} ({})", error.message, error.code.0),
        error => error.to_string(),
    }
}
