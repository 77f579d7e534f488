"""The judge of one report, and of one receipt: every check of docs/verify.md, written from that page and docs/spec.

Each check is a small function that returns (reason, value): it passes with a value, is skipped with None, and fails on
whatever it raises. TDX quotes are judged by PyPI's dcap-qvl; what is read out of them afterwards is read here, and GPU
evidence in judge_gpus.py.
"""

import json
import re
from types import SimpleNamespace

import dcap_qvl
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from eth_utils import keccak

from evidence import look_alike, sha384, spki_of
from judge_gpus import PRODUCTION, judge_gpus
from verdict import Transcript, demand, load, sha256, unbase64, unhex
from verify_typed import signed_by, text_digest, typed_digest

# What a report's members are, where they are there. Other members are nobody's business.
KINDS = {"report_age_seconds": int, "archived": bool, "archived_at": int} | dict.fromkeys(
    "signing_address signing_public_key signing_algo request_nonce gpu_nonce intel_quote quote nvidia_payload nvlink claims "
    "nvswitch_payload binding report_data tls_cert_fingerprint tee collateral".split(), str)
# Where the TD's report has what (Intel, TDX DCAP Quoting Library API, appendix A.3).
TD = {"mrseam": (16, 48), "mrsignerseam": (64, 48), "td_attributes": (120, 8), "xfam": (128, 8), "mrtd": (136, 48),
      "mrconfigid": (184, 48), "mrowner": (232, 48), "mrownerconfig": (280, 48), "rtmr0": (328, 48), "rtmr1": (376, 48),
      "rtmr2": (424, 48), "rtmr3": (472, 48), "data": (520, 64)}
# TDATTRIBUTES that must be off: DEBUG, profiling, SERVTD_EXT, MIGRATABLE, and all that are reserved.
FORBIDDEN = sum(1 << bit for bit in [0, 4, 5, 6, 17, 29, *range(1, 4), *range(7, 16), *range(23, 27), *range(32, 62)])
DEBUGGED = "genuine, of a TD under debug"
BOOT = ["app-id", "compose-hash", "instance-id", "os-image-hash", "mr-kms", "key-provider", "system-ready"]


def report_data(binding, address, nonce, claims="", nvidia="", nvswitch="", spki=None):
    if binding == "jurat-v1":
        commitment = b"jurat-report-v1\0" + nonce + sha256(claims) + sha256(nvidia) + sha256(nvswitch)
        return address + b"jurat-v1\0\0\0\0" + sha256(commitment)
    return (address + bytes(12) if binding == "dstack-v1" else sha256(address + spki)) + nonce


def gpu_nonce(binding, key, nonce):
    """`key` is x‖y."""
    return sha256(b"jurat-gpu-v1\0" + keccak(key)[12:] + key + nonce) if binding == "jurat-v1" else nonce


def read_report(text):
    report = load(text)
    demand(type(report) is dict and len(text) <= 16 << 20, "the report is no JSON object, or too long")
    for name, kind in KINDS.items():
        value, optional = report.get(name), name not in ("signing_address", "signing_algo", "nvidia_payload")
        fits = type(value) is kind and (kind is not int or 0 <= value < 1 << 64)
        demand(name not in report or fits or (optional and value is None), f"{name} is of another kind")
    return {name: value for name, value in report.items() if value is not None}


def quote_bytes(text):
    digits = text.removeprefix("0x")
    return bytes.fromhex(digits) if re.fullmatch(r"([0-9a-fA-F]{2})*", digits) else unbase64(text)


