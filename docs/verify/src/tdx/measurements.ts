/** `tdx.measurements`: the TD measures to one of the policy's sets of reference values. */

import { same } from "../bytes.ts";
import { fail, pass, skip, type Finding } from "../check.ts";
import type { Policy } from "../policy.ts";
import { difference, type Member } from "../reference.ts";
import type { TdReport } from "./quote.ts";

/** `composeHash` is there if `tdx.compose` established it. */
export function judgeMeasurements(td: TdReport, composeHash: Uint8Array | null, { measurements }: Policy): Finding {
  const [rtmr0, rtmr1, rtmr2, rtmr3] = td.rtMr;
  const measured: Partial<Record<Member, Uint8Array>> = {
    mrtd: td.mrTd, rtmr0, rtmr1, rtmr2, rtmr3, mrconfigid: td.mrConfigId, mrowner: td.mrOwner,
    mrownerconfig: td.mrOwnerConfig, td_attributes: td.tdAttributes, xfam: td.xfam, mrseam: td.mrSeam,
    mrsignerseam: td.mrSignerSeam, ...(composeHash && { compose_hash: composeHash }),
  };
  const compared = measurements.map((set) => ({
    set,
    differences: [...set.values]
      .filter(([member, wanted]) => !same(measured[member] ?? new Uint8Array(), wanted))
      .map(([member, wanted]) => difference(member, wanted, measured[member])),
  }));
  // the first of the nearest
  const [nearest] = compared.sort((one, other) => one.differences.length - other.differences.length);
  if (!nearest) return skip("the policy has no reference values: which code runs there is not known");
  const { name, values } = nearest.set;
  if (nearest.differences.length === 0) return pass(`they are those of \`${name}\`: ${[...values.keys()].join(", ")}`);
  const sets = measurements.length === 1
    ? "it does not match the reference set"
    : `none of ${measurements.length} reference sets matches, the nearest being`;
  return fail(`${sets} \`${name}\`: ${nearest.differences.join("; ")}`);
}
