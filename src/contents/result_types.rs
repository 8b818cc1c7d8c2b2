//! The shapes of results: clients that check them reject the whole result for one member (MCP
//! 2025-11-25, schema).

use std::collections::HashSet;

use super::call::{Call, server_key};
use super::member_types::{Member, RESOURCE, Type, due, wrong_item, wrong_member};
use super::outline::Outline;
use crate::base::{Code, Finding, limits, text};
use foldhash::fast::RandomState;

/// The first revision with all members whose types are checked: earlier ones leave them open.
const FIRST: &str = "2025-06-18";

/// The first revision that lets `structuredContent` be any value.
const ANY_STRUCTURED: &str = "2026-07-28";

const TOOLS_CALL: &str = "tools/call";
const PROMPTS_GET: &str = "prompts/get";
const RESOURCES_READ: &str = "resources/read";
const COMPLETE: &str = "completion/complete";

/// The methods whose results are looked at.
pub(super) const METHODS: [&str; 4] = [TOOLS_CALL, PROMPTS_GET, RESOURCES_READ, COMPLETE];

/// The member of a result that shows which method it is of.
const MEMBERS: [(&str, &str); 4] = [
    ("content", TOOLS_CALL),
    ("messages", PROMPTS_GET),
    ("contents", RESOURCES_READ),
    ("completion", COMPLETE),
];

/// Results that were looked at.
#[derive(Debug, Default)]
pub(super) struct ResultTypes {
    /// Servers, methods and names of which something was told.
    told: HashSet<(u64, u64, u64), RandomState>,
}

const TOOL_RESULT: &[Member] = &[("isError", Type::Flag, false), ("_meta", Type::Object, false)];

const PROMPT_RESULT: &[Member] = &[("description", Type::Text, false), ("_meta", Type::Object, false)];

const PROMPT_MESSAGE: &[Member] = &[("role", Type::Text, true), ("content", Type::Object, true)];

const COMPLETION: &[Member] =
    &[("values", Type::List, true), ("total", Type::Number, false), ("hasMore", Type::Flag, false)];

/// What every block of content may have.
const BLOCK: &[Member] =
    &[("type", Type::Text, true), ("annotations", Type::Object, false), ("_meta", Type::Object, false)];

const TEXT: &[Member] = &[("text", Type::Text, true)];

const MEDIA: &[Member] = &[("data", Type::Text, true), ("mimeType", Type::Text, true)];

const EMBEDDED: &[Member] = &[("resource", Type::Object, true)];

const CONTENTS: &[Member] =
    &[("uri", Type::Text, true), ("mimeType", Type::Text, false), ("_meta", Type::Object, false)];

impl ResultTypes {
    /// Takes a call and returns what is wrong with its result.
    pub(super) fn push(&mut self, call: &Call<'_>) -> Option<Finding> {
        let exchange = call.exchange;
        let method = &*exchange.method;
        let revision = exchange.protocol_version.as_deref().filter(|revision| *revision >= FIRST)?;
        if !METHODS.contains(&method) || !exchange.status.is_answered() {
            return None;
        }
        let response = call.response_outline()?;
        let result = response.get("result")?;
        let structured = result.get("structuredContent");
        let structured = structured.filter(|it| revision < ANY_STRUCTURED && !it.is_object());
        let wrong = wrong_result(method, result)
            .or_else(|| Some(due("structuredContent", Some(structured?), Type::Object)))?;
        let name = exchange.name.as_deref().unwrap_or_default();
        let key = (server_key(&exchange.session.identity()), text::hash(method), text::hash(name));
        let is_new = self.told.len() < limits::MAX_TABLE_ROWS && self.told.insert(key);
        let of = if name.is_empty() { String::new() } else { format!(" of {}", text::kept_name(name)) };
        is_new.then(|| call.of_response(Code::ContentsResultShape, format!("{method}{of}: {wrong}")))
    }
}

