/**
 * The keys of NVIDIA's attestation service: a JWK Set (RFC 7517), each key with its certificates in `x5c`. Whoever brings
 * an answer brings the set along, so a key is believed only for its certificates, which must end at a pinned key. NVIDIA
 * sends two, of which the upper one is an RSA intermediate's; the root above it is never sent.
 */

import { KeyUsageFlags } from "@peculiar/asn1-x509";
import { base64, base64url, concat, same, toHex } from "../../bytes.ts";
import { demand, reasonOf, Refused } from "../../check.ts";
import { Members, parseJson } from "../../json.ts";
import { bytesOf, Certificate, keyOf, OIDS, type Key } from "../../x509.ts";
import { isSignedByRsa } from "./rsa.ts";

const MAX_TEXT = 1 << 20;
const MAX_KEYS = 256;
const MAX_CERTIFICATES = 4;

/** Not the fault of whoever answered: NVIDIA may have a new intermediate. */
export class NotPinned extends Refused {}

interface Jwk {
  readonly kid: string;
  readonly kty: string;
  readonly crv?: string | undefined;
  readonly x?: string | undefined;
  readonly y?: string | undefined;
  readonly x5c: readonly string[];
}

/** @throws Refused */
export function readKeys(text: string): readonly Jwk[] {
  const most = `the key set is longer than ${MAX_TEXT} bytes or has more than ${MAX_KEYS} keys`;
  demand(text.length <= MAX_TEXT, most);
  try {
    const keys = new Members(parseJson(text)).array("keys").map((value) => {
      const key = new Members(value);
      const x5c = key.value("x5c") === undefined ? [] : key.strings("x5c");
      const [crv, x, y] = ["crv", "x", "y"].map((name) => key.optionalString(name));
      return { kid: key.string("kid"), kty: key.string("kty"), crv, x, y, x5c };
    });
    demand(keys.length <= MAX_KEYS, most);
    return keys;
  } catch (error) {
    throw new Refused(`the key set is not legible: ${reasonOf(error)}`);
  }
}

/** The key of this name, if the pinned key vouches for it. @throws Refused */
export function keyNamed(keys: readonly Jwk[], kid: string, pin: Uint8Array, now: number): Key {
  const [jwk, ...more] = keys.filter((key) => key.kid === kid);
  demand(jwk && more.length === 0, "the key set has not exactly one key of the token's name");
  const coordinate = (text: string | undefined) => {
    const bytes = text === undefined ? null : base64url(text);
    return bytes?.length === 48 ? bytes : null;
  };
  const [x, y] = [coordinate(jwk.x), coordinate(jwk.y)];
  const point = x && y && jwk.kty === "EC" && jwk.crv === "P-384" ? concat(Uint8Array.of(4), x, y) : null;
  const key = point && keyOf("P-384", point);
  demand(key, "the token's key is not one of P-384");
  const number = jwk.x5c.length;
  demand(number >= 2 && number <= MAX_CERTIFICATES, `the token's key comes with ${number} certificates; 2 to ${MAX_CERTIFICATES} are wanted`);
  verifyChain(jwk.x5c.map(certificate), key, pin, now);
  return key;
}

function certificate(text: string, at: number): Certificate {
  const der = base64(text);
  try {
    demand(der, "not base64");
    return Certificate.parse(der);
  } catch {
    throw new Refused(`certificate ${at} of the token's key is not legible`);
  }
}

function verifyChain(chain: readonly Certificate[], key: Key, pin: Uint8Array, now: number): void {
  chain.forEach((certificate, at) => {
    const named = `certificate ${at} of the token's key`;
    demand(certificate.validAt(now), `${named} is not valid at ${now}`);
    const critical = certificate.unknownCritical([OIDS.basicConstraints, OIDS.keyUsage]);
    demand(critical === null, `${named} has a critical extension that jurat does not know`);
    const own = bytesOf(certificate.tbs.subjectPublicKeyInfo.subjectPublicKey);
    demand(at > 0 || same(own, key.point), `${named} is another key's`);
    const issuer = chain[at + 1];
    demand(!issuer || issues(issuer, certificate), `${named} is not issued by the one after it`);
  });
  const last = chain[chain.length - 1]!.spkiDigest;
  if (!same(last, pin)) throw new NotPinned(`the token's key is certified by ${toHex(last)}, which is not the pinned one`);
}

function issues(issuer: Certificate, certificate: Certificate): boolean {
  try {
    const usage = issuer.extension(OIDS.keyUsage) !== null && issuer.mayUse(KeyUsageFlags.keyCertSign);
    if (!issuer.basicConstraints()?.cA || !usage || !same(certificate.issuer, issuer.subject)) return false;
    const key = issuer.key("P-384");
    return key ? certificate.isSignedBy(key) : isSignedByRsa(certificate, issuer);
  } catch {
    return false;
  }
}
