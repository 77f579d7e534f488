"""The vectors of attestation/vectors, for verify.py."""

import json
import tomllib

from eth_keys import keys

from evidence import ATTESTATION
from judge import DEBUGGED, gpu_nonce, judge_record, judge_report, report_data
from verdict import Transcript, demand, load, sha256, unbase64, unhex
from verify_export import judge_export
from verify_typed import signed_by, text_digest, typed_digest


def judge_typed(name, member, case, address):
    inner, digest = typed_digest(name, case[member])
    demand(inner == unhex(case["struct_hash"], 32) and digest == unhex(case["digest"], 32), "encoded otherwise")
    signed_by(case["signature"], digest, address)
    return case["about"], True


def judge_text(case, address):
    if "request_hex" in case:
        bodies = (bytes.fromhex(case[member]) for member in ("request_hex", "response_hex"))
        demand(case["text"] == ":".join(sha256(body).hex() for body in bodies), "another text")
    demand(text_digest(case["text"]) == unhex(case["digest"], 32), "encoded otherwise")
    signed_by(case["signature"], unhex(case["digest"], 32), address)
    return case["about"], True


def judge_binding(case, key):
    texts = [case[member] or "" for member in ("claims", "nvidia_payload", "nvswitch_payload")]
    nonce, address = unhex(case["nonce"], 32), key.to_canonical_address()
    spki = unhex(case["tls_cert_fingerprint"], 32) if case["tls_cert_fingerprint"] else None
    data = report_data(case["binding"], address, nonce, *texts, spki=spki)
    demand(data == unhex(case["report_data"], 64), "report data composed otherwise")
    demand(gpu_nonce(case["binding"], key.to_bytes(), nonce) == unhex(case["gpu_nonce"], 32), "GPU nonce derived otherwise")
    return case["about"], True


def judge_forgery(pair, key):
    ours, forged = (unhex(pair[which]["report_data"], 64) for which in ("accept", "refuse"))
    for which in ("accept", "refuse"):
        judge_binding(pair[which], key)
    demand(ours[:20] + ours[32:] == forged[:20] + forged[32:], "the pair differs in more than its separator")
    leading = report_data("jurat-v1", key.to_canonical_address(), bytes(32))[:32]
    demand(ours[:32] == leading and forged[:32] != leading, "the forged commitment passes for ours")
    return "a forged commitment is refused for its separator", True


def merged(base, changes):
    """The inputs of a report vector: its base's, member by member replaced."""
    report = dict(base["report"])
    for member, value in changes.get("report", {}).items():
        report.pop(member, None)
        if value is not None:
            report[member] = value
    return base | changes | {"report": report}


def judge_inputs(inputs):
    nras, hexed = inputs["nras"], {name: inputs[name] and unhex(inputs[name], 32) for name in ("nonce", "peer_spki")}
    return judge_report(
        json.dumps(inputs["report"], ensure_ascii=False), tomllib.loads(inputs["policy"]), inputs["now"], hexed["nonce"],
        inputs["standing"] == "archived", hexed["peer_spki"], inputs["collateral"], inputs["rims"],
        [unbase64(one) for one in inputs["ocsp"]], nras and (nras["answer"], nras["jwks"]))


def judge_report_file(case, bases, rests_on):
    """The verdict and the named check are those that the vector names; every other check passes that passes on the base
    and rests neither on the named one nor on those beside it."""
    base = bases[case["base"]]
    done, verdict = judge_inputs(merged(base["inputs"], case["inputs"]))
    demand(verdict == case["verdict"], f"{verdict} instead of {case['verdict']}: {done.checks}")
    if "check" in case:
        status = {"refuted": "fail", "undecided": "skip"}[verdict]
        demand(done.checks[case["check"]][0] == status, f"{case['check']} is {done.checks[case['check']]}")
        shaken = {case["check"], *case.get("beside", [])}
        if done.checks["tdx.quote"][1] == DEBUGGED:
            shaken |= {"tdx.tcb", "tdx.platform"}  # of which the library then says nothing
        while more := {name for name, on in rests_on.items() if shaken & {*on}} - shaken:
            shaken |= more
        if "happy" not in base:
            checks = judge_inputs(base["inputs"])[0].checks
            base["happy"] = {name for name, (status, _) in checks.items() if status == "pass"}
        also = {name for name in base["happy"] - shaken if done.checks[name][0] != "pass"}
        demand(not also, f"{also} do not pass either: {done.checks}")
    return case["about"], True


