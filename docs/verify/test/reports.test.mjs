// Every report vector: the verdict that it states, the check that it names, and that every other check of the happy path
// passes but for those that rest on the one that refuses.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inputsOf } from "./inputs.mjs";
import { json, judge, statuses, vectors } from "./judge.mjs";

const { base64, fixedHex, parsePolicy, transcriptText, verifyReport } = judge;
function judged(vector) {
  const { report, policy, now, standing, nonce, peer_spki, collateral, rims, ocsp, nras } = inputsOf(vector);
  return verifyReport(report, parsePolicy(policy), {
    now: Number(now), standing, nonce: nonce && fixedHex(nonce, 32), peerSpki: peer_spki && fixedHex(peer_spki, 32),
    collateral: collateral ?? undefined, rims: rims ?? [], ocsp: (ocsp ?? []).map(base64), nras: nras ?? null,
  });
}

const all = vectors("report");

test("there are report vectors", () => {
  assert.ok(all.filter((path) => path.includes("/refuse/")).length >= 120, `${all.length}`);
});

const happy = new Map();
/** The checks that pass where nothing was altered. */
function passesOf(name) {
  if (!happy.has(name)) happy.set(name, statuses(judged({ base: name }), "pass"));
  return happy.get(name);
}

const restsOn = json("attestation/vectors/rests_on.json");
/** The check itself, and all that rest on it. */
function shakenBy(id, found = new Set()) {
  if (found.has(id)) return found;
  found.add(id);
  for (const [other, grounds] of Object.entries(restsOn)) if (grounds.includes(id)) shakenBy(other, found);
  return found;
}

for (const path of all) {
  const vector = json(path);
  test(path.slice(path.indexOf("vectors/") + 8), () => {
    const verdict = judged(vector);
    const transcript = transcriptText(verdict);
    assert.equal(verdict.verdict, vector.verdict, transcript);
    if (vector.expect === "accept") return;
    const refusing = statuses(verdict, vector.verdict === "refuted" ? "fail" : "skip");
    assert.ok(refusing.includes(vector.check), `${vector.check} does not refuse: ${transcript}`);
    const shaken = new Set([vector.check, ...(vector.beside ?? [])].flatMap((id) => [...shakenBy(id)]));
    const passed = statuses(verdict, "pass");
    const lost = passesOf(vector.base).filter((id) => !shaken.has(id) && !passed.includes(id));
    assert.deepEqual(lost, [], `these do not pass either: ${transcript}`);
  });
}
