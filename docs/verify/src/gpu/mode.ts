/**
 * `gpu.mode`: in which confidential mode the GPUs run, as far as their reports and those of the switches between them show
 * it. Whether developers' tools are admitted is not legible in the evidence; it changes the measurements.
 */

import { fail, pass, skip, type Finding } from "../check.ts";
import { NVLINK, PLAIN_NVLINK } from "../limits.ts";
import { toHex } from "../bytes.ts";
import { TAG, type SpdmReport } from "./spdm.ts";
import type { Fabric } from "./switches.ts";

/** Alone; with others over encrypted links; with others over plain ones; not said; two things said. */
type Mode = "single" | "multiple" | "protected-pcie" | "unsaid" | "contradictory";

/** Hopper says whether it is protected PCIe (`aa`, or `55` for not), newer drivers which of the three. */
function modeOf({ opaque }: SpdmReport): Mode {
  const text = (tag: number) => {
    const value = opaque.get(tag);
    return value ? toHex(value) : "none";
  };
  switch (`${text(TAG.protectedPcie)} ${text(TAG.featureFlag)}`) {
    case "none none":
      return "unsaid";
    case "55 none": case "55 0000": case "none 0000":
      return "single";
    case "55 0100": case "none 0100":
      return "multiple";
    case "aa none": case "aa 0200": case "none 0200":
      return "protected-pcie";
    default:
      return "contradictory";
  }
}

/** Judges GPUs whose reports are signed. Beside the finding, what a trusted verdict does not say then. */
export function judgeMode(reports: readonly SpdmReport[], fabric: Fabric): { finding: Finding; limit: string | null } {
  const said = (finding: Finding, limit: string | null = null) => ({ finding, limit });
  const [mode, ...others] = reports.map(modeOf);
  if (mode === undefined) return said(skip("rests on gpu.signature"));
  if (others.some((other) => other !== mode)) return said(fail("the GPUs do not all run in the same mode"));
  if (fabric.kind === "refused") return said(fail(fabric.reason));
  switch (mode) {
    case "contradictory":
      return said(fail("the GPUs do not say in which mode they run: two are named"));
    case "single":
      return said(pass("confidential computing without protected PCIe, on every GPU"));
    case "multiple":
      return said(pass("confidential computing over encrypted links, on every GPU"));
    case "unsaid":
      return said(skip("the reports do not say, as from drivers before 550"));
    case "protected-pcie":
      switch (fabric.kind) {
        case "attested":
          return said(pass(`protected PCIe, over ${fabric.count} attested switches that lead to as many GPUs`), PLAIN_NVLINK);
        case "unjudged":
          return said(skip(`protected PCIe, and its switches are not judged: ${fabric.reason}`), NVLINK);
        case "absent":
          return said(skip("protected PCIe without switch evidence: the NVLink fabric is unattested"), NVLINK);
      }
  }
}
