/** `receipt.chain`: the receipt stands where its neighbours say that it stands. */

import { same, sha256 } from "../bytes.ts";
import { fail, pass, skip, type Finding } from "../check.ts";
import { messageDigest, recover } from "../identity.ts";
import { receiptDigest, structHash, textOf, type SignatureRecord } from "./record.ts";

/** Records of other chains and of places further away say nothing about this receipt. */
export function judgePlace(record: SignatureRecord, neighbours: readonly SignatureRecord[], trusted: Uint8Array): Finding {
  const { receipt } = record;
  if (receipt.sequence === 1n && !same(receipt.previous, receipt.chain)) {
    return fail("it is the first of its chain and does not begin with the chain's name");
  }
  const hash = structHash(receipt);
  let before = false;
  let after = false;
  for (const neighbour of neighbours) {
    const other = neighbour.receipt;
    const distance = other.sequence - receipt.sequence;
    if (!same(other.chain, receipt.chain) || distance < -1n || distance > 1n) continue;
    if (!same(neighbour.signingAddress, trusted) || !isAuthentic(neighbour)) {
      return fail(`the neighbour at ${other.sequence} is not one that the trusted signer signed`);
    }
    const fits =
      distance < 0n ? same(structHash(other), receipt.previous)
      : distance === 0n ? same(structHash(other), hash)
      : same(other.previous, hash);
    if (!fits) return fail(`it does not fit the neighbour at ${other.sequence}`);
    before ||= distance < 0n;
    after ||= distance > 0n;
  }
  if (before && after) return pass("it stands between its neighbours");
  if (before) return pass("it follows the receipt before it");
  if (after) return pass("the receipt after it follows it");
  return skip("no neighbouring receipt was given");
}

/** Whether the address that the record names signed all of it. */
function isAuthentic(record: SignatureRecord): boolean {
  const { receipt, extras, signature, text } = record;
  const signed = (by: Uint8Array, digest: Uint8Array) => same(recover(by, digest), record.signingAddress);
  const expected = receipt.end === "complete" ? textOf(receipt) : undefined;
  try {
    return (
      text === expected &&
      (expected === undefined ? !signature : signature !== undefined && signed(signature, messageDigest(expected))) &&
      record.signingAlgo === "ecdsa" &&
      same(receipt.extrasHash, extras === undefined ? new Uint8Array(32) : sha256(extras)) &&
      signed(record.receiptSignature, receiptDigest(receipt))
    );
  } catch {
    return false;
  }
}
