"""A build server's gate that embeds tinyml-core: does a network still fit the product's memory?

It brings a board of its own as a plugin object (no installation, no entry point), compiles the network for it, runs it
on the emulated core and answers with a verdict. Nothing is printed by the platform, nothing exits, and two gates with
different boards can live in one process.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tinyml_core import Platform
from tinyml_core.component import Component
from tinyml_core.errors import TinyMLError
from tinyml_core.hardware import HardwareProfile, MemoryRegion
from tinyml_core.hookspecs import hookimpl


class ProductBoard:
    """A plugin as an object: one microcontroller, known to this program only."""

    @hookimpl
    def tinyml_hardware_profiles(self) -> Iterable[Component[HardwareProfile]]:
        """The product's board."""
        return [Component("product", self.profile, "the board of our product")]

    def profile(self) -> HardwareProfile:
        """A Cortex-M4 whose firmware leaves 24 kB of SRAM and 128 kB of flash to the network."""
        return HardwareProfile(
            name="product",
            title="Our product, memory left by the firmware",
            vendor="us",
            core="cortex-m4",
            features=frozenset({"dsp", "fpu-sp"}),
            clock_hz=80_000_000,
            regions=(
                MemoryRegion("FLASH", "flash", 0x0802_0000, 128 * 1024),
                MemoryRegion("SRAM", "sram", 0x2000_2000, 24 * 1024),
            ),
            sources={"regions": "the product's memory budget"},
        )


@dataclass(frozen=True)
class Verdict:
    """What the gate answers."""

    fits: bool
    reason: str
    sram_bytes: int = 0
    flash_bytes: int = 0


class BudgetGate:
    """Judges model files; one platform serves many of them."""

    def __init__(self) -> None:
        self.platform = Platform(plugins=[ProductBoard()])

    def judge(self, model: Path, sram: int, flash: int) -> Verdict:
        """Whether the network in ``model`` needs at most ``sram`` and ``flash`` bytes and computes what it should."""
        try:
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "out"
                self.platform.compile(model, "product", out)
                report = self.platform.run(out).report()
        except TinyMLError as error:
            return Verdict(False, str(error))
        used, stored = report["sram_bytes"]["total"], report["flash_bytes"]["total"]
        if not report["exact"]:
            return Verdict(False, "the board would not compute what the reference does", used, stored)
        if used > sram or stored > flash:
            return Verdict(False, f"needs {used} B of SRAM and {stored} B of flash", used, stored)
        return Verdict(True, "fits", used, stored)


def main() -> int:
    """Judge the model named on the command line."""
    model, sram, flash = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    verdict = BudgetGate().judge(model, sram, flash)
    print(f"{'PASS' if verdict.fits else 'FAIL'}: {verdict.reason}")
    return 0 if verdict.fits else 1


if __name__ == "__main__":
    raise SystemExit(main())
