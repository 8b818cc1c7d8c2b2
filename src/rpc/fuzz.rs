//! The fuzz target of JSON-RPC, with serde_json as the oracle.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::json::Json;
use super::{Id, Kind, Parsed, parse};
use crate::base::{Code, Degraded, Origin, Span};

/// A body: what is JSON is JSON for serde_json too, and a message has the members that it has
/// there.
pub fn messages(data: &[u8]) {
    let mut parsed = Parsed::nothing(Span::of(Origin::new(1, 1)), Degraded::NONE, data.len() as u64);
    parse::parse_into(data, &mut parsed);
    let Ok(text) = std::str::from_utf8(data) else {
        assert!(parsed.envelopes.is_empty());
        return;
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut json = Json::new(text);
    let is_valid = json.skip().is_ok() && json.is_at_end();
    assert_eq!(is_valid, serde_json::from_str::<IgnoredAny>(text).is_ok());
    let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text) else { return };
    let (mut json, mut names) = (Json::new(text), 0);
    let read = json.object(|json, name| {
        names += 1;
        assert!(members.contains_key(name), "{name:?}");
        json.skip()
    });
    assert!(read.is_ok() && json.is_at_end());
    if names == members.len() {
        check(&members, &parsed, text);
    }
}

/// Compares a message that has no member twice.
fn check(members: &BTreeMap<String, &RawValue>, parsed: &Parsed, text: &str) {
    assert!(parsed.faults.iter().all(|fault| fault.code == Code::RpcBom), "{:?}", parsed.faults);
    let [message] = &*parsed.envelopes else {
        assert_eq!(parsed.envelopes.len(), 1);
        return;
    };
    assert_eq!(message.has_version, members.contains_key("jsonrpc"));
    assert!(message.bytes as usize >= text.trim_ascii().len());
    let string = |name: &str| serde_json::from_str::<String>(members.get(name)?.get()).ok();
    let has = |name: &str| members.contains_key(name);
    let id = members.get("id").map(|id| id.get());
    if let Some(method) = string("method")
        && id.is_none_or(|id| id.starts_with('"') || id.bytes().all(|byte| byte.is_ascii_digit()))
        && !has("result")
        && !has("error")
    {
        assert_eq!(message.kind, if has("id") { Kind::Request } else { Kind::Notification });
        assert!(method.len() > 64 || message.method.as_deref() == Some(&method), "{method:?}");
    }
    if !has("method") && has("result") != has("error") && has("result") {
        assert_eq!(message.kind, Kind::Response);
    }
    match id {
        None => assert_eq!(message.id, None),
        Some("null") => assert_eq!(message.id, Some(Id::Null)),
        Some(_) => {}
    }
}
