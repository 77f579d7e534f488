// JSON as the 2026 broker writes it again: parsed into maps, so members come out in the order of their names, without blanks.
// Requests go through Go's default encoder, which escapes <, > and &, and their numbers by way of a double; answers do neither. (Here
// they do the latter, too: the engine's numbers are whole and small.)

// The members that the broker takes out of every answer, wherever they stand but below `content` and `arguments`.
const GONE = new Set(['provider', 'is_byok', 'cost', 'cost_details', 'native_finish_reason', 'reasoning_details']);
const GONE_IF_ZERO = new Set(['audio_tokens', 'video_tokens', 'image_tokens', 'cache_write_tokens']);
const LEFT_ALONE = new Set(['content', 'arguments']);

export function encode(value, { html }) {
  if (Array.isArray(value)) return `[${value.map((one) => encode(one, { html })).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const names = Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return `{${names.map((name) => `${text(name, html)}:${encode(value[name], { html })}`).join(',')}}`;
  }
  return typeof value === 'string' ? text(value, html) : JSON.stringify(value);
}

function text(value, html) {
  const escapes = html ? /[<>&\u2028\u2029]/g : /[\u2028\u2029]/g;
  return JSON.stringify(value).replace(escapes, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function clean(value) {
  if (Array.isArray(value)) return value.map(clean);
  if (value === null || typeof value !== 'object') return value;
  const left = Object.entries(value).filter(([name, one]) => !GONE.has(name) && !(GONE_IF_ZERO.has(name) && one === 0));
  return Object.fromEntries(left.map(([name, one]) => [name, LEFT_ALONE.has(name) ? one : clean(one)]));
}

// The request as it goes on: the model that is configured, and usage asked for in streams.
export function forwarded(body, model) {
  const ask = JSON.parse(body);
  ask.model = model;
  if (ask.stream) ask.stream_options = { ...ask.stream_options, include_usage: true };
  return encode(ask, { html: true });
}

// The answer as the client gets it: another id, without what is taken out. Where nothing is to be done, it stays as it was.
export function sanitized(body, id) {
  const parsed = JSON.parse(body);
  const answer = clean(parsed);
  const renamed = id !== undefined && 'id' in answer;
  if (renamed) answer.id = id;
  return renamed || JSON.stringify(answer) !== JSON.stringify(parsed) ? encode(answer, { html: false }) : body;
}

// One line of a stream, without its end; null for a line that is dropped.
export function sanitizedLine(line, id) {
  if (line.startsWith(':')) return null;
  if (!line.startsWith('data: ') || line === 'data: [DONE]') return line;
  return `data: ${sanitized(line.slice(6), id)}`;
}
