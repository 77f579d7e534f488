/** How the 64 bytes of report data tie the signing key to the quote (docs/spec/bindings.md). */

import { concat, sha256, utf8 } from "./bytes.ts";

export const BINDINGS = ["jurat-v1", "dstack-v1", "dstack-v2"] as const;
export type Binding = (typeof BINDINGS)[number];

export const isBinding = (name: string): name is Binding => (BINDINGS as readonly string[]).includes(name);

export interface Committed {
  readonly claims: string;
  readonly nvidiaPayload: string;
  readonly nvswitchPayload: string;
}

/** Bytes 0 to 32. `null` if the binding needs a TLS key and none is named. */
export function leadingHalf(binding: Binding, address: Uint8Array, spki: Uint8Array | null): Uint8Array | null {
  switch (binding) {
    case "jurat-v1":
      return concat(address, utf8("jurat-v1\0\0\0\0"));
    case "dstack-v1":
      return concat(address, new Uint8Array(12));
    case "dstack-v2":
      return spki && sha256(concat(address, spki));
  }
}

/** Bytes 32 to 64 under `jurat-v1`; under the others they are the nonce. An absent string hashes as the empty one. */
export function commitment(nonce: Uint8Array, { claims, nvidiaPayload, nvswitchPayload }: Committed): Uint8Array {
  const texts = [claims, nvidiaPayload, nvswitchPayload].map(sha256);
  return sha256(concat(utf8("jurat-report-v1\0"), nonce, ...texts));
}

/** What the GPUs must have signed. */
export function gpuNonce(binding: Binding, address: Uint8Array, key: Uint8Array, nonce: Uint8Array): Uint8Array {
  return binding === "jurat-v1" ? sha256(concat(utf8("jurat-gpu-v1\0"), address, key, nonce)) : nonce;
}
