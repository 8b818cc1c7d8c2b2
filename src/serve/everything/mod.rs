//! `mcpdump serve --everything`: the Hacker News server with every feature of MCP.
//!
//! Tools, resources and prompts whose names begin with `test_` are those that the official
//! conformance suite calls (`@modelcontextprotocol/conformance`). All other requests go to the
//! Hacker News handler. The only property of the transport known here is that a response stream may
//! be ended early.
//!
//! ```text
//!                    ┌ content     answers at once
//!                    ├ during      logs, reports progress, ends its stream
//! request ── mod ────┼ ask         asks the client: on the stream, or with input_required
//!             │      ├ rounds      asks in several rounds, with a sealed state (SEP-2322)
//!             │      ├ tasks       becomes a task (SEP-2663)
//!             │      ├ watch       subscriptions
//!             │      └ resources, prompts, skills (SEP-2640)
//!             └─▶ hackernews       everything else
//! ```

#![expect(deprecated, reason = "logging and resources/subscribe are what older revisions have (SEP-2577)")]

mod ask;
mod catalogue;
mod content;
mod during;
mod prompts;
mod resources;
mod revision;
mod rounds;
mod session;
mod skills;
mod tasks;
#[cfg(test)]
mod tests;
mod tool;
mod watch;

use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams, CompleteResult,
    ExtensionCapabilities, GetPromptRequestParams, GetPromptResponse, GetSkillRequestParams, GetSkillResult,
    GetTaskParams, GetTaskResult, InitializeRequestParams, InitializeResult, JsonObject, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListSkillsResult, ListToolsResult,
    PaginatedRequestParams, ReadResourceDirectoryRequestParams, ReadResourceDirectoryResult,
    ReadResourceRequestParams, ReadResourceResponse, Reference, SKILLS_EXTENSION_ID, ServerCapabilities,
    ServerConfig, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, TASKS_EXTENSION_ID,
    Tool, UnsubscribeRequestParams, UpdateTaskParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler, object};

use super::hackernews::Hackernews;
use rounds::Rounds;
use session::Session;
use skills::Skills;
use tasks::Tasks;
use watch::Listeners;

type Context = RequestContext<RoleServer>;

/// A handler with every feature of MCP, around the Hacker News handler.
///
/// A clone is a new session: it shares tasks, listeners and keys, but not the state of the session.
/// Transports clone their handler once per session.
pub struct Everything {
    hackernews: Hackernews,
    tools: Arc<[Tool]>,
    skills: Arc<Skills>,
    rounds: Rounds,
    tasks: Tasks,
    listeners: Listeners,
    session: Session,
}

impl Everything {
    /// Wraps a handler, with no tasks or listeners and with its own key.
    #[must_use]
    pub fn new(hackernews: Hackernews) -> Self {
        Self {
            hackernews,
            tools: catalogue::tools().into(),
            skills: Arc::new(Skills::embedded()),
            rounds: Rounds::new(),
            tasks: Tasks::default(),
            listeners: Listeners::default(),
            session: Session::new(),
        }
    }
}

impl Clone for Everything {
    fn clone(&self) -> Self {
        Self {
            hackernews: self.hackernews.clone(),
            tools: Arc::clone(&self.tools),
            skills: Arc::clone(&self.skills),
            rounds: self.rounds.clone(),
            tasks: self.tasks.clone(),
            listeners: self.listeners.clone(),
            session: self.session.another(),
        }
    }
}

impl ServerHandler for Everything {
    fn get_info(&self) -> ServerConfig {
        let mut info = self.hackernews.get_info();
        extend(&mut info.capabilities);
        info
    }

    fn negotiate_initialize(&self, request: &InitializeRequestParams) -> Result<InitializeResult, ErrorData> {
        let mut result = self.hackernews.negotiate_initialize(request)?;
        let completions = result.capabilities.completions.take();
        extend(&mut result.capabilities);
        result.capabilities.completions = completions;
        Ok(result)
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        self.listeners.listen(&subscription).await
    }

    async fn subscribe(&self, request: SubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        self.session.subscribe(&request.uri)
    }

    async fn unsubscribe(&self, request: UnsubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        self.session.unsubscribe(&request.uri);
        Ok(())
    }

