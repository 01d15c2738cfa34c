"""Tuning: every way to carry out each layer of a network, measured on the emulated core.

Layers that cost the same, such as repeated blocks, are measured once. Each way is a network of one layer; several of
them share a binary, because starting a compiler takes longer than compiling a layer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyml_core.api.generator import CodeGenerator, GeneratedCode
from tinyml_core.api.runner import Device, Measurement, Runner
from tinyml_core.api.toolchain import Toolchain
from tinyml_core.errors import CapacityError, DeviceFault, UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.stages import Stages
from tinyml_core.pipeline.tuning_cache import Entry, TuningCache, layer_key
from tinyml_core.program.planner import Candidates, plan
from tinyml_core.program.program import Program
from tinyml_core.program.schedule import Schedule

if TYPE_CHECKING:
    from tinyml_core.platform import Platform

PER_BINARY = 12
"""Layers linked together."""
STACK = 8192
_FLASH = 1 << 24
"""Bytes of flash that measured binaries may have, whatever the part has."""


@dataclass(frozen=True)
class Variant:
    """One way to carry out a layer, and what it measured; None where it cannot run alone."""

    schedule: Schedule
    entry: Entry | None


@dataclass(frozen=True)
class TunedLayer:
    """A layer with all its variants; ``repeats`` counts the layers of the network that it stands for."""

    name: str
    operator: str
    repeats: int
    variants: tuple[Variant, ...]

    @property
    def estimated(self) -> Schedule:
        """The fastest whole-layer schedule by estimate."""
        return min(self._whole, key=lambda variant: variant.schedule.cycles).schedule

    @property
    def measured(self) -> Schedule | None:
        """The fastest whole-layer schedule by measurement; None where one was not measured."""
        whole = [(variant.entry.cycles, variant.schedule) for variant in self._whole if variant.entry]
        return min(whole, key=lambda pair: pair[0])[1] if len(whole) == len(self._whole) else None

    @property
    def _whole(self) -> list[Variant]:
        return [variant for variant in self.variants if not variant.schedule.rows] or list(self.variants)


@dataclass(frozen=True)
class Tuning:
    """What was measured, and how much of it was known before."""

    network: str
    target: str
    layers: tuple[TunedLayer, ...]
    measured: int
    known: int
    cache: Path

    def report(self) -> dict[str, Any]:
        """The stable object that ``--json`` prints."""
        return {
            "network": self.network, "target": self.target, "measured": self.measured, "known": self.known,
            "cache": str(self.cache),
            "layers": [
                {
                    "name": layer.name, "operator": layer.operator, "repeats": layer.repeats,
                    "estimated": layer.estimated.kernel,
                    "fastest": layer.measured.kernel if layer.measured else None,
                    "variants": [
                        {
                            "kernel": variant.schedule.kernel, "rows": variant.schedule.rows,
                            "estimated_cycles": variant.schedule.cycles,
                            "instructions": variant.entry.instructions if variant.entry else None,
                            "cycles": variant.entry.cycles if variant.entry else None,
                        }
                        for variant in layer.variants
                    ],
                }
                for layer in self.layers
            ],
        }  # fmt: skip


@dataclass(frozen=True)
class _Job:
    key: str
    schedule: Schedule
    graph: Graph
    program: Program


def tune_graph(
    graph: Graph,
    profile: HardwareProfile,
    generator: CodeGenerator,
    toolchain: tuple[str, Toolchain],
    platform: Platform,
    stages: Stages,
    *,
    runner: str = "unicorn",
) -> Tuning:
    """Measure what the cache does not know of the layers of ``graph``, to which all passes have been applied.

    Raises:
        ToolchainError: the compiler refuses, or the emulator is not installed.
        UnsupportedError: the generator cannot carry out an operator.
        InputError: the cache cannot be read or written.
    """
    cache = TuningCache.read(generator)
    offered: dict[str, tuple[Node, list[Schedule], int]] = {}
    for node in graph.nodes:
        key = layer_key(node, graph, profile)
        schedules = [each for each in generator.candidates(node, graph, profile) if not each.alias]
        if schedules:
            first, _, repeats = offered.get(key, (node, schedules, 0))
            offered[key] = (first, schedules, repeats + 1)
    board = _roomy(profile)
    jobs = [
        job
        for key, (node, schedules, _) in offered.items()
        for schedule in schedules
        if cache.of(key, schedule) is None and (job := _job(key, node, schedule, graph, board)) is not None
    ]
    known = sum(cache.of(key, schedule) is not None for key, (_, all_, _) in offered.items() for schedule in all_)
    with stages.stage("tune", len(jobs)) as stage:
        for batch in _batches(jobs):
            costs = _measure(batch, board, generator, toolchain[1], platform, runner)
            for job, cost in zip(batch, costs, strict=True):
                cache.add(
                    Entry(
                        version=cache.version, layer=job.key, kernel=job.schedule.kernel, rows=job.schedule.rows,
                        instructions=cost.instructions, cycles=cost.cycles.core, toolchain=toolchain[0],
                    )
                )  # fmt: skip
            stage.advance(len(batch), batch[-1].graph.name)
        stage.result = f"{len(jobs)} measured, {known} known before"
    layers = tuple(
        TunedLayer(
            node.name, node.op.kind, repeats, tuple(Variant(each, cache.of(key, each)) for each in schedules)
        )
        for key, (node, schedules, repeats) in offered.items()
    )  # fmt: skip
    return Tuning(graph.name, profile.name, layers, len(jobs), known, cache.path)


def tuned_candidates(
    graph: Graph, profile: HardwareProfile, generator: CodeGenerator, cache: TuningCache
) -> Candidates:
    """The generator's candidates with measured cycles in place of estimated ones, where all of a node's are known."""

    def candidates(node: Node) -> Sequence[Schedule]:
        schedules = list(generator.candidates(node, graph, profile))
        measured = cache.cycles(layer_key(node, graph, profile), schedules)
        return [replace(each, cycles=measured.get(i, each.cycles)) for i, each in enumerate(schedules)]

    return candidates


def _batches(jobs: Sequence[_Job]) -> Iterator[Sequence[_Job]]:
    for first in range(0, len(jobs), PER_BINARY):
        yield jobs[first : first + PER_BINARY]


def _roomy(profile: HardwareProfile) -> HardwareProfile:
    """The profile with flash for many layers: counts do not depend on how much there is."""
    flash = profile.largest("flash")
    regions = [replace(flash, size=_FLASH), *(each for each in profile.regions if each.kind == "sram")]
    return replace(profile, regions=tuple(regions))


def _job(key: str, node: Node, schedule: Schedule, graph: Graph, profile: HardwareProfile) -> _Job | None:
    """The layer as a network; None where it does not fit the part, or the schedule does not run alone."""
    names = dict.fromkeys((*node.inputs, *node.outputs))
    variable = tuple(name for name in dict.fromkeys(node.inputs) if graph.tensors[name].data is None)
    tensors = {name: graph.tensors[name] for name in names}
    alone = Graph(node.name, tensors, (node,), variable, node.outputs, graph.rounding)
    try:
        program = plan(alone, profile, lambda _: [schedule], budget=profile.largest("sram").size - STACK)
    except (CapacityError, UnsupportedError):
        return None
    return _Job(key, schedule, alone, program)


def _measure(
    jobs: Sequence[_Job], profile: HardwareProfile, generator: CodeGenerator, toolchain: Toolchain,
    platform: Platform, runner: str,
) -> list[Measurement]:  # fmt: skip
    codes = [generator.generate(job.program, f"layer{number}") for number, job in enumerate(jobs)]
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        for code in codes:
            for name, text in code.files.items():
                (folder / name).write_text(text, encoding="utf-8")
        source = folder / "layers.c"
        source.write_text(_main(codes, max(job.program.arena_bytes for job in jobs)), encoding="utf-8")
        region = profile.largest("sram").name
        binary = toolchain.build([source], folder / "layers.elf", profile, region=region, stack=STACK)
        device = platform.create(Runner, runner).load(binary.path, profile)
        return [_run(device, job, code) for job, code in zip(jobs, codes, strict=True)]


def _main(codes: Sequence[GeneratedCode], arena: int) -> str:
    """One translation unit with all layers, an arena for one at a time, and calls that keep them from being dropped."""
    included = "".join(f'#include "{code.library[0]}"\n' for code in codes)
    calls = " + ".join(f"{code.invoke}(tuning_arena)" for code in codes)
    memory = f"__attribute__((aligned(16))) uint8_t tuning_arena[{arena}];\n"
    return f"#include <stdint.h>\n{included}\n{memory}\nint main(void)\n{{\n    return {calls};\n}}\n"


def _run(device: Device, job: _Job, code: GeneratedCode) -> Measurement:
    arena, rng = device.address("tuning_arena"), np.random.default_rng(0)
    for name in job.graph.inputs:
        tensor = job.graph.tensors[name]
        size = tensor.dtype.size
        values = rng.integers(-64, 64, tensor.elements).astype(tensor.dtype.numpy)
        device.write(arena + job.program.buffer_of(name).offset, values.tobytes()[: tensor.elements * size])
    status, measured = device.call(code.invoke, [arena], profile=True)
    if status != 0 or measured is None:
        raise DeviceFault(f"{code.invoke} returned {status}", place=job.graph.name)
    return measured
