"""Gradients of convolutions and dense layers: of the input, the bias, and the weights or those channels that learn.

With ``e = s_x * s_w / s_y`` for each output channel, all three are computed from the gradient of the accumulator, which
is that of the output times ``e`` where the output does not saturate.
"""

from __future__ import annotations

import numpy as np

from tinyml_core.api.optimizer import DEAD_SCALE
from tinyml_core.graph.graph import Node
from tinyml_core.graph.operators import (
    BiasGradient,
    Conv2D,
    Conv2DInputGradient,
    Conv2DWeightGradient,
    DepthwiseConv2D,
    DepthwiseInputGradient,
    DepthwiseWeightGradient,
    Gather,
    MatMul,
    MergeChannels,
    Reshape,
)
from tinyml_core.graph.tensor import Quantization, Tensor
from tinyml_core.training.autodiff import Backward


def convolution(back: Backward, node: Node) -> None:
    """:class:`Conv2D`."""
    op = node.op
    assert isinstance(op, Conv2D)
    image, weights = back.graph.inputs_of(node)[:2]
    kernel = weights.shape[1:3]
    gradient = _of_accumulator(back, node)
    _bias(back, node, gradient)
    if back.wants(image.name):
        backwards = Conv2DInputGradient(op.stride, op.padding, op.dilation, height=image.shape[1], width=image.shape[2])
        back.give(image.name, back.emit(backwards, [gradient, _read_again(back, node)], node, "input_gradient"))
    variable, channels = _learning_weights(back, weights.name)
    if variable is not None:
        source = image.name if channels is None else _chosen(back, node, image.name, channels, 3, "input")
        op_gradient = Conv2DWeightGradient(op.stride, op.padding, op.dilation, kernel=(kernel[0], kernel[1]))
        back.give(variable, back.emit(op_gradient, [source, gradient], node, "weight_gradient"))


def depthwise(back: Backward, node: Node) -> None:
    """:class:`DepthwiseConv2D`; where some filters learn, each has an input channel of its own.

    The input's gradient comes last, since it may take the place of the output's.
    """
    op = node.op
    assert isinstance(op, DepthwiseConv2D)
    image, weights = back.graph.inputs_of(node)[:2]
    kernel, multiplier = weights.shape[1:3], weights.shape[3] // image.shape[3]
    gradient = _of_accumulator(back, node)
    _bias(back, node, gradient)
    variable, channels = _learning_weights(back, weights.name)
    if variable is not None:
        source, chosen = image.name, gradient
        if channels is not None:
            read = tuple(channel // multiplier for channel in channels)
            source = _chosen(back, node, source, read, 3, "input")
            chosen = _chosen(back, node, gradient, channels, 3, "output_gradient")
        op_gradient = DepthwiseWeightGradient(op.stride, op.padding, op.dilation, kernel=(kernel[0], kernel[1]))
        back.give(variable, back.emit(op_gradient, [source, chosen], node, "weight_gradient"))
    if back.wants(image.name):
        backwards = DepthwiseInputGradient(
            op.stride, op.padding, op.dilation, height=image.shape[1], width=image.shape[2], multiplier=multiplier
        )
        back.give(image.name, back.emit(backwards, [gradient, _read_again(back, node)], node, "input_gradient"))


def dense(back: Backward, node: Node) -> None:
    """:class:`FullyConnected`: of integers as a convolution of one tap, in float32 as products of matrices."""
    if back.is_float(node):
        _float_dense(back, node)
        return
    rows, weights = back.graph.inputs_of(node)[:2]
    (count, features), classes = rows.shape, weights.shape[0]
    gradient = _of_accumulator(back, node)
    spread = back.emit(Reshape((1, count, 1, classes)), [gradient], node, "output_gradient")
    if back.wants(rows.name):
        taps = _taps(back, node, weights, (classes, 1, 1, features))
        backwards = back.emit(Conv2DInputGradient(height=count, width=1), [spread, taps], node, "pixels_gradient")
        back.give(rows.name, back.emit(Reshape(rows.shape), [backwards], node, "input_gradient"))
    _bias(back, node, gradient)
    variable, channels = _learning_weights(back, weights.name)
    if variable is not None:
        source = rows.name if channels is None else _chosen(back, node, rows.name, channels, 1, "input")
        wide = back.tensor(source).shape[1]
        pixels = back.emit(Reshape((1, count, 1, wide)), [source], node, "pixels", rows.quantization)
        filters = back.emit(Conv2DWeightGradient(), [pixels, spread], node, "filters_gradient")
        back.give(variable, back.emit(Reshape((classes, wide)), [filters], node, "weight_gradient"))


def _taps(back: Backward, node: Node, weights: Tensor, shape: tuple[int, ...]) -> str:
    """Weights of a dense layer as those of a convolution, in flash where they are constant."""
    if weights.data is not None:
        return back.constant(weights.data.reshape(shape), f"{node.name}.taps", weights.quantization)
    return back.emit(Reshape(shape), [weights.name], node, "taps", weights.quantization)


def _float_dense(back: Backward, node: Node) -> None:
    rows, weights = node.inputs[:2]
    gradient = back.gradient_of(node)
    if back.wants(rows):
        back.give(rows, back.emit(MatMul(), [gradient, weights], node, "input_gradient"))
    _bias(back, node, gradient)
    if back.wants(weights):
        back.give(weights, back.emit(MatMul(transpose_left=True), [gradient, rows], node, "weight_gradient"))


def _of_accumulator(back: Backward, node: Node) -> str:
    """The gradient of the integers before requantisation; 0 in dead channels, which hold one value for ever."""
    if back.is_float(node):
        return back.gradient_of(node)
    image, weights = back.graph.inputs_of(node)[:2]
    (output,) = back.graph.outputs_of(node)
    quantization = weights.quantization
    assert isinstance(quantization, Quantization)
    scales = np.array(quantization.scale)
    factors = np.where(scales < DEAD_SCALE, 0.0, image.scale * scales / output.scale)
    return back.masked(node, factors, "accumulator_gradient")


def _bias(back: Backward, node: Node, gradient: str) -> None:
    if len(node.inputs) == 3 and back.wants(node.inputs[2]):
        back.give(node.inputs[2], back.emit(BiasGradient(), [gradient], node, "bias_gradient"))


def _read_again(back: Backward, node: Node) -> str:
    """The whole weights of a layer, merged once more where only some channels learn: they need not stay in between."""
    producer = back.graph.producers.get(node.inputs[1])
    if producer is None or not isinstance(producer.op, MergeChannels):
        return node.inputs[1]
    whole = back.tensor(node.inputs[1])
    return back.emit(producer.op, list(producer.inputs), node, "weight.merged_again", whole.quantization)


def _learning_weights(back: Backward, weights: str) -> tuple[str | None, tuple[int, ...] | None]:
    """The variable behind a layer's weights, None where they are constant; and the channels in it, None for all."""
    if not back.wants(weights):
        return None, None
    producer = back.graph.producers.get(weights)
    if producer is None:
        return weights, None
    assert isinstance(producer.op, MergeChannels)
    return producer.inputs[1], producer.op.channels


def _chosen(back: Backward, node: Node, name: str, channels: tuple[int, ...], axis: int, what: str) -> str:
    indices = back.constant(np.array(channels, np.int32), f"{node.name}.channels")
    quantization = back.tensor(name).quantization
    return back.emit(Gather(axis), [name, indices], node, f"chosen_{what}", quantization)
