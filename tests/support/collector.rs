//! A collector of OTLP: an HTTP server on loopback that keeps what it gets, and may answer as told.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the collector does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Answers with a status, header fields and a body.
    Status(u16, &'static str, Vec<u8>),
    /// Closes the connection.
    Close,
    /// Keeps the connection open and never answers.
    Hang,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self::Status(status, "", Vec::new())
    }
}

/// A request that was answered with a status of 200.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    /// The head, as it came.
    pub(crate) head: String,
    /// The body, decompressed.
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    answers: VecDeque<Answer>,
    received: Vec<Received>,
    requests: usize,
    hanging: Vec<TcpStream>,
}

/// Runs until the test program ends.
#[derive(Clone, Debug)]
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Collector {
    /// Starts one that gives these answers, then 200.
    pub(crate) fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::start_with(answers, Some)
    }

    /// Starts one that talks over what `wrap` makes of a connection.
    pub(crate) fn start_with<S: Read + Write>(
        answers: impl IntoIterator<Item = Answer>,
        wrap: impl Fn(TcpStream) -> Option<S> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answers = answers.into_iter().collect();
        let state = Arc::new(Mutex::new(State { answers, ..State::default() }));
        let (shared, wrap) = (Arc::clone(&state), Arc::new(wrap));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, wrap) = (Arc::clone(&shared), Arc::clone(&wrap));
                thread::spawn(move || {
                    let raw = stream.try_clone().unwrap();
                    if let Some(stream) = wrap(stream) {
                        serve(stream, &raw, &shared);
                    }
                });
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was taken.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }

    /// Number of requests, those that were not taken included.
    pub(crate) fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }
}

/// An address on which nobody listens.
pub(crate) fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn serve(stream: impl Read + Write, raw: &TcpStream, state: &Mutex<State>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream) {
        let answer = {
            let mut state = state.lock().unwrap();
            state.requests += 1;
            state.answers.pop_front().unwrap_or(Answer::status(200))
        };
        match answer {
            Answer::Close => {
                let _ = raw.shutdown(std::net::Shutdown::Both);
                return;
            }
            Answer::Hang => {
                state.lock().unwrap().hanging.push(raw.try_clone().unwrap());
                return;
            }
            Answer::Status(status, fields, body) => {
                if status == 200 {
                    state.lock().unwrap().received.push(request);
                }
                let head = format!("HTTP/1.1 {status} X\r\n{fields}content-length: {}\r\n\r\n", body.len());
                let sent = stream.get_mut().write_all(&[head.as_bytes(), &body].concat());
                if sent.and_then(|()| stream.get_mut().flush()).is_err() {
                    return;
                }
            }
        }
    }
}

fn read(stream: &mut BufReader<impl Read>) -> Option<Received> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let field = |name: &str| {
        head.lines().find_map(|line| Some(line.split_once(": ").filter(|(key, _)| *key == name)?.1))
    };
    let mut body = vec![0; field("content-length")?.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    if field("content-encoding") == Some("gzip") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&*body).read_to_end(&mut plain).ok()?;
        body = plain;
    }
    let path = head.split(' ').nth(1)?.to_owned();
    Some(Received { path, head, body })
}
