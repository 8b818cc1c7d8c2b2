//! Tasks: ids, times, states and polls, each where a rule of `check` fires and where it is silent.

use serde_json::{Value, json};

use super::http::*;
use super::story::*;
use super::talk::*;

fn task(status: &str, ttl: Value) -> Value {
    json!({"taskId": "t1", "status": status, "createdAt": "2026-01-01T00:00:00Z",
        "lastUpdatedAt": "2026-01-01T00:00:00Z", "ttl": ttl})
}

pub(super) fn with_tasks() -> Talk {
    let mut talk = Talk::new(json!({"tools": {}, "tasks": {"requests": {"tools": {"call": {}}}}}));
    let params = json!({"name": "search", "arguments": {}, "task": {}});
    talk.ask("tools/call", params, json!({"task": task("working", json!(60_000))}));
    talk
}

#[test]
fn tasks_that_nobody_gave() {
    let id = || json!({"taskId": "t1"});
    let mut talk = Talk::new(json!({"tools": {}, "tasks": {}}));
    talk.refuse("tasks/get", id(), -32602);
    talk.says(&["contents.unknown_task"]);
    let mut earlier = Talk::new(json!({"tools": {}, "tasks": {}}));
    earlier.ask("tasks/get", id(), task("working", json!(null)));
    earlier.refuse("tasks/get", id(), -32602);
    earlier.says(&[]);
    let mut lost = Talk::new(json!({"tools": {}, "tasks": {}}));
    lost.lose("tools/call", call(json!({})), json!({"task": task("working", json!(60_000))}));
    lost.conn = lost.story.at(5000.0).connect("10.0.0.1:5001", SERVER);
    lost.refuse("tasks/get", id(), -32602);
    lost.is_silent_on(&["contents.unknown_task"]);
}

#[test]
fn tasks_that_are_lost() {
    let id = || json!({"taskId": "t1"});
    let mut lost = with_tasks();
    lost.refuse("tasks/get", id(), -32602);
    lost.says(&["contents.task_lost"]);
    let mut expired = with_tasks();
    expired.id = 100;
    expired.refuse("tasks/get", id(), -32602);
    expired.says(&[]);
    let mut cancelled = with_tasks();
    cancelled.ask("tasks/cancel", id(), task("cancelled", json!(60_000)));
    cancelled.refuse("tasks/get", id(), -32602);
    cancelled.says(&[]);
}

#[test]
fn tasks_whose_status_goes_back() {
    let id = || json!({"taskId": "t1"});
    let mut back = with_tasks();
    back.ask("tasks/get", id(), task("completed", json!(60_000)));
    back.ask("tasks/get", id(), task("completed", json!(60_000)));
    back.says(&[]);
    back.ask("tasks/get", id(), task("working", json!(60_000)));
    back.says(&["contents.task_status"]);
    // What was asked before the end may be answered after it.
    let mut crossed = with_tasks();
    let late = crossed.request("tasks/get", id());
    crossed.story.at(2500.0).c(crossed.conn, late);
    let answer = json!({"jsonrpc": "2.0", "id": crossed.id, "result": task("working", json!(60_000))});
    let first = crossed.conn;
    crossed.conn = crossed.story.connect("10.0.0.1:5001", SERVER);
    crossed.ask("tasks/get", id(), task("completed", json!(60_000)));
    crossed.story.at(9000.0).s(first, ok(&answer.to_string()));
    crossed.says(&[]);
}

/// Packets are missing between the two messages that contradict each other.
#[test]
fn tasks_of_which_something_is_missing() {
    let id = || json!({"taskId": "t1"});
    // Another client may have cancelled it.
    let mut lost = with_tasks();
    lost.lose("tools/list", json!({}), json!({"tools": []}));
    lost.conn = lost.story.at(5000.0).connect("10.0.0.1:5001", SERVER);
    lost.id = 5;
    lost.refuse("tasks/get", id(), -32602);
    lost.is_silent_on(&["contents.task_lost", "contents.unknown_task"]);
    // A task with the same id may have been created anew.
    let mut back = with_tasks();
    back.ask("tasks/get", id(), task("completed", json!(60_000)));
    back.lose("tools/call", call(json!({})), json!({"task": task("working", json!(60_000))}));
    back.conn = back.story.at(6000.0).connect("10.0.0.1:5001", SERVER);
    back.id = 6;
    back.ask("tasks/get", id(), task("working", json!(60_000)));
    back.is_silent_on(&["contents.task_status"]);
    // It was created anew, by a server that was restarted.
    let mut again = with_tasks();
    again.ask("tasks/get", id(), task("completed", json!(60_000)));
    let params = json!({"name": "search", "arguments": {}, "task": {}});
    again.ask("tools/call", params, json!({"task": task("working", json!(60_000))}));
    again.ask("tasks/get", id(), task("working", json!(60_000)));
    again.says(&[]);
}

