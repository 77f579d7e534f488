/** The checks on GPU evidence, `gpu.*`. */

import { same, toHex } from "../bytes.ts";
import { fail, pass, reasonOf, skip, type Finding, type ReportCheck } from "../check.ts";
import type { Transcript } from "../verdict.ts";
import { verifies } from "../x509.ts";
import { verifyChain, type Chain } from "./certificates.ts";
import { compareFirmware } from "./firmware.ts";
import { judgeMeasurements, readManifests } from "./measurements.ts";
import { judgeMode } from "./mode.ts";
import { judgeNras, type NrasAnswer, type Service } from "./nras/index.ts";
import { judgeRevocation } from "./ocsp.ts";
import { readPayload, type Evidence, type Payload } from "./payload.ts";
import { judgeSwitches } from "./switches.ts";
import { judgeVersions, type GpuPolicy } from "./versions.ts";
import { chipOf } from "./identity.ts";
import { parseSpdm, type SpdmReport } from "./spdm.ts";

/** What is asked about a report's GPU evidence. */
export interface Question {
  /** `nvidia_payload` as it stands in the report. */
  readonly payload: string;
  /** `nvswitch_payload` as it stands in the report; empty if there is none. */
  readonly switches: string;
  /** How many GPUs the attested claims say there are; `null` if none are attested. */
  readonly claimed: number | null;
  /** Whether the policy insists on GPUs. */
  readonly required: boolean;
  /** What the policy demands of them. */
  readonly policy: GpuPolicy;
  /** The nonce that the GPUs must have signed, or why there is none to compare with. */
  readonly nonce: Uint8Array | string;
  /** SHA-256 of the SubjectPublicKeyInfo of the root of GPUs, and of the root of manifests. */
  readonly rootSpki: Uint8Array;
  readonly rimRootSpki: Uint8Array;
  /** Reference integrity manifests, as they came. */
  readonly rims: readonly string[];
  /** OCSP responses, as they came. */
  readonly ocsp: readonly Uint8Array[];
  /** NVIDIA's own verdict, and who must have given it. */
  readonly nras: NrasAnswer | null;
  readonly nrasService: Service;
  readonly now: number;
}

/** The checks that look into the evidence. */
const INSIDE: readonly ReportCheck[] = [
  "gpu.chain", "gpu.signature", "gpu.nonce", "gpu.firmware", "gpu.versions", "gpu.measurements", "gpu.mode", "gpu.revocation", "gpu.nras",
];

/** One GPU's evidence: its chain and its report, each judged or the reason why it does not hold. */
export interface Gpu {
  readonly chain: Chain | string;
  readonly report: SpdmReport | string;
}

/** Makes every `gpu.*` check. */
export function judgeGpus(question: Question, transcript: Transcript): void {
  const without = (present: Finding, reason: string) => {
    transcript.file("gpu.present", present);
    for (const id of INSIDE) transcript.file(id, skip(reason));
  };
  let payload: Payload | null;
  try {
    payload = readPayload(question.payload);
  } catch (error) {
    return without(fail(reasonOf(error)), "the GPU evidence is not legible");
  }
  if (!payload) {
    const reason = "the report carries no GPU evidence";
    const wanted = question.required || !question.policy.isEmpty || (question.claimed ?? 0) > 0;
    return without(wanted ? fail(reason) : skip(reason), reason);
  }
  const gpus = payload.gpus.map((evidence) => read(evidence, question));

  transcript.file("gpu.present", judgePresent(gpus, question.claimed));
  const chained = transcript.file("gpu.chain", judgeChain(gpus));
  const manifests = readManifests(question.rims, question.rimRootSpki, question.now);
  const signers = manifests.flatMap((manifest) => (typeof manifest === "string" ? [] : [manifest.chain]));
  transcript.file(
    "gpu.revocation",
    chained ? judgeRevocation(gpus, signers, question.ocsp, question.now) : skip("rests on gpu.chain"),
  );
  const signed = transcript.file("gpu.signature", judgeSignature(gpus, chained));
  transcript.file("gpu.nonce", judgeNonce(gpus, payload, question.nonce));
  if (signed) {
    transcript.file("gpu.firmware", judgeFirmware(gpus));
    transcript.file("gpu.versions", judgeVersions(gpus, question.policy));
    transcript.file("gpu.measurements", judgeMeasurements(gpus, manifests));
    const { finding, limit } = judgeMode(reportsOf(gpus), judgeSwitches(gpus, question));
    transcript.file("gpu.mode", finding);
    if (limit !== null) transcript.limit(limit);
  } else {
    for (const id of ["gpu.firmware", "gpu.versions", "gpu.measurements", "gpu.mode"] as const) transcript.file(id, skip("rests on gpu.signature"));
  }
  const { nras, nonce, nrasService, now } = question;
  if (!nras) transcript.file("gpu.nras", skip("NVIDIA's attestation service was not asked"));
  else transcript.file("gpu.nras", signed ? judgeNras(gpus, nras, nonce, nrasService, now) : skip("rests on gpu.signature"));
}

