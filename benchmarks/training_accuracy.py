"""Accuracy: fine-tunings of mcunet_5fps for CIFAR-10 on the torch twin, with equal seeds for all ways of learning.

2000 training images, all 2000 test images, 128 pixels, 4 epochs, half a cosine of rates, no momentum, no augmentation.
Seeds draw the new head, the order of the images and the roundings. Accuracies are percent of the test images; the
standard error of a difference is that of the paired differences over the seeds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context

import numpy as np
import torch
from asked import Row
from training_samples import Samples, network, samples, step

from tinyml_core.api.update_selector import UpdateScheme, UpdateSelector
from tinyml_core.platform import Platform
from tinyml_plugins.training.twin.fitting import FineTuning, accuracy, fit
from tinyml_plugins.training.twin.twin import Storage, TrainingTwin

SCHEME = "mcunet_5fps-99kb"
WORKERS = 2


@dataclass(frozen=True)
class Way:
    """A way of learning."""

    subject: str
    scheme: str
    """A published scheme; empty where only the head learns."""
    optimizer: str
    storage: Storage
    tuning: FineTuning


BATCHES = FineTuning(batch_size=16, rate=0.025)
SINGLE = FineTuning(batch_size=1, rate=0.00078)
WAYS = {
    "head": Way("head only", "", "qas", "device", BATCHES),
    "naive": Way("naive int8, 99 kB", SCHEME, "sgd", "device", BATCHES),
    "float": Way("float32, 99 kB", SCHEME, "qas", "float", BATCHES),
    "latent": Way("QAS float latent, 99 kB", SCHEME, "qas", "latent", BATCHES),
    "device": Way("QAS true int8, 99 kB", SCHEME, "qas", "device", BATCHES),
    "single-latent": Way("QAS float latent, batch 1", SCHEME, "qas", "latent", SINGLE),
    "single-device": Way("QAS true int8, batch 1", SCHEME, "qas", "device", SINGLE),
}


@dataclass(frozen=True)
class Budget:
    """What is spent."""

    train: int
    test: int
    seeds: int


FULL = Budget(train=2000, test=2000, seeds=4)
QUICK = Budget(train=400, test=400, seeds=1)
Accuracies = Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]]
"""Way -> percent for every seed."""


def rows(platform: Platform, *, quick: bool) -> Iterator[Row]:
    """Figures for ``benchmarks/training.py``; a quick run has too few samples for anything to be asked of it."""
    found = measure(platform, QUICK if quick else FULL)
    for name, way in WAYS.items():
        asked = 71.0 if name == "device" and not quick else None
        values = found[name]
        note = f"seeds: {', '.join(f'{value:.2f}' for value in values)}"
        yield Row(way.subject, "% of the test images right", round(values.mean(), 2), at_least=asked, note=note)
    for name, other, most in (
        ("naive", "head", 0.5),
        ("latent", "device", 1.0),
        ("single-latent", "single-device", 3.0),
    ):
        differences = found[name] - found[other]
        difference = float(abs(differences.mean()) if name == "naive" else differences.mean())
        error = differences.std(ddof=1) / len(differences) ** 0.5 if len(differences) > 1 else float("nan")
        words = "points away from" if name == "naive" else "points below"
        lower = WAYS[name if name == "naive" else other]
        yield Row(
            lower.subject, f"{words} {WAYS[other if name == 'naive' else name].subject}", round(difference, 2),
            at_most=None if quick else most, note=f"standard error {error:.2f}",
        )  # fmt: skip


def measure(platform: Platform, budget: Budget) -> Accuracies:
    """Every way with every seed."""
    for scheme in dict.fromkeys(way.scheme for way in WAYS.values()):  # frozen parts are computed once, before the rest
        twin = TrainingTwin(step(platform, schemed(platform, scheme), "qas", 0))
        for part in split_samples(budget):
            part.features(twin.frozen)
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        futures = {
            (name, seed): pool.submit(run, way, budget, seed)
            for seed in range(budget.seeds)
            for name, way in WAYS.items()
        }
        for (name, seed), future in futures.items():
            print(f"{name}, seed {seed}: {future.result():.2f} %", file=sys.stderr, flush=True)
        return {name: np.array([futures[name, seed].result() for seed in range(budget.seeds)]) for name in WAYS}


def run(way: Way, budget: Budget, seed: int) -> float:
    """Percent of the test images that are right after one fine-tuning."""
    torch.set_num_threads(1)
    platform = Platform()
    twin = TrainingTwin(step(platform, schemed(platform, way.scheme), way.optimizer, seed), storage=way.storage)
    train, test = split_samples(budget)
    fit(twin, train.features(twin.frozen), train.targets, way.tuning, seed)
    return 100 * accuracy(twin, test.features(twin.frozen), test.y)


def schemed(platform: Platform, scheme: str) -> UpdateScheme:
    """A published scheme, or none but the head."""
    if not scheme:
        return UpdateScheme(())
    return platform.create(UpdateSelector, "sparse", {"scheme": scheme}).select(network())


@cache
def split_samples(budget: Budget) -> tuple[Samples, Samples]:
    """Training and test images."""
    return samples("train", budget.train), samples("test", budget.test)
