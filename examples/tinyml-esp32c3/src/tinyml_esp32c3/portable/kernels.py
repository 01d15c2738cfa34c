"""Kernels: for each operator, which calls of ``portable.h`` carry it out and what they cost.

All constants come from :func:`tinyml_core.arithmetic.lowering.lower`, where the reference executor gets them too, so
the C and NumPy cannot disagree about a scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyml_core.arithmetic.lowering import (
    LinearLowering,
    MeanLowering,
    PoolLowering,
    RescaleLowering,
    SingleRoundingAdd,
    SoftmaxLowering,
    TableLowering,
    TfliteAdd,
    lower,
)
from tinyml_core.arithmetic.requantise import requantise
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    Add,
    AveragePool2D,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Quantize,
    Reshape,
    Softmax,
    Unary,
)
from tinyml_core.graph.operators.window import Window
from tinyml_core.graph.tensor import DType
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_esp32c3.portable.layer import Layer, literal
from tinyml_esp32c3.portable.rates import cycles

TABLE_BYTES = 256


@dataclass(frozen=True)
class Kernel:
    """``offer`` says what a node needs, or None where the kernel does not know it; ``emit`` writes its statement."""

    offer: Callable[[Node, Graph, HardwareProfile], Schedule | None]
    emit: Callable[[Layer], str]


def _window(node: Node, graph: Graph) -> dict[str, int]:
    """Fields of a ``portable_window``; a dense layer is a convolution over the rows of its input."""
    image, output, op = graph.inputs_of(node)[0], graph.outputs_of(node)[0], node.op
    if isinstance(op, FullyConnected):
        sizes: tuple[int, ...] = (image.shape[0], 1, image.shape[1], image.shape[0], 1, output.shape[1])
        window: Window = Window()
        kernel: tuple[int, ...] = (1, 1)
    else:
        assert isinstance(op, Window)
        sizes, window = (*image.shape[1:], *output.shape[1:]), op
        kernel = op.kernel if isinstance(op, AveragePool2D | MaxPool2D) else graph.inputs_of(node)[1].shape[1:3]
    names = ("height", "width", "channels", "rows", "columns", "outputs")
    return dict(zip(names, sizes, strict=True)) | {
        "kernel_rows": kernel[0], "kernel_columns": kernel[1],
        "stride_rows": window.stride[0], "stride_columns": window.stride[1],
        "dilation_rows": window.dilation[0], "dilation_columns": window.dilation[1],
        "top": window.padding[0], "left": window.padding[2],
    }  # fmt: skip


def _inside(node: Node, graph: Graph) -> float:
    """The share of the window's taps that lie inside the image: those of padding are skipped."""
    w = _window(node, graph)
    share = 1.0
    for size, outputs, axis, before in (("height", "rows", "rows", "top"), ("width", "columns", "columns", "left")):
        taps = np.arange(w[f"kernel_{axis}"]) * w[f"dilation_{axis}"] - w[before]
        places = np.arange(w[outputs])[:, np.newaxis] * w[f"stride_{axis}"] + taps
        share *= float(np.mean((places >= 0) & (places < w[size])))
    return share


def _block(node: Node, graph: Graph) -> int:
    """Filters that share the reading of their input."""
    return 4 if graph.outputs_of(node)[0].shape[-1] % 4 == 0 else 1


def _linear_kernel(node: Node, graph: Graph) -> str:
    if isinstance(node.op, DepthwiseConv2D):
        return "depthwise"
    return "conv2d-fours" if _block(node, graph) == 4 else "conv2d"


def _offer_linear(node: Node, graph: Graph, profile: HardwareProfile) -> Schedule | None:
    if not isinstance(node.op, FullyConnected) and graph.inputs_of(node)[0].shape[0] != 1:
        return None
    lowering = lower(node, graph)
    if not isinstance(lowering, LinearLowering) or lowering.bias.dtype != np.int32:
        return None
    kernel, output = _linear_kernel(node, graph), graph.outputs_of(node)[0]
    flash = lowering.weights.size + 4 * lowering.bias.size + 5 * len(lowering.requantisation.by.mantissa)
    macs = round(node.op.macs(graph.inputs_of(node), graph.outputs_of(node)) * _inside(node, graph))
    return Schedule(kernel=kernel, cycles=cycles(kernel, profile, steps=macs, outputs=output.elements), flash=flash)


