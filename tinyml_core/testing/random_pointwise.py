"""Random nodes of pointwise functions, reductions and normalisations of int8 tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyml_core.graph import DType, Quantization, Tensor
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import IDENTITY, Add, ArgReduce, Binary, L2Norm, LogSoftmax, Reduce, Select, Unary
from tinyml_core.graph.operators.pointwise import COMPARISONS
from tinyml_core.testing.author import Author, Maker

UNARY = ("sigmoid", "tanh", "hard_swish", "leaky_relu", "abs", "elu")
OTHER_UNARY = ("exp", "log", "sqrt", "gelu", "negate", "softplus", "hard_sigmoid", "reciprocal", "rsqrt")
OUTPUTS = {"sigmoid": Quantization.per_tensor(1 / 256, -128), "tanh": Quantization.per_tensor(1 / 128)}
"""What TensorFlow Lite Micro's kernels write."""
MOST_ELEMENTS = 2048
"""Above it nothing is broadcast further, so that graphs stay fast to execute on an emulator."""


def _unary(author: Author, source: str) -> str:
    choose, tensor = author.choose, author.builder.tensor(source)
    function = choose([*UNARY, *UNARY, choose(OTHER_UNARY)])
    parameters: dict[str, float] = {}
    if function == "leaky_relu":
        parameters = {"alpha": choose([0.1, 0.3, 1.5, -0.2, 0.0])}
    if function == "elu":
        parameters = {"alpha": choose([1.0, 1.0, 0.5])}
    if function == "hard_sigmoid":
        parameters = {"alpha": 0.2, "beta": 0.5}
    quantization = OUTPUTS.get(function, author.quantization())
    if function == "hard_swish":  # whose kernel knows only outputs of much the same scale
        factor = choose([1.0, 0.5, 1.9, 0.1])
        quantization = Quantization.per_tensor(tensor.scale * factor, quantization.zero_point[0])
    return author.builder.node(Unary(function, **parameters), [source], quantization=quantization)


def _operand(author: Author, source: str, quantization: Quantization | None = None, *, low: int = -128) -> str:
    """A tensor to combine with ``source``: another of its shape, or a constant that broadcasts with it.

    ``quantization`` is what it must have, if that matters; a constant's least integer is ``low``.
    """
    choose, tensor = author.choose, author.builder.tensor(source)
    if low == -128 and choose([True, False]):
        others = [author.builder.tensor(name) for name in author.values]
        wanted = (tensor.shape, quantization)
        suitable = [each.name for each in others if (each.shape, quantization and each.quantization) == wanted]
        return str(choose(suitable or [source]))
    growing = tensor.elements * 3 <= MOST_ELEMENTS
    shape = [choose([size, size, 1]) if size > 1 else choose([1, 3] if growing else [1]) for size in tensor.shape[1:]]
    shape = [1, *shape] if choose([True, False]) else shape[choose(range(len(shape))) :]
    data = author.rng.integers(low, 127, shape, endpoint=True).astype(np.int8)
    return author.builder.constant(author.name("operand"), data, quantization or author.quantization())


def _pair(author: Author, source: str, quantization: Quantization | None = None) -> list[str]:
    operands = [source, _operand(author, source, quantization)]
    return operands if author.choose([True, False]) else operands[::-1]


def _add(author: Author, source: str) -> str:
    return author.builder.node(Add(author.activation()), _pair(author, source), quantization=author.quantization())


