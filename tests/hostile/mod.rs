//! Law 6: hostile traffic costs a bounded amount of memory, causes no panic, and the run ends.
//!
//! Each attack runs against the program as a process, by default a small one. Smaller ones run in
//! this process: every output is valid, and twice the traffic costs no more than twice the
//! allocations. The large ones (`make attacks`) print their cost at half and at full size, and fail
//! if the processor time grows faster than the traffic. `make work` counts the instructions of
//! each, and fails if twice the traffic takes more than 2.2 times as many.

#[cfg(feature = "mcp")]
mod asked;
mod compressed;
mod h2;
mod http;
mod lines;
mod listings;
mod llm;
mod low;
mod messages;
mod mutants;
mod outputs;
mod run;
mod sealed;
#[cfg(all(unix, feature = "web"))]
mod served;
mod shown;
mod storms;
mod tls;
mod websocket;
mod wire;
mod work;

use std::sync::OnceLock;

use self::run::Outcome;
use self::wire::Wire;
use crate::support::corpus;

const MIB: u64 = 1 << 20;

/// Lines of findings of one code in an export (`limits::MAX_FINDING_LINES`).
const MAX_LINES: u64 = 10_000;

/// The most memory that anonymizing takes, in MiB: the packets that wait, the bytes that are kept
/// for packets that are sent again, and the capture.
const ANONYMIZER: u64 = 160;

const EXPORT: [&str; 3] = ["export", "--to", "jsonl"];

/// Commands that keep more of what messages say than a report does.
const OTHERS: [&[&str]; 11] = [
    &["why"],
    &["inventory", "--format", "json"],
    &["export", "--filter", "method:tools/call or finding:*"],
    &["stats", "--format", "json"],
    &["check", "--security", "--format", "json"],
    &["diff", "--format", "json", "captures/hackernews-sse.pcapng"],
    &["export", "--to", "har"],
    &["export", "--to", "trace"],
    &["report", "--format", "html"],
    &["slice", "-o", "-"],
    &["slice", "--anonymize", "-o", "-"],
];

/// By how much the processor time of two runs differs for other reasons, in milliseconds.
const NOISE_MS: u64 = 200;

/// How often processor times are measured at most: other work on the same cores makes them longer.
const ATTEMPTS: usize = 4;

/// Allocations that do not grow with the traffic: tables that become full, lists of a report.
const FEW: u64 = 20_000;

/// Checks that what an attack of size `n` costs is within the memory, in MiB, and grew no more than
/// the traffic since half of it.
fn compare((name, n): (&str, usize), (half, whole): (outputs::Cost, outputs::Cost), memory: u64) {
    assert!(whole.peak <= memory * MIB, "{name} of {n} holds {} MiB", whole.peak / MIB);
    let (most, bytes) = (half.allocations * 22 / 10 + FEW, half.allocated * 22 / 10 + 4 * MIB);
    assert!(whole.allocations <= most, "{name} of {n}: {half:?} for half, {whole:?} for all");
    assert!(whole.allocated <= bytes, "{name} of {n}: {half:?} for half, {whole:?} for all");
}

/// An attack and its limits.
struct Attack {
    name: &'static str,
    make: fn(&mut Wire, usize),
    /// A finding that it must cause, or empty.
    finding: &'static str,
    /// The most memory, in MiB.
    memory: u64,
}

/// What the program takes for a capture without packets, in bytes, beyond what a release build
/// takes: of a debug build much more is mapped.
fn build() -> u64 {
    static BUILD: OnceLock<u64> = OnceLock::new();
    *BUILD.get_or_init(|| run::run(&EXPORT, |_| {}).peak.unwrap_or(0).saturating_sub(RELEASE))
}

/// What a release build takes for a capture without packets, in bytes.
const RELEASE: u64 = 20 * MIB;

impl Attack {
    fn run(&self, command: &[&str], n: usize) -> Outcome {
        self.run_within(command, n, self.memory)
    }

