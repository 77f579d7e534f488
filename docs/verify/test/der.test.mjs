// Certificates that were touched anywhere are not taken for what they were.

import assert from "node:assert/strict";
import { test } from "node:test";
import { file, judge } from "./judge.mjs";

const { Certificate, demandDer, splitPem, toHex } = judge;

test("no flipped bit of a certificate leaves a certificate that its issuer signed", () => {
  for (const [name, curve] of [["intel", "P-256"], ["nvidia", "P-384"]]) {
    const [der] = splitPem(file(`attestation/insecure/${name}-look-alike-root.pem`), 1);
    const root = Certificate.parse(der);
    const key = root.key(curve);
    assert.ok(root.isSignedBy(key));
    for (let bit = 0; bit < 8 * der.length; bit += 11) {
      const flipped = der.slice();
      flipped[bit >> 3] ^= 1 << (bit & 7);
      let signed = false;
      try {
        signed = Certificate.parse(flipped).isSignedBy(key);
      } catch {
        continue;
      }
      assert.ok(!signed, `${name}, bit ${bit}: ${toHex(flipped)}`);
    }
  }
});

test("lengths that contradict each other are no DER", () => {
  for (const hex of ["", "30", "3001", "300200", "3003020100", "30050201000500", "30800000", "30810100", "3082000100", "3003020200", "3004300302", "1f0100", "02010000", "300402020001", "3003010101", "3004030207ff", "30020200"]) {
    const bytes = judge.fixedHex(hex, hex.length / 2);
    if (hex === "3003020100" || hex === "30050201000500") demandDer(bytes);
    else assert.throws(() => demandDer(bytes), hex);
  }
});
