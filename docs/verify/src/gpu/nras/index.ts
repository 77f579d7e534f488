/**
 * `gpu.nras`: NVIDIA's attestation service says the same of the same evidence. It answers with a detached EAT (RFC 9711):
 * one signed token overall, and one for each GPU that the overall one names by digest. A refusal comes in the same form
 * and with the same HTTP status: what counts is what the tokens say.
 */

import { sha256, toHex, utf8 } from "../../bytes.ts";
import { demand, fail, pass, reasonOf, Refused, skip, type Finding } from "../../check.ts";
import { JsonObject, Members, parseJson, type Json } from "../../json.ts";
import { bytesOf } from "../../x509.ts";
import { identityOf } from "../identity.ts";
import type { Gpu } from "../index.ts";
import { NotPinned, readKeys } from "./keys.ts";
import { attempt, claimsOf } from "./token.ts";

const MAX_TEXT = 1 << 20;
const SUBJECT = "NVIDIA-PLATFORM-ATTESTATION";

/** An answer, with the keys that it is to be verified with. */
export interface NrasAnswer {
  /** The body of the answer. */
  readonly answer: string;
  /** The service's JWK Set, as it was fetched when the answer was. */
  readonly jwks: string;
}

/** Whom to believe. */
export interface Service {
  /** SHA-256 of the SubjectPublicKeyInfo that certifies the service's keys. */
  readonly pin: Uint8Array;
  /** `iss` of its tokens. */
  readonly issuer: string;
}

/** Judges an answer about GPUs whose reports are signed. */
export function judgeNras(
  gpus: readonly Gpu[], answer: NrasAnswer, nonce: Uint8Array | string, service: Service, now: number,
): Finding {
  if (typeof nonce === "string") return skip(nonce);
  try {
    examine(gpus, answer, toHex(nonce), service, now);
    return pass(`NVIDIA's attestation service says the same of all ${gpus.length}`);
  } catch (error) {
    // the tokens may be NVIDIA's under a new intermediate: they prove nothing, and refute nothing
    return error instanceof NotPinned ? skip(error.message) : fail(reasonOf(error));
  }
}

function examine(gpus: readonly Gpu[], { answer, jwks }: NrasAnswer, nonce: string, { pin, issuer }: Service, now: number): void {
  demand(utf8(answer).length <= MAX_TEXT, `NVIDIA's answer is longer than ${MAX_TEXT} bytes`);
  const { overall: token, devices } = attempt("NVIDIA's answer is not a detached EAT", () => readDetached(answer));
  const authority = { keys: attempt("the overall token", () => readKeys(jwks)), pin, issuer, now };

  let claims: Members;
  try {
    claims = claimsOf(token, authority);
  } catch (error) {
    throw error instanceof NotPinned ? error : new Refused(`the overall token: ${reasonOf(error)}`);
  }
  const overall = attempt("the overall token: its claims are not legible", () => ({
    subject: claims.string("sub"),
    nonce: claims.string("eat_nonce"),
    result: claims.boolean("x-nvidia-overall-att-result"),
    digests: once(claims.value("submods"), digestIn),
  }));
  demand(overall.subject === SUBJECT, `the overall token is about "${overall.subject}"`);
  const names = [...devices.keys()].sort();
  const same = names.length === overall.digests.size && names.every((name) => overall.digests.has(name));
  demand(same, "the overall token names other GPUs than there are tokens of");
  const told = names.map((name) => {
    const token = devices.get(name)!;
    demand(overall.digests.get(name) === toHex(sha256(token)), `the token of ${name} is not the one that the overall token names`);
    return { name, device: attempt(`the token of ${name}`, () => readDevice(claimsOf(token, authority))) };
  });
  // what the service objects to says more than that it does
  for (const { name, device } of told) if (device.objection !== null) throw new Refused(`${name}: ${device.objection}`);
  demand(overall.result, "NVIDIA's overall result is false");
  demand(overall.nonce === nonce, "the overall token is over another nonce than the binding derives");
  demand(told.length === gpus.length, `${told.length} GPUs in NVIDIA's answer, ${gpus.length} in the evidence`);
  const seen = new Set<Gpu>();
  for (const { name, device } of told) attempt(name, () => demandSame(device, gpus, nonce, seen));
}

