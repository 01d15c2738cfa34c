"""Cost models: what they tell of random networks beside what the whole binaries of these networks need.

The networks are drawn from every search space and were never used for calibration. Costs are told of the graph with
placeholder weights, as a search does; the binary has random weights quantised with random samples, and is emulated as
``tinyml run`` does.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from asked import Row

from tinyml_core.api.cost_model import Cost, CostModel
from tinyml_core.api.quantizer import Quantizer
from tinyml_core.api.search_space import SearchSpace
from tinyml_core.errors import CapacityError
from tinyml_core.graph import Graph
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.platform import Platform

TARGETS = ("stm32l4r5", "stm32h743")
"""A Cortex-M4 and a Cortex-M7 with much memory."""
MEAN_ERROR, WORST_ERROR = 0.05, 0.12
NETWORKS, QUICK = 50, 5
UNUSED = ("remove-constant-channels",)
"""Random weights leave channels that are always 0, which trained ones do not; the network shall be the one told of."""
SOURCES: tuple[tuple[str, Mapping[str, Any], tuple[int, ...]], ...] = (
    ("mcunet", {"widths": (0.3, 0.5)}, (48, 48, 3)),
    ("dscnn", {}, (49, 10, 1)),
    ("tiny", {}, (32, 32, 3)),
    ("resnet", {}, (32, 32, 3)),
    ("mcunet", {"widths": (0.5, 0.7), "block_widths": (0.5, 0.75, 1.0)}, (64, 64, 3)),
    ("mcunet", {"squeeze_excite": True}, (48, 48, 3)),
    ("dscnn", {}, (256, 6)),
    ("tiny", {}, (24, 24, 1)),
    ("mcunet", {"widths": (0.35,)}, (80, 80, 3)),
    ("resnet", {}, (28, 28, 1)),
)
"""Space, its options and the shape of a sample, in turn."""


@dataclass(frozen=True)
class Told:
    """What is told of a network, and what its binary needs."""

    network: str
    costs: Mapping[str, Cost]
    emulated: Mapping[str, float]

    def error(self, quantity: str) -> float:
        """The relative error."""
        return self.costs[quantity].value / self.emulated[quantity] - 1

    def inside(self, quantity: str) -> bool:
        """Whether the bounds hold."""
        return self.costs[quantity].low <= self.emulated[quantity] <= self.costs[quantity].high


class Bench:
    """Networks told and emulated on one target."""

    def __init__(self, target: str, platform: Platform) -> None:
        self.platform = platform
        self.profile: HardwareProfile = self.platform.target(target)
        self.models = [self.platform.create(CostModel, name) for name in ("analytic", "emulated-latency")]
        self.quantizer = self.platform.create(Quantizer, "ptq")

    def told(self, graph: Graph) -> dict[str, Cost]:
        """Costs of the graph with placeholder weights; the later model's where two tell one quantity."""
        integer = self.integer(graph)
        costs = [model.estimate(integer, self.profile, self.platform) for model in self.models]
        return {cost.quantity: cost for each in costs for cost in each}

    def integer(self, graph: Graph) -> Graph:
        """The integer graph that a search plans."""
        return self.quantizer.quantize(apply_passes(graph, self.platform, ()), None, 0)

    def emulated(self, graph: Graph, seed: int) -> dict[str, float]:
        """Costs of the binary of the graph with random weights."""
        rng = np.random.default_rng(seed)
        samples = {name: rng.normal(size=(2, *graph.tensors[name].shape[1:])) for name in graph.inputs}
        floats = {name: array.astype(np.float32) for name, array in samples.items()}
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out"
            options = CompileOptions(toolchain="zig", calibration=floats, without=UNUSED)
            self.platform.compile(trained(graph, rng), self.profile, out, options)
            report = self.platform.run(out).report()
        return {
            "instructions": report["instructions"], "cycles": report["cycles"]["core"],
            "sram_bytes": report["sram_bytes"]["total"], "flash_bytes": report["flash_bytes"]["total"],
        }  # fmt: skip


def trained(graph: Graph, rng: np.random.Generator) -> Graph:
    """``graph`` with random parameters instead of placeholders."""
    tensors = dict(graph.tensors)
    for name, tensor in tensors.items():
        if tensor.data is not None:
            fan = max(1, tensor.elements // tensor.shape[0]) if len(tensor.shape) > 1 else 50
            noise = rng.normal(scale=fan**-0.5, size=tensor.shape)
            data = np.abs(noise) + 0.5 if name.endswith(("gamma", "variance")) else noise
            tensors[name] = replace(tensor, data=data.astype(np.float32))
    return replace(graph, tensors=tensors)


def networks(platform: Platform, count: int) -> Iterator[tuple[str, Graph]]:
    """Random networks of all spaces, without end in ``count`` turns where some do not fit."""
    rng = np.random.default_rng(20260101)
    for number in range(count):
        name, options, shape = SOURCES[number % len(SOURCES)]
        space = platform.create(SearchSpace, name, options)
        yield f"{name} {number}", space.build(space.sample(rng), shape, 10)


def compare(bench: Bench, count: int) -> list[Told]:
    """The first ``count`` networks that fit the target."""
    found: list[Told] = []
    for number, (name, graph) in enumerate(networks(bench.platform, 4 * count)):
        try:
            emulated = bench.emulated(graph, number)
        except CapacityError:
            continue
        found.append(Told(name, bench.told(graph), emulated))
        _log(f"{bench.profile.name} {name}: cycles {found[-1].error('cycles'):+.1%} of {emulated['cycles']:,}")
        if len(found) == count:
            break
    return found


def rows(platform: Platform, *, quick: bool) -> Iterator[Row]:
    """All figures."""
    for target in TARGETS:
        bench = Bench(target, platform)
        yield from _errors(bench, compare(bench, QUICK if quick else NETWORKS))
        yield _speed(bench)


def _errors(bench: Bench, told: Sequence[Told]) -> Iterator[Row]:
    core = bench.profile.core
    for quantity in ("cycles", "instructions"):
        errors = [abs(each.error(quantity)) for each in told]
        worst = told[int(np.argmax(errors))].network
        subject = f"emulated-latency, {core}, {quantity}"
        for figure, value, asked in (
            ("mean absolute error", float(np.mean(errors)), MEAN_ERROR), ("worst error", max(errors), WORST_ERROR),
        ):  # fmt: skip
            note = f"{worst}" if figure == "worst error" else f"{len(told)} networks never used for calibration"
            yield Row(subject, figure, round(value, 4), at_most=asked, note=note)
    for quantity in ("cycles", "sram_bytes", "flash_bytes"):
        inside = sum(each.inside(quantity) for each in told)
        worst = max(told, key=lambda each: abs(each.error(quantity)))
        note = f"value off by at most {abs(worst.error(quantity)):.1%} ({worst.network})"
        yield Row(f"{quantity}, {core}", f"of {len(told)} networks within the interval", inside, note=note)


def _speed(bench: Bench) -> Row:
    graphs = [bench.integer(graph) for _, graph in networks(bench.platform, 20)]
    model = bench.models[1]
    for graph in graphs:
        model.estimate(graph, bench.profile, bench.platform)
    start = time.process_time()
    for graph in graphs:
        model.estimate(graph, bench.profile, bench.platform)
    rate = len(graphs) / (time.process_time() - start)
    return Row(f"emulated-latency, {bench.profile.core}", "predictions a second, layers seen before", round(rate))


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
