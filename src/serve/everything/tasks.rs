//! Tools that may become tasks (2026-07-28, SEP-2663): the call answers with a task whose result is
//! polled. Store and clock of tasks are rmcp's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, ClientCapabilities,
    ContentBlock, CreateTaskResult, GetTaskParams, GetTaskResult, JsonObject, Tool, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::task_manager::{TaskContext, TaskExit, TaskFuture, TaskManager, TaskOptions};
use rmcp::{ErrorData, RoleServer, object};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::ask;
use super::during::pause;
use super::tool::plain;

/// Longest run time of a task; rmcp keeps its result for as long again.
const TASK_LIFE: Duration = Duration::from_mins(2);

/// Most tasks created within twice [`TASK_LIFE`], the time that rmcp may keep one. At about 2 kB
/// each they take 1 MB; a client that wants more gets an error.
const MAX_TASKS: usize = 512;

/// Poll interval suggested to clients.
const POLL: Duration = Duration::from_millis(250);

/// Longest computation in seconds; a longer one is shortened to this.
const LONGEST: f64 = 60.0;

/// Whether this module has the tool.
pub(super) fn has(name: &str) -> bool {
    matches!(name, "greet" | "slow_compute" | "test_tool_with_task")
        || ALWAYS.contains(&name)
        || name == FAILS
}

/// Tools that are always tasks: a client without support for tasks is refused.
const ALWAYS: &[&str] = &["failing_job", "confirm_delete", "multi_input"];

const FAILS: &str = "protocol_error_job";

/// Returns the definitions of these tools.
pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "greet",
            "Greets; never a task",
            object!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}),
        ),
        Tool::new(
            "slow_compute",
            "Takes its time; a task where the client knows tasks",
            object!({
                "type": "object",
                "properties": {
                    "seconds": {"type": "number", "minimum": 0, "maximum": LONGEST, "default": 1},
                    "label": {"type": "string"}
                }
            }),
        ),
        plain("failing_job", "A task that ends with a tool error"),
        plain(FAILS, "Ends with a JSON-RPC error; a task where the client knows tasks"),
        Tool::new(
            "confirm_delete",
            "A task that asks the user",
            object!({"type": "object", "properties": {"filename": {"type": "string"}}}),
        ),
        plain("multi_input", "A task that asks the user twice at once"),
        plain("test_tool_with_task", "Asks the user first, then becomes a task"),
    ]
}

/// Tasks of all clients.
#[derive(Clone, Default)]
pub(super) struct Tasks {
    manager: TaskManager,
    /// Creation times of the tasks that may still be kept, oldest first.
    made: Arc<Mutex<std::collections::VecDeque<Instant>>>,
}

impl Tasks {
    /// Calls one of these tools.
    ///
    /// # Errors
    ///
    /// Missing required client capability if a tool is a task and the client does not support
    /// tasks; an internal error if there are too many tasks, or the tool fails deliberately.
    pub(super) async fn call(
        &self,
        request: &CallToolRequestParams,
        cx: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let knows = cx.client_capabilities().is_some_and(|client| client.supports_tasks());
        let name = request.name.as_ref();
        if (ALWAYS.contains(&name) || name == "test_tool_with_task") && !knows {
            return Err(ErrorData::missing_required_client_capability(
                ClientCapabilities::builder().enable_tasks().build(),
            ));
        }
        let arguments = request.arguments.clone().unwrap_or_default();
        match name {
            "greet" => Ok(said(format!("Hello, {}!", text_of(&arguments, "name", "friend"))).into()),
            "slow_compute" => self.compute(&arguments, knows, cx).await,
            "failing_job" => self.task(|_| Box::pin(fail_as_tool())),
            FAILS if knows => self.task(|_| Box::pin(async { Err(TaskExit::Error(meant())) })),
            FAILS => Err(meant()),
            "confirm_delete" => {
                let file = text_of(&arguments, "filename", "file.txt").to_owned();
                self.task(move |task| Box::pin(async move { confirm(&task, &file).await }))
            }
            "multi_input" => self.task(|task| Box::pin(async move { gather(&task).await })),
            _ => self.compose(request),
        }
    }

    /// Handles `tasks/get`.
    ///
    /// # Errors
    ///
    /// Invalid params if there is no such task.
    pub(super) fn get(&self, request: &GetTaskParams) -> Result<GetTaskResult, ErrorData> {
        Ok(GetTaskResult::new(self.manager.get_task(&request.task_id)?))
    }

