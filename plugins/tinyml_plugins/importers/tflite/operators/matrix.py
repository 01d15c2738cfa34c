"""Converters of the transposed convolution and of products of two activations."""

from __future__ import annotations

from tinyml_core.graph.operators import MatMul, TransposeConv2D
from tinyml_plugins.importers.tflite.assembly import Call
from tinyml_plugins.importers.tflite.operators.window import SAME, VALID, activation_of, linear_operands
from tinyml_plugins.importers.tflite.options import BatchMatMulOptions, TransposeConvOptions


def transpose_conv(call: Call, options: TransposeConvOptions) -> None:
    """TRANSPOSE_CONV: inputs are (output shape, weights, image, bias); padding is that of the convolution undone."""
    operands = linear_operands(call, (2, 1, 3), axis=0, rank=4, bias_type=options.quantized_bias_type)
    image, weights = operands[:2]
    wanted, output = call.integers(0), call.output
    if wanted != output.shape or len(image.shape) != 4 or len(wanted) != 4:
        raise call.damaged(f"computes {list(wanted)[:8]} from {list(image.shape)}, declares {list(output.shape)}")
    stride = (options.stride_h, options.stride_w)
    if min(stride) < 1 or options.padding not in (SAME, VALID):
        raise call.damaged(f"has stride {stride} and padding number {options.padding}")
    before = []
    for size, out, taps, step in zip(image.shape[1:3], wanted[1:3], weights.shape[1:3], stride, strict=True):
        forward = -(-out // step) if options.padding == SAME else (out - taps) // step + 1
        if forward != size:
            raise call.damaged(f"cannot turn {size} rows or columns into {out}")
        before.append(max((size - 1) * step + taps - out, 0) // 2 if options.padding == SAME else 0)
    op = TransposeConv2D(
        (wanted[1], wanted[2]), stride, (before[0], before[1]), activation_of(call, options.fused_activation)
    )
    call.emit(op, *operands)


def batch_matmul(call: Call, options: BatchMatMulOptions) -> None:
    """BATCH_MATMUL."""
    left, right = call.input(0), call.input(1)
    if left.dtype is not right.dtype:
        raise call.refuse(f"multiplies {left.dtype.value} by {right.dtype.value}, which is not known")
    call.emit(MatMul(options.adj_x, options.adj_y), left, right)
