"""Unbiased updates: steps of noise with mean 0 must not pull weights anywhere.

The int8 weights of mcunet_5fps that its 99 kB scheme lets learn take 200 steps of normal noise through the update nodes
of the training step itself. The control truncates ``w - step`` towards zero, as released code does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from asked import Row
from training_samples import network, step

from tinyml_core.api.optimizer import DEAD_SCALE
from tinyml_core.api.update_selector import UpdateSelector
from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.platform import Platform
from tinyml_core.training.step import RATE, SEED, TrainingStep
from tinyml_core.training.variables import Learnt
from tinyml_plugins.training.twin.updating import update_graph

Weights = Mapping[str, npt.NDArray[Any]]
STEPS, SIGMA, LIMIT = 200, 0.05, 0.3
"""Steps; standard deviation of the noise, in integers; most drift, in percent of the weights' magnitude."""
QUICK_STEPS = 40


def rows(platform: Platform, *, quick: bool) -> Iterator[Row]:
    """Figures for ``benchmarks/training.py``."""
    steps = QUICK_STEPS if quick else STEPS
    scheme = platform.create(UpdateSelector, "sparse", {"scheme": "mcunet_5fps-99kb"}).select(network())
    for optimizer in ("qas", "sgd"):
        made = step(platform, scheme, optimizer, 0)
        drift, moved = drifted(made, _rule(made, optimizer), steps)
        note = f"{moved:.0f} % of the weights moved"
        yield Row(
            f"unbiased, {optimizer}", f"% drift of magnitude after {steps} steps of noise", drift, LIMIT, note=note
        )
    drift, moved = drifted(made, _truncated, steps)
    yield Row("control, truncating", f"% drift of magnitude after {steps} steps of noise", drift, at_least=LIMIT,
              note="must fail what is asked above")  # fmt: skip


def drifted(made: TrainingStep, rule: Callable[[Weights, Weights, int], Weights], steps: int) -> tuple[float, float]:
    """Percent of drift, ``|sum sign(w0) (w - w0)| / sum |w0|``, and percent of the weights that moved."""
    rng = np.random.default_rng(0)
    first = {each.parameter.name: each.initial for each in _weights(made)}
    alive = {each.parameter.name: _alive(each) for each in _weights(made)}
    weights: Weights = dict(first)
    for number in range(steps):
        noise = {
            name: (rng.normal(scale=SIGMA, size=value.shape) * alive[name]).astype(np.float32)
            for name, value in weights.items()
        }
        weights = rule(weights, noise, number)
    origins = np.concatenate([value.ravel().astype(np.int64) for value in first.values()])
    moves = np.concatenate([value.ravel().astype(np.int64) for value in weights.values()]) - origins
    drift = 100 * abs((np.sign(origins) * moves).sum()) / np.abs(origins).sum()
    return round(float(drift), 4), 100 * float(np.count_nonzero(moves)) / moves.size


def _weights(made: TrainingStep) -> list[Learnt]:
    return [each for each in made.learnt if each.parameter.role == "weight" and each.parameter.scale is not None]


def _alive(each: Learnt) -> npt.NDArray[np.float64]:
    """1 in channels that learn, 0 in dead ones; broadcasts over the parameter."""
    return np.where(_scales(each) < DEAD_SCALE, 0.0, 1.0)


def _scales(each: Learnt) -> npt.NDArray[np.float64]:
    shape = [1] * len(each.parameter.shape)
    shape[each.parameter.axis] = -1
    return np.asarray(each.parameter.scale, np.float64).reshape(shape)


def _rule(made: TrainingStep, optimizer: str) -> Callable[[Weights, Weights, int], Weights]:
    """The update nodes of a step, with gradients whose steps are the noise."""
    graph = update_graph(made)
    update = ReferenceExecutor(graph)
    power = {each.parameter.name: _scales(each) ** 2 if optimizer == "qas" else 1.0 for each in _weights(made)}
    updated = {each.name: each.updated for each in made.variables}
    still = {each.name: each.initial for each in made.variables}
    zeros = {made.gradients[each.parameter.name]: np.zeros(each.parameter.shape, np.float32) for each in made.learnt}

    def run(weights: Weights, noise: Weights, number: int) -> Weights:
        gradients = {made.gradients[name]: (noise[name] * power[name]).astype(np.float32) for name in noise}
        given = {
            **still,
            **weights,
            **zeros,
            **gradients,
            RATE: np.ones(1, np.float32),
            SEED: np.full(1, number, np.int32),
        }
        found = update.run({name: given[name] for name in graph.inputs})
        return {name: found[updated[name]] for name in weights}

    return run


def _truncated(weights: Weights, noise: Weights, number: int) -> Weights:
    return {name: np.trunc(value - noise[name]).astype(np.int8) for name, value in weights.items()}
