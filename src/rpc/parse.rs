//! Parses JSON-RPC in one pass: fields are borrowed, `params` and `result` are not built.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::id::Id;
use super::json::{self, Json};
use super::look::{Found, Parent};
use super::message::{Envelope, Kind, Parsed, RpcError};
use super::scalar::{id, keep, string};
use crate::base::{Code, ContentHash, limits, text};
use crate::http::Fault;

/// Reads a body or an event's data as JSON-RPC, one message or a batch (MCP 2025-03-26), into
/// [`Parsed::nothing`], where that lies: a message is too large to be moved on. Of what is not
/// UTF-8 the beginning is enough.
///
/// Never fails: violations are in the faults of the result, or of the message.
pub(super) fn parse_into(bytes: &[u8], parsed: &mut Parsed) {
    let text = match text::utf8(bytes) {
        // RFC 8259 section 8.1: a parser may ignore a byte order mark.
        Ok(text) => match text.strip_prefix('\u{feff}') {
            Some(text) => {
                let detail = "a UTF-8 byte order mark (EF BB BF) stands before the JSON".into();
                parsed.faults.push(Fault { code: Code::RpcBom, detail });
                text
            }
            None => text,
        },
        Err(valid) => {
            let mark = match bytes {
                [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => ", which begin like UTF-16",
                [0x1f, 0x8b, ..] => ", which begin like gzip",
                _ => "",
            };
            let detail = format!("not UTF-8 at byte {valid} of {}{mark}", parsed.bytes);
            return parsed.faults.push(Fault { code: Code::RpcNotUtf8, detail: detail.into() });
        }
    };
    match text.trim_ascii_start().as_bytes().first() {
        None => {}
        Some(b'[') => parse_batch(text, parsed),
        Some(b'{') => parse_one(text, bytes.len(), parsed),
        Some(first) => parsed.faults.push(no_container(text, *first)),
    }
}

/// Handles text that is neither an object nor an array. Bodies such as "Accepted" are frequent, so
/// only its beginning is read.
fn no_container(text: &str, first: u8) -> Fault {
    let word = matches!(text.trim_ascii(), "true" | "false" | "null");
    let json = word || matches!(first, b'"' | b'-' | b'0'..=b'9');
    let code = if json { Code::RpcNotObject } else { Code::RpcNotJson };
    let detail = if json { "neither an object nor an array" } else { "it begins like no JSON" };
    Fault { code, detail: detail.into() }
}

/// Parses one message, of this number of bytes, and reports bytes after it.
fn parse_one(text: &str, bytes: usize, parsed: &mut Parsed) {
    let mut json = Json::new(text);
    let mut members = Members::default();
    if json.object(|json, name| members.read(json, name)).is_err() {
        return parsed.faults.push(not_json(text));
    }
    if !json.is_at_end() {
        let place = syntax_error(text).as_ref().map(place).unwrap_or_default();
        parsed.faults.push(Fault { code: Code::RpcTrailingBytes, detail: format!("at {place}").into() });
    }
    parsed.envelopes.push(members.envelope(bytes as u64, text::digest(text)));
}

fn parse_batch(text: &str, parsed: &mut Parsed) {
    parsed.batch = true;
    let mut json = Json::new(text);
    let (mut elements, mut left_out) = (Vec::new(), 0);
    let read = json.array(|json| {
        if elements.len() < limits::MAX_BATCH {
            elements.push(json.raw()?);
        } else {
            json.skip()?;
            left_out += 1;
        }
        Ok(())
    });
    if read.is_err() {
        parsed.faults.push(not_json(text));
        return;
    }
    if !json.is_at_end() {
        parsed.faults.push(Fault { code: Code::RpcTrailingBytes, detail: "behind a batch".into() });
    }
    if elements.is_empty() {
        parsed.faults.push(Fault { code: Code::RpcEmptyBatch, detail: "[]".into() });
    }
    if left_out > 0 {
        let detail = format!("{left_out} elements beyond the first {} were not read", limits::MAX_BATCH);
        parsed.faults.push(Fault { code: Code::RpcBatchLimit, detail: detail.into() });
    }
    for element in elements {
        if element.starts_with('{') {
            parse_one(element, element.len(), parsed);
        } else {
            let detail = "an element of a batch is not an object".into();
            parsed.faults.push(Fault { code: Code::RpcNotObject, detail });
        }
    }
}

/// Says why a text is no JSON.
fn not_json(text: &str) -> Fault {
    let detail = syntax_error(text).map_or_else(|| "invalid".to_owned(), |error| error.to_string());
    Fault { code: Code::RpcNotJson, detail: detail.into() }
}

/// Reads a text again that is no JSON, to know where and why; `None` if nothing is wrong with it.
#[cold]
fn syntax_error(text: &str) -> Option<serde_json::Error> {
    let skipped = serde_json::from_str::<IgnoredAny>(text).err();
    // What is skipped may hold lone surrogates, a name may not.
    skipped.or_else(|| ContentHash::read(text).err())
}

fn place(error: &serde_json::Error) -> String {
    format!("line {} column {}", error.line(), error.column())
}

/// The methods of nearly all messages, which take no memory of their own.
const METHODS: [&str; 8] = [
    "tools/call",
    "initialize",
    "notifications/initialized",
    "notifications/progress",
    "tools/list",
    "resources/read",
    "prompts/get",
    "ping",
];

fn kept_method(method: &str) -> Cow<'static, str> {
    match METHODS.into_iter().find(|known| *known == method) {
        Some(known) => known.into(),
        None => text::kept(method).into_owned().into(),
    }
}

