//! The table of codes. Its rows stand in the order of the layers.

use crate::base::severity::Severity;

/// Everything known about a code.
#[derive(Clone, Copy, Debug)]
pub struct CodeInfo {
    /// The code.
    pub code: Code,
    /// Its stable name, `layer.what`.
    pub name: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What was found: a noun phrase, without a full stop.
    pub title: &'static str,
    /// What it means for the traffic or for the results, in a sentence or two.
    pub why: &'static str,
    /// What the user can do about it, in a sentence.
    pub remedy: &'static str,
}

codes! {
    CaptureTruncated: "capture.truncated_file", Warning,
        title: "file ends inside a packet or block",
        why: "The program that wrote it was killed, or the copy is incomplete. Exchanges that are \
            open at the cut are marked degraded.",
        remedy: "Copy the file again, or end the capturing program with Ctrl-C so that it can \
            write the rest.";
    CaptureBadBlock: "capture.bad_block", Warning,
        title: "damaged packet record or block in the file",
        why: "Packets in the damaged part are missing: what they carried cannot be told from what \
            was never sent.",
        remedy: "Copy the file again, and check it with capinfos.";
    CaptureTimeRange: "capture.time_range", Warning,
        title: "packet time outside 1677 to 2262",
        why: "Durations that involve such a packet are wrong: its time is clamped.",
        remedy: "Check the clock of the capturing machine and the time resolution that the file \
            declares (capinfos).";
    CaptureTimeBack: "capture.time_back", Warning,
        title: "packet times go back",
        why: "The clock of the capturing machine was set, or clocks of several interfaces differ. \
            Durations across such a packet are wrong: they are marked time_back, and are neither \
            ranked nor in percentiles.",
        remedy: "Let the clock be slewed instead of stepped while capturing (chronyd, ntpd -x). If \
            interfaces have clocks of their own, capture with host timestamps (tcpdump -j host).";
    CaptureNoTime: "capture.no_time", Notice,
        title: "packets without a timestamp (simple packet blocks)",
        why: "Latencies cannot be measured: such a packet gets the time of the packet before it.",
        remedy: "Capture with timestamps: tcpdump and dumpcap write them by default.";
    CaptureFileNumbers: "capture.file_numbers", Notice,
        title: "packets are numbered over all files",
        why: "Several files are read that change too often in time to keep the number of each packet \
            in its file: from this packet on, packets have no file and are numbered over all.",
        remedy: "Read fewer files at once, or the part of the time that matters (editcap -A, -B).";
    CaptureLostPackets: "capture.lost_packets", Warning,
        title: "packets lost while capturing",
        why: "A lost packet looks like a message that was never sent: results that it may affect \
            are marked lost_packets.",
        remedy: "Capture with a larger buffer (-B) or a narrower filter.";
    CaptureCutPackets: "capture.cut_packets", Warning,
        title: "packets cut short by the snapshot length",
        why: "The cut bytes are missing: messages in these packets are incomplete.",
        remedy: "Capture with a snapshot length of 262144 (tcpdump -s 0).";
    LinkUnsupported: "link.unsupported", Warning,
        title: "unsupported link type",
        why: "Packets of this link type are not analysed.",
        remedy: "Capture on another interface; if the file names a wrong link type, correct it \
            with editcap -T.";
    LinkMalformed: "link.malformed", Notice,
        title: "malformed header below TCP",
        why: "The packet is not analysed: for its connection it counts as lost.",
        remedy: "Open the packet in Wireshark; check the snapshot length and the driver of the \
            capturing interface.";
    LinkFragmentLimit: "link.fragment_limit", Warning,
        title: "too many fragmented IP packets at once",
        why: "The oldest were dropped: the bytes that they carried are a gap in their connection.",
        remedy: "Capture with a narrower filter, or where packets are not fragmented.";
    LinkFragmentIncomplete: "link.fragment_incomplete", Notice,
        title: "IP packet with missing fragments",
        why: "The bytes that it carried are a gap in its connection.",
        remedy: "Let the capture filter pass fragments: only the first one has ports, so add \"or \
            ip[6:2] & 0x1fff != 0\".";
    LinkFragmentOverlap: "link.fragment_overlap", Warning,
        title: "overlapping IP fragments with different bytes",
        why: "The receiver may have seen other bytes than the first copy, which is shown. No \
            normal sender does this.",
        remedy: "Look for a faulty middlebox or an attempt to evade inspection on the path.";
    TcpMalformed: "tcp.malformed", Notice,
        title: "malformed TCP header",
        why: "The segment is not analysed: for its connection it counts as lost.",
        remedy: "Open the packet in Wireshark; check the snapshot length and the driver of the \
            capturing interface.";
    TcpGap: "tcp.gap", Warning,
        title: "bytes of a connection missing from the capture",
        why: "Messages in the gap are unknown, and exchanges that it touches are marked degraded.",
        remedy: "Capture on the machine of the client or of the server, with a larger buffer (-B) \
            or a narrower filter.";
    TcpOverlapConflict: "tcp.overlap_conflict", Warning,
        title: "retransmission with other bytes than the first copy",
        why: "The receiver may have kept the other copy; the first one is shown.",
        remedy: "Look for a middlebox that rewrites traffic, or for an injection, on the path.";
    TcpBeforeStart: "tcp.before_start", Notice,
        title: "segment from before the first captured one",
        why: "The capture began in the middle of the connection: bytes from before that are not \
            analysed.",
        remedy: "Start the capture before the client connects.";
    TcpAfterEnd: "tcp.after_end", Notice,
        title: "bytes after FIN or RST",
        why: "The receiver discards them: a message in them never arrives.",
        remedy: "Check the sender for writes to a connection that it has closed.";
    TcpHeldLimit: "tcp.held_limit", Warning,
        title: "too many bytes waiting for a missing segment",
        why: "The missing segment counts as lost: a gap in the connection.",
        remedy: "Capture with a larger buffer (-B): packets are lost, or arrive far out of order.";
    TcpConnectionLimit: "tcp.connection_limit", Warning,
        title: "too many connections open at once",
        why: "The connection that is idle for longest is no longer followed: exchanges open on it \
            cannot be completed.",
        remedy: "Capture with a narrower filter, such as the ports of the MCP servers.";
    TcpOutOfWindow: "tcp.out_of_window", Notice,
        title: "segment far outside the sequence numbers in use",
        why: "It belongs to an older connection on the same ports, or is forged: it is not \
            analysed.",
        remedy: "A single one needs no action; if there are many, check for early reuse of ports \
            and for spoofed packets.";
    TlsNoSecret: "tls.no_secret", Notice,
        title: "TLS connection without secrets",
        why: "Its contents are unknown. If it carries MCP, the exchanges on it are missing from the \
            results.",
        remedy: "Have the client or the server log its secrets (mcpdump keys -- COMMAND, or \
            SSLKEYLOGFILE=FILE), and read the capture with --tls-keylog FILE.";
    TlsUndecrypted: "tls.undecrypted", Warning,
        title: "TLS records that cannot be decrypted although the secret is known",
        why: "The secret does not fit, packets are missing, or the records are damaged: their \
            contents are a gap in the connection.",
        remedy: "Check that the key log is that of this capture, and capture with a larger buffer \
            (-B) if packets are missing.";
    TlsUnsupportedSuite: "tls.unsupported_suite", Notice,
        title: "TLS version or cipher suite that is not decrypted",
        why: "The contents of the connection are unknown, also with its secrets.",
        remedy: "Let client or server offer TLS 1.3, or a suite with AES and GCM, CCM or CBC, or \
            ChaCha20-Poly1305.";
    TlsBadRecord: "tls.bad_record", Warning,
        title: "bytes that are no TLS record on a TLS connection",
        why: "Reading goes on at the next record that can be decrypted: what lies between is a gap.",
        remedy: "Look for a middlebox that rewrites the connection, or for one that goes on \
            without TLS.";
    TlsAlert: "tls.alert", Warning,
        title: "fatal TLS alert",
        why: "The sender gave the connection up: requests on it fail, often before they are sent.",
        remedy: "The detail names the alert and its sender: it is that end which objects, most often \
            to the certificate, the version or the host name of the other.";
    TlsOldVersion: "tls.old_version", Warning,
        title: "TLS version below 1.2",
        why: "TLS 1.0 and 1.1 are deprecated (RFC 8996): most clients refuse them, and they are not \
            decrypted here.",
        remedy: "Update the older of client and server, or enable TLS 1.2 on it.";
    TlsCertificateExpired: "tls.certificate_expired", Warning,
        title: "server certificate outside its validity",
        why: "Clients that check certificates refuse the connection.",
        remedy: "Renew the certificate, and check the clock of the server and of the capturing \
            machine.";
    TlsCertificateName: "tls.certificate_name", Notice,
        title: "server certificate that does not name the host",
        why: "The client asked for a host that the certificate does not cover: clients that check \
            names refuse it.",
        remedy: "Use the name that the certificate has, or add the host to its alternative names.";
    TlsBadKeyLog: "tls.bad_keylog", Warning,
        title: "key log with lines that are no secrets",
        why: "These lines are skipped; connections whose secrets they were to hold stay encrypted.",
        remedy: "Check that the file is a key log (RFC 9850) and not a certificate or a key, and that \
            only one program writes a line at a time.";
    TlsPremasterSecret: "tls.premaster_secret", Notice,
        title: "key log with premaster secrets, which are not used",
        why: "Lines of PMS_CLIENT_RANDOM and RSA have the secret from which the master secret is made: \
            connections of which only that is logged stay encrypted.",
        remedy: "Log the master secret (CLIENT_RANDOM): programs with OpenSSL, NSS or GnuTLS of the last \
            ten years do.";
    TlsUnusedSecrets: "tls.unused_secrets", Notice,
        title: "secrets that fit no TLS connection of the capture",
        why: "The key log is that of other connections: all TLS connections here stay encrypted.",
        remedy: "Read the capture with the key log that client or server wrote while it was made; if it \
            was, the program that logs is not the one that is captured.";
    TlsHeldLimit: "tls.held_limit", Warning,
        title: "TLS records dropped because the memory limit was reached",
        why: "What they carried is a gap in the connection.",
        remedy: "Filter the capture (BPF) to fewer connections.";
    TlsSecretLimit: "tls.secret_limit", Warning,
        title: "more secrets than are kept",
        why: "The oldest were dropped: connections that need them stay encrypted.",
        remedy: "Read the capture with a key log that has only the lines of its time.";
    HttpBadHead: "http.bad_head", Warning,
        title: "invalid HTTP/1 request or response head",
        why: "The message cannot be read, and client and server may disagree on where the next \
            one begins.",
        remedy: "Fix the sender: the detail names the side and the error.";
    HttpHeadTooLong: "http.head_too_long", Warning,
        title: "HTTP head longer than the limit",
        why: "The message cannot be read; most servers refuse such a head as well.",
        remedy: "Send shorter header fields: cookies and tokens that grow are the usual cause.";
    HttpBadLength: "http.bad_length", Warning,
        title: "invalid or contradictory Content-Length",
        why: "Where the body ends is unknown: client and server may read different messages.",
        remedy: "Fix the sender, or the proxy that adds a second Content-Length.";
    HttpLengthConflict: "http.length_conflict", Warning,
        title: "both Content-Length and Transfer-Encoding",
        why: "Transfer-Encoding takes precedence (RFC 9112 section 6.3), but intermediaries \
            disagree: this is how requests are smuggled.",
        remedy: "Send one of them only, and check the proxies on the path.";
    HttpTransferEncoding: "http.transfer_encoding", Warning,
        title: "Transfer-Encoding that names chunked twice, or something after it",
        why: "A body is chunked once (RFC 9112 section 6.1), and is read so here. Proxies refuse such \
            a message, often with 502.",
        remedy: "Look for a proxy or a framework that sets Transfer-Encoding although the server \
            has set it.";
    HttpLengthMismatch: "http.length_mismatch", Warning,
        title: "Content-Length that does not fit its body",
        why: "The receiver cuts the body at its length and takes the rest for the next message: \
            neither can be read.",
        remedy: "Count bytes, not characters, after every change of the body; a compressing proxy \
            has to correct the length.";
    HttpBadChunk: "http.bad_chunk", Warning,
        title: "invalid chunk (RFC 9112 section 7.1)",
        why: "The rest of the body cannot be delimited: messages in it may be missing.",
        remedy: "Check the sender, and proxies that rewrite bodies.";
    HttpResync: "http.resync", Notice,
        title: "reading resumed at a later head, chunk or event",
        why: "Messages between the gap or the damage and this place are missing.",
        remedy: "See the finding before it on this connection for the cause.";
    HttpUnmatchedResponse: "http.unmatched_response", Notice,
        title: "HTTP response without a request",
        why: "Its request was sent before the capture began, or was lost; or there is none: servers and \
            proxies answer an idle connection with 408, or bytes that are no request with 400, and faulty \
            ones answer a request twice.",
        remedy: "If the request is not in the capture, start it before the client connects; else look at \
            the status and at what the client sent.";
    HttpBodyTooLong: "http.body_too_long", Warning,
        title: "body longer than the limit",
        why: "Messages in it are not read; messages after it are.",
        remedy: "Return large results in pages.";
    HttpContentUnknown: "http.content_unknown", Notice,
        title: "unsupported Content-Encoding",
        why: "The body cannot be decoded: it is read only if it is text all the same, which clients \
            take as it is. Strict clients reject the response.",
        remedy: "Name no coding if there is none: a charset is no coding. For the capture, let the \
            client accept gzip, deflate, br or zstd only (Accept-Encoding).";
    HttpContentBad: "http.content_bad", Warning,
        title: "corrupt compressed body",
        why: "Messages after the damage are not read; the client cannot read them either.",
        remedy: "Check the compression of the sender, and proxies that rewrite bodies.";
    HttpContentLimit: "http.content_limit", Warning,
        title: "compressed body expands beyond the limit",
        why: "The rest of the body is not read: it may be a decompression bomb.",
        remedy: "Check what the sender compresses: a client without a limit runs out of memory.";
    HttpBodyCut: "http.body_cut", Warning,
        title: "connection closed before the end of the body",
        why: "The message in the body is incomplete: the client fails or retries.",
        remedy: "Look for a crash of the server, or for a timeout of the server or of a proxy.";
    HttpRequestCut: "http.request_cut", Warning,
        title: "request whose body never came to its end",
        why: "The server waits for the rest and cannot read the message: it answers with an error, \
            or not at all.",
        remedy: "Check the Content-Length that the client sends, and what made it stop: a timeout, \
            a cancelled call, a proxy.";
    HttpMediaType: "http.media_type", Warning,
        title: "Content-Type that does not fit the body",
        why: "Clients choose how to read a body by its Content-Type: they fail on this one, although \
            it may hold the answer.",
        remedy: "Declare JSON as application/json and events as text/event-stream.";
    HttpTunnel: "http.tunnel", Info,
        title: "connection through a CONNECT tunnel",
        why: "The server of this connection is a proxy. What is inside the tunnel is read if it is \
            HTTP or TLS.",
        remedy: "No action needed.";
    HttpProxyHeader: "http.proxy_header", Info,
        title: "connection behind a PROXY protocol header",
        why: "The client of this connection is a proxy or a load balancer; the header names the \
            client behind it.",
        remedy: "No action needed.";
    HttpNotRead: "http.not_read", Notice,
        title: "connection that goes on in a protocol that is not read",
        why: "What follows may be MCP: calls in it are not listed.",
        remedy: "Capture where it is plain HTTP, or let the client not ask for the upgrade.";
    Http2BadFrame: "http2.bad_frame", Warning,
        title: "invalid HTTP/2 frame",
        why: "The receiver closes the connection with an error (RFC 9113 section 5.4): what was open on \
            it is lost.",
        remedy: "Fix the sender, or the proxy between: the detail names the frame.";
    Http2BadHeaders: "http2.bad_headers", Warning,
        title: "HTTP/2 header block that receivers reject",
        why: "A block that cannot be decompressed ends the connection (RFC 7541); a malformed head ends \
            its stream (RFC 9113 section 8.1.1). Later heads of the same sender are not read completely.",
        remedy: "Fix the sender, or the proxy between: the detail says what is wrong.";
    Http3NotRead: "http3.not_read", Notice,
        title: "HTTP/3 to a host that speaks MCP",
        why: "HTTP/3 (QUIC, over UDP) is not decoded: calls on it are missing from the results.",
        remedy: "Turn HTTP/3 off in the client (Chrome, Electron: --disable-quic; Firefox: \
            network.http.http3.enable; curl: no --http3), let the server not offer it (Alt-Svc), or \
            block UDP to its port: clients then fall back to TCP.";
    Http2FieldsUnknown: "http2.fields_unknown", Notice,
        title: "HTTP/2 header fields that are not in the capture",
        why: "HTTP/2 repeats header fields by reference, and what these refer to was sent before the \
            capture began, or in a gap. Calls are read, but session ids, paths and media types may be \
            missing.",
        remedy: "Start the capture before the client connects.";
    Http2Limit: "http2.limit", Warning,
        title: "too many open HTTP/2 streams, or too much to remember of them",
        why: "The oldest streams, or header fields, were dropped: calls on them are not complete.",
        remedy: "Look at the sender: servers allow 100 to 250 streams and 4 KiB of header fields.";
    Http2StreamReset: "http2.stream_reset", Warning,
        title: "HTTP/2 stream reset with an error",
        why: "The transaction on it has failed: nobody answers it.",
        remedy: "Look at the end that reset it: the detail names it and its error code. REFUSED_STREAM \
            can be sent again.";
    Http2Goaway: "http2.goaway", Notice,
        title: "HTTP/2 connection closed with an error, or with calls on it",
        why: "Calls that the server did not accept have to be sent again on another connection.",
        remedy: "Look at the error code and the text that the detail quotes; ENHANCE_YOUR_CALM means too \
            many frames or streams.";
    Http2WindowClosed: "http2.window_closed", Warning,
        title: "content held back by HTTP/2 flow control to the end",
        why: "The receiver did not read what it was sent, so the sender could not send the rest: the \
            message is incomplete.",
        remedy: "Look for a client, or a proxy, that stops reading a response while it waits for \
            another one; raise its window.";
    WsBadFrame: "ws.bad_frame", Warning,
        title: "invalid WebSocket frame",
        why: "The receiver fails the connection (RFC 6455 section 7.1.7): what is open on it is not \
            answered.",
        remedy: "Fix the sender, or the proxy between: the detail names the side and what is wrong.";
    WsClosed: "ws.closed", Notice,
        title: "WebSocket closed with an error code",
        why: "The end that closed it could not go on: requests that are open are not answered.",
        remedy: "Look at the code and the text that the detail quotes, and at the log of that end.";
    WsNotInflated: "ws.not_inflated", Notice,
        title: "compressed WebSocket message that refers to ones not in the capture",
        why: "It cannot be read: with permessage-deflate a message repeats parts of those before it.",
        remedy: "Start the capture before the client connects; for the capture, switch \
            permessage-deflate off.";
    StdioNotMessage: "stdio.not_message", Warning,
        title: "line that is no message",
        why: "A server writes nothing but messages to its standard output, a client nothing else to its \
            standard input (MCP, stdio): clients skip the line, or give up.",
        remedy: "Print logs and banners on standard error; look at what the server's libraries and its \
            launcher print.";
    SseEventTooLong: "sse.event_too_long", Warning,
        title: "event longer than the limit",
        why: "The message in it is not read; later events of the stream are.",
        remedy: "Return large results in pages.";
    SseNotUtf8: "sse.not_utf8", Warning,
        title: "event that is not UTF-8",
        why: "Clients replace the invalid bytes (WHATWG HTML): the text that arrives is not the \
            text that was meant.",
        remedy: "Encode the event stream as UTF-8.";
    SseEventCut: "sse.event_cut", Notice,
        title: "stream ends inside an event",
        why: "Clients discard an unfinished event (WHATWG HTML): the message in it is lost.",
        remedy: "Find out what closed the stream: a restart of the server, or an idle timeout of \
            a proxy.";
    SseEventType: "sse.event_type", Notice,
        title: "message in an event that clients do not read",
        why: "MCP clients read events without a type and those of the type message; an event of \
            another type is ignored, and a response in it never arrives.",
        remedy: "Send messages without an event field, or with \"event: message\".";
    SseFieldName: "sse.field_name", Warning,
        title: "line of an event stream whose field name is misspelled",
        why: "Field names are data, event, id and retry, in lower case and without anything before or \
            behind them (WHATWG HTML): clients ignore the line.",
        remedy: "Begin the line with the name and a colon; send a byte order mark nowhere but at the \
            start of the stream.";
    RpcNotUtf8: "rpc.not_utf8", Error,
        title: "message that is not UTF-8",
        why: "JSON is UTF-8 (RFC 8259 section 8.1): the receiver cannot read the message and will \
            not answer it.",
        remedy: "Fix the encoding of the sender.";
    RpcBom: "rpc.bom", Warning,
        title: "message that begins with a byte order mark",
        why: "JSON is sent without one (RFC 8259 section 8.1): strict receivers reject the message. \
            It is read here in spite of it.",
        remedy: "Write UTF-8 without a byte order mark.";
    RpcNotJson: "rpc.not_json", Error,
        title: "message that is not valid JSON",
        why: "The receiver cannot read the message and will not answer it.",
        remedy: "Fix the sender: the detail says where the JSON is invalid.";
    RpcTrailingBytes: "rpc.trailing_bytes", Warning,
        title: "extra bytes after a JSON message",
        why: "Strict receivers reject the whole message.",
        remedy: "Send one JSON text in each body or event.";
    RpcTooDeep: "rpc.too_deep", Warning,
        title: "message nested too deeply",
        why: "Common JSON parsers refuse it: the receiver may not read the message either.",
        remedy: "Flatten the data.";
    RpcNotObject: "rpc.not_object", Error,
        title: "message that is neither an object nor an array",
        why: "It is not JSON-RPC (JSON-RPC 2.0 section 4): the receiver rejects or ignores it.",
        remedy: "Send JSON-RPC objects.";
    RpcEmptyBatch: "rpc.empty_batch", Warning,
        title: "batch without messages",
        why: "The receiver answers with an error, or not at all (JSON-RPC 2.0 section 6).",
        remedy: "Send no batch if there are no messages.";
    RpcBatchLimit: "rpc.batch_limit", Warning,
        title: "batch with more messages than the limit",
        why: "Messages beyond the limit are not read: requests among them are not listed.",
        remedy: "Send smaller batches.";
    RpcNoVersion: "rpc.no_version", Warning,
        title: "message without a jsonrpc member",
        why: "Strict receivers reject it, so it may never be answered.",
        remedy: "Send \"jsonrpc\": \"2.0\" in every message (JSON-RPC 2.0 section 4).";
    RpcBadVersion: "rpc.bad_version", Warning,
        title: "jsonrpc member other than \"2.0\"",
        why: "Strict receivers reject the message, so it may never be answered.",
        remedy: "Send exactly \"2.0\", as a string (JSON-RPC 2.0 section 4).";
    RpcIdNull: "rpc.id_null", Warning,
        title: "request with a null id",
        why: "MCP forbids it: a response to it cannot be matched.",
        remedy: "Give every request a string or a number as its id.";
    RpcIdFractional: "rpc.id_fractional", Notice,
        title: "request with a fraction as its id",
        why: "MCP allows strings and integers: a receiver that rounds the id answers with another.",
        remedy: "Give every request a string or an integer as its id.";
    RpcNotificationId: "rpc.notification_id", Warning,
        title: "notification with an id",
        why: "The id makes it a request: receivers answer it, or reject it, and its sender expects \
            nothing.",
        remedy: "Send notifications without an id (JSON-RPC 2.0 section 4.1).";
    RpcBadId: "rpc.bad_id", Error,
        title: "id that is neither a string nor a number",
        why: "A response cannot be matched to its request.",
        remedy: "Use a string or a number (JSON-RPC 2.0 section 4).";
    RpcBadMethod: "rpc.bad_method", Error,
        title: "method that is not a string",
        why: "The receiver cannot know what is asked, and rejects the message.",
        remedy: "Send the method as a string (JSON-RPC 2.0 section 4).";
    RpcBadParams: "rpc.bad_params", Warning,
        title: "params that are not an object",
        why: "MCP allows objects only: receivers reject the message or ignore its params.",
        remedy: "Send an object, or leave params out.";
    RpcBadError: "rpc.bad_error", Warning,
        title: "error without a valid code and message",
        why: "The caller cannot know what went wrong.",
        remedy: "Send a number as code and a string as message (JSON-RPC 2.0 section 5.1).";
    RpcResultAndError: "rpc.result_and_error", Warning,
        title: "response with both a result and an error",
        why: "Clients differ in which of the two they use; it counts as an error here.",
        remedy: "Send one of them only (JSON-RPC 2.0 section 5).";
    RpcBadResult: "rpc.bad_result", Warning,
        title: "result that is not an object",
        why: "Every result of MCP is an object, an empty one too: clients that check it fail on the \
            response.",
        remedy: "Send an object as the result: {} if there is nothing to say.";
    RpcNoResult: "rpc.no_result", Error,
        title: "message that is not a request, response or notification",
        why: "It has no method, no result and no error: receivers reject or ignore it.",
        remedy: "Send a method, a result or an error.";
    RpcMethodAndResult: "rpc.method_and_result", Warning,
        title: "request that also has a result or an error",
        why: "Receivers may take it for a response; it counts as a request here.",
        remedy: "Send requests and responses as separate messages.";
    RpcDuplicateKey: "rpc.duplicate_key", Warning,
        title: "member that occurs twice in a message",
        why: "Parsers differ in which value they use; the last one counts here.",
        remedy: "Write each member once.";
    McpRequestInResponse: "mcp.request_in_response", Warning,
        title: "request in a JSON response body",
        why: "Clients expect responses only in such a body: they ignore the request, and it is \
            not listed as an exchange.",
        remedy: "Send requests of the server on an event stream.";
    McpUnknownResponse: "mcp.unknown_response", Warning,
        title: "response that matches no request",
        why: "No request with its id is outstanding in the session: clients discard it, and the \
            request that it was meant for hangs.",
        remedy: "Copy the id of the request into the response, type included: 1 and \"1\" differ.";
    McpRequestUnseen: "mcp.request_unseen", Notice,
        title: "response whose request is not in the capture",
        why: "The capture began later, or lost the request. Nothing is wrong with the response.",
        remedy: "Start the capture before the client connects.";
    McpIdChanged: "mcp.id_changed", Warning,
        title: "request answered with another id",
        why: "One request and one response in one POST belong together, but clients match the id \
            with its JSON type: they discard the response, and the caller waits.",
        remedy: "Copy the id of the request into the response, type included: 1 and \"1\" differ.";
    McpStrayResponse: "mcp.stray_response", Warning,
        title: "response in a body that answers no request",
        why: "A body answers the requests of its own POST only. If the request with this id is \
            open elsewhere, a client may take this for its answer.",
        remedy: "Answer a GET with an event stream or 405, and a POST without requests with 202.";
    McpTypeChanged: "mcp.type_changed", Warning,
        title: "progress token or cancelled id with another JSON type",
        why: "Receivers compare with the type: the progress is ignored, or the request is not \
            cancelled.",
        remedy: "Send tokens and ids back as they came: 7 and \"7\" differ.";
    McpIdSpelling: "mcp.id_spelling", Notice,
        title: "id answered in another spelling of its number",
        why: "Clients that keep ids as integers or as text do not find the request: 1 and 1.0 are one \
            number in JSON alone.",
        remedy: "Copy the id of the request into the response as it was written.";
    McpDefinitionsChanged: "mcp.definitions_changed", Notice,
        title: "a server's tools, prompts or resources changed",
        why: "A model acts on the definitions that it was given: one that changes under the same \
            name may no longer do what was approved, and cached definitions are out of date.",
        remedy: "Compare the versions in the TUI (Servers), and approve the server's definitions again \
            if the change was not expected.";
    McpAnsweredAfterParent: "mcp.answered_after_parent", Notice,
        title: "answer to the server after the call that asked was over",
        why: "The server asked the client while it worked on a call, and gave up before the answer \
            came: the answer is late and helps nobody.",
        remedy: "Let the client read the stream on which the server asks, and let the server wait \
            longer than a user needs.";
    McpResponseOnGetStream: "mcp.response_on_get_stream", Notice,
        title: "response on the GET stream instead of its POST",
        why: "Streamable HTTP allows responses on the GET stream only when it resumes the stream of \
            a POST: clients that wait for the POST time out.",
        remedy: "Answer a request in the body or on the stream of its own POST.";
    McpResponseOnOtherStream: "mcp.response_on_other_stream", Notice,
        title: "response on the stream of another POST",
        why: "Clients that wait for each POST on its own get the answer of another request, or none.",
        remedy: "Answer each request on the stream of its own POST; do not route by id alone.";
    McpResultRefused: "mcp.result_refused", Notice,
        title: "response under a status that contradicts it",
        why: "Clients look at the status first: under 4xx and 5xx they take the call for failed and \
            drop the result, under 202 they read no body and wait on.",
        remedy: "Send responses with 200; use 202 for notifications, 4xx and 5xx for failures alone.";
    McpDuplicateResponse: "mcp.duplicate_response", Warning,
        title: "second response to one request",
        why: "The first response counts; clients ignore the second or fail on it.",
        remedy: "Check the server, and proxies that repeat requests, for what sends it twice.";
    McpLateResponse: "mcp.late_response", Info,
        title: "result for a request that was cancelled before",
        why: "The work went on, and the receiver discards its result. If the two are only a round \
            trip apart, they crossed on the way.",
        remedy: "A single one needs no action; if there are many, or the result comes long after, \
            let the receiver stop work that is cancelled.";
    McpCancelAcknowledged: "mcp.cancel_acknowledged", Info,
        title: "cancellation that was acknowledged with an error",
        why: "The receiver stopped the work and answered all the same. MCP asks for no answer to a \
            cancelled request; the sender ignores it.",
        remedy: "No action needed.";
    McpIdReused: "mcp.id_reused", Warning,
        title: "id reused while its request is outstanding",
        why: "Responses to the two requests cannot be told apart: ids must be unique within a \
            session.",
        remedy: "Count ids up in each session, and do not share a session between clients.";
    McpIdNotUnique: "mcp.id_not_unique", Notice,
        title: "id used again in its session",
        why: "MCP forbids it, also if the first request was answered: late and repeated responses \
            cannot be told apart.",
        remedy: "Count ids up in each session.";
    McpIdZeroAlways: "mcp.id_always_zero", Warning,
        title: "every response of a session has the id 0",
        why: "Responses cannot be matched to requests.",
        remedy: "Copy the id of the request into the response.";
    McpPostRepeated: "mcp.post_repeated", Info,
        title: "request POSTed again after its connection was lost",
        why: "A tool that changes something may have run twice. Both POSTs count as one exchange.",
        remedy: "Make tools idempotent, and find out what closed the connection.";
    McpTokenCollision: "mcp.token_collision", Warning,
        title: "two outstanding requests with the same progress token",
        why: "Progress cannot be attributed to one of them.",
        remedy: "Use a progress token once in a session.";
    McpUnknownToken: "mcp.unknown_token", Warning,
        title: "progress with an unknown token",
        why: "No captured request asked for it: clients ignore the progress.",
        remedy: "Copy the progressToken of the request into its notifications, type included: 1 \
            and \"1\" differ.";
    McpProgressOrder: "mcp.progress_order", Notice,
        title: "progress that goes back, or past its total",
        why: "MCP demands that progress increases: clients show a wrong share, or drop the \
            notification.",
        remedy: "Count progress up; use a token for one request alone.";
    McpAnsweredAfterFailure: "mcp.answered_after_failure", Warning,
        title: "answer to a request whose POST failed",
        why: "Clients give the request up when its POST ends with an error, or without an answer: the work \
            is done, and its result is lost. Often a proxy answers 502 or 504 while the server works.",
        remedy: "Have the POST answered with 202 at once; raise the read timeout of the proxy.";
    McpLateProgress: "mcp.late_progress", Notice,
        title: "progress after the response",
        why: "The request is over: clients report an unknown token, or ignore the progress.",
        remedy: "Send the last progress before the response, and none after it.";
    McpUnknownCancel: "mcp.unknown_cancel", Info,
        title: "cancellation of a request that is not outstanding",
        why: "It has no effect: its request was answered before, or is not in the capture. MCP \
            allows it.",
        remedy: "No action needed.";
    McpNoStream: "mcp.no_stream", Error,
        title: "request accepted with 202, but no stream to answer on",
        why: "The response cannot reach the client, which waits until its own timeout.",
        remedy: "Open the event stream before sending requests, and reopen it when it is closed.";
    McpNoResponse: "mcp.no_response", Error,
        title: "HTTP response without a usable JSON-RPC response",
        why: "The server answered the POST, but nothing in it answers the request: the caller waits \
            until its own timeout, or fails on the body.",
        remedy: "The detail names the HTTP status, the media type and what is wrong: check the \
            server, and what answers in its place.";
    McpUnanswered: "mcp.unanswered", Error,
        title: "request that was never answered",
        why: "The caller waits until its own timeout, if it has one: this is what a hanging agent \
            looks like.",
        remedy: "See the cause of the exchange for what ended the wait.";
    McpAbandoned: "mcp.abandoned", Notice,
        title: "request whose sender no longer waited for the response",
        why: "The sender closed the connection or the stream, or the client deleted the session, \
            before the response: no fault of the receiver. Work that nobody waits for may go on.",
        remedy: "Compare the time waited with the sender's timeout; a sender that gives up should \
            cancel the request.";
    McpSessionFolded: "mcp.session_folded", Warning,
        title: "session header that holds the same id twice",
        why: "An intermediary folded two Mcp-Session-Id headers into one (\"a, a\"): servers \
            answer 404.",
        remedy: "Send the header once; check the client and the proxies on the path for what adds \
            the second.";
    McpGetMisanswered: "mcp.get_misanswered", Notice,
        title: "GET answered with neither an event stream nor 405",
        why: "The client asked for an event stream: some clients give up the session at another \
            answer, others ask again and again.",
        remedy: "Answer GET on the MCP endpoint with an event stream, or with 405 if the server \
            has none; check that the path has a route for GET.";
    McpStreamRefused: "mcp.stream_refused", Notice,
        title: "event stream of a session refused",
        why: "The server allows one stream for each session and holds another for open: what it \
            sends there does not reach a client that lost that stream.",
        remedy: "Close the stream before opening another one; let the server replace the older \
            stream when its client comes back.";
    McpDeleteRefused: "mcp.delete_refused", Notice,
        title: "session not deleted: DELETE refused",
        why: "The session lives on at the server until it expires. A server may answer 405 if its \
            clients cannot end sessions.",
        remedy: "No action if the status is 405 or 404; else see what the response says.";
    McpDeleteUnanswered: "mcp.delete_unanswered", Notice,
        title: "DELETE of a session without an answer",
        why: "The client cannot know whether the session is over.",
        remedy: "Let the client wait for the response before it closes the connection; let the \
            server answer DELETE at once.";
    McpPreflightRefused: "mcp.preflight_refused", Warning,
        title: "CORS preflight refused",
        why: "A browser does not send the request that the preflight asks for: the client in the \
            browser cannot use the server.",
        remedy: "Answer OPTIONS with 204, Access-Control-Allow-Origin, and \
            Access-Control-Allow-Headers with content-type, authorization, mcp-session-id and \
            mcp-protocol-version.";
    McpNot202: "mcp.not_202", Notice,
        title: "notification or response answered otherwise than with 202",
        why: "Streamable HTTP answers it with 202 Accepted and no body: strict clients fail on \
            another answer.",
        remedy: "Answer 202 without a body.";
    McpMessageRefused: "mcp.message_refused", Notice,
        title: "notification or response that the server refused",
        why: "The server did not take it: after a refused notifications/initialized it may refuse \
            the session's requests too.",
        remedy: "See the status and what the response says.";
    McpIdleLimit: "mcp.idle_limit", Notice,
        title: "streams that end after the same silence",
        why: "An idle limit ends them: of the side that closes or resets, or of a proxy or load \
            balancer before it.",
        remedy: "Send a comment line (a colon) on silent streams more often than that, or raise \
            the limit.";
    McpSessionRefused: "mcp.session_refused", Notice,
        title: "session id that the server does not know",
        why: "All requests with this session id fail until the client opens a new session.",
        remedy: "Open a new session on 404; with several replicas, route each session to the one \
            that holds it.";
    McpSessionKept: "mcp.session_kept", Notice,
        title: "session used on after the server refused it",
        why: "The server has said with 404 that it does not know the session: nothing succeeds until \
            the client opens a new one.",
        remedy: "On 404 to a session id, let the client send initialize without one.";
    McpSessionIdMissing: "mcp.session_id_missing", Warning,
        title: "request without the session id that the server gave",
        why: "Servers answer 400, or do not find the state of the session: since MCP 2025-03-26 a \
            client sends the id of the response to initialize with every later request.",
        remedy: "Send Mcp-Session-Id with every request; check proxies and CORS rules that remove \
            the header.";
    McpSessionIdChanged: "mcp.session_id_changed", Notice,
        title: "session id that changes within a session",
        why: "The server names another session than the one that the client uses: a client that takes \
            it over loses what belongs to the first one.",
        remedy: "Give out a session id with the response to initialize alone.";
    McpSessionIdHidden: "mcp.session_id_hidden", Notice,
        title: "session id that a client in a browser cannot read",
        why: "The browser hides the header from pages of another origin: later requests lack the \
            session id.",
        remedy: "Add Mcp-Session-Id to Access-Control-Expose-Headers.";
    McpNotAcceptable: "mcp.not_acceptable", Warning,
        title: "request refused because of its Accept field",
        why: "The server answers 406: since MCP 2025-03-26 a POST accepts JSON and event streams, a \
            GET event streams.",
        remedy: "Send \"Accept: application/json, text/event-stream\" with every POST; check proxies \
            that change the field.";
    McpNoChallenge: "mcp.no_challenge", Notice,
        title: "401 without WWW-Authenticate",
        why: "The client cannot know how to authenticate, nor where the authorization server is: it \
            gives up.",
        remedy: "Send WWW-Authenticate with every 401 (RFC 9110 section 11.6.1), with \
            resource_metadata for OAuth; check proxies that remove it.";
    McpUsedAfterDeletion: "mcp.used_after_deletion", Notice,
        title: "session used after the client deleted it",
        why: "The server no longer knows the session, and refuses the request.",
        remedy: "End streams and pending calls before the DELETE; open a new session afterwards.";
    McpRedirected: "mcp.redirected", Notice,
        title: "POST that is redirected and sent again",
        why: "Each request takes two round trips, and its body is sent twice.",
        remedy: "Configure the client with the address that the server redirects to: often a \
            slash at the end.";
    McpEndpointOrigin: "mcp.endpoint_origin", Warning,
        title: "endpoint of another origin than its event stream",
        why: "Clients of HTTP+SSE reject such an endpoint, or cannot reach it: behind a proxy it \
            is the server's own address.",
        remedy: "Have the server announce a path alone, or its public address.";
    McpNoEndpoint: "mcp.no_endpoint", Notice,
        title: "event stream without an endpoint event",
        why: "A client of HTTP+SSE waits for it in vain: the server speaks Streamable HTTP, or \
            something between holds the event back.",
        remedy: "Configure the client for Streamable HTTP; check proxies that buffer.";
    McpEndpointNotFound: "mcp.endpoint_not_found", Warning,
        title: "announced endpoint that does not exist",
        why: "No request of the session reaches the server: a proxy that serves it under a prefix \
            does not change the endpoint event.",
        remedy: "Tell the server its prefix (root path, base URL), or have the proxy pass the \
            announced path on.";
    McpSessionPerCall: "mcp.session_per_call", Notice,
        title: "as many sessions as calls",
        why: "Each session costs the round trips of initialize and its own state on the server.",
        remedy: "Keep the session open and use it for further calls.";
    McpHeaderMismatch: "mcp.header_mismatch", Warning,
        title: "header that contradicts the body",
        why: "Servers reject the request: since MCP 2026-07-28 these headers repeat what the body \
            says.",
        remedy: "Send the same value in both; check proxies that rewrite headers.";
    McpBatch: "mcp.batch", Warning,
        title: "batch in a revision without batches",
        why: "Only 2025-03-26 has batches: other implementations reject it.",
        remedy: "Send each message by itself.";
    McpNoInitialize: "mcp.no_initialize", Warning,
        title: "session used before it is initialized",
        why: "Servers may reject requests that come before initialize.",
        remedy: "Send initialize first.";
    McpNotInitialized: "mcp.not_initialized", Notice,
        title: "session used without notifications/initialized",
        why: "The server may reject requests until the client says that it is ready.",
        remedy: "Send notifications/initialized after the response to initialize, and await its 202.";
    McpInitializeIncomplete: "mcp.initialize_incomplete", Warning,
        title: "initialize, or its result, without a member that it must have",
        why: "Receivers that check it end the session here: a client reports an invalid response, a \
            server invalid params.",
        remedy: "Send protocolVersion, capabilities and clientInfo, and answer with protocolVersion, \
            capabilities and serverInfo; {} is enough for the capabilities.";
    McpInitializedTwice: "mcp.initialized_twice", Notice,
        title: "initialize in a session that is initialized",
        why: "Servers reject it; a new session is opened without a session id.",
        remedy: "Send initialize without Mcp-Session-Id, once for each session.";
    McpCapabilityMissing: "mcp.capability_missing", Notice,
        title: "request that the receiver did not announce support for",
        why: "The receiver does not know its method: capabilities are negotiated with initialize.",
        remedy: "Ask only for what the other side announced; announce what is supported.";
    McpRevisionUnknown: "mcp.revision_unknown", Notice,
        title: "revision that MCP does not have",
        why: "Clients close the session at a revision that they do not know.",
        remedy: "Answer with the revision that the client asks for, or with another published one.";
    McpToolSchema: "mcp.tool_schema", Warning,
        title: "tool without an object as its input schema",
        why: "Clients that check the list of tools reject all of it, or leave this tool out.",
        remedy: "Give every tool an inputSchema of the type \"object\", one without parameters too: \
            {\"type\": \"object\"}.";
    McpVersionHeader: "mcp.version_header", Notice,
        title: "MCP-Protocol-Version that is missing or not the negotiated one",
        why: "Since MCP 2025-06-18 it goes with every request: servers answer 400 to another one, and \
            take a missing one for 2025-03-26.",
        remedy: "Send the revision of the response to initialize with every later request; check CORS \
            rules and proxies that remove the header.";
    McpUnknownStream: "mcp.unknown_stream", Notice,
        title: "stream that belongs to no known session",
        why: "Its start is not in the capture and several sessions could own it: what it carries \
            is marked degraded.",
        remedy: "Start the capture before the client connects.";
    McpSeenTwice: "mcp.seen_twice", Notice,
        title: "same traffic under two pairs of addresses",
        why: "Both legs of a proxy, or a bridge and a container, were captured: the difference of \
            the two is the proxy's own time.",
        remedy: "Nothing to do: tables count each call once, as the client sees it. --views all \
            counts both legs.";
    McpInStep: "mcp.in_step", Notice,
        title: "two sessions make the same calls",
        why: "They may be the two legs of a gateway that gives requests ids of its own, or two clients \
            that do the same: without a common session id the capture does not tell, and both count.",
        remedy: "Look at one leg with `server:` in a filter if there is a gateway between them.";
    McpBuffered: "mcp.buffered", Notice,
        title: "events held back by a proxy",
        why: "The client sees progress only when the call is over, and the connection looks idle \
            until then.",
        remedy: "Switch off response buffering in the proxy for event streams (nginx: \
            proxy_buffering off).";
    McpProxyDelay: "mcp.proxy_delay", Notice,
        title: "time lost in a proxy",
        why: "The server had answered: the client waited for the proxy.",
        remedy: "Look at buffering, name resolution and connection reuse in the proxy.";
    McpNotForwarded: "mcp.not_forwarded", Warning,
        title: "request that a proxy did not pass on",
        why: "The other end never saw it: the sender waits in vain.",
        remedy: "Look at the proxy: response buffering on event streams, limits on connections, and \
            what it does with requests of the server.";
    McpBunched: "mcp.bunched", Notice,
        title: "progress that came with the response",
        why: "The server sent all of it at the end, or something before the client kept it: the user \
            saw no progress.",
        remedy: "Compare with a capture at the server; switch off response buffering in proxies.";
    McpWrongSession: "mcp.wrong_session", Warning,
        title: "message that came in a session it is not for",
        why: "A client sees what belongs to another one: progress, results, data.",
        remedy: "Send each message on a stream of its own session alone.";
    McpBroadcast: "mcp.broadcast", Warning,
        title: "message on more than one stream of its session",
        why: "The client gets it twice: it asks the user twice, counts progress twice, or answers a \
            request twice.",
        remedy: "Send each message on one stream: that of the request that it is about, else the GET \
            stream.";
    McpEventIdNotUnique: "mcp.event_id_not_unique", Notice,
        title: "event id that another stream of the session gave before",
        why: "With Last-Event-ID a client names one event of the session: the server cannot tell \
            which stream to resume, and repeats the wrong one.",
        remedy: "Put the stream into the event id, or count ids up over all streams of a session.";
    McpWrongReplay: "mcp.wrong_replay", Warning,
        title: "replay of events of another stream",
        why: "After Last-Event-ID only events of the stream that was cut may be repeated: clients \
            handle others twice.",
        remedy: "Keep the events of each stream apart, and find the stream by the event id.";
    McpProxyClosed: "mcp.proxy_closed", Warning,
        title: "call ended by a proxy",
        why: "Neither client nor server closed: the program between them closed both of its \
            connections.",
        remedy: "Raise the proxy's read and idle timeouts above the longest call.";
    McpProxyAnswered: "mcp.proxy_answered", Notice,
        title: "answer of a proxy instead of the server's",
        why: "The client got a response that the server did not send.",
        remedy: "Look for timeouts, limits and caches in the configuration of the proxy.";
    ContentsBadArguments: "contents.bad_arguments", Warning,
        title: "accepted arguments that do not fit the input schema of their tool",
        why: "Servers validate all input of tools: one that does not runs with values that its author \
            did not think of. The model, or the client, made them up.",
        remedy: "Validate arguments at the server and answer with an error of the tool, from which the \
            model can learn; or correct the schema.";
    ContentsBadResult: "contents.bad_result", Warning,
        title: "result that does not fit the output schema of its tool",
        why: "A tool with an outputSchema has to return structuredContent that fits it: clients that \
            check it drop the result.",
        remedy: "Return what the schema says, or correct the schema.";
    ContentsBadSchema: "contents.bad_schema", Warning,
        title: "schema of a tool that is no JSON Schema",
        why: "Clients that compile it fail, often on the whole list of tools.",
        remedy: "Correct the schema: the detail says where it is invalid.";
    ContentsParamAnnotation: "contents.param_annotation", Warning,
        title: "x-mcp-header that makes clients leave the tool out",
        why: "Only properties that take a text, an integer or a boolean may have one, each another name: \
            clients drop the tool from their list, and models never see it.",
        remedy: "Correct the annotation, or take it out of the schema.";
    ContentsParamHeader: "contents.param_header", Warning,
        title: "header that does not repeat its argument",
        why: "Since MCP 2026-07-28 a client repeats arguments with x-mcp-header in Mcp-Param-… headers, by \
            which gateways choose: servers reject a request in which the two differ.",
        remedy: "Take the header from the arguments that are sent; list the tools again if their schemas \
            changed.";
    ContentsSchemaLimit: "contents.schema_limit", Notice,
        title: "call that is not checked against the schema of its tool",
        why: "To check it would take too long: the schema refers to itself in many places, or many \
            large schemas are in use.",
        remedy: "Check fewer tools at once with --filter.";
    ContentsWrongType: "contents.wrong_type", Warning,
        title: "list with a member of another type",
        why: "Clients that check types, such as those of the TypeScript SDK, reject the whole list for one \
            member: they show no tool at all.",
        remedy: "Send the type that the schema of MCP has, and leave out what has no value instead of null.";
    ContentsResultShape: "contents.result_shape", Warning,
        title: "result of another shape than its method has",
        why: "Clients that check types, such as those of the TypeScript SDK, reject the whole result for \
            one member: the model gets an error instead of the answer.",
        remedy: "Send the members and types that the schema of MCP has, and leave out what has no value \
            instead of null.";
    ContentsUnknownCursor: "contents.unknown_cursor", Notice,
        title: "cursor that the server did not give",
        why: "Cursors are opaque: a client that makes them up, or changes them, gets an error or the \
            wrong page.",
        remedy: "Send nextCursor back as it came, in the session that it came in.";
    ContentsPageLoop: "contents.page_loop", Warning,
        title: "pages of a list that lead back to an earlier one",
        why: "A client that reads all pages never comes to an end.",
        remedy: "Leave nextCursor out of the last page.";
    ContentsCacheScope: "contents.cache_scope", Warning,
        title: "pages of one list with different cache scopes",
        why: "All pages of a list have one scope: a shared cache hands out some of a list that is one \
            user's own.",
        remedy: "Send the same cacheScope with every page; private if one of them is.";
    ContentsUnknownTask: "contents.unknown_task", Notice,
        title: "task that the server never gave",
        why: "The server answers that it does not know it: ids of tasks are made by the server.",
        remedy: "Use the taskId of the result that created the task, at the server that created it.";
    ContentsTaskLost: "contents.task_lost", Warning,
        title: "task that the server forgot before its time",
        why: "A server keeps a task for its ttl: the client has lost its result.",
        remedy: "Keep tasks where all replicas find them, and over a restart.";
    ContentsTaskStatus: "contents.task_status", Warning,
        title: "task with a status that cannot follow",
        why: "A task begins as working, and one that is completed, failed or cancelled stays so: clients \
            stop asking.",
        remedy: "Check what sets the status: two workers, or a retry, may have the same task.";
    ContentsTaskFields: "contents.task_fields", Warning,
        title: "task without its fields",
        why: "Clients need the id, the status, the times and the ttl of a task: those that check results \
            drop one without.",
        remedy: "Send all fields with every task; a ttl of null if it is kept for good.";
    ContentsPollInterval: "contents.poll_interval", Notice,
        title: "task asked for more often than its server wants",
        why: "Servers may refuse clients that poll faster than the interval they name.",
        remedy: "Wait for the pollInterval of the last answer before asking again.";
    ContentsNotNegotiated: "contents.not_negotiated", Notice,
        title: "use of what the other side did not announce",
        why: "Capabilities and extensions are negotiated: what was not announced may be refused or \
            ignored.",
        remedy: "Announce what is supported, and use only what was announced.";
    ContentsNotSubscribed: "contents.not_subscribed", Notice,
        title: "update of a resource that the client did not subscribe to",
        why: "Clients ignore it. A server that sends it to every session tells others what changes.",
        remedy: "Send updates to the sessions that subscribed.";
    ContentsBadSubscription: "contents.bad_subscription", Warning,
        title: "stream of a subscription that does not begin, or name it, as it must",
        why: "Clients wait for the acknowledgement, and drop messages that name no subscription.",
        remedy: "Send notifications/subscriptions/acknowledged first, and the id of the request with \
            every message.";
    ContentsNotRequested: "contents.not_requested", Notice,
        title: "notification of a kind that its subscription does not ask for",
        why: "A subscription gets what it asks for and nothing else: clients drop it, or take it for \
            another one's.",
        remedy: "Send a notification on the streams whose request names its kind, resource or task.";
    ContentsResultType: "contents.result_type", Warning,
        title: "result without a resultType",
        why: "Since MCP 2026-07-28 every result names its type: clients cannot tell a complete result \
            from one that asks for input.",
        remedy: "Send \"resultType\": \"complete\" with results that are complete.";
    ContentsCacheHint: "contents.cache_hint", Warning,
        title: "result without its cache hints",
        why: "Since MCP 2026-07-28 lists, resources and server/discover say how long they may be kept and \
            by whom: clients ask again each time, or keep what they should not.",
        remedy: "Send ttlMs (0 if it must not be kept) and cacheScope (public or private).";
    ContentsRemovedMethod: "contents.removed_method", Notice,
        title: "method that the revision does not have any more",
        why: "MCP 2026-07-28 removed it: servers answer that they do not know it.",
        remedy: "Use the method only with the revisions that have it.";
    ContentsBadCancel: "contents.bad_cancel", Notice,
        title: "cancellation that MCP does not allow",
        why: "initialize cannot be cancelled; since MCP 2026-07-28 a client cancels a request by closing \
            its response, and servers ignore the notification.",
        remedy: "Close the connection instead of cancelling initialize; close the response of a request \
            since 2026-07-28.";
    ContentsSkillDigest: "contents.skill_digest", Notice,
        title: "file of a skill that does not have the digest of its entry",
        why: "Hosts refuse it: it was changed after the entry was read, or on the way.",
        remedy: "Read the entry again (skills/get); if the digest is still another one, compute it over \
            the bytes that resources/read returns.";
    ContentsCardDiffers: "contents.card_differs", Notice,
        title: "Server Card that contradicts its server",
        why: "Clients choose a server, and how they speak with it, by its card: this one tells another name, \
            version, revision, capability or transport than the server.",
        remedy: "Make the card with the server, from the same version.";
    SecurityTokenInUrl: "security.token_in_url", Warning,
        title: "credential in a URL",
        why: "URLs are written to logs, histories and Referer fields, where others read them.",
        remedy: "Send the token in the Authorization field, and withdraw the one that was sent.";
    SecurityPlaintextToken: "security.plaintext_token", Warning,
        title: "credential without TLS",
        why: "Whoever sees the packets can use the credential, as this capture shows. It may be that \
            TLS ends at a proxy in front of the place of the capture.",
        remedy: "Serve over HTTPS, and withdraw the credential if others may have seen it.";
    SecurityTokenShared: "security.token_shared", Warning,
        title: "one token sent to two servers",
        why: "Each of the servers can act at the other in the user's name: a token is meant for the \
            one that it was issued for.",
        remedy: "Let the client get a token for each server (RFC 8707), unless both are one service.";
    SecuritySecretInMessage: "security.secret_in_message", Warning,
        title: "what looks like a credential in a message",
        why: "Models, logs and the other server that a model talks to may read it. It is known by its \
            form: an example in a text has the same.",
        remedy: "Take the credential out of arguments and results, and withdraw it if it is real.";
    SecurityHiddenText: "security.hidden_text", Warning,
        title: "text that is not shown, in a message of the server",
        why: "People do not see it, and models read it: it can hold instructions.",
        remedy: "Look at the definition or result in the TUI, which shows every character, and ask \
            who wrote it.";
    SecurityNoAuthorization: "security.no_authorization", Notice,
        title: "calls without a credential at a server that gets one with others",
        why: "They succeed: the server may not look at the credential, or these tools are open to \
            everybody. MCP has clients send it with every request.",
        remedy: "Check that the server refuses a call without the token (401), for every tool and path.";
    SecurityOpenServer: "security.open_server", Notice,
        title: "server that answers calls without any credential",
        why: "Whoever reaches it can use its tools. Certificates of clients, and firewalls, are not seen.",
        remedy: "Ask for a token, or bind the server to loopback.";
    SecurityOriginUnchecked: "security.origin_unchecked", Warning,
        title: "request from a page of another origin that succeeds",
        why: "The server does not name the origin as one that it allows: any web page that its user opens \
            may call it, by DNS rebinding also at loopback.",
        remedy: "Answer 403 to an Origin that is not in a list.";
    SecurityGuessableSession: "security.guessable_session", Warning,
        title: "session ids that can be guessed",
        why: "Who guesses the id of a session may take part in it.",
        remedy: "Make ids of at least 128 random bits (a random UUID), and bind them to the user.";
    SecurityShadowedTool: "security.shadowed_tool", Notice,
        title: "tool with the name of another server's tool",
        why: "A model that is given both may call the wrong one: a server can take over calls so. Common \
            words are no attack.",
        remedy: "Have the client put the server's name before the tool's; look at who offers what.";
    SecurityNamesOtherTool: "security.names_other_tool", Notice,
        title: "description that names another server's tool",
        why: "A server can tell the model how to use, or not to use, the tools of another one. It is a \
            guess by names: servers that are made for each other do so, too.",
        remedy: "Read the description, and ask who wrote it.";
    SecurityDataFlow: "security.data_flow", Notice,
        title: "text of one server in a call to another",
        why: "What one server told leaves for another one. Agents are made for that; it is an attack if \
            the second server asked for it in a description or a result.",
        remedy: "Check that the data may go there.";
    SecurityInstructions: "security.instructions", Notice,
        title: "message of a server that reads like instructions to a model",
        why: "Models may follow it. It is a guess by words that published attacks have in common.",
        remedy: "Read the definition or result in the TUI, and ask who wrote it.";
    SecurityUnknownServer: "security.unknown_server", Warning,
        title: "server that is not in the list",
        why: "Nobody has looked at what it offers, and clients use it.",
        remedy: "Find out who runs it, then add it to the list (--inventory) or stop it.";
    McpLimit: "mcp.limit", Warning,
        title: "too many open requests, streams or sessions",
        why: "The oldest was closed in its current state: later messages that belong to it do not \
            match.",
        remedy: "Capture with a narrower filter.";
}
