"""Checks of training optimizers: the rule carried out by the reference executor, alone and in a training step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.api.optimizer import Parameter, TrainingOptimizer
from tinyml_core.api.update_selector import LayerUpdate, UpdateScheme
from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization
from tinyml_core.graph.serialise import digest
from tinyml_core.graph.verify import verify
from tinyml_core.testing.conformance.check import Check, require
from tinyml_core.testing.conformance.samples.networks import residual
from tinyml_core.testing.conformance.subject import Subject
from tinyml_core.training.step import build_step

Array = npt.NDArray[Any]

DEAD, ALIVE = 2, 3
"""Channels of :data:`PARAMETERS` whose scale says that they must not learn, and that they may."""
_SCALES = (0.02, 0.01, 3.9e-9, 0.05)
PARAMETERS = (
    Parameter("w", "weight", (4, 3, 3, 2), DType.INT8, 0, _SCALES, 0.05, 7),
    Parameter("w", "weight", (1, 3, 3, 4), DType.INT8, 3, _SCALES, 0.05, 7),
    Parameter("w", "bias", (4,), DType.INT32, 0, _SCALES, 0.05, 7),
    Parameter("w", "weight", (3, 4), DType.FLOAT32, 0, None, 1.0, 7),
)
"""One of each sort that learns: weights, depthwise weights, a bias, and the weights of a float head."""
_INTEGERS = PARAMETERS[:3]


@dataclass
class Rule:
    """The rule on one parameter; ``state`` is what it keeps."""

    optimizer: TrainingOptimizer
    parameter: Parameter
    graph: Graph = field(init=False)
    state: dict[str, Array] = field(init=False)

    def __post_init__(self) -> None:
        parameter, builder = self.parameter, GraphBuilder("rule")
        value = builder.input("p", parameter.shape, parameter.dtype, _quantization(parameter))
        gradient = builder.input("g", parameter.shape, DType.FLOAT32)
        rate, seed = builder.input("rate", (1,), DType.FLOAT32), builder.input("seed", (1,), DType.INT32)
        kept = self.optimizer.state(parameter)
        names = tuple(builder.input(each.name, each.shape, each.dtype, each.quantization) for each in kept)
        self.state = {each.name: np.full(each.shape, each.initial, each.dtype.numpy) for each in kept}
        self._outputs = self.optimizer.update(builder, parameter, value, gradient, names, rate, seed)
        self.graph = verify(builder.build(self._outputs))

    def step(self, value: Array, gradient: Array, rate: float, seed: int = 0) -> Array:
        """The new value."""
        inputs = {
            "p": value, "g": gradient.astype(np.float32), "rate": np.array([rate], np.float32),
            "seed": np.array([seed], np.int32), **self.state,
        }  # fmt: skip
        result = ReferenceExecutor(self.graph).run(inputs)
        self.state = dict(zip(self.state, (result[name] for name in self._outputs[1:]), strict=True))
        return result[self._outputs[0]]


def reports_its_memory(subject: Subject) -> None:
    """The state it asks for is named after its parameter and is all that a training step keeps for it."""
    optimizer = subject.make(TrainingOptimizer)
    for parameter in PARAMETERS:
        names = [each.name for each in optimizer.state(parameter)]
        odd = [name for name in names if not name.startswith(f"{parameter.name}.")]
        require(not odd and len(set(names)) == len(names), f"the states of {parameter.name!r} are called {names}")
        require(all(np.isfinite(each.initial) for each in optimizer.state(parameter)), "a first value is not finite")
    graph = residual()
    step = build_step(graph, _SCHEME, optimizer)
    told = sum(each.bytes for learnt in step.learnt for each in optimizer.state(learnt.parameter))
    learnt_names = {learnt.parameter.name for learnt in step.learnt}
    kept = sum(step.graph.tensors[name].bytes for name in step.graph.state if name not in learnt_names)
    require(told == kept, f"it tells {told} bytes, a training step keeps {kept}")


def keeps_types_and_shapes(subject: Subject) -> None:
    """New values and new states have the shape, the type and the quantisation of the old ones, one for each."""
    for rule in _rules(subject, PARAMETERS):
        outputs, states = rule.graph.outputs, rule.optimizer.state(rule.parameter)
        told = f"it returns {len(outputs)} handles for a value and {len(states)} states"
        require(len(outputs) == 1 + len(states), told)
        new = rule.graph.tensors[outputs[0]]
        wanted = (rule.parameter.shape, rule.parameter.dtype, _quantization(rule.parameter))
        require((new.shape, new.dtype, new.quantization) == wanted, f"the new value is {new.dtype.value} {new.shape}")
        for name, state in zip(outputs[1:], states, strict=True):
            tensor = rule.graph.tensors[name]
            same = (tensor.shape, tensor.dtype) == (state.shape, state.dtype)
            require(same, f"the new {state.name} is {tensor.dtype.value} {tensor.shape}")


def leaves_dead_channels_alone(subject: Subject) -> None:
    """Channels whose scale is below the limit keep every bit, whatever the gradient, while others move."""
    for rule in _rules(subject, _INTEGERS):
        for size in (1.0, 1e30, np.inf, np.nan):
            start = value = _values(rule.parameter)
            for seed in range(2):
                value = rule.step(value, np.full(rule.parameter.shape, size), 1.0, seed)
            moved = np.take(value, DEAD, rule.parameter.axis) != np.take(start, DEAD, rule.parameter.axis)
            require(not moved.any(), f"a gradient of {size} moves a dead channel of the {rule.parameter.role}")


def leaves_frozen_layers_alone(subject: Subject) -> None:
    """In a training step of some layers nothing else is updated, and a rate of zero updates nothing."""
    step = build_step(residual(), _SCHEME, subject.make(TrainingOptimizer))
    owners = {learnt.node for learnt in step.learnt}
    require(owners == {layer.node for layer in _SCHEME.layers}, f"it updates layers {sorted(owners)}")
    for rule in _rules(subject, PARAMETERS):
        start = _values(rule.parameter)
        value = rule.step(start, np.ones(rule.parameter.shape), 0.0)
        require(np.array_equal(value, start), f"a rate of zero moves the {rule.parameter.role}")


def integers_saturate(subject: Subject) -> None:
    """An update that would pass the end of an integer's range stops there instead of wrapping around."""
    for rule in _rules(subject, [replace(each, scale=(0.5,) * 4) for each in _INTEGERS]):
        low, high = rule.parameter.dtype.limits
        for start, gradient in ((high - 1, -1e30), (low + 1, 1e30)):
            values = np.full(rule.parameter.shape, start, rule.parameter.dtype.numpy)
            value = rule.step(values, np.full(rule.parameter.shape, gradient), 1.0)
            wrapped = (value < start) if gradient < 0 else (value > start)
            require(not wrapped.any(), f"{start} and a gradient of {gradient:g} become {value.ravel()[0]}")


