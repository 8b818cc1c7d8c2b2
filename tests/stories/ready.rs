//! A session that is ready for requests, in each transport: one story is told in both.

use serde_json::{Value, json};

use super::http::*;
use super::story::*;

/// The header fields with which a client of Streamable HTTP names its session.
pub(crate) const NAMED: Fields = &[("Mcp-Session-Id", "x"), ("MCP-Protocol-Version", "2025-06-18")];

/// A session, and what carries its messages.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) story: Story,
    /// The connection of the client's POSTs.
    pub(crate) posts: Conn,
    /// The event stream of HTTP+SSE; `None` for Streamable HTTP.
    pub(crate) stream: Option<Conn>,
    /// Number of connections that were opened later.
    more: u16,
}

impl Ready {
    /// In Streamable HTTP and in HTTP+SSE, captured from the beginning: the handshake is
    /// exchange 1.
    pub(crate) fn each() -> [Self; 2] {
        [false, true].map(|is_http_sse| {
            let mut story = Story::new();
            if is_http_sse {
                let (stream, posts) = legacy_ready(&mut story);
                Self::of(story, posts, Some(stream))
            } else {
                let posts = streamable(&mut story, "10.0.0.1:5000", "2025-06-18", "x");
                Self::of(story, posts, None)
            }
        })
    }

    /// The same, captured after the handshake, on connections that were open before.
    pub(crate) fn each_midstream() -> [Self; 2] {
        [false, true].map(|is_http_sse| {
            let mut story = Story::new();
            let stream = is_http_sse.then(|| story.midstream("10.0.0.1:5000", SERVER));
            let posts = story.midstream("10.0.0.1:5001", SERVER);
            Self::of(story, posts, stream)
        })
    }

    fn of(mut story: Story, posts: Conn, stream: Option<Conn>) -> Self {
        story.at(10.0);
        Self { story, posts, stream, more: 0 }
    }

    pub(crate) fn is_http_sse(&self) -> bool {
        self.stream.is_some()
    }

    pub(crate) fn at(&mut self, ms: f64) -> &mut Self {
        self.story.at(ms);
        self
    }

    /// The POST of a message.
    pub(crate) fn posted(&self, message: &str) -> String {
        if self.is_http_sse() { send(TARGET, message) } else { post("/mcp", NAMED, message) }
    }

    /// Another connection of the client.
    pub(crate) fn connect(&mut self) -> Conn {
        self.more += 1;
        self.story.connect(&format!("10.0.0.1:{}", 5100 + self.more), SERVER)
    }

    /// POSTs a request, which HTTP+SSE accepts at once.
    pub(crate) fn ask(&mut self, message: &str) -> u64 {
        let packet = self.story.c(self.posts, self.posted(message));
        if self.is_http_sse() {
            self.story.s(self.posts, accepted());
        }
        packet
    }

    /// POSTs a notification or a response, which is accepted, on a connection of its own if that of
    /// the requests is busy.
    pub(crate) fn notify(&mut self, message: &str) -> u64 {
        let conn = if self.is_http_sse() { self.posts } else { self.connect() };
        let packet = self.story.c(conn, self.posted(message));
        self.story.s(conn, accepted());
        packet
    }

    /// Sends bytes of the server on the connection of the POSTs.
    pub(crate) fn reply(&mut self, bytes: impl AsRef<[u8]>) -> u64 {
        self.story.s(self.posts, bytes)
    }

    /// Closes the connection of the POSTs.
    pub(crate) fn close_posts(&mut self, first: Side) {
        self.story.close(self.posts, first);
    }

    /// Closes the connection that carries the answers.
    pub(crate) fn close_answers(&mut self, first: Side) {
        let conn = self.answers_on();
        self.story.close(conn, first);
    }

    /// Opens the stream that answers.
    pub(crate) fn begin(&mut self) {
        if !self.is_http_sse() {
            self.story.s(self.posts, sse(&[]));
        }
    }

    /// Sends a message of the server on the stream.
    pub(crate) fn tell(&mut self, message: &str) -> u64 {
        self.story.s(self.answers_on(), event(message))
    }

    /// Ends the stream that answers.
    pub(crate) fn end(&mut self) {
        if !self.is_http_sse() {
            self.story.s(self.posts, LAST);
        }
    }

    /// Answers in a body, over HTTP+SSE on the stream.
    pub(crate) fn answer(&mut self, message: &str) -> u64 {
        match self.stream {
            Some(stream) => self.story.s(stream, event(message)),
            None => self.story.s(self.posts, ok(message)),
        }
    }

    /// The connection that carries the answers of a stream.
    pub(crate) fn answers_on(&self) -> Conn {
        self.stream.unwrap_or(self.posts)
    }

    /// An answer that is not captured, which the client acknowledges.
    pub(crate) fn lose_answer(&mut self, message: &str) {
        let conn = self.answers_on();
        let bytes = if self.is_http_sse() { event(message) } else { ok(message) };
        self.story.lose(conn, Server, bytes);
        self.story.ack(conn, Client);
    }

    /// Lets time pass, so that nothing more is waited for, and returns what the program says.
    pub(crate) fn rows(&mut self) -> Rows {
        self.at(20_000.0);
        let conn = self.connect();
        self.story.ack(conn, Client);
        self.story.run()
    }
}

/// A call that asks for progress with its id as the token.
pub(crate) fn call_with_token(id: impl Into<Value>) -> String {
    let id = id.into();
    with(id.clone(), "tools/call", json!({"name": "t", "_meta": {"progressToken": id}}))
}

pub(crate) fn progress(token: impl Into<Value>, progress: f64, total: Option<f64>) -> String {
    let mut params = json!({"progressToken": token.into(), "progress": progress});
    if let Some(total) = total {
        params["total"] = total.into();
    }
    notification("notifications/progress", params)
}

pub(crate) fn cancel(id: impl Into<Value>) -> String {
    notification("notifications/cancelled", json!({"requestId": id.into()}))
}
