"""Makes attestation/vectors/export: whole exports, each with the verdict that an audit must come to."""
import json

from eth_account import Account
from eth_account.messages import encode_defunct

from typed_data import ZERO, hexed, sha256, shown, typed

KEYS = {name: Account.from_key("0x" + byte * 32) for name, byte in
        [("signer", "11"), ("later", "22"), ("stranger", "33")]}
CHAINS = {name: sha256(f"the chain of {name}".encode()) for name in [*KEYS, "another"]}
STARTED = 1795000000000


def claims(name, chain=None):
    """The claims string of a signer's report."""
    key = KEYS[name]
    return json.dumps({
        "version": 1, "signing_address": key.address, "signing_public_key": key._key_obj.public_key.to_bytes().hex(),
        "chain": (chain or CHAINS[name]).hex(), "key": "fresh", "tls": "none", "tls_spki_sha256": None, "gpus": 1,
        "model": {}, "manifest_source": "none", "software": {"version": "0.2.0", "commit": ""},
        "config_sha256": sha256(b"configuration").hex(), "started_at": STARTED,
    }, separators=(",", ":"))


class Chain:
    """A chain as its signer makes it. `records` are lines, `hashes[n]` is the struct hash at place n."""

    def __init__(self, name, chain=None, claimed=None):
        self.key, self.chain = KEYS[name], chain or CHAINS[name]
        self.claims_hash = sha256((claimed or claims(name)).encode())
        self.records, self.hashes = [], [self.chain]

    def receipt(self, key=None, extras=None, **changes):
        """Appends a receipt and gives its line. `changes` are sworn to, whatever they break."""
        at = len(self.hashes)
        body = sha256(b"body %d" % at)
        values = {
            "id": f"{at:032x}", "responseId": f"chatcmpl-{at:032x}", "endpoint": "POST /v1/chat/completions",
            "model": "m", "status": 200, "end": "complete", "requestHash": body, "forwardedHash": body,
            "responseHash": sha256(body), "responseLength": 32, "receivedAt": STARTED + 1000 * at,
            "finishedAt": STARTED + 1000 * at + 500, "clientNonce": ZERO, "claimsHash": self.claims_hash,
            "extrasHash": ZERO if extras is None else sha256(extras.encode()), "chain": self.chain, "sequence": at,
            "previous": self.hashes[-1],
        } | changes
        key = key or self.key
        struct_hash, _, signature = typed(key, "Receipt", f"receipt {at}", values)
        record = {}
        if values["end"] == "complete":
            text = f"{values['requestHash'].hex()}:{values['responseHash'].hex()}"
            signed = key.sign_message(encode_defunct(text=text)).signature
            record = {"text": text, "signature": hexed(signed)}
        record |= {"signing_address": key.address, "signing_algo": "ecdsa", "receipt": shown("Receipt", values),
                   "receipt_signature": hexed(signature)}
        if extras is not None:
            record["extras"] = extras
        self.hashes.append(struct_hash)
        self.records.append(record)
        return record

    def receipts(self, number, **changes):
        return [self.receipt(**changes) for _ in range(number)]

    def head(self, at=None, key=None, **changes):
        at = len(self.hashes) - 1 if at is None else at
        values = {"chain": self.chain, "sequence": at, "receiptHash": self.hashes[at], "at": STARTED + 60_000} | changes
        return self.sworn("Head", "head", values, key)

    def prune(self, first, last, key=None, **changes):
        values = {"chain": self.chain, "first": first, "last": last, "previous": self.hashes[first - 1],
                  "receiptHash": self.hashes[min(last, len(self.hashes) - 1)], "at": STARTED + 90_000} | changes
        return self.sworn("PrunePoint", "prune", values, key)

    def sworn(self, name, member, values, key):
        key = key or self.key
        _, _, signature = typed(key, name, member, values)
        return {member: shown(name, values), "signing_address": key.address, "signature": hexed(signature)}


