//! Every cap, with its reason. Hitting one is a finding; nothing grows with the length of the capture.
//!
//! None of these was measured to be best: they are chosen so that honest traffic never meets them and hostile traffic
//! cannot take the machine.

/// Largest packet that is read from a file, in bytes. libpcap's own limit (`MAXIMUM_SNAPLEN`) is 262144; USB captures
/// go to 128 MiB. Beyond 16 MiB a length is taken for damage.
pub const MAX_PACKET: usize = 16 << 20;

/// Interfaces of one section of a pcapng file. A capture on all devices of a large host has some hundreds.
pub const MAX_INTERFACES: usize = 65_536;

/// Packets of a live capture that were read and wait to be analysed, in bytes. At a gigabit a second half a second; a
/// longer stall of the analysis is better told as a loss than shown late. Where packets are kept, as much again may wait to
/// be written.
pub const MAX_LIVE_QUEUE: usize = 64 << 20;

/// IP packets being put together from fragments at once. 256 of 64 KiB are 16 MiB.
pub const MAX_FRAGMENTED: usize = 256;

/// How long fragments wait for the rest, in nanoseconds of packet time (RFC 8200 section 4.5: 60 s).
pub const FRAGMENT_WAIT: i64 = 60_000_000_000;

/// Encapsulations (GRE, VXLAN, IP in IP) that are opened, one in another.
pub const MAX_TUNNELS: usize = 4;

/// Link headers that are taken off one frame: VLAN tags, LLC, PPPoE, PPP. Four are many (QinQ under PPPoE).
pub const MAX_LINK_HEADERS: usize = 12;

/// How long the later copies of a reassembled packet's fragments are known as copies, in nanoseconds of packet time.
/// Captures of several interfaces hold a packet twice within milliseconds; the 16 bits of an IPv4 identification come
/// round after a second at 65,536 fragmented packets a second between two hosts.
pub const FRAGMENT_COPIES: i64 = 1_000_000_000;

/// Link types that are not read and are told of, each once.
pub const MAX_UNSUPPORTED: usize = 32;

/// Connections followed at once. A busy server has some thousands; a SYN flood has millions.
pub const MAX_CONNECTIONS: usize = 65_536;

/// Out-of-order bytes held per direction. A receive window rarely exceeds 16 MiB on a long fat path.
pub const MAX_HELD_PER_DIRECTION: usize = 16 << 20;

/// Out-of-order bytes held by all connections together.
pub const MAX_HELD: usize = 64 << 20;

/// How long a hole that the peer has acknowledged waits to be filled, in nanoseconds of packet time: a capture of
/// several queues or interfaces may hold an ACK before its data.
pub const HOLE_WAIT: i64 = 250_000_000;

/// How long a hole waits where nothing came from the receiver since, so that no acknowledgement can be expected: only
/// one direction of the connection is captured. In nanoseconds of packet time; a retransmission timeout is about 1 s.
pub const ONE_SIDED_WAIT: i64 = 2_000_000_000;

/// How far ahead of the last byte, or beyond what was acknowledged, a segment may begin before it is taken for
/// nonsense, in bytes. The largest receive windows in use are 64 MiB.
pub const MAX_AHEAD: u32 = 64 << 20;

/// How far beyond the expected sequence number a RST may lie, in bytes (a guessed one lies anywhere in 4 GiB).
pub const RST_WINDOW: u32 = 1 << 20;

/// How far apart the copies of a packet that was captured twice may lie, in nanoseconds of packet time.
pub const DUPLICATE_WAIT: i64 = 100_000_000;

/// How long a connection may be silent before it is given up, in nanoseconds of packet time. Event streams without
/// keep-alive are silent for hours; the cap on connections bounds what that costs.
pub const CONNECTION_IDLE: i64 = 24 * 3600 * 1_000_000_000;

/// How long a connection that is closed on both sides, or reset, is kept for late retransmissions, in nanoseconds.
pub const CONNECTION_LINGER: i64 = 2_000_000_000;

