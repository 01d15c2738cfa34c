"""Functions of int8 and int16 operands, and choices between them: loops that broadcast.

An operand of the output's shape is read at the place that is written next, so the output may lie over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from tinyml_core.arithmetic.lowering import RampLowering, RescaleLowering, SigmoidLowering, lower
from tinyml_core.arithmetic.lowering.add import SingleRoundingAdd, TfliteAdd
from tinyml_core.arithmetic.lowering.binary import (
    ComparisonLowering,
    ExtremumLowering,
    MultiplyLowering,
    PreluLowering,
)
from tinyml_core.arithmetic.lowering.divide import DivideLowering
from tinyml_core.arithmetic.lowering.squared_difference import LEFT_SHIFT, REACH, SquaredDifferenceLowering
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.graph.operators import Binary
from tinyml_core.graph.tensor import DType
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.broadcasting import broadcast_loops, subscript
from tinyml_plugins.tinyengine.constants import literal, literals
from tinyml_plugins.tinyengine.kernel import C_TYPES, INT8, INT16, QUANTISED, Layer, Types
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.requantiser import SUFFIXES, Requantiser
from tinyml_plugins.tinyengine.rowwise import elements, shape, source, target, with_rows
from tinyml_plugins.tinyengine.timing import cycles

FARTHEST = {DType.INT8: 255, DType.UINT8: 255, DType.INT16: 32768}
"""Greatest distance between an integer and a zero point."""


MOST_ADD_SHIFT = 22
"""Bits by which a sum, with the output's zero point in it, can be shifted within an int32."""


class Body(NamedTuple):
    """What a loop does with its elements ``a``, ``b`` ...: lines of C, then the value to store."""

    lines: Sequence[str]
    value: str


def _schedule(kernel: str, node: Node, graph: Graph, profile: HardwareProfile, flash: int = 0) -> list[Schedule]:
    (output,) = graph.outputs_of(node)
    operands = graph.inputs_of(node)
    in_place = tuple(index for index, each in enumerate(operands) if each.bytes == output.bytes)
    estimate = cycles(kernel, profile, outputs=output.elements)
    return with_rows(Schedule(kernel=kernel, cycles=estimate, in_place=in_place, flash=flash), node, graph)


def _emit(layer: Layer, names: Sequence[str], body: Body) -> str:
    loops = broadcast_loops(shape(layer, layer.output), [shape(layer, tensor) for tensor in layer.inputs])
    operands = [
        {
            "name": name,
            "element": name[0],
            "ctype": C_TYPES[tensor.dtype],
            "source": source(layer, index),
            "subscript": subscript(loops, index),
        }
        for index, (name, tensor) in enumerate(zip(names, layer.inputs, strict=False))
    ]
    return render(
        "kernels/broadcast.c.j2",
        operands=operands,
        ctype=C_TYPES[layer.output.dtype],
        target=target(layer),
        loops=loops,
        lines=body.lines,
        value=body.value,
    )


class QuantisedBinary:
    """A function of two int8 or int16 operands."""

    name: ClassVar[str] = "binary"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = QUANTISED | {(DType.INT8, DType.BOOL)}

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        lowering = lower(node, graph)
        flash = 0
        if isinstance(lowering, DivideLowering):
            flash = lowering.mantissa.nbytes + lowering.shift.nbytes
        if isinstance(lowering, ComparisonLowering) and not lowering.raw:
            flash = lowering.left.nbytes + lowering.right.nbytes
        if isinstance(lowering, SigmoidLowering):
            flash = lowering.table.nbytes
        return _schedule(self.name, node, graph, profile, flash)

    def emit(self, *, layer: Layer) -> str:
        """Loops over elements."""
        lowering = lower(layer.node, layer.graph)
        return _emit(layer, ("a_values", "b_values"), _BODIES[type(lowering)](lowering, layer))


class QuantisedAdd(QuantisedBinary):
    """Sum of two int8 or int16 operands."""

    name: ClassVar[str] = "add"
    types: ClassVar[Types] = QUANTISED


