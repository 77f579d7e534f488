/**
 * A second opinion on the quote: the published JavaScript verifier of Phala's dcap-qvl. It leaves out what
 * `dcap.ts` and `chain.ts` check (CRL signatures, issuers' rights, the TDX module), so it can only speak against a quote.
 */

import { QuoteVerifier } from "@phala/dcap-qvl/src/verify.js";
import { Buffer } from "buffer";
import { demand, reasonOf } from "../check.ts";
import type { Quote } from "./quote.ts";

/** What version 0.3.9 cannot judge: body type 4, and debug TDs, which `tdx.debug` refuses. */
const BEYOND = ["Unsupported body type", "Debug mode is enabled"];

/** @throws Refused if it refuses what ours does not */
export function secondOpinion(bytes: Uint8Array, quote: Quote, collateral: string, root: Uint8Array, now: number): void {
  try {
    const verifier = QuoteVerifier.newWithRootCa(Buffer.from(root));
    verifier.verify(Buffer.from(bytes), JSON.parse(collateral), now);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
    const reason = reasonOf(error) + cause;
    const beyond = BEYOND.some((known) => reason.includes(known)) && (quote.td.tdAttributes[0] !== 0 || quote.td.td15);
    demand(beyond, `a second verifier, dcap-qvl's in JavaScript, refuses it: ${reason}`);
  }
}