def judge_report(text, policy, now, nonce=None, archived=False, peer_spki=None, collateral=None, rims=(), responses=(),
                 nras=None):
    """(transcript, verdict). `policy` is its TOML form as a dict, nonce and key are bytes, `nras` is (answer, key set)."""
    done, roots = Transcript(), PRODUCTION
    if policy["roots"] == "simulated":
        pin = spki_of(look_alike("nvidia"))
        roots = SimpleNamespace(gpu=pin, rim=pin, nras=pin, issuer="https://nras.simulated.invalid",
                                intel=look_alike("intel").public_bytes(Encoding.DER))
    try:
        report = read_report(text)
    except Exception as error:
        done.checks["tdx.quote"] = ("fail", f"not legible: {error}")
        return done, "refuted"
    archived = archived or report.get("archived", False)
    if collateral is None and roots.intel:
        collateral = report.get("collateral")
    texts = [report.get(member, "") for member in ("claims", "nvidia_payload", "nvswitch_payload")]
    td, boot = {}, {}

    def genuine():
        quotes = [quote_bytes(report[name]) for name in ("intel_quote", "quote") if name in report]
        demand(quotes and quotes[0] and quotes.count(quotes[0]) == len(quotes), "no quote, or two that differ")
        raw = quotes[0]
        at = {4: 48, 5: 54}.get(int.from_bytes(raw[:2], "little"))
        demand(at and raw[4:8] == b"\x81\0\0\0" and len(raw) >= at + 584, "not a TDX quote of version 4 or 5")
        demand(at == 48 or raw[48:50] in (b"\2\0", b"\3\0", b"\4\0"), "not a TD's report")
        own = b"" if roots.intel else bytes(dcap_qvl.parse_quote(raw).cert_chain_pem_bytes() or b"")
        chain = x509.load_pem_x509_certificates(own) if own else []
        simulated = report.get("tee") == "simulated" or look_alike("intel").subject in [one.issuer for one in chain]
        demand(roots.intel or not simulated, "the quote is simulated")
        body = raw[at:]
        td.update({name: body[start : start + length] for name, (start, length) in TD.items()})
        td["service"] = at == 54 and raw[48] > 2 and any(body[600:648])
        if collateral is None:
            return "no collateral", None
        try:
            verifier, any_status = dcap_qvl.QuoteVerifier(roots.intel), dcap_qvl.QuotePolicy.claims_only(now)
            judged = verifier.verify_with_policy(raw, dcap_qvl.QuoteCollateralV3.from_json(collateral), now, any_status)
        except ValueError as error:
            # said last of all, once every signature held: tdx.debug is where it counts
            demand(re.search("(Debug mode|TD profiling) is enabled$", str(error)), error)
            return DEBUGGED, {}
        judged = json.loads(judged.to_json())
        pce = json.loads(json.loads(collateral)["tcb_info"])["pceId"]
        demand(bytes.fromhex(pce) == bytes(judged["platform"]["pck"]["pce_id"]), "the TCB info is about another PCE")
        return "genuine", judged

    def tcb():
        platform, status, number = intel["platform"], intel["tcb"]["status"], intel["tcb"]["eval_data_number"]
        levels = [platform["tcb_level"], platform["current_tcb_level"] or {}, intel["qe"]["tcb_level"]]
        advisories = {one.lower() for level in levels for one in level.get("advisoryIDs", [])}
        rejected = advisories & {one.lower() for one in policy.get("rejected_advisories", [])}
        demand(status in policy["tcb_statuses"] and not rejected, f"status {status}, open and rejected: {rejected}")
        demand(number >= policy.get("min_tcb_evaluation_data_number", 0), f"collateral of evaluation {number}")
        return f"status {status}", status

    def named_in(wanted, value, what):
        demand(not wanted or value in wanted, f"another {what} than the policy names")
        return (f"{what} {value.hex()}", True) if wanted else (f"the policy names no {what}; this is {value.hex()}", None)

    def debug():
        attributes = int.from_bytes(td["td_attributes"], "little")
        demand(not attributes & FORBIDDEN and attributes & 1 << 28, f"the TD's attributes {attributes:#x} let somebody in")
        demand(not any(td["mrsignerseam"]) and not td["service"], "the TDX module is not Intel's, or a service TD is bound")
        return "nobody can look in", True

    def event_log():
        log = report.get("event_log", "")
        events, registers, seen, whole = load(log or "[]") if type(log) is str else log, [bytes(48)] * 4, set(), "whole"
        demand(type(events) is list, "not a list")
        if not events:
            return "no events", None
        for event in events:
            imr, kind = event["imr"], event["event_type"]
            digest, name, payload = (event.get(member, "") for member in ("digest", "event", "event_payload"))
            demand(type(imr) is type(kind) is int and 0 <= imr < 4 and 0 <= kind < 1 << 32, "an unknown register")
            listed = unhex(digest, 48, prefix="") if digest or imr < 3 else None
            if imr == 3:
                payload = unhex(payload, len(payload) // 2, prefix="")
                computed = sha384(kind.to_bytes(4, "little") + b":" + name.encode() + b":" + payload)
                demand(listed in (None, computed) or not payload, "a digest is not its payload's")
                demand(name not in BOOT or not seen & {name, "system-ready"}, f"{name} twice, or after the boot")
                whole = whole if listed in (None, computed) else "stripped"
                seen.add(name)
                boot.setdefault(name, payload)
                listed = listed or computed
            registers[imr] = sha384(registers[imr] + listed)
        demand(registers == [td[f"rtmr{at}"] for at in range(4)], "the log does not lead to the registers")
        return "it replays", whole

    def compose():
        if replayed != "whole" or not {"compose-hash", "system-ready"} <= boot.keys():
            return "rests on tdx.eventlog, or no application is measured", None
        hashed, host, info = boot["compose-hash"], td["mrconfigid"], report.get("info")
        demand(len(hashed) == 32 and (host[0] != 1 or host == b"\1" + hashed + bytes(15)), "the host names another file")
        if host[0] != 1 and any(host):
            return "MRCONFIGID has a form that is not known here", None
        for member in ("tcb_info", "app_compose"):
            try:
                info = (load(info) if type(info) is str else info)[member]
            except Exception:
                info = None
        demand(type(info) is not str or sha256(info) == hashed, "app_compose is another file")
        td["compose_hash"] = hashed
        return "one compose file", True if host[0] or type(info) is str else None

    def measurements():
        sets = [{name: bytes.fromhex(value.removeprefix("0x")) for name, value in one.items() if name != "name"}
                for one in policy.get("measurements", [])]
        demand(not sets or any(all(td.get(name) == value for name, value in one.items()) for one in sets), "of no set")
        return ("of a reference set", True) if sets else ("no reference values: which code runs there is not known", None)

    def named():
        demand(report.get("signing_algo", "").lower() in ("", "ecdsa"), "the algorithm is not ecdsa")
        address, key = unhex(report.get("signing_address", ""), 20), report.get("signing_public_key")
        if key is not None:
            # some peers print the SEC1 tag of an uncompressed point in front
            digits = key.removeprefix("0x")
            key = unhex(digits[2:] if len(digits) == 130 and digits[:2] == "04" else digits, 64)
            demand(keccak(key)[12:] == address, "the public key's hash is not the address")
        demand(report.get("binding") in (None, "jurat-v1", "dstack-v1", "dstack-v2"), "an unknown binding")

        def leads(binding):
            try:
                spki = unhex(report["tls_cert_fingerprint"], 32) if binding == "dstack-v2" else None
                return report_data(binding, address, bytes(32), spki=spki)[:32] == td["data"][:32]
            except (KeyError, ValueError):
                return False

        binding = next((one for one in policy["bindings"] if leads(one)), None)
        demand(binding and report.get("binding", binding) == binding, "the quote names another signer, or by another binding")
        demand(binding != "jurat-v1" or key, "jurat-v1 needs the public key")
        return f"the quote names it, under {binding}", SimpleNamespace(address=address, key=key, binding=binding)

    def commits(one):
        return report_data("jurat-v1", signer.address, one, *texts) == td["data"]

    def fresh():
        demand(nonce is None or nonce == quoted, "the quote was made for another nonce")
        return "made for your nonce" if nonce else "no nonce of your own", nonce

    def claimed():
        if signer.binding != "jurat-v1":
            return f"{signer.binding} carries no claims", None
        demand(quoted, "the quote does not commit to claims, evidence and nonce as they are here")
        claims = load(texts[0])
        kinds = [("version", int), ("chain", str), ("key", str), ("tls", str), ("gpus", int), ("model", dict), ("software", dict),
                 ("config_sha256", str), ("started_at", int)]
        demand(all(type(claims[name]) is kind for name, kind in kinds) and claims["version"] == 1, "claims of another kind")
        demand(all(type(claims["software"][name]) is str for name in ("version", "commit")), "claims of another kind")
        unhex(claims["chain"], 32), unhex(claims["config_sha256"], 32)
        own = (unhex(claims["signing_address"], 20), unhex(claims["signing_public_key"], 64))
        demand(own == (signer.address, signer.key), "claims about another signer")
        sources = policy.get("manifest_sources", ["none", "at_start", "cached"])
        demand(claims["manifest_source"] in sources, "model digests made in another way than the policy accepts")
        return "the quote commits to them", claims

    def model():
        wanted, own = [unhex(one, 32) for one in policy.get("models", [])], claims["model"] if claims else {}
        if not claims or not (wanted or own.get("sha256")):
            return "no claims of a model", None
        digest, files = unhex(own.get("sha256", ""), 32), own.get("files") or {}
        lines = sorted((path.encode(), f"{one}  {path}\n") for path, one in files.items())
        demand(not files or sha256("".join(line for _, line in lines)) == digest, "the files make another manifest")
        return named_in(wanted, digest, "model")

    def committed():
        if signer.binding != "jurat-v1":
            return f"{signer.binding} does not commit to it", None
        demand(quoted, "the quote does not commit to claims, evidence and nonce as they are here")
        return "the quote commits to this very evidence", True

    def tls():
        dstack = report.get("tls_cert_fingerprint") if signer.binding == "dstack-v2" else None
        attested = claims.get("tls_spki_sha256") if claims else dstack
        if attested is None or peer_spki is None:
            return "no key is attested, or none was seen", None
        demand(unhex(attested, 32) == peer_spki, "the connection ends at another key")
        return "the connection's key is the attested one", True

    intel = done.make("tdx.quote", genuine)
    there = bool(td) and not done.failed("tdx.quote")
    done.make("tdx.tcb", tcb, intel)
    platforms = [unhex(one, 16) for one in policy.get("platforms", [])]
    done.make("tdx.platform", lambda: named_in(platforms, bytes(intel["platform"]["pck"]["ppid"]), "platform"), intel)
    done.make("tdx.debug", debug, there)
    replayed = done.make("tdx.eventlog", event_log, there)
    done.make("tdx.compose", compose, there)
    done.make("tdx.measurements", measurements, there)
    signer = done.make("bind.address", named, there)
    quoted = None  # the nonce that the quote was made for
    if signer and signer.binding == "jurat-v1":
        stated = report.get("request_nonce", "")
        stated = [unhex(stated, 32)] if re.fullmatch("(0x)?[0-9a-fA-F]{64}", stated) else []
        quoted = next(filter(commits, [nonce] * (nonce is not None) + stated), None)
    elif signer:
        quoted = td["data"][32:]
    pinned = [unhex(one, 20) for one in policy.get("signers", [])]
    done.make("bind.signer", lambda: named_in(pinned, signer.address, "signer"), signer)
    done.make("bind.nonce", fresh, signer)
    claims = done.make("bind.claims", claimed, signer)
    done.make("bind.model", model, signer)
    done.make("bind.gpu", committed, signer)
    done.make("bind.tls", tls, signer)
    asked = nonce or quoted
    asked = gpu_nonce(signer.binding, signer.key, asked) if signer and asked else None
    judge_gpus(done, policy, roots, now, texts, claims, asked, rims, responses, nras)

    pins = {"tdx.platform": "platforms", "tdx.measurements": "measurements", "bind.signer": "signers", "bind.model": "models"}
    required = set(policy["required"]) | {check for check, pin in pins.items() if policy.get(pin)}
    if not {"none", "at_start", "cached"} <= set(policy.get("manifest_sources", ["none", "at_start", "cached"])):
        required.add("bind.claims")
    if archived and nonce is None and done.checks["bind.nonce"][0] == "skip":
        required.discard("bind.nonce")
    verdict = done.verdict(required)
    return done, "trusted_then" if verdict == "trusted" and archived else verdict


def judge_record(record, request, response, address, claims=None, client_nonce=None):
    """(transcript, verdict) of a record that GET /signature served, by the signer of a report that is trusted."""
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
    done.make("receipt.claims", sworn_under, claims is not None)
    done.make("receipt.end", end)
    required = ["signature", "text", "request", "response", "end"] + ["claims"] * (claims is not None)
    return done, done.verdict(["receipt." + name for name in required])