    /// Runs a command that may take `most` MiB.
    fn run_within(&self, command: &[&str], n: usize, most: u64) -> Outcome {
        let outcome = run::run(command, |wire| (self.make)(wire, n));
        if let Some(why) = &outcome.failed {
            panic!("{} of {n}, {}: {why}", self.name, command[0]);
        }
        self.print(command[0], n, &outcome);
        if let Some(peak) = outcome.peak {
            let (name, command, mib) = (self.name, command[0], peak / MIB);
            assert!(peak <= most * MIB + build(), "{name} of {n} took {mib} MiB in {command}");
        }
        outcome
    }

    /// Runs `export`, and checks what it prints.
    fn check(&self, n: usize) -> Outcome {
        let outcome = self.run(&EXPORT, n);
        let found = self.finding.is_empty() || outcome.findings.contains_key(self.finding);
        assert!(found, "{} of {n} gives no {}: {outcome:?}", self.name, self.finding);
        let lines = outcome.findings.values().max().copied().unwrap_or(0);
        assert!(lines <= MAX_LINES + 1, "{} of {n} writes {lines} findings of one code", self.name);
        outcome
    }

    /// Checks every output of the attack at `2 * n`, and that it allocates no more than the traffic
    /// grew since `n`.
    fn check_outputs(&self, n: usize) {
        let cost = |n: usize| {
            let capture = wire::capture(|wire| (self.make)(wire, n));
            let checked = outputs::check(|| Box::new(corpus::source(capture)));
            checked.unwrap_or_else(|problem| panic!("{} of {n}: {problem}", self.name))
        };
        let (half, whole) = (cost(n), cost(2 * n));
        let (name, memory) = (self.name, self.memory);
        compare((name, 2 * n), (half, whole), memory);
        let cost = |n: usize| {
            let capture = wire::capture(|wire| (self.make)(wire, n));
            let checked = outputs::anonymize(|| Box::new(corpus::source(capture)));
            checked.unwrap_or_else(|problem| panic!("{name} of {n}, anonymized: {problem}"))
        };
        // Every word is looked up by a hash, which takes long without optimisation.
        let n = 1.max(n / 4);
        compare((&format!("{name}, anonymized"), 2 * n), (cost(n), cost(2 * n)), ANONYMIZER);
    }

    /// Checks the attack at `2 * n` with the commands that read a capture to its end, and that the
    /// work of `export` grew no more than the traffic since `n`.
    fn check_growth(&self, n: usize) {
        self.check_times(
            &EXPORT,
            n,
            |size| if size > n { self.check(size) } else { self.run(&EXPORT, size) },
        );
        let check = &["check", "--security", "--fail-on", "never"];
        for command in [&["report", "--format", "json"][..], &["list", "--messages"], check] {
            self.run(command, 2 * n);
        }
    }

    /// Checks the attack at `2 * n` with the commands that keep more, and that their work grew no
    /// more than the traffic since `n`.
    fn check_others(&self, n: usize) {
        for command in OTHERS {
            self.check_times(command, n, |n| self.run_within(command, n, 256));
        }
    }

    /// Checks that the processor time of a run at `2 * n` is no more than 2.2 times that at `n`. If
    /// it is, both are measured again: the shortest times count.
    fn check_times(&self, command: &[&str], n: usize, run: impl Fn(usize) -> Outcome) {
        let shortest = |before: Option<u64>, n: usize| [before, run(n).user_ms].into_iter().flatten().min();
        let (mut half, mut whole) = (None, None);
        for _ in 0..ATTEMPTS {
            (half, whole) = (shortest(half, n), shortest(whole, 2 * n));
            match (half, whole) {
                (Some(half), Some(whole)) if whole > half * 22 / 10 + NOISE_MS => {}
                _ => return,
            }
        }
        panic!("{}, {command:?}: {half:?} ms for half, {whole:?} ms for all", self.name);
    }

    fn print(&self, command: &str, n: usize, outcome: &Outcome) {
        let Outcome { peak, user_ms, findings, rows, printed, .. } = outcome;
        let (peak, user_ms) = (peak.unwrap_or(0) / MIB, user_ms.unwrap_or(0));
        let printed = printed / MIB;
        println!(
            "{:20} {command:9} {n:>8} {peak:>6} MiB {user_ms:>7} ms  prints {printed} MiB  {rows:?} {findings:?}",
            self.name
        );
    }
}

