/** `tdx.eventlog`: the events that the platform lists are those that the quote's RTMRs were extended with. */

import { concat, hex, same, sha384, utf8 } from "../bytes.ts";
import { demand, fail, pass, reasonOf, skip, type Finding } from "../check.ts";
import type { EventLogText } from "../evidence.ts";
import { Members, parseJson, type Json } from "../json.ts";
import type { TdReport } from "./quote.ts";

const MAX_TEXT = 4 << 20;
const WIDTH = 48;

/** An event, as dstack lists them. Gateways strip payloads, and digests of the fourth register. */
interface Event {
  readonly imr: bigint;
  readonly type: number;
  readonly digest: string;
  readonly name: string;
  readonly payload: string;
}

export function judgeEventLog(log: EventLogText | undefined, td: TdReport): Finding {
  if (!log) return skip("the report has no event log");
  try {
    demand(log.length <= MAX_TEXT, `the event log is longer than ${MAX_TEXT} bytes`);
    const events = read(log.value);
    if (events.length === 0) return skip("the event log is empty");
    const registers = replay(events);
    const at = registers.findIndex((register, at) => !same(register, td.rtMr[at]!));
    if (at >= 0) return fail(`RTMR${at} does not follow from the event log`);
    return pass(`${events.length} events replay to RTMR0 to RTMR3`);
  } catch (error) {
    return fail(reasonOf(error));
  }
}

/** An array, or a string that holds one. */
function read(value: Json): Event[] {
  try {
    const list = typeof value !== "string" ? value : value === "" ? [] : parseJson(value);
    demand(Array.isArray(list), "not an array");
    return list.map((entry) => {
      const event = new Members(entry);
      return {
        imr: event.uint("imr"),
        type: event.number("event_type", 32),
        digest: event.stringOr("digest", ""),
        name: event.stringOr("event", ""),
        payload: event.stringOr("event_payload", ""),
      };
    });
  } catch (error) {
    throw new Error(`the event log is not legible: ${reasonOf(error)}`);
  }
}

function replay(events: readonly Event[]): Uint8Array[] {
  const registers: Uint8Array[] = Array.from({ length: 4 }, () => new Uint8Array(WIDTH));
  events.forEach((event, at) => {
    demand(event.imr < 4n, `event ${at} extends register ${event.imr}, which a TD does not have`);
    const register = Number(event.imr);
    registers[register] = sha384(registers[register]!, digestOf(event, at));
  });
  return registers;
}

/**
 * The digest that was extended. An event of the fourth register is dstack's own, and its digest follows from its
 * members: it is recomputed, or the payload would be anybody's word.
 */
function digestOf(event: Event, at: number): Uint8Array {
  const wrong = `event ${at}'s digest or payload is not hexadecimal of the right length`;
  const listed = event.digest === "" ? null : hex(event.digest);
  demand(event.digest === "" || listed?.length === WIDTH, wrong);
  if (event.imr !== 3n) {
    demand(listed, wrong);
    return listed;
  }
  const payload = hex(event.payload);
  demand(payload, wrong);
  const type = new Uint8Array(4);
  new DataView(type.buffer).setUint32(0, event.type, true);
  const computed = sha384(concat(type, utf8(":"), utf8(event.name), utf8(":"), payload));
  if (!listed || same(computed, listed)) return computed;
  // A log whose payloads were stripped still replays; nothing rests on what they said.
  demand(event.payload === "", `event ${at}'s digest is not that of its payload`);
  return listed;
}
