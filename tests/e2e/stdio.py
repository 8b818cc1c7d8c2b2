"""Tests that servers on standard input and output do the same under `mcpdump wrap` as without it.

    stdio.py MCPDUMP NODE FOLDER CAPTURE

The command line of the Inspector calls servers of three SDKs (that of rmcp is `mcpdump mcp CAPTURE`), which it finds in its configuration file, with and without
the wrap. What it prints has to be the same, and so have the bytes of both directions, which a program between Inspector
and server writes down. What the wrap recorded has to hold these bytes, too, and mcpdump has to find the calls in it.
A line of 100 MB passes unchanged. At last the latency that a wrap adds is measured and printed.
"""

import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 60
CALLS = {
    "tools/list": ["tools/list"],
    "tools/call echo": ["tools/call", "--tool-name", "echo", "--tool-arg", "text=äöü"],
    "tools/call repeat, 3 MB": ["tools/call", "--tool-name", "repeat", "--tool-arg", "times=150000"],
    "tools/call fail": ["tools/call", "--tool-name", "fail"],
    "tools/call progress": ["tools/call", "--tool-name", "progress"],
    "resources/read": ["resources/read", "--uri", "test://static"],
    "prompts/get": ["prompts/get", "--prompt-name", "ask", "--prompt-args", "who=me"],
}
# Of `mcpdump mcp`, which is built with rmcp.
QUESTIONS = {
    "tools/list": ["tools/list"],
    "tools/call summarize": ["tools/call", "--tool-name", "summarize"],
    "resources/read": ["resources/read", "--uri", "mcpdump://summary"],
    "prompts/get": ["prompts/get", "--prompt-name", "diagnose"],
}
# Length of the longest line, in bytes.
LONG = 100_000_000
# Round trips that are measured.
ROUNDS = 20_000


def main():
    program, node, folder, asked = sys.argv[1:]
    folder = pathlib.Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    servers = {
        "typescript": ([node, str(HERE / "stdio_server.mjs")], CALLS),
        "python": ([sys.executable, str(HERE / "stdio_server.py")], CALLS),
        "rmcp": ([program, "mcp", asked], QUESTIONS),
    }
    checks = {
        f"{name}, {call}": lambda server=server, options=options: compare(program, node, folder, server, options)
        for name, (server, calls) in servers.items()
        for call, options in calls.items()
    }
    checks["a long line"] = lambda: long_line(program, folder)
    failed = 0
    for name, check in checks.items():
        try:
            print(f"ok   {name}: {check()}", flush=True)
        except (AssertionError, subprocess.SubprocessError, OSError) as error:
            failed += 1
            print(f"FAIL {name}: {error}", flush=True)
    latency(program, folder)
    sys.exit(1 if failed else 0)


def compare(program, node, folder, server, options):
    """Calls a server with and without the wrap; returns what was compared, in words."""
    capture = folder / "wrap.pcapng"
    capture.unlink(missing_ok=True)
    ways = {"alone": server, "wrapped": [program, "wrap", "-w", str(capture), "--", *server]}
    printed = {way: inspect(node, folder, way, command, options) for way, command in ways.items()}
    assert printed["alone"] == printed["wrapped"], f"the Inspector printed {printed['wrapped']}"
    bytes_of = {way: [(folder / f"{way}.{end}").read_bytes() for end in ("in", "out")] for way in ways}
    for end, alone, wrapped in zip(("to the server", "to the client"), *bytes_of.values()):
        assert alone == wrapped, f"{len(alone)} bytes {end} without, {len(wrapped)} with the wrap"
    wait_for_end(capture)
    assert streams(capture) == bytes_of["wrapped"], "the capture holds other bytes"
    exported = subprocess.run([program, "export", "--to", "jsonl", str(capture)], capture_output=True, check=True, timeout=LIMIT)
    rows = [json.loads(line) for line in exported.stdout.splitlines()]
    [session] = [row for row in rows if row["type"] == "session"]
    assert session["transport"] == "stdio" and not session["degraded"], session
    methods = [row["method"] for row in rows if row["type"] == "exchange"]
    assert options[0] in methods and "initialize" in methods, methods
    bad = [row for row in rows if row["type"] == "finding" and row["severity"] in ("warning", "error")]
    assert not bad, bad
    flags = wireshark(capture)
    assert not flags, f"tshark: {flags}"
    sent, received = map(len, bytes_of["wrapped"])
    return f"{sent} bytes sent, {received} received, {len(methods)} exchanges"


