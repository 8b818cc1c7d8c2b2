#!/usr/bin/env python3
"""Analyse an archive of captures on Spark: tables of exchanges, notifications, streams, sessions and findings.

    spark-submit fleet/archive.py --archive DIRECTORY --tables DIRECTORY --mcpdump target/release/mcpdump

The archive has a directory for each sensor, with its rotated captures below it:

    archive/sensor-1/2026-11-22/mcp.pcap, archive/sensor-1/2026-11-22/mcp.pcap1, ...

All executors have to see both directories under these paths. The program travels with the job.

1. Each file's first packet is looked at: the order of a sensor's files is that of these times, whatever their names.
2. Files that follow each other make groups. A group is analysed as one capture, together with the files of `--around`
   seconds on each side, and keeps what begins in its own time. As long as something of it began before these files, or
   goes on behind them, and `--reach` allows it, more of them are read.
3. Spark writes what all groups keep as Parquet, and runs again what an executor did not finish.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import typing
from pathlib import Path

from pyspark import SparkFiles
from pyspark.sql import SparkSession, functions as F

# What tcpdump, dumpcap and mcpdump call their files: NAME.pcap, NAME.pcap7, NAME.pcapng.zst.
SUFFIXES = (".pcap", ".pcapng", ".cap")

# Bytes at the start of a file in which its first packet is searched for.
HEAD = 1 << 16

# What is read of a JSON line of each kind (docs/jsonl.md), and the columns that it becomes: those of `export --to parquet`
# (docs/parquet.md), with times in microseconds, since Spark has no finer ones, and the start in nanoseconds beside them.
TIME = "decimal(20,9)"
LENGTH = "decimal(20,6)"
SPAN = f"struct<start: {TIME}, `end`: {TIME}, first_packet: bigint, last_packet: bigint, first_file: string, bytes: bigint>"
INFO = "struct<name: string, version: string>"
SESSION = ["cast(substring(session, 2) as bigint) as session", "session_id"]
DEGRADED = "concat_ws(' ', degraded) as degraded"


def time_of(column, name):
    return f"timestamp_micros(cast({column} * 1000000 as bigint)) as {name}"


def nanoseconds(column, name, unit=10**9):
    return f"cast({column} * {unit} as bigint) as {name}"


KINDS = {
    "exchange": (
        f"""n bigint, session string, session_id string, path string, client string, server string, client_name string,
        server_name string, transport string, protocol_version string, origin string, id string, method string,
        name string, status string, cause string, http_status bigint, error struct<code: bigint, message: string>,
        request {SPAN}, response {SPAN}, total_ms {LENGTH}, send_ms {LENGTH}, wait_ms {LENGTH}, receive_ms {LENGTH},
        waited_ms {LENGTH}, server_ms {LENGTH}, user_ms {LENGTH}, progress bigint, continues bigint, parent bigint,
        view string, tcp_stream bigint, degraded array<string>, findings array<string>""",
        [time_of("request.start", "start"), nanoseconds("request.start", "start_ns"), time_of("response.`end`", "ended"),
         "n", *SESSION, "path", "client", "server", "client_name", "server_name", "transport", "protocol_version", "origin",
         "id", "method", "name", "status", "cause", "http_status", "error.code as error_code",
         "error.message as error_message",
         *(nanoseconds(f"{it}_ms", f"{it}_ns", 10**6)
           for it in ("total", "send", "wait", "receive", "waited", "server", "user")),
         "request.bytes as request_bytes", "response.bytes as response_bytes", "progress", "continues", "parent", "view",
         "tcp_stream", "request.first_packet as first_packet", "request.last_packet as last_packet",
         "request.first_file as first_file", DEGRADED, "concat_ws(' ', findings) as findings"],
    ),
    "notification": (
        f"""session string, session_id string, `from` string, method string, time {TIME}, packet bigint, bytes bigint,
        exchange bigint, tcp_stream bigint, degraded array<string>""",
        [time_of("time", "time"), nanoseconds("time", "time_ns"), *SESSION, "`from` as sender", "method", "exchange",
         "bytes", "tcp_stream", "packet as first_packet", DEGRADED],
    ),
    "stream": (
        f"""session string, session_id string, exchange bigint, method string, target string, http_status bigint,
        server string, client string, start {TIME}, `end` {TIME}, events bigint, bytes bigint, ended string,
        tcp_stream bigint, first_packet bigint, last_packet bigint, first_file string, degraded array<string>""",
        [time_of("start", "start"), nanoseconds("start", "start_ns"), time_of("`end`", "ended"), *SESSION, "exchange",
         "client", "server", "method", "target", "http_status", "events", "bytes", "ended as `end`", "tcp_stream",
         "first_packet", "last_packet", "first_file", DEGRADED],
    ),
    "session": (
        f"""session string, session_id string, transport string, protocol_version string, server string, client string,
        client_info {INFO}, server_info {INFO}, start {TIME}, `end` {TIME}, ended string,
        client_capabilities array<string>, server_capabilities array<string>, degraded array<string>""",
        [time_of("start", "start"), nanoseconds("start", "start_ns"), time_of("`end`", "ended"), *SESSION, "transport",
         "protocol_version", "client", "server", "client_info.name as client_name", "client_info.version as client_version",
         "server_info.name as server_name", "server_info.version as server_version",
         "concat_ws(' ', client_capabilities) as client_capabilities",
         "concat_ws(' ', server_capabilities) as server_capabilities", "ended as `end`", DEGRADED],
    ),
    "finding": (
        f"""code string, severity string, session string, exchange bigint, tcp_stream bigint, packet bigint, file string,
        detail string, time {TIME}, count bigint""",
        [time_of("time", "time"), nanoseconds("time", "time_ns"), "code", "severity", SESSION[0], "exchange", "tcp_stream",
         "packet", "file", "detail", "count"],
    ),
}

# The column that says when a row began.
BEGINS = {
    "exchange": "request.start",
    "notification": "time",
    "stream": "start",
    "session": "start",
    "finding": "time",
}


# Findings about what began before the files that are read.
BEGAN_BEFORE = {"http.unmatched_response", "http.resync", "mcp.request_unseen", "mcp.unknown_token", "tls.no_secret"}

# How long two files of a sensor may overlap, in nanoseconds.
OVERLAP = 10**9


class Group(typing.NamedTuple):
    """Files that are analysed together."""
    sensor: str
    number: int
    # Files that may be read with it, in the order of their times, and how many of them are read at least.
    before: list
    files: list
    behind: list
    least: tuple
    # What begins from `first` on, and before `after`, belongs to it. Seconds as text; None without a limit.
    first: str | None
    after: str | None


def main():
    args = arguments()
    spark = SparkSession.builder.appName("mcpdump archive").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    context = spark.sparkContext
    context.addFile(args.mcpdump)
    program = os.path.basename(args.mcpdump)
    sensors = files(Path(args.archive).resolve())
    paths = [(sensor, path) for sensor, found in sensors.items() for path in found]
    if not paths:
        sys.exit(f"archive: {args.archive} has no directory with captures ({', '.join(SUFFIXES)})")
    tables_path = Path(args.tables).resolve()
    begins = context.parallelize(paths, min(len(paths), 256)).map(lambda it: (*it, *begin(program, it[1]))).collect()
    unreadable = [problem for *_, problem in begins if problem]
    left_out = "\n".join(["archive: the tables are without these files:", *unreadable])
    groups = grouped([it[:3] for it in begins], args)
    if not groups:
        sys.exit(left_out if unreadable else f"archive: no file in {args.archive} has packets")
    print(f"archive: {len(paths)} files of {len(sensors)} sensors in {len(groups)} groups", file=sys.stderr)
    options = args.option
    lines = context.parallelize(groups, len(groups)).flatMap(lambda group: analysed(program, options, group))
    staged = str(tables_path / "_lines")
    spark.createDataFrame(lines, "kind string, sensor string, part int, line string") \
        .write.mode("overwrite").partitionBy("kind").parquet(staged)
    tables = {kind: table(spark, staged, kind) for kind in KINDS}
    keys = session_keys(tables["session"])
    tables = {kind: with_key(rows, keys) for kind, rows in tables.items()}
    tables["session"] = joined(tables["session"], tables["exchange"])
    tables["exchange"] = named(tables["exchange"], tables["session"])
    for kind, rows in tables.items():
        rows.write.mode("overwrite") \
            .partitionBy("date", "sensor") \
            .option("compression", "zstd").parquet(str(tables_path / f"{kind}s"))
    shutil.rmtree(staged)
    spark.stop()
    if unreadable:
        sys.exit(left_out)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", required=True, help="directory with a directory for each sensor")
    parser.add_argument("--tables", required=True, help="directory for the tables; tables in it are replaced")
    parser.add_argument("--mcpdump", required=True, help="the program, for the executors' system")
    parser.add_argument("--files-per-group", type=int, default=16, help="rotated files that a task analyses (default 16)")
    parser.add_argument("--around", type=float, default=300,
                        help="seconds before and after a group that are read with it (default 300)")
    parser.add_argument("--reach", type=int, default=64,
                        help="files before and after a group that are read at most, for what spans groups (default 64)")
    parser.add_argument("--option", action="append", default=[], metavar="WORD",
                        help="a word for mcpdump's command line, such as --option=--tls-keylog --option=/keys/all.log")
    return parser.parse_args()


def files(archive):
    """The captures of each sensor."""
    found = {}
    for directory in sorted(it for it in archive.iterdir() if it.is_dir()):
        names = [str(path) for path in sorted(directory.rglob("*")) if path.is_file() and is_capture(path.name)]
        if names:
            found[directory.name] = names
    return found


def is_capture(name):
    for packed in (".gz", ".zst", ".lz4"):
        name = name.removesuffix(packed)
    return name.rstrip("0123456789").endswith(SUFFIXES)


def begin(program, path):
    """The time of a file's first packet, in seconds, None if it has none, and why it cannot be read, if so."""
    try:
        with open(path, "rb") as file:
            run = subprocess.run([SparkFiles.get(program), "report", "--format", "json", "-"], input=file.read(HEAD),
                                 capture_output=True)
    except OSError as error:
        return None, f"{path}: {error.strerror}"
    start = json.loads(run.stdout, parse_float=str)["capture"]["start"] if run.returncode == 0 else None
    if start is None:
        # The first packet, or the first compressed block, is longer than that, or there is none.
        run = subprocess.run([SparkFiles.get(program), "report", "--format", "json", path], capture_output=True)
        if run.returncode != 0:
            return None, run.stderr.decode(errors="replace").strip()
        start = json.loads(run.stdout, parse_float=str)["capture"]["start"]
    return start, None


