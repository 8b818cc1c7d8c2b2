#!/usr/bin/env python3
"""Pack a release: the program, manual pages, completions, licences. The same input gives the same bytes.

usage: archive.py PROGRAM VERSION TARGET DIRECTORY

Writes mcpdump-VERSION-TARGET.tar.gz into DIRECTORY, and its line into SHA256SUMS there. Manual pages and
completions are made by PROGRAM, if it runs on this machine.
"""

import gzip
import hashlib
import io
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMPLETIONS = {"bash": "mcpdump.bash", "zsh": "_mcpdump", "fish": "mcpdump.fish"}


def made_by(program):
    """The files that the program makes: name and bytes. None if it is for another system."""
    files = {}
    with tempfile.TemporaryDirectory() as directory:
        try:
            subprocess.run([program, "man", directory], check=True)
        except OSError as error:
            print(f"{program}: {error}; without manual pages and completions", file=sys.stderr)
            return files
        for page in pathlib.Path(directory).iterdir():
            files[f"man/{page.name}"] = page.read_bytes()
    for shell, name in COMPLETIONS.items():
        command = [program, "completions", shell]
        files[f"completions/{name}"] = subprocess.run(command, check=True, capture_output=True).stdout
    return files


def main():
    program, version, target, directory = sys.argv[1:]
    top = f"mcpdump-{version}-{target}"
    name = "mcpdump.exe" if program.endswith(".exe") else "mcpdump"
    files = {name: pathlib.Path(program).read_bytes(), **made_by(program)}
    for document in ("README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"):
        files[document] = (ROOT / document).read_bytes()
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(files):
            entry = tarfile.TarInfo(f"{top}/{path}")
            entry.size = len(files[path])
            entry.mode = 0o755 if path == name else 0o644
            entry.mtime = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
            archive.addfile(entry, io.BytesIO(files[path]))
    packed = gzip.compress(plain.getvalue(), 9, mtime=0)
    out = pathlib.Path(directory)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{top}.tar.gz").write_bytes(packed)
    sums = out / "SHA256SUMS"
    lines = sums.read_text().splitlines() if sums.exists() else []
    lines = [line for line in lines if not line.endswith(f"  {top}.tar.gz")]
    lines.append(f"{hashlib.sha256(packed).hexdigest()}  {top}.tar.gz")
    sums.write_text("\n".join(sorted(lines, key=lambda line: line.split()[1])) + "\n")
    print(out / f"{top}.tar.gz")


main()
