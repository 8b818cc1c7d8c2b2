//! The captures of `captures/`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use mcpdump::base::Findings;
use mcpdump::capture::{self, Item, Source};

use super::run::Run;

/// The captures recorded for this project that the laws are checked on: one file per kind of
/// traffic, one of the link types.
const OWN: [&str; 34] = [
    "batch-2025-03-26/capture.pcapng",
    "big-results-mtu1500/capture.pcap",
    "br-json/capture.pcap",
    "damaged-ts-sse-dropped/capture.pcap",
    "damaged-ts-sse-midstream/capture.pcap",
    "damaged-ts-sse-overlapping/capture.pcap",
    "damaged-ts-sse-snaplen128/capture.pcap",
    "damaged-ts-sse-truncated-file/capture.pcap",
    "gzip-sse/capture.pcap",
    "h2-stacks/capture.pcapng",
    "h2-tls/capture-dsb.pcapng",
    "h2c-sse/capture.pcapng",
    "hackernews-2026.pcapng",
    "hackernews-sse.pcapng",
    "hackernews-streamable.pcapng",
    "inspector-cli-old-sse/capture.pcapng",
    "linktypes/any-sll2.pcap",
    "llm-gemini/capture.pcapng",
    "llm-ollama/capture.pcapng",
    "llm-streams/capture.pcapng",
    "load-sse/capture.pcap",
    "many-sessions/capture.pcapng",
    "py-streamable-json/capture.pcap",
    "real-loss-server-side/capture.pcap",
    "rev-2026-07-28/capture.pcapng",
    "rmcp-server/capture.pcap",
    "slow-and-odd/capture.pcapng",
    "stdio-wrap/capture.pcapng",
    "tls12-cbc/capture-dsb.pcapng",
    "tls12-keylog/capture-dsb.pcapng",
    "tls13-keylog/capture-dsb.pcapng",
    "ts-sse/capture.pcap",
    "ts-streamable/capture.pcapng",
    "zstd-py/capture.pcap",
];

/// Captures of other servers, clients and proxies.
const STACKS: [&str; 20] = [
    "stacks/aiohttp-mcp-http/capture.pcap",
    "stacks/fastapi-mcp-sse/capture.pcap",
    "stacks/fastmcp-py-http/capture.pcap",
    "stacks/fastmcp2-auth/capture.pcap",
    "stacks/haproxy-http/capture.pcap",
    "stacks/haproxy-roundrobin/capture.pcap",
    "stacks/hono-node/capture.pcap",
    "stacks/java-sse-hypercorn-h2c/capture.pcap",
    "stacks/lighttpd-buffered-http/capture.pcap",
    "stacks/litellm-streams/capture.pcap",
    "stacks/mcp-proxy-named-stateless/capture.pcap",
    "stacks/mcp-remote-sse/capture.pcap",
    "stacks/nginx-buffered-sse/capture.pcap",
    "stacks/nginx-unbuffered-http/capture.pcap",
    "stacks/openai-client-sse/capture.pcap",
    "stacks/squid-connect-http/capture.pcap",
    "stacks/sse-connect-404/capture.pcap",
    "stacks/supergateway-http/capture.pcap",
    "stacks/supergateway-ws/capture.pcap",
    "stacks/toolbox-go-sse/capture.pcap",
];

