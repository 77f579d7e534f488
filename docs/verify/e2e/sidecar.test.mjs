// The page before a running sidecar: a report and a receipt are fetched, and the answer is judged byte by byte.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { judge, launch, open, shot, statusOf } from "./browser.mjs";

const BINARY = process.env.JURAT_BIN ?? fileURLToPath(new URL("../../../target/debug/jurat", import.meta.url));
const absent = !existsSync(BINARY) && `${BINARY} is absent: build jurat with simulated-tee, or name it in JURAT_BIN`;
const QUESTION = JSON.stringify({ model: "m", messages: [{ role: "user", content: "swear it" }], stream: true });
const ANSWER = 'data: {"id":"x","model":"m","choices":[{"delta":{"content":"sworn ✓"}}]}\n\ndata: [DONE]\n\n';

let browser, engine, sidecar, base;

/** The address that `jurat serve` says that it listens on. */
function listening(process) {
  return new Promise((resolve, reject) => {
    let said = "";
    process.stderr.on("data", (data) => {
      said += data;
      const found = /jurat: listening on (http:\S+)\n/.exec(said);
      if (found) resolve(found[1]);
    });
    process.on("exit", () => reject(new Error(`jurat ended: ${said}`)));
  });
}

before(async () => {
  if (absent) return;
  engine = createServer((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(ANSWER);
    });
  });
  await new Promise((resolve) => engine.listen(0, "127.0.0.1", resolve));
  const addresses = ["--engine", `http://127.0.0.1:${engine.address().port}`, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
  sidecar = spawn(BINARY, ["serve", "--simulated-tee", ...addresses], { stdio: ["ignore", "ignore", "pipe"] });
  base = await listening(sidecar);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  sidecar?.kill();
  engine?.close();
});

test("a report and a receipt are fetched, and the answer is sworn to", { skip: absent }, async () => {
  const headers = { "content-type": "application/json" };
  const answered = await fetch(`${base}/v1/chat/completions`, { method: "POST", headers, body: QUESTION });
  const answer = Buffer.from(await answered.arrayBuffer());
  const id = answered.headers.get("x-receipt-id");

  const { context, page, requests, complaints } = await open(browser);
  await page.fill("#url", base);
  await page.check("#policy-simulated");
  await page.click("#fetch-report");
  await page.waitForFunction(() => document.querySelector("#report").value !== "");
  assert.match(await judge(page), /trusted, as simulated/);
  assert.equal(await statusOf(page, "bind.nonce"), "pass");

  await page.fill("#receipt-id", id);
  await page.click("#fetch-receipt");
  await page.waitForFunction(() => document.querySelector("#record").value !== "");
  assert.match(await judge(page), /give the request body and the answer body as files/);

  await page.setInputFiles("#request-file", { name: "request.json", mimeType: "application/json", buffer: Buffer.from(QUESTION) });
  await page.setInputFiles("#response-file", { name: "answer.txt", mimeType: "text/plain", buffer: answer });
  await page.waitForFunction(() => document.querySelectorAll("#held [data-kind]").length === 2);
  await judge(page);
  assert.equal(await page.locator(".result").count(), 2);
  assert.equal(await page.locator(".banner.simulated").count(), 2);
  for (const name of ["signature", "text", "request", "response", "claims", "end"]) assert.equal(await statusOf(page, `receipt.${name}`), "pass", name);
  await shot(page, "receipt");

  answer[answer.length - 20] ^= 1;
  await page.setInputFiles("#response-file", { name: "answer.txt", mimeType: "text/plain", buffer: answer });
  await page.waitForFunction(() => document.querySelectorAll(".result").length === 0);
  assert.match(await judge(page), /refuted/);
  assert.equal(await statusOf(page, "receipt.response"), "fail");

  await page.check("#policy-permissive");
  assert.match(await judge(page), /The receipt was not judged/);
  assert.equal(await statusOf(page, "tdx.quote"), "fail");

  const asked = requests.map((url) => new URL(url));
  assert.deepEqual(asked.map(({ origin, pathname }) => origin + pathname), [`${base}/attestation/report`, `${base}/signature/${id}`]);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("a service that is not there, or does not know the receipt, is said to be so", { skip: absent }, async () => {
  const { context, page } = await open(browser);
  await page.fill("#url", base);
  await page.fill("#receipt-id", "00".repeat(16));
  await page.click("#fetch-receipt");
  await page.waitForFunction(() => document.querySelector("#news").textContent.includes("404"));
  await page.fill("#url", "not an address");
  await page.evaluate(() => document.querySelector("#fetch-report").click());
  await page.waitForFunction(() => document.querySelector("#news").textContent.includes("no address"));
  assert.equal(await page.inputValue("#report"), "");
  await context.close();
});
