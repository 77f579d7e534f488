"""Readers of evidence for judge.py: certificates, SPDM reports, manifests, tokens. What is not well-formed, or not signed
by whom it must be, raises. Nothing here knows what a policy wants."""

import base64
import hashlib
import pathlib
import re
from xml.parsers import expat

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from verdict import Refused, demand, load, sha256, unbase64

SWID = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
DIGESTS = "http://www.w3.org/2001/04/xmlenc#sha384"
C14N = "http://www.w3.org/2006/12/xml-c14n11"
ATTESTATION = pathlib.Path(__file__).resolve().parent.parent / "attestation"
OCSP_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.9")


def sha384(data):
    return hashlib.sha384(data).digest()


def look_alike(name):
    return x509.load_pem_x509_certificate((ATTESTATION / "insecure" / f"{name}-look-alike-root.pem").read_bytes())


def spki_of(certificate):
    return sha256(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def p384(key, signature, signed):
    """Verifies r‖s over SHA-384."""
    demand(len(signature) == 96, "a signature of another length")
    r, s = (int.from_bytes(signature[at : at + 48], "big") for at in (0, 48))
    try:
        key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA384()))
    except Exception as error:
        raise Refused("the signature is wrong") from error


def pem(text):
    """DER of the certificates, between which there is white space alone, and NULs at the end."""
    rest, found = text.decode().rstrip("\0 \t\r\n\f").lstrip(), []
    while rest:
        part = re.match(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----\s*", rest)
        demand(part and len(found) < 8, "certificates are not PEM, or too many")
        found.append(unbase64("".join(part[1].split())))
        rest = rest[part.end() :]
    return found


def fits_p384(certificate, now, known=()):
    """A certificate of P-384, signed with SHA-384, valid now, without critical extensions that nobody knows."""
    key = certificate.public_key()
    fits = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP384R1)
    demand(fits and isinstance(certificate.signature_hash_algorithm, hashes.SHA384), "not of P-384 and SHA-384")
    valid = certificate.not_valid_before_utc.timestamp() <= now <= certificate.not_valid_after_utc.timestamp()
    demand(valid, f"a certificate is not valid at {now}")
    extensions = {extension.oid: extension for extension in certificate.extensions}
    basic, usage = extensions.pop(x509.BasicConstraints.oid, None), extensions.pop(x509.KeyUsage.oid, None)
    demand(not any(one.critical and oid not in known for oid, one in extensions.items()), "a critical extension")
    return basic and basic.value, usage and usage.value


def chain_of(certificates, root_spki, now):
    """The certificates, leaf first, once every link up to the pinned root holds."""
    chain = [x509.load_der_x509_certificate(der) for der in certificates]
    demand(2 <= len(chain) <= 8, f"{len(chain)} certificates")
    for at, certificate in enumerate(chain):
        basic, usage = fits_p384(certificate, now)
        certificate.verify_directly_issued_by(chain[min(at + 1, len(chain) - 1)])
        if at == 0:
            demand(usage is None or usage.digital_signature, "the leaf may not sign")
        else:
            demand(basic and basic.ca and (usage is None or usage.key_cert_sign), f"{at} may not issue")
            demand(basic.path_length is None or at - 1 <= basic.path_length, f"{at}: too long a chain")
    demand(spki_of(chain[-1]) == root_spki, f"the root is not the pinned one but has the key {spki_of(chain[-1]).hex()}")
    return chain


class Spdm:
    """SPDM 1.1: a request for all measurements, signed, and the answer. Every length is checked, no signature."""

    def __init__(self, raw):
        self.rest = raw
        demand(self.take(4) == b"\x11\xe0\x01\xff", "not a request for all signed measurements of SPDM 1.1")
        self.nonce = self.take(32)
        self.take(1)
        demand(self.take(2) == b"\x11\x60", "not measurements of SPDM 1.1")
        self.take(2)
        count, part = self.number(1), Spdm.__new__(Spdm)
        part.rest, self.blocks = self.take(self.number(3)), {}
        for _ in range(count):
            index, form, value = part.number(1), part.number(1), part.take(part.number(2))
            demand(form == 1 and len(value) == 51 and value[1:3] == b"\x30\0", f"block {index} is no SHA-384 in DMTF's form")
            demand(index not in self.blocks, f"block {index} is there twice")
            self.blocks[index] = value[3:]
        demand(not part.rest, "more blocks than announced")
        self.take(32)
        part.rest, self.opaque = self.take(self.number(2)), {}
        while part.rest:
            tag, value = part.number(2), part.take(part.number(2))
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

    def versions(self):
        """(driver, VBIOS), as NVIDIA writes them."""
        driver, vbios = self.opaque[3].decode("ascii").rstrip("\0"), self.opaque[6]
        demand(re.fullmatch(r"[!-~]+", driver) and len(vbios) == 8, "driver or VBIOS is not legible")
        return driver, ".".join(f"{byte:02X}" for byte in [*vbios[3::-1], vbios[4]])


