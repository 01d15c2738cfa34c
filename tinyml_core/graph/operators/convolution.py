"""Convolutions and the dense layer: inputs are (activations, weights, bias), the bias optional.

Weights are OHWI for :class:`Conv2D`, 1HWC for :class:`DepthwiseConv2D`, [out, in] for :class:`FullyConnected`.
Integer biases are int32 (int64 for int16 activations) at scale ``input scale * weight scale``, zero point 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.graph.operator import Operator, TensorType, require
from tinyml_core.graph.operators.window import IDENTITY, Activation, Window
from tinyml_core.graph.tensor import Tensor


def _check_bias(inputs: Sequence[Tensor], channels: int) -> None:
    if len(inputs) == 3:
        require(
            inputs[2].shape == (channels,), f"bias {inputs[2].name!r} has shape {inputs[2].shape}, not ({channels},)"
        )


@dataclass(frozen=True)
class Conv2D(Window):
    """2-D convolution, NHWC by OHWI."""

    kind: ClassVar[str] = "conv2d"
    arity: ClassVar[tuple[int, int]] = (2, 3)

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """[n, h, w, i] and [o, kh, kw, i] give [n, oh, ow, o]."""
        image, weights = inputs[:2]
        require(len(weights.shape) == 4, f"weights {weights.name!r} have shape {weights.shape}, OHWI is needed")
        out, kh, kw, channels = weights.shape
        rows, columns = self.output_size(image, (kh, kw))
        require(image.shape[3] == channels, f"input has {image.shape[3]} channels, weights expect {channels}")
        _check_bias(inputs, out)
        return (TensorType((image.shape[0], rows, columns, out), image.dtype),)

    def macs(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
        """Outputs times taps times input channels."""
        return outputs[0].elements * inputs[1].elements // inputs[1].shape[0]


@dataclass(frozen=True)
class DepthwiseConv2D(Window):
    """Each input channel convolved by ``multiplier`` filters of its own; output channel c reads c // multiplier."""

    kind: ClassVar[str] = "depthwise_conv2d"
    arity: ClassVar[tuple[int, int]] = (2, 3)

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """[n, h, w, c] and [1, kh, kw, c * m] give [n, oh, ow, c * m]."""
        image, weights = inputs[:2]
        require(
            len(weights.shape) == 4 and weights.shape[0] == 1,
            f"weights {weights.name!r} have shape {weights.shape}, 1HWC is needed",
        )
        _, kh, kw, out = weights.shape
        rows, columns = self.output_size(image, (kh, kw))
        require(
            image.shape[3] > 0 and out % image.shape[3] == 0,
            f"{out} filters are not a multiple of the {image.shape[3]} input channels",
        )
        _check_bias(inputs, out)
        return (TensorType((image.shape[0], rows, columns, out), image.dtype),)

    def macs(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
        """Outputs times taps."""
        return outputs[0].elements * inputs[1].shape[1] * inputs[1].shape[2]


@dataclass(frozen=True)
class FullyConnected(Operator):
    """Dense layer: every row of the input times the transposed weights."""

    kind: ClassVar[str] = "fully_connected"
    arity: ClassVar[tuple[int, int]] = (2, 3)
    activation: Activation = IDENTITY

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """[n, i] and [o, i] give [n, o]."""
        rows, weights = inputs[:2]
        require(len(rows.shape) == 2, f"input {rows.name!r} has shape {rows.shape}, [n, in] is needed")
        require(len(weights.shape) == 2, f"weights {weights.name!r} have shape {weights.shape}, [out, in] is needed")
        require(
            rows.shape[1] == weights.shape[1], f"input has {rows.shape[1]} features, weights expect {weights.shape[1]}"
        )
        _check_bias(inputs, weights.shape[0])
        return (TensorType((rows.shape[0], weights.shape[0]), rows.dtype),)

    def macs(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
        """Rows times the size of the weights."""
        return inputs[0].shape[0] * inputs[1].elements
