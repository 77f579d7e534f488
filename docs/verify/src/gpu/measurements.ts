/**
 * `gpu.measurements`: what each GPU measured is what NVIDIA publishes for its driver and its VBIOS. A manifest is matched
 * to a GPU by what it says, which is signed, not by the id under which it was fetched.
 */

import { same, toHex } from "../bytes.ts";
import { demand, fail, pass, reasonOf, skip, type Finding } from "../check.ts";
import { identityOf } from "./identity.ts";
import type { Gpu } from "./index.ts";
import { authenticateRim, type Rim } from "./rim/index.ts";
import { TAG, type SpdmReport } from "./spdm.ts";

/** Two for each GPU, should all of them differ. */
const MAX_MANIFESTS = 64;
/** The measurement of the first video decoder, which NVIDIA's rule leaves out where that decoder is off. */
const NVDEC0 = 35;
const NVDEC0_OFF = 0x55;

/** Each manifest once, authenticated, or why it is not. */
export function readManifests(texts: readonly string[], rootSpki: Uint8Array, now: number): (Rim | string)[] {
  const once = [...new Set(texts)];
  if (once.length > MAX_MANIFESTS) return [`one of ${once.length}, more than ${MAX_MANIFESTS}`];
  return once.map((text) => {
    try {
      return authenticateRim(text, rootSpki, now);
    } catch (error) {
      return reasonOf(error);
    }
  });
}

/** Judges GPUs whose reports are signed. */
export function judgeMeasurements(gpus: readonly Gpu[], manifests: readonly (Rim | string)[]): Finding {
  if (manifests.length === 0) return skip("no reference values for driver and VBIOS");
  const broken = manifests.findIndex((manifest) => typeof manifest === "string");
  if (broken >= 0) return fail(`manifest ${broken}: ${manifests[broken] as string}`);
  const rims = manifests.filter((manifest) => typeof manifest !== "string");

  let compared = 0;
  let without: { at: number; missing: string } | null = null;
  const used = new Set<Rim>();
  for (const [at, { chain, report }] of gpus.entries()) {
    try {
      demand(typeof chain !== "string" && typeof report !== "string", "its evidence is not legible");
      const { chip, driver, vbios } = identityOf(report, chain.leaf);
      const find = (version: string) =>
        rims.filter((rim) => rim.product === chip && rim.version.toLowerCase() === version.toLowerCase());
      const [drivers, vbioses] = [find(driver), find(vbios)];
      for (const rim of [...drivers, ...vbioses]) used.add(rim);
      if (drivers.length > 0 && vbioses.length > 0) compared += compareAny(report, drivers, vbioses);
      else without ??= { at, missing: `${drivers.length > 0 ? `VBIOS ${vbios}` : `driver ${driver}`} of ${chip}` };
    } catch (error) {
      return fail(`GPU ${at}: ${reasonOf(error)}`);
    }
  }
  if (!without) return pass(`${compared} measurements equal NVIDIA's for driver and VBIOS`);
  const none = `GPU ${without.at}: no manifest of ${without.missing}`;
  // one that is there in the place of the right one
  const other = rims.find((rim) => !used.has(rim));
  return other ? fail(`${none}; there is one of ${other.product} ${other.version}`) : skip(none);
}

/** Of boards that share a version there may be several manifests: the GPU must be one of them. @throws Refused */
function compareAny(report: SpdmReport, drivers: readonly Rim[], vbioses: readonly Rim[]): number {
  let first: unknown = null;
  for (const driver of drivers) {
    for (const vbios of vbioses) {
      try {
        return compare(report, driver, vbios);
      } catch (error) {
        first ??= error;
      }
    }
  }
  throw first;
}

/** Compares every measurement in use and counts them. @throws Refused */
function compare(report: SpdmReport, driver: Rim, vbios: Rim): number {
  let compared = 0;
  for (const [rim, kind] of [[driver, "driver"], [vbios, "VBIOS"]] as const) {
    for (const { index, alternatives } of rim.golden) {
      const inBoth = kind === "driver" && vbios.golden.some((other) => other.index === index);
      demand(!inBoth, `measurement ${index} is in both manifests`);
      const decoder = report.opaque.get(TAG.nvdec0);
      if (index === NVDEC0 && decoder?.length === 1 && decoder[0] === NVDEC0_OFF) continue;
      const digest = report.blocks.get(index + 1);
      demand(digest, `measurement ${index} is not in the report`);
      const known = alternatives.some((alternative) => same(alternative, digest));
      demand(known, `measurement ${index} is ${toHex(digest)}, which ${kind} ${rim.version} does not have`);
      compared += 1;
    }
  }
  demand(compared > 0, "neither manifest has a measurement in use");
  return compared;
}
