//! Laws 4 and 5: a damaged capture causes no panic and no false statement, its byte counts balance,
//! and complete exchanges are still found.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::support::assert_no_problems;
use crate::support::corpus::{self, Capture};
use crate::support::damage::{self, Damaged};
use crate::support::law::{Measure, unbalanced};
use crate::support::rng::Rng;
use crate::support::run::Run;
use mcpdump::base::{Finding, ResponseEnd, Severity, Side, Timestamp};
use mcpdump::capture::Item;
use mcpdump::ledger::{Cause, Entry, Exchange, Notification, Record, Status, Stream, Transport};

/// Damages each small complete capture in several ways and compares the result with the original.
fn hold(ways: impl Fn(&[Item]) -> Vec<(String, Damaged)>) -> Vec<String> {
    let mut problems = Vec::new();
    for capture in Capture::small_and_whole() {
        let items = capture.items();
        let whole = capture.run();
        let measure = Measure::new(&whole, &items, !capture.is_encoded());
        for (way, damaged) in some(ways(&items), items.len()) {
            let run = Run::over(&damaged.remade.items);
            let mut broken = measure.broken(&run, &damaged.remade, &damaged.survivors);
            broken.extend(unbalanced(&run));
            problems.extend(broken.into_iter().map(|problem| format!("{}, {way}: {problem}", capture.0)));
        }
    }
    problems
}

/// Packets that a law reads of one capture, damaged in all its ways; `SEEDS=NUMBER` in the
/// environment multiplies them. A long capture is damaged in fewer ways than a short one.
const MOST_PACKETS: usize = 4_000;

/// As many of the ways as [`MOST_PACKETS`] allows, from the first to the last of them, if each
/// reads `packets`.
fn some<T>(ways: Vec<T>, packets: usize) -> impl Iterator<Item = T> {
    let most = 3.max(MOST_PACKETS * usize::try_from(factor()).unwrap() / packets.max(1));
    let step = ways.len().div_ceil(most).max(1);
    let skipped = ways.len().saturating_sub(1) % step;
    ways.into_iter().skip(skipped).step_by(step)
}

/// `SEEDS` in the environment.
fn factor() -> u64 {
    std::env::var("SEEDS").map_or(1, |factor| factor.parse().unwrap())
}

/// The same damage with several seeds; `SEEDS=NUMBER` in the environment multiplies them.
fn seeded(seeds: u64, damage: impl Fn(&mut Rng) -> Damaged) -> Vec<(String, Damaged)> {
    (0..seeds * factor()).map(|seed| (format!("seed {seed}"), damage(&mut Rng::new(seed)))).collect()
}

#[test]
fn lost_data_packets_cause_no_false_statement() {
    assert_no_problems(&hold(|items| {
        let mut ways = seeded(6, |rng| damage::lose_data(items, 25, rng));
        ways.extend(seeded(3, |rng| damage::lose_data(items, 4, rng)));
        ways
    }));
}

#[test]
fn a_start_in_midstream_causes_no_false_statement() {
    assert_no_problems(&hold(|items| {
        let starts = [1, 2, 3, 4].map(|quarter| (items.len() * quarter / 5) as u64);
        starts.map(|n| (format!("without {n} packets"), damage::lose_start(items, n))).into()
    }));
}

#[test]
fn cut_packets_cause_no_false_statement() {
    assert_no_problems(&hold(|items| {
        [0, 40, 66, 100, 128, 300, 1000]
            .map(|bytes| (format!("cut at {bytes}"), damage::snap(items, bytes)))
            .into()
    }));
}