# Manifests: XML, of which only what NVIDIA writes is taken.


class Element:
    def __init__(self, name, attributes, scope):
        self.raw, self.children = name, []
        self.declared = {key[6:]: uri for key, uri in attributes.items() if key == "xmlns" or key.startswith("xmlns:")}
        self.scope = scope | self.declared
        demand(not any(key.startswith("xml:") for key in attributes), "an xml: attribute")
        plain = {key: value for key, value in attributes.items() if key[:5] != "xmlns"}
        self.attributes = {(self.space(key) if ":" in key else "", key.split(":")[-1]): (key, value) for key, value in plain.items()}
        demand(len(self.attributes) == len(plain), "an attribute stands twice")
        self.name = (self.space(name), name.split(":")[-1])

    def space(self, name):
        prefix = name.rpartition(":")[0]
        demand(not prefix or prefix in self.scope, f"an undeclared prefix: {prefix}")
        return self.scope.get(prefix, "")

    def get(self, name, space=""):
        return self.attributes.get((space, name), ("", None))[1]

    def of(self, *names, space=DSIG):
        """The child elements, which must be just these, and white space between them."""
        found = [child for child in self.children if type(child) is not str]
        blank = all(not child.strip() for child in self.children if type(child) is str)
        demand(blank and [child.name for child in found] == [(space, name) for name in names], f"other members in {self.raw}")
        return found

    def text(self):
        demand(all(type(child) is str for child in self.children), f"{self.raw} is no text")
        return "".join(self.children)


def read_xml(text):
    """A tree. What NVIDIA's manifests do not need is refused: document types, comments, instructions, CDATA."""
    demand(len(text) <= 1 << 20 and "\r" not in text.replace("\r\n", "\n") and text.isascii(), "not such XML")
    demand(not re.search(r"<!|<\?(?!xml )|&#", text), "a document type, comment, instruction, section or reference")
    root, stack, parser = [], [], expat.ParserCreate()

    def start(name, attributes):
        element = Element(name, attributes, stack[-1].scope if stack else {})
        (stack[-1].children if stack else root).append(element)
        stack.append(element)

    parser.StartElementHandler, parser.EndElementHandler = start, lambda _: stack.pop()
    parser.CharacterDataHandler = lambda data: stack and stack[-1].children.append(data)
    parser.Parse(text, True)
    return root[0]


def canonical(element, omitted=None, rendered=None):
    """Canonical XML 1.1 of an element; without `rendered` it stands apart, with every namespace in scope."""
    declared = element.scope if rendered is None else element.declared
    rendered = rendered or {}
    fresh = sorted((prefix, uri) for prefix, uri in declared.items() if rendered.get(prefix) != uri)
    escape = lambda text: text.replace("&", "&amp;").replace("<", "&lt;")
    quoted = lambda text: '="' + escape(text).replace('"', "&quot;") + '"'
    out = "<" + element.raw
    out += "".join(" xmlns" + (":" + prefix if prefix else "") + quoted(uri) for prefix, uri in fresh)
    out += "".join(" " + raw + quoted(value) for _, (raw, value) in sorted(element.attributes.items())) + ">"
    for child in element.children:
        if type(child) is str:
            out += escape(child).replace(">", "&gt;")
        elif child is not omitted:
            out += canonical(child, omitted, rendered | declared)
    return out + f"</{element.raw}>"


def every(element):
    yield element
    for child in element.children:
        if type(child) is not str:
            yield from every(child)


