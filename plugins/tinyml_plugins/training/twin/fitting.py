"""Fitting: a fine-tuning of the twin over several epochs, and what it then classifies rightly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tinyml_plugins.training.twin.twin import TrainingTwin

Array = npt.NDArray[Any]
AT_ONCE = 100
"""Samples that are classified together."""


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """What is spent on a fine-tuning."""

    epochs: int = 4
    """Times that every sample is seen."""
    batch_size: int = 16
    """Samples to an update; what is left of an epoch and fills no batch is left out."""
    rate: float = 0.025
    """Learning rate, the greatest one."""
    decay: Literal["cosine", "none"] = "cosine"
    """How the rate falls: to 0 along half a cosine, or not at all."""

    def rate_at(self, step: int, steps: int) -> float:
        """The rate of step ``step`` of ``steps``."""
        if self.decay == "none":
            return self.rate
        return self.rate * 0.5 * (1 + math.cos(math.pi * step / steps))


def fit(twin: TrainingTwin, features: Mapping[str, Array], targets: Array, tuning: FineTuning, seed: int) -> None:
    """Train ``twin`` on all samples, in an order drawn by ``seed`` for every epoch.

    Args:
        twin: what learns.
        features: of the samples, [n, ...].
        targets: float32 [n, classes].
        tuning: what is spent.
        seed: of the order; the number of an update is what its random numbers are made from, plus 2^20 times this.
    """
    rng, count = np.random.default_rng(seed), len(targets)
    batches = count // tuning.batch_size
    steps = tuning.epochs * batches
    for epoch in range(tuning.epochs):
        order = rng.permutation(count)[: batches * tuning.batch_size].reshape(batches, -1)
        for batch, chosen in enumerate(order):
            step = epoch * batches + batch
            some = {name: values[chosen] for name, values in features.items()}
            twin.train(some, targets[chosen], tuning.rate_at(step, steps), (seed << 20) + step)


def accuracy(twin: TrainingTwin, features: Mapping[str, Array], labels: Array) -> float:
    """Share of the samples, 0 to 1, whose greatest logit is that of ``labels`` [n]."""
    return float(np.mean(logits(twin, features).argmax(1) == labels))


def logits(twin: TrainingTwin, features: Mapping[str, Array]) -> npt.NDArray[np.float32]:
    """Of all samples, [n, classes], some at a time."""
    count = len(next(iter(features.values())))
    parts = (slice(first, first + AT_ONCE) for first in range(0, count, AT_ONCE))
    return np.concatenate([twin.predict({name: v[part] for name, v in features.items()}) for part in parts])
