"""The ``tiny`` space: its size, its moves, and the networks it builds."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyml_plugins.tinynas.hooks
from tinyml_core.api.search_space import SearchSpace
from tinyml_core.errors import InputError
from tinyml_core.graph.operators import RELU6, Add, BatchNorm
from tinyml_core.graph.verify import verify
from tinyml_core.platform import Platform
from tinyml_core.search.candidate import Candidate
from tinyml_plugins.tinynas.space import TinySpace

SPACE = TinySpace()
SMALL = TinySpace(stem_widths=(8, 12), stage_widths=((8,), (16, 24)), fewest_stages=1, depths=(1,), expansions=(2,))
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def candidate(**choices):
    return Candidate.of(choices)


SHALLOW = candidate(
    stages=2, stem=8, width1=8, depth1=1, kernel1=3, expansion1=2, width2=16, depth2=1, kernel2=3, expansion2=2
)
DEEP = candidate(
    stages=3, stem=16, width1=24, depth1=2, kernel1=5, expansion1=3, width2=24, depth2=1, kernel2=3, expansion2=2,
    width3=64, depth3=2, kernel3=5, expansion3=4,
)  # fmt: skip


def test_the_platform_makes_it_by_name():
    platform = Platform(plugins=[tinyml_plugins.tinynas.hooks], discover=False)
    space = platform.create(SearchSpace, "tiny", {"depths": [1, 2], "fewest_stages": 3})
    assert space.size == 4 * (4 * 2 * 2 * 3) ** 3


def test_the_size_counts_networks_with_two_stages_and_with_three():
    stage = 4 * 3 * 2 * 3
    assert SPACE.size == 4 * stage**2 + 4 * stage**3 > 10_000


def test_the_size_is_the_number_of_different_candidates():
    rng = np.random.default_rng(0)
    assert len({SMALL.sample(rng) for _ in range(2000)}) == SMALL.size == 2 * 2 + 2 * 2 * 4


def test_samples_are_uniform():
    rng = np.random.default_rng(0)
    counts = Counter(SMALL.sample(rng) for _ in range(20_000))
    expected = 20_000 / SMALL.size
    chi_squared = sum((counts[key] - expected) ** 2 / expected for key in counts)
    assert chi_squared < 43.8  # 0.999 quantile at 19 degrees of freedom


@settings(max_examples=300, deadline=None)
@given(seeds)
def test_a_mutant_differs_stays_inside_and_keeps_the_rest(rng):
    parent = SPACE.sample(rng)
    child = SPACE.mutate(parent, rng)
    assert SPACE.contains(parent)
    assert SPACE.contains(child)
    before, after = dict(parent.choices), dict(child.choices)
    common = before.keys() & after.keys()
    assert sum(before[name] != after[name] for name in common) == 1
    assert (before.keys() == after.keys()) is (before["stages"] == after["stages"])


@settings(max_examples=300, deadline=None)
@given(seeds)
def test_every_choice_of_a_child_comes_from_a_parent(rng):
    left, right = SPACE.sample(rng), SMALL_AND_LARGE.sample(rng)
    child = SPACE.crossover(left, right, rng)
    assert SPACE.contains(child)
    for name, choice in child.choices:
        assert choice in (dict(left.choices).get(name), dict(right.choices).get(name))


SMALL_AND_LARGE = TinySpace(fewest_stages=2, stage_widths=SPACE.stage_widths[:2])


def test_children_take_from_both_parents():
    rng = np.random.default_rng(0)
    children = {SPACE.crossover(SHALLOW, DEEP, rng) for _ in range(50)}
    assert len(children) > 20
    assert {child["stem"] for child in children} == {8, 16}
    assert {child["stages"] for child in children} == {2, 3}


@pytest.mark.parametrize(
    "outside",
    [
        candidate(),
        candidate(stages=4),
        candidate(**{**dict(SHALLOW.choices), "stem": 7}),
        candidate(**{**dict(SHALLOW.choices), "width3": 24}),
        candidate(**{name: value for name, value in DEEP.choices if name != "kernel3"}),
    ],
)
def test_what_the_space_does_not_offer_is_outside(outside):
    assert SPACE.contains(SHALLOW)
    assert not SPACE.contains(outside)


@settings(max_examples=200, deadline=None)
@given(seeds, st.integers(8, 40), st.integers(8, 40), st.integers(1, 4), st.integers(2, 20))
def test_every_network_keeps_the_rules_and_never_shrinks_below_two_by_two(rng, rows, columns, channels, classes):
    graph = verify(SPACE.build(SPACE.sample(rng), (rows, columns, channels), classes))
    assert graph.tensors[graph.inputs[0]].shape == (1, rows, columns, channels)
    assert graph.tensors[graph.outputs[0]].shape == (1, classes)
    maps = [tensor.shape for tensor in graph.tensors.values() if tensor.data is None and len(tensor.shape) == 4]
    assert min(min(shape[1:3]) for shape in maps) >= 2


@pytest.mark.parametrize(
    ("network", "sample_shape", "classes", "macs"),
    [
        (
            SHALLOW, (8, 8, 1), 10,
            8 * 8 * 8 * 9  # stem, 8 x 8
            + 8 * 8 * 16 * 8 + 4 * 4 * 16 * 9 + 4 * 4 * 8 * 16  # to 4 x 4
            + 4 * 4 * 16 * 8 + 2 * 2 * 16 * 9 + 2 * 2 * 16 * 16  # to 2 x 2
            + 10 * 16,
        ),
        (
            DEEP, (32, 32, 3), 4,
            16 * 16 * 16 * 27  # stem, to 16 x 16
            + 16 * 16 * 48 * 16 + 8 * 8 * 48 * 25 + 8 * 8 * 24 * 48  # to 8 x 8
            + 8 * 8 * 72 * 24 + 8 * 8 * 72 * 25 + 8 * 8 * 24 * 72
            + 8 * 8 * 48 * 24 + 4 * 4 * 48 * 9 + 4 * 4 * 24 * 48  # to 4 x 4
            + 4 * 4 * 96 * 24 + 2 * 2 * 96 * 25 + 2 * 2 * 64 * 96  # to 2 x 2
            + 2 * 2 * 256 * 64 + 2 * 2 * 256 * 25 + 2 * 2 * 64 * 256
            + 4 * 64,
        ),
    ],
)  # fmt: skip
def test_multiply_accumulates_equal_those_counted_by_hand(network, sample_shape, classes, macs):
    assert SPACE.build(network, sample_shape, classes).macs == macs


def test_residuals_join_where_the_shape_allows_and_projections_are_linear():
    graph = SPACE.build(DEEP, (32, 32, 3), 4)
    adds = [node.name for node in graph.nodes if isinstance(node.op, Add)]
    assert adds == ["stage1.block2.add", "stage3.block2.add"]
    norms = {node.name: node.op.activation for node in graph.nodes if isinstance(node.op, BatchNorm)}
    linear = {name for name, activation in norms.items() if activation != RELU6}
    assert linear == {name for name in norms if name.endswith("project.norm")}


def test_normalisation_starts_as_the_identity_and_parameters_take_no_memory():
    graph = SPACE.build(DEEP, (32, 32, 3), 4)
    for tensor in graph.tensors.values():
        if tensor.data is not None:
            ones = tensor.name.endswith((".gamma", ".variance"))
            assert (tensor.data == ones).all()
            assert tensor.data.base.nbytes == 4


@pytest.mark.parametrize(("shape", "classes"), [((8, 8), 10), ((8, 8, 1, 1), 10), ((8, 0, 1), 10), ((8, 8, 1), 1)])
def test_data_that_are_no_classified_images_are_refused(shape, classes):
    with pytest.raises(InputError, match="dataset"):
        SPACE.build(SHALLOW, shape, classes)


@pytest.mark.parametrize(
    "options",
    [
        {"stem_widths": ()},
        {"depths": (0, 1)},
        {"kernels": (3, 4)},
        {"expansions": (2, 2)},
        {"stage_widths": ((8,), ())},
        {"fewest_stages": 4},
        {"stage_widths": ()},
    ],
)
def test_options_that_describe_no_space_are_refused(options):
    with pytest.raises(InputError, match="tiny option"):
        TinySpace(**options)
