// A conversation with `mcpdump serve --everything`, the same for both versions of the TypeScript SDK. `api`
// hides their differences; see typescript.mjs.

import { check, pending, rejected, same, step } from './judge.mjs';

const STORIES = 'get-hackernews-top-stories';

export async function converse(client, api) {
  await step('tools/list', async () => {
    const { tools } = await client.listTools();
    const stories = tools.find((tool) => tool.name === STORIES);
    check(stories, `${STORIES} is not listed`);
    same(stories.description, 'Get the stories from Hacker News', 'its description');
    same(stories.inputSchema.required, ['type'], 'what it requires');
    same(stories.inputSchema.properties.type.enum, ['topstories', 'newstories', 'beststories'], 'its types');
  });
  await step('tools/call: five stories', async () => {
    const { content, isError } = await api.call(STORIES, { type: 'topstories', amount: 5 });
    check(!isError, 'it is an error');
    same(content.length, 5, 'the number of contents');
    for (const { text } of content) check(JSON.parse(text).title, `no title in ${text}`);
  });
  await step('tools/call with progress', async () => {
    const seen = [];
    await api.call('test_tool_with_progress', {}, { onprogress: (report) => seen.push(report.progress) });
    same(seen, [0, 50, 100], 'the progress');
  });
  await step('tools/call: an error of the tool', async () => {
    const { content, isError } = await api.call('test_error_handling');
    check(isError, 'isError is not set');
    check(content[0].text.length > 0, 'it does not say why');
  });
  await step('tools/call: an unknown tool is a JSON-RPC error', async () => {
    same((await rejected(api.call('no-such-tool'), 'the call')).code, -32602, 'the code');
  });
  await step('tools/call, cancelled', async () => {
    const abort = new AbortController();
    const call = api.call('digest', {}, { signal: abort.signal, onprogress: () => abort.abort(new Error('enough')) });
    await rejected(call, 'the cancelled call');
    check(abort.signal.aborted, 'it failed before it was cancelled');
    await client.listTools();
  });
  await step('sampling', async () => {
    const { content, isError } = await api.call('test_sampling', { prompt: 'Say a word' });
    check(!isError && content[0].text.includes('a word of the model'), content[0].text);
  });
  await step('elicitation', async () => {
    const { content, isError } = await api.call('test_elicitation', { message: 'Who are you?' });
    check(!isError && content[0].text.includes('ada@example.org'), content[0].text);
  });
  await step('elicitation with every kind of choice', async () => {
    const { isError, content } = await api.call('test_elicitation_sep1330_enums');
    check(!isError, content[0].text);
  });
  await step('roots', async () => {
    const { content, isError } = await api.call('test_list_roots');
    check(!isError && content[0].text.includes('file:///home/ada'), content[0].text);
  });
  await step('every kind of content', async () => {
    const { content } = await api.call('test_multiple_content_types');
    same(content.map(({ type }) => type), ['text', 'image', 'resource'], 'the types');
    same((await api.call('test_audio_content')).content[0].mimeType, 'audio/wav', 'the media type');
    same((await api.call('test_resource_link')).content[0].uri, 'test://static-text', 'the link');
    same((await api.call('test_structured_content')).structuredContent.items, 3, 'the structured content');
  });
  await step('resources', async () => {
    const { resources } = await client.listResources();
    check(resources.some(({ uri }) => uri === 'test://static-text'), 'test://static-text is not listed');
    const { contents } = await client.readResource({ uri: 'test://static-text' });
    check(contents[0].text.length > 0, 'it is empty');
    const { resourceTemplates } = await client.listResourceTemplates();
    check(resourceTemplates.some(({ uriTemplate }) => uriTemplate === 'hackernews://item/{id}'), 'no template');
    const error = await rejected(client.readResource({ uri: 'test://nothing' }), 'an unknown resource');
    same(error.code, api.notFound, 'the code');
  });
  await step('prompts and completion', async () => {
    const name = 'test_prompt_with_arguments';
    const { prompts } = await client.listPrompts();
    check(prompts.some((prompt) => prompt.name === name), `${name} is not listed`);
    const { messages } = await client.getPrompt({ name, arguments: { arg1: 'one', arg2: 'two' } });
    check(messages[0].content.text.includes("arg1='one'"), messages[0].content.text);
    const argument = { name: 'arg1', value: 'par' };
    const { completion } = await client.complete({ ref: { type: 'ref/prompt', name }, argument });
    same(completion.values, ['paris', 'park', 'party'], 'the completion');
  });
  await step('log messages', async () => {
    same(await api.logged(), api.logs, 'the number of log messages');
  });
  await step('a subscription', async () => {
    const told = pending();
    const done = await api.subscribe('test://static-text', told.resolve);
    await api.call('test_trigger_resource_update', { uri: 'test://static-text' });
    same(await told.promise, 'test://static-text', 'what changed');
    await done();
  });
}
