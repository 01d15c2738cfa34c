"""Operators of int8 networks in torch: integer-valued float32 tensors forwards, float32 gradients backwards.

Forwards each gives the integers of the reference executor. Sums of products are float32, which is exact while no
partial sum leaves +-2^24; rescaling is float64, which is exact: in ``single`` rounding a product that does not saturate
has at most 40 bits. ``tflite`` rounding is the reference's own code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tinyml_core.api.optimizer import DEAD_SCALE
from tinyml_core.arithmetic.lowering import lower
from tinyml_core.arithmetic.lowering.pooling import MeanLowering
from tinyml_core.arithmetic.lowering.requantisation import (
    Requantisation,
    activation_limits,
    place_of,
    requantisation,
)
from tinyml_core.arithmetic.reference import prepare_results
from tinyml_core.arithmetic.reference.requantised import requantised
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    IDENTITY,
    Add,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    Mean,
    MergeChannels,
    Reshape,
)
from tinyml_core.graph.tensor import DType
from tinyml_plugins.training.torch_operators import TORCH
from tinyml_plugins.training.twin.straight_through import scaled_and_limited, through

Run = Callable[[Sequence[Tensor]], Tensor]
Prepare = Callable[[Node, Graph, bool], Run]
"""(node, its graph, whether to round) -> what the node does with its inputs."""

WRAPPING_BIAS = 2.0**30
"""Magnitude from which accumulators may leave 32 bits and wrap, as registers do; dead channels have such biases."""


def rescaler(to: Requantisation) -> Callable[[Tensor], Tensor]:
    """From float64 accumulators, which are overwritten, to float32 activations."""
    if to.by.rounding is not Rounding.SINGLE:
        return lambda sums: torch.from_numpy(requantised(sums.numpy().astype(np.int64), to, np.float32))
    factors = torch.from_numpy(np.ldexp(np.array(to.by.mantissa, np.float64), np.array(to.by.shift) - 32))

    def run(sums: Tensor) -> Tensor:
        return sums.mul_(factors).add_(0.5).floor_().add_(to.zero_point).clamp_(to.low, to.high).float()

    return run


def linear(node: Node, graph: Graph, rounds: bool) -> Run:
    """Convolutions and dense layers, in float32 too; dead channels pass no gradient."""
    op: Any = node.op
    image, weights = graph.inputs_of(node)[:2]
    (output,) = graph.outputs_of(node)
    accumulate = TORCH[type(op)](replace(op, activation=IDENTITY))
    if image.dtype is DType.FLOAT32:
        return lambda inputs: TORCH[type(op)](op)(inputs, None)
    if image.dtype is not DType.INT8 or weights.quantization is None:
        raise UnsupportedError(f"has no twin for {image.dtype.value}", place=place_of(node))
    scales = np.array(weights.quantization.scale)
    to = requantisation(
        [image.scale * scale / output.scale for scale in scales], node, output, graph.rounding, op.activation
    )
    slopes = np.where(scales < DEAD_SCALE, 0.0, image.scale * scales / output.scale).astype(np.float32)
    factors, limits, rescaled = torch.from_numpy(slopes), (to.low, to.high), rescaler(to)

    def run(inputs: Sequence[Tensor]) -> Tensor:
        x, weights = inputs[:2]
        sums = accumulate([x - image.zero_point, weights], None)
        if not rounds:
            whole = sums + inputs[2].float() if len(inputs) == 3 else sums
            return scaled_and_limited(whole, factors, to.zero_point, limits)
        with torch.no_grad():
            exact = sums.double()
            if len(inputs) == 3:
                exact += inputs[2]
                if float(inputs[2].abs().max()) >= WRAPPING_BIAS:
                    exact -= torch.floor((exact + 2.0**31) / 2.0**32) * 2.0**32
            y = rescaled(exact)
        return through(y, limits, [factors] * (len(inputs) - 1), [sums, *inputs[2:]])

    return run


def add(node: Node, graph: Graph, rounds: bool) -> Run:
    """Sum of two activations with scales of their own."""
    assert isinstance(node.op, Add)
    sources, (output,) = graph.inputs_of(node), graph.outputs_of(node)
    kernel = prepare_results(node, graph)
    factors = [float(np.float32(source.scale / output.scale)) for source in sources]
    limits = activation_limits(node.op.activation, output)

    def run(inputs: Sequence[Tensor]) -> Tensor:
        if not rounds:
            terms = [
                (x - source.zero_point) * factor for x, source, factor in zip(inputs, sources, factors, strict=True)
            ]
            return scaled_and_limited(terms[0] + terms[1], 1.0, output.zero_point, limits)
        (y,) = kernel([x.detach().numpy().astype(np.int8) for x in inputs])
        return through(torch.from_numpy(y).float(), limits, factors, inputs)

    return run


def mean(node: Node, graph: Graph, rounds: bool) -> Run:
    """Mean over axes; equal scales cannot saturate."""
    op = node.op
    assert isinstance(op, Mean)
    (source,), (output,) = graph.inputs_of(node), graph.outputs_of(node)
    lowering = lower(node, graph)
    assert isinstance(lowering, MeanLowering)
    to = lowering.requantisation
    rescaled, factor = rescaler(to), float(np.float32(source.scale / (output.scale * lowering.count)))
    limits = None if source.quantization == output.quantization else (to.low, to.high)

    def run(inputs: Sequence[Tensor]) -> Tensor:
        sums = (inputs[0] - lowering.input_zero_point).sum(op.axes, keepdim=op.keep_axes)
        if not rounds:
            return scaled_and_limited(sums, factor, to.zero_point, (to.low, to.high))
        return through(rescaled(sums.detach().double()), limits, [factor], [sums])

    return run


def merge(node: Node, graph: Graph, rounds: bool) -> Run:
    """The channels that learn, put into the weights."""
    op = node.op
    assert isinstance(op, MergeChannels)
    channels = torch.tensor(op.channels)
    return lambda inputs: inputs[0].index_copy(op.axis, channels, inputs[1])


def dequantize(node: Node, graph: Graph, rounds: bool) -> Run:
    """The real numbers."""
    (source,) = graph.inputs_of(node)
    return lambda inputs: (inputs[0] - source.zero_point) * source.scale


def reshape(node: Node, graph: Graph, rounds: bool) -> Run:
    """Reshape within each sample."""
    assert isinstance(node.op, Reshape)
    return lambda inputs: TORCH[Reshape](node.op)(inputs, None)


def concat(node: Node, graph: Graph, rounds: bool) -> Run:
    """Tensors of one scale side by side."""
    op = node.op
    assert isinstance(op, Concat)
    return lambda inputs: torch.cat(list(inputs), op.axis)


OPERATORS: Mapping[type[Operator], Prepare] = {
    Add: add,
    Concat: concat,
    Conv2D: linear,
    DepthwiseConv2D: linear,
    Dequantize: dequantize,
    FullyConnected: linear,
    Mean: mean,
    MergeChannels: merge,
    Reshape: reshape,
}
"""Operator class -> how the twin prepares it."""


def prepared(node: Node, graph: Graph, rounds: bool) -> Run:
    """What ``node`` does.

    Raises:
        UnsupportedError: the twin has no such operator.
    """
    prepare = OPERATORS.get(type(node.op))
    if prepare is None:
        raise UnsupportedError(
            "has no twin in torch", place=place_of(node), remedy="simulate with the reference executor"
        )
    return prepare(node, graph, rounds)
