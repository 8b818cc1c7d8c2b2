//! The answer of a model while it comes: what all dialects put together.

use super::call::{Bounded, CallError, Pace, ToolCall};
use super::json::Json;
use crate::base::{Degraded, Origin, limits, text};

/// An answer so far.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) model: Option<Box<str>>,
    pub(super) text: Bounded,
    pub(super) reasoning_bytes: u64,
    pub(super) tools: Vec<OpenTool>,
    /// Bytes of arguments that are kept, of all tools.
    kept_arguments: usize,
    pub(super) usage: Usage,
    pub(super) finish_reason: Option<Box<str>>,
    pub(super) error: Option<CallError>,
    /// Whether the API's own mark of the end came.
    pub(super) is_done: bool,
    pub(super) pace: Pace,
    /// The packet of the piece that is read; `None` for an answer that came as a whole.
    at: Option<Origin>,
    /// Whether the piece that is read holds something that the model produced.
    has_output: bool,
    /// What later pieces are appended to, in dialects that name it once.
    pub(super) target: Target,
    pub(super) degraded: Degraded,
}

/// What a server counts. `None` for what it does not tell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    pub(super) reasoning: Option<u64>,
    pub(super) cached: Option<u64>,
}

/// A tool that the model calls.
#[derive(Debug)]
pub(super) struct OpenTool {
    /// The number by which the API tells calls of an answer apart.
    index: Option<u64>,
    pub(super) call: ToolCall,
}

/// What a patch without a path is applied to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Target {
    /// Nothing that is read.
    #[default]
    Other,
    /// The text of the answer.
    Text,
    /// The text of the model's reasoning.
    Reasoning,
}

impl Answer {
    /// Begins a piece, which the packet `at` completed; `None` for an answer that came as a whole.
    pub(super) fn begin_piece(&mut self, at: Option<Origin>) {
        self.at = at;
        self.has_output = false;
    }

    /// Ends a piece: its time counts if it holds something that the model produced.
    pub(super) fn end_piece(&mut self) {
        if let (true, Some(at)) = (std::mem::take(&mut self.has_output), self.at) {
            self.pace.record(at);
        }
    }

    /// Appends text of the answer.
    pub(super) fn add_text(&mut self, text: &str) {
        self.has_output |= !text.is_empty();
        self.text.push(text, limits::MAX_LLM_TEXT);
    }

    /// Appends text of the answer, if the value is one.
    pub(super) fn add_text_of(&mut self, json: Option<Json<'_>>) {
        if let Some(text) = json.and_then(Json::text) {
            self.add_text(&text);
        }
    }

    /// Replaces the text of the answer by one that has it as its beginning.
    pub(super) fn set_text(&mut self, text: &str) {
        let len = text.len() as u64;
        self.has_output |= len > self.text.len;
        let mut whole = Bounded::default();
        whole.push(text, limits::MAX_LLM_TEXT);
        self.text = whole;
    }

    /// Counts text of the model's reasoning, if the value is one.
    pub(super) fn add_reasoning_of(&mut self, json: Option<Json<'_>>) {
        if let Some(text) = json.and_then(Json::text) {
            self.has_output |= !text.is_empty();
            self.reasoning_bytes = self.reasoning_bytes.saturating_add(text.len() as u64);
        }
    }

    /// Sets the model, if the value names one.
    pub(super) fn set_model(&mut self, json: Option<Json<'_>>) {
        if let Some(model) = json.and_then(Json::text).filter(|model| !model.is_empty())
            && self.model.as_deref() != Some(&*model)
        {
            self.model = Some(text::kept_name(&model).into());
        }
    }

    /// Sets why the model stopped, if the value tells.
    pub(super) fn set_finish(&mut self, json: Option<Json<'_>>) {
        if let Some(reason) = json.and_then(Json::text).filter(|reason| !reason.is_empty()) {
            self.finish_reason = Some(text::kept_name(&reason).into());
        }
    }

    /// Returns the place of a call among [`Self::tools`]: the one of this index, unless that has
    /// another id; without an index the one of this id. If there is none, it begins; `None` if
    /// there are too many.
    pub(super) fn tool(&mut self, index: Option<u64>, id: Option<&str>) -> Option<usize> {
        let id = id.filter(|id| !id.is_empty());
        let same_id = |tool: &OpenTool| match (id, tool.call.id.as_deref()) {
            (Some(id), Some(known)) => *text::kept_name(id) == *known,
            _ => true,
        };
        // The latest one: gateways number the calls of each piece anew.
        let found = match (index, id) {
            (Some(_), _) => self.tools.iter().rposition(|tool| tool.index == index && same_id(tool)),
            (None, Some(_)) => self.tools.iter().rposition(|tool| tool.call.id.is_some() && same_id(tool)),
            (None, None) => self.tools.len().checked_sub(1),
        };
        if let Some(at) = found {
            if let (Some(id), Some(tool)) = (id, self.tools.get_mut(at)) {
                tool.call.id.get_or_insert_with(|| text::kept_name(id).into());
            }
            return Some(at);
        }
        self.begin_tool(index, id)
    }

