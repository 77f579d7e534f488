#!/usr/bin/env python3
"""A second verifier, which shares no code with the Rust crates: whoever doubts one can ask the other.

    verify.py vectors                                    run every file of attestation/vectors
    verify.py report REPORT.json --nonce HEX             is this genuine hardware, and whose key does it vouch for?
    verify.py audit EXPORT.ndjson --signers S.json       is nothing missing, altered or out of its place?
    verify.py record --record R.json --request F --response F --address 0x..    did that key swear to this answer?

Exit codes: 0 trusted, 1 refuted, 2 undecided, 64 usage, 69 something needed is missing. A skipped check that is
required leaves the verdict undecided. Of a report it judges what the policy `simulated` requires, and of hardware no
more than that: not which code runs, nor firmware, revocation and mode of the GPUs. TDX quotes are judged by PyPI's
dcap-qvl, which is the Rust judge's own library in another wheel: of the quote this is no second opinion.
"""

import argparse
import pathlib
import sys
import time

try:
    from eth_keys import keys
    import cryptography  # what verify_report needs, so that its absence is told here
    from verdict import Transcript, demand, load, sha256, unhex
    from verify_export import judge_export
    from verify_report import ATTESTATION, gpu_nonce, judge_report, report_data
    from verify_typed import signed_by, text_digest, typed_digest
except ImportError as error:
    print(f"verify.py: {error.name} is missing: pip install -r scripts/requirements.txt", file=sys.stderr)
    sys.exit(69)

def judge_record(record, request, response, address, claims=None, client_nonce=None):
    done, receipt, text = Transcript(), record["receipt"], record.get("text")
    whole, address = receipt["end"] == "complete", unhex(address, 20)

    def signature():
        demand(record["signing_algo"] == "ecdsa", "the algorithm is not ecdsa")
        demand(unhex(record["signing_address"], 20) == address, "the record names another signer")
        signed_by(record["receipt_signature"], typed_digest("Receipt", receipt)[1], address)
        extras = record.get("extras")
        demand(unhex(receipt["extrasHash"], 32) == (bytes(32) if extras is None else sha256(extras)), "other extras")
        if text is not None and record.get("signature") is not None:
            signed_by(record["signature"], text_digest(text), address)
        return "the signer signed it", True

    def names_both():
        if not whole and text is None and record.get("signature") is None:
            return "absent, as it must be for an answer that is not complete", None
        demand(whole, "there is one, though the answer is not complete")
        demand(text is not None and record.get("signature") is not None, "text or signature is missing")
        hashes = (unhex(receipt[member], 32).hex() for member in ("requestHash", "responseHash"))
        demand(text == ":".join(hashes), "it names other hashes than the receipt")
        return "it names the receipt's two hashes", True

    def bodies(name, body):
        demand(unhex(receipt[f"{name}Hash"], 32) == sha256(body), f"the receipt is about another {name}")
        demand(name == "request" or receipt["responseLength"] == len(body), "the response has another length")
        other = name == "request" and client_nonce and unhex(receipt["clientNonce"], 32) != unhex(client_nonce, 32)
        demand(not other, "the receipt is about a request with another nonce")
        return f"the hash is that of your {name}", True

    def sworn_under():
        if claims is None:
            return "no claims were given", None
        demand(unhex(receipt["claimsHash"], 32) == sha256(claims), "sworn under other claims")
        demand(unhex(receipt["chain"], 32) == unhex(load(claims)["chain"], 32), "of another chain than the claims'")
        return "sworn under these claims", True

    def end():
        demand(whole, f"{receipt['end']}: the answer is not sworn to as complete")
        return "complete", True

    done.make("receipt.signature", signature)
    done.make("receipt.text", names_both)
    done.make("receipt.request", lambda: bodies("request", request))
    done.make("receipt.response", lambda: bodies("response", response))
    done.make("receipt.claims", sworn_under)
    done.make("receipt.end", end)
    required = ["signature", "text", "request", "response", "end"] + ["claims"] * (claims is not None)
    return done, done.verdict(["receipt." + name for name in required])


# Vectors


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
    demand(gpu_nonce(case["binding"], key, nonce) == unhex(case["gpu_nonce"], 32), "GPU nonce derived otherwise")
    return case["about"], True


def judge_forgery(pair, key):
    ours, forged = (unhex(pair[which]["report_data"], 64) for which in ("accept", "refuse"))
    for which in ("accept", "refuse"):
        judge_binding(pair[which], key)
    demand(ours[:20] + ours[32:] == forged[:20] + forged[32:], "the pair differs in more than its separator")
    leading = report_data("jurat-v1", key.to_canonical_address(), bytes(32))[:32]
    demand(ours[:32] == leading and forged[:32] != leading, "the forged commitment passes for ours")
    return "a forged commitment is refused for its separator", True


