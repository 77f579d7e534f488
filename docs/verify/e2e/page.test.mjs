// The page as it is given out, in Debian's Chromium: what it shows, what it asks for, and who can use it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { bytes, exists, file, json, vectors } from "../test/judge.mjs";
import { inputsOf } from "../test/inputs.mjs";
import { drop, judge, launch, open, shot, statusOf } from "./browser.mjs";

const SAMPLES = "../shared/samples";
const absent = !exists(`${SAMPLES}/README.md`) && `${SAMPLES} is absent`;
const NANOGPT = `${SAMPLES}/nanogpt-ecdsa-1xGPU-20260610`;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** Fills in a vector's inputs, as far as the page has a place for them. */
async function fill(page, vector) {
  const { report, policy, now, standing, nonce, peer_spki, collateral, rims, ocsp, nras } = inputsOf(vector);
  await page.check("#policy-own");
  await page.fill("#policy-text", policy);
  await page.fill("#report", report);
  await page.fill("#nonce", nonce ?? "");
  await page.fill("#spki", peer_spki ?? "");
  await page.fill("#at", standing === "archived" ? String(now) : "");
  await page.evaluate((text) => (document.querySelector("#collateral").value = text), collateral ?? "");
  const files = [
    ...(rims ?? []).map((text, at) => ({ name: `rim-${at}.xml`, bytes: Buffer.from(text) })),
    ...(ocsp ?? []).map((text, at) => ({ name: `ocsp-${at}.der`, bytes: Buffer.from(text, "base64") })),
    ...(nras ? [{ name: "nras.json", bytes: Buffer.from(nras.answer) }, { name: "jwks.json", bytes: Buffer.from(nras.jwks) }] : []),
  ];
  if (files.length > 0) await drop(page, files);
}

const BASE = { base: "one-gpu" };

test("it opens from a file, asks for nothing, and judges without a network", async () => {
  const { now } = inputsOf(BASE);
  const { context, page, requests, complaints } = await open(browser, { now });
  await context.setOffline(true);
  await fill(page, BASE);
  const words = await judge(page);
  assert.match(words, /trusted, as simulated/);
  assert.match(words, /Simulated, not hardware/);
  assert.match(words, /What this does not tell/);
  assert.deepEqual([requests, complaints], [[], []]);
  const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute("content");
  assert.match(policy, /^default-src 'none'; script-src 'sha256-[^ ]+'; style-src 'sha256-[^ ]+'; /);
  await context.close();
});

test("a simulation is never shown in the colour of trust, nor is a skip", async () => {
  const { now } = inputsOf(BASE);
  const { context, page } = await open(browser, { now });
  await fill(page, BASE);
  await judge(page);
  const colour = (selector) => page.locator(selector).first().evaluate((element) => getComputedStyle(element).color);
  const green = await colour(".check.pass .status");
  for (const selector of [".banner .word", ".check.skip .status", ".count.skip"]) assert.notEqual(await colour(selector), green, selector);
  assert.equal(await page.locator(".banner.trusted, .banner.trusted_then").count(), 0);
  await context.close();
});

test("vectors get the verdict that they state", async () => {
  // every kind of check among them; all of them run over the same judge in the Node tests
  const seen = new Map();
  // the page tells files apart by what they hold: keys that are no object have no place on it
  const placed = ({ nras }) => !nras || nras.jwks.startsWith("{");
  for (const path of vectors("report")) {
    const vector = json(path);
    const kind = vector.check ?? "accept";
    const { length } = seen.get(kind) ?? seen.set(kind, []).get(kind);
    if (length < 2 && vector.base !== "eight-gpus" && placed(inputsOf(vector))) seen.get(kind).push([path, vector]);
  }
  const chosen = [...seen.values()].flat();
  assert.ok(chosen.length >= 20, `${chosen.length}`);
  const { context, page, complaints } = await open(browser);
  for (const [path, vector] of chosen) {
    await page.clock.setFixedTime(new Date(1000 * Number(inputsOf(vector).now)));
    await page.click("#clear");
    await fill(page, vector);
    await judge(page);
    const tone = await page.locator(".banner").first().getAttribute("class");
    const expected = vector.expect === "accept" ? "simulated" : vector.verdict;
    assert.equal(tone, `banner ${expected}`, path);
    if (vector.check) assert.equal(await statusOf(page, vector.check), vector.verdict === "refuted" ? "fail" : "skip", path);
    assert.deepEqual(complaints, [], path);
  }
  await context.close();
});

