"""Clamps, batch normalisation and softmax."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyml_core.errors import InputError
from tinyml_core.graph.operators import IDENTITY, RELU, BatchNorm, Clamp, Softmax
from tinyml_core.graph.operators.window import Activation
from tinyml_core.graph.tensor import DType, Quantization
from tinyml_plugins.importers.onnx.converters.pointwise import clip as computed_clip
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.network import Node
from tinyml_plugins.importers.onnx.values import Constant, Value, Variable

INTEGER_SOFTMAX = Quantization.per_tensor(1 / 256, -128)
"""The only quantisation that the integer softmax writes; within one of onnxruntime's. Others are computed in float."""


def limits(node: Node, inputs: Sequence[Value | None]) -> Activation | None:
    """The bounds of a Relu or Clip; None for another operator, or when they are not constant."""
    if node.domain:
        return None
    if node.op_type == "Relu" and len(inputs) == 1 and not node.attributes:
        return RELU
    if node.op_type != "Clip" or not 1 <= len(inputs) <= 3 or node.attributes:
        return None
    bounds = list(IDENTITY)
    for index, value in enumerate(inputs[1:]):
        if not isinstance(value, Constant):
            if node.inputs[1 + index]:
                return None
            continue
        if value.data.size != 1 or np.isnan(value.real).any():
            raise InputError("has a limit that is not one number", place=node.place)
        bounds[index] = float(value.real.ravel()[0])
    return min(bounds[0], bounds[1]), bounds[1]  # ONNX: the greatest value wins where the limits cross


def clip(call: Call, emitter: Emitter) -> Variable:
    """Relu and Clip that stand alone."""
    own = limits(call.node, call.inputs)
    integers = call.variable(0).dtype is not DType.FLOAT32
    if own is None or (integers and call.node.op_type == "Clip"):
        return computed_clip(call, emitter)
    low, high = (min(max(bound, call.activation[0]), call.activation[1]) for bound in own)
    variable = call.variable(0)
    result = emitter.emit(call, Clamp(activation=(low, high)), [variable.handle], variable.axes)
    return replace(result, flattened=variable.flattened)


def batch_normalization(call: Call, emitter: Emitter) -> Variable:
    """BatchNormalization for inference, over axis 1."""
    if call.node.integer("training_mode", 0):
        raise call.unsupported("is in training mode", "export the network for inference")
    epsilon = call.node.number("epsilon", 1e-5)
    if epsilon < 0:
        raise InputError(f"has epsilon {epsilon:g}", place=call.node.place)
    variable = call.variable(0)
    rank = len(variable.axes)
    if rank < 2:
        raise InputError("has no channels", place=call.node.place)
    axes = (0, *range(2, rank), 1)
    inputs = [emitter.laid_out(variable, axes)]
    for index in range(1, 5):
        parameter = call.operand(index)
        if isinstance(parameter, Constant):
            inputs.append(emitter.constant(parameter.name, parameter.real))
        else:
            inputs.append(parameter.handle)
    return emitter.emit(call, BatchNorm(epsilon=epsilon), inputs, axes)


def softmax(call: Call, emitter: Emitter) -> Variable:
    """Softmax, along the axis that lies last on the device then."""
    variable = call.variable(0)
    rank = len(variable.axes)
    axis = call.node.integer("axis", -1)
    if not -rank <= axis < rank:
        raise InputError(f"has axis {axis} for a tensor of rank {rank}", place=call.node.place)
    axes = (*(each for each in variable.axes if each != axis % rank), axis % rank)
    return emitter.emit(call, Softmax(), [emitter.laid_out(variable, axes)], axes)