/// The file ends early, between packets or inside one.
#[test]
fn truncated_files_cause_no_false_statement() {
    let mut problems = Vec::new();
    for capture in Capture::small_and_whole() {
        let (bytes, items) = (capture.bytes(), capture.items());
        let whole = capture.run();
        let measure = Measure::new(&whole, &items, !capture.is_encoded());
        for seed in 0..6 {
            let at = 24 + Rng::new(seed).below(bytes.len() - 24);
            let cut = bytes[..at].to_vec();
            // If the first block of a pcapng file is incomplete, the file is refused.
            let Ok(left) = corpus::items(cut.clone()) else {
                continue;
            };
            let run = Run::of(&mut corpus::source(cut)).unwrap();
            let packets = left.iter().filter(|item| matches!(item, Item::Packet(_))).count();
            let damaged = Damaged::first(&items, packets);
            let mut broken = measure.broken(&run, &damaged.remade, &damaged.survivors);
            broken.extend(unbalanced(&run));
            problems
                .extend(broken.into_iter().map(|problem| format!("{} cut at {at}: {problem}", capture.0)));
        }
    }
    assert_no_problems(&problems);
}

/// Packets in another order, as from several queues: nothing is missing.
#[test]
fn reordered_packets_give_the_same_exchanges() {
    let mut problems = Vec::new();
    for capture in Capture::small_and_whole() {
        let items = capture.items();
        let whole = capture.run();
        let measure = Measure::new(&whole, &items, true);
        for seed in 0..4 {
            let remade = damage::reorder(&items, &mut Rng::new(seed));
            let run = Run::over(&remade.items);
            let mut broken = measure.broken_in_other_order(&run, &remade);
            broken.extend(unbalanced(&run));
            problems
                .extend(broken.into_iter().map(|problem| format!("{} seed {seed}: {problem}", capture.0)));
        }
    }
    assert_no_problems(&problems);
}

/// A packet captured twice changes findings only.
#[test]
fn packets_captured_twice_give_the_same_exchanges() {
    let mut problems = Vec::new();
    for capture in Capture::small_and_whole() {
        let items = capture.items();
        let told = |run: &Run| {
            let mut rows = run.rows();
            rows.retain(|row| row["type"] != "finding");
            // A copy of its last packet has a connection end later.
            rows.sort_by_key(|row| row["type"] == "connection");
            rows
        };
        let want = told(&capture.run());
        for seed in 0..3 {
            let remade = damage::repeat(&items, 10, &mut Rng::new(seed));
            let run = Run::over(&remade.items);
            problems.extend(unbalanced(&run));
            let mut have = told(&run);
            have.iter_mut().for_each(|row| remade.map_back(row));
            let pairs = want.iter().zip(&have).filter(|(a, b)| !same_but_findings(a, b));
            problems.extend(pairs.map(|(a, b)| format!("{} seed {seed}:\n    {a}\n    {b}", capture.0)));
            if want.len() != have.len() {
                problems.push(format!("{} seed {seed}: {} rows, then {}", capture.0, want.len(), have.len()));
            }
        }
    }
    assert_no_problems(&problems);
}

fn same_but_findings(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    let strip = |row: &serde_json::Value| {
        let mut row = row.clone();
        let fields = row.as_object_mut().unwrap();
        fields.remove("findings");
        // What ends with the capture ends at its last packet, which may be a copy.
        if fields["type"] != "exchange" {
            fields.remove("last_packet");
            fields.remove("end_packet");
        }
        if fields["type"] == "connection" {
            fields.remove("end");
        }
        row
    };
    strip(a) == strip(b)
}

/// Packets of every kind are lost, and with them perhaps the evidence of the loss: no exchange may
/// be invented, nothing more is checked.
#[test]
fn lost_packets_of_any_kind_cause_no_panic() {
    let problems = hold(|items| {
        let mut ways = seeded(3, |rng| damage::lose_any(items, 10, rng));
        ways.extend(seeded(2, |rng| damage::lose_any(items, 2, rng)));
        ways
    });
    let is_invented = |problem: &String| !problem.contains(": false ") && !problem.contains(": missing ");
    assert_no_problems(&problems.into_iter().filter(is_invented).collect::<Vec<_>>());
}

