//! An MCP server handler that logs each request and how long it took to handle.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmcp::ErrorData;
use rmcp::handler::server::ServerHandler;
use rmcp::model::*;
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};
use tokio::time::Instant;

/// A request that reached the server.
#[derive(Clone, Debug)]
pub(crate) struct Handled {
    /// The name of the client, or `None` if it sent none.
    pub(crate) client: Option<String>,
    #[allow(dead_code, reason = "read by the live tests only")]
    pub(crate) id: Value,
    pub(crate) method: &'static str,
    /// Its parameters, without `_meta`.
    pub(crate) params: Value,
    pub(crate) took: Duration,
}

/// The handled requests, shared by all clones. A cancelled request counts, with the time until its
/// cancellation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Handled>>>);

impl Log {
    pub(crate) fn all(&self) -> Vec<Handled> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn by_method(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for handled in self.all() {
            *counts.entry(handled.method.to_owned()).or_default() += 1;
        }
        counts
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Timed<H> {
    pub(crate) inner: H,
    pub(crate) log: Log,
}

type Context = RequestContext<RoleServer>;
type Answer<T> = Result<T, ErrorData>;

/// Logs the request when it is dropped, so also if it is cancelled.
struct Line {
    log: Log,
    handled: Handled,
    began: Instant,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.handled.took = self.began.elapsed();
        self.log.0.lock().unwrap().push(self.handled.clone());
    }
}

impl<H> Timed<H> {
    fn line(&self, method: &'static str, params: impl serde::Serialize, context: &Context) -> Line {
        let mut params = json!(params);
        if let Value::Object(members) = &mut params {
            members.remove("_meta");
        }
        let handled = Handled {
            client: context.client_info().map(|info| info.name),
            id: context.id.clone().into_json_value(),
            method,
            params,
            took: Duration::ZERO,
        };
        Line { log: self.log.clone(), handled, began: Instant::now() }
    }
}

impl<H: ServerHandler> ServerHandler for Timed<H> {
    fn get_info(&self) -> ServerConfig {
        self.inner.get_info()
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        self.inner.supported_protocol_versions()
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.inner.get_tool(name)
    }

    async fn ping(&self, context: Context) -> Answer<()> {
        let _line = self.line("ping", (), &context);
        self.inner.ping(context).await
    }

    async fn initialize(&self, asked: InitializeRequestParams, context: Context) -> Answer<InitializeResult> {
        let mut line = self.line("initialize", (), &context);
        line.handled.client = Some(asked.client_info.name.clone());
        self.inner.initialize(asked, context).await
    }

    async fn discover(&self, context: Context) -> Answer<DiscoverResult> {
        let _line = self.line("server/discover", (), &context);
        self.inner.discover(context).await
    }

    async fn call_tool(&self, asked: CallToolRequestParams, context: Context) -> Answer<CallToolResponse> {
        let _line = self.line("tools/call", &asked, &context);
        self.inner.call_tool(asked, context).await
    }

    async fn complete(&self, asked: CompleteRequestParams, context: Context) -> Answer<CompleteResult> {
        let _line = self.line("completion/complete", &asked, &context);
        self.inner.complete(asked, context).await
    }

    async fn get_prompt(&self, asked: GetPromptRequestParams, context: Context) -> Answer<GetPromptResponse> {
        let _line = self.line("prompts/get", &asked, &context);
        self.inner.get_prompt(asked, context).await
    }

    async fn list_prompts(
        &self,
        asked: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Answer<ListPromptsResult> {
        let _line = self.line("prompts/list", &asked, &context);
        self.inner.list_prompts(asked, context).await
    }

    async fn list_resources(
        &self,
        asked: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Answer<ListResourcesResult> {
        let _line = self.line("resources/list", &asked, &context);
        self.inner.list_resources(asked, context).await
    }

    async fn list_resource_templates(
        &self,
        asked: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Answer<ListResourceTemplatesResult> {
        let _line = self.line("resources/templates/list", &asked, &context);
        self.inner.list_resource_templates(asked, context).await
    }

    async fn read_resource(
        &self,
        asked: ReadResourceRequestParams,
        context: Context,
    ) -> Answer<ReadResourceResponse> {
        let _line = self.line("resources/read", &asked, &context);
        self.inner.read_resource(asked, context).await
    }

    async fn list_tools(
        &self,
        asked: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Answer<ListToolsResult> {
        let _line = self.line("tools/list", &asked, &context);
        self.inner.list_tools(asked, context).await
    }
}
