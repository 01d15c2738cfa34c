"""Fitting rates to layers of known cost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_plugins.costs.fitting import FEWEST, fit

RATES = {"call": 40.0, "pixels": 3.0, "macs": 0.75}


def layers(rng, count):
    for _ in range(count):
        pixels, taps = int(rng.integers(1, 4000)), int(rng.integers(1, 300))
        yield {"call": 1.0, "pixels": pixels, "macs": pixels * taps}


def test_rates_that_made_the_costs_are_found():
    samples = [
        (each, sum(RATES[name] * count for name, count in each.items()))
        for each in layers(np.random.default_rng(0), 40)
    ]
    found = fit(samples)
    assert dict(found.per) == pytest.approx(RATES, rel=1e-6)
    assert found.error < 1e-6


def test_the_error_is_that_of_layers_kept_out():
    rng = np.random.default_rng(1)
    samples = [
        (each, sum(RATES[name] * count for name, count in each.items()) * rng.uniform(0.9, 1.1))
        for each in layers(rng, 400)
    ]
    assert 0.06 < fit(samples).error < 0.12


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_rate_is_negative_whatever_was_measured(seed):
    rng = np.random.default_rng(seed)
    samples = [(each, float(rng.uniform(1, 1e6))) for each in layers(rng, FEWEST)]
    found = fit(samples)
    assert all(rate >= 0 for rate in found.per.values())
    assert found.of({"call": 1.0, "pixels": 7.0}) >= 0
