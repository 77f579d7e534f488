/** Fields of one line: read strictly, and what is wrong is said beside them. */

import { reasonOf, Refused } from "../check.ts";
import { parseDigest } from "../identity.ts";
import { byId } from "./dom.ts";

export const line = (id: string): HTMLInputElement => byId(id, HTMLInputElement);

/** `undefined` where what was read is wrong: the reason is then shown. */
export function field<T>(id: string, read: () => T): T | undefined {
  const error = byId(`${id}-error`, HTMLElement);
  const input = document.getElementById(id === "policy" ? "policy-text" : id);
  try {
    const value = read();
    error.hidden = true;
    input?.removeAttribute("aria-invalid");
    return value;
  } catch (problem) {
    error.textContent = reasonOf(problem);
    error.hidden = false;
    input?.setAttribute("aria-invalid", "true");
    return undefined;
  }
}

/** 32 bytes, or `null` if the field is empty. @throws Refused */
export function digestIn(id: string): Uint8Array | null {
  const digits = line(id).value.trim();
  const digest = digits === "" ? null : parseDigest(digits);
  if (digits !== "" && !digest) throw new Refused("not 64 hexadecimal digits");
  return digest;
}

/** A time in Unix seconds; `null` if the field is empty. @throws Refused */
export function timeIn(id: string): number | null {
  const value = line(id).value.trim();
  if (value === "") return null;
  const seconds = /^\d+$/.test(value) ? Number(value) : Math.floor(Date.parse(value) / 1000);
  if (!Number.isSafeInteger(seconds) || seconds < 0) throw new Refused("neither Unix seconds nor ISO 8601");
  return seconds;
}