def grouped(begins, args):
    """Groups of files that follow each other."""
    sensors = {}
    for sensor, path, time in begins:
        if time is not None:
            sensors.setdefault(sensor, []).append((seconds(time), path, time))
    around = int(args.around * 10**9)
    groups = []
    for sensor, order in sorted(sensors.items()):
        order.sort()
        for number, start in enumerate(range(0, len(order), args.files_per_group)):
            end = min(start + args.files_per_group, len(order))
            before, files, behind = order[max(start - args.reach, 0):start], order[start:end], order[end:end + args.reach]
            # The file in front of the first that begins in this time may reach into it.
            least = (min(len(before), 1 + sum(time >= files[0][0] - around for time, _, _ in before)),
                     sum(time <= behind[0][0] + around for time, _, _ in behind))
            paths = [[path for _, path, _ in part] for part in (before, files, behind)]
            groups.append(Group(sensor, number, *paths, least, files[0][2] if start > 0 else None,
                                behind[0][2] if behind else None))
    return groups


def seconds(text):
    """A time in whole nanoseconds: a float would round it."""
    whole, _, fraction = str(text).partition(".")
    return int(whole) * 10**9 + int(fraction.ljust(9, "0")[:9] or 0)


def analysed(program, options, group):
    """Runs mcpdump on a group and yields the lines that belong to it. Raises if mcpdump fails: Spark tries again."""
    before, behind = group.least
    while True:
        read = group.before[len(group.before) - before:] + group.files + group.behind[:behind]
        with tempfile.TemporaryFile("w+", encoding="utf-8") as kept:
            began_before, goes_on = run(program, options, group, read, kept)
            further = (min(4 * before, len(group.before)) if began_before else before,
                       min(4 * behind, len(group.behind)) if goes_on else behind)
            if further == (before, behind):
                kept.seek(0)
                for line in kept:
                    kind, _, line = line.partition(" ")
                    yield kind, group.sensor, group.number, line
                return
        before, behind = further