/// Of what the complete capture shows answered, nothing is called unanswered, nobody else is said
/// to have ended a wait or a stream, and no finding blames a peer that the complete capture does
/// not blame.
#[test]
fn nobody_is_blamed_for_what_the_capture_lacks() {
    assert_no_problems(&blamed(|items| {
        let mut ways = seeded(4, |rng| damage::lose_data(items, 20, rng));
        ways.extend(seeded(2, |rng| damage::lose_data(items, 3, rng)));
        let starts = [1, 2, 3, 4].map(|fifth| (items.len() * fifth / 5) as u64);
        ways.extend(starts.map(|n| (format!("without {n} packets"), damage::lose_start(items, n))));
        ways.extend([54, 128, 400].map(|bytes| (format!("cut at {bytes}"), damage::snap(items, bytes))));
        ways
    }));
}

/// Packets at the end of a capture of which each is lost.
const LAST: u64 = 16;

/// The same for every single packet: SYN, FIN and RST included. Of long captures some, and all of
/// the last, behind which little can show that they are missing.
#[test]
fn nobody_is_blamed_for_one_packet_that_is_missing() {
    assert_no_problems(&blamed(|items| {
        let packets = items.len() as u64;
        let step = usize::try_from(packets / most_ways() + 1).unwrap();
        let last = packets.saturating_sub(LAST).max(1);
        let each = (1..last).step_by(step).chain(last..=packets);
        each.map(|n| (format!("without packet {n}"), damage::lose_run(items, n, 1))).collect()
    }));
}

/// The same for packets in a row, and for packets of any kind.
#[test]
fn nobody_is_blamed_for_packets_that_are_missing() {
    assert_no_problems(&blamed(|items| {
        let run = |rng: &mut Rng| {
            let length = 2 + rng.below(items.len() / 4 + 1);
            damage::lose_run(items, 1 + rng.below(items.len()) as u64, length as u64)
        };
        let mut ways = seeded(8, run);
        ways.extend(seeded(4, |rng| damage::lose_any(items, 20, rng)));
        ways.extend(seeded(4, |rng| damage::lose_any(items, 3, rng)));
        ways
    }));
}

/// The same for a part of a connection, or all of it.
#[test]
fn nobody_is_blamed_for_a_connection_that_is_missing() {
    let mut problems = Vec::new();
    for capture in Capture::small_and_whole() {
        let (items, whole) = (capture.items(), capture.run());
        let known = Statements::of(&whole);
        let connections = damage::connections(&items);
        let numbered: Vec<_> = connections.iter().enumerate().collect();
        let most = 8 * usize::try_from(factor()).unwrap();
        let numbered = some(numbered, items.len() * damage::Part::ALL.len()).take(most);
        for (at, connection) in numbered {
            let carried = Carried::of(&whole, *connection);
            for part in damage::Part::ALL {
                let is_whole = matches!(part, damage::Part::Everything);
                let damaged = damage::lose_part(&items, *connection, part);
                let false_ones = known.false_in(&Run::over(&damaged.remade.items));
                let is_shown = |problem: &String| !(is_whole && carried.explains(problem));
                let way = format!("{}, without {part:?} of connection {at}", capture.0);
                let shown = false_ones.into_iter().filter(is_shown);
                problems.extend(shown.map(|problem| format!("{way}: {problem}")));
            }
        }
    }
    assert_no_problems(&problems);
}

/// The DELETEs of sessions: the session, and the connection that carried it.
fn deletions(run: &Run) -> impl Iterator<Item = (u32, u32)> {
    run.entries.iter().filter_map(|entry| match entry {
        Entry::Record(Record::Transaction(transaction)) if &*transaction.method == "DELETE" => {
            Some((transaction.session.as_ref()?.number, transaction.tcp_stream))
        }
        _ => None,
    })
}