test("genuine reports with Intel's and NVIDIA's words are trusted as of their time", { skip: absent }, async () => {
  const nonces = { [NANOGPT]: "9a796732359e9324a45576a730e5a9c47bff518b8ee8bcb882d00b5b1ff6f39a", [`${SAMPLES}/venice-ecdsa-8xH100-20260610`]: "d2f37ab51f93f80365506fcc09119b28bd9c521be89ba25e3aa439912bbba732" };
  for (const [folder, nonce] of Object.entries(nonces)) {
    const { context, page, requests } = await open(browser);
    const names = ["attestation_report", "collateral", "nras_response", "nras_jwks"];
    await drop(page, names.map((name) => ({ name: `${name}.json`, bytes: bytes(`${folder}/${name}.json`) })));
    await page.check("#policy-0g");
    await page.fill("#nonce", nonce);
    await page.fill("#at", folder === NANOGPT ? "2026-06-10T01:49:05Z" : "1781056027");
    assert.match(await judge(page), /trusted then/);
    assert.equal(await statusOf(page, "gpu.nras"), "pass");
    assert.equal(await page.locator(".banner.trusted_then").count(), 1);
    assert.equal(await statusOf(page, "gpu.mode"), folder === NANOGPT ? "pass" : "skip");
    await shot(page, folder === NANOGPT ? "genuine" : "genuine-eight");
    assert.deepEqual(requests, []);
    await context.close();
  }
});

test("what is dropped is recognised, what is not is said, and can be removed", async () => {
  const { context, page } = await open(browser);
  const vector = json("attestation/vectors/accept/receipt-json.json");
  await drop(page, [
    { name: "a", bytes: Buffer.from(vector.response) },
    { name: "b", bytes: Buffer.from(JSON.stringify(vector.record)) },
    { name: "c", bytes: Buffer.from(vector.request) },
    { name: "d", bytes: Buffer.from("nothing of the kind") },
    { name: "e", bytes: Buffer.from(file("attestation/policies/permissive.toml")) },
  ]);
  const news = await page.locator("#news").innerText();
  for (const words of [/a: answer body/, /b: receipt record/, /c: request body/, /d was not recognised/, /e: policy/]) assert.match(news, words);
  assert.equal(await page.isChecked("#policy-own"), true);
  await page.getByRole("button", { name: "Remove a, answer body" }).click();
  assert.equal(await page.locator("#held [data-kind=response]").count(), 0);
  await page.click("#clear");
  assert.equal(await page.inputValue("#record"), "");
  await context.close();
});

test("a bundle is taken apart, and vouches for nothing itself", async () => {
  const { report, policy, now, nonce, peer_spki, collateral, rims, ocsp } = inputsOf(BASE);
  const { record, request, response } = json("attestation/vectors/accept/receipt-json.json");
  const encoded = (text) => Buffer.from(text).toString("base64");
  const bundle = {
    bundle: "jurat-bundle-v1", verified_at: Number(now), nonce, report, collateral, rims, ocsp,
    answer: { record, request_sha256: "00".repeat(32), response_sha256: "00".repeat(32), response_length: 0, bodies: { request: encoded(request), response: encoded(response) }, neighbours: [record] },
  };
  const { context, page } = await open(browser);
  await drop(page, [{ name: "x.json", bytes: Buffer.from(JSON.stringify(bundle)) }]);
  assert.match(await page.locator("#news").innerText(), /its maker’s word|nobody vouches/);
  assert.equal(await page.inputValue("#at"), String(now));
  assert.equal(await page.inputValue("#nonce"), "", "a nonce that bundle and report agree about proves nothing");
  assert.equal(await page.inputValue("#report"), report);
  assert.equal(await page.locator("#held [data-kind=rim]").count(), rims.length);
  assert.equal(await page.locator("#held [data-kind=ocsp]").count(), ocsp.length);
  await page.check("#policy-own");
  await page.fill("#policy-text", policy);
  await page.fill("#spki", peer_spki ?? "");
  await judge(page);
  assert.equal(await statusOf(page, "bind.nonce"), "skip");
  assert.equal(await statusOf(page, "gpu.measurements"), rims.length > 0 ? "pass" : "skip");
  assert.match(await page.locator(".limits").first().innerText(), /named, not proven/);
  await drop(page, [{ name: "y.json", bytes: Buffer.from(JSON.stringify({ ...bundle, nonce: "11".repeat(32) })) }]);
  assert.equal(await page.inputValue("#nonce"), "11".repeat(32), "one that contradicts the report speaks against it");
  await context.close();
});

