"""Simulation: training on the host, bit for bit what the device does, since both execute the same graphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.graph.graph import Graph
from tinyml_core.training.head import LOGITS
from tinyml_core.training.step import LOSS, RATE, SEED, TARGET, TrainingStep

Array = npt.NDArray[Any]
Float = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a training step tells about its sample, before the update."""

    loss: float
    logits: Float
    """[1, classes]."""


class Simulation:
    """A network that learns, sample by sample.

    ``variables`` holds the present value of every variable by name; put arrays there to go on from others.

    Raises:
        UnsupportedError: the reference executor lacks an operator for the types it is given.
    """

    def __init__(self, step: TrainingStep) -> None:
        self._step = step
        self._train = ReferenceExecutor(step.graph)
        self._apply = ReferenceExecutor(step.apply) if step.apply else None
        self._evaluate = ReferenceExecutor(step.evaluation)
        self._waiting = 0
        self.variables: dict[str, Array] = {each.name: each.initial.copy() for each in step.variables}

    def train(self, sample: Array, target: Array, rate: float, seed: int) -> Outcome:
        """Learn from one sample.

        Args:
            sample: as the network takes it.
            target: [classes] or [1, classes]; one-hot, or shares that add up to 1 for cross-entropy.
            rate: learning rate; of every update, which comes with the last of ``samples``.
            seed: number of the step, from which stochastic rounding takes its random numbers.

        Raises:
            InputError: an array has another shape or type than the network takes.
        """
        given = {
            self._step.graph.inputs[0]: sample,
            TARGET: np.asarray(target, np.float32).reshape(1, -1),
            RATE: np.full(1, rate, np.float32),
            SEED: np.full(1, seed, np.int32),
        }
        found = self._run(self._train, self._step.graph, given)
        self._waiting += 1
        if self._apply and self._step.apply and self._waiting == self._step.samples:
            self._run(self._apply, self._step.apply, given)
            self._waiting = 0
        return Outcome(float(found[LOSS][0]), found[LOGITS])

    def predict(self, sample: Array) -> Float:
        """The logits [1, classes] of one sample.

        Raises:
            InputError: ``sample`` has another shape or type than the network takes.
        """
        graph = self._step.evaluation
        logits: Float = self._evaluate.run(self._inputs(graph, {graph.inputs[0]: sample}))[LOGITS]
        return logits

    def _inputs(self, graph: Graph, given: dict[str, Array]) -> dict[str, Array]:
        values = {**self.variables, **given}
        return {name: values[name] for name in graph.inputs}

    def _run(self, executor: ReferenceExecutor, graph: Graph, given: dict[str, Array]) -> dict[str, Array]:
        found = executor.run(self._inputs(graph, given))
        self.variables |= {each.name: found[each.updated] for each in self._step.variables if each.updated in found}
        return found
