"""Records captures of LLM calls made with the client libraries that people use.

    python record.py MCPDUMP FOLDER LITELLM [NAME...]

Writes FOLDER/llm-NAME/capture.pcapng and truth.json for each NAME (all by default): openai-chat, openai-responses,
anthropic, gemini, ollama, litellm. The libraries call `server.py`, or LiteLLM's proxy (LITELLM is its program, - leaves
it out), while `mcpdump list -i lo -w` captures. The truth has what the libraries returned, and when. Needs the rights to
capture.
"""

import contextlib
import importlib.metadata
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import server as llm
from server import Answer

# Time limits in seconds: of a program to start, and of LiteLLM, which loads for long.
START, START_LITELLM = 20, 120
SAID = (
    "Packet captures show what crossed the wire \u2014 \u4e2d\u6587, emoji \U0001f4e6, \"quotes\", a\\backslash,\nand code:\n"
    "```rust\nfn main() {}\n```"
)
WEATHER = {"city": "Z\u00fcrich", "unit": "celsius"}
STORIES = {"count": 3, "tags": ["ask", "show"], "minimum": 0.5, "more": {"by": None, "text": "a \"b\"\n\u2713", "all": True}}
PROMPTS = {
    "What do captures show?": Answer(text=SAID),
    "Say it at once.": Answer(text="A capture is a list of packets."),
    "First of two.": Answer(text="The first of two that are asked at once.", gap=0.009),
    "Second of two.": Answer(text="The second of two that are asked at once.", gap=0.009),
    "How is the weather?": Answer(tools=[("get_weather", WEATHER), ("get_weather", WEATHER | {"city": "Oslo"})]),
    "Which stories are on top?": Answer(text="I look them up.", tools=[("top_stories", STORIES)]),
    "What time is it?": Answer(tools=[("now", {})]),
    "Tell me everything.": Answer(text="It began with a SYN, and then a SYN", length=True),
    "Think first.": Answer(thinking="A SYN, a SYN-ACK, an ACK.", text="Three packets.", keep_alive=0),
    "Does it hold?": Answer(text="It holds until", broken=("overloaded_error", "Overloaded")),
    "Am I allowed?": Answer(error=(429, "rate_limit_exceeded", "Rate limit reached, try again in 20s")),
    "I cannot wait.": Answer(text="This answer is not read to its", abandoned=True),
}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "unit": {"type": "string"}}}
TOOLS = [
    ("get_weather", "The weather in a city", SCHEMA),
    ("top_stories", "Stories on top of Hacker News", {"type": "object", "properties": {"count": {"type": "integer"}}}),
    ("now", "The time", {"type": "object", "properties": {}}),
]


def script(call):
    """The model: what it answers to a prompt, or to the results of tools."""
    if call.results:
        return Answer(text="The tools say: " + " / ".join(result["text"] for result in call.results))
    answer = PROMPTS[call.prompt]
    if call.model.startswith("deepseek"):
        answer = Answer(thinking=answer.thinking, text=answer.text, keep_alive=2)
    return answer


def main():
    program, folder, litellm, *names = sys.argv[1:]
    for name, record in RECORDINGS.items():
        if names and name not in names or name == "litellm" and litellm == "-":
            continue
        out = pathlib.Path(folder) / f"llm-{name}"
        out.mkdir(parents=True, exist_ok=True)
        with llm.LlmServer(script) as server:
            record(program, out, server, litellm)
        print(f"ok   recorded {name}", flush=True)


