// A chain of one machine, with the contracts whose bytecode the SDK itself carries.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

// The test mnemonic that anvil's accounts come from: nothing of value was ever theirs.
const MNEMONIC = 'test test test test test test test test test test test junk';

export async function freePort() {
  const server = createServer();
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

export async function startChain({ anvil, ethers }) {
  const port = await freePort();
  const child = spawn(anvil, ['--host', '127.0.0.1', '--port', String(port), '--chain-id', '31337', '--silent'], { stdio: 'ignore' });
  process.on('exit', () => child.kill());
  const url = `http://127.0.0.1:${port}`;
  const provider = new ethers.JsonRpcProvider(url, 31337, { staticNetwork: true, cacheTimeout: -1 });
  provider.pollingInterval = 50;
  for (let tries = 0; ; tries += 1) {
    try {
      await fetch(url, { method: 'POST', body: '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}', headers: { 'content-type': 'application/json' } });
      break;
    } catch (error) {
      if (tries > 100) throw new Error(`anvil did not start: ${error}`);
      await new Promise((go) => setTimeout(go, 100));
    }
  }
  // A wallet that counts for itself: several transactions of one account may follow each other at once.
  const wallet = (index) => {
    const { privateKey } = ethers.HDNodeWallet.fromPhrase(MNEMONIC, '', `m/44'/60'/0'/0/${index}`);
    return new ethers.Wallet(privateKey, provider);
  };
  return { url, provider, wallet, stop: () => child.kill() };
}

// The factory of a contract in the SDK's folder, under whatever name it is exported.
function factory(require, sdk, kind) {
  const folder = join(sdk, 'lib.commonjs', kind, 'contract', 'typechain', 'factories');
  const file = readdirSync(folder).find((name) => name.endsWith('__factory.js'));
  return Object.values(require(join(folder, file)))[0];
}

// Ledger and inference contracts, deployed and introduced to each other as this generation of them wants it.
export async function deploy({ require, sdk, ethers, chain, ledgerIs }) {
  const owner = chain.wallet(0);
  const put = async (kind) => {
    const { abi, bytecode } = factory(require, sdk, kind);
    const code = await new ethers.ContractFactory(abi, bytecode, owner).deploy();
    await code.waitForDeployment();
    // The newer ones can't be initialised where they are, only behind a proxy: ERC-1167's, for all.
    const target = (await code.getAddress()).slice(2).toLowerCase();
    const data = `0x3d602d80600a3d3981f3363d3d373d3d3d363d73${target}5af43d82803e903d91602b57fd5bf3`;
    const { contractAddress } = await (await owner.sendTransaction({ data })).wait();
    return new ethers.Contract(contractAddress, abi, owner);
  };
  const [inference, ledger, fineTuning] = [await put('inference'), await put('ledger'), await put('fine-tuning')];
  const [of, at, tuned] = [await ledger.getAddress(), await inference.getAddress(), await fineTuning.getAddress()];
  const locked = 24 * 60 * 60;
  const sent = async (transaction) => (await transaction).wait();
  if (ledgerIs === 'pair') {
    const arity = inference.interface.getFunction('initialize').inputs.length;
    // The oldest also names a verifier of proofs, which no request of ours reaches.
    const verifier = arity === 4 ? [ethers.ZeroAddress] : [];
    await sent(inference.initialize(locked, ...verifier, of, owner.address));
    await sent(ledger.initialize(at, tuned, owner.address));
  } else {
    await sent(inference.initialize(locked, of, owner.address));
    await sent(fineTuning.initialize(locked, of, owner.address, 0n));
    await sent(ledger.initialize(owner.address));
    await sent(ledger.registerService('inference', 'v1.0', at, 'inference'));
    await sent(ledger.registerService('fine-tuning', 'v1.0', tuned, 'fine-tuning'));
  }
  return { owner, inference, ledger, addresses: [of, at, tuned] };
}
