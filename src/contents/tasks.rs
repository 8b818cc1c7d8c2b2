//! Tasks: ids that nobody gave, tasks that are lost, and states that MCP does not have.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use serde_json::Value;

use super::call::{Call, SHOWN_ID, server_key};
use super::deferred::Deferred;
use super::polls::Polls;
use super::reported::Reported;
use super::task_fields::{self, Revision};
use crate::base::{Code, Finding, Timestamp, text, units};
use crate::ledger::Notification;

/// Tasks that are kept; the oldest are forgotten first.
const MAX_TASKS: usize = 65_536;

/// The code of an unknown task (MCP 2025-11-25, Tasks, "Protocol Errors").
const INVALID_PARAMS: i64 = -32_602;

const NS_PER_MS: i64 = 1_000_000;

/// The tasks of servers.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    /// By server and hash of the id. Never iterated: its order is random.
    tasks: HashMap<(u64, u64), Task, RandomState>,
    order: VecDeque<(u64, u64)>,
    /// Whether a task was forgotten.
    is_full: bool,
    /// Wrong fields, by server and detail.
    reported: Reported<(u64, u64), MAX_TASKS>,
    polls: Polls,
}

/// What is known of a task.
#[derive(Clone, Debug)]
struct Task {
    /// When it was created; `None` if that was not captured.
    created: Option<Timestamp>,
    ttl: Ttl,
    /// Its final status, and when that was known to the client.
    ended: Option<(Box<str>, Timestamp)>,
    is_cancelled: bool,
    is_told: bool,
}

/// How long a server keeps a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ttl {
    Unknown,
    Unlimited,
    Ms(i64),
}

impl Ttl {
    fn of(task: &Value) -> Self {
        let Some(ttl) = task.get("ttl").or_else(|| task.get("ttlMs")) else { return Self::Unknown };
        match ttl {
            Value::Null => Self::Unlimited,
            ttl => ttl.as_i64().filter(|ms| *ms >= 0).map_or(Self::Unknown, Self::Ms),
        }
    }
}

impl Tasks {
    /// Takes a call and returns what is wrong; what has to wait goes to `deferred`.
    pub(super) fn push(&mut self, call: &Call<'_>, deferred: &mut Deferred) -> Vec<Finding> {
        let of_status = self.status(call, deferred);
        let fields = self.fields(call);
        if let Some(finding) = self.polls.push(call) {
            // A status in between may have made it ask at once.
            deferred.push_between(finding);
        }
        of_status.into_iter().chain(fields).collect()
    }

    /// What is wrong with the fields of a task in a result.
    fn fields(&mut self, call: &Call<'_>) -> Option<Finding> {
        let is_stateless = call.exchange.is_stateless();
        let revision = if is_stateless { Revision::Extension } else { Revision::Core };
        // A task without an id has its ttl still.
        let ttl = if is_stateless { "\"ttlMs\"" } else { "\"ttl\"" };
        if !["\"taskId\"", ttl].iter().any(|member| call.response_mentions(member)) {
            return None;
        }
        let result = call.result()?;
        let (task, place) = match &*call.exchange.method {
            // Without a task in the request, a member of this name is the tool's own.
            "tools/call" if is_stateless || call.param("task").is_some() => {
                (task_of(result)?, "the result that creates it")
            }
            "tasks/get" => (result, "the result of tasks/get"),
            _ => return None,
        };
        if task.get("taskId").is_none() && !task_fields::is_task(task, revision) {
            return None;
        }
        let is_detailed = is_stateless && &*call.exchange.method == "tasks/get";
        let wrong = task_fields::wrong(task, revision, is_detailed)?;
        let server = server_key(&call.exchange.session.identity());
        let detail = format!("a task in {place} {wrong}");
        self.is_new(server, &detail).then(|| call.of_response(Code::ContentsTaskFields, detail))
    }

    fn is_new(&mut self, server: u64, detail: &str) -> bool {
        self.reported.insert((server, text::hash(detail)))
    }

    fn status(&mut self, call: &Call<'_>, deferred: &mut Deferred) -> Option<Finding> {
        match &*call.exchange.method {
            "tools/call" => self.created(call),
            "tasks/get" | "tasks/result" | "tasks/update" | "tasks/cancel" => self.used(call, deferred),
            "tasks/list" => {
                let list = call.result().and_then(|result| result.get("tasks")?.as_array());
                let server = server_key(&call.exchange.session.identity());
                for task in list.into_iter().flatten() {
                    if let Some(id) = task.get("taskId").and_then(Value::as_str) {
                        self.task(server, id);
                    }
                }
                None
            }
            _ => None,
        }
    }

    /// Takes a notification of a status; what is wrong has to wait.
    pub(super) fn notification(
        &mut self,
        notification: &Notification,
        params: &Value,
        deferred: &mut Deferred,
    ) {
        if notification.method.starts_with("notifications/tasks")
            && let Some(detail) = self.notified(notification, params)
        {
            deferred.push_between(notification.finding(Code::ContentsTaskStatus, detail));
        }
    }

    fn notified(&mut self, notification: &Notification, params: &Value) -> Option<String> {
        let id = params.get("taskId")?.as_str()?;
        self.polls.notification(notification.session.number, id);
        let status = params.get("status")?.as_str()?;
        let task = self.task(server_key(&notification.session.identity()), id)?;
        let span = notification.message.span;
        task.status(id, status, span.start.time, span.end.time)
    }

