"""The judge of one report, and of one receipt: every check of docs/verify.md, from docs/spec and that page alone.

Each check is a small function that returns (reason, value): it passes with a value, is skipped with None, and fails on
whatever it raises. TDX quotes are judged by PyPI's dcap-qvl; what is read out of them afterwards is read here.
"""

import base64
import hashlib
import json
import pathlib
import re

import dcap_qvl
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from eth_keys import keys

from rim import read_rim
from verdict import Refused, Transcript, demand, load, sha256, unhex
from verify_typed import signed_by, text_digest, typed_digest

ATTESTATION = pathlib.Path(__file__).resolve().parent.parent / "attestation"
# SHA-256 of the SubjectPublicKeyInfo of NVIDIA's Device Identity CA, and of its CoRIM signing root.
NVIDIA_ROOT = "a90c4eb5acfd3e3d03a25db6a26b84f720ad0503196c627c21ddd48dd85b06a4"
RIM_ROOT = "dec1dc316477aa851eebdf51327ae9f864bc8d89254657ed1e7eb9168af1e1a3"
# What a report's members are, where they are there. Other members are nobody's business.
TEXTS = ("signing_address", "signing_public_key", "signing_algo", "request_nonce", "gpu_nonce", "intel_quote", "quote",
         "nvidia_payload", "nvswitch_payload", "nvlink", "claims", "binding", "report_data", "tls_cert_fingerprint", "tee",
         "collateral")
KINDS = dict.fromkeys(TEXTS, str) | {"report_age_seconds": int, "archived": bool, "archived_at": int}
# Where the TD's report has what, from the beginning of its body (Intel, TDX DCAP Quoting Library API, appendix A.3).
TD = {"mrseam": (16, 48), "mrsignerseam": (64, 48), "td_attributes": (120, 8), "xfam": (128, 8), "mrtd": (136, 48),
      "mrconfigid": (184, 48), "mrowner": (232, 48), "mrownerconfig": (280, 48), "rtmr0": (328, 48), "rtmr1": (376, 48),
      "rtmr2": (424, 48), "rtmr3": (472, 48), "report_data": (520, 64)}
# TDATTRIBUTES that must be off: DEBUG, profiling, MIGRATABLE, SERVTD_EXT, and all that are reserved.
FORBIDDEN = sum(1 << bit for bit in [0, 4, 5, 6, 29, 17, *range(1, 4), *range(7, 16), *range(23, 27), *range(32, 62)])
BOOT = ["app-id", "compose-hash", "instance-id", "os-image-hash", "mr-kms", "key-provider", "system-ready"]


def sha384(data):
    return hashlib.sha384(data).digest()


def report_data(binding, address, nonce, claims="", nvidia="", nvswitch="", spki=None):
    if binding == "jurat-v1":
        commitment = b"jurat-report-v1\0" + nonce + sha256(claims) + sha256(nvidia) + sha256(nvswitch)
        return address + b"jurat-v1\0\0\0\0" + sha256(commitment)
    return (address + bytes(12) if binding == "dstack-v1" else sha256(address + spki)) + nonce


def gpu_nonce(binding, key, nonce):
    return sha256(b"jurat-gpu-v1\0" + key.to_canonical_address() + key.to_bytes() + nonce) if binding == "jurat-v1" else nonce


def spki_of(certificate):
    return sha256(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def look_alike(name):
    return x509.load_pem_x509_certificate((ATTESTATION / "insecure" / f"{name}-look-alike-root.pem").read_bytes())


def p384(key, signature, signed):
    """Verifies r‖s."""
    r, s = (int.from_bytes(signature[at : at + 48], "big") for at in (0, 48))
    try:
        key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA384()))
    except Exception as error:
        raise Refused("the signature is wrong") from error


