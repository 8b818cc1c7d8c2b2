// A server on standard input and output, made with the TypeScript SDK.

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';

const server = new McpServer({ name: 'typescript', version: '1' }, { capabilities: { logging: {} } });
const text = (value) => ({ content: [{ type: 'text', text: value }] });

server.registerTool('echo', { inputSchema: { text: z.string() } }, ({ text: said }) => {
  console.error('called');
  return text(said);
});
server.registerTool('repeat', { inputSchema: { times: z.coerce.number() } }, ({ times }) =>
  text('0123456789äöü→'.repeat(times)),
);
server.registerTool('fail', {}, () => ({ ...text('it failed'), isError: true }));
server.registerTool('progress', {}, async (extra) => {
  await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data: 'on the way' } });
  return text('done');
});
server.registerResource('static', 'test://static', {}, (uri) => ({ contents: [{ uri: uri.href, text: 'still' }] }));
server.registerPrompt('ask', { argsSchema: { who: z.string() } }, ({ who }) => ({
  messages: [{ role: 'user', content: { type: 'text', text: `who is ${who}?` } }],
}));
await server.connect(new StdioServerTransport());
