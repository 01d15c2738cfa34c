"""Converters: what each ONNX operator becomes; :data:`CONVERTERS` is the whole list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinyml_core.graph.tensor import Quantization
from tinyml_plugins.importers.onnx.converters import elementwise, linear, movement, pooling
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.values import Variable


Results = Variable | tuple[Variable, ...]


@dataclass(frozen=True)
class Converter:
    """How one operator is read.

    The first ``operands`` inputs are computed with, the others only tell how; ``least`` and ``most`` bound the number
    of inputs. ``moves``: elements are only moved, so they stay in the quantisation they have. ``integers`` says for
    which quantisations of the result an integer form exists, ``clamps`` whether it may limit its result too. Attributes not named here are refused.
    """

    convert: Callable[[Call, Emitter], Results]
    least: int
    most: int
    attributes: frozenset[str] = frozenset()
    operands: int = 1
    moves: bool = False
    integers: Callable[[Quantization], bool] = lambda quantization: True
    clamps: bool = True


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_POOL = _names("auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides")
_AXES = _names("axes keepdims noop_with_empty_axes")

CONVERTERS: dict[tuple[str, str], Converter] = {
    ("", "Add"): Converter(elementwise.add, 2, 2, operands=2),
    ("", "AveragePool"): Converter(pooling.average_pool, 1, 1, _POOL),
    ("", "BatchNormalization"): Converter(
        elementwise.batch_normalization, 5, 5, _names("epsilon momentum training_mode"), integers=lambda _: False
    ),
    ("", "Clip"): Converter(elementwise.clip, 1, 3),
    ("", "Conv"): Converter(
        linear.convolution, 2, 3, _names("auto_pad dilations group kernel_shape pads strides"), operands=2
    ),
    ("", "Dropout"): Converter(movement.identity, 1, 3, _names("seed"), moves=True),
    ("", "Flatten"): Converter(movement.flatten, 1, 1, _names("axis"), moves=True),
    ("", "Gemm"): Converter(linear.gemm, 2, 3, _names("alpha beta transA transB"), operands=2),
    ("", "GlobalAveragePool"): Converter(pooling.global_average_pool, 1, 1),
    ("", "GlobalMaxPool"): Converter(pooling.global_max_pool, 1, 1, moves=True),
    ("", "Identity"): Converter(movement.identity, 1, 1, moves=True),
    ("", "MatMul"): Converter(linear.matmul, 2, 2, operands=2),
    ("", "MaxPool"): Converter(
        pooling.max_pool, 1, 1, _names("auto_pad ceil_mode dilations kernel_shape pads storage_order strides"),
        moves=True,
    ),
    ("", "Pad"): Converter(movement.pad, 2, 4, _names("mode"), moves=True),
    ("", "ReduceMean"): Converter(pooling.reduce_mean, 1, 2, _AXES),
    ("", "Relu"): Converter(elementwise.clip, 1, 1),
    ("", "Reshape"): Converter(movement.reshape, 2, 2, _names("allowzero"), moves=True),
    ("", "Softmax"): Converter(
        elementwise.softmax, 1, 1, _names("axis"), integers=lambda q: q == elementwise.INTEGER_SOFTMAX
    ),
    ("", "Squeeze"): Converter(movement.squeeze, 1, 2, moves=True),
    ("", "Transpose"): Converter(movement.transpose, 1, 1, _names("perm"), moves=True),
    ("", "Unsqueeze"): Converter(movement.unsqueeze, 2, 2, moves=True),
}  # fmt: skip
"""(domain, op_type) -> converter."""

__all__ = ["CONVERTERS", "Converter"]
