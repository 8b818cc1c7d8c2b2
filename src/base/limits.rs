//! All caps, with their reasons. Reaching one is a finding; nothing grows with the length of the
//! capture.
//!
//! The values are chosen, not measured: honest traffic does not reach them, and hostile traffic
//! cannot exhaust memory.

/// Largest packet that is read from a file, in bytes. libpcap's own limit (`MAXIMUM_SNAPLEN`) is
/// 262144; USB captures go up to 128 MiB. A larger length is treated as damage of the file.
pub const MAX_PACKET: usize = 16 << 20;

/// Interfaces of one section of a pcapng file. A capture on all devices of a large host has some
/// hundreds.
pub const MAX_INTERFACES: usize = 65_536;

/// Packets of a live capture that wait for the analysis, in bytes: an eighth of a second at a
/// gigabit per second. Beyond that they stay in the kernel's buffer, of which 64 MiB are resident
/// as well; if that is full, losses are better than late results. With `-w`, the same amount may
/// wait to be written.
pub const MAX_LIVE_QUEUE: usize = 16 << 20;

/// Packets of a device, of standard input or of a pipe that are kept in a temporary file, to show
/// and save them later, in bytes. As much as temporary file systems of small machines hold.
pub const MAX_SPOOL: u64 = 4 << 30;

/// Changes between the files of a capture, in bytes: two to four for each. Files of the same time
/// change with every few packets; 16 million packets that alternate take all of it. Packets behind
/// that are numbered over all files.
pub const MAX_FILE_TURNS: usize = 32 << 20;

/// Runs of connections with consecutive numbers of which the number in a file is known, over all
/// files: about 40 MB. Files that follow each other have a run each, and one for each connection
/// that goes on in the next file.
pub const MAX_FILE_STREAM_RUNS: usize = 1 << 20;

/// Connections, sessions and streams each that the TUI lists while they are open: the latest. All
/// of them are listed when they end, or the capture does.
pub const MAX_IN_PROGRESS: usize = 4096;

/// Findings and connections that wait until it is known whether they belong to something that
/// matches the filter. A finding waits for its exchange, a connection for the end of the capture;
/// beyond that the oldest is left out.
pub const MAX_HELD_ENTRIES: usize = 65_536;

/// Servers whose offers are shown because something of them matches the filter. Offers of others
/// are left out, as if nothing of them matched.
pub const MAX_MATCHED_SERVERS: usize = 4096;

/// Transactions in whose payloads a search found something, until their exchanges are over. The
/// oldest are forgotten first: about 20 MB.
pub const MAX_FOUND_TRANSACTIONS: usize = 262_144;

/// Payloads of one transaction in which a search found something. A session's stream may carry
/// events for hours; those of exchanges that are over are not needed.
pub const MAX_FOUND_OF_TRANSACTION: usize = 1024;

/// Exchanges of a slice that are compared with the packets that were chosen, and named in comments:
/// about 500 bytes each, 1200 at most. Of those beyond, all packets of the connections of their
/// sessions are chosen.
pub const MAX_SLICE_EXCHANGES: usize = 32_768;

/// Rows of each table of what a slice may need around an exchange: the connections, event streams,
/// first exchanges and DELETEs of sessions, of up to 40, 60, 700 and 250 bytes each, nearly always
/// 100 at most; those with the lowest numbers are forgotten first. Of notifications and requests
/// inside calls, 100 bytes each, no more are kept.
pub const MAX_SLICE_ROWS: usize = 131_072;

/// Packets, pieces and transactions of the connection whose page is open, each. More are not
/// looked through by hand.
pub const MAX_PAGE_PACKETS: usize = 200_000;

/// Bytes of either direction of that connection.
pub const MAX_PAGE_BYTES: usize = 16 << 20;

/// Requests of JSON-RPC that are named for one of its transactions.
pub const MAX_PAGE_CALLS: usize = 64;

/// Segments of one connection that an explanation looks at: those in its middle are left out beyond
/// that. 100,000 take 6 MB.
pub const MAX_TRACED_SEGMENTS: usize = 100_000;

