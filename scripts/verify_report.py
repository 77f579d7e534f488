"""The checks of verify.py on a report: the quote's, the binding's and the GPUs'."""

import base64
import pathlib

from eth_keys import keys
from verdict import Refused, Transcript, demand, load, sha256, unhex

ATTESTATION = pathlib.Path(__file__).resolve().parent.parent / "attestation"
# SHA-256 of the SubjectPublicKeyInfo of NVIDIA's Device Identity CA.
NVIDIA_ROOT = "a90c4eb5acfd3e3d03a25db6a26b84f720ad0503196c627c21ddd48dd85b06a4"


def report_data(binding, address, nonce, claims="", nvidia="", nvswitch="", spki=None):
    if binding == "jurat-v1":
        commitment = b"jurat-report-v1\0" + nonce + sha256(claims) + sha256(nvidia) + sha256(nvswitch)
        return address + b"jurat-v1\0\0\0\0" + sha256(commitment)
    return (address + bytes(12) if binding == "dstack-v1" else sha256(address + spki)) + nonce


def gpu_nonce(binding, key, nonce):
    identity = key.to_canonical_address() + key.to_bytes() if binding == "jurat-v1" else b""
    return sha256(b"jurat-gpu-v1\0" + identity + nonce) if identity else nonce


def spdm_nonce(raw, key):
    """The nonce in an SPDM 1.1 request, once the measurements that answer it are signed by the key."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    demand(raw[:4] == b"\x11\xe0\x01\xff" and raw[37:39] == b"\x11\x60", "not signed SPDM 1.1 measurements")
    opaque = 45 + int.from_bytes(raw[42:45], "little") + 32
    end = opaque + 2 + int.from_bytes(raw[opaque : opaque + 2], "little")
    demand(len(raw) in (end + 96, end + 97), "the report's lengths do not add up")
    r, s = (int.from_bytes(raw[at : at + 48], "big") for at in (end, end + 48))
    try:
        key.verify(utils.encode_dss_signature(r, s), raw[:end], ec.ECDSA(hashes.SHA384()))
    except Exception as error:
        raise Refused("the report's signature is wrong") from error
    return raw[4:36]


def gpu_chain(pem, root_spki, now):
    """The leaf's key, once every link up to the pinned root holds."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    chain = x509.load_pem_x509_certificates(pem.rstrip(b"\0 \r\n"))
    demand(2 <= len(chain) <= 8, f"{len(chain)} certificates")
    for at, certificate in enumerate(chain):
        key = certificate.public_key()
        p384 = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP384R1)
        demand(p384 and isinstance(certificate.signature_hash_algorithm, hashes.SHA384), f"{at} is not of P-384")
        valid = certificate.not_valid_before_utc.timestamp() <= now <= certificate.not_valid_after_utc.timestamp()
        demand(valid, f"certificate {at} is not valid now")
        certificate.verify_directly_issued_by(chain[min(at + 1, len(chain) - 1)])
        extensions = {extension.oid: extension for extension in certificate.extensions}
        basic = extensions.pop(x509.BasicConstraints.oid, None)
        usage = extensions.pop(x509.KeyUsage.oid, None)
        demand(not any(extension.critical for extension in extensions.values()), f"{at}: a critical extension")
        if at == 0:
            demand(usage is None or usage.value.digital_signature, "the leaf may not sign reports")
        else:
            demand(basic and basic.value.ca and (usage is None or usage.value.key_cert_sign), f"{at} may not issue")
            demand(basic.value.path_length is None or at - 1 <= basic.value.path_length, f"{at}: too long a chain")
    spki = [one.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
            for one in (chain[0], chain[-1])]
    demand(sha256(spki[1]) == root_spki, f"the root is not the pinned one but has the key {sha256(spki[1]).hex()}")
    return chain[0].public_key(), spki[0]


def look_alike(name):
    from cryptography import x509

    return x509.load_pem_x509_certificate((ATTESTATION / "insecure" / f"{name}-look-alike-root.pem").read_bytes())