/** `[["JWT", overall], {name: token, …}]` */
function readDetached(text: string): { overall: string; devices: Map<string, string> } {
  const list = parseJson(text);
  demand(Array.isArray(list) && list.length === 2, "not a list of two");
  const [first, second] = list;
  demand(Array.isArray(first) && first.length === 2 && first[0] === "JWT", "its first member is not a JWT");
  const [, overall] = first;
  demand(typeof overall === "string", "its first member is not a JWT");
  return { overall, devices: once(second, (value) => (typeof value === "string" ? value : null)) };
}

/** An object of whatever names, each there once. */
function once<T>(value: Json | undefined, read: (value: Json) => T | null): Map<string, T> {
  demand(value instanceof JsonObject, "not an object");
  demand(value.twice.size === 0, "a member is there twice");
  return new Map([...value.members].map(([name, member]) => {
    const found = read(member);
    demand(found !== null, `${name} has another form`);
    return [name, found];
  }));
}

/** `["DIGEST", ["SHA-256", hex]]`; of another algorithm none is any token's. */
function digestIn(value: Json): string | null {
  const [kind, named] = Array.isArray(value) && value.length === 2 ? value : [];
  const [algorithm, digest] = Array.isArray(named) && named.length === 2 ? named : [];
  if (![kind, algorithm, digest].every((text) => typeof text === "string")) return null;
  return kind === "DIGEST" && algorithm === "SHA-256" ? (digest as string) : "";
}

interface Device {
  /** The first thing that is not as it is for a GPU in order. */
  readonly objection: string | null;
  readonly nonce?: string | undefined;
  readonly ueid?: string | undefined;
  readonly driver?: string | undefined;
  readonly vbios?: string | undefined;
}

/** Of the many claims, those that a verdict rests on. */
function readDevice(claims: Members): Device {
  return attempt("its claims are not legible", () => {
    const text = (name: string) => claims.optionalString(name);
    const flag = (name: string) => claims.optionalBoolean(name);
    const prefix = "x-nvidia-gpu-attestation-report";
    const validated = flag(`${prefix}-cert-chain-validated`);
    const state = claims.value(`${prefix}-cert-chain`) == null ? null : claims.members(`${prefix}-cert-chain`);
    const stated = state && [state.optionalString("x-nvidia-cert-status"), state.optionalString("x-nvidia-cert-ocsp-status")];
    // version 3.0 says how the chain is, where 2.0 says whether it is
    const chain = stated ? validated === undefined && stated[0] === "valid" && stated[1] === "good" : validated === true;
    const wanted: [boolean, string][] = [
      [text("measres") === "success", "measres is not success"],
      [flag("secboot") === true, "secboot is not true"],
      [text("dbgstat") === "disabled", "dbgstat is not disabled"],
      [flag(`${prefix}-nonce-match`) === true, "its nonce did not match"],
      [flag(`${prefix}-signature-verified`) === true, "its report's signature was not verified"],
      [chain, "its certificates were not validated"],
    ];
    const wrong = wanted.find(([holds]) => !holds);
    const objection = refusal(claims) ?? (wrong ? `NVIDIA says that ${wrong[1]}` : null);
    return {
      objection, nonce: text("eat_nonce"), ueid: text("ueid"), driver: text("x-nvidia-gpu-driver-version"),
      vbios: text("x-nvidia-gpu-vbios-version"),
    };
  });
}

/** Where the service refuses, there is an error and nothing else. */
function refusal(claims: Members): string | null {
  if (claims.value("x-nvidia-error-details") == null) return null;
  const message = claims.members("x-nvidia-error-details").value("message");
  return `NVIDIA refused it: ${typeof message === "string" ? message : "no reason"}`;
}

/** A GPU's token says the same as its evidence. A GPU is told by the number of its certificate, in decimal. */
function demandSame(device: Device, gpus: readonly Gpu[], nonce: string, seen: Set<Gpu>): void {
  const differs = (what: string) => `NVIDIA speaks of another ${what} than the evidence`;
  demand(device.nonce === nonce, differs("nonce"));
  const gpu = gpus.find(({ chain }) => typeof chain !== "string" && ueid(bytesOf(chain.leaf.tbs.serialNumber)) === device.ueid);
  demand(gpu && typeof gpu.chain !== "string" && typeof gpu.report !== "string", differs("GPU"));
  demand(!seen.has(gpu), "NVIDIA speaks of one GPU twice");
  seen.add(gpu);
  const { driver, vbios } = identityOf(gpu.report, gpu.chain.leaf);
  demand(device.driver === driver, differs("driver"));
  demand(device.vbios === vbios, differs("VBIOS"));
}

const ueid = (number: Uint8Array): string => BigInt(`0x0${toHex(number)}`).toString();
