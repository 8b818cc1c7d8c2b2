"""Tests what mcpdump says of LLM calls and of agents against what their client libraries returned.

    python judge.py MCPDUMP FOLDER LITELLM

Makes fresh captures in FOLDER (`record.py`, `agent.py`; LITELLM is the program of LiteLLM's proxy, - leaves it out), and
compares `mcpdump export --to jsonl` and `mcpdump timeline` with their truth. Needs the rights to capture.
"""

import json
import pathlib
import subprocess
import sys

import agent
import record

# Time limit of mcpdump, in seconds, and tolerance of times: a chunk is captured after the server noted the time, and before
# the client did.
LIMIT, SLACK = 60, 0.001


def main():
    program, folder, litellm = sys.argv[1:]
    folder = pathlib.Path(folder)
    sys.argv[1:] = [program, str(folder), litellm]
    record.main()
    if litellm == "-":
        print("skip LiteLLM's proxy: set LITELLM to its program", flush=True)
    for name in record.RECORDINGS:
        if name != "litellm" or litellm != "-":
            compare(program, folder / f"llm-{name}")
    agent.record(pathlib.Path(program).resolve(), folder / "agent-run")
    compare_runs(program, folder / "agent-run")


def judge(what, wrong):
    print(f"{'FAIL' if wrong else 'ok  '} {what}{': ' + '; '.join(wrong[:5]) if wrong else ''}", flush=True)


def output(program, *arguments):
    command = [program, *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, check=True)
    return done.stdout


def compare(program, folder):
    """The calls of a capture, in the order of their requests, against those of the truth."""
    truth = json.loads((folder / "truth.json").read_text())
    lines = output(program, "export", "--to", "jsonl", str(folder / "capture.pcapng")).splitlines()
    rows = [row for row in map(json.loads, lines) if row["type"] == "llm_call"]
    if "leg" in truth:
        behind = [row for row in rows if not row["server"].endswith(f":{truth['leg']}")]
        rows = [row for row in rows if row["server"].endswith(f":{truth['leg']}")]
        judge(f"{truth['name']}: calls behind the proxy", differences_behind(behind, truth["behind"]))
    rows.sort(key=lambda row: row["request"]["start"])
    wrong = [] if len(rows) == len(truth["calls"]) else [f"{len(rows)} calls, {len(truth['calls'])} were made"]
    # Calls that are made at once come in either order.
    left = list(truth["calls"])
    for row in rows:
        call = next((call for call in left if is_it(row, call)), None)
        if call is None:
            wrong.append(f"call {row['l']} at {row['request']['start']} was not made: {row['text'][:40]!r}")
            continue
        left.remove(call)
        wrong += [f"{call['prompt']} {what}" for what in differences(row, call)]
    judge(f"{truth['name']}: {len(rows)} calls as the library returned them", wrong)


def is_it(row, call):
    begins = call["t_request"] - SLACK <= row["request"]["start"] <= call["t_client_last"] + SLACK
    # An error is no stream.
    return begins and row["text"] == call["text"] and (row["streamed"] == call["stream"] or bool(call["error"]))