def chain_of(certificates, root_spki, now):
    """The certificates, once every link of P-384 and SHA-384 up to the pinned root holds."""
    chain = [x509.load_der_x509_certificate(der) for der in certificates]
    demand(2 <= len(chain) <= 8, f"{len(chain)} certificates")
    for at, certificate in enumerate(chain):
        key = certificate.public_key()
        fits = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP384R1)
        demand(fits and isinstance(certificate.signature_hash_algorithm, hashes.SHA384), f"{at} is not of P-384")
        valid = certificate.not_valid_before_utc.timestamp() <= now <= certificate.not_valid_after_utc.timestamp()
        demand(valid, f"certificate {at} is not valid at {now}")
        certificate.verify_directly_issued_by(chain[min(at + 1, len(chain) - 1)])
        extensions = {extension.oid: extension for extension in certificate.extensions}
        basic, usage = extensions.pop(x509.BasicConstraints.oid, None), extensions.pop(x509.KeyUsage.oid, None)
        demand(not any(extension.critical for extension in extensions.values()), f"{at}: a critical extension")
        if at == 0:
            demand(usage is None or usage.value.digital_signature, "the leaf may not sign")
        else:
            demand(basic and basic.value.ca and (usage is None or usage.value.key_cert_sign), f"{at} may not issue")
            demand(basic.value.path_length is None or at - 1 <= basic.value.path_length, f"{at}: too long a chain")
    demand(spki_of(chain[-1]) == root_spki, f"the root is not the pinned one but has the key {spki_of(chain[-1]).hex()}")
    return chain