    /// Returns whether a call of this index began.
    pub(super) fn has_tool(&self, index: Option<u64>) -> bool {
        self.tools.iter().any(|tool| tool.index == index)
    }

    /// Begins a call; `None` if there are too many.
    pub(super) fn begin_tool(&mut self, index: Option<u64>, id: Option<&str>) -> Option<usize> {
        if self.tools.len() >= limits::MAX_LLM_TOOLS {
            self.degraded.add(Degraded::NOT_READ);
            return None;
        }
        let id = id.filter(|id| !id.is_empty()).map(|id| text::kept_name(id).into());
        self.tools.push(OpenTool { index, call: ToolCall { id, at: self.at, ..ToolCall::default() } });
        self.has_output = true;
        Some(self.tools.len() - 1)
    }

    /// Sets the name of a call that has none yet.
    pub(super) fn set_tool_name(&mut self, at: Option<usize>, name: Option<Json<'_>>) {
        let Some(tool) = at.and_then(|at| self.tools.get_mut(at)) else { return };
        if let Some(name) = name.and_then(Json::text).filter(|_| tool.call.name.is_empty()) {
            tool.call.name = text::kept_name(&name).into();
        }
    }

    /// Appends to the arguments of a call.
    pub(super) fn add_arguments(&mut self, at: Option<usize>, arguments: &str) {
        let Some(tool) = at.and_then(|at| self.tools.get_mut(at)) else { return };
        let before = tool.call.arguments.kept.len();
        let room = limits::MAX_LLM_TEXT.saturating_sub(self.kept_arguments);
        tool.call.arguments.push(arguments, before + room);
        tool.call.at = self.at;
        self.kept_arguments += tool.call.arguments.kept.len() - before;
        self.has_output |= !arguments.is_empty();
    }

    /// Sets the arguments of a call if they did not come in pieces.
    pub(super) fn set_arguments(&mut self, at: Option<usize>, arguments: &str) {
        if at.and_then(|at| self.tools.get(at)).is_some_and(|tool| tool.call.arguments.len == 0) {
            self.add_arguments(at, arguments);
        }
    }

    /// All of the arguments of a call came.
    pub(super) fn end_tool(&mut self, at: Option<usize>) {
        if let Some(tool) = at.and_then(|at| self.tools.get_mut(at)) {
            tool.call.is_complete = true;
            tool.call.at = self.at;
        }
    }

    /// Reads the member `error` that all APIs answer with if they cannot do what was asked.
    pub(super) fn read_error(&mut self, json: Json<'_>) {
        if let Some(error) = json.get("error") {
            self.set_error(error);
        }
    }

    /// Sets what is wrong: an object with code or type and message, or a text.
    pub(super) fn set_error(&mut self, error: Json<'_>) {
        if error.is_null() {
            return;
        }
        let [code, kind, message, status] = error.get_all(["code", "type", "message", "status"]);
        let code = [code, kind, status].into_iter().flatten().find(|code| !code.is_null());
        let code = code.map(|code| code.text().unwrap_or_else(|| code.raw().into()));
        let message = message.and_then(Json::text).or_else(|| error.text()).unwrap_or_default();
        self.error = Some(CallError {
            code: code.map(|code| text::kept_name(&code).into()),
            message: text::kept(&message).into(),
        });
    }

    /// Returns what is allocated for it, in bytes.
    pub(super) fn held(&self) -> usize {
        // A text that grows has at most twice the room that it needs.
        let arguments = 2 * self.kept_arguments;
        let names = self.tools.len() * (size_of::<OpenTool>() + 2 * limits::MAX_NAME);
        self.text.kept.capacity() + arguments + names
    }

    /// Drops its texts because a cap was reached.
    pub(super) fn shed(&mut self) {
        self.degraded.add(Degraded::NOT_READ);
        self.text.kept = String::new();
        self.tools.iter_mut().for_each(|tool| tool.call.arguments.kept = String::new());
        self.kept_arguments = 0;
    }
}

/// Sets a count, if the value is one.
pub(super) fn set(count: &mut Option<u64>, json: Option<Json<'_>>) {
    if let Some(number) = json.and_then(Json::count) {
        *count = Some(number);
    }
}
