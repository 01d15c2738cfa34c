"""Fine-tuning on the torch twin: many samples at once, what is frozen computed once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyml_core.api.fine_tuner import FineTuningRecipe, Lessons
from tinyml_core.training.step import TrainingStep
from tinyml_plugins.training.loop import one_thread
from tinyml_plugins.training.twin.fitting import FineTuning, fit, logits
from tinyml_plugins.training.twin.frozen import features
from tinyml_plugins.training.twin.twin import TrainingTwin


@dataclass(frozen=True, kw_only=True)
class TwinFineTuner:
    """Batches on the torch twin, whose integers are the device's."""

    def logits(
        self, step: TrainingStep, loss: str, lessons: Lessons, recipe: FineTuningRecipe, seed: int,
        cache: Path | None = None,
    ) -> npt.NDArray[np.float32]:  # fmt: skip
        """See :class:`~tinyml_core.api.fine_tuner.FineTuner`; samples that fill no batch are left out of an epoch."""
        batch_size = min(recipe.batch_size, len(lessons.x))
        tuning = FineTuning(epochs=recipe.epochs, batch_size=batch_size, rate=recipe.rate)
        with one_thread():
            twin = TrainingTwin(step, loss=loss)
            fit(twin, features(twin.frozen, lessons.x, cache), lessons.targets, tuning, seed)
            return logits(twin, features(twin.frozen, lessons.held, cache))
