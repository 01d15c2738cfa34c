"""Range choices: what is covered, what is cut, and that neither needs the values twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_core.errors import GraphError, InputError
from tinyml_core.graph import DType, GraphBuilder
from tinyml_core.graph.operators import Add, Mean, Reshape
from tinyml_core.quantization import observe_ranges
from tinyml_core.quantization.ranges import Extremes, LeastSquares, Percentiles, watching
from tinyml_core.quantization.scales import activation_quantization


def true_error(values: np.ndarray, seen: tuple[float, float]) -> float:
    """Mean squared error of quantising ``values`` in the range ``seen``."""
    to = activation_quantization(seen)
    integers = np.clip(np.rint(values / to.scale[0]) + to.zero_point[0], -128, 127)
    return float(np.mean((to.scale[0] * (integers - to.zero_point[0]) - values) ** 2))


def watched(watch, values: np.ndarray, batches: int = 1) -> tuple[float, float]:
    for batch in np.array_split(values.astype(np.float32), batches):
        watch.see(batch)
    return watch.range()


DISTRIBUTIONS = {
    "normal": lambda rng: rng.normal(0, 2, 20000),
    "heavy tails": lambda rng: rng.standard_t(2, 20000),
    "exponential": lambda rng: rng.exponential(3, 20000),
    "rectified": lambda rng: np.maximum(rng.normal(-1, 1, 20000), 0),
    "limited to 6": lambda rng: np.clip(rng.normal(3, 3, 20000), 0, 6),
    "negative": lambda rng: -rng.exponential(0.01, 20000),
    "one outlier": lambda rng: np.append(rng.uniform(-1, 1, 200000), 30.0),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_least_squares_is_near_the_best_range_that_trying_finds(name):
    values = DISTRIBUTIONS[name](np.random.default_rng(0))
    low, high = watched(LeastSquares(), values, batches=7)
    assert min(values.min(), 0) - 1e-6 <= low <= 0 <= high <= max(values.max(), 0) + 1e-6
    chosen = true_error(values, (low, high))
    tried = [
        true_error(values, (values.min() * a, values.max() * b))
        for a in 0.95 ** np.arange(0, 80, 2)
        for b in (0.95 ** np.arange(0, 80, 2) if values.max() > 0 else [1.0])
    ]
    assert chosen <= min(tried) * 1.06
    assert chosen <= true_error(values, (values.min(), values.max())) * 1.001


def test_least_squares_cuts_rare_outliers_and_keeps_common_limits():
    rng = np.random.default_rng(0)
    _, high = watched(LeastSquares(), np.append(rng.uniform(-1, 1, 10**6), 4.0))
    assert high < 1.5
    _, high = watched(LeastSquares(), np.clip(rng.normal(3, 3, 20000), 0, 6))
    assert high == 6.0


@given(values=st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=40), batches=st.integers(1, 4))
@settings(max_examples=80, deadline=None)
def test_batches_make_no_difference_and_memory_is_bounded(values, batches):
    array = np.array(values, np.float32)
    pieces = [piece for piece in np.array_split(array, batches) if len(piece)]
    for watch in (Extremes, LeastSquares):
        whole, parts = watch(), watch()
        whole.see(array)
        for piece in pieces:
            parts.see(piece)
        assert whole.range() == parts.range()
    assert watched(Extremes(), array) == (array.min(), array.max())
    assert parts._counts.nbytes == 1 << 17


@pytest.mark.parametrize("watch", [Extremes, LeastSquares, lambda: Percentiles(99)])
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_numbers_that_are_none_are_not_hidden(watch, poison):
    low, high = watched(watch(), np.append(np.full(5, poison), np.zeros(5)))
    assert not (np.isfinite(low) and np.isfinite(high))


def test_names_lead_to_watches():
    kinds = {"min-max": Extremes, "percentile": Percentiles, "mse": LeastSquares}
    assert {name: type(watching(name, 99.0)()) for name in kinds} == kinds


def test_a_network_that_mixes_its_leading_axis_sees_one_sample_at_a_time():
    b = GraphBuilder("mixing")
    x = b.input("x", (1, 6), DType.FLOAT32)
    rows = b.node(Reshape((2, 3)), [x])
    graph = b.build([b.node(Mean((0,)), [rows], name="mean")])
    samples = np.arange(240, dtype=np.float32).reshape(40, 6)
    assert observe_ranges(graph, samples) == {"x": (0, 239), rows: (0, 239), "mean": (1.5, 237.5)}
    b = GraphBuilder("whole")
    graph = b.build([b.node(Mean((0,)), [b.input("x", (4, 6), DType.FLOAT32)])])
    with pytest.raises(GraphError, match="'x': has shape"):
        observe_ranges(graph, samples)


def test_several_inputs_are_fed_together():
    b = GraphBuilder("sum")
    graph = b.build([b.node(Add(), [b.input(name, (1, 2), DType.FLOAT32) for name in "ab"], name="c")])
    a = np.arange(80, dtype=np.float32).reshape(40, 2)
    ranges = observe_ranges(graph, {"a": a, "b": -a})
    assert ranges == {"a": (0, 79), "b": (-79, 0), "c": (0, 0)}
    some = observe_ranges(graph, {"a": a, "b": -a}, count=5, seed=3)
    assert some["c"] == (0, 0)
    assert some["a"] != (0, 79)
    with pytest.raises(GraphError, match="has 2 inputs"):
        observe_ranges(graph, a)
    with pytest.raises(InputError, match="input 'b': has no samples"):
        observe_ranges(graph, {"a": a})
    with pytest.raises(InputError, match="different numbers"):
        observe_ranges(graph, {"a": a, "b": a[:3]})
