"""Stage 1: spaces and space selection; how fast, how exact, and whether what is proposed keeps the rules.

Seconds are those of one thread's processor time, so that a busy machine does not count; rates of two processes are
added up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import TypeVar

import numpy as np
from asked import Row

from tinyml_core.api.generator import CodeGenerator
from tinyml_core.api.quantizer import Quantizer
from tinyml_core.api.search_space import SearchSpace
from tinyml_core.api.search_strategy import SearchStrategy
from tinyml_core.errors import CapacityError, TinyMLError
from tinyml_core.graph import Graph
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.pipeline.space_selection import allowed, network_costs
from tinyml_core.platform import Platform
from tinyml_core.program.planner import plan
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.limits import Limits
from tinyml_core.search.offers import Offers
from tinyml_core.search.proposals import Proposals
from tinyml_core.search.reserve import STACK_BYTES, code_reserve
from tinyml_core.search.selection import Capacity, SurveyedCell, ranked
from tinyml_core.search.survey import ExecutionMode, IntegerSpace, SurveyTask
from tinyml_core.search.trial import Trial
from tinyml_plugins.tinynas.mcunet import McuNetSpace
from tinyml_plugins.tinynas.mcunet_survey import McuNetSurveyor
from tinyml_plugins.tinynas.population import Population

TARGET = "stm32f746"
SHAPE, CLASSES = (224, 224, 3), 1000
MODES: dict[ExecutionMode, float] = {"layers": 1.0, "resident": 10.0, "rows": 10.0}
"""Execution modes, and the seconds asked for 108 spaces of 1000 networks."""
SAMPLES: dict[str, tuple[dict[str, list[int]], tuple[int, ...]]] = {
    "tiny": ({}, (16, 16, 1)),
    "mcunet": ({"resolutions": [64, 96]}, (64, 64, 3)),
    "dscnn": ({}, (49, 10, 1)),
    "resnet": ({}, (32, 32, 3)),
}
"""Options and shape of a sample, by space."""
SPACES = tuple(SAMPLES)
RESERVED = (STACK_BYTES, code_reserve(83))
"""Bytes of SRAM and flash kept for stack and code of the deepest networks of ``mcunet``."""
WORKERS = 2
DRAWS = 500

T = TypeVar("T")


@dataclass(frozen=True)
class Checked:
    """What one worker found of its networks, by mode."""

    networks: int
    differences: dict[ExecutionMode, int]
    worst: dict[ExecutionMode, float]
    """Placed arena by lower bound."""


def rows(platform: Platform, *, quick: bool) -> Iterator[Row]:
    """All figures of stage 1."""
    yield from _speed(platform)
    yield from _exactness(20 if quick else 1000)
    yield from _generic_path(100 if quick else 2000)
    yield from _proposals(2000 if quick else 100_000)
    yield from _infeasible(platform)


@lru_cache(maxsize=1)
def _platform() -> Platform:
    return Platform()


@lru_cache(maxsize=1)
def _offers() -> Offers:
    return Offers(_platform().create(CodeGenerator, "tinyengine"), _platform().target(TARGET))


def _surveyor() -> McuNetSurveyor:
    offers = _offers()
    return McuNetSurveyor(SurveyTask(offers.generator, offers.profile, SHAPE, CLASSES, "layers"))


def _cells() -> list[dict[str, float]]:
    grid = {name: [float(value) for value in values] for name, values in McuNetSpace().grid.items()}
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def _speed(platform: Platform) -> Iterator[Row]:
    """108 x 1000 networks; the tables are made in the first pass."""
    surveyor, cells, profile = _surveyor(), _cells(), platform.target(TARGET)
    capacity = Capacity(profile.largest("sram").size - RESERVED[0], profile.largest("flash").size - RESERVED[1])
    start = time.process_time()
    surveyor.surveys(McuNetSpace(), cells, 1, 0, "layers")
    note = f"{len(surveyor.parts.needs.known)} different layers asked of the code generator, once for a target"
    yield Row("stage 1", "seconds for the tables of layers", round(time.process_time() - start, 2), note=note)
    for mode, asked in MODES.items():
        seconds = []
        for _ in range(3):
            start = time.process_time()
            surveys = surveyor.surveys(McuNetSpace(), cells, 1000, 0, mode)
            seconds.append(time.process_time() - start)
        found = ranked([SurveyedCell(c, s, capacity) for c, s in zip(cells, surveys, strict=True)], 0.1)
        best = found[0]
        note = f"tables known; chosen: {best.options}, {best.mean / 1e6:.1f} M MACs, {best.feasible:.0%} feasible"
        yield Row("stage 1", f"seconds for 108 x 1000 networks, {mode}", round(min(seconds), 2), asked, note=note)


def _exactness(count: int) -> Iterator[Row]:
    """The fast path beside the planner on graphs that went through passes and quantiser."""
    checked = _parallel(_check, count)
    networks = sum(each.networks for each in checked)
    for mode in MODES:
        differences = sum(each.differences[mode] for each in checked)
        subject = f"fast path, {mode}"
        yield Row(subject, f"differences from the planner on {networks} random networks", differences, 0)
        worst = max(each.worst[mode] for each in checked)
        yield Row(subject, "greatest placed arena by lower bound", round(worst, 4), 1.01)


def _check(seed: int, count: int) -> Checked:
    rng, surveyor, cells = np.random.default_rng(seed), _surveyor(), _cells()
    differences, worst = dict.fromkeys(MODES, 0), dict.fromkeys(MODES, 1.0)
    for _ in range(count):
        cell = cells[rng.integers(len(cells))]
        space = McuNetSpace(widths=(cell["widths"],), resolutions=(int(cell["resolutions"]),))
        if rng.random() < 0.25:
            space = replace(space, block_widths=(0.5, 0.75, 1.0))
        population = Population(space.tree, 1, rng)
        graph = _passed(space.build(population.candidate(0), SHAPE, CLASSES))
        for mode in MODES:
            survey = surveyor.survey(space, population, mode)
            told = (survey.macs[0], survey.arena_bytes[0], survey.constant_bytes[0])
            differences[mode] += told != network_costs(graph, _offers(), mode)
            worst[mode] = max(worst[mode], _placed(graph, mode, int(survey.arena_bytes[0])))
    return Checked(count, differences, worst)


def _passed(graph: Graph) -> Graph:
    graph = apply_passes(graph, _platform())
    return _platform().create(Quantizer, "ptq").quantize(graph, None, 0)


def _placed(graph: Graph, mode: ExecutionMode, bound: int) -> float:
    """The arena of a plan that has a hundredth more than the bound, by the bound; infinity where there is none."""
    offered = {node.name: _offers()(node, graph) for node in graph.nodes}
    try:
        planned = plan(
            graph, _offers().profile, allowed(offered, mode), budget=int(1.01 * bound),
            input_mode="rows" if mode == "rows" else "resident",
        )  # fmt: skip
    except CapacityError:
        return float("inf")
    return planned.arena_bytes / bound


def _generic_path(count: int) -> Iterator[Row]:
    """Candidate to graph to plan, a network at a time."""
    for figure, asked in (("to the lower bound", 1000.0), ("every buffer placed", None)):
        rate = sum(_parallel(_bounded if asked else _planned, count))
        note = "two processes, layer by layer; schedules of equal layers asked once"
        yield Row("generic path", f"networks a second, {figure}", round(rate), at_least=asked, note=note)


def _bounded(seed: int, count: int) -> float:
    return _rate(seed, count, lambda graph: network_costs(graph, _offers(), "layers"))


def _planned(seed: int, count: int) -> float:
    def planned(graph: Graph) -> object:
        offered = {node.name: _offers()(node, graph) for node in graph.nodes}
        return plan(graph, _offers().profile, allowed(offered, "layers"))

    return _rate(seed, max(count // 10, 1), planned)


def _rate(seed: int, count: int, cost: Callable[[Graph], object]) -> float:
    """Networks a second, after as many that fill the memory of schedules."""
    space, rng = McuNetSpace(resolutions=(160,)), np.random.default_rng(seed)
    start = 0.0
    for number, candidate in enumerate([space.sample(rng) for _ in range(2 * count)]):
        if number == count:
            start = time.process_time()
        cost(space.build_integer(candidate, SHAPE, CLASSES))
    return count / (time.process_time() - start)


def _proposals(count: int) -> Iterator[Row]:
    for broken, space in zip(_parallel_each(_broken, [(name, count) for name in SPACES]), SPACES, strict=True):
        yield Row(f"space {space}", f"of {count:,} proposals outside the space", broken, 0)
    for (feasible, violations), space in zip(
        _parallel_each(_violations, [(name, count) for name in SPACES]), SPACES, strict=True
    ):
        note = f"evolution under limits; {feasible:,} feasible"
        yield Row(f"space {space}", f"of {count:,} proposals, constraint violations", violations, 0, note=note)


def _broken(name: str, count: int) -> int:
    """Samples, mutants and children in turn that lie outside, or mutants that are their parents."""
    space, rng = _platform().create(SearchSpace, name), np.random.default_rng(0)
    parent, broken = space.sample(rng), 0
    for number in range(count):
        if number % 3 == 0:
            child = space.sample(rng)
        elif number % 3 == 1:
            child = space.mutate(parent, rng)
            broken += child == parent
        else:
            child = space.crossover(parent, space.sample(rng), rng)
        broken += not space.contains(child)
        parent = child
    return broken


def _violations(name: str, count: int) -> tuple[int, int]:
    """Feasible candidates among ``count`` draws of an evolution whose limits are medians of the space; violations.

    A violation is a candidate outside the space, proposed before, or above a limit. Costs are those of the integer
    graph that the space writes; every 500th is costed again by way of passes and quantiser.
    """
    options, shape = SAMPLES[name]
    space, rng = _platform().create(SearchSpace, name, options), np.random.default_rng(1)
    assert isinstance(space, IntegerSpace)

    def costs_of(candidate: Candidate) -> dict[str, float]:
        return _named(space.build_integer(candidate, shape, 10))

    drawn = [costs_of(space.sample(rng)) for _ in range(200)]
    limits = Limits({quantity: float(np.median([costs[quantity] for costs in drawn])) for quantity in drawn[0]})
    session = _platform().create(SearchStrategy, "evolution").begin(space, rng)
    proposals = Proposals(space, session, costs_of, limits, count, None)
    feasible, violations, seen = 0, 0, set[Candidate]()
    while (found := proposals.next()) is not None:
        candidate, costs = found
        if feasible % 500 == 0:
            costs = _named(_passed(space.build(candidate, shape, 10)))
        violations += candidate in seen or not space.contains(candidate) or bool(limits.excess(costs))
        seen.add(candidate)
        session.tell(Trial(feasible, candidate, costs, float(rng.random())))
        feasible += 1
    return feasible, violations


def _named(graph: Graph) -> dict[str, float]:
    return dict(zip(("macs", "arena_bytes", "constant_bytes"), network_costs(graph, _offers(), "layers"), strict=True))


def _infeasible(platform: Platform) -> Iterator[Row]:
    """Limits that nothing meets: how many draws until it is said, and what is said."""
    space = platform.create(SearchSpace, "mcunet", {"resolutions": [64]})
    assert isinstance(space, McuNetSpace)

    def costs_of(candidate: Candidate) -> dict[str, float]:
        return _named(space.build_integer(candidate, SHAPE, CLASSES))

    session = platform.create(SearchStrategy, "evolution").begin(space, np.random.default_rng(0))
    proposals = Proposals(space, session, costs_of, Limits({"arena_bytes": 4096, "macs": 1e9}), DRAWS, None)
    assert proposals.next() is None
    yield Row(
        "infeasible search", "draws until it ends", proposals.draws, DRAWS, note=_said(proposals.rejections.explain)
    )
    surveyor, cells = _surveyor(), _cells()
    surveys = surveyor.surveys(McuNetSpace(), cells, 10, 0, "rows")
    found = [SurveyedCell(c, s, Capacity(2048, 1 << 20)) for c, s in zip(cells, surveys, strict=True)]
    drawn = sum(len(each.survey.macs) for each in found)
    said = _said(lambda: ranked(found, 0.1))
    yield Row("infeasible selection", "draws until it ends", drawn, 10 * len(cells), note=said)


def _said(ask: Callable[[], object]) -> str:
    """The error that a question ends with."""
    try:
        found = ask()
    except TinyMLError as error:
        return str(error)
    assert isinstance(found, CapacityError), "an infeasible problem was solved"
    return str(found)


def _parallel(task: Callable[[int, int], T], count: int) -> list[T]:
    """``count`` networks over all workers, with different seeds."""
    return _parallel_each(task, [(seed, -(-count // WORKERS)) for seed in range(WORKERS)])


def _parallel_each(task: Callable[..., T], arguments: Sequence[tuple[object, int]]) -> list[T]:
    with ProcessPoolExecutor(WORKERS) as pool:
        return [future.result() for future in [pool.submit(task, *each) for each in arguments]]