class Capture:
    """`mcpdump list -i lo -w` of some ports, from when it captures until it has written what it captured."""

    def __init__(self, program, path, ports):
        expression = " or ".join(f"tcp port {port}" for port in ports)
        pathlib.Path(path).unlink(missing_ok=True)
        self.command = [program, "list", "-i", "lo", "-w", str(path), expression]

    def __enter__(self):
        self.child = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        # It captures when it has its second thread (proc(5)).
        tasks = pathlib.Path(f"/proc/{self.child.pid}/task")
        until = time.monotonic() + START
        while len(list(tasks.iterdir())) < 3:
            if self.child.poll() is not None or time.monotonic() > until:
                self.child.kill()
                raise RuntimeError(f"it does not capture: {self.child.communicate()[1]}")
            time.sleep(0.01)
        time.sleep(0.2)
        return self

    def __exit__(self, *_):
        # What was sent last is read first.
        time.sleep(0.5)
        self.child.send_signal(signal.SIGINT)
        said = self.child.communicate(timeout=START)[1]
        if "0 packets lost by the kernel" not in said:
            raise RuntimeError(f"packets are lost: {said}")


class Calls:
    """What a client library returned for each call."""

    def __init__(self):
        self.rows, self.lock = [], threading.Lock()

    def make(self, prompt, library, function, results=()):
        """Makes a call: `function` takes a row and sets what the library says; an error of the library is no fault."""
        row = {
            "prompt": prompt, "library": library, "text": "", "thinking": "", "tool_calls": [], "finish_reason": None,
            "input_tokens": None, "output_tokens": None, "error": None, "abandoned": False,
            "tool_results": list(results), "t_request": time.time(), "t_client_first_chunk": None,
            "t_client_first_output": None,
        }
        try:
            function(row)
        except Exception as error:
            expected = PROMPTS[prompt]
            if not expected.error and not expected.broken:
                raise
            row["error"] = {"type": type(error).__name__, "status": getattr(error, "status_code", None)}
        row["t_client_last"] = time.time()
        with self.lock:
            self.rows.append(row)
        return row


def chunk(row, is_output):
    """Notes when a chunk came."""
    now = time.time()
    row["t_client_first_chunk"] = row["t_client_first_chunk"] or now
    if is_output:
        row["t_client_first_output"] = row["t_client_first_output"] or now


def at_once(*functions):
    """Runs functions on threads."""
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def result_of(call):
    """What a tool answers."""
    if call["name"] == "get_weather":
        return f"{call['arguments']['city']}: 17 \u00b0C, wind \"calm\""
    return f"{call['name']} is done"


def write(out, name, calls, server, versions, joined=True):
    """Writes the truth: the calls of the client with what the server logged."""
    served = list(server.rows)
    rows = []
    for row in sorted(calls.rows, key=lambda row: row["t_request"]):
        of_server = None
        if joined:
            is_it = lambda other: (
                other["prompt"] == row["prompt"] and len(other["results"]) == len(row["tool_results"])
                and other["t_request"] >= row["t_request"]
            )
            of_server = next(other for other in served if is_it(other))
            served.remove(of_server)
        rows.append(merged(row, of_server))
    assert not joined or not served, served
    streams = [
        {
            "path": row["path"], "request_id": f"{name}-{number}", "event_count": row["events"],
            "t_first_event": row["t_first_event"], "t_last_event": row["t_last"],
        }
        for number, row in enumerate(rows, 1)
        if row["stream"] and row["dialect"] != "ollama" and row["t_first_event"]
    ]
    truth = {
        "name": f"llm-{name}", "transport": "llm", "protocol_version": None,
        "vantage": "t_request, t_client_*: client library; t_server_request, t_first_event, t_first_output, t_last: "
                   "server, just before it writes",
        "versions": versions,
        "totals": {"sessions": 0, "exchanges": 0, "calls": len(rows), "streams": len(streams)},
        "sessions": [], "streams": streams, "calls": rows,
    }
    (out / "truth.json").write_text(json.dumps(truth, indent=1, ensure_ascii=False) + "\n")


