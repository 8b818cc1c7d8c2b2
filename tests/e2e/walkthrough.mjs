// Traffic to make captures of: connect, initialize, initialized, tools/list, tools/call of
// get-hackernews-top-stories. What the client saw, and when, is written to a file that captures are compared with.
//
//     node walkthrough.mjs URL sse|http|2026 TRUTH
//
// `sse` and `http` are version 1 of the TypeScript SDK over HTTP+SSE and Streamable HTTP; `2026` is version 2, pinned to
// 2026-07-28. TRUTH has the form of the other captures' truth.json: times are this client's, in epoch seconds.

import { writeFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';

const [address, way, file] = process.argv.slice(2);
if (!file || !['sse', 'http', '2026'].includes(way)) {
  console.error('usage: node walkthrough.mjs URL sse|http|2026 TRUTH');
  process.exit(2);
}
const url = new URL(address);
const info = { name: 'mcpdump-walkthrough', version: '1.0.0' };
const capabilities = { sampling: {}, roots: { listChanged: true } };
const messages = [];
const http = { requests: {}, statuses: {} };
let session = null;

const [client, transport] = await connected();
const onprogress = () => {};
const { tools } = await listTools();
const { content } = await callTool('get-hackernews-top-stories', { type: 'topstories', amount: 5 });
if (!tools.some(({ name }) => name === 'get-hackernews-top-stories') || content.length !== 5) {
  throw new Error('the server did not answer as in the walkthrough');
}
session ??= transport.sessionId ?? null;
if (way === 'http') await transport.terminateSession();
await client.close();
writeFileSync(file, `${JSON.stringify(truth(), null, 1)}\n`);
process.exit(0);

function listTools() {
  return way === '2026' ? client.listTools(undefined, { onprogress }) : client.listTools({}, { onprogress });
}

function callTool(name, args) {
  const params = { name, arguments: args };
  return way === '2026' ? client.callTool(params, { onprogress }) : client.callTool(params, undefined, { onprogress });
}

/** A client that is connected, and its transport, which logs. */
async function connected() {
  const options = { fetch: counted };
  if (way === '2026') {
    const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
    const negotiation = { versionNegotiation: { mode: { pin: '2026-07-28' } } };
    return connect(new Client(info, { capabilities, ...negotiation }), new StreamableHTTPClientTransport(url, options));
  }
  const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
  const { SSEClientTransport } = await import('@modelcontextprotocol/sdk/client/sse.js');
  const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
  const Transport = way === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
  return connect(new Client(info, { capabilities }), new Transport(url, options));
}

async function connect(client, transport) {
  const send = transport.send.bind(transport);
  transport.send = (message, options) => {
    for (const one of [message].flat()) log('c2s', one);
    return send(message, options);
  };
  // The client sets `onmessage` when it connects; it is called after the log.
  let receive;
  Object.defineProperty(transport, 'onmessage', {
    configurable: true,
    get: () => receive,
    set: (next) => {
      receive = next && ((message, extra) => (log('s2c', message), next(message, extra)));
    },
  });
  await client.connect(transport);
  return [client, transport];
}

/** `fetch`, counting what is asked and answered. */
async function counted(input, init) {
  const asked = new URL(input instanceof Request ? input.url : input);
  session ??= asked.searchParams.get('sessionId');
  count(http.requests, init?.method ?? 'GET');
  const response = await fetch(input, init);
  count(http.statuses, response.status);
  return response;
}

function count(counts, key) {
  counts[key] = (counts[key] ?? 0) + 1;
}

function log(dir, message) {
  const t = (performance.timeOrigin + performance.now()) / 1000;
  const bytes = Buffer.byteLength(JSON.stringify(message));
  const kind = message.method ? ('id' in message ? 'request' : 'notification') : 'error' in message ? 'error' : 'response';
  const entry = { dir, kind, id: message.id ?? null, method: message.method ?? null, t, bytes };
  if (message.method === 'tools/call') entry.tool = message.params.name;
  if (message.result?.resultType) entry.resultType = message.result.resultType;
  if (message.result?.isError) entry.isError = true;
  if (message.method === 'initialize') entry.protocolVersion = message.params.protocolVersion;
  if (message.result?.protocolVersion) entry.protocolVersion = message.result.protocolVersion;
  messages.push(entry);
}

function truth() {
  const exchanges = messages.filter(({ kind }) => kind === 'request').map(exchange);
  const of = (status) => exchanges.filter((exchange) => exchange.status === status).length;
  const kinds = (...wanted) => messages.filter(({ kind }) => wanted.includes(kind)).length;
  const negotiated = messages.find(({ dir, protocolVersion }) => dir === 's2c' && protocolVersion);
  return {
    name: basename(file) === 'truth.json' ? basename(dirname(resolve(file))) : basename(file).split('.')[0],
    transport: way === 'sse' ? 'http+sse' : 'streamable-http',
    protocol_version: way === '2026' ? '2026-07-28' : negotiated.protocolVersion,
    vantage: 't: client endpoint; CLOCK_REALTIME, epoch seconds',
    bytes_note: 'bytes = UTF-8 length of the message serialized compactly at the endpoint',
    totals: {
      requests: kinds('request'),
      responses: kinds('response'),
      errors: kinds('error'),
      notifications: kinds('notification'),
      exchanges_ok: of('ok'),
      exchanges_tool_error: of('tool_error'),
      exchanges_error: of('error'),
      exchanges_cancelled: 0,
      exchanges: exchanges.length,
      orphan_responses: 0,
      duplicate_responses: 0,
      c2s: messages.filter(({ dir }) => dir === 'c2s').length,
      s2c: messages.filter(({ dir }) => dir === 's2c').length,
      sessions: 1,
    },
    http_client: http,
    sessions: [{ session_id: session, label: 's0', messages, exchanges }],
  };
}

function exchange(request) {
  const back = request.dir === 'c2s' ? 's2c' : 'c2s';
  const answers = ['response', 'error'];
  const answer = messages.find(({ dir, kind, id }) => dir === back && answers.includes(kind) && id === request.id);
  const status = answer.kind === 'error' ? 'error' : answer.isError ? 'tool_error' : 'ok';
  return {
    origin: request.dir === 'c2s' ? 'client' : 'server',
    id: request.id,
    method: request.method,
    ...(request.tool && { tool: request.tool }),
    status,
    t_request: request.t,
    t_response: answer.t,
    latency_ms: Math.round((answer.t - request.t) * 1e6) / 1e3,
    progress_count: 0,
    ...(answer.resultType && { result_type: answer.resultType }),
  };
}
