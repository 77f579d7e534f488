// A report vector's whole inputs.

import { json } from "./judge.mjs";

const bases = new Map();

function base(name) {
  if (!bases.has(name)) bases.set(name, json(`attestation/vectors/base/${name}.json`).inputs);
  return bases.get(name);
}

/** The vector's inputs in place of its base's, member by member; of the report too, where null removes. */
export function inputsOf(vector) {
  const under = base(vector.base);
  const { report = {}, ...rest } = vector.inputs ?? {};
  const whole = { ...under.report, ...report };
  for (const [name, value] of Object.entries(whole)) if (value === null) delete whole[name];
  return { ...under, ...rest, report: JSON.stringify(whole) };
}
