"""The fast path of space selection: bit-equal to the planner on the real graphs, in every execution mode."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tinyml_core.api.generator import CodeGenerator
from tinyml_core.api.quantizer import Quantizer
from tinyml_core.errors import CapacityError, UnsupportedError
from tinyml_core.pipeline.passes import ordered_passes
from tinyml_core.pipeline.space_selection import allowed, network_costs
from tinyml_core.platform import Platform
from tinyml_core.program.planner import plan
from tinyml_core.search.offers import Offers
from tinyml_core.search.survey import SurveyedSpace, SurveyTask
from tinyml_plugins.tinynas.mcunet import RESOLUTIONS, WIDTHS, McuNetSpace
from tinyml_plugins.tinynas.mcunet_survey import McuNetSurveyor
from tinyml_plugins.tinynas.population import Population

MODES = ("layers", "resident", "rows")
OPTIONS = [
    {}, {"mix_layer": True}, {"block_widths": (0.5, 0.75, 1.0)}, {"depths": (1, 4), "kernels": (3, 7)},
    {"depths": (7,), "expansions": (3,)},
]  # fmt: skip
NETWORKS = 3


@pytest.fixture(scope="module")
def platform():
    return Platform()


@pytest.fixture(scope="module")
def offers(platform):
    return Offers(platform.create(CodeGenerator, "tinyengine"), platform.target("stm32f746"))


def _task(offers, mode="layers", shape=(32, 32, 3)):
    return SurveyTask(offers.generator, offers.profile, shape, 10, mode)


def _graph(platform, space, candidate):
    """The graph by way of passes and quantiser, as a search costs it."""
    graph = space.build(candidate, (32, 32, 3), 10)
    for _, one in ordered_passes(platform):
        graph = one.apply(graph)
    return platform.create(Quantizer, "ptq").quantize(graph, None, 0)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_costs_equal_those_of_the_planner_on_the_real_graph(platform, offers, options):
    rng = np.random.default_rng(11)
    surveyor = McuNetSurveyor(_task(offers))
    for _ in range(NETWORKS):
        space = McuNetSpace(widths=(float(rng.choice(WIDTHS)),), resolutions=(int(rng.choice(RESOLUTIONS[:7])),))
        space = replace(space, **options)
        population = Population(space.tree, 1, rng)
        graph = _graph(platform, space, population.candidate(0))
        for mode in MODES:
            survey = surveyor.survey(space, population, mode)
            told = (int(survey.macs[0]), int(survey.arena_bytes[0]), int(survey.constant_bytes[0]))
            assert told == network_costs(graph, offers, mode), (mode, space, population.candidate(0))


@pytest.mark.parametrize("mode", MODES)
def test_the_planner_places_the_arena_within_one_per_cent_and_not_below(offers, mode):
    space = McuNetSpace(widths=(0.4,), resolutions=(80,))
    population = Population(space.tree, NETWORKS, np.random.default_rng(5))
    bounds = McuNetSurveyor(_task(offers)).survey(space, population, mode).arena_bytes
    for number, bound in enumerate(bounds):
        graph = space.build_integer(population.candidate(number), (32, 32, 3), 10)
        candidates = allowed({node.name: offers(node, graph) for node in graph.nodes}, mode)
        options = {"input_mode": "rows" if mode == "rows" else "resident"}
        assert plan(graph, offers.profile, candidates, budget=int(1.01 * bound), **options).arena_bytes >= bound
        with pytest.raises(CapacityError):
            plan(graph, offers.profile, candidates, budget=int(bound) - 1, **options)


def test_many_networks_at_once_cost_what_each_costs_alone(offers):
    space = McuNetSpace(widths=(0.3,), resolutions=(64,))
    surveyor = McuNetSurveyor(_task(offers))
    population = Population(space.tree, 2500, np.random.default_rng(8))  # more than are computed at once
    for mode in MODES:
        survey = surveyor.survey(space, population, mode)
        assert len(survey.macs) == len(survey.arena_bytes) == 2500
        for number in (0, 999, 1000, 2499):
            graph = space.build_integer(population.candidate(number), (32, 32, 3), 10)
            assert network_costs(graph, offers, mode)[1] == survey.arena_bytes[number]


def test_rings_never_need_more_than_whole_layers_and_pushed_rows_spare_the_image(offers):
    space = McuNetSpace()
    cells = [{"widths": 0.5, "resolutions": resolution} for resolution in (96, 160)]
    layers, resident, rows = (space.surveys(cells, 200, 0, _task(offers, mode)) for mode in MODES)
    for each, ringed, pushed, cell in zip(layers, resident, rows, cells, strict=True):
        assert (each.macs == ringed.macs).all()
        assert (ringed.arena_bytes <= each.arena_bytes).all()
        assert (pushed.arena_bytes < ringed.arena_bytes).all()
        assert (ringed.arena_bytes > 3 * cell["resolutions"] ** 2).all()


def test_the_seed_alone_decides(offers):
    space, cells = McuNetSpace(), [{"widths": 0.5, "resolutions": 96}]
    first, same, other = (space.surveys(cells, 50, seed, _task(offers))[0].macs for seed in (1, 1, 2))
    assert (first == same).all()
    assert (first != other).any()


def test_what_cannot_be_tabulated_is_left_to_the_planner(offers):
    cells = [{"widths": 0.5, "resolutions": 96}]
    for space in (McuNetSpace(squeeze_excite=True), McuNetSpace(expansions=(1, 3))):
        assert isinstance(space, SurveyedSpace)
        assert space.surveys(cells, 1, 0, _task(offers)) is None


def test_odd_sizes_few_rows_and_other_targets_make_no_difference(platform):
    rng = np.random.default_rng(2)
    for target, simd, size in (("stm32l4r5", True, 17), ("stm32f746", False, 33), ("stm32l4r5", True, 50)):
        generator, profile = platform.create(CodeGenerator, "tinyengine", {"simd": simd}), platform.target(target)
        task, offers = SurveyTask(generator, profile, (8, 8, 1), 7, "layers"), Offers(generator, profile)
        space = McuNetSpace(widths=(0.25,), resolutions=(size,), kernels=(3, 9), expansions=(2, 5), depths=(1, 3))
        population = Population(space.tree, 1, rng)
        graph = space.build_integer(population.candidate(0), (8, 8, 1), 7)
        for mode in MODES if simd else MODES[:2]:
            survey = McuNetSurveyor(task).survey(space, population, mode)
            assert survey.arena_bytes[0] == network_costs(graph, offers, mode)[1]


def test_a_mode_that_the_generator_has_no_kernels_for_is_refused(platform):
    portable = platform.create(CodeGenerator, "tinyengine", {"simd": False})
    task = SurveyTask(portable, platform.target("stm32f746"), (32, 32, 3), 10, "rows")
    with pytest.raises(UnsupportedError, match="execution mode rows"):
        McuNetSpace().surveys([{"widths": 0.5, "resolutions": 48}], 5, 0, task)
