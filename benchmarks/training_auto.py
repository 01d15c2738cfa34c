"""Automatic schemes: chosen on CIFAR-10's classes 0 to 4, judged on its classes 5 to 9 beside a published scheme.

Contributions are measured by fine-tunings of one epoch: minus the loss on images held back, the same seed for all. The
evolution then spends the extra memory of the published scheme, as its authors count it, in another way. Both are judged
by fine-tunings of four epochs with equal seeds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from typing import Literal

import numpy as np
import torch
from asked import Row
from training_samples import Samples, network, samples, step

from tinyml_core.api.update_selector import UpdateScheme, UpdateSelector
from tinyml_core.platform import Platform
from tinyml_plugins.learning.contribution import Choice, Contributions, Evolution, probes
from tinyml_plugins.learning.extra_memory import extra_memory
from tinyml_plugins.training.twin.fitting import FineTuning, accuracy, fit, logits
from tinyml_plugins.training.twin.twin import TrainingTwin

PUBLISHED = "mcunet_5fps-49kb"
CLASSES = 5
BIAS_LAYERS = (0, 8, 15, 22)
FRACTIONS = (0.25, 1.0)
WORKERS = 2
PROBE = FineTuning(epochs=1, batch_size=16, rate=0.025)
JUDGE = FineTuning(epochs=4, batch_size=16, rate=0.025)
Part = Literal["learn", "hold", "train", "test"]


@dataclass(frozen=True)
class Budget:
    """What is spent."""

    images: int
    """In each part."""
    seeds: int
    layers: tuple[int, ...]
    """Layers that are probed."""


FULL = Budget(images=1000, seeds=4, layers=tuple(range(20, 42)))
QUICK = Budget(images=200, seeds=1, layers=(24, 39))


def rows(platform: Platform, *, quick: bool) -> Iterator[Row]:
    """Figures for ``benchmarks/training.py``; a quick run has too few samples for anything to be asked of it."""
    budget = QUICK if quick else FULL
    published = platform.create(UpdateSelector, "sparse", {"scheme": PUBLISHED}).select(network())
    allowed = extra_memory(network(), published).bytes
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        wanted = probes(BIAS_LAYERS, budget.layers, FRACTIONS)
        found = Contributions(dict(zip(wanted, pool.map(probed, wanted, [budget] * len(wanted)), strict=True)))
        chosen = Evolution().best(found, lambda choice: memory(platform, choice), allowed, 0)
        print(f"chosen: {chosen}", file=sys.stderr, flush=True)
        scheme = scheme_of(platform, chosen)
        tasks = [(each, seed) for each in (published, scheme) for seed in range(budget.seeds)]
        judged = np.array(list(pool.map(judge, *zip(*tasks, strict=True), [budget] * len(tasks)))).reshape(2, -1)
    subject = "auto, classes 5-9"
    yield Row(
        subject, "bytes of extra memory", memory(platform, chosen), at_most=allowed, note=f"budget: {PUBLISHED}'s"
    )
    for name, values in zip((PUBLISHED, "auto"), judged, strict=True):
        asked = round(float(judged[0].mean()), 2) if name == "auto" and not quick else None
        note = f"seeds: {', '.join(f'{value:.2f}' for value in values)}"
        yield Row(subject, f"% right, {name}", round(float(values.mean()), 2), at_least=asked, note=note)


def scheme_of(platform: Platform, choice: Choice) -> UpdateScheme:
    """What a choice lets learn."""
    return platform.create(UpdateSelector, "sparse", choice.options).select(network())


def memory(platform: Platform, choice: Choice) -> int:
    """Bytes of extra memory."""
    return extra_memory(network(), scheme_of(platform, choice)).bytes


def probed(choice: Choice, budget: Budget) -> float:
    """Minus the loss on images held back."""
    twin = tuned(scheme_of(Platform(), choice), "learn", PROBE, 0, budget)
    held = part("hold", budget)
    found = torch.from_numpy(logits(twin, held.features(twin.frozen)))
    return -float(torch.nn.functional.cross_entropy(found, torch.from_numpy(held.y)))


def judge(scheme: UpdateScheme, seed: int, budget: Budget) -> float:
    """Percent of the test images that are right."""
    twin = tuned(scheme, "train", JUDGE, seed, budget)
    test = part("test", budget)
    return 100 * accuracy(twin, test.features(twin.frozen), test.y)


def tuned(scheme: UpdateScheme, name: Part, tuning: FineTuning, seed: int, budget: Budget) -> TrainingTwin:
    """The network fine-tuned on a part."""
    torch.set_num_threads(1)
    twin = TrainingTwin(step(Platform(), scheme, "qas", seed, CLASSES))
    some = part(name, budget)
    fit(twin, some.features(twin.frozen), some.targets, tuning, seed)
    return twin


@cache
def part(name: Part, budget: Budget) -> Samples:
    """Images of the classes that choose (``learn``, ``hold``) or judge (``train``, ``test``)."""
    judging = name in ("train", "test")
    whole = samples("test" if name == "test" else "train", 2000 if name == "test" else 4500)
    mine = np.flatnonzero((whole.y >= CLASSES) == judging)
    first = budget.images if name == "hold" else 0
    chosen = mine[first : first + budget.images]
    return Samples(whole.x[chosen], whole.y[chosen] % CLASSES)
