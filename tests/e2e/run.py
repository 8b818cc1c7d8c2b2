#!/usr/bin/env python3
"""Tests `mcpdump serve --everything`, `mcpdump mcp`, what `mcpdump check` and `report` write, and captures of HTTPS, with
programs of others.

    run.py MCPDUMP FOLDER [JUDGE...]

MCPDUMP is the program, FOLDER takes what is installed (npm and pip, with their default registries) and what the judges
write. A JUDGE is a name, or the beginning of one, of those that the summary lists; without one, all are run. Every judge
has a server of its own on a free port and a limit of time. Exits with 1 if a judge found something, 2 if it could not run.
LITELLM in the environment is the program of LiteLLM's proxy (pip install 'litellm[proxy]', 750 MB), with which another
capture is made.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time

HERE = pathlib.Path(__file__).resolve().parent
CAPTURES = HERE.parent.parent / "captures"
# The capture of which the judges of `mcpdump mcp` ask.
ASKED = CAPTURES / "ts-sse/capture.pcap"
# The schema of JUnit that Jenkins reads, in the tests of a package.
SCHEMA_PACKAGE, SCHEMA = "pytest==9.2.0", "testing/example_scripts/junit-10.xsd"
# Time limit in seconds. The slowest program, a conformance suite, takes about 15.
INSTALL, JUDGE, START = 600, 240, 20
# The scenarios of the suites that ask for what every server has: all others call tools, read resources or get prompts
# of a server made for them. Some of these do, too, and say for this part that it is not testable.
PLAIN = [
    "server-initialize",
    "server-session-lifecycle",
    "server-stateless",
    "server-sse-multiple-streams",
    "ping",
    "tools-list",
    "resources-list",
    "prompts-list",
    "dns-rebinding-protection",
    "sep-2164-resource-not-found",
    "caching",
    "http-header-validation",
    "input-required-result-unsupported-methods",
]
SUITES = {"latest": ["2025-06-18", "2025-11-25"], "next": ["2025-06-18", "2025-11-25", "2026-07-28"]}


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    program, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    install(folder)
    wanted = sys.argv[3:] or [""]
    results = {}
    for name, judge in judges(program, folder).items():
        if not any(name.startswith(prefix) for prefix in wanted):
            continue
        print(f"\n== {name}", flush=True)
        try:
            with Server(program, folder) as server:
                results[name] = judge(server.port)
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            results[name] = [f"FAIL could not run: {error}"]
            print(results[name][0], flush=True)
    sys.exit(summary(results))


def summary(results):
    print("\n== summary")
    bad = 0
    for name, lines in results.items():
        failures = [line for line in lines if line.startswith("FAIL")]
        passed = sum(line.startswith("ok") for line in lines)
        # A program without output has tested nothing.
        verdict = "FAIL" if failures or not passed else "ok  "
        bad += verdict == "FAIL"
        skipped = [line for line in lines if line.startswith("skip")]
        print(f"{verdict} {name}: {passed} passed, {len(failures)} failed, {len(skipped)} skipped")
        for line in failures + skipped:
            print(f"     {line}")
    if not results:
        print("FAIL no judge has this name")
    return 1 if bad or not results else 0


def judges(program, folder):
    """The programs by name: each takes the port of the server and returns lines that begin with ok, FAIL or skip."""
    node = str(folder / "node_modules/node/bin/node")
    python = str(folder / "venv/bin/python")
    scripts = {
        "typescript sdk 1, http+sse": [node, "typescript.mjs", "sse", "sse"],
        "typescript sdk 1, streamable http": [node, "typescript.mjs", "mcp", "http"],
        "typescript sdk 2, 2026-07-28": [node, "typescript.mjs", "mcp", "2026"],
        "python sdk, http+sse": [python, "python.py", "sse", "sse"],
        "python sdk, streamable http": [python, "python.py", "mcp", "http"],
        "python sdk, 2026-07-28": [python, "python.py", "mcp", "2026"],
        "inspector, http+sse": [node, "inspector.mjs", "sse", "sse"],
        "inspector, streamable http": [node, "inspector.mjs", "mcp", "http"],
    }
    found = {}
    for which, revisions in SUITES.items():
        for revision in [None, *revisions]:
            name = f"conformance {which}, {revision or 'all suites'}"
            found[name] = lambda port, which=which, revision=revision: conformance(folder, node, port, which, revision)
    for name, (interpreter, script, path, way) in scripts.items():
        found[name] = lambda port, a=(interpreter, script, path, way): talk(folder, port, a)
    for which in SUITES:
        found[f"mcp, conformance {which}"] = lambda _, which=which: plain_conformance(program, folder, node, which)
    questions = [python, str(folder / "questions.py"), str(program), str(CAPTURES)]
    found["mcp, ten questions"] = lambda _: lines_of(folder, questions)
    found["mcp, inspector"] = lambda _: inspected(program, folder, node)
    https = [python, str(folder / "https.py"), str(program), node, str(folder / "https")]
    # It captures on loopback.
    if os.geteuid() == 0:
        found["https, captured"] = lambda port: lines_of(folder, [*https, str(port)])
    formats = [python, str(folder / "formats.py"), str(program), str(CAPTURES), str(folder)]
    page = [node, str(folder / "page.mjs"), str(program), str(CAPTURES), str(folder / "page")]
    found["html report in chromium"] = lambda _: lines_of(folder, page, 3 * JUDGE)
    web = [node, str(folder / "web.mjs"), str(program), str(CAPTURES), str(folder / "web")]
    found["web page in chromium"] = lambda _: lines_of(folder, web)
    found["formats of check"] = lambda _: lines_of(folder, formats)
    har = [python, str(folder / "har.py"), str(program), str(CAPTURES), str(folder / "har")]
    found["archives, read by haralyzer"] = lambda _: lines_of(folder, har)
    devtools = [node, str(folder / "devtools.mjs"), str(program), str(CAPTURES), str(folder / "devtools")]
    found["archives, imported by DevTools"] = lambda _: lines_of(folder, devtools, 2 * JUDGE)
    trace = [python, str(folder / "trace.py"), str(program), str(CAPTURES), str(folder)]
    found["traces in Perfetto"] = lambda _: lines_of(folder, trace)
    tables = [python, str(folder / "parquet.py"), str(program), str(CAPTURES), str(folder)]
    telemetry = [python, str(folder / "telemetry.py"), str(program), str(CAPTURES)]
    found["telemetry, read by Python"] = lambda _: lines_of(folder, telemetry)
    found["tables in DuckDB"] = lambda _: lines_of(folder, tables)
    stdio = [python, str(folder / "stdio.py"), str(program), node, str(folder / "stdio"), str(CAPTURES / "slow-and-odd/capture.pcapng")]
    found["servers on stdio, wrapped"] = lambda _: lines_of(folder, stdio)
    if os.geteuid() == 0:
        proxy = os.environ.get("LITELLM", "-")
        llm = [python, str(folder / "llm/judge.py"), str(program), str(folder / "llm-captures"), proxy]
        found["llm calls and agents, captured"] = lambda _: lines_of(folder, llm, 2 * JUDGE)
    return found


def talk(folder, port, judge):
    interpreter, script, path, way = judge
    return lines_of(folder, [interpreter, str(folder / script), f"http://127.0.0.1:{port}/{path}", way])


def lines_of(folder, command, limit=JUDGE):
    status, out = run(command, folder, limit)
    print(out.rstrip(), flush=True)
    lines = [line for line in out.splitlines() if line.startswith(("ok ", "FAIL ", "skip "))]
    if status != 0 and not any(line.startswith("FAIL") for line in lines):
        lines.append(f"FAIL it ended with {status}: {out.strip()[-300:]}")
    return lines


def conformance(folder, node, port, which, revision):
    """The results of a suite, one per scenario. A warning (a SHOULD that is not met) fails too."""
    suite = str(folder / f"node_modules/conformance-{which}/dist/index.js")
    out = folder / f"results/{which}-{revision or 'all'}"
    shutil.rmtree(out, ignore_errors=True)
    command = [node, suite, "server", "--url", f"http://127.0.0.1:{port}/mcp", "--suite", "all", "-o", str(out)]
    status, log = run(command + (["--spec-version", revision] if revision else []), folder)
    lines = [verdict(path) for path in sorted(out.glob("*/checks.json"))]
    if status != 0 and not any(line.startswith("FAIL") for line in lines):
        lines.append(f"FAIL the suite ended with {status}: {log.strip()[-300:]}")
    if not revision:
        listed = run([node, suite, "list", "--server"], folder)[1].count("\n  - ")
        if listed != len(lines):
            lines.append(f"FAIL {len(lines)} of {listed} scenarios were run")
    print("\n".join(lines), flush=True)
    return lines


def plain_conformance(program, folder, node, which):
    """The results of the scenarios that need no fixtures, of `mcpdump mcp`."""
    suite = str(folder / f"node_modules/conformance-{which}/dist/index.js")
    listed = run([node, suite, "list", "--server"], folder)[1]
    out = folder / f"results/mcp-{which}"
    shutil.rmtree(out, ignore_errors=True)
    lines = []
    with Server(program, folder, "mcp", str(ASKED), "--http") as server:
        for scenario in PLAIN:
            if f"- {scenario} " not in listed:
                continue
            url = f"http://127.0.0.1:{server.port}/mcp"
            status, log = run([node, suite, "server", "--url", url, "--scenario", scenario, "-o", str(out)], folder)
            done = [verdict(path, "Not testable") for path in out.glob(f"server-{scenario}-2*/checks.json")]
            lines += done or [f"FAIL {scenario}: it ended with {status}: {log.strip()[-300:]}"]
    print("\n".join(lines), flush=True)
    return lines


def inspected(program, folder, node):
    with Server(program, folder, "mcp", str(ASKED), "--http") as server:
        url = f"http://127.0.0.1:{server.port}/mcp"
        return lines_of(folder, [node, str(folder / "ask.mjs"), str(program), str(CAPTURES), url])


def verdict(path, without=None):
    # server-NAME-YYYY-MM-DDTHH-MM-SS-mmmZ
    name = path.parent.name.removeprefix("server-").rsplit("-", 6)[0]
    checks = json.loads(path.read_text())
    if without:
        checks = [check for check in checks if not check.get("errorMessage", "").startswith(without)]
    by = {status: [check for check in checks if check["status"] == status] for status in ("SUCCESS", "SKIPPED")}
    bad = [check for check in checks if check["status"] in ("FAILURE", "WARNING")]
    if bad:
        return f"FAIL {name}: " + "; ".join(f"{check['id']}: {check.get('errorMessage', '')}" for check in bad)
    if not by["SUCCESS"]:
        why = by["SKIPPED"][0].get("errorMessage", "") if by["SKIPPED"] else "no checks"
        return f"skip {name}: {why}"
    return f"ok   {name}: {len(by['SUCCESS'])} checks"


def run(command, folder, limit=JUDGE):
    """Runs a command and returns status and output. At the time limit it is ended with its children."""
    # The Inspector writes into the home directory.
    home = folder / "home"
    home.mkdir(exist_ok=True)
    child = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True, env={**os.environ, "HOME": str(home)},
    )
    try:
        out, _ = child.communicate(timeout=limit)
        return child.returncode, out
    except subprocess.TimeoutExpired:
        return "a timeout", (end(child) or "")


def end(child):
    """Ends a child that leads its own process group, and the group."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    return child.communicate()[0]


