"""Elementary functions against double precision: units in the last place, and what the ends of the line give."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinyml_core.arithmetic.elementary import FUNCTIONS, expm1, log1p, power

F = np.float32
erf = np.vectorize(math.erf, otypes=[np.float64])


def _softplus(x):
    return np.logaddexp(0, x)


EXACT = {  # function in double, units in the last place allowed where the result is a normal number
    "acos": (np.arccos, 1.5),
    "acosh": (np.arccosh, 3),
    "asin": (np.arcsin, 3),
    "asinh": (np.arcsinh, 3),
    "atan": (np.arctan, 3.5),
    "atanh": (np.arctanh, 3),
    "cos": (np.cos, 3),
    "cosh": (np.cosh, 3),
    "erf": (erf, 1.5),
    "exp": (np.exp, 1.5),
    "log": (np.log, 1),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), 4),
    "sin": (np.sin, 3),
    "sinh": (np.sinh, 3),
    "softplus": (_softplus, 3),
    "tan": (np.tan, 4),
    "tanh": (np.tanh, 1.5),
}
NEAR = {  # only absolutely close where they cancel
    "gelu": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "reciprocal": lambda x: 1 / x,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "softsign": lambda x: x / (1 + np.abs(x)),
}


@pytest.fixture(scope="module")
def points():
    """Random bits, every magnitude, and the neighbours of every constant at which an algorithm changes."""
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 1 << 32, 60_000, dtype=np.uint32).view(F)
    magnitudes = rng.normal(size=60_000) * 10.0 ** rng.uniform(-6, 2, 60_000)
    turns = np.array([0.5, 0.625, 0.707, 0.93, 1, 2.4142, 4, 10, 20, 80, 87, 88.72, 89, 1e9, 2.0**-126, 1e-45], F)
    near = np.concatenate([np.nextafter(turns, F(0)), turns, np.nextafter(turns, F(np.inf))])
    return np.concatenate([bits[np.isfinite(bits)], magnitudes.astype(F), near, -near])


@pytest.mark.parametrize("name", sorted(EXACT))
def test_units_in_the_last_place(name, points):
    function, allowed = EXACT[name]
    with np.errstate(all="ignore"):
        found, exact = FUNCTIONS[name][0](points), function(points.astype(np.float64))
        rounded = exact.astype(F)
    assert found.dtype == F
    assert np.array_equal(np.isnan(found), np.isnan(rounded))
    assert np.array_equal(np.isinf(found), np.isinf(rounded))
    usual = np.isfinite(rounded) & (np.abs(rounded) >= 2.0**-125)
    assert (np.abs(found[usual] - exact[usual]) / np.spacing(np.abs(rounded[usual]))).max() <= allowed
    tiny = np.isfinite(rounded) & ~usual
    assert np.abs(found[tiny] - exact[tiny]).max(initial=0) < 2.0**-124


@pytest.mark.parametrize("name", sorted(NEAR))
def test_compositions_are_close(name, points):
    usual = points[np.abs(points) < 1e12]
    with np.errstate(all="ignore"):
        found, exact = FUNCTIONS[name][0](usual), NEAR[name](usual.astype(np.float64))
    assert found.dtype == F
    defined = np.isfinite(exact) & (np.abs(exact) < 3e38)
    assert np.allclose(found[defined], exact[defined], rtol=1e-5, atol=1e-6)
    assert np.array_equal(np.isnan(found), np.isnan(exact))


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("celu", lambda x, a, b: np.where(x < 0, a * np.expm1(x / a), x)),
        ("elu", lambda x, a, b: np.where(x < 0, a * np.expm1(x), x)),
        ("hard_sigmoid", lambda x, a, b: np.clip(a * x + b, 0, 1)),
        ("leaky_relu", lambda x, a, b: np.where(x < 0, a * x, x)),
        ("selu", lambda x, a, b: b * np.where(x < 0, a * np.expm1(x), x)),
        ("shrink", lambda x, a, b: np.where(x < -a, x + b, np.where(x > a, x - b, 0))),
        ("swish", lambda x, a, b: x / (1 + np.exp(-a * x))),
        ("thresholded_relu", lambda x, a, b: np.where(x > a, x, 0)),
    ],
)
def test_functions_with_parameters(name, exact):
    x = np.random.default_rng(1).normal(0, 3, 2000).astype(F)
    alpha, beta = F(0.7), F(0.3)
    function, count = FUNCTIONS[name]
    found = function(x, *(alpha, beta)[:count])
    assert np.allclose(found, exact(x.astype(np.float64), float(alpha), float(beta)), rtol=1e-5, atol=1e-6)


def test_small_arguments_keep_their_digits():
    x = np.float64(10.0) ** -np.arange(1, 38) * np.array([[1], [-1]])
    x = x.astype(F)
    for function, exact in ((expm1, np.expm1), (log1p, np.log1p)):
        assert np.allclose(function(x), exact(x.astype(np.float64)), rtol=3e-7, atol=0)
    for name in ("asin", "asinh", "atan", "atanh", "erf", "sin", "sinh", "tan", "tanh"):
        assert np.allclose(FUNCTIONS[name][0](x), EXACT[name][0](x.astype(np.float64)), rtol=5e-7, atol=0), name


def test_sine_of_the_greatest_numbers():
    x = np.array([1e4, 1e8, 1e22, 3.4028235e38, -1.5707964e30], F)
    assert np.allclose(FUNCTIONS["sin"][0](x), [math.sin(value) for value in x.tolist()], rtol=1e-6)


def test_power_against_double_precision():
    rng = np.random.default_rng(2)
    x = np.abs(rng.normal(size=20_000) * 10.0 ** rng.uniform(-3, 3, 20_000)).astype(F)
    y = np.concatenate([rng.normal(0, 6, 10_000), rng.integers(-70, 70, 10_000)]).astype(F)
    with np.errstate(all="ignore"):
        found, exact = power(x, y), np.power(x.astype(np.float64), y.astype(np.float64))
    usual = (exact < 3e38) & (exact > 1e-37)
    assert usual.sum() > 10_000
    assert np.allclose(found[usual], exact[usual], rtol=2e-5, atol=0)


def test_power_at_the_ends():
    inf, nan = np.inf, np.nan
    x = [0, 0, 0, -2, -2, -2, -8, 1, -1, nan, -3, inf, -inf, -1, 2, 0.5]
    y = [0, 5, -2, 3, 4, -1, 1 / 3, nan, 75, 0, 65, 0.5, 67, 0.5, inf, inf]
    with np.errstate(all="ignore"):
        found = power(np.array(x, F), np.array(y, F))
        exact = np.power(np.array(x, np.float64), np.array(y, np.float64))
    assert np.allclose(found, exact, rtol=1e-5, equal_nan=True)
