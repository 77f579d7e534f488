// One line a step; the first that fails ends the run.
import assert from 'node:assert/strict';

let done = 0;

export async function step(name, what) {
  const began = performance.now();
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('took longer than 60 s')), 60_000);
  });
  try {
    const value = await Promise.race([what(), late]);
    done += 1;
    process.stdout.write(`  ok    ${name} (${Math.round(performance.now() - began)} ms)\n`);
    return value;
  } catch (error) {
    throw new Error(`at the step "${name}"`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

export const steps = () => done;

export async function throws(what, message) {
  try {
    await what();
  } catch (error) {
    assert.match(String(error.message ?? error), message);
    return;
  }
  assert.fail(`nothing was thrown, though ${message} should have been`);
}
