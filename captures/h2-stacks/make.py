#!/usr/bin/env python3
"""Makes captures/h2-stacks: HTTP/2 of curl, nginx, HAProxy, Node and hypercorn.

    python3 make.py    as root, with tcpdump, curl, nginx, HAProxy, node, openssl, iproute2 and
                       editcap; PYTHON names an interpreter with hypercorn 0.18 (default: python3)

One MCP server (Streamable HTTP) in Node over HTTP/1.1, over HTTP/2 with prior knowledge and over
TLS, behind nginx (HTTP/2 in front, HTTP/1.1 behind) and behind HAProxy (HTTP/2 on both legs), and
the same in Python on hypercorn. curl opens a session at each, then makes calls that share one
connection over TLS: small ones, one that is answered with events, and one whose argument is larger
than the window of the server. calls.json says what the servers received and what curl got.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.environ.get("PYTHON", sys.executable)

NODE = """
const fs = require('fs'), http = require('http'), http2 = require('http2'), crypto = require('crypto');
const log = fs.openSync(process.argv[3], 'a');
const now = () => (performance.timeOrigin + performance.now()) / 1000;
const handler = (request, response) => {
    const received = now(), parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
        const body = Buffer.concat(parts), message = JSON.parse(body);
        const note = { port: request.socket.localPort, id: message.id, method: message.method,
            received, complete: now(), bytes: body.length };
        const done = (status) => fs.writeSync(log, JSON.stringify({ ...note, status, sent: now() }) + '\\n');
        if (message.id === undefined) { response.writeHead(202); response.end(); return done(202); }
        const answer = (result) => JSON.stringify({ jsonrpc: '2.0', id: message.id, result });
        if (message.method === 'initialize') {
            response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': crypto.randomUUID() });
            response.end(answer({ protocolVersion: '2025-06-18', capabilities: { tools: {} },
                serverInfo: { name: 'node', version: '1' } }));
            return done(200);
        }
        const text = JSON.stringify(message.params).slice(0, 40);
        const result = answer({ content: [{ type: 'text', text }] });
        if (message.params.name !== 'slow') {
            response.writeHead(200, { 'content-type': 'application/json' });
            response.end(result);
            return done(200);
        }
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        let step = 0;
        const timer = setInterval(() => {
            if (++step < 4) {
                const progress = { jsonrpc: '2.0', method: 'notifications/progress',
                    params: { progressToken: message.id, progress: step } };
                return response.write(`event: message\\ndata: ${JSON.stringify(progress)}\\n\\n`);
            }
            clearInterval(timer);
            response.end(`event: message\\ndata: ${result}\\n\\n`);
            done(200);
        }, 25);
    });
};
const tls = { key: fs.readFileSync(process.argv[2] + '/key.pem'), cert: fs.readFileSync(process.argv[2] + '/cert.pem') };
http.createServer(handler).listen(8080, '127.0.0.1');
http2.createServer(handler).listen(8090, '127.0.0.1');
http2.createSecureServer(tls, handler).listen(8447, '127.0.0.1');
"""

ASGI = """
import asyncio, json, os, time, uuid
LOG = open(os.environ['TRUTH'], 'a', buffering=1)

