"""Features: how often each loop of a layer's code goes round.

Layers of one family run the same code, so that their cost is a linear function of their features. None is negative.
"""

from __future__ import annotations

from collections.abc import Callable

from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    Add,
    AveragePool2D,
    Binary,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Reduce,
)
from tinyml_core.graph.operators.window import Window
from tinyml_plugins.costs.layer import Layer, Shape, pointwise

Features = dict[str, float]
"""How often each part of a layer's code runs, by name; ``call`` is 1."""


def features(layer: Layer) -> Features:
    """How often each part of the layer's code runs."""
    return {"call": 1.0} | _FEATURES.get(type(layer.op), _streaming)(layer)


def _lanes(layer: Layer, rows: int, columns: int, depth: int, filters: int) -> Features:
    """Products of ``filters`` by windows of ``depth`` taps, four windows at a time, then two, then one."""
    times, pixels = (rows, columns) if layer.rows else (1, rows * columns)
    found: Features = {}
    for lanes, count in ((4, pixels // 4), (2, pixels // 2 % 2), (1, pixels % 2)):
        found |= {
            f"lanes{lanes}": times * count,
            f"lanes{lanes} * depth": times * count * depth,
            f"lanes{lanes} * filters": times * count * filters,
            f"lanes{lanes} * filters * depth": times * count * filters * depth,
        }
    return found


def _convolution(layer: Layer) -> Features:
    op = layer.op
    assert isinstance(op, Window), op.kind
    out, runs, across, channels = layer.inputs[1]
    _, rows, columns, _ = layer.output
    length = across * channels
    found = _lanes(layer, rows, columns, _fours(runs * length), -(-out // 2))
    found |= {"rows": rows, "macs": rows * columns * out * runs * length, "outputs": rows * columns * out}
    if pointwise(layer):
        return found
    reach = (across - 1) * op.dilation[1] + 1
    first = [column * op.stride[1] - op.padding[2] for column in range(columns)]
    edges = rows * sum(left < 0 or left + reach > layer.inputs[0][2] for left in first)
    return found | {
        "rows * runs": rows * runs,
        "pixels": rows * columns,
        "pixels * runs": rows * columns * runs,
        "pixels * runs * groups": rows * columns * runs * (length // 4),
        "pixels * runs * loose": rows * columns * runs * (length % 4),
        "edges * runs": edges * runs,
        "edges * taps": edges * runs * length,
    }


def _dense(layer: Layer) -> Features:
    rows, (out, depth) = layer.inputs[0][0], layer.inputs[1]
    found = _lanes(layer, 1, rows, _fours(depth), -(-out // 2))
    return found | {"macs": rows * out * depth, "outputs": rows * out, "loose": rows * (depth % 4)}


def _depthwise(layer: Layer) -> Features:
    op = layer.op
    assert isinstance(op, Window), op.kind
    (_, height, width, channels), (_, down, across, out) = layer.inputs[:2]
    _, rows, columns, _ = layer.output
    read, ring = (rows * down, rows * down) if layer.rows else (height, (rows - 1) * op.stride[0] + down)
    pairs = out * (rows if layer.rows else -(-rows // 2))
    groups, plane = -(-channels // 4), -(-((columns - 1) * op.stride[1] + across) // 4)
    return {
        "channels": out,
        "channels * rows": out * rows,
        "channels * pairs": pairs,
        "channels * pairs * columns": pairs * columns,
        "channels * pairs * twos": pairs * -(-columns // 2),
        "channels * rows * twos": out * rows * -(-columns // 2),
        "channels * read": out * read,
        "channels * read * width": out * read * width,
        "channels * ring * plane": out * ring * plane,
        "channels * rows * quads": out * rows * (columns // 4),
        "channels * rows * loose": out * rows * (columns % 4),
        "outputs": rows * columns * out,
        "macs": rows * columns * out * down * across,
        "groups": groups,
        "groups * ring": groups * ring,
        "groups * ring * plane": groups * ring * plane,
        "groups * read": groups * read,
        "groups * read * quads": groups * read * (width // 4),
        "groups * read * loose": groups * read * (width % 4),
        "rows": rows,
    }


def _elementwise(layer: Layer) -> Features:
    elements = _product(layer.output)
    inner = layer.output[-1] if layer.output else 1
    times = layer.output[1] if layer.rows else 1
    return {
        "rows": times,
        "pixels": elements // inner,
        "fours": times * (elements // times // 4),
        "loose": times * (elements // times % 4),
        "elements": elements,
    }


def _reduction(layer: Layer) -> Features:
    """Windows over channels, four of which lie in a word."""
    source, channels = layer.inputs[0], layer.inputs[0][-1]
    output = _product(layer.output) // channels
    window = layer.op.kernel if isinstance(layer.op, AveragePool2D | MaxPool2D) else source[1:3]
    across = window[0] * window[-1]
    found: Features = {"rows": source[1] if len(source) == 4 else 1, "read": _product(source)}
    for name, groups in (("fours", channels // 4), ("loose", channels % 4), ("channels", channels)):
        found |= {
            name: groups,
            f"pixels * {name}": output * groups,
            f"pixels * {name} * taps": output * groups * across,
            f"pixels * {name} * lines": output * groups * window[0],
        }
        if layer.rows:
            found[f"rows * {name}"] = found["rows"] * groups
    return found | {"pixels": output, "pixels * taps": output * across}


def _streaming(layer: Layer) -> Features:
    read = sum(_product(shape) for shape, constant in zip(layer.inputs, layer.constant, strict=True) if not constant)
    written, inner = _product(layer.output), layer.output[-1] if layer.output else 1
    rows = layer.output[1] if layer.rows else 1
    return {"read": read, "written": written, "lines": written // inner, "rows": rows}


def _fours(taps: int) -> int:
    return -(-taps // 4) * 4


def _product(shape: Shape) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


_FEATURES: dict[type[Operator], Callable[[Layer], Features]] = {
    Add: _elementwise,
    AveragePool2D: _reduction,
    Binary: _elementwise,
    Conv2D: _convolution,
    DepthwiseConv2D: _depthwise,
    FullyConnected: _dense,
    MaxPool2D: _reduction,
    Mean: _reduction,
    Reduce: _reduction,
}