def _binary(author: Author, source: str) -> str:
    choose, builder = author.choose, author.builder
    function = choose(["subtract", "multiply", "maximum", "minimum", "prelu", "divide", "squared_difference"])
    own = builder.tensor(source).quantization
    assert own is not None
    output, activation = author.quantization(), author.activation()
    if function in ("maximum", "minimum"):
        activation = choose([IDENTITY, activation])  # TensorFlow Lite fuses none
        return builder.node(Binary(function, activation), _pair(author, source, own), quantization=own)
    if function == "squared_difference":
        scale = (128 * builder.tensor(source).scale) ** 2 / 256
        output = Quantization.per_tensor(choose([scale, scale / 9, output.scale[0]]), output.zero_point[0])
        return builder.node(Binary(function), _pair(author, source), quantization=output)
    if function == "prelu":
        channels = builder.tensor(source).shape[-1:]
        slopes = author.rng.integers(-128, 127, channels, endpoint=True).astype(np.int8)
        operands = [source, builder.constant(author.name("slopes"), slopes, author.quantization())]
        return builder.node(Binary("prelu"), operands, quantization=output)
    if function == "divide":
        by = Quantization.per_tensor(choose([0.1, 0.02]))
        scale = builder.tensor(source).scale / (by.scale[0] * choose([64.0, 100.0, 900.0, 1.0]))
        output = Quantization.per_tensor(scale, output.zero_point[0])
        operands = [source, _operand(author, source, by, low=choose([1, -127]))]
        return builder.node(Binary("divide", activation), operands, quantization=output)
    return builder.node(Binary(function, activation), _pair(author, source), quantization=output)


def _select(author: Author, source: str) -> str:
    """A comparison, and a choice by what it says."""
    choose, builder = author.choose, author.builder
    tensor = builder.tensor(source)
    assert tensor.quantization is not None
    quantization = choose([tensor.quantization, Quantization.per_tensor(0.04, 3)])
    condition = builder.node(Binary(choose(COMPARISONS)), _pair(author, source, quantization))
    choices = _pair(author, source, tensor.quantization)
    return builder.node(Select(), [condition, *choices], quantization=tensor.quantization)


def _axes(author: Author, tensor: Tensor) -> tuple[int, ...]:
    rank = len(tensor.shape)
    axes: list[Any] = [(1, 2), (2,), (1,), (3,), (1, 3), (2, 3)] if rank == 4 else [(rank - 1,)]
    chosen: tuple[int, ...] = author.choose(axes)
    return chosen


def _reduce(author: Author, source: str) -> str:
    choose, tensor = author.choose, author.builder.tensor(source)
    function = choose(["sum", "max", "sum", "max", "min"])
    quantization = tensor.quantization
    if function == "sum":
        quantization = choose([author.quantization(), Quantization.per_tensor(tensor.scale * 20, 5), quantization])
    op = Reduce(function, _axes(author, tensor), choose([False, True]))
    return author.builder.node(op, [source], quantization=quantization)


def _arg_reduce(author: Author, source: str) -> str:
    choose = author.choose
    axis = choose(range(1, len(author.builder.tensor(source).shape)))
    op = ArgReduce(axis, choose([False, True]), choose([False, False, True]), choose([False, True]), dtype="int32")
    return author.builder.node(op, [source])


def _l2_norm(author: Author, source: str) -> str:
    return author.builder.node(L2Norm(), [source], quantization=Quantization.per_tensor(1 / 128))


def _log_softmax(author: Author, source: str) -> str:
    return author.builder.node(LogSoftmax(), [source], quantization=Quantization.per_tensor(1 / 16, 127))


def _is_quantised(tensor: Tensor) -> bool:
    return tensor.dtype is DType.INT8 and len(tensor.shape) >= 2


POINTWISE: dict[type[Operator], Maker] = {
    Add: Maker(_is_quantised, _add),
    Unary: Maker(_is_quantised, _unary),
    Binary: Maker(_is_quantised, _binary),
    Select: Maker(lambda tensor: _is_quantised(tensor) and tensor.scale < 1, _select),
    Reduce: Maker(_is_quantised, _reduce),
    ArgReduce: Maker(_is_quantised, _arg_reduce),
    L2Norm: Maker(_is_quantised, _l2_norm),
    LogSoftmax: Maker(_is_quantised, _log_softmax),
}
