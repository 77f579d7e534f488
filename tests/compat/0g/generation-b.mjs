// The one between: the signer is acknowledged on the chain by each user, and a header says who signs, the broker or the engine.
import assert from 'node:assert/strict';
import { chat } from './chat.mjs';
import { check } from './jurat.mjs';
import { step, throws } from './steps.mjs';

export const ledgerIs = 'pair';
export const broker = '2025-10';

export async function run({ sdk, ethers, chain, contracts, broker, service: ours, provider, jurat, model, bin }) {
  const at = provider.address;
  await step('the provider registers', async () => {
    const prices = [BigInt(ours.inputPrice), BigInt(ours.outputPrice)];
    const service = [ours.type, broker.url, ours.model, ours.verifiability, ...prices, ''];
    await (await contracts.inference.connect(provider).addOrUpdateService(service)).wait();
  });
  const client = await step('the SDK starts', () => sdk.createZGComputeNetworkBroker(chain.wallet(2), ...contracts.addresses));
  await step('it lists the service', async () => {
    const [service] = await client.inference.listService();
    assert.deepEqual([service.provider, service.url, service.model, service.verifiability], [at, broker.url, model, 'TeeML']);
  });
  await step('it opens a ledger', () => client.ledger.addLedger(1));
  await step('it acknowledges the signer', async () => {
    await client.inference.acknowledgeProviderSigner(at);
    const account = await contracts.inference.getAccount(chain.wallet(2).address, at);
    assert.equal(account.teeSignerAddress, broker.signer.address);
  });
  const { endpoint } = await step('it finds the endpoint', () => client.inference.getServiceMetadata(at));
  const ask = async (stream, ours) =>
    chat({ endpoint, headers: await client.inference.getRequestHeaders(at, 'Say something', ours), model, stream });

  for (const [kind, stream] of [['plain', false], ['streamed', true]]) {
    const held = await step(`it asks, ${kind}`, () => ask(stream));
    await step(`it takes the answer as signed by jurat, ${kind}`, async () => {
      assert.equal(await client.inference.processResponse(at, held.content, held.id), true);
      const verify = await client.inference.verifyService(at);
      assert.equal(verify, true);
    });
    await step(`jurat check agrees, ${kind}`, async () => {
      const { code, verdict, err } = await check({ bin, url: jurat.url, ...held, id: held.id });
      assert.equal(code, 0, JSON.stringify(verdict) + err);
    });
    await step(`by way of the broker no receipt is found, ${kind}`, async () => {
      // It looks among its own signatures unless the header says otherwise, and answers 400.
      const { code, err } = await check({ bin, url: `${broker.url}/v1/proxy`, ...held, id: held.id });
      assert.equal(code, 69);
      assert.match(err, /the service answered 400/);
    });
  }
  await step('both answers can be billed', async () => {
    assert.deepEqual(broker.state.unbilled, []);
    assert.deepEqual(broker.state.billed.map(({ stream }) => stream), [false, true]);
    assert.ok(broker.state.gpu.length > 0 && broker.state.gpu.every((sound) => sound));
  });
  await step('the broker as signer, as the client may ask it to be', async () => {
    const held = await ask(false, false);
    const answer = await fetch(`${endpoint}/signature/${held.id}`, { headers: { 'VLLM-Proxy': 'false' } });
    const { text, signature } = await answer.json();
    assert.equal(ethers.verifyMessage(text, signature), broker.signer.address);
    // jurat's own signature says the same of the same bytes: nothing was rewritten on the way.
    const ours = await (await fetch(`${endpoint}/signature/${held.id}`, { headers: { 'VLLM-Proxy': 'true' } })).json();
    assert.equal(ours.text, text);
    assert.equal(ethers.verifyMessage(ours.text, ours.signature), await jurat.address());
  });
  await step('the base URL with /v1 behind it', async () => {
    // This generation hands the path on as it is, and bills no other than its own: jurat serves it either way.
    const headers = await client.inference.getRequestHeaders(at, 'Say something');
    const held = await chat({ endpoint: `${endpoint}/v1`, headers, model, stream: false });
    assert.equal(await client.inference.processResponse(at, held.content, held.id), true);
  });
  await step('an id that nobody knows is refused', () =>
    throws(() => client.inference.processResponse(at, 'x', 'chatcmpl-nobody'), /getting signature error/));
}