def long_line(program, folder):
    """Passes a line of 100 MB to `cat` and back; what is written down of it has to be readable."""
    capture = folder / "long.pcapng"
    line = json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "x" * LONG}}).encode() + b"\n"
    run = [program, "wrap", "-w", str(capture), "--", "cat"]
    done = subprocess.run(run, input=line, stdout=subprocess.PIPE, check=True, timeout=LIMIT)
    assert done.stdout == line, f"{len(done.stdout)} bytes of {len(line)} came back"
    report = subprocess.run([program, "report", "--format", "json", str(capture)], capture_output=True, check=True, timeout=2 * LIMIT)
    size = capture.stat().st_size
    capture.unlink()
    assert json.loads(report.stdout)["capture"]["packets"] > 0, report.stdout[:200]
    return f"{len(line)} bytes there and back, {size} in the capture"


def inspect(node, folder, way, command, options):
    """Runs the Inspector on a server that its configuration file names. Returns status and output."""
    tee = [sys.executable, str(HERE / "stdio_tee.py"), str(folder / way), *command]
    config = folder / "config.json"
    config.write_text(json.dumps({"mcpServers": {"it": {"command": tee[0], "args": tee[1:]}}}))
    inspector = [node, str(HERE / "node_modules/.bin/mcp-inspector"), "--cli", "--config", str(config), "--server", "it"]
    run = [*inspector, "--method", *options]
    done = subprocess.run(run, capture_output=True, text=True, timeout=LIMIT, check=False, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout


def wait_for_end(capture):
    """Waits until the wrap wrote its last block: the Inspector may end before it."""
    until = time.monotonic() + LIMIT
    while b"the server " not in capture.read_bytes()[-400:]:
        assert time.monotonic() < until, "the capture has no end"
        time.sleep(0.02)


def streams(capture):
    """The bytes of client and server in a capture, read without mcpdump."""
    data, at, sent = capture.read_bytes(), 0, {}
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 6:
            captured = struct.unpack_from("<I", data, at + 20)[0]
            packet = data[at + 28: at + 28 + captured]
            if packet[9] == socket.IPPROTO_TCP:
                tcp = packet[20:]
                is_server = packet[13] >= 128
                sent.setdefault(is_server, bytearray()).extend(tcp[(tcp[12] >> 4) * 4:])
        at += length
    return [bytes(sent[False]), bytes(sent[True])]


def wireshark(capture):
    """What tshark finds wrong; nothing if it is not installed."""
    if not shutil.which("tshark"):
        return ""
    checks = [part for layer in ("tcp", "ip", "udp") for part in ("-o", f"{layer}.check_checksum:TRUE")]
    bad = "tcp.analysis.flags || _ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0"
    done = subprocess.run(["tshark", "-r", str(capture), *checks, "-Y", bad], capture_output=True, text=True, check=True, timeout=LIMIT)
    return done.stdout


def latency(program, folder):
    """Measures round trips of a message through `cat`, with and without the wrap."""
    ways = {"alone": ["cat"], "wrapped": [program, "wrap", "-w", str(folder / "latency.pcapng"), "--", "cat"]}
    times = {way: round_trips(command) for way, command in ways.items()}
    quantile = lambda way, part: times[way][int(ROUNDS * part)] / 1000
    figures = {part: (quantile("alone", part), quantile("wrapped", part)) for part in (0.5, 0.99)}
    shown = ", ".join(f"p{part * 100:g} {b:.1f} µs instead of {a:.1f}" for part, (a, b) in figures.items())
    # There and back: two passes.
    added = ", ".join(f"p{part * 100:g} {(b - a) / 2:.1f} µs" for part, (a, b) in figures.items())
    print(f"ok   latency of a round trip: {shown}; added to each message: {added}", flush=True)
    (folder / "latency.pcapng").unlink()


def round_trips(command):
    """Times of round trips in nanoseconds, sorted."""
    message = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"text": "x" * 60}}).encode() + b"\n"
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    to, back = child.stdin.fileno(), child.stdout.fileno()
    times = []
    for _ in range(ROUNDS + 1000):
        start = time.perf_counter_ns()
        os.write(to, message)
        got = 0
        while got < len(message):
            got += len(os.read(back, 65536))
        times.append(time.perf_counter_ns() - start)
    child.stdin.close()
    child.wait(LIMIT)
    # The first ones fill caches.
    return sorted(times[1000:])


if __name__ == "__main__":
    main()
