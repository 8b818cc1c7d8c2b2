#!/usr/bin/env python3
"""Makes captures/tls-suites: one JSON-RPC call over TLS for each suite and feature, by openssl.

    python3 make.py        as root, with openssl 3, dumpcap and editcap

Each scenario is a connection between `openssl s_client` and `openssl s_server`, which send what this
script writes. The name of the tool that is called is that of the scenario. capture.pcapng has the
secrets inside, keys.log beside it has them as openssl wrote them; scenarios.json says what openssl
reports of each connection.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PORT = 18443

SCENARIOS = []


def scenario(name, server="", client="", steps="call", certificate="rsa", expect=None):
    SCENARIOS.append(dict(name=name, server=server.split(), client=client.split(), steps=steps,
                          certificate=certificate, expect=expect or {}))


for suite in ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]:
    scenario("1.3-" + suite, client=f"-tls1_3 -ciphersuites {suite}")
for suite in ["TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"]:
    scenario("1.3-" + suite, client=f"-tls1_3 -ciphersuites {suite}", server=f"-ciphersuites {suite}")
for suite in ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305",
              "DHE-RSA-AES128-GCM-SHA256", "AES128-GCM-SHA256", "AES256-GCM-SHA384"]:
    scenario("1.2-" + suite, client=f"-tls1_2 -cipher {suite}")
scenario("1.2-ECDHE-ECDSA-AES128-GCM-SHA256", client="-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256",
         certificate="ecdsa")
for suite in ["ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-AES256-CCM8", "DHE-RSA-AES256-CCM", "AES128-CCM8"]:
    scenario("1.2-" + suite, client=f"-tls1_2 -cipher {suite}:@SECLEVEL=0", server="-cipher ALL:@SECLEVEL=0",
             certificate="ecdsa" if "ECDSA" in suite else "rsa")
scenario("1.2-camellia", client="-tls1_2 -cipher ECDHE-RSA-CAMELLIA128-SHA256", server="-cipher ALL:@SECLEVEL=0",
         expect={"decrypted": False})
for suite in ["AES128-SHA", "AES256-SHA", "AES128-SHA256", "AES256-SHA256", "ECDHE-RSA-AES128-SHA256",
              "ECDHE-RSA-AES256-SHA384"]:
    scenario("1.2-" + suite, client=f"-tls1_2 -cipher {suite}")
    scenario("1.2-" + suite + "-mac-then-encrypt", client=f"-tls1_2 -cipher {suite} -no_etm")
scenario("1.3-key-update", client="-tls1_3", steps="key-update")
scenario("1.3-hello-retry", client="-tls1_3", server="-groups P-384")
scenario("1.3-padding", client="-tls1_3 -record_padding 512", server="-record_padding 512")
scenario("1.3-small-records", client="-tls1_3 -max_send_frag 512", server="-max_send_frag 512")
scenario("1.3-client-certificate", client="-tls1_3 -cert {cert} -key {key}", server="-verify 1")
scenario("1.3-resumption", client="-tls1_3", steps="resume")
scenario("1.3-early-data", client="-tls1_3", server="-early_data -no_anti_replay", steps="early")
scenario("1.3-early-data-refused", client="-tls1_3", server="-early_data -no_anti_replay", steps="early-refused")
scenario("1.2-ticket", client="-tls1_2", steps="resume")
scenario("1.2-session-id", client="-tls1_2", server="-no_ticket", steps="resume")
scenario("1.2-renegotiation", client="-tls1_2", server="-client_renegotiation", steps="renegotiate")
scenario("1.2-renegotiation-cbc", client="-tls1_2 -cipher AES128-SHA", server="-client_renegotiation",
         steps="renegotiate")
scenario("1.1", client="-tls1_1 -cipher DEFAULT@SECLEVEL=0", server="-cipher DEFAULT@SECLEVEL=0",
         expect={"decrypted": False})
scenario("1.2-expired", client="-tls1_2 -servername other.example", certificate="expired")


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def certificates(directory):
    """RSA, ECDSA, and one that expired in 2021."""
    made = {}
    for name, options in [("rsa", ["rsa:2048"]), ("ecdsa", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])]:
        key, cert = f"{directory}/{name}.key", f"{directory}/{name}.pem"
        run("openssl", "req", "-x509", "-newkey", *options, "-nodes", "-keyout", key, "-out", cert, "-days", "365",
            "-subj", f"/O=mcpdump/CN={name}.example", "-addext", "subjectAltName=DNS:mcp.example,DNS:*.mcp.example,IP:127.0.0.1")
        made[name] = (cert, key)
    database, config = f"{directory}/index.txt", f"{directory}/ca.cnf"
    open(database, "w").close()
    with open(config, "w") as file:
        file.write("[ca]\ndefault_ca=a\n[a]\ndatabase=%s\nnew_certs_dir=%s\npolicy=p\nrand_serial=yes\n"
                   "default_md=sha256\n[p]\ncommonName=supplied\n" % (database, directory))
    key, request, cert = (f"{directory}/expired.{end}" for end in ["key", "csr", "pem"])
    run("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=expired.example")
    run("openssl", "ca", "-batch", "-selfsign", "-config", config, "-keyfile", key, "-in", request, "-out", cert,
        "-notext", "-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
    made["expired"] = (cert, key)
    return made


class End:
    """openssl at one end. What it prints goes to a file, so that it never waits for a reader."""

    def __init__(self, words, directory, name):
        self.path = f"{directory}/{name}.out"
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=open(self.path, "wb"),
                                        stderr=subprocess.STDOUT)

    def output(self):
        with open(self.path, "rb") as file:
            return file.read().decode("latin-1")

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait_for(self, text, times=1):
        for _ in range(500):
            if self.output().count(text) >= times:
                return
            if self.process.poll() is not None:
                time.sleep(0.05)
                break
            time.sleep(0.01)
        if self.output().count(text) < times:
            sys.exit(f"{self.path}: {text!r} did not come:\n{self.output()}")

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def request(name, n):
    params = {"name": name, "arguments": {"text": f"call {n} " + "x" * 700}}
    body = json.dumps({"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": params})
    return (f"POST /mcp HTTP/1.1\r\nHost: mcp.example\r\nContent-Type: application/json\r\n"
            f"Accept: application/json, text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n{body}")


def response(n):
    result = {"content": [{"type": "text", "text": f"answer {n} " + "y" * 1400}]}
    body = json.dumps({"jsonrpc": "2.0", "id": n, "result": result})
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"


def call(server, client, name, n):
    client.send(request(name, n))
    server.wait_for(f"call {n} ")
    time.sleep(0.03)
    server.send(response(n))
    client.wait_for(f"answer {n} ")
    time.sleep(0.03)


def play(scenario, port, directory, made, keylog):
    """Plays a scenario; returns the number of its calls, and what openssl says of each connection."""
    cert, key = made[scenario["certificate"]]
    name, steps = scenario["name"], scenario["steps"]
    session = f"{directory}/session"
    server_words = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", cert, "-key", key, *scenario["server"]]
    words = [word.format(cert=cert, key=key) for word in scenario["client"]]
    client_words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-keylogfile", keylog, *words]
    if "-servername" not in words:
        client_words += ["-servername", "mcp.example"]
    server = End(server_words, directory, f"{name}.server")
    server.wait_for("ACCEPT")
    connections = []
    runs = 1 if steps not in ["resume", "early", "early-refused"] else 2
    n = 0
    for turn in range(runs):
        extra = []
        if runs == 2 and turn == 0:
            extra = ["-sess_out", session]
        if turn == 1:
            extra = ["-sess_in", session]
            if steps.startswith("early"):
                with open(f"{directory}/early", "w") as file:
                    file.write(request(name, n + 1))
                extra += ["-early_data", f"{directory}/early"]
            if steps == "early-refused":
                server.close()
                # The same keys for tickets are gone with the process: the early data is refused.
                server = End(server_words, directory, f"{name}.server2")
                server.wait_for("ACCEPT")
        client = End(client_words + extra, directory, f"{name}.client{turn}")
        client.wait_for("---\n", 3)
        server.wait_for("CIPHER is" if turn == 0 or steps == "early-refused" else "CIPHER is", turn + 1 if steps != "early-refused" else 1)
        time.sleep(0.05)
        n += 1
        if steps == "early" and turn == 1:
            server.wait_for(f"call {n} ")
            server.send(response(n))
            client.wait_for(f"answer {n} ")
        else:
            call(server, client, name, n)
        if steps == "key-update":
            for end in [client, server, client]:
                end.send("K\n" if end is client else "K\n")
                time.sleep(0.1)
                n += 1
                call(server, client, name, n)
        if steps == "renegotiate":
            client.send("R\n")
            client.wait_for("RENEGOTIATING")
            time.sleep(0.3)
            n += 1
            call(server, client, name, n)
        client.send("Q\n")
        client.close()
        found = re.search(r"(New|Reused), (\S+), Cipher is (\S+)", client.output())
        connections.append({"version": found.group(2), "cipher": found.group(3), "resumed": found.group(1) == "Reused"})
        time.sleep(0.1)
    server.close()
    return n, connections


def main():
    os.chdir(HERE)
    with tempfile.TemporaryDirectory() as directory:
        made = certificates(directory)
        keylog, raw = f"{directory}/keys.log", f"{directory}/raw.pcapng"
        ports = f"tcp portrange {PORT}-{PORT + len(SCENARIOS)}"
        dumpcap = subprocess.Popen(["dumpcap", "-q", "-i", "lo", "-f", ports, "-w", raw], stderr=subprocess.DEVNULL)
        time.sleep(1)
        truth = []
        for index, scenario in enumerate(SCENARIOS):
            calls, connections = play(scenario, PORT + index, directory, made, keylog)
            truth.append({"name": scenario["name"], "port": PORT + index, "calls": calls, "connections": connections,
                          **scenario["expect"]})
            print(scenario["name"], calls, connections, flush=True)
        time.sleep(1)
        dumpcap.terminate()
        dumpcap.wait()
        with open(keylog) as file:
            secrets = file.read()
        with open("keys.log", "w") as file:
            file.write(secrets)
        run("editcap", "--inject-secrets", "tls,keys.log", raw, "capture.pcapng")
        with open("scenarios.json", "w") as file:
            json.dump(truth, file, indent=1)
            file.write("\n")


main()