def merged(row, of_server):
    """A call of the truth. The order of its members is that of the file."""
    answer = PROMPTS[row["prompt"]]
    if of_server and not row["error"] and not row["tool_results"]:
        # The library understood what the server wrote.
        assert row["text"] == answer.text, (row, answer)
        if of_server["dialect"] != "openai-chat" or of_server["model"].startswith("deepseek"):
            assert row["thinking"] == ("" if row["abandoned"] else answer.thinking), (row, answer)
        said = [(call["name"], call["arguments"]) for call in row["tool_calls"]]
        assert said == answer.tools, (row, answer)
    server = of_server or {}
    return {
        **{key: server.get(key, row.get(key)) for key in ("dialect", "path", "model", "stream")},
        **{key: row[key] for key in ("library", "prompt", "text", "thinking", "tool_calls", "tool_results",
                                     "finish_reason", "input_tokens", "output_tokens", "error", "abandoned")},
        "events": len(server["t_events"]) if server.get("stream") else None,
        "t_request": row["t_request"], "t_server_request": server.get("t_request"),
        "t_first_event": (server.get("t_events") or [None])[0], "t_first_output": server.get("t_first_output"),
        "t_client_first_chunk": row["t_client_first_chunk"], "t_client_first_output": row["t_client_first_output"],
        "t_last": server.get("t_last"), "t_client_last": row["t_client_last"],
    }


def versions(*names):
    return {name: importlib.metadata.version(name) for name in names}


# OpenAI Chat Completions.

CHAT_TOOLS = [{"type": "function", "function": {"name": name, "description": text, "parameters": schema}}
              for name, text, schema in TOOLS]


class OpenAiChat:
    """The calls of `openai` to Chat Completions."""

    def __init__(self, calls, url, model="gpt-5.1-mini", **options):
        import openai
        from openai.lib.streaming.chat import ChatCompletionStreamState

        self.calls, self.model, self.options, self.state = calls, model, options, ChatCompletionStreamState
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key="sk-none", max_retries=0)

    def messages(self, prompt, turns):
        return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": prompt}, *turns]

    def stream(self, prompt, turns=(), results=(), tools=False, usage=True, stop_after=None, model=None):
        def run(row):
            more = {"tools": CHAT_TOOLS} if tools else {}
            if usage:
                more["stream_options"] = {"include_usage": True}
            state = self.state()
            with self.client.chat.completions.create(
                model=model or self.model, messages=self.messages(prompt, turns), stream=True, **more, **self.options
            ) as stream:
                for part in stream:
                    delta = part.choices[0].delta if part.choices else None
                    thinking = getattr(delta, "reasoning_content", None) or ""
                    row["thinking"] += thinking
                    row["text"] += delta and delta.content or ""
                    chunk(row, bool(delta and (delta.content or delta.tool_calls or thinking)))
                    state.handle_chunk(part)
                    if stop_after and row["text"] == stop_after:
                        row["abandoned"] = True
                        return
            # A final completion is no answer to the library if its length was limited.
            self.take(row, state.current_completion_snapshot)

        library = "chat.completions.create(stream=True), ChatCompletionStreamState"
        return self.calls.make(prompt, library, run, results)

    def whole(self, prompt, turns=(), results=(), tools=False):
        def run(row):
            more = {"tools": CHAT_TOOLS} if tools else {}
            got = self.client.chat.completions.create(
                model=self.model, messages=self.messages(prompt, turns), **more, **self.options
            )
            chunk(row, True)
            self.take(row, got)

        return self.calls.make(prompt, "chat.completions.create", run, results)

    @staticmethod
    def take(row, got):
        message = got.choices[0].message
        row["text"] = message.content or ""
        row["finish_reason"] = got.choices[0].finish_reason
        if got.usage:
            row["input_tokens"], row["output_tokens"] = got.usage.prompt_tokens, got.usage.completion_tokens
        for call in message.tool_calls or []:
            row["tool_calls"].append(
                {"id": call.id, "name": call.function.name, "arguments": json.loads(call.function.arguments)}
            )

    def answered(self, prompt, row, how):
        """The next call, with the results of the tools."""
        calls = [{"id": call["id"], "type": "function",
                  "function": {"name": call["name"], "arguments": json.dumps(call["arguments"], ensure_ascii=False)}}
                 for call in row["tool_calls"]]
        results = [{"id": call["id"], "text": result_of(call)} for call in row["tool_calls"]]
        turns = [{"role": "assistant", "content": row["text"] or None, "tool_calls": calls}]
        turns += [{"role": "tool", "tool_call_id": result["id"], "content": result["text"]} for result in results]
        return how(prompt, turns, results, tools=True)


