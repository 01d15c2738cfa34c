"""Gradients against differences of the loss where nothing is rounded: factors of 1 or 2, so that sums stay integers."""

from __future__ import annotations

import numpy as np

from fake_quantised import Descent, everything
from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph import operators as ops
from tinyml_core.training import build_step

ONE = Quantization.per_tensor(1.0)
CLASSES = 3


def unrounded():
    """A network of integers: residual, depthwise, pooling, concatenation, dense; no value comes near a limit."""
    rng, builder = np.random.default_rng(1), GraphBuilder("integers")

    def layer(op, source, shape, axis=0):
        count, name = shape[axis], type(op).__name__ + str(shape)
        sign = rng.choice([-1, 1], shape) * (rng.random(shape) < 0.5)
        bias = rng.integers(-2, 3, count).astype(np.int32)
        weights = builder.constant(f"{name}.w", sign.astype(np.int8), ONE)
        return builder.node(op, [source, weights, builder.constant(f"{name}.b", bias, ONE)], quantization=ONE)

    image = builder.input("image", (1, 4, 4, 2), DType.INT8, Quantization.per_tensor(1.0, 1))
    stem = layer(ops.Conv2D(), image, (3, 1, 1, 2))
    inner = layer(ops.DepthwiseConv2D(padding=(1, 1, 1, 1)), stem, (1, 3, 3, 3), 3)
    total = builder.node(ops.Add(), [stem, inner], quantization=ONE)
    joined = builder.node(ops.Concat(3), [total, stem], quantization=ONE)
    strided = layer(ops.Conv2D(stride=(2, 2), padding=(0, 1, 0, 1)), joined, (2, 2, 2, 6))
    flat = builder.node(ops.Reshape((1, 8)), [strided], quantization=ONE)
    return builder.build([layer(ops.FullyConnected(), flat, (CLASSES, 8))])


def test_central_differences_are_exact():
    """The squared error is quadratic in each parameter, so that the central difference has no error of its own."""
    graph = unrounded()
    step = build_step(graph, everything(graph), Descent(), "mse")
    executor = ReferenceExecutor(step.graph)
    rng = np.random.default_rng(2)
    given = {
        "image": rng.integers(-1, 4, (1, 4, 4, 2)).astype(np.int8),
        "target": rng.normal(0, 3, (1, CLASSES)).astype(np.float32),
        "rate": np.zeros(1, np.float32),
        "seed": np.zeros(1, np.int32),
        **{each.name: each.initial for each in step.variables},
    }
    activations = [node.outputs[0] for node in graph.nodes]
    found = executor.run(given, keep=[*step.gradients.values(), *activations])
    assert max(int(np.abs(found[name].astype(int)).max()) for name in activations) < 100
    compared = 0
    for variable in step.variables:
        gradient = found[step.gradients[variable.name]].ravel()
        for index in range(variable.initial.size):
            losses = []
            for change in (-1, 1):
                moved = variable.initial.copy()
                moved.ravel()[index] += change
                losses.append(float(executor.run({**given, variable.name: moved})["loss"][0]))
            difference = (losses[1] - losses[0]) / 2
            assert abs(difference - gradient[index]) <= 1e-5 * max(1.0, max(losses)), (variable.name, index)
            compared += bool(abs(gradient[index]) > 0.1)
    assert compared > 100