def accepted():
    """(name, what it is, lines)"""
    made = Chain("signer")
    ends = ["complete", "engine_failed", "engine_truncated", "timed_out", "client_left", "refused"]
    whole = [made.receipt(end=end) for end in ends] + made.receipts(2)
    yield "whole", "a whole chain with every end, up to its head", whole + [made.head()]
    yield "no-head", "a whole chain without a head: its end cannot be vouched for", whole
    yield "beyond-head", "two receipts beyond the head", whole + [made.head(at=6)]
    yield "head-ahead", "the head stands before the receipts that it is about", [made.head()] + whole
    yield "repeated", "the pages overlap", whole[:5] + [{"next": 5}] + whole[2:] + [made.head()] + whole[-1:]
    yield "twice", "two exports of one chain, the second longer", whole[:5] + [made.head(at=5)] + whole + [made.head()]
    yield "pruned-beginning", "retention gave up the first three", [made.prune(1, 3)] + whole[3:] + [made.head()]
    yield "pruned-middle", "a later process gave up three in the middle", (
        whole[:2] + [made.prune(3, 5, KEYS["later"])] + whole[5:] + [made.head()])
    yield "pruned-on", "two prune points, one behind the other", (
        [made.prune(1, 2), made.prune(3, 5)] + whole[5:] + [made.head()])
    yield "pruned-wider", "an older export, then a newer one in which more was given up", (
        whole[:5] + [made.head(at=5), made.prune(1, 6)] + whole[6:] + [made.head()])
    yield "pruned-all", "nothing is kept but the head", [made.prune(1, 8), made.head()]
    yield "empty", "a chain without receipts", [Chain("signer").head()]
    other = Chain("later")
    pages = other.receipts(4)
    yield "two-chains", "two chains, page by page", (
        whole[:4] + [{"next": 4}] + pages[:2] + [{"next": 2}] + whole[4:] + [made.head()] + pages[2:] + [other.head()])
    made = Chain("signer")
    lines = [made.receipt(extras='{"usage":{}}'), made.receipt(model="模型/Ω", responseId="é🦀"), made.receipt(finishedAt=0)]
    yield "odd", "extras, names beyond ASCII, and a clock that ran backwards", lines + [made.head()]


def refused():
    """(check, name, what was done, lines)"""
    made = Chain("signer")
    lines, head = made.receipts(5), made.head()

    def edited(at, change):
        copy = json.loads(json.dumps(lines))
        change(copy[at])
        return copy + [head]

    def sworn(*, at=2, key=None, **changes):
        """The signer itself swears to something wrong at a place, and goes on from there."""
        chain = Chain("signer")
        before = chain.receipts(at - 1)
        return before + [chain.receipt(key=key, **changes)] + chain.receipts(2) + [chain.head()]

    yield "chain.lines", "garbage", "a line is no JSON", [*lines, "{", head]
    yield "chain.lines", "array", "a line is an array", [*lines, [], head]
    yield "chain.lines", "unknown", "a line is none of the four", [*lines, {"receipts": 5}, head]
    yield "chain.lines", "two-in-one", "a line is two at once", [*lines, head | {"next": 5}]
    yield "chain.lines", "sequence-zero", "a receipt at place 0", [made.receipt(sequence=0), *lines, head]
    yield "chain.signature", "receipt", "a receipt was edited", edited(1, lambda r: r["receipt"].update(model="n"))
    yield "chain.signature", "text", "a text of other hashes", edited(1, lambda r: r.update(text=lines[2]["text"]))
    yield "chain.signature", "text-missing", "complete, without its text", edited(1, lambda r: r.pop("text"))
    yield "chain.signature", "extras", "extras that the receipt does not name", edited(1, lambda r: r.update(extras="{}"))
    yield "chain.signature", "algorithm", "it calls itself ed25519", edited(
        1, lambda r: r.update(signing_algo="ed25519"))
    yield "chain.signature", "stranger-under-this-name", "a stranger's receipt under the signer's address", (
        [made_by_stranger(lines[0])] + lines[1:] + [head])
    yield "chain.signer", "two", "one receipt is another trusted signer's", sworn(key=KEYS["later"])
    yield "chain.signer", "head", "the head is another trusted signer's", lines + [made.head(at=5, key=KEYS["later"])]
    yield "chain.claims", "changed", "claims changed within a chain", sworn(claimsHash=sha256(b"{}"))
    elsewhere = Chain("signer", chain=CHAINS["another"])
    yield "chain.claims", "of-another-chain", "the claims name another chain", (
        elsewhere.receipts(2) + [elsewhere.head()])
    hidden = Chain("signer", claimed=claims("signer", CHAINS["another"]))
    yield "chain.claims", "contradicted", "the report attests other claims for the chain", hidden.receipts(2)
    yield "chain.order", "previous", "a receipt names another before it", sworn(previous=sha256(b"x"))
    yield "chain.order", "first", "the first does not begin with the chain's name", sworn(at=1, previous=ZERO)
    other = Chain("signer")
    branch = other.receipts(2) + [other.receipt(model="n")]
    yield "chain.fork", "side-by-side", "two different receipts at one place", lines[:3] + branch[2:] + lines[3:] + [head]
    yield "chain.fork", "second-export", "a second export with another receipt at one place", lines + [head] + branch
    yield "chain.gap", "middle", "one is missing", lines[:2] + lines[3:] + [head]
    yield "chain.gap", "beginning", "the first is missing", lines[1:] + [head]
    yield "chain.gap", "reordered", "two have changed places", [lines[0], lines[2], lines[1], *lines[3:], head]
    yield "chain.gap", "prune-too-short", "a prune point covers one of two that are missing", (
        [made.prune(1, 1), *lines[2:], head])
    yield "chain.head", "cut", "the end was cut off", lines[:3] + [head]
    yield "chain.head", "other", "the head names another receipt", lines + [
        made.head(at=5, receiptHash=sha256(b"x"))]
    yield "chain.head", "older-other", "an older head names another receipt", lines + [
        made.head(at=3, receiptHash=sha256(b"x")), head]
    yield "chain.head", "unsigned", "a stranger's head under the signer's address", lines + [
        made.head(at=5, key=KEYS["stranger"]) | {"signing_address": KEYS["signer"].address}]
    yield "chain.prune", "unsigned", "a stranger's prune point under the signer's address", [
        made.prune(1, 2, KEYS["stranger"]) | {"signing_address": KEYS["signer"].address}, *lines[2:], head]
    yield "chain.prune", "before", "it does not fit the receipt before it", [
        *lines[:1], made.prune(2, 3, previous=sha256(b"x")), *lines[3:], head]
    yield "chain.prune", "behind", "it does not fit the receipt behind it", [
        *lines[:1], made.prune(2, 3, receiptHash=sha256(b"x")), *lines[3:], head]
    yield "chain.prune", "first", "it does not begin with the chain's name", [
        made.prune(1, 3, previous=ZERO), *lines[3:], head]
    yield "chain.prune", "nothing", "it ends before it begins", [*lines, made.prune(3, 2), head]
    yield "chain.prune", "of-another-receipt", "it ends at another receipt than the one that is kept there", [
        *lines, made.prune(1, 3, receiptHash=sha256(b"x")), head]


