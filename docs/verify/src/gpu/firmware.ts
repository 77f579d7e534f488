/**
 * `gpu.firmware`: the firmware that a report names is the one that its attestation key was certified for. The boot ROM
 * derives the key from the firmware's digest and writes that digest into the leaf.
 */

import { same } from "../bytes.ts";
import { elements, OCTETS, OID, SEQUENCE, sequence } from "../der.ts";
import type { Certificate } from "../x509.ts";
import { bytesOf } from "../x509.ts";
import { TAG, type SpdmReport } from "./spdm.ts";

/** TCG's extension of Hopper's leaf: its last 48 bytes are the digest. */
const FWID = "2.23.133.5.4.1";
/** TCG's DiceTcbInfo, in the leaf from Blackwell on. */
const TCB_INFO = "2.23.133.5.4.1.1";
const FWIDS = 0xa6;
const SHA384 = 48;

/** `unnamed`: the report names none, as from drivers before 550. */
export type Firmware = "same" | "other" | "unnamed";

export function compareFirmware(report: SpdmReport, leaf: Certificate): Firmware {
  const named = report.opaque.get(TAG.firmwareId);
  if (!named) return "unnamed";
  const certified = leaf.extensions.some(({ extnID, extnValue }) => {
    const value = bytesOf(extnValue.buffer);
    if (extnID === FWID) return value.length > SHA384 && same(value.subarray(value.length - named.length), named);
    return extnID === TCB_INFO && tcbInfoNames(value, named);
  });
  return named.length === SHA384 && certified ? "same" : "other";
}

/** Whether DiceTcbInfo's `fwids [6]`, a list of (algorithm, digest), has the digest. */
function tcbInfoNames(value: Uint8Array, named: Uint8Array): boolean {
  try {
    return sequence(value)
      .filter(({ tag }) => tag === FWIDS)
      .flatMap((fwids) => elements(fwids.value))
      .some((fwid) => {
        const [algorithm, digest] = fwid.tag === SEQUENCE ? elements(fwid.value) : [];
        return algorithm?.tag === OID && digest?.tag === OCTETS && same(digest.value, named);
      });
  } catch {
    return false;
  }
}
