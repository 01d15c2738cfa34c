"""The spaces that search and space selection draw from: sizes, proposals, networks, integer networks."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_core.api.generator import CodeGenerator
from tinyml_core.api.quantizer import Quantizer
from tinyml_core.api.search_space import SearchSpace
from tinyml_core.errors import InputError
from tinyml_core.graph.operators import Add, Conv2D, DepthwiseConv2D, Reshape
from tinyml_core.graph.verify import verify
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.platform import Platform
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.survey import GridSpace, IntegerSpace
from tinyml_plugins.tinynas.layers import divisible
from tinyml_plugins.tinynas.mcunet import McuNetSpace
from tinyml_plugins.tinynas.population import Population

CASES = [
    ("tiny", {}, (16, 12, 1)),
    ("mcunet", {"resolutions": [48, 64]}, (32, 32, 3)),
    ("mcunet", {"squeeze_excite": True, "mix_layer": True, "widths": [0.2, 0.5]}, (48, 40, 3)),
    ("mcunet", {"block_widths": [0.5, 0.75, 1.0], "expansions": [1, 3]}, (48, 48, 1)),
    ("dscnn", {}, (49, 10, 1)),
    ("dscnn", {}, (128, 6)),
    ("resnet", {}, (32, 32, 3)),
]
cases = pytest.mark.parametrize(("name", "options", "shape"), CASES, ids=lambda value: str(value)[:40])
PROPOSALS = 300


@pytest.fixture(scope="module")
def platform():
    return Platform()


def test_one_width_and_one_resolution_span_the_networks_of_the_papers():
    """(81 + 729 + 6561)^5 * 9, the size nas.md computes from once-for-all's code."""
    assert McuNetSpace(resolutions=(160,)).size == (81 + 729 + 6561) ** 5 * 9 == 195_827_899_433_152_372_659


def test_the_size_of_a_small_space_is_the_number_of_different_candidates():
    space = McuNetSpace(depths=(1,), kernels=(3, 5), expansions=(3,), widths=(0.2, 0.3))
    rng = np.random.default_rng(0)
    assert space.size == 2 * 2**6
    assert len({space.sample(rng) for _ in range(3000)}) == space.size


@cases
def test_every_proposal_lies_in_the_space(platform, name, options, shape):
    space, rng = platform.create(SearchSpace, name, options), np.random.default_rng(1)
    parent = space.sample(rng)
    for _ in range(PROPOSALS):
        other = space.sample(rng)
        mutant, child = space.mutate(parent, rng), space.crossover(parent, other, rng)
        assert mutant != parent
        assert all(space.contains(each) for each in (other, mutant, child))
        for choice, value in child.choices:
            assert value in (dict(parent.choices).get(choice), dict(other.choices).get(choice))
        parent = mutant


@cases
def test_a_candidate_with_a_choice_missing_added_or_unknown_is_outside(platform, name, options, shape):
    space = platform.create(SearchSpace, name, options)
    choices = dict(space.sample(np.random.default_rng(2)).choices)
    assert space.contains(Candidate.of(choices))
    for missing in choices:
        assert not space.contains(Candidate.of({key: value for key, value in choices.items() if key != missing}))
        assert not space.contains(Candidate.of({**choices, missing: -1}))
    assert not space.contains(Candidate.of({**choices, "colour": 1}))


@cases
def test_integer_networks_are_what_passes_and_quantiser_make_of_the_float_ones(platform, name, options, shape):
    space, rng = platform.create(SearchSpace, name, options), np.random.default_rng(3)
    quantizer, generator = platform.create(Quantizer, "ptq"), platform.create(CodeGenerator, "tinyengine")
    profile = platform.target("stm32f746")
    assert isinstance(space, IntegerSpace)
    for _ in range(2):
        candidate = space.sample(rng)
        passed = quantizer.quantize(apply_passes(verify(space.build(candidate, shape, 10)), platform), None, 0)
        written = verify(space.build_integer(candidate, shape, 10))
        assert written.macs == passed.macs
        assert written.parameters == passed.parameters
        assert [node.op for node in written.nodes] == [node.op for node in passed.nodes]
        for mine, theirs in zip(written.nodes, passed.nodes, strict=True):
            assert [t.shape for t in written.outputs_of(mine)] == [t.shape for t in passed.outputs_of(theirs)]
            assert generator.candidates(mine, written, profile) == generator.candidates(theirs, passed, profile)


