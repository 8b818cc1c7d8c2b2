#!/usr/bin/env python3
"""Makes captures/limits: waits that real programs end by their own limits, and a slow network.

    python3 make.py [capture|network]     as root, with tcpdump, nginx, HAProxy, node and iproute2

capture.pcap: a server that never answers, behind nginx and HAProxy with the limits that they have
by default (Debian's for HAProxy), a TypeScript SDK client that gives up, and Node's HTTP server that
closes an idle connection. Takes 70 seconds.

network.pcap: a server that answers at once, over a link that delays and loses packets, captured at
the client. What the link does is in expect.json.

Each runs in network namespaces of its own. MODULES names a directory with @modelcontextprotocol/sdk
(default: ../../target/e2e/node_modules, from `make e2e`).
"""

import ctypes
import fcntl
import http.client
import json
import os
import queue
import random
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.environ.get("MODULES", os.path.join(HERE, "../../target/e2e/node_modules"))

NGINX = """
daemon off; pid {dir}/nginx.pid; error_log stderr crit; worker_processes 1;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;
    uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
    server {{
        listen 127.0.0.1:8081;
        location / {{
            proxy_pass http://127.0.0.1:8080; proxy_http_version 1.1;
            proxy_set_header Connection ""; proxy_buffering off;
        }}
    }}
}}
"""

# The timeouts of Debian's /etc/haproxy/haproxy.cfg.
HAPROXY = """
defaults
    mode http
    timeout connect 5000
    timeout client 50000
    timeout server 50000
frontend front
    bind 127.0.0.1:8082
    default_backend back
backend back
    server one 127.0.0.1:8080
"""

NODE_SERVER = """
const answer = (id, result) => JSON.stringify({jsonrpc: '2.0', id, result});
require('http').createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => { body += chunk; });
    request.on('end', () => {
        const message = JSON.parse(body);
        if (message.id === undefined) return response.writeHead(202).end();
        response.writeHead(200, {'Content-Type': 'application/json', 'Mcp-Session-Id': 'node-session-0001'});
        response.end(answer(message.id, message.method === 'initialize'
            ? {protocolVersion: '2025-06-18', capabilities: {tools: {}}, serverInfo: {name: 'node', version: '1'}}
            : {content: []}));
    });
}).listen(8083, '127.0.0.1');
"""

TYPESCRIPT_CLIENT = """
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
const client = new Client({ name: 'typescript', version: '1' });
await client.connect(new StreamableHTTPClientTransport(new URL('http://127.0.0.1:8080/mcp')));
try {
    await client.callTool({ name: 'stream' });
} catch (error) {
    console.error(String(error));
}
await new Promise((resolve) => setTimeout(resolve, 500));
process.exit(0);
"""


class Server(BaseHTTPRequestHandler):
    """An MCP server: `quick` is answered, `hang` gets no byte, `stream` a head and one event."""

    protocol_version = "HTTP/1.1"
    sessions = iter(range(1, 1000))

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(405)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_DELETE = do_GET

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "id" not in message:
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif message["method"] == "initialize":
            self.answer(message, {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                                  "serverInfo": {"name": "never", "version": "1"}},
                        {"Mcp-Session-Id": f"limits-session-{next(self.sessions):08}"})
        elif message["params"]["name"] == "hang":
            time.sleep(1000)
        elif message["params"]["name"] == "stream":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            event = b": wait\n\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            time.sleep(1000)
        else:
            self.answer(message, {"content": [{"type": "text", "text": "x" * message["params"].get("size", 1)}]})

    def answer(self, message, result, fields=()):
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in dict(fields).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def serve(host, port):
    server = ThreadingHTTPServer((host, port), Server)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()


class Client:
    """A client on one connection."""

    def __init__(self, host, port):
        self.connection = http.client.HTTPConnection(host, port, timeout=120)
        self.session, self.id = None, 0
        self.call("initialize", {"protocolVersion": "2025-06-18", "capabilities": {},
                                 "clientInfo": {"name": "hand", "version": "1"}})
        self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def call(self, method, params):
        self.id += 1
        return self.post({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params})

    def tool(self, name, **arguments):
        return self.call("tools/call", {"name": name, **arguments})

    def post(self, message):
        fields = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if self.session:
            fields["Mcp-Session-Id"] = self.session
        self.connection.request("POST", "/mcp", json.dumps(message).encode(), fields)
        try:
            response = self.connection.getresponse()
            self.session = self.session or response.getheader("Mcp-Session-Id")
            return response.read()
        except (http.client.HTTPException, OSError) as error:
            return repr(error).encode()


def through(port, tool):
    client = Client("127.0.0.1", port)
    client.tool("quick")
    print(port, tool, client.tool(tool)[:60])


