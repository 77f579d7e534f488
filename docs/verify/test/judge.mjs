// The judge as it was built for the page, and where the project's files are.

import { existsSync, readFileSync, readdirSync } from "node:fs";

export const judge = await import("../build/judge.js");

const ROOT = new URL("../../../", import.meta.url);
export const file = (path) => readFileSync(new URL(path, ROOT), "utf8");
export const bytes = (path) => new Uint8Array(readFileSync(new URL(path, ROOT)));
export const json = (path) => JSON.parse(file(path));
export const exists = (path) => existsSync(new URL(path, ROOT));

/** Names of the vectors of one kind, of both folders. */
export function vectors(kind) {
  return ["accept", "refuse"].flatMap((folder) =>
    readdirSync(new URL(`attestation/vectors/${folder}/`, ROOT))
      .filter((name) => name.startsWith(`${kind}-`) && name.endsWith(".json"))
      .map((name) => `attestation/vectors/${folder}/${name}`),
  );
}

export const statuses = (verdict, status) =>
  verdict.checks.filter((check) => check.status === status).map((check) => check.id);
