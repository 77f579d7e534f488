/** The built-in policies: the project's own files, taken in when the page is built. */

import production from "../../../attestation/policies/production.toml?raw";
import permissive from "../../../attestation/policies/permissive.toml?raw";
import zerog from "../../../attestation/policies/0g.toml?raw";
import simulated from "../../../attestation/policies/simulated.toml?raw";
import { parsePolicy, type Policy } from "./policy.ts";

/** By name, the default of `jurat verify` first. */
export const BUILT_IN: Readonly<Record<string, string>> = { production, permissive, "0g": zerog, simulated };

export function policyNamed(name: string): Policy | null {
  const text = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
  return text === undefined ? null : parsePolicy(text);
}