#[test]
fn what_is_beside_an_attack_stays_whole() {
    let attack = Attack {
        name: "response_beside_flushes",
        make: compressed::response_beside_flushes,
        finding: "http.body_too_long",
        memory: 256,
    };
    assert_eq!(attack.check(20).answered, 4);
}

/// What is open and not MCP takes no memory from what is: calls that come later are read.
#[test]
fn what_comes_after_many_open_transactions_stays_whole() {
    let attack = Attack {
        name: "calls_after_pipelines",
        make: storms::calls_after_pipelines,
        finding: "mcp.limit",
        memory: 256,
    };
    assert_eq!(attack.check(14).answered, 101);
}

/// Attacks of each kind stay within bounds in the TUI, too.
#[test]
fn the_tui_answers_to_keys_during_attacks() {
    shown::check("brotli_flushes", compressed::brotli_flushes, 20);
    shown::check("packet_of_events", compressed::packet_of_events, 20_000);
    shown::check("long_sessions", compressed::long_sessions, 500);
    shown::check("unanswered", messages::unanswered, 5_000);
    shown::check("syn_flood", low::syn_flood, 20_000);
    shown::check("ws_packed", websocket::packed, 16);
}

/// Attacks of each kind stay within bounds in a browser, too.
#[cfg(all(unix, feature = "web"))]
#[test]
fn the_page_is_served_during_attacks() {
    served::check("brotli_flushes", compressed::brotli_flushes, 20);
    served::check("long_sessions", compressed::long_sessions, 200);
    served::check("unanswered", messages::unanswered, 3_000);
    served::check("ws_packed", websocket::packed, 16);
}

/// Answers about attacks of each kind stay within bounds, too.
#[cfg(feature = "mcp")]
#[test]
fn a_client_asks_about_attacks() {
    asked::check("brotli_flushes", compressed::brotli_flushes, 20);
    asked::check("long_sessions", compressed::long_sessions, 200);
    asked::check("long_texts", messages::long_texts, 10);
    asked::check("unanswered", messages::unanswered, 2_000);
    asked::check("syn_flood", low::syn_flood, 5_000);
    asked::check("lines_unanswered", lines::unanswered, 1_000);
    asked::check("llm_texts", llm::texts, 4);
}

/// Makes seven tests of each attack. Its arguments: size of the small one, size of the large one,
/// memory limit in MiB, expected finding.
macro_rules! attacks {
    ($($name:ident = $room:ident::$make:ident($small:expr, $large:expr, $memory:expr, $finding:expr);)*) => {
        $(const fn $name() -> Attack {
            Attack { name: stringify!($name), make: $room::$make, finding: $finding, memory: $memory }
        })*
        mod small {
            $(#[test] fn $name() {
                let _ = super::$name().check($small);
                super::$name().check_outputs(1.max($small / 32));
            })*
        }
        mod counted {
            $(#[test] #[ignore = "takes long, and needs valgrind"] fn $name() {
                let attack = super::$name();
                super::work::check(attack.name, attack.make, $small);
            })*
        }
        mod large {
            $(#[test] #[ignore = "takes long"] fn $name() {
                super::$name().check_growth($large / 2);
            })*
        }
        mod others {
            $(#[test] #[ignore = "takes long"] fn $name() {
                super::$name().check_others($large / 2);
            })*
        }
        #[cfg(all(unix, feature = "web"))]
        mod served_page {
            $(#[test] #[ignore = "takes long"] fn $name() {
                super::served::check(stringify!($name), super::$name().make, $large);
            })*
        }
        #[cfg(feature = "mcp")]
        mod asked_about {
            $(#[test] #[ignore = "takes long"] fn $name() {
                super::asked::check(stringify!($name), super::$name().make, $large);
            })*
        }
        mod in_the_tui {
            $(#[test] #[ignore = "takes long"] fn $name() {
                super::shown::check(stringify!($name), super::$name().make, $large);
            })*
        }
    };
}