/// What a connection carried of calls on other connections. If none of its packets was captured,
/// nothing shows that it existed: clients do not number these.
struct Carried {
    /// The calls, as statements name them.
    calls: Vec<String>,
}

impl Carried {
    fn of(whole: &Run, connection: damage::Ends) -> Self {
        let facts = whole.connections();
        let streams: Vec<u32> = facts
            .iter()
            .filter(|fact| (fact.client.min(fact.server), fact.client.max(fact.server)) == connection)
            .map(|fact| fact.tcp_stream)
            .collect();
        let is_here = |tcp_stream: u32| streams.contains(&tcp_stream);
        let is_cancelled_here = |exchange: &Exchange| {
            let about = |it: &&Notification| it.exchange == Some(exchange.n) && is_here(it.tcp_stream);
            let mut about = whole.notifications().into_iter().filter(about);
            about.any(|notification| &*notification.method == "notifications/cancelled")
        };
        // The stream of HTTP+SSE is known to be missing: its session has none.
        let is_answered_here = |exchange: &Exchange| {
            let is_known =
                exchange.origin == Side::Client && exchange.session.transport == Transport::HttpSse;
            !is_known && exchange.answered_on.is_some_and(|(tcp_stream, _)| is_here(tcp_stream))
        };
        let is_deleted_here = |exchange: &Exchange| {
            let session = exchange.session.number;
            exchange.cause == Some(Cause::Deleted)
                && deletions(whole).any(|(of, tcp_stream)| of == session && is_here(tcp_stream))
        };
        let exchanges = whole.exchanges();
        let carried = exchanges.into_iter().filter(|exchange| {
            !is_here(exchange.tcp_stream)
                && (is_cancelled_here(exchange) || is_answered_here(exchange) || is_deleted_here(exchange))
        });
        Self { calls: carried.map(|exchange| format!("{:?}", call(exchange).2)).collect() }
    }

    /// Whether a statement is about one of them. Findings are counted: one too many may be named of
    /// another call, whose outcome is a statement of its own.
    fn explains(&self, problem: &str) -> bool {
        let is_finding = problem.starts_with("Finding ");
        self.calls.iter().any(|call| is_finding || problem.contains(call.as_str()))
    }
}

/// Captures with more packets lose every second of them alone, or every third, or fewer;
/// `WAYS=NUMBER` in the environment sets another number.
fn most_ways() -> u64 {
    std::env::var("WAYS").map_or(25, |ways| ways.parse().unwrap())
}

/// The false statements about each small complete capture, damaged in several ways.
fn blamed(ways: impl Fn(&[Item]) -> Vec<(String, Damaged)>) -> Vec<String> {
    let mut problems = Vec::new();
    for capture in Capture::small_and_whole() {
        let items = capture.items();
        let known = Statements::of(&capture.run());
        for (way, damaged) in some(ways(&items), items.len()) {
            let run = Run::over(&damaged.remade.items);
            let false_ones = known.false_in(&run);
            problems.extend(false_ones.into_iter().map(|problem| format!("{}, {way}: {problem}", capture.0)));
        }
    }
    problems
}

/// What a run says about who failed.
struct Statements {
    /// Number of findings that blame a peer, by code.
    blame: BTreeMap<&'static str, u64>,
    /// The outcome of each exchange.
    outcomes: Vec<(Call, Status, Option<Cause>)>,
    /// The end of each event stream.
    ends: Vec<(Call, ResponseEnd)>,
}

/// What an exchange or a stream is recognised by: start, client, origin, id and method.
type Call = (Timestamp, SocketAddr, String);

impl Statements {
    fn of(run: &Run) -> Self {
        let mut blame = BTreeMap::new();
        for finding in run.findings().into_iter().filter(|finding| is_blame(finding)) {
            *blame.entry(finding.code.name()).or_default() += finding.count;
        }
        let outcomes = run.exchanges().into_iter().map(|it| (call(it), it.status, it.cause)).collect();
        let ends = run.streams().into_iter().map(|it| (stream(it), it.ended)).collect();
        Self { blame, outcomes, ends }
    }

