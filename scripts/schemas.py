#!/usr/bin/env python3
"""Holds attestation/schemas against what they are of: the built-in policies as the program prints them and as the files
have them, reference values, a report that it serves, its claims and payload, and the published receipts. Each schema must
also refuse what the program refuses.

    schemas.py      needs JURAT_BIN (with simulated-tee), and standin-reports.py beside it
"""

import copy
import importlib.util
import json
import os
import pathlib
import secrets
import subprocess
import sys
import tempfile
import tomllib

import jsonschema

HERE = pathlib.Path(__file__).resolve().parent
ATTESTATION = HERE.parent / "attestation"
JURAT = os.environ.get("JURAT_BIN", str(HERE.parent / "target/debug/jurat"))


def schema(name, part=None):
    whole = json.loads((ATTESTATION / "schemas" / f"{name}.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(whole)
    if part:
        whole = {"$schema": whole["$schema"], "$ref": f"#/$defs/{part}", "$defs": whole["$defs"]}
    return jsonschema.Draft202012Validator(whole)


def accept(validator, value, what):
    for error in validator.iter_errors(value):
        sys.exit(f"{what} is refused at {error.json_path}: {error.message[:200]}")


def refuse(validator, value, what, edit):
    spoilt = copy.deepcopy(value)
    edit(spoilt)
    if validator.is_valid(spoilt):
        sys.exit(f"{what} is accepted")


def policies():
    validator, sets = schema("policy"), schema("policy", "set")
    files = sorted((ATTESTATION / "policies").glob("*.toml"))
    for file in files:
        accept(validator, tomllib.loads(file.read_text("utf-8")), file.name)
        shown = subprocess.run([JURAT, "policy", "show", file.stem, "--json"], check=True, stdout=subprocess.PIPE)
        accept(validator, json.loads(shown.stdout), f"policy show {file.stem}")
    reference = ATTESTATION / "reference/simulated.toml"
    values = tomllib.loads(reference.read_text("utf-8"))["measurements"]
    for one in values:
        accept(sets, one, reference.name)
    with_sets = [JURAT, "policy", "show", "production", "--json", "--reference", reference]
    policy = json.loads(subprocess.run(with_sets, check=True, stdout=subprocess.PIPE).stdout)
    policy["gpu"] = {"min_driver": "550.90.07", "vbioses": ["96.00.D0.00.03"], "architectures": ["HOPPER"]}
    policy |= {"platforms": ["0a" * 16], "models": ["0a" * 32], "signers": ["0x" + "0a" * 20]}
    accept(validator, policy, "a policy that pins everything")
    for what, edit in {
        "an unknown member": lambda p: p.update(root="x"),
        "a policy without tdx.quote": lambda p: p["required"].remove("tdx.quote"),
        "a check on receipts": lambda p: p["required"].append("receipt.end"),
        "a revoked platform": lambda p: p["tcb_statuses"].append("Revoked"),
        "no binding": lambda p: p["bindings"].clear(),
        "a short PPID": lambda p: p["platforms"].append("0a"),
        "a misspelt pin": lambda p: p["gpu"].update(min_drivr="550.90.07"),
        "a driver that is no version": lambda p: p["gpu"].update(min_driver="new"),
        "an unknown generation": lambda p: p["gpu"]["architectures"].append("VOLTA"),
        "a set without RTMR1": lambda p: p["measurements"][0].pop("rtmr1"),
        "an unknown register": lambda p: p["measurements"][0].update(rtmr4="00" * 48),
        "a short register": lambda p: p["measurements"][0].update(mrtd="00" * 47),
    }.items():
        refuse(validator, policy, what, edit)
        # and so do the program and the second verifier, of the same policy as TOML
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            spoilt = copy.deepcopy(policy)
            edit(spoilt)
            file.write(toml(spoilt))
            file.flush()
            for command, expected in (
                ([JURAT, "policy", "show", file.name], 78),
                ([sys.executable, HERE / "verify.py", "report", os.devnull, "--policy", file.name], 64),
            ):
                code = subprocess.run(command, capture_output=True).returncode
                if code != expected:
                    sys.exit(f"{command[0]} ends with {code} for a policy with {what}")
    return len(files)


def toml(policy):
    plain = [f"{name} = {json.dumps(value)}" for name, value in policy.items() if name not in ("measurements", "gpu")]
    plain += ["[gpu]", *(f"{name} = {json.dumps(value)}" for name, value in policy["gpu"].items())]
    sets = [["[[measurements]]", *(f"{name} = {json.dumps(value)}" for name, value in one.items())]
            for one in policy["measurements"]]
    return "\n".join(plain + [line for one in sets for line in one]) + "\n"


def reports():
    spec = importlib.util.spec_from_file_location("standin_reports", HERE / "standin-reports.py")
    standin = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(standin)
    validator = schema("report")
    with tempfile.TemporaryDirectory() as folder:
        with standin.serving(JURAT, pathlib.Path(folder), "", {}, "--simulated-tee") as (port, _):
            for target in ("binding=jurat-v1", "binding=dstack-v1", "event_log_format=array"):
                report = json.loads(standin.get(port, f"/attestation/report?nonce={secrets.token_hex(32)}&{target}"))
                accept(validator, report, f"a report ({target})")
                accept(schema("report", "payload"), json.loads(report["nvidia_payload"]), "nvidia_payload")
    accept(schema("report", "claims"), json.loads(report["claims"]), "claims")
    for what, edit in {
        "no quote": lambda r: r.pop("quote"),
        "jurat-v1 without claims": lambda r: r.pop("claims"),
        "a payload that is no string": lambda r: r.update(nvidia_payload={}),
        "an event of a fifth register": lambda r: r["event_log"][0].update(imr=4),
        "a short nonce in the list": lambda r: r["all_attestations"][0].update(request_nonce="00"),
    }.items():
        refuse(validator, report, f"a report with {what}", edit)


def receipts():
    validator = schema("receipt")
    records = [json.loads(file.read_text("utf-8"))["record"]
               for file in sorted((ATTESTATION / "vectors/accept").glob("receipt-*.json"))]
    for record in records:
        accept(validator, record, "a published record")
    for what, edit in {
        "no text": lambda r: r.pop("text"),
        "a text for a cut answer": lambda r: r["receipt"].update(end="client_left"),
        "an unknown end": lambda r: r["receipt"].update(end="done"),
        "a member that is not sworn": lambda r: r["receipt"].update(extra=1),
        "a hash in upper case": lambda r: r["receipt"].update(requestHash="0x" + "AB" * 32),
        "a place before the first": lambda r: r["receipt"].update(sequence=0),
    }.items():
        refuse(validator, records[0], f"a record with {what}", edit)
    return len(records)


def main():
    made = policies()
    reports()
    print(f"schemas: {made} policies, reports and {receipts()} records are as they say")


if __name__ == "__main__":
    main()
