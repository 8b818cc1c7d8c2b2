//! A server: bound, then run until it is told to end.

use std::net::SocketAddr;
use std::sync::Arc;

use rmcp::handler::server::ServerHandler;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::everything::Everything;
use super::faults::{Busy, Faulty, Plan};
use super::guard::Guard;
use super::hackernews::{Hackernews, Stories};
use super::http::{self, App};
use super::net;
use super::options::{Error, Options};
use super::sse::Sessions;
use super::streamable::Mcp;
use super::tls::{Certificate, Tls};

/// An MCP server that listens, and answers once it is run.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: axum::Router,
    /// `None` is plain HTTP.
    tls: Option<Tls>,
    end: CancellationToken,
}

impl Server {
    /// Listens as `options` say, with the Hacker News handler or with everything. Connections wait until [`Server::run`].
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on, there are no stories, what is to be let in is no host or origin, or TLS is
    /// asked for and cannot be had; the message says what to do.
    pub async fn bind(options: Options) -> Result<Self, Error> {
        let hackernews = Hackernews::new(Stories::open(&options.stories)?);
        match options.everything {
            true => Self::bind_handler(options, Everything::new(hackernews)).await,
            false => Self::bind_handler(options, hackernews).await,
        }
    }

    /// Listens as `options` say and answers with `handler`. Connections wait until [`Server::run`].
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on, what is to be let in is no host or origin, or TLS is asked for and cannot
    /// be had; the message says what to do.
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
        let app = App {
            guard,
            plan: Plan::new(options.faults),
            sse: Sessions::new(handler.clone(), options.session_idle, end.clone()),
            mcp: Mcp::new(handler, options.json, options.session_idle),
            end: end.clone(),
        };
        Ok(Self { listener, address, router: http::router(Arc::new(app)), tls, end })
    }

    /// The address that is listened on, with its port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The certificate; `None` where the server speaks plain HTTP.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.tls.as_ref().map(|tls| &tls.certificate)
    }

    /// Answers until `shutdown` is cancelled; then nothing more is accepted, streams are ended, and responses in flight
    /// get some seconds.
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
