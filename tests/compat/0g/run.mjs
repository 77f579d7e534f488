// node run.mjs --generation NAME --sdk FOLDER --package NAME --anvil FILE --yaml FOLDER --jurat FILE [--target bare|v1]
// One generation of 0G's own client, unmodified, against a chain, a stand-in of the broker, and a real jurat.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { deploy, startChain } from './chain.mjs';
import { startBroker } from './broker.mjs';
import { brokerConfig } from './config.mjs';
import { startEngine } from './engine.mjs';
import { startJurat } from './jurat.mjs';
import { step, steps } from './steps.mjs';
import * as oldest from './generation-a.mjs';
import * as older from './generation-b.mjs';
import * as current from './generation-c.mjs';

const { values: options } = parseArgs({
  options: {
    generation: { type: 'string' }, sdk: { type: 'string' }, package: { type: 'string' },
    anvil: { type: 'string' }, yaml: { type: 'string' }, jurat: { type: 'string' }, target: { type: 'string', default: 'bare' },
  },
});
const script = { A: oldest, B: older, C: current }[options.generation];
const root = join(options.sdk, 'node_modules', options.package);
const require = createRequire(join(root, 'package.json'));
const { ethers } = require('ethers');
const { parse } = createRequire(join(options.yaml, 'package.json'))('yaml');

// A name with a slash, as models have them: the clients put it into a query without encoding it.
const model = 'meta-llama/Llama-3.3-70B-Instruct';
const key = 'engine-key';

// The clients talk on standard output; what they say is no result of ours.
const said = [];
for (const name of ['log', 'info', 'warn', 'error', 'debug']) console[name] = (...words) => said.push(words.join(' '));
function fail(error) {
  process.stdout.write(`  FAIL  ${error?.stack ?? error}\n${error?.cause?.stack ?? ''}\n`);
  process.exit(1);
}
process.on('unhandledRejection', fail);
setTimeout(() => fail('the run took longer than 240 s'), 240_000).unref();

const engine = await step('an engine that wants a key', () => startEngine({ model, key }));
const jurat = await step('jurat in front of it', () => startJurat({ bin: options.jurat, engine: engine.url }));
const chain = await step('a chain', () => startChain({ anvil: options.anvil, ethers }));
try {
  const contracts = await step('the contracts that the SDK carries',
    () => deploy({ require, sdk: root, ethers, chain, ledgerIs: script.ledgerIs }));
  const provider = chain.wallet(1);
  const upstream = [];
  const service = await step('the template of deploy/0g is filled in', async () => brokerConfig({
    parse, year: script.broker.slice(0, 4), jurat: jurat.url,
    given: {
      PROVIDER_PRIVATE_KEY: provider.privateKey, DATABASE_PASSWORD: 'none', 'YOUR.PUBLIC.NAME': 'inference.example',
      INPUT_PRICE_IN_NEURON: '100', OUTPUT_PRICE_IN_NEURON: '100', MODEL: model, ENGINE_API_KEY: key,
      // Older brokers have no place for it.
      ...(script === current && { SIGNING_ADDRESS: await jurat.address() }),
    },
  }));
  if (options.target === 'v1') service.targetUrl += '/v1';
  const broker = await step(`a stand-in of the broker of ${script.broker}`, () => startBroker({
    generation: script.broker, ethers, service, provider: provider.address,
    onUpstream: (exchange) => upstream.push(exchange),
  }));
  await script.run({
    sdk: require(root), ethers, chain, contracts, broker, service, provider, jurat, engine, model, upstream,
    bin: options.jurat, restarted: () => startJurat({ bin: options.jurat, engine: engine.url }),
  });
} catch (error) {
  fail(error);
}
process.stdout.write(`  ${steps()} steps\n`);
process.exit(0);
