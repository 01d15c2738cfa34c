"""Checks of fine-tuners, on a training step of a small network."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.api.fine_tuner import FineTuner, FineTuningRecipe, Lessons
from tinyml_core.api.optimizer import TrainingOptimizer
from tinyml_core.api.update_selector import LayerUpdate, UpdateScheme
from tinyml_core.arithmetic.quantised import quantise_array
from tinyml_core.testing.conformance.check import Check, NotApplicable, require
from tinyml_core.testing.conformance.samples.data import CLASSES, bright_thirds
from tinyml_core.testing.conformance.samples.networks import classifier
from tinyml_core.testing.conformance.subject import Subject
from tinyml_core.training.step import build_step

_SCHEME = UpdateScheme((LayerUpdate("classes", True, None),))


def logits_answer_the_questions(subject: Subject) -> None:
    """There is a finite float32 logit for each class of each sample asked about."""
    logits = _logits(subject, epochs=1)
    require(logits.shape == (6, len(CLASSES)), f"for 6 samples of {len(CLASSES)} classes they are {logits.shape}")
    require(logits.dtype == np.float32 and bool(np.isfinite(logits).all()), f"they are {logits.dtype}, or not finite")


def learning_changes_the_answers(subject: Subject) -> None:
    """What it answers after learning is not what it answers after none."""
    none, some = (_logits(subject, epochs=2, rate=rate) for rate in (0.0, 0.5))
    require(not np.array_equal(none, some), "a rate of 0.5 and one of 0 give the same logits")


def equal_arguments_give_equal_logits(subject: Subject) -> None:
    """Equal steps, lessons, recipes and seeds give equal logits, bit for bit."""
    first, second = (_logits(subject, epochs=1) for _ in range(2))
    require(first.tobytes() == second.tobytes(), "two calls differ")


def _logits(subject: Subject, *, epochs: int, rate: float = 0.1) -> npt.NDArray[np.float32]:
    names = subject.platform.names(TrainingOptimizer)
    if not names:
        raise NotApplicable("no training optimizer is installed")
    optimizer = subject.platform.create(TrainingOptimizer, "qas" if "qas" in names else names[0])
    graph, data = classifier(), bright_thirds(12, 3, 6)
    source = graph.tensors[graph.inputs[0]]

    def taken(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return quantise_array(x, source)

    targets = np.eye(len(CLASSES), dtype=np.float32)[data.train.y]
    lessons = Lessons(taken(data.train.x), targets, taken(data.test.x))
    recipe = FineTuningRecipe(epochs=epochs, batch_size=4, rate=rate)
    step = build_step(graph, _SCHEME, optimizer)
    return subject.make(FineTuner).logits(step, "cross-entropy", lessons, recipe, 5)


CHECKS = (
    Check(logits_answer_the_questions, slow=True),
    Check(learning_changes_the_answers, slow=True),
    Check(equal_arguments_give_equal_logits, slow=True),
)
"""Those of a fine-tuner."""
