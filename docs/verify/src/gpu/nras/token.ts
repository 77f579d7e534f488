/** A JSON Web Token (RFC 7519) as NVIDIA's attestation service makes them: JWS in compact form, ES384. */

import { base64url, fromUtf8, utf8 } from "../../bytes.ts";
import { demand, reasonOf, Refused } from "../../check.ts";
import { Members, parseJson } from "../../json.ts";
import { verifies } from "../../x509.ts";
import { keyNamed, type readKeys } from "./keys.ts";

/** Between the service's clock and the judge's. */
const LEEWAY_SECONDS = 60n;
const MAX_TEXT = 64 << 10;

/** Whom tokens must be from, and when. */
export interface Authority {
  readonly keys: ReturnType<typeof readKeys>;
  readonly pin: Uint8Array;
  readonly issuer: string;
  readonly now: number;
}

/** The claims of a token that is authentic and valid now. @throws Refused */
export function claimsOf(token: string, { keys, pin, issuer, now }: Authority): Members {
  demand(token.length <= MAX_TEXT, `it is longer than ${MAX_TEXT} bytes`);
  const parts = token.split(".");
  const [header, claims, signature] = parts.map(base64url);
  demand(parts.length === 3 && header && claims && signature, "it does not have the three parts of a signed token");

  const stated = legible("its header is not legible", header);
  // members that would change what is verified, like `crit` or `b64`, are refused with all others
  const other = stated.names().find((name) => !["alg", "kid", "typ"].includes(name));
  demand(other === undefined, `its header is not legible: it has ${other}`);
  const [algorithm, kid, type] = attempt("its header is not legible", () => [
    stated.string("alg"), stated.string("kid"), stated.optionalString("typ"),
  ] as const);
  demand(algorithm === "ES384" && (type ?? "JWT") === "JWT", "it is not signed with ES384");
  const key = keyNamed(keys, kid, pin, now);
  demand(signature.length === 96 && verifies(key, signature, utf8(`${parts[0]}.${parts[1]}`), "compact"), "its signature is wrong");

  const members = legible("its claims are not legible", claims);
  const [from, issued, begins, ends] = attempt("its claims are not legible", () => [
    members.string("iss"), members.uint("iat"), members.uint("nbf"), members.uint("exp"),
  ] as const);
  demand(from === issuer, `it is from "${from}"`);
  const time = BigInt(now);
  const begun = time + LEEWAY_SECONDS >= (begins > issued ? begins : issued);
  demand(begun && time < ends + LEEWAY_SECONDS, `it is not valid at ${now}`);
  return members;
}

function legible(what: string, bytes: Uint8Array): Members {
  return attempt(what, () => {
    const text = fromUtf8(bytes);
    demand(text !== null, "not UTF-8");
    return new Members(parseJson(text));
  });
}

export function attempt<T>(what: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new Refused(`${what}: ${reasonOf(error)}`);
  }
}
