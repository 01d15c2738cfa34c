"""Geometry of windows: auto_pad, pads, strides, dilations and ceil_mode as explicit padding."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.errors import InputError, UnsupportedError
from tinyml_plugins.importers.onnx.network import Node


@dataclass(frozen=True)
class Sliding:
    """``padding`` is (top, bottom, left, right); ``extra`` (rows, columns) of it at the end come from ceil_mode."""

    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int]
    extra: tuple[int, int]


def kernel_shape(node: Node) -> tuple[int, int]:
    """The size of a pooling's window."""
    kernel = node.integers("kernel_shape")
    if len(kernel) != 2:
        raise UnsupportedError(f"has a {len(kernel)}-D window; 2-D ones are known", place=node.place)
    return kernel[0], kernel[1]


def window(node: Node, size: tuple[int, int], kernel: tuple[int, int]) -> Sliding:
    """How the window of ``node`` slides over an image of ``size``.

    Raises:
        InputError: attributes contradict each other.
        UnsupportedError: auto_pad is unknown.
    """
    stride = pair(node, "strides", 1)
    dilation = pair(node, "dilations", 1)
    if node.integers("kernel_shape", kernel) != kernel:
        raise InputError(f"kernel_shape is not that of the weights, {list(kernel)}", place=node.place)
    if min(*stride, *dilation, *kernel) < 1:
        raise InputError("has a stride, dilation or kernel size below 1", place=node.place)
    reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    pads = node.integers("pads", (0, 0, 0, 0))
    if len(pads) != 4 or min(pads) < 0:
        raise InputError(f"has the pads {list(pads)[:9]}; four, none negative, are needed", place=node.place)
    auto = node.text("auto_pad", "NOTSET")
    if auto not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise UnsupportedError(f"auto_pad {auto[:80]!r} is not known", place=node.place)
    if auto != "NOTSET" and any(pads):
        raise InputError(f"has both auto_pad {auto} and pads", place=node.place)
    before, after = list(pads[:2]), list(pads[2:])
    extra = [0, 0]
    for axis in range(2):
        if auto.startswith("SAME"):
            total = max(0, (-(-size[axis] // stride[axis]) - 1) * stride[axis] + reach[axis] - size[axis])
            small, large = total // 2, total - total // 2
            before[axis], after[axis] = (small, large) if auto == "SAME_UPPER" else (large, small)
        elif node.integer("ceil_mode", 0):
            room = size[axis] + before[axis] + after[axis] - reach[axis]
            steps = -(-room // stride[axis])
            if steps * stride[axis] >= size[axis] + before[axis]:
                steps -= 1  # a window must not start in the padding behind the image
            extra[axis] = max(0, steps * stride[axis] - room)
    padding = (before[0], after[0] + extra[0], before[1], after[1] + extra[1])
    return Sliding(stride, padding, dilation, (extra[0], extra[1]))


def pair(node: Node, name: str, default: int) -> tuple[int, int]:
    """An attribute of two integers; raises InputError where it has another number of them."""
    values = node.integers(name, (default, default))
    if len(values) != 2:
        raise InputError(f"{name} has {len(values)} values, two are needed", place=node.place)
    return values[0], values[1]
