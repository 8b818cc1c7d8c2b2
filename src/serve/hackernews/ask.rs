//! Requests to the client during a tool call, in the way of its revision.
//!
//! ```text
//! before 2026-07-28        call ──▶  request ──▶ client ──▶ response  ──▶ result
//! 2026-07-28 (SEP-2322)    call ──▶  result `input_required` with the question and a sealed state
//!                          retry (inputResponses, requestState) ──▶  result
//! ```
//!
//! The state is bound to the tool and its arguments and expires; the client can read it but not
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

use super::revision::Revision;

/// Time limit for an answer of the client (a person or a model), and lifetime of a request state.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);

/// Key of the single question in `inputRequests`.
const QUESTION: &str = "question";

/// A tool call that may ask its client.
pub(super) struct Asker<'a> {
    pub(super) codec: &'a RequestStateCodec,
    pub(super) request: &'a CallToolRequestParams,
    pub(super) context: &'a RequestContext<RoleServer>,
}

/// Outcome of a question.
pub(super) enum AskOutcome {
    /// Result of the client.
    Answer(Value),
    /// The answer comes with a retry of the call; this is the result until then.
    Later(InputRequiredResult),
    /// The client answered with an error, or too late; the text says which.
    Failed(String),
    /// The call was cancelled while the question was open.
    Cancelled,
}

/// A retry: the state saved when the question was asked, and the answer if there is one.
pub(super) struct Resumed<T> {
    pub(super) state: T,
    pub(super) answer: Option<Value>,
}

impl Asker<'_> {
    /// Returns the state of an earlier call if this call is its retry; `None` for a new call.
    ///
    /// # Errors
    /// -32602 for a state that belongs to another call or has expired, and for answers without a
    /// state.
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

    /// Asks the client. `state` is what a retry needs.
    pub(super) async fn ask<T: Serialize>(
        &self,
        question: InputRequest,
        state: &T,
    ) -> Result<AskOutcome, ErrorData> {
        if Revision::of(self.context) < Revision::V2026_07_28 {
            return Ok(self.send(question).await);
        }
        let bound_to = self.bound_to();
        let options = SealOptions::new().associated_data(&bound_to).ttl(ANSWER_TIMEOUT);
        let state = self.codec.seal_json_with(state, &options);
        let state =
            state.map_err(|error| ErrorData::internal_error(format!("requestState: {error}"), None))?;
        let questions = InputRequests::from([(QUESTION.to_owned(), question)]);
        Ok(AskOutcome::Later(InputRequiredResult::new(Some(questions), Some(state))))
    }

    async fn send(&self, question: InputRequest) -> AskOutcome {
        let request = match question {
            InputRequest::CreateMessage(request) => ServerRequest::CreateMessageRequest(request),
            InputRequest::Elicitation(request) => ServerRequest::ElicitRequest(request),
            _ => return AskOutcome::Failed("unsupported request".to_owned()),
        };
        let peer = &self.context.peer;
        let options = PeerRequestOptions::with_timeout(ANSWER_TIMEOUT);
        let sent = tokio::select! {
            () = self.context.ct.cancelled() => return AskOutcome::Cancelled,
            sent = peer.send_cancellable_request(request, options) => sent,
        };
        let handle = match sent {
            Ok(handle) => handle,
            Err(error) => return AskOutcome::Failed(error_text(&error)),
        };
        let id = handle.id.clone();
        tokio::select! {
            () = self.context.ct.cancelled() => {
                // Lets the client close its dialog. If this fails the client is gone.
                let reason = Some("the call that asked was cancelled".to_owned());
                let _ = peer.notify_cancelled(CancelledNotificationParam::new(Some(id), reason)).await;
                AskOutcome::Cancelled
            }
            response = handle.await_response() => match response {
                Ok(result) => answer_of(result),
                Err(error) => AskOutcome::Failed(error_text(&error)),
            },
        }
    }

    /// A state is valid only for the call it was created for.
    fn bound_to(&self) -> Vec<u8> {
        let arguments = self.request.arguments.clone().unwrap_or_default();
        format!("{}\n{}", self.request.name, Value::Object(arguments)).into_bytes()
    }
}

fn answer_of(result: ClientResult) -> AskOutcome {
    let value = match result {
        ClientResult::CreateMessageResult(result) => serde_json::to_value(result),
        ClientResult::ElicitResult(result) => serde_json::to_value(result),
        _ => return AskOutcome::Failed("unexpected response".to_owned()),
    };
    value.map_or_else(|error| AskOutcome::Failed(error.to_string()), AskOutcome::Answer)
}

/// Prefers the client's own error message.
fn error_text(error: &ServiceError) -> String {
    match error {
        ServiceError::McpError(error) => format!("{} ({})", error.message, error.code.0),
        error => error.to_string(),
    }
}
