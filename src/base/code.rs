//! The codes of findings: what each means, how much it matters, and what can be done.

use std::fmt;

use super::Severity;

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

const FIRST: CodeInfo = row(
    Code::CaptureTruncated,
    "capture.truncated_file",
    Severity::Warning,
    "the file ends inside a packet or block",
    "The program that wrote it was killed, or the copy is not complete. Everything before the cut was read.",
);

const TABLE: &[CodeInfo] = &[
    FIRST,
    row(
        Code::CaptureBadBlock,
        "capture.bad_block",
        Severity::Warning,
        "a block or packet record of the file contradicts itself",
        "The file is damaged there; what follows could not be found again where the detail says so.",
    ),
    row(
        Code::CaptureTimeRange,
        "capture.time_range",
        Severity::Warning,
        "a packet time lies outside 1677 to 2262",
        "The time was clamped; the clock of the capturing machine or the file's time resolution is wrong.",
    ),
    row(
        Code::CaptureNoTime,
        "capture.no_time",
        Severity::Notice,
        "packets without a time (simple packet blocks)",
        "Their times are those of the packet before; latencies mean nothing.",
    ),
    row(
        Code::CaptureLostPackets,
        "capture.lost_packets",
        Severity::Warning,
        "the capturing program lost packets",
        "Capture with a larger buffer (tcpdump -B) or a narrower filter; results that they may touch are marked lost_packets.",
    ),
    row(
        Code::CaptureCutPackets,
        "capture.cut_packets",
        Severity::Warning,
        "packets were cut by the snapshot length",
        "Capture whole packets (tcpdump -s 0); the missing bytes are gaps.",
    ),
    row(
        Code::LinkUnsupported,
        "link.unsupported",
        Severity::Warning,
        "a link type that mcpdump does not read",
        "Convert the capture (editcap -T), or capture on another interface.",
    ),
    row(
        Code::LinkMalformed,
        "link.malformed",
        Severity::Notice,
        "a packet whose headers below TCP contradict themselves",
        "The packet was left out.",
    ),
    row(
        Code::LinkFragmentLimit,
        "link.fragment_limit",
        Severity::Warning,
        "more IP fragments than are kept",
        "The oldest were given up; their packets are gaps.",
    ),
    row(
        Code::LinkFragmentIncomplete,
        "link.fragment_incomplete",
        Severity::Notice,
        "an IP packet whose fragments were not all captured",
        "What it carried is a gap.",
    ),
    row(
        Code::LinkFragmentOverlap,
        "link.fragment_overlap",
        Severity::Warning,
        "IP fragments overlap with different bytes",
        "The first copy was taken. No honest sender does this.",
    ),
    row(
        Code::TcpMalformed,
        "tcp.malformed",
        Severity::Notice,
        "a TCP header that contradicts itself",
        "The segment was left out.",
    ),
    row(
        Code::TcpGap,
        "tcp.gap",
        Severity::Warning,
        "bytes of a connection are not in the capture",
        "The capture lost packets; what they carried is missing and what stood around them is marked degraded.",
    ),
    row(
        Code::TcpOverlapConflict,
        "tcp.overlap_conflict",
        Severity::Warning,
        "a retransmission carries other bytes than the first copy",
        "The first copy was taken. A broken middlebox, or somebody hides something.",
    ),
    row(
        Code::TcpBeforeStart,
        "tcp.before_start",
        Severity::Notice,
        "bytes from before the first that was read of a direction",
        "The capture began in the middle of the connection and out of order; they were left out.",
    ),
    row(
        Code::TcpAfterEnd,
        "tcp.after_end",
        Severity::Notice,
        "bytes after the end of a direction",
        "Sent after FIN or RST; they were left out.",
    ),
    row(
        Code::TcpHeldLimit,
        "tcp.held_limit",
        Severity::Warning,
        "more out-of-order bytes than are kept",
        "The hole before them was given up.",
    ),
    row(
        Code::TcpConnectionLimit,
        "tcp.connection_limit",
        Severity::Warning,
        "more connections at once than are followed",
        "The one silent for longest was given up.",
    ),
    row(
        Code::TcpOutOfWindow,
        "tcp.out_of_window",
        Severity::Notice,
        "a segment far outside of what its direction sends",
        "It was left out. A packet of an older connection on the same ports, or a forged one.",
    ),
    row(
        Code::HttpBadHead,
        "http.bad_head",
        Severity::Warning,
        "a request or response head that is not HTTP/1",
        "The direction was searched for the next head.",
    ),
    row(
        Code::HttpHeadTooLong,
        "http.head_too_long",
        Severity::Warning,
        "a head longer than is read",
        "The message was given up.",
    ),
    row(
        Code::HttpBadLength,
        "http.bad_length",
        Severity::Warning,
        "a Content-Length that is no number, or two that differ",
        "The body was read until the connection ended or the next head was found.",
    ),
    row(
        Code::HttpLengthConflict,
        "http.length_conflict",
        Severity::Warning,
        "both Content-Length and Transfer-Encoding",
        "Transfer-Encoding was believed (RFC 9112 section 6.3). Intermediaries may disagree: request smuggling.",
    ),
    row(
        Code::HttpBadChunk,
        "http.bad_chunk",
        Severity::Warning,
        "a chunk that does not follow RFC 9112 section 7.1",
        "The direction was searched for the next chunk or head.",
    ),
    row(
        Code::HttpResync,
        "http.resync",
        Severity::Notice,
        "reading went on at a later boundary",
        "After a gap or damage, at the next head, chunk or event.",
    ),
    row(
        Code::HttpUnmatchedResponse,
        "http.unmatched_response",
        Severity::Notice,
        "a response without a request",
        "Its request is not in the capture, or the server spoke unasked.",
    ),
    row(
        Code::HttpBodyTooLong,
        "http.body_too_long",
        Severity::Warning,
        "a body longer than is kept",
        "Its end was found, its content was not read.",
    ),
    row(
        Code::HttpContentUnknown,
        "http.content_unknown",
        Severity::Notice,
        "a Content-Encoding that mcpdump does not know",
        "The content was not read.",
    ),
    row(
        Code::HttpContentBad,
        "http.content_bad",
        Severity::Warning,
        "a compressed body that does not decompress",
        "What came before the damage was read.",
    ),
    row(
        Code::HttpContentLimit,
        "http.content_limit",
        Severity::Warning,
        "a compressed body that grows beyond what is read",
        "Its rest was given up. A decompression bomb, or a very long stream of blanks.",
    ),
    row(
        Code::HttpBodyCut,
        "http.body_cut",
        Severity::Warning,
        "a body that ended before its end",
        "The connection closed before the last chunk, or before Content-Length bytes.",
    ),
    row(
        Code::SseEventTooLong,
        "sse.event_too_long",
        Severity::Warning,
        "an event longer than is kept",
        "The event was given up, the stream goes on.",
    ),
    row(
        Code::SseNotUtf8,
        "sse.not_utf8",
        Severity::Warning,
        "an event that is not UTF-8",
        "The bad bytes were replaced as WHATWG says.",
    ),
    row(
        Code::SseEventCut,
        "sse.event_cut",
        Severity::Notice,
        "a stream that ended inside an event",
        "WHATWG: an unfinished event is not dispatched.",
    ),
    row(
        Code::RpcNotUtf8,
        "rpc.not_utf8",
        Severity::Error,
        "a message that is not UTF-8",
        "Its sender encodes wrongly; the message was not read.",
    ),
    row(
        Code::RpcNotJson,
        "rpc.not_json",
        Severity::Error,
        "a message that is not JSON",
        "The detail says where it stops being JSON.",
    ),
    row(
        Code::RpcTrailingBytes,
        "rpc.trailing_bytes",
        Severity::Warning,
        "bytes after the end of a JSON message",
        "The message was read, the rest was not.",
    ),
    row(
        Code::RpcTooDeep,
        "rpc.too_deep",
        Severity::Warning,
        "a message nested deeper than is read",
        "128 levels are read. Nothing honest is deeper.",
    ),
    row(
        Code::RpcNotObject,
        "rpc.not_object",
        Severity::Error,
        "a message that is neither an object nor an array",
        "JSON-RPC 2.0 section 4.",
    ),
    row(
        Code::RpcEmptyBatch,
        "rpc.empty_batch",
        Severity::Warning,
        "a batch without a message",
        "JSON-RPC 2.0 section 6.",
    ),
    row(
        Code::RpcBatchLimit,
        "rpc.batch_limit",
        Severity::Warning,
        "a batch with more messages than are read",
        "The first 10,000 were read.",
    ),
    row(
        Code::RpcNoVersion,
        "rpc.no_version",
        Severity::Warning,
        "a message without «jsonrpc»",
        "JSON-RPC 2.0 section 4: it must be exactly \"2.0\".",
    ),
    row(
        Code::RpcBadVersion,
        "rpc.bad_version",
        Severity::Warning,
        "a «jsonrpc» that is not \"2.0\"",
        "JSON-RPC 2.0 section 4.",
    ),
    row(
        Code::RpcIdNull,
        "rpc.id_null",
        Severity::Warning,
        "a request whose id is null",
        "MCP forbids it: nothing can answer it.",
    ),
    row(
        Code::RpcBadId,
        "rpc.bad_id",
        Severity::Error,
        "an id that is neither text nor number",
        "JSON-RPC 2.0 section 4.",
    ),
    row(
        Code::RpcBadMethod,
        "rpc.bad_method",
        Severity::Error,
        "a method that is no text",
        "JSON-RPC 2.0 section 4.",
    ),
    row(
        Code::RpcBadParams,
        "rpc.bad_params",
        Severity::Warning,
        "params that are no object",
        "MCP: params are an object.",
    ),
    row(
        Code::RpcBadError,
        "rpc.bad_error",
        Severity::Warning,
        "an error without a whole code and message",
        "JSON-RPC 2.0 section 5.1.",
    ),
    row(
        Code::RpcResultAndError,
        "rpc.result_and_error",
        Severity::Warning,
        "a response with both a result and an error",
        "JSON-RPC 2.0 section 5: one of them. The error was believed.",
    ),
    row(
        Code::RpcNoResult,
        "rpc.no_result",
        Severity::Error,
        "a message that is no request, no response and no notification",
        "Neither method nor result nor error.",
    ),
    row(
        Code::RpcMethodAndResult,
        "rpc.method_and_result",
        Severity::Warning,
        "a request that also carries a result or an error",
        "It was read as a request.",
    ),
    row(
        Code::RpcDuplicateKey,
        "rpc.duplicate_key",
        Severity::Warning,
        "a key that stands twice in a message",
        "Readers disagree which counts; the last was taken.",
    ),
    row(
        Code::McpRequestInResponse,
        "mcp.request_in_response",
        Severity::Warning,
        "a request in a JSON response body",
        "Only responses may stand there; it was not taken as an exchange.",
    ),
    row(
        Code::McpUnknownResponse,
        "mcp.unknown_response",
        Severity::Warning,
        "a response to nothing that was asked",
        "No request with this id is outstanding in the session.",
    ),
    row(
        Code::McpRequestUnseen,
        "mcp.request_unseen",
        Severity::Notice,
        "a response whose request is not in the capture",
        "The capture began later, or lost packets: nothing is wrong with the response.",
    ),
    row(
        Code::McpDuplicateResponse,
        "mcp.duplicate_response",
        Severity::Warning,
        "a second response to one request",
        "The first was taken.",
    ),
    row(
        Code::McpLateResponse,
        "mcp.late_response",
        Severity::Info,
        "a response after its request was cancelled",
        "Allowed: the cancellation and the answer crossed on the way.",
    ),
    row(
        Code::McpIdReused,
        "mcp.id_reused",
        Severity::Warning,
        "an id used again while its request is outstanding",
        "MCP: ids must be unique in a session. Answers cannot be told apart.",
    ),
    row(
        Code::McpIdZeroAlways,
        "mcp.id_always_zero",
        Severity::Warning,
        "every response of a session has the id 0",
        "The server does not copy the id of the request.",
    ),
    row(
        Code::McpPostRepeated,
        "mcp.post_repeated",
        Severity::Info,
        "a request POSTed again after its connection broke",
        "One exchange: the repetition was joined to it.",
    ),
    row(
        Code::McpTokenCollision,
        "mcp.token_collision",
        Severity::Warning,
        "two outstanding requests with one progress token",
        "Progress cannot be told apart.",
    ),
    row(
        Code::McpUnknownToken,
        "mcp.unknown_token",
        Severity::Warning,
        "progress for a token that nobody gave",
        "The sender invents tokens, or the request is not in the capture.",
    ),
    row(
        Code::McpUnknownCancel,
        "mcp.unknown_cancel",
        Severity::Info,
        "a cancellation of a request that is not outstanding",
        "It was answered before, or never seen.",
    ),
    row(
        Code::McpNoStream,
        "mcp.no_stream",
        Severity::Error,
        "a request accepted with 202 where no stream can carry its answer",
        "The client has no stream open; the answer has nowhere to go.",
    ),
    row(
        Code::McpUnanswered,
        "mcp.unanswered",
        Severity::Error,
        "a request that was never answered",
        "The cause says what ended the wait.",
    ),
    row(
        Code::McpSessionFolded,
        "mcp.session_folded",
        Severity::Warning,
        "a session header that holds one id twice",
        "«a, a»: two Mcp-Session-Id headers folded to one by an intermediary; servers answer 404.",
    ),
    row(
        Code::McpSessionRefused,
        "mcp.session_refused",
        Severity::Notice,
        "a session id that the server does not know",
        "404: the session ended, or another replica has it.",
    ),
    row(
        Code::McpHeaderMismatch,
        "mcp.header_mismatch",
        Severity::Warning,
        "a header that contradicts the body",
        "MCP 2026-07-28: Mcp-Method and Mcp-Name repeat the body.",
    ),
    row(
        Code::McpBatch,
        "mcp.batch",
        Severity::Warning,
        "a batch in a revision without batches",
        "Only 2025-03-26 knows them.",
    ),
    row(
        Code::McpNoInitialize,
        "mcp.no_initialize",
        Severity::Warning,
        "a session that works before it is initialized",
        "The first request was not initialize.",
    ),
    row(
        Code::McpUnknownStream,
        "mcp.unknown_stream",
        Severity::Notice,
        "a stream that belongs to no known session",
        "Its beginning was not captured and several sessions could own it.",
    ),
    row(
        Code::McpSeenTwice,
        "mcp.seen_twice",
        Severity::Notice,
        "the same traffic under two pairs of addresses",
        "A bridge and a container, or both legs of a proxy; counted as two sessions.",
    ),
    row(
        Code::McpLimit,
        "mcp.limit",
        Severity::Warning,
        "more open requests, streams or sessions than are kept",
        "The oldest was given up and counted as it stood.",
    ),
];

/// A row of the table, without the names of its columns.
const fn row(
    code: Code,
    name: &'static str,
    severity: Severity,
    meaning: &'static str,
    remedy: &'static str,
) -> CodeInfo {
    CodeInfo { code, name, severity, meaning, remedy }
}

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
