#!/usr/bin/env python3
"""Measures which lines of the layers the tests execute: make coverage.

usage: coverage.py DIRECTORY [FILTER...]

Builds the library and the tests with -C instrument-coverage (dependencies without). Runs the unit
tests, with them the fuzz targets on their corpora, and the integration tests whose names contain a
FILTER: by default those that call the library. (The sandbox of the commands that others start allows
them to write no profile.) Writes a table of the layers to standard output and the lines that were not
executed to DIRECTORY/missed.txt. Lines of tests, fuzz targets and their oracles are not counted.

Needs the tools of LLVM: rustup component add llvm-tools
"""

import glob
import os
import pathlib
import re
import subprocess
import sys

LAYERS = "base capture link tcp tls http rpc llm mcp ledger engine".split()
TESTS = "stories:: truth:: rules:: tls:: healthy:: llm:: h2_stacks::".split()
NOT_COUNTED = re.compile(r"/(tests|fuzz|oracle|samples)(\.rs$|/)")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(command, **environment):
    print("+", " ".join(map(str, command)), file=sys.stderr)
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False)


def tool(name):
    sysroot = subprocess.check_output(["rustc", "--print", "sysroot"], cwd=ROOT, text=True).strip()
    found = glob.glob(f"{sysroot}/lib/rustlib/*/bin/{name}")
    if not found:
        sys.exit(f"coverage: {name} is missing: rustup component add llvm-tools")
    return found[0]


def measure(directory, filters):
    """Returns the executables, which hold what the lines of their functions are, and the profile."""
    raw = directory / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for old in raw.iterdir():
        old.unlink()
    # Only the crate itself goes through the wrapper of the workspace.
    wrapper = directory / "rustc"
    wrapper.write_text('#!/bin/sh\nexec "$@" -C instrument-coverage\n')
    wrapper.chmod(0o755)
    cargo = [os.environ.get("CARGO", "cargo"), "test", "--locked"]
    unit, integration = ["--lib"], ["--test", "all"]
    environment = {
        "RUSTC_WORKSPACE_WRAPPER": str(wrapper),
        "LLVM_PROFILE_FILE": str(raw / "%m-%p.profraw"),
        "PROPTEST_RNG_SEED": os.environ.get("PROPTEST_RNG_SEED", "1"),
    }
    built = subprocess.run(
        [*cargo, *unit, *integration, "--no-run"], cwd=ROOT, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True
    )
    sys.stderr.write(built.stderr)
    if built.returncode:
        sys.exit("coverage: the tests do not compile")
    executables = re.findall(r"Executable .*\((.*)\)", built.stderr)
    tests = [[*cargo, *unit], [*cargo, *integration, "--", *filters]]
    if any([run(command, **environment).returncode for command in tests]):
        print("coverage: tests failed; what they executed is counted all the same", file=sys.stderr)
    profile = directory / "tests.profdata"
    run([tool("llvm-profdata"), "merge", "-sparse", *raw.glob("*.profraw"), "-o", profile])
    return executables, profile


def test_lines(path):
    """Returns the numbers of the lines of items behind #[cfg(test)]."""
    lines, skipped, end = path.read_text().split("\n"), set(), None
    for number, line in enumerate(lines, 1):
        if end is None and line.strip() == "#[cfg(test)]":
            end = line[: len(line) - len(line.lstrip())]
            began = number
        if end is not None:
            skipped.add(number)
            of_item = number > began and not line.strip().startswith(("#[", "//"))
            if line.startswith(f"{end}}}") or (of_item and line.endswith(";") and line.startswith(end + line.strip()[:1])):
                end = None
    return skipped


def counts(executables, profile):
    """Returns how often each line of each file was executed."""
    objects = [part for executable in executables[1:] for part in ("-object", executable)]
    command = [tool("llvm-cov"), "export", "-format=lcov", f"-instr-profile={profile}", executables[0], *objects]
    text = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    files, lines = {}, None
    for line in text.split("\n"):
        if line.startswith("SF:"):
            path = pathlib.Path(line[3:])
            path = path if path.is_absolute() else ROOT / path
            lines = files.setdefault(path, {}) if ROOT in path.parents else {}
        elif line.startswith("DA:"):
            number, count = map(int, line[3:].split(",")[:2])
            lines[number] = max(lines.get(number, 0), count)
    return files


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    directory = pathlib.Path(sys.argv[1]).resolve()
    files = counts(*measure(directory, sys.argv[2:] or TESTS))
    total, missed = {layer: [0, 0] for layer in LAYERS}, []
    for path, lines in sorted(files.items()):
        name = str(path.relative_to(ROOT))
        layer = name.removeprefix("src/").split("/")[0]
        if layer not in total or NOT_COUNTED.search(name):
            continue
        skipped = test_lines(path)
        for number, count in sorted(lines.items()):
            if number not in skipped:
                total[layer][0] += 1
                total[layer][1] += count > 0
                if not count:
                    missed.append(f"{name}:{number}")
    (directory / "missed.txt").write_text("".join(f"{line}\n" for line in missed))
    print("| layer | lines | executed |\n|---|---:|---:|")
    for layer, (lines, executed) in total.items():
        print(f"| `{layer}` | {lines:,} | {100 * executed / max(lines, 1):.1f} % |")
    print(f"lines that no test executed: {directory / 'missed.txt'}", file=sys.stderr)


if __name__ == "__main__":
    main()