def judge_report(report, nonce, binding, simulated, collateral, now):
    done = Transcript()
    texts = [report.get(member) or "" for member in ("claims", "nvidia_payload", "nvswitch_payload")]
    stated = report.get("request_nonce")
    quote = bytes.fromhex(report.get("intel_quote") or report.get("quote") or "")
    body = 54 if quote[:2] == b"\x05\0" else 48
    data = quote[body + 520 : body + 584]

    def genuine():
        tdx = quote[:2] in (b"\x04\0", b"\x05\0") and quote[4:8] == b"\x81\0\0\0" and len(data) == 64
        demand(tdx, "not a TDX quote of version 4 or 5")
        demand(report.get("quote", quote.hex()) == report.get("intel_quote", quote.hex()), "two quotes that differ")
        demand(simulated or report.get("tee") != "simulated", "the quote is simulated")
        try:
            import dcap_qvl
        except ImportError:
            return "dcap-qvl is not installed: the quote's signatures were NOT checked", None
        if not collateral:
            return "no collateral: the quote's signatures were NOT checked", None
        parsed = dcap_qvl.QuoteCollateralV3.from_json(collateral)
        if not simulated:
            return "genuine", dcap_qvl.verify(quote, parsed, now).status
        from cryptography.hazmat.primitives.serialization import Encoding

        root = look_alike("intel").public_bytes(Encoding.DER)
        return "genuine under the look-alike root", dcap_qvl.verify_with_root_ca(quote, parsed, root, now).status

    def tcb():
        demand(status in (None, "UpToDate"), f"status {status}")
        return f"status {status}" if status else "rests on tdx.quote", status

    def debug():
        demand(not quote[body + 120] & 1, "the host can read this TD")
        return "off", True

    def named():
        demand(report.get("signing_algo", "ecdsa") == "ecdsa", "the algorithm is not ecdsa")
        digits = report["signing_public_key"].removeprefix("0x")
        # some peers print the SEC1 tag of an uncompressed point in front
        key = keys.PublicKey(unhex(digits[2:] if len(digits) == 130 and digits[:2] == "04" else digits, 64))
        address = key.to_canonical_address()
        demand(unhex(report["signing_address"], 20) == address, "the public key's hash is not the address")
        demand(report.get("binding") in (None, binding), f"the report calls its binding {report.get('binding')}")
        demand(report_data(binding, address, bytes(32), spki=spki)[:32] == data[:32], f"not the signer's, by {binding}")
        return f"the quote names {key.to_checksum_address()} under {binding}", key

    def commits(one):
        return report_data(binding, key.to_canonical_address(), one, *texts, spki=spki) == data

    def fresh():
        demand(in_force, "the quote does not commit to the nonce with this report's contents")
        demand(nonce is None or in_force == nonce, "the quote was made for another nonce")
        return ("made for your nonce", True) if nonce else ("no nonce of your own: its age is unproven", None)

    def committed(what):
        demand(in_force, f"the quote does not commit to the {what} in this report")
        if binding != "jurat-v1":
            return f"{binding} does not commit to {what}", None
        if what == "claims":
            claims = load(texts[0])
            own = unhex(claims["signing_address"], 20) + unhex(claims["signing_public_key"], 64)
            demand(claims["version"] == 1 and own == key.to_canonical_address() + key.to_bytes(), "another signer's")
            demand(claims["manifest_source"] in ("none", "at_start"), "model digests made at another start")
        return "the quote commits to them", True

    def present():
        demand(gpus, "no GPU evidence")
        demand(len({entry["evidence"] for entry in gpus}) == len(gpus), "the evidence of one GPU is there twice")
        claimed = load(texts[0])["gpus"] if binding == "jurat-v1" and texts[0] else len(gpus)
        demand(claimed == len(gpus), f"evidence of {len(gpus)}, claims of {claimed}")
        return f"evidence of {len(gpus)}", True

    def chained():
        root = look_alike("nvidia").public_key() if simulated else None
        if root:
            from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

            root = sha256(root.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        pems = [base64.b64decode(entry["certificate"], validate=True) for entry in gpus]
        found = [gpu_chain(pem, root or bytes.fromhex(NVIDIA_ROOT), now) for pem in pems]
        demand(len({spki for _, spki in found}) == len(found), "two GPUs with one key")
        if not found:
            return "rests on gpu.present", None
        return "every chain ends at the pinned root", [key for key, _ in found]

    def signed():
        if not leaves:
            return "rests on gpu.chain", None
        raw = [base64.b64decode(entry["evidence"], validate=True) for entry in gpus]
        return "every report is signed", [spdm_nonce(*pair) for pair in zip(raw, leaves, strict=True)]

    def asked():
        if not (nonces and key and in_force):
            return "rests on gpu.signature and bind.nonce", None
        wanted = gpu_nonce(binding, key, in_force)
        demand(all(one == wanted for one in nonces) and unhex(payload["nonce"], 32) == wanted, "over another nonce")
        return "every report is over the nonce that the binding derives", True

    spki = unhex(report["tls_cert_fingerprint"], 32) if binding == "dstack-v2" else None
    payload = load(texts[1]) if texts[1] else {}
    gpus = payload.get("evidence_list", [])
    status = done.make("tdx.quote", genuine)
    done.make("tdx.tcb", tcb)
    done.make("tdx.debug", debug)
    key = done.make("bind.address", named)
    candidates = [nonce] * (nonce is not None) + [unhex(stated, 32)] * (stated is not None)
    in_force = next(filter(commits, candidates), None) if key else None
    done.make("bind.nonce", fresh)
    done.make("bind.claims", lambda: committed("claims"))
    done.make("bind.gpu", lambda: committed("GPUs' evidence"))
    done.make("gpu.present", present)
    leaves = done.make("gpu.chain", chained)
    nonces = done.make("gpu.signature", signed)
    done.make("gpu.nonce", asked)
    optional = () if binding == "jurat-v1" else ("bind.claims", "bind.gpu")
    return done, done.verdict([name for name in done.checks if name not in optional])
