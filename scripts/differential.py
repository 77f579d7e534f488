#!/usr/bin/env python3
"""Both verifiers over the same mutants: the Rust judge (jurat-vectors judge) and verify.py must come to one verdict.

    differential.py [--seconds 20] [--seed 1]    mutates what must be accepted, as long as that
    differential.py --vectors                    every report vector, and every check of it, instead of mutants

A mutant is an accepted vector with one to three random edits: a bit of a quote, of a GPU's report, of a certificate or of an
OCSP response; a character of a text; a member of an object taken out, doubled or made another kind. The policy is
the caller's own and stays. Every disagreement is printed with what reproduces it, and the exit code is then 1.
"""

import argparse
import base64
import collections
import json
import pathlib
import random
import subprocess
import sys
import time

from evidence import ATTESTATION
from judge import DEBUGGED
from verify_vectors import judge_inputs, merged

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Base64 inside base64 inside JSON: what a text may hold, by the member's name.
HOLDS_JSON = {"claims", "nvidia_payload", "event_log", "collateral", "tcb_info", "qe_identity", "answer", "jwks"}
# Of a check that the second verifier has no word on, by its own limits.
UNSAID = "unsaid"
BYTES = {"intel_quote": "hex", "quote": "hex", "evidence": "base64", "certificate": "base64", "root_ca_crl": "hex",
         "pck_crl": "hex", "tcb_info_signature": "hex", "ocsp": "base64"}


def decoded(kind, text):
    return bytes.fromhex(text) if kind == "hex" else base64.b64decode(text)


def encoded(kind, data):
    return data.hex() if kind == "hex" else base64.b64encode(data).decode()


def edit_text(text, name, dice):
    """The text with one edit at a random depth."""
    kind = BYTES.get(name)
    if kind and dice.random() < 0.8:
        try:
            data = bytearray(decoded(kind, text))
        except ValueError:
            data = bytearray()
        if data:
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            return encoded(kind, data)
    if name in HOLDS_JSON and dice.random() < 0.8:
        try:
            value = json.loads(text)
        except ValueError:  # a token, or what an earlier edit has spoilt
            return edit_text(text, "", dice)
        return json.dumps(edit(value, name, dice), separators=(",", ":"), ensure_ascii=False)
    if not text:
        return "x"
    at = dice.randrange(len(text))
    new = dice.choice(["", " ", "0", "a", "A", '"', "\\", "\u00e9", "<", text[at] * 2])
    return text[:at] + new + text[at + 1 :]


def edit(value, name, dice):
    """The value with one edit somewhere in it."""
    if isinstance(value, str):
        return edit_text(value, name, dice)
    if isinstance(value, list) and value:
        at, what = dice.randrange(len(value)), dice.random()
        if what < 0.1:
            return value[:at] + value[at + 1 :]
        if what < 0.2:
            return value[:at] + [value[at]] + value[at:]
        return value[:at] + [edit(value[at], name, dice)] + value[at + 1 :]
    if isinstance(value, dict) and value:
        member, what = dice.choice(sorted(value)), dice.random()
        if what < 0.08:
            return {key: one for key, one in value.items() if key != member}
        if what < 0.16:
            return value | {member: dice.choice([None, 0, -1, "", [], {}, True, "00", 1 << 70, 1.5])}
        return value | {member: edit(value[member], member, dice)}
    return dice.choice([None, 0, 1, "", True, {}])


