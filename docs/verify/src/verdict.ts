/** A transcript of checks, and what follows from it under a policy. */

import { ALL_CHECKS, type Check, type CheckId, type Finding } from "./check.ts";
import type { TrustedSigner } from "./signer.ts";

export type Outcome = "trusted" | "trusted_then" | "refuted" | "undecided";
/** What kind of machine a policy's roots vouch for. Never what a report says of itself. */
export type Tee = "tdx" | "simulated";
/** Whether a report was obtained for this verification, or kept from an earlier one. */
export type Standing = "live" | "archived";

export interface Verdict {
  readonly verdict: Outcome;
  readonly tee: Tee;
  /** The signer that the report names, EIP-55. Proven only if the outcome is trusted. */
  readonly signing_address: string | null;
  readonly policy: string;
  readonly checks: readonly Check[];
  /** What even a trusted verdict does not say. */
  readonly limits: readonly string[];
}

/** A verdict on a report. Only a trusted one has a signer, and only a signer checks receipts. */
export interface ReportVerdict extends Verdict {
  readonly signer: TrustedSigner | null;
}

export const isTrusted = (outcome: Outcome): boolean => outcome === "trusted" || outcome === "trusted_then";

export class Transcript {
  private readonly filed: Check[] = [];
  readonly limits: string[] = [];
  private waived: CheckId | null = null;

  /** Files a finding; whether it holds is handed back, for the checks that rest on it. */
  file(id: CheckId, finding: Finding): boolean {
    this.filed.push({ id, status: finding.status, reason: printable(finding.reason) });
    return finding.status === "pass";
  }

  limit(limit: string): void {
    this.limits.push(limit);
  }

  /** Does without a check that the policy requires and that cannot be made. If it was made, it counts. */
  waive(id: CheckId): void {
    this.waived = id;
  }

  passed(id: CheckId): boolean {
    return this.filed.some((check) => check.id === id && check.status === "pass");
  }

  checks(): Check[] {
    return [...this.filed].sort((one, other) => ALL_CHECKS.indexOf(one.id) - ALL_CHECKS.indexOf(other.id));
  }

  /** A failed check refutes, a required check that is not a pass leaves undecided. */
  outcome(required: readonly CheckId[], standing: Standing): Outcome {
    if (this.filed.some((check) => check.status === "fail")) return "refuted";
    if (!required.every((id) => id === this.waived || this.passed(id))) return "undecided";
    return standing === "live" ? "trusted" : "trusted_then";
  }
}

/** Reasons may quote what strangers wrote: no control characters, and no flood. */
function printable(reason: string): string {
  return Array.from(reason).slice(0, 400).join("").replace(/\p{Cc}/gu, "\ufffd");
}

/** The transcript as `jurat verify` prints it. */
export function transcriptText(verdict: Verdict): string {
  const lines = verdict.checks.map(({ id, status, reason }) => `${status} ${id.padEnd(17)} ${reason}`);
  const signer = verdict.signing_address === null ? "" : `, signer ${verdict.signing_address}`;
  lines.push(`verdict: ${verdict.verdict} under the policy ${verdict.policy}, tee ${verdict.tee}${signer}`);
  return [...lines, ...verdict.limits.map((limit) => `limit: ${limit}`)].join("\n");
}