/// Connections whose packets are read again for explanations: those of a handful of exchanges, and
/// the streams of their sessions.
pub const MAX_TRACED_CONNECTIONS: usize = 64;

/// Exchanges, streams, sessions, connections and findings that explanations compare, each. Later
/// ones are counted in no explanation.
pub const MAX_COMPARED: usize = 65_536;

/// IP packets in reassembly at the same time. 256 of 64 KiB are 16 MiB.
pub const MAX_FRAGMENTED: usize = 256;

/// How long fragments wait for the others, in nanoseconds of packet time (RFC 8200 section 4.5: 60
/// s).
pub const FRAGMENT_WAIT: i64 = 60_000_000_000;

/// Nesting depth of decoded encapsulations (GRE, VXLAN, IP in IP).
pub const MAX_TUNNELS: usize = 4;

/// Link headers that are removed from one frame: VLAN tags, LLC, PPPoE, PPP. Real frames have up to
/// four (QinQ under PPPoE).
pub const MAX_LINK_HEADERS: usize = 12;

/// How long copies of the fragments of a reassembled packet are recognised, in nanoseconds of
/// packet time. Captures of several interfaces contain a packet twice within milliseconds; the 16
/// bits of an IPv4 identification wrap after a second at 65,536 fragmented packets per second
/// between two hosts.
pub const FRAGMENT_COPIES: i64 = 1_000_000_000;

/// Unsupported link types that are reported, each once.
pub const MAX_UNSUPPORTED: usize = 32;

/// Connections that are followed at the same time. A busy server has some thousands; a SYN flood
/// has millions.
pub const MAX_CONNECTIONS: usize = 16_384;

/// Out-of-order bytes held per direction. What is behind one lost segment is a window: 6 MiB is
/// Linux's default maximum (`tcp_rmem`).
pub const MAX_HELD_PER_DIRECTION: usize = 8 << 20;

/// Packets that wait to be anonymized until what was sent before them is read, in bytes: more than
/// the usual windows behind a lost segment. Bytes that are kept for packets that are sent again
/// take as much.
pub const MAX_ANONYMIZED: usize = 48 << 20;

/// Shards that connections are divided into, by a hash of their addresses and ports. A lane (a
/// thread) owns whole shards, and every cap on memory is that of a shard: no result depends on the
/// number of lanes. 4: a shard's share has to hold the largest single transfer, so more shards
/// would raise the caps of all shards together.
pub const SHARDS: usize = 4;

/// Memory of all connections of a shard, in bytes: their state, out-of-order bytes, incomplete
/// heads, bodies and events, decompressors with their windows. The buffer of the largest body
/// ([`MAX_BODY`] and 4 MiB to grow into) fits, so that a single large transfer is not cut; 128 MiB
/// in all if an attack fills every shard.
pub const MAX_MEMORY_PER_SHARD: usize = 32 << 20;

/// How far packet times may be behind the latest one, in nanoseconds, before they count as going
/// back. Less is the order of capture: dumpcap writes what several interfaces or queues deliver in
/// turn, each up to 250 ms behind.
pub const TIME_STEP: i64 = 1_000_000_000;

/// How far the time of an acknowledgement may be before the time of the bytes that it acknowledges,
/// in nanoseconds. Processors and interfaces of one machine disagree by microseconds.
pub const TIME_SKEW: i64 = 1_000_000;

/// Places at which packet times go back that are remembered, to mark the durations across them.
pub const MAX_TIME_STEPS: usize = 256;

/// How long after the bytes behind it a segment counts as out of order, in nanoseconds; later it
/// was sent again. Wireshark's value.
pub const OUT_OF_ORDER: i64 = 3_000_000;

/// How long a hole that the receiver acknowledged waits to be filled, in nanoseconds of packet
/// time: a capture of several queues or interfaces may contain an ACK before its data.
pub const HOLE_WAIT: i64 = 250_000_000;

