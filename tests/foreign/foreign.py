#!/usr/bin/env python3
"""Captures of other projects: nothing panics, packets are counted as capinfos counts them, requests of HTTP/1 are tshark's.

    foreign.py MCPDUMP REQUESTS FOLDER

MCPDUMP is the program, REQUESTS the example `requests`, FOLDER is searched for captures. Needs capinfos and tshark.
Requests on which the programs differ are counted by the reason that can be told from the file, and listed if VERBOSE is
set; those without a reason fail.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

ENDINGS = (".pcap", ".pcapng", ".cap", ".trace", ".dmp", ".pcap.gz", ".pcapng.gz", ".pcap.zst", ".ntar")
PATIENCE = 120
SEPARATOR = "\x1f"


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False, **options)


def counts(files):
    """The packets that capinfos finds in each file; None where it does not read all of it."""
    found = {}
    for file in files:
        try:
            output = run("capinfos", "-c", "-M", "-T", "-r", file)
        except subprocess.TimeoutExpired:
            found[file] = (None, "capinfos takes too long")
            continue
        fields = output.stdout.strip().rsplit("\t", 1)
        number = int(fields[1]) if len(fields) == 2 and fields[1].isdigit() else None
        found[file] = (number, output.stderr.strip())
    return found


def may_hold_requests(file):
    """tshark takes a second for each file. One with requests in clear names the protocol; compressed files may have any."""
    return b"HTTP/1" in (data := pathlib.Path(file).read_bytes()) or data[:2] == b"\x1f\x8b" or data[:4] == b"\x28\xb5\x2f\xfd"


def requests(file):
    """The requests that tshark finds: method and target by connection, and the connections with other versions than HTTP/1."""
    fields = ["tcp.stream", "http.request.method", "http.request.uri", "http.request.version"]
    options = [word for field in fields for word in ("-e", field)]
    output = run("tshark", "-n", "-r", file, "-Y", "http.request && tcp && !http2", "-T", "fields",
                 "-E", "occurrence=a", "-E", f"aggregator={SEPARATOR}", *options)
    found, without_version = collections.defaultdict(list), set()
    for line in output.stdout.splitlines():
        stream, methods, targets, versions = (line.split("\t") + ["", "", "", ""])[:4]
        stream = stream.split(SEPARATOR)[-1]
        if stream:
            found[int(stream)] += zip(methods.split(SEPARATOR), targets.split(SEPARATOR))
            if any(version not in ("HTTP/1.0", "HTTP/1.1") for version in versions.split(SEPARATOR)):
                without_version.add(int(stream))
    return found, without_version


def ours(row):
    """The requests that mcpdump finds, by connection."""
    found = collections.defaultdict(list)
    for stream, connection in row["connections"].items():
        for line in connection["requests"]:
            words = line.split(" ")
            if not line.endswith(("HTTP/2", "HTTP/2.0")):
                found[int(stream)].append((words[0], " ".join(words[1:-1])))
    return found


def reason(row, stream, theirs, mine, without_version):
    """Why the programs may differ about a connection. None if that cannot be told."""
    connection = row["connections"].get(str(stream))
    if row["error"]:
        return "the file is damaged: reading ends there"
    if connection is None:
        return "in packets that mcpdump does not read: other tunnels and link types"
    if connection["tls"]:
        return "inside TLS"
    if connection["gaps"]:
        return "segments are missing"
    if row["cut"]:
        return "packets are cut"
    if connection["speaks"] in ("http/2", "websocket"):
        return connection["speaks"]
    if any(method == "CONNECT" for method, _ in mine + theirs):
        return "inside a tunnel"
    if stream in without_version:
        return "a request without version, or with an unknown one"
    faults = sorted(code for code in row["findings"] if code.startswith("http."))
    if faults:
        return f"mcpdump says why: {', '.join(faults)}"
    if not theirs:
        return "tshark takes the port for another protocol's, or does not know the method"
    return None


def judge(program, row, file, expected):
    problems, reasons = [], collections.Counter()
    if row.get("panic"):
        return [f"{file}: panics"], reasons
    for arguments in (["report", "--format", "json"], ["export"]):
        output = subprocess.run([program, *arguments, file], capture_output=True, timeout=PATIENCE, check=False)
        if output.returncode not in (0, 1, 2) or b"panicked" in output.stderr:
            problems.append(f"{file}: {arguments[0]} ends with {output.returncode}: {output.stderr[-300:]!r}")
        elif arguments[0] == "report" and output.returncode == 0:
            packets = json.loads(output.stdout)["capture"]["packets"]
            if packets != row.get("packets"):
                problems.append(f"{file}: report counts {packets} packets, the library {row.get('packets')}")
    number, said = expected
    if row["error"] and "packets" not in row:
        return problems, reasons
    if number is not None and number != row["packets"]:
        problems.append(f"{file}: {row['packets']} packets, capinfos {number} ({said}); error: {row['error']}, {row['findings']}")
    if row["tcp"] == 0 and row["unreadable"] == 0 or not may_hold_requests(file):
        return problems, reasons
    (theirs, without_version), mine = requests(file), ours(row)
    reasons["requests of both"] += sum(len(both) for stream, both in theirs.items() if both == mine.get(stream))
    if sorted(sum(theirs.values(), [])) == sorted(sum(mine.values(), [])) and theirs != mine:
        same = sum(len(both) for stream, both in theirs.items() if both == mine.get(stream))
        reasons["requests of both, on connections that are numbered differently"] += sum(map(len, mine.values())) - same
        return problems, reasons
    for stream in sorted({*theirs, *mine}):
        left, right = theirs.get(stream, []), mine.get(stream, [])
        if left == right:
            continue
        why = reason(row, stream, left, right, without_version)
        if os.environ.get("VERBOSE"):
            print(f"{file}: connection {stream}: {why}: tshark {left[:3]}, mcpdump {right[:3]}")
        if why is None:
            problems.append(f"{file}: connection {stream}: tshark {left[:6]}… {len(left)}, mcpdump {right[:6]}… {len(right)}")
        reasons[why or "not explained"] += abs(len(left) - len(right)) or 1
    return problems, reasons


def patient_judge(program, row, file, expected):
    try:
        return judge(program, row, file, expected)
    except subprocess.TimeoutExpired as late:
        return [f"{file}: {late.cmd[0]} takes more than {PATIENCE} s"], collections.Counter()


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.strip())
    program, reader, folder = sys.argv[1:]
    files = sorted(str(path) for path in pathlib.Path(folder).rglob("*") if path.is_file() and path.name.lower().endswith(ENDINGS))
    if not files:
        sys.exit(f"{folder}: no captures")
    output = subprocess.run([reader], input="".join(f"{file}\n" for file in files), capture_output=True, text=True, check=False)
    rows = {row["file"]: row["read"] for row in map(json.loads, output.stdout.splitlines())}
    expected = counts(files)
    problems = [f"{file}: the reader ended: {output.stderr[-500:]}" for file in files if file not in rows]
    totals = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(max_workers=int(os.environ.get("JOBS", os.cpu_count() or 1))) as pool:
        for found, reasons in pool.map(lambda file: patient_judge(program, rows[file], file, expected[file]), [file for file in files if file in rows]):
            problems += found
            totals += reasons
    read = [row for row in rows.values() if row.get("packets") is not None]
    print(f"{len(files)} files, {len(read)} of them captures, {sum(row['packets'] for row in read)} packets, "
          f"{sum(len(row['connections']) for row in read)} connections")
    for reason, number in totals.most_common():
        print(f"{number:8} {reason}")
    for problem in problems:
        print("FAILED", problem)
    sys.exit(1 if problems else 0)


main()
