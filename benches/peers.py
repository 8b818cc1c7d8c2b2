#!/usr/bin/env python3
"""Compares `mcpdump report` with a bare copy (tcpdump) and with tshark on four shapes of captures.

    benches/peers.py BINARY MULTIPLY DIRECTORY [MEGABYTES]

BINARY is mcpdump, MULTIPLY the example of that name, DIRECTORY where the captures go. Prints a table
in Markdown. Times are processor time, the median of pairs: each round runs every program once, so
that a busy machine slows down all of them. tshark runs once.
"""

import os
import random
import shutil
import struct
import subprocess
import sys
from pathlib import Path

ROUNDS = 5
ROOT = Path(__file__).resolve().parent.parent
ETHERNET = b"\x02" * 6 + b"\x04" * 6 + b"\x08\x00"
TSHARK = ["-Y", "json", "-T", "fields", "-e", "frame.number", "-e", "tcp.stream", "-e", "http.request.uri"]


def main():
    binary, multiply, directory = sys.argv[1:4]
    megabytes = int(sys.argv[4]) if len(sys.argv) > 4 else 100
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    shapes = {
        "many sessions": multiplied(multiply, "many-sessions", directory, megabytes),
        "large results": multiplied(multiply, "big-results-mtu1500", directory, megabytes),
        "event streams": multiplied(multiply, "load-sse", directory, megabytes),
    }
    # In a process of its own: what this one takes would count as memory of the programs it starts.
    if (child := os.fork()) == 0:
        bulk(shapes["many sessions"], directory / "bulk.pcap", megabytes)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit("bulk.pcap cannot be made")
    shapes["1 % MCP, bulk"] = directory / "bulk.pcap"
    print("| capture | packets | copy | report | times the copy | jsonl | memory | tshark |")
    print("|---|---|---|---|---|---|---|---|")
    for name, capture in shapes.items():
        commands = [
            ["tcpdump", "-r", capture, "-w", "-"],
            [binary, "report", capture],
            [binary, "export", "--to", "jsonl", "-o", directory / "out.jsonl", capture],
        ]
        rounds = [[measured(command) for command in commands] for _ in range(ROUNDS)]
        copy, report, jsonl = (median([one[i][0] for one in rounds]) for i in range(3))
        memory = max(one[1][1] for one in rounds)
        ratio = median([one[1][0] / one[0][0] for one in rounds])
        tshark = "-"
        if shutil.which("tshark"):
            tshark = f"{measured(['tshark', '-r', capture, *TSHARK])[0]:.1f} s"
        print(
            f"| {name}, {capture.stat().st_size / 1e6:.0f} MB | {packets(capture)} | {copy:.2f} s "
            f"| {report:.2f} s | {ratio:.1f} | {jsonl:.2f} s | {memory / 1024:.0f} MB | {tshark} |",
            flush=True,
        )


