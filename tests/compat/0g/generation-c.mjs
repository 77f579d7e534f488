// The current one: the signer stands on the chain, 0G's owner acknowledges it, and the broker writes everything anew.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chat } from './chat.mjs';
import { check, verify } from './jurat.mjs';
import { step, throws } from './steps.mjs';

export const ledgerIs = 'registry';
export const broker = '2026';

export async function run({ sdk, ethers, chain, contracts, broker, service: told, provider, jurat, model, bin, upstream, restarted }) {
  const at = provider.address;
  const { inference } = contracts;
  const ours = await step('jurat attest names the signer', () => jurat.address());
  assert.equal(told.targetTeeAddress, ours);
  // What the broker writes on the chain for `targetSeparated: true` and `targetTeeAddress`.
  const info = (target) => JSON.stringify({
    VerifierURL: '', TEEVerifier: 'dstack', TargetSeparated: told.targetSeparated, TargetTeeAddress: target, ImageName: '',
    ImageDigest: '', ProviderType: told.providerType,
  });
  const service = { type: told.type, url: broker.url, price: BigInt(told.inputPrice), info: info(told.targetTeeAddress) };
  const register = async (changes, value = 0n) => {
    const now = { ...service, ...changes };
    const params = [now.type, now.url, told.model, told.verifiability, now.price, now.price, now.info, broker.signer.address];
    await (await inference.connect(provider).addOrUpdateService(params, { value, gasLimit: 2_000_000n })).wait();
  };
  const acknowledged = async () => (await inference.getService(at)).teeSignerAcknowledged;
  // A client that remembers nothing of what it saw before.
  const fresh = (index) => sdk.createZGComputeNetworkBroker(chain.wallet(index), ...contracts.addresses);

  await step('the provider registers, with its stake', () => register({}, ethers.parseEther('100')));
  const client = await step('the SDK starts', () => fresh(2));
  await step('until the owner acknowledges, it is not on the market', async () => {
    assert.deepEqual([...await client.inference.listService()], []);
  });
  await step('the owner of the contract acknowledges the signer', async () => {
    const owner = await sdk.createZGComputeNetworkBroker(contracts.owner, ...contracts.addresses);
    await owner.inference.acknowledgeProviderTEESigner(at);
    assert.equal(await acknowledged(), true);
  });
  await step('the SDK lists the service', async () => {
    const [found] = await client.inference.listService();
    assert.deepEqual([found.provider, found.url, found.model, found.verifiability], [at, broker.url, model, 'TeeML']);
    assert.equal(JSON.parse(found.additionalInfo).TargetTeeAddress, ours);
  });
  await step('it opens a ledger, and acknowledges the provider', async () => {
    await client.ledger.addLedger(10);
    await client.inference.acknowledgeProviderSigner(at);
    assert.equal((await inference.getAccount(chain.wallet(2).address, at)).acknowledged, true);
  });
  const { endpoint } = await step('it finds the endpoint', () => client.inference.getServiceMetadata(at));
  const ask = async (stream, path) =>
    chat({ endpoint, headers: await client.inference.getRequestHeaders(at), model, stream, path });

  const held = {};
  for (const [kind, stream] of [['plain', false], ['streamed', true]]) {
    held[kind] = await step(`it asks, ${kind}`, () => ask(stream));
    await step(`it takes the answer, ${kind}`, async () => {
      assert.match(held[kind].key, /^[0-9a-f]{32}$/, 'the broker hands our ZG-Res-Key on');
      const usage = JSON.stringify(held[kind].usage);
      assert.equal(await client.inference.processResponse(at, held[kind].key, usage), true);
    });
    await step(`the id in the body is the broker's, and no receipt goes by it, ${kind}`, () =>
      throws(() => client.inference.processResponse(at, held[kind].id), /getting signature error/));
    await step(`jurat check refuses what the broker wrote anew, and says so, ${kind}`, async () => {
      for (const url of [jurat.url, `${broker.url}/v1/proxy`]) {
        const { code, verdict, reason, err } = await check({ bin, url, ...held[kind], id: held[kind].key });
        assert.equal(code, 1, JSON.stringify(verdict) + err);
        assert.match(reason('receipt.request'), /another request body.*rewritten by the broker/);
        assert.match(reason('receipt.response'), /another answer body.*rewritten by the broker/);
        assert.equal(reason('receipt.signature'), 'the trusted signer signed it');
      }
    });
    await step(`jurat check accepts the bytes that went in and out of jurat, ${kind}`, async () => {
      const { code, verdict, err } = await check({ bin, url: jurat.url, ...upstream.at(-1), id: held[kind].key });
      assert.equal(code, 0, JSON.stringify(verdict) + err);
    });
  }
  await step('what is only altered is not called rewritten', async () => {
    const { request, response } = upstream.at(-1);
    const altered = Buffer.from(response.toString().replace('Gr', 'Br'));
    const { code, reason } = await check({ bin, url: jurat.url, id: held.streamed.key, request, response: altered });
    assert.equal(code, 1);
    assert.equal(reason('receipt.response'), 'the receipt is about another answer body');
  });
  await step('both answers can be billed', async () => {
    assert.deepEqual(broker.state.unbilled, []);
    assert.deepEqual(broker.state.billed.map(({ stream, usage }) => [stream, usage?.completion_tokens]), [[false, 6], [true, 6]]);
  });
  await step('the base URL with /v1 behind it works, too', async () => {
    const other = await ask(false, '/v1/chat/completions');
    assert.equal(await client.inference.processResponse(at, other.key), true);
  });
  await step('the SDK compares no bytes: one answer\'s key vouches for another', async () => {
    const other = await ask(false);
    assert.notEqual(other.key, held.plain.key);
    assert.equal(await client.inference.processResponse(at, held.plain.key), true);
  });
  await step('jurat verify by way of the broker', async () => {
    const { code, out } = await verify({ bin, url: `${broker.url}/v1/proxy` });
    assert.equal(code, 0, out);
  });
  await step('past the broker, straight to jurat, every byte can be checked', async () => {
    for (const stream of [false, true]) {
      const straight = await chat({ endpoint: jurat.url, headers: { authorization: 'Bearer engine-key' }, model, stream });
      const { code, verdict, err } = await check({ bin, url: jurat.url, ...straight, id: straight.key });
      assert.equal(code, 0, JSON.stringify(verdict) + err);
    }
  });
  await step('verifyService fetches both reports, and compares the broker\'s signer alone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'jurat-0g-'));
    try {
      const result = await client.inference.verifyService(at, folder);
      assert.equal(result.success, true);
      assert.deepEqual(result.reportsGenerated, ['broker', 'llm']);
      // 0.6 only prints what it compared.
      if (result.signerVerification !== undefined) {
        assert.equal(result.signerVerification.allMatch, true);
        assert.deepEqual(result.signerVerification.reportAddresses.map(({ reportType }) => reportType), ['broker']);
      }
      const report = JSON.parse(readFileSync(join(folder, 'llm_attestation_report.json')));
      assert.equal(report.signing_address, ours);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
  await step('another address or price keeps the acknowledgement', async () => {
    await register({ url: `${broker.url}/`, price: 200n });
    assert.equal(await acknowledged(), true);
    await register({});
    assert.equal(await acknowledged(), true);
  });
  await step('under another signer the SDK refuses the signature', async () => {
    await register({ info: info(chain.wallet(9).address) });
    await (await inference.connect(contracts.owner).acknowledgeTEESignerByOwner(at)).wait();
    assert.equal(await (await fresh(3)).inference.processResponse(at, held.plain.key), false);
    await register({});
    await (await inference.connect(contracts.owner).acknowledgeTEESignerByOwner(at)).wait();
    assert.equal(await (await fresh(3)).inference.processResponse(at, held.plain.key), true);
  });

  const next = await step('jurat starts anew, with a fresh key', async () => {
    await jurat.stop();
    return restarted();
  });
  try {
    await step('another signer costs the acknowledgement, and the SDK refuses until it is back', async () => {
      const address = await next.address();
      assert.notEqual(address, ours);
      await register({ info: info(address) });
      assert.equal(await acknowledged(), false);
      const later = await fresh(4);
      assert.deepEqual([...await later.inference.listService()], []);
      assert.equal(await later.inference.processResponse(at, held.plain.key), false);
      await (await inference.connect(contracts.owner).acknowledgeTEESignerByOwner(at)).wait();
      assert.equal(await acknowledged(), true);
    });
  } finally {
    await next.stop();
  }
}
