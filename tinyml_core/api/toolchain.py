"""Toolchains: compilers that turn generated sources into a linked binary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from tinyml_core.hardware.profile import HardwareProfile


@dataclass(frozen=True)
class Binary:
    """A linked program and its size: ``code`` and ``constants`` lie in flash, ``static`` (.data and .bss) in SRAM.

    ``stack_bounds`` is the greatest stack depth by function, for those whose depth the toolchain can bound.
    """

    path: Path
    code: int
    constants: int
    static: int
    compiler: str
    """Name and version, for the report."""
    stack_bounds: Mapping[str, int] = field(default_factory=dict)


@runtime_checkable
class Toolchain(Protocol):
    """A cross compiler and linker."""

    def missing(self) -> str | None:
        """None when usable, else one sentence: what is missing and how to install it."""
        ...

    def build(
        self, sources: Sequence[Path], binary: Path, profile: HardwareProfile, *, region: str, stack: int
    ) -> Binary:
        """Compile and link ``sources`` (headers lie beside them) for ``profile``, data in ``region``.

        Start-up code and a linker script that enforces the profile's regions are the toolchain's; ``stack`` bytes are
        kept free for the stack.

        Raises:
            CapacityError: a region overflows; the message names it and says by how many bytes.
            ToolchainError: the compiler refused a source, or is not there.
        """
        ...
