"""A server that speaks as LLM products do: OpenAI Chat Completions and Responses, Anthropic Messages, Gemini, Ollama.

A script decides what it answers: a function that takes a `Call` and returns an `Answer`. Event names, fields and framing
are those of the products (2026), as their client libraries expect them; ids, texts and token counts are invented. OpenAI
and Anthropic compress answers that are not streamed, Gemini compresses streams, too. `LlmServer.rows` has a row for each
request, with the times at which the server wrote.
"""

import dataclasses
import gzip
import hashlib
import http.server
import itertools
import json
import re
import select
import socket
import sys
import threading
import time
import zlib

# Seconds until an answer begins, and between its pieces.
FIRST, GAP = 0.025, 0.004
# The longest that the server waits for a client that abandons a stream, in seconds.
ABANDONED = 5


@dataclasses.dataclass
class Call:
    """A request: what a script decides by."""

    dialect: str
    path: str
    model: str
    prompt: str  # the last text of the user
    results: list  # what the last turn says of tools: {"id", "name", "text"}; id or name may be None
    stream: bool
    usage: bool  # whether a stream ends with token counts
    tools: list  # names of the tools that are offered


@dataclasses.dataclass
class Answer:
    """What the model answers. `tools` lists (name, arguments)."""

    text: str = ""
    thinking: str = ""
    tools: list = dataclasses.field(default_factory=list)
    length: bool = False  # it ends because the limit of tokens is reached
    error: tuple = ()  # (status, type, message) instead of an answer
    broken: tuple = ()  # (type, message): the stream ends with an error after the text
    abandoned: bool = False  # the stream stays open after the text until the client closes it
    keep_alive: int = 0  # comments before the first event
    first: float = FIRST
    gap: float = GAP


