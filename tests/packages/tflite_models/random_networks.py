"""Random networks that TensorFlow Lite Micro executes without running into C's undefined behaviour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from tflite_models.writer import NotExpressible, runtime, to_tflite
from tinyml_core.arithmetic.lowering import LinearLowering, lower
from tinyml_core.graph import DType, Graph, Rounding
from tinyml_core.graph.operators import (
    IDENTITY,
    RELU,
    RELU6,
    Binary,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Softmax,
    TransposeConv2D,
    Unary,
)
from tinyml_core.testing.random_graphs import choose_from, random_graph, random_inputs
from tinyml_core.testing.random_int16 import random_int16_graph

ACTIVATIONS = (IDENTITY, RELU, RELU6, (-1.0, 1.0))
LONGEST_SOFTMAX = 511
"""A longer row of equals makes TensorFlow Lite Micro shift by more than 31 bits, where it aborts."""
LARGEST_REAL = 1e5
"""Beyond int32, C's conversion from float is undefined."""


@dataclass(frozen=True)
class RandomNetwork:
    """A graph, the file that says the same, values for its only input, and its outputs by TensorFlow Lite Micro."""

    seed: int
    graph: Graph
    file: bytes
    values: np.ndarray
    expected: list[np.ndarray]


def random_networks(seeds: Iterable[int], **options) -> Iterator[RandomNetwork]:
    """One network per seed where that gives one that can be compared; every fourth has float inputs and outputs.

    ``options`` are those of :func:`random_graph`.
    """
    for seed in seeds:
        choose = choose_from(np.random.default_rng(seed))
        graph = random_graph(
            choose, roundings=[Rounding.TFLITE], activations=ACTIVATIONS, crossings=seed % 4 == 0, **options
        )
        (values,) = random_inputs(graph, choose).values()
        if values.dtype == np.float32:
            values = np.clip(values, -LARGEST_REAL, LARGEST_REAL)
        try:
            file = to_tflite(graph)
        except NotExpressible:
            continue
        if within_32_bits(graph):
            yield RandomNetwork(seed, graph, file, values, _executed(file, values, len(graph.outputs)))


def random_int16_networks(seeds: Iterable[int], **options) -> Iterator[RandomNetwork]:
    """One int16x8 network per seed where TensorFlow Lite can express it, every fourth with float inputs and outputs.

    ``options`` are those of :func:`random_int16_graph`.
    """
    for seed in seeds:
        rng = np.random.default_rng(seed)
        graph = random_int16_graph(rng, Rounding.TFLITE, crossings=seed % 4 == 3, **options)
        source = graph.tensors[graph.inputs[0]]
        if source.dtype is DType.INT16:
            values = rng.integers(-32768, 32768, source.shape).astype(np.int16)
        else:
            values = rng.normal(scale=4.0, size=source.shape).astype(np.float32)
        try:
            file = to_tflite(graph)
        except NotExpressible:
            continue
        yield RandomNetwork(seed, graph, file, values, _executed(file, values, len(graph.outputs)))


def differing_bytes(ours: np.ndarray, theirs: np.ndarray) -> int:
    """Bytes that differ between two arrays of one type."""
    return int(np.count_nonzero(ours.view(np.uint8) != theirs.view(np.uint8)))


def within_32_bits(graph: Graph) -> bool:
    """Whether nothing in the graph runs into C's undefined behaviour inside TensorFlow Lite Micro."""
    for node in graph.nodes:
        if isinstance(node.op, Softmax) and graph.inputs_of(node)[0].shape[-1] > LONGEST_SOFTMAX:
            return False
        if isinstance(node.op, Unary) and node.op.function == "rsqrt" and graph.inputs_of(node)[0].zero_point > -128:
            return False  # it stops at the first negative value
        if isinstance(node.op, Binary) and node.op.function == "divide" and not _divides(node, graph):
            return False
        if isinstance(node.op, Conv2D | DepthwiseConv2D | FullyConnected | TransposeConv2D):
            lowering = lower(node, graph)
            assert isinstance(lowering, LinearLowering)
            channels = -1 if isinstance(node.op, DepthwiseConv2D) else 0
            filters = np.moveaxis(lowering.weights.astype(np.int64), channels, 0).reshape(len(lowering.bias), -1)
            greatest = int((np.abs(filters).sum(1) * 255 + np.abs(lowering.bias.astype(np.int64))).max())
            if greatest << max(0, *lowering.requantisation.by.shift) >= 1 << 30:
                return False
    return True


def _divides(node, graph):
    """Whether TensorFlow Lite Micro can divide whatever comes: by no zero, shifting by 0 to 31 bits to the right."""
    lowering, divisor = lower(node, graph), graph.inputs_of(node)[1]
    used = divisor.data.astype(int) + 128
    return lowering.mantissa[used].all() and lowering.shift[used].max() <= lowering.ratio[1] <= 22


def _executed(file, values, count):
    interpreter = runtime.Interpreter.from_bytes(file, arena_size=1 << 20)
    interpreter.set_input(values, 0)
    interpreter.invoke()
    return [interpreter.get_output(index) for index in range(count)]
