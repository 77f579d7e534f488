"""The judge of a report's GPU evidence: the checks gpu.* of docs/verify.md, for judge.py."""

import re
from types import SimpleNamespace

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from evidence import OCSP_SIGNING, NotPinned, Spdm, chain_of, fits_p384, jwt, p384, pem, read_rim, sha384, spki_of
from verdict import demand, load, sha256, unbase64, unhex

# SHA-256 of the SubjectPublicKeyInfo of NVIDIA's Device Identity CA, CoRIM signing root, and Attestation Service's issuer.
PRODUCTION = SimpleNamespace(
    gpu=bytes.fromhex("a90c4eb5acfd3e3d03a25db6a26b84f720ad0503196c627c21ddd48dd85b06a4"),
    rim=bytes.fromhex("dec1dc316477aa851eebdf51327ae9f864bc8d89254657ed1e7eb9168af1e1a3"),
    nras=bytes.fromhex("fd32837f954e2c45db073105166dfe6985ae0480bb113fba63b091a75affe896"),
    issuer="https://nras.attestation.nvidia.com", intel=None)
FWID, TCB_INFO = (x509.ObjectIdentifier(f"2.23.133.5.4.1{more}") for more in ("", ".1"))
# NVIDIA's opaque members by number.
NVDEC0, FIRMWARE, PROTECTED_PCIE, PDI, GPUS_OF_SWITCH, FEATURE = 11, 20, 21, 22, 26, 36
MODES = {(None, None): "unsaid", (b"\x55", None): "single", (b"\xaa", None): "protected-pcie"} | {
    (pcie, feature): mode for feature, mode, value in ((b"\0\0", "single", b"\x55"), (b"\1\0", "multiple", b"\x55"),
                                                      (b"\2\0", "protected-pcie", b"\xaa")) for pcie in (None, value)}


def chip_of(leaf):
    return leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value.split(" ")[0]


def device_of(chain):
    """The key that a GPU was made with, where the certificate above its leaf is the chip's own: leaves it makes at every start."""
    names = chain[1].subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return spki_of(chain[1] if names and names[0].value.startswith("G") else chain[0])


def version(text, base):
    demand(re.fullmatch(r"[0-9a-fA-F]{1,6}(\.[0-9a-fA-F]{1,6}){0,7}", text), f"{text} is not a version")
    return [int(part, base) for part in text.split(".")]


def is_about(single, certificate, issuer):
    """Whether a single response names the certificate, by SHA-256 or SHA-384 of its issuer's name and key."""
    try:
        demand(isinstance(single.hash_algorithm, (hashes.SHA256, hashes.SHA384)), "by another hash")
    except Exception:  # one that the library does not know names nothing either
        return False
    key = issuer.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    digest = sha384 if isinstance(single.hash_algorithm, hashes.SHA384) else sha256
    named = (digest(issuer.subject.public_bytes()), digest(key), certificate.serial_number)
    return named == (single.issuer_name_hash, single.issuer_key_hash, single.serial_number)


def answers_for(response, above, now):
    """Raises unless the response is signed by the certificate's issuer, or by whom that or one above certified for it."""
    keys = [above[0].public_key()]
    for delegate in response.certificates:
        try:
            _, usage = fits_p384(delegate, now, [x509.ExtendedKeyUsage.oid])
            fit = OCSP_SIGNING in delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            issuer = next(one for one in above if one.subject == delegate.issuer)
            delegate.verify_directly_issued_by(issuer)
            keys += [delegate.public_key()] * (fit and (usage is None or usage.digital_signature))
        except Exception:  # nobody of ours
            continue
    demand(isinstance(response.signature_hash_algorithm, hashes.SHA384), "the answer is not signed with SHA-384")
    for key in keys:
        try:
            return key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(hashes.SHA384()))
        except Exception:
            continue
    demand(False, "the answer is signed by nobody who may")


def attempt(make):
    """What it makes, or None and why not."""
    try:
        return make(), None
    except Exception as error:
        return None, str(error) or type(error).__name__


