"""Reductions and normalisations of plain numbers: passes over the elements that go into one output, or one row."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import ArgReduce, L2Norm, LayerNorm, LogSoftmax, Mean, Reduce, Softmax
from tinyml_core.graph.tensor import DType
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literal
from tinyml_plugins.tinyengine.kernel import C_TYPES, FLOAT, Layer, Types
from tinyml_plugins.tinyengine.kernels.pointwise import PLAIN, alignment
from tinyml_plugins.tinyengine.kernels.pooling import loops
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.timing import cycles


@dataclass(frozen=True)
class Pass:
    """One visit of every element ``x`` that goes into an output: declarations in front of it, statements for each."""

    before: tuple[str, ...]
    each: tuple[str, ...]

    @property
    def reads(self) -> bool:
        """Whether ``x`` is used at all."""
        return any(re.search(r"\bx\b", statement) for statement in self.each)


@dataclass(frozen=True)
class Recipe:
    """Passes, then statements that store."""

    passes: tuple[Pass, ...]
    finish: tuple[str, ...]


def _sum(term: str, name: str = "total") -> Pass:
    return Pass((f"float {name} = 0.0f",), (f"{name} = {name} + {term}",))


def _best(ctype: str, sign: str) -> Pass:
    return Pass((f"{ctype} best = row[0]",), (f"best = x {sign} best ? x : best",))


def _float_recipes() -> dict[str, Recipe]:
    shift = "const float shift = tinyml_abs(best) < TINYML_INFINITY ? best : 0.0f"
    exponentials = _sum("tinyml_exp(x - shift)")
    return {
        "l1": Recipe((_sum("tinyml_abs(x)"),), ("*output++ = total",)),
        "l2": Recipe((_sum("x * x"),), ("*output++ = tinyml_sqrt(total)",)),
        "log_sum": Recipe((_sum("x"),), ("*output++ = tinyml_log(total)",)),
        "log_sum_exp": Recipe(
            (_best("float", ">"), Pass((shift, *exponentials.before), exponentials.each)),
            ("*output++ = tinyml_log(total) + shift",),
        ),
        "product": Recipe((Pass(("float total = 1.0f",), ("total = total * x",)),), ("*output++ = total",)),
        "sum": Recipe((_sum("x"),), ("*output++ = total",)),
        "sum_square": Recipe((_sum("x * x"),), ("*output++ = total",)),
    }


def _integer_recipes(ctype: str) -> dict[str, Recipe]:
    def folded(start: int, step: str) -> Recipe:
        return Recipe((Pass((f"u{ctype} total = {start}",), (f"total {step}",)),), (f"*output++ = ({ctype})total",))

    return {
        "l1": folded(0, f"+= x < 0 ? 0u - (u{ctype})x : (u{ctype})x"),
        "product": folded(1, f"*= (u{ctype})x"),
        "sum": folded(0, f"+= (u{ctype})x"),
        "sum_square": folded(0, f"+= (u{ctype})x * (u{ctype})x"),
    }


def _ordered(dtype: DType) -> dict[str, Recipe]:
    signs = {"max": ">", "min": "<"}
    return {name: Recipe((_best(C_TYPES[dtype], sign),), ("*output++ = best",)) for name, sign in signs.items()}


RECIPES: Mapping[DType, Mapping[str, Recipe]] = {
    DType.FLOAT32: {**_ordered(DType.FLOAT32), **_float_recipes()},
    DType.INT32: {**_ordered(DType.INT32), **_integer_recipes("int32_t")},
    DType.INT64: {**_ordered(DType.INT64), **_integer_recipes("int64_t")},
    DType.BOOL: _ordered(DType.BOOL),
}
"""Reductions by type and function."""


def _reduce(node: Node, graph: Graph) -> Recipe:
    assert isinstance(node.op, Reduce)
    return RECIPES[graph.inputs_of(node)[0].dtype][node.op.function]


def _mean(node: Node, graph: Graph) -> Recipe:
    count = graph.inputs_of(node)[0].elements // graph.outputs_of(node)[0].elements
    return Recipe((_sum("x"),), (f"*output++ = total / {literal(np.float32(count))}",))


def _arg_reduce(node: Node, graph: Graph) -> Recipe:
    op = node.op
    assert isinstance(op, ArgReduce)
    source = graph.inputs_of(node)[0]
    sign = ("<" if op.least else ">") + ("=" if op.last else "")
    before = (f"{C_TYPES[source.dtype]} best = row[0]", "int32_t found = 0")
    found = (f"found = x {sign} best ? r1 : found", f"best = x {sign} best ? x : best")
    return Recipe((Pass(before, found),), ("*output++ = found",))


def _softmax(node: Node, graph: Graph) -> Recipe:
    assert isinstance(node.op, Softmax)
    scaled = f"(x - best) * {literal(np.float32(node.op.beta))}"
    shares = Pass(("float total = 0.0f",), (f"output[r1] = tinyml_exp({scaled})", "total = total + output[r1]"))
    divided = Pass((), ("output[r1] = output[r1] / total",))
    return _rows(node, graph, _best("float", ">"), shares, divided)


def _log_softmax(node: Node, graph: Graph) -> Recipe:
    logarithm = Pass(("const float logarithm = tinyml_log(total)",), ("output[r1] = (x - best) - logarithm",))
    return _rows(node, graph, _best("float", ">"), _sum("tinyml_exp(x - best)"), logarithm)


def _l2_norm(node: Node, graph: Graph) -> Recipe:
    assert isinstance(node.op, L2Norm)
    least = literal(np.float32(node.op.epsilon))
    length = f"const float length = tinyml_sqrt(total < {least} ? {least} : total)"
    return _rows(node, graph, _sum("x * x"), Pass((length,), ("output[r1] = x / length",)))


def _layer_norm(node: Node, graph: Graph) -> Recipe:
    op = node.op
    assert isinstance(op, LayerNorm)
    count = literal(np.float32(graph.inputs_of(node)[1].elements))
    squares = _sum("(x - mean) * (x - mean)", "squares")
    centred = Pass((f"const float mean = total / {count}", *squares.before), squares.each)
    factor = f"const float factor = 1.0f / tinyml_sqrt(squares / {count} + {literal(np.float32(op.epsilon))})"
    beta = " + beta[r1]" if len(node.inputs) == 3 else ""
    scaled = Pass((factor,), (f"output[r1] = (x - mean) * factor * gamma[r1]{beta}",))
    return _rows(node, graph, _sum("x"), centred, scaled)


def _rows(node: Node, graph: Graph, *passes: Pass) -> Recipe:
    """Passes of which the last stores; the output moves on by a row."""
    _, ((length, _),) = _loops(node, graph)
    return Recipe(passes, (f"output += {length}",))


def _loops(node: Node, graph: Graph) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(size, stride) of the loops over outputs or rows, and over what goes into each."""
    op, shape = node.op, graph.inputs_of(node)[0].shape
    match op:
        case Reduce() | Mean():
            return loops(shape, op.axes)
        case ArgReduce():
            return loops(shape, (op.axis,))
        case LayerNorm():
            first = op.axis % len(shape)
        case _:
            first = len(shape) - 1
    length = math.prod(shape[first:])
    rows = math.prod(shape[:first])
    return [(rows, length)] if rows > 1 else [], [(length, 1)]