    /// What `run`, over a part of the same packets, says that is not so.
    fn false_in(&self, run: &Run) -> Vec<String> {
        let mut problems = Vec::new();
        let mut blame: BTreeMap<&str, u64> = BTreeMap::new();
        for finding in run.findings().into_iter().filter(|finding| is_blame(finding)) {
            let said = blame.entry(finding.code.name()).or_default();
            *said += finding.count;
            if *said > self.blame.get(finding.code.name()).copied().unwrap_or_default() {
                problems.push(format!("{finding:?}"));
            }
        }
        for exchange in run.exchanges() {
            let is_unanswered = exchange.status == Status::Unanswered;
            let was = self.outcomes.iter().find(|(was, ..)| *was == call(exchange));
            let is_false = match was {
                // Who cancels also closes, and the cancellation may be lost.
                Some((_, status, cause)) => {
                    let is_client = party(exchange.cause) == Some(Side::Client);
                    status.is_answered()
                        || (party(*cause) != party(exchange.cause)
                            && !(is_client && *status == Status::HttpError))
                }
                None => false,
            };
            if is_unanswered && exchange.cause != Some(Cause::CaptureEnd) && is_false {
                let (outcome, was) =
                    ((exchange.cause, exchange.degraded), was.map(|(_, status, cause)| (status, cause)));
                problems.push(format!("{:?} is {outcome:?}, it was {was:?}", call(exchange)));
            }
        }
        for record in run.streams() {
            let was = self.ends.iter().find(|(was, _)| *was == stream(record));
            let is_ended = !matches!(record.ended, ResponseEnd::Open) && record.degraded.is_none();
            if is_ended && was.is_some_and(|(_, was)| *was != record.ended) {
                let was = was.map(|(_, end)| end);
                problems.push(format!("{:?} ended as {:?}, it was {was:?}", stream(record), record.ended));
            }
        }
        problems
    }
}

/// The side that ended a wait; `None` if neither did.
fn party(cause: Option<Cause>) -> Option<Side> {
    match cause? {
        Cause::ClientClosed | Cause::ClientReset | Cause::Deleted | Cause::Cancelled => Some(Side::Client),
        Cause::ServerClosed | Cause::ServerReset | Cause::NoStream | Cause::NoResponse | Cause::HttpError => {
            Some(Side::Server)
        }
        Cause::CaptureEnd => None,
    }
}

/// Whether a finding says that a peer did something wrong. The others are about the capture.
fn is_blame(finding: &Finding) -> bool {
    let name = finding.code.name();
    let is_of_peer = ["http.", "sse.", "rpc.", "mcp."].iter().any(|layer| name.starts_with(layer));
    is_of_peer && finding.code.severity() >= Severity::Warning
}

fn call(exchange: &Exchange) -> Call {
    let what = format!("{:?} {} {}", exchange.origin, exchange.id, exchange.method);
    (exchange.request.span.start.time, exchange.client, what)
}

fn stream(stream: &Stream) -> Call {
    (stream.span.start.time, stream.client, format!("{:?}", stream.target))
}

/// Wrong bytes can say anything (checksums are not verified): the run must end and its byte counts
/// balance.
#[test]
fn corrupt_packets_cause_no_panic() {
    let mut problems = Vec::new();
    for capture in Capture::all() {
        let items = capture.items();
        for seed in 0..if capture.is_large() { 1 } else { 2 } {
            let mut rng = Rng::new(seed);
            let some = if seed % 2 == 0 { 50 } else { 3 };
            let run = Run::over(&damage::corrupt(&items, some, &mut rng));
            run.rows();
            problems.extend(
                unbalanced(&run).into_iter().map(|problem| format!("{} seed {seed}: {problem}", capture.0)),
            );
        }
    }
    assert_no_problems(&problems);
}

