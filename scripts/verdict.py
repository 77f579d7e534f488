"""What every check of verify.py is made with: its verdict, and readers that refuse what is not well-formed."""

import base64
import hashlib
import json
import re


class Refused(ValueError):
    """Why a check fails."""


class Transcript:
    """The checks that were made, by id, with what each came to and why."""

    def __init__(self):
        self.checks = {}

    def make(self, name, check, founded=True):
        """Runs a check. It passes with the value it returns, is skipped on None, and fails on anything raised: what
        hostile bytes can raise here is not worth a list. Without what it rests on it is skipped."""
        if not founded:
            self.checks[name] = ("skip", "what it rests on did not pass, or is not there")
            return None
        try:
            reason, value = check()
            self.checks[name] = ("skip" if value is None else "pass", reason)
            return value
        except Exception as error:
            self.checks[name] = ("fail", str(error) or type(error).__name__)

    def failed(self, name):
        return self.checks.get(name, ("", ""))[0] == "fail"

    def verdict(self, required):
        if any(status == "fail" for status, _ in self.checks.values()):
            return "refuted"
        return "trusted" if all(self.checks.get(name, ("", ""))[0] == "pass" for name in required) else "undecided"


def demand(holds, reason):
    if not holds:
        raise Refused(reason)


def sha256(data):
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).digest()


def unhex(text, length, prefix="0x"):
    digits = text.removeprefix(prefix)
    demand(re.fullmatch(r"[0-9a-fA-F]*", digits) and len(digits) == 2 * length, f"not {length} bytes of hexadecimal")
    return bytes.fromhex(digits)


def unbase64(text):
    """In its one form: Python's own reader takes more than one text for the same bytes."""
    data = base64.b64decode(text, validate=True)
    demand(base64.b64encode(data).decode() == text, "not canonical base64")
    return data


def load(text):
    """JSON in which no member stands twice: readers differ in which one they believe."""

    def once(pairs):
        demand(len({name for name, _ in pairs}) == len(pairs), "a member stands twice")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=once)
