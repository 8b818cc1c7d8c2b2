"""Reads what `mcpdump export --to har` writes with haralyzer, a reader of browsers' archives, and compares with JSON lines.

    har.py MCPDUMP CAPTURES FOLDER

The archives go to FOLDER.
"""

import collections
import json
import pathlib
import subprocess
import sys

from haralyzer import HarEntry, HarParser

CAPTURES = [
    "ts-sse/capture.pcap",
    "ts-streamable/capture.pcapng",
    "slow-and-odd/capture.pcapng",
    "hackernews-2026.pcapng",
    "tls13-keylog/capture-dsb.pcapng",
    "field/*/capture.pcap",
]
# Parts of `time` (HAR 1.2, timings): `ssl` is within `connect`.
PARTS = ("blocked", "dns", "connect", "send", "wait", "receive")


def main():
    program, captures, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    files = [path for pattern in CAPTURES for path in sorted(captures.glob(pattern))]
    faults, entries = [], 0
    for at, capture in enumerate(files):
        archive = folder / f"{at}.har"
        run(program, "export", "--to", "har", "-o", archive, capture)
        rows = [json.loads(line) for line in run(program, "export", capture).splitlines()]
        parser = HarParser.from_file(str(archive))
        found = [HarEntry(entry) for entry in parser.har_data["entries"]]
        entries += len(found)
        faults += [f"{capture.parent.name}: {fault}" for fault in compare(parser, found, rows)]
    if entries < 100:
        faults.append(f"{entries} entries")
    name = f"haralyzer reads {len(files)} archives, {entries} entries"
    print(f"FAIL {name}: {'; '.join(faults[:3])}" if faults else f"ok   {name}")


def run(program, *arguments):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{arguments} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def compare(parser, entries, rows):
    """What an entry says must fit itself, and all calls of the JSON lines are in an entry."""
    faults = []
    on_pages = sum(len(page.entries) for page in parser.pages)
    if on_pages != len(entries):
        faults.append(f"{on_pages} of {len(entries)} entries are on a page")
    for entry in entries:
        if entry.startTime is None or not entry.request.url.startswith(("http://", "https://")):
            faults.append(f"{entry.request.url} at {entry.startTime}")
        parts = [entry.timings.get(part, -1) for part in PARTS]
        # A part that does not apply is -1.
        total = sum(part for part in parts if part >= 0)
        if abs(total - entry.time) > 0.001:
            faults.append(f"{entry.request.url}: {total} ms in parts, {entry.time} ms")
        status = entry.response.status
        if not (status == 0 or 100 <= status < 600):
            faults.append(f"{entry.request.url}: status {status}")
    carried = [entry.raw_entry["_mcp"] for entry in entries if "_mcp" in entry.raw_entry]
    # Those of a batch, and those of the server on the stream of a call.
    carried += [other for call in carried for other in call.get("others", [])]
    told = collections.Counter((call["method"], call["name"], call["id"]) for call in carried)
    wanted = collections.Counter((row["method"], row["name"], row["id"]) for row in rows if row["type"] == "exchange")
    missing = wanted - told
    if missing:
        faults.append(f"calls without an entry: {list(missing)[:2]}")
    return faults


if __name__ == "__main__":
    main()