/// The members of a message (JSON-RPC 2.0 sections 4 and 5).
#[derive(Clone, Copy)]
enum Member {
    Jsonrpc,
    Id,
    Method,
    Params,
    Result,
    Error,
    Other,
}

impl Member {
    fn of(name: &str) -> Self {
        match name {
            "jsonrpc" => Self::Jsonrpc,
            "id" => Self::Id,
            "method" => Self::Method,
            "params" => Self::Params,
            "result" => Self::Result,
            "error" => Self::Error,
            _ => Self::Other,
        }
    }
}

/// Members of a message before they are checked against each other.
#[derive(Default)]
struct Members {
    seen: u8,
    look: Found,
    id: Option<Id>,
    method: Option<Cow<'static, str>>,
    error: Option<RpcError>,
    faults: Vec<Fault>,
    /// The result is no object.
    has_bare_result: bool,
}

impl Members {
    /// Reads the value of a member.
    fn read(&mut self, json: &mut Json<'_>, name: &str) -> json::Result<()> {
        let member = Member::of(name);
        self.mark(member);
        match member {
            // Nearly always.
            Member::Jsonrpc if json.take_text("\"2.0\"") => {}
            Member::Jsonrpc => self.version(json.raw()?),
            Member::Id => self.id(json.raw()?),
            Member::Method => self.method(json.raw()?),
            Member::Params => {
                if !self.look.read(json, Parent::Params)? {
                    self.fault(Code::RpcBadParams, "params are no object");
                }
            }
            Member::Result => self.has_bare_result = !self.look.read(json, Parent::Result)?,
            Member::Error => self.error(json.raw()?),
            Member::Other => json.skip()?,
        }
        Ok(())
    }

    fn bit(member: Member) -> u8 {
        1 << member as u8
    }

    fn has(&self, member: Member) -> bool {
        self.seen & Self::bit(member) != 0
    }

    fn mark(&mut self, member: Member) {
        if self.has(member) && !matches!(member, Member::Other) {
            self.fault(Code::RpcDuplicateKey, "a member of the message stands twice");
        }
        self.seen |= Self::bit(member);
    }

    fn fault(&mut self, code: Code, detail: impl Into<Cow<'static, str>>) {
        self.faults.push(Fault { code, detail: detail.into() });
    }

    fn version(&mut self, raw: &str) {
        if raw != "\"2.0\"" {
            self.fault(Code::RpcBadVersion, format!("jsonrpc is {}", keep(raw)));
        }
    }

    fn id(&mut self, raw: &str) {
        self.id = id(raw);
        if self.id.is_none() {
            self.fault(Code::RpcBadId, format!("id is {}", keep(raw)));
        }
    }

    fn method(&mut self, raw: &str) {
        match string(raw) {
            Some(method) => self.method = Some(kept_method(&method)),
            None => self.fault(Code::RpcBadMethod, format!("method is {}", keep(raw))),
        }
    }

