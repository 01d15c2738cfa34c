"""Gradients by torch autograd, in float64, of what a training step computes forwards.

Every activation is first computed without rounding and must be what the reference executor rounded; then it takes the
reference's integer, so that both hold the same bits, and the gradient passes straight through where torch's own
``hardtanh`` lets it: not at the limits. Forwards and backwards this shares nothing with the rules of
:mod:`tinyml_core.training.rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from tinyml_core.arithmetic.executor import execute
from tinyml_core.arithmetic.lowering import lower_move
from tinyml_core.arithmetic.lowering.linear import FARTHEST_BIAS
from tinyml_core.arithmetic.lowering.requantisation import activation_limits
from tinyml_core.errors import GraphError
from tinyml_core.graph import DType, Graph, Node
from tinyml_core.graph import operators as ops
from tinyml_core.graph.operators import MergeChannels
from tinyml_core.graph.operators.window import Window
from tinyml_core.graph.tensor import Tensor
from tinyml_plugins.training.twin.straight_through import through

Array = npt.NDArray[Any]
TOLERANCE = 1e-3
"""What the factors' 21 to 32 bits leave of half a step."""


def gradients_by_autograd(
    graph: Graph, values: Mapping[str, Array], target: Array, loss: str
) -> tuple[float, dict[str, Array]]:
    """Loss and gradients, by name, of the variables among ``values``, the inputs of an evaluation graph."""
    twin = _Twin(graph, values)
    (logits,) = (twin.values[name] for name in graph.outputs)
    result = LOSSES[loss](logits, torch.tensor(np.asarray(target, np.float64)).reshape(1, -1))
    result.backward()  # type: ignore[no-untyped-call]
    return result.item(), {name: leaf.grad.numpy() for name, leaf in twin.leaves.items() if leaf.grad is not None}


LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "cross-entropy": lambda logits, target: functional.cross_entropy(logits, target),
    "mse": lambda logits, target: functional.mse_loss(logits, target),
    "binary": lambda logits, target: functional.binary_cross_entropy_with_logits(logits, target),
}


class _Twin:
    def __init__(self, graph: Graph, values: Mapping[str, Array]) -> None:
        self.graph = graph
        self.reference = execute(graph, values, keep=[name for node in graph.nodes for name in node.outputs])
        self.values: dict[str, torch.Tensor] = {}
        for name, tensor in graph.tensors.items():
            data = values.get(name, tensor.data)
            if data is not None:
                self.values[name] = torch.tensor(np.asarray(data, np.float64))
        self.leaves = {name: self.values[name].requires_grad_() for name in graph.inputs[1:]}
        for node in graph.nodes:
            results = FORWARD[type(node.op)](self, node, *(self.values[name] for name in node.inputs))
            for name, result in zip(node.outputs, results if isinstance(results, tuple) else (results,), strict=True):
                if graph.tensors[name].dtype is DType.INT8 and not isinstance(node.op, MergeChannels):
                    self._check(name, result)
                self.values[name] = result

    def _check(self, name: str, result: torch.Tensor) -> None:
        if not np.array_equal(result.detach().numpy(), self.reference[name]):
            raise GraphError("is not what the reference executor computes", place=f"tensor {name!r}")

    def source(self, node: Node, index: int = 0) -> Tensor:
        return self.graph.inputs_of(node)[index]

    def output(self, node: Node) -> Tensor:
        return self.graph.outputs_of(node)[0]

    def snapped(
        self, node: Node, value: torch.Tensor, *, saturates: bool = True, slack: torch.Tensor | float = 0.0
    ) -> torch.Tensor:
        """``value``, in steps of the output and without its zero point, as the integers that the reference has."""
        output = self.output(node)
        low, high = activation_limits(getattr(node.op, "activation", ops.IDENTITY), output)
        value = value + output.zero_point
        integers = torch.tensor(self.reference[output.name].astype(np.float64))
        farthest = ((value.detach().clamp(low, high) - integers).abs() - slack).max().item()
        if farthest > 0.5 + TOLERANCE:
            raise GraphError(f"is {farthest} away from what it should round to", place=f"node {node.name!r}")
        through = _straight_through(value, integers)
        if (low, high) == DType.INT8.limits and not saturates:
            return through
        return functional.hardtanh(through, low, high)

    def real(self, name: str) -> torch.Tensor:
        tensor = self.graph.tensors[name]
        return (self.values[name] - tensor.zero_point) * tensor.scale


def _straight_through(value: torch.Tensor, integers: torch.Tensor) -> torch.Tensor:
    return through(integers, None, [1.0], [value])


def _window(twin: _Twin, node: Node, image: torch.Tensor, fill: float) -> torch.Tensor:
    assert isinstance(node.op, Window)
    top, bottom, left, right = node.op.padding
    return functional.pad(image.permute(0, 3, 1, 2), (left, right, top, bottom), value=fill)


def _linear(twin: _Twin, node: Node, image: torch.Tensor, weights: torch.Tensor, *bias: torch.Tensor) -> torch.Tensor:
    op, source, output = node.op, twin.source(node), twin.output(node)
    whole = output.dtype is DType.FLOAT32
    image = image if whole else image - source.zero_point
    if isinstance(op, ops.FullyConnected):
        total = image @ weights.T
    else:
        assert isinstance(op, Window)
        padded = _window(twin, node, image, 0.0)
        depthwise = isinstance(op, ops.DepthwiseConv2D)
        taps = weights.permute(3, 0, 1, 2) if depthwise else weights.permute(0, 3, 1, 2)
        groups = source.shape[3] if depthwise else 1
        total = functional.conv2d(padded, taps, None, op.stride, 0, op.dilation, groups).permute(0, 2, 3, 1)
    if bias:
        varies = not whole and node.inputs[2] in twin.leaves
        total = total + (bias[0].clamp(-FARTHEST_BIAS, FARTHEST_BIAS) if varies else bias[0])
    if whole:
        return total
    wrapped = (total.detach() + 2**31) % 2**32 - 2**31
    quantization = twin.source(node, 1).quantization
    assert quantization is not None
    factors = torch.tensor(source.scale * np.array(quantization.scale) / output.scale)
    coarse = wrapped.abs() * 2.0**-33  # factors are multiples of 2**-32, which huge biases of dead channels tell
    return twin.snapped(node, _straight_through(total, wrapped) * factors, slack=coarse)


