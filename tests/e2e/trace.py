#!/usr/bin/env python3
"""Opens what `mcpdump export --to trace` writes in Perfetto's trace_processor.

    trace.py MCPDUMP CAPTURES FOLDER

trace_processor is what TRACE_PROCESSOR names, or what the package perfetto downloads at its first use. Where neither is
to be had, only what is told here by JSON alone is judged, and the rest is a skip.
"""

import json
import os
import pathlib
import subprocess
import sys
from collections import Counter

CAPTURES = ["ts-sse/capture.pcap", "ts-streamable/capture.pcapng", "rev-2026-07-28/capture.pcapng", "load-sse/capture.pcap"]


def main():
    program, captures, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    traces = []
    for at, capture in enumerate(path for path in CAPTURES if (captures / path).exists()):
        trace = folder / f"{at}.trace.json"
        command = [program, "export", "--to", "trace", "-o", trace, captures / capture]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        traces.append(trace)
    counts = {trace: Counter(event["ph"] for event in json.loads(trace.read_text())["traceEvents"]) for trace in traces}
    empty = [trace.name for trace, count in counts.items() if not count["X"]]
    print(f"FAIL traces without slices: {empty}" if empty or not traces else f"ok   {len(traces)} traces are JSON with slices")
    try:
        from perfetto.trace_processor import TraceProcessor, TraceProcessorConfig
        config = TraceProcessorConfig(bin_path=os.environ.get("TRACE_PROCESSOR"))
        TraceProcessor(trace=str(traces[0]), config=config).close()
    except (ImportError, OSError, subprocess.SubprocessError) as error:
        print(f"skip trace_processor is not to be had: {error}".splitlines()[0])
        return
    for trace, count in counts.items():
        faults = processed(TraceProcessor(trace=str(trace), config=config), count)
        print(f"FAIL {trace.name}: {'; '.join(faults)}" if faults else f"ok   trace_processor reads {trace.name} whole")


def processed(processor, count):
    """What trace_processor has less of than the file, and the errors that it counted."""
    def one(sql):
        return next(iter(processor.query(f"select ({sql}) as n"))).n

    faults = [
        f"{row.name}: {row.value}" for row in processor.query("select name, value from stats where severity = 'error' and value > 0")
    ]
    slices = count["X"] + count["i"] + count["b"]
    for what, sql, want in [
        ("slices", "select count(*) from slice", slices),
        ("arrows", "select count(*) from flow", count["s"]),
        ("counters", "select count(*) > 0 from counter", int(count["C"] > 0)),
    ]:
        have = one(sql)
        if have != want:
            faults.append(f"{have} of {want} {what}")
    processor.close()
    return faults


if __name__ == "__main__":
    main()
