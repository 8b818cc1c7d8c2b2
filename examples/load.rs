//! Generates MCP traffic at a fixed rate, to measure what a live capture keeps up with.
//!
//! ```text
//!  cargo run --release --example load -- --rate 5000 --for 60 --connections 50
//! ```
//!
//! Streamable HTTP on loopback: each connection is a session, with `initialize` first, then calls
//! in turn. Both ends are raw sockets in one thread: a write on loopback is delivered before it
//! returns, so that an exchange costs four system calls and no change of threads. At most one core
//! is used, whatever the rate.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// The options of a run.
struct Options {
    /// Exchanges a second, 1 to 1,000,000.
    rate: u64,
    /// Seconds, 1 to 3600.
    seconds: u64,
    /// Connections, 1 to 1000.
    connections: u64,
    /// The port on 127.0.0.1; 0 for any free port.
    port: u64,
}

fn main() -> ExitCode {
    match options().and_then(|options| make(&options).map_err(|error| error.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("load: {why}");
            ExitCode::from(2)
        }
    }
}

/// # Errors
/// An option is unknown, lacks its number or is out of bounds.
fn options() -> Result<Options, String> {
    let mut options = Options { rate: 5_000, seconds: 60, connections: 50, port: 0 };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let (place, bounds) = match name.as_str() {
            "--rate" => (&mut options.rate, 1..=1_000_000),
            "--for" => (&mut options.seconds, 1..=3_600),
            "--connections" => (&mut options.connections, 1..=1_000),
            "--port" => (&mut options.port, 0..=65_535),
            other => return Err(format!("{other}: there are --rate, --for, --connections and --port")),
        };
        let given = arguments.next().and_then(|text| text.parse().ok());
        *place = given
            .filter(|number| bounds.contains(number))
            .ok_or_else(|| format!("{name} takes a number from {} to {}", bounds.start(), bounds.end()))?;
    }
    Ok(options)
}

/// # Errors
/// Those of the sockets.
fn make(options: &Options) -> io::Result<()> {
    let port = u16::try_from(options.port).map_err(io::Error::other)?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let mut pairs =
        (0..options.connections).map(|n| Pair::open(&listener, n)).collect::<io::Result<Vec<_>>>()?;
    let sessions = pairs.len() as u64;
    let begin = now();
    let length = Duration::from_secs(options.seconds);
    let most = options.rate.saturating_mul(options.seconds);
    let mut made = 0;
    let mut turn = pairs.len();
    while made < most && begin.elapsed() < length {
        let due = u64::try_from(begin.elapsed().as_nanos() * u128::from(options.rate) / 1_000_000_000);
        if made >= due.unwrap_or(most).min(most) {
            thread::sleep(Duration::from_micros(500));
            continue;
        }
        turn = if turn + 1 >= pairs.len() { 0 } else { turn + 1 };
        if let Some(pair) = pairs.get_mut(turn) {
            pair.call(made)?;
        }
        made += 1;
    }
    let seconds = begin.elapsed().as_secs_f64();
    let exchanges = made + sessions;
    println!("{exchanges} exchanges ({sessions} initialize, {made} tools/call) on {sessions} connections");
    println!("{:.1} s, {:.0} exchanges a second", seconds, made as f64 / seconds);
    Ok(())
}

/// Both ends of a connection.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    request: Vec<u8>,
    response: Vec<u8>,
    /// Offset of the ten digits of the id in request and response.
    digits: [usize; 2],
    scratch: Vec<u8>,
}

/// Ten digits, so that heads and lengths stay the same.
const FIRST_ID: u64 = 1_000_000_000;

impl Pair {
    fn open(listener: &TcpListener, n: u64) -> io::Result<Self> {
        let client = TcpStream::connect(listener.local_addr()?)?;
        let (server, _) = listener.accept()?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let session = format!("load-{n:08}");
        let (request, response) = call(&session);
        let place = |bytes: &[u8]| {
            let digits = FIRST_ID.to_string();
            bytes.windows(digits.len()).position(|window| window == digits.as_bytes()).unwrap_or_default()
        };
        let digits = [place(&request), place(&response)];
        let scratch = vec![0; request.len().max(response.len()).max(4096)];
        let mut pair = Self { client, server, request, response, digits, scratch };
        let [asked, answered] = initialize(&session);
        pair.exchange(&asked, &answered)?;
        let initialized = post(Some(&session), r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        pair.exchange(&initialized, b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")?;
        Ok(pair)
    }

    fn call(&mut self, n: u64) -> io::Result<()> {
        let id = (FIRST_ID + n).to_string();
        let [in_request, in_response] = self.digits;
        let (mut request, mut response) =
            (std::mem::take(&mut self.request), std::mem::take(&mut self.response));
        for (bytes, at) in [(&mut request, in_request), (&mut response, in_response)] {
            if let Some(place) = bytes.get_mut(at..at + id.len()) {
                place.copy_from_slice(id.as_bytes());
            }
        }
        let done = self.exchange(&request, &response);
        (self.request, self.response) = (request, response);
        done
    }

    fn exchange(&mut self, request: &[u8], response: &[u8]) -> io::Result<()> {
        self.client.write_all(request)?;
        take(&mut self.server, &mut self.scratch, request.len())?;
        self.server.write_all(response)?;
        take(&mut self.client, &mut self.scratch, response.len())
    }
}

/// Reads `len` bytes, as many as the other end has written.
fn take(from: &mut TcpStream, scratch: &mut [u8], len: usize) -> io::Result<()> {
    let place = scratch.get_mut(..len).ok_or_else(|| io::Error::other("longer than the buffer"))?;
    from.read_exact(place)
}

fn initialize(session: &str) -> [Vec<u8>; 2] {
    let asked = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"load","version":"1"}}}"#;
    let answered = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"load","version":"1"}}}"#;
    [post(None, asked), answer(&format!("Mcp-Session-Id: {session}\r\n"), answered)]
}

fn call(session: &str) -> (Vec<u8>, Vec<u8>) {
    let request = format!(
        r#"{{"jsonrpc":"2.0","id":{FIRST_ID},"method":"tools/call","params":{{"name":"get-hackernews-top-stories","arguments":{{"type":"topstories","amount":3}}}}}}"#
    );
    let story = r#"{\"by\":\"somebody\",\"descendants\":71,\"id\":42000000,\"kids\":[42000001,42000002],\"score\":318,\"time\":1732000000,\"title\":\"A story that is long enough to be one\",\"type\":\"story\",\"url\":\"https://example.com/a-story\"}"#;
    let content: Vec<_> = (0..3).map(|_| format!(r#"{{"type":"text","text":"{story}"}}"#)).collect();
    let response = format!(
        r#"{{"jsonrpc":"2.0","id":{FIRST_ID},"result":{{"content":[{}],"isError":false}}}}"#,
        content.join(",")
    );
    (post(Some(session), &request), answer("", &response))
}

fn post(session: Option<&str>, body: &str) -> Vec<u8> {
    let session = session.map_or_else(String::new, |session| {
        format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: 2025-06-18\r\n")
    });
    format!(
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{session}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn answer(head: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{head}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[expect(clippy::disallowed_methods, reason = "a generator is paced by the clock")]
fn now() -> Instant {
    Instant::now()
}
