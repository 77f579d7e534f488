/** A bundle taken apart into what it holds (docs/spec/bundle.md): it vouches for nothing itself, not even its time. */

import { base64, utf8 } from "../bytes.ts";
import { demand, reasonOf, Refused } from "../check.ts";
import { JsonObject, Members, parseJson, type Json } from "../json.ts";
import { parseDigest } from "../identity.ts";
import { same } from "../bytes.ts";
import type { File_ } from "./held.ts";

export interface Unpacked {
  readonly report: string;
  readonly collateral: string;
  readonly record: string;
  /** By its maker's clock. */
  readonly verifiedAt: bigint;
  /** Its maker's nonce where the report names another one. One that both agree about proves no freshness. */
  readonly nonce: string;
  readonly files: readonly File_[];
}

/** @throws Refused */
export function unpack(text: string): Unpacked {
  try {
    const bundle = new Members(parseJson(text));
    demand(bundle.string("bundle") === "jurat-bundle-v1", "it is of another layout");
    const report = bundle.string("report");
    const files: File_[] = [];
    const put = (kind: File_["kind"], name: string, bytes: Uint8Array) => files.push({ kind, name, bytes });
    const list = (name: string) => (bundle.value(name) === undefined ? [] : bundle.strings(name));
    list("rims").forEach((rim, at) => put("rim", `manifest ${at}`, utf8(rim)));
    list("ocsp").forEach((response, at) => put("ocsp", `response ${at}`, decoded(response)));
    if (bundle.value("nras") != null) {
      const nras = bundle.members("nras");
      put("nras", "answer", utf8(nras.string("answer")));
      put("jwks", "keys", utf8(nras.string("jwks")));
    }
    let record = "";
    if (bundle.value("answer") != null) {
      const answer = bundle.members("answer");
      record = answer.text("record");
      if (answer.value("bodies") != null) {
        const bodies = answer.members("bodies");
        put("request", "request of the bundle", decoded(bodies.string("request")));
        put("response", "answer of the bundle", decoded(bodies.string("response")));
      }
      if (answer.value("neighbours") !== undefined) {
        const list = JSON.parse(answer.text("neighbours")) as unknown[];
        list.forEach((record, at) => put("neighbours", `neighbour ${at}`, utf8(JSON.stringify(record))));
      }
    }
    return {
      report, record, files,
      collateral: bundle.optionalString("collateral") ?? "",
      verifiedAt: bundle.uint("verified_at"),
      nonce: contradiction(bundle.optionalString("nonce"), report),
    };
  } catch (error) {
    throw new Refused(`the bundle is not legible: ${reasonOf(error)}`);
  }
}

function decoded(text: string): Uint8Array {
  const bytes = base64(text);
  demand(bytes, "not base64");
  return bytes;
}

function contradiction(nonce: string | undefined, report: string): string {
  const own = nonce === undefined ? null : parseDigest(nonce);
  if (!own) return "";
  const named = parseDigest(requestNonce(parseJson(report)));
  return named && same(named, own) ? "" : nonce!;
}

function requestNonce(report: Json): string {
  const named = report instanceof JsonObject ? report.members.get("request_nonce") : undefined;
  return typeof named === "string" ? named : "";
}
