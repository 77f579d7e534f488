/** The page: what the user gives goes to the judge, what the judge says is shown. */

import "./style.css";
import { fromUtf8, same, toHex } from "../bytes.ts";
import { reasonOf, Refused } from "../check.ts";
import { checksummed } from "../identity.ts";
import { referTo, type Policy } from "../policy.ts";
import { checkReceipt } from "../receipt/index.ts";
import { readRecord, type SignatureRecord } from "../receipt/record.ts";
import { verifyReport } from "../report.ts";
import { transcriptText, type ReportVerdict, type Verdict } from "../verdict.ts";
import { unpack } from "./bundle.ts";
import { byId, make } from "./dom.ts";
import { digestIn, field, line, timeIn } from "./fields.ts";
import { chooseOwnPolicy, chosenPolicy, offerPolicies, showPolicy } from "./policies.ts";
import { fetchKeptReport, fetchRecord, fetchReport, freshNonce } from "./fetching.ts";
import { Held, wordsFor } from "./held.ts";
import { recognise, type Kind, type Wanted } from "./recognise.ts";
import { show } from "./transcript.ts";

const text = (id: string) => byId(id, HTMLTextAreaElement);
const news = byId("news", HTMLElement);
const outcome = byId("outcome", HTMLElement);
const held = new Held(byId("held", HTMLElement), forget);

/** A verdict on inputs that are no longer there would mislead. */
function forget(): void {
  outcome.replaceChildren(make("p", { class: "hint" }, "The inputs have changed: press Judge."));
}

const say = (words: string) => (news.textContent = words);

offerPolicies();

/** With the reference values that are held. @throws Refused */
const policy = (): Policy => texts("reference").reduce(referTo, chosenPolicy());

/** The files of a kind that are text. What is not is none of them: recognise() saw to that. */
const texts = (kind: Kind): string[] => held.of(kind).map((bytes) => fromUtf8(bytes) ?? "");

function record(): SignatureRecord | null {
  const given = text("record").value;
  return given.trim() === "" ? null : readRecord(given);
}

function wanted(): Wanted | null {
  try {
    return record()?.receipt ?? null;
  } catch {
    return null;
  }
}

async function take(files: Iterable<File>): Promise<void> {
  const said: string[] = [];
  const waiting = await Promise.all([...files].map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })));
  // the receipt first: bodies are known by its hashes
  const known = waiting.map((file) => ({ ...file, kind: recognise(file.bytes, null) }));
  for (const file of known.filter(({ kind }) => kind === "record")) put("record", file.name, file.bytes, said);
  for (const { name, bytes } of known.filter(({ kind }) => kind !== "record")) {
    const kind = recognise(bytes, wanted());
    if (kind === "bundle") takeApart(fromUtf8(bytes) ?? "", said);
    else if (kind === null) said.push(`${name} was not recognised${wanted() ? "" : " (bodies are, once the receipt is there)"}.`);
    else put(kind, name, bytes, said);
  }
  say(said.join(" "));
  forget();
}

function takeApart(bundle: string, said: string[]): void {
  try {
    const { report, collateral, record, verifiedAt, nonce, files } = unpack(bundle);
    held.clear();
    files.forEach((file) => held.put(file));
    text("report").value = report;
    text("collateral").value = collateral;
    text("record").value = record;
    line("nonce").value = nonce;
    line("at").value = verifiedAt.toString();
    said.push("The bundle was taken apart. The time in it is its maker’s word: nobody vouches for it.");
  } catch (error) {
    said.push(`${reasonOf(error)}.`);
  }
}

const TEXTS: Partial<Record<Kind, string>> = { report: "report", record: "record", collateral: "collateral", policy: "policy-text" };

function put(kind: Kind, name: string, bytes: Uint8Array, said: string[]): void {
  const area = TEXTS[kind];
  if (area !== undefined) text(area).value = fromUtf8(bytes) ?? "";
  else held.put({ kind, name, bytes });
  if (kind === "policy") chooseOwnPolicy();
  said.push(`${name}: ${wordsFor(kind)}.`);
}

