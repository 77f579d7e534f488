/**
 * `tdx.compose`: which application a dstack VM runs. The compose file's hash is an event of RTMR3, and the host names it
 * in MRCONFIGID; both are in the quote. The text in the report is compared with them, never the other way about.
 */

import { same, sha256, startsWith, toHex } from "../bytes.ts";
import { fail, pass, skip, type Finding } from "../check.ts";
import { JsonObject, Members, parseJson, type Json } from "../json.ts";
import type { Log } from "./eventlog.ts";
import type { TdReport } from "./quote.ts";

/** First byte of an MRCONFIGID that holds the compose file's hash; zeros follow it. */
const COMPOSE_FILE = 1;

/** The finding, and the hash if the quote's registers establish one. */
export function judgeCompose(log: Log | null, info: Json | undefined, td: TdReport): { finding: Finding; hash: Uint8Array | null } {
  const without = (finding: Finding) => ({ finding, hash: null });
  if (!log) return without(skip("rests on tdx.eventlog"));
  if (log.hasStrippedEvents) {
    return without(skip("the event log lacks payloads of RTMR3: nobody can say which event is which"));
  }
  const hash = log.bootEvent("compose-hash");
  if (!hash) return without(skip("the event log has no compose-hash: no dstack application is measured"));
  if (!log.endsTheBoot) return without(skip("the event log has no system-ready: an application may have written its compose-hash"));
  if (hash.length !== 32) return without(fail("the event compose-hash is no SHA-256"));
  const [form = 0, ...named] = td.mrConfigId;
  const bytes = Uint8Array.from(named);
  const zero = (part: Uint8Array) => part.every((byte) => byte === 0);
  const byHost = form === COMPOSE_FILE;
  if (byHost && !(startsWith(bytes, hash) && zero(bytes.subarray(32)))) {
    return without(fail("MRCONFIGID names another compose file than the event compose-hash"));
  }
  if (!byHost && !(form === 0 && zero(bytes))) {
    return without(skip(`MRCONFIGID has the form 0x${form.toString(16).padStart(2, "0")}, which is not known here`));
  }
  const established = byHost ? "RTMR3 and MRCONFIGID" : "RTMR3";
  const text = composeText(info);
  if (text !== null && !same(sha256(text), hash)) {
    return without(fail("info.tcb_info.app_compose is another compose file than the one that was measured"));
  }
  if (text !== null) {
    return { finding: pass(`the compose file in the report is the one of ${established}: ${toHex(hash)}`), hash };
  }
  const finding = byHost
    ? pass(`${established} name one compose file, ${toHex(hash)}; its text is not in the report`)
    : skip(`RTMR3 names the compose file ${toHex(hash)}, with nothing to compare it with`);
  return { finding, hash };
}

/** Platforms give `info` and `tcb_info` as objects, or as strings that hold them. A member given twice is illegible. */
function composeText(info: Json | undefined): string | null {
  try {
    return object(object(info).value("tcb_info")).string("app_compose");
  } catch {
    return null;
  }
}

function object(value: Json | undefined): Members {
  return new Members(typeof value === "string" ? parseJson(value) : value instanceof JsonObject ? value : undefined);
}
