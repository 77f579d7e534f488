/**
 * Stands in for `elliptic` and `hash.js`, which the published verifier asks for: the same calls, over noble's curves and
 * hashes. elliptic has known flaws that nobody mends, and what is read here need not be read twice.
 */

import { verifiesDigest } from "./x509.ts";
import { sha256 as noble256, sha384 as noble384 } from "@noble/hashes/sha2.js";

class Ec {
  constructor(curve: string) {
    if (curve !== "p256") throw new Error(`no curve ${curve}`);
  }

  keyFromPublic(point: ArrayLike<number>) {
    const key = Uint8Array.from(point);
    return {
      verify(digest: ArrayLike<number>, signature: ArrayLike<number>): boolean {
        return verifiesDigest({ curve: "P-256", point: key }, Uint8Array.from(signature), Uint8Array.from(digest));
      },
    };
  }
}

interface Hash {
  update(data: Uint8Array): unknown;
  digest(): Uint8Array;
}

const hash = (create: () => Hash) => () => {
  const state = create();
  return {
    update(data: ArrayLike<number>) {
      state.update(Uint8Array.from(data));
      return this;
    },
    digest: (): number[] => Array.from(state.digest()),
  };
};

export { Ec as ec };
export const sha256 = hash(() => noble256.create());
export const sha384 = hash(() => noble384.create());
