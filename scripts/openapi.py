"""Starts a sidecar under the simulated TEE in front of the laptop's engine (deploy/compose), has it answer once, and lets
schemathesis loose on both of its listeners. The binary is JURAT_BIN, else the debug build."""

import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "deploy/compose"))

from engine import Engine  # noqa: E402

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
# Not among them: 405 for a wrong method, as it is 404 here (docs/spec/wire.md), and that every request that the schema
# allows must be granted, as two members of a query may contradict each other.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance,negative_data_rejection"
)


def start(engine: str) -> subprocess.Popen:
    binary = os.environ.get("JURAT_BIN", str(ROOT / "target/debug/jurat"))
    command = [binary, "serve", "--simulated-tee", "--engine", engine]
    command += ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def ready(sidecar: subprocess.Popen) -> dict:
    """Its addresses, once it is."""
    addresses = {}
    for line in sidecar.stderr:
        if found := re.match(r"(?:jurat: )?(listening|admin) on (http://\S+)", line):
            addresses[found[1]] = found[2]
        if len(addresses) == 2:
            break
    else:
        sys.exit("the sidecar did not start")
    threading.Thread(target=sidecar.stderr.read, daemon=True).start()
    for _ in range(600):
        try:
            urllib.request.urlopen(addresses["admin"] + "/readyz")
            return addresses
        except OSError:
            time.sleep(0.1)
    sys.exit("the sidecar did not get ready")


def with_examples(receipt: str, chain: str) -> dict:
    """The document, with names of things that are there: else every lookup would end in 404."""
    document = json.loads((ROOT / "docs/openapi.json").read_text())
    for path in document["paths"].values():
        for parameter in path["get"]["parameters"]:
            example = {"id": receipt, "chain": chain}.get(parameter["name"])
            if example:
                parameter["example"] = example
    return document


def main() -> int:
    engine = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    threading.Thread(target=engine.serve_forever, daemon=True).start()
    sidecar = start(f"http://127.0.0.1:{engine.server_port}")
    try:
        addresses = ready(sidecar)
        ask = urllib.request.Request(addresses["listening"] + "/v1/chat/completions", b"{}", method="POST")
        with urllib.request.urlopen(ask) as answer:
            receipt = answer.headers["X-Receipt-Id"]
        with urllib.request.urlopen(addresses["admin"] + "/receipts/chains") as answer:
            chain = json.load(answer)["chains"][0]["chain"]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "openapi.json")
            path.write_text(json.dumps(with_examples(receipt, chain)))
            common = [SCHEMATHESIS, "run", path, "--no-color", "--phases", "examples,coverage,fuzzing", "--seed", "1"]
            common += ["--max-examples", sys.argv[1], "--request-timeout", "30", "--generation-database", "none"]
            common += ["--checks", CHECKS, "--continue-on-failure", "--warnings", "off"]
            ends = [
                subprocess.run([*common, "--url", addresses[of], "--include-tag", tag], check=False).returncode
                for of, tag in (("listening", "data port"), ("admin", "admin listener"))
            ]
        if sidecar.poll() is not None:
            sys.exit("the sidecar did not live through it")
        return max(ends)
    finally:
        sidecar.kill()


if __name__ == "__main__":
    sys.exit(main())
