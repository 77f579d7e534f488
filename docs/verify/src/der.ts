/** DER (X.690), as far as vendors' own extensions need it. Certificates as such are parsed by a library. */

import { Refused } from "./check.ts";

export interface Tlv {
  readonly tag: number;
  readonly value: Uint8Array;
  /** With tag and length. */
  readonly whole: Uint8Array;
}

export const SEQUENCE = 0x30;
export const OID = 0x06;
const BITS = 0x03;
export const OCTETS = 0x04;
export const INTEGER = 0x02;
export const ENUMERATED = 0x0a;
export const BOOLEAN = 0x01;

/** The elements that the bytes consist of. @throws Refused */
export function elements(bytes: Uint8Array): Tlv[] {
  const found: Tlv[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at]!;
    const begin = at;
    let length = bytes[at + 1] ?? -1;
    at += 2;
    if (length >= 0x80) {
      const width = length - 0x80;
      length = -1;
      // the shortest form, and of at most three bytes
      if (width >= 1 && width <= 3 && at + width <= bytes.length && bytes[at] !== 0) {
        length = bytes.subarray(at, at + width).reduce((number, byte) => number * 256 + byte, 0);
        if (length < 0x80) length = -1;
        at += width;
      }
    }
    if (length < 0 || (tag & 0x1f) === 0x1f || at + length > bytes.length) throw new Refused("not DER");
    at += length;
    found.push({ tag, value: bytes.subarray(at - length, at), whole: bytes.subarray(begin, at) });
  }
  return found;
}

const CONSTRUCTED = 0x20;
const MOST_DEEP = 32;

/** Whether a primitive has its one form: BOOLEAN, INTEGER, and a BIT STRING of whole bytes, as keys and signatures are. */
function isCanonical({ tag, value }: Tlv, depth: number): boolean {
  const [first = -1, second = 0] = value;
  if (tag === BOOLEAN) return value.length === 1 && (first === 0 || first === 0xff);
  if (tag === INTEGER) return first >= 0 && !(value.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)));
  return tag !== BITS || depth === 0 || first === 0;
}

/**
 * One element, in which everything ends where it says that it does and has one form. The library that parses certificates
 * takes lengths that contradict each other, and signatures that lack some bits. @throws Refused
 */
export function demandDer(bytes: Uint8Array): void {
  if (elements(bytes).length !== 1) throw new Refused("not one DER element");
  const walk = (bytes: Uint8Array, depth: number): void => {
    if (depth > MOST_DEEP) throw new Refused("DER is nested too deeply");
    for (const element of elements(bytes)) {
      if (!isCanonical(element, depth)) throw new Refused("not DER");
      if (element.tag & CONSTRUCTED) walk(element.value, depth + 1);
    }
  };
  walk(bytes, 0);
}

/** The members of the one sequence that the bytes are. @throws Refused */
export function sequence(bytes: Uint8Array): Tlv[] {
  const [only, ...more] = elements(bytes);
  if (only?.tag !== SEQUENCE || more.length > 0) throw new Refused("not a DER sequence");
  return elements(only.value);
}

/** Dotted form of an object identifier's contents. */
export function oidText(contents: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of contents) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [first = 0, ...rest] = arcs;
  const top = Math.min(Math.floor(first / 40), 2);
  return [top, first - 40 * top, ...rest].join(".");
}