def differences(row, call):
    """What mcpdump says otherwise than the client library."""
    said = {
        "dialect": row["dialect"], "path": row["target"], "model": row["model"],
        "thinking": row["reasoning_bytes"] > 0,
        "tools": [(tool["name"], json.loads(tool["arguments"])) for tool in row["tool_calls"]],
        "error": row["status"] == "error",
    }
    known = {
        "dialect": call["dialect"], "path": call["path"], "model": call["model"], "thinking": bool(call["thinking"]),
        "tools": [(tool["name"], tool["arguments"]) for tool in call["tool_calls"]], "error": bool(call["error"]),
    }
    if call["model"] in ("mocked", "passed-on"):
        # The proxy names the model behind it, or its own.
        del said["model"], known["model"]
    ids = [(tool["id"], mine["id"]) for tool, mine in zip(call["tool_calls"], row["tool_calls"]) if tool["id"]]
    said["ids"], known["ids"] = [mine for _, mine in ids], [theirs for theirs, _ in ids]
    for name in ("input_tokens", "output_tokens"):
        if call[name] is not None:
            said[name], known[name] = row[name], call[name]
    if call["finish_reason"] and call["dialect"] != "openai-responses":
        said["finish"], known["finish"] = row["finish_reason"], call["finish_reason"]
    wrong = [f"{name}: {said[name]!r}, not {known[name]!r}" for name in known if said[name] != known[name]]
    if call["abandoned"] and row["status"] != "cancelled":
        wrong.append(f"abandoned, and {row['status']}")
    if call["t_first_output"] and row["first_token_ms"] is not None and call["stream"]:
        first = row["request"]["start"] + row["first_token_ms"] / 1000
        if not call["t_first_output"] - SLACK <= first <= call["t_client_first_output"] + SLACK:
            wrong.append(f"first token at {first}, sent {call['t_first_output']}, got {call['t_client_first_output']}")
    elif call["stream"] and call["t_first_output"]:
        wrong.append("no first token")
    return wrong


def differences_behind(rows, calls):
    rows.sort(key=lambda row: row["request"]["start"])
    known = [(call["dialect"], call["path"], call["input_tokens"], call["output_tokens"]) for call in calls]
    said = [(row["dialect"], row["target"], row["input_tokens"], row["output_tokens"]) for row in rows]
    return [] if said == known else [f"{said}, not {known}"]


def compare_runs(program, folder):
    """The joins of tool calls against what the agents did."""
    truth = json.loads((folder / "truth.json").read_text())
    files = sorted(str(path) for path in folder.glob("*.pcapng"))
    timeline = json.loads(output(program, "timeline", "--format", "json", *files))
    runs = {run["llm_calls"][0]["dialect"]: run for run in timeline["runs"]}
    judge("as many runs as agents", [] if len(timeline["runs"]) == len(truth["runs"]) else [f"{len(timeline['runs'])}"])
    for expected in truth["runs"]:
        run, wrong, joined = runs[expected["dialect"]], [], 0
        calls = [tool for call in run["llm_calls"] for tool in call["tool_calls"]]
        made = [tool for call in expected["llm_calls"] for tool in call["tool_calls"]]
        if [call["name"] for call in calls] != [call["name"] for call in made]:
            wrong.append(f"{[call['name'] for call in calls]}")
        for mine, theirs in zip(calls, made):
            mcp, joins = theirs["mcp"], mine["mcp_calls"]
            allowed = ["none"] if mcp is None else ["joined"] + ["ambiguous"] * theirs["indistinguishable"]
            if mine["join"] not in allowed:
                wrong.append(f"{mine['name']} is {mine['join']}")
            elif mine["join"] == "joined":
                joined += 1
                within = mcp["t_start"] - SLACK <= joins[0]["start"] <= mcp["t_end"] + SLACK
                if not within or (joins[0]["name"], joins[0]["server_name"]) != (mcp["tool"], mcp["server"]):
                    wrong.append(f"{mine['name']} is joined to {joins[0]}")
        times = sum(run[name] for name in ("model_ms", "tools_ms", "agent_ms", "idle_ms"))
        if abs(times - run["total_ms"]) > 0.01:
            wrong.append(f"{times} ms of {run['total_ms']} ms")
        judge(f"{expected['agent']}: {joined} of {len(made)} tool calls joined", wrong)
    mine = [(call["server_name"], call["name"]) for call in timeline["unasked"]]
    theirs = [(call["server"], call["tool"]) for call in truth["unasked"]]
    judge("MCP calls that no LLM call asks for", [] if sorted(mine) == sorted(theirs) else [f"{mine}"])


if __name__ == "__main__":
    main()
