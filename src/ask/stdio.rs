//! The stdio transport: one client, on standard input and output.

use std::io;

use rmcp::service::serve_server;

use super::handler::Handler;

/// Answers a client on standard input and output until it closes standard input. Nothing else may
/// use them.
///
/// # Errors
/// The client does not speak MCP, or the streams fail.
pub async fn serve_stdio(handler: Handler) -> io::Result<()> {
    let running = serve_server(handler, (tokio::io::stdin(), tokio::io::stdout())).await;
    let running = match running {
        Ok(running) => running,
        // The client left before it said hello.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(io::Error::other(error)),
    };
    running.waiting().await.map(drop).map_err(io::Error::other)
}
