#!/usr/bin/env python3
"""Compare the instructions that mcpdump executes with the committed ones.

    instructions.py MCPDUMP FIGURES [--write]

Runs commands over captures of the repository under valgrind (cachegrind without caches), which no neighbour on the
machine disturbs, and compares each count with FIGURES (JSON). It fails if one is more than 2 % higher. --write writes
the counts to FIGURES: commit them with the reason.

Counts of another compiler are printed, and compared with nothing.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# By how much a count may be higher, in percent. Seeds of hash tables move it by less than 0.1.
MOST = 2.0
CAPTURES = {
    "many sessions": "many-sessions/capture.pcapng",
    "event streams": "load-sse/capture.pcap",
    "large results": "big-results-mtu1500/capture.pcap",
    "HTTP/2": "h2-stacks/capture.pcapng",
    "TLS 1.3": "tls13-keylog/capture-dsb.pcapng",
    "language models": "llm-openai-chat/capture.pcapng",
}
COMMANDS = {"report": ["report"], "export": ["export", "--to", "jsonl"], "list": ["list"]}


def instructions(program, arguments):
    """The instructions that a run of the program executes."""
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    run = subprocess.run([*valgrind, program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    found = re.search(r"I +refs: +([\d,]+)", run.stderr)
    if run.returncode != 0 or not found:
        sys.exit(f"{' '.join(arguments)} failed:\n{run.stderr}")
    count = int(found[1].replace(",", ""))
    if count == 0:
        sys.exit(f"valgrind counted nothing:\n{run.stderr}")
    return count


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    if len(arguments) != 2:
        sys.exit(__doc__.strip())
    program, path = arguments[0], pathlib.Path(arguments[1])
    compiler = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    committed = json.loads(path.read_text()) if path.exists() else {"compiler": None, "instructions": {}}
    is_comparable = committed["compiler"] == compiler
    counts, higher = {}, []
    print(f"{'':28} {'committed':>12} {'now':>12}")
    for command, options in COMMANDS.items():
        for name, capture in CAPTURES.items():
            case = f"{command}, {name}"
            count = instructions(program, [*options, "--threads", "1", str(ROOT / "captures" / capture)])
            counts[case] = count
            before = committed["instructions"].get(case) if is_comparable else None
            change = f"{(count / before - 1) * 100:+.1f} %" if before else ""
            print(f"{case:28} {before or '':>12} {count:>12} {change}", flush=True)
            if before and count > before * (1 + MOST / 100):
                higher.append(case)
    if "--write" in sys.argv:
        path.write_text(json.dumps({"compiler": compiler, "instructions": counts}, indent=2) + "\n")
    elif not is_comparable:
        print(f"the committed counts are of {committed['compiler']}, these are of {compiler}: nothing is compared")
    elif higher:
        sys.exit(f"more than {MOST} % higher: {'; '.join(higher)}. Find out why, or commit the counts that --write writes")


main()
