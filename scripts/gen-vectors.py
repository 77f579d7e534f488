#!/usr/bin/env python3
"""Writes attestation/vectors/{receipt,text,bindings}.json and vectors/export from the specification alone.

Nothing here calls the Rust code: the encodings are written out by hand from docs/spec/, hashed with hashlib
and eth_utils, signed with eth_account, and then compared with what eth_account's own EIP-712 and EIP-191
encoders make of the same values. A difference stops the program. Signatures follow RFC 6979, so that the
files come out the same every time; `--check` fails if they would not.
"""
import argparse
import json
import pathlib
import sys

from eth_account import Account
from eth_account.messages import encode_defunct
from eth_utils import keccak, to_checksum_address

import export_vectors
from typed_data import (
    DOMAIN, DOMAIN_MEMBERS, DOMAIN_SEPARATOR, MEMBERS, SHOWN, ZERO, encode_type, hexed, sha256, shown, sign, typed,
)

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "attestation" / "vectors"
KEY = "0x" + "11" * 32
ACCOUNT = Account.from_key(KEY)
PUBLIC_KEY = ACCOUNT._key_obj.public_key.to_bytes()

ENDS = ["complete", "engine_failed", "engine_truncated", "timed_out", "client_left", "refused"]
def vector(name, about, values):
    """One vector of typed data."""
    struct_hash, digest, signature = typed(ACCOUNT, name, about, values)
    return {"about": about, SHOWN[name]: shown(name, values), "struct_hash": hexed(struct_hash),
            "digest": hexed(digest), "signature": hexed(signature)}


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
        case = vector("Receipt", about, base | changes | {"sequence": sequence, "previous": previous})
        previous = bytes.fromhex(case["struct_hash"][2:])
        made.append(case)
    heads = [
        vector("Head", "of an empty chain", {"chain": chain, "sequence": 0, "receiptHash": chain, "at": 1795000000000}),
        vector("Head", "of the chain above", {"chain": chain, "sequence": len(made), "receiptHash": previous,
                                              "at": 1795000099999}),
    ]
    third, last = (bytes.fromhex(made[at]["struct_hash"][2:]) for at in (2, -1))
    prune_points = [
        vector("PrunePoint", "of the chain's beginning", {
            "chain": chain, "first": 1, "last": 3, "previous": chain, "receiptHash": third, "at": 1795000099999}),
        vector("PrunePoint", "of all the rest", {
            "chain": chain, "first": 4, "last": len(made), "previous": third, "receiptHash": last,
            "at": 1795000099999}),
        vector("PrunePoint", "the largest numbers", {
            "chain": chain, "first": 2**53 - 1, "last": 2**53 - 1, "previous": third, "receiptHash": last,
            "at": 2**53 - 1}),
    ]
    return {
        "about": "EIP-712 receipts, heads and prune points under the key 0x11 repeated; the receipts form one chain",
        "private_key": KEY, "signing_address": ACCOUNT.address,
        "domain_type": encode_type("EIP712Domain", DOMAIN_MEMBERS), "domain": DOMAIN,
        "domain_separator": hexed(DOMAIN_SEPARATOR),
        **{f"{SHOWN[name]}_type": encode_type(name, members) for name, members in MEMBERS.items()},
        "receipts": made, "heads": heads, "prune_points": prune_points,
    }


def texts():
    def of(about, text):
        message = text.encode()
        digest = keccak(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message)
        signature = sign(ACCOUNT, digest)
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
        made.append({**of(about, text), "request_hex": request.hex(), "response_hex": response.hex()})
    made += [of("the empty text", ""), of("beyond ASCII: the length counts bytes", "é🦀")]
    return {"about": "EIP-191 texts under the key 0x11 repeated", "private_key": KEY, "signing_address": ACCOUNT.address,
            "texts": made}


def bindings():
    address = bytes.fromhex(ACCOUNT.address[2:])
    assert keccak(PUBLIC_KEY)[12:] == address

    def of(about, binding, nonce, claims=None, nvidia="", switch=None, spki=None):
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
    commitment = bytes.fromhex(of("", "jurat-v1", nonce, claims, payload)["report_data"])[32:]
    return {
        "about": "report data and GPU nonce of the three layouts; absent strings hash as the empty one",
        "signing_address": to_checksum_address(address), "signing_public_key": PUBLIC_KEY.hex(),
        "bindings": [
            of("everything", "jurat-v1", nonce, claims, payload, payload.replace("HOPPER", "LS10")),
            of("no switches", "jurat-v1", nonce, claims, payload),
            of("no GPU", "jurat-v1", nonce, claims),
            of("beyond ASCII", "jurat-v1", nonce, '{"é":"🦀"}', payload),
            of("a nonce of zeroes", "jurat-v1", ZERO, claims, payload),
            of("the field's", "dstack-v1", nonce, None, payload),
            of("the field's with TLS", "dstack-v2", nonce, None, payload, None, sha256(b"SubjectPublicKeyInfo")),
        ],
        "forged_commitment": {
            "about": "whoever asks for a dstack-v1 report chooses its last 32 bytes, so also those of a jurat-v1 report "
                     "of its own making; only bytes 20 to 32 tell the two apart, and under jurat-v1 the second is refused",
            "accept": of("made by jurat", "jurat-v1", nonce, claims, payload),
            "refuse": of("asked for by a stranger, whose nonce is that commitment", "dstack-v1", commitment),
        },
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    arguments = parser.parse_args()
    files = {}
    for name, made in [("receipt", receipts()), ("text", texts()), ("bindings", bindings())]:
        files[f"{name}.json"] = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    files |= {f"export/{name}": text for name, text in export_vectors.files().items()}
    for name, text in files.items():
        path = FOLDER / name
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"gen-vectors: {path} is not what this program makes; run it, then scripts/manifest")
    for path in (FOLDER / "export").rglob("*.*"):
        if path.relative_to(FOLDER).as_posix() not in files:
            sys.exit(f"gen-vectors: {path} is not among those that this program makes")
    print(f"gen-vectors: {len(files)} files")


main()