function read(evidence: Evidence, { rootSpki, now }: Question): Gpu {
  const attempt = <T>(make: () => T): T | string => {
    try {
      return make();
    } catch (error) {
      return reasonOf(error);
    }
  };
  return {
    chain: attempt(() => verifyChain(evidence.certificates, rootSpki, now)),
    report: attempt(() => parseSpdm(evidence.report)),
  };
}

const chainsOf = (gpus: readonly Gpu[]) => gpus.map(({ chain }) => chain).filter((chain) => typeof chain !== "string");
const reportsOf = (gpus: readonly Gpu[]) => gpus.map(({ report }) => report).filter((report) => typeof report !== "string");

/** The first objection, with the number of the GPU that it is about. */
function firstObjection(gpus: readonly Gpu[], objection: (gpu: Gpu) => string | null): Finding | null {
  for (const [at, gpu] of gpus.entries()) {
    const reason = objection(gpu);
    if (reason !== null) return fail(`GPU ${at}: ${reason}`);
  }
  return null;
}

/** The key that a GPU was made with, where the certificate above its leaf is the chip's own: leaves it makes at every start. */
function deviceOf({ leaf, links }: Chain): string {
  const above = links[1]?.certificate;
  return toHex((above && chipOf(above)?.startsWith("G") ? above : leaf).spkiDigest);
}

function judgePresent(gpus: readonly Gpu[], claimed: number | null): Finding {
  // switches have certificates under the same root
  const foreign = firstObjection(gpus, ({ chain }) => {
    const chip = typeof chain === "string" ? "G" : chipOf(chain.leaf) ?? "";
    return chip.startsWith("G") ? null : `the certificate is that of a ${chip}, which is no GPU`;
  });
  if (foreign) return foreign;
  const distinct = (keys: readonly string[]) => new Set(keys).size === keys.length;
  const chains = chainsOf(gpus);
  if (!distinct(chains.map(({ leaf }) => toHex(leaf.spkiDigest))) || !distinct(chains.map(deviceOf))) return fail("the evidence of one GPU is there twice");
  const count = gpus.length;
  if (claimed === null) return pass(`evidence of ${count}; how many the machine has is not attested`);
  return claimed === count
    ? pass(`evidence of ${count}, as many as the claims say`)
    : fail(`evidence of ${count}, while the claims say ${claimed}`);
}

function judgeChain(gpus: readonly Gpu[]): Finding {
  const broken = firstObjection(gpus, ({ chain }) => (typeof chain === "string" ? chain : null));
  return broken ?? pass("every chain ends at the pinned root");
}

function judgeSignature(gpus: readonly Gpu[], chained: boolean): Finding {
  const illegible = firstObjection(gpus, ({ report }) => (typeof report === "string" ? report : null));
  if (illegible) return illegible;
  if (!chained) return skip("rests on gpu.chain");
  const unsigned = firstObjection(gpus, ({ chain, report }) => {
    if (typeof chain === "string" || typeof report === "string") return "not legible";
    return verifies(chain.key, report.signature, report.signed, "compact") ? null : "the report's signature is wrong";
  });
  const blocks = reportsOf(gpus).reduce((sum, { blocks }) => sum + blocks.size, 0);
  return unsigned ?? pass(`every report is signed, over ${blocks} measurements in all`);
}

function judgeNonce(gpus: readonly Gpu[], payload: Payload, expected: Uint8Array | string): Finding {
  if (typeof expected === "string") return skip(expected);
  const stale = firstObjection(gpus, ({ report }) => {
    const other = typeof report !== "string" && !same(report.nonce, expected);
    return other ? "the report is over another nonce than the binding derives" : null;
  });
  if (stale) return stale;
  if (reportsOf(gpus).length < gpus.length) return skip("rests on gpu.signature");
  return same(payload.nonce, expected)
    ? pass("every report is over the nonce that the binding derives")
    : fail("the payload names another nonce than its reports are over");
}

function judgeFirmware(gpus: readonly Gpu[]): Finding {
  const compared = (gpu: Gpu) => {
    const { chain, report } = gpu;
    return typeof chain === "string" || typeof report === "string" ? "other" : compareFirmware(report, chain.leaf);
  };
  const other = firstObjection(gpus, (gpu) =>
    compared(gpu) === "other" ? "the report names other firmware than its certificate" : null,
  );
  if (other) return other;
  return gpus.some((gpu) => compared(gpu) === "unnamed")
    ? skip("a report names no firmware, as from drivers before 550")
    : pass("every report names the firmware that its certificate was issued to");
}
