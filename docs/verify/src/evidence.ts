/** A report, read and not yet believed. */

import { base64, hex, same, utf8 } from "./bytes.ts";
import { Refused } from "./check.ts";
import { JsonError, Members, parseJson, type Json } from "./json.ts";

/** Longest report that is read. */
export const MAX_REPORT = 16 << 20;
const MAX_QUOTE = 64 << 10;

export interface Report {
  readonly signingAddress: string;
  readonly signingPublicKey?: string | undefined;
  readonly signingAlgo: string;
  readonly requestNonce?: string | undefined;
  readonly nvidiaPayload: string;
  readonly nvswitchPayload?: string | undefined;
  readonly eventLog?: EventLogText | undefined;
  readonly info?: Json | undefined;
  readonly claims?: string | undefined;
  readonly binding?: string | undefined;
  readonly tlsCertFingerprint?: string | undefined;
  readonly tee?: string | undefined;
  readonly archived?: boolean | undefined;
  readonly archivedAt?: bigint | undefined;
  readonly collateral?: string | undefined;
  /** The quote, or why there is none. */
  readonly quote: Uint8Array | Refused;
}

export interface EventLogText {
  readonly value: Json;
  /** Length of the member's own text in bytes. */
  readonly length: number;
}

/** Unknown members are ignored, members given twice are not. @throws Refused */
export function readReport(text: string): Report {
  if (utf8(text).length > MAX_REPORT) throw new Refused(`the report is longer than ${MAX_REPORT} bytes`);
  try {
    const members = new Members(parseJson(text));
    const eventLog = members.value("event_log");
    // not judged, and refused all the same if they are of another kind: other readers would be
    for (const name of ["gpu_nonce", "nvlink", "report_data"]) members.optionalString(name);
    members.optionalUint("report_age_seconds");
    for (const name of ["vm_config", "info"]) members.value(name);
    return {
      signingAddress: members.stringOr("signing_address", ""),
      signingPublicKey: members.optionalString("signing_public_key"),
      signingAlgo: members.stringOr("signing_algo", ""),
      requestNonce: members.optionalString("request_nonce"),
      nvidiaPayload: members.stringOr("nvidia_payload", ""),
      nvswitchPayload: members.optionalString("nvswitch_payload"),
      eventLog: eventLog == null ? undefined : { value: eventLog, length: members.length("event_log") },
      info: members.value("info"),
      claims: members.optionalString("claims"),
      binding: members.optionalString("binding"),
      tlsCertFingerprint: members.optionalString("tls_cert_fingerprint"),
      tee: members.optionalString("tee"),
      archived: members.optionalBoolean("archived"),
      archivedAt: members.optionalUint("archived_at"),
      collateral: members.optionalString("collateral"),
      quote: readQuote(members.optionalString("intel_quote"), members.optionalString("quote")),
    };
  } catch (error) {
    if (error instanceof JsonError) throw new Refused(`the report is not legible: ${error.message}`);
    throw error;
  }
}

function readQuote(one: string | undefined, other: string | undefined): Uint8Array | Refused {
  try {
    const text = one ?? other;
    if (text === undefined) throw new Refused("the report has no quote");
    const quote = decodeQuote(text);
    if (one !== undefined && other !== undefined && !same(decodeQuote(other), quote)) {
      throw new Refused("quote and intel_quote differ");
    }
    return quote;
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
}

/** Hexadecimal with or without `0x`, or base64: sidecars differ. */
function decodeQuote(text: string): Uint8Array {
  if (text.length > 2 * MAX_QUOTE + 2) throw new Refused(`the quote is longer than ${MAX_QUOTE} bytes`);
  const bytes = hex(text.startsWith("0x") ? text.slice(2) : text) ?? base64(text);
  if (bytes === null) throw new Refused("the quote is neither hexadecimal nor base64");
  if (bytes.length === 0) throw new Refused("the report has no quote");
  if (bytes.length > MAX_QUOTE) throw new Refused(`the quote is longer than ${MAX_QUOTE} bytes`);
  return bytes;
}
