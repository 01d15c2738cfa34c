"""Options of operators: one record each, with all fields the schema has, so that none is overlooked."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_plugins.importers.tflite.flatbuffer import BOOL, FLOAT32, INT8, INT32, UINT8, numbers, scalar


@dataclass(frozen=True)
class NoOptions:
    """For operators without options of their own."""


@dataclass(frozen=True)
class Conv2DOptions:
    """Of CONV_2D."""

    padding: int = scalar(INT8)
    stride_w: int = scalar(INT32)
    stride_h: int = scalar(INT32)
    fused_activation: int = scalar(INT8)
    dilation_w: int = scalar(INT32, 1)
    dilation_h: int = scalar(INT32, 1)
    quantized_bias_type: int = scalar(INT8)


@dataclass(frozen=True)
class DepthwiseConv2DOptions:
    """Of DEPTHWISE_CONV_2D."""

    padding: int = scalar(INT8)
    stride_w: int = scalar(INT32)
    stride_h: int = scalar(INT32)
    depth_multiplier: int = scalar(INT32)
    fused_activation: int = scalar(INT8)
    dilation_w: int = scalar(INT32, 1)
    dilation_h: int = scalar(INT32, 1)


@dataclass(frozen=True)
class FullyConnectedOptions:
    """Of FULLY_CONNECTED; ``asymmetric_quantize_inputs`` concerns float inputs on int8 weights only."""

    fused_activation: int = scalar(INT8)
    weights_format: int = scalar(INT8)
    keep_num_dims: bool = scalar(BOOL, False)
    asymmetric_quantize_inputs: bool = scalar(BOOL, False)
    quantized_bias_type: int = scalar(INT8)
    quant_spec: int = scalar(UINT8)


@dataclass(frozen=True)
class Pool2DOptions:
    """Of AVERAGE_POOL_2D and MAX_POOL_2D."""

    padding: int = scalar(INT8)
    stride_w: int = scalar(INT32)
    stride_h: int = scalar(INT32)
    filter_width: int = scalar(INT32)
    filter_height: int = scalar(INT32)
    fused_activation: int = scalar(INT8)


@dataclass(frozen=True)
class AddOptions:
    """Of ADD; ``pot_scale_int16`` concerns int16 only."""

    fused_activation: int = scalar(INT8)
    pot_scale_int16: bool = scalar(BOOL, True)


@dataclass(frozen=True)
class SoftmaxOptions:
    """Of SOFTMAX."""

    beta: float = scalar(FLOAT32)


@dataclass(frozen=True)
class ReducerOptions:
    """Of MEAN and the other reductions."""

    keep_dims: bool = scalar(BOOL, False)


@dataclass(frozen=True)
class ReshapeOptions:
    """Of RESHAPE; an input with the shape takes precedence."""

    new_shape: tuple[int, ...] = numbers("<i4")


@dataclass(frozen=True)
class BlockOptions:
    """Of DEPTH_TO_SPACE and SPACE_TO_DEPTH."""

    block_size: int = scalar(INT32)


@dataclass(frozen=True)
class SqueezeOptions:
    """Of SQUEEZE; empty means every axis of size 1."""

    squeeze_dims: tuple[int, ...] = numbers("<i4")


@dataclass(frozen=True)
class ActivationOptions:
    """Of MUL, DIV and L2_NORMALIZATION."""

    fused_activation: int = scalar(INT8)


@dataclass(frozen=True)
class SubOptions:
    """Of SUB; ``pot_scale_int16`` concerns int16 only."""

    fused_activation: int = scalar(INT8)
    pot_scale_int16: bool = scalar(BOOL, True)


@dataclass(frozen=True)
class ConcatenationOptions:
    """Of CONCATENATION."""

    axis: int = scalar(INT32)
    fused_activation: int = scalar(INT8)


@dataclass(frozen=True)
class SplitOptions:
    """Of SPLIT and SPLIT_V."""

    num_splits: int = scalar(INT32)


@dataclass(frozen=True)
class StridedSliceOptions:
    """Of STRIDED_SLICE; bit i of a mask concerns axis i."""

    begin_mask: int = scalar(INT32)
    end_mask: int = scalar(INT32)
    ellipsis_mask: int = scalar(INT32)
    new_axis_mask: int = scalar(INT32)
    shrink_axis_mask: int = scalar(INT32)
    offset: bool = scalar(BOOL, False)


@dataclass(frozen=True)
class GatherOptions:
    """Of GATHER."""

    axis: int = scalar(INT32)
    batch_dims: int = scalar(INT32)


@dataclass(frozen=True)
class PackOptions:
    """Of PACK."""

    values_count: int = scalar(INT32)
    axis: int = scalar(INT32)


@dataclass(frozen=True)
class UnpackOptions:
    """Of UNPACK."""

    num: int = scalar(INT32)
    axis: int = scalar(INT32)


@dataclass(frozen=True)
class ResizeBilinearOptions:
    """Of RESIZE_BILINEAR; the size is an input since the first version of the schema."""

    new_height: int = scalar(INT32)
    new_width: int = scalar(INT32)
    align_corners: bool = scalar(BOOL, False)
    half_pixel_centers: bool = scalar(BOOL, False)


@dataclass(frozen=True)
class ResizeNearestOptions:
    """Of RESIZE_NEAREST_NEIGHBOR."""

    align_corners: bool = scalar(BOOL, False)
    half_pixel_centers: bool = scalar(BOOL, False)


@dataclass(frozen=True)
class LeakyReluOptions:
    """Of LEAKY_RELU."""

    alpha: float = scalar(FLOAT32)


@dataclass(frozen=True)
class GeluOptions:
    """Of GELU."""

    approximate: bool = scalar(BOOL, False)


@dataclass(frozen=True)
class ArgOptions:
    """Of ARG_MAX and ARG_MIN."""

    output_type: int = scalar(INT8)


@dataclass(frozen=True)
class ShapeOptions:
    """Of SHAPE; the output has the same type."""

    out_type: int = scalar(INT8)


@dataclass(frozen=True)
class CastOptions:
    """Of CAST; input and output have the same types."""

    in_data_type: int = scalar(INT8)
    out_data_type: int = scalar(INT8)


@dataclass(frozen=True)
class MirrorPadOptions:
    """Of MIRROR_PAD."""

    mode: int = scalar(INT8)


@dataclass(frozen=True)
class TransposeConvOptions:
    """Of TRANSPOSE_CONV."""

    padding: int = scalar(INT8)
    stride_w: int = scalar(INT32)
    stride_h: int = scalar(INT32)
    fused_activation: int = scalar(INT8)
    quantized_bias_type: int = scalar(INT8)


@dataclass(frozen=True)
class BatchMatMulOptions:
    """Of BATCH_MATMUL; ``asymmetric_quantize_inputs`` concerns float operands times int8 ones only."""

    adj_x: bool = scalar(BOOL, False)
    adj_y: bool = scalar(BOOL, False)
    asymmetric_quantize_inputs: bool = scalar(BOOL, False)


@dataclass(frozen=True)
class UnidirectionalSequenceLSTMOptions:
    """Of UNIDIRECTIONAL_SEQUENCE_LSTM; ``asymmetric_quantize_inputs`` concerns float inputs on int8 weights only.

    ``proj_clip`` limits a projection.
    """

    fused_activation: int = scalar(INT8)
    cell_clip: float = scalar(FLOAT32)
    proj_clip: float = scalar(FLOAT32)
    time_major: bool = scalar(BOOL, False)
    asymmetric_quantize_inputs: bool = scalar(BOOL, False)
    diagonal_recurrent_tensors: bool = scalar(BOOL, False)


OPTIONS_TYPES: dict[type[object], frozenset[int]] = {
    Conv2DOptions: frozenset({1}),
    DepthwiseConv2DOptions: frozenset({2}),
    Pool2DOptions: frozenset({5}),
    FullyConnectedOptions: frozenset({8}),
    SoftmaxOptions: frozenset({9}),
    ConcatenationOptions: frozenset({10}),
    AddOptions: frozenset({11}),
    ActivationOptions: frozenset({12, 21, 29}),
    ResizeBilinearOptions: frozenset({15}),
    BlockOptions: frozenset({19, 94}),
    ReshapeOptions: frozenset({17}),
    GatherOptions: frozenset({23}),
    ReducerOptions: frozenset({27}),
    SubOptions: frozenset({28}),
    SqueezeOptions: frozenset({30}),
    StridedSliceOptions: frozenset({32}),
    SplitOptions: frozenset({35, 79}),
    CastOptions: frozenset({37}),
    ArgOptions: frozenset({40, 57}),
    TransposeConvOptions: frozenset({49}),
    ShapeOptions: frozenset({55}),
    PackOptions: frozenset({59}),
    UnpackOptions: frozenset({64}),
    UnidirectionalSequenceLSTMOptions: frozenset({71}),
    ResizeNearestOptions: frozenset({74}),
    LeakyReluOptions: frozenset({75}),
    MirrorPadOptions: frozenset({77}),
    BatchMatMulOptions: frozenset({101}),
    GeluOptions: frozenset({116}),
}
"""Numbers of each record in the schema's union of options."""