/// Returns whether a message is right as the answer to a request of any of these methods, as far as
/// its shape shows, or is no result.
pub(super) fn is_right(methods: &[&str], message: &[u8]) -> bool {
    let Some(message) = Outline::of(message) else { return true };
    let Some(result) = message.get("result") else { return true };
    methods.iter().all(|method| wrong_result(method, result).is_none())
}

/// As [`is_right`], where the request is not known: each member is right as that of the method
/// whose results have it.
pub(super) fn is_right_as_any(message: &[u8]) -> bool {
    let Some(message) = Outline::of(message) else { return true };
    let Some(result) = message.get("result") else { return true };
    MEMBERS.iter().all(|(name, method)| result.get(name).is_none() || wrong_result(method, result).is_none())
}

/// What is wrong with the result of a method; `None` if nothing is, or another result is due.
fn wrong_result(method: &str, result: &Outline<'_>) -> Option<String> {
    let wrong = match method {
        TOOLS_CALL => wrong_tool_result,
        PROMPTS_GET => wrong_prompt,
        RESOURCES_READ => wrong_resource,
        COMPLETE => wrong_completion,
        _ => return None,
    };
    wrong(result).filter(|_| is_whole(result))
}

/// Whether it is the result that its method has: not a task, not a request for input, and not of a
/// revision before 2024-11-05.
fn is_whole(result: &Outline<'_>) -> bool {
    result.get("resultType").is_none_or(|kind| kind.as_str() == Some("complete"))
        && ["task", "toolResult"].iter().all(|other| result.get(other).is_none())
}

fn wrong_tool_result(result: &Outline<'_>) -> Option<String> {
    // Clients take a result without content for an empty one.
    let content = result.get("content").and_then(|_| wrong_item(result, "content", wrong_block));
    content.or_else(|| wrong_member(result, TOOL_RESULT))
}

fn wrong_prompt(result: &Outline<'_>) -> Option<String> {
    let wrong = |message: &Outline<'_>| {
        let role = message.get("role").and_then(Outline::as_str);
        let role = role.filter(|role| !["user", "assistant"].contains(role));
        let role = role.map(|role| format!("role is {role:?}, user or assistant is due"));
        let of_content = || wrong_block(message.get("content")?).map(|wrong| format!("content: {wrong}"));
        wrong_member(message, PROMPT_MESSAGE).or(role).or_else(of_content)
    };
    wrong_item(result, "messages", wrong).or_else(|| wrong_member(result, PROMPT_RESULT))
}

fn wrong_resource(result: &Outline<'_>) -> Option<String> {
    wrong_item(result, "contents", wrong_contents)
}

fn wrong_completion(result: &Outline<'_>) -> Option<String> {
    let completion = result.get("completion");
    let Some(completion) = completion.filter(|it| it.is_object()) else {
        return Some(due("completion", completion, Type::Object));
    };
    let values = completion.get("values").and_then(Outline::items);
    let wrong = || values?.iter().position(|value| value.as_str().is_none());
    wrong_member(completion, COMPLETION)
        .or_else(|| wrong().map(|at| format!("values[{at}] is no string")))
        .map(|wrong| format!("completion: {wrong}"))
}

/// What is wrong with a block of content; `None` if nothing is.
fn wrong_block(block: &Outline<'_>) -> Option<String> {
    let kind = block.get("type").and_then(Outline::as_str).unwrap_or_default();
    wrong_member(block, BLOCK).or_else(|| match kind {
        "text" => wrong_member(block, TEXT),
        "image" | "audio" => wrong_member(block, MEDIA),
        "resource_link" => wrong_member(block, RESOURCE),
        "resource" => wrong_member(block, EMBEDDED)
            .or_else(|| wrong_contents(block.get("resource")?).map(|wrong| format!("resource: {wrong}"))),
        other => Some(format!("type is {other:?}, which is none of content")),
    })
}

