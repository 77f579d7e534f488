/** The pinned roots, taken from the project's files when the page is built. Every chain that is believed ends at one. */

import roots from "../../../attestation/roots/roots.toml?raw";
import simulatedIntel from "../../../attestation/insecure/intel-look-alike-root.pem?raw";
import simulatedNvidia from "../../../attestation/insecure/nvidia-look-alike-root.pem?raw";
import { parse as parseToml } from "smol-toml";
import { hex, sha256, toHex } from "./bytes.ts";
import { demand } from "./check.ts";
import type { Service } from "./gpu/nras/index.ts";
import { INTEL_ROOT_PEM } from "./intel-root.ts";
import { Certificate, splitPem } from "./x509.ts";

/** Which roots a policy believes. One policy never believes both. */
export type Roots = "production" | "simulated";

interface Pins {
  intel: { certificate_sha256: string };
  nvidia: { spki_sha256: string };
  nvidia_rim: { spki_sha256: string };
  nvidia_nras: { spki_sha256: string };
}
const PINS = parseToml(roots) as unknown as Pins;

const der = (pem: string): Uint8Array => splitPem(pem, 1)[0]!;

/** Intel's root, whole. The certificate is held to the published fingerprint each time. @throws Refused */
export function intelRoot(of: Roots): Uint8Array {
  if (of === "simulated") return der(simulatedIntel);
  const root = der(INTEL_ROOT_PEM);
  demand(toHex(sha256(root)) === PINS.intel.certificate_sha256, "the page's copy of Intel's root is not the published one");
  return root;
}

/** SHA-256 of the key of the root that signers of manifests must chain to. One look-alike stands in for all of NVIDIA's. */
export function nvidiaRimRoot(of: Roots): Uint8Array {
  return of === "simulated" ? nvidiaRoot(of) : hex(PINS.nvidia_rim.spki_sha256)!;
}

/** Who answers as NVIDIA's attestation service. The root above its intermediate is nowhere published. */
export function nvidiaNras(of: Roots): Service {
  return of === "simulated"
    ? { pin: nvidiaRoot(of), issuer: "https://nras.simulated.invalid" }
    : { pin: hex(PINS.nvidia_nras.spki_sha256)!, issuer: "https://nras.attestation.nvidia.com" };
}

/** SHA-256 of the key of the root that GPU certificates must chain to. */
export function nvidiaRoot(of: Roots): Uint8Array {
  return of === "simulated" ? Certificate.parse(der(simulatedNvidia)).spkiDigest : hex(PINS.nvidia.spki_sha256)!;
}

/** Whether a certificate was issued under the public look-alike of Intel's root. */
export function isSimulated(certificate: Certificate): boolean {
  const issuer = toHex(certificate.issuer);
  return issuer === toHex(Certificate.parse(der(simulatedIntel)).subject);
}
