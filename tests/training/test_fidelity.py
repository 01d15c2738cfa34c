"""The verdict of the fidelity benchmark: nothing is claimed where training does not agree with itself."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from tinyml_plugins.tinynas.space import TinySpace

GOOD = np.linspace(0.8, 0.9, 12)


@pytest.fixture
def fidelity(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("search_fidelity")


def judged(**scores):
    return {name: np.asarray(scores.get(name, GOOD)) for name in ("supernet", "macs", "parameters")}


def test_a_ranking_that_two_seeds_share_is_compared_with_the_baselines(fidelity):
    found = fidelity.compare(fidelity.QUICK, np.stack([GOOD, GOOD]), judged(macs=-GOOD, parameters=np.ones(12)))
    assert found.resolved
    assert found.ceiling == found.taus["supernet"][0] == pytest.approx(1)
    assert found.taus["macs"] == pytest.approx((-1, -1, -1))
    assert found.taus["parameters"] == (0, 0, 0)
    assert found.verdict == "super-network tau 1.00 of a ceiling of 1.00; above parameters alone (0.00)"
    worse = fidelity.compare(fidelity.QUICK, np.stack([GOOD, GOOD]), judged(supernet=-GOOD))
    assert "not above macs alone (1.00)" in worse.verdict


def test_a_ranking_that_two_seeds_do_not_share_is_not_resolved(fidelity):
    found = fidelity.compare(fidelity.QUICK, np.stack([GOOD, GOOD[::-1]]), judged())
    assert not found.resolved
    assert found.verdict.startswith("ranking unresolved at this budget")


def test_the_networks_are_spread_over_the_multiply_accumulates(fidelity, digits):
    graphs = fidelity.stratified(TinySpace(), digits, fidelity.Budget(
        networks=5, seeds=2, steps=1, supernet_steps=1, largest_steps=0, pool=200,
    ))  # fmt: skip
    macs = [graph.macs for graph in graphs]
    assert macs == sorted(macs)
    assert macs[-1] > 2 * macs[0]
