"""Typed data and signatures, for the checks of verify.py: what was signed, and by whom."""

from eth_account.messages import encode_typed_data
from eth_keys import keys
from eth_utils import keccak

from verdict import demand, unhex

HALF_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 // 2
TYPES = {
    "Receipt": "string id,string responseId,string endpoint,string model,uint16 status,string end,bytes32 requestHash,"
    "bytes32 forwardedHash,bytes32 responseHash,uint64 responseLength,uint64 receivedAt,uint64 finishedAt,"
    "bytes32 clientNonce,bytes32 claimsHash,bytes32 extrasHash,bytes32 chain,uint64 sequence,bytes32 previous",
    "Head": "bytes32 chain,uint64 sequence,bytes32 receiptHash,uint64 at",
    "PrunePoint": "bytes32 chain,uint64 first,uint64 last,bytes32 previous,bytes32 receiptHash,uint64 at",
}
ENDS = {"complete", "engine_failed", "engine_truncated", "timed_out", "client_left", "refused"}


def typed_digest(name, value):
    """(struct hash, digest) of typed data. Types are checked here, as eth_account converts what it can."""
    members, message = [part.split(" ") for part in TYPES[name].split(",")], {}
    for kind, member in members:
        given = message[member] = value[member]
        if kind == "bytes32":
            demand(given.startswith("0x") and len(unhex(given, 32)) == 32, f"{member} is not bytes32")
        elif kind == "string":
            demand(isinstance(given, str), f"{member} is not a string")
        else:
            demand(type(given) is int and 0 <= given < 2 ** int(kind[4:]), f"{member} is not a {kind}")
    if name == "Receipt":
        demand(message["end"] in ENDS, "unknown end")
        message["id"] = unhex(message["id"], 16).hex()
    types = {name: [{"name": member, "type": kind} for kind, member in members]}
    signable = encode_typed_data({"name": "jurat", "version": "1"}, types, message)
    return signable.body, keccak(b"\x19\x01" + signable.header + signable.body)


def text_digest(text):
    return keccak(b"\x19Ethereum Signed Message:\n%d" % len(text.encode()) + text.encode())


def recover(signature, digest):
    raw = unhex(signature, 65)
    demand(raw[64] in (27, 28), "v is neither 27 nor 28")
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
    demand(0 < s <= HALF_ORDER, "s is in the upper half or zero")
    return keys.Signature(vrs=(raw[64] - 27, r, s)).recover_public_key_from_msg_hash(digest)


def signed_by(signature, digest, address):
    demand(recover(signature, digest).to_canonical_address() == address, "signed by another")
