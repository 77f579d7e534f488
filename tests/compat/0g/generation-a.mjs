// The oldest: it signs every request for settlement, trusts the signer that the report names, and asks NVIDIA about the GPU.
import assert from 'node:assert/strict';
import { chat } from './chat.mjs';
import { check } from './jurat.mjs';
import { step, throws } from './steps.mjs';

export const ledgerIs = 'pair';
export const broker = '2025-03';

const NVIDIA = 'https://nras.attestation.nvidia.com/';

export async function run({ sdk, chain, contracts, broker, service: ours, provider, jurat, engine, model, bin }) {
  const at = provider.address;
  // The one address that the SDK has built in and this machine must not reach: answered here.
  const asked = [];
  const { fetch } = globalThis;
  globalThis.fetch = async (where, options) => {
    if (!String(where).startsWith(NVIDIA)) return fetch(where, options);
    asked.push(String(where));
    return new Promise((resolve) => broker.attestGpu({
      writeHead(status) { this.status = status; return this; },
      end(body) { resolve(new Response(body, { status: this.status })); },
    }, options.body));
  };

  await step('the provider registers', async () => {
    const prices = [BigInt(ours.inputPrice), BigInt(ours.outputPrice)];
    const add = contracts.inference.connect(provider).addOrUpdateService(ours.type, broker.url, ours.model, ours.verifiability, ...prices);
    await (await add).wait();
  });
  const client = await step('the SDK starts', () => sdk.createZGComputeNetworkBroker(chain.wallet(2), ...contracts.addresses));
  await step('it lists the service', async () => {
    const [service] = await client.inference.listService();
    assert.deepEqual([service.provider, service.url, service.model, service.verifiability], [at, broker.url, model, 'TeeML']);
  });
  await step('it opens a ledger', () => client.ledger.addLedger(1));
  const { endpoint } = await step('it finds the endpoint', () => client.inference.getServiceMetadata(at));
  const ask = async (stream) =>
    chat({ endpoint, headers: await client.inference.getRequestHeaders(at, 'Say something'), model, stream });

  for (const [kind, stream] of [['plain', false], ['streamed', true]]) {
    const held = await step(`it asks, ${kind}`, () => ask(stream));
    await step(`it takes the answer, ${kind}`, async () => {
      assert.equal(await client.inference.processResponse(at, held.content, held.id), true);
    });
    await step(`jurat check agrees, ${kind}`, async () => {
      const { code, verdict, err } = await check({ bin, url: jurat.url, ...held, id: held.id });
      assert.equal(code, 0, JSON.stringify(verdict) + err);
    });
    await step(`one changed letter: the SDK does not look, jurat check does, ${kind}`, async () => {
      assert.equal(await client.inference.processResponse(at, `not ${held.content}`, held.id), true);
      const response = Buffer.from(held.response.toString().replace('Grüße', 'Bruße'));
      const { code, reason } = await check({ bin, url: jurat.url, ...held, id: held.id, response });
      assert.equal(code, 1);
      assert.equal(reason('receipt.response'), 'the receipt is about another answer body');
    });
  }
  await step('the GPU was asked about, as NVIDIA wants it asked', async () => {
    assert.ok(asked.length > 0);
    assert.ok(broker.state.gpu.every((sound) => sound), JSON.stringify(broker.state.gpu));
    assert.ok(broker.state.settled > 0);
    assert.deepEqual(broker.state.unbilled, []);
  });
  await step('an id that nobody knows is refused', () =>
    throws(() => client.inference.processResponse(at, 'x', 'chatcmpl-nobody'), /getting signature error/));
  await step('the engine was asked byte for byte what the client sent', async () => {
    assert.ok(engine.asked.every(({ body }) => body.startsWith('{\n "model"')));
  });
}
