// node drive.mjs JURAT_URL JURAT_BINARY OPENAI_PACKAGE: OpenAI's npm SDK, unmodified, through jurat. Of each answer the bytes that went over the
// wire are checked against its receipt.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { check } from '../0g/jurat.mjs';
import { step, steps, throws } from '../0g/steps.mjs';

const [url, bin, folder] = process.argv.slice(2);
const { default: OpenAI, toFile } = createRequire(join(folder, 'package.json'))('openai');

// What went out and came in last. A multipart body is drawn up by fetch itself, so it is drawn up here, once.
let last;
async function recorded(where, options = {}) {
  const request = new Request(where, { ...options, duplex: 'half' });
  const sent = Buffer.from(await request.clone().arrayBuffer());
  const answer = await fetch(where, { method: request.method, headers: request.headers, body: sent.length > 0 ? sent : undefined });
  const [mine, theirs] = answer.body ? answer.body.tee() : [null, null];
  last = { id: answer.headers.get('x-receipt-id'), request: sent, response: mine ? new Response(mine).arrayBuffer() : Promise.resolve(new ArrayBuffer(0)) };
  return new Response(theirs, { status: answer.status, headers: answer.headers });
}

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'engine-key', fetch: recorded, maxRetries: 0 });
const messages = [{ role: 'user', content: 'ping' }];
const model = 'compat';
const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }];

async function sworn(name, ask, expect) {
  await step(name, async () => {
    expect(await ask());
    const { code, verdict, err } = await check({ bin, url, id: last.id, request: last.request, response: Buffer.from(await last.response) });
    assert.equal(code, 0, JSON.stringify(verdict) + err);
  });
}

async function all(stream) {
  const parts = [];
  for await (const part of await stream) parts.push(part);
  return parts;
}

await step('models.list', async () => assert.equal((await client.models.list()).data[0].id, model));
await sworn('chat', () => client.chat.completions.create({ model, messages }), ({ choices }) => assert.equal(choices[0].message.content, 'pöng 0'));
await sworn('chat, streamed, with usage', () => all(client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } })),
  (parts) => {
    assert.equal(parts.map(({ choices }) => choices[0]?.delta.content ?? '').join(''), 'pöng 0');
    assert.equal(parts.at(-1).usage.completion_tokens, 2);
  });
await sworn('tool calls', () => client.chat.completions.create({ model, messages, tools }),
  ({ choices }) => assert.equal(JSON.parse(choices[0].message.tool_calls[0].function.arguments).city, 'Zürich'));
await sworn('tool calls, streamed', () => all(client.chat.completions.create({ model, messages, tools, stream: true })),
  (parts) => assert.equal(parts.find(({ choices }) => choices[0]?.delta.tool_calls).choices[0].delta.tool_calls[0].function.name, 'weather'));
await sworn('logprobs', () => client.chat.completions.create({ model, messages, logprobs: true }),
  ({ choices }) => assert.equal(choices[0].logprobs.content[1].logprob, -1e-7));
await sworn('n > 1', () => client.chat.completions.create({ model, messages, n: 3 }), ({ choices }) => assert.equal(choices.length, 3));
await sworn('n > 1, streamed', () => all(client.chat.completions.create({ model, messages, n: 2, stream: true })),
  (parts) => assert.deepEqual([...new Set(parts.map(({ choices }) => choices[0].index))], [0, 1]));
await sworn('images in a message', () => client.chat.completions.create({ model, messages: [{ role: 'user', content: [
  { type: 'text', text: 'what is it?' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${'iVBO'.repeat(40_000)}` } }] }] }),
({ choices }) => assert.equal(choices.length, 1));
await sworn('completions', () => client.completions.create({ model, prompt: 'ping' }), ({ choices }) => assert.equal(choices[0].text, 'pong'));
await sworn('embeddings', () => client.embeddings.create({ model, input: 'ping' }), ({ data }) => assert.equal(data[0].embedding.length, 3));
await sworn('images', () => client.images.generate({ model, prompt: 'ping' }), ({ data }) => assert.ok(data[0].b64_json));
await sworn('audio in', async () => client.audio.transcriptions.create({ model, file: await toFile(Buffer.from('RIFF\0\xff\r\n--', 'latin1'), 'a.wav') }),
  ({ text }) => assert.equal(text, 'hello'));
await sworn('audio out', async () => Buffer.from(await (await client.audio.speech.create({ model, voice: 'alloy', input: 'ping' })).arrayBuffer()),
  (bytes) => assert.deepEqual([...bytes], [0x52, 0x49, 0x46, 0x46, 0x00, 0xff, 0x0a]));
await sworn('responses', () => client.responses.create({ model, input: 'ping' }), ({ output_text }) => assert.equal(output_text, 'pong'));
await sworn('responses, streamed', () => all(client.responses.create({ model, input: 'ping', stream: true })),
  (parts) => assert.equal(parts.at(-1).type, 'response.completed'));
await step('400 stays a BadRequestError', () => throws(() => client.chat.completions.create({ model, messages, temperature: -1 }), /^400 temperature/));
await step('401 stays an AuthenticationError', () =>
  throws(() => client.withOptions({ apiKey: 'wrong' }).chat.completions.create({ model, messages }), /^401/));
await step('429 stays a RateLimitError', () =>
  throws(() => client.withOptions({ apiKey: 'slow-down' }).chat.completions.create({ model, messages }), /^429 too many/));
console.log(`  ${steps()} steps`);
process.exit(0);
