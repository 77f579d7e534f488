#!/usr/bin/env python3
"""The official OpenAI SDK through a running jurat, every answer checked against its receipt.

A transport below the SDK keeps the bytes that went out and came in. After each exchange the receipt is fetched at
once, and scripts/verify.py judges it over those bytes. Called by scripts/e2e-vllm, in vLLM's environment.
"""
import argparse
import json
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import time

import httpx
import openai

MODEL = "tiny-model"
ASKED = [{"role": "user", "content": "Überraschung: 日本語, 🦀 and \"quotes\"."}]


class Recorder(httpx.BaseTransport):
    """Keeps the last exchange: request body, response head, and the response's bytes as they came."""

    def __init__(self):
        self.inner = httpx.HTTPTransport()

    def handle_request(self, request):
        self.request = request.read()
        self.response = self.inner.handle_request(request)
        self.body, recorder, stream = bytearray(), self, self.response.stream

        class Tee(httpx.SyncByteStream):
            def __iter__(self):
                for piece in stream:
                    recorder.body += piece
                    yield piece

            def close(self):
                stream.close()

        self.response.stream = Tee()
        return self.response

    @property
    def receipt_id(self):
        return self.response.headers["x-receipt-id"]


class Drive:
    def __init__(self, given):
        self.given, self.wrong, self.played = given, 0, 0
        self.recorder = Recorder()
        self.plain = httpx.Client(base_url=given.base)
        self.client = openai.OpenAI(base_url=f"{given.base}/v1", api_key="none", max_retries=0,
                                    http_client=httpx.Client(transport=self.recorder))
        given.out.mkdir(parents=True, exist_ok=True)

    def judge_report(self):
        nonce = secrets.token_hex(32)
        report = self.plain.get("/attestation/report", params={"nonce": nonce})
        path = self.given.out / "report.json"
        path.write_bytes(report.content)
        self.address = report.json()["signing_address"]
        self.claims = self.given.out / "claims.json"
        self.claims.write_text(report.json()["claims"], encoding="utf-8")
        self.tell("report", self.verify("report", str(path), "--nonce", nonce, "--simulated"))

    def verify(self, *arguments):
        """None, or what the verifier said."""
        run = subprocess.run([*self.given.verifier, *arguments], capture_output=True, text=True)
        return None if run.returncode == 0 else run.stdout + run.stderr

    def tell(self, name, failed):
        self.played += 1
        self.wrong += bool(failed)
        print(f"{'WRONG' if failed else 'ok   '} {name}{': ' + failed if failed else ''}", flush=True)

    def record(self, *, patience=0.0):
        until = time.monotonic() + patience
        while True:
            answer = self.plain.get(f"/v1/signature/{self.recorder.receipt_id}", params={"model": MODEL})
            if answer.status_code == 200 or time.monotonic() >= until:
                return answer
            time.sleep(0.02)

    def exchange(self, name, act, *, end="complete", engine_id=None, patience=0.0):
        """Acts, and judges the receipt of the one request that it made."""
        try:
            seen = act()
        except openai.APIStatusError as error:
            if engine_id:
                return self.tell(name, f"the engine refused: {error}")
        answer = self.record(patience=patience)
        if answer.status_code != 200:
            return self.tell(name, f"no receipt at once: {answer.status_code} {answer.text}")
        record, receipt = answer.json(), answer.json()["receipt"]
        paths = [self.given.out / f"{name}.{part}" for part in ("request", "response", "record.json")]
        for path, content in zip(paths, (self.recorder.request, bytes(self.recorder.body), answer.content)):
            path.write_bytes(content)
        rules = {
            f"end is {receipt['end']}, not {end}": receipt["end"] == end,
            "the status is another": receipt["status"] == self.recorder.response.status_code,
            "ZG-Res-Key names another": self.recorder.response.headers["zg-res-key"] == self.recorder.receipt_id,
            "text without complete": ("text" in record) == (end == "complete"),
        }
        if engine_id:
            named = engine_id(seen)
            rules["the receipt names another engine id"] = receipt["responseId"] == named
            rules["the engine's id finds another"] = self.plain.get(f"/v1/signature/{named}").json() == record
        broken = "; ".join(rule for rule, kept in rules.items() if not kept)
        if end == "complete" and not broken:
            record_arguments = ("--record", str(paths[2]), "--request", str(paths[0]), "--response", str(paths[1]))
            broken = self.verify("record", *record_arguments, "--address", self.address, "--claims", str(self.claims))
        self.tell(f"{name} ({self.recorder.response.status_code}, {len(self.recorder.body)} bytes, {end})", broken)

    def run(self):
        chat, text, responses = self.client.chat.completions, self.client.completions, self.client.responses
        base = dict(model=MODEL, messages=ASKED, max_tokens=24, seed=7)
        last_id = lambda events: [event.id for event in events][-1]
        self.judge_report()
        self.exchange("chat", lambda: chat.create(**base), engine_id=lambda answer: answer.id)
        self.exchange("chat-n2-logprobs", lambda: chat.create(**base, n=2, logprobs=True, top_logprobs=2),
                      engine_id=lambda answer: answer.id)
        self.exchange("chat-chosen-id", lambda: chat.create(**base, extra_headers={"X-Request-Id": "mine"},
                                                            extra_body={"request_id": "mine"}),
                      engine_id=lambda answer: f"chatcmpl-{self.recorder.receipt_id}")
        usage = dict(stream=True, stream_options={"include_usage": True})
        self.exchange("chat-stream-usage", lambda: list(chat.create(**base, **usage)), engine_id=last_id)
        self.exchange("chat-stream-long", lambda: list(chat.create(**base | {"max_tokens": 600}, **usage)), engine_id=last_id)
        self.exchange("chat-stream-n2", lambda: list(chat.create(**base, n=2, stream=True)), engine_id=last_id)
        prompt = dict(model=MODEL, prompt="Once", max_tokens=24, seed=7)
        self.exchange("completion", lambda: text.create(**prompt), engine_id=lambda answer: answer.id)
        self.exchange("completion-echo", lambda: text.create(**prompt, echo=True, logprobs=1), engine_id=lambda answer: answer.id)
        self.exchange("completion-stream", lambda: list(text.create(**prompt, stream=True)), engine_id=last_id)
        asked = dict(model=MODEL, input="Once", max_output_tokens=24)
        self.exchange("responses", lambda: responses.create(**asked), engine_id=lambda answer: answer.id)
        self.exchange("responses-stream", lambda: list(responses.create(**asked, stream=True)),
                      engine_id=lambda events: events[0].response.id)
        self.exchange("error-unknown-model", lambda: chat.create(**base | {"model": "none"}))
        self.exchange("error-bad-value", lambda: chat.create(**base | {"temperature": -1}))
        self.exchange("error-too-long", lambda: chat.create(**base | {"max_tokens": 100_000}))
        self.exchange("error-no-such-route-at-engine", lambda: self.client.embeddings.create(model=MODEL, input="x"))

        def leave():
            stream = chat.create(**base | {"max_tokens": 1900}, stream=True)
            for _ in range(3):
                next(stream)
            stream.close()

        self.exchange("abort", leave, end="client_left", patience=5)
        self.exchange("chat-after-abort", lambda: chat.create(**base), engine_id=lambda answer: answer.id)
        models = self.client.models.list()
        unsworn = "x-receipt-id" in self.recorder.response.headers
        self.tell("models", "it must not be sworn" if unsworn or models.data[0].id != MODEL else None)
        if self.given.kill_engine:
            self.exchange("engine-killed", self.kill_in_stream, end="engine_failed")

    def kill_in_stream(self):
        """vLLM then ends the stream as if well: an error event and [DONE]."""
        asked = dict(model=MODEL, messages=ASKED, max_tokens=1900, stream=True)
        # Not by the SDK, which leaves when it sees the error.
        client = httpx.Client(transport=self.recorder, base_url=self.given.base, timeout=60)
        with client.stream("POST", "/v1/chat/completions", json=asked) as response:
            pieces = response.iter_raw()
            next(pieces)
            os.kill(core_of(self.given.kill_engine), signal.SIGKILL)
            list(pieces)


def core_of(leader):
    """The engine core among the processes of the session that `leader` leads."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(") ", 1)[1].split()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[3]) == leader and b"EngineCore" in command:
            return int(folder.name)
    sys.exit("drive.py: no engine core among vLLM's processes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--verifier", nargs="+", required=True)
    parser.add_argument("--kill-engine", type=int, help="at the end, kill the core of the vLLM that this process leads")
    drive = Drive(parser.parse_args())
    drive.run()
    print(json.dumps({"played": drive.played, "wrong": drive.wrong, "openai": openai.__version__}))
    return 1 if drive.wrong or not drive.played else 0


if __name__ == "__main__":
    sys.exit(main())
