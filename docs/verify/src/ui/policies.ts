/** The choice of a policy: one that is built in, or the user's own. */

import { BUILT_IN } from "../policies.ts";
import { parsePolicy, type Policy } from "../policy.ts";
import { byId, make } from "./dom.ts";

const OWN = "own";

const MEANT: Record<string, string> = {
  production: "what you should demand",
  permissive: "genuine hardware, any binding; which code runs there is not checked",
  "0g": "the same, and your own nonce",
  simulated: "laptops and tests: believes no real hardware",
  [OWN]: "a policy of your own, as a file or pasted",
};

const chosen = (): string => document.querySelector<HTMLInputElement>('input[name="policy"]:checked')?.value ?? "production";

/** After a choice: its text, or the place for one's own. */
export function showPolicy(): void {
  const own = chosen() === OWN;
  byId("own-policy", HTMLElement).hidden = !own;
  byId("policy-shown", HTMLElement).hidden = own;
  byId("policy-source", HTMLElement).textContent = BUILT_IN[chosen()] ?? "";
}

export function offerPolicies(): void {
  const offered = [...Object.keys(BUILT_IN), OWN].map((name, at) => {
    const input = make("input", { type: "radio", name: "policy", value: name, id: `policy-${name}` });
    input.checked = at === 0;
    input.addEventListener("change", showPolicy);
    return make("label", { for: `policy-${name}` }, input, make("span", {}, make("strong", {}, name), ` ${MEANT[name] ?? ""}`));
  });
  byId("policies", HTMLElement).append(...offered);
  showPolicy();
}

export function chooseOwnPolicy(): void {
  byId(`policy-${OWN}`, HTMLInputElement).checked = true;
  showPolicy();
}

/** @throws Refused */
export const chosenPolicy = (): Policy => parsePolicy(BUILT_IN[chosen()] ?? byId("policy-text", HTMLTextAreaElement).value);
