// Tests the server with the clients of the TypeScript SDK.
//
//     node typescript.mjs URL sse|http|2026
//
// `sse` and `http` are version 1 of the SDK over HTTP+SSE and Streamable HTTP; `2026` is version 2, pinned to 2026-07-28.

import process from 'node:process';
import { converse } from './conversation.mjs';
import { check, finish, same, step } from './judge.mjs';

const [address, way] = process.argv.slice(2);
const url = new URL(address);
const info = { name: 'mcpdump-e2e', version: '1.0.0' };
const capabilities = { sampling: {}, elicitation: {}, roots: {} };

// The responses of the client to requests of the server.
const sampled = { model: 'none', role: 'assistant', content: { type: 'text', text: 'a word of the model' } };
const roots = { roots: [{ uri: 'file:///home/ada', name: 'home' }] };
const elicited = ({ params }) => {
  const known = { username: 'ada', email: 'ada@example.org' };
  const fields = Object.keys(params.requestedSchema.properties);
  const content = Object.fromEntries(fields.filter((field) => field in known).map((field) => [field, known[field]]));
  return { action: 'accept', content };
};

if (way === '2026') await modern();
else await legacy();
finish();

async function legacy() {
  const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
  const types = await import('@modelcontextprotocol/sdk/types.js');
  const client = new Client(info, { capabilities });
  client.setRequestHandler(types.CreateMessageRequestSchema, () => sampled);
  client.setRequestHandler(types.ElicitRequestSchema, elicited);
  client.setRequestHandler(types.ListRootsRequestSchema, () => roots);
  const transport = await legacyTransport();
  await step('connect', () => client.connect(transport));
  same(client.getServerVersion().name, 'hackernews-server', 'the name of the server');
  await step('ping', () => client.ping());
  const call = (name, args = {}, options) => client.callTool({ name, arguments: args }, undefined, options);
  await converse(client, {
    call,
    notFound: -32002,
    logs: [3, 0],
    async logged() {
      let count = 0;
      client.setNotificationHandler(types.LoggingMessageNotificationSchema, () => void (count += 1));
      await client.setLoggingLevel('info');
      await call('test_tool_with_logging');
      const first = count;
      await client.setLoggingLevel('error');
      await call('test_tool_with_logging');
      return [first, count - first];
    },
    async subscribe(uri, told) {
      client.setNotificationHandler(types.ResourceUpdatedNotificationSchema, ({ params }) => told(params.uri));
      await client.subscribeResource({ uri });
      return () => client.unsubscribeResource({ uri });
    },
  });
  if (way === 'http') {
    await step('a stream that ends before its response is resumed', async () => {
      const { content } = await call('test_reconnection');
      check(content[0].text.includes('completed'), content[0].text);
    });
    await step('the session is deleted', () => transport.terminateSession());
  }
  await step('close', () => client.close());
}

async function legacyTransport() {
  if (way === 'sse') {
    const { SSEClientTransport } = await import('@modelcontextprotocol/sdk/client/sse.js');
    return new SSEClientTransport(url);
  }
  const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
  return new StreamableHTTPClientTransport(url);
}

async function modern() {
  const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
  const client = new Client(info, { capabilities, versionNegotiation: { mode: { pin: '2026-07-28' } } });
  client.setRequestHandler('sampling/createMessage', () => sampled);
  client.setRequestHandler('elicitation/create', elicited);
  client.setRequestHandler('roots/list', () => roots);
  await step('connect', () => client.connect(new StreamableHTTPClientTransport(url)));
  const call = (name, args = {}, options) => client.callTool({ name, arguments: args }, options);
  await converse(client, {
    call,
    notFound: -32602,
    logs: [1, 0],
    async logged() {
      let count = 0;
      client.setNotificationHandler('notifications/message', () => void (count += 1));
      const params = { name: 'test_logging_tool', arguments: {} };
      await client.callTool({ ...params, _meta: { 'io.modelcontextprotocol/logLevel': 'info' } });
      const first = count;
      await client.callTool(params);
      return [first, count - first];
    },
    async subscribe(uri, told) {
      client.setNotificationHandler('notifications/resources/updated', ({ params }) => told(params.uri));
      const subscription = await client.listen({ resourceSubscriptions: [uri] });
      return () => subscription.close();
    },
  });
  await step('several rounds of input', async () => {
    const { content } = await call('test_input_required_result_multi_round');
    check(content[0].text.includes('step2'), content[0].text);
  });
  await step('close', () => client.close());
}
