/** Signer identities and signatures in Ethereum's form (EIP-55, EIP-2, EIP-191). */

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { concat, fixedHex, keccak256, toHex, utf8 } from "./bytes.ts";
import { Refused } from "./check.ts";

/** 20 bytes, any case, optional `0x`: a wrong checksum is not an error, as clients lower-case at will. */
export const parseAddress = (text: string): Uint8Array | null => fixedHex(text, 20);

/** EIP-55: a letter is upper case where the digit of the hash at its place is 8 or more. */
export function checksummed(address: Uint8Array): string {
  const lower = toHex(address);
  const mask = toHex(keccak256(lower));
  return "0x" + Array.from(lower, (digit, at) => (parseInt(mask[at]!, 16) >= 8 ? digit.toUpperCase() : digit)).join("");
}

/** `x‖y`: 128 digits, or 130 with the SEC1 tag in front. */
export function parsePublicKey(text: string): Uint8Array | null {
  const digits = text.startsWith("0x") ? text.slice(2) : text;
  return fixedHex(digits.length === 130 && digits.startsWith("04") ? digits.slice(2) : digits, 64);
}

export const addressOf = (key: Uint8Array): Uint8Array => keccak256(key).slice(12);

/** `r‖s‖v`, 65 bytes. */
export const parseSignature = (text: string): Uint8Array | null => fixedHex(text, 65);

/** The address of the only key under which this is a signature over the digest. @throws Refused */
export function recover(signature: Uint8Array, digest: Uint8Array): Uint8Array {
  const v = signature[64];
  if (v !== 27 && v !== 28) throw new Refused("signature's v is neither 27 nor 28");
  let parsed;
  try {
    parsed = secp256k1.Signature.fromBytes(signature.subarray(0, 64), "compact");
  } catch {
    throw new Refused("signature's r or s is out of range");
  }
  if (parsed.hasHighS()) throw new Refused("signature's s is in the upper half");
  try {
    const point = parsed.addRecoveryBit(v - 27).recoverPublicKey(digest);
    return addressOf(point.toBytes(false).subarray(1));
  } catch {
    throw new Refused("signature recovers to no public key");
  }
}

/** EIP-191 `personal_sign`, version 0x45. */
export function messageDigest(text: string): Uint8Array {
  const bytes = utf8(text);
  return keccak256(concat(utf8(`\x19Ethereum Signed Message:\n${bytes.length}`), bytes));
}

/** A digest or nonce: 64 digits, any case, optional `0x`. */
export const parseDigest = (text: string): Uint8Array | null => fixedHex(text, 32);
