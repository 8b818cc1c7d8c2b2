#!/usr/bin/env python3
"""Soak test: mcpdump captures for a long time under changing load, with losses, and forgets nothing.

    soak.py MCPDUMP FOLDER SECONDS

Needs root, ip and /dev/net/tun. In two network namespaces of its own, joined by a relay that loses 1 % of the packets
(netem is no part of every kernel), a server and its clients speak MCP over HTTP: calls at a rate that rises and falls, connections that open and close,
streams that are held for the whole time. First, as many sessions come and go as mcpdump remembers. Two processes capture: one keeps every packet in files of 20 MB and exports
JSON lines, one sends telemetry to a collector that is down a third of the time, and serves metrics.

It fails if
- an exchange that the clients logged is missing, is there twice, has another outcome, or took longer than they measured;
- the files that were kept give other exchanges than the live capture did, or one of them does not open;
- the collector has other exchanges than the clients, unless mcpdump said that it dropped some;
- memory grows: after the first third, the slope of the means over each cycle (two periods of the load, one of the collector)
  is above zero with 95 % confidence. What mcpdump remembers of sessions and exchanges that are over has caps
  (docs/reliability.md), and all of them are reached before the measurement begins.

What it used is in FOLDER; namespaces and processes are ended.
"""

import asyncio
import collections
import fcntl
import glob
import http.server
import json
import math
import os
import pathlib
import random
import select
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import uuid

PORT, COLLECTOR = 3000, 4318
SERVER, CLIENT = "10.99.0.1", "10.99.0.2"
LOSS = 0.01
# Calls a second at the lowest and at the highest, sessions with a stream that is held.
LOW, HIGH, HELD = 5, 45, 5
# What mcpdump remembers: sessions that ended (limits::MAX_SESSIONS_OVER), exchanges that telemetry refers to. A warm-up
# opens a few more sessions, each with CALLS exchanges, WARMERS of them at a time.
SESSIONS_OVER, EXCHANGES = 4096, 65536
CALLS, WARMERS = 16, 24
# Sessions that are not deleted. They are used again, so that there are no more of them.
LEFT = 100
# What a client may measure less than is in the packets: its clock is read before the packet is sent.
CLOCK_MS = 1.0


def request(method, body, session=None, accept="application/json, text/event-stream"):
    text = json.dumps(body) if body is not None else ""
    head = [f"{method} /mcp HTTP/1.1", f"Host: {SERVER}:{PORT}", f"Accept: {accept}"]
    if session:
        head += [f"Mcp-Session-Id: {session}", "MCP-Protocol-Version: 2025-06-18"]
    if text:
        head += ["Content-Type: application/json", f"Content-Length: {len(text.encode())}"]
    return ("\r\n".join(head) + "\r\n\r\n" + text).encode()


