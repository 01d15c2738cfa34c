"""Probes: short fine-tunings that tell what an update scheme is worth, as they travel to worker processes.

Everything in a probe can be pickled. Network and samples lie in a folder, which each process reads once; the answer is
``exp(-loss)`` on samples held back, from 0 to 1: for cross-entropy the geometric mean of the probabilities that the
right classes have. Accuracy on as many samples would tell schemes apart much less well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from tinyml_core.api.fine_tuner import FineTuner, FineTuningRecipe, Lessons
from tinyml_core.api.optimizer import TrainingOptimizer
from tinyml_core.api.update_selector import UpdateScheme
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.serialise import load, save
from tinyml_core.npz import read_npz, write_npz
from tinyml_core.training import FloatHead, build_step

if TYPE_CHECKING:
    from tinyml_core.platform import Platform

NETWORK_FILE, LESSONS_FILE, HELD_TARGETS = "network.tinyml", "lessons.npz", "held_targets"
Float = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class ProbeSetup:
    """What all probes of one analysis share; compares by ``token``, which is new for every analysis."""

    platform: Callable[[], Platform] = field(compare=False)
    """Makes the worker's platform: ``partial(Platform.from_settings, platform.settings)``."""
    folder: Path = field(compare=False)
    """Written by :func:`lay_out`; fine-tuners keep there what they share."""
    fine_tuner: str = field(compare=False)
    fine_tuner_options: Mapping[str, Any] = field(compare=False)
    optimizer: str = field(compare=False)
    optimizer_options: Mapping[str, Any] = field(compare=False)
    loss: str = field(compare=False)
    classes: int | None = field(compare=False)
    recipe: FineTuningRecipe = field(compare=False)
    seed: int = field(compare=False)
    token: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One fine-tuning."""

    setup: ProbeSetup
    scheme: UpdateScheme

    def __call__(self) -> float:
        """What it is worth."""
        setup, (platform, graph, lessons, held_targets) = self.setup, _prepared(self.setup)
        optimizer = platform.create(TrainingOptimizer, setup.optimizer, setup.optimizer_options)
        head = FloatHead(setup.classes, setup.seed) if setup.classes else None
        step = build_step(graph, self.scheme, optimizer, setup.loss, head)
        tuner = platform.create(FineTuner, setup.fine_tuner, setup.fine_tuner_options)
        found = tuner.logits(step, setup.loss, lessons, setup.recipe, setup.seed, setup.folder)
        return math.exp(-LOSSES[setup.loss](found.astype(np.float64), held_targets))


def lay_out(folder: Path, graph: Graph, lessons: Lessons, held_targets: Float) -> None:
    """Write what probes read; ``held_targets`` [m, classes] are those of ``lessons.held``."""
    save(graph, folder / NETWORK_FILE)
    arrays = {"x": lessons.x, "targets": lessons.targets, "held": lessons.held, HELD_TARGETS: held_targets}
    write_npz(folder / LESSONS_FILE, arrays)


@contextmanager
def shared_folder(journal: Path | None) -> Iterator[Path]:
    """A folder that probes share; beside a journal, so that what a killed analysis left there is used, and removed."""
    if journal is None:
        with TemporaryDirectory(prefix="tinyml-auto-") as folder:
            yield Path(folder)
        return
    shared = journal.with_name(f"{journal.name}.samples")
    shared.mkdir(exist_ok=True)
    try:
        yield shared
    finally:
        rmtree(shared)


@lru_cache(maxsize=1)
def _prepared(setup: ProbeSetup) -> tuple[Platform, Graph, Lessons, Float]:
    arrays = read_npz(setup.folder / LESSONS_FILE)
    lessons = Lessons(arrays["x"], arrays["targets"], arrays["held"])
    return setup.platform(), load(setup.folder / NETWORK_FILE), lessons, arrays[HELD_TARGETS]


def _cross_entropy(logits: npt.NDArray[np.float64], targets: Float) -> float:
    least = logits - logits.max(1, keepdims=True)
    return float(np.mean((targets * (np.log(np.exp(least).sum(1, keepdims=True)) - least)).sum(1)))


def _mean_squared_error(logits: npt.NDArray[np.float64], targets: Float) -> float:
    return float(np.mean(np.square(logits - targets)))


def _binary_cross_entropy(logits: npt.NDArray[np.float64], targets: Float) -> float:
    return float(np.mean(np.logaddexp(0, logits) - targets * logits))


LOSSES: Mapping[str, Callable[[npt.NDArray[np.float64], Float], float]] = {
    "cross-entropy": _cross_entropy,
    "mse": _mean_squared_error,
    "binary": _binary_cross_entropy,
}
"""Loss of :data:`tinyml_core.training.losses.LOSSES` -> its mean over samples, [n, classes]."""
