//! Tools and a prompt that need several round trips (2026-07-28, SEP-2322). Each answers
//! `input_required` until the retry brings the input. No state is kept between requests: the
//! progress of a call is in its sealed `requestState`.
//!
//! ```text
//! call ──▶ input_required {inputRequests, requestState: 1}
//! retry {inputResponses, requestState: 1} ──▶ input_required {inputRequests, requestState: 2}
//! … ──▶ complete
//! ```

use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
    GetPromptRequestParams, GetPromptResponse, GetPromptResult, InputRequest, InputRequests,
    InputRequiredResult, InputResponses, PromptMessage, RequestStateCodec, Role, SealOptions, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::json;

use super::ask;
use super::tool::plain;

/// Lifetime of a `requestState`: a person may answer in between.
const STATE_LIFE: Duration = Duration::from_mins(10);

/// The prompt that asks first.
pub(super) const PROMPT: &str = "test_input_required_result_prompt";

/// One question of a round: its key in `inputRequests`, and the request.
type Question = (&'static str, Ask);

#[derive(Clone, Copy)]
enum Ask {
    /// To the user, a form with one field: message, name and JSON type of the field.
    User(&'static str, &'static str, &'static str),
    Model(&'static str),
    Roots,
}

/// Questions of a tool, round by round.
struct Script {
    name: &'static str,
    description: &'static str,
    /// Whether the result carries a `requestState`; without one there is a single round.
    sealed: bool,
    /// Whether questions that the client cannot answer are left out instead of being an error.
    lenient: bool,
    rounds: &'static [&'static [Question]],
}

const NAME: Question = ("user_name", Ask::User("What is your name?", "name", "string"));
const ROOTS: Question = ("client_roots", Ask::Roots);
const GREETING: Question = ("greeting", Ask::Model("Write a greeting"));

const SCRIPTS: &[Script] = &[
    script("test_input_required_result_elicitation", "Asks the user", false, &[&[NAME]]),
    script(
        "test_input_required_result_sampling",
        "Asks the client's model",
        false,
        &[&[("capital_question", Ask::Model("What is the capital of France?"))]],
    ),
    script("test_input_required_result_list_roots", "Asks for the client's roots", false, &[&[ROOTS]]),
    script(
        "test_input_required_result_request_state",
        "Asks the user, and wants its requestState back",
        true,
        &[&[("confirm", Ask::User("Please confirm", "ok", "boolean"))]],
    ),
    script(
        "test_input_required_result_tampered_state",
        "Asks the user, and refuses a requestState that is not its own",
        true,
        &[&[("confirm", Ask::User("Please confirm", "ok", "boolean"))]],
    ),
    script(
        "test_input_required_result_multiple_inputs",
        "Asks the user, the model and for the roots at once",
        true,
        &[&[NAME, GREETING, ROOTS]],
    ),
    script(
        "test_input_required_result_multi_round",
        "Asks the user twice, one after the other",
        true,
        &[
            &[("step1", Ask::User("Step 1: what is your name?", "name", "string"))],
            &[("step2", Ask::User("Step 2: what is your favourite colour?", "color", "string"))],
        ],
    ),
    Script {
        name: "test_input_required_result_capabilities",
        description: "Asks for whatever the client can answer",
        sealed: false,
        lenient: true,
        rounds: &[&[NAME, GREETING, ROOTS]],
    },
    script(
        "test_streaming_elicitation",
        "Asks the user, on a stream",
        false,
        &[&[("value", Ask::User("Please give a value", "value", "string"))]],
    ),
];

const PROMPT_SCRIPT: Script = script(
    PROMPT,
    "Asks the user, then gives a prompt",
    false,
    &[&[("user_context", Ask::User("What is it about?", "context", "string"))]],
);

const fn script(
    name: &'static str,
    description: &'static str,
    sealed: bool,
    rounds: &'static [&'static [Question]],
) -> Script {
    Script { name, description, sealed, lenient: false, rounds }
}

/// Whether this module has the tool.
pub(super) fn has(name: &str) -> bool {
    SCRIPTS.iter().any(|script| script.name == name)
}

/// Returns the definitions of these tools.
pub(super) fn tools() -> Vec<Tool> {
    SCRIPTS.iter().map(|script| plain(script.name, script.description)).collect()
}

/// Holds the key that seals request states.
#[derive(Clone, Debug)]
pub(super) struct Rounds {
    codec: RequestStateCodec,
}

/// How a round ends.
enum RoundEnd {
    Ask(InputRequiredResult),
    Done(InputResponses),
}

impl Rounds {
    /// Creates it with a random key: no other process can open its states.
    pub(super) fn new() -> Self {
        // Valid by construction: 32 bytes are `RequestStateCodec::MIN_KEY_LENGTH`.
        Self { codec: RequestStateCodec::new_unchecked(rand::random::<[u8; 32]>()) }
    }

    /// Calls one of the tools.
    ///
    /// # Errors
    ///
    /// Invalid params if the `requestState` was not sealed here for this tool, or has expired;
    /// missing required client capability if the client cannot answer.
    pub(super) fn call(
        &self,
        request: &CallToolRequestParams,
        cx: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(script) = SCRIPTS.iter().find(|script| script.name == request.name) else {
            return Err(ErrorData::invalid_params(format!("unknown tool: {}", request.name), None));
        };
        let client = cx.client_capabilities().unwrap_or_default();
        match self.turn(
            script,
            request.input_responses.as_ref(),
            request.request_state.as_deref(),
            &client,
        )? {
            RoundEnd::Ask(required) => Ok(required.into()),
            RoundEnd::Done(answers) => {
                Ok(CallToolResult::success(vec![ContentBlock::text(joined_answers(&answers))]).into())
            }
        }
    }

    /// Gets [`PROMPT`].
    ///
    /// # Errors
    ///
    /// As [`Self::call`].
    pub(super) fn prompt(
        &self,
        request: &GetPromptRequestParams,
        cx: &RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let client = cx.client_capabilities().unwrap_or_default();
        let state = request.request_state.as_deref();
        match self.turn(&PROMPT_SCRIPT, request.input_responses.as_ref(), state, &client)? {
            RoundEnd::Ask(required) => Ok(required.into()),
            RoundEnd::Done(answers) => {
                Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, joined_answers(&answers))])
                    .into())
            }
        }
    }

    fn turn(
        &self,
        script: &Script,
        answers: Option<&InputResponses>,
        state: Option<&str>,
        client: &ClientCapabilities,
    ) -> Result<RoundEnd, ErrorData> {
        // The round whose questions were asked last; without a sealed state it is the first.
        let asked = state.map(|state| self.open(script, state)).transpose()?.unwrap_or(0);
        let known = answered(script, asked, answers, client);
        let next = if known.is_some() && (state.is_some() || !script.sealed) { asked + 1 } else { asked };
        let Some(questions) = script.rounds.get(next) else {
            return Ok(RoundEnd::Done(known.unwrap_or_default()));
        };
        let requests = requests(script, questions, client)?;
        if requests.is_empty() {
            return Ok(RoundEnd::Done(InputResponses::new()));
        }
        let state = script.sealed.then(|| self.seal(script, next)).transpose()?;
        Ok(RoundEnd::Ask(InputRequiredResult::new(Some(requests), state)))
    }

    fn seal(&self, script: &Script, round: usize) -> Result<String, ErrorData> {
        let options = SealOptions::new().associated_data(script.name.as_bytes()).ttl(STATE_LIFE);
        self.codec
            .seal_json_with(&round, &options)
            .map_err(|error| ErrorData::internal_error(format!("no requestState: {error}"), None))
    }

    /// Returns the round of a state. The error does not say why a state is invalid, which would
    /// help an attacker.
    fn open(&self, script: &Script, state: &str) -> Result<usize, ErrorData> {
        self.codec.open_json_with(state, script.name.as_bytes()).map_err(|_| {
            ErrorData::invalid_params("requestState is not one of this server's, or too old", None)
        })
    }
}

