/** What a trusted verdict does not say. Shown with every verdict, trusted or not, where it applies. */

import type { Bound } from "./bind/index.ts";
import type { Roots } from "./roots.ts";
import type { Standing, Transcript } from "./verdict.ts";

const SIMULATED = "simulated hardware: this says nothing about any real machine";
const CODE = "at best genuine TDX and GPU: which code runs there was NOT checked";
const RELAY = "an identical genuine machine elsewhere may be answering in this one's place";
const PHYSICAL =
  "whoever holds the machine may extract attestation keys from its memory bus (TEE.fail, WireTap, Battering RAM)";
const GPU_TO_CPU =
  "without TDISP the hardware does not tie the GPU to the CPU: the GPU may be another machine's, relayed by code inside the VM";
const SHARED_NONCE =
  "the quote does not commit to the GPU evidence: both share a public nonce alone, so the GPU may be any genuine one";
export const NVLINK =
  "NVLink fabric unattested: in protected-PCIe mode GPUs talk to each other in the clear, over switches that nobody has vouched for";
export const PLAIN_NVLINK =
  "in protected-PCIe mode GPUs talk to each other in the clear: the switches between them are genuine, the links can be read by whoever taps them";
const FRESHNESS = "no nonce of your own: the report may be old";
const ARCHIVED = "judged as of a time that was named, not proven";
const PAST =
  "the report was kept: it proves the past, not the present; the machine may since have been stopped, altered or found wanting";
const REWRITTEN =
  "the engine was given another request body than the one that was received: a rewrite that the machine's configuration names";

export interface About {
  readonly roots: Roots;
  /** Whether `tdx.measurements` passed. */
  readonly codeKnown: boolean;
  readonly bound: Bound;
  readonly gpus: boolean;
  readonly nonce: boolean;
  readonly standing: Standing;
}

export function limitsOfReport({ roots, codeKnown, bound, gpus, nonce, standing }: About, transcript: Transcript): void {
  const limits = roots === "simulated" ? [SIMULATED] : [...(codeKnown ? [] : [CODE]), RELAY, PHYSICAL];
  if (gpus) limits.push(GPU_TO_CPU);
  if (gpus && (bound.binding === "dstack-v1" || bound.binding === "dstack-v2")) limits.push(SHARED_NONCE);
  if (!nonce) limits.push(FRESHNESS);
  if (standing === "archived") limits.push(ARCHIVED, PAST);
  limits.forEach((limit) => transcript.limit(limit));
}

/** Of a receipt: those of its signer's report, and its own. */
export function limitsOfReceipt(ofSigner: readonly string[], rewritten: boolean, transcript: Transcript): void {
  [...ofSigner, ...(rewritten ? [REWRITTEN] : [])].forEach((limit) => transcript.limit(limit));
}