def mutant(inputs, dice):
    inputs = json.loads(json.dumps(inputs))
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        part = dice.choices(["report", "collateral", "rims", "ocsp", "nras", "now", "nonce", "peer_spki"], [12, 3, 2, 2, 2, 1, 1, 1])[0]
        if part == "now":
            inputs["now"] += dice.choice([-(10**9), -86401, -3600, 3590, 3700, 10**6, 10**8])
        elif part in ("nonce", "peer_spki"):
            inputs[part] = dice.choice([None, "00" * 32])
        elif part == "report":
            edited = edit(inputs["report"], "report", dice)
            inputs["report"] = edited
        elif part == "collateral" and inputs["collateral"]:
            inputs["collateral"] = edit_text(inputs["collateral"], "collateral", dice)
        elif part == "nras" and inputs["nras"]:
            member = dice.choice(["answer", "jwks"])
            inputs["nras"][member] = edit_text(inputs["nras"][member], member, dice)
        elif inputs.get(part):
            inputs[part] = [one for one in edit(inputs[part], part, dice) if isinstance(one, str)]
    return inputs


def cases():
    """(name, inputs) of every report vector."""
    folder = ATTESTATION / "vectors"
    bases = {path.stem: json.loads(path.read_text("utf-8"))["inputs"] for path in (folder / "base").glob("*.json")}
    for path in sorted(folder.glob("*/report-*.json")):
        case = json.loads(path.read_text("utf-8"))
        yield path.relative_to(folder).as_posix(), merged(bases[case["base"]], case["inputs"])


class Rust:
    def __init__(self, program):
        self.process = subprocess.Popen([program, "judge"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def judge(self, inputs):
        """(verdict, {check: status})"""
        self.process.stdin.write(json.dumps(inputs) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer.get("verdict", "no inputs"), {one["id"]: one["status"] for one in answer.get("checks", [])}


def python(inputs):
    """(verdict, {check: status}, whether it stopped before its checks)"""
    try:
        done, verdict = judge_inputs(inputs)
        # of a TD under debug the library says nothing more, and so neither does verify.py
        unsaid = ("tdx.tcb", "tdx.platform") if done.checks["tdx.quote"][1] == DEBUGGED else ()
        checks = {name: UNSAID if name in unsaid else status for name, (status, _) in done.checks.items()}
        # of a report that is not legible it says that alone
        return verdict, checks, list(checks) == ["tdx.quote"]
    except Exception:
        return "no inputs", {}, True


def apart(ours, theirs, stopped):
    """The checks of which the two say different things, (Rust, Python); None is a check that was not made."""
    names = ours if stopped else {*ours, *theirs}
    pairs = {name: (ours.get(name), theirs.get(name, UNSAID if stopped else None)) for name in sorted(names)}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1] and pair[1] != UNSAID}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="only the mutant of this number, its inputs printed")
    parser.add_argument("--vectors", action="store_true")
    parser.add_argument("--program", default=ROOT / "target" / "debug" / "jurat-vectors")
    given, differ, counts = parser.parse_args(), 0, collections.Counter()
    rust = Rust(given.program)

    def compare(name, inputs, whole):
        (ours, our_checks), (theirs, their_checks, stopped) = rust.judge(inputs), python(inputs)
        counts[ours] += 1
        disputed = apart(our_checks, their_checks, stopped)
        if ours == theirs and not (whole and disputed):
            return 0
        print(f"{name}: Rust {ours}, Python {theirs}; (Rust, Python) differ in {disputed}")
        return 1

    if given.vectors:
        differ = sum(compare(name, inputs, True) for name, inputs in cases())
    else:
        accepted = [(name, inputs) for name, inputs in cases() if name.startswith("accept/") and "eight" not in name]
        began, at = time.monotonic(), 0
        while time.monotonic() - began < given.seconds if given.only is None else at <= given.only:
            dice = random.Random(f"{given.seed}/{at}")
            name, inputs = dice.choice(accepted)
            inputs = mutant(inputs, dice)
            if given.only in (None, at) and type(inputs["report"]) is dict:
                differ += compare(f"mutant {at} of seed {given.seed}, {name}", inputs, False)
                if given.only is not None:
                    print(json.dumps(inputs))
            at += 1
    print(f"differential: {sum(counts.values())} judged by both, {dict(counts)}, {differ} disagreements")
    return 1 if differ or not counts else 0


if __name__ == "__main__":
    sys.exit(main())