    fn error(&mut self, raw: &str) {
        if raw == "null" {
            // JSON-RPC 1.0 wrote both members, one of them null.
            self.seen &= !Self::bit(Member::Error);
            return;
        }
        // It is valid JSON, so only serde_json's depth limit of 128 is left.
        let depth = ContentHash::read(raw).err();
        if let Some(error) = &depth {
            self.fault(Code::RpcTooDeep, format!("error: {error}"));
        }
        let (mut code, mut message) = (None, None);
        let mut json = Json::new(raw);
        let is_object = json.is_object();
        if depth.is_none() && is_object {
            // It was read before: it has no error.
            let _ = json.object(|json, name| {
                match name {
                    "code" => code = whole(json.raw()?),
                    "message" => message = string(json.raw()?),
                    _ => json.skip()?,
                }
                Ok(())
            });
        } else if depth.is_none() {
            // Some servers write a text in place of the object.
            message = string(raw);
        }
        if code.is_none() || message.is_none() || !is_object {
            self.fault(Code::RpcBadError, format!("error is {}", keep(raw)));
        }
        self.error = Some(RpcError { code, message: keep(&message.unwrap_or_default()) });
    }

    fn envelope(mut self, bytes: u64, digest: u64) -> Envelope {
        let kind = self.kind();
        if !self.has(Member::Jsonrpc) {
            self.fault(Code::RpcNoVersion, "no \"jsonrpc\" member");
        }
        Envelope {
            kind,
            id: self.id,
            method: self.method,
            has_version: self.seen & Self::bit(Member::Jsonrpc) != 0,
            bytes,
            digest,
            look: self.look,
            error: self.error,
            faults: self.faults,
        }
    }

    fn kind(&mut self) -> Kind {
        let (result, error) = (self.has(Member::Result), self.has(Member::Error));
        if self.has(Member::Method) {
            if result || error {
                self.fault(Code::RpcMethodAndResult, "a method beside a result or an error");
            }
            return match (&self.method, &self.id) {
                (None, _) => Kind::Unknown,
                (_, Some(Id::Null)) => {
                    self.fault(Code::RpcIdNull, "a request with the id null");
                    Kind::Request
                }
                (Some(method), Some(id)) => {
                    if method.starts_with("notifications/") {
                        self.faults.push(Fault {
                            code: Code::RpcNotificationId,
                            detail: format!("{} with the id {id}", keep(method)).into(),
                        });
                    }
                    if id.is_fractional() {
                        self.faults.push(Fault {
                            code: Code::RpcIdFractional,
                            detail: format!("the id {id} of a request is no integer").into(),
                        });
                    }
                    Kind::Request
                }
                // An id of a wrong type: it cannot be answered, and it is not a notification.
                (_, None) if self.has(Member::Id) => Kind::Unknown,
                (_, None) => Kind::Notification,
            };
        }
        match (result, error) {
            (true, true) => {
                self.fault(Code::RpcResultAndError, "both a result and an error");
                Kind::Error
            }
            (false, true) => Kind::Error,
            (true, false) => {
                if self.has_bare_result {
                    self.fault(Code::RpcBadResult, "the result is no object");
                }
                Kind::Response
            }
            (false, false) => {
                self.fault(Code::RpcNoResult, "neither method nor result nor error");
                Kind::Unknown
            }
        }
    }
}

