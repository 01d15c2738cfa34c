"""Gradients: what a training step computes backwards through the operators of a network.

Gradients are float32 and belong to the integers of a tensor, so that weights count without their scales and inputs as
``x - zero point``; :class:`MaskedScale` puts the scales in once for each layer. Rounding counts as the identity
(straight-through), a clamp as in ``hardtanh``: nothing passes where it holds. A step has one sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.graph.operator import Operator, TensorType, require
from tinyml_core.graph.operators.window import IDENTITY, Window
from tinyml_core.graph.tensor import DType, Tensor

VALUES = (DType.INT8, DType.FLOAT32)
"""Types of activations and weights that gradients are computed from."""


def _require_gradient(tensor: Tensor) -> None:
    require(tensor.dtype is DType.FLOAT32, f"gradient {tensor.name!r} is {tensor.dtype.value}, not float32")


def _require_values(tensor: Tensor) -> None:
    require(tensor.dtype in VALUES, f"{tensor.name!r} is {tensor.dtype.value}, not int8 or float32")


@dataclass(frozen=True)
class SaturationMask(Operator):
    """Bit ``i % 8`` of byte ``i // 8`` says whether ``low < y < high`` holds for element i of an int8 activation.

    ``low`` and ``high`` are the integers at which the activation saturates. The bits have scale 1, zero point 0.
    """

    kind: ClassVar[str] = "saturation_mask"
    low: int = -128
    high: int = 127

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """An eighth of the elements, rounded up, in uint8."""
        require(inputs[0].dtype is DType.INT8, f"{inputs[0].name!r} is {inputs[0].dtype.value}, not int8")
        require(-129 <= self.low <= self.high <= 128, f"limits {self.low} and {self.high} are not those of int8")
        return (TensorType(((inputs[0].elements + 7) // 8,), DType.UINT8),)


@dataclass(frozen=True)
class MaskedScale(Operator):
    """A gradient times the factor of its channel where its bit is set, else 0; inputs are (gradient, bits, factors)."""

    kind: ClassVar[str] = "masked_scale"
    arity: ClassVar[tuple[int, int]] = (3, 3)

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The gradient's shape; bits are a :class:`SaturationMask`'s, factors [channels] or [1]."""
        gradient, bits, factors = inputs
        _require_gradient(gradient)
        require(len(gradient.shape) >= 1, "a scalar has no channels")
        wanted = ((gradient.elements + 7) // 8,)
        require(
            bits.dtype is DType.UINT8 and bits.shape == wanted,
            f"bits are {bits.dtype.value}{list(bits.shape)}, not uint8{list(wanted)}",
        )
        require(
            factors.dtype is DType.FLOAT32 and factors.shape in ((1,), gradient.shape[-1:]),
            f"factors are {factors.dtype.value}{list(factors.shape)}, not float32[{gradient.shape[-1]}]",
        )
        return (TensorType(gradient.shape, DType.FLOAT32),)


@dataclass(frozen=True)
class _WindowGradient(Window):
    """A gradient of an operator with a window; the geometry is that operator's, nothing is fused behind it."""

    def check(self, image: Tensor, gradient: Tensor, kernel: tuple[int, int], channels: int) -> None:
        """Raise Broken unless the operator makes ``channels`` of ``image`` where ``gradient`` has them."""
        _require_gradient(gradient)
        require(self.activation == IDENTITY, "a gradient has no activation")
        wanted = (image.shape[0], *self.output_size(image, kernel), channels)
        require(gradient.shape == wanted, f"gradient {gradient.name!r} has shape {gradient.shape}, not {wanted}")


def _require_weights(weights: Tensor) -> None:
    _require_values(weights)
    require(len(weights.shape) == 4, f"weights {weights.name!r} have shape {weights.shape}, four axes are needed")


@dataclass(frozen=True)
class _InputGradient(_WindowGradient):
    arity: ClassVar[tuple[int, int]] = (2, 2)
    height: int = 1
    width: int = 1

    def image(self, gradient: Tensor, channels: int) -> Tensor:
        """What the convolution reads, ``channels`` deep."""
        require(len(gradient.shape) == 4, f"gradient {gradient.name!r} has shape {gradient.shape}, NHWC is needed")
        shape = (gradient.shape[0], self.height, self.width, channels)
        require(min(shape) >= 1, f"the input would have shape {shape}")
        return Tensor("input", shape, DType.FLOAT32)


@dataclass(frozen=True)
class Conv2DInputGradient(_InputGradient):
    """Gradient of a convolution's input [n, height, width, i]; inputs are (output's gradient, weights OHWI)."""

    kind: ClassVar[str] = "conv2d_input_gradient"

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """[n, oh, ow, o] and [o, kh, kw, i] give [n, height, width, i]."""
        gradient, weights = inputs
        _require_weights(weights)
        out, kh, kw, channels = weights.shape
        image = self.image(gradient, channels)
        self.check(image, gradient, (kh, kw), out)
        return (TensorType(image.shape, DType.FLOAT32),)

    def macs(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
        """Those of the convolution."""
        return inputs[0].elements * inputs[1].elements // inputs[1].shape[0]


@dataclass(frozen=True)
class DepthwiseInputGradient(_InputGradient):
    """Gradient of a depthwise convolution's input [n, height, width, c]; inputs are (output's gradient, weights)."""

    kind: ClassVar[str] = "depthwise_input_gradient"
    multiplier: int = 1

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """[n, oh, ow, c * multiplier] and [1, kh, kw, c * multiplier] give [n, height, width, c]."""
        gradient, weights = inputs
        _require_weights(weights)
        one, kh, kw, out = weights.shape
        require(one == 1, f"weights {weights.name!r} have shape {weights.shape}, 1HWC is needed")
        require(
            self.multiplier >= 1 and out % self.multiplier == 0,
            f"{out} filters are no multiple of {self.multiplier}",
        )
        image = self.image(gradient, out // self.multiplier)
        self.check(image, gradient, (kh, kw), out)
        return (TensorType(image.shape, DType.FLOAT32),)

    def macs(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
        """Those of the convolution."""
        return inputs[0].elements * inputs[1].shape[1] * inputs[1].shape[2]


@dataclass(frozen=True)
class _WeightGradient(_WindowGradient):
    arity: ClassVar[tuple[int, int]] = (2, 2)
    kernel: tuple[int, int] = (1, 1)

    def channels(self, inputs: Sequence[Tensor]) -> tuple[int, int]:
        """Channels of the operator's input and of its output, both checked."""
        image, gradient = inputs
        _require_values(image)
        require(len(gradient.shape) == 4, f"gradient {gradient.name!r} has shape {gradient.shape}, NHWC is needed")
        self.check(image, gradient, self.kernel, gradient.shape[3])
        require(image.shape[0] == 1, f"{image.name!r} holds {image.shape[0]} samples, a step has one")
        return image.shape[3], gradient.shape[3]


@dataclass(frozen=True)
class Conv2DWeightGradient(_WeightGradient):
    """Gradient of a convolution's weights; inputs are (the convolution's input, its output's gradient)."""

    kind: ClassVar[str] = "conv2d_weight_gradient"

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """[1, h, w, i] and [1, oh, ow, o] give [o, kh, kw, i]."""
        sources, out = self.channels(inputs)
        return (TensorType((out, *self.kernel, sources), DType.FLOAT32),)

    def macs(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
        """Those of the convolution."""
        return inputs[1].elements * outputs[0].elements // outputs[0].shape[0]


@dataclass(frozen=True)
class DepthwiseWeightGradient(_WeightGradient):
    """Gradient of a depthwise convolution's weights; inputs are (its input, its output's gradient)."""

    kind: ClassVar[str] = "depthwise_weight_gradient"

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """[1, h, w, c] and [1, oh, ow, c * m] give [1, kh, kw, c * m]."""
        sources, out = self.channels(inputs)
        require(out % sources == 0, f"{out} filters are not a multiple of the {sources} input channels")
        return (TensorType((1, *self.kernel, out), DType.FLOAT32),)

    def macs(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
        """Those of the convolution."""
        return inputs[1].elements * self.kernel[0] * self.kernel[1]


@dataclass(frozen=True)
class BiasGradient(Operator):
    """Sum of a gradient over everything but its last axis."""

    kind: ClassVar[str] = "bias_gradient"

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """[1, h, w, o] or [1, o] give [o]."""
        _require_gradient(inputs[0])
        require(len(inputs[0].shape) >= 1, "a scalar has no channels")
        return (TensorType(inputs[0].shape[-1:], DType.FLOAT32),)


@dataclass(frozen=True)
class MaxPoolGradient(_WindowGradient):
    """Gradient of a maximum pooling's input; inputs are (its input, its output, the output's gradient).

    Each window gives its gradient to the first of its positions that equals the output, none where a clamp changed it.
    """

    kind: ClassVar[str] = "max_pool_gradient"
    arity: ClassVar[tuple[int, int]] = (3, 3)
    kernel: tuple[int, int] = (2, 2)

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """[n, h, w, c], [n, oh, ow, c] and [n, oh, ow, c] give [n, h, w, c]."""
        image, greatest, gradient = inputs
        _require_values(image)
        require(len(image.shape) == 4, f"input {image.name!r} has shape {image.shape}, NHWC is needed")
        self.check(image, gradient, self.kernel, image.shape[3])
        require(
            (greatest.shape, greatest.dtype) == (gradient.shape, image.dtype),
            f"{greatest.name!r} is no pooling of {image.name!r}",
        )
        return (TensorType(image.shape, DType.FLOAT32),)

    def operations(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
        """Elements compared, those of padding counted."""
        return inputs[1].elements * self.kernel[0] * self.kernel[1]