def judge_record_file(case):
    bodies = (case[member].encode() for member in ("request", "response"))
    done, verdict = judge_record(case["record"], *bodies, case["signing_address"], case.get("claims"))
    if case["expect"] == "accept":
        demand(verdict == "trusted", f"{verdict}: {done.checks}")
    else:
        demand(case["expect"] == "refuse" and verdict == "refuted", f"{verdict} instead of refuted")
        demand(done.failed(case["check"]), f"refuted, but not by {case['check']}")
    return case["about"], True


def judge_export_file(text, signers, case):
    """A file of export/: the verdict must be the one that the index names, and for the reason that it names."""
    done, verdict = judge_export(text, signers)
    demand(verdict == case["verdict"], f"{verdict} instead of {case['verdict']}: {done.checks}")
    if "check" in case:
        status = {"refuted": "fail", "undecided": "skip"}[verdict]
        made = [one for name, (one, _) in done.checks.items() if name.split(" ")[0] == case["check"]]
        demand(status in made, f"{verdict}, but not by {case['check']}: {done.checks}")
    return case["about"], True


def run_vectors():
    done, folder = Transcript(), ATTESTATION / "vectors"
    files = {name: load((folder / f"{name}.json").read_text("utf-8")) for name in ("receipt", "text", "bindings")}
    address = unhex(files["receipt"]["signing_address"], 20)
    key = keys.PublicKey(unhex(files["bindings"]["signing_public_key"], 64))
    lists = [
        ("receipt", "receipts", lambda case: judge_typed("Receipt", "receipt", case, address)),
        ("receipt", "heads", lambda case: judge_typed("Head", "head", case, address)),
        ("receipt", "prune_points", lambda case: judge_typed("PrunePoint", "prune_point", case, address)),
        ("text", "texts", lambda case: judge_text(case, address)),
        ("bindings", "bindings", lambda case: judge_binding(case, key)),
    ]
    for file, members, judge in lists:
        for at, case in enumerate(files[file][members]):
            done.make(f"{file}.json {members}[{at}]", lambda judge=judge, case=case: judge(case))
    done.make("bindings.json forged_commitment", lambda: judge_forgery(files["bindings"]["forged_commitment"], key))
    index = load((folder / "export" / "index.json").read_text("utf-8"))
    for name, case in index["exports"].items():
        text = (folder / "export" / name).read_text("utf-8")
        done.make(f"export/{name}", lambda text=text, case=case: judge_export_file(text, index["signers"], case))
    bases = {path.stem: load(path.read_text("utf-8")) for path in (folder / "base").glob("*.json")}
    rests_on = load((folder / "rests_on.json").read_text("utf-8"))

    def judge_file(path):
        case = load(path.read_text("utf-8"))
        return judge_record_file(case) if "record" in case else judge_report_file(case, bases, rests_on)

    for path in sorted(path for kind in ("accept", "refuse") for path in (folder / kind).glob("*.json")):
        name = path.relative_to(folder).as_posix()
        done.make(name, lambda path=path: judge_file(path))
    counts = {status: sum(one == status for one, _ in done.checks.values()) for status in ("pass", "fail", "skip")}
    for name, (status, reason) in done.checks.items():
        if status != "pass":
            print(f"{status} {name} {reason}")
    print("{pass} passed, {fail} failed, {skip} skipped".format(**counts))
    return 1 if counts["fail"] or not counts["pass"] else 0
