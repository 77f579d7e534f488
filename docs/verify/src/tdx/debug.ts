/**
 * `tdx.debug`: by the TD's attributes nobody outside can look into it, profile it, or take it elsewhere (Intel, *TDX
 * Module ABI Specification*, table 3.23). DCAP verification refuses most of these too, under `tdx.quote`.
 */

import { same } from "../bytes.ts";
import { fail, pass, type Finding } from "../check.ts";
import type { TdReport } from "./quote.ts";

function bits(first: number, last = first): bigint {
  return (1n << BigInt(last + 1)) - (1n << BigInt(first));
}

export const RESERVED = bits(1, 3) | bits(7, 15) | bits(23, 26) | bits(32, 61);
export const PROFILING = bits(4, 6);
export const MIGRATABLE = bits(29);
export const SERVTD_EXT = bits(17);
export const SEPT_VE_DISABLE = bits(28);

const FORBIDDEN: readonly (readonly [bigint, string])[] = [
  [bits(0), "debug TD: the host can read and write its memory"],
  [PROFILING, "the host may profile the TD: timings tell what it computes"],
  [MIGRATABLE, "the TD is migratable: its memory may be handed to another machine"],
  [SERVTD_EXT, "a service TD may be bound to it later, which could move it elsewhere"],
  [RESERVED, "reserved TD attributes are set, of which nobody can say what they allow"],
];
/** Attributes that a TD may have, worth a mention. */
const MENTIONED: readonly (readonly [bigint, string])[] = [[bits(30), "PKS"], [bits(31), "KL"], [bits(63), "PERFMON"]];

/** Bit 0 is in the first byte. */
export const attributesOf = ({ tdAttributes }: TdReport): bigint =>
  tdAttributes.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n);

export function judgeDebug(td: TdReport): Finding {
  const wrong = objection(td);
  if (wrong !== null) return fail(wrong);
  const also = MENTIONED.filter(([bit]) => (attributesOf(td) & bit) !== 0n).map(([, name]) => `, ${name} on`);
  return pass(`no debugging, no migration, no service TD, SEPT_VE_DISABLE on${also.join("")}`);
}

/** What speaks against the TD, if anything does. */
export function objection(td: TdReport): string | null {
  const attributes = attributesOf(td);
  const forbidden = FORBIDDEN.find(([bits]) => (attributes & bits) !== 0n);
  if (forbidden) return `${forbidden[1]} (TDATTRIBUTES 0x${attributes.toString(16).padStart(16, "0")})`;
  if ((attributes & SEPT_VE_DISABLE) === 0n) {
    return "SEPT_VE_DISABLE is off: the host can interrupt the TD at any access to its memory, and confuse it";
  }
  const zero = new Uint8Array(48);
  if (!same(td.mrSignerSeam, zero)) return "the TDX module is not Intel's: MRSIGNERSEAM is not zero";
  const bound = (td.td15 && !same(td.td15.mrServiceTd, zero)) || (td.serviceTdNow && !same(td.serviceTdNow, zero));
  return bound ? "a service TD is bound to the TD: it could move it to another machine" : null;
}