function judge(): void {
  const demanded = field("policy", policy);
  const nonce = field("nonce", () => digestIn("nonce"));
  const at = field("at", () => timeIn("at"));
  const peerSpki = field("spki", () => digestIn("spki"));
  const clientNonce = field("client-nonce", () => digestIn("client-nonce"));
  if (!demanded || nonce === undefined || peerSpki === undefined || at === undefined || clientNonce === undefined) {
    say("Nothing was judged: a field above is not legible.");
    document.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
    return;
  }
  const report = text("report").value;
  if (report.trim() === "") {
    say("Nothing was judged: there is no report.");
    text("report").focus();
    return;
  }
  const collateral = text("collateral").value.trim() === "" ? undefined : text("collateral").value;
  const verdict = verifyReport(report, demanded, {
    now: at ?? Math.floor(Date.now() / 1000),
    standing: at === null ? "live" : "archived",
    nonce,
    collateral,
    rims: texts("rim"),
    ocsp: held.of("ocsp"),
    nras: nras(),
    peerSpki,
  });
  const shown: (HTMLElement | null)[] = [show("report", verdict), timeHint(verdict, at), tools(verdict)];
  if (text("record").value.trim() !== "") shown.push(...judgeReceipt(verdict, clientNonce));
  else if (held.of("request").length + held.of("response").length > 0) {
    shown.push(make("p", { class: "notice" }, "No receipt is here: nobody swears to the bodies that you gave. The verdict is about a machine alone."));
  }
  outcome.replaceChildren(...shown.filter((part) => part !== null));
  const words = [...outcome.querySelectorAll(".banner")].map((banner) => [".subject", ".word"].map((part) => banner.querySelector(part)?.textContent).join(": "));
  say(`${words.join(". ")}.`);
  byId("verdict", HTMLElement).focus();
}

/** The answer counts with its keys alone, and they with it. */
function nras(): { answer: string; jwks: string } | null {
  const [answer, jwks] = [texts("nras")[0], texts("jwks")[0]];
  return answer !== undefined && jwks !== undefined ? { answer, jwks } : null;
}

function timeHint({ verdict }: Verdict, at: number | null): HTMLElement | null {
  if (verdict !== "trusted_then" || at !== null) return null;
  return make("p", { class: "notice" }, "Trusted as of a time that you did not name: the report calls itself archived. To accept that, name the time.");
}

function judgeReceipt(report: ReportVerdict, clientNonce: Uint8Array | null): HTMLElement[] {
  const notice = (words: string) => [make("p", { class: "notice" }, words)];
  if (!report.signer) return notice("The receipt was not judged: only the signer of a trusted report can be asked about receipts.");
  let sworn: SignatureRecord;
  try {
    sworn = readRecord(text("record").value);
  } catch (error) {
    return notice(`The receipt was not judged: ${reasonOf(error)}.`);
  }
  const [request, response] = [held.of("request")[0], held.of("response")[0]];
  if (!request || !response) {
    const missing = [request ? null : "the request body", response ? null : "the answer body"].filter((name) => name !== null);
    return notice(`The receipt was not judged: give ${missing.join(" and ")} as files, byte for byte (an empty file if there was none).`);
  }
  const verdict = checkReceipt(report.signer, sworn, { request, response, clientNonce }, neighbours(sworn));
  const parts = [show("receipt", verdict), tools(verdict)];
  const claims = report.signer.claims;
  const other = !same(sworn.signingAddress, report.signer.address) || (claims && !same(claims.hash, sworn.receipt.claimsHash));
  return other ? [...parts, keptReport(sworn)] : parts;
}

/** The records of an export that may stand beside this one; the judge looks at no others. */
function neighbours(sworn: SignatureRecord): SignatureRecord[] {
  const lines = texts("neighbours").flatMap((export_) => export_.split("\n"));
  return lines.flatMap((line) => {
    try {
      const other = readRecord(line);
      return same(other.receipt.chain, sworn.receipt.chain) ? [other] : [];
    } catch {
      return [];
    }
  });
}