    /// Handles `tasks/update`.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub(super) fn update(&self, request: UpdateTaskParams) -> Result<(), ErrorData> {
        self.manager.update_task(&request.task_id, request.input_responses)
    }

    /// Handles `tasks/cancel`.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub(super) fn cancel(&self, request: &CancelTaskParams) -> Result<(), ErrorData> {
        self.manager.cancel_task(&request.task_id)
    }

    async fn compute(
        &self,
        arguments: &JsonObject,
        as_task: bool,
        cx: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let seconds = arguments.get("seconds").and_then(Value::as_f64).unwrap_or(1.0).clamp(0.0, LONGEST);
        let time = Duration::from_secs_f64(seconds);
        let done = said(format!("{} took {seconds} s", text_of(arguments, "label", "compute")));
        if as_task {
            return self.task(move |task| {
                Box::pin(async move {
                    tokio::select! {
                        () = task.cancelled() => Err(TaskExit::Cancelled),
                        () = tokio::time::sleep(time) => Ok(done),
                    }
                })
            });
        }
        pause(time, cx).await?;
        Ok(done.into())
    }

    /// Combines SEP-2322 and SEP-2663: the first call asks, the retry becomes a task.
    fn compose(&self, request: &CallToolRequestParams) -> Result<CallToolResponse, ErrorData> {
        let answer = request.input_responses.as_ref().and_then(|answers| answers.get("user_name"));
        let Some(name) = answer.and_then(|answer| answer.pointer("/content/name")).and_then(Value::as_str)
        else {
            return Ok(ask::one("user_name", form("What is your name?", "name", "string")?).into());
        };
        let greeting = format!("Hello, {name}, from a task");
        self.task(move |_| Box::pin(async move { Ok(said(greeting)) }))
    }

    fn task(&self, work: impl FnOnce(TaskContext) -> TaskFuture) -> Result<CallToolResponse, ErrorData> {
        self.evict(Instant::now())?;
        let life = u64::try_from(TASK_LIFE.as_millis()).ok();
        let poll = u64::try_from(POLL.as_millis()).unwrap_or(u64::MAX);
        let options = TaskOptions::new().with_ttl_ms(life).with_poll_interval_ms(poll);
        Ok(CreateTaskResult::new(self.manager.spawn(options, work)).into())
    }

    fn evict(&self, now: Instant) -> Result<(), ErrorData> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        while made.front().is_some_and(|then| now.duration_since(*then) > TASK_LIFE * 2) {
            made.pop_front();
        }
        if made.len() >= MAX_TASKS {
            return Err(ErrorData::internal_error(
                format!("more than {MAX_TASKS} tasks: try again later"),
                None,
            ));
        }
        made.push_back(now);
        Ok(())
    }
}

/// Reports that it is working for a moment: a task that is done before its first poll shows
/// nothing.
async fn fail_as_tool() -> Result<CallToolResult, TaskExit> {
    tokio::time::sleep(POLL).await;
    Ok(CallToolResult::error(vec![ContentBlock::text("failing_job fails, as it should")]))
}

async fn confirm(task: &TaskContext, file: &str) -> Result<CallToolResult, TaskExit> {
    let question = form(&format!("Delete {file}?"), "confirm", "boolean").map_err(TaskExit::Error)?;
    let answer = task.request_input("confirm", question).await?;
    let yes = answer.pointer("/content/confirm").and_then(Value::as_bool).unwrap_or(false);
    Ok(said(format!("{file}: {}", if yes { "deleted" } else { "kept" })))
}

async fn gather(task: &TaskContext) -> Result<CallToolResult, TaskExit> {
    let first = form("A first value?", "value", "string").map_err(TaskExit::Error)?;
    let second = form("A second value?", "value", "string").map_err(TaskExit::Error)?;
    let (first, second) =
        tokio::join!(task.request_input("first", first), task.request_input("second", second));
    Ok(said(format!("{} and {}", first?, second?)))
}

fn form(message: &str, field: &str, kind: &str) -> Result<rmcp::model::InputRequest, ErrorData> {
    ask::elicitation(
        message,
        json!({"type": "object", "properties": {field: {"type": kind}}, "required": [field]}),
    )
}

fn meant() -> ErrorData {
    ErrorData::internal_error("protocol_error_job fails, as it should", None)
}

fn said(text: String) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn text_of<'a>(arguments: &'a JsonObject, name: &str, otherwise: &'a str) -> &'a str {
    arguments.get(name).and_then(Value::as_str).unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_tasks_recovers_with_time() {
        let (tasks, start) = (Tasks::default(), Instant::now());
        for _ in 0..MAX_TASKS {
            tasks.evict(start).unwrap();
        }
        assert!(tasks.evict(start + TASK_LIFE * 2).is_err());
        tasks.evict(start + TASK_LIFE * 2 + Duration::from_secs(1)).unwrap();
    }
}
