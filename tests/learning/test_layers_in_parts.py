"""Layers whose weights are merged compute some outputs at a time, and what they computed before."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_core.api.update_selector import LayerUpdate, UpdateScheme
from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Concat, Conv2D, FullyConnected, Mean
from tinyml_core.graph.verify import verify
from tinyml_core.testing.descent import Descent
from tinyml_core.training import build_step
from tinyml_core.training.layers_in_parts import layers_in_parts

ACTIVATION = Quantization.per_tensor(0.05, -3)


def network(pixels):
    """An inverted bottleneck, whose wider convolution has 20 kB of weights, and a dense layer with 4."""
    rng, builder = np.random.default_rng(3), GraphBuilder("layers")

    def layer(op, source, name, shape):
        scales = rng.uniform(0.002, 0.01, shape[0])
        weights = rng.integers(-127, 128, shape).astype(np.int8)
        operands = [builder.constant(f"{name}.w", weights, Quantization.per_channel(scales, 0))]
        bias = rng.integers(-500, 500, shape[0]).astype(np.int32)
        operands.append(builder.constant(f"{name}.b", bias, Quantization.per_channel(scales * 0.05, 0)))
        return builder.node(op, [source, *operands], name=name, quantization=ACTIVATION)

    image = builder.input("image", (1, pixels, pixels, 8), DType.INT8, ACTIVATION)
    stem = layer(Conv2D(), image, "stem", (100, 1, 1, 8))
    wide = layer(Conv2D(), stem, "wide", (204, 1, 1, 100))
    narrow = layer(Conv2D(), wide, "narrow", (100, 1, 1, 204))
    mean = builder.node(Mean((1, 2), keep_axes=False), [narrow], quantization=ACTIVATION)
    dense = layer(FullyConnected(), mean, "dense", (40, 100))
    return builder.build([layer(FullyConnected(), dense, "classes", (4, 40))])


def step_of(graph, bias, widest=None):
    learning = {"wide": (3, 40, 99), "dense": (0, 7), "classes": None}
    layers = [LayerUpdate("stem"), *(LayerUpdate(name, bias, channels) for name, channels in learning.items())]
    return build_step(graph, UpdateScheme(tuple(layers)), Descent(), widest=widest)


@pytest.mark.parametrize("bias", [True, False])
def test_every_value_is_the_same(bias):
    graph = network(2)
    step = step_of(graph, bias)
    parts = verify(layers_in_parts(step.graph, 3000))
    layers = [node for node in parts.nodes if isinstance(node.op, Conv2D | FullyConnected)]
    makers = {node.inputs[1]: parts.producers.get(node.inputs[1]) for node in layers}
    read = [parts.tensors[name].bytes for name, maker in makers.items() if maker and maker.op.kind == "merge_channels"]
    assert len(read) == 9 + 2
    assert max(read) <= 3000
    assert [node.name for node in parts.nodes if isinstance(node.op, Concat)] == ["wide", "dense"]
    rng = np.random.default_rng(4)
    given = {"image": rng.integers(-128, 128, (1, 2, 2, 8)).astype(np.int8)}
    given |= {"target": np.eye(4, dtype=np.float32)[:1], "rate": np.full(1, 30, np.float32)}
    given |= {"seed": np.zeros(1, np.int32)} | {each.name: each.initial for each in step.variables}
    expected, found = execute(step.graph, given), execute(parts, given)
    assert expected.keys() == found.keys()
    assert all(np.array_equal(expected[name], found[name]) for name in expected)
    assert any(not np.array_equal(found[each.updated], each.initial) for each in step.variables)


def test_outputs_that_outweigh_the_weights_are_computed_at_once():
    graph = network(12)
    parts = layers_in_parts(step_of(graph, True).graph, 3000)
    assert [node.name for node in parts.nodes if isinstance(node.op, Concat)] == ["dense"]


def test_constants_cut_for_a_gradient_are_not_cut_otherwise():
    """The backward pass reads parts of the same weights: they lie in flash once."""
    step = step_of(network(2), True, widest=1000)
    once = {name: tensor.bytes for name, tensor in step.graph.tensors.items() if name.startswith("wide.w.")}
    read = [sum(name in node.inputs for node in step.graph.nodes) for name in once]
    assert read == [2] * len(once)  # forwards and backwards
    assert sum(once.values()) == 204 * 100