/// Returns the answers to a round's questions, if all are there. An answer is an object; anything
/// else is asked for again, as SEP-2322 recommends.
fn answered(
    script: &Script,
    round: usize,
    answers: Option<&InputResponses>,
    client: &ClientCapabilities,
) -> Option<InputResponses> {
    let answers = answers?;
    let questions = script.rounds.get(round)?;
    let mut known = InputResponses::new();
    for (key, ask) in *questions {
        match answers.get(*key).filter(|answer| answer.is_object()) {
            Some(answer) => drop(known.insert((*key).to_owned(), answer.clone())),
            None if script.lenient && !ask.request().is_ok_and(|request| ask::offers(client, &request)) => {}
            None => return None,
        }
    }
    Some(known)
}

fn requests(
    script: &Script,
    questions: &[Question],
    client: &ClientCapabilities,
) -> Result<InputRequests, ErrorData> {
    let mut requests = InputRequests::new();
    for (key, ask) in questions {
        let request = ask.request()?;
        if ask::offers(client, &request) {
            requests.insert((*key).to_owned(), request);
        } else if !script.lenient {
            return Err(ErrorData::missing_required_client_capability(ask.needs()));
        }
    }
    Ok(requests)
}

impl Ask {
    fn request(self) -> Result<InputRequest, ErrorData> {
        match self {
            Self::User(message, field, kind) => {
                let schema =
                    json!({"type": "object", "properties": {field: {"type": kind}}, "required": [field]});
                ask::elicitation(message, schema)
            }
            Self::Model(prompt) => Ok(ask::sampling(prompt)),
            Self::Roots => Ok(ask::roots()),
        }
    }