/// How long a hole waits if the receiver has sent nothing since, in nanoseconds of packet time:
/// only one direction may be captured, so no acknowledgement can be expected. A retransmission
/// timeout is about 1 s.
pub const ONE_SIDED_WAIT: i64 = 2_000_000_000;

/// How far ahead of the last byte, or of the last acknowledgement, a segment may begin, in bytes.
/// Anything further is treated as forged. The largest receive windows in use are 64 MiB.
pub const MAX_AHEAD: u32 = 64 << 20;

/// How far beyond the expected sequence number a RST may lie, in bytes (a guessed one lies anywhere
/// in 4 GiB).
pub const RST_WINDOW: u32 = 1 << 20;

/// Largest distance between copies of a packet that was captured twice, in nanoseconds of packet
/// time.
pub const DUPLICATE_WAIT: i64 = 100_000_000;

/// How long a connection may be silent before it is forgotten, in nanoseconds of packet time. Event
/// streams without keep-alive are silent for hours; [`MAX_CONNECTIONS`] bounds the cost.
pub const CONNECTION_IDLE: i64 = 24 * 3600 * 1_000_000_000;

/// How long a connection that is closed on both sides, or reset, is kept for late retransmissions,
/// in nanoseconds.
pub const CONNECTION_LINGER: i64 = 2_000_000_000;

/// How long a connection with a FIN in both directions may be silent if one of them was not
/// acknowledged, in nanoseconds of packet time: bytes before it may still be retransmitted. Linux
/// gives up after 60 s (`tcp_fin_timeout`).
pub const CONNECTION_FIN_WAIT: i64 = 60_000_000_000;

/// Interval of ticks, in nanoseconds of packet time.
pub const TICK: i64 = 50_000_000;

/// Bytes of a direction that are examined before a connection is taken for something other than
/// HTTP.
pub const MAX_SNIFF: usize = 4096;

/// Bytes of a direction whose beginning was not captured that are searched for a place where
/// reading can start. An event of a stream without chunks has to fit, because it is recognised by
/// the next one.
pub const MAX_WINDOW: usize = 16 << 10;

/// Memory of the secrets of TLS connections, in bytes; beyond that the oldest are dropped. A key
/// log that grew for months has a million lines, which take 50 to 65 bytes each in TLS 1.3 and a
/// hundred in TLS 1.2. It is taken from [`MAX_MEMORY_PER_SHARD`] of all shards.
pub const MAX_SECRETS: usize = 64 << 20;

/// Connections whose secrets are tried on a connection whose ClientHello was not captured: those
/// that were logged last. Each costs a record's decryption.
pub const MAX_CANDIDATES: usize = 1024;

/// Bytes of the records of one connection that wait for their secrets: the key log of a running
/// program is some milliseconds behind its packets, secrets blocks that were added later some
/// seconds.
pub const MAX_UNDECRYPTED: usize = 2 << 20;

/// The same for all connections of a shard; 32 MiB in all. Beyond that the connection that would
/// need more waits no longer.
pub const MAX_UNDECRYPTED_PER_SHARD: usize = 8 << 20;

/// Servers of connections that could not be decrypted, and servers that speak MCP, that are
/// compared.
pub const MAX_UNREAD: usize = 4096;

/// How long records wait for their secrets, in nanoseconds of packet time.
pub const SECRETS_WAIT: i64 = 60_000_000_000;

/// Sequence numbers that are tried on one record after records were lost. 4096 records of full size
/// are 64 MiB, more than a window.
pub const MAX_SEQUENCES: u64 = 4096;

/// Bytes that are decrypted in vain on one connection, while its place in the sequence of records
/// is searched: some milliseconds of a processor.
pub const MAX_TRIAL_BYTES: u64 = 32 << 20;

/// The same for all connections of a shard, besides [`TRIAL_BYTES_PER_BYTE`]; 1 GiB in all, about a
/// second of a processor. One connection may spend an eighth of what is left at a time.
pub const MAX_TRIAL_BYTES_PER_SHARD: u64 = 256 << 20;

/// Bytes that each byte on a TLS connection adds to what may be decrypted in vain on its shard: the
/// work grows with the traffic, and a capture of many days does not run out.
pub const TRIAL_BYTES_PER_BYTE: u64 = 16;