    fn created(&mut self, call: &Call<'_>) -> Option<Finding> {
        if !call.response_mentions("\"taskId\"") {
            return None;
        }
        let task = task_of(call.result()?)?;
        let (id, status) = (task.get("taskId")?.as_str()?, task.get("status")?.as_str()?);
        let at = call.exchange.response?.span.end.time;
        let known = self.task(server_key(&call.exchange.session.identity()), id)?;
        (known.created, known.ttl) = (Some(at), Ttl::of(task));
        // A server that was restarted may give an id again.
        (known.ended, known.is_cancelled) = (None, false);
        // The extension of later revisions does not say how a task begins.
        if status != "working"
            && !call.exchange.is_stateless()
            && !std::mem::replace(&mut known.is_told, true)
        {
            let detail =
                format!("task {}: begins as {status}, not as working", text::beginning(id, SHOWN_ID));
            return Some(call.of_response(Code::ContentsTaskStatus, detail));
        }
        None
    }

    fn used(&mut self, call: &Call<'_>, deferred: &mut Deferred) -> Option<Finding> {
        let exchange = call.exchange;
        let server = server_key(&exchange.session.identity());
        let id = call.param("taskId")?.as_str()?;
        let response = exchange.response?;
        if exchange.error.as_ref().is_some_and(|error| error.code == Some(INVALID_PARAMS)) {
            // A task that is over cannot be cancelled.
            if &*exchange.method == "tasks/cancel" {
                return None;
            }
            let Some(task) = self.tasks.get_mut(&(server, text::hash(id))) else {
                let session = exchange.session.number;
                if !self.is_full && !call.exchange.is_stateless() && deferred.has_begun(session) {
                    let detail = format!(
                        "{} of task {}, which the server does not know",
                        exchange.method,
                        text::beginning(id, SHOWN_ID)
                    );
                    deferred.push(session, call.of_request(Code::ContentsUnknownTask, detail));
                }
                return None;
            };
            let age = response.span.start.time.since(task.created?);
            let is_kept = match task.ttl {
                Ttl::Unknown => false,
                Ttl::Unlimited => true,
                Ttl::Ms(ms) => age < ms.saturating_mul(NS_PER_MS),
            };
            if !is_kept || task.is_cancelled || std::mem::replace(&mut task.is_told, true) {
                return None;
            }
            let kept = match task.ttl {
                Ttl::Ms(ms) => format!("its ttl is {}", units::duration(ms.saturating_mul(NS_PER_MS))),
                _ => "its ttl is unlimited".to_owned(),
            };
            let detail = format!(
                "task {}: unknown {} after it was created; {kept}",
                text::beginning(id, SHOWN_ID),
                units::duration(age)
            );
            // Somebody may have cancelled it.
            deferred.push_between(call.of_response(Code::ContentsTaskLost, detail));
            return None;
        }
        let result = call.result()?;
        let task = self.task(server, id)?;
        task.is_cancelled |= &*exchange.method == "tasks/cancel";
        if &*exchange.method != "tasks/get" {
            return None;
        }
        let status = result.get("status")?.as_str()?;
        // It may change while the task exists.
        if Ttl::of(result) != Ttl::Unknown {
            task.ttl = Ttl::of(result);
        }
        let detail = task.status(id, status, exchange.request.span.start.time, response.span.end.time)?;
        // A task of the same id may have been created anew.
        deferred.push_between(call.of_response(Code::ContentsTaskStatus, detail));
        None
    }

    /// A task of a server, which is added if it is not known; `None` if there is no room.
    fn task(&mut self, server: u64, id: &str) -> Option<&mut Task> {
        let key = (server, text::hash(id));
        if !self.tasks.contains_key(&key) {
            if self.tasks.len() >= MAX_TASKS {
                self.is_full = true;
                let oldest = self.order.pop_front()?;
                self.tasks.remove(&oldest);
            }
            self.order.push_back(key);
        }
        Some(self.tasks.entry(key).or_insert(Task {
            created: None,
            ttl: Ttl::Unknown,
            ended: None,
            is_cancelled: false,
            is_told: false,
        }))
    }
}

impl Task {
    /// Takes a status that was asked for at `asked` and known at `known`. Returns what is wrong: a
    /// task that is over stays as it is.
    fn status(&mut self, id: &str, status: &str, asked: Timestamp, known: Timestamp) -> Option<String> {
        if let Some((ended, at)) = &self.ended {
            // An older status may overtake a newer one.
            if *at > asked || **ended == *status || std::mem::replace(&mut self.is_told, true) {
                return None;
            }
            return Some(format!("task {}: {status} after it was {ended}", text::beginning(id, SHOWN_ID)));
        }
        if matches!(status, "completed" | "failed" | "cancelled") {
            self.ended = Some((status.into(), known));
        }
        None
    }
}

/// The task that a result of a call creates; `None` if it creates none.
fn task_of(result: &Value) -> Option<&Value> {
    match result.get("resultType") {
        Some(kind) => (kind == "task").then_some(result),
        None => result.get("task"),
    }
}
