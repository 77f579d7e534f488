#!/usr/bin/env python3
"""Reports that the program makes on stand-ins of the hardware, judged by verify.py and PyPI's dcap-qvl alone.

    standin-reports.py verify    by jurat-v1 and dstack-v1, through dstack's agent: trusted under the look-alike roots,
                                 refuted for another nonce; then layout, nonces and signatures once more by hand
                                 (dstack-v2 needs TLS: the vectors have reports of it)
    standin-reports.py time      eight GPUs of 100 ms each: time of a report, of its parts, and the rate of the shared one

Needs JURAT_PLAIN_BIN, JURAT_BIN (with simulated-tee), JURAT_TDX_STANDIN and JURAT_NVML_STANDIN.
"""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import secrets
import statistics
import subprocess
import sys
import tempfile
import time

from evidence import ATTESTATION, Spdm, chain_of, look_alike, p384, pem, spki_of
from verdict import sha256

HERE = pathlib.Path(__file__).resolve().parent


@contextlib.contextmanager
def running(command, **options):
    process = subprocess.Popen(command, text=True, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def serving(program, folder, config, knobs, *arguments):
    """(data port, admin port) of `jurat serve`."""
    file = folder / "jurat.toml"
    file.write_text(config, "utf-8")
    addresses = ["--engine", "http://127.0.0.1:9", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
    command = [program, "serve", "--config", file, *arguments, *addresses]
    with running(command, stderr=subprocess.PIPE, env=os.environ | knobs) as process:
        said, ports = "", {}
        for line in process.stderr:
            said += line
            for name in ("listening", "admin"):
                if line.startswith(f"jurat: {name} on http://"):
                    ports[name] = int(line.rsplit(":", 1)[1])
            if len(ports) == 2:
                break
        if len(ports) < 2:
            sys.exit(f"jurat did not start and said:\n{said}")
        yield ports["listening"], ports["admin"]


def get(port, target):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", target)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        sys.exit(f"GET {target}: {answer.status} {body[:400]}")
    return body


def verify(folder):
    standin, socket = os.environ["JURAT_TDX_STANDIN"], folder / "dstack.sock"
    collateral = folder / "collateral.json"
    collateral.write_bytes(subprocess.run([standin, "collateral"], check=True, stdout=subprocess.PIPE).stdout)
    config = f"tdx_source = {json.dumps(f'dstack:{socket}')}\n"
    config += f"nvml_library = {json.dumps(os.environ['JURAT_NVML_STANDIN'])}\n"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with running([standin, "dstack", socket], **pipes) as agent:
        if agent.stdout.readline() != "ready\n":
            sys.exit("dstack's stand-in did not start")
        with serving(os.environ["JURAT_PLAIN_BIN"], folder, config, {"NVML_STANDIN_GPUS": "2"}) as (port, _):
            for binding in ("jurat-v1", "dstack-v1"):
                nonce, report, policy = secrets.token_hex(32), folder / f"{binding}.json", folder / f"{binding}.toml"
                policy.write_text(simulated_under(binding), "utf-8")
                report.write_bytes(get(port, f"/attestation/report?binding={binding}&nonce={nonce}"))
                for asked, wanted in ((nonce, 0), (secrets.token_hex(32), 1)):
                    options = ["--policy", policy, "--nonce", asked, "--collateral", collateral]
                    judge = [sys.executable, HERE / "verify.py", "report", report, *options]
                    judged = subprocess.run(judge, stdout=subprocess.PIPE, text=True)
                    if judged.returncode != wanted:
                        sys.exit(f"{binding}: exit {judged.returncode}, not {wanted}:\n{judged.stdout}")
                by_hand(json.loads(report.read_bytes()), binding, bytes.fromhex(nonce), collateral.read_text("utf-8"))
                print(f"{binding}: trusted for its nonce, refuted for another; layout, nonces and signatures hold by hand")


def simulated_under(binding):
    """The policy `simulated` for another binding, which carries neither claims nor the evidence."""
    policy = (ATTESTATION / "policies" / "simulated.toml").read_text("utf-8").replace('"jurat-v1"', f'"{binding}"')
    unmade = () if binding == "jurat-v1" else ('  "bind.claims",\n', '  "bind.gpu",\n')
    for line in unmade:
        policy = policy.replace(line, "")
    return policy


def by_hand(report, binding, nonce, collateral):
    """What docs/verify.md tells anybody to do without jurat: dcap-qvl for the quote, cryptography for the GPUs."""
    import dcap_qvl
    from cryptography.hazmat.primitives.serialization import Encoding
    from eth_utils import keccak

    quote, key = bytes.fromhex(report["intel_quote"]), bytes.fromhex(report["signing_public_key"])
    root = look_alike("intel").public_bytes(Encoding.DER)
    judged = dcap_qvl.verify_with_root_ca(quote, dcap_qvl.QuoteCollateralV3.from_json(collateral), root, int(time.time()))
    assert judged.status == "UpToDate", judged.status
    data, address = dcap_qvl.parse_quote(quote).report.report_data, bytes.fromhex(report["signing_address"][2:])
    assert keccak(key)[12:] == address == data[:20], "the quote is another signer's"
    if binding == "jurat-v1":
        hashed = b"".join(sha256(report.get(member, "")) for member in ("claims", "nvidia_payload", "nvswitch_payload"))
        assert data[20:] == b"jurat-v1\0\0\0\0" + sha256(b"jurat-report-v1\0" + nonce + hashed), "another layout"
        nonce = sha256(b"jurat-gpu-v1\0" + address + key + nonce)
    else:
        assert data[20:] == bytes(12) + nonce, "another layout"
    for gpu in json.loads(report["nvidia_payload"])["evidence_list"]:
        certificates = pem(base64.b64decode(gpu["certificate"]))
        leaf = chain_of(certificates, spki_of(look_alike("nvidia")), time.time())[0]
        evidence = Spdm(base64.b64decode(gpu["evidence"]))
        p384(leaf.public_key(), evidence.signature, evidence.signed)
        assert evidence.nonce == nonce, "the GPU signed another nonce"


def measure(folder):
    knobs = {"NVML_STANDIN_GPUS": "8", "NVML_STANDIN_DELAY_MS": "100"}
    config = f"nvml_library = {json.dumps(os.environ['JURAT_NVML_STANDIN'])}\n"
    with serving(os.environ["JURAT_BIN"], folder, config, knobs, "--simulated-tee") as (port, admin):
        took = []
        for _ in range(11):
            begun = time.perf_counter()
            get(port, f"/attestation/report?nonce={secrets.token_hex(32)}")
            took.append(time.perf_counter() - begun)
        print(f"a report of eight GPUs: median {statistics.median(took) * 1e3:.0f} ms, longest {max(took) * 1e3:.0f} ms")
        for line in get(admin, "/metrics").decode().splitlines():
            if line.startswith("jurat_evidence_last_seconds{"):
                print(line)
        connection, count, begun = http.client.HTTPConnection("127.0.0.1", port), 0, time.perf_counter()
        while time.perf_counter() - begun < 3:
            connection.request("GET", "/attestation/report")
            size, count = len(connection.getresponse().read()), count + 1
        rate = count / (time.perf_counter() - begun)
        print(f"the shared report, {size} bytes, over one connection of Python's: {rate:.0f} requests/s")


if __name__ == "__main__":
    work = {"verify": verify, "time": measure}.get(sys.argv[1] if len(sys.argv) == 2 else "")
    if work is None:
        print(__doc__)
        sys.exit(64)
    with tempfile.TemporaryDirectory(prefix="jurat-") as scratch:
        work(pathlib.Path(scratch))
