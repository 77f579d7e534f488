/**
 * `tdx.eventlog`: the events that the platform lists are those that the quote's RTMRs were extended with. Payloads of
 * RTMR0 to RTMR2 are not looked at: firmware measures other bytes than it logs, so nothing ties the two.
 */

import { concat, hex, same, sha384, utf8 } from "../bytes.ts";
import { demand, fail, pass, reasonOf, skip, type Finding } from "../check.ts";
import type { EventLogText } from "../evidence.ts";
import { Members, parseJson, type Json } from "../json.ts";
import type { TdReport } from "./quote.ts";

const MAX_TEXT = 4 << 20;
const WIDTH = 48;
/** The register of the running system. */
const GUEST = 3n;
const SYSTEM_READY = "system-ready";
/** Events by which dstack says what it boots, each once and before the application runs, which may then add any. */
const BOOT = ["app-id", "compose-hash", "instance-id", "os-image-hash", "mr-kms", "key-provider", SYSTEM_READY];

/** An event, as dstack lists them. Gateways strip payloads, and digests of the fourth register. */
interface Event {
  readonly imr: bigint;
  readonly type: number;
  readonly digest: string;
  readonly name: string;
  readonly payload: string;
}

/** A log that replays to the quote's registers. */
export class Log {
  constructor(private readonly events: readonly Event[]) {}

  /** Whether it says where the boot ended: nothing that an application wrote passes for an event before that. */
  get endsTheBoot(): boolean {
    return this.bootEvent(SYSTEM_READY) !== null;
  }

  /** The payload of a boot event. Heed it only if no event is stripped. */
  bootEvent(name: string): Uint8Array | null {
    const event = this.events.find((event) => event.imr === GUEST && event.name === name);
    return event ? hex(event.payload) : null;
  }

  /** Whether some event of RTMR3 is a bare digest: under another name it would hide the genuine one. */
  get hasStrippedEvents(): boolean {
    const bare = (event: Event, at: number) => event.payload === "" && !same(digestOf(event, at), computed(event, new Uint8Array()));
    return this.events.some((event, at) => event.imr === GUEST && bare(event, at));
  }
}

/** The finding, and the log if it holds. */
export function judgeEventLog(text: EventLogText | undefined, td: TdReport): { finding: Finding; log: Log | null } {
  const without = (finding: Finding) => ({ finding, log: null });
  if (!text) return without(skip("the report has no event log"));
  try {
    demand(text.length <= MAX_TEXT, `the event log is longer than ${MAX_TEXT} bytes`);
    const events = read(text.value);
    if (events.length === 0) return without(skip("the event log is empty"));
    const registers = replay(events);
    demandOrder(events);
    const at = registers.findIndex((register, at) => !same(register, td.rtMr[at]!));
    if (at >= 0) return without(fail(`RTMR${at} does not follow from the event log`));
    return { finding: pass(`${events.length} events replay to RTMR0 to RTMR3`), log: new Log(events) };
  } catch (error) {
    return without(fail(reasonOf(error)));
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

/** No event of the boot twice, and none once the system is up. */
function demandOrder(events: readonly Event[]): void {
  const seen = new Set<string>();
  events.forEach(({ imr, name }, at) => {
    if (imr !== GUEST || !BOOT.includes(name)) return;
    demand(!seen.has(name), `event ${at} calls itself ${name} a second time`);
    demand(!seen.has(SYSTEM_READY), `event ${at} calls itself ${name}, but the system was up already: the application wrote it`);
    seen.add(name);
  });
}

/**
 * The digest that was extended. An event of the fourth register is dstack's own, and its digest follows from its
 * members: it is recomputed, or the payload would be anybody's word.
 */
function digestOf(event: Event, at: number): Uint8Array {
  const wrong = `event ${at}'s digest or payload is not hexadecimal of the right length`;
  const listed = event.digest === "" ? null : hex(event.digest);
  demand(event.digest === "" || listed?.length === WIDTH, wrong);
  if (event.imr !== GUEST) {
    demand(listed, wrong);
    return listed;
  }
  const payload = hex(event.payload);
  demand(payload, wrong);
  const own = computed(event, payload);
  if (!listed || same(own, listed)) return own;
  // A log whose payloads were stripped still replays; nothing rests on what they said.
  demand(event.payload === "", `event ${at}'s digest is not that of its payload`);
  return listed;
}

/** What dstack extends for an event of these members. */
function computed(event: Event, payload: Uint8Array): Uint8Array {
  const type = new Uint8Array(4);
  new DataView(type.buffer).setUint32(0, event.type, true);
  return sha384(concat(type, utf8(":"), utf8(event.name), utf8(":"), payload));
}
