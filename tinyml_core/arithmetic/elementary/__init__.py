"""Elementary functions in float32, defined to the bit: +, -, *, / and square roots, each rounded by itself, and bits.

Every function here has a twin of the same name in the generated C (``tinyml_float.h``, ``tinyml_pointwise.h``); both
write the same operations in the same order. Subnormal numbers are numbers like any other, infinities and NaN are what
C's Annex F has them be unless told otherwise; the payload and the sign of a NaN are not defined.
"""

from __future__ import annotations

from tinyml_core.arithmetic.elementary.activations import FUNCTIONS
from tinyml_core.arithmetic.elementary.exponential import exp, expm1, log, log1p, power

__all__ = ["FUNCTIONS", "exp", "expm1", "log", "log1p", "power"]
