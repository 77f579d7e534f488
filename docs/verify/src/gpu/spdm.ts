/**
 * A GPU's attestation report: SPDM 1.1 GET_MEASUREMENTS and the signed MEASUREMENTS (DMTF DSP0274 1.1). The layout is
 * fixed and every length is checked; the signature, over all bytes before it, is not verified here.
 */

import { Cursor, same } from "../bytes.ts";
import { demand } from "../check.ts";

const REQUEST = Uint8Array.of(0x11, 0xe0, 0x01, 0xff);
const RESPONSE = Uint8Array.of(0x11, 0x60);
const SIGNATURE = 96;
const DMTF = 1;
const SHA384 = 48;

/** NVIDIA's opaque data by number: the tags that are read. */
export const TAG = {
  driverVersion: 3, vbiosVersion: 6, nvdec0: 11, chipSku: 15, project: 17, projectSku: 18, firmwareId: 20, protectedPcie: 21,
  /** Of a switch its own number, of a GPU those of the switches at its links. */
  pdi: 22,
  gpusOfSwitch: 26, featureFlag: 36,
} as const;

export interface SpdmReport {
  /** The nonce that was asked to be signed, 32 bytes. */
  readonly nonce: Uint8Array;
  /** Index, from 1 and each once, to SHA-384. */
  readonly blocks: ReadonlyMap<number, Uint8Array>;
  readonly opaque: ReadonlyMap<number, Uint8Array>;
  /** What the signature is over. */
  readonly signed: Uint8Array;
  /** `r‖s`, big-endian. */
  readonly signature: Uint8Array;
}

/** One byte after the signature is tolerated, as NVIDIA's own tools have written it. @throws Refused */
export function parseSpdm(bytes: Uint8Array): SpdmReport {
  const rest = new Cursor(bytes);
  const take = (length: number): Uint8Array => {
    const part = rest.take(length);
    demand(part, "report is cut short");
    return part;
  };
  const number = (width: number): number => {
    const found = rest.number(width);
    demand(found !== null, "report is cut short");
    return found;
  };

  const request = take(37);
  demand(same(request.subarray(0, 4), REQUEST), "report does not begin with an SPDM 1.1 request for all signed measurements");
  demand(same(take(2), RESPONSE), "report's response is not SPDM 1.1 measurements");
  take(2); // parameters: slot and reserved
  const count = number(1);
  const blocks = readBlocks(take(number(3)), count);
  take(32); // the responder's own nonce
  const opaque = readOpaque(take(number(2)));
  const signed = bytes.subarray(0, rest.at);
  const signature = take(SIGNATURE);
  demand(rest.left <= 1, `${rest.left} bytes follow the signature`);
  return { nonce: request.subarray(4, 36), blocks, opaque, signed, signature };
}

function readBlocks(record: Uint8Array, count: number): Map<number, Uint8Array> {
  const wrong = "measurement record does not hold the blocks that it announces";
  const rest = new Cursor(record);
  const blocks = new Map<number, Uint8Array>();
  for (let at = 0; at < count; at++) {
    const [index, specification, size] = [rest.number(1), rest.number(1), rest.number(2)];
    demand(index !== null && specification !== null && size !== null, wrong);
    const part = rest.take(size);
    demand(part, wrong);
    const value = new Cursor(part);
    value.take(1); // kind of measurement
    const digest = value.number(2) === SHA384 ? value.take(SHA384) : null;
    demand(digest && specification === DMTF && value.left === 0, `measurement block ${index} is not a SHA-384 in DMTF's form`);
    demand(!blocks.has(index), `measurement block ${index} is there twice`);
    blocks.set(index, digest);
  }
  demand(rest.left === 0, wrong);
  return blocks;
}

function readOpaque(bytes: Uint8Array): Map<number, Uint8Array> {
  const rest = new Cursor(bytes);
  const members = new Map<number, Uint8Array>();
  while (rest.left > 0) {
    const [tag, length] = [rest.number(2), rest.number(2)];
    const value = length === null ? null : rest.take(length);
    demand(tag !== null && value, "opaque data does not divide into its members");
    demand(!members.has(tag), `opaque member ${tag} is there twice`);
    members.set(tag, value);
  }
  return members;
}
