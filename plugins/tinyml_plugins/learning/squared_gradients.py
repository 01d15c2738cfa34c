"""Squared gradients of every parameter on some samples: the diagonal of the empirical Fisher information.

Gradients are those of the real numbers that integers stand for, so that layers compare; their squares are what a step
of gradient descent gains to first order, for each unit of the learning rate.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tinyml_core.api.dataset import Split
from tinyml_core.api.update_selector import UpdateScheme
from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.tensor import Array
from tinyml_core.training import FloatHead, Simulation, build_step
from tinyml_core.training.step import RATE, SEED, TARGET
from tinyml_plugins.learning.layers import layers_of
from tinyml_plugins.learning.qas import Qas
from tinyml_plugins.learning.samples import drawn
from tinyml_plugins.learning.scaling import factors

Gains = Mapping[tuple[str, str], npt.NDArray[np.float64]]
"""(node, ``weight`` or ``bias``) -> mean squared gradient, summed by channel (of a bias: as one number)."""


def samples_of(graph: Graph, split: Split, classes: int, count: int, seed: int) -> list[tuple[Array, Array]]:
    """``count`` samples as ``graph`` takes them, drawn by ``seed``, each with its one-hot target.

    Raises:
        InputError: the samples do not suit the network.
    """
    arrays, labels = drawn(graph, split, count, seed)
    targets = np.eye(classes, dtype=np.float32)[labels]
    return [(array[None], target[None]) for array, target in zip(arrays, targets, strict=True)]


def trained_head(
    graph: Graph, samples: list[tuple[Array, Array]], head: FloatHead, passes: int, rate: float
) -> dict[str, Array]:
    """Variables of ``head`` after so many passes over ``samples``, all else frozen."""
    simulation = Simulation(build_step(graph, UpdateScheme(()), Qas(), head=head))
    for number in range(passes * len(samples)):
        simulation.train(*samples[number % len(samples)], rate, number)
    return simulation.variables


def squared_gradients(
    graph: Graph, samples: list[tuple[Array, Array]], head: FloatHead, trained: Mapping[str, Array]
) -> Gains:
    """The mean over ``samples`` for every layer before the classifier, behind ``head`` with ``trained`` parameters."""
    everything = UpdateScheme(tuple(layer.update(None) for layer in layers_of(graph).backbone))
    step = build_step(graph, everything, Qas(), head=head)
    executor = ReferenceExecutor(step.graph)
    fixed: dict[str, Array] = {each.name: each.initial for each in step.variables}
    assert trained.keys() <= fixed.keys(), "the head of the whole step has the names that it was trained under"
    fixed |= {**trained, RATE: np.zeros(1, np.float32), SEED: np.zeros(1, np.int32)}
    gains: dict[tuple[str, str], npt.NDArray[np.float64]] = {}
    for sample, target in samples:
        found = executor.run(
            {**fixed, step.graph.inputs[0]: sample, TARGET: target}, keep=list(step.gradients.values())
        )
        for learnt in step.learnt:
            parameter = learnt.parameter
            if parameter.scale is None:
                continue
            unit = factors(parameter, "qas", 1)
            real = found[step.gradients[parameter.name]].astype(np.float64) * (1.0 if unit is None else unit)
            axes = tuple(range(real.ndim - (parameter.role == "weight")))
            key = (learnt.node, parameter.role)
            gains[key] = gains.get(key, np.float64(0)) + np.square(real).sum(axis=axes) / len(samples)
    return gains