def read_rim(text, root_spki, now):
    """(chip, version, {index from 0: digests}, chain) of a manifest whose signature holds and covers all of it."""
    root = read_xml(text)
    signatures = [element for element in every(root) if element.name == (DSIG, "Signature")]
    demand(len(signatures) == 1 and signatures[0] in root.children, "not one signature, directly in the document")
    info, value, keys = signatures[0].of("SignedInfo", "SignatureValue", "KeyInfo")
    form, method, reference = info.of("CanonicalizationMethod", "SignatureMethod", "Reference")
    transforms, digest_method, digest = reference.of("Transforms", "DigestMethod", "DigestValue")
    more = "http://www.w3.org/2001/04/xmldsig-more#"
    wanted = [C14N, more + "ecdsa-sha384", more + "sha384", DSIG + "enveloped-signature", C14N]
    found = [form, method, digest_method, *transforms.of("Transform", "Transform")]
    demand([one.get("Algorithm") for one in found] == wanted, "another algorithm")
    demand([*reference.attributes.values()] == [("URI", "")], "a signature over a part")
    decoded = lambda element: unbase64("".join(element.text().split()))
    demand(sha384(canonical(root, signatures[0], {}).encode()) == decoded(digest), "edited")
    (data,) = keys.of("X509Data")
    chain = chain_of([decoded(child) for child in data.of(*["X509Certificate"] * len([*every(data)][1:]))], root_spki, now)
    p384(chain[0].public_key(), decoded(value), canonical(info).encode())

    demand(root.name == (SWID, "SoftwareIdentity"), "not a SWID tag")
    (meta,), (payload,) = ([one for one in root.children if type(one) is not str and one.name == (SWID, name)]
                           for name in ("Meta", "Payload"))
    golden, seen = {}, set()
    for one in payload.children:
        if type(one) is str:
            continue
        index, number = int(one.get("index")), int(one.get("alternatives"))
        digests = [value for (space, _), (_, value) in one.attributes.items() if space == DIGESTS]
        demand(one.name == (SWID, "Resource") and one.get("type") == "Measurement" and one.get("size") == "48", "a resource")
        demand(index not in seen and 0 <= index < 256 and len(digests) == number > 0, "a measurement")
        seen.add(index)
        values = [bytes.fromhex(one.get(f"Hash{at}", DIGESTS)) for at in range(number)]
        demand(all(len(value) == 48 for value in values) and one.get("active") in ("True", "False"), "a measurement")
        if one.get("active") == "True":
            golden[index] = values
    demand(meta.get("product") and meta.get("colloquialVersion"), "neither chip nor version")
    return meta.get("product"), meta.get("colloquialVersion"), golden, chain


# NVIDIA's attestation service: JSON Web Tokens


def b64url(text):
    demand(re.fullmatch(r"[A-Za-z0-9_-]+", text), "not base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    demand(base64.urlsafe_b64encode(data).decode().rstrip("=") == text, "not canonical base64url")
    return data


class NotPinned(Exception):
    """Nobody can say whether the key is NVIDIA's."""


def jwt(token, jwks, pin, issuer, now):
    """The claims of a token, signed ES384 by the one key of its name, whose certificates lead up to the pinned key."""
    head, body, signature = token.split(".")
    header = load(b64url(head).decode())
    demand(header["alg"] == "ES384" and header.get("typ", "JWT") == "JWT" and header.keys() <= {"alg", "kid", "typ"}, "a header")
    keys = load(jwks)["keys"]
    demand(all(type(key[member]) is str for key in keys for member in ("kid", "kty")), "a key set with another thing in it")
    (key,) = (key for key in keys if key["kid"] == header["kid"])
    demand((key["kty"], key["crv"]) == ("EC", "P-384"), "a key of another curve")
    numbers = ec.EllipticCurvePublicNumbers(*(int.from_bytes(b64url(key[part]), "big") for part in "xy"), ec.SECP384R1())
    chain = [x509.load_der_x509_certificate(unbase64(one)) for one in key["x5c"]]
    demand(2 <= len(chain) <= 4 and chain[0].public_key().public_numbers() == numbers, "certificates of another key")
    for at, certificate in enumerate(chain):
        valid = certificate.not_valid_before_utc.timestamp() <= now <= certificate.not_valid_after_utc.timestamp()
        demand(valid, "a certificate of the key is not valid")
        if at:
            chain[at - 1].verify_directly_issued_by(certificate)
            demand(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca, "no issuer")
            demand(certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign, "no issuer")
    if spki_of(chain[-1]) != pin:
        raise NotPinned(f"the key is certified by {spki_of(chain[-1]).hex()}, which is not pinned")
    p384(numbers.public_key(), b64url(signature), f"{head}.{body}".encode())
    claims = load(b64url(body).decode())
    valid = max(claims["nbf"], claims["iat"]) - 60 <= now < claims["exp"] + 60
    demand(claims["iss"] == issuer and valid, "of another issuer, or not valid now")
    return claims
