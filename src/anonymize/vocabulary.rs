//! The public vocabulary: words that stay, because a specification defines them.

use std::collections::HashSet;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

/// What JSON-RPC 2.0 and MCP define: methods, members, values (all revisions), and the names in its
/// paths and queries that SDKs use.
const MCP: &str = "\
    jsonrpc 2.0 id method params result error code message data null true false \
    initialize initialized ping cancelled progress tools call list get read subscribe unsubscribe \
    list_changed resources resource templates prompts prompt completion complete completions logging \
    setLevel roots root sampling createMessage elicitation create tasks task update updated \
    notifications notification discover server subscriptions listen acknowledged status skills skill \
    directory \
    _meta progressToken protocolVersion capabilities clientInfo serverInfo instructions name title \
    version description icons src sizes theme websiteUrl listChanged experimental extensions context \
    inputSchema outputSchema annotations readOnlyHint destructiveHint idempotentHint openWorldHint \
    arguments argument content structuredContent isError type text image audio resource_link \
    embedded mimeType blob uri uriTemplate resourceTemplates size audience priority lastModified user \
    assistant system role messages message modelPreferences hints costPriority speedPriority \
    intelligencePriority systemPrompt includeContext none thisServer allServers temperature maxTokens \
    stopSequences metadata model stopReason endTurn stopSequence maxTokens toolUse tool_use \
    tool_result toolUseId toolChoice mode auto required any input ref value values total hasMore \
    cursor nextCursor level logger debug info notice warning error critical alert emergency \
    requestId reason requestedSchema action accept decline cancel form url elicitationId \
    enumNames taskId taskIds statusMessage createdAt lastUpdatedAt ttl pollInterval ttlMs \
    pollIntervalMs working input_required completed failed taskSupport forbidden optional execution \
    related-task resultType requestState inputRequests inputResponses supportedVersions requested \
    supported cacheScope public private server-card subscriptionId resourceSubscriptions \
    toolsListChanged promptsListChanged resourcesListChanged clientCapabilities \
    io.modelcontextprotocol modelcontextprotocol x-mcp-header request requests \
    traceparent tracestate baggage \
    2024-10-07 2024-11-05 2025-03-26 2025-06-18 2025-11-25 2026-07-28 \
    mcp sse message messages endpoint session session_id session-id sessionid ws websocket \
    streamable-http tasks.requests.tools.call resources.subscribe";

/// What JSON Schema defines (drafts 4 to 2020-12).
const SCHEMA: &str = "\
    schema json-schema.org draft draft-04 draft-06 draft-07 2019-09 2020-12 defs definitions anchor \
    dynamicRef dynamicAnchor recursiveRef recursiveAnchor vocabulary comment \
    object array string number integer boolean null properties items additionalProperties \
    additionalItems patternProperties propertyNames unevaluatedItems unevaluatedProperties required \
    enum const default examples format pattern minimum maximum exclusiveMinimum exclusiveMaximum \
    multipleOf minLength maxLength minItems maxItems uniqueItems minProperties maxProperties contains \
    minContains maxContains prefixItems allOf anyOf oneOf not if then else dependentSchemas \
    dependentRequired dependencies deprecated readOnly writeOnly contentEncoding contentMediaType \
    date-time date time duration email hostname ipv4 ipv6 uri-reference uuid json-pointer regex";

/// Names of HTTP header fields (IANA registry, and what proxies and browsers add).
const FIELDS: &str = "\
    accept accept-charset accept-encoding accept-language accept-ranges \
    access-control-allow-credentials access-control-allow-headers access-control-allow-methods \
    access-control-allow-origin access-control-expose-headers access-control-max-age \
    access-control-request-headers access-control-request-method age allow alt-svc authorization \
    cache-control connection content-disposition content-encoding content-language content-length \
    content-location content-range content-security-policy content-type cookie date dnt etag expect \
    expires forwarded from host http2-settings if-match if-modified-since if-none-match if-range \
    if-unmodified-since keep-alive last-event-id last-modified link location max-forwards mcp-method \
    mcp-name mcp-protocol-version mcp-session-id origin pragma proxy-authenticate \
    proxy-authorization proxy-connection range referer referrer-policy retry-after \
    sec-fetch-dest sec-fetch-mode sec-fetch-site sec-websocket-accept sec-websocket-extensions \
    sec-websocket-key sec-websocket-protocol sec-websocket-version server server-timing set-cookie \
    strict-transport-security te trailer transfer-encoding upgrade upgrade-insecure-requests \
    user-agent vary via www-authenticate x-accel-buffering x-api-key x-cache x-content-type-options \
    x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto x-frame-options x-powered-by \
    x-ratelimit-limit x-ratelimit-remaining x-ratelimit-reset x-real-ip x-request-id";

