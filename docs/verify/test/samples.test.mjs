// Genuine reports, which are not part of the project: where they are absent these tests skip, and say so.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, exists, file, json, judge, statuses } from "./judge.mjs";

const SAMPLES = "../shared/samples";
const absent = !exists(`${SAMPLES}/README.md`) && `${SAMPLES} is absent`;
const { fixedHex, policyNamed, transcriptText, verifyReport } = judge;

const NANOGPT = {
  folder: "nanogpt-ecdsa-1xGPU-20260610", at: 1781056145,
  nonce: "9a796732359e9324a45576a730e5a9c47bff518b8ee8bcb882d00b5b1ff6f39a",
};
const VENICE = {
  folder: "venice-ecdsa-8xH100-20260610", at: 1781056027,
  nonce: "d2f37ab51f93f80365506fcc09119b28bd9c521be89ba25e3aa439912bbba732",
};

function judged({ folder, at, nonce }, policy, edit = (report) => report, more = {}) {
  const report = edit(json(`${SAMPLES}/${folder}/attestation_report.json`));
  const collateral = file(`${SAMPLES}/${folder}/collateral.json`);
  const inputs = { now: at, standing: "archived", nonce: nonce && fixedHex(nonce, 32), collateral, ...more };
  return verifyReport(JSON.stringify(report), policyNamed(policy), inputs);
}

test("a genuine report of one GPU holds", { skip: absent }, () => {
  for (const policy of ["0g", "permissive"]) {
    const verdict = judged(NANOGPT, policy);
    assert.equal(verdict.verdict, "trusted_then", transcriptText(verdict));
    assert.deepEqual(statuses(verdict, "pass"), [
      "tdx.quote", "tdx.tcb", "tdx.debug", "tdx.eventlog", "tdx.compose", "bind.address", "bind.nonce", "gpu.present", "gpu.chain",
      "gpu.signature", "gpu.nonce", "gpu.firmware", "gpu.mode",
    ]);
    assert.equal(verdict.signing_address, "0xa6df16ebBc510D97A32b99B4DFD33793acC90e2b");
  }
});

test("a genuine report of eight GPUs holds but for its fabric", { skip: absent }, () => {
  const verdict = judged(VENICE, "0g");
  assert.equal(verdict.verdict, "trusted_then", transcriptText(verdict));
  assert.equal(verdict.checks.find(({ id }) => id === "gpu.mode").status, "skip");
  assert.ok(verdict.limits.some((limit) => limit.includes("NVLink")));
});

test("genuine hardware is refused where it must be, by name", { skip: absent }, () => {
  assert.deepEqual(statuses(judged(NANOGPT, "production"), "fail"), ["bind.address"]);
  assert.deepEqual(statuses(judged(NANOGPT, "simulated"), "fail").slice(0, 1), ["tdx.quote"]);
  const late = { ...NANOGPT, at: NANOGPT.at + 60 * 86400 };
  assert.deepEqual(statuses(judged(late, "0g"), "fail"), ["tdx.quote"]);
  const other = { ...NANOGPT, nonce: VENICE.nonce };
  assert.deepEqual(statuses(judged(other, "0g"), "fail"), ["bind.nonce", "gpu.nonce"]);
  assert.equal(judged(NANOGPT, "0g", undefined, { collateral: undefined }).verdict, "undecided");
});

test("any flipped byte of a genuine quote is refused", { skip: absent }, () => {
  for (const at of [0, 4, 30, 180, 376, 568, 631, 640, 700, 760, 900, 1100]) {
    const verdict = judged(NANOGPT, "0g", (report) => {
      const quote = fixedHex(report.quote, report.quote.length / 2);
      quote[at] ^= 1;
      return { ...report, quote: judge.toHex(quote), intel_quote: judge.toHex(quote) };
    });
    assert.ok(statuses(verdict, "fail").includes("tdx.quote"), `byte ${at}`);
  }
});

test("published quotes are judged at their times", { skip: absent }, () => {
  const folder = `${SAMPLES}/dcap-qvl-crate`;
  for (const [name, at, expected] of [
    ["tdx_quote", 1752000000, "pass"],
    ["tdx_quote_td15ex", 1792000000, "pass"],
    ["tdx_quote", 1852000000, "fail"],
    ["sgx_quote", 1752000000, "fail"],
    ["tdx_quote_outdated", 1772323200, "fail"],
  ]) {
    const report = { signing_address: "0x" + "00".repeat(20), quote: judge.toHex(bytes(`${folder}/${name}`)) };
    const collateral = file(`${folder}/${name}_collateral.json`);
    const verdict = verifyReport(JSON.stringify(report), policyNamed("permissive"), { now: at, standing: "archived", collateral });
    assert.equal(verdict.checks[0].status, expected, `${name} at ${at}: ${verdict.checks[0].reason}`);
  }
});

/** What NVIDIA's service said of a report, with the keys of the day. */
const nras = ({ folder }) => ({
  answer: file(`${SAMPLES}/${folder}/nras_response.json`), jwks: file(`${SAMPLES}/${folder}/nras_jwks.json`),
});
const nrasCheck = (verdict) => verdict.checks.find(({ id }) => id === "gpu.nras");

test("NVIDIA's own verdicts on both reports hold", { skip: absent }, () => {
  for (const sample of [NANOGPT, VENICE]) {
    const verdict = judged(sample, "0g", undefined, { nras: nras(sample) });
    const { status, reason } = nrasCheck(verdict);
    assert.equal(status, "pass", reason);
    assert.equal(verdict.verdict, "trusted_then");
  }
});

test("NVIDIA's verdict on another report, a later one and a refusal are refused", { skip: absent }, () => {
  const other = judged(NANOGPT, "0g", undefined, { nras: nras(VENICE) });
  assert.match(nrasCheck(other).reason, /nonce|GPU/);
  assert.equal(other.verdict, "refuted");
  const refusal = nrasCheck(judged(NANOGPT, "0g", undefined, { nras: nras({ folder: "phala-20260610" }) }));
  assert.equal(refusal.status, "fail", refusal.reason);
  const { answer, jwks } = nras(NANOGPT);
  const swapped = nrasCheck(judged(NANOGPT, "0g", undefined, { nras: { answer: answer.replace(/[A-Za-z](?="\])/, "_"), jwks } }));
  assert.equal(swapped.status, "fail", swapped.reason);
});
