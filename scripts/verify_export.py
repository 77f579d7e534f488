"""The audit of an export, for verify.py: `chain.*`, one transcript line a chain and check."""

from verdict import Transcript, demand, load, sha256, unhex
from verify_typed import signed_by, text_digest, typed_digest

KINDS = {"receipt", "prune", "head", "next"}


class Chain:
    """One chain of an export, kept whole: this is the simple way, not the one with little memory."""

    def __init__(self, name):
        self.name, self.far, self.receipts = name, 0, 0
        self.at = {0: ("receipt", name)}  # place -> what is there, its hash
        self.signers, self.claims, self.pruners, self.heads = [], [], set(), []
        self.faults = {}

    def fault(self, check, reason):
        self.faults.setdefault(check, reason)

    def attempt(self, check, what):
        try:
            what()
        except Exception as error:
            self.fault(check, str(error) or type(error).__name__)

    def step(self, kind, first, last, previous, inner):
        before = self.at.get(first - 1)
        if before and before[1] != previous:
            self.fault("chain.prune" if "prune" in (kind, before[0]) else "chain.order", f"{last} does not follow")
        if first - 1 > self.far:
            self.fault("chain.gap", f"{self.far + 1} to {first - 1} are missing")
        there = self.at.setdefault(last, (kind, inner))
        if there[1] != inner:
            self.fault("chain.prune" if "prune" in (kind, there[0]) else "chain.fork", f"two things are at {last}")
        self.far = max(self.far, last)

    def receipt(self, record):
        receipt = record["receipt"]
        at = receipt["sequence"]
        self.attempt("chain.signature", lambda: genuine(record))
        self.signers.append(unhex(record["signing_address"], 20))
        self.claims.append(unhex(receipt["claimsHash"], 32))
        self.receipts += 1
        self.step("receipt", at, at, unhex(receipt["previous"], 32), typed_digest("Receipt", receipt)[0])

    def prune(self, line):
        prune, signer = line["prune"], unhex(line["signing_address"], 20)
        self.attempt("chain.prune", lambda: signed_by(line["signature"], typed_digest("PrunePoint", prune)[1], signer))
        if not 0 < prune["first"] <= prune["last"]:
            return self.fault("chain.prune", "a prune point covers nothing")
        self.pruners.add(signer)
        hashes = (unhex(prune[member], 32) for member in ("previous", "receiptHash"))
        self.step("prune", prune["first"], prune["last"], *hashes)

    def head(self, line):
        head, signer = line["head"], unhex(line["signing_address"], 20)
        self.attempt("chain.head", lambda: signed_by(line["signature"], typed_digest("Head", head)[1], signer))
        self.signers.append(signer)
        self.heads.append((head["sequence"], unhex(head["receiptHash"], 32)))

    def judge(self, trusted):
        """Check -> (reason, value) as a transcript makes it, and the names of those that are required."""
        required = ["signer"]
        if self.receipts:
            required += ["signature", "claims"]
        required += ["order", "fork", "gap"] if self.far else ["head"]
        if self.pruners:
            required.append("prune")
        if len(set(self.signers)) > 1:
            self.fault("chain.signer", "there is more than one signer")
        if len(set(self.claims)) > 1:
            self.fault("chain.claims", "there are several claims")
        signer = self.signers[0] if self.signers else None
        for sequence, named in self.heads:
            if sequence > self.far:
                self.fault("chain.head", f"the end was cut off: {self.far} of {sequence}")
            elif sequence in self.at and self.at[sequence][1] != named:
                self.fault("chain.head", f"the head names another receipt at {sequence}")
        known = [claims for address, claims in trusted if address == signer]
        found = {
            "signature": self.receipts > 0,
            "signer": bool(known),
            "claims": self.judge_claims(known) if self.claims else False,
            "order": self.far > 0, "fork": self.far > 0, "gap": self.far > 0,
            "prune": bool(self.pruners) and self.pruners <= {signer, *(address for address, _ in trusted)},
            "head": any(sequence in self.at for sequence, _ in self.heads),
        }
        return found, required

    def judge_claims(self, known):
        for claims in known:
            names = unhex(load(claims)["chain"], 32) == self.name
            if sha256(claims) == self.claims[0]:
                if not names:
                    self.fault("chain.claims", "the claims are of another chain")
                return names
            if names:
                self.fault("chain.claims", "a trusted report attests other claims for this chain")
        return False


def genuine(record):
    """The record is the one that its own signer signed, in all its parts."""
    receipt, text, signer = record["receipt"], record.get("text"), unhex(record["signing_address"], 20)
    demand(record["signing_algo"] == "ecdsa", "the algorithm is not ecdsa")
    signed_by(record["receipt_signature"], typed_digest("Receipt", receipt)[1], signer)
    extras = record.get("extras")
    demand(unhex(receipt["extrasHash"], 32) == (bytes(32) if extras is None else sha256(extras)), "other extras")
    if receipt["end"] == "complete":
        hashes = (unhex(receipt[member], 32).hex() for member in ("requestHash", "responseHash"))
        demand(text == ":".join(hashes), "the text is another or missing")
        signed_by(record["signature"], text_digest(text), signer)
    else:
        demand(text is None and record.get("signature") is None, "a text beside an answer that is not complete")


def take(chains, line):
    value = load(line)
    demand(isinstance(value, dict), "not an object")
    kinds = KINDS & {name for name, member in value.items() if member is not None}
    demand(len(kinds) == 1, "none of the four kinds of line, or several")
    kind = kinds.pop()
    if kind == "next":
        return demand(type(value["next"]) is int and value["next"] >= 0, "next is no place")
    chain = unhex(value[kind]["chain"], 32)
    unhex(value["signing_address"], 20)
    typed_digest({"receipt": "Receipt", "prune": "PrunePoint", "head": "Head"}[kind], value[kind])
    demand(kind != "receipt" or value["receipt"]["sequence"] > 0, "a receipt at place 0")
    chain = chains.setdefault(chain, Chain(chain))
    getattr(chain, kind)(value)


def judge_export(text, signers):
    """(transcript, verdict). `signers`: address and claims string of each whom the caller trusts."""
    trusted = [(unhex(signer["signing_address"], 20), signer["claims"]) for signer in signers]
    done, chains, required = Transcript(), {}, ["chain.lines"]

    def legible():
        for number, line in enumerate(text.split("\n"), 1):
            try:
                if line.strip():
                    take(chains, line)
            except Exception as error:
                # the other lines are judged all the same
                bad.append(f"line {number}: {error}")
        demand(not bad, "; ".join(bad[:1]))
        return f"{len(chains)} chains", True

    bad = []
    done.make("chain.lines", legible)
    for name, chain in sorted(chains.items()):
        found, needed = chain.judge(trusted)
        short = name.hex()[:8]
        for check, holds in found.items():
            check = f"chain.{check}"

            def one(check=check, holds=holds):
                demand(check not in chain.faults, chain.faults.get(check))
                return ("holds" if holds else "nothing to judge it by"), True if holds else None

            done.make(f"{check} {short}", one)
        required += [f"chain.{check} {short}" for check in needed]
    verdict = done.verdict(required)
    return done, "undecided" if verdict == "trusted" and not chains else verdict
