"""Fine-tuners: training steps carried out on this machine, over many samples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tinyml_core.training.step import TrainingStep


@dataclass(frozen=True, eq=False)
class Lessons:
    """Samples to learn from, and samples to be asked about afterwards; all as the network takes them, in its type."""

    x: npt.NDArray[Any]
    """[n, ...]"""
    targets: npt.NDArray[np.float32]
    """[n, classes]"""
    held: npt.NDArray[Any]
    """[m, ...]"""


@dataclass(frozen=True, kw_only=True)
class FineTuningRecipe:
    """What is spent."""

    epochs: int
    """Times that every sample is seen."""
    batch_size: int
    """Samples to an update, which goes by their mean gradient."""
    rate: float
    """Learning rate of the first update; it falls to 0 along half a cosine."""


@runtime_checkable
class FineTuner(Protocol):
    """Lets a training step learn."""

    def logits(
        self, step: TrainingStep, loss: str, lessons: Lessons, recipe: FineTuningRecipe, seed: int,
        cache: Path | None = None,
    ) -> npt.NDArray[np.float32]:  # fmt: skip
        """The logits [m, classes] of ``lessons.held`` after learning; equal arguments give equal results.

        Args:
            step: built for one sample to a step.
            loss: that of the step.
            lessons: what is learnt, and what is asked.
            recipe: what is spent.
            seed: of the order of the samples and of stochastic rounding.
            cache: folder for what calls on the same samples share; none where absent.

        Raises:
            UnsupportedError: the step uses an operator that this tuner does not know.
        """
        ...
