/**
 * `nvswitch_payload`: the evidence of the switches between GPUs, LS10 by name. Part of `gpu.mode`. Switches sign reports
 * as GPUs do. Each names itself and the GPUs at its ports, and each GPU the switches at its links, by eight bytes (a PDI);
 * GPUs have a switch's bytes backwards. How a GPU's own PDI follows from its evidence is not published, so the GPUs that
 * switches name are counted and not told.
 */

import { same, toHex } from "../bytes.ts";
import { demand, reasonOf, Refused } from "../check.ts";
import { verifies } from "../x509.ts";
import { verifyChain } from "./certificates.ts";
import { chipOf } from "./identity.ts";
import type { Gpu, Question } from "./index.ts";
import { readPayload, type Evidence, type Payload } from "./payload.ts";
import { parseSpdm, TAG, type SpdmReport } from "./spdm.ts";

const PDI = 8;
/** GPUs at the ports of one switch, at most; after them comes which port leads where. */
const GPUS_OF_SWITCH = 8;
const NOT_CONNECTED = "00".repeat(PDI);

/** What is known of the switches between GPUs. */
export type Fabric =
  | { readonly kind: "absent" }
  | { readonly kind: "attested"; readonly count: number }
  | { readonly kind: "unjudged" | "refused"; readonly reason: string };

/** Judges the switches of GPUs whose reports are signed. */
export function judgeSwitches(gpus: readonly Gpu[], question: Question): Fabric {
  let payload: Payload | null;
  try {
    payload = readPayload(question.switches);
  } catch (error) {
    return { kind: "refused", reason: `switch evidence: ${reasonOf(error)}` };
  }
  if (!payload) return { kind: "absent" };
  const { nonce } = question;
  if (typeof nonce === "string") return { kind: "unjudged", reason: nonce };
  try {
    return { kind: "attested", count: attested(gpus, payload, nonce, question) };
  } catch (error) {
    return { kind: "refused", reason: reasonOf(error) };
  }
}

/** How many switches there are. @throws Refused */
function attested(gpus: readonly Gpu[], payload: Payload, nonce: Uint8Array, question: Question): number {
  const switches = new Set<string>();
  let behind: Set<string> | null = null;
  for (const [at, evidence] of payload.gpus.entries()) {
    const { own, named } = examine(evidence, nonce, question, at);
    demand(!switches.has(own), `switch ${at} is there twice`);
    switches.add(own);
    demand(!behind || equal(behind, named), `switch ${at} leads to other GPUs than those before it`);
    behind = named;
  }
  demand(same(payload.nonce, nonce), "the switches' payload names another nonce than its reports are over");
  for (const [at, { report }] of gpus.entries()) {
    const named = typeof report === "string" ? null : switchesOf(report);
    demand(named && equal(named, switches), `GPU ${at} is linked to other switches than those there is evidence of`);
  }
  const count = behind?.size ?? 0;
  demand(count === gpus.length, `the switches lead to ${count} GPUs, and there is evidence of ${gpus.length}`);
  return switches.size;
}

const equal = (one: ReadonlySet<string>, other: ReadonlySet<string>): boolean =>
  one.size === other.size && [...one].every((pdi) => other.has(pdi));

/** A switch's own PDI and those of the GPUs behind it, if all about it is as it must be. */
function examine(evidence: Evidence, nonce: Uint8Array, { rootSpki, now }: Question, at: number) {
  try {
    const chain = verifyChain(evidence.certificates, rootSpki, now);
    const report = parseSpdm(evidence.report);
    // GPUs have certificates under the same root
    const chip = chipOf(chain.leaf) ?? "";
    demand(chip.startsWith("LS"), `the certificate is that of a ${chip}, which is no switch`);
    demand(verifies(chain.key, report.signature, report.signed, "compact"), "the report's signature is wrong");
    demand(same(report.nonce, nonce), "the report is over another nonce than the binding derives");
    const own = report.opaque.get(TAG.pdi);
    demand(own?.length === PDI, "the report does not name its switch");
    const named = report.opaque.get(TAG.gpusOfSwitch);
    demand(named && named.length >= PDI * GPUS_OF_SWITCH, "the report does not name the GPUs behind its switch");
    return { own: toHex(own), named: connected(named.subarray(0, PDI * GPUS_OF_SWITCH)) };
  } catch (error) {
    throw new Refused(`switch ${at}: ${reasonOf(error)}`);
  }
}

/** The switches that a GPU is linked to. */
function switchesOf({ opaque }: SpdmReport): Set<string> | null {
  const value = opaque.get(TAG.pdi);
  if (!value || value.length % PDI !== 0 || value.length <= PDI) return null;
  const backwards = (pdi: string) => pdi.match(/../g)!.reverse().join("");
  return new Set([...connected(value)].map(backwards));
}

function connected(value: Uint8Array): Set<string> {
  const pdis = Array.from({ length: value.length / PDI }, (_, at) => toHex(value.subarray(PDI * at, PDI * (at + 1))));
  return new Set(pdis.filter((pdi) => pdi !== NOT_CONNECTED));
}
