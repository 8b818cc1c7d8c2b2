use super::*;
use crate::ledger::{Cause, RpcError, sample};

fn meter(exchanges: impl IntoIterator<Item = Exchange>) -> Meter {
    let mut meter = Meter::default();
    for exchange in exchanges {
        meter.record(&Entry::Record(Record::Exchange(Box::new(exchange))));
    }
    meter
}

fn value<'a>(labels: &'a Labels, name: &str) -> Option<&'a str> {
    labels.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[test]
fn a_call_of_a_tool_has_the_attributes_of_the_conventions() {
    let mut failed = sample::exchange(2, "tools/call", Some("search"), 30_000_000);
    failed.status = Status::Error;
    failed.error = Some(RpcError { code: Some(-32602), message: "no".into() });
    let meter = meter([sample::exchange(1, "tools/call", Some("search"), 10_000_000), failed]);
    let all = meter.operations.all();
    let of = |error: Option<&str>| {
        all.iter().find(|(labels, _)| value(labels, attribute::ERROR_TYPE) == error).unwrap()
    };
    let (labels, operation) = of(None);
    for (name, expected) in [
        (attribute::METHOD, "tools/call"),
        (attribute::TOOL, "search"),
        (attribute::OPERATION, "execute_tool"),
        (attribute::VERSION, "2024-11-05"),
        (attribute::NETWORK_TRANSPORT, "tcp"),
        (attribute::SERVER_PORT, "3000"),
    ] {
        assert_eq!(value(labels, name), Some(expected), "{name}");
    }
    assert_eq!((operation.client.counts[0], operation.exponential.count()), (1, 1));
    let (labels, operation) = of(Some("-32602"));
    assert_eq!(value(labels, attribute::RPC_STATUS), Some("-32602"));
    assert_eq!(operation.client.counts[2], 1);
}

/// A duration is counted where it is known, a failure where somebody failed.
#[test]
fn what_is_not_known_is_counted_and_not_timed() {
    let call = |status, cause| {
        let mut call = sample::unanswered(sample::exchange(1, "ping", None, 1), status, cause);
        call.wait_ended = Some(call.request.span.end);
        call
    };
    for (status, cause, error, durations) in [
        (Status::Unanswered, Cause::CaptureEnd, None, 0),
        (Status::Undetermined, Cause::CaptureEnd, None, 0),
        (Status::Cancelled, Cause::Cancelled, None, 0),
        (Status::Unanswered, Cause::ServerReset, Some("server_reset"), 1),
    ] {
        let meter = meter([call(status, cause)]);
        let all = meter.operations.all();
        let (labels, operation) = &all[0];
        assert_eq!(value(labels, attribute::ERROR_TYPE), error, "{cause:?}");
        assert_eq!(operation.client.count(), durations, "{cause:?}");
        assert_eq!(operation.by_status.iter().sum::<u64>(), 1);
    }
}

#[test]
fn a_session_has_a_duration_if_its_ends_were_captured() {
    let mut open = sample::session(1);
    open.ended = SessionEnd::Open;
    let mut meter = Meter::default();
    for session in [open, sample::session(2)] {
        meter.record(&Entry::Record(Record::Session(Box::new(session))));
    }
    let all = meter.sessions.all();
    assert_eq!(all[0].1.duration.count(), 1);
    assert_eq!(all[0].1.by_end.values().sum::<u64>(), 2);
}

#[test]
fn names_of_metrics_are_unique() {
    let mut names: Vec<_> = names::metric::ALL.iter().map(|metric| metric.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), names::metric::ALL.len());
}

/// The documentation lists each metric with its unit.
#[test]
fn metrics_are_documented() {
    let page = include_str!("../../../docs/otlp.md");
    let rows: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| `mcp") && line.contains("` | `")).collect();
    for metric in names::metric::ALL {
        let row = format!("| `{}` | `{}` |", metric.name, metric.unit);
        assert!(rows.iter().any(|known| known.starts_with(&row)), "{row}");
    }
    assert_eq!(rows.len(), names::metric::ALL.len());
}
