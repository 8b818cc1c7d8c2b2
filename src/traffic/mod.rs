//! MCP clients that make traffic: calls in, their latencies as the client saw them out. Sees no packet.