#[test]
fn corrupt_times_cause_no_panic() {
    let mut problems = Vec::new();
    // Each capture in one of three ways: together they have every kind of traffic in each.
    let ways = [1, 7, 50].into_iter().cycle();
    for (capture, some) in Capture::all().filter(|capture| !capture.is_large()).zip(ways) {
        let items = capture.items();
        let run = Run::over(&damage::corrupt_times(&items, some, &mut Rng::new(some as u64)));
        run.rows();
        let unbalanced = unbalanced(&run).into_iter();
        problems.extend(unbalanced.map(|problem| format!("{} 1/{some}: {problem}", capture.0)));
    }
    assert_no_problems(&problems);
}

/// Wrong bytes anywhere in the file, headers included: it is read as far as possible, or refused.
#[test]
fn corrupt_files_cause_no_panic() {
    let mut problems = Vec::new();
    for capture in Capture::all().filter(|capture| !capture.is_large()) {
        let bytes = capture.bytes();
        for seed in 0..6 {
            let (mut rng, mut bytes) = (Rng::new(seed), bytes.clone());
            for _ in 0..bytes.len() / 2000 {
                let at = rng.below(bytes.len());
                bytes[at] = rng.next().to_le_bytes()[0];
            }
            let run = Run::of(&mut corpus::source(bytes));
            let wrong = run.map(|run| unbalanced(&run)).unwrap_or_default();
            problems.extend(wrong.into_iter().map(|problem| format!("{} seed {seed}: {problem}", capture.0)));
        }
    }
    assert_no_problems(&problems);
}

/// Checks the comparison: equal exchanges pass, each kind of difference is a problem.
mod measure {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use mcpdump::base::{Code, Degraded, Origin, Span};
    use mcpdump::ledger::{Entry, Exchange, Id, MessageSpan, Record, SessionRef, Status, Transport};

    use super::*;
    use crate::support::frame::Frame;
    use crate::support::run::{Remade, packets};

    /// A run with one exchange, between the first two packets with payload of ts-sse.
    fn told(items: &[Item], change: impl FnOnce(&mut Exchange)) -> Run {
        let with_payload: Vec<Origin> = packets(items)
            .values()
            .filter(|packet| Frame::of(packet).is_some_and(|frame| !frame.payload.is_empty()))
            .map(|packet| packet.origin)
            .collect();
        let carried = |at: usize| MessageSpan { span: Span::of(with_payload[at]), bytes: 1 };
        let (client, server) = ("127.0.0.1:50000".parse().unwrap(), "127.0.0.1:3000".parse().unwrap());
        let mut exchange = Exchange {
            n: 1,
            tcp_stream: 0,
            transaction: 0,
            protocols: mcpdump::base::protocols::Protocols::default(),
            answered_on: None,
            session: SessionRef {
                number: 1,
                id: Some(Arc::from("a")),
                transport: Transport::HttpSse,
                server,
                path: None,
                client,
                via: None,
                behind: None,
                server_name: None,
                client_name: None,
            },
            client,
            protocol_version: None,
            origin: Side::Client,
            id: Id::Int(1),
            method: Arc::from("tools/call"),
            name: Some(Arc::from("tool")),
            status: Status::Ok,
            error: None,
            http_status: None,
            request: carried(0),
            response: Some(carried(1)),
            ack: None,
            progress: 0,
            cause: None,
            continues: None,
            input_ns: None,
            parent: None,
            asked: Default::default(),
            wait_ended: None,
            http2: None,
            twins: Default::default(),
            trace: None,
            retransmissions: 0,
            degraded: Degraded::NONE,
            findings: Vec::<Code>::new(),
        };
        change(&mut exchange);
        Run { entries: vec![Entry::Record(Record::Exchange(Box::new(exchange)))] }
    }

