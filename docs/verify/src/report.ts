/** The judgement of a report: authenticate, then appraise. Pure: no clock, no network, no file. */

import { fail, reasonOf, Refused, REPORT_CHECKS, skip } from "./check.ts";
import { judgeBinding } from "./bind/index.ts";
import { readReport, type Report } from "./evidence.ts";
import type { NrasAnswer } from "./gpu/nras/index.ts";
import { judgeGpus } from "./gpu/index.ts";
import { checksummed, parseAddress } from "./identity.ts";
import { limitsOfReport } from "./limits.ts";
import { demandsOf, type Policy } from "./policy.ts";
import { nvidiaNras, nvidiaRimRoot, nvidiaRoot } from "./roots.ts";
import { appraise, authenticate } from "./tdx/index.ts";
import { isTrusted, Transcript, type ReportVerdict, type Standing, type Tee } from "./verdict.ts";

/** Everything that a judgement rests on beside the report and the policy. */
export interface Inputs {
  /** Unix seconds. Of a report that was kept, the time that the caller names. */
  readonly now: number;
  /** Whether the report was obtained for this judgement. One that calls itself archived never was. */
  readonly standing: Standing;
  /** The nonce that the caller drew and asked the report for; without it no freshness is proven. */
  readonly nonce?: Uint8Array | null;
  /** Intel's statements on the platform, as dcap-qvl's `QuoteCollateralV3` in JSON. Untrusted: it is signed. */
  readonly collateral?: string | undefined;
  /** NVIDIA's reference integrity manifests, SWID tags in XML as they were fetched. Untrusted: they are signed. */
  readonly rims?: readonly string[];
  /** DER of OCSP responses about the certificates of GPUs. Untrusted: they are signed. */
  readonly ocsp?: readonly Uint8Array[];
  /** What NVIDIA's attestation service said of the report's GPU evidence. */
  readonly nras?: NrasAnswer | null;
  /** SHA-256 of the SubjectPublicKeyInfo that the caller saw on the TLS connection. */
  readonly peerSpki?: Uint8Array | null;
}

/** Whatever the bytes, there is a verdict: a report that is not legible is refuted. */
export function verifyReport(text: string, policy: Policy, inputs: Inputs): ReportVerdict {
  const transcript = new Transcript();
  let report: Report;
  try {
    report = readReport(text);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    transcript.file("tdx.quote", fail(reasonOf(error)));
    for (const id of REPORT_CHECKS.slice(1)) transcript.file(id, skip("the report is not legible"));
    return conclude(transcript, policy, inputs.standing, null);
  }
  const standing = report.archived === true ? "archived" : inputs.standing;
  const nonce = inputs.nonce ?? null;
  const own = policy.roots === "simulated" ? report.collateral : undefined;

  const quote = authenticate(report, policy, inputs.collateral ?? own, inputs.now, transcript);
  const bound = judgeBinding(report, policy, quote, nonce, inputs.peerSpki ?? null, transcript);
  judgeGpus(
    {
      payload: report.nvidiaPayload,
      switches: report.nvswitchPayload ?? "",
      claimed: bound.claims?.claims.gpus ?? null,
      policy: policy.gpu,
      required: demandsOf(policy).includes("gpu.present"),
      nonce: bound.gpuNonce,
      rootSpki: nvidiaRoot(policy.roots),
      rimRootSpki: nvidiaRimRoot(policy.roots),
      rims: inputs.rims ?? [],
      ocsp: inputs.ocsp ?? [],
      nras: inputs.nras ?? null,
      nrasService: nvidiaNras(policy.roots),
      now: inputs.now,
    },
    transcript,
  );
  appraise(report, policy, quote, transcript);
  const gpus = report.nvidiaPayload !== "";
  const codeKnown = transcript.passed("tdx.measurements");
  limitsOfReport({ roots: policy.roots, codeKnown, bound, gpus, nonce: nonce !== null, standing }, transcript);

  // a nonce shows that a report is no older than the question: of a kept one nobody asked any
  if (standing === "archived" && nonce === null) transcript.waive("bind.nonce");
  const address = parseAddress(report.signingAddress);
  const verdict = conclude(transcript, policy, standing, address);
  if (!isTrusted(verdict.verdict) || !address || !bound.binding) return verdict;
  const { tee, limits } = verdict;
  return {
    ...verdict,
    signer: { address, binding: bound.binding, claims: bound.claims, tee, policy: policy.name, standing, limits },
  };
}

function conclude(transcript: Transcript, policy: Policy, standing: Standing, address: Uint8Array | null): ReportVerdict {
  const tee: Tee = policy.roots === "simulated" ? "simulated" : "tdx";
  return {
    verdict: transcript.outcome(demandsOf(policy), standing),
    tee,
    signing_address: address && checksummed(address),
    policy: policy.name,
    checks: transcript.checks(),
    limits: transcript.limits,
    signer: null,
  };
}
