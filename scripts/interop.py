#!/usr/bin/env python3
"""Checks that eth_account, used as any wallet uses it, verifies what jurat signs: nothing of ours is needed.

    interop.py                                   the vectors of attestation/vectors
    interop.py --record FILE --address 0x..      a record of GET /signature/{id}
"""

import argparse
import json
import pathlib
import sys

from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "attestation" / "vectors"
PUBLISHED = json.loads((VECTORS / "receipt.json").read_text("utf-8"))


def members(text):
    """`Name(type member,..)`, as the specification prints it, in the form of wallet libraries."""
    pairs = [part.split(" ") for part in text[text.index("(") + 1 : -1].split(",")]
    return [{"type": kind, "name": name} for kind, name in pairs]


SHOWN = {"Receipt": "receipt", "Head": "head", "PrunePoint": "prune_point"}


def typed(name, message):
    types = {"EIP712Domain": members(PUBLISHED["domain_type"]), name: members(PUBLISHED[f"{SHOWN[name]}_type"])}
    full = {"types": types, "primaryType": name, "domain": PUBLISHED["domain"], "message": message}
    return encode_typed_data(full_message=full)


def signer(message, signature):
    return Account.recover_message(message, signature=signature)


def of_vectors():
    """(what, whether it is as it should be); an altered message must come out as signed by somebody else."""
    address = PUBLISHED["signing_address"]
    for name, shown in SHOWN.items():
        number = {"Receipt": "sequence", "Head": "sequence", "PrunePoint": "last"}[name]
        for case in PUBLISHED[f"{shown}s"]:
            value, signature = case[shown], case["signature"]
            yield f"{name}: {case['about']}", signer(typed(name, value), signature) == address
            altered = value | {number: value[number] - 1 if value[number] else 1}
            yield f"{name}, altered: {case['about']}", signer(typed(name, altered), signature) != address
    texts = json.loads((VECTORS / "text.json").read_text("utf-8"))
    for case in texts["texts"]:
        text, signature = case["text"], case["signature"]
        yield f"text: {case['about']}", signer(encode_defunct(text=text), signature) == texts["signing_address"]
        yield f"text, altered: {case['about']}", signer(encode_defunct(text=text + " "), signature) != address


def of_record(record, address):
    same = address.lower()
    receipt = signer(typed("Receipt", record["receipt"]), record["receipt_signature"])
    yield "receipt_signature", receipt.lower() == same
    if "text" in record:
        yield "signature", signer(encode_defunct(text=record["text"]), record["signature"]).lower() == same
        hashes = (record["receipt"][member].removeprefix("0x") for member in ("requestHash", "responseHash"))
        yield "text", record["text"] == ":".join(hashes)
    else:
        yield "no text beside an answer that is not complete", record["receipt"]["end"] != "complete"


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(64, f"interop.py: error: {message}\n")


def main():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=pathlib.Path)
    parser.add_argument("--address")
    given = parser.parse_args()
    if (given.record is None) != (given.address is None):
        parser.error("--record and --address go together")
    found = of_record(json.loads(given.record.read_text("utf-8")), given.address) if given.record else of_vectors()
    counts = {True: 0, False: 0}
    for what, holds in found:
        counts[holds] += 1
        if not holds:
            print(f"fail {what}")
    print(f"{counts[True]} passed, {counts[False]} failed")
    return 1 if counts[False] or not counts[True] else 0


if __name__ == "__main__":
    sys.exit(main())