def openai_chat(program, out, server, _):
    calls = Calls()
    with Capture(program, out / "capture.pcapng", [server.port]):
        chat = OpenAiChat(calls, server.url)
        chat.stream("What do captures show?")
        chat.whole("Say it at once.")
        row = chat.stream("How is the weather?", tools=True, usage=False)
        chat.answered("How is the weather?", row, chat.stream)
        row = chat.whole("Which stories are on top?", tools=True)
        chat.answered("Which stories are on top?", row, chat.whole)
        chat.stream("What time is it?", tools=True)
        chat.stream("Tell me everything.")
        chat.stream("Think first.", model="deepseek-reasoner")
        chat.stream("Am I allowed?")
        chat.stream("Does it hold?")
        chat.stream("I cannot wait.", stop_after=PROMPTS["I cannot wait."].text)
        at_once(lambda: chat.stream("First of two."), lambda: chat.stream("Second of two."))
        chat.client.close()
    write(out, "openai-chat", calls, server, versions("openai", "httpx"))


# OpenAI Responses.


class OpenAiResponses:
    """The calls of `openai` to Responses."""

    def __init__(self, calls, url, model="gpt-5.1"):
        import openai

        self.calls, self.model = calls, model
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key="sk-none", max_retries=0)
        self.tools = [{"type": "function", "name": name, "description": text, "parameters": schema, "strict": False}
                      for name, text, schema in TOOLS]

    def stream(self, prompt, turns=(), results=(), tools=False, stop_after=None):
        def run(row):
            more = {"tools": self.tools} if tools else {}
            given = [{"role": "user", "content": prompt}, *turns]
            last = None
            with self.client.responses.create(
                model=self.model, instructions="Be brief.", input=given, stream=True, store=False, **more
            ) as stream:
                for event in stream:
                    is_call = event.type == "response.output_item.added" and event.item.type == "function_call"
                    chunk(row, event.type.endswith(".delta") or is_call)
                    if event.type == "response.output_text.delta":
                        row["text"] += event.delta
                    if event.type == "response.reasoning_summary_text.delta":
                        row["thinking"] += event.delta
                    if event.type in ("response.completed", "response.incomplete", "response.failed"):
                        last = event.response
                    if stop_after and row["text"] == stop_after:
                        row["abandoned"] = True
                        return
            self.take(row, last)

        return self.calls.make(prompt, "responses.create(stream=True)", run, results)

    def whole(self, prompt, turns=(), results=(), tools=False):
        def run(row):
            more = {"tools": self.tools} if tools else {}
            given = [{"role": "user", "content": prompt}, *turns] if turns else prompt
            got = self.client.responses.create(model=self.model, input=given, store=False, **more)
            chunk(row, True)
            self.take(row, got)

        return self.calls.make(prompt, "responses.create", run, results)

    @staticmethod
    def take(row, got):
        if got.status == "failed":
            row["error"] = {"type": got.error.code, "status": None}
            return
        row["text"] = got.output_text
        reason = got.incomplete_details and got.incomplete_details.reason
        row["finish_reason"] = reason or got.status
        row["input_tokens"], row["output_tokens"] = got.usage.input_tokens, got.usage.output_tokens
        row["thinking"] = "".join(
            part.text for item in got.output if item.type == "reasoning" for part in item.summary
        )
        for item in got.output:
            if item.type == "function_call":
                arguments = json.loads(item.arguments)
                row["tool_calls"].append({"id": item.call_id, "name": item.name, "arguments": arguments})

    def answered(self, prompt, row, how):
        turns, results = [], []
        for call in row["tool_calls"]:
            text = json.dumps(call["arguments"], ensure_ascii=False)
            turns.append({"type": "function_call", "call_id": call["id"], "name": call["name"], "arguments": text})
        for call in row["tool_calls"]:
            results.append({"id": call["id"], "text": result_of(call)})
            turns.append({"type": "function_call_output", "call_id": call["id"], "output": result_of(call)})
        return how(prompt, turns, results, tools=True)


