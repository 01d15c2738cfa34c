"""Windows over one axis as windows over two, of which the first has size 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tinyml_plugins.importers.onnx.converters.composition import reshaped
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.network import Attribute
from tinyml_plugins.importers.onnx.values import Constant, Value, Variable

Convert = Callable[[Call, Emitter], Variable]
FIRST = {"dilations": 1, "kernel_shape": 1, "output_padding": 0, "output_shape": 1, "strides": 1}
"""What a list says about the axis of size 1."""


def one_or_two(convert: Convert) -> Convert:
    """A converter of images that takes signals [n, c, w] too."""

    def converted(call: Call, emitter: Emitter) -> Variable:
        value = call.variable(0)
        if len(value.axes) != 3:
            return convert(call, emitter)
        n, c, w = emitter.shape(value)
        inputs: list[Value | None] = [reshaped(call, emitter, value, (n, c, 1, w)), *call.inputs[1:]]
        weights = inputs[1] if len(inputs) > 1 else None
        if isinstance(weights, Constant) and weights.data.ndim == 3:
            inputs[1] = Constant(weights.name, weights.data[:, :, None, :], weights.quantization)
        attributes = {name: _widened(name, value) for name, value in call.node.attributes.items()}
        wide = replace(call, node=replace(call.node, attributes=attributes), inputs=tuple(inputs))
        result = convert(wide, emitter)
        n, c, _, w = emitter.shape(result)
        return reshaped(call, emitter, result, (n, c, w))

    return converted


def _widened(name: str, value: Attribute) -> Attribute:
    if isinstance(value, tuple) and name in FIRST:
        return (FIRST[name], *value)
    if isinstance(value, tuple) and name == "pads" and len(value) == 2:
        first, last = value
        return (0, first, 0, last) if isinstance(first, int) and isinstance(last, int) else value
    return value
