//! Listens, and serves connections on a thread of its own.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::runtime;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::access::Token;
use super::changes::{Changes, Current};
use super::error::Error;
use super::places::{Known, Places};
use super::routes;
use super::site::{Cache, Site};

/// Connections at one time. A browser has six for each page, or fewer.
const CLIENTS: usize = 64;

/// Time limit for a request head, after the connection or the previous response.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// Largest request head, in bytes.
const HEAD_SIZE: usize = 16 * 1024;

/// Interval at which streams are told of changes.
const TICK: Duration = Duration::from_secs(1);

/// Pause of the listener when there is no room, or the process is out of file descriptors.
const REST: Duration = Duration::from_millis(100);

/// A socket on loopback that waits for browsers, and the secret path.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
    token: Token,
}

impl Listener {
    /// Listens on a loopback address; port 0 takes a free one. Nobody is answered yet.
    ///
    /// # Errors
    /// The address is none of loopback, or in use; there are no random bytes.
    pub fn bind(address: SocketAddr) -> Result<Self, Error> {
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback(address));
        }
        let token = Token::random()?;
        let bind = || -> io::Result<(TcpListener, SocketAddr)> {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = bind().map_err(|source| Error::Listen { address, source })?;
        Ok(Self { listener, address, token })
    }

    /// Returns the address of the page, with the secret path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/{}/", self.address, self.token.text())
    }

    /// Starts answering on a thread of its own, until the process ends. It needs no right that the
    /// sandbox denies.
    ///
    /// # Errors
    /// The thread or its event loop cannot be started.
    pub fn start(self, site: Site) -> Result<(), Error> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(self.listener)?
        };
        let changes = site.changes.clone();
        let (sender, current) = watch::channel(changes.current());
        let router = routes::router(Arc::new(self.token), Arc::new(Cache::new(site)), current);
        let work = move || {
            runtime.block_on(async move {
                tokio::join!(tell_of_changes(&changes, &sender), accept(&listener, &router));
            });
        };
        Builder::new().name("web".to_owned()).spawn(work)?;
        Ok(())
    }
}

/// Passes the latest version on to the streams.
async fn tell_of_changes(changes: &Changes, sender: &watch::Sender<Current>) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let current = changes.current();
        sender.send_if_modified(|last| std::mem::replace(last, current) != current);
    }
}

async fn accept(listener: &tokio::net::TcpListener, router: &Router) {
    let mut places = Places::new(CLIENTS);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(REST).await;
            continue;
        };
        while !places.make_room() {
            sleep(REST).await;
        }
        let known = Known::default();
        let service = TowerToHyperService::new(router.clone().layer(Extension(known.clone())));
        let task = tokio::spawn(async move {
            let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
            builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(HEAD_SIZE);
            // What fails is seen by the browser.
            drop(builder.serve_connection(TokioIo::new(stream), service).await);
        });
        places.add(task.abort_handle(), known);
    }
}