/// QUIC connections that are told apart: those that began last. One that was forgotten and sends
/// another Initial is counted again.
pub const MAX_QUIC_CONNECTIONS: usize = 4096;

/// Length of the ClientHello of a QUIC connection, in bytes. With a hybrid key exchange it has 2
/// KiB, with a ticket 3.
pub const MAX_QUIC_HELLO: usize = 8 << 10;

/// Bytes of incomplete ClientHellos that are kept for all QUIC connections. Beyond that the
/// connection at hand is not named.
pub const MAX_QUIC_HELD: usize = 4 << 20;

/// Length of a TLS handshake message, in bytes. Chains of certificates have 2 to 20 KiB.
pub const MAX_HANDSHAKE_MESSAGE: usize = 128 << 10;

/// Length of a head, in bytes: of HTTP/1 as sent, of HTTP/2 before and after decompression. Servers
/// accept 8 to 64 KiB.
pub const MAX_HEAD: usize = 256 << 10;

/// Header fields of a head. Servers accept about 100.
pub const MAX_FIELDS: usize = 256;

/// Payload of an HTTP/2 frame that is taken for one, in bytes, unless the receiver allows more
/// (`SETTINGS_MAX_FRAME_SIZE`). 16 KiB are usual; Go's server allows 1 MiB.
pub const MAX_FRAME: u32 = 1 << 20;

/// `CONTINUATION` frames of a header block. A head of [`MAX_HEAD`] needs 16; a flood of empty ones
/// never ends its block.
pub const MAX_CONTINUATIONS: usize = 256;

/// Size of a dynamic table of HPACK that is kept, in bytes. 4 KiB are usual, browsers allow 64 KiB;
/// an encoder may announce 4 GiB.
pub const MAX_HEADER_TABLE: usize = 64 << 10;

/// Open streams of an HTTP/2 connection. Servers allow 100 to 250; a client that opens more without
/// end is an attack.
pub const MAX_STREAMS: usize = 4096;

/// How long content has to wait for an HTTP/2 window that is never opened before it is reported, in
/// nanoseconds of packet time. A receiver that reads opens it within a round trip.
pub const WINDOW_WAIT: i64 = 1_000_000_000;

/// Length of a chunk-size line with its extensions, or of a trailer section, in bytes.
pub const MAX_CHUNK_LINE: usize = 16 << 10;

/// Requests of a connection that wait for their response (pipelining).
pub const MAX_PIPELINED: usize = 1024;

/// Content of one body that is kept for parsing, in bytes after content decoding. Servers refuse
/// messages of more than 4 MiB by default (the SDKs' limits); a resource of 16 MiB in base64 fits.
pub const MAX_BODY: usize = 24 << 20;

/// Data of one SSE event, in bytes: a message, as a body is.
pub const MAX_EVENT: usize = MAX_BODY;

/// Compression ratio from which a body is treated as a decompression bomb, once it has produced
/// [`MIN_BOMB`] bytes. Deflate can reach 1032:1, brotli and zstd far more; JSON stays below 100:1.
pub const MAX_RATIO: u64 = 1000;

/// Decoded bytes below which the compression ratio is not checked.
pub const MIN_BOMB: u64 = 8 << 20;

/// Elements of a JSON-RPC batch that are parsed.
pub const MAX_BATCH: usize = 10_000;

/// Length of an id, method, name, session id or other text that is kept from traffic, in bytes.
/// Longer ones are cut at a character and end in `…` and a hash.
pub const MAX_TEXT: usize = 4096;

/// Length of the names, versions and capabilities that are kept of a session and of what it offers,
/// in bytes: each of 100,000 sessions has some, and real ones are shorter than 100.
pub const MAX_NAME: usize = 256;

/// Exchanges without a response, over all sessions.
pub const MAX_OPEN_EXCHANGES: usize = 100_000;

/// Candidates that are searched: open exchanges with the same id or progress token, and sessions of
/// the same client and server. Honest traffic has one or a few.
pub const MAX_ALIKE: usize = 256;

