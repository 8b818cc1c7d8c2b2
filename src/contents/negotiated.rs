//! What client and server said that they support, and what they use without that.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde_json::Value;

use super::call::Call;
use super::reported::Reported;
use crate::base::{Code, Finding, Side, Status, limits, text};
use crate::ledger::Notification;

/// Extensions that are kept of a server.
const MAX_EXTENSIONS: usize = 32;

/// The revision that has tasks in its core; later ones have them as an extension.
const TASKS: &str = "2025-11-25";

const TASKS_EXTENSION: &str = "io.modelcontextprotocol/tasks";
const SKILLS_EXTENSION: &str = "io.modelcontextprotocol/skills";

/// What the servers of sessions support, by session.
#[derive(Debug, Default)]
pub(super) struct Negotiated {
    servers: HashMap<u32, Supported, RandomState>,
    /// By session and detail.
    reported: Reported<(u32, u64), { limits::MAX_OPEN_EXCHANGES }>,
}

/// What a server announced.
#[derive(Clone, Debug, Default)]
struct Supported {
    is_stateless: bool,
    /// `capabilities.tasks.requests.tools.call`.
    has_tasks: bool,
    /// `capabilities.resources.subscribe`.
    has_subscribe: bool,
    /// `listChanged` of tools, prompts and resources.
    list_changed: [bool; 3],
    extensions: Vec<Box<str>>,
    /// `directoryRead` of the Skills extension.
    has_directories: bool,
}

impl Supported {
    fn of(capabilities: &Value, is_stateless: bool) -> Self {
        let has = |path: &str| capabilities.pointer(path).is_some_and(|found| found != &Value::Bool(false));
        let is_true = |path: &str| capabilities.pointer(path) == Some(&Value::Bool(true));
        let extensions = capabilities.get("extensions").and_then(Value::as_object);
        let names = extensions.into_iter().flat_map(|extensions| extensions.keys());
        Self {
            is_stateless,
            has_tasks: has("/tasks/requests/tools/call"),
            has_subscribe: is_true("/resources/subscribe"),
            list_changed: ["/tools", "/prompts", "/resources"]
                .map(|list| is_true(&format!("{list}/listChanged"))),
            extensions: names.take(MAX_EXTENSIONS).map(|name| text::kept_name(name).into()).collect(),
            has_directories: is_true("/extensions/io.modelcontextprotocol~1skills/directoryRead"),
        }
    }

    fn has_extension(&self, name: &str) -> bool {
        self.extensions.iter().any(|known| **known == *name)
    }
}

impl Negotiated {
    /// Takes a call and returns what it uses although it was not announced.
    pub(super) fn push(&mut self, call: &Call<'_>) -> Vec<Finding> {
        let session = call.exchange.session.number;
        if matches!(&*call.exchange.method, "initialize" | "server/discover") {
            let capabilities = call.result().and_then(|result| result.get("capabilities"));
            if let Some(capabilities) =
                capabilities.filter(|_| self.servers.len() < limits::MAX_OPEN_EXCHANGES)
            {
                // `server/discover` is what the stateless revisions have.
                let is_stateless = &*call.exchange.method == "server/discover";
                self.servers.insert(session, Supported::of(capabilities, is_stateless));
            }
            return Vec::new();
        }
        let of_client = self.used_by_client(call).map(|detail| (call.of_request(CODE, detail), 0));
        let of_server = used_by_server(call).map(|detail| (call.of_response(CODE, detail), 1));
        let used = [of_client, of_server].into_iter().flatten();
        used.filter(|(finding, _)| self.is_new(session, &finding.detail))
            .map(|(finding, _)| finding)
            .collect()
    }

    /// What a request uses and its server did not announce.
    fn used_by_client(&self, call: &Call<'_>) -> Option<String> {
        let exchange = call.exchange;
        let server = self.servers.get(&exchange.session.number)?;
        let method = &*exchange.method;
        if server.is_stateless != call.exchange.is_stateless() {
            return None;
        }
        let needed = match method {
            "tools/call" if exchange.protocol_version.as_deref() == Some(TASKS) => {
                let is_task = || call.request_mentions("\"task\"") && call.param("task").is_some();
                (!server.has_tasks && is_task()).then_some("tasks.requests.tools.call")
            }
            "resources/subscribe" if !server.is_stateless => {
                (!server.has_subscribe && exchange.status != Status::Ok).then_some("resources.subscribe")
            }
            "skills/list" | "skills/get" => {
                (!server.has_extension(SKILLS_EXTENSION)).then_some(SKILLS_EXTENSION)
            }
            "resources/directory/read" => (!server.has_directories).then_some("directoryRead of its skills"),
            "tasks/get" | "tasks/update" | "tasks/cancel" if server.is_stateless => {
                (!server.has_extension(TASKS_EXTENSION)).then_some(TASKS_EXTENSION)
            }
            _ => None,
        }?;
        let what = if method == "tools/call" { "tools/call as a task" } else { method };
        Some(format!("{what} needs {needed}, which the server did not announce"))
    }

    /// Takes a notification and returns what it uses although it was not announced.
    pub(super) fn notification(&mut self, notification: &Notification) -> Option<Finding> {
        let server = self.servers.get(&notification.session.number)?;
        let method = &*notification.method;
        let list = method.strip_prefix("notifications/")?.strip_suffix("/list_changed")?;
        let at = ["tools", "prompts", "resources"].iter().position(|known| *known == list)?;
        if server.is_stateless || notification.from != Side::Server || *server.list_changed.get(at)? {
            return None;
        }
        let detail = format!("{method} needs {list}.listChanged, which the server did not announce");
        let is_new = self.is_new(notification.session.number, &detail);
        is_new.then(|| notification.finding(CODE, detail))
    }

    fn is_new(&mut self, session: u32, detail: &str) -> bool {
        self.reported.insert((session, text::hash(detail)))
    }
}

const CODE: Code = Code::ContentsNotNegotiated;

/// A task as the result of a call whose client did not say that it knows tasks (Tasks extension,
/// "Capability Negotiation").
fn used_by_server(call: &Call<'_>) -> Option<String> {
    let is_task = call.result()?.get("resultType")? == "task";
    let capabilities = call.params()?.get("_meta")?.get("io.modelcontextprotocol/clientCapabilities")?;
    let knows = capabilities.get("extensions").is_some_and(|known| known.get(TASKS_EXTENSION).is_some());
    (is_task && !knows)
        .then(|| format!("a task as the result needs {TASKS_EXTENSION}, which the client did not announce"))
}
