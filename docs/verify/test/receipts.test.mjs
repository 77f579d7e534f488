// Every receipt vector: the verdict that it states, and the check that it names.

import assert from "node:assert/strict";
import { test } from "node:test";
import { json, judge, statuses, vectors } from "./judge.mjs";

const { checkReceipt, fixedHex, readClaims, readRecord, sha256, utf8 } = judge;

/** The signer whom the vectors take for trusted. */
function signer({ signing_address, claims }) {
  return {
    address: fixedHex(signing_address, 20),
    binding: claims === undefined ? "dstack-v1" : "jurat-v1",
    claims: claims === undefined ? null : { claims: readClaims(claims), hash: sha256(claims) },
    tee: "simulated",
    policy: "simulated",
    standing: "live",
    limits: [],
  };
}

function verdictOn(vector, edit = (text) => text) {
  const record = readRecord(edit(JSON.stringify(vector.record)));
  const clientNonce = vector.client_nonce === undefined ? null : fixedHex(vector.client_nonce, 32);
  return checkReceipt(signer(vector), record, { request: utf8(vector.request), response: utf8(vector.response), clientNonce });
}

const all = vectors("receipt");

test("there are receipt vectors", () => assert.ok(all.length >= 40, `${all.length}`));

for (const path of all) {
  const vector = json(path);
  test(path.slice(path.indexOf("vectors/") + 8), () => {
    let verdict;
    try {
      verdict = verdictOn(vector);
    } catch (error) {
      // a record that cannot be read is no receipt of anybody's
      assert.equal(vector.expect, "refuse", String(error));
      return;
    }
    const failed = statuses(verdict, "fail");
    if (vector.expect === "accept") assert.deepEqual([verdict.verdict, failed], ["trusted", []]);
    else assert.ok(verdict.verdict === "refuted" && failed.includes(vector.check), `${vector.check}: ${failed}`);
  });
}

test("struct hashes, digests and signatures are the published ones", () => {
  const published = json("attestation/vectors/receipt.json");
  const shown = (digest) => `0x${judge.toHex(digest)}`;
  assert.ok(published.receipts.length > 1);
  for (const { about, receipt, struct_hash, digest, signature } of published.receipts) {
    const record = { signing_address: published.signing_address, signing_algo: "ecdsa", receipt, receipt_signature: signature };
    const read = readRecord(JSON.stringify(record));
    assert.equal(shown(judge.structHash(read.receipt)), struct_hash, about);
    assert.equal(shown(judge.receiptDigest(read.receipt)), digest, about);
    const signer = judge.recover(read.receiptSignature, judge.receiptDigest(read.receipt));
    assert.equal(judge.checksummed(signer), published.signing_address, about);
  }
});

test("report data and GPU nonces are the published ones", () => {
  const { signing_address, signing_public_key, bindings } = json("attestation/vectors/bindings.json");
  const [address, key] = [fixedHex(signing_address, 20), fixedHex(signing_public_key, 64)];
  for (const vector of bindings) {
    const { about, binding, report_data, gpu_nonce, tls_cert_fingerprint: spki } = vector;
    const nonce = fixedHex(vector.nonce, 32);
    const leading = judge.leadingHalf(binding, address, spki && fixedHex(spki, 32));
    const committed = {
      claims: vector.claims ?? "", nvidiaPayload: vector.nvidia_payload ?? "", nvswitchPayload: vector.nvswitch_payload ?? "",
    };
    const trailing = binding === "jurat-v1" ? judge.commitment(nonce, committed) : nonce;
    assert.equal(judge.toHex(leading) + judge.toHex(trailing), report_data, about);
    assert.equal(judge.toHex(judge.gpuNonce(binding, address, key, nonce)), gpu_nonce, about);
  }
});

test("any flipped bit of a record is refused, or leaves the same record", () => {
  const vector = json("attestation/vectors/accept/receipt-json.json");
  const text = JSON.stringify(vector.record);
  const original = judge.readRecord(text);
  let state = 1;
  for (let round = 0; round < 400; round++) {
    state = (state * 48271) % 2147483647;
    const flipped = utf8(text);
    flipped[state % flipped.length] ^= 1 << (state >> 8) % 7;
    let verdict;
    try {
      const altered = readRecord(new TextDecoder().decode(flipped));
      verdict = checkReceipt(signer(vector), altered, { request: utf8(vector.request), response: utf8(vector.response) });
      if (judge.toHex(judge.receiptDigest(altered.receipt)) === judge.toHex(judge.receiptDigest(original.receipt))) {
        if (verdict.verdict === "trusted") {
          assert.deepEqual(altered, original);
          continue;
        }
      }
    } catch {
      continue;
    }
    assert.equal(verdict.verdict, "refuted", new TextDecoder().decode(flipped));
  }
});