/// The ttl of a task may change while it exists.
#[test]
fn a_ttl_that_becomes_shorter() {
    let mut talk = with_tasks();
    talk.ask("tasks/get", json!({"taskId": "t1"}), task("working", json!(10)));
    talk.refuse("tasks/get", json!({"taskId": "t1"}), -32602);
    talk.says(&[]);
}

#[test]
fn tasks_without_their_fields() {
    let id = || json!({"taskId": "t1"});
    for name in ["createdAt", "lastUpdatedAt", "ttl"] {
        let mut talk = with_tasks();
        let mut bare = task("working", json!(60_000));
        bare.as_object_mut().unwrap().remove(name);
        talk.ask("tasks/get", id(), bare.clone());
        talk.ask("tasks/get", id(), bare);
        talk.says(&["contents.task_fields"]);
    }
    // Without an id it is a task still.
    let mut nameless = with_tasks();
    let mut bare = task("working", json!(60_000));
    bare.as_object_mut().unwrap().remove("taskId");
    nameless.ask("tasks/get", id(), bare.clone());
    nameless.says(&["contents.task_fields"]);
    let mut created = Talk::new(json!({"tools": {}, "tasks": {"requests": {"tools": {"call": {}}}}}));
    let params = json!({"name": "search", "arguments": {}, "task": {}});
    created.ask("tools/call", params, json!({"task": bare}));
    created.says(&["contents.task_fields"]);
    // Half a result is not looked at.
    let mut lost = with_tasks();
    lost.lose("tasks/get", id(), json!({"taskId": "t1", "status": "working"}));
    lost.is_silent_on(&["contents.task_fields"]);
    // A member of a plain result is the tool's own.
    let mut plain = Talk::new(json!({"tools": {}}));
    plain.ask("tools/call", call(json!({})), json!({"content": [], "task": {"taskId": 1}}));
    plain.says(&[]);
}

/// A detailed task of the extension has its outcome.
#[test]
fn tasks_of_the_extension() {
    let detailed = |status: &str, more: Value| {
        let mut task = json!({"resultType": "complete", "taskId": "t1", "status": status, "ttlMs": 60_000,
            "createdAt": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:00:00Z"});
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut talk = Talk::modern();
        talk.ask("tasks/get", json!({"taskId": "t1"}), task);
        talk
    };
    detailed("working", json!({"pollIntervalMs": 100})).says(&[]);
    detailed("completed", json!({"result": {"content": []}})).says(&[]);
    detailed("completed", json!({})).says(&["contents.task_fields"]);
    detailed("working", json!({"pollIntervalMs": "soon"})).says(&["contents.task_fields"]);
}

#[test]
fn tasks_that_are_asked_for_too_often() {
    let id = || json!({"taskId": "t1"});
    // The story asks once a second.
    let of = |interval: Value| {
        let mut talk = with_tasks();
        let mut task = task("working", json!(60_000));
        task["pollInterval"] = interval;
        for _ in 0..4 {
            talk.ask("tasks/get", id(), task.clone());
        }
        talk
    };
    of(json!(5000)).says(&["contents.poll_interval"]);
    of(json!(1000)).says(&[]);
    of(json!(null)).is_silent_on(&["contents.poll_interval"]);
    // The answer that may have changed the interval is missing.
    let mut lost = with_tasks();
    let mut slow = task("working", json!(60_000));
    slow["pollInterval"] = json!(5000);
    for _ in 0..4 {
        lost.lose("tasks/get", id(), slow.clone());
        lost.conn = lost.story.connect(&format!("10.0.0.1:{}", 6000 + lost.id), SERVER);
    }
    lost.is_silent_on(&["contents.poll_interval"]);
    // A status that is missing may have made the client ask at once.
    let mut between = of(json!(5000));
    between.lose("tools/list", json!({}), json!({"tools": []}));
    between.is_silent_on(&["contents.poll_interval"]);
    // Two clients behind one address are one session here: each asks in its own time.
    let mut two = with_tasks();
    let conns = [two.conn, two.story.at(2500.0).connect("10.0.0.1:5001", SERVER)];
    let mut every_two = task("working", json!(60_000));
    every_two["pollInterval"] = json!(2000);
    for n in 0..8 {
        two.conn = conns[n % 2];
        two.ask("tasks/get", id(), every_two.clone());
    }
    two.is_silent_on(&["contents.poll_interval"]);
}