/// Open HTTP transactions, over all connections.
pub const MAX_TRANSACTIONS: usize = 200_000;

/// Findings about an HTTP transaction that wait until its exchange is known. Beyond that they are
/// reported without it. A transaction has one or two.
pub const MAX_WAITING_FAULTS: usize = 16;

/// Transactions that are over and to which findings can still be attributed: bytes that follow a
/// body are recognised by the message behind them. They are those of the connections that are busy
/// at that moment.
pub const MAX_CLOSED_TRANSACTIONS: usize = 256;

/// Responses that wait for their request.
pub const MAX_HELD_RESPONSES: usize = 10_000;

/// Sessions that are followed at the same time.
pub const MAX_SESSIONS: usize = 65_536;

/// How long a session may be silent before it is forgotten, in nanoseconds of packet time, as
/// [`CONNECTION_IDLE`]: most clients leave sessions without deleting them.
pub const SESSION_IDLE: i64 = 24 * 3600 * 1_000_000_000;

/// Sessions that have ended, and of which nothing came for a while, that are kept: late and
/// repeated messages find them. Beyond that the one that fell silent first is emitted.
pub const MAX_SESSIONS_OVER: usize = 4096;

/// Memory of what belongs to sessions, in bytes: open exchanges, sessions, open transactions (half
/// of it at most), responses that wait for their request (a quarter at most). The table that holds
/// most gives up; of sessions those that fell silent first, before active ones. A session takes 2
/// kB while it is active and half of that when it is silent, an open exchange 1 kB.
pub const MAX_MEMORY_OF_SESSIONS: usize = 48 << 20;

/// Ids of answered requests that are kept per session, to tell a duplicate response from an unknown
/// one.
pub const MAX_ANSWERED: usize = 64;

/// Event ids that are kept per session, to recognise events that are replayed after
/// `Last-Event-ID`.
pub const MAX_EVENT_IDS: usize = 1024;

/// How long a response waits for a request that is captured after it, in nanoseconds of packet
/// time.
pub const RESPONSE_WAIT: i64 = 250_000_000;

/// How long a request whose connection ended before a response waits for a repeated POST, in
/// nanoseconds of packet time. Clients repeat at once, or after a back-off of a second or two.
pub const REPEAT_WAIT: i64 = 10_000_000_000;

/// Findings of one code that are kept with their detail; all are counted.
pub const MAX_FINDINGS_PER_CODE: usize = 100;

/// Durations that `check` keeps for an objective: 8 MB. A percentile of the first million calls is
/// that of all unless they change.
pub const MAX_OBJECTIVE_VALUES: usize = 1 << 20;

/// Lines of findings of one code in an export; the rest is one line with their number. A
/// flood of SYNs would write more than the capture has.
pub const MAX_FINDING_LINES: u64 = 10_000;

/// Slowest exchanges that the report lists.
pub const SLOWEST: usize = 10;

/// Unanswered exchanges that the report lists.
pub const UNANSWERED_LISTED: usize = 20;

/// Definitions of servers that are compared with later ones, and names of their lists: 50 bytes
/// each. Servers have tens of tools; 10,000 are the most that one page may hold.
pub const MAX_DEFINITIONS: usize = 100_000;

/// Exchanges that the HTML report holds, each about 150 bytes of the file. A browser filters them
/// in milliseconds; a waterfall of more is not read by anybody.
pub const MAX_PAGE_EXCHANGES: usize = 10_000;

/// Requests that wait for their answer of which a page that is served keeps what is known. A client
/// has a few at a time.
pub const MAX_PAGE_WAITING: usize = 2_000;

/// Texts of these requests, in bytes.
pub const MAX_PAGE_WAITING_TEXT: usize = 2 << 20;

/// Notifications that the HTML report holds for the diagrams of its exchanges.
pub const MAX_PAGE_NOTIFICATIONS: usize = 10_000;