async def app(scope, receive, send):
    if scope['type'] != 'http':
        return
    received, body, more = time.time(), b'', True
    while more:
        event = await receive()
        body, more = body + event.get('body', b''), event.get('more_body', False)
    message = json.loads(body)
    note = {'port': scope['server'][1], 'id': message.get('id'), 'method': message['method'],
            'received': received, 'complete': time.time(), 'bytes': len(body)}

    async def start(status, *headers):
        note['status'] = status
        await send({'type': 'http.response.start', 'status': status, 'headers': list(headers)})

    async def data(data, more=False):
        await send({'type': 'http.response.body', 'body': data.encode(), 'more_body': more})

    def answer(result):
        return json.dumps({'jsonrpc': '2.0', 'id': message['id'], 'result': result})

    JSON = (b'content-type', b'application/json')
    if 'id' not in message:
        await start(202)
        await data('')
    elif message['method'] == 'initialize':
        await start(200, JSON, (b'mcp-session-id', str(uuid.uuid4()).encode()))
        await data(answer({'protocolVersion': '2025-06-18', 'capabilities': {'tools': {}},
                           'serverInfo': {'name': 'hypercorn', 'version': '1'}}))
    else:
        text = json.dumps(message['params'])[:40]
        result = answer({'content': [{'type': 'text', 'text': text}]})
        if message['params']['name'] == 'slow':
            await start(200, (b'content-type', b'text/event-stream'))
            for step in range(1, 4):
                await asyncio.sleep(0.025)
                progress = {'progressToken': message['id'], 'progress': step}
                event = {'jsonrpc': '2.0', 'method': 'notifications/progress', 'params': progress}
                await data('event: message\\ndata: %s\\n\\n' % json.dumps(event), True)
            await asyncio.sleep(0.025)
            await data('event: message\\ndata: %s\\n\\n' % result)
        else:
            await start(200, JSON)
            await data(result)
    LOG.write(json.dumps({**note, 'sent': time.time()}) + '\\n')
"""

NGINX = """
daemon off; pid {dir}/nginx.pid; error_log stderr crit; worker_processes 1;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;
    uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
    server {{
        listen 127.0.0.1:8443 ssl http2;
        ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem;
        location / {{
            proxy_pass http://127.0.0.1:8080; proxy_http_version 1.1;
            proxy_set_header Connection ""; proxy_buffering off;
        }}
    }}
}}
"""

HAPROXY = """
defaults
    mode http
    timeout connect 5000
    timeout client 50000
    timeout server 50000
frontend front
    bind 127.0.0.1:8444 ssl crt {dir}/both.pem alpn h2
    default_backend back
backend back
    server one 127.0.0.1:8090 proto h2
