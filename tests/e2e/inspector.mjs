// Tests the server with the command line of the MCP Inspector, one process per request.
//
//     node inspector.mjs URL sse|http

import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { check, finish, same, step } from './judge.mjs';

const [url, transport] = process.argv.slice(2);
const program = fileURLToPath(new URL('node_modules/.bin/mcp-inspector', import.meta.url));
const run = promisify(execFile);

/** Asks for one method; what the Inspector prints is the result as JSON. */
async function ask(method, ...options) {
  const line = [program, '--cli', url, '--transport', transport, '--method', method, ...options];
  const { stdout } = await run(process.execPath, line, { timeout: 30_000, maxBuffer: 16 * 1024 * 1024 });
  return JSON.parse(stdout);
}

function call(tool, ...pairs) {
  return ask('tools/call', '--tool-name', tool, ...pairs.flatMap((pair) => ['--tool-arg', pair]));
}

await step('tools/list', async () => {
  const { tools } = await ask('tools/list');
  check(tools.some(({ name }) => name === 'get-hackernews-top-stories'), 'the tool is not listed');
});
await step('tools/call: five stories', async () => {
  const { content } = await call('get-hackernews-top-stories', 'type=topstories', 'amount=5');
  same(content.length, 5, 'the number of contents');
  for (const { text } of content) check(JSON.parse(text).title, `no title in ${text}`);
});
await step('tools/call with progress', async () => {
  const { content } = await call('test_tool_with_progress');
  check(content[0].text.length > 0, 'it is empty');
});
await step('tools/call: an error of the tool', async () => {
  // The Inspector prints the result and exits with an error status.
  const { stdout } = await call('test_error_handling').then(
    (result) => ({ stdout: JSON.stringify(result) }),
    (error) => error,
  );
  check(JSON.parse(stdout).isError, `isError is not set: ${stdout}`);
});
await step('tools/call: an unknown tool', async () => {
  const failure = await call('no-such-tool').then(() => undefined, (error) => error);
  check(failure, 'it was answered');
  check(/not found|unknown/i.test(`${failure.stderr}${failure.stdout}`), `${failure.stderr}`);
});
await step('resources', async () => {
  const { resources } = await ask('resources/list');
  check(resources.some(({ uri }) => uri === 'test://static-text'), 'test://static-text is not listed');
  const { contents } = await ask('resources/read', '--uri', 'test://static-text');
  check(contents[0].text.length > 0, 'it is empty');
});
await step('prompts', async () => {
  const { prompts } = await ask('prompts/list');
  check(prompts.some(({ name }) => name === 'test_prompt_with_arguments'), 'the prompt is not listed');
  const options = ['--prompt-name', 'test_prompt_with_arguments', '--prompt-args', 'arg1=one', 'arg2=two'];
  const { messages } = await ask('prompts/get', ...options);
  check(messages[0].content.text.includes("arg1='one'"), messages[0].content.text);
});
finish();
