/** `gpu.versions`: the GPUs are of generations, with drivers and VBIOSes, that the policy accepts. */

import { demand, fail, pass, reasonOf, Refused, skip, type Finding } from "../check.ts";
import type { Table } from "../policy.ts";
import { identityOf, type Identity } from "./identity.ts";
import type { Gpu } from "./index.ts";

const GENERATIONS: Record<string, string> = { HOPPER: "GH", BLACKWELL: "GB" };

/** Numbers between dots. */
type Version = readonly number[];

interface Accepted {
  readonly least: Version | null;
  readonly listed: readonly Version[];
}

/** Demands on every GPU of a report. Empty demands nothing. */
export interface GpuPolicy {
  readonly drivers: Accepted;
  readonly vbioses: Accepted;
  /** How the names of accepted chips begin. */
  readonly chips: readonly string[];
  readonly isEmpty: boolean;
}

/** @throws Refused */
export function readGpuPolicy(table: Table | null): GpuPolicy {
  const version = (text: string, radix: 10 | 16): Version => {
    const found = parseVersion(text, radix);
    demand(found, `policy is not readable: ${text} is not a version: numbers between dots are wanted, of a driver in decimal, of a VBIOS in hexadecimal`);
    return found;
  };
  const read = (least: string, list: string, radix: 10 | 16): Accepted => {
    const minimum = table?.optionalString(least);
    const listed = table?.strings(list, []) ?? [];
    return { least: minimum === undefined ? null : version(minimum, radix), listed: listed.map((text) => version(text, radix)) };
  };
  const drivers = read("min_driver", "drivers", 10);
  const vbioses = read("min_vbios", "vbioses", 16);
  const chips = (table?.strings("architectures", []) ?? []).map((name) => {
    const chip = Object.hasOwn(GENERATIONS, name) ? GENERATIONS[name] : undefined;
    demand(chip !== undefined, `policy is not readable: unknown architecture ${name}`);
    return chip;
  });
  table?.demandNoOther();
  const none = ({ least, listed }: Accepted) => least === null && listed.length === 0;
  return { drivers, vbioses, chips, isEmpty: none(drivers) && none(vbioses) && chips.length === 0 };
}

function parseVersion(text: string, radix: 10 | 16): Version | null {
  const digits = radix === 10 ? /^[0-9]{1,6}$/ : /^[0-9a-fA-F]{1,6}$/;
  const parts = text.split(".");
  return parts.length <= 8 && parts.every((part) => digits.test(part)) ? parts.map((part) => parseInt(part, radix)) : null;
}

/** By number, not by text: 570.86 is older than 570.172. */
function age(one: Version, other: Version): number {
  const at = one.findIndex((number, at) => number !== other[at]);
  if (at < 0) return one.length - other.length;
  return at < other.length ? one[at]! - other[at]! : 1;
}

/** Judges GPUs whose reports are signed. */
export function judgeVersions(gpus: readonly Gpu[], policy: GpuPolicy): Finding {
  const told = new Set<string>();
  for (const [at, { chain, report }] of gpus.entries()) {
    try {
      demand(typeof chain !== "string" && typeof report !== "string", "its evidence is not legible");
      const identity = identityOf(report, chain.leaf);
      demandAccepted(identity, policy);
      told.add(`${identity.chip} with driver ${identity.driver} and VBIOS ${identity.vbios}`);
    } catch (error) {
      return policy.isEmpty ? skip("the policy names no versions") : fail(`GPU ${at}: ${reasonOf(error)}`);
    }
  }
  const all = [...told].join(", ");
  return policy.isEmpty ? skip(`the policy names no versions; there are ${all}`) : pass(all);
}

function demandAccepted({ chip, driver, vbios }: Identity, { drivers, vbioses, chips }: GpuPolicy): void {
  demand(chips.length === 0 || chips.includes(chip.slice(0, 2)), `the policy does not accept the chip ${chip}`);
  demandVersion("driver", driver, 10, drivers);
  demandVersion("VBIOS", vbios, 16, vbioses);
}

function demandVersion(kind: string, text: string, radix: 10 | 16, { least, listed }: Accepted): void {
  if (least === null && listed.length === 0) return;
  const found = parseVersion(text, radix);
  if (!found) throw new Refused(`the ${kind}'s version ${text} is not legible`);
  demand(least === null || age(found, least) >= 0, `${kind} ${text} is older than the policy's minimum`);
  demand(listed.length === 0 || listed.some((known) => age(found, known) === 0), `${kind} ${text} is not one of the policy's`);
}
