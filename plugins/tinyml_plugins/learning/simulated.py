"""Fine-tuning on the reference executor: any operator, to the bit what the device does, one sample after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyml_core.api.fine_tuner import FineTuningRecipe, Lessons
from tinyml_core.training import Simulation, TrainingStep


@dataclass(frozen=True, kw_only=True)
class SimulatedFineTuner:
    """Each sample is an update of its own, at its share of the rate that a batch would have."""

    def logits(
        self, step: TrainingStep, loss: str, lessons: Lessons, recipe: FineTuningRecipe, seed: int,
        cache: Path | None = None,
    ) -> npt.NDArray[np.float32]:  # fmt: skip
        """See :class:`~tinyml_core.api.fine_tuner.FineTuner`."""
        simulation, rng, count = Simulation(step), np.random.default_rng(seed), len(lessons.x)
        updates = recipe.epochs * count
        for epoch in range(recipe.epochs):
            for place, sample in enumerate(rng.permutation(count)):
                number = epoch * count + place
                rate = recipe.rate / recipe.batch_size * 0.5 * (1 + math.cos(math.pi * number / updates))
                simulation.train(lessons.x[sample][None], lessons.targets[sample], rate, (seed << 20) + number)
        return np.concatenate([simulation.predict(sample[None]) for sample in lessons.held])