def openai_responses(program, out, server, _):
    calls = Calls()
    with Capture(program, out / "capture.pcapng", [server.port]):
        client = OpenAiResponses(calls, server.url)
        client.stream("What do captures show?")
        client.whole("Say it at once.")
        row = client.stream("How is the weather?", tools=True)
        client.answered("How is the weather?", row, client.stream)
        row = client.whole("Which stories are on top?", tools=True)
        client.answered("Which stories are on top?", row, client.whole)
        client.stream("What time is it?", tools=True)
        client.stream("Tell me everything.")
        client.stream("Think first.")
        client.stream("Am I allowed?")
        client.stream("Does it hold?")
        client.stream("I cannot wait.", stop_after=PROMPTS["I cannot wait."].text)
        at_once(lambda: client.stream("First of two."), lambda: client.stream("Second of two."))
        client.client.close()
    write(out, "openai-responses", calls, server, versions("openai", "httpx"))


# Anthropic Messages.


class Anthropic:
    """The calls of `anthropic` to Messages."""

    def __init__(self, calls, url, model="claude-haiku-4-5"):
        import anthropic

        self.calls, self.model = calls, model
        self.client = anthropic.Anthropic(base_url=url, api_key="sk-none", max_retries=0)
        self.tools = [{"name": name, "description": text, "input_schema": schema} for name, text, schema in TOOLS]

    def request(self, prompt, turns, tools):
        messages = [{"role": "user", "content": prompt}, *turns]
        more = {"tools": self.tools} if tools else {}
        return {"model": self.model, "max_tokens": 1024, "system": "Be brief.", "messages": messages, **more}

    def stream(self, prompt, turns=(), results=(), tools=False, stop_after=None):
        def run(row):
            with self.client.messages.stream(**self.request(prompt, turns, tools)) as stream:
                for event in stream:
                    # The library adds events of its own: text, thinking, input_json.
                    is_delta = event.type == "content_block_delta" and event.delta.type != "signature_delta"
                    is_tool = event.type == "content_block_start" and event.content_block.type == "tool_use"
                    chunk(row, is_delta or is_tool)
                    if event.type == "text":
                        row["text"] += event.text
                    if stop_after and row["text"] == stop_after:
                        row["abandoned"] = True
                        return
                self.take(row, stream.get_final_message())

        return self.calls.make(prompt, "messages.stream", run, results)

    def whole(self, prompt, turns=(), results=(), tools=False):
        def run(row):
            got = self.client.messages.create(**self.request(prompt, turns, tools))
            chunk(row, True)
            self.take(row, got)

        return self.calls.make(prompt, "messages.create", run, results)

    @staticmethod
    def take(row, got):
        row["text"] = "".join(block.text for block in got.content if block.type == "text")
        row["thinking"] = "".join(block.thinking for block in got.content if block.type == "thinking")
        row["finish_reason"] = got.stop_reason
        row["input_tokens"], row["output_tokens"] = got.usage.input_tokens, got.usage.output_tokens
        for block in got.content:
            if block.type == "tool_use":
                row["tool_calls"].append({"id": block.id, "name": block.name, "arguments": block.input})

    def answered(self, prompt, row, how):
        content = [{"type": "text", "text": row["text"]}] if row["text"] else []
        content += [{"type": "tool_use", "id": call["id"], "name": call["name"], "input": call["arguments"]}
                    for call in row["tool_calls"]]
        results = [{"id": call["id"], "text": result_of(call)} for call in row["tool_calls"]]
        # A content may be a text or parts.
        answers = [
            {"type": "tool_result", "tool_use_id": result["id"],
             "content": [{"type": "text", "text": result["text"]}] if number % 2 else result["text"]}
            for number, result in enumerate(results)
        ]
        turns = [{"role": "assistant", "content": content}, {"role": "user", "content": answers}]
        return how(prompt, turns, results, tools=True)


