"""Folding: what exporters leave to be computed from constants and shapes alone."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence

import numpy as np

from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph.tensor import Quantization
from tinyml_plugins.importers.onnx.emission import Emitter
from tinyml_plugins.importers.onnx.network import Array, Node
from tinyml_plugins.importers.onnx.values import Constant, Value, Variable

LONGEST_LIST = 64
"""Elements of the lists, such as shapes, that may be computed with; weights are only transposed and reshaped."""


def fold(node: Node, inputs: Sequence[Value | None], emitter: Emitter, values: MutableMapping[str, Value]) -> bool:
    """Enter the constant that ``node`` computes into ``values``; False when it is no matter of constants.

    Raises:
        InputError: its inputs do not suit.
    """
    rule = FOLDS[(node.domain, node.op_type)]
    if not node.outputs or not node.outputs[0]:
        raise InputError("has no output", place=node.place)
    if node.op_type == "Shape" and inputs and isinstance(inputs[0], Variable):
        inputs = [Constant("", np.zeros(0)), *inputs[1:]]
        shape: tuple[int, ...] = emitter.shape(values[node.inputs[0]])  # type: ignore[arg-type]
    elif all(isinstance(value, Constant) for value in inputs if value is not None):
        first = inputs[0] if inputs else None
        shape = first.data.shape if isinstance(first, Constant) else ()
    else:
        return False
    constants = [value for value in inputs if isinstance(value, Constant)]
    try:
        with np.errstate(all="ignore"):
            result = rule(node, constants, shape)
    except (ValueError, IndexError, TypeError, OverflowError):
        raise InputError("cannot be computed from its constants", place=node.place) from None
    if not isinstance(result, Constant):
        result = Constant(node.outputs[0], np.asarray(result))
    values[node.outputs[0]] = result
    return True


Rule = Callable[[Node, Sequence[Constant], tuple[int, ...]], "Array | Constant"]


def _short(constants: Sequence[Constant], node: Node) -> list[Array]:
    """The arrays of lists short enough to be shapes, quantised ones excluded."""
    for constant in constants:
        if constant.data.size > LONGEST_LIST or constant.quantization is not None:
            raise UnsupportedError("computes with constants only", place=node.place, remedy="simplify it with onnxsim")
    return [constant.data for constant in constants]


def _constant(node: Node, constants: Sequence[Constant], shape: tuple[int, ...]) -> Array:
    (name,) = node.attributes
    value = node.attributes[name]
    if name == "value" and isinstance(value, np.ndarray):
        return value
    if name in ("value_float", "value_floats"):
        return np.asarray(value, np.float32)
    if name in ("value_int", "value_ints"):
        return np.asarray(value, np.int64)
    raise UnsupportedError(f"attribute {name[:80]!r} is not known", place=node.place)


def _shape(node: Node, constants: Sequence[Constant], shape: tuple[int, ...]) -> Array:
    end = node.integer("end", len(shape))
    return np.array(shape[node.integer("start", 0) : end], np.int64)


def _gather(node: Node, constants: Sequence[Constant], shape: tuple[int, ...]) -> Array:
    data, indices = _short(constants, node)
    return np.asarray(np.take(data, indices, axis=node.integer("axis", 0)))


def _concat(node: Node, constants: Sequence[Constant], shape: tuple[int, ...]) -> Array:
    return np.concatenate(_short(constants, node), axis=node.integer("axis", 0))


def _slice(node: Node, constants: Sequence[Constant], shape: tuple[int, ...]) -> Array:
    data, starts, ends, *rest = _short(constants, node)
    if (
        data.ndim != 1
        or starts.size != 1
        or ends.size != 1
        or any(value.ravel().tolist() != [n] for n, value in enumerate(rest))
    ):
        raise ValueError
    return data[int(starts.ravel()[0]) : int(ends.ravel()[0])]


def _unsqueeze(node: Node, constants: Sequence[Constant], shape: tuple[int, ...]) -> Array:
    data, axes = _short(constants, node)
    return np.expand_dims(data, tuple(int(axis) for axis in axes.ravel()))


def _squeeze(node: Node, constants: Sequence[Constant], shape: tuple[int, ...]) -> Array:
    data, *axes = _short(constants, node)
    return np.squeeze(data, tuple(int(axis) for axis in axes[0].ravel()) if axes else None)


def _cast(node: Node, constants: Sequence[Constant], shape: tuple[int, ...]) -> Array:
    (data,) = _short(constants, node)
    kinds = {1: np.float32, 6: np.int32, 7: np.int64}
    if (to := node.integer("to", 0)) not in kinds:
        raise UnsupportedError(f"casts a constant to type {to}", place=node.place)
    return data.astype(kinds[to])


def _identity(node: Node, constants: Sequence[Constant], shape: tuple[int, ...]) -> Constant:
    return constants[0]


def _transpose(node: Node, constants: Sequence[Constant], shape: tuple[int, ...]) -> Constant:
    (constant,) = constants
    permutation = node.integers("perm", tuple(reversed(range(constant.data.ndim))))
    data = constant.data.transpose(permutation)
    quantization = constant.quantization
    if quantization is not None and quantization.axis is not None:
        axis = [each % data.ndim for each in permutation].index(quantization.axis)
        quantization = Quantization(quantization.scale, quantization.zero_point, axis)
    return Constant(constant.name, data, quantization)


def _reshape(node: Node, constants: Sequence[Constant], shape: tuple[int, ...]) -> Constant:
    constant, wanted = constants
    sizes = [int(size) for size in wanted.data.ravel()]
    if constant.quantization is not None and constant.quantization.axis is not None:
        raise UnsupportedError("reshapes a constant with a scale per channel", place=node.place)
    if not node.integer("allowzero", 0):
        sizes = [shape[index] if size == 0 else size for index, size in enumerate(sizes)]
    return Constant(constant.name, constant.data.reshape(sizes), constant.quantization)


FOLDS: dict[tuple[str, str], Rule] = {
    ("", "Cast"): _cast,
    ("", "Concat"): _concat,
    ("", "Constant"): _constant,
    ("", "Gather"): _gather,
    ("", "Identity"): _identity,
    ("", "Reshape"): _reshape,
    ("", "Shape"): _shape,
    ("", "Slice"): _slice,
    ("", "Squeeze"): _squeeze,
    ("", "Transpose"): _transpose,
    ("", "Unsqueeze"): _unsqueeze,
}
"""(domain, op_type) -> what it makes of constants; ``shape`` is that of the first input."""
