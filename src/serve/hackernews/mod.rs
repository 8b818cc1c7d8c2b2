//! Hacker News as an MCP handler, the same for every transport and revision. Read-only.
//!
//! ```text
//!                 ┌ tools ─── digest, reader ── ask (the client's model, the client's user)
//! request ─ mod ──┼ resources
//!                 └ prompts
//!                       all of them ── stories (snapshot, or the API)
//! ```

mod ask;
mod digest;
mod item;
mod prompts;
mod reader;
mod resources;
mod schema;
mod stories;
#[cfg(test)]
mod tests;
mod tools;

use std::{sync::Arc, time::Duration};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult,
        GetPromptRequestParams, GetPromptResponse, Implementation, InitializeRequestParams, InitializeResult,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
        PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse,
        RequestStateCodec, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};

pub use stories::{LiveOptions, Stories, StoriesError, StoriesOptions};

/// Default duration of a step of `digest`: long enough to watch its progress and to cancel it.
const STEP: Duration = Duration::from_millis(250);

/// Handler of the Hacker News server (`hackernews-server` 1.0.0). Clones share stories and keys, as
/// the handlers of one server must.
#[derive(Debug, Clone)]
pub struct Hackernews {
    stories: Stories,
    /// Seals the `requestState` that clients carry to a retry (MCP 2026-07-28).
    codec: Arc<RequestStateCodec>,
    step: Duration,
}

impl Hackernews {
    /// Creates a handler. Its request states are valid for its clones only.
    pub fn new(stories: Stories) -> Self {
        let key: [u8; RequestStateCodec::MIN_KEY_LENGTH] = rand::random();
        Self { stories, codec: Arc::new(RequestStateCodec::new_unchecked(key)), step: STEP }
    }

    /// Sets the duration of a step of `digest`.
    #[must_use]
    pub fn with_step(self, step: Duration) -> Self {
        Self { step, ..self }
    }
}

impl ServerHandler for Hackernews {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_completions()
            .enable_prompts()
            .enable_resources()
            .enable_tools()
            .build();
        ServerConfig::new(capabilities).with_server_info(Implementation::new("hackernews-server", "1.0.0"))
    }

    /// The capability `completions` exists since 2025-03-26 and is left out before.
    fn negotiate_initialize(&self, request: &InitializeRequestParams) -> Result<InitializeResult, ErrorData> {
        let supported = self.supported_protocol_versions();
        let mut info = self.get_info();
        let asked = &request.protocol_version;
        // An unknown revision, or one without a handshake, is answered with the newest that has
        // one.
        info.protocol_version = match supported.contains(asked) && asked.has_initialize() {
            true => asked.clone(),
            false => ProtocolVersion::LATEST_WITH_INITIALIZE,
        };
        if info.protocol_version == ProtocolVersion::V_2024_11_05 {
            info.capabilities.completions = None;
        }
        Ok(info)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        no_cursor(request)?;
        Ok(ListToolsResult::with_all_items(tools::all(Revision::of(&context), self.stories.is_live())))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::by_name(name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        tools::call(self, request, &context).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        resources::list(&self.stories, cursor.as_deref(), Revision::of(&context)).await
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        no_cursor(request)?;
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates(Revision::of(&context))))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Ok(resources::read(&self.stories, &request.uri).await?.into())
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        no_cursor(request)?;
        Ok(ListPromptsResult::with_all_items(prompts::all(Revision::of(&context))))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        Ok(prompts::get(&self.stories, request).await?.into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        prompts::complete(&self.stories, &request).await
    }
}

/// Revision of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Revision {
    /// 2024-11-05, and clients that name no revision: the oldest forms are understood by all.
    V2024_11_05,
    /// Adds annotations of tools and messages of progress.
    V2025_03_26,
    /// Adds titles and elicitation.
    V2025_06_18,
    /// Wrong arguments are errors of the tool (SEP-1303).
    V2025_11_25,
    /// No requests from the server; `input_required` instead.
    V2026_07_28,
}

impl Revision {
    /// Returns the revision that the request names, else the session's.
    fn of(context: &RequestContext<RoleServer>) -> Self {
        let version = context.protocol_version();
        // Revisions are dates and compare as text. An unknown one is treated like the last one
        // before it.
        match version.as_ref().map_or("", ProtocolVersion::as_str) {
            version if version >= "2026-07-28" => Self::V2026_07_28,
            version if version >= "2025-11-25" => Self::V2025_11_25,
            version if version >= "2025-06-18" => Self::V2025_06_18,
            version if version >= "2025-03-26" => Self::V2025_03_26,
            _ => Self::V2024_11_05,
        }
    }
}

/// Rejects cursors: lists that fit on one page hand none out.
fn no_cursor(request: Option<PaginatedRequestParams>) -> Result<(), ErrorData> {
    match request.and_then(|request| request.cursor) {
        None => Ok(()),
        Some(_) => Err(ErrorData::invalid_params("unknown cursor", None)),
    }
}

/// Converts an error of the source for methods without errors of their own.
fn failed(error: &StoriesError) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}
