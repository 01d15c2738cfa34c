"""Packing: weights in the order in which SIMD kernels read them.

A word holds two taps of two filters, ``[a[k], b[k], a[k+1], b[k+1]]``: one load and two SXTB16 give both filters a pair
of int16 taps.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

GROUP = 4
"""Taps are padded with zeros to a multiple of this."""


def padded_depth(depth: int) -> int:
    """``depth`` rounded up to a multiple of :data:`GROUP`."""
    return -(-depth // GROUP) * GROUP


def interleave(filters: npt.NDArray[np.int8], *, crossed: bool = False) -> npt.NDArray[np.uint32]:
    """Words of ``filters`` [channels, taps], pair of filters by pair; a missing last filter counts as zeros.

    ``crossed`` puts the taps of each group of four in the order 0, 2, 1, 3: so SXTB16 splits four int8 inputs.
    """
    channels, depth = filters.shape
    padded = np.zeros((-(-channels // 2) * 2, padded_depth(depth)), np.int8)
    padded[:channels, :depth] = filters
    if crossed:
        padded = padded.reshape(len(padded), -1, GROUP)[:, :, [0, 2, 1, 3]].reshape(len(padded), -1)
    pairs = padded.reshape(len(padded) // 2, 2, -1).transpose(0, 2, 1)
    words: npt.NDArray[np.uint32] = np.ascontiguousarray(pairs).reshape(-1).view("<u4")
    return words
