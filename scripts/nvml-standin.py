#!/usr/bin/env python3
"""Has NVIDIA's own Python collector read the stand-in of libnvidia-ml.so.1, and checks what it collected.

    scripts/nvml-standin          builds the stand-in, installs NVIDIA's packages into .venv-nvidia, runs this

The collector is NVIDIA's nv-local-gpu-verifier over nvidia-ml-py (pynvml), unmodified: it opens the library by its
name through the dynamic linker, makes the same calls as on a real machine and parses the chain. The signatures are
checked here with cryptography, by DSP0274 1.1 and the project's own evidence.py, under the look-alike root.
"""

import base64
import os
import pathlib
import subprocess
import sys
import tempfile
import time

SCRIPTS = pathlib.Path(__file__).resolve().parent
ROOT = SCRIPTS.parent / "attestation/insecure/nvidia-look-alike-root.pem"

CELLS = [  # knobs, what is expected
    ({}, "HOPPER"),
    ({"GPUS": "8"}, "HOPPER"),
    ({"GPUS": "2", "ARCHITECTURE": "blackwell", "MULTI_GPU": "nvle"}, "BLACKWELL"),
    ({"GPUS": "2", "CHAIN": "padded"}, "HOPPER"),
    ({"GPUS": "2", "CC": "off", "MULTI_GPU": "ppcie"}, "HOPPER"),
    ({"CC": "off", "ENVIRONMENT": "none"}, None),
    ({"FAULT": "nvmlDeviceGetConfComputeGpuAttestationReport=15@1", "GPUS": "2"}, None),
]


def collect():
    """In a process of its own, with the stand-in on the linker's path: one line of JSON."""
    import json
    import logging

    logging.disable(logging.CRITICAL)
    from verifier import cc_admin
    from verifier.nvml import NvmlHandler

    nonce = sys.argv[2]
    # NVIDIA's words: a protected-PCIe machine is attested as a whole unless this is false.
    evidence = cc_admin.collect_gpu_evidence_remote(nonce, ppcie_mode=False)
    state = {"cc": NvmlHandler.is_cc_enabled(), "ppcie": NvmlHandler.is_ppcie_mode_enabled()}
    print("collected", json.dumps({"evidence": evidence, "state": state}))


def check(folder, knobs, arch):
    import json

    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from evidence import Spdm, chain_of, p384, spki_of
    from evidence import pem as split
    from verdict import sha256

    nonce = os.urandom(32)
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder)}
    environment.update({f"NVML_STANDIN_{name}": value for name, value in knobs.items()})
    command = [sys.executable, str(pathlib.Path(__file__).resolve()), "collect", nonce.hex()]
    # Its log file goes where it is run.
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120)
    lines = [line for line in done.stdout.splitlines() if line.startswith("collected ")]
    if arch is None:
        assert done.returncode != 0 and not lines, f"{knobs}: collected what must not be\n{done.stdout}"
        print(f"ok    {knobs}: refused")
        return
    assert done.returncode == 0 and lines, f"{knobs}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    collected = json.loads(lines[0].removeprefix("collected "))
    evidence = collected["evidence"]
    assert len(evidence) == int(knobs.get("GPUS", "1")), f"{knobs}: evidence of {len(evidence)}"
    assert collected["state"] == {"cc": knobs.get("CC") != "off", "ppcie": knobs.get("MULTI_GPU") == "ppcie"}
    root = x509.load_pem_x509_certificate(ROOT.read_bytes()).public_key()
    pinned = sha256(root.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    leaves = set()
    for gpu in evidence:
        assert gpu["arch"] == arch, f"{knobs}: {gpu['arch']}"
        chain = x509.load_pem_x509_certificates(base64.b64decode(gpu["certificate"]))
        assert len(chain) == 5, f"{knobs}: {len(chain)} certificates"
        # NVIDIA's collector puts NVIDIA's root in the last one's place, whatever the library gave.
        pem = b"".join(link.public_bytes(Encoding.PEM) for link in chain[:-1]) + ROOT.read_bytes()
        leaf, report = chain_of(split(pem), pinned, time.time())[0], Spdm(base64.b64decode(gpu["evidence"]))
        p384(leaf.public_key(), report.signature, report.signed)
        assert report.nonce == nonce, f"{knobs}: another nonce"
        leaves.add(spki_of(leaf))
    assert len(leaves) == len(evidence), f"{knobs}: two GPUs with one key"
    print(f"ok    {knobs}: {len(evidence)} x {arch}, chains and signatures hold")


def main(library):
    sys.path.insert(0, str(SCRIPTS))
    with tempfile.TemporaryDirectory() as folder:
        # The only name under which NVIDIA's binding looks for it.
        (pathlib.Path(folder) / "libnvidia-ml.so.1").symlink_to(pathlib.Path(library).resolve())
        for knobs, arch in CELLS:
            check(folder, knobs, arch)
    print(f"all {len(CELLS)} cells as expected")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "collect":
        collect()
    elif len(sys.argv) == 2:
        main(sys.argv[1])
    else:
        sys.exit(__doc__)
