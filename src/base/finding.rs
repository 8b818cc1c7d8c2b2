//! Findings: what was odd, wrong or slow, each with a stable code.

use std::fmt;

use super::Origin;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// Something of the capture or the traffic is unusual; results are not touched, or only there.
    Notice,
    /// Somebody breaks a rule, or evidence is missing.
    Warning,
    /// Something failed for the people who use the connection.
    Error,
}

impl Severity {
    /// The name in the exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// The packet at which it was noticed; `None` where it concerns the capture as a whole.
    pub at: Option<Origin>,
    /// Wireshark's number of the connection; `None` where it concerns none, or several.
    pub tcp_stream: Option<u32>,
    /// The session's number in this capture (`s1` is 1); `None` where it concerns none.
    pub session: Option<u32>,
    /// The exchange's `n`; `None` where it concerns none.
    pub exchange: Option<u64>,
    /// What exactly, in words, with numbers. May quote traffic: made harmless where it is printed.
    pub detail: String,
}

/// What a stage noticed since it was last asked.
#[derive(Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
}

impl Findings {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a finding at a packet. It needs no session, message or stream to hang on.
    pub fn note(&mut self, code: Code, at: Origin, detail: impl Into<String>) {
        self.push(Finding {
            code,
            at: Some(at),
            tcp_stream: None,
            session: None,
            exchange: None,
            detail: detail.into(),
        });
    }

    /// Notes a finding that is filled in already.
    pub fn push(&mut self, finding: Finding) {
        self.list.push(finding);
    }

    /// Whether nothing was noted since the last drain.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The findings since the last drain, in the order in which they were noted.
    #[must_use]
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// How many were noted since the last drain.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Says of the findings from the `from`th on, which were noted without a connection, whose they are.
    pub fn belong_to(&mut self, from: usize, tcp_stream: u32) {
        for finding in self.list.iter_mut().skip(from) {
            finding.tcp_stream.get_or_insert(tcp_stream);
        }
    }

    /// Takes them all.
    pub fn drain(&mut self) -> impl Iterator<Item = Finding> + '_ {
        self.list.drain(..)
    }
}

