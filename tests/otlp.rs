//! `export --to otlp` against a collector whose messages are those of `opentelemetry-proto`: what
//! arrives is what JSON lines say, and what does not arrive is counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use mcpdump::export::otlp::{Encoding, Otlp, Piece, Signal, Sink as _};
use mcpdump::export::{Export as _, Resource, WriterOptions};
use mcpdump::telemetry::{Environment, Options, Sender, Totals, When};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::Value;

use crate::support::assert_no_problems;
use crate::support::collector::{Answer, Collector, Received, nowhere};
use crate::support::corpus::{self, Capture};
use crate::support::program::mcpdump;
use crate::support::run::Run;

/// What a collector got.
#[derive(Debug, Default)]
struct Telemetry {
    spans: Vec<Span>,
    metrics: Vec<Metric>,
    logs: Vec<LogRecord>,
}

impl Telemetry {
    fn of(received: &[Received]) -> Self {
        let mut all = Self::default();
        for Received { path, head, body } in received {
            let is_json = head.contains("content-type: application/json");
            assert!(is_json || head.contains("content-type: application/x-protobuf"), "{head}");
            macro_rules! decoded {
                ($type:ty) => {
                    if is_json {
                        serde_json::from_slice::<$type>(body).unwrap()
                    } else {
                        <$type>::decode(&**body).unwrap()
                    }
                };
            }
            match path.rsplit('/').next().unwrap() {
                "traces" => {
                    let request = decoded!(ExportTraceServiceRequest);
                    for of_resource in request.resource_spans {
                        assert_eq!(
                            text(&of_resource.resource.unwrap().attributes, "service.name"),
                            "mcpdump"
                        );
                        all.spans.extend(of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
                    }
                }
                "metrics" => {
                    let request = decoded!(ExportMetricsServiceRequest);
                    let scopes = request.resource_metrics.into_iter().flat_map(|it| it.scope_metrics);
                    all.metrics.extend(scopes.flat_map(|scope| scope.metrics));
                }
                "logs" => {
                    let request = decoded!(ExportLogsServiceRequest);
                    let scopes = request.resource_logs.into_iter().flat_map(|it| it.scope_logs);
                    all.logs.extend(scopes.flat_map(|scope| scope.log_records));
                }
                other => panic!("{other}"),
            }
        }
        all
    }

    /// The last value of each series of a counter.
    fn totals(&self, name: &str) -> HashMap<String, i64> {
        let mut totals = HashMap::new();
        for metric in self.metrics.iter().filter(|metric| metric.name == name) {
            let Some(Data::Sum(sum)) = &metric.data else { panic!("{name} is no sum") };
            assert!(sum.is_monotonic && sum.aggregation_temporality == 2);
            for point in &sum.data_points {
                let Some(Number::AsInt(value)) = point.value else { panic!("{name} is no integer") };
                totals.insert(format!("{:?}", point.attributes), value);
            }
        }
        totals
    }

    /// The last number of durations of all series of a histogram.
    fn durations(&self, name: &str) -> u64 {
        let mut counts = HashMap::new();
        for metric in self.metrics.iter().filter(|metric| metric.name == name) {
            match &metric.data {
                Some(Data::Histogram(histogram)) => {
                    counts.extend(histogram.data_points.iter().map(|point| {
                        assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
                        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                        (format!("{:?}", point.attributes), point.count)
                    }))
                }
                Some(Data::ExponentialHistogram(histogram)) => {
                    counts.extend(histogram.data_points.iter().map(|point| {
                        let within: u64 = point.positive.as_ref().unwrap().bucket_counts.iter().sum();
                        assert_eq!(within + point.zero_count, point.count);
                        (format!("{:?}", point.attributes), point.count)
                    }));
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        counts.values().sum()
    }
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Any> {
    let found = attributes.iter().find(|pair| pair.key == key)?;
    let AnyValue { value } = found.value.as_ref()?;
    value.as_ref()
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> &'a str {
    match value(attributes, key) {
        Some(Any::StringValue(text)) => text,
        None => "",
        other => panic!("{key}: {other:?}"),
    }
}

fn number(attributes: &[KeyValue], key: &str) -> Option<i64> {
    match value(attributes, key)? {
        Any::IntValue(number) => Some(*number),
        other => panic!("{key}: {other:?}"),
    }
}

/// Options that try again at once.
fn options(collector: &str, protocol: &str) -> Options {
    let environment = |name: &str| (name == "OTEL_EXPORTER_OTLP_PROTOCOL").then(|| protocol.to_owned());
    let options = Options::new(Some(collector), &Environment(&environment)).unwrap().unwrap();
    let short = Duration::from_millis(1);
    Options { backoff: (short, short), patience: Duration::ZERO, ..options }
}

/// Sends what a capture holds.
fn send(run: &Run, options: Options) -> Totals {
    let mut sender = Sender::new(options, When::Waits);
    sender.start(Resource::default(), Box::new(|_| {})).unwrap();
    let writer = Otlp::new(WriterOptions::default());
    let mut writer = writer.with_sink(sender.encodings(), Box::new(sender.handle()));
    let mut nothing = Vec::new();
    run.entries.iter().for_each(|entry| writer.entry(entry, &mut nothing).unwrap());
    writer.finish(&mut nothing).unwrap();
    drop(writer);
    assert!(nothing.is_empty());
    sender.finish()
}

fn watched(capture: Capture) -> Run {
    Run::watching(&mut corpus::source(capture.bytes())).unwrap()
}

/// Microseconds of a time in JSON lines: a reader that keeps numbers as doubles has no more.
#[allow(clippy::cast_possible_truncation, reason = "a time of this century")]
fn microseconds(row: &Value) -> i64 {
    (row.as_f64().unwrap() * 1e6).round() as i64
}

/// What differs between an exchange in JSON lines and its span.
fn differences(row: &Value, span: &Span) -> Vec<String> {
    let all = &span.attributes;
    let mut found = Vec::new();
    let mut same = |what: &str, told: String, is: String| {
        if told != is {
            found.push(format!("{what}: {told} in JSON lines, {is} in the span"));
        }
    };
    let word = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    for (key, attribute) in [
        ("method", "mcp.method.name"),
        ("status", "mcpdump.status"),
        ("cause", "mcpdump.cause"),
        ("session_id", "mcp.session.id"),
        ("protocol_version", "mcp.protocol.version"),
        ("transport", "mcpdump.transport"),
        ("origin", "mcpdump.origin"),
        ("http_version", "network.protocol.version"),
    ] {
        same(key, word(key), text(all, attribute).to_owned());
    }
    for (told, attribute) in [
        (&row["http_status"], "http.response.status_code"),
        (&row["request"]["bytes"], "mcpdump.request.size"),
        (&row["response"]["bytes"], "mcpdump.response.size"),
        (&row["tcp_stream"], "mcpdump.tcp.stream"),
        (&row["request"]["first_packet"], "mcpdump.packet.first"),
    ] {
        same(attribute, format!("{:?}", told.as_i64()), format!("{:?}", number(all, attribute)));
    }
    let is_error = span.status.as_ref().is_some_and(|status| status.code == 2);
    same("error", is_error.to_string(), (!text(all, "error.type").is_empty()).to_string());
    if let Some(code) = row["error"]["code"].as_i64() {
        same("code", code.to_string(), text(all, "rpc.response.status_code").to_owned());
    }
    let address = format!("{}:{}", text(all, "server.address"), number(all, "server.port").unwrap());
    same("server", word("server").replace(['[', ']'], ""), address);
    let near = |told: &Value, is: u64| (microseconds(told) - i64::try_from(is / 1_000).unwrap()).abs() <= 1;
    same("start", "true".to_owned(), near(&row["request"]["start"], span.start_time_unix_nano).to_string());
    let is_in_order = span.start_time_unix_nano < span.end_time_unix_nano;
    if is_in_order && !row["response"].is_null() && row["cause"].is_null() {
        same("end", "true".to_owned(), near(&row["response"]["end"], span.end_time_unix_nano).to_string());
    }
    found
}

#[test]
fn what_arrives_is_what_json_lines_say() {
    let mut problems = Vec::new();
    for (at, capture) in Capture::all().enumerate() {
        let collector = Collector::start([]);
        let run = watched(capture);
        let protocol = ["http/protobuf", "http/json"][at % 2];
        let totals = send(&run, options(&collector.url(), protocol));
        let got = Telemetry::of(&collector.received());
        let mut problem = |problem: String| problems.push(format!("{}: {problem}", capture.0));
        let rows = run.rows();
        let of_type = |kind: &str| rows.iter().filter(|row| row["type"] == kind).collect::<Vec<_>>();
        let calls: BTreeMap<i64, &Span> = got
            .spans
            .iter()
            .filter_map(|span| Some((number(&span.attributes, "mcpdump.exchange")?, span)))
            .collect();
        let exchanges = of_type("exchange");
        if calls.len() != exchanges.len() {
            problem(format!("{} exchanges, {} spans", exchanges.len(), calls.len()));
        }
        for row in &exchanges {
            let n = row["n"].as_i64().unwrap();
            match calls.get(&n) {
                None => problem(format!("exchange {n} has no span")),
                Some(span) => differences(row, span).into_iter().for_each(|it| problem(format!("{n}: {it}"))),
            }
        }
        let ids: BTreeSet<&[u8]> = got.spans.iter().map(|span| &*span.span_id).collect();
        if ids.len() != got.spans.len() || ids.iter().any(|id| id.len() != 8 || **id == [0; 8]) {
            problem("ids of spans are not unique".to_owned());
        }
        let traced = |span: &&Span| span.flags == 0 && !span.parent_span_id.is_empty();
        let alone: Vec<_> =
            got.spans.iter().filter(traced).filter(|it| !ids.contains(&*it.parent_span_id)).collect();
        if !alone.is_empty() {
            problem(format!("{} spans whose parents are missing", alone.len()));
        }
        let findings = of_type("finding");
        let told: Vec<_> =
            findings.iter().map(|row| (row["code"].as_str().unwrap(), row["exchange"].as_i64())).collect();
        let logged: Vec<_> = got
            .logs
            .iter()
            .map(|it| {
                (text(&it.attributes, "mcpdump.finding.code"), number(&it.attributes, "mcpdump.exchange"))
            })
            .collect();
        if told != logged {
            problem(format!("{} findings, {} log records", told.len(), logged.len()));
        }
        let operations: i64 = got.totals("mcpdump.operations").values().sum();
        if operations != i64::try_from(exchanges.len()).unwrap() {
            problem(format!("{operations} operations of {}", exchanges.len()));
        }
        let [client, server, exponential] =
            ["mcp.client.operation.duration", "mcp.server.operation.duration", "mcpdump.operation.duration"]
                .map(|name| got.durations(name));
        if client != server || client != exponential || client > exchanges.len() as u64 {
            problem(format!("durations differ in number: {client}, {server}, {exponential}"));
        }
        let packets = run.capture().unwrap().packets;
        let told: i64 = got.totals("mcpdump.packets").values().sum();
        if u64::try_from(told).unwrap() != packets {
            problem(format!("{told} packets of {packets}"));
        }
        if totals.lost() > 0 || totals.sent.of(Signal::Traces) != got.spans.len() as u64 {
            problem(format!("{totals:?}"));
        }
    }
    assert_no_problems(&problems);
}

/// The same messages, whatever the encoding; and the same each time.
#[test]
fn both_encodings_say_the_same() {
    let run = watched(Capture("rev-2026-07-28/capture.pcapng"));
    let [binary, json, again] = ["http/protobuf", "http/json", "http/protobuf"].map(|protocol| {
        let collector = Collector::start([]);
        send(&run, options(&collector.url(), protocol));
        Telemetry::of(&collector.received())
    });
    for other in [json, again] {
        assert_eq!(binary.spans, other.spans);
        assert_eq!(binary.metrics, other.metrics);
        assert_eq!(binary.logs, other.logs);
    }
}

fn piece(signal: Signal, len: usize) -> Piece {
    // An unknown field, which readers pass over.
    Piece { signal, count: 1, bytes: [&[0x8a, 0x3e][..], &varint(len), &vec![0; len]].concat() }
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

fn send_one(options: Options, when: When) -> Totals {
    let mut sender = Sender::new(options, when);
    sender.start(Resource::default(), Box::new(|_| {})).unwrap();
    sender.handle().push(piece(Signal::Traces, 10)).unwrap();
    sender.finish()
}

/// A collector that is busy, restarts or loses a connection gets everything in the end.
#[test]
fn what_may_be_taken_later_is_sent_again() {
    let later = "retry-after: 0\r\n";
    let answers = [
        Answer::status(429),
        Answer::Status(503, later, Vec::new()),
        Answer::status(502),
        Answer::status(504),
        Answer::Close,
        Answer::Hang,
    ];
    let count = answers.len();
    let collector = Collector::start(answers);
    let mut options = options(&collector.url(), "http/protobuf");
    options.targets.iter_mut().for_each(|target| target.timeout = Duration::from_millis(300));
    let totals = send_one(options, When::Waits);
    assert_eq!((totals.sent.of(Signal::Traces), totals.lost()), (1, 0));
    assert_eq!(collector.requests(), count + 1);
    assert_eq!(collector.received().len(), 1);
}

/// What a collector does not want is not sent again, nor to another host.
#[test]
fn what_is_refused_is_counted() {
    let redirect = Answer::Status(307, "location: http://127.0.0.1:1/\r\n", Vec::new());
    for answer in [Answer::status(400), Answer::status(401), Answer::status(500), redirect] {
        let collector = Collector::start([answer]);
        let totals = send_one(options(&collector.url(), "http/protobuf"), When::Drops);
        assert_eq!((totals.sent.total(), totals.rejected.of(Signal::Traces)), (0, 1));
        assert_eq!(collector.requests(), 1);
    }
    let partial = ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: 1,
            error_message: "too late".to_owned(),
        }),
    };
    let collector = Collector::start([Answer::Status(200, "", partial.encode_to_vec())]);
    let totals = send_one(options(&collector.url(), "http/protobuf"), When::Drops);
    assert_eq!((totals.sent.total(), totals.rejected.total()), (0, 1));
    let collector = Collector::start([Answer::Status(200, "", serde_json::to_vec(&partial).unwrap())]);
    let totals = send_one(options(&collector.url(), "http/json"), When::Drops);
    assert_eq!((totals.sent.total(), totals.rejected.total()), (0, 1));
}

#[test]
fn a_collector_that_is_absent_is_given_up() {
    for when in [When::Waits, When::Drops] {
        let options =
            Options { retry_for: Duration::from_millis(50), ..options(&nowhere(), "http/protobuf") };
        let totals = send_one(options, when);
        assert_eq!((totals.sent.total(), totals.failed.of(Signal::Traces)), (0, 1));
    }
    // After a Retry-After that is too long, at once.
    let collector = Collector::start([Answer::Status(503, "retry-after: 9999\r\n", Vec::new())]);
    let totals = send_one(options(&collector.url(), "http/protobuf"), When::Waits);
    assert_eq!(totals.failed.total(), 1);
}

/// A live capture does not wait for a collector that is slow: the queue is bounded.
#[test]
fn a_slow_collector_costs_no_memory() {
    let collector = Collector::start((0..100).map(|_| Answer::Hang));
    let mut options = options(&collector.url(), "http/protobuf");
    options.last_words = Duration::from_millis(50);
    options.targets.iter_mut().for_each(|target| target.timeout = Duration::from_millis(300));
    let mut sender = Sender::new(options, When::Drops);
    sender.start(Resource::default(), Box::new(|_| {})).unwrap();
    let mut handle = sender.handle();
    for _ in 0..40 {
        handle.push(piece(Signal::Logs, 1 << 20)).unwrap();
    }
    let dropped = sender.totals().dropped.of(Signal::Logs);
    assert!((29..=34).contains(&dropped), "{dropped}");
    let totals = sender.finish();
    assert_eq!(totals.lost(), 40);
}

/// The program: what it prints, its status, and where header fields go.
#[test]
fn the_program_sends_a_file() {
    let capture = "captures/ts-sse/capture.pcap";
    let secret = [("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2"), ("OTEL_SERVICE_NAME", "mcpdump")];
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = mcpdump();
        command.args(["export", "--to", "otlp"]).args(arguments).arg(capture).envs(variables.iter().copied());
        let output = command.output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!told.contains("hunter2"), "{told}");
        (output.status.code(), told, String::from_utf8(output.stdout).unwrap())
    };
    let collector = Collector::start([]);
    let (status, told, out) = run(&["--endpoint", &collector.url()], &secret);
    assert_eq!((status, out.as_str()), (Some(0), ""), "{told}");
    let received = collector.received();
    let got = Telemetry::of(&received);
    assert!(told.contains(&format!("{} spans, ", got.spans.len())), "{told}");
    assert!(told.contains(&format!("sent to {}", collector.url())), "{told}");
    assert!(received.iter().all(|request| request.head.contains("x-key: hunter2\r\n")));
    // Also by the environment alone.
    let collector = Collector::start([]);
    let url = collector.url();
    assert_eq!(run(&[], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]).0, Some(0));
    assert_eq!(Telemetry::of(&collector.received()).spans, got.spans);
    // Without a collector, lines of JSON.
    let (status, _, out) = run(&[], &[]);
    assert_eq!(status, Some(0));
    let spans = out.lines().filter(|line| line.starts_with("{\"resourceSpans\"")).flat_map(|line| {
        let request: ExportTraceServiceRequest = serde_json::from_str(line).unwrap();
        request.resource_spans.into_iter().flat_map(|it| it.scope_spans).flat_map(|it| it.spans)
    });
    assert_eq!(spans.collect::<Vec<_>>(), got.spans);
    // What is not taken is the status.
    let refusing = Collector::start((0..9).map(|_| Answer::status(400)));
    let (status, told, _) = run(&["--endpoint", &refusing.url()], &secret);
    assert_eq!(status, Some(1), "{told}");
    assert!(told.contains("not taken by the collector"), "{told}");
    let (status, told, _) = run(&["--endpoint", &nowhere(), "--retry-for", "50ms"], &secret);
    assert_eq!(status, Some(1), "{told}");
    assert!(told.contains("given up"), "{told}");
    for wrong in ["localhost:4318", "grpc://a"] {
        assert_eq!(run(&["--endpoint", wrong], &[]).0, Some(2));
    }
}

