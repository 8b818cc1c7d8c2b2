//! Hacker News as an MCP handler, the same for every transport and revision. Read-only.
//!
//! ```text
//!                 ┌ tools ─── digest, reader ── ask (the client's model, the client's user)
//! request ─ mod ──┼ resources
//!                 └ prompts
//!                       all of them ── stories (snapshot, or the API)
//! ```

mod arguments;
mod ask;
mod digest;
mod handler;
mod item;
mod prompts;
mod reader;
mod resources;
mod results;
mod revision;
mod schema;
mod stories;
#[cfg(test)]
mod tests;
mod tools;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult,
        GetPromptRequestParams, GetPromptResponse, Implementation, InitializeRequestParams, InitializeResult,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
        PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse,
        ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};

use revision::Revision;

pub use handler::Hackernews;
pub use stories::{LiveOptions, Stories, StoriesError, StoriesOptions};

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

/// Rejects cursors: lists that fit on one page hand none out.
fn no_cursor(request: Option<PaginatedRequestParams>) -> Result<(), ErrorData> {
    match request.and_then(|request| request.cursor) {
        None => Ok(()),
        Some(_) => Err(ErrorData::invalid_params("unknown cursor", None)),
    }
}
