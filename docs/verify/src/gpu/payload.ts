/**
 * `nvidia_payload` and `nvswitch_payload`: what a report carries of its GPUs and of the switches between them, as NVIDIA's
 * attestation service takes it.
 */

import { base64, utf8 } from "../bytes.ts";
import { demand, Refused } from "../check.ts";
import { parseDigest } from "../identity.ts";
import { JsonError, Members, parseJson } from "../json.ts";

/** More than any machine has: eight GPUs of some twelve kilobytes each are usual. */
const MAX_TEXT = 1 << 20;
const MAX_DEVICES = 32;

/** One device's evidence, decoded from base64 and not yet believed. */
export interface Evidence {
  /** PEM text, perhaps with trailing NULs. */
  readonly certificates: Uint8Array;
  /** SPDM request and response. */
  readonly report: Uint8Array;
}

export interface Payload {
  /** What the payload says its nonce is. */
  readonly nonce: Uint8Array;
  readonly gpus: readonly Evidence[];
}

/** `null` if there is no evidence at all. @throws Refused */
export function readPayload(text: string): Payload | null {
  demand(utf8(text).length <= MAX_TEXT, `the payload is longer than ${MAX_TEXT} bytes`);
  if (text === "") return null;
  let stated: string;
  let entries: { certificate: string; evidence: string }[];
  try {
    const members = new Members(parseJson(text));
    stated = members.string("nonce");
    entries = members.array("evidence_list").map((value) => {
      const entry = new Members(value);
      return { certificate: entry.string("certificate"), evidence: entry.string("evidence") };
    });
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new Refused(`the payload is not the JSON that NVIDIA's service takes: ${error.message}`);
  }
  if (entries.length === 0) return null;
  demand(entries.length <= MAX_DEVICES, `the payload lists ${entries.length} devices, more than ${MAX_DEVICES}`);
  const nonce = parseDigest(stated);
  demand(nonce, "the payload's nonce is not 64 hexadecimal digits");
  const gpus = entries.map((entry, at) => {
    const [certificates, report] = [base64(entry.certificate), base64(entry.evidence)];
    demand(certificates && report, `device ${at}: evidence or certificate is not base64`);
    return { certificates, report };
  });
  return { nonce, gpus };
}
