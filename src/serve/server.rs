//! A server: bind, then run until shutdown.

use std::net::SocketAddr;
use std::sync::Arc;

use rmcp::handler::server::ServerHandler;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::everything::Everything;
use super::faults::{Busy, Faulty, Plan};
use super::guard::Guard;
use super::hackernews::{Hackernews, Stories};
use super::net;
use super::options::Options;
use super::routes;
use super::sse::Sse;
use super::streamable::Mcp;
use super::tls::{Certificate, Tls};

/// An MCP server that listens; [`Server::run`] serves.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: axum::Router,
    /// `None` for plain HTTP.
    tls: Option<Tls>,
    end: CancellationToken,
}

impl Server {
    /// Listens with the Hacker News handler, extended by the conformance features if
    /// `options.everything` is set. Connections wait for [`Server::run`].
    ///
    /// # Errors
    ///
    /// The address cannot be listened on, the stories cannot be loaded, an allowed host or origin
    /// is invalid, or TLS cannot be set up.
    pub async fn bind(options: Options) -> Result<Self, Error> {
        let hackernews = Hackernews::new(Stories::open(&options.stories)?);
        match options.everything {
            true => Self::bind_handler(options, Everything::new(hackernews)).await,
            false => Self::bind_handler(options, hackernews).await,
        }
    }

    /// Listens and answers with `handler`. Connections wait for [`Server::run`].
    ///
    /// # Errors
    ///
    /// The address cannot be listened on, an allowed host or origin is invalid, or TLS cannot be
    /// set up.
    pub async fn bind_handler<H>(options: Options, handler: H) -> Result<Self, Error>
    where
        H: ServerHandler + Clone,
    {
        let listener = net::listen(options.listen).await?;
        let address = listener.local_addr().map_err(|error| Error::listen(options.listen, error))?;
        let guard = Guard::new(address, &options.allowed_hosts, &options.allowed_origins)?;
        let tls =
            options.tls.as_ref().map(|tls| Tls::new(tls, address, &options.allowed_hosts)).transpose()?;
        let end = CancellationToken::new();
        let handler = Faulty::new(handler, Busy::new(end.clone()));
        let plan = Arc::new(Plan::new(options.faults));
        let sse = Sse::new(handler.clone(), Arc::clone(&plan), options.session_idle, end.clone());
        let mcp = Mcp::new(handler, plan, options.json, options.session_idle, end.clone());
        Ok(Self { listener, address, router: routes::router(guard, sse, mcp), tls, end })
    }

    /// Returns the listening address with its port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns the certificate; `None` for plain HTTP.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.tls.as_ref().map(|tls| &tls.certificate)
    }

    /// Serves until `shutdown` is cancelled. Then accepts no more connections, ends streams, and
    /// gives responses in flight a few seconds.
    pub async fn run(self, shutdown: CancellationToken) {
        let end = self.end.clone();
        let ending = async {
            shutdown.cancelled().await;
            end.cancel();
        };
        let acceptor = self.tls.map(|tls| tls.acceptor);
        tokio::join!(ending, net::serve(self.listener, acceptor, self.router, self.end));
    }
}
