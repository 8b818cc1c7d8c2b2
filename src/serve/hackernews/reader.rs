//! The tool `ask-reader`: asks the user of the client (elicitation, since 2025-06-18).

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
        ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationCapability,
        ElicitationSchema, FormElicitationCapability, InputRequest, JsonObject, PrimitiveSchemaDefinition,
        StringSchema,
    },
    service::RequestContext,
};
use serde_json::Value;

use super::{
    arguments,
    ask::{AskOutcome, Asker},
    handler::Hackernews,
    results,
    revision::Revision,
    schema,
};

/// Longest accepted opinion, in characters.
const MAX_OPINION: u32 = 2000;

/// Asks for an opinion on a story and returns it.
pub(super) async fn call(
    handler: &Hackernews,
    arguments: &JsonObject,
    request: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    if !can_elicit(context) {
        return no_elicitation(context);
    }
    let asker = Asker { codec: &handler.codec, request: &request, context };
    if let Some(answer) = asker.resumed::<()>()?.and_then(|resumed| resumed.answer) {
        return opinion(answer).map(Into::into);
    }
    let id = arguments::number(arguments, "id");
    let found = tokio::select! {
        () = context.ct.cancelled() => return Ok(results::cancelled().into()),
        found = handler.stories.item(id) => found,
    };
    let item = match found {
        Ok(Some(item)) => item,
        Ok(None) => return Ok(results::error(format!("There is no item {id} on Hacker News.")).into()),
        Err(failed) => return Ok(results::error(failed.to_string()).into()),
    };
    let message = format!("{}\n\n{}", item.title(), arguments::text(arguments, "question"));
    let question =
        InputRequest::Elicitation(ElicitRequest::new(ElicitRequestParams::FormElicitationParams {
            meta: None,
            message,
            requested_schema: form()?,
        }));
    match asker.ask(question, &()).await? {
        AskOutcome::Answer(answer) => opinion(answer).map(Into::into),
        AskOutcome::Later(result) => Ok(result.into()),
        AskOutcome::Failed(why) => Ok(results::error(format!("The reader could not be asked: {why}")).into()),
        AskOutcome::Cancelled => Ok(results::cancelled().into()),
    }
}

/// A client that names no mode supports forms (2025-11-25, elicitation capabilities).
fn can_elicit(context: &RequestContext<RoleServer>) -> bool {
    let capabilities = context.client_capabilities();
    let elicitation = capabilities.and_then(|capabilities| capabilities.elicitation);
    elicitation.is_some_and(|elicitation| elicitation.form.is_some() || elicitation.url.is_none())
}

/// Since 2026-07-28 a missing capability has its own error (-32021); before, it is an error of the
/// tool.
fn no_elicitation(context: &RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
    if Revision::of(context) >= Revision::V2026_07_28 {
        let form = ElicitationCapability::new().with_form(FormElicitationCapability::new());
        let required = ClientCapabilities::builder().enable_elicitation_with(form).build();
        return Err(ErrorData::missing_required_client_capability(required));
    }
    Ok(results::error("This client cannot ask its user: it did not declare the capability elicitation.")
        .into())
}

/// Returns the form: an opinion, and whether the reader recommends the story.
fn form() -> Result<ElicitationSchema, ErrorData> {
    let opinion = StringSchema::new().title("Opinion").min_length(1).max_length(MAX_OPINION);
    let form = ElicitationSchema::builder()
        .required_property("opinion", PrimitiveSchemaDefinition::String(opinion))
        .optional_bool("recommend", false)
        .build();
    form.map_err(|error| ErrorData::internal_error(format!("the form of ask-reader: {error}"), None))
}

/// Returns the reader's answer; declining is an answer too.
fn opinion(answer: Value) -> Result<CallToolResult, ErrorData> {
    let answer: ElicitResult = match serde_json::from_value(answer) {
        Ok(answer) => answer,
        Err(error) => {
            return Ok(results::error(format!("The client gave no answer to the question: {error}")));
        }
    };
    let text = match answer.action {
        ElicitationAction::Accept => return accepted(answer.content),
        ElicitationAction::Decline => "The reader declined to answer.",
        _ => "The reader closed the question without an answer.",
    };
    Ok(CallToolResult::success(vec![ContentBlock::text(text)]))
}

fn accepted(content: Option<Value>) -> Result<CallToolResult, ErrorData> {
    let Some(Value::Object(content)) = content else {
        return Ok(results::error("The client gave an answer without content."));
    };
    let form = serde_json::to_value(form()?)
        .map_err(|error| ErrorData::internal_error(format!("the form of ask-reader: {error}"), None))?;
    let Value::Object(form) = form else { return Ok(results::error("The form of ask-reader is no object.")) };
    match schema::check(&form, Some(content)) {
        Ok(content) => {
            Ok(CallToolResult::success(vec![ContentBlock::text(Value::Object(content).to_string())]))
        }
        Err(wrong) => {
            Ok(results::error(format!("The client gave an answer that does not fit the form: {wrong}")))
        }
    }
}
