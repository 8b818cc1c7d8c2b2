//! What a code rests on: how sure it is, what the capture has to hold for it, and the
//! specification.

use super::Code;
use crate::base::Degraded;

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Confidence {
    /// The packets that it names prove it.
    Proven,
    /// It follows from times, sizes or repetition, and something else may explain it.
    Likely,
}

impl Confidence {
    /// Returns the name used in exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Likely => "likely",
        }
    }
}

/// The part of a specification that a rule rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Specification and heading: `MCP 2025-11-25, Transports, "Session Management"`.
    pub heading: &'static str,
    /// Its address.
    pub url: &'static str,
}

/// Creates a [`Source`].
const fn source(heading: &'static str, url: &'static str) -> Option<Source> {
    Some(Source { heading, url })
}

impl Code {
    /// How sure a finding of this code is.
    #[must_use]
    pub fn confidence(self) -> Confidence {
        match self {
            Self::TcpOutOfWindow
            | Self::McpAnsweredAfterParent
            | Self::McpIdleLimit
            | Self::McpInStep
            | Self::McpBuffered
            | Self::McpBunched
            | Self::McpProxyDelay
            | Self::McpProxyClosed
            | Self::McpSessionPerCall
            | Self::McpEndpointNotFound
            | Self::McpSessionRefused
            | Self::SecurityPlaintextToken
            | Self::SecurityTokenShared
            | Self::SecuritySecretInMessage
            | Self::SecurityNoAuthorization
            | Self::SecurityOpenServer
            | Self::SecurityOriginUnchecked
            | Self::SecurityGuessableSession
            | Self::SecurityShadowedTool
            | Self::SecurityNamesOtherTool
            | Self::SecurityDataFlow
            | Self::SecurityInstructions
            | Self::Http3NotRead => Confidence::Likely,
            _ => Confidence::Proven,
        }
    }

    /// Whether findings of this code are made only if security rules were asked for.
    #[must_use]
    pub fn is_security(self) -> bool {
        self.name().starts_with("security.")
    }

    /// Whether findings of this code are made by `mcpdump check` alone, which reads the contents of
    /// messages for it.
    #[must_use]
    pub fn is_of_contents(self) -> bool {
        self.name().starts_with("contents.")
    }

    /// Whether findings of this code are withheld where packets may be missing: they say that
    /// something did not come.
    #[must_use]
    pub fn needs_all_packets(self) -> bool {
        matches!(
            self,
            Self::HttpBodyCut
                | Self::HttpRequestCut
                | Self::McpUnknownResponse
                | Self::McpDuplicateResponse
                | Self::McpIdReused
                | Self::McpTokenCollision
                | Self::McpUnknownToken
                | Self::McpNoStream
                | Self::McpNoResponse
                | Self::McpUnanswered
                | Self::McpAbandoned
                | Self::McpDeleteUnanswered
                | Self::McpNoInitialize
                | Self::McpNotInitialized
                | Self::McpNoEndpoint
                | Self::McpNotForwarded
                | Self::McpCapabilityMissing
                | Self::ContentsParamHeader
                | Self::ContentsUnknownCursor
                | Self::ContentsPageLoop
                | Self::ContentsCacheScope
                | Self::ContentsUnknownTask
                | Self::ContentsTaskLost
                | Self::ContentsTaskStatus
                | Self::ContentsPollInterval
                | Self::ContentsNotSubscribed
        )
    }

    /// Why a finding of this code shows that evidence is missing; none if it does not.
    #[must_use]
    pub fn shows_missing(self) -> Degraded {
        match self {
            Self::CaptureTruncated => Degraded::CAPTURE_END,
            Self::CaptureBadBlock | Self::CaptureLostPackets => Degraded::LOST_PACKETS,
            Self::CaptureCutPackets => Degraded::CUT_PACKET,
            Self::LinkFragmentLimit
            | Self::LinkFragmentIncomplete
            | Self::TcpGap
            | Self::TcpHeldLimit
            | Self::TcpConnectionLimit
            | Self::Http2FieldsUnknown => Degraded::GAP,
            Self::TlsUndecrypted => Degraded::NOT_READ,
            _ => Degraded::NONE,
        }
    }

