//! Masks the texts of records, findings, facts and payloads.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::message;
use super::rules::{MASK, Rules};
use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::protocols::Protocols;
use crate::base::{Fact, Finding};
use crate::ledger::{
    Entry, Exchange, Id, Implementation, Offer, Record, Session, SessionRef, Stream, Transaction,
};

pub(super) fn redact(entry: &mut Entry, rules: &Rules) {
    match entry {
        Entry::Record(record) => self::record(record, rules),
        Entry::LlmCall(_) => {}
        Entry::Finding(finding) => self::finding(finding, rules),
        Entry::Fact(Fact::Payload(payload)) => self::payload(payload, rules),
        Entry::Fact(Fact::Connection(connection)) => {
            if let Some(tls) = &mut connection.tls {
                let texts = [&mut tls.sni, &mut tls.alpn].into_iter().flatten();
                texts.chain(&mut tls.alpn_offered).for_each(|text| boxed(text, rules));
                if let Some(certificate) = &mut tls.certificate {
                    boxed(&mut certificate.subject, rules);
                }
            }
        }
        Entry::Fact(_) => {}
    }
}

fn record(record: &mut Record, rules: &Rules) {
    match record {
        Record::Request(it) | Record::Interrupted(it) | Record::Exchange(it) => exchange(it, rules),
        Record::Notification(it) => {
            session_ref(&mut it.session, rules);
            protocols(&mut it.protocols, rules);
            if is_masked(&json!({"method": &*it.method}), "/method", rules) {
                it.method = Arc::from(MASK);
            }
            shared(&mut it.method, rules);
        }
        Record::Stream(it) => stream(it, rules),
        Record::Transaction(it) => transaction(it, rules),
        Record::Session(it) => session(it, rules),
        Record::Offer(it) => offer(it, rules),
    }
}

fn exchange(it: &mut Exchange, rules: &Rules) {
    session_ref(&mut it.session, rules);
    protocols(&mut it.protocols, rules);
    if rules.name_values() {
        named_members(it, rules);
    }
    shared(&mut it.method, rules);
    if let Some(name) = &mut it.name {
        shared(name, rules);
    }
    if let Some(error) = &mut it.error {
        boxed(&mut error.message, rules);
    }
    if let Some(version) = &mut it.protocol_version {
        shared(version, rules);
    }
    if let Some(trace) = &mut it.trace {
        trace.state.take_if(|state| rules.text(state) != **state);
    }
    id(&mut it.id, rules);
}

/// Masks what came from members that names or paths select.
fn named_members(it: &mut Exchange, rules: &Rules) {
    let name = it.name.as_deref();
    let message = it.error.as_ref().map(|error| &*error.message);
    let trace = it.trace.as_ref();
    let state = trace.and_then(|trace| trace.state.as_deref());
    let meta = json!({"traceparent": trace.is_some(), "tracestate": state});
    let document = json!({
        "jsonrpc": "2.0",
        "id": it.id.json(),
        "method": &*it.method,
        "params": params(name, &meta),
        "error": {"message": message},
    });
    let Some(masked) = masked(&document, rules) else { return };
    let differs = |pointer: &str| masked.pointer(pointer) != document.pointer(pointer);
    if differs("/id") {
        it.id = Id::Text(MASK.into());
    }
    if differs("/method") {
        it.method = Arc::from(MASK);
    }
    if it.trace.is_some() && differs("/params/_meta/traceparent") {
        it.trace = None;
    }
    if let Some(trace) = it.trace.as_mut().filter(|_| differs("/params/_meta/tracestate")) {
        trace.state = None;
    }
    if name.is_some() && NAMES.iter().any(|pointer| differs(pointer)) {
        it.name = Some(Arc::from(MASK));
    }
    if let Some(error) = it.error.as_mut().filter(|_| differs("/error/message")) {
        error.message = MASK.into();
    }
}

/// Masks a call as its members in a message would be.
pub(super) fn call(method: &mut Arc<str>, mut name: Option<&mut Arc<str>>, rules: &Rules) {
    if rules.name_values() {
        let text = name.as_deref().map(|name| &**name);
        let document = json!({"method": &**method, "params": params(text, &Value::Null)});
        if let Some(masked) = masked(&document, rules) {
            let differs = |pointer: &&str| masked.pointer(pointer) != document.pointer(pointer);
            if differs(&"/method") {
                *method = Arc::from(MASK);
            }
            if let Some(name) = name.as_deref_mut().filter(|_| NAMES.iter().any(differs)) {
                *name = Arc::from(MASK);
            }
        }
    }
    shared(method, rules);
    if let Some(name) = name {
        shared(name, rules);
    }
}

