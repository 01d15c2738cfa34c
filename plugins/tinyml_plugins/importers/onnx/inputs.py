"""Inputs: in which type, scale and layout the device takes what the file declares."""

from __future__ import annotations

from collections.abc import Iterator

from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.operators import Quantize
from tinyml_core.graph.tensor import DType, Quantization
from tinyml_plugins.importers.onnx.converters import CONVERTERS
from tinyml_plugins.importers.onnx.converters.integers import PLAIN
from tinyml_plugins.importers.onnx.emission import Emitter
from tinyml_plugins.importers.onnx.layout import wanted_axes
from tinyml_plugins.importers.onnx.network import Network, Port
from tinyml_plugins.importers.onnx.quantization import Parameters, has_constant_scale, parameters
from tinyml_plugins.importers.onnx.values import Variable


def input_variable(port: Port, network: Network, emitter: Emitter) -> Variable:
    """The variable that ``port`` becomes: integers where all that reads it are quantisers of one kind.

    Integers whose scale nobody tells stand for themselves.

    Raises:
        UnsupportedError: its sizes are not fixed.
    """
    place = f"input {port.name!r}"
    if port.shape is None:
        raise UnsupportedError("has no shape", place=place, remedy="export it with fixed sizes")
    if None in port.shape[1:]:
        raise UnsupportedError(
            f"has sizes that are not fixed: {list(port.shape)}", place=place,
            remedy="fix them: python -m onnxruntime.tools.make_dynamic_shape_fixed",
        )  # fmt: skip
    source = tuple(size or 1 for size in port.shape)  # a batch of any size is one sample at a time
    axes = wanted_axes(network, port.name, len(source))
    shape = [source[axis] for axis in axes]
    found = list(_parameters_behind(network, port.name))
    if port.dtype is DType.FLOAT32:
        readers = len(found) and all(each is not None and each == found[0] for each in found)
        first = found[0] if readers and port.name not in network.output_names else None
        if first is None or first.dtype not in ("int8", "uint8") or first.quantization.axis is not None:
            return Variable(emitter.input(port.name, shape, DType.FLOAT32, None), DType.FLOAT32, axes)
        quantization = first.quantization
        if first.dtype == "uint8":
            quantization = Quantization.per_tensor(quantization.scale[0], quantization.zero_point[0] - 128)
        return Variable(emitter.input(port.name, shape, DType.INT8, quantization), DType.FLOAT32, axes)
    if port.dtype not in PLAIN:
        return Variable(emitter.input(port.name, shape, port.dtype, None), port.dtype, axes)
    known = next((each for each in found if each is not None and each.dtype == port.dtype.value), None)
    quantization = Quantization.per_tensor(1.0, 0) if known is None else known.quantization  # of the file's integers
    handle = emitter.input(port.name, shape, port.dtype, quantization)
    if port.dtype is DType.UINT8:
        signed = Quantization.per_tensor(quantization.scale[0], quantization.zero_point[0] - 128)
        handle = emitter.step(f"{port.name}/int8", Quantize("int8"), handle, signed)
    return Variable(handle, port.dtype, axes)


def _parameters_behind(network: Network, name: str) -> Iterator[Parameters | None]:
    """Parameters of the quantisers that read ``name``, through nodes that only move it; None for other readers."""
    waiting = [name]
    while waiting:
        name = waiting.pop()
        if name in network.output_names:
            yield None
        for node in network.consumers.get(name, ()):
            converter = CONVERTERS.get((node.domain, node.op_type))
            if node.op_type in ("QuantizeLinear", "DequantizeLinear") and name not in node.inputs[1:]:
                yield parameters(node, network.constants) if has_constant_scale(node, network.constants) else None
            elif converter is not None and converter.moves and name not in node.inputs[1:]:
                waiting += filter(None, node.outputs)
            else:
                yield None
