//! A difference as one JSON document (docs/diff.md).

use std::io;

use serde_json::{Map, Value, json};

use super::call_change::{CallChange, PERCENTILES, PercentileChange};
use super::chance::{Failures, Verdict};
use super::difference::{Difference, FindingChange, TraitChange};
use super::offer_change::{Became, OfferChange};
use crate::base::json::write_compact;

/// Writes the difference.
pub(super) fn write(difference: &Difference, names: [&str; 2], out: &mut dyn io::Write) -> io::Result<()> {
    let [before, after] = [0, 1].map(|at| capture(difference, names, at));
    let document = json!({
        "type": "diff",
        "v": 1,
        "before": before,
        "after": after,
        "regressions": difference.regressions(),
        "calls": difference.calls.iter().map(call).collect::<Vec<_>>(),
        "calls_left_out": difference.left_out,
        "definitions": difference.offers.iter().map(definition).collect::<Vec<_>>(),
        "lists_not_compared": difference.uncompared.iter().map(|(server, kind)| {
            json!({"server": server, "kind": kind})
        }).collect::<Vec<_>>(),
        "traits": difference.traits.iter().map(of_trait).collect::<Vec<_>>(),
        "findings": difference.findings.iter().map(finding).collect::<Vec<_>>(),
    });
    write_compact(&mut &mut *out, &document)?;
    writeln!(out)
}

fn capture(difference: &Difference, names: [&str; 2], at: usize) -> Value {
    json!({
        "file": names.get(at),
        "exchanges": difference.exchanges.get(at),
        "sessions": difference.sessions.get(at),
        "missing": difference.missing.get(at),
    })
}

fn call(change: &CallChange) -> Value {
    let mut value = Map::new();
    value.insert("origin".to_owned(), change.key.origin.name().into());
    value.insert("method".to_owned(), change.key.method.as_ref().into());
    value.insert("name".to_owned(), change.key.name.as_deref().into());
    for (percentile, (_, name)) in change.percentiles.iter().zip(PERCENTILES) {
        value.insert(name.to_owned(), of_percentile(percentile));
    }
    let [before, after] = change.failures.map(failures);
    let mut failing = json!({"before": before, "after": after});
    add_verdict(&mut failing, change.failing);
    value.insert("failures".to_owned(), failing);
    value.insert("regressions".to_owned(), change.regressions().into());
    Value::Object(value)
}

fn of_percentile(change: &PercentileChange) -> Value {
    let ms = |ns: i64| ns as f64 / 1e6;
    let [before, after] = change
        .values
        .map(|value| value.map(|value| json!({"ms": ms(value.ns), "at_least": value.is_at_least})));
    let mut value = json!({"before": before, "after": after, "change_ms": change.change_ns().map(ms)});
    add_verdict(&mut value, change.verdict);
    value
}

fn failures(failures: Failures) -> Value {
    json!({"failed": failures.failed, "calls": failures.calls, "unknown": failures.unknown})
}

fn add_verdict(value: &mut Value, verdict: Verdict) {
    let (word, certainty, why) = match verdict {
        Verdict::Higher(certainty) => ("higher", Some(certainty.name()), None),
        Verdict::Lower(certainty) => ("lower", Some(certainty.name()), None),
        Verdict::Alike => ("alike", None, None),
        Verdict::Untold(why) => ("untold", None, Some(why)),
    };
    if let Some(members) = value.as_object_mut() {
        members.insert("verdict".to_owned(), word.into());
        members.insert("certainty".to_owned(), certainty.into());
        members.insert("why".to_owned(), why.into());
    }
}

fn definition(change: &OfferChange) -> Value {
    let (became, changes) = match &change.became {
        Became::Added => ("added", [].as_slice()),
        Became::Removed => ("removed", [].as_slice()),
        Became::Changed(changes) => ("changed", changes.as_slice()),
    };
    let changes = changes.iter().map(|it| json!({"text": it.text, "breaking": it.is_breaking}));
    json!({
        "server": change.server,
        "kind": change.kind.noun(),
        "name": change.name,
        "became": became,
        "changes": changes.collect::<Vec<_>>(),
        "regression": change.is_regression(),
    })
}

fn of_trait(change: &TraitChange) -> Value {
    let became = if change.is_new { "new" } else { "gone" };
    json!({
        "trait": change.of.name(),
        "value": change.value,
        "became": became,
        "regression": change.is_regression(),
    })
}

fn finding(change: &FindingChange) -> Value {
    let [before, after] = change.counts;
    json!({
        "code": change.code.name(),
        "severity": change.code.severity().name(),
        "before": before,
        "after": after,
        "untold": change.is_untold,
        "regression": change.is_regression(),
    })
}
