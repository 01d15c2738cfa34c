"""The exponential in float32, of operations that every IEEE 754 core rounds alike.

Source: the polynomial and constants of ``expf`` in the Cephes library (S. Moshier): x = n ln 2 + r with r from
-ln(2)/2 to ln(2)/2, exp(r) by a polynomial, times 2**n. At most one unit in the last place off on [-87, 0].
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

LEAST = np.float32(-87.0)
"""Below it the exponential is taken as 0; above it, all values are normal numbers."""
LOG2_E = np.float32(1.44269504088896341)
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
"""Their sum is ln 2; n times the first is exact."""
POLYNOMIAL = tuple(
    np.float32(c)
    for c in (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
)
"""Highest power first."""


def exp_of_nonpositive(values: Float32) -> Float32:
    """``exp(values)`` for values <= 0, each operation rounded to float32 in the order written."""
    inside = np.where(values >= LEAST, values, np.float32(0))
    n = np.trunc(inside * LOG2_E - np.float32(0.5))
    r = inside - n * LN2_HIGH
    r = r - n * LN2_LOW
    p = np.full_like(r, POLYNOMIAL[0])
    for coefficient in POLYNOMIAL[1:]:
        p = p * r + coefficient
    y = p * (r * r) + r + np.float32(1)
    power = ((n.astype(np.int32) + 127) << 23).view(np.float32)
    return np.where(values >= LEAST, y * power, np.float32(0))