def run(program, options, group, read, kept):
    """Writes the lines that belong to a group to `kept`. Returns whether something of it began before the files that are
    read, and whether something goes on behind them."""
    began_before = goes_on = False
    own = set(group.files)
    command = [SparkFiles.get(program), "export", "--to", "jsonl", *options, *read]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as messages:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=messages, text=True, encoding="utf-8") as process:
            for line in process.stdout:
                row = json.loads(line, parse_float=str)
                kind = row["type"]
                if kind not in BEGINS:
                    continue
                check_order(row, kind, group, own)
                if not belongs(row, kind, group):
                    continue
                degraded = row.get("degraded", ())
                if kind != "session":
                    began_before |= "midstream" in degraded or row.get("code") in BEGAN_BEFORE
                    goes_on |= "capture_end" in degraded or row.get("ended") == "open"
                if kind != "stream" or group.first is None or "midstream" not in degraded:
                    # A stream without a beginning began before the group, or its beginning was lost.
                    kept.write(f"{kind} {line}")
        if process.returncode != 0:
            messages.seek(0)
            raise RuntimeError(f"mcpdump ended with {process.returncode} on {len(read)} files of {group.sensor}: "
                               f"{messages.read(4096).strip()}")
    return began_before, goes_on


def check_order(row, kind, group, own):
    """Raises if a file of the group goes on while the files behind it are written."""
    time, file = time_of_row(row, kind), (row.get("request") or row).get("first_file")
    if file in own and time is not None and group.after is not None and kind != "session" \
            and seconds(time) > seconds(group.after) + OVERLAP:
        raise RuntimeError(f"{file} goes on while later files of {group.sensor} are written: give each capturing process "
                           "a directory of its own")