"""

# Name, URL, and what is behind it.
FRONTS = [
    ("node-h2c", "http://127.0.0.1:8090/mcp", None),
    ("node-tls", "https://127.0.0.1:8447/mcp", None),
    ("nginx", "https://127.0.0.1:8443/mcp", 8080),
    ("haproxy", "https://127.0.0.1:8444/mcp", 8090),
    ("hypercorn-tls", "https://127.0.0.1:8445/mcp", None),
    ("hypercorn-h2c", "http://127.0.0.1:8091/mcp", None),
]


def call(id, name, argument):
    params = {"name": name, "arguments": {"text": argument}, "_meta": {"progressToken": id}}
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}


def options(url, message, into, session):
    with open(into + ".request", "w") as file:
        json.dump(message, file)
    fields = ["content-type: application/json", "accept: application/json, text/event-stream"]
    if session:
        fields += ["mcp-session-id: " + session, "mcp-protocol-version: 2025-06-18"]
    version = "--http2" if url.startswith("https") else "--http2-prior-knowledge"
    head = [version, "-ksS", url, "-o", into, "--data-binary", "@" + into + ".request"]
    return head + ["-w", '{"status":%{http_code},"version":"%{http_version}"}\n', "-D", into + ".head"] + [
        word for field in fields for word in ("-H", field)]


def curl(transfers, env):
    """Makes transfers: over TLS at once on one connection, else each on its own (curl 7.88 fails to
    send a second request with prior knowledge)."""
    words = [word for n, transfer in enumerate(transfers) for word in (["--next"] if n else []) + transfer]
    runs = [["-Z"] + words] if "--http2" in words else transfers
    for run in runs:
        subprocess.run(["curl"] + run, check=True, env=env, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)


def client(url, into, env):
    """Opens a session and makes the calls; returns what curl got."""
    initialize = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "curl", "version": "7"}}}
    curl([options(url, initialize, into + "-0", None)], env)
    with open(into + "-0.head") as file:
        fields = dict(line.strip().split(": ", 1) for line in file if ": " in line)
    session = fields["mcp-session-id"]
    messages = [{"jsonrpc": "2.0", "method": "notifications/initialized"}]
    messages += [call(id, "echo", "x" * 20 * id) for id in range(1, 5)]
    messages += [call(5, "slow", "events"), call(6, "echo", "y" * 80_000), call(7, "echo", "last")]
    curl([options(url, message, f"{into}-{n + 1}", session) for n, message in enumerate(messages)], env)
    got = []
    for n, message in enumerate([initialize] + messages):
        with open(f"{into}-{n}", "rb") as file:
            body = file.read()
        with open(f"{into}-{n}.head") as file:
            status = int(file.readline().split()[1])
        got.append({"id": message.get("id"), "method": message["method"], "status": status,
                    "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()})
    return {"session_id": session, "got": got}


def main():
    if "IN_NAMESPACE" not in os.environ:
        os.execvpe("unshare", ["unshare", "-n", sys.executable, os.path.abspath(__file__)],
                   {**os.environ, "IN_NAMESPACE": "1"})
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory() as dir:
        record(dir)


def record(dir):
    path = lambda name: os.path.join(dir, name)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj",
                    "/CN=127.0.0.1", "-keyout", path("key.pem"), "-out", path("cert.pem")],
                   check=True, stderr=subprocess.DEVNULL)
    with open(path("both.pem"), "w") as both:
        both.write(open(path("cert.pem")).read() + open(path("key.pem")).read())
    for name, text in [("node.js", NODE), ("app.py", ASGI), ("nginx.conf", NGINX.format(dir=dir)),
                       ("haproxy.cfg", HAPROXY.format(dir=dir))]:
        with open(path(name), "w") as file:
            file.write(text)
    os.chmod(dir, 0o755)
    keys = path("keys.log")
    env = {**os.environ, "SSLKEYLOGFILE": keys}
    dump = subprocess.Popen(["tcpdump", "-i", "lo", "-U", "-s", "0", "-w", path("raw.pcap"), "tcp"],
                            stderr=subprocess.DEVNULL)
    commands = [
        ["node", path("node.js"), dir, path("truth.log")],
        ["nginx", "-c", path("nginx.conf")],
        ["haproxy", "-db", "-f", path("haproxy.cfg")],
        [PYTHON, "-m", "hypercorn", "--bind", "127.0.0.1:8445", "--insecure-bind", "127.0.0.1:8091",
         "--certfile", path("cert.pem"), "--keyfile", path("key.pem"), "app:app"],
    ]
    servers = [subprocess.Popen(words, cwd=dir, env={**os.environ, "TRUTH": path("truth.log")},
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for words in commands]
    time.sleep(3)
    fronts = []
    try:
        for name, url, behind in FRONTS:
            port = int(url.split(":")[2].split("/")[0])
            made = client(url, path(name), env)
            fronts.append({"name": name, "port": port, "behind": behind, **made})
            time.sleep(0.3)
    finally:
        for server in servers:
            server.send_signal(signal.SIGTERM)
        for server in servers:
            server.wait()
        time.sleep(0.5)
        dump.terminate()
        dump.wait()
    versions = {}
    for name, words in [("curl", ["curl", "--version"]), ("nginx", ["nginx", "-v"]), ("haproxy", ["haproxy", "-v"]),
                        ("node", ["node", "--version"]), ("hypercorn", [PYTHON, "-m", "pip", "show", "hypercorn"])]:
        told = subprocess.run(words, capture_output=True, text=True)
        lines = (told.stdout or told.stderr).splitlines()
        versions[name] = lines[1] if name == "hypercorn" else lines[0]
    with open(path("truth.log")) as log:
        received = [json.loads(line) for line in log]
    truth = {"versions": versions, "fronts": fronts, "servers": received}
    with open(os.path.join(HERE, "calls.json"), "w") as file:
        json.dump(truth, file, indent=1)
        file.write("\n")
    capture = os.path.join(HERE, "capture.pcapng")
    subprocess.run(["editcap", "-F", "pcapng", "--inject-secrets", "tls," + keys, path("raw.pcap"), capture],
                   check=True)


if __name__ == "__main__":
    main()