def _emit_linear(layer: Layer) -> str:
    lowering = lower(layer.node, layer.graph)
    assert isinstance(lowering, LinearLowering)
    depthwise = isinstance(layer.node.op, DepthwiseConv2D)
    arguments = [
        layer.source(), layer.target(),
        layer.table("weights", "int8_t", lowering.weights.reshape(-1).tolist()),
        layer.table("bias", "int32_t", lowering.bias.tolist()),
        str(lowering.input_zero_point),
        literal("portable_window", _window(layer.node, layer.graph)),
        layer.finishing(lowering.requantisation),
        *([] if depthwise else [str(_block(layer.node, layer.graph))]),
    ]  # fmt: skip
    return _call("portable_depthwise" if depthwise else "portable_conv2d", arguments)


_POOLS: dict[type[Operator], str] = {AveragePool2D: "average-pool", MaxPool2D: "max-pool"}


def _offer_pool(node: Node, graph: Graph, profile: HardwareProfile) -> Schedule | None:
    assert isinstance(node.op, AveragePool2D | MaxPool2D)
    lower(node, graph)
    if graph.inputs_of(node)[0].shape[0] != 1:
        return None
    kernel, outputs = _POOLS[type(node.op)], graph.outputs_of(node)[0].elements
    taps = round(outputs * math.prod(node.op.kernel) * _inside(node, graph))
    estimated = cycles(kernel, profile, steps=taps, outputs=outputs)
    return Schedule(kernel=kernel, cycles=estimated)


def _emit_pool(layer: Layer) -> str:
    lowering = lower(layer.node, layer.graph)
    assert isinstance(lowering, PoolLowering)
    window = literal("portable_window", _window(layer.node, layer.graph))
    average = int(isinstance(layer.node.op, AveragePool2D))
    limits = (str(lowering.low), str(lowering.high))
    return _call("portable_pool", [layer.source(), layer.target(), window, str(average), *limits])