WRITERS: Mapping[type[Operator], Callable[[Node, Graph], Recipe]] = {
    ArgReduce: _arg_reduce,
    L2Norm: _l2_norm,
    LayerNorm: _layer_norm,
    LogSoftmax: _log_softmax,
    Mean: _mean,
    Reduce: _reduce,
    Softmax: _softmax,
}


class _Passes:
    """Loops over outputs or rows, and passes over what goes into each."""

    needs: ClassVar[frozenset[str]] = frozenset()

    def emit(self, *, layer: Layer) -> str:
        """Every pass is a nest of loops of its own."""
        kept, reduced = _loops(layer.node, layer.graph)
        recipe = WRITERS[type(layer.node.op)](layer.node, layer.graph)
        return render(
            "kernels/passes.c.j2",
            kept=kept,
            reduced=reduced,
            passes=recipe.passes,
            finish=recipe.finish,
            type=C_TYPES[layer.inputs[0].dtype],
            ctype=C_TYPES[layer.output.dtype],
            source=layer.source(),
            target=layer.target(),
            parameters=[
                (name, layer.source(index))
                for index, name in enumerate(("gamma", "beta")[: len(layer.inputs) - 1], start=1)
            ],
        )


class Reduction(_Passes):
    """Reductions over any axes, and the position of the greatest or least."""

    name: ClassVar[str] = "reduce"
    types: ClassVar[Types] = frozenset(
        {(dtype, dtype) for dtype in PLAIN}
        | {(source, target) for source in PLAIN for target in (DType.INT32, DType.INT64)}
    )

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        (source,), (output,) = graph.inputs_of(node), graph.outputs_of(node)
        estimate = cycles(self.name, profile, macs=source.elements, outputs=output.elements)
        return [Schedule(kernel=self.name, cycles=estimate, alignment=alignment((source, output)))]


class RowNormalisation(_Passes):
    """Softmax, log-softmax, layer and L2 normalisation of float32 rows, in place."""

    name: ClassVar[str] = "row_norm"
    types: ClassVar[Types] = FLOAT

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        inputs, (output,) = graph.inputs_of(node), graph.outputs_of(node)
        flash = sum(tensor.bytes for tensor in inputs if tensor.data is not None)
        return [
            Schedule(
                kernel=self.name,
                cycles=cycles(self.name, profile, outputs=output.elements),
                in_place=(0,),
                flash=flash,
            )
        ]


__all__ = ["RECIPES", "Reduction", "RowNormalisation"]
