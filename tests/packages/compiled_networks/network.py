"""A graph with its plan and its C, its inputs and what the reference makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyml_core.api.generator import GeneratedCode
from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.tensor import DType
from tinyml_core.hardware.profile import HardwareProfile, MemoryRegion
from tinyml_core.program.planner import plan
from tinyml_core.program.program import Program
from tinyml_plugins.tinyengine.generator import TinyEngine

FEATURES = {"cortex-m0plus": (), "cortex-m4": ("dsp", "fpu-sp"), "cortex-m7": ("dsp", "fpu-sp"), "cortex-m33": ("dsp",)}


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

    @property
    def selftest(self) -> str:
        """The C function of the known-answer test."""
        return self.code.library[1].removesuffix(".c")

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

    def drive(
        self,
        inputs: dict[str, np.ndarray],
        write: Callable[[int, bytes], None],
        call: Callable[[str], None],
    ) -> None:
        """Carry out one inference: ``write`` puts bytes at an offset of the arena, ``call`` calls a C function."""
        if (feed := self.code.feed) is None:
            for name, value in inputs.items():
                write(self.program.buffer_of(name).offset, value.tobytes())
            call(self.code.invoke)
            return
        ((name, value),) = inputs.items()
        offset, data = self.program.buffer_of(name).offset, value.tobytes()
        call(feed.begin)
        for row in range(feed.rows):
            write(offset + row % feed.slots * feed.row_bytes, data[row * feed.row_bytes : (row + 1) * feed.row_bytes])
            call(self.code.invoke)

    def fill(self, arena: bytearray, inputs: dict[str, np.ndarray]) -> None:
        """Write the inputs of a network that takes them whole into an arena."""
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
