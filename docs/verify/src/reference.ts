/** Reference values: what the TD of the software that a relying party accepts measures to. */

import { toHex } from "./bytes.ts";
import { demand } from "./check.ts";
import type { Table } from "./policy.ts";

/** Members of a set, in the order in which they are told, with their widths in bytes. */
const WIDTHS = {
  mrtd: 48, rtmr0: 48, rtmr1: 48, rtmr2: 48, rtmr3: 48, compose_hash: 32, mrconfigid: 48, mrowner: 48, mrownerconfig: 48,
  td_attributes: 8, xfam: 8, mrseam: 48, mrsignerseam: 48,
} as const;
export type Member = keyof typeof WIDTHS;
export const MEMBERS = Object.keys(WIDTHS) as Member[];

/** One set. What it leaves out may be anything; what it pins must be equal. */
export interface ReferenceSet {
  readonly name: string;
  readonly values: ReadonlyMap<Member, Uint8Array>;
}

/** Without these nobody knows which code measured the rest. */
const LEAST: readonly Member[] = ["mrtd", "rtmr0", "rtmr1", "rtmr2"];

/** @throws Refused */
export function readSet(table: Table): ReferenceSet {
  const name = table.string("name");
  const values = new Map<Member, Uint8Array>();
  for (const member of MEMBERS) {
    const value = table.optionalHex(member, WIDTHS[member]);
    if (value) values.set(member, value);
  }
  table.demandNoOther();
  demand(name.trim() !== "", "policy names no reference set's name");
  const lacks = LEAST.find((member) => !values.has(member));
  demand(lacks === undefined, `reference set \`${name}\` does not pin ${lacks}: without mrtd and rtmr0 to rtmr2 nobody knows which code measured the rest`);
  return { name, values };
}

/** Four bytes of each, from where they begin to differ. */
export function difference(member: Member, wanted: Uint8Array, found: Uint8Array | undefined): string {
  const shown = (bytes: Uint8Array, from: number) => toHex(bytes.subarray(from, from + 4));
  if (!found) return `${member} is not established here, wanted ${shown(wanted, 0)}…`;
  const first = wanted.findIndex((byte, at) => byte !== found[at]);
  if (first < 4) return `${member} is ${shown(found, 0)}…, wanted ${shown(wanted, 0)}…`;
  return `${member} is …${shown(found, first)}…, wanted …${shown(wanted, first)}… (from byte ${first})`;
}
