"""Operators: what each ATen operator is in terms of ONNX; :data:`OPERATORS` is the whole list.

The rest, layouts above all, is the work of the ONNX importer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch.fx import Node

from tinyml_core.errors import UnsupportedError
from tinyml_plugins.importers.onnx.network import Array, Attribute


@dataclass(frozen=True)
class Step:
    """An ONNX node; its inputs are values of the program, constants, or None where one is left out."""

    op_type: str
    inputs: tuple[Node | Array | None, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Call:
    """A call of an ATen operator, its arguments by the names of the operator's schema, defaults filled in."""

    node: Node
    arguments: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - tensors, numbers, lists
        return self.arguments[name]

    @property
    def shape(self) -> tuple[int, ...]:
        """The result's shape."""
        return shape_of(self.node)

    def pair(self, name: str, default: str = "") -> tuple[int, int]:
        """An argument for rows and columns; that called ``default`` where it is empty."""
        values = [int(value) for value in self[name] or self[default]]
        return values[0], values[-1]

    def demand(self, name: str, *wanted: object) -> None:
        """Refuse the call unless an argument has one of the values ``wanted``."""
        if self[name] not in wanted:
            raise self.unsupported(f"has {name}={self[name]}")

    def unsupported(self, problem: str) -> UnsupportedError:
        """The error that refuses this call."""
        return UnsupportedError(problem, place=f"node {self.node.name!r} ({self.node.target})")


Rule = Callable[[Call], Step]


def shape_of(node: Node) -> tuple[int, ...]:
    """The shape of a value."""
    return tuple(int(size) for size in node.meta["val"].shape)


def _number(value: float) -> Array:
    return np.array(value, np.float32)


def _pads(pair: tuple[int, int]) -> tuple[int, ...]:
    return pair * 2


def _conv(call: Call) -> Step:
    sizes: dict[str, Attribute] = {"strides": call.pair("stride"), "dilations": call.pair("dilation")}
    if isinstance(call["padding"], str):
        sizes["auto_pad"] = {"same": b"SAME_UPPER", "valid": b"VALID"}[call["padding"]]
    else:
        sizes["pads"] = _pads(call.pair("padding"))
    return Step("Conv", (call["input"], call["weight"], call["bias"]), {**sizes, "group": int(call["groups"])})


def _batch_norm(call: Call) -> Step:
    channels = shape_of(call["input"])[1]
    weight = np.ones(channels, np.float32) if call["weight"] is None else call["weight"]
    bias = np.zeros(channels, np.float32) if call["bias"] is None else call["bias"]
    inputs = (call["input"], weight, bias, call["running_mean"], call["running_var"])
    return Step("BatchNormalization", inputs, {"epsilon": float(call["eps"])})


def _clip(low: str | float | None, high: str | float | None) -> Rule:
    """Bounds are numbers, or names of arguments, which may be None."""

    def rule(call: Call) -> Step:
        bounds = (call[bound] if isinstance(bound, str) else bound for bound in (low, high))
        return Step("Clip", (call["self"], *(None if bound is None else _number(bound) for bound in bounds)))

    return rule


def _add(call: Call) -> Step:
    call.demand("alpha", 1)
    other = call["other"]
    return Step("Add", (call["self"], other if isinstance(other, Node) else _number(other)))


def _linear(call: Call) -> Step:
    return Step("Gemm", (call["input"], call["weight"], call["bias"]), {"transB": 1})


def _addmm(call: Call) -> Step:
    factors = {"alpha": float(call["alpha"]), "beta": float(call["beta"])}
    return Step("Gemm", (call["mat1"], call["mat2"], call["self"]), factors)


def _mean(call: Call) -> Step:
    call.demand("dtype", None)
    axes = tuple(int(axis) for axis in call["dim"] or range(len(shape_of(call["self"]))))
    return Step("ReduceMean", (call["self"],), {"axes": axes, "keepdims": int(call["keepdim"])})


def _window(call: Call) -> dict[str, Attribute]:
    return {
        "kernel_shape": call.pair("kernel_size"), "strides": call.pair("stride", "kernel_size"),
        "pads": _pads(call.pair("padding")), "ceil_mode": int(call["ceil_mode"]),
    }  # fmt: skip


