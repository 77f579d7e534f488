#!/usr/bin/env python3
"""A second verifier, which shares no code with the Rust crates: whoever doubts one can ask the other.

    verify.py report REPORT.json --nonce HEX             is this the hardware and the software that a policy accepts?
    verify.py record --record R.json --request F --response F --address 0x..    did that key swear to this answer?
    verify.py audit EXPORT.ndjson --signers S.json       is nothing missing, altered or out of its place?
    verify.py vectors                                    run every file of attestation/vectors

Exit codes: 0 trusted, 1 refuted, 2 undecided, 64 usage, 69 something needed is missing. A skipped check that is
required leaves the verdict undecided. The judge is judge.py, with judge_gpus.py for GPUs and evidence.py to read what they
judge. TDX quotes are judged by PyPI's dcap-qvl, which is the Rust judge's own library in another wheel: of the quote's
signatures and of Intel's collateral this is no second opinion, of everything else it is.
"""

import argparse
import pathlib
import sys
import time
import tomllib

try:
    from evidence import ATTESTATION
    from judge import judge_record, judge_report
    from verdict import load, unhex
    from verify_export import judge_export
    from verify_vectors import run_vectors
    import jsonschema
except ImportError as error:
    print(f"verify.py: {error.name} is missing: pip install -r scripts/requirements.txt", file=sys.stderr)
    sys.exit(69)


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(64, f"verify.py: error: {message}\n")


def bytes32(text):
    return unhex(text, 32)


def arguments():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("vectors", help="run every file of attestation/vectors")
    report = commands.add_parser("report", help="judge a report")
    report.add_argument("report", type=pathlib.Path)
    report.add_argument("--policy", default="production", help="a name of attestation/policies, or a TOML file")
    report.add_argument("--nonce", type=bytes32, help="the nonce that you asked with")
    report.add_argument("--peer-spki", type=bytes32, help="SHA-256 of the key of the TLS connection that you saw")
    report.add_argument("--collateral", type=pathlib.Path, help="dcap-qvl's QuoteCollateralV3 as JSON")
    report.add_argument("--rim", type=pathlib.Path, action="append", default=[], help="a manifest of NVIDIA's, XML")
    report.add_argument("--ocsp", type=pathlib.Path, action="append", default=[], help="an OCSP response, DER")
    report.add_argument("--nras", type=pathlib.Path, nargs=2, metavar=("ANSWER", "JWKS"), help="what NVIDIA's service said")
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


def read(path):
    return path.read_text("utf-8")


def judge(given):
    """(transcript, verdict, limits)"""
    if given.command == "record":
        record, claims = load(read(given.record)), given.claims and read(given.claims)
        bodies = (given.request.read_bytes(), given.response.read_bytes())
        done, verdict = judge_record(record, *bodies, given.address, claims, given.client_nonce)
        return done, verdict, ["that this signer lives in an enclave is for its report to show"]
    if given.command == "audit":
        done, verdict = judge_export(read(given.export), load(read(given.signers)))
        return done, verdict, ["without a later head nobody can tell whether receipts are missing at a chain's end"]
    named = ATTESTATION / "policies" / f"{given.policy}.toml"
    policy = tomllib.loads(read(named if named.is_file() else pathlib.Path(given.policy)))
    # a misspelt pin must not pass for none
    jsonschema.validate(policy, load(read(ATTESTATION / "schemas" / "policy.schema.json")))
    done, verdict = judge_report(
        read(given.report), policy, int(time.time()) if given.at is None else given.at, given.nonce, given.at is not None,
        given.peer_spki, given.collateral and read(given.collateral), [read(one) for one in given.rim],
        [one.read_bytes() for one in given.ocsp], given.nras and [read(one) for one in given.nras])
    limits = ["simulated hardware: this says nothing about any real machine"] * (policy["roots"] == "simulated")
    limits += ["which code runs there was NOT checked"] * (not policy.get("measurements"))
    return done, verdict, limits


def main():
    try:
        given = arguments()
        if given.command == "vectors":
            return run_vectors()
        done, verdict, limits = judge(given)
    except OSError as error:
        print(f"verify.py: error: {error}", file=sys.stderr)
        return 69
    except jsonschema.ValidationError as error:
        print(f"verify.py: error: the policy {given.policy}: {error.json_path}: {error.message}", file=sys.stderr)
        return 64
    except Exception as error:
        # a policy or record too malformed to make checks on
        print(f"fail not legible: {type(error).__name__}: {error}\nverdict: refuted")
        return 1
    for name, (status, reason) in done.checks.items():
        print(f"{status} {name:17} {reason}")
    print(f"verdict: {verdict}", *(f"limit: {limit}" for limit in limits), sep="\n")
    return {"trusted": 0, "trusted_then": 0, "refuted": 1, "undecided": 2}[verdict]


if __name__ == "__main__":
    sys.exit(main())