def moves_against_the_gradient(subject: Subject) -> None:
    """The first step goes downhill: no element moves along its gradient, and some move."""
    for rule in _rules(subject, PARAMETERS):
        start, gradient = _values(rule.parameter), _gradient(rule.parameter)
        change = rule.step(start, gradient, 1.0).astype(np.float64) - start
        moved = change != 0
        require(moved.any(), f"the {rule.parameter.role} of {rule.parameter.dtype.value} does not move")
        uphill = np.sign(change[moved]) == np.sign(gradient[moved])
        require(not uphill.any(), f"{np.count_nonzero(uphill)} elements of the {rule.parameter.role} move uphill")


def answer(subject: Subject) -> object:
    """The rules as graphs."""
    return [digest(rule.graph) for rule in _rules(subject, PARAMETERS)]


_SCHEME = UpdateScheme((LayerUpdate("project", True, (0, 2)), LayerUpdate("classes", True, None)))


def _rules(subject: Subject, parameters: Any) -> Iterator[Rule]:  # noqa: ANN401 - any iterable of them
    for parameter in parameters:
        yield Rule(subject.make(TrainingOptimizer), parameter)


def _quantization(parameter: Parameter) -> Quantization | None:
    if parameter.scale is None:
        return None
    unit = parameter.input_scale if parameter.role == "bias" else 1.0
    return Quantization.per_channel(np.array(parameter.scale) * unit, parameter.axis)


def _values(parameter: Parameter) -> Array:
    rng = np.random.default_rng(1)
    if parameter.dtype is DType.FLOAT32:
        return rng.normal(size=parameter.shape).astype(np.float32)
    return rng.integers(-100, 100, parameter.shape).astype(parameter.dtype.numpy)


def _gradient(parameter: Parameter) -> Array:
    rng = np.random.default_rng(2)
    return rng.choice([-1.0, 1.0], parameter.shape) * rng.uniform(2, 4, parameter.shape)


CHECKS = (
    Check(reports_its_memory),
    Check(keeps_types_and_shapes),
    Check(leaves_dead_channels_alone),
    Check(leaves_frozen_layers_alone),
    Check(integers_saturate),
    Check(moves_against_the_gradient),
)
"""Those of a training optimizer."""