def undecided():
    """(check, name, what is unknown, lines)"""
    made = Chain("signer")
    lines = made.receipts(4)
    yield "chain.prune", "stranger", "pruned by someone of whom no report is at hand", [
        made.prune(1, 2, KEYS["stranger"]), *lines[2:], made.head()]
    alone = Chain("stranger")
    yield "chain.signer", "stranger", "a chain of someone of whom no report is at hand", (
        alone.receipts(2) + [alone.head()])
    later = Chain("signer", chain=CHAINS["another"], claimed=claims("signer", CHAINS["another"]))
    yield "chain.claims", "not-at-hand", "a second chain of the signer, of whose claims no report is at hand", (
        later.receipts(2) + [later.head()])


def made_by_stranger(record):
    chain = Chain("signer")
    chain.key = KEYS["stranger"]
    return chain.receipt() | {"signing_address": record["signing_address"]}


def files():
    """name -> contents"""
    def text(lines):
        whole = (line if isinstance(line, str) else json.dumps(line, separators=(",", ":"), ensure_ascii=False)
                 for line in lines)
        return "".join(line + "\n" for line in whole)

    made, cases = {}, {}
    for name, about, lines in accepted():
        made[f"accept/{name}.ndjson"] = text(lines)
        cases[f"accept/{name}.ndjson"] = {"about": about, "verdict": "trusted"}
    for verdict, vectors in (("refuted", refused()), ("undecided", undecided())):
        for check, name, about, lines in vectors:
            path = f"refuse/{check}-{name}.ndjson"
            assert path not in made, path
            made[path] = text(lines)
            cases[path] = {"about": about, "verdict": verdict, "check": check}
    index = {
        "about": "exports and what an audit must make of them, if the reports of the signers below are trusted; in a "
                 "refuted one the check named has failed, in an undecided one it was skipped",
        "signers": [{"signing_address": KEYS[name].address, "claims": claims(name)} for name in ("signer", "later")],
        "exports": cases,
    }
    made["index.json"] = json.dumps(index, indent=2, ensure_ascii=False) + "\n"
    return made