/// How often packet time is announced to what waits, in nanoseconds.
pub const TICK: i64 = 50_000_000;

/// Bytes of a direction that are looked at before a connection is taken for something that is not HTTP.
pub const MAX_SNIFF: usize = 4096;

/// Bytes of a direction whose beginning was not captured, in which a place is looked for that can be read. The event
/// of a stream without chunks has to fit, to be recognised by the one behind it.
pub const MAX_WINDOW: usize = 16 << 10;

/// Length of an HTTP/1 head, in bytes. Servers take 8 to 64 KiB.
pub const MAX_HEAD: usize = 256 << 10;

/// Header fields of an HTTP/1 head. Servers take about 100.
pub const MAX_FIELDS: usize = 256;

/// Length of a chunk-size line with its extensions, or of a trailer section, in bytes.
pub const MAX_CHUNK_LINE: usize = 16 << 10;

/// Requests of a connection that wait for their response (pipelining).
pub const MAX_PIPELINED: usize = 1024;

/// Content of one body that is kept to be read as JSON, in bytes after content decoding.
pub const MAX_BODY: usize = 64 << 20;

/// Data of one SSE event, in bytes.
pub const MAX_EVENT: usize = 64 << 20;

/// Content held by all bodies and events that are not complete, together.
pub const MAX_CONTENT: usize = 256 << 20;

/// Growth of a compressed body beyond which it is a bomb, once it has given [`MIN_BOMB`] bytes. Deflate can reach
/// 1032:1, brotli and zstd far more; JSON stays below 100:1.
pub const MAX_RATIO: u64 = 1000;

/// Decoded bytes below which no ratio is looked at.
pub const MIN_BOMB: u64 = 8 << 20;

/// Elements of a JSON-RPC batch that are read.
pub const MAX_BATCH: usize = 10_000;

/// Length of an id, method, name, session id or other text that is kept from traffic, in bytes. Longer ones are cut
/// at a character and end in `…` and a hash.
pub const MAX_TEXT: usize = 4096;

/// Exchanges that wait for their answer, in all sessions together.
pub const MAX_OPEN_EXCHANGES: usize = 100_000;

/// Texts (ids, tokens, names) of all exchanges that wait for their answer, in bytes.
pub const MAX_OPEN_TEXT: usize = 64 << 20;

/// Exchanges with one id, or one progress token, among which the one of a transaction is looked for; and sessions of
/// one client and server, among which the one of a stream is. Honest traffic has one or a few.
pub const MAX_ALIKE: usize = 256;

/// HTTP transactions that are not over, on all connections together.
pub const MAX_TRANSACTIONS: usize = 200_000;

/// Responses that wait for their request.
pub const MAX_HELD_RESPONSES: usize = 10_000;

/// Sessions followed at once.
pub const MAX_SESSIONS: usize = 65_536;

/// Ids of a session whose answer was seen, kept to tell a duplicate from an unknown response.
pub const MAX_ANSWERED: usize = 64;

/// Event ids of a session's streams, kept to recognise what is replayed after `Last-Event-ID`.
pub const MAX_EVENT_IDS: usize = 1024;

/// How long a response waits for a request that is captured after it, in nanoseconds of packet time.
pub const RESPONSE_WAIT: i64 = 250_000_000;

/// How long a request whose connection broke before anything answered it waits to be POSTed again, in nanoseconds of
/// packet time. Clients do so at once, or after a back-off of a second or two.
pub const REPEAT_WAIT: i64 = 10_000_000_000;

/// Findings of one code that are kept with their detail; all are counted.
pub const MAX_FINDINGS_PER_CODE: usize = 100;

/// Slowest exchanges that the report lists.
pub const SLOWEST: usize = 10;

/// Exchanges without an answer that the report lists.
pub const UNANSWERED_LISTED: usize = 20;

/// Rows of a table of the report (methods and tools, per server): what has more is summed up in one row.
pub const MAX_TABLE_ROWS: usize = 10_000;
