// Debian's Chromium, and the page in it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const PAGE = new URL(`../${process.env.JURAT_PAGE ?? "dist/verify.html"}`, import.meta.url).href;
const SHOTS = fileURLToPath(new URL("../shots/", import.meta.url));

const QUIET = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

/** A browser for all tests of a file; `close` takes its profile along. */
export async function launch() {
  const profile = mkdtempSync(join(tmpdir(), "jurat-page-"));
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: QUIET, env: { ...process.env, HOME: profile } });
  const close = browser.close.bind(browser);
  browser.close = async () => {
    await close();
    rmSync(profile, { recursive: true, force: true });
  };
  return browser;
}

/** The page, opened from its file, and everything that it asked the network for or complained of. */
export async function open(browser, options = {}) {
  const { now, ...rest } = options;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...rest });
  const page = await context.newPage();
  const [requests, complaints] = [[], []];
  page.on("request", (request) => {
    if (request.url() !== PAGE && !/^(blob|data):/.test(request.url())) requests.push(request.url());
  });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  if (now !== undefined) await page.clock.setFixedTime(new Date(now * 1000));
  await page.goto(PAGE);
  return { context, page, requests, complaints };
}

/** Presses Judge and waits for the verdict, whose words are handed back. */
export async function judge(page) {
  await page.evaluate(() => document.querySelector("#outcome").replaceChildren());
  await page.click("#judge");
  await page.waitForSelector("#outcome > *");
  return page.locator("#outcome").innerText();
}

/** What became of a check on the page. */
export const statusOf = (page, id) => page.locator(`[data-check="${id}"]`).last().getAttribute("data-status");

export const shot = (page, name) => page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });

/** Lets files fall on the page. */
export async function drop(page, files) {
  const given = files.map(({ name, bytes }) => ({ name, base64: Buffer.from(bytes).toString("base64") }));
  await page.evaluate((given) => {
    const transfer = new DataTransfer();
    for (const { name, base64 } of given) {
      transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name));
    }
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer }));
  }, given);
  await page.waitForFunction(() => document.querySelector("#news").textContent !== "");
}