attacks! {
    syn_flood = low::syn_flood(66_000, 300_000, 224, "tcp.connection_limit");
    half_heads = low::half_heads(4_000, 70_000, 256, "");
    out_of_order = low::out_of_order(20_000, 70_000, 256, "tcp.connection_limit");
    hole = low::hole(20_480, 102_400, 64, "tcp.held_limit");
    gaps = low::gaps(100_000, 1_000_000, 128, "tcp.held_limit");
    gaps_backwards = low::gaps_backwards(50_000, 1_000_000, 128, "");
    bytewise = low::bytewise(20_000, 400_000, 48, "");
    bytewise_head = low::bytewise_head(20_000, 400_000, 48, "");
    bytewise_body = low::bytewise_body(20_000, 400_000, 48, "");
    bytewise_event = low::bytewise_event(20_000, 400_000, 48, "");
    garbage = low::garbage(20_480, 204_800, 48, "");
    fragments = low::fragments(5_000, 50_000, 48, "link.fragment_limit");
    tiny_fragments = low::tiny_fragments(20_000, 200_000, 48, "");
    tunnels = low::tunnels(500, 20_000, 48, "");
    times = low::times(1_500, 60_000, 64, "");
    slow_time = low::slow_time(250, 20_000, 256, "");
    endless_head = http::endless_head(2_048, 102_400, 48, "http.head_too_long");
    pipelined = http::pipelined(2_000, 200_000, 64, "");
    unasked = http::unasked(2_000, 200_000, 64, "http.unmatched_response");
    interim = http::interim(5_000, 500_000, 64, "");
    endless_chunk_line = http::endless_chunk_line(2_048, 102_400, 48, "http.bad_chunk");
    tiny_chunks = http::tiny_chunks(20_000, 4_000_000, 64, "");
    huge_chunk = http::huge_chunk(8_192, 102_400, 200, "");
    huge_body = http::huge_body(8_192, 102_400, 200, "");
    bombs = http::bombs(20, 100, 128, "http.content_limit");
    many_bodies = http::many_bodies(100, 2_000, 256, "");
    decoders = http::decoders(300, 6_000, 256, "");
    huge_event = http::huge_event(8_192, 204_800, 200, "");
    empty_lines = http::empty_lines(100_000, 50_000_000, 200, "");
    comments = http::comments(20_000, 200_000, 48, "");
    llm_texts = llm::texts(8, 400, 256, "");
    llm_lines = llm::lines(64, 20_000, 200, "");
    llm_results = llm::results(200, 10_000, 160, "");
    llm_nested = llm::nested(20_000, 400_000, 200, "");
    deep = messages::deep(100_000, 1_000_000, 64, "rpc.not_json");
    batch = messages::batch(12_000, 500_000, 128, "rpc.batch_limit");
    keys = messages::keys(20_000, 1_000_000, 128, "");
    unanswered = messages::unanswered(5_000, 200_000, 256, "");
    same_id = messages::same_id(5_000, 200_000, 256, "mcp.id_reused");
    lost = messages::lost(2_000, 100_000, 256, "capture.lost_packets");
    gaps_in_session = messages::gaps(2_000, 40_000, 256, "tcp.gap");
    streams = messages::streams(1_000, 40_000, 256, "");
    sessions = messages::sessions(4_000, 200_000, 256, "");
    busy_sessions = messages::busy_sessions(800, 100_000, 256, "");
    strays = messages::strays(1_000, 60_000, 256, "");
    names = messages::names(2_000, 1_000_000, 256, "");
    unknown = messages::unknown(5_000, 100_000, 128, "mcp.request_unseen");
    long_texts = messages::long_texts(20, 4_000, 256, "");
    tokens = messages::tokens(5_000, 200_000, 256, "mcp.unknown_token");
    same_token = messages::same_token(5_000, 200_000, 256, "mcp.token_collision");
    schemas = messages::schemas(200, 10_000, 256, "");
    busy_servers = messages::servers(300, 20_000, 256, "");
    tasks = messages::tasks(2_000, 200_000, 256, "");
    headless_events = messages::headless_events(5_000, 200_000, 128, "");
    endpoints = messages::endpoints(5_000, 100_000, 256, "");
    request_lines = http::request_lines(20_000, 400_000, 48, "");
    request_line_packets = http::request_line_packets(20_000, 100_000, 48, "");
    gaps_before_responses = http::gaps_before_responses(200, 4_000, 48, "");
    batch_answers = messages::batch_answers(1_000, 10_000, 64, "");
    batch_progress = messages::batch_progress(1_000, 20_000, 64, "");
    batch_unknown = messages::batch_unknown(1_000, 20_000, 64, "");
    held_responses = messages::held_responses(1_000, 20_000, 64, "");
    clients = messages::clients(800, 40_000, 256, "");
    capabilities = messages::capabilities(100, 4_000, 256, "");
    fat_requests = messages::fat_requests(800, 60_000, 256, "");
    fat_sessions = messages::fat_sessions(20, 2_000, 256, "");
    held_sniffing = low::held_sniffing(100, 2_000, 48, "");
    held_out_of_order = low::held_out_of_order(100, 2_000, 48, "");
    held_heads = low::held_heads(100, 2_000, 48, "");
    held_bodies = low::held_bodies(100, 2_000, 48, "");
    brotli_flushes = compressed::brotli_flushes(64, 300, 256, "http.body_too_long");
    packet_of_events = compressed::packet_of_events(10_000, 700_000, 64, "");
    packed_capabilities = compressed::packed_capabilities(20, 2_000, 128, "");
    long_sessions = compressed::long_sessions(500, 30_000, 256, "");
    unfinished_events = compressed::unfinished_events(60, 1_000, 256, "");
    long_numbers = compressed::long_numbers(10_000, 1_000_000, 64, "");
    interfaces = low::interfaces(70_000, 1_000_000, 64, "");
    sections = low::sections(100, 2_000, 64, "");
    large_fragments = low::large_fragments(1_000, 10_000, 64, "link.fragment_limit");
    windows = compressed::windows(300, 6_000, 256, "");
    reused_windows = compressed::reused_windows(512, 4_000, 256, "");
    deletes = storms::deletes(400, 40_000, 256, "");
    refusals = storms::refusals(1_000, 40_000, 128, "");
    cancels = storms::cancels(2_000, 60_000, 256, "");
    later_streams = storms::later_streams(1_000, 30_000, 256, "");
    questions = storms::questions(1_000, 30_000, 256, "");
    reopened = storms::reopened(1_000, 30_000, 256, "");
    trials = storms::trials(1_000, 30_000, 256, "");
    replicas = storms::replicas(1_000, 15_000, 256, "");
    offers = storms::offers(8_000, 400_000, 128, "");
    long_names = storms::long_names(400, 40_000, 256, "");
    spread = storms::spread(100, 12_000, 256, "");
    pipelines = storms::pipelines(5, 100, 256, "");
    undecided = storms::undecided(100, 4_000, 256, "");
    long_heads = storms::long_heads(20, 1_000, 64, "");
    gzip_in_chunks = storms::gzip_in_chunks(2_000, 200_000, 64, "");
    event_ids = storms::event_ids(1_000, 40_000, 128, "");
    replays = storms::replays(5_000, 40_000, 64, "");
    many_endpoints = storms::many_endpoints(5_000, 200_000, 64, "");
    slow_sessions = storms::slow_sessions(500, 20_000, 256, "");
    servers = storms::servers(1_000, 60_000, 256, "");
    unfinished = storms::unfinished(1_000, 16_000, 256, "");
    packed_questions = storms::packed_questions(250, 40_000, 256, "");
    long_methods = storms::long_methods(500, 40_000, 128, "");
    idle_ends = storms::idle_ends(500, 20_000, 128, "");
    tls_lengths = tls::lengths(200, 4_000, 256, "");
    tls_lies = tls::lies(5_000, 200_000, 64, "");
    tls_tiny_records = tls::tiny_records(5_000, 500_000, 64, "");
    tls_hellos = tls::hellos(400, 16_000, 256, "");
    tls_hello_again = tls::hello_again(5_000, 300_000, 64, "");
    tls_undecrypted = tls::undecrypted(1_000, 16_000, 256, "");
    tls_secrets_blocks = tls::secrets_blocks(500, 10_000, 256, "");
    tls_key_log = tls::key_log(20_000, 1_000_000, 256, "");
    tls_no_key_log = tls::no_key_log(20_000, 1_000_000, 64, "tls.bad_keylog");
    tls_key_updates = tls::key_updates(5_000, 500_000, 64, "");
    tls_searches = tls::searches(10, 100, 64, "");
    tls_trials = tls::trials(4, 40, 64, "");
    tls_early_data = tls::early_data(1_000, 16_000, 256, "");
    tls_bombs = tls::bombs(40, 1_000, 256, "http.content_limit");
    tls_half_heads = tls::half_heads(1_000, 16_000, 256, "");
    h2_streams = h2::streams(5_000, 100_000, 64, "http2.limit");
    h2_many_streams = h2::many_streams(40, 2_000, 256, "");
    h2_resets = h2::resets(2_000, 100_000, 128, "");
    h2_settings = h2::settings(2_000, 200_000, 64, "");
    h2_control = h2::control(10_000, 1_000_000, 64, "");
    h2_empty_data = h2::empty_data(10_000, 500_000, 64, "");
    h2_continuations = h2::continuations(10_000, 500_000, 64, "http.head_too_long");
    h2_fields = h2::fields(40, 4_000, 64, "http.head_too_long");
    h2_tables = h2::tables(2_000, 100_000, 64, "");
    h2_full_tables = h2::full_tables(100, 4_000, 256, "");
    h2_promises = h2::promises(5_000, 300_000, 64, "");
    h2_lengths = h2::lengths(100, 2_000, 256, "");
    h2_lies = h2::lies(5_000, 300_000, 64, "http2.bad_frame");
    h2_lost = h2::lost(2_048, 102_400, 64, "");
    h2_brotli_flushes = h2::brotli_flushes(32, 300, 256, "");
    h2_bombs = h2::bombs(40, 1_000, 128, "http.content_limit");
    h2_unanswered = h2::unanswered(2_000, 100_000, 256, "");
    h2_grpc = h2::grpc(5_000, 400_000, 48, "");
    awaited_chunk = http::awaited_chunk(20_000, 400_000, 96, "");
    awaited_chunks = http::awaited_chunks(2_000, 200_000, 80, "");
    ws_bombs = websocket::bombs(40, 1_000, 128, "http.content_limit");
    ws_packed = websocket::packed(16, 1_000, 128, "");
    ws_ahead = websocket::ahead(16, 1_000, 128, "");
    ws_ahead_bytewise = websocket::ahead_bytewise(20_000, 400_000, 128, "");
    ws_fragments = websocket::fragments(20_000, 2_000_000, 64, "");
    ws_empty = websocket::empty(20_000, 1_000_000, 64, "");
    ws_half_messages = websocket::half_messages(1_000, 16_000, 256, "");
    ws_windows = websocket::windows(300, 16_000, 256, "");
    ws_searches = websocket::searches(20, 400, 64, "");
    ws_searches_bytewise = websocket::searches_bytewise(20_000, 400_000, 48, "");
    ws_unanswered = websocket::unanswered(5_000, 200_000, 256, "");
    lines_half = lines::half_lines(1_000, 16_000, 256, "");
    lines_long = lines::long_line(26, 400, 96, "http.body_too_long");
    lines_text = lines::text(20_000, 1_000_000, 64, "stdio.not_message");
    lines_bytewise = lines::bytewise(20_000, 400_000, 96, "");
    lines_searches = lines::searches(100, 2_000, 128, "");
    lines_unanswered = lines::unanswered(5_000, 200_000, 256, "");
    blocks = low::blocks(10_000, 1_000_000, 64, "");
    tool_servers = listings::tool_servers(200, 6_000, 256, "");
    open_lists = listings::open_lists(300, 10_000, 256, "");
    versions = listings::versions(10_000, 300_000, 128, "");
    wide_values = listings::wide_values(400, 16_000, 256, "rpc.not_json");
    list_requests = listings::list_requests(3_000, 100_000, 128, "");
    slow_heads = listings::slow_heads(10, 1_000, 256, "");
    behaviours = listings::behaviours(200, 16_000, 256, "");
}
