//! MCP clients that make traffic against any MCP server and measure the latency of each call.
//!
//! `catalogue` asks the server what it has, `script` draws the next step from a seed, and
//! `arguments` generates arguments from JSON schemas. `connect` opens a session (HTTP+SSE by `sse`,
//! Streamable HTTP by rmcp), `answers` handles requests from the server, `client` runs one client,
//! and `meter` wraps the transport and times every exchange as the client sees it.
//!
//! On a server other than `mcpdump serve` it calls only tools marked read-only
//! (`annotations.readOnlyHint`) and tools named by the user, and makes no deliberate errors.

mod answers;
mod arguments;
mod call;
mod catalogue;
mod client;
mod connect;
mod event;
mod meter;
mod options;
mod script;
mod sse;
mod summary;

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use call::Call;
use client::{Client, ClientEnd};
use meter::Meter;
pub use options::{Error, Options, Target, Tools, Transport};
pub use summary::{CallRow, Summary, Times};

/// Runs the clients until `stop` is cancelled, [`Options::duration`] is over, or [`Options::calls`]
/// calls were made. Failed calls are counted. Clients that lose their server reconnect.
///
/// # Errors
/// Invalid options, or no client could open a session.
pub async fn run(options: Options, stop: CancellationToken) -> Result<Summary, Error> {
    options.check()?;
    // Fails if the process already installed a provider; that one is used then.
    drop(rustls::crypto::ring::default_provider().install_default());
    let stop = stop.child_token();
    let options = Arc::new(options);
    let meter = Meter::new(options.observer.clone());
    let mut clients = JoinSet::new();
    for number in 0..options.clients {
        let client = Client::new(number, Arc::clone(&options), meter.clone(), stop.clone())?;
        clients.spawn(client.run());
    }
    let timer = options.duration.map(|duration| {
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(duration) => stop.cancel(),
                () = stop.cancelled() => {}
            }
        })
    });
    let mut failed = None;
    let (mut completed, mut lost) = (0, 0);
    while let Some(end) = clients.join_next().await {
        match end {
            Ok(ClientEnd::Completed) => completed += 1,
            Ok(ClientEnd::ServerLost(why)) => {
                lost += 1;
                failed = failed.or(Some(why));
            }
            Ok(ClientEnd::NeverConnected(why)) => failed = failed.or(Some(why)),
            // A panic in a client is a bug; it is reported like a lost client.
            Err(error) => failed = failed.or(Some(Error::Client(error.to_string()))),
        }
    }
    stop.cancel();
    if let Some(timer) = timer {
        drop(timer.await);
    }
    match failed {
        Some(why) if completed == 0 && lost == 0 => Err(why),
        failed => Ok(meter.summary(failed.map(|why| why.to_string()))),
    }
}
