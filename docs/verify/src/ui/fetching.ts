/** The only requests that this page makes, each because a button was pressed. */

import { MAX_REPORT } from "../evidence.ts";
import { fromUtf8, toHex } from "../bytes.ts";
import { Refused } from "../check.ts";
import type { Binding } from "../binding.ts";

/** 32 random bytes. */
export const freshNonce = (): string => toHex(crypto.getRandomValues(new Uint8Array(32)));

/** @throws Refused */
export async function fetchReport(base: string, nonce: string, binding: Binding): Promise<string> {
  return get(base, "attestation/report", { nonce, binding });
}

/** The archived report of a signer that is no more. @throws Refused */
export async function fetchKeptReport(base: string, signer: string, claimsHash: string): Promise<string> {
  return get(base, "attestation/report", { signing_address: signer, claims_hash: claimsHash });
}

/** @throws Refused */
export async function fetchRecord(base: string, id: string): Promise<string> {
  return get(base, `signature/${encodeURIComponent(id)}`, {});
}

async function get(base: string, path: string, query: Record<string, string>): Promise<string> {
  let url: URL;
  try {
    url = new URL(path, base.endsWith("/") ? base : `${base}/`);
  } catch {
    throw new Refused("that is no address of a service");
  }
  url.search = new URLSearchParams(query).toString();
  let answer: Response;
  try {
    answer = await fetch(url, {
      credentials: "omit", referrerPolicy: "no-referrer", cache: "no-store", redirect: "error",
      signal: AbortSignal.timeout(60_000),
    });
  } catch {
    throw new Refused(`${url.origin} did not answer, or not to a page (https, or http on this machine; CORS must permit it)`);
  }
  const text = fromUtf8(await bounded(answer));
  if (text === null) throw new Refused(`${url.origin} answered with something other than text`);
  if (!answer.ok) throw new Refused(`${url.origin} answered ${answer.status}: ${text.slice(0, 200)}`);
  return text;
}

/** No more than the judge would read. */
async function bounded(answer: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = answer.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done || !value) break;
    length += value.length;
    if (length > MAX_REPORT) throw new Refused(`the answer is longer than ${MAX_REPORT} bytes`);
    parts.push(value);
  }
  const out = new Uint8Array(length);
  parts.reduce((at, part) => (out.set(part, at), at + part.length), 0);
  return out;
}
