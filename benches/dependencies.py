#!/usr/bin/env python3
"""Fill in the measured columns of docs/dependencies.md: licence, crates, KiB, build, lines, unsafe.

usage: dependencies.py [--program FILE] [--timings FILE]

--program FILE   a release build with its symbols: the column of KiB
--timings FILE   what `cargo build --release --timings` wrote (target/cargo-timings/cargo-timing.html): the column
                 of seconds

Without them these columns stay as they are. What people wrote is left alone.
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "dependencies.md"
# How the names of functions in C and assembly begin.
C_CODE = {"ZSTD": "zstd", "HUF": "zstd", "FSE": "zstd", "mi_": "mimalloc", "_mi_": "mimalloc", "ring_core": "ring", "ecp_": "ring"}
# A crate that is a facade or a wrapper has its cost in these.
PARTS = {
    "arboard": ["x11rb", "x11rb-protocol"],
    "axum": ["axum-core", "matchit"],
    "clap": ["clap_builder", "clap_lex"],
    "flate2": ["miniz_oxide", "crc32fast"],
    "futures": ["futures-util", "futures-channel", "futures-core"],
    "hyper-util": ["hyper", "h2"],
    "jiff": ["jiff-core"],
    "jsonschema": ["referencing", "jsonschema-regex", "jsonschema-value", "fancy-regex", "fluent-uri", "num-bigint"],
    "ratatui": ["ratatui-core", "ratatui-widgets", "ratatui-crossterm", "crossterm"],
    "regex": ["regex-automata", "regex-syntax", "aho-corasick"],
    "rustls": ["webpki"],
    "serde": ["serde_core"],
    "toml": ["toml_parser", "toml_datetime"],
    "zstd": ["zstd-safe", "zstd-sys"],
}


def metadata():
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def own_code(package):
    """Lines of Rust below src, and places with `unsafe`, whatever features they need."""
    lines = places = 0
    for path in (pathlib.Path(package["manifest_path"]).parent / "src").rglob("*.rs"):
        text = path.read_text(errors="replace")
        code = re.sub(r"//[^\n]*", "", text)
        lines += text.count("\n")
        places += len(re.findall(r"\bunsafe\s*(?:\{|fn\b|impl\b|extern\b)", code))
    return lines, places


def kib(binary):
    """Bytes of code and constants by crate: the crate in whose name the symbol stands first."""
    symbols = subprocess.run(["nm", "-S", binary], check=True, capture_output=True, text=True).stdout
    total = collections.Counter()
    for line in symbols.splitlines():
        fields = line.split(maxsplit=3)
        if len(fields) < 4 or fields[2] in "bB":
            continue
        total[crate(fields[3])] += int(fields[1], 16)
    return total


def crate(symbol):
    """The crate of a mangled symbol; the prefix of C code."""
    found = re.search(r"C(?:s[0-9A-Za-z]*_)?(\d+)_?([A-Za-z0-9_]+)", symbol) if symbol.startswith("_R") else None
    if found:
        return found.group(2)[: int(found.group(1))]
    found = re.match(r"_ZN(\d+)", symbol)
    if found:
        name = symbol[found.end() :][: int(found.group(1))]
        inner = re.search(r"\$LT\$(?:\$RF\$)?(?:mut\$u20\$)?\[?([a-z0-9_]+)\.\.", name)
        return inner.group(1) if inner else name
    return next((name for prefix, name in C_CODE.items() if symbol.startswith(prefix)), "")


def seconds(timings):
    """How long each crate took, with its build script, by name."""
    units = re.search(r"const UNIT_DATA = (\[.*?\n\]);", pathlib.Path(timings).read_text(), re.DOTALL)
    total = collections.Counter()
    for unit in json.loads(units.group(1)):
        total[unit["name"]] += unit["duration"]
    return total


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program")
    parser.add_argument("--timings")
    return parser.parse_args()


def main():
    asked = arguments()
    found = metadata()
    packages = {package["id"]: package for package in found["packages"]}
    nodes = {node["id"]: [dep["pkg"] for dep in node["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])] for node in found["resolve"]["nodes"]}
    root = next(package for package in found["packages"] if package["name"] == "mcpdump")
    direct = {}
    for node in found["resolve"]["nodes"]:
        if node["id"] == root["id"]:
            direct = {packages[dep["pkg"]]["name"]: dep["pkg"] for dep in node["deps"]}

    def reach(start):
        seen, todo = set(), [start]
        while todo:
            node = todo.pop()
            if node not in seen:
                seen.add(node)
                todo.extend(nodes[node])
        return seen

    users = collections.Counter(node for name in direct.values() for node in reach(name))
    large = kib(asked.program) if asked.program else None
    slow = seconds(asked.timings) if asked.timings else None
    lines = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        name = cells[0].strip("`")
        if not line.startswith("| `") or name not in direct:
            lines.append(line)
            continue
        package = packages[direct[name]]
        if len(cells) == 7:
            alone = {packages[node]["name"] for node in reach(direct[name]) if users[node] == 1}
            parts = {name, *PARTS.get(name, [])}
            cells[3] = package["license"].replace("/", " OR ").replace("  ", " ")
            cells[4] = str(sum(1 for node in reach(direct[name]) if users[node] == 1))
            if large is not None:
                cells[5] = str(round(sum(large[part.replace('-', '_')] for part in parts) / 1024))
            if slow is not None:
                cells[6] = f"{sum(slow[part] for part in parts | alone):.1f}"
        elif len(cells) == 5:
            count, places = own_code(package)
            cells[2], cells[3] = f"{count:,}", str(places)
        lines.append("| " + " | ".join(cells) + " |")
    PAGE.write_text("\n".join(lines) + "\n")


main()
