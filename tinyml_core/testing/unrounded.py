"""Networks in which nothing is rounded, so that differences of the loss tell what gradients have to be.

All scales are 1 and so are the factors of every layer: the integers are the real numbers, and a parameter moved by one
step moves the loss as its gradient says. The squared error is quadratic in each parameter, so that a central difference
has no error of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import Add, Concat, Conv2D, DepthwiseConv2D, FullyConnected, Reshape
from tinyml_core.training.step import LOSS, RATE, SEED, TARGET, TrainingStep

Array = npt.NDArray[Any]
ONE = Quantization.per_tensor(1.0)
CLASSES = 3


@dataclass(frozen=True)
class Slope:
    """One element of a parameter."""

    parameter: str
    index: int
    gradient: float
    """What the step computes."""
    difference: float
    """Half of what the loss differs by between one step up and one step down."""
    magnitude: float
    """The greater of the two losses, or 1: float32 losses leave an error in proportion to it."""

    @property
    def error(self) -> float:
        """How far the two are apart, relative to the loss."""
        return abs(self.difference - self.gradient) / self.magnitude


def unrounded_network(seed: int) -> Graph:
    """Residual, depthwise, strided, concatenation, dense; for images of 4 by 4 pixels with 2 channels, 3 classes."""
    rng, builder = np.random.default_rng(seed), GraphBuilder("unrounded")

    def layer(op: Operator, source: str, shape: tuple[int, ...], axis: int = 0) -> str:
        name = f"{op.kind}{len(builder.build([]).nodes)}"
        signs = rng.choice([-1, 1], shape) * (rng.random(shape) < 0.5)
        biases = rng.integers(-2, 3, shape[axis]).astype(np.int32)
        operands = [
            builder.constant(f"{name}.w", signs.astype(np.int8), ONE),
            builder.constant(f"{name}.b", biases, ONE),
        ]
        return builder.node(op, [source, *operands], name=name, quantization=ONE)

    image = builder.input("image", (1, 4, 4, 2), DType.INT8, Quantization.per_tensor(1.0, 1))
    stem = layer(Conv2D(), image, (3, 1, 1, 2))
    inner = layer(DepthwiseConv2D(padding=(1, 1, 1, 1)), stem, (1, 3, 3, 3), 3)
    total = builder.node(Add(), [stem, inner], quantization=ONE)
    joined = builder.node(Concat(3), [total, stem], quantization=ONE)
    strided = layer(Conv2D(stride=(2, 2), padding=(0, 1, 0, 1)), joined, (2, 2, 2, 6))
    flat = builder.node(Reshape((1, 8)), [strided], quantization=ONE)
    return builder.build([layer(FullyConnected(), flat, (CLASSES, 8))])


def slopes(step: TrainingStep, seed: int) -> Iterator[Slope]:
    """Every element of every parameter of a step of such a network, built for the squared error, on a random sample.

    Raises:
        ValueError: a value comes near the limits of int8, where gradients end.
    """
    rng, executor = np.random.default_rng(seed), ReferenceExecutor(step.graph)
    given: dict[str, Array] = {
        step.graph.inputs[0]: rng.integers(-1, 4, step.graph.tensors[step.graph.inputs[0]].shape).astype(np.int8),
        TARGET: rng.normal(0, 3, (1, CLASSES)).astype(np.float32),
        RATE: np.zeros(1, np.float32),
        SEED: np.zeros(1, np.int32),
        **{each.name: each.initial for each in step.variables},
    }
    activations = [name for node in step.evaluation.nodes for name in node.outputs if name in step.graph.tensors]
    activations = [name for name in activations if step.graph.tensors[name].dtype is DType.INT8]
    found = executor.run(given, keep=[*step.gradients.values(), *activations])
    if max(int(np.abs(found[name].astype(int)).max()) for name in activations) > 100:
        raise ValueError(f"seed {seed} leads near the limits of int8")
    for variable in step.variables:
        gradient = found[step.gradients[variable.name]].ravel()
        for index in range(variable.initial.size):
            losses = []
            for change in (-1, 1):
                moved = variable.initial.copy()
                moved.ravel()[index] += change
                losses.append(float(executor.run({**given, variable.name: moved})[LOSS][0]))
            difference = (losses[1] - losses[0]) / 2
            yield Slope(variable.name, index, float(gradient[index]), difference, max(1.0, *losses))