    fn needs(self) -> ClientCapabilities {
        match self {
            Self::User(..) => ClientCapabilities::builder().enable_elicitation().build(),
            Self::Model(_) => ClientCapabilities::builder().enable_sampling().build(),
            Self::Roots => ClientCapabilities::builder().enable_roots().build(),
        }
    }
}

fn joined_answers(answers: &InputResponses) -> String {
    format!("All answers are here: {}", json!(answers))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOL: &str = "test_input_required_result_multi_round";

    fn everything() -> ClientCapabilities {
        ClientCapabilities::builder().enable_elicitation().enable_sampling().enable_roots().build()
    }

    fn find(name: &str) -> &'static Script {
        SCRIPTS.iter().find(|script| script.name == name).unwrap()
    }

    fn answers(key: &str) -> InputResponses {
        InputResponses::from([(key.to_owned(), json!({"action": "accept", "content": {"name": "Ada"}}))])
    }

    fn asked(end: RoundEnd) -> (Vec<String>, Option<String>) {
        match end {
            RoundEnd::Ask(required) => {
                (required.input_requests.unwrap_or_default().into_keys().collect(), required.request_state)
            }
            RoundEnd::Done(_) => panic!("nothing was asked"),
        }
    }

    #[test]
    fn a_call_completes_after_two_rounds() {
        let (rounds, script, client) = (Rounds::new(), find(TOOL), everything());
        let (keys, first) = asked(rounds.turn(script, None, None, &client).unwrap());
        assert_eq!(keys, ["step1"]);
        let (keys, second) =
            asked(rounds.turn(script, Some(&answers("step1")), first.as_deref(), &client).unwrap());
        assert_eq!(keys, ["step2"]);
        assert_ne!(first, second);
        let last = rounds.turn(script, Some(&answers("step2")), second.as_deref(), &client).unwrap();
        assert!(matches!(last, RoundEnd::Done(known) if known.contains_key("step2")));
    }

    #[test]
    fn a_missing_or_malformed_answer_is_asked_for_again() {
        let (rounds, script, client) = (Rounds::new(), find(TOOL), everything());
        let (_, state) = asked(rounds.turn(script, None, None, &client).unwrap());
        let (keys, _) =
            asked(rounds.turn(script, Some(&answers("other")), state.as_deref(), &client).unwrap());
        assert_eq!(keys, ["step1"]);
        let number = InputResponses::from([("step1".to_owned(), json!(12345))]);
        let (keys, _) = asked(rounds.turn(script, Some(&number), state.as_deref(), &client).unwrap());
        assert_eq!(keys, ["step1"]);
    }

    #[test]
    fn answers_without_a_state_are_refused() {
        let (rounds, script, client) = (Rounds::new(), find(TOOL), everything());
        let (keys, _) = asked(rounds.turn(script, Some(&answers("step1")), None, &client).unwrap());
        assert_eq!(keys, ["step1"]);
    }

    #[test]
    fn a_state_of_another_tool_or_another_server_is_refused() {
        let (rounds, client) = (Rounds::new(), everything());
        let (_, state) = asked(rounds.turn(find(TOOL), None, None, &client).unwrap());
        let other = find("test_input_required_result_request_state");
        assert!(rounds.turn(other, Some(&answers("confirm")), state.as_deref(), &client).is_err());
        assert!(Rounds::new().turn(find(TOOL), None, state.as_deref(), &client).is_err());
        assert!(rounds.turn(find(TOOL), None, Some("tampered"), &client).is_err());
    }

    #[test]
    fn only_supported_requests_are_sent_to_the_client() {
        let rounds = Rounds::new();
        let client = ClientCapabilities::builder().enable_sampling().build();
        let lenient = find("test_input_required_result_capabilities");
        let (keys, _) = asked(rounds.turn(lenient, None, None, &client).unwrap());
        assert_eq!(keys, ["greeting"]);
        let none = rounds.turn(lenient, None, None, &ClientCapabilities::default()).unwrap();
        assert!(matches!(none, RoundEnd::Done(_)));
        let error =
            rounds.turn(find("test_input_required_result_elicitation"), None, None, &client).err().unwrap();
        assert_eq!(error.code.0, -32021);
    }
}