/// What is wrong with the contents of a resource: they are text or Base64.
fn wrong_contents(contents: &Outline<'_>) -> Option<String> {
    let [text, blob] = ["text", "blob"].map(|name| contents.get(name));
    wrong_member(contents, CONTENTS).or_else(|| match (text, blob) {
        (Some(Outline::Text(_)), _) | (_, Some(Outline::Text(_))) => None,
        (None, Some(blob)) => Some(due("blob", Some(blob), Type::Text)),
        (text, _) => Some(due("text", text, Type::Text)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is wrong with a result.
    fn wrong(method: &str, result: &Value) -> Option<String> {
        let message = json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string();
        let outline = Outline::of(message.as_bytes()).unwrap();
        let wrong = wrong_result(method, outline.get("result").unwrap());
        assert_eq!(is_right(&[method], message.as_bytes()), wrong.is_none(), "{message}");
        assert_eq!(is_right_as_any(message.as_bytes()), wrong.is_none(), "{message}");
        wrong
    }

    #[test]
    fn blocks_of_each_type() {
        let wrong_block = |block: &Value| wrong(TOOLS_CALL, &json!({"content": [block]}));
        let resource = json!({"type": "resource", "resource": {"uri": "a:b", "blob": "YQ=="}});
        for block in [
            json!({"type": "text", "text": "a", "annotations": {"priority": 1}}),
            json!({"type": "image", "data": "YQ==", "mimeType": "image/png"}),
            json!({"type": "audio", "data": "YQ==", "mimeType": "audio/wav"}),
            json!({"type": "resource_link", "uri": "a:b", "name": "a"}),
            resource,
        ] {
            assert_eq!(wrong_block(&block), None, "{block}");
            let members: Vec<String> = block.as_object().unwrap().keys().cloned().collect();
            for member in members {
                let mut wrong = block.clone();
                wrong[&member] = json!(null);
                assert!(wrong_block(&wrong).is_some(), "{wrong}");
            }
        }
        let text = wrong_block(&json!({"type": "text"}));
        assert_eq!(text.as_deref(), Some("content[0] (text): text is missing, a string is due"));
        let other = wrong_block(&json!({"type": "video"}));
        assert_eq!(other.as_deref(), Some("content[0] (video): type is \"video\", which is none of content"));
    }

    #[test]
    fn results_of_each_method() {
        let block = json!({"type": "text", "text": "a"});
        let number = json!({"type": "text", "text": 7});
        let cases = [
            (
                TOOLS_CALL,
                json!({"content": [block, block]}),
                json!({"content": [block, number]}),
                "content[1] (text): text is a number, a string is due",
            ),
            (TOOLS_CALL, json!({}), json!({"content": null}), "content is null, an array is due"),
            (
                TOOLS_CALL,
                json!({"content": [], "isError": true}),
                json!({"content": [], "isError": "no"}),
                "isError is a string, a boolean is due",
            ),
            (
                PROMPTS_GET,
                json!({"messages": [{"role": "user", "content": block}]}),
                json!({"messages": [{"role": "system", "content": block}]}),
                "messages[0]: role is \"system\", user or assistant is due",
            ),
            (
                PROMPTS_GET,
                json!({"messages": []}),
                json!({"messages": [{"role": "user", "content": [block]}]}),
                "messages[0]: content is an array, an object is due",
            ),
            (
                RESOURCES_READ,
                json!({"contents": [{"uri": "a:b", "text": ""}]}),
                json!({"contents": [{"uri": "a:b", "text": null}]}),
                "contents[0]: text is null, a string is due",
            ),
            (
                COMPLETE,
                json!({"completion": {"values": ["a"]}}),
                json!({"completion": {"values": ["a", 1]}}),
                "completion: values[1] is no string",
            ),
        ];
        for (method, right, bad, expected) in cases {
            assert_eq!(wrong(method, &right), None, "{right}");
            assert_eq!(wrong(method, &bad).as_deref(), Some(expected), "{bad}");
        }
        for other in [json!({"resultType": "input_required"}), json!({"task": {"taskId": "a"}})] {
            assert_eq!(wrong(TOOLS_CALL, &other), None, "{other}");
        }
    }
}
