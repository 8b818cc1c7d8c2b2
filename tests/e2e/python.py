"""Tests the server with the client of the Python SDK.

    python python.py URL sse|http|2026

`sse` and `http` begin with `initialize`, over HTTP+SSE and Streamable HTTP; `2026` is pinned to 2026-07-28.
"""

import asyncio
import json
import sys

import mcp_types as types
from mcp.client.client import Client
from mcp.client.sse import sse_client
from mcp.shared.exceptions import MCPError

STORIES = "get-hackernews-top-stories"
failed = []


async def step(name, body, seconds=30):
    """Runs one step; a step fails if it takes longer than `seconds`."""
    try:
        await asyncio.wait_for(body(), seconds)
        print(f"ok   {name}", flush=True)
    except Exception as error:
        failed.append(name)
        print(f"FAIL {name}: {type(error).__name__}: {error}", flush=True)


def same(actual, expected, what):
    assert actual == expected, f"{what} is {actual!r}, not {expected!r}"


async def code_of(call):
    """The code of the JSON-RPC error that a call ends with."""
    try:
        answer = await call
    except MCPError as error:
        return error.error.code
    raise AssertionError(f"it was answered: {answer!r}"[:300])


async def sampled(context, params):
    text = types.TextContent(type="text", text="a word of the model")
    return types.CreateMessageResult(role="assistant", model="none", content=text)


async def elicited(context, params):
    return types.ElicitResult(action="accept", content={"username": "ada", "email": "ada@example.org"})


async def roots(context):
    return types.ListRootsResult(roots=[types.Root(uri="file:///home/ada", name="home")])


async def converse(client, modern):
    async def lists():
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        same(tools[STORIES].description, "Get the stories from Hacker News", "the description")
        same(tools[STORIES].input_schema["required"], ["type"], "what it requires")

    async def stories():
        result = await client.call_tool(STORIES, {"type": "topstories", "amount": 5})
        assert not result.is_error, result
        same(len(result.content), 5, "the number of contents")
        assert all(json.loads(content.text)["title"] for content in result.content)

    async def progress():
        seen = []

        async def report(progress, total, message):
            seen.append(progress)

        await client.call_tool("test_tool_with_progress", {}, progress_callback=report)
        same(seen, [0, 50, 100], "the progress")

    async def tool_error():
        assert (await client.call_tool("test_error_handling", {})).is_error, "is_error is not set"

    async def unknown():
        same(await code_of(client.call_tool("no-such-tool", {})), -32602, "the code")

    async def cancelled():
        begun = asyncio.Event()

        async def report(progress, total, message):
            begun.set()

        call = asyncio.create_task(client.call_tool("digest", {}, progress_callback=report))
        await begun.wait()
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled(), "it was answered"
        await client.list_tools()

    async def sampling():
        result = await client.call_tool("test_sampling", {"prompt": "Say a word"})
        assert not result.is_error and "a word of the model" in result.content[0].text, result

    async def elicitation():
        result = await client.call_tool("test_elicitation", {"message": "Who are you?"})
        assert not result.is_error and "ada@example.org" in result.content[0].text, result

    async def list_roots():
        result = await client.call_tool("test_list_roots", {})
        assert not result.is_error and "file:///home/ada" in result.content[0].text, result

    async def resources():
        listed = [str(resource.uri) for resource in (await client.list_resources()).resources]
        assert "test://static-text" in listed, listed
        assert (await client.read_resource("test://static-text")).contents[0].text
        same(await code_of(client.read_resource("test://nothing")), -32602 if modern else -32002, "the code")

    async def prompts():
        name = "test_prompt_with_arguments"
        assert name in [prompt.name for prompt in (await client.list_prompts()).prompts]
        result = await client.get_prompt(name, {"arg1": "one", "arg2": "two"})
        assert "arg1='one'" in result.messages[0].content.text, result
        argument = {"name": "arg1", "value": "par"}
        completion = await client.complete(types.PromptReference(type="ref/prompt", name=name), argument)
        same(completion.completion.values, ["paris", "park", "party"], "the completion")

    await step("tools/list", lists)
    await step("tools/call: five stories", stories)
    await step("tools/call with progress", progress)
    await step("tools/call: an error of the tool", tool_error)
    await step("tools/call: an unknown tool is a JSON-RPC error", unknown)
    await step("tools/call, cancelled", cancelled)
    await step("sampling", sampling)
    await step("elicitation", elicitation)
    await step("roots", list_roots)
    await step("resources", resources)
    await step("prompts and completion", prompts)


async def main():
    url, way = sys.argv[1:3]
    modern = way == "2026"
    client = Client(
        sse_client(url) if way == "sse" else url,
        mode="2026-07-28" if modern else "legacy",
        sampling_callback=sampled,
        elicitation_callback=elicited,
        list_roots_callback=roots,
    )
    async with client:
        print(f"ok   connect: {client.protocol_version}", flush=True)
        same(client.protocol_version, "2026-07-28" if modern else "2025-11-25", "the revision")
        await converse(client, modern)
    print("ok   close", flush=True)


asyncio.run(asyncio.wait_for(main(), 120))
sys.exit(1 if failed else 0)
