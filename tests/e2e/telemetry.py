#!/usr/bin/env python3
"""Receives what `mcpdump export --to otlp` sends with the messages of the Python package opentelemetry-proto, and reads
the page of `--prometheus` with the parser of prometheus_client; compares both with JSON lines.

    telemetry.py MCPDUMP CAPTURES
"""

import gzip
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
import urllib.request

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

CAPTURES = ["ts-sse/capture.pcap", "rev-2026-07-28/capture.pcapng", "slow-and-odd/capture.pcapng", "many-sessions/capture.pcapng"]
REQUESTS = {"traces": ExportTraceServiceRequest, "metrics": ExportMetricsServiceRequest, "logs": ExportLogsServiceRequest}


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        signal = self.path.removeprefix("/v1/")
        request = REQUESTS[signal].FromString(body)
        # What the messages do not know would be lost.
        if unknown(request):
            self.server.faults.append(f"unknown fields in {signal}")
        self.server.requests[signal].append(request)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def unknown(message):
    from google.protobuf.unknown_fields import UnknownFieldSet

    if len(UnknownFieldSet(message)):
        return True
    for field, value in message.ListFields():
        if field.message_type:
            inner = [value] if hasattr(value, "ListFields") else value
            if any(unknown(one) for one in inner):
                return True
    return False


def main():
    program, captures = sys.argv[1], pathlib.Path(sys.argv[2])
    for capture in (path for path in CAPTURES if (captures / path).exists()):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
        server.requests, server.faults = {signal: [] for signal in REQUESTS}, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        faults = server.faults
        try:
            run([program, "export", "--to", "otlp", "--endpoint", endpoint, str(captures / capture)])
            rows = [json.loads(line) for line in run([program, "export", str(captures / capture)]).splitlines()]
            faults += differences(server.requests, rows)
        except (RuntimeError, subprocess.SubprocessError) as error:
            faults.append(str(error))
        server.shutdown()
        judge(f"opentelemetry-proto reads {capture}", faults)
        judge(f"prometheus_client reads {capture}", page_faults(program, captures / capture, rows))


def page_faults(program, capture, rows):
    """Follows a capture until the page counts every exchange that was answered."""
    answered = sum(row["type"] == "exchange" and row["status"] in ("ok", "error", "tool_error") for row in rows)
    command = [program, "export", "--follow", str(capture), "-o", os.devnull, "--prometheus", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        try:
            url = child.stderr.readline().split()[-1]
            until = time.monotonic() + 20
            while True:
                text = urllib.request.urlopen(url, timeout=5).read().decode()
                # Strict: it raises for what OpenMetrics forbids.
                families = {family.name: family for family in text_string_to_metric_families(text)}
                samples = families["mcpdump_operations"].samples
                counted = sum(it.value for it in samples if it.labels["mcpdump_status"] in ("ok", "error", "tool_error"))
                if counted >= answered or time.monotonic() > until:
                    break
                time.sleep(0.1)
        finally:
            child.terminate()
    if counted != answered:
        yield f"{counted:.0f} of {answered} exchanges that were answered"
    for name in ("mcp_client_operation_duration_seconds", "mcp_server_operation_duration_seconds", "mcpdump_findings"):
        if name not in families:
            yield f"{name} is missing"


def differences(requests, rows):
    spans = [span for request in requests["traces"] for of in request.resource_spans for scope in of.scope_spans for span in scope.spans]
    calls = {number(span, "mcpdump.exchange"): span for span in spans if number(span, "mcpdump.exchange") is not None}
    exchanges = {row["n"]: row for row in rows if row["type"] == "exchange"}
    if calls.keys() != exchanges.keys():
        yield f"{len(calls)} spans of {len(exchanges)} exchanges"
    for n, row in exchanges.items():
        span = calls[n]
        if text(span, "mcp.method.name") != row["method"] or text(span, "mcpdump.status") != row["status"]:
            yield f"exchange {n}: another method or status"
        if abs(span.start_time_unix_nano / 1e9 - row["request"]["start"]) > 1e-6:
            yield f"exchange {n}: another start"
        if len(span.trace_id) != 16 or len(span.span_id) != 8:
            yield f"exchange {n}: ids of wrong length"
    logs = [log for request in requests["logs"] for of in request.resource_logs for scope in of.scope_logs for log in scope.log_records]
    codes = [row["code"] for row in rows if row["type"] == "finding"]
    if [text(log, "mcpdump.finding.code") for log in logs] != codes:
        yield f"{len(logs)} log records of {len(codes)} findings"
    last = {}
    for request in requests["metrics"]:
        for metric in (metric for of in request.resource_metrics for scope in of.scope_metrics for metric in scope.metrics):
            for point in metric.sum.data_points if metric.HasField("sum") else []:
                last[metric.name, str(point.attributes)] = point.as_int
    operations = sum(value for (name, _), value in last.items() if name == "mcpdump.operations")
    if operations != len(exchanges):
        yield f"{operations} operations of {len(exchanges)} exchanges"


def value(message, key):
    return next((pair.value for pair in message.attributes if pair.key == key), None)


def text(message, key):
    found = value(message, key)
    return found.string_value if found else None


def number(message, key):
    found = value(message, key)
    return found.int_value if found else None


def run(command):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    if done.returncode:
        raise RuntimeError(f"{command[:4]} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


def judge(name, faults):
    faults = list(faults)
    print(f"FAIL {name}: {len(faults)} faults, first: {faults[0]}" if faults else f"ok   {name}", flush=True)


if __name__ == "__main__":
    main()
