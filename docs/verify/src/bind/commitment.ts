/** `bind.nonce`, `bind.claims`, `bind.gpu`: what the trailing half of the report data commits to. */

import { concat, same, sha256 } from "../bytes.ts";
import { commitment, gpuNonce, leadingHalf, type Binding } from "../binding.ts";
import { readClaims, type Claims, type ManifestSource } from "../claims.ts";
import { demand, fail, pass, reasonOf, Refused, skip, type Finding } from "../check.ts";
import type { Report } from "../evidence.ts";
import { parseDigest } from "../identity.ts";
import { JsonError } from "../json.ts";
import type { AttestedClaims, Named } from "./index.ts";

export interface Found {
  readonly nonce: Finding;
  readonly claimsFinding: Finding;
  readonly gpu: Finding;
  readonly claims: AttestedClaims | null;
  readonly gpuNonce: Uint8Array | string;
}

const NO_NONCE = "no nonce of your own: the report's age is unproven";
const OTHER_NONCE = "the quote was made for another nonce than yours";
const ALTERED = "the quote does not commit to nonce, claims and GPU evidence as they are here";

export function judgeCommitment(
  report: Report, named: Named, binding: Binding, quoted: Uint8Array, own: Uint8Array | null,
  sources: readonly ManifestSource[],
): Found {
  return binding === "jurat-v1" ? ofJurat(report, named, quoted, own, sources) : ofDstack(binding, quoted, own);
}

/** The trailing half is the nonce and nothing else. */
function ofDstack(binding: Binding, quoted: Uint8Array, own: Uint8Array | null): Found {
  const trailing = quoted.slice(32);
  const absent = (what: string) => skip(`${binding} does not commit to ${what}`);
  return {
    nonce: own === null ? skip(NO_NONCE) : same(own, trailing) ? pass("the quote was made for your nonce") : fail(OTHER_NONCE),
    claimsFinding: absent("claims"),
    gpu: absent("the GPU evidence: quote and evidence share the nonce alone"),
    claims: null,
    gpuNonce: own ?? trailing,
  };
}

/**
 * The trailing half is one hash over nonce, claims and evidence. It holds as a whole or tells nothing of its parts,
 * but for one case: under the nonce that the report itself names.
 */
function ofJurat(
  report: Report, named: Named, quoted: Uint8Array, own: Uint8Array | null, sources: readonly ManifestSource[],
): Found {
  const stated = report.requestNonce === undefined ? null : parseDigest(report.requestNonce);
  const commits = (nonce: Uint8Array | null): nonce is Uint8Array => {
    if (!nonce) return false;
    const { claims = "", nvidiaPayload, nvswitchPayload = "" } = report;
    const leading = leadingHalf("jurat-v1", named.address, null)!;
    return same(concat(leading, commitment(nonce, { claims, nvidiaPayload, nvswitchPayload })), quoted);
  };
  let nonce: Finding;
  let inForce: Uint8Array | null = null;
  if (own && commits(own)) {
    [nonce, inForce] = [pass("the quote was made for your nonce"), own];
  } else if (commits(stated)) {
    [nonce, inForce] = [own ? fail(OTHER_NONCE) : skip(NO_NONCE), stated];
  } else {
    nonce = own ? fail("the quote does not commit to your nonce with this report's contents") : skip(NO_NONCE);
  }

  const asked = own ?? inForce;
  const rest = {
    nonce,
    gpuNonce: asked && named.key ? gpuNonce("jurat-v1", named.address, named.key, asked) : "the report's nonce is not known",
  };
  if (!inForce) return { ...rest, claimsFinding: fail(ALTERED), gpu: fail(ALTERED), claims: null };
  const gpu = pass("the quote commits to this very evidence");
  try {
    const claims = attested(report, named, sources);
    const { softwareVersion, gpus } = claims.claims;
    const claimsFinding = pass(`the quote commits to them: jurat ${softwareVersion}, ${gpus} GPUs`);
    return { ...rest, claimsFinding, gpu, claims };
  } catch (error) {
    return { ...rest, claimsFinding: fail(reasonOf(error)), gpu, claims: null };
  }
}

/** The claims, once the quote is known to commit to their text. */
function attested(report: Report, named: Named, sources: readonly ManifestSource[]): AttestedClaims {
  const text = report.claims;
  demand(text !== undefined, "the report has no claims, which jurat-v1 needs");
  let claims: Claims;
  try {
    claims = readClaims(text);
  } catch (error) {
    throw error instanceof JsonError ? new Refused(`the claims are not legible: ${error.message}`) : error;
  }
  demand(claims.version === 1, `the claims have version ${claims.version}, not 1`);
  const aboutSigner = same(claims.signingAddress, named.address) && named.key && same(claims.signingPublicKey, named.key);
  demand(aboutSigner, "the claims are about another signer");
  demand(sources.includes(claims.manifestSource), "the policy does not accept how the model's digests were made");
  return { claims, hash: sha256(text) };
}