/// Parses an integer, also one written as `-32000.0`.
fn whole(raw: &str) -> Option<i64> {
    let is_number = raw.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let number: serde_json::Number = serde_json::from_str(raw).ok().filter(|_| is_number)?;
    let float = || number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15).map(|f| f as i64);
    number.as_i64().or_else(float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Degraded, Origin, Span};

    fn read(text: &str) -> Parsed {
        read_bytes(text.as_bytes())
    }

    fn read_bytes(bytes: &[u8]) -> Parsed {
        let mut parsed = Parsed::nothing(Span::of(Origin::new(1, 1)), Degraded::NONE, bytes.len() as u64);
        parse_into(bytes, &mut parsed);
        parsed
    }

    fn codes(parsed: &Parsed) -> Vec<&'static str> {
        let inner = parsed.envelopes.iter().flat_map(|envelope| &envelope.faults);
        parsed.faults.iter().chain(inner).map(|fault| fault.code.name()).collect()
    }

    #[test]
    fn each_fault_has_its_code() {
        for (text, kind, codes_wanted) in [
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, Some(Kind::Request), &[][..]),
            (r#" {"result":{},"jsonrpc":"2.0","id":1}"#, Some(Kind::Response), &[]),
            (r#"{"jsonrpc":"2.0","method":"notifications/x"}"#, Some(Kind::Notification), &[]),
            (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}"#, Some(Kind::Error), &[]),
            (r#"{"id":1,"method":"ping"}"#, Some(Kind::Request), &["rpc.no_version"]),
            (r#"{"jsonrpc":"1.0","id":1,"method":"p"}"#, Some(Kind::Request), &["rpc.bad_version"]),
            (r#"{"jsonrpc":"2.0","id":null,"method":"p"}"#, Some(Kind::Request), &["rpc.id_null"]),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"p"}"#, Some(Kind::Request), &["rpc.id_fractional"]),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"notifications/x"}"#,
                Some(Kind::Request),
                &["rpc.notification_id"],
            ),
            (r#"{"jsonrpc":"2.0","id":1.5,"result":{}}"#, Some(Kind::Response), &[]),
            (r#"{"jsonrpc":"2.0","id":{},"method":"p"}"#, Some(Kind::Unknown), &["rpc.bad_id"]),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, Some(Kind::Unknown), &["rpc.bad_method"]),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"p","params":[1]}"#,
                Some(Kind::Request),
                &["rpc.bad_params"],
            ),
            (r#"{"jsonrpc":"2.0","id":1,"error":{"code":"x"}}"#, Some(Kind::Error), &["rpc.bad_error"]),
            (r#"{"jsonrpc":"2.0","id":1,"error":null,"result":{}}"#, Some(Kind::Response), &[]),
            (r#"{"jsonrpc":"2.0","id":1,"result":null}"#, Some(Kind::Response), &["rpc.bad_result"]),
            (r#"{"jsonrpc":"2.0","id":1,"error":"no"}"#, Some(Kind::Error), &["rpc.bad_error"]),
            (
                r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":""}}"#,
                Some(Kind::Error),
                &["rpc.result_and_error"],
            ),
            (r#"{"jsonrpc":"2.0","id":1}"#, Some(Kind::Unknown), &["rpc.no_result"]),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"p","result":1}"#,
                Some(Kind::Request),
                &["rpc.method_and_result"],
            ),
            (r#"{"jsonrpc":"2.0","id":1,"id":2,"result":{}}"#, Some(Kind::Response), &["rpc.duplicate_key"]),
            (r#"{"jsonrpc":"2.0","id":1,"result":{}} x"#, Some(Kind::Response), &["rpc.trailing_bytes"]),
            (r#"{"jsonrpc":"2.0","#, None, &["rpc.not_json"]),
            ("42", None, &["rpc.not_object"]),
            ("Accepted", None, &["rpc.not_json"]),
            ("[]", None, &["rpc.empty_batch"]),
            ("[1]", None, &["rpc.not_object"]),
            ("", None, &[]),
        ] {
            let parsed = read(text);
            assert_eq!(parsed.envelopes.first().map(|envelope| envelope.kind), kind, "{text}");
            assert_eq!(codes(&parsed), codes_wanted, "{text}");
        }
        let parsed = read_bytes(b"{\"a\":\"\xff\"}");
        assert_eq!(codes(&parsed), ["rpc.not_utf8"]);
        let marked = read("\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
        assert_eq!((marked.envelopes.len(), codes(&marked)), (1, vec!["rpc.bom"]));
        let many = format!("[{}1]", "1,".repeat(limits::MAX_BATCH));
        assert!(codes(&read(&many)).contains(&"rpc.batch_limit"));
    }

    #[test]
    fn a_deep_message_does_not_take_the_stack() {
        let deep =
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(read(&deep).envelopes.len(), 1, "what is not looked into may be deep");
        let cut = format!("{{\"error\":{}", "[".repeat(200_000));
        assert_eq!(codes(&read(&cut)), ["rpc.not_json"]);
        let whole = format!(r#"{{"jsonrpc":"2.0","id":1,"error":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        assert_eq!(codes(&read(&whole)), ["rpc.too_deep", "rpc.bad_error"]);
    }

    #[test]
    fn a_batch_is_read_element_by_element() {
        let parsed = read(r#"[{"jsonrpc":"2.0","id":"a","result":{}}, {"jsonrpc":"2.0","method":"n"}]"#);
        assert!(parsed.batch);
        let got: Vec<_> = parsed.envelopes.iter().map(|envelope| (envelope.kind, envelope.bytes)).collect();
        assert_eq!(got, [(Kind::Response, 38), (Kind::Notification, 30)]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(bytes in proptest::collection::vec(proptest::sample::select(
            br#"{}[]":,ntf0123456789.-e\u "#.to_vec()), 0..80)) {
            let _ = read_bytes(&bytes);
        }
    }
}
