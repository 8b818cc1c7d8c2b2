#!/usr/bin/env python3
"""Try archive.py: 200 rotated captures of five sensors, on a Spark cluster of this machine that loses an executor.

    demo.py MCPDUMP MULTIPLY FOLDER

MCPDUMP and MULTIPLY are the program and the example of that name, FOLDER takes the captures and the tables. Exits with 1
if the tables do not hold what one run over all files of each sensor finds, or if Spark and DuckDB answer differently.
"""
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import answer

HERE = Path(__file__).resolve().parent
CAPTURES = HERE.parent / "captures"

# A capture for each sensor, and how often it is repeated in each of two weeks.
SENSORS = {
    "berlin": ("many-sessions", 12),
    "lisbon": ("ts-streamable", 40),
    "osaka": ("py-streamable-json", 40),
    "quito": ("load-sse", 3),
    "tromso": ("ts-sse", 40),
}
FILES = 40
WEEK = 7 * 24 * 3600 * 10**9
# In the second week everything at this sensor takes half as long again.
SLOWER = "berlin"

# Two executors, one core and 1 GiB each.
MASTER = "local-cluster[2,1,1024]"


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    program, multiply, folder = (Path(argument).resolve() for argument in sys.argv[1:])
    archive, tables = folder / "archive", folder / "tables"
    shutil.rmtree(archive, ignore_errors=True)
    shutil.rmtree(tables, ignore_errors=True)
    for sensor, (capture, copies) in SENSORS.items():
        record(multiply, archive / sensor, next((CAPTURES / capture).glob("capture.pcap*")), copies, sensor == SLOWER)
    files = sum(1 for path in archive.rglob("*.pcap*"))
    print(f"demo: {files} captures of {len(SENSORS)} sensors", flush=True)
    lost = analyse(program, archive, tables)
    problems = [] if lost else ["no executor was lost"]
    for sensor in SENSORS:
        problems += compare(program, archive / sensor, tables, sensor)
    problems += questions(tables)
    for problem in problems:
        print(f"FAIL {problem}")
    sys.exit(1 if problems else 0)


