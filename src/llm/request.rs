//! The request of a call: what its body says, and whether it is one.

use std::collections::VecDeque;

use super::call::{Bounded, ToolResult};
use super::dialect::{self, Dialect};
use super::json::{Json, members};
use crate::base::{limits, text};

/// What the body of a request says.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) model: Option<Box<str>>,
    /// Whether it asks for a stream; `None` if it does not tell.
    pub(super) stream: Option<bool>,
    pub(super) tools: Vec<Box<str>>,
    /// Number of tools that it offers.
    pub(super) tools_offered: u64,
    /// The latest results, oldest first.
    pub(super) results: VecDeque<ToolResult>,
    shape: Shape,
    /// What is allocated for results and tools, in bytes: it is asked for with every packet.
    held: usize,
}

/// Which members it has.
#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    /// It is JSON-RPC.
    is_rpc: bool,
    /// `messages` with roles.
    messages: bool,
    /// A message is of the form that only the web client of ChatGPT uses.
    authors: bool,
    /// `input`.
    input: bool,
    /// `contents` with parts.
    contents: bool,
    prompt: bool,
}

/// Names of members with which messages of JSON-RPC begin, and bodies of calls do not.
const OF_RPC: [&[u8]; 6] = [b"jsonrpc", b"method", b"id", b"params", b"result", b"error"];

/// Ends of paths whose requests look like calls, and ask for something else.
const NOT_CALLS: [&str; 6] =
    ["count_tokens", "tokenize", "apply-template", "embeddings", "moderations", "rerank"];

/// Returns whether a body may be that of a call, by its first member: quick, since most bodies of a
/// capture are messages of MCP.
pub(super) fn may_be_call(body: &[u8]) -> bool {
    let [b'{', behind @ ..] = body.trim_ascii_start() else { return false };
    let [b'"', name @ ..] = behind.trim_ascii_start() else { return false };
    let is = |rpc: &&[u8]| name.starts_with(rpc) && name.get(rpc.len()) == Some(&b'"');
    !OF_RPC.iter().any(is)
}

impl Request {
    /// Reads a body, as far as it was captured.
    pub(super) fn read(body: &[u8]) -> Self {
        let mut request = Self::default();
        members(body, |name, value| request.member(name, value));
        request.held = request.count_held();
        request
    }

    fn member(&mut self, name: &str, value: Json<'_>) {
        match name {
            "jsonrpc" => self.shape.is_rpc = true,
            "model" => self.model = value.text().map(|model| text::kept_name(&model).into()),
            "stream" => self.stream = value.flag(),
            "tools" => value.elements(|tool| self.tool(tool)),
            "functions" => value.elements(|function| self.offer(function.get("name"))),
            "messages" => value.elements(|message| self.message(message)),
            "input" => {
                self.shape.input = true;
                value.elements(|item| self.item(item));
            }
            "contents" => value.elements(|content| self.content(content)),
            "prompt" => self.shape.prompt = true,
            _ => {}
        }
    }

    /// Reads a tool that is offered: the APIs put its name in different places.
    fn tool(&mut self, tool: Json<'_>) {
        let names = ["name", "function", "functionDeclarations", "function_declarations", "custom"];
        let [name, function, declarations, snake, custom] = tool.get_all(names);
        if let Some(list) = declarations.or(snake) {
            list.elements(|function| self.offer(function.get("name")));
        } else {
            self.offer(name.or_else(|| function.or(custom).and_then(|it| it.get("name"))));
        }
    }

    fn offer(&mut self, name: Option<Json<'_>>) {
        let Some(name) = name.and_then(Json::text) else { return };
        self.tools_offered += 1;
        if self.tools.len() < limits::MAX_LLM_TOOLS {
            self.tools.push(text::kept_name(&name).into());
        }
    }

    /// Reads a message of Chat Completions, Anthropic or Ollama.
    fn message(&mut self, message: Json<'_>) {
        let names = ["role", "content", "tool_call_id", "tool_name", "name", "author"];
        let [role, content, id, tool_name, name, author] = message.get_all(names);
        self.shape.authors |= author.is_some();
        let Some(role) = role.and_then(Json::text) else { return };
        self.shape.messages = true;
        if matches!(&*role, "tool" | "function") {
            return self.add_result(id, tool_name.or(name), content, false);
        }
        let Some(blocks) = content.filter(|content| content.is_array()) else { return };
        blocks.elements(|block| {
            let [kind, id, content, error] = block.get_all(["type", "tool_use_id", "content", "is_error"]);
            if kind.and_then(Json::text).as_deref() == Some("tool_result") {
                self.add_result(id, None, content, error.and_then(Json::flag) == Some(true));
            }
        });
    }

