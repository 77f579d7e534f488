// The real program, with its simulated TEE: the sidecar, and the client's side of it.
import { spawn, execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './chain.mjs';

export async function startJurat({ bin, engine }) {
  const [data, admin] = [await freePort(), await freePort()];
  const args = ['serve', '--simulated-tee', '--engine', engine, '--listen', `127.0.0.1:${data}`, '--admin-listen', `127.0.0.1:${admin}`];
  const child = spawn(bin, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (part) => { said += part; });
  process.on('exit', () => child.kill('SIGKILL'));
  const gone = new Promise((resolve) => child.on('exit', resolve));
  for (let tries = 0; ; tries += 1) {
    const ready = await fetch(`http://127.0.0.1:${admin}/readyz`).then((answer) => answer.ok, () => false);
    if (ready) break;
    if (tries > 300 || child.exitCode !== null) throw new Error(`jurat is not ready:\n${said}`);
    await new Promise((go) => setTimeout(go, 100));
  }
  return {
    url: `http://127.0.0.1:${data}`,
    // What a provider reads off it, by the command of the documentation.
    address: async () => JSON.parse((await run(bin, ['attest', '--admin', `http://127.0.0.1:${admin}`])).out).signing_address,
    stop: async () => {
      child.kill('SIGTERM');
      await gone;
    },
  };
}

// `jurat check` of what a client holds; the verdict as it prints it.
export async function check({ bin, url, id, request, response }) {
  const folder = mkdtempSync(join(tmpdir(), 'jurat-0g-'));
  try {
    writeFileSync(join(folder, 'request'), request);
    writeFileSync(join(folder, 'response'), response);
    const { code, out, err } = await run(bin, ['check', '--url', url, '--policy', 'simulated', '--id', id, '--json',
      '--request', join(folder, 'request'), '--response', join(folder, 'response')]);
    const verdict = out.trim() === '' ? undefined : JSON.parse(out);
    return { code, verdict, err, reason: (name) => verdict?.checks.find((one) => one.id === name)?.reason };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export async function verify({ bin, url }) {
  return run(bin, ['verify', url, '--policy', 'simulated']);
}

function run(bin, args) {
  return new Promise((resolve) => {
    execFile(bin, args, { timeout: 30_000, maxBuffer: 1 << 26 }, (error, out, err) => {
      resolve({ code: error ? (error.code ?? 1) : 0, out, err });
    });
  });
}