class FourfoldAdd:
    """Sum of two int8 operands of one shape with one rounding: four at a time."""

    name: ClassVar[str] = "add_fours"
    needs: ClassVar[frozenset[str]] = frozenset({"dsp"})
    types: ClassVar[Types] = INT8

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule where sums have room for the output's zero point; none for operands that are broadcast."""
        lowering = lower(node, graph)
        shapes = {tensor.shape for tensor in (*graph.inputs_of(node), *graph.outputs_of(node))}
        if not isinstance(lowering, SingleRoundingAdd) or lowering.shift > MOST_ADD_SHIFT or len(shapes) > 1:
            return []
        return _schedule(self.name, node, graph, profile)

    def emit(self, *, layer: Layer) -> str:
        """A loop over four elements in assembly, and what is left over."""
        lowering = lower(layer.node, layer.graph)
        assert isinstance(lowering, SingleRoundingAdd)
        return render(
            "kernels/add_fours.c.j2",
            a=lowering,
            constant=lowering.constant + (lowering.zero_point << lowering.shift),
            count=elements(layer),
            sources=[source(layer, 0), source(layer, 1)],
            target=target(layer),
        )


class Rescaling(QuantisedBinary):
    """A function of one operand that has too many values for a table, and changes of type from or to int16."""

    name: ClassVar[str] = "rescale"
    types: ClassVar[Types] = INT16 | {
        pair for other in (DType.INT8, DType.UINT8) for pair in ((DType.INT16, other), (other, DType.INT16))
    }


class QuantisedSelect:
    """A choice between two int8 operands."""

    name: ClassVar[str] = "select_int8"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = frozenset({(DType.BOOL, DType.INT8)})

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        return _schedule(self.name, node, graph, profile)

    def emit(self, *, layer: Layer) -> str:
        """Loops over elements."""
        return _emit(layer, ("condition", "left", "right"), Body((), "(int8_t)(c != 0 ? l : r)"))


def _single_add(a: SingleRoundingAdd, layer: Layer) -> Body:
    if layer.output.dtype is DType.INT16:
        first, second, constant = (literal(value) for value in (*a.mantissa, a.constant))
        total = f"const int64_t sum = (int64_t)a * {first} + (int64_t)b * {second} + {constant};"
        return Body((total,), f"tinyml_clamp_int16((int32_t)(sum >> {a.shift}) + {a.zero_point}, {a.low}, {a.high})")
    first, second, constant = (f"0x{value & 0xFFFFFFFF:x}u" for value in (*a.mantissa, a.constant))
    total = f"const uint32_t sum = (uint32_t)a * {first} + (uint32_t)b * {second} + {constant};"
    return Body((total,), f"tinyml_clamp(((int32_t)sum >> {a.shift}) + {a.zero_point}, {a.low}, {a.high})")


def _tflite_add(a: TfliteAdd, layer: Layer) -> Body:
    lines = [
        f"const int32_t {name} = ({element} - ({zero})) * {1 << a.left_shift};"
        for name, element, zero in zip(("first", "second"), "ab", a.input_zero_points, strict=True)
    ]
    first, second = (
        f"tinyml_rescale_bounded({name}, {mantissa}, {shift})"
        for name, mantissa, shift in zip(("first", "second"), a.mantissa, a.shift, strict=False)
    )
    lines.append(f"const int32_t sum = {first} {'-' if a.subtract else '+'} {second};")
    rescaled = f"tinyml_rescale_bounded(sum, {a.mantissa[2]}, {a.shift[2]})"
    return Body(lines, f"tinyml_clamp{SUFFIXES[layer.output.dtype]}({rescaled} + {a.zero_point}, {a.low}, {a.high})")


def _multiply(m: MultiplyLowering, layer: Layer) -> Body:
    left, right = m.input_zero_points
    line = f"const int32_t product = (a - ({left})) * (b - ({right}));"
    dtype = layer.output.dtype
    to = Requantiser(m.requantisation, FARTHEST[dtype] ** 2, dtype)
    return Body((line,), to.of_constant("(uint32_t)product"))


def _squared_difference(s: SquaredDifferenceLowering, layer: Layer) -> Body:
    first, second = (
        f"tinyml_rescale_bounded(({element} - ({zero})) * {1 << LEFT_SHIFT}, {mantissa}, {shift})"
        for element, zero, mantissa, shift in zip("ab", s.input_zero_points, s.mantissa, s.shift, strict=True)
    )
    line = f"const int32_t difference = {first} - {second};"
    to = Requantiser(s.requantisation, REACH)
    return Body((line,), to.of_constant("(uint32_t)(difference * difference)"))


def _prelu(p: PreluLowering, layer: Layer) -> Body:
    left, right = p.input_zero_points
    rising = Requantiser(p.positive, FARTHEST[DType.INT8]).of_constant("(uint32_t)x")
    falling = Requantiser(p.negative, FARTHEST[DType.INT8] ** 2).of_constant("(uint32_t)product")
    lines = (f"const int32_t x = a - ({left});", f"const int32_t product = x * (b - ({right}));")
    return Body(lines, f"(int8_t)(x >= 0 ? {rising} : {falling})")