class LlmServer:
    """Serves `script` on a free port of the loopback device, until it is left."""

    def __init__(self, script, host="127.0.0.1"):
        self.rows, self.lock, self.numbers = [], threading.Lock(), itertools.count(1)
        this = self

        class Handler(_Handler):
            llm = this

        self.script = script
        self.server = _Server((host, 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://{host}:{self.port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def new_id(self, prefix, length=24):
        """An id as products make them."""
        return prefix + hashlib.sha256(f"{prefix}{self.port}-{next(self.numbers)}".encode()).hexdigest()[:length]


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Says nothing of a client that reset its connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*_)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30

    def log_message(self, *_):
        pass

    def version_string(self):
        return "llm"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        wire = _wire_of(self.path)
        call = wire.read(self.path, body)
        row = {
            "dialect": call.dialect, "path": self.path, "model": call.model, "prompt": call.prompt,
            "results": call.results, "stream": call.stream, "t_request": time.time(), "t_events": [],
            "t_first_output": None, "client_port": self.client_address[1],
        }
        with self.llm.lock:
            self.llm.rows.append(row)
        answer = self.llm.script(call)
        if answer.error:
            status, kind, message = answer.error
            self.whole(row, status, wire.error(status, kind, message), "application/json", False)
            return
        time.sleep(answer.first)
        ids = [self.llm.new_id(wire.TOOL_ID) for _ in answer.tools]
        state = {
            "id": self.llm.new_id(wire.ID), "ids": ids, "now": int(time.time()), "new_id": self.llm.new_id,
            "input": 8 + len(json.dumps(body)) // 5, "output": _tokens(answer), "thought": len(_pieces(answer.thinking)),
        }
        row["usage"] = [state["input"], state["output"]]
        if call.stream:
            self.stream(row, wire, wire.stream(call, answer, state), answer)
        else:
            row["t_first_output"] = time.time()
            self.whole(row, 200, wire.whole(call, answer, state), "application/json", wire.COMPRESSES)

    def whole(self, row, status, value, media_type, compresses):
        """Answers with a JSON document."""
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        if compresses and "gzip" in self.headers.get("accept-encoding", ""):
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        row["t_last"] = time.time()
        self.wfile.write(body)

    def stream(self, row, wire, events, answer):
        """Answers with a chunk for each event."""
        self.send_response(200)
        self.send_header("Content-Type", wire.MEDIA_TYPE)
        self.send_header("Cache-Control", "no-cache")
        squeeze = None
        if wire.COMPRESSES_STREAMS and "gzip" in self.headers.get("accept-encoding", ""):
            self.send_header("Content-Encoding", "gzip")
            squeeze = zlib.compressobj(wbits=31)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(answer.keep_alive):
            self.chunk(b": keep-alive\n\n")
            time.sleep(answer.first)
        try:
            for is_output, event in events:
                if squeeze:
                    event = squeeze.compress(event) + squeeze.flush(zlib.Z_SYNC_FLUSH)
                now = time.time()
                row["t_events"].append(now)
                if is_output and row["t_first_output"] is None:
                    row["t_first_output"] = now
                self.chunk(event)
                time.sleep(answer.gap if is_output else 0)
            row["t_last"] = row["t_events"][-1]
            if answer.abandoned:
                select.select([self.connection], [], [], ABANDONED)
                self.close_connection = True
                return
            if squeeze:
                self.chunk(squeeze.flush())
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            row["t_last"] = row["t_events"][-1]
            self.close_connection = True

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def _pieces(text):
    """A text in pieces of about the size of tokens."""
    return re.findall(r"\s*\S{1,7}|\s+", text)


def _tokens(answer):
    arguments = [_compact(arguments) for _, arguments in answer.tools]
    return sum(len(_pieces(text)) for text in [answer.text, answer.thinking, *arguments]) + 4 * len(arguments)


def _compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _spaced(value):
    """JSON as models write it: with blanks, and non-ASCII characters as they are."""
    return json.dumps(value, ensure_ascii=False)


def _data(value):
    return b"data: " + json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


def _named(value):
    """An event that is named as its `type`."""
    return f"event: {value['type']}\n".encode() + _data(value)


def _text_of(content):
    """The text of a content that may be a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or [])


class Chat:
    """OpenAI Chat Completions: POST /v1/chat/completions."""

    ID, TOOL_ID = "chatcmpl-", "call_"
    MEDIA_TYPE, COMPRESSES, COMPRESSES_STREAMS = "text/event-stream; charset=utf-8", True, False

    @staticmethod
    def read(path, body):
        messages = body["messages"]
        users = [message for message in messages if message["role"] == "user"]
        last = list(itertools.takewhile(lambda message: message["role"] == "tool", reversed(messages)))
        results = [{"id": m["tool_call_id"], "name": None, "text": _text_of(m["content"])} for m in reversed(last)]
        usage = bool((body.get("stream_options") or {}).get("include_usage"))
        tools = [tool["function"]["name"] for tool in body.get("tools") or []]
        prompt = _text_of(users[-1]["content"])
        return Call("openai-chat", path, body["model"], prompt, results, bool(body.get("stream")), usage, tools)

    @staticmethod
    def error(_status, kind, message):
        return {"error": {"message": message, "type": kind, "param": None, "code": kind}}

    @staticmethod
    def usage(state):
        return {
            "prompt_tokens": state["input"], "completion_tokens": state["output"],
            "total_tokens": state["input"] + state["output"],
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": state["thought"], "audio_tokens": 0,
                                          "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
        }

    @staticmethod
    def finish(answer):
        return "tool_calls" if answer.tools else "length" if answer.length else "stop"

    @classmethod
    def stream(cls, call, answer, state):
        is_deepseek = call.model.startswith("deepseek")

        def chunk(delta, finish=None, **more):
            value = {
                "id": state["id"], "object": "chat.completion.chunk", "created": state["now"], "model": call.model,
                "service_tier": "default", "system_fingerprint": "fp_560af6e559",
                "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
            }
            if call.usage and not is_deepseek:
                value |= {"usage": None, "obfuscation": "aX0q"}
            return _data(value | more)

        if is_deepseek:
            yield False, chunk({"role": "assistant", "content": None, "reasoning_content": ""})
        elif not answer.tools or answer.text:
            yield False, chunk({"role": "assistant", "content": "", "refusal": None})
        for piece in _pieces(answer.thinking):
            yield True, chunk({"content": None, "reasoning_content": piece})
        for piece in _pieces(answer.text):
            more = {"content": piece, "reasoning_content": None} if is_deepseek else {"content": piece}
            yield True, chunk(more)
        if answer.abandoned:
            return
        if answer.broken:
            kind, message = answer.broken
            yield False, _data(cls.error(500, kind, message))
            return
        for index, ((name, arguments), tool_id) in enumerate(zip(answer.tools, state["ids"])):
            function = {"name": name, "arguments": ""}
            first = {"index": index, "id": tool_id, "type": "function", "function": function}
            delta = {"tool_calls": [first]}
            if index == 0 and not answer.text:
                delta = {"role": "assistant", "content": None} | delta | {"refusal": None}
            yield True, chunk(delta)
            for piece in _pieces(_spaced(arguments)):
                yield True, chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        # DeepSeek counts in the last chunk of the choice, OpenAI in one without a choice.
        if is_deepseek:
            yield False, chunk({"content": "", "reasoning_content": None}, cls.finish(answer), usage=cls.usage(state))
        else:
            yield False, chunk({}, cls.finish(answer))
            if call.usage:
                yield False, chunk({}, choices=[], usage=cls.usage(state))
        yield False, b"data: [DONE]\n\n"

    @classmethod
    def whole(cls, call, answer, state):
        message = {"role": "assistant", "content": answer.text or None, "refusal": None, "annotations": []}
        if answer.tools:
            message["tool_calls"] = [
                {"id": tool_id, "type": "function", "function": {"name": name, "arguments": _spaced(arguments)}}
                for (name, arguments), tool_id in zip(answer.tools, state["ids"])
            ]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": cls.finish(answer)}
        return {
            "id": state["id"], "object": "chat.completion", "created": state["now"], "model": call.model,
            "choices": [choice], "usage": cls.usage(state), "service_tier": "default",
            "system_fingerprint": "fp_560af6e559",
        }


class Responses:
    """OpenAI Responses: POST /v1/responses."""

    ID, TOOL_ID = "resp_", "call_"
    MEDIA_TYPE, COMPRESSES, COMPRESSES_STREAMS = "text/event-stream; charset=utf-8", True, False

    @staticmethod
    def read(path, body):
        given = body["input"]
        items = [{"role": "user", "content": given}] if isinstance(given, str) else given
        users = [item for item in items if item.get("role") == "user"]
        is_output = lambda item: item.get("type") == "function_call_output"
        last = list(itertools.takewhile(is_output, reversed(items)))
        results = [{"id": item["call_id"], "name": None, "text": _text_of(item["output"])} for item in reversed(last)]
        tools = [tool["name"] for tool in body.get("tools") or [] if "name" in tool]
        prompt = _text_of(users[-1]["content"]) if users else ""
        return Call("openai-responses", path, body["model"], prompt, results, bool(body.get("stream")), True, tools)

    error = Chat.error

    @staticmethod
    def response(call, answer, state, status, output, usage=None):
        return {
            "id": state["id"], "object": "response", "created_at": state["now"], "status": status, "background": False,
            "error": None, "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "instructions": None, "max_output_tokens": None, "model": call.model, "output": output,
            "parallel_tool_calls": True, "previous_response_id": None, "reasoning": {"effort": None, "summary": None},
            "store": False, "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto",
            "tools": [], "top_p": 1.0, "truncation": "disabled", "usage": usage, "user": None, "metadata": {},
        }

    @staticmethod
    def usage(state):
        return {
            "input_tokens": state["input"], "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": state["output"], "output_tokens_details": {"reasoning_tokens": state["thought"]},
            "total_tokens": state["input"] + state["output"],
        }

    @staticmethod
    def items(answer, state):
        """The complete items of the output."""
        items = []
        if answer.thinking:
            summary = [{"type": "summary_text", "text": answer.thinking}]
            items.append({"id": state["new_id"]("rs_"), "type": "reasoning", "summary": summary})
        if answer.text:
            status = "incomplete" if answer.length else "completed"
            part = {"type": "output_text", "annotations": [], "logprobs": [], "text": answer.text}
            items.append({"id": state["new_id"]("msg_"), "type": "message", "status": status, "content": [part],
                          "role": "assistant"})
        for (name, arguments), tool_id in zip(answer.tools, state["ids"]):
            items.append({"id": state["new_id"]("fc_"), "type": "function_call", "status": "completed",
                          "arguments": _compact(arguments), "call_id": tool_id, "name": name})
        return items

    @classmethod
    def stream(cls, call, answer, state):
        numbers = itertools.count()

        def event(kind, **more):
            return _named({"type": kind, "sequence_number": next(numbers), **more})

        items = cls.items(answer, state)
        yield False, event("response.created", response=cls.response(call, answer, state, "in_progress", []))
        yield False, event("response.in_progress", response=cls.response(call, answer, state, "in_progress", []))
        for index, item in enumerate(items):
            at = {"item_id": item["id"], "output_index": index}
            if item["type"] == "reasoning":
                yield False, event("response.output_item.added", output_index=index, item=item | {"summary": []})
                part = {"type": "summary_text", "text": ""}
                at |= {"summary_index": 0}
                yield False, event("response.reasoning_summary_part.added", **at, part=part)
                for piece in _pieces(answer.thinking):
                    yield True, event("response.reasoning_summary_text.delta", **at, delta=piece)
                yield False, event("response.reasoning_summary_text.done", **at, text=answer.thinking)
                part = part | {"text": answer.thinking}
                yield False, event("response.reasoning_summary_part.done", **at, part=part)
            elif item["type"] == "message":
                added = item | {"status": "in_progress", "content": []}
                yield False, event("response.output_item.added", output_index=index, item=added)
                at |= {"content_index": 0}
                [part] = item["content"]
                yield False, event("response.content_part.added", **at, part=part | {"text": ""})
                for piece in _pieces(answer.text):
                    yield True, event("response.output_text.delta", **at, delta=piece, logprobs=[], obfuscation="k2vN")
                if answer.abandoned:
                    return
                if answer.broken:
                    kind, message = answer.broken
                    failed = cls.response(call, answer, state, "failed", [])
                    failed["error"] = {"code": kind, "message": message}
                    yield False, event("response.failed", response=failed)
                    return
                yield False, event("response.output_text.done", **at, text=answer.text, logprobs=[])
                yield False, event("response.content_part.done", **at, part=part)
            else:
                added = item | {"status": "in_progress", "arguments": ""}
                yield True, event("response.output_item.added", output_index=index, item=added)
                for piece in _pieces(item["arguments"]):
                    yield True, event("response.function_call_arguments.delta", **at, delta=piece, obfuscation="Zq")
                arguments = item["arguments"]
                yield False, event("response.function_call_arguments.done", **at, arguments=arguments, name=item["name"])
            yield False, event("response.output_item.done", output_index=index, item=item)
        status = "incomplete" if answer.length else "completed"
        last = cls.response(call, answer, state, status, items, cls.usage(state))
        yield False, event(f"response.{status}", response=last)

    @classmethod
    def whole(cls, call, answer, state):
        status = "incomplete" if answer.length else "completed"
        return cls.response(call, answer, state, status, cls.items(answer, state), cls.usage(state))


class Messages:
    """Anthropic Messages: POST /v1/messages."""

    ID, TOOL_ID = "msg_01", "toolu_01"
    MEDIA_TYPE, COMPRESSES, COMPRESSES_STREAMS = "text/event-stream; charset=utf-8", True, False

    @staticmethod
    def read(path, body):
        texts, results = [], []
        for message in body["messages"]:
            content = message["content"]
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            if message["role"] == "user":
                texts += [part["text"] for part in parts if part["type"] == "text"]
                results = [
                    {"id": part["tool_use_id"], "name": None, "text": _text_of(part.get("content"))}
                    for part in parts if part["type"] == "tool_result"
                ]
        tools = [tool["name"] for tool in body.get("tools") or []]
        return Call("anthropic", path, body["model"], texts[-1], results, bool(body.get("stream")), True, tools)

    @staticmethod
    def error(_status, kind, message):
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}

    @staticmethod
    def usage(state, output):
        return {
            "input_tokens": state["input"], "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": output, "service_tier": "standard", "inference_geo": "not_available",
        }

    @staticmethod
    def finish(answer):
        return "tool_use" if answer.tools else "max_tokens" if answer.length else "end_turn"

    @classmethod
    def message(cls, call, state, content, finish, output):
        return {
            "model": call.model, "id": state["id"], "type": "message", "role": "assistant", "content": content,
            "stop_reason": finish, "stop_sequence": None, "usage": cls.usage(state, output),
        }

    @classmethod
    def stream(cls, call, answer, state):
        start = cls.message(call, state, [], None, 1)
        yield False, _named({"type": "message_start", "message": start})
        index = 0

        def block(content, deltas):
            is_tool = content["type"] == "tool_use"
            yield is_tool, _named({"type": "content_block_start", "index": index, "content_block": content})
            if index == 0:
                yield False, _named({"type": "ping"})
            for is_output, delta in deltas:
                yield is_output, _named({"type": "content_block_delta", "index": index, "delta": delta})

        def stop():
            return False, _named({"type": "content_block_stop", "index": index})

        if answer.thinking:
            deltas = [(True, {"type": "thinking_delta", "thinking": piece}) for piece in _pieces(answer.thinking)]
            deltas.append((False, {"type": "signature_delta", "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3h"}))
            yield from block({"type": "thinking", "thinking": "", "signature": ""}, deltas)
            yield stop()
            index += 1
        if answer.text:
            deltas = [(True, {"type": "text_delta", "text": piece}) for piece in _pieces(answer.text)]
            yield from block({"type": "text", "text": ""}, deltas)
            if answer.abandoned:
                return
            if answer.broken:
                yield False, _named(cls.error(529, *answer.broken))
                return
            yield stop()
            index += 1
        for (name, arguments), tool_id in zip(answer.tools, state["ids"]):
            pieces = ["", *(_pieces(_spaced(arguments)) if arguments else [])]
            deltas = [(True, {"type": "input_json_delta", "partial_json": piece}) for piece in pieces]
            yield from block({"type": "tool_use", "id": tool_id, "name": name, "input": {}}, deltas)
            yield stop()
            index += 1
        delta = {"stop_reason": cls.finish(answer), "stop_sequence": None}
        usage = {key: value for key, value in cls.usage(state, state["output"]).items() if key.endswith("_tokens")}
        yield False, _named({"type": "message_delta", "delta": delta, "usage": usage})
        yield False, _named({"type": "message_stop"})

    @classmethod
    def whole(cls, call, answer, state):
        content = []
        if answer.thinking:
            content.append({"type": "thinking", "thinking": answer.thinking, "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3h"})
        if answer.text:
            content.append({"type": "text", "text": answer.text})
        for (name, arguments), tool_id in zip(answer.tools, state["ids"]):
            content.append({"type": "tool_use", "id": tool_id, "name": name, "input": arguments})
        return cls.message(call, state, content, cls.finish(answer), state["output"])


class Gemini:
    """Gemini: POST /v1beta/models/MODEL:generateContent and :streamGenerateContent?alt=sse."""

    ID, TOOL_ID = "", "call_"
    MEDIA_TYPE, COMPRESSES, COMPRESSES_STREAMS = "text/event-stream", True, True

    @staticmethod
    def read(path, body):
        contents = body["contents"]
        texts = [part["text"] for content in contents if content.get("role") == "user"
                 for part in content["parts"] if "text" in part]
        answers = [part["functionResponse"] for part in contents[-1]["parts"] if "functionResponse" in part]
        results = [{"id": answer.get("id"), "name": answer["name"], "text": _compact(answer["response"])}
                   for answer in answers]
        tools = [one["name"] for tool in body.get("tools") or [] for one in tool.get("functionDeclarations", [])]
        model = re.search(r"/models/([^:]+):", path)[1]
        return Call("gemini", path, model, texts[-1], results, ":streamGenerateContent" in path, True, tools)

    @staticmethod
    def error(status, kind, message):
        return {"error": {"code": status, "message": message, "status": kind}}

    @staticmethod
    def chunk(call, state, parts, finish=None, output=None):
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        usage = {"promptTokenCount": state["input"], "totalTokenCount": state["input"],
                 "promptTokensDetails": [{"modality": "TEXT", "tokenCount": state["input"]}]}
        if output is not None:
            usage |= {"candidatesTokenCount": output, "totalTokenCount": state["input"] + output + state["thought"]}
            if state["thought"]:
                usage["thoughtsTokenCount"] = state["thought"]
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": call.model, "responseId": state["id"]}

    @staticmethod
    def call_part(call, name, arguments, tool_id):
        # Only newer models give function calls ids.
        call_of = {"name": name, "args": arguments}
        return {"functionCall": call_of | ({"id": tool_id} if call.model.startswith("gemini-3") else {}),
                "thoughtSignature": "CpQBAdHtim9y"}

    @classmethod
    def stream(cls, call, answer, state):
        state["output"] -= state["thought"]

        def event(*arguments, **more):
            return _data(cls.chunk(call, state, *arguments, **more)).replace(b"\n\n", b"\r\n\r\n")

        if answer.thinking:
            yield True, event([{"text": answer.thinking, "thought": True}])
        # Its chunks have several tokens.
        pieces = _pieces(answer.text)
        chunks = ["".join(pieces[at:at + 5]) for at in range(0, len(pieces), 5)]
        for number, text in enumerate(chunks, 1):
            yield True, event([{"text": text}], output=min(5 * number, len(pieces)))
        if answer.abandoned:
            return
        for (name, arguments), tool_id in zip(answer.tools, state["ids"]):
            yield True, event([cls.call_part(call, name, arguments, tool_id)], output=state["output"])
        finish = "MAX_TOKENS" if answer.length else "STOP"
        yield False, event([{"text": ""}], finish, output=state["output"])

    @classmethod
    def whole(cls, call, answer, state):
        state["output"] -= state["thought"]
        parts = [{"text": answer.thinking, "thought": True}] if answer.thinking else []
        parts += [{"text": answer.text}] if answer.text else []
        for (name, arguments), tool_id in zip(answer.tools, state["ids"]):
            parts.append(cls.call_part(call, name, arguments, tool_id))
        finish = "MAX_TOKENS" if answer.length else "STOP"
        return cls.chunk(call, state, parts, finish, output=state["output"])


class Ollama:
    """Ollama: POST /api/chat and /api/generate, with an object in each line."""

    ID, TOOL_ID = "", "call_"
    MEDIA_TYPE, COMPRESSES, COMPRESSES_STREAMS = "application/x-ndjson", False, False

    @staticmethod
    def read(path, body):
        if path == "/api/generate":
            prompt, results = body["prompt"], []
        else:
            messages = body["messages"]
            prompt = [message["content"] for message in messages if message["role"] == "user"][-1]
            last = list(itertools.takewhile(lambda message: message["role"] == "tool", reversed(messages)))
            results = [{"id": m.get("tool_call_id"), "name": m.get("tool_name"), "text": m["content"]}
                       for m in reversed(last)]
        tools = [tool["function"]["name"] for tool in body.get("tools") or []]
        # A stream unless it is told otherwise.
        return Call("ollama", path, body["model"], prompt, results, body.get("stream", True), True, tools)

    @staticmethod
    def error(_status, _kind, message):
        return {"error": message}

    @staticmethod
    def line(call, thinking="", text="", tools=None, **more):
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + ".123456789Z"
        value = {"model": call.model, "created_at": now}
        if call.path == "/api/generate":
            value["response"] = text
            value |= {"thinking": thinking} if thinking else {}
        else:
            message = {"role": "assistant", "content": text}
            message |= {"thinking": thinking} if thinking else {}
            message |= {"tool_calls": tools} if tools else {}
            value["message"] = message
        return value | {"done": False} | more

    @staticmethod
    def end(answer, state):
        return {
            "done": True, "done_reason": "length" if answer.length else "stop", "total_duration": 412345678,
            "load_duration": 61234567, "prompt_eval_count": state["input"], "prompt_eval_duration": 41234567,
            "eval_count": state["output"], "eval_duration": 301234567,
        }

    @staticmethod
    def calls(answer, state):
        return [{"id": tool_id, "function": {"index": index, "name": name, "arguments": arguments}}
                for index, ((name, arguments), tool_id) in enumerate(zip(answer.tools, state["ids"]))]

    @classmethod
    def stream(cls, call, answer, state):
        def line(*arguments, **more):
            return _compact(cls.line(call, *arguments, **more)).encode() + b"\n"

        for piece in _pieces(answer.thinking):
            yield True, line(piece)
        for piece in _pieces(answer.text):
            yield True, line("", piece)
        if answer.abandoned:
            return
        # A line for each call.
        for one in cls.calls(answer, state):
            yield True, line(tools=[one])
        yield False, line(**cls.end(answer, state))

    @classmethod
    def whole(cls, call, answer, state):
        return cls.line(call, answer.thinking, answer.text, cls.calls(answer, state), **cls.end(answer, state))


def _wire_of(path):
    ends = {"/chat/completions": Chat, "/responses": Responses, "/messages": Messages, "/api/chat": Ollama,
            "/api/generate": Ollama}
    if ":generateContent" in path or ":streamGenerateContent" in path:
        return Gemini
    return next(wire for end, wire in ends.items() if path.split("?")[0].endswith(end))


def free_port(host="127.0.0.1"):
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind((host, 0))
        return free.getsockname()[1]