def _offer_mean(node: Node, graph: Graph, profile: HardwareProfile) -> Schedule | None:
    assert isinstance(node.op, Mean)
    axes = sorted(node.op.axes)
    if axes != list(range(axes[0], axes[-1] + 1)):
        return None
    source, output = graph.inputs_of(node)[0], graph.outputs_of(node)[0]
    if (source.elements // max(output.elements, 1)) << 8 >= 1 << 31:
        return None
    lower(node, graph)
    estimated = cycles("mean", profile, steps=source.elements, outputs=output.elements)
    return Schedule(kernel="mean", cycles=estimated, flash=5)


def _emit_mean(layer: Layer) -> str:
    lowering, op, shape = lower(layer.node, layer.graph), layer.node.op, layer.inputs[0].shape
    assert isinstance(lowering, MeanLowering)
    assert isinstance(op, Mean)
    sizes = (math.prod(shape[: min(op.axes)]), lowering.count, math.prod(shape[max(op.axes) + 1 :]))
    arguments = [layer.source(), layer.target(), *map(str, sizes), str(lowering.input_zero_point)]
    return _call("portable_mean", [*arguments, layer.finishing(lowering.requantisation)])


def _offer_add(node: Node, graph: Graph, profile: HardwareProfile) -> Schedule | None:
    left, right = graph.inputs_of(node)
    if left.shape != right.shape:
        return None
    kernel = "add-once" if isinstance(lower(node, graph), SingleRoundingAdd) else "add-twice"
    estimated = cycles(kernel, profile, steps=0, outputs=left.elements)
    return Schedule(kernel=kernel, cycles=estimated, in_place=(0, 1))


def _emit_add(layer: Layer) -> str:
    by = lower(layer.node, layer.graph)
    arguments = [layer.source(0), layer.source(1), layer.target(), str(layer.output.elements)]
    if isinstance(by, SingleRoundingAdd):
        more = (*by.mantissa, by.constant, by.shift, by.zero_point, by.low, by.high)
        return _call("portable_add_single", [*arguments, *map(str, more)])
    assert isinstance(by, TfliteAdd)
    fields: dict[str, object] = {
        "zero": _braced(by.input_zero_points), "left_shift": by.left_shift, "mantissa": _braced(by.mantissa),
        "shift": _braced(by.shift), "zero_point": by.zero_point, "low": by.low, "high": by.high,
    }  # fmt: skip
    return _call("portable_add", [*arguments, literal("portable_sum", fields)])


def _table(node: Node, graph: Graph) -> list[int] | None:
    """What each of the 256 values of the input becomes; None where that is not all there is to it."""
    lowering = lower(node, graph)
    if isinstance(lowering, TableLowering):
        return [int(value) for value in lowering.table]
    if not isinstance(lowering, RescaleLowering):
        return None
    by = lowering.requantisation
    values = requantise(np.arange(-128, 128, dtype=np.int64) - lowering.input_zero_point, by.by) + by.zero_point
    return [int(value) for value in np.clip(values, by.low, by.high)]


def _offer_table(node: Node, graph: Graph, profile: HardwareProfile) -> Schedule | None:
    if _table(node, graph) is None:
        return None
    estimated = cycles("look-up", profile, steps=0, outputs=graph.outputs_of(node)[0].elements)
    return Schedule(kernel="look-up", cycles=estimated, flash=TABLE_BYTES, in_place=(0,))


def _emit_table(layer: Layer) -> str:
    values = _table(layer.node, layer.graph)
    assert values is not None
    table = layer.table("table", "int8_t", values)
    return _call("portable_look_up", [layer.source(), layer.target(), str(layer.output.elements), table])


def _offer_softmax(node: Node, graph: Graph, profile: HardwareProfile) -> Schedule | None:
    if not isinstance(lower(node, graph), SoftmaxLowering):
        return None
    estimated = cycles("softmax", profile, steps=0, outputs=graph.outputs_of(node)[0].elements)
    return Schedule(kernel="softmax", cycles=estimated, flash=4 * TABLE_BYTES, in_place=(0,))


def _emit_softmax(layer: Layer) -> str:
    lowering = lower(layer.node, layer.graph)
    assert isinstance(lowering, SoftmaxLowering)
    length = layer.output.shape[-1]
    sizes = (str(layer.output.elements // length), str(length))
    shares = layer.table("shares", "int32_t", lowering.exponentials.tolist())
    return _call("portable_softmax", [layer.source(), layer.target(), *sizes, shares])


def _offer_reshape(node: Node, graph: Graph, profile: HardwareProfile) -> Schedule | None:
    lower(node, graph)
    return Schedule(kernel="reshape", cycles=0.0, alias=True)


def _call(function: str, arguments: list[str]) -> str:
    return f"    {function}(\n        " + ",\n        ".join(arguments) + ");\n"


def _braced(values: tuple[int, ...]) -> str:
    return "{" + ", ".join(map(str, values)) + "}"


_LINEAR, _POOL = Kernel(_offer_linear, _emit_linear), Kernel(_offer_pool, _emit_pool)
_LOOK_UP = Kernel(_offer_table, _emit_table)

KERNELS: dict[type[Operator], Kernel] = {
    Add: Kernel(_offer_add, _emit_add),
    AveragePool2D: _POOL,
    Clamp: _LOOK_UP,
    Conv2D: _LINEAR,
    DepthwiseConv2D: _LINEAR,
    FullyConnected: _LINEAR,
    MaxPool2D: _POOL,
    Mean: Kernel(_offer_mean, _emit_mean),
    Quantize: _LOOK_UP,
    Reshape: Kernel(_offer_reshape, lambda layer: ""),
    Softmax: Kernel(_offer_softmax, _emit_softmax),
    Unary: _LOOK_UP,
}
"""By operator; int8 in, int8 out."""


def schedule_of(node: Node, graph: Graph, profile: HardwareProfile) -> Schedule:
    """The way to carry out ``node``.

    Raises:
        UnsupportedError: there is none; names node, operator and types.
    """
    tensors = [*graph.inputs_of(node)[:1], *graph.outputs_of(node)]
    kernel = KERNELS.get(type(node.op))
    if kernel is not None and all(tensor.dtype is DType.INT8 for tensor in tensors):
        offered = kernel.offer(node, graph, profile)
        if offered is not None:
            return offered
    types = " to ".join(tensor.dtype.value for tensor in tensors)
    raise UnsupportedError(
        "portable-c has no kernel for this", place=f"node {node.name!r} ({node.op.kind}, {types})",
        remedy="try --generator tinyengine, whose C is portable too",
    )  # fmt: skip