/// Conversations from public bug reports.
const FIELD: [&str; 29] = [
    "field/absolute-form-through-proxy/capture.pcap",
    "field/call-executed-twice-after-a-reset/capture.pcap",
    "field/clock-steps-back-in-the-capture/capture.pcap",
    "field/cors-preflight-refused/capture.pcap",
    "field/duplicate-id-cross-wired/capture.pcap",
    "field/elicitation-on-the-get-stream/capture.pcap",
    "field/empty-200-for-a-call/capture.pcap",
    "field/endpoint-names-an-internal-host/capture.pcap",
    "field/error-null-beside-result/capture.pcap",
    "field/error-with-null-id/capture.pcap",
    "field/events-without-space-crlf-multi-line/capture.pcap",
    "field/expect-100-continue/capture.pcap",
    "field/get-404-while-the-session-works/capture.pcap",
    "field/get-answered-200-with-a-json-error/capture.pcap",
    "field/id-1-for-every-request/capture.pcap",
    "field/ipv6-loopback-and-host-with-zone/capture.pcap",
    "field/messages-broadcast-to-other-sessions/capture.pcap",
    "field/notification-answered-200-null/capture.pcap",
    "field/plain-http-in-connect-tunnel/capture.pcap",
    "field/redirect-307-to-slash/capture.pcap",
    "field/replica-refuses-session-of-another/capture.pcap",
    "field/request-answered-202-then-on-the-get-stream/capture.pcap",
    "field/request-body-never-complete/capture.pcap",
    "field/retyped-progress-token-and-cancel/capture.pcap",
    "field/silent-stream-dies-at-the-idle-limit/capture.pcap",
    "field/sse-without-endpoint-event/capture.pcap",
    "field/string-id-answered-as-number/capture.pcap",
    "field/transfer-encoding-twice/capture.pcap",
    "field/unterminated-event-on-open-stream/capture.pcap",
];

/// Captures of half a megabyte and more: run with one seed where the others run with several.
const LARGE: [&str; 10] = [
    "big-results-mtu1500/capture.pcap",
    "load-sse/capture.pcap",
    "many-sessions/capture.pcapng",
    "stacks/haproxy-http/capture.pcap",
    "stacks/haproxy-roundrobin/capture.pcap",
    "stacks/lighttpd-buffered-http/capture.pcap",
    "stacks/nginx-buffered-sse/capture.pcap",
    "stacks/nginx-unbuffered-http/capture.pcap",
    "stacks/squid-connect-http/capture.pcap",
    "stacks/toolbox-go-sse/capture.pcap",
];

/// Captures with compressed bodies: their messages are not in the packets as text, and cannot be
/// read after a gap.
const COMPRESSED: [&str; 4] =
    ["br-json/capture.pcap", "gzip-sse/capture.pcap", "llm-gemini/capture.pcapng", "zstd-py/capture.pcap"];

/// Captures of TLS with its secrets: no message is in the packets as text.
const ENCRYPTED: [&str; 5] = [
    "h2-stacks/capture.pcapng",
    "h2-tls/capture-dsb.pcapng",
    "tls12-cbc/capture-dsb.pcapng",
    "tls12-keylog/capture-dsb.pcapng",
    "tls13-keylog/capture-dsb.pcapng",
];

/// Captures of HTTP/2: the frames of streams alternate, and heads refer to earlier ones.
const HTTP2: [&str; 2] = ["h2c-sse/capture.pcapng", "stacks/java-sse-hypercorn-h2c/capture.pcap"];

/// Captures of channels: what a client sends over WebSocket is masked, and lines have no heads.
const CHANNELS: [&str; 2] = ["stacks/supergateway-ws/capture.pcap", "stdio-wrap/capture.pcapng"];

/// Captures without an exchange: other traffic, and clients that were refused.
const WITHOUT_MCP: [&str; 6] = [
    "litellm-streams",
    "llm-gemini",
    "llm-ollama",
    "llm-streams",
    "sse-connect-404",
    "sse-without-endpoint-event",
];

/// Cases in which a lost packet changes what other packets mean: one id for every request, a POST
/// that is repeated or redirected, times that go back.
const AMBIGUOUS: [&str; 4] = [
    "call-executed-twice-after-a-reset",
    "clock-steps-back-in-the-capture",
    "id-1-for-every-request",
    "redirect-307-to-slash",
];

/// One capture file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capture(pub(crate) &'static str);