def anthropic(program, out, server, _):
    calls = Calls()
    with Capture(program, out / "capture.pcapng", [server.port]):
        client = Anthropic(calls, server.url)
        client.stream("What do captures show?")
        client.whole("Say it at once.")
        row = client.stream("How is the weather?", tools=True)
        client.answered("How is the weather?", row, client.stream)
        row = client.whole("Which stories are on top?", tools=True)
        client.answered("Which stories are on top?", row, client.whole)
        client.stream("What time is it?", tools=True)
        client.stream("Tell me everything.")
        client.stream("Think first.")
        client.stream("Am I allowed?")
        client.stream("Does it hold?")
        client.stream("I cannot wait.", stop_after=PROMPTS["I cannot wait."].text)
        at_once(lambda: client.stream("First of two."), lambda: client.stream("Second of two."))
        client.client.close()
    write(out, "anthropic", calls, server, versions("anthropic", "httpx"))


# Gemini.


class Gemini:
    """The calls of `google-genai`."""

    def __init__(self, calls, url):
        from google import genai

        self.calls, self.types = calls, genai.types
        self.client = genai.Client(api_key="none", http_options={"base_url": url, "api_version": "v1beta"})
        types = genai.types
        functions = [types.FunctionDeclaration(name=name, description=text, parameters_json_schema=schema)
                     for name, text, schema in TOOLS]
        self.tools = [types.Tool(function_declarations=functions)]

    def request(self, prompt, turns, tools, model):
        types = self.types
        config = types.GenerateContentConfig(
            system_instruction="Be brief.", tools=self.tools if tools else None,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        contents = [types.Content(role="user", parts=[types.Part(text=prompt)]), *turns]
        return {"model": model, "contents": contents, "config": config}

    def stream(self, prompt, turns=(), results=(), tools=False, model="gemini-2.5-flash"):
        def run(row):
            for part in self.client.models.generate_content_stream(**self.request(prompt, turns, tools, model)):
                parts = part.candidates[0].content.parts
                chunk(row, any(one.text or one.function_call for one in parts))
                self.take(row, part)

        return self.calls.make(prompt, "models.generate_content_stream", run, results)

    def whole(self, prompt, turns=(), results=(), tools=False, model="gemini-2.5-flash"):
        def run(row):
            got = self.client.models.generate_content(**self.request(prompt, turns, tools, model))
            chunk(row, True)
            self.take(row, got)

        return self.calls.make(prompt, "models.generate_content", run, results)

    @staticmethod
    def take(row, got):
        candidate = got.candidates[0]
        for part in candidate.content.parts:
            if part.function_call:
                call = part.function_call
                row["tool_calls"].append({"id": call.id, "name": call.name, "arguments": call.args})
            elif part.thought:
                row["thinking"] += part.text
            else:
                row["text"] += part.text or ""
        if candidate.finish_reason:
            row["finish_reason"] = candidate.finish_reason.value
        usage = got.usage_metadata
        row["input_tokens"], row["output_tokens"] = usage.prompt_token_count, usage.candidates_token_count

    def answered(self, prompt, row, how, model="gemini-2.5-flash"):
        types, calls, answers, results = self.types, [], [], []
        for call in row["tool_calls"]:
            one = types.FunctionCall(id=call["id"], name=call["name"], args=call["arguments"])
            calls.append(types.Part(function_call=one))
            value = {"result": result_of(call)}
            one = types.FunctionResponse(id=call["id"], name=call["name"], response=value)
            answers.append(types.Part(function_response=one))
            results.append({"id": call["id"], "name": call["name"], "text": result_of(call)})
        turns = [types.Content(role="model", parts=calls), types.Content(role="user", parts=answers)]
        return how(prompt, turns, results, tools=True, model=model)


def gemini(program, out, server, _):
    calls = Calls()
    with Capture(program, out / "capture.pcapng", [server.port]):
        client = Gemini(calls, server.url)
        client.stream("What do captures show?")
        client.whole("Say it at once.")
        row = client.stream("How is the weather?", tools=True)
        client.answered("How is the weather?", row, client.stream)
        model = "gemini-3-flash-preview"
        row = client.stream("Which stories are on top?", tools=True, model=model)
        client.answered("Which stories are on top?", row, client.whole, model)
        client.whole("What time is it?", tools=True)
        client.stream("Tell me everything.")
        client.stream("Think first.")
        client.stream("Am I allowed?")
        at_once(lambda: client.stream("First of two."), lambda: client.stream("Second of two."))
        client.client.close()
    write(out, "gemini", calls, server, versions("google-genai", "httpx"))


# Ollama.


class Ollama:
    """The calls of `ollama`."""

    def __init__(self, calls, url, model="qwen3:8b"):
        import ollama

        self.calls, self.model, self.client = calls, model, ollama.Client(host=url)

    def chat(self, prompt, turns=(), results=(), tools=False, stream=True, think=None):
        def run(row):
            messages = [{"role": "user", "content": prompt}, *turns]
            got = self.client.chat(model=self.model, messages=messages, tools=CHAT_TOOLS if tools else None,
                                   stream=stream, think=think)
            for part in got if stream else [got]:
                message = part.message
                chunk(row, bool(message.content or message.thinking or message.tool_calls))
                row["text"] += message.content or ""
                row["thinking"] += message.thinking or ""
                for call in message.tool_calls or []:
                    function = call.function
                    # The library leaves out the id.
                    row["tool_calls"].append(
                        {"id": None, "name": function.name, "arguments": dict(function.arguments)}
                    )
                if part.done:
                    row["finish_reason"] = part.done_reason
                    row["input_tokens"], row["output_tokens"] = part.prompt_eval_count, part.eval_count

        return self.calls.make(prompt, f"chat(stream={stream})", run, results)

    def generate(self, prompt, stream):
        def run(row):
            got = self.client.generate(model=self.model, prompt=prompt, stream=stream)
            for part in got if stream else [got]:
                chunk(row, bool(part.response))
                row["text"] += part.response
                if part.done:
                    row["finish_reason"] = part.done_reason
                    row["input_tokens"], row["output_tokens"] = part.prompt_eval_count, part.eval_count

        return self.calls.make(prompt, f"generate(stream={stream})", run)

    def answered(self, prompt, row, stream):
        calls = [{"function": {"name": call["name"], "arguments": call["arguments"]}} for call in row["tool_calls"]]
        turns = [{"role": "assistant", "content": row["text"], "tool_calls": calls}]
        results = [{"id": None, "name": call["name"], "text": result_of(call)} for call in row["tool_calls"]]
        turns += [{"role": "tool", "tool_name": result["name"], "content": result["text"]} for result in results]
        return self.chat(prompt, turns, results, tools=True, stream=stream)


def ollama(program, out, server, _):
    calls = Calls()
    with Capture(program, out / "capture.pcapng", [server.port]):
        client = Ollama(calls, server.url)
        client.chat("What do captures show?")
        client.chat("Say it at once.", stream=False)
        row = client.chat("How is the weather?", tools=True)
        client.answered("How is the weather?", row, True)
        row = client.chat("Which stories are on top?", tools=True, stream=False)
        client.answered("Which stories are on top?", row, False)
        client.chat("What time is it?", tools=True)
        client.generate("Tell me everything.", True)
        client.generate("Tell me everything.", False)
        client.chat("Think first.", think=True)
        client.chat("Am I allowed?")
        at_once(lambda: client.chat("First of two."), lambda: client.chat("Second of two."))
        client.client._client.close()
    write(out, "ollama", calls, server, versions("ollama", "httpx"))


# LiteLLM.


@contextlib.contextmanager
def proxy(program, upstream):
    """LiteLLM's proxy with a model that it makes up itself (`mocked`), and one of `upstream` (`passed-on`)."""
    port = llm.free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "config.yaml"
        mocked = {"model": "openai/gpt-5.1-mini", "api_key": "none", "mock_response": SAID}
        passed = {"model": "openai/gpt-5.1-mini", "api_key": "none", "api_base": f"{upstream}/v1"}
        models = [{"model_name": "mocked", "litellm_params": mocked}, {"model_name": "passed-on", "litellm_params": passed}]
        settings = {"model_list": models, "litellm_settings": {"telemetry": False}}
        config.write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")
        command = [program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        environment = {
            **os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "HOME": folder,
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        }
        log = (pathlib.Path(folder) / "log").open("w+")
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        try:
            until = time.monotonic() + START_LITELLM
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health/liveliness", timeout=5).close()
                    break
                except OSError as error:
                    if child.poll() is not None or time.monotonic() > until:
                        log.seek(0)
                        raise RuntimeError(f"LiteLLM does not start: {log.read()[-600:]}") from error
                    time.sleep(0.2)
            yield port
        finally:
            child.terminate()
            child.wait(START)


def litellm(program, out, server, executable):
    calls = Calls()
    prompt = "What do captures show?"
    with proxy(executable, server.url) as port, contextlib.ExitStack() as stack:
        url = f"http://127.0.0.1:{port}"
        chat, passed = OpenAiChat(calls, url, "mocked"), OpenAiChat(calls, url, "passed-on")
        messages, passed_messages = Anthropic(calls, url, "mocked"), Anthropic(calls, url, "passed-on")
        # The first call of each kind loads more of LiteLLM.
        chat.stream(prompt), passed.stream(prompt), messages.whole(prompt), passed_messages.stream(prompt)
        calls.rows.clear(), server.rows.clear()
        stack.enter_context(Capture(program, out / "capture.pcapng", [port, server.port]))
        # LiteLLM streams what it makes up in Chat Completions only.
        ways = [(chat.stream, "mocked"), (chat.whole, "mocked"), (messages.whole, "mocked"),
                (passed_messages.stream, "passed-on"), (passed.stream, "passed-on")]
        for call, model in ways:
            is_chat = isinstance(call.__self__, OpenAiChat)
            call(prompt).update(
                dialect="openai-chat" if is_chat else "anthropic", model=model, stream=call.__name__ == "stream",
                path="/v1/chat/completions" if is_chat else "/v1/messages",
            )
        row = passed.stream("How is the weather?", tools=True)
        for row in [row, passed.answered("How is the weather?", row, passed.stream)]:
            row.update(dialect="openai-chat", model="passed-on", stream=True, path="/v1/chat/completions")
        for client in (chat, passed, messages, passed_messages):
            client.client.close()
    write(out, "litellm", calls, server, versions("openai", "anthropic") | {"litellm": version_of(executable)}, joined=False)
    truth = json.loads((out / "truth.json").read_text())
    truth["leg"] = port
    truth["behind"] = [
        {key: row[key] for key in ("dialect", "path", "model", "prompt", "stream", "t_request", "t_first_output", "t_last")}
        | {"tool_results": row["results"], "input_tokens": row["usage"][0], "output_tokens": row["usage"][1]}
        for row in server.rows
    ]
    (out / "truth.json").write_text(json.dumps(truth, indent=1, ensure_ascii=False) + "\n")


def version_of(executable):
    said = subprocess.run([executable, "--version"], capture_output=True, text=True, timeout=START_LITELLM, check=False)
    found = re.search(r"\d+\.\d+\.\d+", said.stdout + said.stderr)
    return found and found[0]


RECORDINGS = {
    "openai-chat": openai_chat, "openai-responses": openai_responses, "anthropic": anthropic, "gemini": gemini,
    "ollama": ollama, "litellm": litellm,
}

if __name__ == "__main__":
    main()