    /// Reads an item of the input of Responses.
    fn item(&mut self, item: Json<'_>) {
        let [kind, id, output, role] = item.get_all(["type", "call_id", "output", "role"]);
        self.shape.messages |= role.is_some();
        let kind = kind.and_then(Json::text);
        if matches!(kind.as_deref(), Some("function_call_output" | "custom_tool_call_output")) {
            self.shape.messages = true;
            self.add_result(id, None, output, false);
        }
    }

    /// Reads a content of Gemini.
    fn content(&mut self, content: Json<'_>) {
        let Some(parts) = content.get("parts") else { return };
        self.shape.contents = true;
        parts.elements(|part| {
            let Some(response) = part.get("functionResponse").or_else(|| part.get("function_response"))
            else {
                return;
            };
            let [id, name, result] = response.get_all(["id", "name", "response"]);
            // Its libraries wrap a text into an object.
            let wrapped = result.and_then(|result| {
                let [text, output, content] = result.get_all(["result", "output", "content"]);
                text.or(output).or(content).filter(|text| text.text().is_some())
            });
            self.add_result(id, name, wrapped.or(result), false);
        });
    }

    fn add_result(
        &mut self,
        id: Option<Json<'_>>,
        name: Option<Json<'_>>,
        content: Option<Json<'_>>,
        is_error: bool,
    ) {
        let kept = |value: Option<Json<'_>>| {
            let text = value.and_then(Json::text).filter(|text| !text.is_empty())?;
            Some(text::kept_name(&text).into())
        };
        let mut text = Bounded::default();
        match content {
            // Blocks of text.
            Some(blocks) if blocks.is_array() => blocks.elements(|block| {
                let block = block.get("text").unwrap_or(block);
                text.push(&block.text().unwrap_or_default(), limits::MAX_LLM_RESULT);
            }),
            Some(value) => {
                let value = value.text().unwrap_or_else(|| value.raw().into());
                text.push(&value, limits::MAX_LLM_RESULT);
            }
            None => {}
        }
        if self.results.len() >= limits::MAX_LLM_TOOLS {
            self.results.pop_front();
        }
        self.results.push_back(ToolResult { id: kept(id), name: kept(name), text, is_error });
    }

    /// Returns the dialect that the target and the body show together; `None` if it is no call.
    /// `is_anthropic` if the head has a field of that API.
    pub(super) fn dialect(&self, target: &str, is_anthropic: bool) -> Option<Dialect> {
        let last = dialect::last_segment(target);
        if self.shape.is_rpc || NOT_CALLS.contains(&last) {
            return None;
        }
        if let Some(sure) = Dialect::of_target(target) {
            return Some(sure);
        }
        let Shape { messages, authors, input, contents, prompt, .. } = self.shape;
        let path = dialect::path(target);
        let has_model = self.model.is_some();
        if path.ends_with("/responses") && input {
            return Some(Dialect::OpenaiResponses);
        }
        if contents && !target.contains(':') {
            return Some(Dialect::Gemini);
        }
        if authors && has_model {
            return Some(Dialect::ChatgptWeb);
        }
        if !has_model {
            return None;
        }
        let is_ollama = path.ends_with("/api/chat") || path.ends_with("/api/generate");
        match () {
            () if is_ollama && (messages || prompt) => Some(Dialect::Ollama),
            () if messages && (is_anthropic || last == "messages") => Some(Dialect::Anthropic),
            () if input && messages => Some(Dialect::OpenaiResponses),
            () if messages || (prompt && last == "completions") => Some(Dialect::OpenaiChat),
            () => None,
        }
    }

    /// Returns whether the request asks for a stream.
    pub(super) fn is_streamed(&self, dialect: Dialect, target: &str) -> bool {
        self.stream.unwrap_or_else(|| match dialect {
            Dialect::Gemini => dialect::path(target).ends_with(":streamGenerateContent"),
            Dialect::Ollama | Dialect::ChatgptWeb | Dialect::Kimi | Dialect::DeepseekWeb => true,
            Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::Anthropic => false,
        })
    }

    /// Returns what is allocated for it, in bytes.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    fn count_held(&self) -> usize {
        let results = self
            .results
            .iter()
            .map(|result| size_of::<ToolResult>() + result.text.kept.capacity() + 2 * limits::MAX_NAME);
        let tools = self.tools.iter().map(|name| size_of::<Box<str>>() + name.len());
        results.chain(tools).sum()
    }

    /// Drops what it holds because a cap was reached.
    pub(super) fn shed(&mut self) {
        self.results = VecDeque::new();
        self.tools = Vec::new();
        self.held = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dialect(target: &str, body: &str) -> Option<Dialect> {
        may_be_call(body.as_bytes()).then(|| Request::read(body.as_bytes()))?.dialect(target, false)
    }

    #[test]
    fn the_dialect_follows_from_target_and_body() {
        let chat = r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#;
        for (target, body, want) in [
            ("/v1/chat/completions", chat, Some(Dialect::OpenaiChat)),
            ("/v1/chat/completions", r#"{"broken"#, Some(Dialect::OpenaiChat)),
            ("/gateway/anything", chat, Some(Dialect::OpenaiChat)),
            ("/v1/messages", chat, Some(Dialect::Anthropic)),
            ("/v1/messages/count_tokens", chat, None),
            ("/api/chat", chat, Some(Dialect::Ollama)),
            ("/api/chat", r#"{"text":"hello"}"#, None),
            ("/api/generate", r#"{"model":"m","prompt":"x"}"#, Some(Dialect::Ollama)),
            ("/v1/completions", r#"{"model":"m","prompt":"x"}"#, Some(Dialect::OpenaiChat)),
            ("/v1/responses", r#"{"model":"m","input":"x"}"#, Some(Dialect::OpenaiResponses)),
            ("/survey/responses", r#"{"answers":[1]}"#, None),
            ("/v1/embeddings", r#"{"model":"m","input":["x"]}"#, None),
            ("/v1/messages", r#"{"to":"+49","from":"x","text":"hello"}"#, None),
            (
                "/v1/models/g:generateContent",
                r#"{"contents":[{"parts":[{"text":"x"}]}]}"#,
                Some(Dialect::Gemini),
            ),
            ("/v1/models/g:countTokens", r#"{"contents":[{"parts":[{"text":"x"}]}]}"#, None),
            ("/mcp", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, None),
            ("/mcp", r#"{"model":"m","messages":[{"role":"user"}],"jsonrpc":"2.0"}"#, None),
        ] {
            assert_eq!(dialect(target, body), want, "{target} {body}");
        }
    }

    #[test]
    fn tools_and_results_are_read_in_every_dialect() {
        for (body, tool, id, result) in [
            (
                r#"{"tools":[{"type":"function","function":{"name":"t"}}],
                   "messages":[{"role":"tool","tool_call_id":"c1","content":"r"}]}"#,
                "t",
                Some("c1"),
                "r",
            ),
            (
                r#"{"tools":[{"name":"t","input_schema":{}}],"messages":[{"role":"user","content":[
                   {"type":"tool_result","tool_use_id":"c2","content":[{"type":"text","text":"a"},
                   {"type":"text","text":"b"}]}]}]}"#,
                "t",
                Some("c2"),
                "ab",
            ),
            (
                r#"{"tools":[{"type":"function","name":"t"}],
                   "input":[{"type":"function_call_output","call_id":"c3","output":"o"}]}"#,
                "t",
                Some("c3"),
                "o",
            ),
            (
                r#"{"tools":[{"functionDeclarations":[{"name":"t"}]}],"contents":[{"role":"user",
                   "parts":[{"functionResponse":{"name":"t","response":{"a":1}}}]}]}"#,
                "t",
                None,
                r#"{"a":1}"#,
            ),
        ] {
            let request = Request::read(body.as_bytes());
            assert_eq!(request.tools.iter().map(|name| &**name).collect::<Vec<_>>(), [tool]);
            let [only] = &*request.results.into_iter().collect::<Vec<_>>() else { panic!("{body}") };
            assert_eq!((only.id.as_deref(), only.text.kept.as_str()), (id, result));
        }
    }

    #[test]
    fn the_latest_results_are_kept() {
        let number = limits::MAX_LLM_TOOLS + 5;
        let messages: Vec<_> = (0..number)
            .map(|n| serde_json::json!({"role": "tool", "tool_call_id": format!("c{n}"), "content": "x".repeat(5000)}))
            .collect();
        let request = Request::read(serde_json::json!({ "messages": messages }).to_string().as_bytes());
        assert_eq!(request.results.len(), limits::MAX_LLM_TOOLS);
        assert_eq!(request.results.back().unwrap().id.as_deref(), Some(&*format!("c{}", number - 1)));
        assert!(request.held() < limits::MAX_LLM_TOOLS * 3000, "{}", request.held());
    }

    proptest! {
        #[test]
        fn any_body_is_read(body in prop::collection::vec(any::<u8>(), 0..60), cut in 0usize..200) {
            let _ = may_be_call(&body);
            let _ = Request::read(&body);
            let whole = r#"{"model":"m","messages":[{"role":"tool","content":[{"text":1}]}],"tools":[1]}"#;
            let _ = Request::read(whole.get(..cut).unwrap_or(whole).as_bytes());
        }
    }
}
