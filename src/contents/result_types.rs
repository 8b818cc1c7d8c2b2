//! The shapes of results: clients that check them reject the whole result for one member (MCP
//! 2025-11-25, schema).

use super::call::{Call, server_key};
use super::member_types::{Member, RESOURCE, Type, describe_mismatch, find_wrong_item, find_wrong_member};
use super::outline::Outline;
use super::reported::Reported;
use crate::base::{Code, Finding, limits, text};

/// The first revision with all members whose types are checked: earlier ones leave them open.
const FIRST: &str = "2025-06-18";

/// The first revision that lets `structuredContent` be any value.
const ANY_STRUCTURED: &str = "2026-07-28";

/// A method whose results are checked.
struct Checked {
    method: &'static str,
    /// The member that only its results have.
    member: &'static str,
    /// Describes the first error of a result; `None` if it is right.
    check: fn(&Outline<'_>) -> Option<String>,
}

const CHECKED: [Checked; 4] = [
    Checked { method: "tools/call", member: "content", check: check_tool_result },
    Checked { method: "prompts/get", member: "messages", check: check_prompt },
    Checked { method: "resources/read", member: "contents", check: check_resource },
    Checked { method: "completion/complete", member: "completion", check: check_completion },
];

/// Checks results.
#[derive(Debug, Default)]
pub(super) struct ResultTypes {
    /// By server, method and name.
    reported: Reported<(u64, u64, u64), { limits::MAX_TABLE_ROWS }>,
}

const TOOL_RESULT: &[Member] = &[("isError", Type::Flag, false), ("_meta", Type::Object, false)];

const PROMPT_RESULT: &[Member] = &[("description", Type::Text, false), ("_meta", Type::Object, false)];

const PROMPT_MESSAGE: &[Member] = &[("role", Type::Text, true), ("content", Type::Object, true)];

const COMPLETION: &[Member] =
    &[("values", Type::List, true), ("total", Type::Number, false), ("hasMore", Type::Flag, false)];

/// Members that every block of content may have.
const BLOCK: &[Member] =
    &[("type", Type::Text, true), ("annotations", Type::Object, false), ("_meta", Type::Object, false)];

const TEXT: &[Member] = &[("text", Type::Text, true)];

const MEDIA: &[Member] = &[("data", Type::Text, true), ("mimeType", Type::Text, true)];

const EMBEDDED: &[Member] = &[("resource", Type::Object, true)];

const CONTENTS: &[Member] =
    &[("uri", Type::Text, true), ("mimeType", Type::Text, false), ("_meta", Type::Object, false)];

impl ResultTypes {
    /// Returns a finding about the result of a call, if it is wrong.
    pub(super) fn push(&mut self, call: &Call<'_>) -> Option<Finding> {
        let exchange = call.exchange;
        let method = &*exchange.method;
        let revision = exchange.protocol_version.as_deref().filter(|revision| *revision >= FIRST)?;
        let checked = find(method).filter(|_| exchange.status.is_answered())?;
        let response = call.response_outline()?;
        let result = response.get("result")?;
        let structured = result.get("structuredContent");
        let structured = structured.filter(|it| revision < ANY_STRUCTURED && !it.is_object());
        let wrong = checked
            .run(result)
            .or_else(|| Some(describe_mismatch("structuredContent", Some(structured?), Type::Object)))?;
        let name = exchange.name.as_deref().unwrap_or_default();
        let key = (server_key(&exchange.session.identity()), text::hash(method), text::hash(name));
        let is_new = self.reported.insert(key);
        let of = if name.is_empty() { String::new() } else { format!(" of {}", text::kept_name(name)) };
        is_new.then(|| call.of_response(Code::ContentsResultShape, format!("{method}{of}: {wrong}")))
    }
}

impl Checked {
    /// Describes the first error of a result; `None` if it is right, or another kind of result.
    fn run(&self, result: &Outline<'_>) -> Option<String> {
        (self.check)(result).filter(|_| is_final(result))
    }
}

fn find(method: &str) -> Option<&'static Checked> {
    CHECKED.iter().find(|checked| checked.method == method)
}

/// Returns the name of a method if its results are checked.
pub(super) fn checked_method(method: &str) -> Option<&'static str> {
    find(method).map(|checked| checked.method)
}

/// Returns whether a message has the shape of a result of each of these methods, or has no result.
pub(super) fn is_right(methods: &[&str], message: &[u8]) -> bool {
    are_all_right(message, |checked, _| methods.contains(&checked.method))
}

/// Returns whether a message whose request is not known has the shape of a result of the methods
/// that its members belong to, or has no result.
pub(super) fn is_right_as_any(message: &[u8]) -> bool {
    are_all_right(message, |checked, result| result.get(checked.member).is_some())
}

fn are_all_right(message: &[u8], applies: impl Fn(&Checked, &Outline<'_>) -> bool) -> bool {
    let Some(message) = Outline::of(message) else { return true };
    let Some(result) = message.get("result") else { return true };
    CHECKED.iter().all(|checked| !applies(checked, result) || checked.run(result).is_none())
}

/// Whether it is the result of the method itself: no task, no request for input, and no result of a
/// revision before 2024-11-05.
fn is_final(result: &Outline<'_>) -> bool {
    result.get("resultType").is_none_or(|kind| kind.as_str() == Some("complete"))
        && ["task", "toolResult"].iter().all(|other| result.get(other).is_none())
}

fn check_tool_result(result: &Outline<'_>) -> Option<String> {
    // Clients take a result without content for an empty one.
    let content = result.get("content").and_then(|_| find_wrong_item(result, "content", check_block));
    content.or_else(|| find_wrong_member(result, TOOL_RESULT))
}

fn check_prompt(result: &Outline<'_>) -> Option<String> {
    let wrong = |message: &Outline<'_>| {
        let role = message.get("role").and_then(Outline::as_str);
        let role = role.filter(|role| !["user", "assistant"].contains(role));
        let role = role.map(|role| format!("role is {role:?}, user or assistant is due"));
        let of_content = || check_block(message.get("content")?).map(|wrong| format!("content: {wrong}"));
        find_wrong_member(message, PROMPT_MESSAGE).or(role).or_else(of_content)
    };
    find_wrong_item(result, "messages", wrong).or_else(|| find_wrong_member(result, PROMPT_RESULT))
}