    /// Whether a finding of this code is about the capture, or about a limit of this program, and
    /// says nothing about the traffic.
    #[must_use]
    pub fn is_about_capture(self) -> bool {
        let is_of_layer = ["capture.", "link."].iter().any(|layer| self.name().starts_with(layer));
        let is_limit = self.name().ends_with("limit") && self != Self::McpIdleLimit;
        is_of_layer
            || is_limit
            || self.shows_missing().any()
            || matches!(
                self,
                Self::TcpBeforeStart
                    | Self::TlsNoSecret
                    | Self::TlsBadKeyLog
                    | Self::HttpResync
                    | Self::Http3NotRead
            )
    }

    /// The specification that a finding of this code rests on; `None` if it is about the capture or
    /// about a limit of this program.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table: one row for each part of a specification")]
    pub fn source(self) -> Option<Source> {
        match self {
            Self::ContentsBadArguments => source(
                "MCP 2025-11-25, Tools, \"Security Considerations\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/server/tools#security-considerations",
            ),
            Self::ContentsBadResult => source(
                "MCP 2025-11-25, Tools, \"Output Schema\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/server/tools#output-schema",
            ),
            Self::ContentsBadSchema => source(
                "MCP 2025-11-25, Overview, \"JSON Schema Usage\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic#json-schema-usage",
            ),
            Self::ContentsWrongType | Self::ContentsResultShape => source(
                "MCP 2025-11-25, Schema Reference",
                "https://modelcontextprotocol.io/specification/2025-11-25/schema",
            ),
            Self::ContentsParamAnnotation => source(
                "MCP 2026-07-28, Tools, \"x-mcp-header\"",
                "https://modelcontextprotocol.io/specification/2026-07-28/server/tools#x-mcp-header",
            ),
            Self::ContentsParamHeader => source(
                "MCP 2026-07-28, Transports, \"Custom Headers from Tool Parameters\"",
                "https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http\
                 #custom-headers-from-tool-parameters",
            ),
            Self::ContentsCacheScope => source(
                "MCP 2026-07-28, Caching, \"Interaction with Pagination\"",
                "https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching\
                 #interaction-with-pagination",
            ),
            Self::ContentsTaskFields => source(
                "MCP 2025-11-25, Tasks, \"Data Types\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks#data-types",
            ),
            Self::ContentsPollInterval => source(
                "MCP 2025-11-25, Tasks, \"Getting Tasks\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks\
                 #getting-tasks",
            ),
            Self::ContentsNotRequested => source(
                "MCP 2026-07-28, Subscriptions, \"Opening a Stream\"",
                "https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions\
                 #opening-a-stream",
            ),
            Self::ContentsUnknownCursor | Self::ContentsPageLoop => source(
                "MCP 2025-11-25, Pagination, \"Implementation Guidelines\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/pagination\
                 #implementation-guidelines",
            ),
            Self::ContentsUnknownTask => source(
                "MCP 2025-11-25, Tasks, \"Task ID Requirements\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks\
                 #task-id-requirements",
            ),
            Self::ContentsTaskLost => source(
                "MCP 2025-11-25, Tasks, \"TTL and Resource Management\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks\
                 #ttl-and-resource-management",
            ),
            Self::ContentsTaskStatus => source(
                "MCP 2025-11-25, Tasks, \"Task Status Lifecycle\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks\
                 #task-status-lifecycle",
            ),
            Self::ContentsNotNegotiated => source(
                "MCP 2025-11-25, Lifecycle, \"Capability Negotiation\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle\
                 #capability-negotiation",
            ),
            Self::ContentsNotSubscribed => source(
                "MCP 2025-11-25, Resources, \"Subscriptions\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/server/resources#subscriptions",
            ),
            Self::ContentsBadSubscription => source(
                "MCP 2026-07-28, Subscriptions",
                "https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions",
            ),
            Self::ContentsResultType => source(
                "MCP 2026-07-28, Overview, \"Responses\"",
                "https://modelcontextprotocol.io/specification/2026-07-28/basic",
            ),
            Self::ContentsCacheHint => source(
                "MCP 2026-07-28, Caching",
                "https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching",
            ),
            Self::ContentsRemovedMethod => source(
                "MCP 2026-07-28, Key Changes",
                "https://modelcontextprotocol.io/specification/2026-07-28/changelog",
            ),
            Self::ContentsBadCancel => source(
                "MCP 2025-11-25, Cancellation, \"Behavior Requirements\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/cancellation\
                 #behavior-requirements",
            ),
            Self::ContentsSkillDigest => source(
                "MCP Skills extension, \"Verification on Read\"",
                "https://github.com/modelcontextprotocol/ext-skills/blob/main/specification/stable/skills.mdx\
                 #verification-on-read",
            ),
            Self::ContentsCardDiffers => source(
                "MCP SEP-2127, Server Cards",
                "https://modelcontextprotocol.io/seps/2127-mcp-server-cards",
            ),
            Self::SecurityNoAuthorization => source(
                "MCP 2025-11-25, Authorization, \"Token Requirements\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization#token-requirements",
            ),
            Self::SecurityOriginUnchecked => source(
                "MCP 2025-11-25, Transports, \"Security Warning\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#security-warning",
            ),
            Self::SecurityGuessableSession => source(
                "MCP, Security Best Practices, \"Session Hijacking\"",
                "https://modelcontextprotocol.io/docs/tutorials/security/security_best_practices\
                 #session-hijacking",
            ),
            Self::SecurityShadowedTool => source(
                "MCP 2026-07-28, Tools, \"Tool Names\"",
                "https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool-names",
            ),
            Self::SecurityTokenInUrl => source(
                "MCP 2025-11-25, Authorization, \"Token Requirements\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization#token-requirements",
            ),
            Self::SecurityPlaintextToken => source(
                "RFC 6750, section 5.3, \"Summary of Recommendations\"",
                "https://www.rfc-editor.org/rfc/rfc6750#section-5.3",
            ),
            Self::SecurityTokenShared => source(
                "MCP 2025-11-25, Authorization, \"Access Token Privilege Restriction\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization#access-token-privilege-restriction",
            ),
            Self::HttpBadHead | Self::HttpHeadTooLong => source(
                "RFC 9112, section 2.2, \"Message Parsing\"",
                "https://www.rfc-editor.org/rfc/rfc9112#section-2.2",
            ),
            Self::HttpUnmatchedResponse => source(
                "RFC 9112, section 9.2, \"Associating a Response to a Request\"",
                "https://www.rfc-editor.org/rfc/rfc9112#section-9.2",
            ),
            Self::HttpBadLength | Self::HttpLengthConflict | Self::HttpLengthMismatch => source(
                "RFC 9112, section 6.3, \"Message Body Length\"",
                "https://www.rfc-editor.org/rfc/rfc9112#section-6.3",
            ),
            Self::HttpTransferEncoding => source(
                "RFC 9112, section 6.1, \"Transfer-Encoding\"",
                "https://www.rfc-editor.org/rfc/rfc9112#section-6.1",
            ),
            Self::HttpBadChunk => source(
                "RFC 9112, section 7.1, \"Chunked Transfer Coding\"",
                "https://www.rfc-editor.org/rfc/rfc9112#section-7.1",
            ),
            Self::HttpBodyCut | Self::HttpRequestCut => source(
                "RFC 9112, section 8, \"Handling Incomplete Messages\"",
                "https://www.rfc-editor.org/rfc/rfc9112#section-8",
            ),
            Self::HttpContentUnknown | Self::HttpContentBad | Self::HttpContentLimit => source(
                "RFC 9110, section 8.4, \"Content-Encoding\"",
                "https://www.rfc-editor.org/rfc/rfc9110#section-8.4",
            ),
            Self::HttpMediaType => source(
                "RFC 9110, section 8.3, \"Content-Type\"",
                "https://www.rfc-editor.org/rfc/rfc9110#section-8.3",
            ),
            Self::Http2BadFrame | Self::Http2StreamReset => source(
                "RFC 9113, section 5.4, \"Error Handling\"",
                "https://www.rfc-editor.org/rfc/rfc9113#section-5.4",
            ),
            Self::Http2BadHeaders => source(
                "RFC 9113, section 8.1.1, \"Malformed Messages\"",
                "https://www.rfc-editor.org/rfc/rfc9113#section-8.1.1",
            ),
            Self::Http2Goaway => source(
                "RFC 9113, section 6.8, \"GOAWAY\"",
                "https://www.rfc-editor.org/rfc/rfc9113#section-6.8",
            ),
            Self::Http2WindowClosed => source(
                "RFC 9113, section 5.2, \"Flow Control\"",
                "https://www.rfc-editor.org/rfc/rfc9113#section-5.2",
            ),
            Self::StdioNotMessage => source(
                "MCP 2025-11-25, Transports, \"stdio\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#stdio",
            ),
            Self::WsBadFrame => source(
                "RFC 6455, section 5.2, \"Base Framing Protocol\"",
                "https://www.rfc-editor.org/rfc/rfc6455#section-5.2",
            ),
            Self::WsClosed => source(
                "RFC 6455, section 7.4.1, \"Defined Status Codes\"",
                "https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1",
            ),
            Self::SseNotUtf8 => source(
                "WHATWG HTML, \"Parsing an event stream\"",
                "https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream",
            ),
            Self::SseEventType => source(
                "MCP 2024-11-05, Transports, \"HTTP with SSE\"",
                "https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse",
            ),
            Self::SseFieldName => source(
                "WHATWG HTML, \"Parsing an event stream\"",
                "https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream",
            ),
            Self::SseEventCut => source(
                "WHATWG HTML, \"Interpreting an event stream\"",
                "https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation",
            ),
            Self::RpcNotUtf8 | Self::RpcBom => source(
                "RFC 8259, section 8.1, \"Character Encoding\"",
                "https://www.rfc-editor.org/rfc/rfc8259#section-8.1",
            ),
            Self::RpcEmptyBatch => {
                source("JSON-RPC 2.0, section 6, \"Batch\"", "https://www.jsonrpc.org/specification#batch")
            }
            Self::RpcBadError => source(
                "JSON-RPC 2.0, section 5.1, \"Error object\"",
                "https://www.jsonrpc.org/specification#error_object",
            ),
            Self::RpcResultAndError | Self::RpcNoResult => source(
                "JSON-RPC 2.0, section 5, \"Response object\"",
                "https://www.jsonrpc.org/specification#response_object",
            ),
            Self::RpcNotJson
            | Self::RpcTrailingBytes
            | Self::RpcNotObject
            | Self::RpcNoVersion
            | Self::RpcBadVersion
            | Self::RpcBadId
            | Self::RpcBadMethod
            | Self::RpcNotificationId
            | Self::RpcMethodAndResult
            | Self::RpcDuplicateKey => source(
                "JSON-RPC 2.0, section 4, \"Request object\"",
                "https://www.jsonrpc.org/specification#request_object",
            ),
            Self::RpcIdNull | Self::RpcIdFractional | Self::McpIdReused | Self::McpIdNotUnique => source(
                "MCP 2025-11-25, Overview, \"Requests\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic#requests",
            ),
            Self::RpcBadParams => source(
                "MCP 2025-11-25, Overview, \"Messages\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic#messages",
            ),
            Self::RpcBadResult
            | Self::McpUnknownResponse
            | Self::McpIdChanged
            | Self::McpIdSpelling
            | Self::McpIdZeroAlways
            | Self::McpDuplicateResponse
            | Self::McpStrayResponse => source(
                "MCP 2025-11-25, Overview, \"Responses\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic#responses",
            ),
            Self::McpRequestInResponse
            | Self::McpResponseOnOtherStream
            | Self::McpResultRefused
            | Self::McpNoStream
            | Self::McpNoResponse
            | Self::McpUnanswered
            | Self::McpNot202
            | Self::McpNotAcceptable
            | Self::McpMessageRefused => source(
                "MCP 2025-11-25, Transports, \"Sending Messages to the Server\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/transports\
                 #sending-messages-to-the-server",
            ),
            Self::McpResponseOnGetStream | Self::McpGetMisanswered | Self::McpStreamRefused => source(
                "MCP 2025-11-25, Transports, \"Listening for Messages from the Server\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/transports\
                 #listening-for-messages-from-the-server",
            ),
            Self::McpWrongSession | Self::McpBroadcast => source(
                "MCP 2025-11-25, Transports, \"Multiple Connections\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/transports\
                 #multiple-connections",
            ),
            Self::McpWrongReplay | Self::McpEventIdNotUnique => source(
                "MCP 2025-11-25, Transports, \"Resumability and Redelivery\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/transports\
                 #resumability-and-redelivery",
            ),
            Self::McpSessionFolded
            | Self::McpSessionRefused
            | Self::McpSessionKept
            | Self::McpSessionIdMissing
            | Self::McpSessionIdChanged
            | Self::McpDeleteRefused
            | Self::McpDeleteUnanswered
            | Self::McpUsedAfterDeletion => source(
                "MCP 2025-11-25, Transports, \"Session Management\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/transports\
                 #session-management",
            ),
            Self::McpVersionHeader => source(
                "MCP 2025-11-25, Transports, \"Protocol Version Header\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/transports\
                 #protocol-version-header",
            ),
            Self::McpHeaderMismatch => source(
                "MCP 2026-07-28, Transports, \"Standard Request Headers\"",
                "https://modelcontextprotocol.io/specification/2026-07-28/basic/transports",
            ),
            Self::McpEndpointOrigin | Self::McpNoEndpoint | Self::McpEndpointNotFound => source(
                "MCP 2024-11-05, Transports, \"HTTP with SSE\"",
                "https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse",
            ),
            Self::McpNoInitialize
            | Self::McpNotInitialized
            | Self::McpInitializedTwice
            | Self::McpInitializeIncomplete => source(
                "MCP 2025-11-25, Lifecycle, \"Initialization\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#initialization",
            ),
            Self::McpRevisionUnknown => source(
                "MCP 2025-11-25, Lifecycle, \"Version Negotiation\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle\
                 #version-negotiation",
            ),
            Self::McpToolSchema => source(
                "MCP 2025-11-25, Tools, \"Data Types\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/server/tools#data-types",
            ),
            Self::McpCapabilityMissing => source(
                "MCP 2025-11-25, Lifecycle, \"Capability Negotiation\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle\
                 #capability-negotiation",
            ),
            Self::McpBatch => source(
                "MCP 2025-06-18, Key Changes",
                "https://modelcontextprotocol.io/specification/2025-06-18/changelog",
            ),
            Self::McpTokenCollision
            | Self::McpUnknownToken
            | Self::McpProgressOrder
            | Self::McpLateProgress
            | Self::McpTypeChanged => source(
                "MCP 2025-11-25, Progress, \"Progress Flow\" and \"Behavior Requirements\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/progress",
            ),
            Self::McpLateResponse | Self::McpCancelAcknowledged | Self::McpUnknownCancel => source(
                "MCP 2025-11-25, Cancellation, \"Behavior Requirements\"",
                "https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/cancellation",
            ),
            Self::McpNoChallenge => source(
                "RFC 9110, section 15.5.2, \"401 Unauthorized\"",
                "https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2",
            ),
            Self::McpPreflightRefused | Self::McpSessionIdHidden => source(
                "WHATWG Fetch, \"HTTP responses\" of the CORS protocol",
                "https://fetch.spec.whatwg.org/#http-responses",
            ),
            Self::TlsOldVersion => source("RFC 8996", "https://www.rfc-editor.org/rfc/rfc8996"),
            Self::TcpAfterEnd | Self::TcpOverlapConflict => source(
                "RFC 9293, section 3.10.7.4, \"Other States\"",
                "https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4",
            ),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_an_address_and_a_heading() {
        for info in Code::all() {
            if let Some(Source { heading, url }) = info.code.source() {
                assert!(url.starts_with("https://") && !url.contains(char::is_whitespace), "{url}");
                assert!(!heading.is_empty(), "{}", info.name);
            }
        }
    }

    /// What says that evidence is missing is not withheld itself.
    #[test]
    fn missing_evidence_is_told() {
        for info in Code::all() {
            assert!(!(info.code.needs_all_packets() && info.code.shows_missing().any()), "{}", info.name);
        }
    }
}
