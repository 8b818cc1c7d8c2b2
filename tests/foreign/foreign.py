#!/usr/bin/env python3
"""Captures of other projects: nothing panics, packets are counted as capinfos counts them, requests of HTTP/1 are tshark's.

    foreign.py MCPDUMP REQUESTS FOLDER

MCPDUMP is the program, REQUESTS the example `requests`, FOLDER is searched for captures. Needs capinfos and tshark.
Where the programs differ about a connection, tshark is asked again with other settings, and then the connection is
searched for a cause. Differences are counted by cause, and listed if VERBOSE is set; one without a cause fails.
ONLY=requests compares requests and leaves out the rest.
"""

import collections
import concurrent.futures
import ipaddress
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


# Protocols that carry TCP, by tshark's names, and that mcpdump does not read.
UNREAD = {"arcnet", "ayiya", "geneve", "gtp", "mpls", "nflog", "teredo", "udp:gre", "wlan"}
# What mcpdump says of a connection if it reads fewer or other requests than were sent.
FAULTS = {
    "http.bad_chunk", "http.bad_head", "http.bad_length", "http.head_too_long", "http.length_conflict", "http.request_cut",
    "http.resync", "http.transfer_encoding", "tcp.after_end", "tcp.before_start", "tcp.gap", "tcp.out_of_window", "tcp.overlap_conflict",
}
# The methods that tshark 4.0 knows.
METHODS = set("""
    GET POST HEAD PUT DELETE OPTIONS TRACE CONNECT PATCH LINK UNLINK PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK POLL
    BCOPY BMOVE SEARCH BDELETE BPROPFIND BPROPPATCH LABEL MERGE REPORT UPDATE CHECKIN CHECKOUT UNCHECKOUT MKACTIVITY
    MKWORKSPACE VERSION-CONTROL BASELINE-CONTROL ACL ORDERPATCH NOTIFY SUBSCRIBE UNSUBSCRIBE M-SEARCH ICY SOURCE
    CCM_POST RPC_CONNECT RPC_IN_DATA RPC_OUT_DATA
""".split())
VERSIONS = ("HTTP/1.0", "HTTP/1.1")
END_FIELDS = ["frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport"]
# Segments that an ICMP error quotes belong to no connection.
SEGMENTS = "tcp && !icmp && !icmpv6"
# Settings of tshark.
WITHOUT_BODIES = ("-o", "http.desegment_body:FALSE")
OUT_OF_ORDER = ("-o", "tcp.reassemble_out_of_order:TRUE")


def tshark(file, condition, fields, *options):
    """The fields of the packets that meet a condition: for each packet a list of values for each field."""
    words = [word for field in fields for word in ("-e", field)]
    output = run("tshark", "-n", "-r", file, *options, "-Y", condition, "-T", "fields",
                 "-E", "occurrence=a", "-E", f"aggregator={SEPARATOR}", *words)
    for line in output.stdout.splitlines():
        values = line.split("\t")
        yield [value.split(SEPARATOR) for value in values + [""] * (len(fields) - len(values))]


def ends(protocols, src4, dst4, src6, dst6, srcport, dstport):
    """The two ends of a connection, in no order: those of the innermost packet."""
    layers = [layer for layer in protocols[0].split(":") if layer in ("ip", "ipv6")]
    addresses = (src6, dst6) if layers[-1:] == ["ipv6"] else (src4, dst4)
    return frozenset(end(address[-1], port[-1]) for address, port in zip(addresses, (srcport, dstport)))


def end(address, port):
    """An end as one text, whichever program writes it."""
    address = ipaddress.ip_address(address or "0.0.0.0")
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def requests(file, *options):
    """The requests that tshark finds, by connection: method, target and version, and the protocols that carry them."""
    found, carriers = collections.defaultdict(list), collections.defaultdict(set)
    fields = [*END_FIELDS, "http.request.method", "http.request.uri", "http.request.version"]
    for *where, methods, targets, versions in tshark(file, f"http.request.method && !http2 && {SEGMENTS}", fields, *options):
        found[ends(*where)] += zip(methods, targets, versions + [""] * len(methods))
        carriers[ends(*where)].add(f":{where[0][0]}:")
    return found, carriers


