/** What a dropped file is, by what is in it. Names are the user's, and say nothing. */

import { fromUtf8, same, sha256 } from "../bytes.ts";
import { JsonObject, parseJson, type Json } from "../json.ts";
import type { Receipt } from "../receipt/record.ts";

export type Kind =
  | "report" | "record" | "neighbours" | "reference" | "collateral" | "rim" | "ocsp" | "nras" | "jwks" | "policy" | "bundle"
  | "request" | "response";

/** The hashes that the receipt at hand names. */
export type Wanted = Pick<Receipt, "requestHash" | "responseHash">;

export function recognise(bytes: Uint8Array, wanted: Wanted | null): Kind | null {
  const hash = wanted && sha256(bytes);
  if (wanted && hash && same(hash, wanted.requestHash)) return "request";
  if (wanted && hash && same(hash, wanted.responseHash)) return "response";
  const text = fromUtf8(bytes);
  if (text === null) return isOcsp(bytes) ? "ocsp" : null;
  if (/<(\w+:)?SoftwareIdentity[\s>]/.test(text.slice(0, 4000))) return "rim";
  const json = attempt(text);
  if (json !== undefined) return ofJson(json);
  const first = text.split("\n").find((line) => line.trim() !== "") ?? "";
  const line = attempt(first);
  if (line instanceof JsonObject && ["receipt", "prune", "head"].some((name) => line.members.has(name))) return "neighbours";
  if (/^\s*\[\[measurements\]\]/m.test(text) && !/^\s*roots\s*=/m.test(text)) return "reference";
  return /^\s*tcb_statuses\s*=/m.test(text) && /^\s*roots\s*=/m.test(text) ? "policy" : null;
}

function attempt(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function ofJson(json: Json): Kind | null {
  if (Array.isArray(json)) return Array.isArray(json[0]) && json[0][0] === "JWT" ? "nras" : null;
  if (!(json instanceof JsonObject)) return null;
  const has = (...names: string[]) => names.every((name) => json.members.has(name));
  if (has("tcb_info", "qe_identity")) return "collateral";
  if (has("receipt", "receipt_signature")) return "record";
  if (has("keys")) return "jwks";
  if (has("bundle", "report")) return "bundle";
  return has("intel_quote") || has("quote") || has("nvidia_payload") ? "report" : null;
}

/** An OCSP response begins with a sequence, a status of success and the basic response in a tag. */
function isOcsp(bytes: Uint8Array): boolean {
  const head = bytes[1] === undefined ? 0 : bytes[1] < 0x80 ? 2 : 2 + (bytes[1] & 0x7f);
  return bytes[0] === 0x30 && bytes[head] === 0x0a && bytes[head + 1] === 0x01;
}
