/** `gpu.mode`: in which confidential mode the GPUs run, as far as their reports show it. */

import { fail, pass, skip, type Finding } from "../check.ts";
import { NVLINK } from "../limits.ts";
import type { Transcript } from "../verdict.ts";
import { TAG, type SpdmReport } from "./spdm.ts";

export function judgeMode(reports: readonly SpdmReport[], switches: boolean, transcript: Transcript): Finding {
  const modes = reports.map(({ opaque }) => modeOf(opaque.get(TAG.protectedPcie)));
  const all = (mode: Mode) => modes.every((other) => other === mode);
  if (all("off")) return pass("confidential computing without protected PCIe, on every GPU");
  if (all("on")) {
    transcript.limit(NVLINK);
    return skip(
      switches
        ? "protected PCIe, and this version does not judge switch evidence"
        : "protected PCIe without switch evidence: the NVLink fabric is unattested",
    );
  }
  if (all("silent")) return skip("the reports do not say, as from drivers before 550");
  return fail("the GPUs do not all run in the same mode");
}

type Mode = "on" | "off" | "silent" | "unknown";

function modeOf(value: Uint8Array | undefined): Mode {
  if (!value) return "silent";
  if (value.length !== 1) return "unknown";
  return value[0] === 0xaa ? "on" : value[0] === 0x55 ? "off" : "unknown";
}
