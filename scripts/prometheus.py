"""Prometheus and its promtool: the machine's own, or those of Debian's package, only unpacked, so that nothing of the machine changes."""

import os
import shutil
import subprocess
import tempfile

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ".tools/prometheus")


def program(name):
    """The path of `prometheus` or `promtool`; None where neither the machine nor its packages have it."""
    unpacked = os.path.join(FOLDER, "usr/bin", name)
    found = shutil.which(name) or unpacked
    if os.path.exists(found):
        return found
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        fetched = subprocess.run(["apt-get", "download", "-qq", "prometheus"], cwd=folder, capture_output=True, timeout=60)
        packages = [one for one in os.listdir(folder) if one.endswith(".deb")]
        if fetched.returncode != 0 or not packages:
            return None
        os.makedirs(FOLDER, exist_ok=True)
        subprocess.run(["dpkg", "-x", os.path.join(folder, packages[0]), FOLDER], check=True)
    return unpacked
