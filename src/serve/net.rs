//! Accepts TCP and TLS connections, serves HTTP/1.1 and HTTP/2 on them, and limits their number and
//! duration.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{Budgets, Connection, READ_TIME};
use super::error::Error;
use super::reporter::Reporter;
use super::roster::Roster;

/// Time limit for a request head after the connection or the previous response. Clients keep
/// connections open for their next request.
const HEAD_TIME: Duration = Duration::from_secs(60);

/// Most header lines of a request: clients send about fifteen, proxies add a few.
const HEADERS: usize = 100;

/// Largest request head, in bytes; also the read buffer of a connection.
const HEAD_SIZE: usize = 64 * 1024;

/// Largest head of a request on an HTTP/2 connection, which may have many at a time, in bytes.
const STREAM_HEAD_SIZE: u32 = 16 * 1024;

/// Most requests at once on an HTTP/2 connection. A client holds a stream or two open and makes its
/// calls beside them; more calls wait.
const STREAMS: u32 = 32;

/// Content of a request that an HTTP/2 client may send ahead of its reader, in bytes.
const STREAM_WINDOW: u32 = 64 * 1024;

/// The same for all requests of a connection.
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// Content of a response that waits for an HTTP/2 client to read it, in bytes.
const STREAM_BUFFER: usize = 16 * 1024;

/// Requests of an HTTP/2 client that were reset before they were looked at: beyond that its
/// connection is closed (CVE-2023-44487).
const RESETS: usize = 20;

/// Interval at which an HTTP/2 client is asked whether it is still there.
const ALIVE: Duration = Duration::from_secs(30);

/// Time limit for a TLS handshake, which takes a few round trips.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// Time limit for responses in flight at shutdown.
const GRACE: Duration = Duration::from_secs(5);

/// Pause of the listener when the process is out of file descriptors.
const REST: Duration = Duration::from_millis(10);

/// Listens on `address`.
///
/// # Errors
///
/// The port is in use or reserved for root, or the address does not belong to this machine.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|error| Error::listen(address, error))
}

/// What connections need to be served.
#[derive(Clone)]
pub(super) struct Service {
    /// `None` for plain HTTP.
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) router: Router,
    /// Most open connections.
    pub(super) connections: usize,
    /// Takes a line per request.
    pub(super) log: Reporter,
}

/// Serves connections until `end` is cancelled; then waits [`GRACE`] for responses in flight.
pub(super) async fn serve(listener: TcpListener, service: Service, end: CancellationToken) {
    let tracker = TaskTracker::new();
    let roster = Roster::new(service.connections, 0);
    let budgets = Budgets::default();
    // Cancelled when the time for responses in flight is over.
    let last = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            () = end.cancelled() => break,
            accepted = accept(&listener, &roster) => accepted,
        };
        let Some((stream, client)) = accepted else {
            continue;
        };
        let Some(place) = roster.admit(client.ip(), 0) else {
            refuse(&stream, service.tls.is_some());
            continue;
        };
        let connection = Connection::new(client, place, &budgets, service.log.clone());
        let (service, end, last) = (service.clone(), end.clone(), last.clone());
        tracker.spawn(async move {
            let evicted = connection.clone();
            let work = async {
                // A failed handshake is visible to the client and needs no report.
                if let Some(wire) = tls_handshake(stream, service.tls).await {
                    serve_connection(wire, connection, service.router, end).await;
                }
            };
            tokio::select! {
                () = last.cancelled() => {}
                () = evicted.is_evicted() => {}
                () = work => {}
            }
        });
    }
    drop(listener);
    tracker.close();
    if tokio::time::timeout(GRACE, tracker.wait()).await.is_err() {
        last.cancel();
        tracker.wait().await;
    }
}

/// Accepts the next connection; `None` if it was closed already, or the process is out of file
/// descriptors.
async fn accept(listener: &TcpListener, roster: &Roster) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok((stream, client)) => {
            // Small events must not wait for the ACK of earlier ones. An error is reported by the
            // next read.
            drop(stream.set_nodelay(true));
            Some((stream, client))
        }
        Err(error) if concerns_connection_only(&error) => None,
        Err(_) => {
            // Out of file descriptors: another connection has to end. That takes a moment.
            roster.relieve();
            tokio::time::sleep(REST).await;
            None
        }
    }
}

/// Refuses a connection because all others are being answered.
fn refuse(stream: &TcpStream, is_tls: bool) {
    const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 21\r\n\r\ntoo many connections\n";
    if !is_tls {
        // The buffer of a new socket is empty. Whatever fails, the connection is closed next.
        drop(stream.try_write(BUSY));
    }
}

/// Whether an error of `accept` concerns the new connection only.
fn concerns_connection_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// Performs the TLS handshake if there is an acceptor; `None` if it failed or timed out.
async fn tls_handshake(stream: TcpStream, tls: Option<TlsAcceptor>) -> Option<Wire> {
    let Some(tls) = tls else {
        return Some(Wire::Plain(stream));
    };
    let shaken = tokio::time::timeout(HANDSHAKE_TIME, tls.accept(stream)).await;
    shaken.ok()?.ok().map(|stream| Wire::Tls(Box::new(stream)))
}

/// Serves the requests of one connection. Errors are visible to the client and need no report.
async fn serve_connection(wire: Wire, connection: Connection, router: Router, end: CancellationToken) {
    let router = router.layer(Extension(connection.clone()));
    let socket = Socket { wire, connection: connection.clone(), stalled: None };
    // HTTP/2 where the connection begins with its preface: by ALPN, or by prior knowledge.
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_headers(HEADERS)
        .max_buf_size(HEAD_SIZE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(STREAM_HEAD_SIZE)
        .max_send_buf_size(STREAM_BUFFER)
        .max_pending_accept_reset_streams(RESETS)
        .keep_alive_interval(ALIVE)
        .keep_alive_timeout(ALIVE);
    let served = builder.serve_connection(TokioIo::new(socket), TowerToHyperService::new(router));
    let mut served = std::pin::pin!(served);
    tokio::select! {
        served = &mut served => return drop(served),
        () = end.cancelled() => {}
        // HTTP/1.1 has a time limit for the next head of its own.
        () = connection.is_idle(HEAD_TIME) => {}
    }
    served.as_mut().graceful_shutdown();
    drop(served.await);
}

/// A connection with or without TLS.
enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A readable and writable byte stream.
trait Bytes: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Bytes for T {}

impl Wire {
    fn bytes(&mut self) -> Pin<&mut dyn Bytes> {
        match self {
            Self::Plain(stream) => Pin::new(stream),
            Self::Tls(stream) => Pin::new(stream),
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

/// A socket that disconnects a client that does not read, and can end by RST.
struct Socket {
    wire: Wire,
    connection: Connection,
    /// Running while written data waits for the client.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    /// Returns the result of a write, or an error if it has been pending for too long.
    fn watch<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(READ_TIME)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.wire.bytes().poll_read(context, into)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.wire.bytes().poll_write(context, bytes);
        self.watch(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.wire.bytes().poll_write_vectored(context, pieces);
        self.watch(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.wire {
            Wire::Plain(stream) => stream.is_write_vectored(),
            Wire::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.wire.bytes().poll_flush(context);
        self.watch(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.connection.ends_by_reset() {
            return Poll::Ready(Ok(())); // a FIN would come before the RST
        }
        self.wire.bytes().poll_shutdown(context)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.connection.ends_by_reset() {
            // If this fails the connection ends by FIN, which is a fault too.
            drop(self.wire.tcp().set_zero_linger());
        }
    }
}