test("a field that is not legible is named, and nothing is judged", async () => {
  const { context, page } = await open(browser);
  await page.fill("#report", "{}");
  await page.fill("#nonce", "12");
  await page.fill("#at", "yesterday");
  await page.check("#policy-own");
  await page.fill("#policy-text", 'name = "x"');
  await page.click("#judge");
  await page.waitForFunction(() => document.querySelector("#news").textContent.startsWith("Nothing was judged"));
  for (const [id, words] of [["nonce", /64 hexadecimal/], ["at", /ISO 8601/], ["policy", /not readable/]]) {
    assert.match(await page.locator(`#${id}-error`).innerText(), words);
  }
  assert.equal(await page.locator(".result").count(), 0);
  await page.fill("#nonce", "");
  await page.fill("#at", "");
  await page.check("#policy-production");
  assert.match(await judge(page), /refuted/);
  await page.fill("#report", "<html>");
  assert.equal(await page.locator(".result").count(), 0, "a verdict outlived its inputs");
  assert.match(await judge(page), /not legible/);
  await context.close();
});

test("it may ask over TLS or on this machine, and nowhere else", async () => {
  const { context, page, requests } = await open(browser);
  await page.fill("#url", "http://192.0.2.1");
  await page.click("#fetch-report");
  await page.waitForFunction(() => document.querySelector("#news").textContent.includes("did not answer"));
  assert.deepEqual(requests, []);
  await context.close();
});

test("everything can be done with the keyboard, and the verdict takes the focus", async () => {
  const { now } = inputsOf(BASE);
  const { context, page } = await open(browser, { now });
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "To the verdict");
  const reached = new Set();
  for (let at = 0; at < 40; at++) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.tagName));
  }
  for (const id of ["url", "fetch-report", "files", "report", "nonce", "at", "policy-production", "record", "request-file", "response-file", "judge"]) {
    assert.ok(reached.has(id), id);
  }
  await fill(page, BASE);
  await page.focus("#judge");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".result");
  assert.equal(await page.evaluate(() => document.activeElement.id), "verdict");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(".check details[open]").count(), 1);
  assert.match(await page.locator(".notes").first().innerText(), /genuine quoting enclave/);
  await context.close();
});

test("no fault by axe-core, light and dark, wide and narrow, before and after", async () => {
  const { now } = inputsOf(BASE);
  for (const colorScheme of ["light", "dark"]) {
    for (const [name, viewport] of [["wide", { width: 1280, height: 900 }], ["narrow", { width: 360, height: 740 }]]) {
      const { context, page } = await open(browser, { now, colorScheme, viewport });
      const faults = async (when) => {
        await page.evaluate(AXE);
        const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
        assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), [], `${colorScheme}, ${name}, ${when}`);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(overflow <= 0, `${colorScheme}, ${name}, ${when}: ${overflow} pixels too wide`);
      };
      await faults("before");
      await fill(page, BASE);
      await judge(page);
      await page.evaluate(() => document.querySelectorAll("details").forEach((one, at) => (one.open = at < 6)));
      await faults("trusted");
      await shot(page, `trusted-${colorScheme}-${name}`);
      await page.check("#policy-production");
      await judge(page);
      await faults("refuted");
      await shot(page, `refuted-${colorScheme}-${name}`);
      await context.close();
    }
  }
});