/// Masks the name of a server, with its version or without.
pub(super) fn server(text: &mut String, rules: &Rules) {
    if announced("serverInfo", &json!({"name": &**text, "version": &**text}), rules).is_some() {
        MASK.clone_into(text);
    }
    if let std::borrow::Cow::Owned(masked) = rules.text(text) {
        *text = masked;
    }
}

/// Where the tool, prompt, resource or task of a call may stand in its message.
const NAMES: [&str; 5] =
    ["/params/name", "/params/uri", "/params/taskId", "/params/ref/name", "/params/ref/uri"];

/// The parameters that a call of this name may have had.
fn params(name: Option<&str>, meta: &Value) -> Value {
    json!({
        "name": name, "uri": name, "taskId": name, "ref": {"name": name, "uri": name}, "_meta": meta,
    })
}

/// A message after names and paths masked members; `None` if none was. Counts once.
fn masked(document: &Value, rules: &Rules) -> Option<Value> {
    let (masked, rule) = message::named(&document.to_string(), rules)?;
    let masked = serde_json::from_str(&masked).ok().filter(|masked| masked != document)?;
    rules.tally.count(rule);
    Some(masked)
}

fn is_masked(document: &Value, pointer: &str, rules: &Rules) -> bool {
    masked(document, rules).is_some_and(|masked| masked.pointer(pointer) != document.pointer(pointer))
}

fn stream(it: &mut Stream, rules: &Rules) {
    if let Some(session) = &mut it.session {
        session_ref(session, rules);
    }
    protocols(&mut it.protocols, rules);
    if let Some(method) = &mut it.method {
        boxed(method, rules);
    }
    if let Some(target) = &mut it.target {
        self::target(target, rules);
    }
}

fn transaction(it: &mut Transaction, rules: &Rules) {
    if let Some(session) = &mut it.session {
        session_ref(session, rules);
    }
    protocols(&mut it.protocols, rules);
    boxed(&mut it.method, rules);
    target(&mut it.target, rules);
    if let Some(media_type) = &mut it.media_type {
        boxed(media_type, rules);
    }
    // It quotes the body of the response, too.
    if rules.name_values() && !it.why.is_empty() {
        it.why = MASK.into();
    }
    boxed(&mut it.why, rules);
}

fn session(it: &mut Session, rules: &Rules) {
    session_ref(&mut it.session, rules);
    let infos = [("clientInfo", &mut it.client_info), ("serverInfo", &mut it.server_info)];
    for (key, info) in infos {
        let Some(info) = info else { continue };
        let Implementation { name, version } = info;
        let inner = json!({"name": &**name, "version": &**version});
        let masked = announced(key, &inner, rules);
        for (text, member) in [(name, "name"), (version, "version")] {
            if masked.as_ref().is_some_and(|masked| masked.get(member) != inner.get(member)) {
                *text = MASK.into();
            }
            boxed(text, rules);
        }
    }
    if let Some(version) = &mut it.protocol_version {
        shared(version, rules);
    }
    for text in it.client_capabilities.iter_mut().chain(&mut it.server_capabilities) {
        boxed(text, rules);
    }
}

/// What a client or server says of itself, after masking; `None` if nothing was masked.
fn announced(key: &str, info: &Value, rules: &Rules) -> Option<Value> {
    let meta = format!("io.modelcontextprotocol/{key}");
    let document = json!({
        "params": {key: info, "_meta": {&meta: info}},
        "result": {key: info, "_meta": {&meta: info}},
    });
    let masked = masked(&document, rules)?;
    let parts = [masked.get("params"), masked.get("result")].into_iter().flatten();
    let found = parts.flat_map(|part| [part.get(key), part.get("_meta").and_then(|it| it.get(&meta))]);
    // A part of them may be masked as a whole.
    let whole = json!({"name": MASK, "version": MASK});
    let all: Vec<&Value> = found.map(|found| found.unwrap_or(&whole)).collect();
    all.into_iter().find(|masked| *masked != info).cloned().or(Some(whole))
}

fn offer(it: &mut Offer, rules: &Rules) {
    let kind = it.kind;
    if let Some(path) = &mut it.server.path {
        shared(path, rules);
    }
    for (name, _) in &mut it.definitions {
        let row = json!({"name": &**name, "uri": &**name, "uriTemplate": &**name});
        let document = json!({"result": {kind: [&row]}});
        if masked(&document, rules).is_some_and(|masked| {
            masked.get("result").and_then(|it| it.get(kind)).and_then(|it| it.get(0)) != Some(&row)
        }) {
            *name = MASK.into();
        }
        boxed(name, rules);
    }
}