def idle_connection():
    """Sends a call on a connection that Node's server closed, as a client does that did not look."""
    client = Client("127.0.0.1", 8083)
    client.tool("quick")
    plain = client.connection.sock
    time.sleep(7)
    body = json.dumps({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "late"}})
    plain.sendall((f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: {client.session}\r\n"
                   "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
    time.sleep(0.5)
    plain.close()


def record(device, path):
    dump = subprocess.Popen(["tcpdump", "-i", device, "-s", "0", "-U", "-w", path, "tcp"],
                            stderr=subprocess.DEVNULL)
    time.sleep(1.5)
    return dump


def stop(dump):
    time.sleep(1)
    dump.send_signal(signal.SIGINT)
    dump.wait()


def make_capture(path):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory() as directory:
        names = {}
        for name, text in [("nginx.conf", NGINX.format(dir=directory)), ("haproxy.cfg", HAPROXY),
                           ("server.cjs", NODE_SERVER), ("client.mjs", TYPESCRIPT_CLIENT)]:
            names[name] = os.path.join(directory, name)
            with open(names[name], "w", encoding="utf-8") as file:
                file.write(text)
        os.symlink(os.path.abspath(MODULES), os.path.join(directory, "node_modules"))
        os.chmod(directory, 0o755)
        serve("127.0.0.1", 8080)
        programs = [subprocess.Popen(command) for command in [
            ["nginx", "-e", "stderr", "-c", names["nginx.conf"]], ["haproxy", "-q", "-f", names["haproxy.cfg"]],
            ["node", names["server.cjs"]]]]
        time.sleep(1)
        dump = record("lo", path)
        threads = [threading.Thread(target=through, args=scene)
                   for scene in [(8081, "hang"), (8081, "stream"), (8082, "hang"), (8082, "stream")]]
        threads.append(threading.Thread(target=idle_connection))
        client = subprocess.Popen(["node", names["client.mjs"]])
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.wait()
        stop(dump)
        for program in programs:
            program.terminate()
            program.wait()


def open_tun(name):
    """Creates a TUN device in the network namespace of this thread."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1001))  # TUNSETIFF, TUN and no header
    return device


def open_tun_in(namespace, name):
    """Creates a TUN device in another network namespace."""
    opened = []

    def enter():
        with open(f"/run/netns/{namespace}", encoding="utf-8") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0x40000000) != 0:  # CLONE_NEWNET
                raise OSError(ctypes.get_errno(), "setns")
        opened.append(open_tun(name))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    return opened[0]


def link(source, target, delay, loss, chance):
    """Passes packets on after a delay, and loses some."""
    waiting = queue.Queue()

    def read():
        while True:
            packet = os.read(source, 65536)
            if chance.random() >= loss:
                waiting.put((time.monotonic() + delay, packet))

    def write():
        while True:
            due, packet = waiting.get()
            time.sleep(max(0, due - time.monotonic()))
            os.write(target, packet)

    for work in [read, write]:
        threading.Thread(target=work, daemon=True).start()


def make_network(path):
    """Two namespaces, and a link between them that delays and loses packets in both directions."""
    name = f"mcpdump-{os.getpid()}"
    with open(os.path.join(HERE, "expect.json"), encoding="utf-8") as file:
        expect = json.load(file)["network"]

    def run(*words):
        subprocess.run(words, check=True)

    run("ip", "netns", "add", name)
    try:
        inside = ["ip", "netns", "exec", name]
        ends = [open_tun("client"), open_tun_in(name, "server")]
        for prefix, device, address in [([], "client", "10.9.0.1/24"), (inside, "server", "10.9.0.2/24")]:
            run(*prefix, "ip", "address", "add", address, "dev", device)
            run(*prefix, "ip", "link", "set", device, "mtu", "1400", "up")
        for source, target, seed in [(ends[0], ends[1], 1), (ends[1], ends[0], 2)]:
            link(source, target, expect["delay_ms"] / 1000, expect["loss_percent"] / 100, random.Random(seed))
        server = subprocess.Popen([*inside, sys.executable, __file__, "serve"])
        time.sleep(1)
        dump = record("client", path)
        client = Client("10.9.0.2", 8080)
        for _ in range(14):
            client.tool("quick", size=20_000)
        stop(dump)
        server.terminate()
        server.wait()
    finally:
        run("ip", "netns", "delete", name)


def main():
    if sys.argv[1:] == ["serve"]:
        serve("10.9.0.2", 8080)
        signal.pause()
    elif sys.argv[1:2] == ["inside"]:
        what = sys.argv[2]
        path = os.path.join(HERE, f"{what}.pcap")
        {"capture": make_capture, "network": make_network}[what](path)
    else:
        for what in sys.argv[1:] or ["capture", "network"]:
            subprocess.run(["unshare", "-n", sys.executable, __file__, "inside", what], check=True)


main()
