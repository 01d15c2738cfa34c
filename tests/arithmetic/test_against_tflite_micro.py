"""The reference executor in `tflite` rounding against TensorFlow Lite Micro: no byte may differ."""

import numpy as np
import pytest

from tests.arithmetic.tflite_writer import NotExpressible, runtime, to_tflite  # noqa: TID251
from tinyml_core.arithmetic.executor import execute
from tinyml_core.arithmetic.lowering import LinearLowering, lower
from tinyml_core.graph import DType, Rounding
from tinyml_core.graph.operators import (
    IDENTITY,
    RELU,
    RELU6,
    Binary,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Softmax,
    Unary,
)
from tinyml_core.testing.random_graphs import choose_from, random_graph, random_inputs
from tinyml_core.testing.random_nodes import MAKERS

ACTIVATIONS = (IDENTITY, RELU, RELU6, (-1.0, 1.0))
LONGEST_SOFTMAX = 511
"""A longer row of equals makes TensorFlow Lite Micro shift by more than 31 bits, where it aborts."""


def within_32_bits(graph):
    """Whether nothing in the graph runs into C's undefined behaviour inside TensorFlow Lite Micro."""
    for node in graph.nodes:
        if isinstance(node.op, Softmax) and graph.inputs_of(node)[0].shape[-1] > LONGEST_SOFTMAX:
            return False
        if isinstance(node.op, Unary) and node.op.function == "rsqrt" and graph.inputs_of(node)[0].zero_point > -128:
            return False  # it stops at the first negative value
        if isinstance(node.op, Binary) and node.op.function == "divide" and not divides(node, graph):
            return False
        if isinstance(node.op, Conv2D | DepthwiseConv2D | FullyConnected):
            lowering = lower(node, graph)
            assert isinstance(lowering, LinearLowering)
            channels = -1 if isinstance(node.op, DepthwiseConv2D) else 0
            filters = np.moveaxis(lowering.weights.astype(np.int64), channels, 0).reshape(len(lowering.bias), -1)
            greatest = int((np.abs(filters).sum(1) * 255 + np.abs(lowering.bias.astype(np.int64))).max())
            if greatest << max(0, *lowering.requantisation.by.shift) >= 1 << 30:
                return False
    return True


def divides(node, graph):
    """Whether TensorFlow Lite Micro can divide whatever comes: by no zero, shifting by 0 to 31 bits to the right."""
    lowering, divisor = lower(node, graph), graph.inputs_of(node)[1]
    used = divisor.data.astype(int) + 128
    return lowering.mantissa[used].all() and lowering.shift[used].max() <= lowering.ratio[1] <= 22


def differing_bytes(graph, inputs):
    interpreter = runtime.Interpreter.from_bytes(to_tflite(graph), arena_size=1 << 20)
    interpreter.set_input(inputs[graph.inputs[0]], 0)
    interpreter.invoke()
    expected = execute(graph, inputs)
    return sum(
        int(np.count_nonzero(interpreter.get_output(index).view(np.uint8) != expected[name].view(np.uint8)))
        for index, name in enumerate(graph.outputs)
    )


def sweep(seeds, **options):
    """Executes random graphs; returns how many could be compared."""
    compared = 0
    for seed in seeds:
        choose = choose_from(np.random.default_rng(seed))
        graph = random_graph(
            choose, roundings=[Rounding.TFLITE], activations=ACTIVATIONS, crossings=seed % 4 == 0, **options
        )
        inputs = random_inputs(graph, choose)
        if graph.tensors[graph.inputs[0]].dtype is DType.FLOAT32:
            # Beyond int32, C's conversion from float is undefined.
            inputs = {name: np.clip(values, -1e5, 1e5) for name, values in inputs.items()}
        try:
            if within_32_bits(graph):
                assert differing_bytes(graph, inputs) == 0, f"seed {seed}: {[node.op for node in graph.nodes]}"
                compared += 1
        except NotExpressible:
            continue
    return compared


@pytest.mark.parametrize("operator", MAKERS, ids=lambda operator: operator.kind)
def test_single_operators(operator):
    assert sweep(range(600), nodes=[1], operators=[operator]) >= 100


def test_whole_networks():
    assert sweep(range(1500)) >= 300


@pytest.mark.slow
def test_whole_networks_in_numbers():
    assert sweep(range(1000, 30000)) >= 5000
