/** A signer whose report was judged trusted: the only thing that can check receipts. */

import type { Binding } from "./binding.ts";
import type { AttestedClaims } from "./bind/index.ts";
import type { Standing, Tee } from "./verdict.ts";

export interface TrustedSigner {
  readonly address: Uint8Array;
  readonly binding: Binding;
  /** `null` under a binding that carries none. */
  readonly claims: AttestedClaims | null;
  readonly tee: Tee;
  readonly policy: string;
  readonly standing: Standing;
  /** The limits of the verdict on its report. */
  readonly limits: readonly string[];
}
