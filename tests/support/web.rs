//! `mcpdump web` as a process, and a client that asks it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::program::mcpdump;

/// Time limit for each answer; long, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that serves a page; ended when it is dropped.
pub(crate) struct Web {
    pub(crate) child: Child,
    /// Open as long as the program may write to it.
    _stdout: BufReader<ChildStdout>,
    /// Address and port.
    pub(crate) address: String,
    /// The path of the page.
    pub(crate) path: String,
}

impl Web {
    /// Starts the program without standard input.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, Stdio::null())
    }

    /// Starts the program, and waits until it listens. It says less on standard error than a pipe
    /// holds.
    pub(crate) fn start_with(arguments: &[&str], stdin: Stdio) -> Self {
        let mut command = mcpdump();
        command.arg("web").args(arguments).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        stdout.read_line(&mut url).unwrap();
        let Some((address, path)) = url.trim().strip_prefix("http://").and_then(|rest| rest.split_once('/'))
        else {
            panic!("{url:?}: {:?}", child.wait_with_output())
        };
        Self { child, _stdout: stdout, address: address.to_owned(), path: format!("/{path}") }
    }

    /// The status, head and body of an answer. `Host` is the address unless the request has one.
    pub(crate) fn ask(&self, method: &str, path: &str, fields: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let host =
            if fields.contains("Host:") { String::new() } else { format!("Host: {}\r\n", self.address) };
        write!(stream, "{method} {path} HTTP/1.1\r\n{host}{fields}Connection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_ascii_lowercase(), body.to_owned())
    }

    pub(crate) fn page(&self) -> String {
        let (status, _, body) = self.ask("GET", &self.path, "");
        assert_eq!(status, 200);
        body
    }

    /// The events of the stream of updates: name and data.
    pub(crate) fn updates(&self) -> impl Iterator<Item = (String, String)> + use<> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {}updates HTTP/1.1\r\nHost: {}\r\n\r\n", self.path, self.address).unwrap();
        let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
        std::iter::from_fn(move || {
            let event = lines.find_map(|line| line.strip_prefix("event: ").map(str::to_owned))?;
            let data = lines.next()?;
            Some((event, data.strip_prefix("data:").unwrap_or(&data).trim().to_owned()))
        })
    }

    /// Waits until everything was read.
    pub(crate) fn wait_for_end(&self) {
        assert!(self.updates().any(|(event, _)| event == "end"));
    }

    /// Sends a signal, and returns whether the program ended without an error.
    pub(crate) fn ends_by(&mut self, signal: &str) -> bool {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        self.child.wait().unwrap().success()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
