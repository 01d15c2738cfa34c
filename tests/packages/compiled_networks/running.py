"""Many networks in one binary, because starting a compiler takes longer than compiling a network."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from compiled_networks.network import Network, make_profile
from tinyml_core.api.runner import Measurement, Runner, combined
from tinyml_core.api.toolchain import Toolchain
from tinyml_core.platform import Platform

WARNINGS = (
    "-std=c99", "-Werror", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wvla", "-Wpedantic", "-Wcast-align",
    "-Wmissing-prototypes", "-Wcomment", "-Wtrigraphs", "-Wundef",
)  # fmt: skip
"""Every warning that generated code has to be free of."""
GUARD = 64
"""Bytes watched before and behind an arena."""


def write_sources(networks: list[Network], folder: Path) -> list[Path]:
    """Write the files of all networks into one folder and return their sources."""
    for network in networks:
        for name, text in network.code.files.items():
            (folder / name).write_text(text, encoding="ascii")
    return [folder / name for network in networks for name in network.code.library]


class HostLibrary:
    """Networks compiled into one shared library and called in this process."""

    def __init__(self, compiler: str, networks: list[Network], folder: Path, *flags: str) -> None:
        folder = Path(tempfile.mkdtemp(dir=folder))  # a library stays loaded, so its file must stay as it is
        library = folder / "networks.so"
        unit = folder / "all_networks.c"  # one translation unit: starting a compiler takes longer than a network does
        unit.write_text("".join(f'#include "{path.name}"\n' for path in write_sources(networks, folder)))
        command = [compiler, *WARNINGS, "-O1", "-shared", "-fPIC", "-ffp-contract=off", *flags, str(unit)]
        done = subprocess.run([*command, "-o", str(library)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[:4000]
        self._library = ctypes.CDLL(str(library))

    def arena_after(self, network: Network, inputs: dict[str, np.ndarray], *, fill: int = 0xA5) -> bytearray:
        """The arena after one inference, with :data:`GUARD` bytes before and behind it; all bytes start as ``fill``."""
        alignment = network.program.arena_alignment
        memory = (ctypes.c_uint8 * (network.program.arena_bytes + 2 * GUARD + alignment))()
        ctypes.memset(memory, fill, ctypes.sizeof(memory))
        start = -(-(ctypes.addressof(memory) + GUARD) // alignment) * alignment - ctypes.addressof(memory)
        base = ctypes.addressof(memory) + start

        def call(symbol: str) -> None:
            function = getattr(self._library, symbol)
            function.argtypes = [ctypes.c_void_p]
            assert function(base) == 0

        network.drive(inputs, lambda offset, data: ctypes.memmove(base + offset, data, len(data)), call)
        return bytearray(memory)[start - GUARD : start + network.program.arena_bytes + GUARD]

    def selftest(self, network: Network) -> int:
        """What the known-answer test of a network returns."""
        size = network.program.arena_bytes + network.program.arena_alignment
        memory = (ctypes.c_uint8 * size)()
        base = -(-ctypes.addressof(memory) // network.program.arena_alignment) * network.program.arena_alignment
        function = getattr(self._library, network.selftest)
        function.argtypes = [ctypes.c_void_p]
        return int(function(base))

    def run(self, network: Network, inputs: dict[str, np.ndarray]) -> bytes:
        """The outputs of one inference."""
        return network.outputs(self.arena_after(network, inputs)[GUARD:-GUARD])


class Firmware:
    """Networks linked into one binary and run on an emulated core, all in one arena."""

    def __init__(self, platform: Platform, toolchain: str, core: str, networks: list[Network], folder: Path) -> None:
        profile = make_profile(core)
        sources = write_sources(networks, folder)
        symbols = [each.code.invoke for each in networks] + [
            each.code.feed.begin for each in networks if each.code.feed
        ]
        symbols += [each.selftest for each in networks]
        calls = " + ".join(f"{symbol}(arena)" for symbol in symbols)
        main = folder / "main.c"  # one translation unit: starting a compiler takes longer than compiling a network
        main.write_text(
            "".join(f'#include "{path.name}"\n' for path in sources)
            + f"TINYML_ALIGNED(16) uint8_t arena[{max(network.program.arena_bytes for network in networks)}];\n"
            + f"int main(void)\n{{\n    return {calls};\n}}\n"
        )
        compiler = platform.create(Toolchain, toolchain, {"warnings_as_errors": True})
        binary = folder / "networks.elf"
        compiler.build([main], binary, profile, region="sram", stack=8192)
        self._device = platform.create(Runner, "unicorn").load(binary, profile)
        self._arena = self._device.address("arena")

    def run(self, network: Network, inputs: dict[str, np.ndarray]) -> bytes:
        """The outputs of one inference."""
        self._call(network, inputs)
        return network.outputs(self._device.read(self._arena, network.program.arena_bytes))

    def selftest(self, network: Network) -> int:
        """What the known-answer test of a network returns."""
        return self._device.call(network.selftest, [self._arena])[0]

    def profile(self, network: Network, inputs: dict[str, np.ndarray]) -> Measurement:
        """The cost of one inference."""
        measurement = self._call(network, inputs, profile=True)
        assert measurement is not None
        return measurement

    def _call(self, network: Network, inputs: dict[str, np.ndarray], *, profile: bool = False) -> Measurement | None:
        self._device.write(self._arena, bytes([0xA5]) * network.program.arena_bytes)
        measurements = []

        def call(symbol: str) -> None:
            status, measurement = self._device.call(symbol, [self._arena], profile=profile)
            assert status == 0
            measurements.append(measurement)

        network.drive(inputs, lambda offset, data: self._device.write(self._arena + offset, data), call)
        return combined(measurements) if profile else None
