"""Networks planned, generated, compiled for the host and run there: what the tests of the code generator share."""

from __future__ import annotations

import ctypes
import runpy
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tinyml_core.api.generator import GeneratedCode
from tinyml_core.api.runner import Measurement, Runner
from tinyml_core.api.toolchain import Toolchain
from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.tensor import DType
from tinyml_core.hardware.profile import HardwareProfile, MemoryRegion
from tinyml_core.platform import Platform
from tinyml_core.program.planner import plan
from tinyml_core.program.program import Program
from tinyml_plugins.tinyengine.generator import TinyEngine

WARNINGS = (
    "-std=c99", "-Werror", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wvla", "-Wpedantic", "-Wcast-align",
    "-Wmissing-prototypes", "-Wcomment", "-Wtrigraphs", "-Wundef",
)  # fmt: skip
FEATURES = {"cortex-m0plus": (), "cortex-m4": ("dsp", "fpu-sp"), "cortex-m7": ("dsp", "fpu-sp"), "cortex-m33": ("dsp",)}
GUARD = 64


def make_profile(core: str = "cortex-m4") -> HardwareProfile:
    return HardwareProfile(
        name="test-board",
        title="Test board",
        vendor="none",
        core=core,
        features=frozenset(FEATURES[core]),
        clock_hz=100_000_000,
        regions=(
            MemoryRegion("flash", "flash", 0x0800_0000, 8 * 1024 * 1024),
            MemoryRegion("sram", "sram", 0x2000_0000, 1024 * 1024),
        ),
        sources={},
    )


@dataclass(frozen=True)
class Network:
    """A graph with its plan and its C."""

    graph: Graph
    program: Program
    code: GeneratedCode

    def inputs(self, seed: int = 0) -> dict[str, np.ndarray]:
        """Inputs over the whole range of their type."""
        rng = np.random.default_rng(seed)
        values = {}
        for name in self.graph.inputs:
            tensor = self.graph.tensors[name]
            if tensor.dtype is DType.BOOL:
                values[name] = rng.integers(0, 2, tensor.shape).astype(bool)
            elif tensor.dtype in (DType.INT32, DType.INT64):  # small ones are as frequent as large ones
                whole = rng.integers(*tensor.dtype.limits, tensor.shape, np.int64, endpoint=True)
                shifted = whole >> rng.integers(0, 8 * tensor.dtype.size, tensor.shape)
                values[name] = np.asarray(shifted, tensor.dtype.numpy)
            elif tensor.dtype.is_integer:
                low, high = tensor.dtype.limits
                values[name] = rng.integers(low, high + 1, tensor.shape).astype(tensor.dtype.numpy)
            else:
                values[name] = rng.normal(scale=4.0, size=tensor.shape).astype(tensor.dtype.numpy)
        return values

    def expected(self, inputs: dict[str, np.ndarray]) -> bytes:
        """What the reference computes: all outputs one after the other."""
        outputs = execute(self.graph, inputs)
        return b"".join(one_nan(outputs[name]).tobytes() for name in self.graph.outputs)

    def fill(self, arena: bytearray, inputs: dict[str, np.ndarray]) -> None:
        """Write the inputs into an arena."""
        for name, value in inputs.items():
            offset = self.program.buffer_of(name).offset
            arena[offset : offset + value.nbytes] = value.tobytes()

    def outputs(self, arena: bytes) -> bytes:
        """The outputs in an arena, one after the other."""
        found = b""
        for name in self.graph.outputs:
            buffer, dtype = self.program.buffer_of(name), self.graph.tensors[name].dtype.numpy
            found += one_nan(np.frombuffer(bytes(arena[buffer.offset : buffer.offset + buffer.size]), dtype)).tobytes()
        return found


def one_nan(values: np.ndarray) -> np.ndarray:
    """``values`` with the same bits for every NaN: its sign and payload are not defined."""
    return np.where(np.isnan(values), np.float32(np.nan), values) if values.dtype == np.float32 else values


