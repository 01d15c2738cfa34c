"""How far the gradients of a training step are from those of torch autograd, tensor by tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph.operators import SaturationMask
from tinyml_core.training.step import LOSS, RATE, SEED, TARGET, TrainingStep
from tinyml_plugins.training.twin.autograd import gradients_by_autograd

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class GradientErrors:
    """What :func:`gradient_errors` finds for one sample."""

    relative: Mapping[str, float]
    """Parameter -> the Euclidean norm of what differs by that of the gradient; 0 where both are 0 throughout."""
    loss: float
    """Of the step."""
    expected_loss: float
    """Of torch."""
    saturated: float
    """The share of int8 outputs, of those that gradients come back through, that lie at a limit."""

    @property
    def worst(self) -> str:
        """The parameter whose gradient is farthest off."""
        return max(self.relative, key=self.relative.__getitem__)


def gradient_errors(
    step: TrainingStep, sample: Array, target: npt.NDArray[np.float32], loss: str = "cross-entropy"
) -> GradientErrors:
    """Compare the gradients that ``step`` computes whole, at the first values of its variables.

    Args:
        step: one sample to a step.
        sample: int8, as the network takes it, batch axis included.
        target: float32 [classes].
        loss: the one that the step was built for.

    Raises:
        GraphError: torch, without rounding, does not compute what the reference executor rounded.
    """
    values = {step.evaluation.inputs[0]: sample} | {each.name: each.initial for each in step.variables}
    used = {name: values[name] for name in step.evaluation.inputs}
    expected_loss, expected = gradients_by_autograd(step.evaluation, used, target, loss)
    settings = {TARGET: target.reshape(1, -1), RATE: np.zeros(1, np.float32), SEED: np.zeros(1, np.int32)}
    masks = {node.outputs[0]: node.inputs[0] for node in step.graph.nodes if isinstance(node.op, SaturationMask)}
    found = execute(step.graph, values | settings, keep=[*step.gradients.values(), *masks])
    relative = {name: _distance(found[handle], expected[name]) for name, handle in step.gradients.items()}
    passing = sum(int(np.unpackbits(found[mask]).sum()) for mask in masks)
    outputs = sum(step.graph.tensors[name].elements for name in masks.values())
    return GradientErrors(relative, float(found[LOSS][0]), expected_loss, 1 - passing / max(1, outputs))


def _distance(found: Array, expected: Array) -> float:
    norm, distance = np.linalg.norm(expected), np.linalg.norm(found.astype(np.float64) - expected)
    if not norm:
        return 0.0 if distance == 0 else float("inf")
    return float(distance / norm)