def _weighted(twin: _Twin, node: Node, left: torch.Tensor, right: torch.Tensor, sign: float = 1.0) -> torch.Tensor:
    total = twin.real(node.inputs[0]) + sign * twin.real(node.inputs[1])
    return twin.snapped(node, total / twin.output(node).scale)


def _binary(twin: _Twin, node: Node, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    assert isinstance(node.op, ops.Binary)
    if node.op.function == "subtract":
        return _weighted(twin, node, left, right, -1.0)
    return twin.snapped(node, twin.real(node.inputs[0]) * twin.real(node.inputs[1]) / twin.output(node).scale)


def _rescaled(twin: _Twin, node: Node, source: torch.Tensor) -> torch.Tensor:
    same = twin.source(node).quantization == twin.output(node).quantization and isinstance(node.op, ops.Quantize)
    return twin.snapped(node, twin.real(node.inputs[0]) / twin.output(node).scale, saturates=not same)


def _mean(twin: _Twin, node: Node, source: torch.Tensor) -> torch.Tensor:
    op = node.op
    assert isinstance(op, ops.Mean)
    same = twin.source(node).quantization == twin.output(node).quantization
    mean = twin.real(node.inputs[0]).mean(op.axes, keepdim=op.keep_axes)
    return twin.snapped(node, mean / twin.output(node).scale, saturates=not same)


def _average(twin: _Twin, node: Node, image: torch.Tensor) -> torch.Tensor:
    op, channels = node.op, image.shape[3]
    assert isinstance(op, ops.AveragePool2D)
    padded, inside = (_window(twin, node, each, 0.0) for each in (image, torch.ones_like(image)))
    ones = torch.ones((channels, 1, *op.kernel), dtype=torch.float64)
    total, count = (functional.conv2d(each, ones, None, op.stride, groups=channels) for each in (padded, inside))
    average = (total / count).permute(0, 2, 3, 1)
    return twin.snapped(node, average - twin.output(node).zero_point, saturates=False)


def _maximum(twin: _Twin, node: Node, image: torch.Tensor) -> torch.Tensor:
    op = node.op
    assert isinstance(op, ops.MaxPool2D)
    padded = _window(twin, node, image, -float("inf"))
    greatest = functional.max_pool2d(padded, op.kernel, op.stride).permute(0, 2, 3, 1)
    return twin.snapped(node, greatest - twin.output(node).zero_point, saturates=False)


def _unary(twin: _Twin, node: Node, source: torch.Tensor) -> torch.Tensor:
    op, real = node.op, twin.real(node.inputs[0])
    assert isinstance(op, ops.Unary)
    value = FUNCTIONS[op.function](real, op.alpha)
    return twin.snapped(node, value / twin.output(node).scale)


FUNCTIONS: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "hard_swish": lambda x, _: functional.hardswish(x),
    "leaky_relu": lambda x, alpha: functional.leaky_relu(x, alpha),
    "sigmoid": lambda x, _: torch.sigmoid(x),
    "tanh": lambda x, _: torch.tanh(x),
}


def _pad(twin: _Twin, node: Node, source: torch.Tensor) -> torch.Tensor:
    assert isinstance(node.op, ops.Pad)
    sides = [side for pair in reversed(node.op.padding) for side in pair]
    return functional.pad(source, sides, value=float(lower_move(node, twin.graph).fill))


def _slice(twin: _Twin, node: Node, source: torch.Tensor) -> torch.Tensor:
    op = node.op
    assert isinstance(op, ops.Slice)
    return source[tuple(slice(start, start + size) for start, size in zip(op.starts, op.sizes, strict=True))]


def _merged(twin: _Twin, node: Node, whole: torch.Tensor, learnt: torch.Tensor) -> torch.Tensor:
    op = node.op
    assert isinstance(op, MergeChannels)
    return whole.index_copy(op.axis, torch.tensor(op.channels), learnt)


FORWARD: dict[type, Callable[..., Any]] = {
    ops.Add: _weighted,
    ops.AveragePool2D: _average,
    ops.Binary: _binary,
    ops.Clamp: _rescaled,
    ops.Concat: lambda twin, node, *parts: torch.cat(parts, node.op.axis),
    ops.Conv2D: _linear,
    ops.DepthwiseConv2D: _linear,
    ops.Dequantize: lambda twin, node, source: twin.real(node.inputs[0]),
    ops.Expand: lambda twin, node, source: source.expand(node.op.shape),
    ops.FullyConnected: _linear,
    ops.MaxPool2D: _maximum,
    ops.Mean: _mean,
    ops.MergeChannels: _merged,
    ops.Pad: _pad,
    ops.Quantize: _rescaled,
    ops.Reshape: lambda twin, node, source: source.reshape(node.op.shape),
    ops.Slice: _slice,
    ops.Split: lambda twin, node, source: torch.split(source, node.op.sizes, node.op.axis),
    ops.Transpose: lambda twin, node, source: source.permute(node.op.axes),
    ops.Unary: _unary,
}
