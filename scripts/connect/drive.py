#!/usr/bin/env python3
"""The official OpenAI SDKs through `jurat connect`: unchanged before an honest service, and raising before a dishonest one.

A small engine, a sidecar under a simulated TEE, connect, and between the two somebody who alters one letter of every
answer if he is told to. Called by scripts/e2e-connect.
"""
import argparse
import http.client
import http.server
import json
import pathlib
import re
import statistics
import subprocess
import sys
import threading
import time

import openai

WORDS = ["Every", " answer", ", sworn", " to", "."]
ASKED = [{"role": "user", "content": "Who are you?"}]


class Handler(http.server.BaseHTTPRequestHandler):
    """HTTP/1.1 with chunks, and no Nagle between head and body."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def read(self):
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def head(self, status, lines):
        self.send_response_only(status)
        for name, value in lines:
            self.send_header(name, value)
        self.end_headers()

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def sized(self, status, lines, body):
        self.head(status, [*lines, ("content-length", str(len(body)))])
        self.wfile.write(body)
        self.wfile.flush()


class Engine(Handler):
    """Says the same words, plain or streamed, `pause` seconds between events."""

    asked = 0
    pause = 0.0

    def do_GET(self):
        self.sized(200, [("content-type", "application/json")], b'{"object":"list","data":[]}')

    def do_POST(self):
        asked = json.loads(self.read())
        Engine.asked += 1
        common = {"id": f"chatcmpl-{Engine.asked}", "created": 1, "model": asked["model"]}
        if not asked.get("stream"):
            message = {"role": "assistant", "content": "".join(WORDS)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            answer = {**common, "object": "chat.completion", "choices": [choice]}
            return self.sized(200, [("content-type", "application/json")], json.dumps(answer).encode())
        self.head(200, [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")])
        for word in WORDS * asked.get("n", 1):
            choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
            event = {**common, "object": "chat.completion.chunk", "choices": [choice]}
            self.chunk(b"data: %s\n\n" % json.dumps(event).encode())
            time.sleep(Engine.pause)
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")


class Liar(Handler):
    """Passes everything on, and says "Avery" for "Every"."""

    service = None
    answers = 0

    def pass_on(self):
        connection = http.client.HTTPConnection(self.service)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        connection.request(self.command, self.path, self.read(), headers)
        answer = connection.getresponse()
        body = answer.read()
        if self.path.endswith("/chat/completions"):
            Liar.answers += 1
            body = body.replace(b"Every", b"Avery")
        dropped = ("content-length", "transfer-encoding", "connection")
        lines = [(name, value) for name, value in answer.getheaders() if name.lower() not in dropped]
        self.sized(answer.status, lines, body)

    do_GET = do_POST = pass_on


def listen(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"127.0.0.1:{server.server_address[1]}"


class Process:
    """The program, until it says that it listens; its lines are kept."""

    def __init__(self, program, *arguments):
        self.lines = []
        self.child = subprocess.Popen([program, *arguments], stderr=subprocess.PIPE, text=True)
        for line in self.child.stderr:
            self.lines.append(line)
            if found := re.match(r"jurat: listening on http://(\S+)", line):
                self.address = found[1]
                break
        else:
            sys.exit("it did not start:\n" + "".join(self.lines))
        threading.Thread(target=lambda: self.lines.extend(self.child.stderr), daemon=True).start()

    def says(self, words):
        until = time.monotonic() + 20
        while not any(words in line for line in list(self.lines)):
            if time.monotonic() > until:
                sys.exit(f"it did not say {words!r}:\n" + "".join(self.lines))
            time.sleep(0.01)


def check(holds, what):
    if not holds:
        sys.exit(f"broken: {what}")
    print(f"  {what}")


def client(address):
    # retries as the SDK has them by default: a refused answer must not be asked for again
    return openai.OpenAI(base_url=f"http://{address}/v1", api_key="none")


def complete(sdk, **more):
    return sdk.chat.completions.create(model="m", messages=ASKED, **more)


def honest(connect):
    sdk = client(connect.address)
    check(complete(sdk).choices[0].message.content == "".join(WORDS), "a plain answer, as the engine gave it")
    words = [event.choices[0].delta.content for event in complete(sdk, stream=True)]
    check(words == WORDS, "a stream, event by event")
    connect.says(" trusted")
    check(list(sdk.models.list()) == [], "an unsworn route")


def dishonest(connect, mode):
    sdk = client(connect.address)
    before = Liar.answers
    try:
        complete(sdk)
        sys.exit("broken: an altered answer was taken for good")
    except openai.APIStatusError as error:
        check((error.status_code, error.code) == (502, "receipt.response"), f"{mode}: an altered plain answer raises")
    check(Liar.answers == before + 1, f"{mode}: and is not asked for again")
    heard = []
    try:
        for event in complete(sdk, stream=True):
            heard.append(event.choices[0].delta.content)
        sys.exit("broken: an altered stream ended well")
    except openai.APIError as error:
        check(error.code == "receipt.response", f"{mode}: an altered stream raises: {error.message}")
    check(heard[:1] == ["Avery"], f"{mode}: its words had flowed before")
    connect.says("refuted receipt.response")


def node(script, address, expected):
    done = subprocess.run(["node", script, f"http://{address}/v1"], capture_output=True, text=True, timeout=60)
    check(done.returncode == 0 and done.stdout.strip() == expected, f"the JavaScript SDK: {expected}")


def latency(direct, through, rounds):
    """Milliseconds to the first event, between events and to the end; median of `rounds` streams each, alternating."""
    import socket

    request = json.dumps({"model": "m", "messages": ASKED, "stream": True, "n": 8}).encode()

    def measure(address):
        host, port = address.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as stream:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            began = time.perf_counter()
            stream.sendall(head % len(request) + request)
            first, seen = None, b""
            while piece := stream.recv(65536):
                seen += piece
                if first is None and b"data: " in seen:
                    first = time.perf_counter()
                if b"[DONE]" in seen:
                    return (first - began) * 1000, (time.perf_counter() - began) * 1000
        sys.exit("broken: a stream without its end")

    figures = {"direct": [], "connect": []}
    for _ in range(rounds):
        figures["direct"].append(measure(direct))
        figures["connect"].append(measure(through))
    for name, pairs in figures.items():
        first, whole = (statistics.median(column) for column in zip(*pairs))
        worst = sorted(pair[0] for pair in pairs)[int(0.95 * len(pairs))]
        print(f"  {name:8} first event {first:.2f} ms (p95 {worst:.2f}), whole stream of 40 events {whole:.2f} ms")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--node", type=pathlib.Path, help="a script that drives the JavaScript SDK")
    parser.add_argument("--latency", type=int, default=0, metavar="ROUNDS")
    given = parser.parse_args()
    sidecar = Process(given.program, "serve", "--simulated-tee", "--engine", f"http://{listen(Engine)}", "--listen",
                      "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
    Liar.service = sidecar.address
    liar = listen(Liar)
    connected = lambda service, *more: Process(given.program, "connect", f"http://{service}", "--policy", "simulated",
                                               "--listen", "127.0.0.1:0", *more)
    children = [sidecar]
    try:
        children += [connected(sidecar.address), connected(liar), connected(liar, "--hold")]
        _, through, lied, held = children
        honest(through)
        dishonest(lied, "default")
        dishonest(held, "--hold")
        if given.node:
            node(given.node, through.address, "plain ok, stream ok")
            node(given.node, held.address, "plain receipt.response, stream receipt.response")
        if given.latency:
            latency(sidecar.address, through.address, given.latency)
    finally:
        for process in children:
            process.child.terminate()


if __name__ == "__main__":
    main()