    async fn set_level(&self, request: SetLevelRequestParams, _: Context) -> Result<(), ErrorData> {
        self.session.set_level(request.level);
        Ok(())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        cx: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        let first = is_first(request.as_ref());
        let mut page = self.hackernews.list_tools(request, cx).await?;
        if first {
            page.tools.splice(..0, self.tools.iter().cloned());
        }
        Ok(page)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let own = self.tools.iter().find(|tool| tool.name == name).cloned();
        own.or_else(|| self.hackernews.get_tool(name))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        cx: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        match request.name.as_ref() {
            name if content::has(name) => {
                content::call(name, &request.arguments.clone().unwrap_or_default()).map(Into::into)
            }
            name if during::has(name) => during::call(name, &self.session, &cx).await.map(Into::into),
            name if ask::has(name) => ask::call(&request, &cx).await,
            name if rounds::has(name) => self.rounds.call(&request, &cx),
            name if tasks::has(name) => self.tasks.call(&request, &cx).await,
            name if watch::has(name) => {
                self.listeners.call(&request, &self.session, &cx).await.map(Into::into)
            }
            _ => self.hackernews.call_tool(request, cx).await,
        }
    }

    async fn get_task(&self, request: GetTaskParams, _: Context) -> Result<GetTaskResult, ErrorData> {
        self.tasks.get(&request)
    }

    async fn update_task(&self, request: UpdateTaskParams, _: Context) -> Result<(), ErrorData> {
        self.tasks.update(request)
    }

    async fn cancel_task(&self, request: CancelTaskParams, _: Context) -> Result<(), ErrorData> {
        self.tasks.cancel(&request)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        cx: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        let first = is_first(request.as_ref());
        let mut page = self.hackernews.list_resources(request, cx).await?;
        if first {
            page.resources.splice(..0, resources::list().into_iter().chain(self.skills.resources()));
        }
        Ok(page)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        cx: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let first = is_first(request.as_ref());
        let mut page = self.hackernews.list_resource_templates(request, cx).await?;
        if first {
            page.resource_templates.splice(..0, resources::templates());
        }
        Ok(page)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        cx: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        match resources::read(&request.uri).or_else(|| self.skills.read(&request.uri)) {
            Some(result) => Ok(result.into()),
            None => self.hackernews.read_resource(request, cx).await,
        }
    }

    async fn read_resource_directory(
        &self,
        request: ReadResourceDirectoryRequestParams,
        _: Context,
    ) -> Result<ReadResourceDirectoryResult, ErrorData> {
        self.skills.folder(&request.uri)
    }

    async fn list_skills(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListSkillsResult, ErrorData> {
        Ok(self.skills.list())
    }

    async fn get_skill(
        &self,
        request: GetSkillRequestParams,
        _: Context,
    ) -> Result<GetSkillResult, ErrorData> {
        self.skills.get(&request.uri)
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        cx: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        let first = is_first(request.as_ref());
        let mut page = self.hackernews.list_prompts(request, cx).await?;
        if first {
            page.prompts.splice(..0, prompts::list());
        }
        Ok(page)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        cx: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        if request.name == rounds::PROMPT {
            return self.rounds.prompt(&request, &cx);
        }
        match prompts::get(&request) {
            Some(result) => result.map(Into::into),
            None => self.hackernews.get_prompt(request, cx).await,
        }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        cx: Context,
    ) -> Result<CompleteResult, ErrorData> {
        let typed = &request.argument.value;
        let own = match &request.r#ref {
            Reference::Prompt(prompt) => prompts::complete(&prompt.name, &request.argument.name, typed),
            Reference::Resource(resource) => {
                (resource.uri == resources::TEMPLATE).then(|| resources::complete(typed))
            }
            _ => None,
        };
        match own {
            Some(completion) => Ok(CompleteResult::new(completion)),
            None => self.hackernews.complete(request, cx).await,
        }
    }
}

/// Whether a list is requested from its beginning. This handler's entries come before the first
/// page of the wrapped handler, whose cursors stay unchanged.
fn is_first(request: Option<&PaginatedRequestParams>) -> bool {
    request.is_none_or(|request| request.cursor.is_none())
}

/// Adds the capabilities of this handler to those of the wrapped one.
fn extend(capabilities: &mut ServerCapabilities) {
    capabilities.logging = Some(JsonObject::new());
    capabilities.completions.get_or_insert_default();
    capabilities.tools.get_or_insert_default().list_changed = Some(true);
    capabilities.prompts.get_or_insert_default().list_changed = Some(true);
    let resources = capabilities.resources.get_or_insert_default();
    resources.subscribe = Some(true);
    resources.list_changed = Some(true);
    let extensions = capabilities.extensions.get_or_insert_with(ExtensionCapabilities::new);
    extensions.insert(TASKS_EXTENSION_ID.to_owned(), JsonObject::new());
    extensions.insert(SKILLS_EXTENSION_ID.to_owned(), object!({"directoryRead": true}));
}
