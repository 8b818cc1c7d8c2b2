"""An MCP server of the Python SDK with some tools.

    python mcp_server.py NAME stdio|PORT

Two servers of different names have a tool of the same name, `lookup`. Most results differ from each other by a number, as
results of the world do; those of `constant` do not.
"""

import asyncio
import itertools
import sys

from mcp.server.mcpserver import MCPServer

name, way = sys.argv[1:3]
server = MCPServer(name, version="1.0.0", log_level="ERROR")
numbers = itertools.count(1)


@server.tool()
async def lookup(city: str) -> str:
    """Look up a city."""
    number = next(numbers)
    await asyncio.sleep(0.01)
    return f"{name}, reading {number}: {city} has 17 \u00b0C"


@server.tool()
async def constant(city: str) -> str:
    """Where a city is."""
    await asyncio.sleep(0.02)
    return f"{city} is in Norway"


if name == "desk":

    @server.tool()
    async def add(a: float, b: float) -> str:
        """Add two numbers."""
        return f"sum {next(numbers)}: {a + b}"

    @server.tool()
    async def fail(reason: str) -> str:
        """Fail."""
        raise ValueError(f"failed: {reason}")

else:

    @server.tool()
    async def read(title: str, pages: list[int] | None = None) -> str:
        """Read a book."""
        await asyncio.sleep(0.03)
        return f"\u00ab{title}\u00bb, reading {next(numbers)}: \"It begins.\"\nPages {pages}"

    @server.tool()
    async def search(query: str) -> str:
        """Search for books."""
        return f"search {next(numbers)}: nothing about {query}"


if way == "stdio":
    server.run("stdio")
else:
    server.run("streamable-http", port=int(way))
