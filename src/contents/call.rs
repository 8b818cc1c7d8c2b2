//! A request with its answer, and what a rule says about it.

use std::cell::OnceCell;
use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;

use super::outline::Outline;
use crate::base::{Code, Finding};
use crate::ledger::{Exchange, ServerRef};

/// Bytes of an id, and of a URI, that a detail shows.
pub(super) const SHOWN_ID: usize = 64;
pub(super) const SHOWN_URI: usize = 200;

/// The text of a message, parsed when a rule asks for it.
#[derive(Debug)]
pub(super) struct Text {
    /// `None` if no rule needs it.
    bytes: Option<Box<[u8]>>,
    parsed: OnceCell<Option<Parsed>>,
}

/// The members of a message that rules look at.
#[derive(Debug, Deserialize)]
struct Parsed {
    params: Option<Value>,
    result: Option<Value>,
}

impl Text {
    pub(super) fn new(bytes: Option<Box<[u8]>>) -> Self {
        Self { bytes, parsed: OnceCell::new() }
    }

    /// Takes the params out of it.
    pub(super) fn into_params(self) -> Option<Value> {
        self.parse();
        self.parsed.into_inner().flatten()?.params
    }

    fn parse(&self) -> Option<&Parsed> {
        let parse = || serde_json::from_slice(self.bytes.as_ref()?).ok();
        self.parsed.get_or_init(parse).as_ref()
    }

    fn mentions(&self, member: &str) -> bool {
        self.bytes.as_ref().is_some_and(|bytes| memmem::find(bytes, member.as_bytes()).is_some())
    }
}

/// A request of the client with its answer.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) exchange: &'a Exchange,
    /// `None` if it was not kept.
    pub(super) request: Option<Text>,
    /// `None` if it was not kept, or there is none.
    pub(super) response: Option<Text>,
}

impl Call<'_> {
    /// The params of the request; `None` if it has none, or its text is not known.
    pub(super) fn params(&self) -> Option<&Value> {
        self.request.as_ref()?.parse()?.params.as_ref()
    }

    /// A member of the request's params; `None` if it is absent or null.
    pub(super) fn param(&self, name: &str) -> Option<&Value> {
        self.params()?.get(name).filter(|value| !value.is_null())
    }

    /// The result; `None` if it is an error, its text is not known, or it is plain.
    pub(super) fn result(&self) -> Option<&Value> {
        self.response.as_ref()?.parse()?.result.as_ref()
    }

    /// The types of the members of the answer; `None` if its text is not known, or it is plain.
    pub(super) fn response_outline(&self) -> Option<Outline<'_>> {
        Outline::of(self.response.as_ref()?.bytes.as_ref()?)
    }

    /// Whether the answer is known, and no rule needs its text.
    pub(super) fn is_plain(&self) -> bool {
        self.response.as_ref().is_some_and(|text| text.bytes.is_none())
    }

    /// Whether the text of the request may have a member: `"task"`, with its quotation marks.
    pub(super) fn request_mentions(&self, member: &str) -> bool {
        self.request.as_ref().is_some_and(|text| text.mentions(member))
    }

    /// Whether the text of the answer may have a member.
    pub(super) fn response_mentions(&self, member: &str) -> bool {
        self.response.as_ref().is_some_and(|text| text.mentions(member))
    }

    /// A finding at the end of the request.
    pub(super) fn of_request(&self, code: Code, detail: String) -> Finding {
        self.exchange.finding(code, self.exchange.request.span.end, detail)
    }

    /// A finding at the end of the response.
    pub(super) fn of_response(&self, code: Code, detail: String) -> Finding {
        let message = self.exchange.response.unwrap_or(self.exchange.request);
        self.exchange.finding(code, message.span.end, detail)
    }
}

/// A server as a key: its path may be long, and there may be many.
pub(super) fn server_key(server: &ServerRef) -> u64 {
    FixedState::with_seed(0).hash_one(server)
}