def make_network(graph: Graph, prefix: str = "net", core: str = "cortex-m4", objective="latency", **options) -> Network:
    generator, profile = TinyEngine(**options), make_profile(core)
    program = plan(graph, profile, lambda node: generator.candidates(node, graph, profile), objective=objective)
    return Network(graph, program, generator.generate(program, prefix))


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
        arena = bytearray([fill]) * network.program.arena_bytes
        network.fill(arena, inputs)
        ctypes.memmove(ctypes.addressof(memory) + start, bytes(arena), len(arena))
        invoke = getattr(self._library, network.code.invoke)
        invoke.argtypes = [ctypes.c_void_p]
        assert invoke(ctypes.addressof(memory) + start) == 0
        return bytearray(memory)[start - GUARD : start + len(arena) + GUARD]

    def run(self, network: Network, inputs: dict[str, np.ndarray]) -> bytes:
        """The outputs of one inference."""
        return network.outputs(self.arena_after(network, inputs)[GUARD:-GUARD])


class Firmware:
    """Networks linked into one binary and run on an emulated core, all in one arena."""

    def __init__(self, platform: Platform, toolchain: str, core: str, networks: list[Network], folder: Path) -> None:
        profile = make_profile(core)
        sources = write_sources(networks, folder)
        calls = " + ".join(f"{network.code.invoke}(arena)" for network in networks)
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

    def profile(self, network: Network, inputs: dict[str, np.ndarray]) -> Measurement:
        """The cost of one inference."""
        measurement = self._call(network, inputs, profile=True)
        assert measurement is not None
        return measurement

    def _call(self, network: Network, inputs: dict[str, np.ndarray], *, profile: bool = False) -> Measurement | None:
        arena = bytearray([0xA5]) * network.program.arena_bytes
        network.fill(arena, inputs)
        self._device.write(self._arena, bytes(arena))
        status, measurement = self._device.call(network.code.invoke, [self._arena], profile=profile)
        assert status == 0
        return measurement


@pytest.fixture(scope="session")
def firmware():
    """Builder of :class:`Firmware`, which skips where a toolchain or the emulator is missing."""
    platform = Platform()
    pytest.importorskip("unicorn", reason="the emulator is an extra: pip install tinyml-core[sim]")

    def build(toolchain: str, core: str, networks: list[Network], folder: Path) -> Firmware:
        if (reason := platform.create(Toolchain, toolchain).missing()) is not None:
            pytest.skip(reason)
        return Firmware(platform, toolchain, core, networks, folder)

    return build


@pytest.fixture(scope="session")
def host_compiler() -> str:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler for the host on PATH")
    return compiler


@pytest.fixture
def host_library(host_compiler: str, tmp_path: Path):
    """Builder of :class:`HostLibrary`."""
    return lambda networks, *flags: HostLibrary(host_compiler, networks, tmp_path, *flags)


@pytest.fixture(name="make_network")
def make_network_fixture():
    """Builder of :class:`Network`."""
    return make_network


@pytest.fixture(name="make_profile")
def make_profile_fixture():
    """Builder of profiles by core."""
    return make_profile


@pytest.fixture(name="write_sources")
def write_sources_fixture():
    """Writer of the files of networks."""
    return write_sources


@pytest.fixture(scope="session")
def layer_graphs():
    """Single layers of awkward shapes, by rounding, from all the files that hold some."""
    paths = sorted(Path(__file__).parent.glob("*_graphs.py"))  # tests are no package, so none can be imported by name
    files = [path for path in paths if not path.name.startswith("test_")]
    return cache(lambda rounding: [g for path in files for g in runpy.run_path(str(path))["layers"](rounding)])


@pytest.fixture
def strict_flags() -> tuple[str, ...]:
    """Every warning that generated code has to be free of."""
    return WARNINGS
