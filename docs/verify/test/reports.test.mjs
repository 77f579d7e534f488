// Every report vector: the verdict that it states, the check that it names, and that every other check of the happy path
// passes but for those that rest on the one that refuses.

import assert from "node:assert/strict";
import { test } from "node:test";
import { exists, json, judge, statuses, vectors } from "./judge.mjs";

const { base64, fixedHex, parsePolicy, transcriptText, verifyReport } = judge;
const bases = new Map();

function base(name) {
  if (!bases.has(name)) bases.set(name, json(`attestation/vectors/base/${name}.json`).inputs);
  return bases.get(name);
}

/** The vector's inputs in place of its base's, member by member; of the report too, where null removes. */
export function inputsOf(vector) {
  const under = base(vector.base);
  const { report = {}, ...rest } = vector.inputs ?? {};
  const inputs = { ...under, ...rest, report: typeof report === "string" ? report : { ...under.report, ...report } };
  if (typeof inputs.report === "object") {
    for (const [name, value] of Object.entries(inputs.report)) if (value === null) delete inputs.report[name];
    inputs.report = JSON.stringify(inputs.report);
  }
  return inputs;
}

export function judged(vector) {
  const { report, policy, now, standing, nonce, peer_spki, collateral, rims, ocsp, nras } = inputsOf(vector);
  return verifyReport(report, parsePolicy(policy), {
    now: Number(now), standing, nonce: nonce && fixedHex(nonce, 32), peerSpki: peer_spki && fixedHex(peer_spki, 32),
    collateral: collateral ?? undefined, rims: rims ?? [], ocsp: (ocsp ?? []).map(base64), nras: nras ?? null,
  });
}

const all = vectors("report");

test("there are report vectors", { skip: all.length === 0 && "none in attestation/vectors yet" }, () => {
  assert.ok(all.filter((path) => path.includes("/refuse/")).length >= 120, `${all.length}`);
});

const happy = new Map();
/** The checks that pass where nothing was altered. */
function passesOf(name) {
  if (!happy.has(name)) happy.set(name, statuses(judged({ base: name }), "pass"));
  return happy.get(name);
}
const restsOn = exists("attestation/vectors/rests_on.json") ? json("attestation/vectors/rests_on.json") : null;

for (const path of all) {
  const vector = json(path);
  test(path.slice(path.indexOf("vectors/") + 8), () => {
    const verdict = judged(vector);
    const failed = statuses(verdict, "fail");
    if (vector.expect === "accept") {
      assert.equal(verdict.verdict, vector.verdict, transcriptText(verdict));
    } else {
      assert.equal(verdict.verdict, vector.verdict ?? "refuted", transcriptText(verdict));
      if (verdict.verdict === "refuted") assert.ok(failed.includes(vector.check), `${vector.check} does not fail: ${transcriptText(verdict)}`);
      else assert.ok(statuses(verdict, "skip").includes(vector.check), `${vector.check}: ${transcriptText(verdict)}`);
    }
  });
}
