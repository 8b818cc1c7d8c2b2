// Asks `mcpdump mcp` with the command line of the MCP Inspector, one process per request.
//
//     node ask.mjs MCPDUMP CAPTURES URL
//
// The program is started over stdio for the first half; URL is a server over Streamable HTTP.

import { execFile } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { check, finish, same, step } from './judge.mjs';

const [program, captures, url] = process.argv.slice(2);
const inspector = fileURLToPath(new URL('node_modules/.bin/mcp-inspector', import.meta.url));
const run = promisify(execFile);
const capture = path.join(captures, 'ts-sse/capture.pcap');

/** Asks a server for one method; what the Inspector prints is the result as JSON. */
async function ask(server, method, ...options) {
  const line = [inspector, '--cli', ...server, '--method', method, ...options];
  const { stdout } = await run(process.execPath, line, { timeout: 30_000, maxBuffer: 16 * 1024 * 1024 });
  return JSON.parse(stdout);
}

for (const [name, server] of [
  ['stdio', [program, 'mcp', capture]],
  ['streamable http', [url, '--transport', 'http']],
]) {
  const call = (tool, ...pairs) =>
    ask(server, 'tools/call', '--tool-name', tool, ...pairs.flatMap((pair) => ['--tool-arg', pair]));
  await step(`${name}: tools/list`, async () => {
    const { tools } = await ask(server, 'tools/list');
    const names = tools.map((tool) => tool.name);
    check(names.includes('summarize') && names.includes('get_exchange'), `${names}`);
    for (const tool of tools) check(tool.outputSchema.type === 'object', `${tool.name} has no outputSchema`);
  });
  await step(`${name}: summarize`, async () => {
    const { content, structuredContent } = await call('summarize');
    same(structuredContent.exchanges.total, 32, 'the number of exchanges');
    check(content[0].text.includes('32 exchanges'), content[0].text);
  });
  await step(`${name}: get_exchange`, async () => {
    const { structuredContent } = await call('get_exchange', 'exchange=2');
    check(structuredContent.story.sentences.length > 0, 'no story is told');
    check(structuredContent.exchange.packets.first > 0, 'no packet is named');
  });
  await step(`${name}: a wrong filter is explained`, async () => {
    const { stdout } = await call('list_exchanges', 'filter=nosuchfield:1').then(
      (result) => ({ stdout: JSON.stringify(result) }),
      (error) => error,
    );
    check(JSON.parse(stdout).isError, `isError is not set: ${stdout}`);
  });
  await step(`${name}: resources`, async () => {
    const { resources } = await ask(server, 'resources/list');
    check(resources.some(({ uri }) => uri === 'mcpdump://report/text'), 'the report is not listed');
    const { contents } = await ask(server, 'resources/read', '--uri', 'mcpdump://report/text');
    check(contents[0].text.includes('> '), contents[0].text);
  });
  await step(`${name}: prompts`, async () => {
    const { prompts } = await ask(server, 'prompts/list');
    check(prompts.some(({ name }) => name === 'explain-exchange'), 'the prompt is not listed');
  });
}
finish();
