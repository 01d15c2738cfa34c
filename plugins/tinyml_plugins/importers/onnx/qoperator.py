"""QOperator form to QDQ form: QLinearConv becomes DequantizeLinear, Conv, QuantizeLinear, and so on.

Both forms mean the same; after this rewriting one way of reading quantisation is enough. The operators of the domain
com.microsoft are described in onnxruntime's docs/ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tinyml_core.errors import InputError, UnsupportedError
from tinyml_plugins.importers.onnx.network import Array, Attribute, Network, Node

CONTRIB = "com.microsoft"


def expand(network: Network) -> Network:
    """``network`` with every operator on integers spelled out.

    Raises:
        InputError: one lacks an input or reads a scale that is no constant.
    """
    work = _Expansion(network)
    nodes: list[Node] = []
    for node in network.nodes:
        rule = RULES.get((node.domain, node.op_type))
        nodes += [node] if rule is None else rule(node, work)
    return replace(network, nodes=tuple(nodes), constants=work.constants)


class _Expansion:
    """Names that are free and constants that grow."""

    def __init__(self, network: Network) -> None:
        self.constants: dict[str, Array] = dict(network.constants)
        self._taken = {*self.constants, *(port.name for port in network.inputs)}
        self._taken.update(name for node in network.nodes for name in node.outputs)

    def fresh(self, stem: str) -> str:
        name, count = stem, 1
        while name in self._taken:
            count += 1
            name = f"{stem}{count}"
        self._taken.add(name)
        return name

    def dequantized(self, node: Node, names: Sequence[str], axis: int = 1) -> tuple[str, Node]:
        """Name of the real form of (value, scale, zero point), and the node that makes it."""
        name = self.fresh(f"{names[0]}/real")
        inputs = tuple(names) if len(names) < 3 or names[2] else tuple(names[:2])
        return name, Node("DequantizeLinear", "", node.name, inputs, (name,), {"axis": axis})

    def product(self, node: Node, names: Sequence[str], factor: float) -> str:
        """Name of a new constant: the product of two scales, the scale of a bias."""
        scales = []
        for name in names:
            if name not in self.constants:
                raise InputError(f"needs the constant scale {name!r}", place=node.place)
            if self.constants[name].dtype != np.float32:
                raise InputError(f"has the scale {name!r} of type {self.constants[name].dtype}", place=node.place)
            scales.append(self.constants[name].reshape(-1))
        if 1 not in (scales[0].size, scales[1].size):
            raise InputError("has an input with more than one scale", place=node.place)
        name = self.fresh(f"{names[1]}/bias")
        with np.errstate(all="ignore"):
            self.constants[name] = (scales[0] * scales[1] * np.float32(factor)).astype(np.float32)
        return name


Rule = Callable[[Node, _Expansion], list[Node]]


def _spelled(
    node: Node, work: _Expansion, op_type: str, operands: Sequence[tuple[Sequence[str], int]], result: Sequence[str],
    attributes: Mapping[str, Attribute],
) -> list[Node]:  # fmt: skip
    """Dequantise each of ``operands`` ((value, scale, zero point), axis), operate, quantise to ``result``."""
    nodes, names = [], []
    for operand, axis in operands:
        name, made = work.dequantized(node, operand, axis)
        nodes.append(made)
        names.append(name)
    if not result or not result[0]:
        return [*nodes, Node(op_type, "", node.name, tuple(names), node.outputs, attributes)]
    real = work.fresh(f"{node.outputs[0]}/real")
    nodes.append(Node(op_type, "", node.name, tuple(names), (real,), attributes))
    inputs = (real, *result) if result[1:] and result[1] else (real, result[0])
    return [*nodes, Node("QuantizeLinear", "", node.name, inputs, node.outputs, {})]


def _inputs(node: Node, least: int, most: int) -> list[str]:
    if not least <= len(node.inputs) <= most or len(node.outputs) != 1 or not node.outputs[0]:
        raise InputError(f"has {len(node.inputs)} inputs, takes {least} to {most}", place=node.place)
    return [*node.inputs, *[""] * (most - len(node.inputs))]


def _convolution(node: Node, work: _Expansion) -> list[Node]:
    x, xs, xz, w, ws, wz, ys, yz, bias = _inputs(node, 8, 9)
    operands = [((x, xs, xz), 1), ((w, ws, wz), 0)]
    if bias:
        operands.append(((bias, work.product(node, (xs, ws), 1.0), ""), 0))
    return _spelled(node, work, "Conv", operands, (ys, yz), node.attributes)


def _matmul(node: Node, work: _Expansion) -> list[Node]:
    a, as_, az, b, bs, bz, ys, yz = _inputs(node, 8, 8)
    return _spelled(node, work, "MatMul", [((a, as_, az), 1), ((b, bs, bz), -1)], (ys, yz), node.attributes)


def _gemm(node: Node, work: _Expansion) -> list[Node]:
    a, as_, az, b, bs, bz, c, ys, yz = _inputs(node, 6, 9)
    operands = [((a, as_, az), 1), ((b, bs, bz), 0 if node.integer("transB", 0) else 1)]
    if c:
        operands.append(((c, work.product(node, (as_, bs), node.number("alpha", 1.0)), ""), 0))
    return _spelled(node, work, "Gemm", operands, (ys, yz), node.attributes)


def _add(node: Node, work: _Expansion) -> list[Node]:
    a, as_, az, b, bs, bz, ys, yz = _inputs(node, 7, 8)
    return _spelled(node, work, "Add", [((a, as_, az), 1), ((b, bs, bz), 1)], (ys, yz), node.attributes)


def _unary(op_type: str) -> Rule:
    def rule(node: Node, work: _Expansion) -> list[Node]:
        x, xs, xz, ys, yz = _inputs(node, 4, 5)
        attributes = dict(node.attributes)
        if node.integer("channels_last", 0):
            raise UnsupportedError(
                "keeps channels last", place=node.place, remedy="quantise without graph optimisation"
            )
        attributes.pop("channels_last", None)
        attributes.pop("opset", None)  # of the float operator: 13, the first that is read here
        return _spelled(node, work, op_type, [((x, xs, xz), 1)], (ys, yz), attributes)

    return rule


RULES: dict[tuple[str, str], Rule] = {
    ("", "QLinearConv"): _convolution,
    ("", "QLinearMatMul"): _matmul,
    (CONTRIB, "QGemm"): _gemm,
    (CONTRIB, "QLinearAdd"): _add,
    (CONTRIB, "QLinearAveragePool"): _unary("AveragePool"),
    (CONTRIB, "QLinearGlobalAveragePool"): _unary("GlobalAveragePool"),
    (CONTRIB, "QLinearSoftmax"): _unary("Softmax"),
}
