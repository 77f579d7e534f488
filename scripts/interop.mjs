#!/usr/bin/env node
// Checks that ethers, used as any wallet uses it, verifies what jurat signs: nothing of ours is needed.
//
//   interop.mjs                                   the vectors of attestation/vectors
//   interop.mjs --record FILE --address 0x..      a record of GET /signature/{id}
//
// ethers is looked for in .tools: npm install --prefix .tools ethers@6.17.0

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";

const root = new URL("../", import.meta.url);
let ethers;
try {
  ({ ethers } = createRequire(new URL(".tools/package.json", root))("ethers"));
} catch (error) {
  console.error(`interop.mjs: ethers is missing: npm install --prefix .tools ethers@6.17.0 (${error.code})`);
  process.exit(69);
}

const json = (path) => JSON.parse(readFileSync(path, "utf8"));
const published = json(new URL("attestation/vectors/receipt.json", root));

/** `Name(type member,..)`, as the specification prints it, in the form of wallet libraries. */
function members(text) {
  const list = text.slice(text.indexOf("(") + 1, -1).split(",");
  return list.map((part) => part.split(" ")).map(([type, name]) => ({ type, name }));
}

/** Each type with its member in the vectors, and one of its numbers. */
const types = { Receipt: ["receipt", "sequence"], Head: ["head", "sequence"], PrunePoint: ["prune_point", "last"] };

function typedSigner(name, message, signature) {
  const [shown] = types[name];
  const encoded = { [name]: members(published[`${shown}_type`]) };
  return ethers.verifyTypedData(published.domain, encoded, message, signature);
}

/** Yields what was checked and whether it is as it should be; an altered message must have another signer. */
function* ofVectors() {
  const address = published.signing_address;
  for (const [name, [shown, number]] of Object.entries(types)) {
    for (const { about, signature, [shown]: value } of published[`${shown}s`]) {
      yield [`${name}: ${about}`, typedSigner(name, value, signature) === address];
      const altered = { ...value, [number]: value[number] ? value[number] - 1 : 1 };
      yield [`${name}, altered: ${about}`, typedSigner(name, altered, signature) !== address];
    }
  }
  const texts = json(new URL("attestation/vectors/text.json", root));
  for (const { about, text, signature } of texts.texts) {
    yield [`text: ${about}`, ethers.verifyMessage(text, signature) === texts.signing_address];
    yield [`text, altered: ${about}`, ethers.verifyMessage(`${text} `, signature) !== address];
  }
}

function* ofRecord(record, address) {
  const same = ethers.getAddress(address.toLowerCase());
  const { receipt } = record;
  yield ["receipt_signature", typedSigner("Receipt", receipt, record.receipt_signature) === same];
  if (record.text === undefined) {
    yield ["no text beside an answer that is not complete", receipt.end !== "complete"];
  } else {
    yield ["signature", ethers.verifyMessage(record.text, record.signature) === same];
    const hashes = [receipt.requestHash, receipt.responseHash].map((hash) => hash.slice(2));
    yield ["text", record.text === hashes.join(":")];
  }
}

function refuseUsage(reason) {
  console.error(`interop.mjs: error: ${reason}`);
  process.exit(64);
}

let given;
try {
  given = parseArgs({ options: { record: { type: "string" }, address: { type: "string" } } }).values;
} catch (error) {
  refuseUsage(error.message);
}
if ((given.record === undefined) !== (given.address === undefined)) {
  refuseUsage("--record and --address go together");
}
const found = given.record ? ofRecord(json(given.record), given.address) : ofVectors();
let passed = 0;
let failed = 0;
for (const [what, holds] of found) {
  if (holds) {
    passed += 1;
  } else {
    failed += 1;
    console.log(`fail ${what}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed || !passed ? 1 : 0;