/// Methods and values of HTTP, media types, codings, schemes, and the reasons of status codes.
const VALUES: &str = "\
    get post put delete head options patch connect trace http https h2 h2c 1.0 1.1 \
    application json text event-stream plain html x-www-form-urlencoded octet-stream jsonl ndjson \
    problem charset utf-8 png jpeg gif webp svg wav mpeg markdown csv xml pdf javascript css grpc \
    multipart form-data mixed boundary \
    gzip x-gzip deflate br zstd identity chunked trailers compress \
    no-cache no-store no-transform max-age must-revalidate private public timeout max close \
    keep-alive upgrade websocket 100-continue same-origin cross-site cors navigate empty nosniff \
    bearer basic digest realm scope error_description invalid_token insufficient_scope \
    invalid_request invalid_client unauthorized_client resource_metadata access_token token_type \
    refresh_token expires_in grant_type client_credentials authorization_code client_id redirect_uri \
    permessage-deflate client_max_window_bits server_max_window_bits server_no_context_takeover \
    client_no_context_takeover \
    ok accepted created moved permanently found not bad request unauthorized forbidden allowed \
    acceptable timeout conflict gone large many internal error implemented gateway unavailable \
    service entity temporary redirect switching protocols continue no modified payload unsupported \
    media authentication required \
    localhost 127.0.0.1 0.0.0.0 .well-known well-known oauth-protected-resource \
    oauth-authorization-server base64 openid-configuration gmt mon tue wed thu fri sat sun jan feb mar apr \
    may jun jul aug sep oct nov dec data event retry done tcp4 tcp6 unknown proxy file";

/// Members, values and paths of the APIs of language models: by them a call is known.
const LLM: &str = "\
    v1 v1beta api chat completions responses messages generate generateContent \
    streamGenerateContent alt sse backend-api conversation completion k1 stream openai models \
    model role user assistant system tool developer content text input output prompt contents parts \
    choices index delta message message_id finish_reason stop stop_reason stop_sequence length \
    tool_calls tool_use tool_result tool_call_id tool_use_id tool_name call_id function_call \
    function_call_output custom_tool_call custom_tool_call_output functionCall functionResponse \
    functionDeclarations function_declarations function functions tools arguments args name id \
    type response response.created response.in_progress response.completed response.failed \
    response.incomplete response.output_item.added response.output_item.done \
    response.output_text.delta response.output_text.done response.content_part.added \
    response.content_part.done response.function_call_arguments.delta \
    response.function_call_arguments.done response.reasoning_summary_text.delta item item_id \
    output_index content_index output_text input_text message_start message_delta message_stop \
    content_block_start content_block_delta content_block_stop content_block text_delta \
    input_json_delta thinking_delta signature_delta partial_json thinking thought reasoning \
    reasoning_content refusal usage prompt_tokens completion_tokens total_tokens \
    input_tokens output_tokens reasoning_tokens cached_tokens cache_read_input_tokens \
    cache_creation_input_tokens completion_tokens_details prompt_tokens_details \
    output_tokens_details input_tokens_details usageMetadata promptTokenCount \
    candidatesTokenCount totalTokenCount thoughtsTokenCount cachedContentTokenCount candidates \
    finishReason promptFeedback blockReason modelVersion prompt_eval_count eval_count done_reason \
    chat.completion chat.completion.chunk delta_encoding message_stream_complete author metadata \
    model_slug content_type status finished_successfully fragments thinking_content accumulated_token_usage \
    p o v add append replace patch set batch event cmpl ping anthropic-version include_usage \
    stream_options is_error";

static WORDS: LazyLock<HashSet<String, FixedState>> = LazyLock::new(|| {
    let words = [MCP, SCHEMA, FIELDS, VALUES, LLM].into_iter().flat_map(str::split_ascii_whitespace);
    words.map(str::to_ascii_lowercase).collect()
});

/// The longest word, in bytes.
const LONGEST: usize = 40;

/// Returns whether a word belongs to the vocabulary, in upper or lower case: it may stay.
#[must_use]
pub fn contains(word: &[u8]) -> bool {
    if word.len() > LONGEST {
        return false;
    }
    let mut lower = [0; LONGEST];
    let Some(lower) = lower.get_mut(..word.len()) else { return false };
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).is_ok_and(|word| WORDS.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_in_any_case() {
        for word in ["jsonrpc", "Content-Type", "POST", "_meta", "2025-06-18", "io.modelcontextprotocol"] {
            assert!(contains(word.as_bytes()), "{word}");
        }
        for word in ["", "secret", "alice", "get-weather", "127.0.0.2"] {
            assert!(!contains(word.as_bytes()), "{word}");
        }
        assert!(WORDS.iter().all(|word| word.len() <= LONGEST));
    }
}
