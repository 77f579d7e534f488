/** A verdict on the page: the outcome in words and colour, every check, and the limits. */

import type { Check, Status } from "../check.ts";
import { isTrusted, type Verdict } from "../verdict.ts";
import { make, type Child } from "./dom.ts";
import { notesOn } from "./notes.ts";

const MARKS: Record<Status, string> = { pass: "✓", fail: "✕", skip: "–" };

const MEANINGS = {
  trusted: "No check failed, and all that the policy requires passed.",
  trusted_then: "No check failed, and all that the policy requires passed, as of the time that was named.",
  undecided: "No check failed, and one that is required was skipped. This is not trust.",
  refuted: "A check failed.",
} as const;

/** What is judged: a report under a policy, or a receipt under a trusted signer. */
export type Subject = "report" | "receipt";

export function show(subject: Subject, verdict: Verdict): HTMLElement {
  const trusted = isTrusted(verdict.verdict);
  const tone = trusted && verdict.tee === "simulated" ? "simulated" : verdict.verdict;
  // so that not even a part of the page can be taken for trust in hardware
  const word = verdict.verdict.replace("_", " ") + (tone === "simulated" ? ", as simulated" : "");
  const name = subject === "report" ? "The report" : "The receipt";
  const banner = make(
    "div", { class: `banner ${tone}` },
    make("p", { class: "subject" }, `${name} under the policy ${verdict.policy}`),
    make("p", { class: "word" }, word),
    make("p", { class: "meaning" }, MEANINGS[verdict.verdict]),
    verdict.tee === "simulated"
      ? make("p", { class: "warning" }, make("strong", {}, "Simulated, not hardware. "), "The private keys of its roots are public: this proves nothing about any machine.")
      : null,
    signer(verdict),
  );
  return make(
    "article", { "aria-label": `Verdict on ${name.toLowerCase()}`, class: "result" },
    banner, counts(verdict.checks), checks(subject, verdict.checks), limits(verdict.limits),
  );
}

function signer({ signing_address, verdict }: Verdict): Child {
  if (signing_address === null) return null;
  const word = isTrusted(verdict) ? "Signer " : "It names the signer ";
  return make("p", { class: "signer" }, word, make("code", {}, signing_address));
}

function counts(list: readonly Check[]): HTMLElement {
  const of = (status: Status) => list.filter((check) => check.status === status).length;
  const part = (status: Status, words: string) => make("span", { class: of(status) === 0 ? "count none" : `count ${status}` }, `${MARKS[status]} ${of(status)} ${words}`);
  return make("p", { class: "counts" }, part("pass", "passed"), part("fail", "failed"), part("skip", "skipped"));
}

function checks(subject: Subject, list: readonly Check[]): HTMLElement {
  return make(
    "ul", { class: "checks", "aria-label": `Checks of the ${subject}` },
    ...list.map(({ id, status, reason }) => {
      const line = [
        make("span", { class: "status" }, make("span", { "aria-hidden": "true" }, MARKS[status]), ` ${status}`),
        make("code", { class: "id" }, id),
        make("span", { class: "reason" }, reason),
      ];
      const notes = notesOn(id);
      const item = { class: `check ${status}`, "data-check": id, "data-status": status };
      if (notes.length === 0) return make("li", item, ...line);
      return make("li", item, make("details", {}, make("summary", {}, ...line), make("div", { class: "notes" }, ...notes)));
    }),
  );
}

function limits(list: readonly string[]): Child {
  if (list.length === 0) return null;
  return make(
    "section", { class: "limits", "aria-label": "Limits" },
    make("h3", {}, "What this does not tell"),
    make("ul", {}, ...list.map((limit) => make("li", {}, limit))),
  );
}
