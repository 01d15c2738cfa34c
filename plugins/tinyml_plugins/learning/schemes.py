"""The update schemes that the authors of sparse updates searched and published, by network and extra memory.

Layers are numbered from the input, the classifier not counted. Source: On-Device Training Under 256KB Memory (Lin et
al. 2022), configurations of its public release.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SearchedScheme:
    """One searched choice."""

    convolutions: int
    """Convolutions of the network it was searched for, the classifier not counted."""
    biases: int
    """Of how many of the last layers the bias learns."""
    weights: tuple[tuple[int, float], ...]
    """Layers whose weights learn, each with its fraction of the input channels."""


def _scheme(convolutions: int, biases: int, layers: tuple[int, ...], fractions: tuple[float, ...]) -> SearchedScheme:
    return SearchedScheme(convolutions, biases, tuple(zip(layers, fractions, strict=True)))


_MBV2 = (27, 30, 33, 36, 39, 42, 45, 48)
_PROXYLESS = (36, 39, 42, 45, 48, 51, 54, 57)

SCHEMES: dict[str, SearchedScheme] = {
    "mcunet_5fps-49kb": _scheme(42, 20, (23, 24, 27, 30, 33, 39), (0, 1 / 4, 1 / 2, 1 / 2, 0, 0)),
    "mcunet_5fps-74kb": _scheme(42, 21, (21, 23, 24, 26, 27, 30), (1, 0, 1, 0, 1 / 2, 1)),
    "mcunet_5fps-99kb": _scheme(42, 22, (21, 24, 27, 30, 36, 39), (1, 1, 1, 1, 1 / 8, 1 / 4)),
    "mcunet_5fps-124kb": _scheme(42, 24, (21, 24, 27, 30, 33, 39), (1 / 4, 1, 1, 1, 1 / 2, 1 / 2)),
    "mcunet_5fps-148kb": _scheme(42, 23, (21, 24, 27, 30, 36, 39), (1, 1, 1, 1, 1, 1 / 2)),
    "mbv2_w0.35-49kb": _scheme(51, 16, (36, 39, 40, 41, 42, 45, 48, 49), (1, 1, 0, 1 / 4, 1 / 8, 1 / 8, 1 / 8, 1 / 8)),
    "mbv2_w0.35-73kb": _scheme(
        51, 20, (32, 33, 36, 39, 41, 42, 45, 48), (1 / 8, 1 / 2, 1 / 2, 1, 1 / 4, 1 / 8, 1 / 8, 1)
    ),
    "mbv2_w0.35-99kb": _scheme(51, 25, _MBV2, (1, 1, 1, 1, 1, 1 / 8, 1 / 2, 1)),
    "mbv2_w0.35-123kb": _scheme(51, 31, _MBV2, (1, 1, 1, 1, 1, 1 / 2, 1, 1)),
    "mbv2_w0.35-138kb": _scheme(51, 34, _MBV2, (1, 1, 1, 1, 1, 1, 1, 1)),
    "proxyless_w0.3-49kb": _scheme(60, 21, (39, 42, 44, 45, 50, 51, 54, 57), (1 / 4, 1, 0, 1, 0, 1 / 8, 1 / 4, 1 / 4)),
    "proxyless_w0.3-74kb": _scheme(
        60, 28, (33, 36, 39, 42, 45, 51, 54, 57), (1 / 2, 1 / 4, 1, 1, 1, 1 / 2, 1 / 4, 1 / 2)
    ),
    "proxyless_w0.3-98kb": _scheme(60, 25, _PROXYLESS, (1, 1 / 2, 1, 1, 1 / 4, 1 / 2, 1, 1)),
    "proxyless_w0.3-120kb": _scheme(60, 32, _PROXYLESS, (1, 1, 1, 1, 1 / 2, 1, 1, 1)),
    "proxyless_w0.3-148kb": _scheme(60, 45, _PROXYLESS, (1, 1, 1, 1, 1, 1, 1, 1)),
}
