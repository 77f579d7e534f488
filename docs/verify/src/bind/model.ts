/** `bind.model`: the model in the attested claims is one that the policy accepts. */

import { same, sha256, toHex, utf8 } from "../bytes.ts";
import type { Claims } from "../claims.ts";
import { fail, pass, skip, type Finding } from "../check.ts";
import { parseDigest } from "../identity.ts";

/** `claims` are those that the quote commits to, if there are any. */
export function judgeModel(claims: Claims | undefined, accepted: readonly Uint8Array[]): Finding {
  if (!claims) return skip("no claims are attested");
  const { sha256: named, files } = claims.model;
  if (named === undefined) {
    return accepted.length === 0
      ? skip("the policy names no models, and the claims none")
      : fail("the claims name no model: jurat read none of its files");
  }
  const digest = parseDigest(named);
  if (!digest) return fail("the claims name the model by something that is no SHA-256");
  if (files.size > 0 && !same(sha256(manifest(files)), digest)) {
    return fail("the model's files in the claims do not make the manifest whose digest is there");
  }
  if (accepted.length === 0) return skip(`the policy names no models; this one is ${toHex(digest)}`);
  return accepted.some((one) => same(one, digest))
    ? pass(`${toHex(digest)} is one that the policy names`)
    : fail(`${toHex(digest)} is none of the ${accepted.length} models that the policy names`);
}

/** The text whose digest names the model: a line a file, in the order of the paths' bytes. */
function manifest(files: ReadonlyMap<string, string>): string {
  const ordered = [...files].map(([path, digest]) => ({ path, digest, key: toHex(utf8(path)) }));
  ordered.sort((one, other) => (one.key < other.key ? -1 : 1));
  return ordered.map(({ path, digest }) => `${digest}  ${path}\n`).join("");
}
