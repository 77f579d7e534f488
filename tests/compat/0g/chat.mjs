// What a client sends and what it got, byte for byte.
import assert from 'node:assert/strict';

export async function chat({ endpoint, headers, model, stream, path = '/chat/completions' }) {
  const ask = { model, messages: [{ role: 'user', content: 'Say <something> & mean it: é' }], ...(stream ? { stream: true } : {}) };
  const request = JSON.stringify(ask, null, 1);
  const answer = await fetch(endpoint + path, {
    method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: request, signal: AbortSignal.timeout(20_000),
  });
  const response = Buffer.from(await answer.arrayBuffer());
  assert.equal(answer.status, 200, response.toString());
  const text = response.toString();
  const parts = stream
    ? text.split('\n').filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)))
    : [JSON.parse(text)];
  const content = parts.map(({ choices: [choice] }) => (choice?.delta ?? choice?.message)?.content ?? '').join('');
  assert.equal(content, 'Grüße from <inside> & "outside", 2⁶⁴ times.');
  if (stream) assert.ok(text.endsWith('data: [DONE]\n\n'));
  return { request, response, content, id: parts[0].id, key: answer.headers.get('ZG-Res-Key'), usage: parts.at(-1).usage };
}