/** A receipt of an earlier signer is judged by that signer's archived report. */
function keptReport(sworn: SignatureRecord): HTMLElement {
  const button = make("button", { type: "button" }, "Fetch that report from the service’s archive");
  button.addEventListener("click", () =>
    errand(button, async () => {
      const signer = checksummed(sworn.signingAddress);
      text("report").value = await fetchKeptReport(line("url").value.trim(), signer, toHex(sworn.receipt.claimsHash));
      line("nonce").value = "";
      say("An archived report is there. Name the time to judge it by, and press Judge.");
      forget();
    }),
  );
  return make("p", { class: "notice" }, "The receipt was not sworn to under this report, but perhaps under an earlier one. ", button);
}

/** What an auditor keeps. */
function tools(verdict: Verdict): HTMLElement {
  const copy = make("button", { type: "button" }, "Copy the transcript");
  copy.addEventListener("click", () =>
    errand(copy, async () => {
      await navigator.clipboard.writeText(`${transcriptText(verdict)}\n`);
      say("The transcript was copied.");
    }),
  );
  const { verdict: word, tee, signing_address, policy, checks, limits } = verdict;
  const json = JSON.stringify({ verdict: word, tee, signing_address, policy, checks, limits });
  const save = make("a", { download: "verdict.json", href: URL.createObjectURL(new Blob([json], { type: "application/json" })) }, "Save as JSON");
  return make("p", { class: "tools" }, copy, save);
}

/** Something that takes a while, or fails, begun by a button. */
async function errand(button: HTMLButtonElement, what: () => Promise<void>): Promise<void> {
  button.disabled = true;
  try {
    await what();
  } catch (error) {
    say(`It did not work: ${reasonOf(error)}.`);
  } finally {
    button.disabled = false;
  }
}

byId("inputs", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  say("Judging…");
  // let the word appear before the arithmetic begins
  setTimeout(() => {
    try {
      judge();
    } catch (error) {
      outcome.replaceChildren(make("p", { class: "notice" }, `The judge itself failed, so nothing was judged: ${reasonOf(error)}`));
      say("The judge itself failed.");
    }
  }, 30);
});

const fetchReportButton = byId("fetch-report", HTMLButtonElement);
fetchReportButton.addEventListener("click", () =>
  errand(fetchReportButton, async () => {
    const binding = field("policy", policy)?.bindings[0];
    if (!binding) throw new Refused("the policy is not legible");
    const nonce = freshNonce();
    text("report").value = await fetchReport(line("url").value.trim(), nonce, binding);
    line("nonce").value = nonce;
    line("at").value = "";
    say("A report is there, made for a nonce that this page has just drawn. Press Judge.");
    forget();
  }),
);

const fetchReceiptButton = byId("fetch-receipt", HTMLButtonElement);
fetchReceiptButton.addEventListener("click", () =>
  errand(fetchReceiptButton, async () => {
    text("record").value = await fetchRecord(line("url").value.trim(), line("receipt-id").value.trim());
    say("The receipt is there. Give both bodies as files, and press Judge.");
    forget();
  }),
);

byId("clear", HTMLButtonElement).addEventListener("click", () => {
  byId("inputs", HTMLFormElement).reset();
  held.clear();
  showPolicy();
  outcome.replaceChildren(make("p", { class: "hint" }, "Nothing was judged yet."));
  say("All was cleared.");
});

line("files").addEventListener("change", () => {
  void take(line("files").files ?? []).then(() => (line("files").value = ""));
});

for (const [id, kind] of [["request-file", "request"], ["response-file", "response"]] as const) {
  line(id).addEventListener("change", async () => {
    const file = line(id).files?.[0];
    if (!file) return;
    held.put({ kind, name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) });
    line(id).value = "";
    say(`${file.name}: ${wordsFor(kind)}.`);
    forget();
  });
}

byId("inputs", HTMLFormElement).addEventListener("input", (event) => {
  if (!(event.target instanceof HTMLInputElement && event.target.type === "file")) forget();
});

const drop = byId("drop", HTMLElement);
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) drop.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  void take(event.dataTransfer?.files ?? []);
});
