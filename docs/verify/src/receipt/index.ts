/** The checks on receipts, `receipt.*`: made by a trusted signer alone. */

import { same, sha256 } from "../bytes.ts";
import { fail, pass, reasonOf, skip, type CheckId, type Finding } from "../check.ts";
import { checksummed, messageDigest, recover } from "../identity.ts";
import { limitsOfReceipt } from "../limits.ts";
import type { TrustedSigner } from "../signer.ts";
import { Transcript, type Verdict } from "../verdict.ts";
import { judgePlace } from "./place.ts";
import { receiptDigest, textOf, type SignatureRecord } from "./record.ts";

const ZERO = new Uint8Array(32);

/** What the caller holds of an exchange. */
export interface Bodies {
  /** As it was sent. */
  readonly request: Uint8Array;
  /** As it was received, after transfer-decoding: a stream with every `data:` line, blank line, comment and `[DONE]`. */
  readonly response: Uint8Array;
  /** The `X-Receipt-Nonce` that was sent with the request, if it is to be compared. */
  readonly clientNonce?: Uint8Array | null;
}

/** Whether this signer swore to this very answer to this very request. `neighbours` decide `receipt.chain`. */
export function checkReceipt(
  signer: TrustedSigner, record: SignatureRecord, bodies: Bodies, neighbours: readonly SignatureRecord[] = [],
): Verdict {
  const transcript = new Transcript();
  const { receipt } = record;
  transcript.file("receipt.signature", judgeSignature(record, signer.address));
  transcript.file("receipt.text", judgeText(record));
  transcript.file("receipt.request", judgeRequest(record, bodies));
  transcript.file("receipt.response", judgeResponse(record, bodies));
  transcript.file("receipt.claims", judgeClaims(record, signer));
  transcript.file("receipt.chain", judgePlace(record, neighbours, signer.address));
  transcript.file("receipt.end", receipt.end === "complete"
    ? pass("complete")
    : fail(`${receipt.end}: the answer is not sworn to as complete`));

  const rewritten = !same(receipt.forwardedHash, receipt.requestHash) && !same(receipt.forwardedHash, ZERO);
  limitsOfReceipt(signer.limits, rewritten, transcript);
  const required: CheckId[] = ["receipt.signature", "receipt.text", "receipt.request", "receipt.response", "receipt.end"];
  if (signer.claims) required.push("receipt.claims");
  return {
    verdict: transcript.outcome(required, signer.standing),
    tee: signer.tee,
    signing_address: checksummed(signer.address),
    policy: signer.policy,
    checks: transcript.checks(),
    limits: transcript.limits,
  };
}

/** Both signatures: the receipt's own, and the text's where there is one. */
function judgeSignature(record: SignatureRecord, trusted: Uint8Array): Finding {
  if (record.signingAlgo !== "ecdsa") return fail("the record's algorithm is not ecdsa");
  if (!same(record.signingAddress, trusted)) return fail(`the record names the signer ${checksummed(record.signingAddress)}`);
  const sworn = signedBy(record.receiptSignature, receiptDigest(record.receipt), trusted);
  if (sworn !== null) return fail(`the receipt's signature ${sworn}`);
  if (!same(record.receipt.extrasHash, record.extras === undefined ? ZERO : sha256(record.extras))) {
    return fail("the extras beside the receipt are not the ones that it names");
  }
  if (record.text !== undefined && record.signature) {
    const text = signedBy(record.signature, messageDigest(record.text), trusted);
    if (text !== null) return fail(`the text's signature ${text}`);
  }
  return pass("the trusted signer signed it");
}

/** What is wrong with it, or `null`. */
function signedBy(signature: Uint8Array, digest: Uint8Array, trusted: Uint8Array): string | null {
  try {
    return same(recover(signature, digest), trusted) ? null : "is not the trusted signer's over these contents";
  } catch (error) {
    return `is not valid: ${reasonOf(error)}`;
  }
}

/** The text is what clients of the field check; it stands beside a complete answer alone. */
function judgeText({ text, signature, receipt }: SignatureRecord): Finding {
  const complete = receipt.end === "complete";
  if (text !== undefined && signature && complete) {
    return text === textOf(receipt) ? pass("names the receipt's two hashes") : fail("names other hashes than the receipt");
  }
  if (text === undefined && !signature) {
    return complete
      ? fail("absent, though the answer is sworn to as complete")
      : skip("absent, as it must be for an answer that is not complete");
  }
  return fail(complete
    ? "text and signature do not come together"
    : "there is one, though the answer is not sworn to as complete");
}

function judgeRequest({ receipt }: SignatureRecord, { request, clientNonce }: Bodies): Finding {
  if (!same(sha256(request), receipt.requestHash)) return fail("the receipt is about another request body");
  if (!clientNonce) return pass("the hash is that of your request");
  return same(clientNonce, receipt.clientNonce)
    ? pass("the hash is that of your request, and the nonce is yours")
    : fail("the receipt is about a request with another nonce");
}

function judgeResponse({ receipt }: SignatureRecord, { response }: Bodies): Finding {
  if (!same(sha256(response), receipt.responseHash)) return fail("the receipt is about another answer body");
  return BigInt(response.length) === receipt.responseLength
    ? pass("the hash is that of your answer")
    : fail("the receipt is about an answer body of another length");
}

function judgeClaims({ receipt }: SignatureRecord, { binding, claims }: TrustedSigner): Finding {
  if (!claims) return skip(`the report is bound by ${binding}, which carries no claims`);
  if (!same(receipt.claimsHash, claims.hash)) return fail("the receipt was sworn under other claims than the report's");
  return same(receipt.chain, claims.claims.chain)
    ? pass("sworn under the report's claims")
    : fail("the receipt is of another chain than the claims name");
}