async def read_message(reader):
    """The first line, the fields and the body of a request or response. None at the end of the connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:] if line)}
    body = b""
    if fields.get("transfer-encoding") == "chunked":
        return lines[0], fields, None
    if "content-length" in fields:
        body = await reader.readexactly(int(fields["content-length"]))
    return lines[0], fields, body


async def read_chunks(reader):
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        chunk = await reader.readexactly(size + 2)
        if size == 0:
            return
        yield chunk[:-2]


# The server.

def response(status, body, more=()):
    text = json.dumps(body) if body is not None else ""
    head = [f"HTTP/1.1 {status}", *more, f"Content-Length: {len(text.encode())}"]
    if text:
        head.append("Content-Type: application/json")
    return ("\r\n".join(head) + "\r\n\r\n" + text).encode()


def chunk(event):
    text = f"event: message\ndata: {json.dumps(event)}\n\n".encode()
    return f"{len(text):x}\r\n".encode() + text + b"\r\n"


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"


async def serve_connection(reader, writer):
    try:
        while True:
            line, fields, body = await read_message(reader)
            if line.startswith("GET"):
                writer.write(STREAM + b"\r\n")
                for number in range(10**9):
                    params = {"level": "info", "data": number}
                    writer.write(chunk({"jsonrpc": "2.0", "method": "notifications/message", "params": params}))
                    await writer.drain()
                    await asyncio.sleep(1)
            elif line.startswith("DELETE"):
                writer.write(response("200 OK", None))
            else:
                await answer(json.loads(body), writer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def answer(message, writer):
    if "id" not in message:
        writer.write(response("202 Accepted", None))
        return
    reply = {"jsonrpc": "2.0", "id": message["id"]}
    if message["method"] == "initialize":
        info = {"name": "soak", "version": "1"}
        reply["result"] = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info}
        writer.write(response("200 OK", reply, [f"Mcp-Session-Id: {uuid.uuid4()}"]))
        return
    kind = message["params"]["name"]
    size = 120_000 if kind == "large" else random.randint(10, 2000)
    reply["result"] = {"content": [{"type": "text", "text": "x" * size}]}
    if kind == "slow":
        await asyncio.sleep(random.uniform(0.1, 0.6))
    elif kind == "fails":
        reply["result"]["isError"] = True
    elif kind == "refused":
        del reply["result"]
        reply["error"] = {"code": -32602, "message": "Unknown tool: refused"}
    if kind == "streamed":
        writer.write(STREAM + b"\r\n")
        token = message["params"]["_meta"]["progressToken"]
        for done in range(3):
            params = {"progressToken": token, "progress": done + 1, "total": 3}
            writer.write(chunk({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}))
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write(chunk(reply) + b"0\r\n\r\n")
    else:
        writer.write(response("200 OK", reply))


async def serve():
    server = await asyncio.start_server(serve_connection, SERVER, PORT)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


# The clients.

KINDS = ["echo"] * 8 + ["streamed"] * 4 + ["large", "slow", "fails", "refused"]
OUTCOME = {"fails": "tool_error", "refused": "error"}


class Session:
    def __init__(self, log):
        self.log, self.session, self.number = log, None, 0
        self.reader = self.writer = None

    async def connect(self):
        await self.close()
        self.reader, self.writer = await asyncio.open_connection(SERVER, PORT)

    async def close(self):
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None

    async def open(self):
        await self.connect()
        params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "soak", "version": "1"}}
        await self.call("initialize", params, "ok")
        await self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def post(self, body):
        self.writer.write(request("POST", body, self.session))
        _, fields, text = await read_message(self.reader)
        if "mcp-session-id" in fields:
            self.session = fields["mcp-session-id"]
        if text is None:
            async for text in read_chunks(self.reader):
                pass
            text = text.split(b"data: ")[1]
        return text

    async def call(self, method, params, expected):
        number, self.number = self.number, self.number + 1
        began = time.perf_counter()
        text = await self.post({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        took = (time.perf_counter() - began) * 1000
        reply = json.loads(text)
        assert reply["id"] == number
        self.log.append({"session": self.session, "id": number, "method": method, "status": expected, "ms": took})

    async def tool(self, kind):
        params = {"name": kind, "arguments": {"text": "y" * random.randint(0, 300)}}
        if kind == "streamed":
            params["_meta"] = {"progressToken": f"p{self.number}"}
        await self.call("tools/call", params, OUTCOME.get(kind, "ok"))

    async def delete(self):
        self.writer.write(request("DELETE", None, self.session))
        await read_message(self.reader)
        await self.close()


async def held(log, counts, until):
    session = Session(log)
    await session.open()
    reader, writer = await asyncio.open_connection(SERVER, PORT)
    writer.write(request("GET", None, session.session, "text/event-stream"))
    await read_message(reader)

    async def listen():
        async for _ in read_chunks(reader):
            counts["notifications"] += 1

    listening = asyncio.create_task(listen())
    while time.monotonic() < until:
        await asyncio.sleep(random.uniform(1, 5))
        await session.tool("echo")
    await asyncio.sleep(1)
    listening.cancel()
    writer.close()
    await session.close()


async def worker(log, counts, pool, until, rate, workers):
    """Makes calls on connections that open and close, in sessions that are deleted or left and used again."""
    while time.monotonic() < until:
        if len(pool) >= LEFT:
            session = pool.popleft()
            await session.connect()
            counts["connections"] += 1
        else:
            session = Session(log)
            await session.open()
            counts["sessions"] += 1
        for _ in range(random.randint(1, 40)):
            if time.monotonic() >= until:
                break
            if random.random() < 0.05:
                await session.connect()
                counts["connections"] += 1
            await session.tool(random.choice(KINDS))
            await asyncio.sleep(random.expovariate(rate() / workers))
        if random.random() < 0.5:
            await session.delete()
        else:
            await session.close()
            pool.append(session)


async def warm_up(log, numbers):
    """Opens a session for each of the numbers, makes calls, and deletes it."""
    for _ in numbers:
        session = Session(log)
        await session.open()
        for _ in range(CALLS):
            await session.tool("echo")
        await session.delete()


async def clients(seconds, period, path):
    random.seed(18)
    log, counts = [], collections.Counter()
    sessions = max(SESSIONS_OVER, EXCHANGES // CALLS) + 100
    numbers = iter(range(sessions))
    await asyncio.gather(*[warm_up(log, numbers) for _ in range(WARMERS)])
    counts["warm_up"] = len(log)
    print(f"warm: {sessions} sessions, {len(log)} exchanges", flush=True)
    began = time.monotonic()
    until = began + seconds

    def rate():
        return LOW + (HIGH - LOW) * (1 - math.cos(2 * math.pi * (time.monotonic() - began) / period)) / 2

    workers = 12
    pool = collections.deque()
    tasks = [worker(log, counts, pool, until, rate, workers) for _ in range(workers)]
    tasks += [held(log, counts, until) for _ in range(HELD)]
    await asyncio.gather(*tasks)
    pathlib.Path(path).write_text(json.dumps({"exchanges": log, "counts": counts}))


# The collector: the ids of the spans of kind SERVER, one in a line. It is up until it is told that the measurement begins.

def collect(path, up, down):
    seen = open(path, "a", buffering=1)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            for resource in body.get("resourceSpans", []):
                for scope in resource.get("scopeSpans", []):
                    for span in scope.get("spans", []):
                        if span.get("kind") == 2:
                            seen.write(span["spanId"] + "\n")
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

    def warm(server):
        sys.stdin.readline()
        server.shutdown()

    print("ready", flush=True)
    is_warm = False
    while True:
        server = Server(("127.0.0.1", COLLECTOR), Handler)
        first = threading.Thread(target=warm, args=(server,), daemon=True)
        (threading.Timer(up, server.shutdown) if is_warm else first).start()
        is_warm = True
        server.serve_forever()
        server.server_close()
        time.sleep(down)


# The network: two devices, one of which is moved to the server's namespace, and what passes between them.

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000


def relay():
    ends = []
    for name in (b"va", b"vb"):
        end = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name, IFF_TAP | IFF_NO_PI))
        ends.append(end)
    print("ready", flush=True)
    chance = random.Random(18)
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    while True:
        for end in select.select(ends, [], [])[0]:
            frame = os.read(end, 65536)
            if chance.random() >= LOSS:
                try:
                    os.write(other[end], frame)
                except OSError:
                    # The device is not up yet.
                    pass


# The test.

def run(*command):
    subprocess.run(command, check=True)


def memory(pid):
    """Resident bytes: anonymous memory, which the program allocates, and all."""
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return [int(fields[name].split()[0]) * 1024 for name in ("RssAnon", "VmRSS")]


# Student's t for 97.5 %, by degrees of freedom; between them the smaller number of degrees counts.
T = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 8: 2.31, 10: 2.23, 12: 2.18, 15: 2.13, 20: 2.09, 30: 2.04}


def slope(samples, cycle):
    """Bytes a second after the first third, and half of its interval of 95 %: a line through the means of cycles, which
    depend on each other less than the samples."""
    start, end = samples[0][0], samples[-1][0]
    begin = start + (end - start) / 3
    blocks = collections.defaultdict(list)
    for when, anonymous, _ in samples:
        if when >= begin:
            blocks[int((when - begin) / cycle)].append((when, anonymous))
    points = [tuple(sum(values) / len(values) for values in zip(*block)) for block in blocks.values() if len(block) > 1]
    n = len(points)
    mean_x, mean_y = (sum(values) / n for values in zip(*points))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    rate = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    residual = sum((y - mean_y - rate * (x - mean_x)) ** 2 for x, y in points)
    error = math.sqrt(residual / (n - 2) / spread)
    return rate, error * T[max(degrees for degrees in T if degrees <= n - 2)], mean_y, n


def rows(program, arguments):
    output = subprocess.run([program, "export", *arguments], check=True, capture_output=True, text=True)
    return output.stdout


def exchanges(text):
    found = collections.defaultdict(list)
    notifications = 0
    for line in text.splitlines():
        row = json.loads(line)
        if row["type"] == "exchange":
            found[row["session_id"], row["id"]].append((row["method"], row["status"], row["total_ms"], row["degraded"]))
        notifications += row["type"] == "notification" and row["method"] == "notifications/message"
    return found, notifications


def compare(log, found, name):
    problems, late = [], 0.0
    for call in log:
        rows = found.pop((call["session"], call["id"]), [])
        shown = f"{name}: {call['method']} {call['id']} of {call['session']}"
        if len(rows) != 1:
            problems.append(f"{shown}: {len(rows)} times")
            continue
        method, status, total, degraded = rows[0]
        if (method, status) != (call["method"], call["status"]) or degraded:
            problems.append(f"{shown}: is {method} {status} {degraded}, was {call['status']}")
        late = max(late, total - call["ms"])
    problems += [f"{name}: {key} was never asked" for key in list(found)[:20]]
    if late > CLOCK_MS:
        problems.append(f"{name}: an exchange took {late:.1f} ms longer than its client measured")
    return problems


class Soak:
    def __init__(self, program, folder, seconds):
        self.program, self.folder, self.seconds = program, folder, seconds
        self.period = max(10.0, seconds / 60)
        self.cycle = 2 * self.period
        self.children, self.names = [], [f"soak-{os.getpid()}-{end}" for end in ("s", "c")]

    def within(self, end, *command, **options):
        child = subprocess.Popen(["ip", "netns", "exec", self.names[end], *map(str, command)], **options)
        self.children.append(child)
        return child

    def role(self, end, *arguments):
        return self.within(end, sys.executable, __file__, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def network(self):
        server, client = self.names
        for name in self.names:
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        assert self.role(1, "relay").stdout.readline() == "ready\n"
        run("ip", "-n", client, "link", "set", "va", "netns", server)
        for name, device, address in ((server, "va", SERVER), (client, "vb", CLIENT)):
            run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", device)
            run("ip", "-n", name, "link", "set", device, "up")

    def end(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False)

    def captures(self):
        lines, said = open(self.folder / "live.jsonl", "w"), open(self.folder / "live.err", "w")
        keep = [self.program, "export", "-i", "vb", "-C", "20", "-w", self.folder / "kept.pcapng"]
        kept = self.within(1, *keep, f"tcp port {PORT}", stdout=lines, stderr=said)
        env = {**os.environ, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
        send = [self.program, "export", "-i", "vb", "--to", "otlp", "--endpoint", f"http://127.0.0.1:{COLLECTOR}"]
        sent = self.within(
            1, *send, "--prometheus", "127.0.0.1:9464", f"tcp port {PORT}",
            stdout=subprocess.DEVNULL, stderr=open(self.folder / "sent.err", "w"), env=env,
        )
        return {"keeps packets, exports JSON lines": kept, "sends telemetry": sent}

    def run(self):
        self.network()
        server = self.role(0, "server")
        assert server.stdout.readline() == "ready\n"
        down = self.cycle / 3
        collector = self.role(1, "collector", self.folder / "spans", 2 * down, down)
        assert collector.stdout.readline() == "ready\n"
        captures = self.captures()
        time.sleep(2)
        clients = self.role(1, "clients", self.seconds, self.period, self.folder / "clients.json")
        print(clients.stdout.readline().strip(), flush=True)
        collector.stdin.write("measure\n")
        collector.stdin.flush()
        samples = {name: [] for name in captures}
        limit = time.monotonic() + self.seconds + 120
        while clients.poll() is None:
            if time.monotonic() > limit:
                raise SystemExit("the clients do not end")
            for name, child in captures.items():
                samples[name].append((time.monotonic(), *memory(child.pid)))
            subprocess.run(
                ["ip", "netns", "exec", self.names[1], "bash", "-c",
                 "exec 3<>/dev/tcp/127.0.0.1/9464; printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3; cat <&3 > /dev/null"],
                check=False, stderr=subprocess.DEVNULL,
            )
            time.sleep(1)
        assert clients.returncode == 0, "the clients failed"
        time.sleep(2)
        for child in captures.values():
            child.send_signal(signal.SIGINT)
        statuses = {name: child.wait(60) for name, child in captures.items()}
        return samples, statuses

    def judge(self, samples, statuses):
        told = json.loads((self.folder / "clients.json").read_text())
        log, counts = told["exchanges"], told["counts"]
        print(f"{self.seconds} s: {len(log)} exchanges, {counts['warm_up']} of them before, {counts['sessions']} sessions, "
              f"{counts['connections']} further connections, {HELD} held streams with {counts['notifications']} events, {LOSS:.0%} of the packets lost")
        live, notifications = exchanges((self.folder / "live.jsonl").read_text())
        problems = compare(log, live, "live")
        if notifications < counts["notifications"]:
            problems.append(f"live: {notifications} notifications of {counts['notifications']}")
        files = sorted(glob.glob(str(self.folder / "kept.pcapng*")), key=lambda name: int(name.rsplit("pcapng", 1)[1] or 0))
        print(f"files: {len(files)}, {sum(os.path.getsize(name) for name in files) / 1e6:.1f} MB")
        kept, _ = exchanges(rows(self.program, files))
        problems += compare(log, kept, "files")
        if shutil.which("capinfos"):
            for name in files:
                if subprocess.run(["capinfos", "-c", name], capture_output=True, check=False).returncode != 0:
                    problems.append(f"{name}: capinfos does not open it")
        said = (self.folder / "sent.err").read_text()
        print("telemetry:", " / ".join(line for line in said.splitlines() if "span" in line) or said.strip()[-300:])
        spans = len(set((self.folder / "spans").read_text().split()))
        if spans != len(log) and statuses["sends telemetry"] == 0:
            problems.append(f"collector: {spans} exchanges of {len(log)}")
        print(f"collector: {spans} exchanges; capture: {' / '.join((self.folder / 'live.err').read_text().splitlines())}")
        if statuses["keeps packets, exports JSON lines"] != 0:
            problems.append(f"exit status {statuses}")
        for name, series in samples.items():
            lines = (f"{when:.1f},{anonymous},{resident}\n" for when, anonymous, resident in series)
            (self.folder / f"memory, {name}.csv").write_text("seconds,allocated,resident\n" + "".join(lines))
            rate, half, mean, blocks = slope(series, self.cycle)
            opened = (counts["connections"] + counts["sessions"]) / self.seconds
            grows = rate > half
            most = max(sample[2] for sample in series)
            print(f"memory, {name}: {mean / 2**20:.2f} MiB allocated, slope {rate * 60 / 1024:+.0f} ± {half * 60 / 1024:.0f} KiB/min, "
                  f"{rate / opened:.0f} bytes for each new connection "
                  f"({blocks} cycles of {self.cycle:.0f} s), {most / 2**20:.0f} MiB resident at most with the kernel's buffer")
            if grows:
                problems.append(f"memory grows: {name}")
        return problems


def main():
    if sys.argv[1] == "server":
        asyncio.run(serve())
    elif sys.argv[1] == "clients":
        asyncio.run(clients(float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
    elif sys.argv[1] == "relay":
        relay()
    elif sys.argv[1] == "collector":
        collect(sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
    else:
        program, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        soak = Soak(program, folder, int(sys.argv[3]))
        try:
            problems = soak.judge(*soak.run())
        finally:
            soak.end()
        for problem in problems[:50]:
            print("FAILED", problem)
        sys.exit(1 if problems else 0)


main()
