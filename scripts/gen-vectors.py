#!/usr/bin/env python3
"""Writes attestation/vectors/{receipt,text,bindings}.json from the specification alone.

Nothing here calls the Rust code: the encodings are written out by hand from docs/spec/, hashed with hashlib
and eth_utils, signed with eth_account, and then compared with what eth_account's own EIP-712 and EIP-191
encoders make of the same values. A difference stops the program. Signatures follow RFC 6979, so that the
files come out the same every time; `--check` fails if they would not.
"""
import argparse
import hashlib
import json
import pathlib
import sys

from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_utils import keccak, to_checksum_address

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "attestation" / "vectors"
KEY = "0x" + "11" * 32
ACCOUNT = Account.from_key(KEY)
PUBLIC_KEY = ACCOUNT._key_obj.public_key.to_bytes()

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
ENDS = ["complete", "engine_failed", "engine_truncated", "timed_out", "client_left", "refused"]
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


def sign(digest):
    return ACCOUNT.unsafe_sign_hash(digest).signature


def typed(name, members, about, values):
    """One vector of typed data, compared with eth_account's encoder."""
    struct_hash = hash_struct(name, members, values)
    digest = keccak(b"\x19\x01" + DOMAIN_SEPARATOR + struct_hash)
    signature = sign(digest)
    message = encode_typed_data(full_message={
        "types": {
            "EIP712Domain": [{"name": member, "type": kind} for kind, member in DOMAIN_MEMBERS],
            name: [{"name": member, "type": kind} for kind, member in members],
        },
        "primaryType": name, "domain": DOMAIN, "message": values,
    })
    assert (message.header, message.body) == (DOMAIN_SEPARATOR, struct_hash), f"{about}: eth_account encodes otherwise"
    assert ACCOUNT.sign_message(message).signature == signature, f"{about}: eth_account signs otherwise"
    assert Account.recover_message(message, signature=signature) == ACCOUNT.address, about
    shown = {member: hexed(value) if kind == "bytes32" else value for (kind, member), value in
             ((pair, values[pair[1]]) for pair in members)}
    return {"about": about, name.lower(): shown, "struct_hash": hexed(struct_hash), "digest": hexed(digest),
            "signature": hexed(signature)}


def receipts():
    chain = sha256(b"a chain of the vectors")
    base = {
        "id": "0123456789abcdef0123456789abcdef", "responseId": "chatcmpl-0123456789abcdef0123456789abcdef",
        "endpoint": "POST /v1/chat/completions", "model": "tiny-model", "status": 200, "end": "complete",
        "requestHash": sha256(b'{"model":"m"}'), "forwardedHash": sha256(b'{"model":"m"}'),
        "responseHash": sha256(b"data: [DONE]\n\n"), "responseLength": 14, "receivedAt": 1795000000000,
        "finishedAt": 1795000001234, "clientNonce": ZERO, "claimsHash": sha256(b'{"version":1}'), "extrasHash": ZERO,
        "chain": chain,
    }
    cases = [(f"an answer that ended {end}", {"end": end}) for end in ENDS]
    cases += [
        ("names beyond ASCII, and none of them normalised", {"responseId": "chatcmpl-é-e\u0301-🦀", "model": "模型/Ω"}),
        ("quotes, backslashes and a slash", {"responseId": "\"\\/'", "model": "org/model:tag \"q\""}),
        ("no names", {"responseId": "", "model": ""}),
        ("256 bytes of name", {"responseId": "x" * 256, "model": "ü" * 128}),
        ("nothing forwarded, no body", {"end": "refused", "status": 502, "forwardedHash": ZERO, "responseLength": 0,
                                        "requestHash": sha256(b""), "responseHash": sha256(b"")}),
        ("a rewrite: forwarded is not received", {"forwardedHash": sha256(b'{"model":"m","cache_salt":"s"}')}),
        ("a client's nonce and extras", {"clientNonce": bytes(range(32)), "extrasHash": sha256(b'{"usage":{}}')}),
        ("the largest numbers", {"status": 65535, "responseLength": 2**53 - 1, "receivedAt": 2**53 - 1,
                                 "finishedAt": 2**53 - 1}),
        ("the smallest numbers", {"status": 0, "responseLength": 0, "receivedAt": 0, "finishedAt": 0}),
        ("another endpoint", {"endpoint": "POST /v1/audio/transcriptions", "status": 204}),
    ]
    made, previous = [], chain
    for sequence, (about, changes) in enumerate(cases, 1):
        vector = typed("Receipt", RECEIPT_MEMBERS, about, base | changes | {"sequence": sequence, "previous": previous})
        previous = bytes.fromhex(vector["struct_hash"][2:])
        made.append(vector)
    heads = [
        typed("Head", HEAD_MEMBERS, "of an empty chain", {"chain": chain, "sequence": 0, "receiptHash": chain,
                                                          "at": 1795000000000}),
        typed("Head", HEAD_MEMBERS, "of the chain above", {"chain": chain, "sequence": len(made),
                                                          "receiptHash": previous, "at": 1795000099999}),
    ]
    return {
        "about": "EIP-712 receipts and heads under the key 0x11 repeated; the receipts form one chain",
        "private_key": KEY, "signing_address": ACCOUNT.address,
        "domain_type": encode_type("EIP712Domain", DOMAIN_MEMBERS), "domain": DOMAIN,
        "domain_separator": hexed(DOMAIN_SEPARATOR), "receipt_type": encode_type("Receipt", RECEIPT_MEMBERS),
        "head_type": encode_type("Head", HEAD_MEMBERS), "receipts": made, "heads": heads,
    }


