//! Wraps a handler to delay, fail or withhold its answers.

// 2026-07-28 deprecates sampling, roots, logging and resource subscriptions; earlier revisions have
// them.
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

use super::any_handler::AnyHandler;
use super::{AssignedVerdict, Outcome};

/// Most requests in progress over all sessions. Each holds a task, parameters and a result: 1024
/// are more than a load test keeps open, and tens of megabytes.
const IN_PROGRESS: usize = 1024;

/// Error code for a request beyond [`IN_PROGRESS`]: the first of JSON-RPC's server errors.
const BUSY: ErrorCode = ErrorCode(-32000);

/// Counts requests in progress, and knows when the server shuts down.
#[derive(Clone, Debug)]
pub(in crate::serve) struct Busy {
    free: Arc<Semaphore>,
    end: CancellationToken,
}

impl Busy {
    /// Creates the counter. Deliberately hanging requests end when `end` is cancelled.
    pub(in crate::serve) fn new(end: CancellationToken) -> Self {
        Self { free: Arc::new(Semaphore::new(IN_PROGRESS)), end }
    }
}

/// A handler with faults.
///
/// Not generic: the transports of rmcp, which are compiled anew for each type of handler, see one
/// type only.
pub(in crate::serve) struct Faulty {
    inner: Box<dyn AnyHandler>,
    busy: Busy,
}

/// A clone is a new session, as far as the handler tells sessions apart.
impl Clone for Faulty {
    fn clone(&self) -> Self {
        Self { inner: self.inner.new_session(), busy: self.busy.clone() }
    }
}

type Context = RequestContext<RoleServer>;
type Answer<T> = Result<T, ErrorData>;

impl Faulty {
    pub(in crate::serve) fn new(inner: impl ServerHandler + Clone, busy: Busy) -> Self {
        Self { inner: Box::new(inner), busy }
    }

    /// Admits the request of `context`.
    fn admit(&self, context: &Context) -> Answer<Admitted> {
        let permit = Arc::clone(&self.busy.free).try_acquire_owned();
        let permit = permit.map_err(|_| {
            ErrorData::new(BUSY, format!("{IN_PROGRESS} requests are in work: try again later"), None)
        })?;
        let parts = context.extensions.get::<Parts>();
        Ok(Admitted {
            assigned: parts.and_then(|parts| parts.extensions.get()).cloned(),
            cancelled: context.ct.clone(),
            end: self.busy.end.clone(),
            _permit: permit,
        })
    }
}

/// An admitted request.
struct Admitted {
    /// `None` for requests that no POST carried, which get no faults.
    assigned: Option<AssignedVerdict>,
    cancelled: CancellationToken,
    end: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Admitted {
    /// Runs `work` and returns its answer, unless the verdict says otherwise.
    async fn run<T>(self, work: impl Future<Output = Answer<T>>) -> Answer<T> {
        let Some(AssignedVerdict { verdict, line }) = &self.assigned else {
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

    /// Waits for the delay of the verdict.
    async fn wait(&self) {
        if let Some(AssignedVerdict { verdict, .. }) = &self.assigned
            && !verdict.delay.is_zero()
        {
            tokio::time::sleep(verdict.delay).await;
        }
    }

    /// Whether the answer is a tool result with `isError`.
    fn is_tool_error(&self) -> bool {
        self.assigned.as_ref().is_some_and(|assigned| assigned.verdict.outcome == Outcome::ToolError)
    }
}

impl ServerHandler for Faulty {
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
        self.admit(context.request_context())?.run(self.inner.listen(context)).await
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
        let turn = self.admit(&context)?;
        if turn.is_tool_error() {
            turn.wait().await;
            let failed = ContentBlock::text("failed on purpose (--fail-rate)");
            return Ok(CallToolResponse::Complete(CallToolResult::error(vec![failed])));
        }
        turn.run(self.inner.call_tool(request, context)).await
    }

    async fn complete(&self, request: CompleteRequestParams, context: Context) -> Answer<CompleteResult> {
        self.admit(&context)?.run(self.inner.complete(request, context)).await
    }

    async fn set_level(&self, request: SetLevelRequestParams, context: Context) -> Answer<()> {
        self.admit(&context)?.run(self.inner.set_level(request, context)).await
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Answer<GetPromptResponse> {
        self.admit(&context)?.run(self.inner.get_prompt(request, context)).await
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Answer<ListPromptsResult> {
        self.admit(&context)?.run(self.inner.list_prompts(request, context)).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Answer<ListResourcesResult> {
        self.admit(&context)?.run(self.inner.list_resources(request, context)).await
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Answer<ListResourceTemplatesResult> {
        self.admit(&context)?.run(self.inner.list_resource_templates(request, context)).await
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: Context,
    ) -> Answer<ReadResourceResponse> {
        self.admit(&context)?.run(self.inner.read_resource(request, context)).await
    }

    async fn subscribe(&self, request: SubscribeRequestParams, context: Context) -> Answer<()> {
        self.admit(&context)?.run(self.inner.subscribe(request, context)).await
    }

    async fn unsubscribe(&self, request: UnsubscribeRequestParams, context: Context) -> Answer<()> {
        self.admit(&context)?.run(self.inner.unsubscribe(request, context)).await
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Answer<ListToolsResult> {
        self.admit(&context)?.run(self.inner.list_tools(request, context)).await
    }

    async fn on_custom_request(&self, request: CustomRequest, context: Context) -> Answer<CustomResult> {
        self.admit(&context)?.run(self.inner.on_custom_request(request, context)).await
    }

    async fn get_task(&self, request: GetTaskParams, context: Context) -> Answer<GetTaskResult> {
        self.admit(&context)?.run(self.inner.get_task(request, context)).await
    }

    async fn update_task(&self, request: UpdateTaskParams, context: Context) -> Answer<()> {
        self.admit(&context)?.run(self.inner.update_task(request, context)).await
    }

    async fn cancel_task(&self, request: CancelTaskParams, context: Context) -> Answer<()> {
        self.admit(&context)?.run(self.inner.cancel_task(request, context)).await
    }

    async fn list_skills(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Answer<ListSkillsResult> {
        self.admit(&context)?.run(self.inner.list_skills(request, context)).await
    }

    async fn get_skill(&self, request: GetSkillRequestParams, context: Context) -> Answer<GetSkillResult> {
        self.admit(&context)?.run(self.inner.get_skill(request, context)).await
    }

    async fn read_resource_directory(
        &self,
        request: ReadResourceDirectoryRequestParams,
        context: Context,
    ) -> Answer<ReadResourceDirectoryResult> {
        self.admit(&context)?.run(self.inner.read_resource_directory(request, context)).await
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
