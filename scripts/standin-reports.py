#!/usr/bin/env python3
"""Reports that the program makes on stand-ins of the hardware, judged by verify.py and PyPI's dcap-qvl alone.

    standin-reports.py verify    by all three bindings, through dstack's agent: trusted under the look-alike roots, refuted
                                 for another nonce and another TLS key; then layout, nonces and signatures by hand
    standin-reports.py time      eight GPUs of 100 ms each: time of a report, of its parts, and the rate of the shared one

Needs JURAT_PLAIN_BIN, JURAT_BIN (with simulated-tee), JURAT_TDX_STANDIN and JURAT_NVML_STANDIN.
"""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import re
import secrets
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

from cryptography import x509

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


class NotStarted(Exception):
    """With what jurat said."""


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
                if found := re.match(f"jurat: {name} on https?://[^ ]*:([0-9]+)", line):
                    ports[name] = int(found[1])
            if len(ports) == 2:
                break
        if len(ports) < 2:
            raise NotStarted(said)
        yield ports["listening"], ports["admin"]


def get(port, target):
    return ask(http.client.HTTPConnection("127.0.0.1", port, timeout=60), target)


def ask(connection, target):
    connection.request("GET", target)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        sys.exit(f"GET {target}: {answer.status} {body[:400]}")
    return body


def get_over_tls(port, target):
    """(body, SHA-256 of the connection's key). Whose key it is, the report says."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=context)
    connection.connect()
    seen = spki_of(x509.load_der_x509_certificate(connection.sock.getpeercert(True)))
    return ask(connection, target), seen


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
        program, gpus = os.environ["JURAT_PLAIN_BIN"], {"NVML_STANDIN_GPUS": "2"}
        with serving(program, folder, config, gpus) as (port, _):
            for binding in ("jurat-v1", "dstack-v1"):
                judge(folder, binding, collateral, lambda target: (get(port, target), None))
        try:
            with serving(program, folder, config + 'tls = "self-signed"\n', gpus) as (port, _):
                for binding in ("jurat-v1", "dstack-v2"):
                    judge(folder, binding, collateral, lambda target: get_over_tls(port, target))
        except NotStarted as error:
            if "unknown field `tls`" not in str(error):
                raise
            print("skip: dstack-v2: this program has no TLS")


def judge(folder, binding, collateral, fetch):
    nonce, report, policy = secrets.token_hex(32), folder / f"{binding}.json", folder / f"{binding}.toml"
    body, seen = fetch(f"/attestation/report?binding={binding}&nonce={nonce}")
    report.write_bytes(body)
    policy.write_text(simulated_under(binding, seen), "utf-8")
    keys = [(seen, 0), (bytes(32), 1)] if seen else [(None, 0)]
    for asked, key, wanted in [(nonce, *pair) for pair in keys] + [(secrets.token_hex(32), seen, 1)]:
        options = ["--policy", policy, "--nonce", asked, "--collateral", collateral, *(("--peer-spki", key.hex()) if key else ())]
        judged = subprocess.run([sys.executable, HERE / "verify.py", "report", report, *options], stdout=subprocess.PIPE, text=True)
        if judged.returncode != wanted:
            sys.exit(f"{binding}: exit {judged.returncode}, not {wanted}:\n{judged.stdout}")
    by_hand(json.loads(body), binding, bytes.fromhex(nonce), collateral.read_text("utf-8"), seen)
    others = "another nonce or connection's key" if seen else "another nonce"
    print(f"{binding}: trusted, refuted for {others}; layout, nonces and signatures hold by hand")


def simulated_under(binding, seen):
    """The policy `simulated` for another binding, which carries neither claims nor the evidence, and with the TLS key."""
    policy = (ATTESTATION / "policies" / "simulated.toml").read_text("utf-8").replace('"jurat-v1"', f'"{binding}"')
    unmade = () if binding == "jurat-v1" else ('  "bind.claims",\n', '  "bind.gpu",\n')
    for line in unmade:
        policy = policy.replace(line, "")
    return policy.replace('  "bind.nonce",\n', '  "bind.nonce",\n  "bind.tls",\n') if seen else policy


def by_hand(report, binding, nonce, collateral, seen=None):
    """What docs/verify.md tells anybody to do without jurat: dcap-qvl for the quote, cryptography for the GPUs."""
    import dcap_qvl
    from cryptography.hazmat.primitives.serialization import Encoding
    from eth_utils import keccak

    quote, key = bytes.fromhex(report["intel_quote"]), bytes.fromhex(report["signing_public_key"])
    root = look_alike("intel").public_bytes(Encoding.DER)
    judged = dcap_qvl.verify_with_root_ca(quote, dcap_qvl.QuoteCollateralV3.from_json(collateral), root, int(time.time()))
    assert judged.status == "UpToDate", judged.status
    data, address = dcap_qvl.parse_quote(quote).report.report_data, bytes.fromhex(report["signing_address"][2:])
    assert keccak(key)[12:] == address, "the address is another key's"
    leading = sha256(address + seen) if binding == "dstack-v2" else address
    assert data.startswith(leading), "the quote is another signer's"
    if binding == "jurat-v1":
        hashed = b"".join(sha256(report.get(member, "")) for member in ("claims", "nvidia_payload", "nvswitch_payload"))
        assert data[20:] == b"jurat-v1\0\0\0\0" + sha256(b"jurat-report-v1\0" + nonce + hashed), "another layout"
        nonce = sha256(b"jurat-gpu-v1\0" + address + key + nonce)
    else:
        assert data[32:] == nonce and (binding == "dstack-v2" or not any(data[20:32])), "another layout"
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
