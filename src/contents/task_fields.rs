//! The fields that a task has (MCP 2025-11-25, tasks, "Data Types"; Tasks extension, "Tasks").

use serde_json::Value;

/// Where tasks are defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Revision {
    /// MCP 2025-11-25 itself.
    Core,
    /// The Tasks extension of later revisions.
    Extension,
}

impl Revision {
    /// The name of the time for which a task is kept.
    fn ttl(self) -> &'static str {
        match self {
            Self::Core => "ttl",
            Self::Extension => "ttlMs",
        }
    }
}

const STATUSES: [&str; 5] = ["working", "input_required", "completed", "failed", "cancelled"];

/// Whether a value without an id is a task: it has a status that tasks have, and a ttl.
pub(super) fn is_task(value: &Value, revision: Revision) -> bool {
    let status = value.get("status").and_then(Value::as_str);
    status.is_some_and(|status| STATUSES.contains(&status)) && value.get(revision.ttl()).is_some()
}

/// What is wrong with the fields of a task; `None` if nothing is. A detailed task has its outcome,
/// or what it asks for, too.
pub(super) fn wrong(task: &Value, revision: Revision, is_detailed: bool) -> Option<String> {
    let ttl = revision.ttl();
    let poll = match revision {
        Revision::Core => "pollInterval",
        Revision::Extension => "pollIntervalMs",
    };
    let is_id = task.get("taskId").is_some_and(Value::is_string);
    let status = task.get("status").and_then(Value::as_str);
    let is_status = status.is_some_and(|status| STATUSES.contains(&status));
    let is_time = |name| task.get(name).and_then(Value::as_str).is_some_and(is_iso_8601);
    let is_ttl = task.get(ttl).is_some_and(|ttl| ttl.is_null() || is_duration(ttl));
    let is_poll = task.get(poll).is_none_or(is_duration);
    let checked = [
        ("taskId", is_id),
        ("status", is_status),
        ("createdAt", is_time("createdAt")),
        ("lastUpdatedAt", is_time("lastUpdatedAt")),
        (ttl, is_ttl),
        (poll, is_poll),
    ];
    let mut wrong: Vec<_> = checked.iter().filter(|(_, is_right)| !is_right).map(|(name, _)| *name).collect();
    let outcome = match status {
        Some("completed") => Some("result"),
        Some("failed") => Some("error"),
        Some("input_required") => Some("inputRequests"),
        _ => None,
    };
    wrong.extend(outcome.filter(|name| is_detailed && task.get(name).is_none()));
    (!wrong.is_empty()).then(|| format!("has no valid {}", wrong.join(" and no valid ")))
}

fn is_duration(value: &Value) -> bool {
    value.as_f64().is_some_and(|ms| ms >= 0.0)
}

/// Whether a text is a date and time of RFC 3339, which is the form of ISO 8601 that is meant.
fn is_iso_8601(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits =
        |from: usize, to: usize| bytes.get(from..to).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let at = |place: usize, any: &[u8]| bytes.get(place).is_some_and(|byte| any.contains(byte));
    let is_date = digits(0, 4) && at(4, b"-") && digits(5, 7) && at(7, b"-") && digits(8, 10);
    is_date && at(10, b"Tt ") && digits(11, 13) && at(13, b":") && digits(14, 16)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_of_rfc_3339() {
        for time in ["2025-11-25T10:30:00Z", "2025-11-25T10:30:00.123+02:00", "2025-11-25T10:30Z"] {
            assert!(is_iso_8601(time), "{time}");
        }
        for time in ["", "1764066600", "25.11.2025 10:30", "2025-11-25"] {
            assert!(!is_iso_8601(time), "{time}");
        }
    }

    #[test]
    fn each_field_is_looked_at() {
        let whole = json!({"taskId": "a", "status": "completed", "createdAt": "2025-11-25T10:30:00Z",
            "lastUpdatedAt": "2025-11-25T10:30:00Z", "ttl": null, "pollInterval": 500});
        assert_eq!(wrong(&whole, Revision::Core, false), None);
        for (name, value) in [("taskId", json!(1)), ("status", json!("done")), ("ttl", json!("60s"))] {
            let mut task = whole.clone();
            task[name] = value;
            assert_eq!(wrong(&task, Revision::Core, false), Some(format!("has no valid {name}")));
        }
        let extension = wrong(&whole, Revision::Extension, true);
        assert_eq!(extension.as_deref(), Some("has no valid ttlMs and no valid result"));
    }
}