def measured(command):
    """Runs a command; returns its processor time in seconds and its peak of memory in kB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} failed: {process.returncode}")
    return max(usage.ru_utime + usage.ru_stime, 0.001), usage.ru_maxrss


def median(values):
    return sorted(values)[len(values) // 2]


def multiplied(multiply, name, directory, megabytes):
    """Copies a capture of the repository until it has the size."""
    source = next((ROOT / "captures" / name).glob("capture.pcap*"))
    target = directory / f"{name}.pcap"
    copies = max(1, megabytes * 1_000_000 // source.stat().st_size)
    subprocess.run([multiply, source, target, "--copies", str(copies)], check=True, stdout=sys.stderr)
    return target


def records(capture):
    """The packets of a classic pcap file in the byte order of this machine."""
    with open(capture, "rb") as file:
        file.read(24)
        while header := file.read(16):
            yield file.read(struct.unpack("=IIII", header)[2])


def packets(capture):
    return sum(1 for _ in records(capture))


class Connection:
    """Writes the segments of a TCP connection, without checksums."""

    count = 0

    def __init__(self, port):
        Connection.count += 1
        client = bytes([10, *Connection.count.to_bytes(3, "big")])
        self.ends = [(client, 20000 + Connection.count % 40000), (b"\xc0\x00\x02\x01", port)]
        self.next = [1000, 5000]
        self.packets = []
        for side, flags in ((0, 0x02), (1, 0x12), (0, 0x10)):
            self.segment(side, flags)

    def segment(self, side, flags, data=b""):
        (source, source_port), (target, target_port) = self.ends[side], self.ends[1 - side]
        numbers = (self.next[side] % 2**32, self.next[1 - side] % 2**32)
        tcp = struct.pack(">HHIIBBHHH", source_port, target_port, *numbers, 0x50, flags, 512, 0, 0) + data
        self.next[side] += len(data) + (1 if flags & 0x03 else 0)
        self.packets.append(datagram(source, target, 6, len(self.packets), tcp))

    def send(self, side, data):
        for at in range(0, len(data), 1448):
            self.segment(side, 0x18, data[at : at + 1448])
            if at // 1448 % 2:
                self.segment(1 - side, 0x10)

    def close(self):
        for side, flags in ((0, 0x11), (1, 0x11), (0, 0x10)):
            self.segment(side, flags)


def datagram(source, target, protocol, number, payload):
    header = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number % 2**16, 0x4000, 64, protocol, 0, source, target
    )
    return ETHERNET + header + payload


def bulk(mcp, path, megabytes):
    """Downloads over HTTP, TLS without keys, UDP, and one part in a hundred of MCP."""
    size, generator = megabytes * 1_000_000, random.Random(7)
    noise = generator.randbytes(1 << 20)
    streams, total = [], 0
    while total < size * 0.6:
        connection = Connection(80)
        for length in generator.choices([300_000, 1_000_000, 3_000_000], k=2):
            connection.send(0, b"GET /film.mp4 HTTP/1.1\r\nHost: cdn.example\r\nAccept: */*\r\n\r\n")
            head = f"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: {length}\r\n\r\n"
            connection.send(1, head.encode() + (noise * 3)[:length])
            total += length
        connection.close()
        streams.append(connection.packets)
    while total < size * 0.85:
        connection = Connection(443)
        hello = b"\x03\x03" + noise[:32] + b"\x00\x00\x02\x13\x01\x01\x00\x00\x07\x00\x2b\x00\x03\x02\x03\x04"
        connection.send(0, handshake(1, hello))
        connection.send(1, handshake(2, b"\x03\x03" + noise[32:64] + b"\x00\x13\x01\x00\x00\x06\x00\x2b\x00\x02\x03\x04"))
        record = b"\x17\x03\x03" + struct.pack(">H", 16_000) + noise[:16_000]
        connection.send(1, record * 60)
        total += 60 * len(record)
        connection.close()
        streams.append(connection.packets)
    udp = []
    while total < size * 0.99:
        payload = struct.pack(">HHHH", 40_000, 4500, 1208, 0) + noise[:1200]
        udp.append(datagram(b"\x0a\x00\x00\x01", b"\xc0\x00\x02\x02", 17, len(udp), payload))
        total += len(payload)
    own, taken = [], 0
    for packet in records(mcp):
        own.append(packet)
        taken += len(packet)
        if taken > size / 100:
            break
    interleaved(streams, [udp, own], path, generator)


def handshake(kind, body):
    message = bytes([kind]) + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x03" + struct.pack(">H", len(message)) + message


def interleaved(streams, always, path, generator):
    """Writes streams of packets, twenty at a time beside those that are always open."""
    waiting = [iter(stream) for stream in streams]
    active = [iter(stream) for stream in always] + [waiting.pop() for _ in range(min(20, len(waiting)))]
    time = 1_700_000_000 * 1_000_000
    with open(path, "wb") as file:
        file.write(struct.pack("=IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        while active:
            stream = generator.choice(active)
            for _ in range(generator.randrange(1, 6)):
                packet = next(stream, None)
                if packet is None:
                    active.remove(stream)
                    active += [waiting.pop()] if waiting else []
                    break
                time += 20
                file.write(struct.pack("=IIII", time // 10**6, time % 10**6, len(packet), len(packet)) + packet)


if __name__ == "__main__":
    main()
