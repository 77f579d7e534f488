// The JSON reader against the platform's: it refuses what must be refused, and loses nothing else.

import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "./judge.mjs";

const { parseJson, JsonObject, JsonNumber, Members } = judge;

/** What JSON.parse would give. */
function plain(value) {
  if (value instanceof JsonNumber) return Number(value.text);
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof JsonObject)) return value;
  return Object.fromEntries([...value.members].map(([name, member]) => [name, plain(member)]));
}

test("it reads what JSON.parse reads", () => {
  const texts = [
    "null", "true", " [ ] ", "{}", '"\\u00e9\\n\\ud83d\\ude00"', "-0.5e+3", '{"a":[1,{"b":"c"},null],"d":false}', "1e400", '"\u2028"',
  ];
  for (const text of texts) assert.deepEqual(plain(parseJson(text)), JSON.parse(text), text);
});

test("it refuses what JSON.parse refuses, and halves of surrogate pairs", () => {
  const texts = ["", "{", "[1,]", "{,}", '{"a"}', "01", "1.", ".5", "+1", "'a'", "nul", '"\t"', '"\\x"', "1 2", "\ufeff{}", "[1}", '{"a":1,}', "\u00a01"];
  for (const text of texts) {
    assert.throws(() => JSON.parse(text), text);
    assert.throws(() => parseJson(text), text);
  }
  for (const text of ['"\\ud800"', '"\\udc00\\ud800"', '"\ud800"']) assert.throws(() => parseJson(text), text);
  assert.throws(() => parseJson("[".repeat(200) + "]".repeat(200)));
});

test("bytes flipped at random are read alike or refused by both", () => {
  const text = '{"report":{"nonce":"00ff","list":[1,2.5,{"x":null}],"text":"a\\"b\\\\c\\u0041"},"last":[true,false]}';
  let state = 3;
  for (let round = 0; round < 3000; round++) {
    state = (state * 48271) % 2147483647;
    const at = state % text.length;
    const flipped = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << (state >> 7) % 7)) + text.slice(at + 1);
    let expected, found;
    try { expected = JSON.stringify(JSON.parse(flipped)); } catch { expected = null; }
    try { found = JSON.stringify(plain(parseJson(flipped))); } catch { found = null; }
    if (!/\\ud[89a-f]/i.test(flipped)) assert.equal(found, expected, flipped);
  }
});

test("a member that stands twice is refused where it is asked for, and numbers keep all their digits", () => {
  const members = new Members(parseJson('{"a":1,"a":2,"big":18446744073709551615,"over":18446744073709551616,"half":1.0,"minus":-0}'));
  assert.throws(() => members.uint("a"), /twice/);
  assert.equal(members.uint("big"), 18446744073709551615n);
  for (const name of ["over", "half", "minus"]) assert.throws(() => members.uint(name), name);
});
