// The HTTP surface of 0G's Provider Broker, as far as a client of the SDK and a sidecar behind `targetUrl` can tell, in three
// generations. It is not the broker: no metering, no settlement, no TEE of its own. What each generation does to bytes is here,
// since that is what decides whether a receipt still fits what the client holds.
//
//   2025-03  hands everything on as it is; `settle-fee` is answered
//   2025-10  hands bytes on as they are; signs for itself unless the client says `VLLM-Proxy: true`; reads the stream afterwards
//            and bills nothing of one whose lines it does not understand
//   2026     parses and writes anew the request and the answer, with an id of its own; checks the session token
import { createHash, randomUUID } from 'node:crypto';
import { forwarded, sanitized, sanitizedLine } from './go.mjs';
import { json, listening, read } from './http.mjs';

const OF_THE_USER = ['address', 'fee', 'input-fee', 'nonce', 'previous-output-fee', 'signature', 'session-token', 'session-signature'];
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'host', 'expect'];
const OF_THE_UPSTREAM = /^(content-length|provider|server|via|x-powered-by|location|x-ratelimit.*|openai-.*|anthropic-.*|cf-.*|x-openrouter.*|zg-upstream-cert-.*)$/;

// `service` is that part of its configuration (deploy/0g).
export async function startBroker({ generation, ethers, service, provider, onUpstream }) {
  const { targetUrl, model, additionalSecret } = service;
  const signer = ethers.Wallet.createRandom();
  const kept = new Map();
  const state = { billed: [], unbilled: [], gpu: [], settled: 0 };
  const now = generation === '2026';

  const { url, stop } = await listening((request, response) => {
    serve(request, response).catch((error) => {
      state.unbilled.push(String(error));
      if (!response.headersSent) response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: String(error.message ?? error) }));
    });
  });

  async function serve(request, response) {
    const body = (await read(request)).toString();
    const path = request.url;
    if (path.startsWith('/v1/quote/verify/gpu')) return attestGpu(response, body);
    if (path.startsWith('/v1/quote')) return json(response, 200, quote());
    if (/^\/v1\/user\/[^/]+\/unsettledfee$/.test(path)) return json(response, 200, { unsettledFee: '0' });
    if (!path.startsWith('/v1/proxy/')) return json(response, 404, { error: 'not found' });
    if (path === '/v1/proxy/settle-fee') {
      state.settled += 1;
      return json(response, 202, {});
    }
    let rest = path.slice('/v1/proxy'.length);
    // Clients put /v1 behind the base URL or not; this generation takes it away.
    if (now) rest = rest.replace(/^\/v1\//, '/');
    if (generation === '2025-10' && rest.startsWith('/signature/') && request.headers['vllm-proxy'] !== 'true') {
      // Stored under the id as the engine spelled it and looked up in lower case.
      const found = kept.get(rest.slice('/signature/'.length).split('?')[0].toLowerCase());
      return found ? json(response, 200, found) : json(response, 400, { error: 'get signature' });
    }
    await relay(request, response, rest, body);
  }

  async function relay(request, response, rest, body) {
    const charged = /^\/chat\/completions(\?|$)/.test(rest);
    if (charged && now) mustHaveSession(request.headers.authorization);
    if (charged && generation === '2025-10' && !request.headers.address) throw new Error('missing Address');
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) =>
        !HOP_BY_HOP.includes(name) && !OF_THE_USER.includes(name) && !(now && name === 'authorization')),
    );
    Object.assign(headers, additionalSecret);
    if (now) headers['accept-encoding'] = 'identity';
    const sent = charged && now ? forwarded(body, model) : body;
    const answer = await fetch(targetUrl + rest, {
      method: request.method,
      headers,
      body: ['GET', 'HEAD'].includes(request.method) ? undefined : sent,
    });
    const out = {};
    for (const [name, value] of answer.headers) {
      if (HOP_BY_HOP.includes(name) || (now && OF_THE_UPSTREAM.test(name))) continue;
      out[name] = value;
    }
    if (!now) out.provider = provider;
    const raw = [];
    const stream = (answer.headers.get('content-type') ?? '').startsWith('text/event-stream');
    response.writeHead(answer.status, out);
    if (!now) {
      for await (const part of answer.body ?? []) {
        raw.push(Buffer.from(part));
        response.write(part);
      }
      response.end();
    } else if (stream) {
      const id = `chatcmpl-${randomUUID()}`;
      let held = '';
      const decoder = new TextDecoder();
      for await (const part of answer.body) {
        raw.push(Buffer.from(part));
        held += decoder.decode(part, { stream: true });
        const lines = held.split('\n');
        held = lines.pop();
        for (const line of lines) {
          const clean = sanitizedLine(line, id);
          if (clean !== null) response.write(`${clean}\n`);
        }
      }
      response.end();
    } else {
      raw.push(Buffer.from(await answer.arrayBuffer()));
      const text = raw[0].toString();
      const isJson = (answer.headers.get('content-type') ?? '').startsWith('application/json');
      // The reports and signatures that it hands on go through the same cleaning.
      response.end(isJson ? sanitized(text, charged ? `chatcmpl-${randomUUID()}` : undefined) : text);
    }
    if (!charged || answer.status !== 200) return;
    const bytes = Buffer.concat(raw);
    onUpstream?.({ request: sent, response: bytes });
    await settle(request, sent, bytes, stream);
  }

  // After the answer has gone out: what cannot be read is neither billed nor signed.
  async function settle(request, sent, bytes, stream) {
    let id, usage;
    if (stream) {
      const text = bytes.toString();
      // What stands after the last line feed is never looked at.
      for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
        if (line === '' || line === 'data: [DONE]') continue;
        if (!line.startsWith('data: ')) throw new Error(`a line that cannot be billed: ${line}`);
        const chunk = JSON.parse(line.slice(6));
        id ??= chunk.id;
        usage = chunk.usage ?? usage;
      }
    } else {
      ({ id, usage } = JSON.parse(bytes));
    }
    state.billed.push({ id, usage, stream });
    if (generation === '2025-10' && request.headers['vllm-proxy'] !== 'true') {
      const text = `${sha256(sent)}:${sha256(bytes)}`;
      const signature = await signer.signMessage(text);
      kept.set(id, { text, signature, signing_address: signer.address, signing_algo: 'ecdsa' });
    }
  }

  function mustHaveSession(authorization) {
    const [, token] = /^Bearer app-sk-(.+)$/.exec(authorization ?? '') ?? [];
    if (!token) throw new Error('no session token');
    const text = Buffer.from(token, 'base64').toString();
    const cut = text.lastIndexOf('|');
    const [message, signature] = [text.slice(0, cut), text.slice(cut + 1)];
    const session = JSON.parse(message);
    const digest = ethers.getBytes(ethers.keccak256(ethers.toUtf8Bytes(message)));
    if (ethers.verifyMessage(digest, signature) !== session.address) throw new Error('the session is not signed by its user');
    if (session.provider.toLowerCase() !== provider.toLowerCase()) throw new Error('the session is for another provider');
    if (session.expiresAt !== 0 && session.expiresAt < Date.now()) throw new Error('the session has expired');
  }

  // NVIDIA's attestation service as far as the SDK looks at it: a status. It takes what a well-formed payload looks like.
  function attestGpu(response, body) {
    const { nonce, evidence_list: list, arch } = JSON.parse(body);
    const sound = /^[0-9a-f]{64}$/.test(nonce) && typeof arch === 'string' && list?.length > 0 &&
      list.every(({ certificate, evidence }) => certificate && evidence);
    state.gpu.push(sound);
    json(response, sound ? 200 : 400, {});
  }

  // A broker's own quote is no quote here: nothing in the SDK reads it.
  function quote() {
    const data = Buffer.alloc(64);
    data.write(signer.address, 'ascii');
    if (!now) return { quote: '0x00', provider_signer: signer.address, key: ['0', '0'], nvidia_payload: '' };
    return { quote: '00', event_log: '[]', report_data: data.toString('base64'), vm_config: '' };
  }

  return { url, signer, state, attestGpu, stop };
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
