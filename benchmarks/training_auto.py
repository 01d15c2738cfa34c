"""Automatic schemes: chosen on CIFAR-10's classes 0 to 4, judged on its classes 5 to 9 beside a published scheme.

The selector ``auto`` measures contributions by fine-tunings of one epoch and chooses what fits an SRAM budget, which
the planner counts for the very step that would be generated. Both schemes are judged by fine-tunings of four epochs
with equal seeds.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from asked import Row
from training_samples import Samples, network, samples

from tinyml_core.api.dataset import Dataset, Split
from tinyml_core.api.optimizer import TrainingOptimizer
from tinyml_core.api.update_selector import LearningTask, UpdateScheme, UpdateSelector
from tinyml_core.graph.graph import Graph
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.pipeline.step_budget import PlannedSteps
from tinyml_core.platform import Platform
from tinyml_core.training.dividing import WIDEST
from tinyml_core.training.head import FloatHead
from tinyml_core.training.step import TrainingStep, build_step
from tinyml_plugins.learning.extra_memory import extra_memory
from tinyml_plugins.training.twin.fitting import FineTuning, accuracy, fit
from tinyml_plugins.training.twin.twin import TrainingTwin

TARGET = "stm32f746"
SRAM = 136_000
PUBLISHED = "mcunet_5fps-49kb"
CLASSES = 5
WORKERS = 2
JUDGE = FineTuning(epochs=4, batch_size=16, rate=0.025)


@dataclass(frozen=True)
class Budget:
    """What is spent."""

    images: int
    """In each part."""
    seeds: int
    layers: int
    """Of the last layers, those that are tried out."""


FULL = Budget(images=1000, seeds=4, layers=22)
QUICK = Budget(images=200, seeds=1, layers=4)


def rows(platform: Platform, *, quick: bool) -> Iterator[Row]:
    """Figures for ``benchmarks/training.py``; a quick run has too few samples for anything to be asked of accuracy."""
    budget, graph, subject = QUICK if quick else FULL, _network(), "auto, classes 5-9"
    sram = PlannedSteps(
        lambda scheme: _step(scheme, widest=WIDEST), f"gradients in parts of {WIDEST} bytes", platform.target(TARGET),
        CompileOptions(objective="sram", sram=SRAM), platform,
    )  # fmt: skip
    options: dict[str, Any] = {"last_layers": budget.layers, "fractions": [0.25, 1.0], "workers": WORKERS}
    task = LearningTask(
        data=_choosing(budget), sram=sram, classes=CLASSES, platform=platform,
        hear=lambda steps, note: print(note, file=sys.stderr, flush=True),
    )  # fmt: skip
    schemes = {
        PUBLISHED: platform.create(UpdateSelector, "sparse", {"scheme": PUBLISHED}).select(graph),
        "auto": platform.create(UpdateSelector, "auto", options).select(graph, task),
    }
    for name, scheme in schemes.items():
        plan, extra = sram.planned(scheme), extra_memory(graph, scheme).bytes
        yield Row(
            subject, f"bytes of SRAM as planned, {name}", plan.bytes or math.inf, at_most=SRAM,
            note=f"stack reserve included; bound by {plan.binding}; extra memory {extra:,}; {_told(scheme)}",
        )  # fmt: skip
    tasks = [(scheme, seed) for scheme in schemes.values() for seed in range(budget.seeds)]
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        judged = np.array(list(pool.map(judge, *zip(*tasks, strict=True), [budget] * len(tasks)))).reshape(2, -1)
    for name, values in zip(schemes, judged, strict=True):
        asked = round(float(judged[0].mean()), 2) if name == "auto" and not quick else None
        note = f"seeds: {', '.join(f'{value:.2f}' for value in values)}"
        yield Row(subject, f"% right, {name}", round(float(values.mean()), 2), at_least=asked, note=note)


def judge(scheme: UpdateScheme, seed: int, budget: Budget) -> float:
    """Percent of the test images that are right after fine-tuning on the classes that judge."""
    torch.set_num_threads(1)
    twin = TrainingTwin(_step(scheme, seed))
    train, test = (_some(part, judging=True, first=0, count=budget.images) for part in ("train", "test"))
    fit(twin, train.features(twin.frozen), train.targets, JUDGE, seed)
    return 100 * accuracy(twin, test.features(twin.frozen), test.y)


@cache
def _network() -> Graph:
    """As it would be compiled."""
    return apply_passes(network(), Platform())


def _step(scheme: UpdateScheme, seed: int = 0, widest: int | None = None) -> TrainingStep:
    rule = Platform().create(TrainingOptimizer, "qas")
    return build_step(_network(), scheme, rule, head=FloatHead(CLASSES, seed), widest=widest)


def _choosing(budget: Budget) -> Dataset:
    """Images of the classes that choose; there is no test split."""
    tensor = _network().tensors[_network().inputs[0]]

    def split(first: int, count: int) -> Split:
        some = _some("train", judging=False, first=first, count=count)
        return Split(((some.x.astype(np.float32) - tensor.zero_point) * tensor.scale).astype(np.float32), some.y)

    names = tuple(f"class {number}" for number in range(CLASSES))
    return Dataset("cifar-10", names, split(0, budget.images), split(budget.images, budget.images), split(0, 0))


@cache
def _some(part: str, *, judging: bool, first: int, count: int) -> Samples:
    whole = samples(part, 2000 if part == "test" else 4500)
    chosen = np.flatnonzero((whole.y >= CLASSES) == judging)[first : first + count]
    return Samples(whole.x[chosen], whole.y[chosen] % CLASSES)


def _told(scheme: UpdateScheme) -> str:
    """What learns, in short."""
    biases = sum(update.bias for update in scheme.layers)
    weights = (
        f"{update.node} {'all' if update.channels is None else len(update.channels)}"
        for update in scheme.layers
        if update.channels != ()
    )
    return f"{biases} biases; channels of {', '.join(weights)}"