def _extremum(e: ExtremumLowering, layer: Layer) -> Body:
    assert isinstance(layer.node.op, Binary)
    relation = ">" if layer.node.op.function == "maximum" else "<"
    return Body((), f"tinyml_clamp{SUFFIXES[layer.output.dtype]}(a {relation} b ? a : b, {e.low}, {e.high})")


_RELATIONS = {"equal": "==", "greater": ">", "greater_equal": ">=", "less": "<", "less_equal": "<=", "not_equal": "!="}


def _comparison(c: ComparisonLowering, layer: Layer) -> Body:
    assert isinstance(layer.node.op, Binary)
    left, right = "a", "b"
    if not c.raw:
        left = f"{layer.constant('left_ranks', 'int16_t', literals(c.left))}[a + 128]"
        right = f"{layer.constant('right_ranks', 'int16_t', literals(c.right))}[b + 128]"
    return Body((), f"(uint8_t)({left} {_RELATIONS[layer.node.op.function]} {right})")


def _divide(d: DivideLowering, layer: Layer) -> Body:
    left, right = d.input_zero_points
    mantissa = f"{layer.constant('mantissas', 'int32_t', literals(d.mantissa))}[b + 128]"
    shift = f"{layer.constant('shifts', 'int8_t', literals(d.shift))}[b + 128]"
    if d.ratio is None:
        quotient = f"tinyml_rescale_shifted((uint32_t)dividend, {mantissa}, {shift})"
    else:
        quotient = f"tinyml_divide(dividend, {mantissa}, {shift}, {d.ratio[0]}, {d.ratio[1]})"
    far = FARTHEST[DType.INT8] + 1
    lines = (
        f"const int32_t divisor = b - ({right});",
        f"const int32_t dividend = divisor < 0 ? {left} - a : a - ({left});",
        f"const int32_t beyond = dividend < 0 ? -{far} : dividend > 0 ? {far} : 0;",
        f"const int32_t quotient = divisor == 0 ? beyond : {quotient};",
    )
    return Body(lines, f"tinyml_activate(quotient, {d.zero_point}, {d.low}, {d.high})")


def _rescale(r: RescaleLowering, layer: Layer) -> Body:
    to = Requantiser(r.requantisation, FARTHEST[layer.inputs[0].dtype], layer.output.dtype)
    return Body((f"const int32_t x = a - ({r.input_zero_point});",), to.of_constant("(uint32_t)x"))


def _ramp(r: RampLowering, layer: Layer) -> Body:
    """Both lines before they are clamped; flips are the signs that an absolute value or a negative slope asks for."""
    (mantissa,), (shift,) = r.positive.by.mantissa, r.positive.by.shift
    (other_mantissa,), (other_shift,) = r.negative.by.mantissa, r.negative.by.shift
    rescale = "tinyml_rescale_shifted" if r.positive.by.rounding is Rounding.SINGLE else "tinyml_rescale"
    lines = (
        f"const uint32_t x = {'0u - ' if r.flip_input < 0 else ''}(uint32_t)a;",
        f"const int32_t rising = {rescale}((uint32_t)a, {mantissa}, {shift});",
        f"const int32_t falling = {'-' if r.flip_output < 0 else ''}{rescale}(x, {other_mantissa}, {other_shift});",
    )
    value = f"tinyml_clamp_int16(a >= 0 ? rising : falling, {r.positive.low}, {r.positive.high})"
    return Body(lines, value)


def _sigmoid(s: SigmoidLowering, layer: Layer) -> Body:
    table = layer.constant("sigmoid", "uint16_t", literals(s.table))
    line = f"const int32_t place = (a * {s.multiplier} + {(1 << s.shift) >> 1}) >> {s.shift};"
    return Body((line,), f"tinyml_{'tanh' if s.hyperbolic else 'sigmoid'}_int16({table}, place)")


_BODIES: dict[type, Callable[[Any, Layer], Body]] = {
    SingleRoundingAdd: _single_add,
    TfliteAdd: _tflite_add,
    MultiplyLowering: _multiply,
    PreluLowering: _prelu,
    ExtremumLowering: _extremum,
    ComparisonLowering: _comparison,
    DivideLowering: _divide,
    SquaredDifferenceLowering: _squared_difference,
    RescaleLowering: _rescale,
    RampLowering: _ramp,
    SigmoidLowering: _sigmoid,
}
