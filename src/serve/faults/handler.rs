//! A handler in, the same handler with faults out: the one place where answers are delayed, spoilt or kept back.

// Sampling, roots, logging and resource subscriptions are deprecated by 2026-07-28 and part of the revisions before it.
#![expect(deprecated, reason = "older revisions are served too")]

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::request::Parts;
use rmcp::ErrorData;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, CancelledNotificationParam,
    CompleteRequestParams, CompleteResult, ContentBlock, CustomNotification, CustomRequest, CustomResult,
    DiscoverResult, ErrorCode, GetPromptRequestParams, GetPromptResponse, GetSkillRequestParams,
    GetSkillResult, GetTaskParams, GetTaskResult, InitializeRequestParams, InitializeResult,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListSkillsResult, ListToolsResult,
    PaginatedRequestParams, ProgressNotificationParam, ProtocolVersion, ReadResourceDirectoryRequestParams,
    ReadResourceDirectoryResult, ReadResourceRequestParams, ReadResourceResponse, ServerConfig,
    SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
    UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, SubscriptionContext};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{Outcome, Sentence};

/// Requests that may be in work at once, over all sessions. Each holds a task, its parameters and its result: 1024 of
/// them are more than a load test keeps open and some tens of megabytes.
const IN_WORK: usize = 1024;

/// The code of an answer to a request that is one too many: the first of JSON-RPC's codes for servers.
const BUSY: ErrorCode = ErrorCode(-32000);

/// How many requests are in work, and the end of the server.
#[derive(Clone, Debug)]
pub(in crate::serve) struct Busy {
    free: Arc<Semaphore>,
    end: CancellationToken,
}

impl Busy {
    /// Nothing is in work. What hangs on purpose is given up when `end` is cancelled.
    pub(in crate::serve) fn new(end: CancellationToken) -> Self {
        Self { free: Arc::new(Semaphore::new(IN_WORK)), end }
    }
}

/// A handler with faults.
#[derive(Clone, Debug)]
pub(in crate::serve) struct Faulty<H> {
    inner: H,
    busy: Busy,
}

type Context = RequestContext<RoleServer>;
type Answer<T> = Result<T, ErrorData>;

impl<H> Faulty<H> {
    pub(in crate::serve) fn new(inner: H, busy: Busy) -> Self {
        Self { inner, busy }
    }

    /// A turn for the request that came with `context`.
    fn turn(&self, context: &Context) -> Answer<Turn> {
        let permit = Arc::clone(&self.busy.free).try_acquire_owned();
        let permit = permit.map_err(|_| {
            ErrorData::new(BUSY, format!("{IN_WORK} requests are in work: try again later"), None)
        })?;
        let parts = context.extensions.get::<Parts>();
        Ok(Turn {
            sentence: parts.and_then(|parts| parts.extensions.get()).cloned(),
            cancelled: context.ct.clone(),
            end: self.busy.end.clone(),
            _permit: permit,
        })
    }
}

/// A request's turn to be worked on.
struct Turn {
    /// `None` is answered without a fault: what no POST carried.
    sentence: Option<Sentence>,
    cancelled: CancellationToken,
    end: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Turn {
    /// Answers as `work` does, if the sentence lets it.
    async fn take<T>(self, work: impl Future<Output = Answer<T>>) -> Answer<T> {
        let Some(Sentence { verdict, line }) = &self.sentence else {
            return work.await;
        };
        self.wait().await;
        match verdict.outcome {
            Outcome::Answered => work.await,
            Outcome::Cut { reset } => {
                let answer = work.await;
                line.cut(reset);
                answer
            }
            Outcome::ToolError | Outcome::RpcError | Outcome::HttpError => {
                Err(ErrorData::internal_error("failed on purpose (--fail-rate)", None))
            }
            Outcome::Hangs | Outcome::NoStream => {
                tokio::select! {
                    () = self.cancelled.cancelled() => {}
                    () = line.is_gone() => {}
                    () = self.end.cancelled() => {}
                }
                Err(ErrorData::internal_error("hung on purpose (--hang-rate) until the end", None))
            }
        }
    }

    /// Waits as long as the sentence says.
    async fn wait(&self) {
        if let Some(Sentence { verdict, .. }) = &self.sentence
            && !verdict.delay.is_zero()
        {
            tokio::time::sleep(verdict.delay).await;
        }
    }

    /// Whether the answer is a result that says that the tool failed.
    fn is_tool_error(&self) -> bool {
        self.sentence.as_ref().is_some_and(|sentence| sentence.verdict.outcome == Outcome::ToolError)
    }
}

impl<H: ServerHandler> ServerHandler for Faulty<H> {
    fn get_info(&self) -> ServerConfig {
        self.inner.get_info()
    }