def texts():
    def vector(about, text):
        message = text.encode()
        digest = keccak(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message)
        signature = sign(digest)
        assert ACCOUNT.sign_message(encode_defunct(text=text)).signature == signature, about
        return {"about": about, "text": text, "digest": hexed(digest), "signature": hexed(signature)}

    bodies = [
        ("a plain answer", b'{"model":"m"}', b'{"id":"chatcmpl-1"}'),
        ("a stream", b'{"stream":true}', b'data: {"id":"chatcmpl-1"}\n\ndata: [DONE]\n\n'),
        ("no bodies", b"", b""),
        ("bytes that are no text", b"\xff\x00", b"\xc3\x28"),
    ]
    made = []
    for about, request, response in bodies:
        text = f"{sha256(request).hex()}:{sha256(response).hex()}"
        made.append({**vector(about, text), "request_hex": request.hex(), "response_hex": response.hex()})
    made += [vector("the empty text", ""), vector("beyond ASCII: the length counts bytes", "é🦀")]
    return {"about": "EIP-191 texts under the key 0x11 repeated", "private_key": KEY, "signing_address": ACCOUNT.address,
            "texts": made}


def bindings():
    address = bytes.fromhex(ACCOUNT.address[2:])
    assert keccak(PUBLIC_KEY)[12:] == address

    def vector(about, binding, nonce, claims=None, nvidia="", switch=None, spki=None):
        if binding == "jurat-v1":
            hashed = [sha256((text or "").encode()) for text in (claims, nvidia, switch)]
            data = address + b"jurat-v1\0\0\0\0" + sha256(b"jurat-report-v1\0" + nonce + b"".join(hashed))
            gpu = sha256(b"jurat-gpu-v1\0" + address + PUBLIC_KEY + nonce)
        elif binding == "dstack-v1":
            data, gpu = address + bytes(12) + nonce, nonce
        else:
            data, gpu = sha256(address + spki) + nonce, nonce
        assert len(data) == 64
        return {"about": about, "binding": binding, "nonce": nonce.hex(), "claims": claims, "nvidia_payload": nvidia,
                "nvswitch_payload": switch, "tls_cert_fingerprint": spki.hex() if spki else None,
                "report_data": data.hex(), "gpu_nonce": gpu.hex()}

    nonce, claims = sha256(b"nonce"), '{"version":1,"signing_address":"' + ACCOUNT.address + '"}'
    payload = '{"nonce":"00","evidence_list":[],"arch":"HOPPER"}'
    commitment = bytes.fromhex(vector("", "jurat-v1", nonce, claims, payload)["report_data"])[32:]
    return {
        "about": "report data and GPU nonce of the three layouts; absent strings hash as the empty one",
        "signing_address": to_checksum_address(address), "signing_public_key": PUBLIC_KEY.hex(),
        "bindings": [
            vector("everything", "jurat-v1", nonce, claims, payload, payload.replace("HOPPER", "LS10")),
            vector("no switches", "jurat-v1", nonce, claims, payload),
            vector("no GPU", "jurat-v1", nonce, claims),
            vector("beyond ASCII", "jurat-v1", nonce, '{"é":"🦀"}', payload),
            vector("a nonce of zeroes", "jurat-v1", ZERO, claims, payload),
            vector("the field's", "dstack-v1", nonce, None, payload),
            vector("the field's with TLS", "dstack-v2", nonce, None, payload, None, sha256(b"SubjectPublicKeyInfo")),
        ],
        "forged_commitment": {
            "about": "whoever asks for a dstack-v1 report chooses its last 32 bytes, so also those of a jurat-v1 report "
                     "of its own making; only bytes 20 to 32 tell the two apart, and under jurat-v1 the second is refused",
            "accept": vector("made by jurat", "jurat-v1", nonce, claims, payload),
            "refuse": vector("asked for by a stranger, whose nonce is that commitment", "dstack-v1", commitment),
        },
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    arguments = parser.parse_args()
    for name, made in [("receipt", receipts()), ("text", texts()), ("bindings", bindings())]:
        path = FOLDER / f"{name}.json"
        text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
        if not arguments.check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"gen-vectors: {path} is not what this program makes; run it, then scripts/manifest")
        print(f"gen-vectors: {path.name}: {sum(len(value) for value in made.values() if isinstance(value, list))} vectors")


main()
