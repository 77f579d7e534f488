/**
 * A TDX quote's parts (Intel, *TDX DCAP Quoting Library API*, appendix A.3 and A.4). Every length is checked against
 * the bytes there are; nothing here verifies a signature. Bytes after the quote are tolerated: platforms pad.
 */

import { Cursor } from "../bytes.ts";
import { demand, Refused } from "../check.ts";

const HEADER = 48;
/** Lengths of a version 5 quote's bodies by their type. */
const BODIES: Record<number, number> = { 2: 584, 3: 648, 4: 885 };
const MAX_PART = 1 << 20;

/** What every TD report has, and of the 1.5 forms what is judged. */
export interface TdReport {
  readonly teeTcbSvn: Uint8Array;
  readonly mrSeam: Uint8Array;
  readonly mrSignerSeam: Uint8Array;
  readonly seamAttributes: Uint8Array;
  readonly tdAttributes: Uint8Array;
  readonly xfam: Uint8Array;
  readonly mrTd: Uint8Array;
  readonly mrConfigId: Uint8Array;
  readonly mrOwner: Uint8Array;
  readonly mrOwnerConfig: Uint8Array;
  readonly rtMr: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  readonly reportData: Uint8Array;
  readonly td15: { readonly teeTcbSvn2: Uint8Array; readonly mrServiceTd: Uint8Array } | null;
  /** Of the 1.5ex form: the service TDs that are bound now. */
  readonly serviceTdNow: Uint8Array | null;
}

export interface Quote {
  readonly version: number;
  readonly attestationKeyType: number;
  readonly qeVendorId: Uint8Array;
  readonly td: TdReport;
  /** What the quote's own signature is over. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  /** `x‖y`. */
  readonly attestationKey: Uint8Array;
  readonly qeReport: Uint8Array;
  readonly qeReportSignature: Uint8Array;
  readonly qeAuthData: Uint8Array;
  readonly certificationType: number;
  readonly certificationData: Uint8Array;
}

/** @throws Refused */
export function parseQuote(bytes: Uint8Array): Quote {
  const short = `quote is cut short at ${bytes.length} bytes`;
  const all = new Cursor(bytes);
  const take = (from: Cursor, length: number): Uint8Array => {
    const part = from.take(length);
    demand(part !== null, short);
    return part;
  };
  const number = (from: Cursor, width: number): number => {
    const found = from.number(width);
    demand(found !== null, short);
    return found;
  };
  const variable = (from: Cursor, width: number): Uint8Array => {
    const length = number(from, width);
    demand(length <= MAX_PART, "a part of the quote is too long");
    return take(from, length);
  };

  const header = new Cursor(bytes.subarray(0, Math.min(HEADER, bytes.length)));
  const version = number(header, 2);
  const attestationKeyType = number(header, 2);
  const tee = number(header, 4);
  demand(tee === 0x81, `quote is of TEE type 0x${tee.toString(16)}, not TDX (0x81)`);
  demand(version === 4 || version === 5, `quote has version ${version}, not 4 or 5`);
  take(all, HEADER);
  header.at = 12;
  const qeVendorId = take(header, 16);

  let length = BODIES[2]!;
  if (version === 5) {
    const type = number(all, 2);
    const known = BODIES[type];
    demand(known !== undefined, `quote's body has type ${type}, not a TD report (2, 3 or 4)`);
    demand(number(all, 4) === known, "the quote is not legible: its body has another size than its type");
    length = known;
  }
  const td = tdReport(take(all, length));
  const signed = bytes.subarray(0, all.at);

  const auth = new Cursor(variable(all, 4));
  const signature = take(auth, 64);
  const attestationKey = take(auth, 64);
  number(auth, 2);
  const inner = new Cursor(variable(auth, 4));
  return {
    version, attestationKeyType, qeVendorId, td, signed, signature, attestationKey,
    qeReport: take(inner, 384),
    qeReportSignature: take(inner, 64),
    qeAuthData: variable(inner, 2),
    certificationType: number(inner, 2),
    certificationData: variable(inner, 4),
  };
}

function tdReport(body: Uint8Array): TdReport {
  const at = (from: number, length: number) => body.subarray(from, from + length);
  return {
    teeTcbSvn: at(0, 16),
    mrSeam: at(16, 48),
    mrSignerSeam: at(64, 48),
    seamAttributes: at(112, 8),
    tdAttributes: at(120, 8),
    xfam: at(128, 8),
    mrTd: at(136, 48),
    mrConfigId: at(184, 48),
    mrOwner: at(232, 48),
    mrOwnerConfig: at(280, 48),
    rtMr: [at(328, 48), at(376, 48), at(424, 48), at(472, 48)],
    reportData: at(520, 64),
    td15: body.length > 584 ? { teeTcbSvn2: at(584, 16), mrServiceTd: at(600, 48) } : null,
    serviceTdNow: body.length === BODIES[4] ? at(829, 48) : null,
  };
}

/** A quoting enclave's report (Intel SDM, REPORT of SGX). */
export interface EnclaveReport {
  readonly miscSelect: Uint8Array;
  readonly attributes: Uint8Array;
  readonly mrSigner: Uint8Array;
  readonly isvProdId: number;
  readonly isvSvn: number;
  readonly reportData: Uint8Array;
}

export function enclaveReport(bytes: Uint8Array): EnclaveReport {
  if (bytes.length !== 384) throw new Refused("the quoting enclave's report has not 384 bytes");
  const number = (at: number) => bytes[at]! + 256 * bytes[at + 1]!;
  return {
    miscSelect: bytes.subarray(16, 20),
    attributes: bytes.subarray(48, 64),
    mrSigner: bytes.subarray(128, 160),
    isvProdId: number(256),
    isvSvn: number(258),
    reportData: bytes.subarray(320, 384),
  };
}
