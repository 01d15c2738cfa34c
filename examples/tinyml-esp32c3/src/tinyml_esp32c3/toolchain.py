"""Toolchain: ``zig cc`` of the ``ziglang`` wheel for RV32IMC without an operating system."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from tinyml_core.api.toolchain import Binary
from tinyml_core.errors import CapacityError, ToolchainError, UnsupportedError
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_esp32c3.firmware import STARTUP, linker_script

CORE = "rv32imc"
_TARGET = ("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m+c")
_FLAGS = (
    "-std=c99", "-g0", "-ffp-contract=off", "-fomit-frame-pointer", "-ffunction-sections", "-fdata-sections",
    "-fno-asynchronous-unwind-tables", "-Wall", "-Wextra", "-Wconversion", "-Wshadow",
    "-Wl,--gc-sections", "-Wl,--build-id=none", "-Wl,-e,_start",
)  # fmt: skip
_OVERFLOW = re.compile(r"will not fit in region '([^']+)': overflowed by (\d+) bytes")


@dataclass(frozen=True, kw_only=True)
class ZigRiscv32:
    """Builds with ``zig cc``."""

    optimisation: str = "-O3"
    """Optimisation level of the compiler."""
    warnings_as_errors: bool = False
    """Refuse sources that give a warning."""
    timeout_seconds: float = 300.0
    """Longest a build may take; the first one builds zig's runtime library, some 6 s."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"-O[0-3sz]", self.optimisation):
            raise ValueError(f"optimisation is {self.optimisation!r}; choose one of -O1, -O2, -O3, -Os, -Oz")

    def missing(self) -> str | None:
        """None when the wheel is installed."""
        return None if importlib.util.find_spec("ziglang") else "the zig compiler is not installed; pip install ziglang"

    def build(
        self, sources: Sequence[Path], binary: Path, profile: HardwareProfile, *, region: str, stack: int
    ) -> Binary:
        """Compile and link; see :class:`~tinyml_core.api.toolchain.Toolchain`."""
        if (reason := self.missing()) is not None:
            raise ToolchainError(reason, place="toolchain zig-riscv32")
        if profile.core != CORE:
            raise UnsupportedError(f"core {profile.core!r} is not {CORE}", place=f"target {profile.name}")
        folder = binary.parent
        script, startup, partial = folder / "linker.ld", folder / "startup.c", folder / f".{binary.name}.{os.getpid()}"
        script.write_text(linker_script(profile, region, stack), encoding="ascii")
        startup.write_text(STARTUP, encoding="ascii")
        line = [sys.executable, "-m", "ziglang", "cc", *_TARGET, self.optimisation, *_FLAGS]
        line += ["-Werror"] * self.warnings_as_errors + ["-T", str(script), str(startup)]
        line += [*map(str, sources), "-o", str(partial)]
        try:
            done = subprocess.run(line, capture_output=True, text=True, timeout=self.timeout_seconds, check=False)
            if done.returncode != 0:
                raise _refusal(done.stderr, profile)
            os.replace(partial, binary)
        except subprocess.TimeoutExpired:
            raise ToolchainError(
                f"the compiler did not finish in {self.timeout_seconds:g} s",
                place="zig",
                remedy="raise timeout_seconds",
            ) from None
        finally:
            partial.unlink(missing_ok=True)
        return Binary(binary, *_sizes(binary), f"zig cc {importlib.metadata.version('ziglang')}")


def _refusal(output: str, profile: HardwareProfile) -> CapacityError | ToolchainError:
    overflows = {name: int(amount) for name, amount in _OVERFLOW.findall(output)}  # the last of a region is the whole
    if overflows:
        told = "; ".join(f"region {name} overflows by {amount} bytes" for name, amount in overflows.items())
        return CapacityError(told, place=f"target {profile.name}", remedy="choose a smaller network or a larger target")
    lines = [line for line in output.splitlines() if line.strip()]
    first = next((line for line in lines if "error" in line), lines[0] if lines else "no message")
    return ToolchainError("".join(c if c.isprintable() else "?" for c in first)[:400], place="zig cc")


def _sizes(binary: Path) -> tuple[int, int, int]:
    """Bytes of code, constants (with the first values of .data) and static data."""
    code = constants = static = 0
    with binary.open("rb") as stream:
        for section in ELFFile(stream).iter_sections():
            flags, size = section["sh_flags"], section["sh_size"]
            if not flags & SH_FLAGS.SHF_ALLOC or section.name == ".stack":
                continue
            if flags & SH_FLAGS.SHF_EXECINSTR:
                code += size
            elif section["sh_type"] == "SHT_NOBITS":
                static += size
            else:
                constants += size
                static += size if section.name == ".data" else 0
    return code, constants, static
