//! MCP clients against any MCP server: a URL comes in; real traffic goes out, and how long each call took comes back.
//!
//! What may be called is found out from the server (`catalogue`), what is called next is drawn from a seed (`script`),
//! with arguments that fit the schemas (`arguments`). `connect` opens a session over one of the transports (`sse` is
//! our own, Streamable HTTP is rmcp's), `answers` speaks for the user where the server asks, `client` is one client's
//! life, and `meter` sits between session and transport and times every exchange as the client sees it.
//!
//! It is a guest at other people's servers: of their tools it calls those that say that they only read
//! (`annotations.readOnlyHint`) and those that it was told to call, nothing else, and it makes no errors on purpose.

mod answers;
mod arguments;
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

use client::{Client, Life};
use meter::Meter;
pub use meter::{Call, Outcome};
pub use options::{Error, Options, Target, Tools, Transport};
pub use summary::{Row, Summary, Times};

/// Runs the clients until `stop` is cancelled, [`Options::duration`] is over, or [`Options::calls`] were made, and
/// says what came of it. Calls that fail are counted. Clients whose server goes away try to come back.
///
/// # Errors
/// The options make no sense, or no client got a session.
pub async fn run(options: Options, stop: CancellationToken) -> Result<Summary, Error> {
    options.check()?;
    // Fails where another part of the process has installed one: then that one is used.
    drop(rustls::crypto::ring::default_provider().install_default());
    let stop = stop.child_token();
    let options = Arc::new(options);
    let meter = Meter::new(options.observer.clone());
    let mut clients = JoinSet::new();
    for number in 0..options.clients {
        let client = Client::new(number, Arc::clone(&options), meter.clone(), stop.clone())?;
        clients.spawn(client.live());
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
    let (mut lived, mut lost) = (0, 0);
    while let Some(life) = clients.join_next().await {
        match life {
            Ok(Life::Lived) => lived += 1,
            Ok(Life::ServerLost(why)) => {
                lost += 1;
                failed = failed.or(Some(why));
            }
            Ok(Life::NeverBegan(why)) => failed = failed.or(Some(why)),
            // A client that panicked would be our own fault; it is one that never said goodbye.
            Err(error) => failed = failed.or(Some(Error::Client(error.to_string()))),
        }
    }
    stop.cancel();
    if let Some(timer) = timer {
        drop(timer.await);
    }
    match failed {
        Some(why) if lived == 0 && lost == 0 => Err(why),
        failed => Ok(meter.summary(failed.map(|why| why.to_string()))),
    }
}
