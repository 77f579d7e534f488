/** The checks by name, and what can become of one. A skip never counts as a pass. */

export const REPORT_CHECKS = [
  "tdx.quote", "tdx.tcb", "tdx.platform", "tdx.debug", "tdx.measurements", "tdx.eventlog", "tdx.compose",
  "bind.address", "bind.signer", "bind.nonce", "bind.claims", "bind.model", "bind.gpu", "bind.tls",
  "gpu.present", "gpu.chain", "gpu.signature", "gpu.nonce", "gpu.firmware", "gpu.versions", "gpu.measurements", "gpu.mode",
  "gpu.revocation", "gpu.nras",
] as const;

export const RECEIPT_CHECKS = [
  "receipt.signature", "receipt.text", "receipt.request", "receipt.response", "receipt.claims", "receipt.chain",
  "receipt.end",
] as const;

/** In the order in which a transcript lists them. */
export const ALL_CHECKS = [...REPORT_CHECKS, ...RECEIPT_CHECKS] as const;

export type ReportCheck = (typeof REPORT_CHECKS)[number];
export type CheckId = (typeof ALL_CHECKS)[number];
export type Status = "pass" | "fail" | "skip";

export interface Finding {
  readonly status: Status;
  /** Why, in one sentence without a full stop. */
  readonly reason: string;
}

export interface Check extends Finding {
  readonly id: CheckId;
}

export const pass = (reason: string): Finding => ({ status: "pass", reason });
export const fail = (reason: string): Finding => ({ status: "fail", reason });
export const skip = (reason: string): Finding => ({ status: "skip", reason });

/** Something does not hold; the message says what, in the words of a reason. */
export class Refused extends Error {}

/** @throws Refused */
export function demand(holds: unknown, reason: string): asserts holds {
  if (!holds) throw new Refused(reason);
}

/** What an error says, whoever threw it: hostile bytes may make a library throw anything. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message || error.name : String(error));
