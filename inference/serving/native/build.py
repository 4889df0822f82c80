"""Compiles the kernel for the processor that it shall run on, once, and keeps the library.

A library is named by what it was made of and with, so one that fits is never made again and one that does not fit is
never loaded. CXX and CXXFLAGS are heeded as everywhere; the tests build with sanitizers through them.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
from pathlib import Path

from inference.serving import packages
from inference.serving.native import NativeUnavailable

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
SOURCES = (
    "quantised.cpp", "products.cpp", "singles.cpp", "attention.cpp", "lora.cpp", "meeting.cpp", "team.cpp", "crew.cpp",
    "model.cpp", "forward.cpp", "head.cpp", "api.cpp",
)  # fmt: skip
COMMON = {"avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}
WIDE = COMMON | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512_vnni"}
# The best first: what /proc/cpuinfo must list, and what the compiler is told.
LEVELS: dict[str, tuple[set[str], list[str]]] = {
    "avx512_bf16": (WIDE | {"avx512_bf16"}, ["-march=x86-64-v4", "-mavx512vnni", "-mavx512bf16"]),
    "avx512": (WIDE, ["-march=x86-64-v4", "-mavx512vnni"]),
    "avx2": (COMMON, ["-march=x86-64-v3"]),
}
# Warnings of g++ 12 about its own headers hide those about ours.
FLAGS = ["-std=c++20", "-O3", "-Wall", "-Wextra", "-Wno-uninitialized", "-Wno-maybe-uninitialized"]
LINKING = ["-shared", "-fPIC", "-pthread"]
TIMEOUT_S = 600


def levels() -> list[str]:
    """The instruction sets that this processor has, the best first; empty where the kernel has none for it."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return []
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    flags = next((set(line.split(":")[1].split()) for line in lines if line.startswith("flags")), set())
    return [name for name, (needed, _) in LEVELS.items() if needed <= flags]


def library(folder: Path, level: str | None = None) -> Path:
    """The compiled kernel in `folder`, made there if it is not; `level` is the best by default.

    Raises NativeUnavailable with a sentence.
    """
    known = levels()
    if not known or (level and level not in known):
        raise NativeUnavailable(f"This processor lacks the instructions for it ({', '.join(LEVELS)}).")
    level = level or known[0]
    compiler = shlex.split(os.environ.get("CXX", "")) or [_found_compiler()]
    command = [*compiler, *FLAGS, *LEVELS[level][1], *shlex.split(os.environ.get("CXXFLAGS", "")), *LINKING]
    path = folder / f"kernel-{level}-{_name(command)}.so"
    try:
        with packages.locked(folder):
            if not path.exists():
                _compile(command, path)
    except OSError as error:
        reason = f"The kernel could not be put into {folder} (XDG_CACHE_HOME names another place): {error}."
        raise NativeUnavailable(reason) from error
    return path


def _found_compiler() -> str:
    for name in ("g++", "clang++"):
        if found := shutil.which(name):
            return found
    raise NativeUnavailable("There is no C++ compiler (g++ or clang++, with C++20) to make the kernel with.")


def _name(command: list[str]) -> str:
    """A hash of the sources, the flags and the compiler's version."""
    content = hashlib.sha256("\0".join(command).encode())
    content.update(_run([*command[: len(command) - len(LINKING)], "--version"], "").encode())
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in (".cpp", ".h"):
            content.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return content.hexdigest()[:16]


def _compile(command: list[str], path: Path) -> None:
    log.warning("Compiling the kernel for this processor, once; this takes some seconds.")
    # All sources in one: most of the time goes into the headers.
    everything = "".join(f'#include "{name}"\n' for name in SOURCES)
    with packages.workspace(path.parent) as work:
        made = work / path.name
        _run([*command, f"-I{FOLDER}", "-x", "c++", "-", "-o", str(made)], everything)
        made.replace(path)


def _run(command: list[str], text: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 -- the operator's compiler, arguments of our own making
            command, input=text, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NativeUnavailable(f"{command[0]} could not compile the kernel: {error}.") from error
    if done.returncode:
        log.debug("%s", done.stderr)
        reason = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip()[:200])
        raise NativeUnavailable(f"{command[0]} could not compile the kernel: {reason}")
    if done.stderr:
        log.warning("%s", done.stderr)
    return done.stdout
