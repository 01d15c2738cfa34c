"""Constant arrays: tables in flash, as C text."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LINE = 112
"""Characters of a line of numbers."""


@dataclass(frozen=True)
class ConstantArray:
    """``const ctype name[length]`` with its elements as C initialisers."""

    name: str
    ctype: str
    elements: tuple[str, ...]

    @property
    def initialiser(self) -> str:
        """The elements in lines."""
        lines = textwrap.wrap(", ".join(self.elements), LINE, break_long_words=False, break_on_hyphens=False)
        return "\n".join(f"    {line}" for line in lines)


def literal(value: int | float | np.generic) -> str:
    """A number as a C constant expression of its value; nine digits tell every float32."""
    if isinstance(value, float | np.floating):
        if not math.isfinite(value):
            return _NOT_FINITE[str(float(value))]
        digits = f"{float(value):.9g}"
        return f"{digits}f" if set(digits) & set(".e") else f"{digits}.0f"
    return _LEAST.get(int(value), str(int(value)))


# C has no literals of these, and none of the numbers whose negatives the least integers are.
_NOT_FINITE = {"inf": "(1.0f / 0.0f)", "-inf": "(-1.0f / 0.0f)", "nan": "(0.0f / 0.0f)"}
_LEAST = {-(1 << 31): "(-2147483647 - 1)", -(1 << 63): "(-9223372036854775807 - 1)"}


def literals(values: npt.NDArray[np.generic] | Iterable[int]) -> list[str]:
    """Every element of ``values``, in C order."""
    flat = values.ravel().tolist() if isinstance(values, np.ndarray) else values
    return [literal(value) for value in flat]


def hexadecimal(words: npt.NDArray[np.uint32]) -> list[str]:
    """32-bit words as unsigned hexadecimal constants."""
    return [f"0x{word:08x}u" for word in words.ravel().tolist()]