def ours(row):
    """The requests that mcpdump finds, by connection, and what it says about the connections."""
    found, connections = collections.defaultdict(list), collections.defaultdict(list)
    for stream, connection in sorted(row["connections"].items(), key=lambda pair: int(pair[0])):
        both = frozenset(end(address.strip("[]"), port) for address, port in
                         (connection[side].rsplit(":", 1) for side in ("client", "server")))
        connections[both].append({**connection, "faults": row["faults"].get(stream, [])})
        for line in connection["requests"]:
            words = line.split(" ")
            if not line.endswith(("HTTP/2", "HTTP/2.0")):
                found[both].append((words[0], " ".join(words[1:-1]), words[-1]))
    return found, connections


def lines(found, key):
    """The requests of a connection without their versions, which tshark leaves out now and then."""
    return [(method, target) for method, target, _ in found.get(key, [])]


class Differences:
    """Finds out why the programs differ about the connections of one file."""

    def __init__(self, file, theirs, carriers, mine, connections):
        self.file = file
        self.theirs, self.carriers, self.mine, self.connections = theirs, carriers, mine, connections
        self.again, self.all_segments = {}, None

    def with_options(self, *options):
        """The requests that tshark finds with other settings."""
        if options not in self.again:
            self.again[options] = requests(self.file, *options)[0]
        return self.again[options]

    def segments(self, key):
        """Length, captured length, URG and payload (hex) of the connection's segments, as tshark reads them."""
        if self.all_segments is None:
            self.all_segments = collections.defaultdict(list)
            names = [*END_FIELDS, "frame.len", "frame.cap_len", "tcp.flags.urg", "tcp.payload"]
            for *where, length, captured, urgent, payload in tshark(self.file, SEGMENTS, names):
                self.all_segments[ends(*where)].append((int(length[0]), int(captured[0]), urgent[-1] == "1", payload[-1]))
        return self.all_segments[key]

    def cause(self, key):
        """Why the programs differ about a connection; None if that cannot be told."""
        left, right = lines(self.theirs, key), lines(self.mine, key)
        unversioned = [(method, target) for method, target, version in self.theirs.get(key, []) if version not in VERSIONS]
        sent = b"\n".join(bytes.fromhex(payload) for *_, payload in self.segments(key) if payload)
        # tshark leaves a version out now and then.
        has_version = any(f"{method} {target} HTTP/1.".encode() in sent for method, target in unversioned)
        if not has_version and [line for line in left if line not in unversioned] == right:
            return "no version, or an unknown one: no head of HTTP/1 for mcpdump"
        if [line for line in right if line[0] in METHODS] == left:
            return "a method that tshark does not know"
        connections = self.connections.get(key, [])
        if not connections:
            unread = self.carried_by(key, UNREAD)
            return f"inside {unread}, which mcpdump does not read" if unread else None
        # The server's port first: it is that of many connections. Tshark may go by the client's, too.
        as_http, both_as_http = (
            tuple(word for port in sorted({address.rsplit(":", 1)[1] for address in addresses}) for word in ("-d", f"tcp.port=={port},http"))
            for addresses in ({connection["server"] for connection in connections}, key)
        )
        for options, cause in [
            (WITHOUT_BODIES, "a body without its end: tshark lists no request then"),
            (as_http, "tshark reads the port as another protocol's"),
            (both_as_http, "tshark reads the port as another protocol's"),
            (OUT_OF_ORDER, "segments out of order, which tshark sorts on demand only"),
            (WITHOUT_BODIES + OUT_OF_ORDER + as_http, "bodies without their ends, order and port together"),
        ]:
            if lines(self.with_options(*options), key) == right:
                return cause
        return self.fault(key, left + right, connections)

    def carried_by(self, key, protocols):
        """Those of the protocols that carry the connection or its requests, in one string."""
        return ", ".join(sorted(name for name in protocols if any(f":{name}:" in layers for layers in self.carriers.get(key, ()))))

    def fault(self, key, both, connections):
        """What of the connection may make the programs differ; None if nothing does."""
        faults = sorted(FAULTS & {code for connection in connections for code in connection["faults"]})
        if any(connection["tls"] for connection in connections):
            return "inside TLS"
        if any(connection["speaks"] in ("http/2", "websocket") for connection in connections):
            return "HTTP/1 that became HTTP/2 or WebSocket"
        if any(connection["wrapper"] == "connect" for connection in connections) or any(method == "CONNECT" for method, _ in both):
            return "inside a tunnel of CONNECT"
        if faults:
            return f"mcpdump says why: {', '.join(faults)}"
        segments = self.segments(key)
        if any(captured < length for length, captured, *_ in segments):
            return "packets are cut"
        if any(urgent for *_, urgent, _ in segments):
            return "urgent data, which mcpdump reads in line"
        if all(connection["speaks"] == "other" for connection in connections):
            payloads = [payload for *_, payload in segments if payload]
            if payloads and payloads[0].startswith(("04", "05")):
                return "inside SOCKS, which mcpdump does not read"
        return None


