/**
 * RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2.2), to verify alone, over noble's modular arithmetic. The whole encoded
 * message is compared with the one that there must be: nothing in it is parsed.
 */

import { pow } from "@noble/curves/abstract/modular.js";
import { concat, hex, same, sha256, toHex } from "../../bytes.ts";
import { INTEGER, sequence } from "../../der.ts";
import { bytesOf, type Certificate } from "../../x509.ts";

const RSA = "1.2.840.113549.1.1.1";
const RSA_SHA256 = "1.2.840.113549.1.1.11";
/** DigestInfo of SHA-256 (RFC 8017, 9.2, note 1). */
const DIGEST_INFO = hex("3031300d060960864801650304020105000420")!;
const LEAST_BYTES = 256;
const MOST_BYTES = 1024;

export function isSignedByRsa(certificate: Certificate, issuer: Certificate): boolean {
  const { algorithm, subjectPublicKey } = issuer.tbs.subjectPublicKeyInfo;
  if (algorithm.algorithm !== RSA || !certificate.algorithms.every((oid) => oid === RSA_SHA256)) return false;
  const [modulus, exponent, ...more] = sequence(bytesOf(subjectPublicKey));
  if (modulus?.tag !== INTEGER || exponent?.tag !== INTEGER || more.length > 0) return false;
  return verifyRsa(number(modulus.value), number(exponent.value), certificate.signature, certificate.signed);
}

const number = (bytes: Uint8Array): bigint => BigInt(`0x0${toHex(bytes)}`);

export function verifyRsa(modulus: bigint, exponent: bigint, signature: Uint8Array, message: Uint8Array): boolean {
  const width = Math.ceil(modulus.toString(16).length / 2);
  const fit = width >= LEAST_BYTES && width <= MOST_BYTES && signature.length === width && (modulus & 1n) === 1n;
  // small even exponents are none, and large ones cost a verifier its time
  if (!fit || exponent < 3n || (exponent & 1n) === 0n || exponent >= 1n << 33n || number(signature) >= modulus) return false;
  const recovered = pow(number(signature), exponent, modulus).toString(16).padStart(2 * width, "0");
  const digest = concat(DIGEST_INFO, sha256(message));
  const padding = new Uint8Array(width - digest.length - 3).fill(0xff);
  return same(hex(recovered)!, concat(Uint8Array.of(0, 1), padding, Uint8Array.of(0), digest));
}
