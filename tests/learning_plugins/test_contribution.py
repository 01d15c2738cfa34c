"""Contributions add up, and the evolution finds what an exhaustive search finds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tinyml_core.errors import CapacityError
from tinyml_plugins.learning.contribution import Choice, Contributions, Evolution, probes

LAYERS, FRACTIONS, BIASES = (2, 3, 5, 7, 8), (0.25, 1.0), (0, 4, 8)
PROBES = probes(BIASES, itertools.product(LAYERS, FRACTIONS))


@pytest.fixture(params=range(3))
def contributions(request):
    rng = np.random.default_rng(request.param)
    return Contributions(
        {choice: float(value) for choice, value in zip(PROBES, rng.normal(size=len(PROBES)), strict=True)}
    )


def cost(choice):
    return 10 * choice.bias_layers + sum(int(100 * fraction) * (layer + 1) for layer, fraction in choice.weights)


def test_each_part_is_probed_once():
    assert PROBES[:3] == (Choice(0), Choice(4), Choice(8))
    assert set(PROBES[3:]) == {Choice(8, ((layer, fraction),)) for layer in LAYERS for fraction in FRACTIONS}


def test_worth_is_the_sum_of_the_parts():
    worth = Contributions({Choice(0): 1.0, Choice(4): 3.0, Choice(4, ((1, 0.5),)): 3.5, Choice(4, ((2, 1.0),)): 2.0})
    assert worth.worth(Choice(2)) == 2.0
    assert worth.worth(Choice(4, ((1, 0.5), (2, 1.0)))) == pytest.approx(3.0 + 0.5 - 1.0)
    assert worth.options == {1: (0.0, 0.5), 2: (0.0, 1.0)}


@pytest.mark.parametrize("budget", [0, 150, 700, 10_000])
def test_the_evolution_finds_the_best_that_fits(contributions, budget):
    everything = [
        Choice(biases, tuple((layer, part) for layer, part in zip(LAYERS, parts, strict=True) if part))
        for biases in range(max(BIASES) + 1)
        for parts in itertools.product((0.0, *FRACTIONS), repeat=len(LAYERS))
    ]
    best = max(contributions.worth(choice) for choice in everything if cost(choice) <= budget)
    found = Evolution().best(contributions, cost, budget, 0)
    assert cost(found) <= budget
    assert contributions.worth(found) == pytest.approx(best)


def test_a_budget_for_nothing_is_refused(contributions):
    with pytest.raises(CapacityError, match="needs 5 bytes where 4 are given"):
        Evolution().best(contributions, lambda choice: 5 + cost(choice), 4, 0)