def record(multiply, folder, capture, copies, slower):
    """Write two weeks of a sensor, rotated as tcpdump -C names its files."""
    folder.mkdir(parents=True)
    whole = folder / "whole"
    overlap = 4
    subprocess.run([multiply, capture, whole, "--copies", str(2 * copies), "--overlap", str(overlap)],
                   check=True, capture_output=True)
    header, packets = read(whole)
    whole.unlink()
    # Copies follow each other, a millisecond apart, `overlap` at a time: the second half is the second week.
    start, groups = packets[0][0], 2 * copies // overlap
    middle = start + (packets[-1][0] - start + 1_000_000) // groups * (groups // 2) - 500_000
    stretch = 1.5 if slower else 1
    packets = [it if it[0] < middle else (WEEK + middle + int((it[0] - middle) * stretch), *it[1:]) for it in packets]
    size = -(-len(packets) // FILES)
    for number, first in enumerate(range(0, len(packets), size)):
        with open(folder / f"mcp.pcap{number or ''}", "wb") as out:
            out.write(header)
            for at, data, length in packets[first:first + size]:
                out.write(struct.pack("<IIII", at // 10**9, at % 10**9, len(data), length) + data)


def read(path):
    """The header and the packets of a pcap file with nanoseconds in little endian, as the example writes them."""
    data = path.read_bytes()
    if data[:4] != b"\x4d\x3c\xb2\xa1":
        sys.exit(f"demo: {path} is no pcap file with nanoseconds")
    at, packets = 24, []
    while at < len(data):
        whole, fraction, kept, length = struct.unpack_from("<IIII", data, at)
        packets.append((whole * 10**9 + fraction, data[at + 16:at + 16 + kept], length))
        at += 16 + kept
    return data[:24], packets


def analyse(program, archive, tables):
    """Run archive.py, and end an executor while it works. Returns whether Spark lost it."""
    submit = shutil.which("spark-submit")
    command = [submit, "--master", MASTER, "--conf", "spark.executor.memory=1g", "--conf", "spark.ui.enabled=false",
               str(HERE / "archive.py"), "--archive", str(archive), "--tables", str(tables), "--mcpdump", str(program),
               "--files-per-group", "5", "--around", "2"]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    lost = threading.Event()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as run:
        killer = threading.Thread(target=kill_executor, args=(run, tables / "_lines"))
        killer.start()
        log = []
        for line in run.stderr:
            log.append(line)
            if "Lost executor" in line:
                lost.set()
            if line.startswith("archive:"):
                print(line, end="", flush=True)
        killer.join()
    if run.returncode != 0:
        sys.exit("".join(log[-60:]) + f"demo: archive.py ended with {run.returncode}")
    return lost.is_set()


def kill_executor(run, staged):
    """End one executor when the first task has written something."""
    while run.poll() is None and not has_rows(staged):
        time.sleep(0.02)
    executors = [pid for pid in below(run.pid) if "CoarseGrainedExecutorBackend" in command_of(pid)]
    if executors:
        os.kill(executors[0], signal.SIGKILL)
        print(f"demo: ended executor {executors[0]} of {len(executors)}", flush=True)


def has_rows(staged):
    try:
        return any(staged.rglob("*.parquet"))
    except OSError:
        # A directory was moved meanwhile.
        return False


def below(root):
    """The processes that a process started, and those that they started."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, queue = [], [root]
    while queue:
        children = parents.get(queue.pop(), [])
        found += children
        queue += children
    return found


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def compare(program, folder, tables, sensor):
    """What one run over all files of a sensor finds and the tables do not hold, and the other way round."""
    order = sorted(folder.iterdir(), key=lambda path: int(path.name.removeprefix("mcp.pcap") or 0))
    run = subprocess.run([program, "export", "--to", "jsonl", *order], capture_output=True, check=True, text=True)
    rows = [json.loads(line, parse_float=str) for line in run.stdout.splitlines()]
    ask = answer.duckdb(tables)
    problems = []
    for kind, (columns, of_row) in COMPARED.items():
        whole = [of_row(row) for row in rows if row["type"] == kind]
        told = ask(f"select {columns} from {kind}s where sensor = '{sensor}'")
        parts = [text(*row.values()) for row in told]
        whole, parts = ([row for row in found if row[0] not in OF_ALL] for found in (whole, parts))
        missing, more = list((Counter(whole) - Counter(parts)).elements()), list((Counter(parts) - Counter(whole)).elements())
        print(f"demo: {sensor}: {len(parts)} {kind}s, {len(whole)} in one run")
        if missing or more:
            problems.append(f"{sensor}: {len(missing)} {kind}s are missing, {len(more)} are too many: {(missing or more)[0]}")
    return problems


def text(*values):
    return tuple("" if value is None else str(value) for value in values)


# What is compared of each kind: columns of the table, and the same of a JSON line.
COMPARED = {
    "exchange": (
        "session_id, client, server, method, name, id, status, start_ns, total_ns, request_bytes, response_bytes, "
        "client_name, server_name",
        lambda row: text(row["session_id"], row["client"], row["server"], row["method"], row["name"], row["id"],
                         row["status"], scaled(row["request"]["start"], 9), scaled(row["total_ms"], 6),
                         row["request"]["bytes"], (row["response"] or {}).get("bytes"), row["client_name"],
                         row["server_name"]),
    ),
    "notification": (
        "sender, method, session_id, time_ns, bytes",
        lambda row: text(row["from"], row["method"], row["session_id"], scaled(row["time"], 9), row["bytes"]),
    ),
    "stream": (
        'client, server, method, target, start_ns, events, bytes, "end"',
        lambda row: text(row["client"], row["server"], row["method"], row["target"], scaled(row["start"], 9),
                         row["events"], row["bytes"], row["ended"]),
    ),
    "finding": (
        "code, time_ns, detail",
        lambda row: text(row["code"], scaled(row["time"], 9), row["detail"]),
    ),
}

# Findings that compare all streams of a capture: each group has its own.
OF_ALL = ("mcp.idle_limit",)


def scaled(number, digits):
    return None if number is None else int(Decimal(str(number)).scaleb(digits))


def questions(tables):
    """Where the answers of Spark and DuckDB differ."""
    engines = {name: [sys.executable, str(HERE / "answer.py"), name, str(tables)] for name in ("spark", "duckdb")}
    told = {name: subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
            for name, command in engines.items()}
    counts = {}
    for line in told["duckdb"]:
        question = json.loads(line)["question"]
        counts[question] = counts.get(question, 0) + 1
        if counts[question] <= 2:
            print(line)
    print("demo: rows of each answer: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    problems = [f"{name} has no answer" for name in (path.stem for path in answer.QUESTIONS.glob("*.sql")) if name not in counts]
    differing = [pair for pair in zip(told["spark"], told["duckdb"]) if pair[0] != pair[1]]
    if differing or len(told["spark"]) != len(told["duckdb"]):
        problems.append(f"Spark and DuckDB differ in {len(differing)} of {len(told['duckdb'])} rows: {differing[:1]}")
    return problems


if __name__ == "__main__":
    main()