def time_of_row(row, kind):
    """When a row begins, in seconds; None if it is about the whole capture."""
    for name in BEGINS[kind].split("."):
        row = row[name] if row is not None else None
    return row


def belongs(row, kind, group):
    """Whether a row begins in the time of its group."""
    first = None if group.first is None else seconds(group.first)
    after = None if group.after is None else seconds(group.after)
    if kind == "session":
        # It belongs to every group in which something of it was seen: they are joined later.
        return (first is None or seconds(row["end"]) >= first) and (after is None or seconds(row["start"]) < after)
    time = time_of_row(row, kind)
    if time is None:
        # What is about the whole capture counts once.
        return first is None
    return (first is None or seconds(time) >= first) and (after is None or seconds(time) < after)


def table(spark, staged, kind):
    """The rows of one kind, with the sensor and the day on which they begin."""
    schema, columns = KINDS[kind]
    lines = spark.read.schema("kind string, sensor string, part int, line string").parquet(staged)
    rows = lines.where(F.col("kind") == kind).select("sensor", "part", F.from_json("line", schema).alias("row"))
    rows = rows.select("sensor", "part", "row.*").selectExpr("sensor", "part", *columns)
    rows = rows.withColumn("date", F.to_date("time" if kind in ("notification", "finding") else "start"))
    return rows


def session_keys(sessions):
    """The key of each session of each group: one that spans groups has a number in each of them, and one id."""
    by_id = F.concat_ws("/", "sensor", F.lit("id"), "server", "session_id")
    by_number = F.concat_ws("/", "sensor", F.lit("part"), F.col("part").cast("string"), F.col("session").cast("string"))
    key = F.when(F.col("session_id").isNotNull(), by_id).otherwise(by_number)
    return sessions.select("sensor", "part", "session", key.alias("session_key")).dropDuplicates(["sensor", "part", "session"])


def with_key(rows, keys):
    """Rows with the key of their session, null without one."""
    return rows.join(keys, ["sensor", "part", "session"], "left")


def named(exchanges, sessions):
    """Exchanges with the names that server and client gave themselves in another group."""
    names = sessions.select("session_key", "client_name", "server_name")
    names = names.where(F.col("session_key").isNotNull()).toDF("session_key", "client_of_session", "server_of_session")
    rows = exchanges.join(names, "session_key", "left")
    return rows.withColumn("client_name", F.coalesce("client_name", "client_of_session")) \
        .withColumn("server_name", F.coalesce("server_name", "server_of_session")) \
        .drop("client_of_session", "server_of_session")


def joined(sessions, exchanges):
    """Sessions, each once: what its groups saw together."""
    # What a group sees of an old event stream alone has neither an id nor an exchange.
    is_known = F.col("session_id").isNotNull() | ~F.col("degraded").contains("midstream")
    called = exchanges.select("session_key", F.lit(True).alias("called")).distinct()
    sessions = sessions.join(called, "session_key", "left").where(is_known | F.col("called"))
    first = ["session_id", "transport", "protocol_version", "client", "server", "client_name", "client_version",
             "server_name", "server_version", "client_capabilities", "server_capabilities", "date"]
    return sessions.groupBy("sensor", "session_key").agg(
        F.min("start").alias("start"), F.min("start_ns").alias("start_ns"), F.max("ended").alias("ended"), F.max_by("end", "ended").alias("end"),
        *[F.min_by(name, "start_ns").alias(name) for name in first],
        F.concat_ws(" ", F.array_distinct(F.split(F.concat_ws(" ", F.collect_list("degraded")), " "))).alias("degraded"),
        F.countDistinct("part").alias("parts"))


if __name__ == "__main__":
    main()
