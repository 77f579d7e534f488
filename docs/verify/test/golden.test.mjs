// NVIDIA's published evidence with the manifests of its driver and its VBIOS; not part of the project.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { exists, file, json, judge } from "./judge.mjs";

const SAMPLES = "../shared/samples";
const FOLDER = `${SAMPLES}/nv-wheel-2.1.0-golden`;
const THEN = 1749600000;
const absent = !exists(`${FOLDER}/evidence.json`) && `${FOLDER} is absent`;
const { authenticateRim, fixedHex, judgeGpus, nvidiaRimRoot, nvidiaRoot, Transcript } = judge;

function judged(path, more = {}) {
  const list = json(path);
  const nonce = list[0].nonce;
  const transcript = new Transcript();
  judgeGpus({
    payload: JSON.stringify({ nonce, evidence_list: list, arch: list[0].arch }), switches: "", claimed: null, required: true, policy: judge.policyNamed("permissive").gpu,
    nonce: fixedHex(nonce, 32), rootSpki: nvidiaRoot("production"), rimRootSpki: nvidiaRimRoot("production"), rims: [],
    ocsp: [], nras: null, nrasService: judge.nvidiaNras("production"), now: THEN, ...more,
  }, transcript);
  return new Map(transcript.checks().map((check) => [check.id, check]));
}

const rim = (name) => file(`${FOLDER}/${name}.swidtag`);
const DRIVER = "Driver_RIM_test_no_gpu";
const VBIOS = "1010_0200_882_96005E0001_test_no_gpu";
const measured = (rims, now = THEN) => judged(`${FOLDER}/evidence.json`, { rims, now }).get("gpu.measurements");

test("published GPU evidence is genuine", { skip: absent }, () => {
  for (const name of ["nvidia-evidence/hopper_evidence", "nvidia-evidence/hopper_evidence_cert_hold", "nvidia-evidence/multi_gpu_hopper", "nv-wheel-2.1.0-golden/evidence"]) {
    const checks = judged(`${SAMPLES}/${name}.json`);
    for (const id of ["gpu.present", "gpu.chain", "gpu.signature", "gpu.nonce"]) {
      assert.equal(checks.get(id).status, "pass", `${name}: ${id}: ${checks.get(id).reason}`);
    }
  }
});

test("all 32 measurements equal their manifests", { skip: absent }, () => {
  const { status, reason } = measured([rim(VBIOS), rim(DRIVER)]);
  assert.deepEqual([status, reason], ["pass", "32 measurements equal NVIDIA's for driver and VBIOS"]);
});

test("an edited, expired or other manifest is refused by name", { skip: absent }, () => {
  const [driver, vbios] = [rim(DRIVER), rim(VBIOS)];
  const refused = (rims, now, words) => {
    const { status, reason } = measured(rims, now);
    assert.ok(status === "fail" && reason.includes(words), `${status}: ${reason}`);
  };
  refused([driver, vbios], 1750950000, "manifest 0: its signer's certificate 0 is not valid at 1750950000");
  refused([driver, vbios], 1750700000, "manifest 1: its signer's certificate 0 is not valid");
  refused([driver, vbios.replace("96.00.5E.00.01", "96.00.5E.00.02")], THEN, "manifest 1: it was edited");
  refused([driver.replace('active="True"', 'active="False"'), vbios], THEN, "it was edited");
  refused([driver, vbios.replace("</ds:SignatureValue>", "</ds:SignatureValu>")], THEN, "end tag");
  refused([driver, rim("1010_0200_882_96005E0003_PROD")], THEN, "no manifest of VBIOS 96.00.5E.00.01 of GH100; there is one of GH100 96.00.5E.00.03");
  assert.deepEqual(measured([driver]).status, "skip");
});

test("every published manifest is authentic while its signer is valid", { skip: absent }, () => {
  const names = readdirSync(new URL(`../../../${FOLDER}/`, import.meta.url)).filter((name) => name.endsWith(".swidtag"));
  assert.equal(names.length, 26);
  for (const name of names) authenticateRim(file(`${FOLDER}/${name}`), nvidiaRimRoot("production"), 1719800000);
});

test("any flipped bit of a manifest is refused", { skip: absent }, () => {
  const bytes = new TextEncoder().encode(rim(DRIVER));
  const root = nvidiaRimRoot("production");
  const whole = JSON.stringify(authenticateRim(rim(DRIVER), root, THEN).golden.map(({ index, alternatives }) => [index, alternatives.map(judge.toHex)]));
  let state = 7;
  for (let round = 0; round < 150; round++) {
    state = (state * 48271) % 2147483647;
    const flipped = bytes.slice();
    flipped[state % bytes.length] ^= 1 << (state >> 9) % 7;
    let read;
    try {
      read = authenticateRim(new TextDecoder().decode(flipped), root, THEN);
    } catch {
      continue;
    }
    // white space inside of a base64 value or between tags of the signature says nothing
    assert.equal(JSON.stringify(read.golden.map(({ index, alternatives }) => [index, alternatives.map(judge.toHex)])), whole);
  }
});
