"""Typed data as docs/spec/receipt.md writes it, encoded by hand and compared with eth_account's own encoder. Only the
generators of vectors use this; the verifiers do not."""
import hashlib

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak

DOMAIN_MEMBERS = [("string", "name"), ("string", "version")]
DOMAIN = {"name": "jurat", "version": "1"}
RECEIPT_MEMBERS = [
    ("string", "id"), ("string", "responseId"), ("string", "endpoint"), ("string", "model"), ("uint16", "status"),
    ("string", "end"), ("bytes32", "requestHash"), ("bytes32", "forwardedHash"), ("bytes32", "responseHash"),
    ("uint64", "responseLength"), ("uint64", "receivedAt"), ("uint64", "finishedAt"), ("bytes32", "clientNonce"),
    ("bytes32", "claimsHash"), ("bytes32", "extrasHash"), ("bytes32", "chain"), ("uint64", "sequence"),
    ("bytes32", "previous"),
]
HEAD_MEMBERS = [("bytes32", "chain"), ("uint64", "sequence"), ("bytes32", "receiptHash"), ("uint64", "at")]
PRUNE_POINT_MEMBERS = [
    ("bytes32", "chain"), ("uint64", "first"), ("uint64", "last"), ("bytes32", "previous"), ("bytes32", "receiptHash"),
    ("uint64", "at"),
]
MEMBERS = {"Receipt": RECEIPT_MEMBERS, "Head": HEAD_MEMBERS, "PrunePoint": PRUNE_POINT_MEMBERS}
SHOWN = {"Receipt": "receipt", "Head": "head", "PrunePoint": "prune_point"}
ZERO = bytes(32)


def sha256(data):
    return hashlib.sha256(data).digest()


def hexed(data):
    return "0x" + data.hex()


def encode_type(name, members):
    return f"{name}({','.join(f'{kind} {member}' for kind, member in members)})"


def word(kind, value):
    if kind == "string":
        return keccak(value.encode())
    if kind == "bytes32":
        assert len(value) == 32
        return value
    assert 0 <= value < 2 ** int(kind.removeprefix("uint"))
    return value.to_bytes(32, "big")


def hash_struct(name, members, values):
    words = [word(kind, values[member]) for kind, member in members]
    return keccak(keccak(encode_type(name, members).encode()) + b"".join(words))


DOMAIN_SEPARATOR = hash_struct("EIP712Domain", DOMAIN_MEMBERS, DOMAIN)


def sign(account, digest):
    return account.unsafe_sign_hash(digest).signature


def shown(name, values):
    """The JSON form of a value."""
    return {member: hexed(values[member]) if kind == "bytes32" else values[member] for kind, member in MEMBERS[name]}


def typed(account, name, about, values):
    """(struct hash, digest, signature), compared with what eth_account makes of the same values."""
    members = MEMBERS[name]
    struct_hash = hash_struct(name, members, values)
    digest = keccak(b"\x19\x01" + DOMAIN_SEPARATOR + struct_hash)
    signature = sign(account, digest)
    message = encode_typed_data(full_message={
        "types": {
            "EIP712Domain": [{"name": member, "type": kind} for kind, member in DOMAIN_MEMBERS],
            name: [{"name": member, "type": kind} for kind, member in members],
        },
        "primaryType": name, "domain": DOMAIN, "message": values,
    })
    assert (message.header, message.body) == (DOMAIN_SEPARATOR, struct_hash), f"{about}: eth_account encodes otherwise"
    assert account.sign_message(message).signature == signature, f"{about}: eth_account signs otherwise"
    assert Account.recover_message(message, signature=signature) == account.address, about
    return struct_hash, digest, signature