def judge_file(case):
    """A file of accept/ or refuse/. One that is no record's is skipped: it is another check's business."""
    if "record" not in case:
        return "not a record's", None
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
    for path in sorted(path for kind in ("accept", "refuse") for path in (folder / kind).glob("*.json")):
        name = path.relative_to(folder).as_posix()
        done.make(name, lambda path=path: judge_file(load(path.read_text("utf-8"))))
    counts = {status: sum(one == status for one, _ in done.checks.values()) for status in ("pass", "fail", "skip")}
    for name, (status, reason) in done.checks.items():
        if status != "pass":
            print(f"{status} {name} {reason}")
    print("{pass} passed, {fail} failed, {skip} skipped".format(**counts))
    return 1 if counts["fail"] or not counts["pass"] else 0


# Command line


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(64, f"verify.py: error: {message}\n")


def nonce(text):
    return unhex(text, 32)


def arguments():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("vectors", help="run every file of attestation/vectors")
    report = commands.add_parser("report", help="judge a report")
    report.add_argument("report", type=pathlib.Path)
    report.add_argument("--nonce", type=nonce, help="the nonce that you asked with")
    report.add_argument("--binding", choices=["jurat-v1", "dstack-v1", "dstack-v2"], default="jurat-v1")
    report.add_argument("--simulated", action="store_true", help="believe the public look-alike roots, and no others")
    report.add_argument("--collateral", type=pathlib.Path, help="dcap-qvl's QuoteCollateralV3 as JSON")
    report.add_argument("--at", type=int, help="judge as of this Unix time; at best trusted_then")
    audit = commands.add_parser("audit", help="judge an export")
    audit.add_argument("export", type=pathlib.Path)
    audit.add_argument("--signers", type=pathlib.Path, required=True,
                       help='those that you trust: [{"signing_address":"0x..","claims":"..."}], of verified reports')
    record = commands.add_parser("record", help="judge a signature record against the bodies that you hold")
    for name in ("--record", "--request", "--response"):
        record.add_argument(name, type=pathlib.Path, required=True)
    record.add_argument("--address", required=True, help="the signer that you trust, from a report that was verified")
    record.add_argument("--claims", type=pathlib.Path, help="the claims string of that report, as a file")
    record.add_argument("--client-nonce", help="the X-Receipt-Nonce that you sent")
    return parser.parse_args()


def judge(given):
    """(transcript, verdict, limits)"""
    if given.command == "record":
        record, claims = load(given.record.read_text("utf-8")), given.claims and given.claims.read_text("utf-8")
        bodies = (given.request.read_bytes(), given.response.read_bytes())
        done, verdict = judge_record(record, *bodies, given.address, claims, given.client_nonce)
        return done, verdict, ["that this signer lives in an enclave is for its report to show"]
    if given.command == "audit":
        done, verdict = judge_export(given.export.read_text("utf-8"), load(given.signers.read_text("utf-8")))
        return done, verdict, ["without a later head nobody can tell whether receipts are missing at a chain's end"]
    report = load(given.report.read_text("utf-8"))
    collateral = report.get("collateral") if given.simulated else None
    if given.collateral:
        collateral = given.collateral.read_text("utf-8")
    now = int(time.time()) if given.at is None else given.at
    done, verdict = judge_report(report, given.nonce, given.binding, given.simulated, collateral, now)
    if verdict == "trusted" and given.at is not None:
        verdict = "trusted_then"
    limits = ["which code runs there was NOT checked; nor firmware, revocation and mode of the GPUs"]
    return done, verdict, ["simulated hardware: this says nothing about any real machine"] * given.simulated + limits


def main():
    try:
        given = arguments()
        if given.command == "vectors":
            return run_vectors()
        done, verdict, limits = judge(given)
    except OSError as error:
        print(f"verify.py: error: {error}", file=sys.stderr)
        return 69
    except Exception as error:
        # a report or record too malformed to make checks on
        print(f"fail not legible: {type(error).__name__}: {error}\nverdict: refuted")
        return 1
    for name, (status, reason) in done.checks.items():
        print(f"{status} {name:17} {reason}")
    print(f"verdict: {verdict}", *(f"limit: {limit}" for limit in limits), sep="\n")
    return {"trusted": 0, "trusted_then": 0, "refuted": 1, "undecided": 2}[verdict]


if __name__ == "__main__":
    sys.exit(main())
