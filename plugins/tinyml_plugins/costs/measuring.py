"""Measuring: many single layers in one binary, because starting a compiler takes longer than compiling a layer."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from tinyml_core.api.generator import CodeGenerator, GeneratedCode
from tinyml_core.api.runner import Device, Measurement, Runner, combined
from tinyml_core.api.toolchain import Toolchain
from tinyml_core.errors import DeviceFault, UnsupportedError
from tinyml_core.graph.graph import Graph, Rounding
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.planner import plan
from tinyml_core.program.program import Program
from tinyml_plugins.costs.layer import Layer
from tinyml_plugins.costs.samples import draw_layer

STACK = 8192
"""Bytes of stack on the emulated core."""


class Sample(BaseModel):
    """A layer to be measured, or that was."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    seed: int
    rounding: Rounding
    rows: bool

    def graph(self) -> Graph:
        """The layer."""
        return draw_layer(self.kind, self.seed, self.rounding)

    def layer(self, kernel: str) -> Layer:
        """What its cost depends on, where ``kernel`` carries it out."""
        graph = self.graph()
        return Layer.of(graph.nodes[0], graph, kernel, rows=self.rows)


class Measured(BaseModel):
    """What a layer cost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kernel: str
    instructions: int
    cycles: int
    timing: str
    stack_bytes: int


@dataclass(frozen=True)
class Bench:
    """What layers are generated, compiled and run with."""

    generator: CodeGenerator
    toolchain: Toolchain
    runner: Runner
    profile: HardwareProfile

    def measure(self, samples: Sequence[Sample]) -> tuple[list[Measured | None], str]:
        """The cost of each layer, None where the generator does not know it in this form; and the compiler's name.

        Raises:
            ToolchainError: the compiler is not usable.
            DeviceFault: a layer faulted.
        """
        written = [self._written(sample, f"layer{number}") for number, sample in enumerate(samples)]
        known = [each for each in written if each is not None]
        with tempfile.TemporaryDirectory() as folder:
            binary = Path(folder) / "layers.elf"
            main = self._sources([code for _, code in known], max((each.arena_bytes for each, _ in known), default=1))
            for name, text in main.items():
                (Path(folder) / name).write_text(text, encoding="ascii")
            built = self.toolchain.build([Path(folder) / "main.c"], binary, self.profile, region="sram", stack=STACK)
            device = self.runner.load(binary, self.profile)
        return [None if each is None else _measured(device, *each) for each in written], built.compiler

    def _written(self, sample: Sample, prefix: str) -> tuple[Program, GeneratedCode] | None:
        graph = sample.graph()
        try:
            program = plan(
                graph, self.profile, lambda node: self.generator.candidates(node, graph, self.profile),
                input_mode="rows" if sample.rows else "resident",
            )  # fmt: skip
        except UnsupportedError:
            return None
        return program, self.generator.generate(program, prefix)

    @staticmethod
    def _sources(codes: Sequence[GeneratedCode], arena: int) -> dict[str, str]:
        """All layers in one translation unit, as those of a network are, so that they share their functions."""
        files = {name: text for code in codes for name, text in code.files.items()}
        symbols = [code.invoke for code in codes] + [code.feed.begin for code in codes if code.feed]
        calls = " + ".join(f"{symbol}(arena)" for symbol in symbols) or "0"
        included = "".join(f'#include "{code.library[0]}"\n' for code in codes)
        body = (
            f"__attribute__((aligned(16))) unsigned char arena[{arena}];\nint main(void)\n{{\n    return {calls};\n}}\n"
        )
        return files | {"main.c": included + body}


def _measured(device: Device, program: Program, code: GeneratedCode) -> Measured:
    arena = device.address("arena")
    device.write(arena, np.random.default_rng(0).bytes(program.arena_bytes))
    found: list[Measurement] = []

    def call(symbol: str) -> None:
        status, measurement = device.call(symbol, [arena], profile=True)
        if status or measurement is None:
            raise DeviceFault(f"{symbol} ended with status {status}", place=program.steps[0].node.op.kind)
        found.append(measurement)

    if code.feed is None:
        call(code.invoke)
    else:
        call(code.feed.begin)
        for _ in range(code.feed.rows):
            call(code.invoke)
    cost = combined(found)
    return Measured(
        kernel=program.steps[0].schedule.kernel, instructions=cost.instructions, cycles=cost.cycles.core,
        timing=cost.cycles.model, stack_bytes=cost.stack_bytes,
    )  # fmt: skip
