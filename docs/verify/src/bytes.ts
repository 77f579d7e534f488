/** Bytes, and the text forms in which they come. Everything is parsed strictly or not at all. */

import { keccak_256 } from "@noble/hashes/sha3.js";
import { sha256 as noble256, sha384 as noble384 } from "@noble/hashes/sha2.js";

const UTF8 = new TextEncoder();

export const utf8 = (text: string): Uint8Array => UTF8.encode(text);
export const sha256 = (data: Uint8Array | string): Uint8Array => noble256(asBytes(data));
export const sha384 = (...parts: Uint8Array[]): Uint8Array => noble384(concat(...parts));
export const keccak256 = (data: Uint8Array | string): Uint8Array => keccak_256(asBytes(data));

function asBytes(data: Uint8Array | string): Uint8Array {
  return typeof data === "string" ? utf8(data) : data;
}

/** `null` where the bytes are not UTF-8. A byte order mark is a character like any other. */
export function fromUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

export const startsWith = (bytes: Uint8Array, head: Uint8Array): boolean => same(bytes.subarray(0, head.length), head);

export const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** An even number of hexadecimal digits, any case. */
export function hex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return null;
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => parseInt(text.slice(2 * at, 2 * at + 2), 16));
}

/** Exactly `width` bytes, any case, optional `0x`. */
export function fixedHex(text: string, width: number): Uint8Array | null {
  const bytes = hex(text.startsWith("0x") ? text.slice(2) : text);
  return bytes?.length === width ? bytes : null;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Map(Array.from(ALPHABET, (character, value) => [character, value]));

/** Base64 (RFC 4648 section 4) with its padding, unused bits zero: one text for each byte string. */
export function base64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0) return null;
  const digits = text.replace(/={1,2}$/, "");
  const padding = text.length - digits.length;
  const out = new Uint8Array((text.length / 4) * 3 - padding);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const digit of digits) {
    const value = VALUES.get(digit);
    if (value === undefined) return null;
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out[at++] = (bits >> held) & 0xff;
    }
  }
  return (bits & ((1 << held) - 1)) === 0 && at === out.length ? out : null;
}

/** Base64url without padding (RFC 7515), as JWTs have it. */
export function base64url(text: string): Uint8Array | null {
  if (/[+/=]/.test(text)) return null;
  const standard = text.replaceAll("-", "+").replaceAll("_", "/");
  return base64(standard.padEnd(Math.ceil(standard.length / 4) * 4, "="));
}

/** What is left to read of a byte string. */
export class Cursor {
  constructor(
    readonly bytes: Uint8Array,
    public at = 0,
  ) {}

  get left(): number {
    return this.bytes.length - this.at;
  }

  /** `null` if there are not so many. */
  take(length: number): Uint8Array | null {
    if (length > this.left) return null;
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** Little-endian, of up to four bytes. */
  number(width: number): number | null {
    const bytes = this.take(width);
    return bytes && bytes.reduceRight((number, byte) => number * 256 + byte, 0);
  }
}
