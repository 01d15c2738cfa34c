"""GCC toolchain: ``arm-none-eabi-gcc`` with newlib, as distributions and Arm ship it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyml_core.api.toolchain import Binary
from tinyml_core.errors import ToolchainError
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_plugins.simulator.compiler import build
from tinyml_plugins.simulator.cores import gcc_flags

GCC_LINK = ("-nostartfiles",)
GCC_LIBRARIES = ("-Wl,--start-group", "-lc", "-lgcc", "-Wl,--end-group")


@dataclass(frozen=True, kw_only=True)
class GccToolchain:
    """Builds with ``arm-none-eabi-gcc``."""

    compiler: str = "arm-none-eabi-gcc"
    """Name on PATH, or path, of the compiler."""
    optimisation: str = "-O3"
    """Optimisation level of the compiler."""
    warnings_as_errors: bool = False
    """Refuse sources that give a warning."""
    timeout_seconds: float = 300.0
    """Longest a build may take."""

    def missing(self) -> str | None:
        """None when the compiler is on PATH and has a C library."""
        path = shutil.which(self.compiler)
        if path is None:
            return f"{self.compiler} is not on PATH; apt install gcc-arm-none-eabi libnewlib-arm-none-eabi"
        if not Path(self._ask(path, "-print-file-name=libc.a")).is_absolute():
            return f"{self.compiler} has no C library; apt install libnewlib-arm-none-eabi"
        return None

    def build(
        self, sources: Sequence[Path], binary: Path, profile: HardwareProfile, *, region: str, stack: int
    ) -> Binary:
        """Compile and link; see :class:`~tinyml_core.api.toolchain.Toolchain`."""
        if (reason := self.missing()) is not None:
            raise ToolchainError(reason, place="toolchain gcc")
        return build(
            [self.compiler, *gcc_flags(profile), *GCC_LINK],
            sources,
            binary,
            profile,
            region=region,
            stack=stack,
            optimisation=self.optimisation,
            warnings_as_errors=self.warnings_as_errors,
            libraries=GCC_LIBRARIES,
            environment={},
            timeout=self.timeout_seconds,
            compiler=f"gcc {self._ask(self.compiler, '-dumpfullversion')}",
        )

    def _ask(self, compiler: str, question: str) -> str:
        answer = subprocess.run([compiler, question], capture_output=True, text=True, timeout=30, check=False)
        return answer.stdout.strip()
