#!/usr/bin/env python3
"""Puts stand-ins for the CUDA libraries beside torch's own: `cuda_stubs.py TORCH_LIB_FOLDER`.

The registry has torch for Linux only as linked against CUDA, whose libraries are several GB and have nothing to do
without a GPU. The loader wants every library, every version of a symbol, and every symbol. So each missing
library is assembled here from a list of functions that all answer 100 (cudaErrorNoDevice, and an error in every
other CUDA library too); torch then finds no GPU. Needs gcc and binutils.
"""
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

NO_DEVICE = 100
MARK = "no CUDA here (stand-in)"
# Only opened where there is a GPU.
OPENED_LATER = re.compile(r"nvrtc|linalg|caffe2")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def read(library):
    """(needed libraries, {version: library that must define it}, [(symbol, version or '')], defined symbols)"""
    needed, versions, source, wanted, defined = set(), {}, None, [], set()
    for line in run("objdump", "-p", library).splitlines():
        if found := re.match(r"\s+NEEDED\s+(\S+)", line):
            needed.add(found[1])
        elif found := re.match(r"\s+required from (\S+):", line):
            source = found[1]
        elif source and (found := re.match(r"\s+0x\w+ 0x\w+ \d+ (\S+)", line)):
            versions[found[1]] = source
    for line in run("objdump", "-T", library).splitlines():
        fields = line.split()
        if len(fields) < 3 or not re.fullmatch(r"[0-9a-f]{16}", fields[0]):
            continue
        if "*UND*" in fields:
            weak = fields[1] == "w"
            version = fields[-2].strip("()") if len(fields) > fields.index("*UND*") + 3 else ""
            version = "" if version == "Base" else version
            wanted += [] if weak else [(fields[-1], version)]
        else:
            defined.add(fields[-1])
    return needed, versions, wanted, defined


def assemble(soname, symbols, target):
    """One library; `symbols` is {version or '': {symbol}}."""
    lines = [".text"]
    for symbol in sorted(set().union(*symbols.values())):
        # What gives text must give text: an error's name may be printed.
        body = "lea text(%rip), %rax" if re.search("(String|Name)$", symbol) else f"mov ${NO_DEVICE}, %eax"
        lines += [f'.globl "{symbol}"', f'.type "{symbol}", @function', f'"{symbol}":', body, "ret"]
    lines += [".section .rodata", 'text: .asciz "%s"' % MARK, '.section .note.GNU-stack,"",@progbits', ""]
    with tempfile.TemporaryDirectory() as folder:
        source, script = pathlib.Path(folder, "stub.s"), pathlib.Path(folder, "stub.map")
        source.write_text("\n".join(lines))
        versions = [f"{version} {{ global: {' '.join(f'{chr(34)}{name}{chr(34)};' for name in sorted(names))} }};"
                    for version, names in sorted(symbols.items()) if version]
        script.write_text("\n".join(versions) + "\n")
        mapped = [f"-Wl,--version-script={script}"] if versions else []
        run("gcc", "-shared", "-nostdlib", f"-Wl,-soname,{soname}", "-o", str(target), str(source), *mapped)


def main():
    folder = pathlib.Path(sys.argv[1])
    for old in folder.glob("*.so*"):
        if old.stat().st_size < 1 << 20 and MARK.encode() in old.read_bytes():
            old.unlink()
    torch = [path for path in sorted(folder.glob("*.so*")) if not OPENED_LATER.search(path.name)]
    system = {line.split()[0] for line in run("/sbin/ldconfig", "-p").splitlines() if "=>" in line}
    there = {path.name for path in torch}
    stubs, homes, loose, known = collections.defaultdict(lambda: collections.defaultdict(set)), {}, set(), set()
    for library in torch:
        needed, versions, wanted, defined = read(str(library))
        for name in needed - system - there:
            stubs[name][""] |= set()
        homes |= versions
        known |= defined
        loose |= set(wanted)
    for symbol, version in loose:
        if homes.get(version) in stubs:
            stubs[homes[version]][version].add(symbol)
    # Symbols without a version are looked up everywhere: any stand-in may hold those that are CUDA's.
    of_cuda = re.compile(r"(p?nccl|cupti|nvrtc|nvml|nvshmem|nvtx|cu[A-Z]|cuda|cublas|cudnn|cufft|curand|cusolver|cusparse|cuFile)")
    free = {symbol for symbol, version in loose if not version and symbol not in known and of_cuda.match(symbol)}
    if stubs:
        home = next((name for name in sorted(stubs) if name.startswith("libcudart")), sorted(stubs)[0])
        stubs[home][""] |= free
    for name, symbols in stubs.items():
        assemble(name, symbols, folder / name)
        print(f"cuda_stubs: {name}: {sum(map(len, symbols.values()))} symbols")


main()
