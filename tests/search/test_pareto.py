"""Dominance against its definition, and the front of a search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_core.errors import InputError
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.pareto import front, points_of, ranks
from tinyml_core.search.trial import Trial


def trial(number, accuracy, **costs):
    return Trial(number, Candidate.of({"n": number}), costs, accuracy)


def dominates(left, right):
    return all(a <= b for a, b in zip(left, right, strict=True)) and tuple(left) != tuple(right)


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=20))
def test_ranks_peel_the_points_front_by_front(rows):
    left, number, expected = dict(enumerate(rows)), 0, {}
    while left:
        best = [i for i, row in left.items() if not any(dominates(other, row) for other in left.values())]
        expected |= dict.fromkeys(best, number)
        left = {i: row for i, row in left.items() if i not in best}
        number += 1
    assert ranks(np.array(rows, float)).tolist() == [expected[i] for i in range(len(rows))]


def test_the_front_is_ordered_by_accuracy_and_holds_the_earliest_of_equals():
    trials = [
        trial(0, 0.5, macs=10, sram=9),
        trial(1, 0.9, macs=30, sram=5),
        trial(2, 0.9, macs=30, sram=5),
        trial(3, 0.8, macs=40, sram=6),
        trial(4, 0.7, macs=20, sram=8),
    ]
    assert [t.number for t in front(trials, ["macs", "sram"])] == [1, 4, 0]
    assert [t.number for t in front(trials, ["sram"])] == [1]
    assert [t.number for t in front(trials, [])] == [1]


def test_points_are_error_and_costs():
    assert points_of([trial(0, 0.75, macs=3.0)], ["macs"]).tolist() == [[0.25, 3.0]]
    assert points_of([], ["macs"]).shape == (0, 2)
    assert front([], ["macs"]) == ()


def test_an_objective_nobody_tells_is_named():
    with pytest.raises(InputError, match="objective joules: no cost model tells this quantity; known quantities: macs"):
        front([trial(0, 0.5, macs=1.0)], ["joules"])