    fn negotiate_initialize(&self, request: &InitializeRequestParams) -> Answer<InitializeResult> {
        self.inner.negotiate_initialize(request)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        self.inner.supported_protocol_versions()
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.inner.get_tool(name)
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        self.inner.accepted_subscription_filter(requested)
    }

    async fn listen(&self, context: SubscriptionContext) -> Answer<()> {
        self.turn(context.request_context())?.take(self.inner.listen(context)).await
    }

    async fn ping(&self, context: Context) -> Answer<()> {
        self.inner.ping(context).await
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: Context,
    ) -> Answer<InitializeResult> {
        self.inner.initialize(request, context).await
    }

    async fn discover(&self, context: Context) -> Answer<DiscoverResult> {
        self.inner.discover(context).await
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: Context) -> Answer<CallToolResponse> {
        let turn = self.turn(&context)?;
        if turn.is_tool_error() {
            turn.wait().await;
            let failed = ContentBlock::text("failed on purpose (--fail-rate)");
            return Ok(CallToolResponse::Complete(CallToolResult::error(vec![failed])));
        }
        turn.take(self.inner.call_tool(request, context)).await
    }

    async fn complete(&self, request: CompleteRequestParams, context: Context) -> Answer<CompleteResult> {
        self.turn(&context)?.take(self.inner.complete(request, context)).await
    }

    async fn set_level(&self, request: SetLevelRequestParams, context: Context) -> Answer<()> {
        self.turn(&context)?.take(self.inner.set_level(request, context)).await
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Answer<GetPromptResponse> {
        self.turn(&context)?.take(self.inner.get_prompt(request, context)).await
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Answer<ListPromptsResult> {
        self.turn(&context)?.take(self.inner.list_prompts(request, context)).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Answer<ListResourcesResult> {
        self.turn(&context)?.take(self.inner.list_resources(request, context)).await
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Answer<ListResourceTemplatesResult> {
        self.turn(&context)?.take(self.inner.list_resource_templates(request, context)).await
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: Context,
    ) -> Answer<ReadResourceResponse> {
        self.turn(&context)?.take(self.inner.read_resource(request, context)).await
    }

    async fn subscribe(&self, request: SubscribeRequestParams, context: Context) -> Answer<()> {
        self.turn(&context)?.take(self.inner.subscribe(request, context)).await
    }

    async fn unsubscribe(&self, request: UnsubscribeRequestParams, context: Context) -> Answer<()> {
        self.turn(&context)?.take(self.inner.unsubscribe(request, context)).await
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Answer<ListToolsResult> {
        self.turn(&context)?.take(self.inner.list_tools(request, context)).await
    }

    async fn on_custom_request(&self, request: CustomRequest, context: Context) -> Answer<CustomResult> {
        self.turn(&context)?.take(self.inner.on_custom_request(request, context)).await
    }

    async fn get_task(&self, request: GetTaskParams, context: Context) -> Answer<GetTaskResult> {
        self.turn(&context)?.take(self.inner.get_task(request, context)).await
    }

    async fn update_task(&self, request: UpdateTaskParams, context: Context) -> Answer<()> {
        self.turn(&context)?.take(self.inner.update_task(request, context)).await
    }

    async fn cancel_task(&self, request: CancelTaskParams, context: Context) -> Answer<()> {
        self.turn(&context)?.take(self.inner.cancel_task(request, context)).await
    }

    async fn list_skills(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Answer<ListSkillsResult> {
        self.turn(&context)?.take(self.inner.list_skills(request, context)).await
    }

    async fn get_skill(&self, request: GetSkillRequestParams, context: Context) -> Answer<GetSkillResult> {
        self.turn(&context)?.take(self.inner.get_skill(request, context)).await
    }

    async fn read_resource_directory(
        &self,
        request: ReadResourceDirectoryRequestParams,
        context: Context,
    ) -> Answer<ReadResourceDirectoryResult> {
        self.turn(&context)?.take(self.inner.read_resource_directory(request, context)).await
    }

    async fn on_cancelled(
        &self,
        notification: CancelledNotificationParam,
        context: NotificationContext<RoleServer>,
    ) {
        self.inner.on_cancelled(notification, context).await;
    }

    async fn on_progress(
        &self,
        notification: ProgressNotificationParam,
        context: NotificationContext<RoleServer>,
    ) {
        self.inner.on_progress(notification, context).await;
    }

    async fn on_custom_notification(
        &self,
        notification: CustomNotification,
        context: NotificationContext<RoleServer>,
    ) {
        self.inner.on_custom_notification(notification, context).await;
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.inner.on_initialized(context).await;
    }

    async fn on_roots_list_changed(&self, context: NotificationContext<RoleServer>) {
        self.inner.on_roots_list_changed(context).await;
    }
}