def judge_gpus(done, policy, roots, now, texts, claims, asked, rims, responses, nras):
    """Files every check gpu.* in the transcript. `asked` is the nonce that the GPUs must have signed, if it is known."""
    wants = {name: one for name, one in policy.get("gpu", {}).items() if one}

    def read_list(text):
        """A payload's nonce and devices, each with its chain and report or what is wrong with them; None if it has none."""
        payload = load(text) if text else {"nonce": "", "evidence_list": []}
        entries, given = payload["evidence_list"], payload["nonce"]
        demand(len(text) <= 1 << 20 and type(entries) is list and len(entries) <= 32 and type(given) is str, "no list of devices")
        raw = [[unbase64(one[member]) for member in ("certificate", "evidence")] for one in entries]
        devices = [SimpleNamespace(chain=attempt(lambda: chain_of(pem(one), roots.gpu, now)), report=attempt(lambda: Spdm(two)))
                   for one, two in raw]
        return SimpleNamespace(nonce=unhex(given, 32), gpus=devices) if devices else None

    def listed():
        payload = read_list(texts[1])
        unwanted = not ("gpu.present" in policy["required"] or wants or (claims and claims["gpus"]))
        demand(payload or unwanted, "no GPU evidence")
        return "legible" if payload else "no GPU evidence", payload

    payload = done.make("gpu.present", listed)
    gpus = payload.gpus if payload else []

    def present():
        leaves = [gpu.chain[0][0] for gpu in gpus if gpu.chain[0]]
        demand(all(chip_of(leaf).startswith("G") for leaf in leaves), "a certificate of no GPU")
        for keys in ([spki_of(leaf) for leaf in leaves], [device_of(gpu.chain[0]) for gpu in gpus if gpu.chain[0]]):
            demand(len(set(keys)) == len(keys), "the evidence of one GPU is there twice")
        demand(not claims or claims["gpus"] == len(gpus), f"evidence of {len(gpus)}, other than the claims say")
        return f"evidence of {len(gpus)}", True

    def chained():
        for gpu in gpus:
            demand(gpu.chain[0], gpu.chain[1])
        return "every chain ends at the pinned root", True

    def signed():
        for gpu in gpus:
            demand(gpu.report[0], gpu.report[1])
        if done.checks["gpu.chain"][0] != "pass":
            return "rests on gpu.chain", None
        for gpu in gpus:
            p384(gpu.chain[0][0].public_key(), gpu.report[0].signature, gpu.report[0].signed)
        return "every report is signed", True

    def over_nonce():
        reports = [gpu.report[0] for gpu in gpus]
        demand(all(report is None or report.nonce == asked for report in reports), "over another nonce")
        if None in reports:
            return "rests on gpu.signature", None
        demand(payload.nonce == asked, "the payload names another nonce")
        return "every report is over the nonce that the binding derives", True

    def firmware():
        unnamed = False
        for chain, report in judged:
            named = report.opaque.get(FIRMWARE)
            values = {one.oid: one.value.value for one in chain[0].extensions if one.oid in (FWID, TCB_INFO)}
            fwid, tcb_info = values.get(FWID, b""), values.get(TCB_INFO, b"")
            same = named and (len(fwid) > 48 and fwid.endswith(named) or b"\x04\x30" + named in tcb_info)
            demand(named is None or (len(named) == 48 and same), "other firmware than its certificate was issued to")
            unnamed |= named is None
        return "the firmware that the certificates name", None if unnamed else True

    def versions():
        if not wants:
            return "the policy names no versions", None
        for chain, report in judged:
            driver, vbios = report.versions()
            kind = {"GH": "HOPPER", "GB": "BLACKWELL"}.get(chip_of(chain[0])[:2])
            demand(kind in wants.get("architectures", [kind]), f"a GPU of {kind}")
            for own, name, plural, base in ((driver, "driver", "drivers", 10), (vbios, "vbios", "vbioses", 16)):
                least, listed = wants.get("min_" + name), wants.get(plural)
                demand(not least or version(own, base) >= version(least, base), f"{name} {own} is too old")
                demand(not listed or version(own, base) in [version(one, base) for one in listed], f"{name} {own} is not listed")
        return "as the policy wants them", True

    def equal(report, driver, vbios):
        off = {35} if report.opaque.get(NVDEC0) == b"\x55" else set()
        values = {index: value for index, value in (driver | vbios).items() if index not in off}
        same = all(report.blocks.get(index + 1) in value for index, value in values.items())
        return values and same and not driver.keys() & vbios.keys()

    def measurements():
        if not manifests:
            return "no manifests", None
        for rim in manifests:
            demand(rim[0], rim[1])
        found, missing = set(), False
        for chain, report in judged:
            about = [{at for at, ((chip, of, _, _), _) in enumerate(manifests) if (chip, of.upper()) == (chip_of(chain[0]), own.upper())}
                     for own in report.versions()]
            found |= about[0] | about[1]
            missing |= not (about[0] and about[1])
            # boards may share a version: then the GPU must be one of them
            pairs = [(manifests[one][0][2], manifests[other][0][2]) for one in about[0] for other in about[1]]
            demand(not pairs or any(equal(report, *pair) for pair in pairs), "a measurement is another than the manifests'")
        demand(not missing or len(found) == len(manifests), "a manifest of another version or chip")
        return "as NVIDIA's manifests have them", None if missing else True

    def mode():
        modes = {MODES.get((report.opaque.get(PROTECTED_PCIE), report.opaque.get(FEATURE))) for _, report in judged}
        demand(len(modes) == 1 and None not in modes, "the GPUs do not all run in one mode")
        switches = switches_hold()
        attested = modes & {"single", "multiple"} or ("protected-pcie" in modes and switches)
        return f"in the mode {modes.pop()}", True if attested else None

    def switches_hold():
        """Whether there is evidence of switches. It must be genuine, of those that the GPUs are linked to, and they to these."""
        payload = read_list(texts[2])
        if not payload or not asked:
            return False
        parts = lambda value: {value[at : at + 8] for at in range(0, len(value), 8)} - {bytes(8)}
        own, behind = [], []
        for switch in payload.gpus:
            (chain, error), (report, other) = switch.chain, switch.report
            demand(chain and report and chip_of(chain[0]).startswith("LS"), f"no switch: {error or other}")
            p384(chain[0].public_key(), report.signature, report.signed)
            demand(report.nonce == asked and len(report.opaque[PDI]) == 8 and len(report.opaque[GPUS_OF_SWITCH]) >= 64, "a switch")
            own.append(report.opaque[PDI])
            behind.append(parts(report.opaque[GPUS_OF_SWITCH][:64]))
        demand(payload.nonce == asked and len(set(own)) == len(own), "another nonce, or a switch twice")
        demand(all(one == behind[0] for one in behind) and len(behind[0]) == len(gpus), "the switches lead to other GPUs")
        for _, report in judged:
            links = report.opaque[PDI]
            demand(len(links) % 8 == 0 and {one[::-1] for one in parts(links)} == set(own), "a GPU is linked to other switches")
        return True

    def revocation():
        answers, bare = [], True
        demand(len(responses) <= 192 and all(len(der) <= 64 << 10 for der in responses), "too many, or too long")
        if not responses:
            return "nobody was asked", None
        for response in map(ocsp.load_der_ocsp_response, responses):
            if response.response_status == ocsp.OCSPResponseStatus.SUCCESSFUL:
                singles = list(response.responses)
                demand(len(response.certificates) <= 4 and len(singles) <= 8, "too many certificates")
                answers += [(response, single) for single in singles]
        chains = [gpu.chain[0] for gpu in gpus]
        for chain in chains + [rim[0][3] for rim in manifests if rim[0]]:
            for at, certificate in enumerate(chain[:-1]):
                about = [(response, one) for response, one in answers if is_about(one, certificate, chain[at + 1])]
                good = False
                for response, one in about:
                    answers_for(response, chain[at + 1 :], now)
                    state = one.certificate_status
                    demand(state != ocsp.OCSPCertStatus.REVOKED, f"certificate {at} is revoked or on hold")
                    until = one.next_update_utc
                    current = until and one.this_update_utc.timestamp() - 300 <= now <= until.timestamp()
                    demand(current, f"what is said of certificate {at} does not hold now")
                    demand(state == ocsp.OCSPCertStatus.GOOD or at == 0, f"certificate {at} is not known")
                    good |= state == ocsp.OCSPCertStatus.GOOD
                bare &= good or at == 0 or chain not in chains
        return "nothing is revoked", True if bare else None

    def by_nvidia():
        (kind, overall), tokens = load(nras[0])
        demand(kind == "JWT" and type(tokens) is dict, "no detached EAT")
        try:
            overall = jwt(overall, nras[1], roots.nras, roots.issuer, now)
        except NotPinned as error:
            return str(error), None
        demand(overall["sub"] == "NVIDIA-PLATFORM-ATTESTATION" and overall["submods"].keys() == tokens.keys(), "about others")
        devices = []
        for name, token in tokens.items():
            demand(overall["submods"][name] == ["DIGEST", ["SHA-256", sha256(token).hex()]], f"another token of {name}")
            devices.append(jwt(token, nras[1], roots.nras, roots.issuer, now))
        own = {str(chain[0].serial_number): report.versions() for chain, report in judged}
        for device in devices:
            prefix = "x-nvidia-gpu-attestation-report-"
            demand("x-nvidia-error-details" not in device, "NVIDIA refused it")
            good = (device["measres"], device["secboot"], device["dbgstat"]) == ("success", True, "disabled")
            good &= device[prefix + "nonce-match"] is True and device[prefix + "signature-verified"] is True
            validated, chain = device.get(prefix + "cert-chain-validated"), device.get(prefix + "cert-chain")
            states = chain and (chain["x-nvidia-cert-status"], chain["x-nvidia-cert-ocsp-status"])
            demand(good and (validated, states) in ((True, None), (None, ("valid", "good"))), "NVIDIA found it wanting")
        demand(overall["x-nvidia-overall-att-result"] is True and overall["eat_nonce"] == asked.hex(), "false, or another nonce")
        demand(len(devices) == len(gpus), "another number of GPUs")
        for device in devices:
            said = (device["x-nvidia-gpu-driver-version"], device["x-nvidia-gpu-vbios-version"])
            demand(device["eat_nonce"] == asked.hex() and own.pop(device["ueid"], None) == said, "about another GPU")
        return "NVIDIA says the same", True

    manifests = [attempt(lambda text=text: read_rim(text, roots.rim, now)) for text in dict.fromkeys(rims)]
    if payload:
        done.make("gpu.present", present)
    there = bool(payload)
    every_chain = done.make("gpu.chain", chained, there)
    done.make("gpu.revocation", revocation, every_chain)
    every_report = done.make("gpu.signature", signed, there)
    done.make("gpu.nonce", over_nonce, there and asked)
    judged = [(gpu.chain[0], gpu.report[0]) for gpu in gpus]
    done.make("gpu.firmware", firmware, every_report)
    done.make("gpu.versions", versions, every_report)
    done.make("gpu.measurements", measurements, every_report)
    done.make("gpu.mode", mode, every_report)
    done.make("gpu.nras", by_nvidia, every_report and nras and asked)
