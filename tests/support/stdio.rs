//! `mcpdump mcp` as a process, asked over its standard input.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use super::program::mcpdump;

/// A server that was initialized.
pub(crate) struct Server {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// The id of the last request.
    id: u64,
}

impl Server {
    /// Starts the program over captures, and initializes the session. Returns the result, too.
    pub(crate) fn start(options: &[&str], files: &[&Path]) -> (Self, Value) {
        let mut command = mcpdump();
        command.arg("mcp").args(options).args(files);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut server = Self { child, stdin, lines: BufReader::new(stdout).lines(), id: 0 };
        let client = json!({"name": "test", "version": "1"});
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        let line = server.request("initialize", &hello);
        server.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        (server, serde_json::from_str::<Value>(&line).expect("JSON")["result"].take())
    }

    /// Calls a tool; returns the line of the response.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> String {
        self.request("tools/call", &json!({"name": tool, "arguments": arguments}))
    }

    fn request(&mut self, method: &str, params: &Value) -> String {
        self.id += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params}));
        let line = self.lines.next().unwrap_or_else(|| panic!("no response to {method} {params}"));
        line.expect("standard output can be read")
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.stdin, "{message}").expect("standard input can be written");
    }

    /// The id of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Closes its standard input and waits for its end. Returns whether it ended well.
    pub(crate) fn stop(mut self) -> bool {
        drop(self.stdin);
        self.child.wait().expect("it is a child").success()
    }
}