/// Texts of the exchanges that the HTML report holds, in bytes, as if they shared none: 800 for
/// each of [`MAX_PAGE_EXCHANGES`], and real ones have fewer than 300.
pub const MAX_PAGE_TEXT: usize = 8 << 20;

/// Rows of a table of the report (methods and tools, per server); the rest is summed up in one row.
pub const MAX_TABLE_ROWS: usize = 10_000;

/// Memory of the latency tables of the report, in bytes: each of [`MAX_TABLE_ROWS`] has seven
/// histograms of up to 26 kB if its durations differ enough. Real captures have some hundred rows.
/// A row whose server waited for its client copies one of its histograms, also beyond the limit.
pub const MAX_LATENCY_MEMORY: usize = 24 << 20;

/// Kinds of TLS connections that a report tells apart: by host, version, suite and protocol. The
/// rest is one row.
pub const MAX_TLS_KINDS: usize = 1000;

/// Texts of the rows of a table of the report, in bytes: sessions, offers, names that are used.
/// 800 for each of [`MAX_TABLE_ROWS`], and real ones have fewer than 200.
pub const MAX_TABLE_TEXT: usize = 8 << 20;

/// Texts of listings that are kept until the call that asked for them is over, in bytes. A list of
/// a hundred tools takes 100 kB. The longest that is read takes half.
pub const MAX_LIST_BODIES: usize = 8 << 20;

/// Durations that a comparison keeps of one method and tool. More are thinned out evenly: a
/// difference that 4096 calls do not show is of no use to anybody.
pub const MAX_COMPARED_VALUES: usize = 4096;

/// Durations that a comparison keeps of one capture, 8 bytes each. Then the rows keep what they
/// have, thinned out evenly.
pub const MAX_ALL_COMPARED_VALUES: usize = 1 << 20;

/// Texts of the definitions that a comparison or an inventory keeps of one capture, in bytes.
pub const MAX_DEFINITION_TEXT: usize = 16 << 20;

/// Memory of what an inventory keeps of sessions that are not over, in bytes: how their clients
/// behave.
pub const MAX_BEHAVIOURS: usize = 12 << 20;

/// Memory of what a timeline keeps of calls of models and of tools, in bytes: some 20,000 of each.
pub const MAX_AGENT_CALLS: usize = 32 << 20;

/// Memory of the rows of an inventory, in bytes: servers and clients with the values of each.
pub const MAX_INVENTORY: usize = 8 << 20;

/// Memory of the calls that a story compares, and the same for streams, for sessions and for
/// connections, in bytes. The first of a capture are compared.
pub const MAX_COMPARED_CALLS: usize = 20 << 20;
/// As [`MAX_COMPARED_CALLS`], for each of the others.
pub const MAX_COMPARED_OTHERS: usize = 6 << 20;

/// Heads that a story keeps of all traced connections, in bytes, and segments, about 60 bytes each.
/// The connection with most loses its middle.
pub const MAX_TRACED_HEADS: usize = 16 << 20;
/// As [`MAX_TRACED_HEADS`], for segments.
pub const MAX_ALL_TRACED_SEGMENTS: usize = 400_000;

/// Text of an answer of a language model that is kept, in bytes, and the same for the arguments of
/// all tools that it calls. Models answer with up to 64,000 tokens, and seldom with more than a
/// tenth of that.
pub const MAX_LLM_TEXT: usize = 64 << 10;

/// Tools that a language model calls in one answer, results of tools and names of tools of a
/// request that are kept, each. Agents offer tens of tools; a request repeats the results of all
/// calls before it, and the latest are kept.
pub const MAX_LLM_TOOLS: usize = 128;

/// Text of the result of a tool in the request to a language model that is kept, in bytes: enough
/// to compare it with what the tool's server sent.
pub const MAX_LLM_RESULT: usize = 1 << 10;

/// Calls of language models that are open on one connection. Clients of HTTP/2 have some tens; the
/// oldest is given up.
pub const MAX_LLM_CALLS: usize = 256;

/// Places that are remembered at which the pieces of one body end. A body of more pieces keeps
/// every other one, and so on.
pub const MAX_ARRIVALS: usize = 4096;