class Server:
    """`mcpdump serve --everything`, or another command, on a free port; ended by its process id."""

    def __init__(self, program, folder, *command):
        self.log = folder / "server.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = command or ("serve", "--everything", "--listen")
        self.command = [str(program), *command, f"127.0.0.1:{self.port}"]

    def __enter__(self):
        with self.log.open("w") as log:
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + START
        while time.monotonic() < until and self.child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.05)
        self.__exit__()
        raise RuntimeError(f"{' '.join(self.command)} does not listen: {self.log.read_text()[-300:]}")

    def __exit__(self, *_):
        self.child.terminate()
        try:
            self.child.wait(15)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def install(folder):
    """Installs the pinned packages, unless they are installed."""
    folder.mkdir(parents=True, exist_ok=True)
    for script in [*HERE.glob("*.mjs"), *HERE.glob("*.py"), HERE / "package.json", HERE / "requirements.txt"]:
        shutil.copy(script, folder)
    shutil.copytree(HERE / "llm", folder / "llm", dirs_exist_ok=True)
    pins = (HERE / "package.json").read_text() + (HERE / "requirements.txt").read_text() + SCHEMA_PACKAGE
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == pins:
        return
    for tool in ("npm", "python3"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: install Node.js 20 with npm, and Python 3.11 with venv")
    environment = folder / "venv"
    pip = [str(environment / "bin/pip"), "--quiet", "--disable-pip-version-check"]
    package = SCHEMA_PACKAGE.split("==", maxsplit=1)[0]
    commands = [
        ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"],
        ["python3", "-m", "venv", str(environment)],
        [*pip, "install", "-r", str(folder / "requirements.txt")],
        [*pip, "download", "--no-deps", "--no-binary", package, SCHEMA_PACKAGE],
    ]
    for command in commands:
        print(f"== {' '.join(command[:3])}", flush=True)
        done = subprocess.run(command, cwd=folder, timeout=INSTALL, check=False)
        if done.returncode != 0:
            print(f"{' '.join(command)} ended with {done.returncode}", file=sys.stderr)
            sys.exit(2)
    with tarfile.open(folder / f"{SCHEMA_PACKAGE.replace('==', '-')}.tar.gz") as sources:
        schema = sources.extractfile(f"{SCHEMA_PACKAGE.replace('==', '-')}/{SCHEMA}")
        (folder / pathlib.Path(SCHEMA).name).write_bytes(schema.read())
    stamp.write_text(pins)


if __name__ == "__main__":
    main()
