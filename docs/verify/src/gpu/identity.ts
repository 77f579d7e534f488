/** What a GPU says that it is: chip, driver and VBIOS, from its certificate and its signed report. */

import { AttributeTypeAndValue } from "@peculiar/asn1-x509";
import { fromUtf8 } from "../bytes.ts";
import { demand } from "../check.ts";
import type { Certificate } from "../x509.ts";
import { TAG, type SpdmReport } from "./spdm.ts";

const COMMON_NAME = "2.5.4.3";

export interface Identity {
  /** The chip, `GH100`: the first word of the name that its attestation key was certified under. */
  readonly chip: string;
  /** The driver's version, `570.172.08`. */
  readonly driver: string;
  /** The VBIOS's version, `96.00.D0.00.03`. */
  readonly vbios: string;
}

/** What its signature and its chain do not vouch for is worth nothing. @throws Refused */
export function identityOf(report: SpdmReport, leaf: Certificate): Identity {
  const chip = chipOf(leaf);
  demand(chip, "its certificate names no chip");
  const driver = text(report.opaque.get(TAG.driverVersion));
  demand(driver !== null, "its report names no driver");
  const vbios = vbiosText(report.opaque.get(TAG.vbiosVersion));
  demand(vbios !== null, "its report names no VBIOS");
  return { chip, driver, vbios };
}

/** The chip that a certificate is about. */
export function chipOf(certificate: Certificate): string | undefined {
  const names = [...certificate.tbs.subject].flatMap((relative) => [...relative]);
  const found = names.find(({ type }: AttributeTypeAndValue) => type === COMMON_NAME);
  return found?.value.toString().split(" ")[0];
}

/** ASCII that ends in NULs. */
function text(value: Uint8Array | undefined): string | null {
  const found = value && fromUtf8(value)?.replace(/\0+$/, "");
  return found && /^[!-~]+$/.test(found) ? found : null;
}

/** Eight bytes: four of the version, the last first, then a fifth. */
function vbiosText(value: Uint8Array | undefined): string | null {
  if (value?.length !== 8) return null;
  const digits = (at: number) => value[at]!.toString(16).padStart(2, "0").toUpperCase();
  return [3, 2, 1, 0, 4].map(digits).join(".");
}
