"""Converters: what each ONNX operator becomes; :data:`CONVERTERS` is the whole list."""

from __future__ import annotations

from tinyml_plugins.importers.onnx.converters import (
    arrangement,
    elementwise,
    integers,
    linear,
    movement,
    normalisation,
    pointwise,
    pooling,
    products,
    recurrent,
    reduction,
    resizing,
    transposed,
)
from tinyml_plugins.importers.onnx.converters.converter import ANY, Converter, Results, names, real
from tinyml_plugins.importers.onnx.converters.dimensions import one_or_two

_POOL = names("auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides")
_AXES = names("axes keepdims noop_with_empty_axes")
_ARG = names("axis keepdims select_last_index")
_TRANSPOSED = names("auto_pad dilations group kernel_shape output_padding output_shape pads strides")
_RECURRENT = "activation_alpha activation_beta activations clip direction hidden_size layout"
_RESIZE = names(
    "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value "
    "keep_aspect_ratio_policy mode nearest_mode"
)

STANDARD: dict[str, Converter] = {
    **{
        op_type: Converter(pointwise.function(name, **parameters), 1, 1, frozenset(parameters), clamps=False)
        for op_type, (name, parameters) in pointwise.FUNCTIONS.items()
    },
    **{
        op_type: Converter(pointwise.two(name), 2, 2, operands=2) for op_type, name in pointwise.ARITHMETIC.items()
    },
    **{
        op_type: Converter(pointwise.two(name), 2, 2, operands=2, integers=real)
        for op_type, name in pointwise.COMPARISONS.items()
    },
    **{
        op_type: Converter(reduction.reduce(name), 1, 2, _AXES, integers=real)
        for op_type, name in reduction.REDUCTIONS.items()
    },
    "Add": Converter(pointwise.add, 2, 2, operands=2),
    "ArgMax": Converter(reduction.arg_reduce(least=False), 1, 1, _ARG, integers=real),
    "ArgMin": Converter(reduction.arg_reduce(least=True), 1, 1, _ARG, integers=real),
    "AveragePool": Converter(one_or_two(pooling.average_pool), 1, 1, _POOL),
    "BatchNormalization": Converter(
        elementwise.batch_normalization, 5, 5, names("epsilon momentum training_mode"), integers=real
    ),
    "Cast": Converter(pointwise.cast_to, 1, 1, names("to saturate"), integers=real),
    "CastLike": Converter(pointwise.cast_like, 2, 2, names("saturate"), integers=real, alike=True),
    "Clip": Converter(elementwise.clip, 1, 3),
    "Concat": Converter(arrangement.concat, 1, ANY, names("axis"), operands=ANY, clamps=False),
    "Conv": Converter(
        one_or_two(linear.convolution), 2, 3, names("auto_pad dilations group kernel_shape pads strides"), operands=2
    ),
    "ConvInteger": Converter(
        integers.convolution_integer, 2, 4, names("auto_pad dilations group kernel_shape pads strides"), integers=real,
        raw=True,
    ),
    "ConvTranspose": Converter(one_or_two(transposed.transposed_convolution), 2, 3, _TRANSPOSED, integers=real),
    "DepthToSpace": Converter(arrangement.depth_to_space, 1, 1, names("blocksize mode"), moves=True),
    "Dropout": Converter(movement.dropout, 1, 3, names("seed"), moves=True),
    "DynamicQuantizeLinear": Converter(integers.dynamic_quantize, 1, 1, integers=real, raw=True),
    "Expand": Converter(arrangement.expand, 2, 2, moves=True),
    "Flatten": Converter(movement.flatten, 1, 1, names("axis"), moves=True),
    "GRU": Converter(recurrent.gru, 3, 6, names(f"{_RECURRENT} linear_before_reset"), integers=real),
    "Gather": Converter(arrangement.gather, 2, 2, names("axis"), operands=2, integers=real),
    "Gelu": Converter(pointwise.gelu, 1, 1, names("approximate"), clamps=False),
    "Gemm": Converter(products.gemm, 2, 3, names("alpha beta transA transB"), operands=2),
    "GlobalAveragePool": Converter(one_or_two(pooling.global_average_pool), 1, 1, clamps=False),
    "GlobalMaxPool": Converter(one_or_two(pooling.global_max_pool), 1, 1, moves=True),
    "Identity": Converter(movement.identity, 1, 1, moves=True),
    "InstanceNormalization": Converter(
        normalisation.instance_normalization, 3, 3, names("epsilon"), integers=real
    ),
    "LSTM": Converter(recurrent.lstm, 3, 8, names(f"{_RECURRENT} input_forget"), integers=real),
    "LayerNormalization": Converter(
        normalisation.layer_normalization, 2, 3, names("axis epsilon stash_type"), integers=real
    ),
    "LogSoftmax": Converter(normalisation.log_softmax, 1, 1, names("axis"), integers=real),
    "LpNormalization": Converter(normalisation.lp_normalization, 1, 1, names("axis p"), integers=real),
    "MatMul": Converter(products.matmul, 2, 2, operands=2),
    "MatMulInteger": Converter(integers.matmul_integer, 2, 4, operands=2, integers=real, raw=True),
    "Max": Converter(pointwise.extremum("maximum"), 1, ANY, operands=ANY, clamps=False),
    "MaxPool": Converter(
        one_or_two(pooling.max_pool), 1, 1,
        names("auto_pad ceil_mode dilations kernel_shape pads storage_order strides"), moves=True,
    ),
    "Mean": Converter(pointwise.mean, 1, ANY, operands=ANY, integers=real),
    "Min": Converter(pointwise.extremum("minimum"), 1, ANY, operands=ANY, clamps=False),
    "Mod": Converter(pointwise.modulo, 2, 2, names("fmod"), operands=2, integers=real),
    "PRelu": Converter(pointwise.prelu, 2, 2, operands=2),
    "Pad": Converter(movement.pad, 2, 4, names("mode"), moves=True),
    "Pow": Converter(pointwise.power, 2, 2, operands=2, integers=real),
    "RMSNormalization": Converter(
        normalisation.rms_normalization, 2, 2, names("axis epsilon stash_type"), integers=real
    ),
    "RNN": Converter(recurrent.rnn, 3, 6, names(_RECURRENT), integers=real),
    "ReduceMean": Converter(reduction.mean, 1, 2, _AXES, clamps=False),
    "Relu": Converter(elementwise.clip, 1, 1),
    "Reshape": Converter(movement.reshape, 2, 2, names("allowzero"), moves=True),
    "Resize": Converter(resizing.resize, 1, 4, _RESIZE, integers=real),
    "Slice": Converter(arrangement.slice_, 3, 5, moves=True),
    "Softmax": Converter(
        elementwise.softmax, 1, 1, names("axis"), integers=lambda q: q == elementwise.INTEGER_SOFTMAX, clamps=False
    ),
    "SpaceToDepth": Converter(arrangement.space_to_depth, 1, 1, names("blocksize mode"), moves=True),
    "Split": Converter(arrangement.split, 1, 2, names("axis num_outputs"), moves=True),
    "Squeeze": Converter(movement.squeeze, 1, 2, moves=True),
    "Sum": Converter(pointwise.total, 1, ANY, operands=ANY, integers=real),
    "Tile": Converter(arrangement.tile, 2, 2, moves=True),
    "Transpose": Converter(movement.transpose, 1, 1, names("perm"), moves=True),
    "Unsqueeze": Converter(movement.unsqueeze, 2, 2, moves=True),
    "Where": Converter(pointwise.where, 3, 3, operands=3, integers=real),
}  # fmt: skip
CONVERTERS: dict[tuple[str, str], Converter] = {("", op_type): found for op_type, found in STANDARD.items()}
"""(domain, op_type) -> converter."""

__all__ = ["CONVERTERS", "Converter", "Results"]
