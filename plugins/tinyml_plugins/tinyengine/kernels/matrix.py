"""Products of two activations, and transposed convolutions; element types differ in the innermost lines only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tinyml_core.arithmetic.lowering import lower_linear, lower_matmul
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import MatMul, TransposeConv2D
from tinyml_core.graph.tensor import DType
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literals
from tinyml_plugins.tinyengine.kernel import C_TYPES, FLOAT, QUANTISED, Layer, Types
from tinyml_plugins.tinyengine.limits import limited
from tinyml_plugins.tinyengine.nest import strides
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.requantiser import Requantiser, channel_bytes, linear_requantiser
from tinyml_plugins.tinyengine.timing import cycles

WIDEST = {DType.INT8: 255, DType.INT16: 32768}
"""Greatest difference between an integer and its zero point."""


class MatrixProduct:
    """Product of two matrices, or of stacks of them; either may lie transposed."""

    name: ClassVar[str] = "matmul"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = FLOAT | QUANTISED

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        operands, (output,) = graph.inputs_of(node), graph.outputs_of(node)
        macs = node.op.macs(operands, [output])
        flash = sum(tensor.bytes for tensor in operands if tensor.data is not None)
        return [
            Schedule(
                kernel=self.name, cycles=cycles(self.name, profile, macs=macs, outputs=output.elements), flash=flash
            )
        ]

    def emit(self, *, layer: Layer) -> str:
        """Loops over the stacks, rows, columns and the inner axis."""
        op, output = layer.node.op, layer.output
        assert isinstance(op, MatMul)
        left, right = (tensor.shape for tensor in layer.inputs)
        row, inner = strides(left)[-2:][:: -1 if op.transpose_left else 1]
        line, column = strides(right)[-2:][:: -1 if op.transpose_right else 1]
        stacks, depth = output.shape[:-2], left[-2] if op.transpose_left else left[-1]
        values: dict[str, object]
        if output.dtype is DType.FLOAT32:
            values = {
                "ctype": "float",
                "accumulator": "float",
                "zero_points": (),
                "result": limited("sum", op.activation),
            }
        else:
            lowering = lower_matmul(layer.node, layer.graph)
            to = Requantiser(lowering.requantisation, depth * WIDEST[output.dtype] ** 2, output.dtype)
            values = {
                "ctype": to.ctype,
                "accumulator": to.accumulator,
                "zero_points": lowering.zero_points,
                "result": to.of_constant("sum"),
            }
        return render(
            "kernels/matmul.c.j2",
            stacks=stacks,
            starts=[_start(name, shape, stacks) for name, shape in (("left", left), ("right", right))],
            rows=output.shape[-2],
            columns=output.shape[-1],
            depth=depth,
            steps=(row, inner, line, column),
            sources=(layer.source(0), layer.source(1)),
            target=layer.target(),
            **values,
        )


def _start(operand: str, shape: Sequence[int], stacks: Sequence[int]) -> str:
    """C expression of an operand's matrix inside the loops over the stacks; an operand may be the same for all."""
    lead = len(stacks) + 2 - len(shape)
    steps = enumerate(zip(shape[:-2], strides(shape), strict=False), start=lead)
    return " + ".join([operand, *(f"b{index} * {stride}" for index, (size, stride) in steps if size > 1)])


class TransposedConvolution:
    """For each output pixel, the input pixels whose windows reach it."""

    name: ClassVar[str] = "transpose_conv2d"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = FLOAT | QUANTISED

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        inputs, (output,) = graph.inputs_of(node), graph.outputs_of(node)
        macs = node.op.macs(inputs, [output])
        if output.dtype is DType.FLOAT32:
            flash = sum(tensor.bytes for tensor in inputs if tensor.data is not None)
        else:
            flash = inputs[1].bytes + channel_bytes(node, graph)
        estimate = cycles(self.name, profile, macs=macs, outputs=output.elements)
        return [Schedule(kernel=self.name, cycles=estimate, flash=flash)]

    def emit(self, *, layer: Layer) -> str:
        """Loops over output pixels, filters, input pixels and channels."""
        op = layer.node.op
        assert isinstance(op, TransposeConv2D)
        image, weights = layer.inputs[:2]
        values: dict[str, object]
        if image.dtype is DType.FLOAT32:
            values = {
                "ctype": "float",
                "accumulator": "float",
                "weight_type": "float",
                "weights": layer.source(1),
                "start": "0.0f",
                "bias": layer.source(2) if len(layer.inputs) == 3 else "",
                "result": limited("value", op.activation),
            }
        else:
            lowering = lower_linear(layer.node, layer.graph)
            activation = linear_requantiser(lowering, lowering.weights.reshape(len(lowering.weights), -1), image.dtype)
            channels = layer.constant("channels", activation.channel_type, activation.channels(lowering.bias))
            values = {
                "ctype": C_TYPES[image.dtype],
                "accumulator": activation.accumulator,
                "weight_type": "int8_t",
                "weights": layer.constant("weights", "int8_t", literals(lowering.weights)),
                "start": f"({activation.accumulator}){channels}[c].bias",
                "bias": "",
                "zero": lowering.input_zero_point,
                "result": activation.of("sum", f"{channels}[c]"),
            }
        return render(
            "kernels/transpose_conv2d.c.j2",
            shape=image.shape,
            size=op.size,
            stride=op.stride,
            padding=op.padding,
            kernel=weights.shape[1:3],
            filters=weights.shape[0],
            source=layer.source(),
            target=layer.target(),
            **values,
        )