impl Capture {
    /// Every capture; with `CAPTURES=TEXT` in the environment, those with the text in their path.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let wanted = std::env::var("CAPTURES").unwrap_or_default();
        let all = OWN.into_iter().chain(STACKS).chain(FIELD);
        all.filter(move |path| path.contains(&wanted)).map(Self)
    }

    /// The captures of MCP that are complete and not large, and that can be told from what is left
    /// of them.
    pub(crate) fn small_and_whole() -> impl Iterator<Item = Self> {
        let is_ambiguous = |capture: &Self| AMBIGUOUS.contains(&capture.name());
        Self::all().filter(move |capture| {
            !capture.is_large() && !capture.is_damaged() && capture.is_mcp() && !is_ambiguous(capture)
        })
    }

    /// Its directory, without the group.
    pub(crate) fn name(self) -> &'static str {
        let path = self.0.strip_prefix("stacks/").or(self.0.strip_prefix("field/")).unwrap_or(self.0);
        path.split('/').next().unwrap()
    }

    /// Whether it is a conversation from a bug report, which is faulty or odd.
    pub(crate) fn is_case(self) -> bool {
        FIELD.contains(&self.0)
    }

    /// Whether it carries MCP that is read, and so exchanges.
    pub(crate) fn is_mcp(self) -> bool {
        !WITHOUT_MCP.contains(&self.name())
    }

    /// Whether it is listed in [`LARGE`].
    pub(crate) fn is_large(self) -> bool {
        LARGE.contains(&self.0)
    }

    /// Whether its messages are compressed, encrypted, in frames or without heads.
    pub(crate) fn is_encoded(self) -> bool {
        [&COMPRESSED[..], &ENCRYPTED, &HTTP2, &CHANNELS].concat().contains(&self.0)
    }

    /// Whether its export has rows other than findings: packets cut to 128 bytes and a refused GET
    /// leave none.
    pub(crate) fn is_legible(self) -> bool {
        const NOTHING: [&str; 3] = ["damaged-ts-sse-snaplen128", "llm-ollama", "sse-connect-404"];
        !NOTHING.contains(&self.name())
    }

    /// Whether packets are missing, cut or rewritten.
    pub(crate) fn is_damaged(self) -> bool {
        self.0.starts_with("damaged-")
    }

    /// The bytes of the file.
    pub(crate) fn bytes(self) -> Vec<u8> {
        bytes(&directory().join(self.0))
    }

    /// The items of the file.
    pub(crate) fn items(self) -> Vec<Item> {
        items(self.bytes()).unwrap_or_else(|error| panic!("{}: {error}", self.0))
    }

    /// A run of the engine over it, made once and shared by all tests.
    pub(crate) fn run(self) -> Arc<Run> {
        static RUNS: Mutex<BTreeMap<&str, Arc<OnceLock<Arc<Run>>>>> = Mutex::new(BTreeMap::new());
        let run = Arc::clone(RUNS.lock().unwrap().entry(self.0).or_default());
        Arc::clone(run.get_or_init(|| Arc::new(Run::over(&self.items()))))
    }
}

/// The directory of the captures.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")
}

/// The bytes of a file.
pub(crate) fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The capture files of one directory, in the order of their names.
pub(crate) fn files_of(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(".pcap"))
        .collect();
    files.sort();
    files
}

/// The secrets of a key log, as an item.
pub(crate) fn secrets(keys: Vec<u8>) -> Item {
    const TLS_KEY_LOG: u32 = 0x544c_534b;
    Item::Secrets { kind: TLS_KEY_LOG, data: keys.into() }
}

/// Opens the bytes of a file as the program opens standard input. If they are not a capture, `next`
/// returns the error.
pub(crate) fn source(bytes: Vec<u8>) -> impl Source {
    let reader: Box<dyn Read + Send> = Box::new(Cursor::new(bytes));
    capture::from_reader("test", reader)
}

/// Opens a file as a source.
pub(crate) fn source_of(path: &Path) -> impl Source {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let reader: Box<dyn Read + Send> = Box::new(file);
    capture::from_reader("test", reader)
}

/// The items in the bytes of a file.
///
/// # Errors
/// The bytes are not a capture.
pub(crate) fn items(bytes: Vec<u8>) -> Result<Vec<Item>, capture::Error> {
    let (mut source, mut findings, mut items) = (source(bytes), Findings::new(), Vec::new());
    while let Some(item) = source.next(&mut findings)? {
        items.push(item);
    }
    Ok(items)
}
