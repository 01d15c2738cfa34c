"""Selecting a space: a project's search space at every place of its grid, surveyed, and the best one chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyml_core.api.dataset import DatasetSource
from tinyml_core.api.quantizer import Quantizer
from tinyml_core.api.search_space import SearchSpace
from tinyml_core.config import Project
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.generation import generator_for
from tinyml_core.pipeline.passes import ordered_passes
from tinyml_core.pipeline.stages import Stages
from tinyml_core.program.planner import Candidates, least_bytes
from tinyml_core.program.schedule import Schedule
from tinyml_core.search.candidate import Candidate, Choice
from tinyml_core.search.offers import Offers
from tinyml_core.search.reserve import CODE_BYTES, STACK_BYTES, code_reserve
from tinyml_core.search.selection import QUANTILES, Capacity, SurveyedCell, ranked
from tinyml_core.search.survey import ExecutionMode, GridSpace, IntegerSpace, Survey, SurveyedSpace, SurveyTask

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


DEPTH_SAMPLES = 20
"""Networks of a space from which the flash for their code is told."""


@dataclass(frozen=True, kw_only=True)
class SelectionOptions:
    """How spaces are compared.

    Raises:
        InputError: a number is out of range.
    """

    samples: int = 1000
    """Random networks of each space."""
    mode: ExecutionMode | None = None
    """How networks run; by row rings where None, the input as the project's compile section says."""
    least_feasible: float = 0.1
    """Share of a space's networks that have to be within the limits."""
    stack_bytes: int = STACK_BYTES
    """SRAM reserved for the stack and static data."""
    code_bytes: int = CODE_BYTES
    """Flash reserved for instructions; more where the space's networks have more than 38 layers."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 1 <= self.samples <= 1_000_000:
            raise InputError(f"is {self.samples}", place="samples", remedy="choose from 1 to 1000000")
        if not 0 <= self.least_feasible <= 1:
            raise InputError(f"is {self.least_feasible}", place="least share", remedy="choose from 0 to 1")
        if min(self.stack_bytes, self.code_bytes) < 0:
            raise InputError("is negative", place="reserve of stack or code", remedy="it cannot be below 0")


@dataclass(frozen=True, eq=False)
class SpaceSelection:
    """Every space of the grid with its survey, and those that qualify, the best first."""

    cells: tuple[SurveyedCell, ...]
    ranking: tuple[SurveyedCell, ...]
    report: Mapping[str, Any]

    @property
    def chosen(self) -> SurveyedCell:
        """The space to search."""
        return self.ranking[0]


def select_space(project: Project, options: SelectionOptions, platform: Platform) -> SpaceSelection:
    """Survey the grid of the project's search space and choose one space of it.

    Raises:
        CapacityError: no space qualifies; names the limit that binds and by how much.
        InputError: the space has no grid.
    """
    stages, profile = Stages(platform.emit), platform.target(project.target)
    reference = project.search.space
    space = platform.create(SearchSpace, reference.name, reference.options, "search.space.options")
    if not isinstance(space, GridSpace):
        raise InputError(
            "offers no grid of spaces to choose from", place=f"search space {reference.name}",
            remedy="choose another one, such as mcunet",
        )  # fmt: skip
    cells = [dict(zip(space.grid, values, strict=True)) for values in product(*space.grid.values())]
    compiler = project.compile
    with stages.stage("data"):
        source = platform.create(DatasetSource, project.dataset.name, project.dataset.options, "dataset.options")
        data = source.load(project.seed)
    generator = generator_for(platform, profile, compiler.generator.name, compiler.generator.options, compiler.kernels)
    mode: ExecutionMode = options.mode or ("rows" if compiler.input_mode == "rows" else "resident")
    task = SurveyTask(generator, profile, data.sample_shape, len(data.classes), mode)
    with stages.stage("survey", len(cells)) as stage:
        surveys = None
        if isinstance(space, SurveyedSpace):
            surveys = space.surveys(cells, options.samples, project.seed, task)
        if surveys is None:
            surveys = []
            for survey in _planned(project, cells, options.samples, task, platform):
                surveys.append(survey)
                stage.advance()
        stage.result = f"{len(cells)} spaces, {options.samples} networks each"
    capacity = _capacity(project, profile, options, _most_layers(project, cells[0], task, platform))
    surveyed = tuple(SurveyedCell(cell, survey, capacity) for cell, survey in zip(cells, surveys, strict=True))
    ranking = tuple(ranked(surveyed, options.least_feasible))
    report = {
        "space": reference.name, "target": profile.name, "mode": mode, "samples": options.samples,
        "seed": project.seed, "least_feasible": options.least_feasible,
        "limits": {"sram_bytes": capacity.sram_bytes, "flash_bytes": capacity.flash_bytes}
        | ({"macs": capacity.macs} if np.isfinite(capacity.macs) else {}),
        "chosen": ranking[0].options,
        "spaces": [_told(cell, cell in ranking) for cell in sorted(surveyed, key=lambda cell: -cell.mean)],
        "stages": stages.report(),
    }  # fmt: skip
    return SpaceSelection(surveyed, ranking, report)


def _capacity(project: Project, profile: HardwareProfile, options: SelectionOptions, layers: int) -> Capacity:
    """What the project's limits, or else the target's memory, leave for arena and constants of so many layers."""
    limits, region = project.search.limits, project.compile.region
    sram = profile.region(region) if region else profile.largest("sram")
    sram_bytes = min(limits.get("sram_bytes", sram.size), project.compile.sram or sram.size, sram.size)
    flash_bytes = min(limits.get("flash_bytes", np.inf), profile.largest("flash").size)
    left = Capacity(
        int(sram_bytes) - options.stack_bytes, int(flash_bytes) - code_reserve(layers, options.code_bytes),
        limits.get("macs", np.inf),
    )  # fmt: skip
    for name in ("sram_bytes", "flash_bytes"):
        if getattr(left, name) < 1:
            raise InputError("is used up by the reserves", place=f"limit {name}", remedy="raise it")
    return left


def _told(cell: SurveyedCell, qualifies: bool) -> dict[str, Any]:
    quantiles = {f"p{percent}_macs": round(value) for percent, value in zip(QUANTILES, cell.quantiles, strict=True)}
    return {
        "options": dict(cell.options), "feasible": cell.feasible, "mean_macs": round(cell.mean), **quantiles,
        "qualifies": qualifies,
    }  # fmt: skip


def _planned(
    project: Project, cells: Sequence[Mapping[str, Choice]], samples: int, task: SurveyTask, platform: Platform
) -> Iterator[Survey]:
    """Surveys by a graph and the planner for each network: what works for every space.

    Where a space writes integer graphs itself, and the first of a cell costs what it does after the project's passes
    and quantiser, so do the others.
    """
    lowered = _lowering(project, task, platform)
    offers = Offers(task.generator, task.profile)
    for number, cell in enumerate(cells):
        space = _space(project, cell, platform)
        rng = np.random.default_rng([project.seed, number])
        candidates = [space.sample(rng) for _ in range(samples)]

        def passed(candidate: Candidate, space: SearchSpace = space) -> Graph:
            return lowered(space, candidate)

        def written(candidate: Candidate, space: SearchSpace = space) -> Graph:
            assert isinstance(space, IntegerSpace)
            return space.build_integer(candidate, task.sample_shape, task.classes)

        first = network_costs(passed(candidates[0]), offers, task.mode)
        quick = isinstance(space, IntegerSpace) and network_costs(written(candidates[0]), offers, task.mode) == first
        graph_of = written if quick else passed
        costs = [first, *(network_costs(graph_of(candidate), offers, task.mode) for candidate in candidates[1:])]
        macs, arena, constants = np.array(costs, np.int64).T
        yield Survey(macs, arena, constants)


def _space(project: Project, cell: Mapping[str, Choice], platform: Platform) -> SearchSpace:
    """The project's space with one value of each option of the grid."""
    reference = project.search.space
    options = reference.options | {name: [value] for name, value in cell.items()}
    return platform.create(SearchSpace, reference.name, options, "search.space.options")


