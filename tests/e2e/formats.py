"""Validates what `mcpdump check` writes with the validators and schemas of others.

    formats.py MCPDUMP CAPTURES FOLDER

SARIF is judged by Microsoft's Sarif.Multitool, JUnit by the schema of Jenkins, annotations of GitHub by the syntax of
workflow commands. FOLDER holds what run.py installed, and takes the files.
"""

import json
import os
import pathlib
import platform
import re
import subprocess
import sys

from lxml import etree

# docs.github.com, "Workflow commands": values of properties escape what ends them.
ANNOTATION = re.compile(r"::(error|warning|notice) file=[^,:]+(,title=[^,:]+)?::\S.*")
OBJECTIVES = ["--slo", "p95(tools/call)<1us", "--slo", "error_rate(*)<50%"]


def main():
    program, captures, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    out = folder / "formats"
    out.mkdir(exist_ok=True)
    for old in out.iterdir():
        old.unlink()
    files = sorted(captures.glob("field/*/capture.pcap"))
    for at, capture in enumerate(files):
        for form in ("sarif", "junit", "github"):
            written = check(program, form, capture)
            (out / f"{at}.{form}").write_text(written)
    # The paths of SARIF differ: an absolute one is a URI of its own.
    (out / "relative.sarif").write_text(check(program, "sarif", files[0].relative_to(captures), captures))
    judge(f"SARIF of {len(files) + 1} verdicts", sarif(folder, out))
    judge(f"JUnit of {len(files)} verdicts", junit(folder, out))
    judge(f"annotations of {len(files)} verdicts", annotations(out))


def judge(name, faults):
    print(f"FAIL {name}: {'; '.join(faults[:3])}" if faults else f"ok   {name}")


def check(program, form, capture, folder=None):
    command = [program, "check", "--format", form, *OBJECTIVES, capture]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def sarif(folder, out):
    """Errors of the validator. It also advises, such as to number the rules."""
    tool = folder / "node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool"
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return ["the validator needs Linux on x86-64"]
    tool.chmod(0o755)
    log = out / "validation.json"
    files = sorted(str(path) for path in out.glob("*.sarif"))
    command = [tool, "validate", *files, "--output", log, "--level", "Error"]
    # It would need ICU otherwise.
    environment = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    run = json.loads(log.read_text(encoding="utf-8-sig"))["runs"][0]
    faults = [] if f"{len(files)} files scanned" in done.stdout else [f"not all were read: {done.stdout[-200:]}"]
    for result in run.get("results", []):
        message = result["message"]
        text = message.get("text") or " ".join(message.get("arguments", []))
        faults.append(f"{result['ruleId']} {result.get('level', '')}: {text}")
    return faults


def junit(folder, out):
    schema = etree.XMLSchema(etree.parse(folder / "junit-10.xsd"))
    faults = []
    for path in sorted(out.glob("*.junit")):
        if not schema.validate(etree.parse(path)):
            faults.append(f"{path.name}: {schema.error_log.last_error}")
    return faults


def annotations(out):
    faults, found = [], 0
    for path in sorted(out.glob("*.github")):
        lines = [line for line in path.read_text().splitlines() if line.startswith("::")]
        found += len(lines)
        faults += [f"{path.name}: {line}" for line in lines if not ANNOTATION.fullmatch(line)]
    return faults if found else ["there are none"]


if __name__ == "__main__":
    main()
