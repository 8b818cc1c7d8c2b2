//! Subscriptions, and tools that change something: `resources/subscribe` of the older revisions,
//! whose notifications go to the session, and `subscriptions/listen` of 2026-07-28, whose
//! notifications go on its stream.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{
    CallToolRequestParams, CallToolResult, ContentBlock, ResourceUpdatedNotificationParam,
    SubscriptionFilter, Tool,
};
use rmcp::service::{RequestContext, ServiceError, SubscriptionContext, SubscriptionSink};
use rmcp::{ErrorData, RoleServer, object};

use super::content::text_argument;
use super::revision::is_stateless;
use super::session::Session;
use super::tool::plain;

/// Most open streams of `subscriptions/listen`: each is an open connection.
const MAX_LISTENERS: usize = 256;

const TOOLS: &[(&str, &str)] = &[
    ("test_trigger_tool_change", "Says that the list of tools changed"),
    ("test_trigger_prompt_change", "Says that the list of prompts changed"),
    ("test_trigger_resource_list_change", "Says that the list of resources changed"),
];

const UPDATE: &str = "test_trigger_resource_update";

/// Whether this module has the tool.
pub(super) fn has(name: &str) -> bool {
    name == UPDATE || TOOLS.iter().any(|(tool, _)| *tool == name)
}

/// Returns the definitions of these tools.
pub(super) fn tools() -> Vec<Tool> {
    let mut tools: Vec<Tool> = TOOLS.iter().map(|(name, description)| plain(name, description)).collect();
    tools.push(Tool::new(
        UPDATE,
        "Notifies subscribers that a resource changed",
        object!({"type": "object", "properties": {"uri": {"type": "string"}}, "required": ["uri"]}),
    ));
    tools
}

/// Something that can change.
enum Change {
    Tools,
    Prompts,
    Resources,
    Resource(String),
}

/// All listeners of 2026-07-28.
#[derive(Clone, Default)]
pub(super) struct Listeners {
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    /// Key of the next listener; keys are not reused.
    next: u64,
    sinks: BTreeMap<u64, SubscriptionSink>,
}

impl Listeners {
    /// Keeps a listener until its request ends.
    ///
    /// # Errors
    ///
    /// An internal error if there are too many.
    pub(super) async fn listen(&self, subscription: &SubscriptionContext) -> Result<(), ErrorData> {
        let place = self.place(subscription.sink().clone())?;
        subscription.cancelled().await;
        drop(place);
        Ok(())
    }

    /// Calls one of the tools and notifies the caller's session and every listener that asked for
    /// it.
    ///
    /// # Errors
    ///
    /// Invalid params if an argument is missing; an internal error if the caller is gone.
    pub(super) async fn call(
        &self,
        request: &CallToolRequestParams,
        session: &Session,
        cx: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let change = match request.name.as_ref() {
            "test_trigger_tool_change" => Change::Tools,
            "test_trigger_prompt_change" => Change::Prompts,
            UPDATE => Change::Resource(
                text_argument(&request.arguments.clone().unwrap_or_default(), "uri")?.to_owned(),
            ),
            _ => Change::Resources,
        };
        if !is_stateless(cx) {
            change.tell_session(session, cx).await.map_err(|error| {
                ErrorData::internal_error(format!("the client cannot be notified: {error}"), None)
            })?;
        }
        let sinks: Vec<SubscriptionSink> = self.open().sinks.values().cloned().collect();
        let mut notified = 0;
        for sink in sinks.iter().filter(|sink| change.wanted(sink.accepted())) {
            // A listener that has just gone is not counted; its own request removes it.
            notified += usize::from(change.notify(sink).await.is_ok());
        }
        Ok(CallToolResult::success(vec![ContentBlock::text(format!("{notified} listeners were notified"))]))
    }

    fn place(&self, sink: SubscriptionSink) -> Result<Registration, ErrorData> {
        let mut open = self.open();
        if open.sinks.len() >= MAX_LISTENERS {
            return Err(ErrorData::internal_error(format!("more than {MAX_LISTENERS} listeners"), None));
        }
        let key = open.next;
        open.next += 1;
        open.sinks.insert(key, sink);
        Ok(Registration { key, listeners: self.clone() })
    }

    /// Locks the listeners. Each update is one insertion or removal, so the data of a poisoned lock
    /// is valid.
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Entry of a listener, removed when its request ends in any way: rmcp drops the future of a closed
/// stream.
struct Registration {
    key: u64,
    listeners: Listeners,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.listeners.open().sinks.remove(&self.key);
    }
}

impl Change {
    fn wanted(&self, filter: &SubscriptionFilter) -> bool {
        match self {
            Self::Tools => filter.tools_list_changed == Some(true),
            Self::Prompts => filter.prompts_list_changed == Some(true),
            Self::Resources => filter.resources_list_changed == Some(true),
            Self::Resource(uri) => filter.resource_subscriptions.iter().flatten().any(|wanted| wanted == uri),
        }
    }

    async fn notify(&self, sink: &SubscriptionSink) -> Result<(), rmcp::service::SubscriptionSendError> {
        match self {
            Self::Tools => sink.notify_tool_list_changed().await,
            Self::Prompts => sink.notify_prompt_list_changed().await,
            Self::Resources => sink.notify_resource_list_changed().await,
            Self::Resource(uri) => sink.notify_resource_updated(uri.as_str()).await,
        }
    }

    async fn tell_session(
        &self,
        session: &Session,
        cx: &RequestContext<RoleServer>,
    ) -> Result<(), ServiceError> {
        match self {
            Self::Tools => cx.peer.notify_tool_list_changed().await,
            Self::Prompts => cx.peer.notify_prompt_list_changed().await,
            Self::Resources => cx.peer.notify_resource_list_changed().await,
            Self::Resource(uri) if session.watches(uri) => {
                cx.peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri.as_str())).await
            }
            Self::Resource(_) => Ok(()),
        }
    }
}
