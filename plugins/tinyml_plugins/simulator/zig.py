"""Zig toolchain: clang and lld from the ``ziglang`` wheel, nothing to install but by pip."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyml_core.api.toolchain import Binary
from tinyml_core.errors import ToolchainError
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_plugins.simulator.cache import zig_environment
from tinyml_plugins.simulator.compiler import build
from tinyml_plugins.simulator.cores import zig_flags

ZIG_CC = (sys.executable, "-m", "ziglang", "cc")


@dataclass(frozen=True, kw_only=True)
class ZigToolchain:
    """Builds with ``zig cc``.

    Zig compiles for no operating system, so a call of ``memcpy`` stays a call; ``__builtin_memcpy`` of a constant size
    becomes loads and stores.
    """

    optimisation: str = "-O3"
    """Optimisation level of the compiler."""
    warnings_as_errors: bool = False
    """Refuse sources that give a warning."""
    timeout_seconds: float = 300.0
    """Longest a build may take; the first one for a core builds zig's runtime library, some 6 s."""

    def missing(self) -> str | None:
        """None when the wheel is installed."""
        if importlib.util.find_spec("ziglang") is None:
            return "the zig compiler is not installed; pip install ziglang"
        return None

    def build(
        self, sources: Sequence[Path], binary: Path, profile: HardwareProfile, *, region: str, stack: int
    ) -> Binary:
        """Compile and link; see :class:`~tinyml_core.api.toolchain.Toolchain`."""
        if (reason := self.missing()) is not None:
            raise ToolchainError(reason, place="toolchain zig")
        import importlib_metadata

        return build(
            [*ZIG_CC, *zig_flags(profile)],
            sources,
            binary,
            profile,
            region=region,
            stack=stack,
            optimisation=self.optimisation,
            warnings_as_errors=self.warnings_as_errors,
            libraries=(),
            environment=zig_environment(),
            timeout=self.timeout_seconds,
            compiler=f"zig cc {importlib_metadata.version('ziglang')}",
        )
