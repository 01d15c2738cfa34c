"""Rounding must not pull weights anywhere: steps of noise with mean 0 leave their magnitude alone.

Released code truncates ``w - step`` towards zero, so that each step takes up to one integer off every weight.
"""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_core.api.optimizer import Parameter
from tinyml_core.graph.tensor import DType

STEPS, SIGMA, LIMIT = 200, 0.05, 0.003
SHAPE = (160, 1, 1, 576)


def drift(step):
    """``|sum sign(w0) (w - w0)| / sum |w0|`` after steps of noise, for int8 weights of the usual distribution."""
    rng = np.random.default_rng(0)
    real = rng.laplace(size=SHAPE)
    first = np.rint(127 * real / np.abs(real).max(axis=(1, 2, 3), keepdims=True)).astype(np.int8)
    weights = first
    for number in range(STEPS):
        weights = step(weights, rng.normal(scale=SIGMA, size=SHAPE).astype(np.float32), number)
    moved = np.sign(first.astype(int)) * (weights.astype(int) - first)
    return abs(moved.sum()) / np.abs(first.astype(int)).sum(), np.count_nonzero(moved)


@pytest.mark.parametrize(("name", "scale"), [("sgd", 1.0), ("qas", 0.01)])
def test_noise_leaves_the_magnitude_alone(rule, name, scale):
    parameter = Parameter("w", "weight", SHAPE, DType.INT8, 0, (scale,) * SHAPE[0], 0.02, 3)
    stepped = rule(name, parameter)
    share, moved = drift(lambda weights, noise, seed: stepped.step(weights, noise * scale**2, 1.0, seed)[0])
    assert moved > 0.5 * np.prod(SHAPE)  # rounding every step to nearest would pass by never moving
    assert share <= LIMIT


def test_truncation_fails_this_very_test():
    share, _ = drift(lambda weights, noise, seed: (weights - noise).astype(np.int8))
    assert share > 10 * LIMIT
