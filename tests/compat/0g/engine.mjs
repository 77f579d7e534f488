// A small OpenAI-compatible engine with the shapes of vLLM's answers: the id first and taken from X-Request-Id, members in
// vLLM's order, nulls, usage with details that are 0, one chunk an event. What it says has <, >, & and letters that are not
// ASCII in it, since those are what a re-encoding changes.
import { json, listening, read } from './http.mjs';

const SAID = ['Grüße', ' from', ' <inside>', ' & "outside",', ' 2⁶⁴', ' times.'];

export async function startEngine({ model, key }) {
  const asked = [];
  const { url, stop } = await listening(async (request, response) => {
    const body = (await read(request)).toString();
    asked.push({ path: request.url, headers: request.headers, body });
    if (request.headers.authorization !== `Bearer ${key}`) return json(response, 401, { error: 'Unauthorized' });
    if (request.url === '/v1/models') return json(response, 200, { object: 'list', data: [{ id: model, object: 'model' }] });
    if (request.method !== 'POST' || request.url !== '/v1/chat/completions') return json(response, 404, { detail: 'Not Found' });
    const ask = JSON.parse(body);
    if (ask.model !== model) {
      return json(response, 404, { error: { message: `The model ${ask.model} does not exist.`, type: 'NotFoundError', param: 'model', code: 404 } });
    }
    const head = { id: `chatcmpl-${request.headers['x-request-id']}`, object: 'chat.completion', created: 1795000000, model };
    const usage = {
      prompt_tokens: 7, total_tokens: 7 + SAID.length, completion_tokens: SAID.length,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 0 },
    };
    if (!ask.stream) {
      const message = { role: 'assistant', content: SAID.join(''), refusal: null, tool_calls: [] };
      const choices = [{ index: 0, message, logprobs: null, finish_reason: 'stop', stop_reason: null }];
      return json(response, 200, { ...head, choices, service_tier: null, usage, prompt_logprobs: null });
    }
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    const event = (delta, finish_reason) =>
      ({ ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, logprobs: null, finish_reason }] });
    const events = [event({ role: 'assistant', content: '' }, null), ...SAID.map((content) => event({ content }, null)),
      event({ content: '' }, 'stop')];
    if (ask.stream_options?.include_usage) events.push({ ...head, object: 'chat.completion.chunk', choices: [], usage });
    for (const one of events) {
      response.write(`data: ${JSON.stringify(one)}\n\n`);
      await new Promise((go) => setTimeout(go, 5));
    }
    response.end('data: [DONE]\n\n');
  });
  return { url, asked, stop };
}