def compare_all(program, row, file, expected):
    """Whether the commands end, and packets are counted as capinfos counts them: the problems."""
    problems = []
    for arguments in (["report", "--format", "json"], ["export"]):
        output = subprocess.run([program, *arguments, file], capture_output=True, timeout=PATIENCE, check=False)
        if output.returncode not in (0, 1, 2) or b"panicked" in output.stderr:
            problems.append(f"{file}: {arguments[0]} ends with {output.returncode}: {output.stderr[-300:]!r}")
        elif arguments[0] == "report" and output.returncode == 0:
            packets = json.loads(output.stdout)["capture"]["packets"]
            if packets != row.get("packets"):
                problems.append(f"{file}: report counts {packets} packets, the library {row.get('packets')}")
    number, said = expected
    if "packets" in row and number is not None and number != row["packets"]:
        problems.append(f"{file}: {row['packets']} packets, capinfos {number} ({said}); error: {row['error']}, {row['findings']}")
    return problems


def judge(program, row, file, expected):
    problems, causes = [], collections.Counter()
    if row.get("panic"):
        return [f"{file}: panics"], causes
    if os.environ.get("ONLY") != "requests":
        problems += compare_all(program, row, file, expected)
    if "packets" not in row or not may_hold_requests(file):
        return problems, causes
    (theirs, carriers), (mine, connections) = requests(file), ours(row)
    differences = Differences(file, theirs, carriers, mine, connections)
    for key in sorted({*theirs, *mine}, key=sorted):
        left, right = lines(theirs, key), lines(mine, key)
        if left == right:
            causes["requests of both"] += len(left)
            continue
        cause = differences.cause(key)
        if cause is None and row["error"]:
            cause = "the file is damaged: reading ends there"
        where = f"{file}: {' - '.join(sorted(key))}"
        if os.environ.get("VERBOSE"):
            print(f"{where}: {cause}: tshark {left[:3]}, mcpdump {right[:3]}")
        if cause is None:
            problems.append(f"{where}: tshark {left[:6]}… {len(left)}, mcpdump {right[:6]}… {len(right)}")
        causes[cause or "not explained"] += difference(left, right)
    return problems, causes


def difference(left, right):
    """The number of requests that only one of them has; 1 if the order alone differs."""
    one, other = collections.Counter(left), collections.Counter(right)
    return max(sum((one - other).values()), sum((other - one).values())) or 1


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
    only_requests = os.environ.get("ONLY") == "requests"
    expected = dict.fromkeys(files, (None, "")) if only_requests else counts(files)
    problems = [f"{file}: the reader ended: {output.stderr[-500:]}" for file in files if file not in rows]
    totals = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(max_workers=int(os.environ.get("JOBS", os.cpu_count() or 1))) as pool:
        for found, causes in pool.map(lambda file: patient_judge(program, rows[file], file, expected[file]), [file for file in files if file in rows]):
            problems += found
            totals += causes
    read = [row for row in rows.values() if row.get("packets") is not None]
    print(f"{len(files)} files, {len(read)} of them captures, {sum(row['packets'] for row in read)} packets, "
          f"{sum(len(row['connections']) for row in read)} connections")
    for cause, number in totals.most_common():
        print(f"{number:8} {cause}")
    for problem in problems:
        print("FAILED", problem)
    sys.exit(1 if problems else 0)


main()
