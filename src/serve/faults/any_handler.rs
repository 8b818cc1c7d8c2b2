//! A handler of any type behind one interface.

// As in `handler`.
#![expect(deprecated, reason = "older revisions are served too")]

use std::borrow::Cow;

use futures::future::BoxFuture;
use rmcp::ErrorData;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, CancelledNotificationParam,
    CompleteRequestParams, CompleteResult, CustomNotification, CustomRequest, CustomResult, DiscoverResult,
    GetPromptRequestParams, GetPromptResponse, GetSkillRequestParams, GetSkillResult, GetTaskParams,
    GetTaskResult, InitializeRequestParams, InitializeResult, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListSkillsResult, ListToolsResult, PaginatedRequestParams,
    ProgressNotificationParam, ProtocolVersion, ReadResourceDirectoryRequestParams,
    ReadResourceDirectoryResult, ReadResourceRequestParams, ReadResourceResponse, ServerConfig,
    SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
    UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, SubscriptionContext};

type Context = RequestContext<RoleServer>;
type Notification = NotificationContext<RoleServer>;
type Answer<T> = Result<T, ErrorData>;

/// Declares [`AnyHandler`] with these methods of [`ServerHandler`], whose futures it boxes.
macro_rules! any_handler {
    ($($name:ident($($argument:ident: $type:ty),+) -> $answer:ty;)+) => {
        /// What [`super::Faulty`] calls of a [`ServerHandler`].
        pub(super) trait AnyHandler: Send + Sync {
            /// A clone, which is the handler of another session.
            fn new_session(&self) -> Box<dyn AnyHandler>;
            fn get_info(&self) -> ServerConfig;
            fn negotiate_initialize(&self, request: &InitializeRequestParams) -> Answer<InitializeResult>;
            fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]>;
            fn get_tool(&self, name: &str) -> Option<Tool>;
            fn accepted_subscription_filter(&self, requested: &SubscriptionFilter)
            -> Option<SubscriptionFilter>;
            $(fn $name(&self, $($argument: $type),+) -> BoxFuture<'_, $answer>;)+
        }

        impl<H: ServerHandler + Clone> AnyHandler for H {
            fn new_session(&self) -> Box<dyn AnyHandler> {
                Box::new(self.clone())
            }

            fn get_info(&self) -> ServerConfig {
                ServerHandler::get_info(self)
            }

            fn negotiate_initialize(&self, request: &InitializeRequestParams) -> Answer<InitializeResult> {
                ServerHandler::negotiate_initialize(self, request)
            }

            fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
                ServerHandler::supported_protocol_versions(self)
            }

            fn get_tool(&self, name: &str) -> Option<Tool> {
                ServerHandler::get_tool(self, name)
            }

            fn accepted_subscription_filter(
                &self,
                requested: &SubscriptionFilter,
            ) -> Option<SubscriptionFilter> {
                ServerHandler::accepted_subscription_filter(self, requested)
            }

            $(fn $name(&self, $($argument: $type),+) -> BoxFuture<'_, $answer> {
                Box::pin(ServerHandler::$name(self, $($argument),+))
            })+
        }
    };
}

any_handler! {
    listen(context: SubscriptionContext) -> Answer<()>;
    ping(context: Context) -> Answer<()>;
    initialize(request: InitializeRequestParams, context: Context) -> Answer<InitializeResult>;
    discover(context: Context) -> Answer<DiscoverResult>;
    call_tool(request: CallToolRequestParams, context: Context) -> Answer<CallToolResponse>;
    complete(request: CompleteRequestParams, context: Context) -> Answer<CompleteResult>;
    set_level(request: SetLevelRequestParams, context: Context) -> Answer<()>;
    get_prompt(request: GetPromptRequestParams, context: Context) -> Answer<GetPromptResponse>;
    list_prompts(request: Option<PaginatedRequestParams>, context: Context) -> Answer<ListPromptsResult>;
    list_resources(request: Option<PaginatedRequestParams>, context: Context) -> Answer<ListResourcesResult>;
    list_resource_templates(
        request: Option<PaginatedRequestParams>,
        context: Context
    ) -> Answer<ListResourceTemplatesResult>;
    read_resource(request: ReadResourceRequestParams, context: Context) -> Answer<ReadResourceResponse>;
    subscribe(request: SubscribeRequestParams, context: Context) -> Answer<()>;
    unsubscribe(request: UnsubscribeRequestParams, context: Context) -> Answer<()>;
    list_tools(request: Option<PaginatedRequestParams>, context: Context) -> Answer<ListToolsResult>;
    on_custom_request(request: CustomRequest, context: Context) -> Answer<CustomResult>;
    get_task(request: GetTaskParams, context: Context) -> Answer<GetTaskResult>;
    update_task(request: UpdateTaskParams, context: Context) -> Answer<()>;
    cancel_task(request: CancelTaskParams, context: Context) -> Answer<()>;
    list_skills(request: Option<PaginatedRequestParams>, context: Context) -> Answer<ListSkillsResult>;
    get_skill(request: GetSkillRequestParams, context: Context) -> Answer<GetSkillResult>;
    read_resource_directory(
        request: ReadResourceDirectoryRequestParams,
        context: Context
    ) -> Answer<ReadResourceDirectoryResult>;
    on_cancelled(notification: CancelledNotificationParam, context: Notification) -> ();
    on_progress(notification: ProgressNotificationParam, context: Notification) -> ();
    on_custom_notification(notification: CustomNotification, context: Notification) -> ();
    on_initialized(context: Notification) -> ();
    on_roots_list_changed(context: Notification) -> ();
}
