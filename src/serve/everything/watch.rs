//! Subscriptions, and the tools that make something change: `resources/subscribe` of the older revisions, whose
//! notifications go to the session, and `subscriptions/listen` of 2026-07-28, whose notifications go on its stream.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{
    CallToolRequestParams, CallToolResult, ContentBlock, ResourceUpdatedNotificationParam,
    SubscriptionFilter, Tool,
};
use rmcp::service::{RequestContext, ServiceError, SubscriptionContext, SubscriptionSink};
use rmcp::{ErrorData, RoleServer, object};

use super::catalogue::plain;
use super::content::text_argument;
use super::session::Session;

/// Streams of `subscriptions/listen` at one time: each is a connection that stays open.
const MAX_LISTENERS: usize = 256;

const TOOLS: &[(&str, &str)] = &[
    ("test_trigger_tool_change", "Says that the list of tools changed"),
    ("test_trigger_prompt_change", "Says that the list of prompts changed"),
    ("test_trigger_resource_list_change", "Says that the list of resources changed"),
];

const UPDATE: &str = "test_trigger_resource_update";

/// Whether the tool is one of these.
pub(super) fn has(name: &str) -> bool {
    name == UPDATE || TOOLS.iter().any(|(tool, _)| *tool == name)
}

/// What `tools/list` says of these tools.
pub(super) fn tools() -> Vec<Tool> {
    let mut tools: Vec<Tool> = TOOLS.iter().map(|(name, description)| plain(name, description)).collect();
    tools.push(Tool::new(
        UPDATE,
        "Says that a resource changed, to whoever subscribed to it",
        object!({"type": "object", "properties": {"uri": {"type": "string"}}, "required": ["uri"]}),
    ));
    tools
}

/// What can change.
enum Change {
    Tools,
    Prompts,
    Resources,
    Resource(String),
}

/// Everyone who listens under 2026-07-28.
#[derive(Clone, Default)]
pub(super) struct Listeners {
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    /// Key of the next listener: they go up, and are not used twice.
    next: u64,
    sinks: BTreeMap<u64, SubscriptionSink>,
}

impl Listeners {
    /// Keeps a listener until its request ends.
    ///
    /// # Errors
    ///
    /// An internal error where there are too many.
    pub(super) async fn listen(&self, subscription: &SubscriptionContext) -> Result<(), ErrorData> {
        let place = self.place(subscription.sink().clone())?;
        subscription.cancelled().await;
        drop(place);
        Ok(())
    }

    /// Calls one of the tools: the caller's session is told, and every listener that wants to know.
    ///
    /// # Errors
    ///
    /// Invalid params where an argument is missing; an internal error where the caller is gone.
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
        if !super::stateless(cx) {
            change.tell_session(session, cx).await.map_err(|error| {
                ErrorData::internal_error(format!("the client cannot be told: {error}"), None)
            })?;
        }
        let sinks: Vec<SubscriptionSink> = self.open().sinks.values().cloned().collect();
        let mut told = 0;
        for sink in sinks.iter().filter(|sink| change.wanted(sink.accepted())) {
            // A listener that has just gone is none: its place is given back by its own request.
            told += usize::from(change.tell(sink).await.is_ok());
        }
        Ok(CallToolResult::success(vec![ContentBlock::text(format!("{told} listeners were told"))]))
    }

    fn place(&self, sink: SubscriptionSink) -> Result<Place, ErrorData> {
        let mut open = self.open();
        if open.sinks.len() >= MAX_LISTENERS {
            return Err(ErrorData::internal_error(format!("more than {MAX_LISTENERS} listeners"), None));
        }
        let key = open.next;
        open.next += 1;
        open.sinks.insert(key, sink);
        Ok(Place { key, listeners: self.clone() })
    }

    /// A panic while the lock was held cannot leave half a change behind: each is one insertion or removal.
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A listener's place, given back when its request ends in whatever way: rmcp drops the future of a stream that closed.
struct Place {
    key: u64,
    listeners: Listeners,
}

impl Drop for Place {
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

    async fn tell(&self, sink: &SubscriptionSink) -> Result<(), rmcp::service::SubscriptionSendError> {
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