def test_widths_are_multiples_of_eight_not_much_below_what_was_asked():
    assert [divisible(value) for value in (1, 8, 11.9, 12, 20, 35.2)] == [8, 8, 16, 16, 24, 32]
    assert all(divisible(value) >= 0.9 * value for value in np.arange(1, 300, 0.7))


def test_mcunet_keeps_strides_residuals_and_the_chosen_resolution():
    space = McuNetSpace(widths=(1.0,), resolutions=(96,), depths=(2,), kernels=(5,), expansions=(3,))
    graph = space.build(space.sample(np.random.default_rng(0)), (32, 32, 3), 7)
    assert graph.tensors[graph.inputs[0]].shape == (1, 96, 96, 3)
    sizes = [graph.outputs_of(node)[0].shape[1:] for node in graph.nodes if node.name.endswith("project")]
    assert sizes == [
        (48, 48, 16), (24, 24, 24), (24, 24, 24), (12, 12, 40), (12, 12, 40), (6, 6, 80), (6, 6, 80),
        (6, 6, 96), (6, 6, 96), (3, 3, 192), (3, 3, 192), (3, 3, 320),
    ]  # fmt: skip
    assert [node.name for node in graph.nodes if isinstance(node.op, Add)] == [
        f"stage{stage}.block2.add" for stage in range(1, 6)
    ]
    kernels = {graph.inputs_of(node)[1].shape[1] for node in graph.nodes if isinstance(node.op, DepthwiseConv2D)}
    assert kernels == {3, 5}


def test_a_signal_is_filtered_along_time_only():
    space = Platform().create(SearchSpace, "dscnn")
    graph = space.build(space.sample(np.random.default_rng(0)), (100, 3), 5)
    assert isinstance(graph.nodes[0].op, Reshape)
    windows = [graph.inputs_of(node)[1].shape for node in graph.nodes if isinstance(node.op, Conv2D | DepthwiseConv2D)]
    assert {shape[2] for shape in windows} == {1}
    assert max(shape[1] for shape in windows) >= 5


@cases
def test_a_population_holds_candidates_of_the_space_drawn_evenly(platform, name, options, shape):
    space = platform.create(SearchSpace, name, options)
    population = Population(space.tree, 400, np.random.default_rng(4))
    assert all(space.contains(population.candidate(number)) for number in range(400))
    for repeat in space.tree.repeats:
        shares = [np.mean(population.counts()[repeat.name] == count) for count in repeat.counts]
        assert shares == pytest.approx(space.tree.shares(repeat), abs=0.12)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mcunet", {"widths": []}),
        ("mcunet", {"widths": [0.0]}),
        ("mcunet", {"kernels": [3, 4]}),
        ("mcunet", {"resolutions": [8]}),
        ("mcunet", {"depths": [17]}),
        ("dscnn", {"strides": [0]}),
        ("dscnn", {"depths": [65]}),
        ("resnet", {"stage_widths": []}),
        ("resnet", {"inner_widths": [-1.0]}),
    ],
)
def test_options_that_describe_no_space_are_refused_by_name(platform, name, options):
    with pytest.raises(InputError, match=f"{name} option"):
        platform.create(SearchSpace, name, options)


@pytest.mark.parametrize("name", ["mcunet", "resnet"])
@pytest.mark.parametrize(("shape", "classes"), [((8, 8), 10), ((8, 0, 1), 10), ((8, 8, 1), 1)])
def test_data_that_are_no_classified_images_are_refused(platform, name, shape, classes):
    space = platform.create(SearchSpace, name)
    with pytest.raises(InputError, match="dataset"):
        space.build(space.sample(np.random.default_rng(0)), shape, classes)


def test_the_grid_is_that_of_the_paper_unless_the_options_have_their_own():
    space = McuNetSpace()
    assert isinstance(space, GridSpace)
    assert [len(values) for values in space.grid.values()] == [9, 12]
    assert McuNetSpace(widths=(0.5, 1.0), resolutions=(96, 128)).grid == {
        "widths": (0.5, 1.0),
        "resolutions": (96, 128),
    }
