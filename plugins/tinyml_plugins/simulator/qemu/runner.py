"""QEMU runner: loads a linked binary into a board that QEMU emulates, and counts by a plugin of its code translator.

It is an oracle for the counts of Unicorn, which shares QEMU's ancestry but not its code of today. It does not replace
it: boards have more memory than a profile says, so that a stray access may go unnoticed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinyml_core.errors import InputError, ToolchainError
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_plugins.simulator.host_library import build_host_library

if TYPE_CHECKING:
    from tinyml_plugins.simulator.qemu.device import QemuDevice

_PLUGIN = Path(__file__).with_name("plugin.c")
_SECOND_INTERFACE = 9
"""QEMU's major version from which plugins say they know version 2 of the interface; what we use of it is the same."""


@dataclass(frozen=True, kw_only=True)
class QemuRunner:
    """Runs binaries on a board emulated by QEMU."""

    program: str = "qemu-system-arm"
    """Name on PATH, or path, of QEMU."""
    machine: str | None = None
    """QEMU's name of the board; the first that has the core, and memory where the binary lies, when None."""
    timeout_seconds: float = 60.0
    """Longest a call may take, by the clock on the wall."""

    def missing(self) -> str | None:
        """None when QEMU is on PATH."""
        if shutil.which(self.program) is None:
            return f"{self.program} is not on PATH; apt install qemu-system-arm"
        return None

    def load(self, binary: Path, profile: HardwareProfile) -> QemuDevice:
        """A fresh board with ``binary`` in its memory, .data initialised and .bss zero.

        Raises:
            ToolchainError: QEMU, or the compiler of its plugin, is missing or refuses.
            UnsupportedError: no board has the core and memory where the binary lies.
            InputError: the binary cannot be read, or there is no such board.
        """
        if (reason := self.missing()) is not None:
            raise ToolchainError(reason, place="runner qemu")
        from tinyml_plugins.simulator.elf import read_image
        from tinyml_plugins.simulator.qemu.device import QemuDevice
        from tinyml_plugins.simulator.qemu.machines import MACHINES, machine_for

        image = read_image(binary)
        name = self.machine or machine_for(profile, image)
        if name not in MACHINES:
            raise InputError(f"unknown machine {name!r}", place="runner qemu", remedy=f"choose {', '.join(MACHINES)}")
        interface = 2 if self._major_version() >= _SECOND_INTERFACE else 1
        plugin = build_host_library(_PLUGIN, (f"-DPLUGIN_VERSION={interface}",))
        return QemuDevice(self.program, name, plugin, image, profile, timeout_seconds=self.timeout_seconds)

    def _major_version(self) -> int:
        told = subprocess.run([self.program, "--version"], capture_output=True, text=True, timeout=30, check=False)
        found = re.search(r"version (\d+)\.", told.stdout)
        if found is None:
            raise ToolchainError("does not tell its version", place=self.program, remedy="install QEMU anew")
        return int(found[1])
