"""Gradients against differences of the loss where nothing is rounded: factors of 1 or 2, so that sums stay integers."""

from __future__ import annotations

from tinyml_core.testing.descent import Descent, everything
from tinyml_core.testing.unrounded import slopes, unrounded_network
from tinyml_core.training import build_step


def test_central_differences_are_exact():
    graph = unrounded_network(1)
    found = list(slopes(build_step(graph, everything(graph), Descent(), "mse"), 2))
    assert max(slope.error for slope in found) <= 1e-5, max(found, key=lambda slope: slope.error)
    assert sum(abs(slope.gradient) > 0.1 for slope in found) > 100
