/**
 * JSON (RFC 8259), read so that nothing is lost: members that stand twice are noted, numbers keep their text.
 * JSON.parse would silently take the last of two members, and other readers take the first.
 */

import { utf8 } from "./bytes.ts";

export type Json = null | boolean | string | JsonNumber | Json[] | JsonObject;

export class JsonNumber {
  constructor(readonly text: string) {}
}

export class JsonObject {
  readonly members = new Map<string, Json>();
  /** Names that stand more than once. */
  readonly twice = new Set<string>();
  /** Each member's own text. */
  readonly spans = new Map<string, string>();
}

/** The text is not JSON, or not of the shape that is wanted. */
export class JsonError extends Error {}

const MOST_DEEP = 127;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const SPACE = /[ \t\n\r]*/y;
const ESCAPES: Record<string, string> = {
  '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t",
};
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** @throws JsonError */
export function parseJson(text: string): Json {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.space();
  if (reader.at !== text.length) reader.wrong("something follows it");
  return value;
}

class Reader {
  at = 0;

  constructor(private readonly text: string) {}

  wrong(what: string): never {
    throw new JsonError(`${what}, at character ${this.at}`);
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  space(): void {
    this.match(SPACE);
  }

  private eat(expected: string): boolean {
    if (!this.text.startsWith(expected, this.at)) return false;
    this.at += expected.length;
    return true;
  }

  value(depth: number): Json {
    if (depth > MOST_DEEP) this.wrong("nested too deeply");
    this.space();
    if (this.eat("{")) return this.object(depth);
    if (this.eat("[")) return this.array(depth);
    if (this.text[this.at] === '"') return this.string();
    if (this.eat("null")) return null;
    if (this.eat("true")) return true;
    if (this.eat("false")) return false;
    const number = this.match(NUMBER);
    return number === "" ? this.wrong("no value") : new JsonNumber(number);
  }

  private object(depth: number): JsonObject {
    const object = new JsonObject();
    this.space();
    if (this.eat("}")) return object;
    do {
      this.space();
      if (this.text[this.at] !== '"') this.wrong("no member name");
      const name = this.string();
      this.space();
      if (!this.eat(":")) this.wrong("no colon");
      this.space();
      const from = this.at;
      const value = this.value(depth + 1);
      if (object.members.has(name)) object.twice.add(name);
      object.members.set(name, value);
      object.spans.set(name, this.text.slice(from, this.at));
      this.space();
    } while (this.eat(","));
    return this.eat("}") ? object : this.wrong("object does not end");
  }

  private array(depth: number): Json[] {
    const array: Json[] = [];
    this.space();
    if (this.eat("]")) return array;
    do {
      array.push(this.value(depth + 1));
      this.space();
    } while (this.eat(","));
    return this.eat("]") ? array : this.wrong("array does not end");
  }

  private string(): string {
    this.at += 1;
    let out = "";
    for (;;) {
      out += this.match(PLAIN);
      if (this.eat('"')) break;
      if (!this.eat("\\")) this.wrong("string does not end, or has a control character");
      const escape = this.text[this.at++] ?? "";
      const plain = ESCAPES[escape];
      if (plain !== undefined) {
        out += plain;
      } else if (escape === "u") {
        const digits = this.text.slice(this.at, this.at + 4);
        if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.wrong("not four hexadecimal digits");
        out += String.fromCharCode(parseInt(digits, 16));
        this.at += 4;
      } else {
        this.wrong("unknown escape");
      }
    }
    if (LONE_SURROGATE.test(out)) this.wrong("half a surrogate pair");
    return out;
  }
}

const U64 = 2n ** 64n;

/** An object's members by their types, each at most once; members that nobody asks for are ignored. */
export class Members {
  private readonly object: JsonObject;

  /** @throws JsonError if it is no object */
  constructor(value: Json | undefined) {
    if (!(value instanceof JsonObject)) throw new JsonError("not a JSON object");
    this.object = value;
  }

  has(name: string): boolean {
    return this.object.members.has(name);
  }

  names(): string[] {
    return [...this.object.members.keys()];
  }

  /** `undefined` if it is absent. @throws JsonError if it stands twice */
  value(name: string): Json | undefined {
    if (this.object.twice.has(name)) throw new JsonError(`the member ${name} stands twice`);
    return this.object.members.get(name);
  }

  /** The last value of that name, for what is a map to every reader. */
  lastOf(name: string): Json | undefined {
    return this.object.members.get(name);
  }

  /** The value's own text, as it stands in the document. */
  text(name: string): string {
    return this.object.spans.get(name) ?? "";
  }

  /** The value's own text in UTF-8 bytes, as it stands in the document. */
  length(name: string): number {
    return utf8(this.text(name)).length;
  }

  string(name: string): string {
    return demand(this.value(name), isString, name, "a string");
  }

  /** A string that may be absent, not `null`. */
  stringOr(name: string, absent: string): string {
    return this.value(name) === undefined ? absent : this.string(name);
  }

  /** A string; absent and `null` are the same. */
  optionalString(name: string): string | undefined {
    return this.value(name) == null ? undefined : this.string(name);
  }

  optionalBoolean(name: string): boolean | undefined {
    return this.value(name) == null ? undefined : this.boolean(name);
  }

  boolean(name: string): boolean {
    return demand(this.value(name), (value) => typeof value === "boolean", name, "true or false");
  }

  /** An unsigned integer below `2^bits`. */
  uint(name: string, bits = 64): bigint {
    const value = this.value(name);
    const whole = value instanceof JsonNumber && /^(0|[1-9][0-9]*)$/.test(value.text) ? BigInt(value.text) : null;
    if (whole === null || whole >= U64 || whole >> BigInt(bits) !== 0n) {
      throw new JsonError(`${name} is not an unsigned integer of ${bits} bits`);
    }
    return whole;
  }

  optionalUint(name: string, bits = 64): bigint | undefined {
    return this.value(name) == null ? undefined : this.uint(name, bits);
  }

  number(name: string, bits: 8 | 16 | 32): number {
    return Number(this.uint(name, bits));
  }

  array(name: string): Json[] {
    return demand(this.value(name), (value) => Array.isArray(value), name, "an array");
  }

  strings(name: string): string[] {
    return this.array(name).map((value) => demand(value, isString, name, "an array of strings"));
  }

  members(name: string): Members {
    return new Members(demand(this.value(name), (value) => value instanceof JsonObject, name, "an object"));
  }
}

const isString = (value: Json): value is string => typeof value === "string";

function demand<T extends Json>(value: Json | undefined, holds: (value: Json) => value is T, name: string, kind: string): T {
  if (value === undefined) throw new JsonError(`the member ${name} is missing`);
  if (!holds(value)) throw new JsonError(`${name} is not ${kind}`);
  return value;
}