/// A collector with TLS is trusted if its certificate is.
#[cfg(feature = "demo")]
#[test]
fn tls_is_used_and_checked() {
    use std::sync::Arc;

    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, made.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let config = Arc::new(config);
    let collector = Collector::start_with([], move |stream| {
        Some(StreamOwned::new(ServerConnection::new(Arc::clone(&config)).ok()?, stream))
    });
    let url = format!("https://localhost:{}", collector.address.port());
    let mut options = options(&url, "http/protobuf");
    options.retry_for = Duration::from_millis(50);
    assert_eq!(send_one(options.clone(), When::Waits).failed.total(), 1, "an unknown certificate");
    assert_eq!(collector.received().len(), 0);
    options.retry_for = Duration::from_secs(20);
    options.certificates = Some(file);
    assert_eq!(send_one(options, When::Waits).sent.total(), 1);
}

/// Which encoding a signal has is a matter of its own.
#[test]
fn encodings_may_differ() {
    let environment =
        |name: &str| (name == "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL").then(|| "http/json".to_owned());
    let options = Options::new(Some("http://a"), &Environment(&environment)).unwrap().unwrap();
    let encodings: Vec<Encoding> = options.targets.iter().map(|target| target.encoding).collect();
    assert_eq!(encodings, [Encoding::Protobuf, Encoding::Protobuf, Encoding::Json]);
}