fn session_ref(it: &mut SessionRef, rules: &Rules) {
    if let (Some(id), Some(rule)) = (&mut it.id, rules.session_ids) {
        rules.tally.count(rule);
        *id = Arc::from(MASK);
    }
    for (key, name) in [("clientInfo", &mut it.client_name), ("serverInfo", &mut it.server_name)] {
        let Some(name) = name else { continue };
        let inner = json!({"name": &**name});
        if announced(key, &inner, rules).is_some() {
            *name = Arc::from(MASK);
        }
    }
    let texts = [&mut it.id, &mut it.path, &mut it.client_name, &mut it.server_name];
    for text in texts.into_iter().flatten() {
        shared(text, rules);
    }
}

pub(super) fn protocols(it: &mut Protocols, rules: &Rules) {
    let Some(tls) = &mut it.tls else { return };
    if tls.sni.as_deref().is_some_and(|sni| rules.text(sni) != sni) {
        let mut masked = (**tls).clone();
        masked.sni = Some(MASK.into());
        *tls = Arc::new(masked);
    }
}

/// The detail may quote a message, and what is quoted has lost its name. If names or paths say what
/// is masked, the title of the code stands for it.
pub(super) fn finding(it: &mut Finding, rules: &Rules) {
    it.detail = match rules.name_values() {
        true => it.code.info().title.to_owned(),
        false => rules.text(&it.detail).into_owned(),
    };
}

fn payload(it: &mut PayloadFact, rules: &Rules) {
    let Ok(text) = std::str::from_utf8(&it.bytes) else {
        it.bytes = Bytes::from_static(MASK.as_bytes());
        return;
    };
    let masked = match &mut it.kind {
        PayloadKind::Head => head(text, rules),
        PayloadKind::Event { name, .. } if is_endpoint(name.as_deref()) && rules.session_ids.is_some() => {
            MASK.to_owned()
        }
        PayloadKind::Body => body(text, rules),
        PayloadKind::Event { name, id } => {
            if let Some(name) = name {
                boxed(name, rules);
            }
            if let Some(id) = id {
                shared(id, rules);
            }
            body(text, rules)
        }
    };
    if masked != text {
        it.bytes = Bytes::from(masked);
    }
}

/// The event of HTTP+SSE whose data is a target with the session id.
fn is_endpoint(name: Option<&str>) -> bool {
    name == Some("endpoint")
}

fn body(text: &str, rules: &Rules) -> String {
    match message::redact(text, rules) {
        Ok(masked) => masked,
        // A message that cannot be read has no paths.
        Err(_) if !rules.paths.is_empty() && text.trim_start().starts_with(['{', '[']) => MASK.to_owned(),
        Err(_) => rules.text(text).into_owned(),
    }
}

/// A head: the start line is text with a target, each field has a name.
fn head(text: &str, rules: &Rules) -> String {
    let mut out = String::with_capacity(text.len());
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let content = line.trim_end_matches(['\r', '\n']);
        let end = line.get(content.len()..).unwrap_or_default();
        match content.split_once(':').filter(|_| number > 0) {
            Some((name, value)) => {
                out.push_str(name);
                out.push(':');
                match rules.key(name.trim()) {
                    Some(rule) => {
                        rules.tally.count(rule);
                        out.push(' ');
                        out.push_str(MASK);
                    }
                    None => out.push_str(&masked_target(value, rules)),
                }
            }
            None => out.push_str(&masked_target(content, rules)),
        }
        out.push_str(end);
    }
    out
}

fn target(text: &mut Box<str>, rules: &Rules) {
    *text = masked_target(text, rules).into();
}

/// Text that may be a target: with `session-ids`, every value of its query is masked, for servers
/// name the parameter as they like.
pub(super) fn masked_target(text: &str, rules: &Rules) -> String {
    let text = rules.text(text);
    let (Some(rule), Some((path, query))) = (rules.session_ids, text.split_once('?')) else {
        return text.into_owned();
    };
    let (query, after) = query.split_once([' ', '#']).map_or((query, ""), |(query, after)| (query, after));
    let values: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) if value != MASK => {
                rules.tally.count(rule);
                format!("{name}={MASK}")
            }
            _ => pair.to_owned(),
        })
        .collect();
    let gap = if after.is_empty() { "" } else { " " };
    format!("{path}?{}{gap}{after}", values.join("&"))
}

fn id(it: &mut Id, rules: &Rules) {
    let masked = match it {
        Id::Text(text) | Id::Cut(text) | Id::Number(text) => rules.text(text) != **text,
        Id::Int(int) => {
            let text = int.to_string();
            rules.text(&text) != text
        }
        Id::Null => false,
    };
    if masked {
        *it = Id::Text(MASK.into());
    }
}

pub(super) fn boxed(text: &mut Box<str>, rules: &Rules) {
    if let std::borrow::Cow::Owned(masked) = rules.text(text) {
        *text = masked.into();
    }
}

pub(super) fn shared(text: &mut Arc<str>, rules: &Rules) {
    if let std::borrow::Cow::Owned(masked) = rules.text(text) {
        *text = masked.into();
    }
}