/// The stable name of a kind of finding: `layer.what`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// `capture.truncated_file`: the file ends inside a packet or block.
    CaptureTruncated,
    /// `capture.bad_block`: a block or packet record of the file contradicts itself.
    CaptureBadBlock,
    /// `capture.time_range`: a packet time lies outside 1677 to 2262.
    CaptureTimeRange,
    /// `capture.no_time`: packets without a time (simple packet blocks).
    CaptureNoTime,
    /// `capture.lost_packets`: the capturing program lost packets.
    CaptureLostPackets,
    /// `capture.cut_packets`: packets were cut by the snapshot length.
    CaptureCutPackets,
    /// `link.unsupported`: a link type that mcpdump does not read.
    LinkUnsupported,
    /// `link.malformed`: a packet whose headers below TCP contradict themselves.
    LinkMalformed,
    /// `link.fragment_limit`: more IP fragments than are kept.
    LinkFragmentLimit,
    /// `link.fragment_incomplete`: an IP packet whose fragments were not all captured.
    LinkFragmentIncomplete,
    /// `link.fragment_overlap`: IP fragments overlap with different bytes.
    LinkFragmentOverlap,
    /// `tcp.malformed`: a TCP header that contradicts itself.
    TcpMalformed,
    /// `tcp.gap`: bytes of a connection are not in the capture.
    TcpGap,
    /// `tcp.overlap_conflict`: a retransmission carries other bytes than the first copy.
    TcpOverlapConflict,
    /// `tcp.before_start`: bytes from before the first that was read of a direction.
    TcpBeforeStart,
    /// `tcp.after_end`: bytes after the end of a direction.
    TcpAfterEnd,
    /// `tcp.held_limit`: more out-of-order bytes than are kept.
    TcpHeldLimit,
    /// `tcp.connection_limit`: more connections at once than are followed.
    TcpConnectionLimit,
    /// `tcp.out_of_window`: a segment far outside of what its direction sends.
    TcpOutOfWindow,
    /// `http.bad_head`: a request or response head that is not HTTP/1.
    HttpBadHead,
    /// `http.head_too_long`: a head longer than is read.
    HttpHeadTooLong,
    /// `http.bad_length`: a Content-Length that is no number, or two that differ.
    HttpBadLength,
    /// `http.length_conflict`: both Content-Length and Transfer-Encoding.
    HttpLengthConflict,
    /// `http.bad_chunk`: a chunk that does not follow RFC 9112 section 7.1.
    HttpBadChunk,
    /// `http.resync`: reading went on at a later boundary.
    HttpResync,
    /// `http.unmatched_response`: a response without a request.
    HttpUnmatchedResponse,
    /// `http.body_too_long`: a body longer than is kept.
    HttpBodyTooLong,
    /// `http.content_unknown`: a Content-Encoding that mcpdump does not know.
    HttpContentUnknown,
    /// `http.content_bad`: a compressed body that does not decompress.
    HttpContentBad,
    /// `http.content_limit`: a compressed body that grows beyond what is read.
    HttpContentLimit,
    /// `http.body_cut`: a body that ended before its end.
    HttpBodyCut,
    /// `sse.event_too_long`: an event longer than is kept.
    SseEventTooLong,
    /// `sse.not_utf8`: an event that is not UTF-8.
    SseNotUtf8,
    /// `sse.event_cut`: a stream that ended inside an event.
    SseEventCut,
    /// `rpc.not_utf8`: a message that is not UTF-8.
    RpcNotUtf8,
    /// `rpc.not_json`: a message that is not JSON.
    RpcNotJson,
    /// `rpc.trailing_bytes`: bytes after the end of a JSON message.
    RpcTrailingBytes,
    /// `rpc.too_deep`: a message nested deeper than is read.
    RpcTooDeep,
    /// `rpc.not_object`: a message that is neither an object nor an array.
    RpcNotObject,
    /// `rpc.empty_batch`: a batch without a message.
    RpcEmptyBatch,
    /// `rpc.batch_limit`: a batch with more messages than are read.
    RpcBatchLimit,
    /// `rpc.no_version`: a message without «jsonrpc».
    RpcNoVersion,
    /// `rpc.bad_version`: a «jsonrpc» that is not "2.0".
    RpcBadVersion,
    /// `rpc.id_null`: a request whose id is null.
    RpcIdNull,
    /// `rpc.bad_id`: an id that is neither text nor number.
    RpcBadId,
    /// `rpc.bad_method`: a method that is no text.
    RpcBadMethod,
    /// `rpc.bad_params`: params that are no object.
    RpcBadParams,
    /// `rpc.bad_error`: an error without a whole code and message.
    RpcBadError,
    /// `rpc.result_and_error`: a response with both a result and an error.
    RpcResultAndError,
    /// `rpc.no_result`: a message that is no request, no response and no notification.
    RpcNoResult,
    /// `rpc.method_and_result`: a request that also carries a result or an error.
    RpcMethodAndResult,
    /// `rpc.duplicate_key`: a key that stands twice in a message.
    RpcDuplicateKey,
    /// `mcp.request_in_response`: a request in a JSON response body.
    McpRequestInResponse,
    /// `mcp.unknown_response`: a response to nothing that was asked.
    McpUnknownResponse,
    /// `mcp.request_unseen`: a response whose request is not in the capture.
    McpRequestUnseen,
    /// `mcp.duplicate_response`: a second response to one request.
    McpDuplicateResponse,
    /// `mcp.late_response`: a response after its request was cancelled.
    McpLateResponse,
    /// `mcp.id_reused`: an id used again while its request is outstanding.
    McpIdReused,
    /// `mcp.id_always_zero`: every response of a session has the id 0.
    McpIdZeroAlways,
    /// `mcp.post_repeated`: a request POSTed again after its connection broke.
    McpPostRepeated,
    /// `mcp.token_collision`: two outstanding requests with one progress token.
    McpTokenCollision,
    /// `mcp.unknown_token`: progress for a token that nobody gave.
    McpUnknownToken,
    /// `mcp.unknown_cancel`: a cancellation of a request that is not outstanding.
    McpUnknownCancel,
    /// `mcp.no_stream`: a request accepted with 202 where no stream can carry its answer.
    McpNoStream,
    /// `mcp.unanswered`: a request that was never answered.
    McpUnanswered,
    /// `mcp.session_folded`: a session header that holds one id twice.
    McpSessionFolded,
    /// `mcp.session_refused`: a session id that the server does not know.
    McpSessionRefused,
    /// `mcp.header_mismatch`: a header that contradicts the body.
    McpHeaderMismatch,
    /// `mcp.batch`: a batch in a revision without batches.
    McpBatch,
    /// `mcp.no_initialize`: a session that works before it is initialized.
    McpNoInitialize,
    /// `mcp.unknown_stream`: a stream that belongs to no known session.
    McpUnknownStream,
    /// `mcp.seen_twice`: the same traffic under two pairs of addresses.
    McpSeenTwice,
    /// `mcp.limit`: more open requests, streams or sessions than are kept.
    McpLimit,
}

