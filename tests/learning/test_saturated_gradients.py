"""Gradients where outputs are clamped: they end exactly where those of torch's ``hardtanh`` do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import IDENTITY, RELU, RELU6, Add, Conv2D, DepthwiseConv2D, Reshape, SaturationMask
from tinyml_core.testing.descent import Descent, everything
from tinyml_core.testing.random_learners import random_network
from tinyml_core.training import build_step
from tinyml_plugins.training.twin.gradient_errors import gradient_errors

ONE = Quantization.per_tensor(1.0)
SHIFTED = Quantization.per_tensor(1.0, -7)
ACTIVATIONS = {"none": IDENTITY, "relu": RELU, "relu6": RELU6, "range": (-30.0, 20.0)}
LIMITS = {"none": (-128, 127), "relu": (-7, 127), "relu6": (-7, -1), "range": (-37, 13)}
"""The integers that each activation clamps to, with the zero point of :data:`SHIFTED`."""
CHANNELS, SIZE = 4, 16


def given(step, sample, rng):
    outputs = step.graph.tensors["target"].elements
    return {
        step.graph.inputs[0]: sample,
        "target": rng.normal(0, 9, (1, outputs)).astype(np.float32),
        "rate": np.zeros(1, np.float32),
        "seed": np.zeros(1, np.int32),
        **{each.name: each.initial for each in step.variables},
    }


def layer(builder, op, source, shape, rng, bias=0):
    """A layer of integers, all of whose scales are 1: what it computes before it is clamped are integers too."""
    count = shape[3] if isinstance(op, DepthwiseConv2D) else shape[0]
    weights = builder.constant(builder.free("w"), rng.integers(-2, 3, shape).astype(np.int8), ONE)
    biases = builder.constant(builder.free("b"), np.full(count, bias, np.int32), ONE)
    return builder.node(op, [source, weights, biases], quantization=SHIFTED)


def network(kind, activation, rng):
    builder = GraphBuilder(kind)
    value = builder.input("image", (1, SIZE, SIZE, CHANNELS), DType.INT8, ONE)
    if kind == "conv":
        value = layer(builder, Conv2D(activation=activation), value, (CHANNELS, 1, 1, CHANNELS), rng)
    elif kind == "depthwise":
        value = layer(builder, DepthwiseConv2D(activation=activation), value, (1, 2, 2, CHANNELS), rng)
    else:
        branches = [layer(builder, Conv2D(), value, (CHANNELS, 1, 1, CHANNELS), rng) for _ in range(2)]
        value = builder.node(Add(activation), branches, quantization=SHIFTED)
    size = builder.tensor(value).elements
    return builder.build([builder.node(Reshape((1, size)), [value], quantization=SHIFTED)])


def by_torch(kind, limits, step, values):
    """Outputs before they are clamped, their gradient by ``hardtanh`` and those of the parameters, in float64."""
    leaves = {
        each.name: torch.tensor(values[each.name].astype(np.float64), requires_grad=True) for each in step.variables
    }
    image = torch.tensor(values[step.graph.inputs[0]].astype(np.float64)).permute(0, 3, 1, 2)
    weights, biases = ([leaf for leaf in leaves.values() if (leaf.dim() == 4) is many] for many in (True, False))

    def convolved(weight, bias):
        if kind == "depthwise":
            return functional.conv2d(image, weight.permute(3, 0, 1, 2), bias, groups=CHANNELS)
        return functional.conv2d(image, weight.permute(0, 3, 1, 2), bias)

    totals = [convolved(*pair) for pair in zip(weights, biases, strict=True)]
    if kind == "add":
        totals = [functional.hardtanh(total - 7, -128, 127) + 7 for total in totals]
    before = (sum(totals) - 7).permute(0, 2, 3, 1)
    before.retain_grad()
    after = functional.hardtanh(before, *limits)
    (mask,) = torch.autograd.grad(after.sum(), before, retain_graph=True)
    functional.mse_loss((after + 7).reshape(1, -1), torch.tensor(values["target"].astype(np.float64))).backward()
    return before.detach().numpy(), mask.numpy() != 0, {name: leaf.grad.numpy() for name, leaf in leaves.items()}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", ["conv", "depthwise", "add"])
def test_masks_are_those_of_hardtanh(kind, activation):
    rng = np.random.default_rng(5)
    graph = network(kind, ACTIVATIONS[activation], rng)
    step = build_step(graph, everything(graph), Descent(), "mse")
    values = given(step, rng.integers(-50, 51, (1, SIZE, SIZE, CHANNELS)).astype(np.int8), rng)
    (low, high), last = LIMITS[activation], graph.producers[graph.outputs[0]].inputs[0]
    (mask,) = (node for node in step.graph.nodes if isinstance(node.op, SaturationMask) and node.inputs == (last,))
    found = execute(step.graph, values, keep=[last, mask.outputs[0], *step.gradients.values()])
    before, passes, gradients = by_torch(kind, (low, high), step, values)
    assert (mask.op.low, mask.op.high) == (low, high)
    assert np.array_equal(found[last], np.clip(before, low, high))
    assert {(before < low).any(), (before > high).any(), ((before > low) & (before < high)).any()} == {True}
    assert ((before == low) | (before == high)).any(), "nothing lies exactly at a limit"
    bits = np.unpackbits(found[mask.outputs[0]], bitorder="little")[: before.size]
    assert np.array_equal(bits.astype(bool), passes.ravel())
    for name, expected in gradients.items():
        assert np.linalg.norm(found[step.gradients[name]] - expected) <= 1e-6 * np.linalg.norm(expected), name


@pytest.mark.parametrize("end", [-2000, 2000])
def test_nothing_passes_a_layer_all_of_whose_outputs_are_clamped(end):
    rng, builder = np.random.default_rng(6), GraphBuilder("clamped")
    image = builder.input("image", (1, 3, 3, CHANNELS), DType.INT8, ONE)
    value = layer(builder, Conv2D(), image, (CHANNELS, 1, 1, CHANNELS), rng)
    value = layer(builder, Conv2D(), value, (CHANNELS, 1, 1, CHANNELS), rng, bias=end)
    flat = builder.node(Reshape((1, 9 * CHANNELS)), [value], quantization=SHIFTED)
    graph = builder.build([flat])
    step = build_step(graph, everything(graph), Descent(), "mse")
    values = given(step, rng.integers(-9, 10, (1, 3, 3, CHANNELS)).astype(np.int8), rng)
    found = execute(step.graph, values, keep=list(step.gradients.values()))
    assert np.isfinite(found["loss"]).all()
    assert len(step.gradients) == 4
    assert not any(found[gradient].any() for gradient in step.gradients.values())


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 30))])
def test_saturated_random_networks(seed):
    rng, graph = np.random.default_rng(seed), random_network(seed, gain=12.0)
    step = build_step(graph, everything(graph), Descent())
    sample = rng.integers(-128, 128, graph.tensors["image"].shape).astype(np.int8)
    classes = step.graph.tensors["target"].elements
    found = gradient_errors(step, sample, rng.dirichlet(np.ones(classes)).astype(np.float32))
    assert found.saturated > 0.4
    assert found.relative[found.worst] <= 1e-5, found.worst
