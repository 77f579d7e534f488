// Policies are read as the program reads them: what is unknown, unsound or of another kind is refused.

import assert from "node:assert/strict";
import { test } from "node:test";
import { file, judge } from "./judge.mjs";

const { BUILT_IN, parsePolicy, policyNamed, referTo } = judge;
const SOUND = BUILT_IN.permissive;
const set = (name, more = "") =>
  `[[measurements]]\nname = "${name}"\n${["mrtd", "rtmr0", "rtmr1", "rtmr2"].map((one) => `${one} = "${"0f".repeat(48)}"\n`).join("")}${more}`;

test("the built-in policies are the project's files and sound", () => {
  for (const [name, text] of Object.entries(BUILT_IN)) {
    assert.equal(text, file(`attestation/policies/${name}.toml`));
    assert.equal(policyNamed(name).name, name);
  }
  assert.equal(policyNamed("toString"), null);
});

test("what is no policy is refused, and why is said", () => {
  for (const [text, why] of [
    ["", /no text name/],
    ["name = ", /not readable/],
    [SOUND + "more = 1\n", /unknown member more/],
    [SOUND.replace('"tdx.debug",', ""), /must require tdx.debug/],
    [SOUND.replace('"tdx.debug"', '"receipt.text"'), /about receipts/],
    [SOUND.replace('"tdx.debug"', '"tdx.dbug"'), /unknown check tdx.dbug/],
    [SOUND.replace('"UpToDate"', '"Revoked"'), /Revoked/],
    [SOUND.replace(/tcb_statuses = .*/, "tcb_statuses = []"), /no TCB status/],
    [SOUND.replace(/bindings = .*/, "bindings = []"), /no binding/],
    [SOUND.replace(/bindings = .*/, 'bindings = ["jurat-v9"]'), /unknown binding jurat-v9/],
    [SOUND.replace('"production"', '"both"'), /unknown roots both/],
    [SOUND + 'platforms = ["00"]\n', /not hexadecimal of the right length/],
    [SOUND + "min_tcb_evaluation_data_number = -1\n", /no number/],
    [SOUND + '[[measurements]]\nname = "a"\nmrtd = "00"\n', /96 hexadecimal digits/],
    [SOUND + set("a", 'mrdt = ""\n'), /unknown member mrdt/],
    [SOUND + set("a").replace(/rtmr1 = .*\n/, ""), /does not pin rtmr1/],
    [SOUND + set("a") + set("a"), /two reference sets are named `a`/],
    [SOUND + '[gpu]\nmin_driver = "550.x"\n', /not a version/],
    [SOUND + '[gpu]\narchitectures = ["VOLTA"]\n', /unknown architecture/],
    [SOUND + "[gpu]\nmin_drvier = \"1\"\n", /unknown member min_drvier/],
  ]) {
    assert.throws(() => parsePolicy(text), why, String(why));
  }
});

test("reference values come beside those of the policy", () => {
  const policy = referTo(parsePolicy(SOUND + set("own")), set("given"));
  assert.deepEqual(policy.measurements.map(({ name }) => name), ["own", "given"]);
  assert.throws(() => referTo(policy, set("own")), /two reference sets/);
  assert.throws(() => referTo(policy, 'name = "x"\n'), /no reference set|unknown member/);
});