/// What stands behind a code.
#[derive(Clone, Copy, Debug)]
pub struct CodeInfo {
    /// The code.
    pub code: Code,
    /// Its stable name.
    pub name: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What it means, as a phrase.
    pub meaning: &'static str,
    /// What was done about it, or what can be.
    pub remedy: &'static str,
}

impl Code {
    /// Everything that is known of the code.
    #[must_use]
    pub fn info(self) -> &'static CodeInfo {
        // TABLE stands in the order of the variants: `every_code_has_its_row` holds it to that.
        TABLE.get(self as usize).unwrap_or(&FIRST)
    }

    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// How much it matters.
    #[must_use]
    pub fn severity(self) -> Severity {
        self.info().severity
    }

    /// Every code there is.
    #[must_use]
    pub fn all() -> &'static [CodeInfo] {
        TABLE
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const FIRST: CodeInfo = CodeInfo {
    code: Code::CaptureTruncated,
    name: "capture.truncated_file",
    severity: Severity::Warning,
    meaning: "the file ends inside a packet or block",
    remedy: "The program that wrote it was killed, or the copy is not complete. Everything before the cut was read.",
};

const TABLE: &[CodeInfo] = &[
    FIRST,
    CodeInfo {
        code: Code::CaptureBadBlock,
        name: "capture.bad_block",
        severity: Severity::Warning,
        meaning: "a block or packet record of the file contradicts itself",
        remedy: "The file is damaged there; what follows could not be found again where the detail says so.",
    },
    CodeInfo {
        code: Code::CaptureTimeRange,
        name: "capture.time_range",
        severity: Severity::Warning,
        meaning: "a packet time lies outside 1677 to 2262",
        remedy: "The time was clamped; the clock of the capturing machine or the file's time resolution is wrong.",
    },
    CodeInfo {
        code: Code::CaptureNoTime,
        name: "capture.no_time",
        severity: Severity::Notice,
        meaning: "packets without a time (simple packet blocks)",
        remedy: "Their times are those of the packet before; latencies mean nothing.",
    },
    CodeInfo {
        code: Code::CaptureLostPackets,
        name: "capture.lost_packets",
        severity: Severity::Warning,
        meaning: "the capturing program lost packets",
        remedy: "Capture with a larger buffer (tcpdump -B) or a narrower filter; results that they may touch are marked lost_packets.",
    },
    CodeInfo {
        code: Code::CaptureCutPackets,
        name: "capture.cut_packets",
        severity: Severity::Warning,
        meaning: "packets were cut by the snapshot length",
        remedy: "Capture whole packets (tcpdump -s 0); the missing bytes are gaps.",
    },
    CodeInfo {
        code: Code::LinkUnsupported,
        name: "link.unsupported",
        severity: Severity::Warning,
        meaning: "a link type that mcpdump does not read",
        remedy: "Convert the capture (editcap -T), or capture on another interface.",
    },
    CodeInfo {
        code: Code::LinkMalformed,
        name: "link.malformed",
        severity: Severity::Notice,
        meaning: "a packet whose headers below TCP contradict themselves",
        remedy: "The packet was left out.",
    },
    CodeInfo {
        code: Code::LinkFragmentLimit,
        name: "link.fragment_limit",
        severity: Severity::Warning,
        meaning: "more IP fragments than are kept",
        remedy: "The oldest were given up; their packets are gaps.",
    },
    CodeInfo {
        code: Code::LinkFragmentIncomplete,
        name: "link.fragment_incomplete",
        severity: Severity::Notice,
        meaning: "an IP packet whose fragments were not all captured",
        remedy: "What it carried is a gap.",
    },
    CodeInfo {
        code: Code::LinkFragmentOverlap,
        name: "link.fragment_overlap",
        severity: Severity::Warning,
        meaning: "IP fragments overlap with different bytes",
        remedy: "The first copy was taken. No honest sender does this.",
    },
    CodeInfo {
        code: Code::TcpMalformed,
        name: "tcp.malformed",
        severity: Severity::Notice,
        meaning: "a TCP header that contradicts itself",
        remedy: "The segment was left out.",
    },
    CodeInfo {
        code: Code::TcpGap,
        name: "tcp.gap",
        severity: Severity::Warning,
        meaning: "bytes of a connection are not in the capture",
        remedy: "The capture lost packets; what they carried is missing and what stood around them is marked degraded.",
    },
    CodeInfo {
        code: Code::TcpOverlapConflict,
        name: "tcp.overlap_conflict",
        severity: Severity::Warning,
        meaning: "a retransmission carries other bytes than the first copy",
        remedy: "The first copy was taken. A broken middlebox, or somebody hides something.",
    },
    CodeInfo {
        code: Code::TcpBeforeStart,
        name: "tcp.before_start",
        severity: Severity::Notice,
        meaning: "bytes from before the first that was read of a direction",
        remedy: "The capture began in the middle of the connection and out of order; they were left out.",
    },
    CodeInfo {
        code: Code::TcpAfterEnd,
        name: "tcp.after_end",
        severity: Severity::Notice,
        meaning: "bytes after the end of a direction",
        remedy: "Sent after FIN or RST; they were left out.",
    },
    CodeInfo {
        code: Code::TcpHeldLimit,
        name: "tcp.held_limit",
        severity: Severity::Warning,
        meaning: "more out-of-order bytes than are kept",
        remedy: "The hole before them was given up.",
    },
    CodeInfo {
        code: Code::TcpConnectionLimit,
        name: "tcp.connection_limit",
        severity: Severity::Warning,
        meaning: "more connections at once than are followed",
        remedy: "The one silent for longest was given up.",
    },
    CodeInfo {
        code: Code::TcpOutOfWindow,
        name: "tcp.out_of_window",
        severity: Severity::Notice,
        meaning: "a segment far outside of what its direction sends",
        remedy: "It was left out. A packet of an older connection on the same ports, or a forged one.",
    },
    CodeInfo {
        code: Code::HttpBadHead,
        name: "http.bad_head",
        severity: Severity::Warning,
        meaning: "a request or response head that is not HTTP/1",
        remedy: "The direction was searched for the next head.",
    },
    CodeInfo {
        code: Code::HttpHeadTooLong,
        name: "http.head_too_long",
        severity: Severity::Warning,
        meaning: "a head longer than is read",
        remedy: "The message was given up.",
    },
    CodeInfo {
        code: Code::HttpBadLength,
        name: "http.bad_length",
        severity: Severity::Warning,
        meaning: "a Content-Length that is no number, or two that differ",
        remedy: "The body was read until the connection ended or the next head was found.",
    },
    CodeInfo {
        code: Code::HttpLengthConflict,
        name: "http.length_conflict",
        severity: Severity::Warning,
        meaning: "both Content-Length and Transfer-Encoding",
        remedy: "Transfer-Encoding was believed (RFC 9112 section 6.3). Intermediaries may disagree: request smuggling.",
    },
    CodeInfo {
        code: Code::HttpBadChunk,
        name: "http.bad_chunk",
        severity: Severity::Warning,
        meaning: "a chunk that does not follow RFC 9112 section 7.1",
        remedy: "The direction was searched for the next chunk or head.",
    },
    CodeInfo {
        code: Code::HttpResync,
        name: "http.resync",
        severity: Severity::Notice,
        meaning: "reading went on at a later boundary",
        remedy: "After a gap or damage, at the next head, chunk or event.",
    },
    CodeInfo {
        code: Code::HttpUnmatchedResponse,
        name: "http.unmatched_response",
        severity: Severity::Notice,
        meaning: "a response without a request",
        remedy: "Its request is not in the capture, or the server spoke unasked.",
    },
    CodeInfo {
        code: Code::HttpBodyTooLong,
        name: "http.body_too_long",
        severity: Severity::Warning,
        meaning: "a body longer than is kept",
        remedy: "Its end was found, its content was not read.",
    },
    CodeInfo {
        code: Code::HttpContentUnknown,
        name: "http.content_unknown",
        severity: Severity::Notice,
        meaning: "a Content-Encoding that mcpdump does not know",
        remedy: "The content was not read.",
    },
    CodeInfo {
        code: Code::HttpContentBad,
        name: "http.content_bad",
        severity: Severity::Warning,
        meaning: "a compressed body that does not decompress",
        remedy: "What came before the damage was read.",
    },
    CodeInfo {
        code: Code::HttpContentLimit,
        name: "http.content_limit",
        severity: Severity::Warning,
        meaning: "a compressed body that grows beyond what is read",
        remedy: "Its rest was given up. A decompression bomb, or a very long stream of blanks.",
    },
    CodeInfo {
        code: Code::HttpBodyCut,
        name: "http.body_cut",
        severity: Severity::Warning,
        meaning: "a body that ended before its end",
        remedy: "The connection closed before the last chunk, or before Content-Length bytes.",
    },
    CodeInfo {
        code: Code::SseEventTooLong,
        name: "sse.event_too_long",
        severity: Severity::Warning,
        meaning: "an event longer than is kept",
        remedy: "The event was given up, the stream goes on.",
    },
    CodeInfo {
        code: Code::SseNotUtf8,
        name: "sse.not_utf8",
        severity: Severity::Warning,
        meaning: "an event that is not UTF-8",
        remedy: "The bad bytes were replaced as WHATWG says.",
    },
    CodeInfo {
        code: Code::SseEventCut,
        name: "sse.event_cut",
        severity: Severity::Notice,
        meaning: "a stream that ended inside an event",
        remedy: "WHATWG: an unfinished event is not dispatched.",
    },
    CodeInfo {
        code: Code::RpcNotUtf8,
        name: "rpc.not_utf8",
        severity: Severity::Error,
        meaning: "a message that is not UTF-8",
        remedy: "Its sender encodes wrongly; the message was not read.",
    },
    CodeInfo {
        code: Code::RpcNotJson,
        name: "rpc.not_json",
        severity: Severity::Error,
        meaning: "a message that is not JSON",
        remedy: "The detail says where it stops being JSON.",
    },
    CodeInfo {
        code: Code::RpcTrailingBytes,
        name: "rpc.trailing_bytes",
        severity: Severity::Warning,
        meaning: "bytes after the end of a JSON message",
        remedy: "The message was read, the rest was not.",
    },
    CodeInfo {
        code: Code::RpcTooDeep,
        name: "rpc.too_deep",
        severity: Severity::Warning,
        meaning: "a message nested deeper than is read",
        remedy: "128 levels are read. Nothing honest is deeper.",
    },
    CodeInfo {
        code: Code::RpcNotObject,
        name: "rpc.not_object",
        severity: Severity::Error,
        meaning: "a message that is neither an object nor an array",
        remedy: "JSON-RPC 2.0 section 4.",
    },
    CodeInfo {
        code: Code::RpcEmptyBatch,
        name: "rpc.empty_batch",
        severity: Severity::Warning,
        meaning: "a batch without a message",
        remedy: "JSON-RPC 2.0 section 6.",
    },
    CodeInfo {
        code: Code::RpcBatchLimit,
        name: "rpc.batch_limit",
        severity: Severity::Warning,
        meaning: "a batch with more messages than are read",
        remedy: "The first 10,000 were read.",
    },
    CodeInfo {
        code: Code::RpcNoVersion,
        name: "rpc.no_version",
        severity: Severity::Warning,
        meaning: "a message without «jsonrpc»",
        remedy: "JSON-RPC 2.0 section 4: it must be exactly \"2.0\".",
    },
    CodeInfo {
        code: Code::RpcBadVersion,
        name: "rpc.bad_version",
        severity: Severity::Warning,
        meaning: "a «jsonrpc» that is not \"2.0\"",
        remedy: "JSON-RPC 2.0 section 4.",
    },
    CodeInfo {
        code: Code::RpcIdNull,
        name: "rpc.id_null",
        severity: Severity::Warning,
        meaning: "a request whose id is null",
        remedy: "MCP forbids it: nothing can answer it.",
    },
    CodeInfo {
        code: Code::RpcBadId,
        name: "rpc.bad_id",
        severity: Severity::Error,
        meaning: "an id that is neither text nor number",
        remedy: "JSON-RPC 2.0 section 4.",
    },
    CodeInfo {
        code: Code::RpcBadMethod,
        name: "rpc.bad_method",
        severity: Severity::Error,
        meaning: "a method that is no text",
        remedy: "JSON-RPC 2.0 section 4.",
    },
    CodeInfo {
        code: Code::RpcBadParams,
        name: "rpc.bad_params",
        severity: Severity::Warning,
        meaning: "params that are no object",
        remedy: "MCP: params are an object.",
    },
    CodeInfo {
        code: Code::RpcBadError,
        name: "rpc.bad_error",
        severity: Severity::Warning,
        meaning: "an error without a whole code and message",
        remedy: "JSON-RPC 2.0 section 5.1.",
    },
    CodeInfo {
        code: Code::RpcResultAndError,
        name: "rpc.result_and_error",
        severity: Severity::Warning,
        meaning: "a response with both a result and an error",
        remedy: "JSON-RPC 2.0 section 5: one of them. The error was believed.",
    },
    CodeInfo {
        code: Code::RpcNoResult,
        name: "rpc.no_result",
        severity: Severity::Error,
        meaning: "a message that is no request, no response and no notification",
        remedy: "Neither method nor result nor error.",
    },
    CodeInfo {
        code: Code::RpcMethodAndResult,
        name: "rpc.method_and_result",
        severity: Severity::Warning,
        meaning: "a request that also carries a result or an error",
        remedy: "It was read as a request.",
    },
    CodeInfo {
        code: Code::RpcDuplicateKey,
        name: "rpc.duplicate_key",
        severity: Severity::Warning,
        meaning: "a key that stands twice in a message",
        remedy: "Readers disagree which counts; the last was taken.",
    },
    CodeInfo {
        code: Code::McpRequestInResponse,
        name: "mcp.request_in_response",
        severity: Severity::Warning,
        meaning: "a request in a JSON response body",
        remedy: "Only responses may stand there; it was not taken as an exchange.",
    },
    CodeInfo {
        code: Code::McpUnknownResponse,
        name: "mcp.unknown_response",
        severity: Severity::Warning,
        meaning: "a response to nothing that was asked",
        remedy: "No request with this id is outstanding in the session.",
    },
    CodeInfo {
        code: Code::McpRequestUnseen,
        name: "mcp.request_unseen",
        severity: Severity::Notice,
        meaning: "a response whose request is not in the capture",
        remedy: "The capture began later, or lost packets: nothing is wrong with the response.",
    },
    CodeInfo {
        code: Code::McpDuplicateResponse,
        name: "mcp.duplicate_response",
        severity: Severity::Warning,
        meaning: "a second response to one request",
        remedy: "The first was taken.",
    },
    CodeInfo {
        code: Code::McpLateResponse,
        name: "mcp.late_response",
        severity: Severity::Info,
        meaning: "a response after its request was cancelled",
        remedy: "Allowed: the cancellation and the answer crossed on the way.",
    },
    CodeInfo {
        code: Code::McpIdReused,
        name: "mcp.id_reused",
        severity: Severity::Warning,
        meaning: "an id used again while its request is outstanding",
        remedy: "MCP: ids must be unique in a session. Answers cannot be told apart.",
    },
    CodeInfo {
        code: Code::McpIdZeroAlways,
        name: "mcp.id_always_zero",
        severity: Severity::Warning,
        meaning: "every response of a session has the id 0",
        remedy: "The server does not copy the id of the request.",
    },
    CodeInfo {
        code: Code::McpPostRepeated,
        name: "mcp.post_repeated",
        severity: Severity::Info,
        meaning: "a request POSTed again after its connection broke",
        remedy: "One exchange: the repetition was joined to it.",
    },
    CodeInfo {
        code: Code::McpTokenCollision,
        name: "mcp.token_collision",
        severity: Severity::Warning,
        meaning: "two outstanding requests with one progress token",
        remedy: "Progress cannot be told apart.",
    },
    CodeInfo {
        code: Code::McpUnknownToken,
        name: "mcp.unknown_token",
        severity: Severity::Warning,
        meaning: "progress for a token that nobody gave",
        remedy: "The sender invents tokens, or the request is not in the capture.",
    },
    CodeInfo {
        code: Code::McpUnknownCancel,
        name: "mcp.unknown_cancel",
        severity: Severity::Info,
        meaning: "a cancellation of a request that is not outstanding",
        remedy: "It was answered before, or never seen.",
    },
    CodeInfo {
        code: Code::McpNoStream,
        name: "mcp.no_stream",
        severity: Severity::Error,
        meaning: "a request accepted with 202 where no stream can carry its answer",
        remedy: "The client has no stream open; the answer has nowhere to go.",
    },
    CodeInfo {
        code: Code::McpUnanswered,
        name: "mcp.unanswered",
        severity: Severity::Error,
        meaning: "a request that was never answered",
        remedy: "The cause says what ended the wait.",
    },
    CodeInfo {
        code: Code::McpSessionFolded,
        name: "mcp.session_folded",
        severity: Severity::Warning,
        meaning: "a session header that holds one id twice",
        remedy: "«a, a»: two Mcp-Session-Id headers folded to one by an intermediary; servers answer 404.",
    },
    CodeInfo {
        code: Code::McpSessionRefused,
        name: "mcp.session_refused",
        severity: Severity::Notice,
        meaning: "a session id that the server does not know",
        remedy: "404: the session ended, or another replica has it.",
    },
    CodeInfo {
        code: Code::McpHeaderMismatch,
        name: "mcp.header_mismatch",
        severity: Severity::Warning,
        meaning: "a header that contradicts the body",
        remedy: "MCP 2026-07-28: Mcp-Method and Mcp-Name repeat the body.",
    },
    CodeInfo {
        code: Code::McpBatch,
        name: "mcp.batch",
        severity: Severity::Warning,
        meaning: "a batch in a revision without batches",
        remedy: "Only 2025-03-26 knows them.",
    },
    CodeInfo {
        code: Code::McpNoInitialize,
        name: "mcp.no_initialize",
        severity: Severity::Warning,
        meaning: "a session that works before it is initialized",
        remedy: "The first request was not initialize.",
    },
    CodeInfo {
        code: Code::McpUnknownStream,
        name: "mcp.unknown_stream",
        severity: Severity::Notice,
        meaning: "a stream that belongs to no known session",
        remedy: "Its beginning was not captured and several sessions could own it.",
    },
    CodeInfo {
        code: Code::McpSeenTwice,
        name: "mcp.seen_twice",
        severity: Severity::Notice,
        meaning: "the same traffic under two pairs of addresses",
        remedy: "A bridge and a container, or both legs of a proxy; counted as two sessions.",
    },
    CodeInfo {
        code: Code::McpLimit,
        name: "mcp.limit",
        severity: Severity::Warning,
        meaning: "more open requests, streams or sessions than are kept",
        remedy: "The oldest was given up and counted as it stood.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_row() {
        for (i, info) in TABLE.iter().enumerate() {
            assert_eq!(info.code as usize, i, "{}", info.name);
            assert!(info.name.split_once('.').is_some(), "{}", info.name);
        }
        let mut names: Vec<_> = TABLE.iter().map(|info| info.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len(), "a name stands twice");
    }
}
