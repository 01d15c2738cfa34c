"""Emission: what converters build the graph with; it keeps names unique and transposes only what must be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.graph import Rounding
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import IDENTITY, Dequantize, Quantize, Reshape, Transpose
from tinyml_core.graph.operators.window import Activation
from tinyml_core.graph.tensor import DType, Quantization, Tensor
from tinyml_plugins.importers.onnx.network import Array, Node
from tinyml_plugins.importers.onnx.values import NHWC, Constant, Value, Variable, moves_nothing

LARGEST_CONSTANT = 1 << 26
"""Bytes that a constant may grow to when it is expanded."""


@dataclass(frozen=True, eq=False)
class Call:
    """A node to be converted.

    ``quantization`` is the result's, None where it is float; then the inputs are float too. ``activation`` is a clamp
    to fuse. ``name`` is the result's.
    """

    node: Node
    opset: int
    inputs: tuple[Value | None, ...]
    name: str
    dtype: DType
    quantization: Quantization | None = None
    activation: Activation = IDENTITY

    def variable(self, index: int) -> Variable:
        """An input that is computed."""
        value = self.inputs[index] if index < len(self.inputs) else None
        if not isinstance(value, Variable):
            raise self.unsupported(f"needs an input {index} that is computed")
        return value

    def operand(self, index: int) -> Value:
        """An input to compute with, computed or constant."""
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            raise InputError(f"lacks its input {index}", place=self.node.place)
        return value

    def constant(self, index: int) -> Constant:
        """An input that is constant."""
        value = self.inputs[index] if index < len(self.inputs) else None
        if not isinstance(value, Constant):
            raise self.unsupported(f"needs a constant input {index}")
        return value

    def optional(self, index: int) -> Constant | None:
        """An input that may be left out, and must be constant."""
        return None if index >= len(self.inputs) or self.inputs[index] is None else self.constant(index)

    def indices(self, index: int) -> tuple[int, ...] | None:
        """An input of integers that may be left out: axes, sizes, pads."""
        value = self.optional(index)
        if value is None:
            return None
        if value.data.dtype.kind not in "iu" or value.data.ndim > 1:
            raise InputError(f"input {index} is no list of integers", place=self.node.place)
        return tuple(int(each) for each in value.data.ravel())

    def unsupported(self, problem: str, remedy: str = "") -> UnsupportedError:
        """The error that refuses this node."""
        return UnsupportedError(problem, place=self.node.place, remedy=remedy)


class Emitter:
    """Adds tensors and nodes to one graph."""

    def __init__(self, name: str) -> None:
        self.builder = GraphBuilder(name, Rounding.SINGLE)
        self._names: set[str] = set()
        self._real: dict[str, Variable] = {}

    def unique(self, stem: str) -> str:
        """``stem``, or with a number behind it where that is taken."""
        name, count = stem, 1
        while name in self._names:
            count += 1
            name = f"{stem}_{count}"
        self._names.add(name)
        return name

    def tensor(self, variable: Variable) -> Tensor:
        """The tensor behind a variable."""
        return self.builder.tensor(variable.handle)

    def shape(self, variable: Variable) -> tuple[int, ...]:
        """The shape in the source."""
        shape = self.tensor(variable).shape
        return tuple(shape[axis] for axis in variable.source_axes)

    def input(self, name: str, shape: Sequence[int], dtype: DType, quantization: Quantization | None) -> str:
        """Add a graph input."""
        return self.builder.input(self.unique(name), shape, dtype, quantization)

    def constant(self, stem: str, data: Array, quantization: Quantization | None = None) -> str:
        """Add a constant, in the device's layout; raises UnsupportedError for a type that the device does not have."""
        if data.dtype.name not in [dtype.value for dtype in DType]:
            raise UnsupportedError(f"has elements of type {data.dtype}", place=f"constant {stem!r}")
        return self.builder.constant(self.unique(stem), np.asarray(data, order="C"), quantization)

    def emit(self, call: Call, op: Operator, inputs: Sequence[str], axes: Sequence[int]) -> Variable:
        """Add the node that computes a call's result."""
        (result,) = self.emit_all(call, op, inputs, axes)
        return result

    def emit_all(self, call: Call, op: Operator, inputs: Sequence[str], axes: Sequence[int]) -> tuple[Variable, ...]:
        """Add the node that computes a call's results, all in one layout."""
        handles = self.builder.node_outputs(op, inputs, name=self.unique(call.name), quantization=call.quantization)
        return tuple(
            Variable(
                handle, self.builder.tensor(handle).dtype if call.quantization is None else call.dtype, tuple(axes)
            )
            for handle in handles
        )

    def step(self, stem: str, op: Operator, handle: str, quantization: Quantization | None) -> str:
        """Add a node that prepares or finishes another."""
        return self.builder.node(op, [handle], name=self.unique(stem), quantization=quantization)

    def reshaped(self, handle: str, shape: Sequence[int]) -> str:
        """The same elements under another shape."""
        tensor = self.builder.tensor(handle)
        if tensor.shape == tuple(shape):
            return handle
        return self.step(f"{handle}/reshaped", Reshape(tuple(shape)), handle, tensor.quantization)

    def quantized(self, name: str, variable: Variable, quantization: Quantization, dtype: DType) -> Variable:
        """``variable`` as integers of ``quantization``; itself where they are that already."""
        handle = variable.handle
        if self.tensor(variable).quantization != quantization:
            handle = self.step(name, Quantize("int8"), handle, quantization)
        return Variable(handle, dtype, variable.axes, variable.flattened)

    def dequantized(self, variable: Variable) -> Variable:
        """``variable`` as the numbers that it stands for; one node however often it is asked for."""
        if self.tensor(variable).quantization is None:
            return variable
        if variable.handle not in self._real:
            handle = self.step(f"{variable.handle}/real", Dequantize(), variable.handle, None)
            self._real[variable.handle] = Variable(handle, DType.FLOAT32, variable.axes, variable.flattened)
        return Variable(self._real[variable.handle].handle, DType.FLOAT32, variable.axes, variable.flattened)

    def plain(self, variable: Variable) -> Variable:
        """``variable`` in the source's order where it was flattened in the device's: a transposition."""
        if variable.flattened is None:
            return variable
        shape, axes = variable.flattened.shape, variable.flattened.axes
        samples = self.tensor(variable).shape[0]
        image = self.reshaped(variable.handle, (samples, *(shape[axis] for axis in axes)))
        order = self.laid_out(Variable(image, variable.dtype, (0, *(1 + axis for axis in axes))), range(1 + len(axes)))
        return Variable(self.reshaped(order, self.tensor(variable).shape), variable.dtype, variable.axes)

    def laid_out(self, variable: Variable, axes: Sequence[int]) -> str:
        """The handle of ``variable`` in the layout ``axes``: reshaped where that is enough, otherwise transposed."""
        variable = self.plain(variable)
        permutation = tuple(variable.axes.index(axis) for axis in axes)
        tensor = self.tensor(variable)
        if moves_nothing(tensor.shape, permutation):
            return self.reshaped(variable.handle, [tensor.shape[axis] for axis in permutation])
        return self.step(f"{variable.handle}/transposed", Transpose(permutation), variable.handle, tensor.quantization)

    def image(self, call: Call, index: int = 0) -> str:
        """An input as an NHWC image."""
        variable = call.variable(index)
        rank = len(variable.axes)
        if rank != 4:
            raise call.unsupported(f"works on a tensor of rank {rank}; images [n, c, h, w] are known")
        return self.laid_out(variable, NHWC)

    def requantized(self, call: Call, value: Value) -> Value:
        """``value`` in the quantisation of the call's result."""
        assert call.quantization is not None
        if isinstance(value, Variable):
            return self.quantized(f"{value.handle}/requantized", value, call.quantization, DType.FLOAT32)
        step, point = call.quantization.scale[0], call.quantization.zero_point[0]
        data = np.clip(np.rint(value.real.astype(np.float64) / step) + point, -128, 127).astype(np.int8)
        return Constant(value.name, data, call.quantization)

    def on_device(self, call: Call, constant: Constant) -> tuple[Array, Quantization | None]:
        """The data of a constant: int8 where the call computes in integers, else the numbers it stands for."""
        data, quantization = constant.data, constant.quantization
        if call.quantization is None:
            return (constant.real if quantization is not None else data), None
        if quantization is None or quantization.axis is not None or data.dtype.name not in ("int8", "uint8"):
            raise call.unsupported(f"needs the constant {constant.name!r} as int8 or uint8 with one scale")
        if data.dtype == np.uint8:
            quantization = Quantization.per_tensor(quantization.scale[0], quantization.zero_point[0] - 128)
            data = (data.astype(np.int16) - 128).astype(np.int8)
        return data, quantization
