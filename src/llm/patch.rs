//! Patches of a document, as the web clients of ChatGPT and DeepSeek get them:
//! `{"p": path, "o": operation, "v": value}`. The format is not documented.

use std::borrow::Cow;

use super::json::Json;

/// Patches within patches that are applied: the clients nest them once.
pub(super) const MAX_NESTED: u32 = 4;

/// A patch; `None` for a member that it leaves out.
#[derive(Debug)]
pub(super) struct Patch<'a> {
    pub(super) path: Option<Cow<'a, str>>,
    pub(super) operation: Option<Cow<'a, str>>,
    pub(super) value: Option<Json<'a>>,
}

impl<'a> Patch<'a> {
    /// Reads a patch.
    pub(super) fn read(json: Json<'a>) -> Self {
        Self::of(json.get_all(["p", "o", "v"]))
    }

    /// Returns the patch that has these members: path, operation, value.
    pub(super) fn of([path, operation, value]: [Option<Json<'a>>; 3]) -> Self {
        Self { path: path.and_then(Json::text), operation: operation.and_then(Json::text), value }
    }
}
