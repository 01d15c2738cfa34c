"""Small ONNX networks: quantised in both of onnxruntime's ways, and float."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


class Author:
    """Nodes and initialisers of a network as they are added."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.initialisers: list[Any] = []

    def constant(self, name: str, values: Any) -> str:
        """An initialiser."""
        self.initialisers.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """A node with one output."""
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=f"{output}_node", **attributes))
        return output

    def scale(self, name: str, scale: Any, zero_point: int = 0) -> list[str]:
        """A scale and its zero point."""
        scale = np.asarray(scale, np.float32)
        points = np.full(scale.shape, zero_point, np.int8)
        return [self.constant(f"{name}_scale", scale), self.constant(f"{name}_zero_point", points)]

    def crossed(self, name: str, scale: float, zero_point: int) -> str:
        """QuantizeLinear and DequantizeLinear behind an activation."""
        parameters = self.scale(name, scale, zero_point)
        return self.node(
            "DequantizeLinear",
            [self.node("QuantizeLinear", [name, *parameters], f"{name}_q"), *parameters],
            f"{name}_d",
        )

    def weights(self, name: str, shape: tuple[int, ...], per_channel: bool = True) -> tuple[str, Any]:
        """int8 weights behind DequantizeLinear, and their scales."""
        scales = self.rng.uniform(0.005, 0.02, shape[0] if per_channel else ()).astype(np.float32)
        data = self.constant(f"{name}_q", self.rng.integers(-127, 128, shape).astype(np.int8))
        options = {"axis": 0} if per_channel else {}
        return self.node("DequantizeLinear", [data, *self.scale(name, scales)], f"{name}_d", **options), scales

    def bias(self, name: str, scales: Any, size: int) -> str:
        """int32 biases behind DequantizeLinear."""
        data = self.constant(f"{name}_q", self.rng.integers(-200, 200, size).astype(np.int32))
        scale = self.constant(f"{name}_scale", np.asarray(scales, np.float32))
        options = {"axis": 0} if np.ndim(scales) else {}
        return self.node("DequantizeLinear", [data, scale], f"{name}_d", **options)

    def file(self, shape: Sequence[int], output: str, out_shape: Sequence[int]) -> bytes:
        """The network with the input ``x``."""
        graph = helper.make_graph(
            self.nodes, "small", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, out_shape)], self.initialisers,
        )  # fmt: skip
        imports = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
        return bytes(helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString())


def quantised(seed: int) -> bytes:
    """QDQ: convolution, depthwise convolution, addition, pooling, dense layer."""
    a = Author(seed)
    x = a.crossed("x", 0.05, 3)
    w, scales = a.weights("w", (4, 3, 3, 3))
    a.node("Conv", [x, w, a.bias("b", 0.05 * scales, 4)], "conv", pads=[1, 1, 1, 1])
    y = a.crossed(a.node("Relu", ["conv"], "relu"), 0.04, -128)
    w, _ = a.weights("wd", (4, 1, 3, 3))
    a.node("Conv", [y, w], "depthwise", pads=[1, 1, 1, 1], group=4)
    z = a.crossed("depthwise", 0.1, 5)
    s = a.crossed(a.node("Add", [y, z], "sum"), 0.1, 0)
    p = a.crossed(a.node("GlobalAveragePool", [s], "pool"), 0.1, 0)
    f = a.node("Flatten", [p], "flat", axis=1)
    w, scale = a.weights("wg", (5, 4), per_channel=False)
    a.node("Gemm", [f, w, a.bias("bg", 0.1 * scale, 5)], "scores", transB=1)
    return a.file((1, 3, 8, 8), a.crossed("scores", 0.2, -7), (1, 5))


def integers(seed: int) -> bytes:
    """QOperator: QLinearConv and QLinearAdd between crossings."""
    a = Author(seed)
    first, second = a.scale("x", 0.05, 3), a.scale("y", 0.1, -4)
    q = a.node("QuantizeLinear", ["x", *first], "x_q")
    weights = a.constant("w", a.rng.integers(-127, 128, (3, 3, 1, 1)).astype(np.int8))
    q2 = a.node("QLinearConv", [q, *first, weights, *a.scale("w", 0.01), *second], "conv_q")
    q3 = a.node("QLinearAdd", [q, *first, q2, *second, *second], "sum_q", domain="com.microsoft")
    return a.file((1, 3, 6, 6), a.node("DequantizeLinear", [q3, *second], "y"), (1, 3, 6, 6))


def real(seed: int) -> bytes:
    """Float: convolution, pooling, concatenation, dense layer, softmax."""
    a = Author(seed)
    w = a.constant("w", a.rng.standard_normal((4, 2, 3, 3)).astype(np.float32))
    c = a.node("Conv", ["x", w, a.constant("b", np.zeros(4, np.float32))], "conv", pads=[1, 1, 1, 1], strides=[2, 2])
    r = a.node("Relu", [c], "relu")
    j = a.node("Concat", [r, a.node("Sigmoid", [c], "gate")], "joined", axis=1)
    p = a.node("MaxPool", [j], "pool", kernel_shape=[2, 2], strides=[2, 2])
    f = a.node("Reshape", [p, a.constant("shape", np.array([1, -1], np.int64))], "flat")
    w = a.constant("wg", a.rng.standard_normal((32, 5)).astype(np.float32))
    return a.file((1, 2, 8, 8), a.node("Softmax", [a.node("MatMul", [f, w], "scores")], "y", axis=-1), (1, 5))


def small_networks() -> list[bytes]:
    """One of each."""
    return [quantised(0), quantised(1), integers(2), real(3)]