    /// The problems if the original has the exchange `was`, and the capture without the packets
    /// `lost` has `run`.
    fn broken(was: impl FnOnce(&mut Exchange), run: impl FnOnce(&mut Exchange), lost: &[u64]) -> String {
        let items = Capture("ts-sse/capture.pcap").items();
        let (whole, run) = (told(&items, was), told(&items, run));
        let survivors: BTreeSet<u64> = packets(&items).into_keys().filter(|no| !lost.contains(no)).collect();
        let measure = Measure::new(&whole, &items, true);
        measure.broken(&run, &Remade::new(items.clone()), &survivors).join("\n")
    }

    fn same(_: &mut Exchange) {}

    #[test]
    fn equal_exchanges_pass() {
        assert_eq!(broken(same, same, &[]), "");
    }

    #[test]
    fn a_difference_without_degraded_is_a_problem() {
        let changes: [fn(&mut Exchange); 5] = [
            |e| e.status = Status::Unanswered,
            |e| e.name = None,
            |e| e.session.id = None,
            |e| e.request.span.start.time = Timestamp(1),
            |e| e.response = None,
        ];
        for (i, change) in changes.into_iter().enumerate() {
            assert!(broken(same, change, &[]).starts_with("false"), "change {i}");
            let degraded = |e: &mut Exchange| {
                change(e);
                e.degraded = Degraded::GAP;
            };
            assert_eq!(broken(same, degraded, &[]), "", "change {i}");
        }
    }

    #[test]
    fn an_invented_or_missing_exchange_is_a_problem() {
        let said = broken(same, |e| e.id = Id::Text("1".into()), &[]);
        assert!(said.contains("invented") && said.contains("missing"), "{said}");
        let elsewhere = |e: &mut Exchange| e.request = e.response.unwrap();
        let said = broken(same, elsewhere, &[]);
        assert!(said.contains("invented") && said.contains("missing"), "{said}");
    }

    #[test]
    fn an_exchange_with_lost_packets_may_be_missing() {
        let items = Capture("ts-sse/capture.pcap").items();
        let whole = told(&items, same);
        let request = whole.exchanges()[0].request.span.first.0;
        let nothing = Run { entries: Vec::new() };
        let measure = Measure::new(&whole, &items, true);
        let remade = Remade::new(items.clone());
        let mut survivors: BTreeSet<u64> = packets(&items).into_keys().collect();
        assert!(measure.broken(&nothing, &remade, &survivors).join("").starts_with("missing"));
        survivors.remove(&request);
        assert_eq!(measure.broken(&nothing, &remade, &survivors), Vec::<String>::new());
    }

    #[test]
    fn an_exchange_may_change_if_its_cancellation_is_lost() {
        let cancelled = |e: &mut Exchange| e.status = Status::Cancelled;
        assert_eq!(broken(cancelled, same, &[]), "");
    }

    #[test]
    fn damage_keeps_the_packets_listed_as_survivors() {
        let items = Capture("ts-sse/capture.pcap").items();
        let whole = packets(&items);
        let damaged = damage::lose_data(&items, 5, &mut Rng::new(1));
        let left = packets(&damaged.remade.items);
        assert!(left.len() < whole.len() && left.len() == damaged.survivors.len());
        for (no, packet) in &left {
            let original = whole[&damaged.remade.back(*no)];
            assert_eq!((&packet.data, packet.origin.time), (&original.data, original.origin.time));
            assert!(damaged.survivors.contains(&original.origin.packet.0));
        }
        let snapped = damage::snap(&items, 100);
        assert!(snapped.survivors.len() < whole.len() && !snapped.survivors.is_empty());
        let twice = damage::repeat(&items, 10, &mut Rng::new(1));
        assert!(twice.items.len() > items.len());
        let moved = damage::reorder(&items, &mut Rng::new(1));
        let order: Vec<u64> = (1..=whole.len() as u64).map(|no| moved.back(no)).collect();
        let swaps = order.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!(swaps > 10 && moved.items.len() == items.len(), "{swaps} swaps");
    }
}
