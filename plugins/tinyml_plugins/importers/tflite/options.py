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
class SqueezeOptions:
    """Of SQUEEZE; empty means every axis of size 1."""

    squeeze_dims: tuple[int, ...] = numbers("<i4")


OPTIONS_TYPES: dict[type[object], int] = {
    Conv2DOptions: 1,
    DepthwiseConv2DOptions: 2,
    Pool2DOptions: 5,
    FullyConnectedOptions: 8,
    SoftmaxOptions: 9,
    AddOptions: 11,
    ReshapeOptions: 17,
    ReducerOptions: 27,
    SqueezeOptions: 30,
}
"""Number of each record in the schema's union of options."""