def _average_pool(call: Call) -> Step:
    call.demand("divisor_override", None)
    counted = int(call["count_include_pad"])
    return Step("AveragePool", (call["self"],), {**_window(call), "count_include_pad": counted})


def _max_pool(call: Call) -> Step:
    return Step("MaxPool", (call["self"],), {**_window(call), "dilations": call.pair("dilation")})


def _adaptive_pool(call: Call) -> Step:
    size, wanted = shape_of(call["self"])[-2:], call.pair("output_size")
    if any(have % want for have, want in zip(size, wanted, strict=True)):
        raise call.unsupported(f"averages {list(size)} to {list(wanted)}, whose windows differ in size")
    kernel = (size[0] // wanted[0], size[1] // wanted[1])
    if wanted == (1, 1):
        return Step("GlobalAveragePool", (call["self"],))
    return Step("AveragePool", (call["self"],), {"kernel_shape": kernel, "strides": kernel})


def _softmax(call: Call) -> Step:
    call.demand("dtype", None)
    return Step("Softmax", (call["self"],), {"axis": int(call["dim"])})


def _reshape(call: Call) -> Step:
    return Step("Reshape", (call["self"], np.array(call.shape, np.int64)))


def _permute(call: Call) -> Step:
    rank = len(call.shape)
    return Step("Transpose", (call["self"],), {"perm": tuple(int(axis) % rank for axis in call["dims"])})


def _transpose(call: Call) -> Step:
    order = list(range(len(call.shape)))
    first, second = int(call["dim0"]), int(call["dim1"])
    order[first], order[second] = order[second], order[first]
    return Step("Transpose", (call["self"],), {"perm": tuple(order)})


def _pad(call: Call) -> Step:
    if call.arguments.get("mode", "constant") != "constant":
        raise call.unsupported(f"pads by mode {call['mode']}")
    rank, given = len(call.shape), [int(size) for size in call["pad"]]
    before, after = [0] * rank, [0] * rank
    for index in range(len(given) // 2):  # from the last axis on
        before[rank - 1 - index], after[rank - 1 - index] = given[2 * index : 2 * index + 2]
    return Step("Pad", (call["self"], np.array(before + after, np.int64), _number(call["value"] or 0.0)))


def _same(call: Call) -> Step:
    return Step("Identity", (call["self"],))


def _dropout(call: Call) -> Step:
    if call["train"]:
        raise call.unsupported("drops at random; pass training=self.training")
    return Step("Identity", (call["input"],))


OPERATORS: dict[str, Rule] = {
    "_native_batch_norm_legit_no_training.default": _batch_norm,
    "adaptive_avg_pool2d.default": _adaptive_pool,
    "add.Tensor": _add,
    "addmm.default": _addmm,
    "avg_pool2d.default": _average_pool,
    "clamp.default": _clip("min", "max"),
    "clamp_max.default": _clip(None, "max"),
    "clamp_min.default": _clip("min", None),
    "clone.default": _same,
    "constant_pad_nd.default": _pad,
    "conv2d.default": _conv,
    "conv2d.padding": _conv,
    "detach.default": _same,
    "native_dropout.default": _dropout,
    "hardtanh.default": _clip("min_val", "max_val"),
    "linear.default": _linear,
    "matmul.default": lambda call: Step("MatMul", (call["self"], call["other"])),
    "max_pool2d.default": _max_pool,
    "max_pool2d_with_indices.default": _max_pool,
    "mean.dim": _mean,
    "mm.default": lambda call: Step("MatMul", (call["self"], call["mat2"])),
    "pad.default": _pad,
    "permute.default": _permute,
    "relu.default": _clip(0.0, None),
    "relu6.default": _clip(0.0, 6.0),
    "softmax.int": _softmax,
    "squeeze.default": _reshape,
    "squeeze.dim": _reshape,
    "squeeze.dims": _reshape,
    "t.default": lambda call: Step("Transpose", (call["self"],)),
    "transpose.int": _transpose,
    "unsqueeze.default": _reshape,
    "view.default": _reshape,
}
"""Name and overload in the ``aten`` namespace -> what it is in ONNX (opset :data:`OPSET`)."""

OPSET = 17
"""The last in which the axes of ReduceMean are an attribute."""
