//! A session that is told request by request, for the rules of `check` that need the contents of
//! messages.

use std::io::Cursor;

use mcpdump::base::Finding;
use mcpdump::capture;
use mcpdump::contents::Rules;
use mcpdump::engine::Engine;
use serde_json::{Value, json};

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
pub(super) const NOW: &str = "2025-11-25";

pub(super) fn ruled(mut source: impl capture::Source) -> Vec<Finding> {
    let (mut engine, mut entries) = (Engine::new(), Vec::new());
    engine.emit_payloads();
    while engine.read(&mut source, &mut entries).unwrap() {}
    let mut rules = Rules::new();
    let mut findings: Vec<_> = entries.iter().flat_map(|entry| rules.push(entry)).collect();
    findings.extend(rules.finish());
    findings
}

/// A session that is told request by request.
pub(super) struct Talk {
    pub(super) story: Story,
    pub(super) conn: Conn,
    pub(super) id: u64,
    pub(super) is_modern: bool,
}

impl Talk {
    /// A session of 2025-11-25 whose server has these capabilities.
    pub(super) fn new(capabilities: Value) -> Self {
        Self::of(NOW, capabilities)
    }

    pub(super) fn of(revision: &str, capabilities: Value) -> Self {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        story.c(conn, post("/mcp", &[], &initialize(0, revision)));
        let mut answer: Value = serde_json::from_str(&initialized(0, revision)).unwrap();
        answer["result"]["capabilities"] = capabilities;
        story.s(conn, json_reply("200 OK", &[("Mcp-Session-Id", "x")], &answer.to_string()));
        story.c(conn, post("/mcp", &[("Mcp-Session-Id", "x")], INITIALIZED));
        story.s(conn, accepted());
        Self { story, conn, id: 1, is_modern: false }
    }

    /// Requests of 2026-07-28.
    pub(super) fn modern() -> Self {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        Self { story, conn, id: 1, is_modern: true }
    }

    pub(super) fn request(&mut self, method: &str, params: Value) -> String {
        self.id += 1;
        if self.is_modern {
            let fields = [MODERN, ("Mcp-Method", method)];
            let body = modern(self.id, method, params, Some("one"));
            return post("/mcp", &fields, &body);
        }
        let fields = [("Mcp-Session-Id", "x"), ("MCP-Protocol-Version", NOW)];
        post("/mcp", &fields, &with(self.id, method, params))
    }

    /// A request and its result, a second after what was before.
    pub(super) fn ask(&mut self, method: &str, params: Value, result: Value) -> &mut Self {
        let request = self.request(method, params);
        let answer = json!({"jsonrpc": "2.0", "id": self.id, "result": result});
        self.story.at(1000.0 * self.id as f64).c(self.conn, request);
        self.story.at(1000.0 * self.id as f64 + 10.0).s(self.conn, ok(&answer.to_string()));
        self
    }

    /// A request that is answered with an error.
    pub(super) fn refuse(&mut self, method: &str, params: Value, code: i64) -> &mut Self {
        let request = self.request(method, params);
        let answer = error(self.id, code, "no");
        self.story.at(1000.0 * self.id as f64).c(self.conn, request);
        self.story.at(1000.0 * self.id as f64 + 10.0).s(self.conn, ok(&answer));
        self
    }

    /// A request whose answer is not captured whole.
    pub(super) fn lose(&mut self, method: &str, params: Value, result: Value) -> &mut Self {
        let request = self.request(method, params);
        let answer = ok(&json!({"jsonrpc": "2.0", "id": self.id, "result": result}).to_string());
        let (half, rest) = answer.split_at(answer.len() - 10);
        self.story.at(1000.0 * self.id as f64).c(self.conn, request);
        self.story.s(self.conn, half);
        self.story.lose(self.conn, Server, rest);
        self.story.ack(self.conn, Client);
        self
    }

    /// Messages of the server, on the stream of a request that is answered with `last`, if at all.
    pub(super) fn stream(
        &mut self,
        method: &str,
        params: Value,
        messages: &[(&str, Value)],
        last: Option<Value>,
    ) -> &mut Self {
        let request = self.request(method, params);
        self.story.at(1000.0 * self.id as f64).c(self.conn, request);
        self.story.s(self.conn, sse(&[]));
        for (method, params) in messages {
            self.story.s(self.conn, event(&notification(method, params.clone())));
        }
        if let Some(result) = last {
            let answer = json!({"jsonrpc": "2.0", "id": self.id, "result": result});
            self.story.s(self.conn, event(&answer.to_string()));
        }
        self.story.s(self.conn, LAST);
        self
    }

    pub(super) fn found(&self) -> Vec<(&'static str, String)> {
        let source = capture::from_reader("story", Box::new(Cursor::new(self.story.pcap())));
        ruled(source).into_iter().map(|finding| (finding.code.name(), finding.detail)).collect()
    }

    /// These are the findings.
    #[track_caller]
    pub(super) fn says(&self, expected: &[&str]) {
        let found = self.found();
        let codes: Vec<_> = found.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, expected, "{found:?}");
    }

    #[track_caller]
    pub(super) fn is_silent_on(&self, codes: &[&str]) {
        let found = self.found();
        assert!(found.iter().all(|(code, _)| !codes.contains(code)), "{found:?}");
    }
}

pub(super) fn call(arguments: Value) -> Value {
    json!({"name": "search", "arguments": arguments})
}

pub(super) fn text(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}