def pem(text):
    """DER of the certificates, between which there is white space alone, and NULs at the end."""
    rest, found = text.decode().rstrip("\0 \t\r\n\f").lstrip(), []
    while rest:
        part = re.match(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----\s*", rest)
        demand(part and len(found) < 9, "certificates are not PEM, or too many")
        found.append(base64.b64decode("".join(part[1].split()), validate=True))
        rest = rest[part.end():]
    return found


class Spdm:
    """SPDM 1.1: a request for all measurements, signed, and the answer. Every length is checked, no signature."""

    def __init__(self, raw):
        self.rest = raw
        demand(self.take(4) == b"\x11\xe0\x01\xff", "not a request for all signed measurements of SPDM 1.1")
        self.nonce = self.take(32)
        self.take(1)
        demand(self.take(2) == b"\x11\x60", "not measurements of SPDM 1.1")
        self.take(2)
        count, record = self.number(1), Spdm.__new__(Spdm)
        record.rest, self.blocks = self.take(self.number(3)), {}
        for _ in range(count):
            index, form, value = record.number(1), record.number(1), record.take(record.number(2))
            demand(form == 1 and len(value) == 51 and value[1:3] == b"\x30\0", f"block {index} is no SHA-384 in DMTF's form")
            demand(index not in self.blocks, f"block {index} is there twice")
            self.blocks[index] = value[3:]
        demand(not record.rest, "more blocks than announced")
        self.take(32)
        record.rest, self.opaque = self.take(self.number(2)), {}
        while record.rest:
            tag, value = record.number(2), record.take(record.number(2))
            demand(tag not in self.opaque, f"opaque member {tag} is there twice")
            self.opaque[tag] = value
        self.signed, self.signature = raw[: len(raw) - len(self.rest)], self.take(96)
        demand(len(self.rest) < 2, f"{len(self.rest)} bytes follow the signature")

    def take(self, length):
        demand(len(self.rest) >= length, "cut short")
        head, self.rest = self.rest[:length], self.rest[length:]
        return head

    def number(self, width):
        return int.from_bytes(self.take(width), "little")

    def text(self, tag):
        text = self.opaque[tag].decode("ascii").rstrip("\0")
        demand(re.fullmatch(r"[!-~]+", text), f"opaque member {tag} is no text")
        return text


def read_report(text):
    report = load(text)
    demand(type(report) is dict and len(text) <= 16 << 20, "the report is no JSON object")
    for name, kind in KINDS.items():
        optional = name not in ("signing_address", "signing_algo", "nvidia_payload")
        value = report.get(name)
        fits = type(value) is kind and (kind is not int or 0 <= value < 1 << 64)
        demand(name not in report or fits or (optional and value is None), f"{name} is of another kind")
    return {name: value for name, value in report.items() if value is not None}


def quote_bytes(text):
    digits = text.removeprefix("0x")
    if re.fullmatch(r"([0-9a-fA-F]{2})*", digits):
        return bytes.fromhex(digits)
    return base64.b64decode(text, validate=True)


def judge_report(text, policy, now, nonce=None, archived=False, peer_spki=None, collateral=None, rims=(), ocsp=(), nras=None):
    """(transcript, verdict). `policy` is the TOML form as a dict; nonce and key are bytes."""
    done, simulated = Transcript(), policy["roots"] == "simulated"
    try:
        report = read_report(text)
    except Exception as error:
        done.checks["tdx.quote"] = ("fail", f"not legible: {error}")
        return done, "refuted"
    archived = archived or report.get("archived", False)
    collateral = collateral or (report.get("collateral") if simulated else None)
    members = [report.get(member, "") for member in ("claims", "nvidia_payload", "nvswitch_payload")]
    now_in_force = {}

    def rests_on(*names):
        """Whether those passed; a check that rests on them is skipped otherwise."""
        return all(done.checks.get(name, ("",))[0] == "pass" for name in names)

    # The quote

    def genuine():
        quotes = [quote_bytes(report[name]) for name in ("intel_quote", "quote") if name in report]
        demand(quotes and quotes[0] and quotes.count(quotes[0]) == len(quotes), "no quote, or two that differ")
        raw, start = quotes[0], 48
        version = int.from_bytes(raw[:2], "little")
        if version == 5:
            demand(2 <= int.from_bytes(raw[48:50], "little") <= 4, "not a TD's")
            start = 54
        demand(version in (4, 5) and raw[4:8] == b"\x81\0\0\0" and len(raw) >= start + 584, "not a TDX quote of version 4 or 5")
        parsed, body = dcap_qvl.parse_quote(raw), raw[start:]
        td.update({name: body[at : at + length] for name, (at, length) in TD.items()})
        td["service"] = any(body[600:648]) if version == 5 and raw[48] > 2 else False
        if not simulated:
            issuers = [one.issuer for one in x509.load_pem_x509_certificates(bytes(parsed.cert_chain_pem_bytes()))]
            demand(report.get("tee") != "simulated" and look_alike("intel").subject not in issuers, "the quote is simulated")
        if collateral is None:
            return "no collateral", None
        root = look_alike("intel").public_bytes(Encoding.DER) if simulated else None
        try:
            verifier, all_statuses = dcap_qvl.QuoteVerifier(root), dcap_qvl.QuotePolicy.claims_only(now)
            judged = verifier.verify_with_policy(raw, dcap_qvl.QuoteCollateralV3.from_json(collateral), now, all_statuses)
        except ValueError as error:
            # said last of all, once every signature held: tdx.debug is where it counts
            demand(re.search("(Debug mode|TD profiling) is enabled$", str(error)), error)
            return "genuine, of a TD under debug", {}
        judged = json.loads(judged.to_json())
        pce = json.loads(json.loads(collateral)["tcb_info"])["pceId"]
        demand(unhex(pce, 2) == bytes(judged["platform"]["pck"]["pce_id"]), "the TCB info is about another PCE")
        return "genuine", judged

    def tcb():
        if not intel:
            return "rests on tdx.quote", None
        status, platform = intel["tcb"]["status"], intel["platform"]
        levels = [platform["tcb_level"], platform["current_tcb_level"] or {}, intel["qe"]["tcb_level"]]
        advisories = {one.lower() for level in levels for one in level.get("advisoryIDs", [])}
        demand(status in policy["tcb_statuses"], f"status {status}")
        rejected = advisories & {one.lower() for one in policy.get("rejected_advisories", [])}
        demand(not rejected, f"open, and rejected: {rejected}")
        number = intel["tcb"]["eval_data_number"]
        demand(number >= policy.get("min_tcb_evaluation_data_number", 0), f"collateral of evaluation {number}")
        return status, status

    def platform():
        wanted = [unhex(one, 16) for one in policy.get("platforms", [])]
        if not intel or not wanted:
            return "the policy names no platforms", None
        demand(bytes(intel["platform"]["pck"]["ppid"]) in wanted, "another platform")
        return "one that the policy names", True

    def debug():
        attributes = int.from_bytes(td["td_attributes"], "little")
        demand(not attributes & FORBIDDEN and attributes & 1 << 28, f"the TD's attributes {attributes:#x} let somebody in")
        demand(not any(td["mrsignerseam"]) and not td["service"], "the TDX module is not Intel's, or a service TD is bound")
        return "nobody can look in", True

    def event_log():
        log = report.get("event_log")
        events = log if type(log) is not str else load(log) if log else []
        if log is None or events == []:
            return "no event log", None
        registers, seen, computed_all = [bytes(48)] * 4, [], True
        demand(type(events) is list, "not a list")
        for event in events:
            imr, kind = event["imr"], event["event_type"]
            digest, name, payload = (event.get(member, "") for member in ("digest", "event", "event_payload"))
            demand(type(imr) is int and 0 <= imr <= 3 and type(kind) is int and 0 <= kind < 1 << 32, "an unknown register")
            listed = unhex(digest, 48, prefix="") if digest or imr < 3 else None
            if imr == 3:
                payload = unhex(payload, len(payload) // 2, prefix="")
                computed = sha384(kind.to_bytes(4, "little") + b":" + name.encode() + b":" + payload)
                demand(listed in (None, computed) or not payload, "a digest is not its payload's")
                computed_all &= listed in (None, computed)
                demand(name not in BOOT or (name not in seen and "system-ready" not in seen), f"{name} after the boot")
                seen.append(name)
                listed = listed or computed
                boot.setdefault(name, payload)
            registers[imr] = sha384(registers[imr] + listed)
        demand(registers == [td[f"rtmr{at}"] for at in range(4)], "the log does not lead to the registers")
        return "it replays", computed_all or "stripped"

    def compose():
        if not replayed or replayed == "stripped" or "compose-hash" not in boot:
            return "rests on tdx.eventlog, or no application is measured", None
        hashed, named, text = boot["compose-hash"], td["mrconfigid"], None
        demand(len(hashed) == 32, "compose-hash is no SHA-256")
        demand(named[0] != 1 or named == b"\1" + hashed + bytes(15), "MRCONFIGID names another compose file")
        if named[0] > 1 or (named[0] == 0 and any(named)):
            return "MRCONFIGID has a form that is not known here", None
        info = report.get("info")
        for member in ("tcb_info", "app_compose"):
            try:
                info = (load(info) if type(info) is str else info)[member]
            except Exception:
                info = None
        demand(type(info) is not str or sha256(info) == hashed, "app_compose is another compose file")
        td["compose_hash"] = hashed
        return "one compose file", True if named[0] or type(info) is str else None

    def measurements():
        sets = policy.get("measurements", [])
        same = [all(td.get(member) == unhex(value, len(value.removeprefix("0x")) // 2) for member, value in one.items()
                    if member != "name") for one in sets]
        demand(any(same) or not sets, "they are those of no reference set")
        return "they are those of a reference set", True if sets else None

    td, boot = {}, {}
    intel = done.make("tdx.quote", genuine)
    there = bool(td) and not done.failed("tdx.quote")
    done.make("tdx.tcb", tcb)
    done.make("tdx.platform", platform)
    done.make("tdx.debug", debug, there)
    replayed = done.make("tdx.eventlog", event_log, there)
    done.make("tdx.compose", compose, there)
    done.make("tdx.measurements", measurements, there)