fn check_resource(result: &Outline<'_>) -> Option<String> {
    find_wrong_item(result, "contents", check_contents)
}

fn check_completion(result: &Outline<'_>) -> Option<String> {
    let completion = result.get("completion");
    let Some(completion) = completion.filter(|it| it.is_object()) else {
        return Some(describe_mismatch("completion", completion, Type::Object));
    };
    let values = completion.get("values").and_then(Outline::items);
    let wrong = || values?.iter().position(|value| value.as_str().is_none());
    find_wrong_member(completion, COMPLETION)
        .or_else(|| wrong().map(|at| format!("values[{at}] is no string")))
        .map(|wrong| format!("completion: {wrong}"))
}

/// Describes the first error of a block of content.
fn check_block(block: &Outline<'_>) -> Option<String> {
    let kind = block.get("type").and_then(Outline::as_str).unwrap_or_default();
    find_wrong_member(block, BLOCK).or_else(|| match kind {
        "text" => find_wrong_member(block, TEXT),
        "image" | "audio" => find_wrong_member(block, MEDIA),
        "resource_link" => find_wrong_member(block, RESOURCE),
        "resource" => find_wrong_member(block, EMBEDDED)
            .or_else(|| check_contents(block.get("resource")?).map(|wrong| format!("resource: {wrong}"))),
        other => Some(format!("type is {other:?}, which content does not have")),
    })
}

/// Describes the first error of the contents of a resource, which are text or Base64.
fn check_contents(contents: &Outline<'_>) -> Option<String> {
    let [text, blob] = ["text", "blob"].map(|name| contents.get(name));
    find_wrong_member(contents, CONTENTS).or_else(|| match (text, blob) {
        (Some(Outline::Text(_)), _) | (_, Some(Outline::Text(_))) => None,
        (None, Some(blob)) => Some(describe_mismatch("blob", Some(blob), Type::Text)),
        (text, _) => Some(describe_mismatch("text", text, Type::Text)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The first error of a result.
    fn wrong(method: &str, result: &Value) -> Option<String> {
        let message = json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string();
        let outline = Outline::of(message.as_bytes()).unwrap();
        let wrong = find(method).unwrap().run(outline.get("result").unwrap());
        assert_eq!(is_right(&[method], message.as_bytes()), wrong.is_none(), "{message}");
        assert_eq!(is_right_as_any(message.as_bytes()), wrong.is_none(), "{message}");
        wrong
    }

    #[test]
    fn blocks_of_each_type() {
        let check_block = |block: &Value| wrong("tools/call", &json!({"content": [block]}));
        let resource = json!({"type": "resource", "resource": {"uri": "a:b", "blob": "YQ=="}});
        for block in [
            json!({"type": "text", "text": "a", "annotations": {"priority": 1}}),
            json!({"type": "image", "data": "YQ==", "mimeType": "image/png"}),
            json!({"type": "audio", "data": "YQ==", "mimeType": "audio/wav"}),
            json!({"type": "resource_link", "uri": "a:b", "name": "a"}),
            resource,
        ] {
            assert_eq!(check_block(&block), None, "{block}");
            let members: Vec<String> = block.as_object().unwrap().keys().cloned().collect();
            for member in members {
                let mut wrong = block.clone();
                wrong[&member] = json!(null);
                assert!(check_block(&wrong).is_some(), "{wrong}");
            }
        }
        let text = check_block(&json!({"type": "text"}));
        assert_eq!(text.as_deref(), Some("content[0] (text): text is missing, a string is due"));
        let other = check_block(&json!({"type": "video"}));
        assert_eq!(
            other.as_deref(),
            Some("content[0] (video): type is \"video\", which content does not have")
        );
    }

    #[test]
    fn results_of_each_method() {
        let block = json!({"type": "text", "text": "a"});
        let number = json!({"type": "text", "text": 7});
        let cases = [
            (
                "tools/call",
                json!({"content": [block, block]}),
                json!({"content": [block, number]}),
                "content[1] (text): text is a number, a string is due",
            ),
            ("tools/call", json!({}), json!({"content": null}), "content is null, an array is due"),
            (
                "tools/call",
                json!({"content": [], "isError": true}),
                json!({"content": [], "isError": "no"}),
                "isError is a string, a boolean is due",
            ),
            (
                "prompts/get",
                json!({"messages": [{"role": "user", "content": block}]}),
                json!({"messages": [{"role": "system", "content": block}]}),
                "messages[0]: role is \"system\", user or assistant is due",
            ),
            (
                "prompts/get",
                json!({"messages": []}),
                json!({"messages": [{"role": "user", "content": [block]}]}),
                "messages[0]: content is an array, an object is due",
            ),
            (
                "resources/read",
                json!({"contents": [{"uri": "a:b", "text": ""}]}),
                json!({"contents": [{"uri": "a:b", "text": null}]}),
                "contents[0]: text is null, a string is due",
            ),
            (
                "completion/complete",
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
            assert_eq!(wrong("tools/call", &other), None, "{other}");
        }
    }
}
