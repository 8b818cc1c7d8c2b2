// Makes capture.pcapng and truth.json: a client and a server of the TypeScript SDK over `mcpdump wrap`.
//
//     node make.mjs MCPDUMP FOLDER
//
// Run it where it lies. FOLDER has node_modules with @modelcontextprotocol/sdk and zod. It runs itself as the server. The
// truth is what the client sent and received. The capture here has the packets of TCP alone (`tshark -Y tcp`), without
// those that carry comments.

import { writeFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { resolve as absolute } from 'node:path';
import { pathToFileURL } from 'node:url';

const [program, folder] = process.argv.slice(2);
const { resolve } = createRequire(absolute(folder, 'package.json'));
const load = (name) => import(pathToFileURL(resolve(name)).href);
const SDK = '@modelcontextprotocol/sdk';
if (program === 'server') await serve();
else await call();

async function serve() {
  const { McpServer } = await load(`${SDK}/server/mcp.js`);
  const { StdioServerTransport } = await load(`${SDK}/server/stdio.js`);
  const { z } = await load('zod');
  const server = new McpServer({ name: 'stdio-server', version: '1' }, { capabilities: { logging: {} } });
  const text = (value) => ({ content: [{ type: 'text', text: value }] });
  const pause = (ms, signal) =>
    new Promise((settle) => {
      const timer = setTimeout(settle, ms);
      signal?.addEventListener('abort', () => (clearTimeout(timer), settle()));
    });
  server.registerTool('echo', { inputSchema: { text: z.string() } }, ({ text: said }) => {
    console.error(`echo of ${said.length} characters`);
    return text(said);
  });
  server.registerTool('large', {}, () => text('0123456789äöü→'.repeat(3000)));
  server.registerTool('fail', {}, () => ({ ...text('it failed'), isError: true }));
  server.registerTool('steps', {}, async ({ sendNotification, _meta }) => {
    for (const progress of [1, 2, 3]) {
      await pause(10);
      const params = { progressToken: _meta.progressToken, progress, total: 3 };
      await sendNotification({ method: 'notifications/progress', params });
    }
    return text('done');
  });
  server.registerTool('slow', {}, async ({ signal }) => {
    await pause(60_000, signal);
    return text('too late');
  });
  server.registerTool('ask', {}, async () => {
    const { content } = await server.server.createMessage({ messages: [], maxTokens: 9 });
    return text(content.text);
  });
  await server.connect(new StdioServerTransport());
}

async function call() {
  const { Client } = await load(`${SDK}/client/index.js`);
  const { StdioClientTransport } = await load(`${SDK}/client/stdio.js`);
  const { CreateMessageRequestSchema } = await load(`${SDK}/types.js`);
  rmSync('capture.pcapng', { force: true });
  const args = ['wrap', '-w', 'capture.pcapng', '--', 'node', 'make.mjs', 'server', folder];
  const transport = new StdioClientTransport({ command: program, args, stderr: 'ignore' });
  const client = new Client({ name: 'stdio-client', version: '1' }, { capabilities: { sampling: {} } });
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    role: 'assistant', model: 'none', content: { type: 'text', text: 'an answer' },
  }));
  const messages = [];
  watch(transport, messages);
  await client.connect(transport);
  await client.ping();
  await client.listTools();
  const tool = (name, given = {}, options) => client.callTool({ name, arguments: given }, undefined, options);
  await tool('echo', { text: 'grüße' });
  await tool('large');
  await tool('fail');
  await tool('no-such-tool').catch(() => undefined);
  await tool('steps', {}, { onprogress: () => {} });
  await tool('ask');
  await Promise.all([1, 2, 3].map((n) => tool('echo', { text: 'x'.repeat(n) })));
  const cancel = new AbortController();
  const slow = tool('slow', {}, { signal: cancel.signal }).catch(() => undefined);
  await tool('steps', {}, { onprogress: () => {} });
  cancel.abort('enough');
  await slow;
  await client.ping();
  await client.close();
  writeFileSync('truth.json', `${JSON.stringify(summary(messages), null, 1)}\n`);
}

function watch(transport, messages) {
  const send = transport.send.bind(transport);
  transport.send = (message, options) => (log(messages, 'c2s', message), send(message, options));
  // The client sets `onmessage` when it connects; it is called after the log.
  let receive;
  Object.defineProperty(transport, 'onmessage', {
    configurable: true,
    get: () => receive,
    set: (next) => (receive = next && ((message, extra) => (log(messages, 's2c', message), next(message, extra)))),
  });
}

function log(messages, dir, message) {
  const t = (performance.timeOrigin + performance.now()) / 1000;
  const bytes = Buffer.byteLength(JSON.stringify(message));
  const kind = message.method ? ('id' in message ? 'request' : 'notification') : 'error' in message ? 'error' : 'response';
  const { id = null, method = null, params, result } = message;
  const token = params?.progressToken ?? params?._meta?.progressToken;
  messages.push({ dir, kind, id, method, t, bytes, tool: params?.name, isError: result?.isError, token, cancels: params?.requestId });
}

function summary(messages) {
  const exchanges = messages.filter(({ kind }) => kind === 'request').map((request) => {
    const answer = messages.find(({ dir, kind, id }) => dir !== request.dir && ['response', 'error'].includes(kind) && id === request.id);
    const is_cancelled = messages.some(({ dir, cancels }) => dir === request.dir && cancels === request.id);
    const progress = messages.filter(({ method, token }) => method === 'notifications/progress' && token === request.token);
    const status = is_cancelled ? 'cancelled' : answer.kind === 'error' ? 'error' : answer.isError ? 'tool_error' : 'ok';
    return {
      origin: request.dir === 'c2s' ? 'client' : 'server', id: request.id, method: request.method, tool: request.tool, status,
      t_request: request.t, latency_ms: is_cancelled ? undefined : Number(((answer.t - request.t) * 1000).toFixed(3)),
      progress_count: request.token === undefined ? 0 : progress.length,
    };
  });
  return {
    name: 'stdio-wrap', transport: 'stdio', protocol_version: '2025-11-25',
    vantage: 't: client endpoint; CLOCK_REALTIME, epoch seconds',
    bytes_note: 'bytes = UTF-8 length of the message serialized compactly at the endpoint',
    sessions: [{ session_id: null, label: 's0', messages, exchanges }],
  };
}
