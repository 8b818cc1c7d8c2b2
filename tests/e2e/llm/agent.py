"""Records agents that call a model and MCP servers: an `agent-run`.

    python agent.py MCPDUMP FOLDER

Writes FOLDER/capture.pcapng, FOLDER/stdio-NUMBER.pcapng and FOLDER/truth.json. Agents call a model (`server.py`, with the
libraries `openai`, `anthropic` and `ollama`) and do what it asks for with the client of the Python SDK, at a server over
HTTP (`desk`) and at one over stdio (`library`, under `mcpdump wrap`, a process for each agent). `mcpdump list -i lo -w`
captures meanwhile. The truth has each call of a tool that a model asked for with the MCP call that the agent made for it,
or none, and the MCP calls that no model asked for. `_meta` of each MCP call names it for the tests (`example.org/call`).
Needs the rights to capture.
"""

import asyncio
import contextlib
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

import anthropic
import ollama
import openai
import server as llm
from mcp import StdioServerParameters
from mcp.client.client import Client
from openai.lib.streaming.chat import ChatCompletionStreamState
from record import CHAT_TOOLS, Capture
from server import Answer

HERE = pathlib.Path(__file__).resolve().parent
OSLO, BERGEN, TROMSO = {"city": "Oslo"}, {"city": "Bergen"}, {"city": "Troms\u00f8"}
# What the models answer to each prompt, turn by turn.
SCRIPTS = {
    # Two servers have a tool of the same name; the same call twice; a tool of the agent itself.
    "Compare Oslo.": [
        Answer(tools=[("desk_lookup", OSLO), ("library_lookup", OSLO)]),
        Answer(text="Once more.", tools=[("desk_lookup", OSLO), ("calculate", {"expression": "17-17"})]),
        Answer(tools=[("library_read", {"title": "Oslo \"by night\"", "pages": [1, 20]})]),
        Answer(text="They are the same."),
    ],
    # At the same time as the next, with the same arguments; the same call twice in one answer.
    "How is Troms\u00f8?": [
        Answer(thinking="I ask twice.", tools=[("mcp__desk__lookup", TROMSO), ("mcp__desk__lookup", TROMSO)]),
        Answer(tools=[("mcp__desk__constant", BERGEN)]),
        Answer(tools=[("mcp__desk__fail", {"reason": "it is night"}), ("mcp__desk__add", {"a": 1, "b": 2.5})]),
        Answer(text="Dark."),
    ],
    "And Troms\u00f8 in winter?": [
        Answer(tools=[("lookup", TROMSO)]),
        Answer(tools=[("constant", BERGEN)]),
        Answer(text="Darker."),
    ],
    # An API without ids.
    "What is there to read?": [
        Answer(tools=[("search", {"query": "Oslo"}), ("read", {"title": "Oslo"})]),
        Answer(tools=[("search", {"query": "Oslo"})]),
        Answer(text="Nothing."),
    ],
}


def script(call):
    """The model: the turn is the number of turns with results so far, which the agent repeats."""
    turns = SCRIPTS[call.prompt]
    return turns[min(STATE[call.prompt].turn, len(turns) - 1)]


STATE = {}
BOTH = asyncio.Barrier(2)


