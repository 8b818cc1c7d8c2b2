//! A page of metrics over HTTP (`--prometheus`), for few and well-behaved clients.
//!
//! A request is read up to a limit, in a limited time; more clients than [`MAX_CLIENTS`] are turned
//! away. The page is the only one.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// Clients at one time.
const MAX_CLIENTS: usize = 8;

/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 8 << 10;

/// Time limits: of reading a request, and of each step of writing the answer.
const READING: Duration = Duration::from_secs(5);
const WRITING: Duration = Duration::from_secs(5);

/// Makes the page.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// A socket that waits for clients.
#[derive(Debug)]
pub struct Scrape {
    listener: TcpListener,
    address: SocketAddr,
}

impl Scrape {
    /// Listens at an address. Nobody is answered yet.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Returns the address and port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts answering, on threads of its own, until the process ends. They need no right that the
    /// sandbox denies.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(self, media_type: &'static str, render: Render) -> io::Result<()> {
        let clients = Arc::new(AtomicUsize::new(0));
        let work = move || {
            loop {
                let Ok((stream, _)) = self.listener.accept() else {
                    // Without file descriptors, accept fails at once: wait until some are free.
                    std::thread::sleep(Duration::from_millis(100));
                    continue;
                };
                if clients.fetch_add(1, Ordering::AcqRel) >= MAX_CLIENTS {
                    clients.fetch_sub(1, Ordering::AcqRel);
                    continue;
                }
                let (render, counter) = (Arc::clone(&render), Arc::clone(&clients));
                let is_local = self.address.ip().is_loopback();
                let serve = move || {
                    // The client is gone, or too slow.
                    drop(answer(&stream, media_type, is_local, &render));
                    counter.fetch_sub(1, Ordering::AcqRel);
                };
                if Builder::new().name("scrape".to_owned()).spawn(serve).is_err() {
                    clients.fetch_sub(1, Ordering::AcqRel);
                }
            }
        };
        Builder::new().name("metrics".to_owned()).spawn(work).map(drop)
    }
}

fn answer(mut stream: &TcpStream, media_type: &str, is_local: bool, render: &Render) -> io::Result<()> {
    stream.set_write_timeout(Some(WRITING))?;
    let head = read_head(stream)?;
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let (status, kind, body) = match (method, path) {
        _ if is_local && !names_this_machine(&head) => {
            ("421 Misdirected Request", "text/plain", "the Host names another machine\n".to_owned())
        }
        ("GET" | "HEAD", "/metrics") => ("200 OK", media_type, render()),
        ("GET" | "HEAD", _) => ("404 Not Found", "text/plain", "metrics are at /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "text/plain", "use GET\n".to_owned()),
    };
    let fields = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nX-Content-Type-Options: nosniff\r\n\
        Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(fields.as_bytes())?;
    if method != "HEAD" {
        stream.write_all(body.as_bytes())?;
    }
    stream.flush()
}

/// Reads up to the blank line.
fn read_head(mut stream: &TcpStream) -> io::Result<String> {
    let (began, mut head) = (now(), Vec::new());
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let left = READING.saturating_sub(began.elapsed());
        if left.is_zero() || head.len() >= MAX_HEAD {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
    String::from_utf8(head).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Whether `Host` names this machine: a page of another site, whose name leads here (DNS
/// rebinding), does not.
fn names_this_machine(head: &str) -> bool {
    let host = head.lines().skip(1).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    });
    let Some(host) = host else { return true };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[expect(clippy::disallowed_methods, reason = "a client that sends slowly is turned away")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> SocketAddr {
        let scrape = Scrape::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = scrape.address();
        scrape.start("text/x", Arc::new(|| "page\n".to_owned())).unwrap();
        address
    }

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn there_is_one_page() {
        let address = start();
        let got = ask(address, "GET /metrics?a=1 HTTP/1.1\r\nHost: 127.0.0.1:9\r\n\r\n");
        assert!(
            got.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/x\r\n") && got.ends_with("\r\n\r\npage\n")
        );
        assert!(ask(address, "HEAD /metrics HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
        for (request, status) in [
            ("GET / HTTP/1.1\r\n\r\n", "404"),
            ("POST /metrics HTTP/1.1\r\n\r\n", "405"),
            ("GET /metrics HTTP/1.1\r\nhost: evil.example\r\n\r\n", "421"),
            ("GET /metrics HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "200"),
            ("\r\n\r\n", "405"),
        ] {
            assert!(ask(address, request).starts_with(&format!("HTTP/1.1 {status} ")), "{request}");
        }
        let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(2 * MAX_HEAD));
        let mut stream = TcpStream::connect(address).unwrap();
        // The other end may close before all is written.
        let _ = stream.write_all(long.as_bytes());
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert_eq!(answer, "");
    }

    /// Clients that say nothing take their places only; the others are turned away, not kept.
    #[test]
    fn clients_are_few() {
        let address = start();
        let silent: Vec<_> = (0..MAX_CLIENTS).map(|_| TcpStream::connect(address).unwrap()).collect();
        let mut more = TcpStream::connect(address).unwrap();
        assert_eq!(more.read(&mut [0]).unwrap_or(0), 0);
        drop(silent);
        // Their places are free as soon as their threads see it.
        let request = "GET /metrics HTTP/1.1\r\n\r\n";
        let mut answer = String::new();
        while !answer.ends_with("page\n") {
            answer.clear();
            let mut stream = TcpStream::connect(address).unwrap();
            let _ = stream.write_all(request.as_bytes());
            let _ = stream.read_to_string(&mut answer);
        }
    }
}
