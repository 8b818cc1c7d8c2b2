"""A server on standard input and output, made with the Python SDK: the tools of stdio_server.mjs."""

import sys

try:
    from mcp.server import MCPServer
except ImportError:
    from mcp.server.fastmcp import FastMCP as MCPServer

server = MCPServer("python")


@server.tool()
def echo(text: str) -> str:
    print("called", file=sys.stderr)
    return text


@server.tool()
def repeat(times: int) -> str:
    return "0123456789äöü→" * times


@server.tool()
def fail() -> str:
    raise RuntimeError("it failed")


@server.tool()
def progress() -> str:
    return "done"


@server.resource("test://static")
def static() -> str:
    return "still"


@server.prompt()
def ask(who: str) -> str:
    return f"who is {who}?"


server.run("stdio")
