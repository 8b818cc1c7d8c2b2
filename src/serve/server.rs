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
    options: Options,
    /// `None` if another handler answers.
    stories: Option<Stories>,
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
        let stories = Stories::open(&options.stories)?.reporting_to(options.reporter.clone());
        let hackernews = Hackernews::new(stories.clone());
        let server = match options.everything {
            true => Self::bind_handler(options, Everything::new(hackernews)).await?,
            false => Self::bind_handler(options, hackernews).await?,
        };
        Ok(Self { stories: Some(stories), ..server })
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
        let guard = Guard::new(address, &options)?;
        let tls =
            options.tls.as_ref().map(|tls| Tls::new(tls, address, &options.allowed_hosts)).transpose()?;
        let end = CancellationToken::new();
        let handler = Faulty::new(handler, Busy::new(end.clone()));
        let plan = Arc::new(Plan::new(options.faults.clone()));
        let sse = Sse::new(handler.clone(), Arc::clone(&plan), &options, end.clone());
        let mcp = Mcp::new(handler, plan, &options, end.clone());
        let router = routes::router(guard, sse, mcp);
        Ok(Self { listener, address, router, tls, options, stories: None, end })
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
        // Whether the stories can be had is reported before the first client asks for them.
        let checking = self.stories.map(|stories| tokio::spawn(async move { stories.check().await }));
        let service = net::Service {
            tls: self.tls.map(|tls| tls.acceptor),
            router: self.router,
            connections: self.options.connections,
            log: self.options.request_log,
        };
        tokio::join!(ending, net::serve(self.listener, service, self.end));
        if let Some(checking) = checking {
            checking.abort();
        }
    }
}
