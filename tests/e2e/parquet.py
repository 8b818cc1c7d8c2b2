#!/usr/bin/env python3
"""Reads what `mcpdump export --to parquet` writes with DuckDB, and with PySpark where it is installed.

    parquet.py MCPDUMP CAPTURES FOLDER
"""

import json
import pathlib
import shutil
import subprocess
import sys

import duckdb

CAPTURES = ["ts-sse/capture.pcap", "rev-2026-07-28/capture.pcapng", "slow-and-odd/capture.pcapng", "many-sessions/capture.pcapng"]
TABLES = {"exchange": "exchanges", "notification": "notifications", "stream": "streams", "finding": "findings"}


def main():
    program, captures, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]) / "parquet"
    shutil.rmtree(folder, ignore_errors=True)
    found = [path for path in CAPTURES if (captures / path).exists()]
    for at, capture in enumerate(found):
        tables = folder / str(at)
        export(program, "parquet", captures / capture, "-o", tables)
        rows = [json.loads(line) for line in export(program, "jsonl", captures / capture).splitlines()]
        faults = [fault for kind, table in TABLES.items() for fault in differences(tables, kind, table, rows)]
        judge(f"DuckDB reads {capture}", faults)
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        print("skip PySpark is not installed")
        return
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC")
    spark = spark.config("spark.sql.legacy.parquet.nanosAsLong", "true").getOrCreate()
    for at, capture in enumerate(found):
        have = spark.read.parquet(str(folder / str(at) / "exchanges")).where("server is not null").count()
        want = duckdb.sql(f"select count(*) from read_parquet('{folder}/{at}/exchanges/**/*.parquet')").fetchall()[0][0]
        judge(f"PySpark reads {capture}", [] if have == want else [f"{have} of {want} exchanges"])
    spark.stop()


def export(program, form, capture, *options):
    command = [program, "export", "--to", form, *options, capture]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def differences(tables, kind, table, rows):
    rows = [row for row in rows if row["type"] == kind]
    source = f"read_parquet('{tables}/{table}/**/*.parquet', hive_partitioning = true)"
    have = duckdb.sql(f"select count(*) from {source}").fetchall()[0][0]
    if have != len(rows):
        yield f"{have} of {len(rows)} {table}"
    if kind != "exchange" or not rows:
        return
    columns = "n, method, name, status, total_ns, server::varchar, date::varchar, epoch_ns(start), id, error_message"
    have = sorted(duckdb.sql(f"select {columns} from {source}").fetchall())
    for got, row in zip(have, sorted(rows, key=lambda row: row["n"])):
        total = None if row["total_ms"] is None else round(row["total_ms"] * 1e6)
        start = row["request"]["start"]
        want = (row["n"], row["method"], row["name"], row["status"], total)
        if got[:5] != want or abs(got[7] / 1e9 - start) > 1e-6:
            yield f"{got} instead of {want}"
        if json.loads(got[8]) != row["id"] or got[9] != (row["error"] or {}).get("message"):
            yield f"{got} instead of {row}"
        if ":" not in got[5] or not got[6].startswith("20"):
            yield f"partitions are read as {got[5]} and {got[6]}"


def judge(name, faults):
    print(f"FAIL {name}: {'; '.join(faults[:3])}" if faults else f"ok   {name}")


if __name__ == "__main__":
    main()