class Agent:
    """Calls a model, and does what it asks for. `name_of` splits the name of a tool into server and tool."""

    def __init__(self, name, prompt, library, url, name_of, unasked=()):
        self.name, self.prompt, self.library, self.url = name, prompt, library, url
        self.name_of, self.unasked = name_of, unasked
        self.turn, self.rows, self.others, self.calls = 0, [], [], 0
        STATE[prompt] = self

    async def run(self, servers):
        talk = getattr(self, self.library)(self.url)
        for when, server, tool, arguments in self.unasked:
            if when == "before":
                self.others.append(await self.mcp(servers, server, tool, arguments))
        results = []
        while True:
            asked_at = time.time()
            text, calls = await talk(results)
            answered_at = time.time()
            self.rows.append({"t_request": asked_at, "t_answer": answered_at, "text": text, "tool_calls": []})
            if not calls:
                return
            done = await asyncio.gather(*(self.execute(servers, *call) for call in calls))
            for (tool_id, name, arguments), (result, of_mcp) in zip(calls, done):
                one = {"id": tool_id, "name": name, "arguments": arguments, "mcp": of_mcp}
                self.rows[-1]["tool_calls"].append(one)
            results = [(tool_id, name, result) for (tool_id, name, _), (result, _) in zip(calls, done)]
            for when, server, tool, arguments in self.unasked:
                if when == self.turn:
                    self.others.append(await self.mcp(servers, server, tool, arguments))
            self.turn += 1

    async def execute(self, servers, _, name, arguments):
        server, tool = self.name_of(name)
        if server is None:
            await asyncio.sleep(0.002)
            return "0", None
        if tool == "constant":
            # Both agents have the answer of their model before either calls.
            await BOTH.wait()
        row = await self.mcp(servers, server, tool, arguments)
        return row.pop("text"), row

    async def mcp(self, servers, server, tool, arguments):
        self.calls += 1
        row = {"call": f"{self.name}-{self.calls}", "server": server, "tool": tool, "t_start": time.time()}
        result = await servers[server].call_tool(tool, arguments, meta={"example.org/call": row["call"]})
        text = "".join(content.text for content in result.content)
        return row | {"t_end": time.time(), "is_error": result.is_error, "text": text}

    # The libraries. Each returns a function that sends results and returns a text and calls.

    def openai_chat(self, url):
        client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-none", max_retries=0)
        messages = [{"role": "user", "content": self.prompt}]

        async def talk(results):
            messages.extend({"role": "tool", "tool_call_id": key, "content": text} for key, _, text in results)
            state = ChatCompletionStreamState()
            async for part in await client.chat.completions.create(
                model="gpt-5.1", messages=messages, tools=CHAT_TOOLS, stream=True,
                stream_options={"include_usage": True},
            ):
                state.handle_chunk(part)
            message = state.get_final_completion().choices[0].message
            calls = [{"id": call.id, "type": "function",
                      "function": {"name": call.function.name, "arguments": call.function.arguments}}
                     for call in message.tool_calls or []]
            messages.append({"role": "assistant", "content": message.content} | ({"tool_calls": calls} if calls else {}))
            return message.content or "", [
                (call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []
            ]

        return talk

    def openai_responses(self, url):
        client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-none", max_retries=0)
        items = [{"role": "user", "content": self.prompt}]

        async def talk(results):
            items.extend({"type": "function_call_output", "call_id": key, "output": text} for key, _, text in results)
            got = await client.responses.create(model="gpt-5.1", input=items, store=False)
            calls = [item for item in got.output if item.type == "function_call"]
            items.extend({"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
                         for call in calls)
            return got.output_text, [(call.call_id, call.name, json.loads(call.arguments)) for call in calls]

        return talk

    def anthropic(self, url):
        client = anthropic.AsyncAnthropic(base_url=url, api_key="sk-none", max_retries=0)
        messages = [{"role": "user", "content": self.prompt}]

        async def talk(results):
            if results:
                content = [{"type": "tool_result", "tool_use_id": key, "content": [{"type": "text", "text": text}]}
                           for key, _, text in results]
                messages.append({"role": "user", "content": content})
            async with client.messages.stream(model="claude-haiku-4-5", max_tokens=500, messages=messages) as stream:
                got = await stream.get_final_message()
            messages.append({"role": "assistant", "content": [
                block.model_dump(include={"type", "text", "thinking", "signature", "id", "name", "input"})
                for block in got.content
            ]})
            text = "".join(block.text for block in got.content if block.type == "text")
            return text, [(block.id, block.name, block.input) for block in got.content if block.type == "tool_use"]

        return talk

    def ollama(self, url):
        client = ollama.AsyncClient(host=url)
        messages = [{"role": "user", "content": self.prompt}]

        async def talk(results):
            messages.extend({"role": "tool", "tool_name": name, "content": text} for _, name, text in results)
            text, calls = "", []
            async for part in await client.chat(model="qwen3:8b", messages=messages, stream=True):
                text += part.message.content or ""
                calls += [(call.function.name, dict(call.function.arguments)) for call in part.message.tool_calls or []]
            functions = [{"function": {"name": name, "arguments": arguments}} for name, arguments in calls]
            messages.append({"role": "assistant", "content": text, "tool_calls": functions})
            return text, [(None, name, arguments) for name, arguments in calls]

        return talk


def underscored(name):
    server, _, tool = name.partition("_")
    return (server, tool) if server in ("desk", "library") else (None, name)


def double(name):
    return tuple(name.removeprefix("mcp__").split("__"))


@contextlib.asynccontextmanager
async def connected(program, folder, port, number, mode, with_library):
    """The MCP servers of an agent: `desk`, and `library`, if it wants it."""
    async with contextlib.AsyncExitStack() as stack:
        servers = {"desk": await stack.enter_async_context(Client(f"http://127.0.0.1:{port}/mcp", mode=mode))}
        if with_library:
            # The capture names the command: without directories.
            wrapped = ["wrap", "-w", str(folder / f"stdio-{number}.pcapng"), "--", "python", "mcp_server.py", "library", "stdio"]
            path = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            parameters = StdioServerParameters(command=str(program), args=wrapped, cwd=HERE, env={"PATH": path})
            servers["library"] = await stack.enter_async_context(Client(parameters, mode="legacy"))
        yield servers


async def agents(program, folder, url, port):
    """Runs the agents: the first alone, the next two at once, then the last."""
    first = Agent("alpha", "Compare Oslo.", "openai_chat", url, underscored, [
        # The first is what the model asks for a moment later, the others it never asks for.
        ("before", "desk", "lookup", OSLO), ("before", "desk", "add", {"a": 1, "b": 1}),
        (1, "library", "search", {"query": "unasked"}),
    ])
    second = Agent("beta", "How is Troms\u00f8?", "anthropic", url, double)
    third = Agent("gamma", "And Troms\u00f8 in winter?", "openai_responses", url, lambda name: ("desk", name))
    fourth = Agent("delta", "What is there to read?", "ollama", url, lambda name: ("library", name))

    async def run(agent, number, mode, with_library):
        async with connected(program, folder, port, number, mode, with_library) as servers:
            await agent.run(servers)

    await run(first, 1, "legacy", True)
    await asyncio.gather(run(second, 2, "legacy", False), run(third, 3, "2026-07-28", False))
    await run(fourth, 4, "legacy", True)
    return [first, second, third, fourth]


def record(program, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("stdio-*.pcapng"):
        old.unlink()
    port = llm.free_port()
    command = [sys.executable, str(HERE / "mcp_server.py"), "desk", str(port)]
    desk = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        with llm.LlmServer(script) as model:
            with Capture(program, folder / "capture.pcapng", [model.port, port]):
                done = asyncio.run(asyncio.wait_for(agents(program, folder, model.url, port), 60))
            write(folder, done, model, port)
    finally:
        desk.terminate()
        desk.wait(20)


def wait_for(port):
    until = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def write(folder, done, model, port):
    # Results that are the same, at the same time: nothing tells which of two agents made which call.
    twins = {("beta", "mcp__desk__constant"), ("gamma", "constant")}
    runs = []
    for agent in done:
        for row in agent.rows:
            for call in row["tool_calls"]:
                call["indistinguishable"] = (agent.name, call["name"]) in twins
        [dialect] = {row["dialect"] for row in model.rows if row["prompt"] == agent.prompt}
        runs.append({"agent": agent.name, "dialect": dialect, "prompt": agent.prompt, "llm_calls": agent.rows})
    names = ("mcp", "openai", "anthropic", "ollama")
    truth = {
        "name": "agent-run", "transport": "agent", "protocol_version": None,
        "vantage": "t_request, t_answer: the agent, around its call of the model; t_start, t_end: the agent, around its MCP call",
        "versions": {name: importlib.metadata.version(name) for name in names},
        "servers": {"model": model.port, "desk": port}, "runs": runs,
        "unasked": [{key: value for key, value in row.items() if key != "text"} for agent in done for row in agent.others],
    }
    (folder / "truth.json").write_text(json.dumps(truth, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    record(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve())
    print("ok   recorded agent-run", flush=True)
