"""Tests that calls over HTTPS are seen as the same calls in clear are.

    python https.py MCPDUMP NODE FOLDER PORT

Clients of two SDKs call the server on PORT in clear, and one with TLS that this program starts. They run under
`mcpdump keys`, which makes them write their secrets, while `mcpdump export -i lo` captures both and reads the secrets as
they come. FOLDER takes the certificate, the key log and what was captured. Needs the rights to capture.
"""

import collections
import datetime
import ipaddress
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

# Time limit of a client, in seconds.
CLIENT = 60
HOST = "127.0.0.1"


def main():
    program, node, folder, port = sys.argv[1:]
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    key_log, rows = folder / "keys.log", folder / "rows.jsonl"
    key_log.unlink(missing_ok=True)
    certificate, key = certify(folder)
    with Server(program, certificate, key) as server:
        ports = {"clear": int(port), "tls": server.port}
        clients = {
            "python sdk": [sys.executable, "python.py"],
            "typescript sdk": [node, "typescript.mjs"],
        }
        with Capture(program, key_log, rows, ports.values()):
            for name, command in clients.items():
                call(command, f"http://{HOST}:{port}/mcp", {})
                trust = {"SSL_CERT_FILE": str(certificate), "NODE_EXTRA_CA_CERTS": str(certificate)}
                logged = [program, "keys", "-o", str(key_log), "--", *command]
                call(logged, f"https://{HOST}:{server.port}/mcp", trust)
                print(f"ok   {name} called in clear and over TLS", flush=True)
    compare(rows, ports)


def compare(path, ports):
    """Compares what was captured over TLS with what was captured in clear."""
    calls = {way: collections.Counter() for way in ports}
    versions = {way: set() for way in ports}
    for row in map(json.loads, path.read_text().splitlines()):
        if row["type"] != "exchange":
            continue
        [way] = [way for way, port in ports.items() if row["server"] == f"{HOST}:{port}"]
        error = row["error"] and row["error"]["code"]
        calls[way][row["origin"], row["method"], row["name"], row["status"], error] += 1
        versions[way].add(row["tls"])
    found = sum(calls["clear"].values())
    judge(f"{found} exchanges in clear, 20 or more", found >= 20)
    judge(f"versions of TLS: {versions}", versions == {"clear": {None}, "tls": {"1.3"}})
    for way, other in [("clear", "tls"), ("tls", "clear")]:
        missing = calls[way] - calls[other]
        judge(f"what was seen in {way} was seen in {other}, too: {missing or 'everything'}", not missing)


def judge(what, holds):
    print(f"{'ok  ' if holds else 'FAIL'} {what}", flush=True)


def call(command, url, environment):
    """Runs a client; its own steps are judged elsewhere."""
    done = subprocess.run(
        [*command, url, "http"], env={**os.environ, **environment}, timeout=CLIENT, capture_output=True, text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"FAIL {' '.join([*command, url])}: {(done.stdout + done.stderr)[-500:]}")


def certify(folder):
    """Writes a certificate of the host that certifies itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mcpdump-e2e")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)
    builder = builder.add_extension(address, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    paths = folder / "certificate.pem", folder / "key.pem"
    pem = serialization.Encoding.PEM
    paths[0].write_bytes(certificate.public_bytes(pem))
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(pem, form, plain))
    return paths


class Server:
    """`mcpdump serve --everything --tls` on a free port."""

    def __init__(self, program, certificate, key):
        self.command = [program, "serve", "--everything", "--listen", "0", "--tls"]
        self.command += ["--cert", str(certificate), "--key", str(key)]

    def __enter__(self):
        self.child = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        # Streamable HTTP  https://127.0.0.1:PORT/mcp
        first = self.child.stdout.readline()
        self.port = int(first.rsplit(":", 1)[1].split("/")[0])
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.communicate()


class Capture:
    """`mcpdump export -i lo` from when it captures until it has written what it captured."""

    def __init__(self, program, key_log, rows, ports):
        expression = " or ".join(f"tcp port {port}" for port in ports)
        self.command = [program, "export", "-i", "lo", "--tls-keylog", str(key_log), "-o", str(rows), expression]

    def __enter__(self):
        self.child = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True)
        # It captures when it has its second thread (proc(5)).
        tasks = pathlib.Path(f"/proc/{self.child.pid}/task")
        until = time.monotonic() + CLIENT
        while len(list(tasks.iterdir())) < 2:
            if self.child.poll() is not None or time.monotonic() > until:
                self.child.kill()
                sys.exit(f"FAIL it does not capture: {self.child.communicate()[1]}")
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGINT)
        said = self.child.communicate(timeout=CLIENT)[1]
        lost = [line for line in said.splitlines() if "lost by the kernel" in line]
        judge(f"nothing is lost: {lost}", lost == ["0 packets lost by the kernel, 0 by the interface"])


if __name__ == "__main__":
    main()
