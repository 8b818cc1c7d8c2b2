//! The APIs of language models that are read, and how a request or a response shows which it is.

use super::json::Json;

/// The API that a call speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// OpenAI Chat Completions, which most gateways and local servers speak, too; also its
    /// predecessor, Completions.
    OpenaiChat,
    /// OpenAI Responses.
    OpenaiResponses,
    /// Anthropic Messages.
    Anthropic,
    /// Google Gemini: `generateContent` and `streamGenerateContent`, as server-sent events or as an
    /// array in JSON.
    Gemini,
    /// Ollama: `/api/chat` and `/api/generate`, a JSON text a line.
    Ollama,
    /// The web client of ChatGPT: `delta` events that patch a message.
    ChatgptWeb,
    /// The web client of Kimi.
    Kimi,
    /// The web client of DeepSeek.
    DeepseekWeb,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 8] = [
        Self::OpenaiChat,
        Self::OpenaiResponses,
        Self::Anthropic,
        Self::Gemini,
        Self::Ollama,
        Self::ChatgptWeb,
        Self::Kimi,
        Self::DeepseekWeb,
    ];

    /// Name in exports and filters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai-chat",
            Self::OpenaiResponses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
            Self::ChatgptWeb => "chatgpt-web",
            Self::Kimi => "kimi",
            Self::DeepseekWeb => "deepseek-web",
        }
    }

    /// Whether its format is documented by its vendor. Of the others the end of an answer may look
    /// different from one day to the next.
    pub(super) fn is_documented(self) -> bool {
        !matches!(self, Self::ChatgptWeb | Self::Kimi | Self::DeepseekWeb)
    }

    /// Returns the dialect whose requests alone go to such a target; `None` if the body has to
    /// decide. Gateways put prefixes before the path, so only its end counts.
    pub(super) fn of_target(target: &str) -> Option<Self> {
        let path = path(target);
        if path.ends_with("/chat/completions") {
            return Some(Self::OpenaiChat);
        }
        if path.ends_with(":streamGenerateContent") || path.ends_with(":generateContent") {
            return Some(Self::Gemini);
        }
        if path.ends_with("/conversation") && path.contains("/backend-api/") {
            return Some(Self::ChatgptWeb);
        }
        if path.ends_with("/completion/stream") && path.contains("/api/chat/") {
            return Some(Self::Kimi);
        }
        path.ends_with("/api/v0/chat/completion").then_some(Self::DeepseekWeb)
    }

    /// Returns the dialect of an event, of a line or of a body by its shape; `None` if it could be
    /// of several, or of none.
    pub(super) fn of_answer(event: Option<&str>, json: Json<'_>) -> Option<Self> {
        if matches!(event, Some("delta" | "delta_encoding")) {
            return Some(Self::ChatgptWeb);
        }
        let names = ["object", "type", "choices", "candidates", "usageMetadata", "done", "model", "event"];
        let [object, kind, choices, candidates, usage, done, model, inner] = json.get_all(names);
        let object = object.and_then(Json::text);
        let kind = kind.and_then(Json::text);
        match (object.as_deref(), kind.as_deref()) {
            (Some("chat.completion" | "chat.completion.chunk" | "text_completion"), _) => {
                return Some(Self::OpenaiChat);
            }
            (Some("response"), _) => return Some(Self::OpenaiResponses),
            (_, Some(kind)) if kind.starts_with("response.") => return Some(Self::OpenaiResponses),
            (
                _,
                Some(
                    "message_start"
                    | "message_delta"
                    | "message_stop"
                    | "content_block_start"
                    | "content_block_delta"
                    | "content_block_stop",
                ),
            ) => return Some(Self::Anthropic),
            (_, Some("message")) if json.get("content").is_some_and(Json::is_array) => {
                return Some(Self::Anthropic);
            }
            _ => {}
        }
        let is_array = |json: Option<Json<'_>>| json.is_some_and(Json::is_array);
        if is_array(choices) {
            return Some(Self::OpenaiChat);
        }
        if is_array(candidates) || usage.is_some_and(Json::is_object) {
            return Some(Self::Gemini);
        }
        if done.and_then(Json::flag).is_some() && model.is_some() {
            return Some(Self::Ollama);
        }
        let [path, value, text] = json.get_all(["p", "v", "text"]);
        if let Some(inner) = inner.and_then(Json::text) {
            let is_kimi = matches!(&*inner, "cmpl" | "req" | "resp" | "all_done");
            return (is_kimi || text.is_some()).then_some(Self::Kimi);
        }
        let path = path.and_then(Json::text);
        match path.as_deref() {
            Some(path) if path.starts_with("/message") => return Some(Self::ChatgptWeb),
            Some(path) if path.starts_with("response") => return Some(Self::DeepseekWeb),
            _ => {}
        }
        value.and_then(|value| value.get("response")).map(|_| Self::DeepseekWeb)
    }
}

/// Returns the path of a target, without query and without slashes at its end.
pub(super) fn path(target: &str) -> &str {
    let end = memchr::memchr2(b'?', b'#', target.as_bytes()).unwrap_or(target.len());
    target.get(..end).unwrap_or(target).trim_end_matches('/')
}

/// Returns the last segment of a target's path.
pub(super) fn last_segment(target: &str) -> &str {
    path(target).rsplit('/').next().unwrap_or_default()
}

/// Returns the model that a target names: of Gemini behind `/models/`, of a deployment in Azure
/// behind `/deployments/`.
pub(super) fn model_of_target(target: &str) -> Option<&str> {
    let path = path(target);
    let behind = |mark: &str| path.rsplit_once(mark).map(|(_, behind)| behind);
    let model = behind("/models/").or_else(|| behind("/deployments/"))?;
    let model = model.split(['/', ':']).next()?;
    (!model.is_empty()).then_some(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_recognised_behind_any_prefix() {
        for (target, dialect) in [
            ("/v1/chat/completions", Some(Dialect::OpenaiChat)),
            ("/openai/v1/chat/completions/", Some(Dialect::OpenaiChat)),
            ("/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21", Some(Dialect::OpenaiChat)),
            ("/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", Some(Dialect::Gemini)),
            ("/gateway/models/g:generateContent", Some(Dialect::Gemini)),
            ("/v1beta/models/g:countTokens", None),
            ("/backend-api/conversation", Some(Dialect::ChatgptWeb)),
            ("/backend-api/f/conversation", Some(Dialect::ChatgptWeb)),
            ("/api/chat/k1/completion/stream", Some(Dialect::Kimi)),
            ("/api/v0/chat/completion", Some(Dialect::DeepseekWeb)),
            ("/v1/messages", None),
            ("/messages?sessionId=8838e9b4", None),
            ("/mcp", None),
            ("", None),
        ] {
            assert_eq!(Dialect::of_target(target), dialect, "{target}");
        }
    }

    #[test]
    fn a_target_may_name_the_model() {
        let azure = "/openai/deployments/gpt-4o/chat/completions?api-version=1";
        assert_eq!(model_of_target(azure), Some("gpt-4o"));
        let gemini = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";
        assert_eq!(model_of_target(gemini), Some("gemini-2.5-flash"));
        assert_eq!(model_of_target("/v1/chat/completions"), None);
        assert_eq!(last_segment("/v1/messages/count_tokens?beta=true"), "count_tokens");
    }
}
