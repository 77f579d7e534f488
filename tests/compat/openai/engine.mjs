// An engine with the shapes of vLLM's answers for what OpenAI's SDKs ask, as small as they allow.
import * as http from '../0g/http.mjs';

const model = 'compat';
export const startEngine = () => http.listening(async (request, response) => {
  const body = await http.read(request);
  const id = request.headers['x-request-id'];
  const json = (status, value) => http.json(response, status, value);
  const error = (status, message, type) => json(status, { error: { message, type, param: null, code: status } });
  const key = request.headers.authorization;
  if (key === 'Bearer slow-down') return error(429, 'too many', 'RateLimitError');
  if (key !== 'Bearer engine-key') return json(401, { error: 'Unauthorized' });
  const usage = { prompt_tokens: 3, total_tokens: 5, completion_tokens: 2, prompt_tokens_details: null };
  switch (`${request.method} ${request.url}`) {
    case 'GET /v1/models':
      return json(200, { object: 'list', data: [{ id: model, object: 'model', created: 1, owned_by: 'vllm' }] });
    case 'POST /v1/chat/completions': {
      const ask = JSON.parse(body);
      if (ask.temperature < 0) return error(400, 'temperature must be non-negative', 'BadRequestError');
      const head = { id: `chatcmpl-${id}`, object: 'chat.completion', created: 1795000000, model };
      const logprobs = ask.logprobs
        ? { content: [{ token: 'po', logprob: -0.25, bytes: [112, 111], top_logprobs: [] }, { token: 'ng', logprob: -1e-7, bytes: [110, 103], top_logprobs: [] }] }
        : null;
      const call = { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city": "Zürich"}' } };
      const choice = (index) => ask.tools
        ? { index, message: { role: 'assistant', content: null, tool_calls: [call] }, logprobs, finish_reason: 'tool_calls', stop_reason: null }
        : { index, message: { role: 'assistant', content: `pöng ${index}`, tool_calls: [] }, logprobs, finish_reason: 'stop', stop_reason: null };
      const choices = Array.from({ length: ask.n ?? 1 }, (_, index) => choice(index));
      if (!ask.stream) return json(200, { ...head, choices, usage, prompt_logprobs: null, kv_transfer_params: null });
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
      const event = (value) => response.write(`data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', ...value })}\n\n`);
      for (const { index, message, finish_reason } of choices) {
        event({ choices: [{ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }] });
        const delta = ask.tools ? { tool_calls: [{ index: 0, ...call }] } : { content: message.content };
        event({ choices: [{ index, delta, logprobs, finish_reason: null }] });
        event({ choices: [{ index, delta: {}, logprobs: null, finish_reason }] });
      }
      if (ask.stream_options?.include_usage) event({ choices: [], usage });
      return response.end('data: [DONE]\n\n');
    }
    case 'POST /v1/completions':
      return json(200, { id: `cmpl-${id}`, object: 'text_completion', created: 1, model, choices: [{ index: 0, text: 'pong', logprobs: null, finish_reason: 'stop' }], usage });
    case 'POST /v1/embeddings': {
      const ask = JSON.parse(body);
      const vector = new Float32Array([0.5, -0.25, 1e-7]);
      const embedding = ask.encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector];
      return json(200, { id: `embd-${id}`, object: 'list', created: 1, model, data: [{ index: 0, object: 'embedding', embedding }], usage });
    }
    case 'POST /v1/images/generations':
      return json(200, { created: 1, data: [{ b64_json: Buffer.from([0x89, 0x50, 0x4e, 0x47]).toString('base64') }] });
    case 'POST /v1/audio/transcriptions': {
      const multipart = request.headers['content-type']?.startsWith('multipart/form-data; boundary=');
      return multipart && body.includes('RIFF') ? json(200, { text: 'hello' }) : error(400, 'no file', 'BadRequestError');
    }
    case 'POST /v1/audio/speech':
      return response.writeHead(200, { 'content-type': 'audio/wav' }).end(Buffer.from([0x52, 0x49, 0x46, 0x46, 0x00, 0xff, 0x0a]));
    case 'POST /v1/responses': {
      const ask = JSON.parse(body);
      const message = { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'pong', annotations: [] }] };
      const answer = { id: `resp_${id}`, object: 'response', created_at: 1, model, status: 'completed', output: [message], tools: [], tool_choice: 'auto', parallel_tool_calls: true };
      if (!ask.stream) return json(200, answer);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const event = (type, value) => response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...value })}\n\n`);
      event('response.created', { sequence_number: 0, response: { ...answer, status: 'in_progress', output: [] } });
      event('response.output_text.delta', { sequence_number: 1, item_id: 'msg_1', output_index: 0, content_index: 0, delta: 'pong', logprobs: [] });
      event('response.completed', { sequence_number: 2, response: answer });
      return response.end();
    }
    default:
      return json(404, { detail: 'Not Found' });
  }
});