def _lowering(project: Project, task: SurveyTask, platform: Platform) -> Callable[[SearchSpace, Candidate], Graph]:
    """What the project's passes and quantiser make of a candidate, with placeholder scales."""
    passes = ordered_passes(platform, project.compile.without)
    quantizer = platform.create(Quantizer, project.quantizer.name, project.quantizer.options, "quantizer.options")

    def lowered(space: SearchSpace, candidate: Candidate) -> Graph:
        graph = space.build(candidate, task.sample_shape, task.classes)
        for _, one in passes:
            graph = one.apply(graph)
        return quantizer.quantize(graph, None, project.seed)

    return lowered


def _most_layers(project: Project, cell: Mapping[str, Choice], task: SurveyTask, platform: Platform) -> int:
    """Layers of the deepest of a few random networks: a grid says how large networks are, not how deep."""
    space, lowered = _space(project, cell, platform), _lowering(project, task, platform)
    rng = np.random.default_rng(project.seed)
    return max(len(lowered(space, space.sample(rng)).nodes) for _ in range(DEPTH_SAMPLES))


def network_costs(graph: Graph, offers: Offers, mode: ExecutionMode) -> tuple[int, int, int]:
    """Multiply-accumulates, least arena, and constants of an integer graph."""
    offered = {node.name: offers(node, graph) for node in graph.nodes}
    constants = sum(max(schedule.flash for schedule in schedules) for schedules in offered.values())
    arena = least_bytes(graph, allowed(offered, mode), input_mode="rows" if mode == "rows" else "resident")
    return graph.macs, arena, constants


def allowed(offered: Mapping[str, Sequence[Schedule]], mode: ExecutionMode) -> Candidates:
    """The schedules of each node, by its name, that an execution mode allows."""

    def candidates(node: Node) -> Sequence[Schedule]:
        return [schedule for schedule in offered[node.name] if mode != "layers" or not schedule.rows]

    return candidates
