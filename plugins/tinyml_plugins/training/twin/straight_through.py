"""Straight-through gradients: integers go forwards, and backwards the slope of what they were rounded from.

Source: Bengio et al., arXiv 1308.3432. As on the device, nothing passes where an output is saturated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

Factors = tuple[Tensor | float, ...]
Limits = tuple[int, int] | None


class _Context(Protocol):
    """What torch hands from :meth:`_Through.forward` to :meth:`_Through.backward`."""

    factors: Factors
    shapes: list[torch.Size]
    needs_input_grad: tuple[bool, ...]
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Keep tensors."""


class _Through(torch.autograd.Function):
    """See :func:`through`."""

    @staticmethod
    def forward(ctx: _Context, y: Tensor, limits: Limits, factors: Factors, *sources: Tensor) -> Tensor:
        ctx.factors, ctx.shapes = factors, [source.shape for source in sources]
        ctx.save_for_backward(*(() if limits is None else ((y > limits[0]) & (y < limits[1]),)))
        return y

    @staticmethod
    def backward(ctx: _Context, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        passed = gradients[0] * ctx.saved_tensors[0] if ctx.saved_tensors else gradients[0]
        wanted = ctx.needs_input_grad[3:]
        given = [
            (passed * factor).sum_to_size(shape) if needed else None
            for factor, shape, needed in zip(ctx.factors, ctx.shapes, wanted, strict=True)
        ]
        return None, None, None, *given


def through(y: Tensor, limits: Limits, factors: Sequence[Tensor | float], sources: Sequence[Tensor]) -> Tensor:
    """``y``, whose gradient goes to each source times its factor, and summed over axes along which a source is shared.

    Where ``limits`` are given, only what lies strictly between them passes it on.
    """
    result: Tensor = _Through.apply(y, limits, tuple(factors), *sources)  # type: ignore[no-untyped-call]
    return result


def rounded(x: Tensor) -> Tensor:
    """``x`` to the nearest integer, halves to even, with the gradient of ``x``."""
    return through(x.detach().round(), None, [1.0], [x])


def scaled_and_limited(x: Tensor, factor: Tensor | float, zero_point: float, limits: tuple[int, int]) -> Tensor:
    """What is computed without any rounding."""
    return functional.hardtanh(x * factor + zero_point, float(limits[0]), float(limits[1]))
