"""Updates: how integer parameters of a network change during training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.graph.operator import Operator, TensorType, require
from tinyml_core.graph.tensor import DType, Tensor


@dataclass(frozen=True)
class MergeChannels(Operator):
    """Weights with the channels that learn put in; inputs are (whole weights, those that learn).

    Index ``channels[k]`` along ``axis`` of the result is index k of the second input, every other one the first's.
    """

    kind: ClassVar[str] = "merge_channels"
    arity: ClassVar[tuple[int, int]] = (2, 2)
    channels: tuple[int, ...] = ()
    axis: int = 3

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The first input's type; the second has as many indices along ``axis`` as there are ``channels``."""
        whole, learnt = inputs
        require(0 <= self.axis < len(whole.shape), f"axis {self.axis} does not suit shape {whole.shape}")
        size = whole.shape[self.axis]
        require(
            list(self.channels) == sorted(set(self.channels)) and all(0 <= index < size for index in self.channels),
            f"channels are not ascending indices below {size}",
        )
        wanted = (*whole.shape[: self.axis], len(self.channels), *whole.shape[self.axis + 1 :])
        require(
            (learnt.shape, learnt.dtype) == (wanted, whole.dtype),
            f"{learnt.name!r} is {learnt.dtype.value}{list(learnt.shape)}, not {whole.dtype.value}{list(wanted)}",
        )
        return (TensorType(whole.shape, whole.dtype),)


@dataclass(frozen=True)
class StochasticRound(Operator):
    """``floor(x + u)`` with u uniform in [0, 1), so that the mean is x; inputs are (x float32, seed int32 [1]).

    u is the hash of the seed (the number of the step), of ``stream`` (which tells tensors apart) and of the element's
    index. x is limited to +-2^30 first; what is no number becomes 0.
    """

    kind: ClassVar[str] = "stochastic_round"
    arity: ClassVar[tuple[int, int]] = (2, 2)
    stream: int = 0

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The first input's shape in int32."""
        values, seed = inputs
        require(values.dtype is DType.FLOAT32, f"{values.name!r} is {values.dtype.value}, not float32")
        require(
            (seed.shape, seed.dtype) == ((1,), DType.INT32),
            f"seed {seed.name!r} is {seed.dtype.value}{list(seed.shape)}, not int32[1]",
        )
        require(0 <= self.stream < 1 << 31, f"stream {self.stream} is no number of 31 bits")
        return (TensorType(values.shape, DType.INT32),)


@dataclass(frozen=True)
class SaturatingSubtract(Operator):
    """A parameter minus its change, limited to the parameter's type; inputs are (parameter, change int32)."""

    kind: ClassVar[str] = "saturating_subtract"
    arity: ClassVar[tuple[int, int]] = (2, 2)

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The parameter's shape and type."""
        parameter, change = inputs
        require(
            parameter.dtype in (DType.INT8, DType.INT32),
            f"{parameter.name!r} is {parameter.dtype.value}, not int8 or int32",
        )
        require(
            (change.shape, change.dtype) == (parameter.shape, DType.INT32),
            f"{change.name!r} is {change.dtype.value}{list(change.shape)}, not int32{list(parameter.shape)}",
        )
        return (TensorType(parameter.shape, parameter.dtype),)
