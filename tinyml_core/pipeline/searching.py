"""Searching: a project's search, from dataset and space to the best feasible candidate and its graph."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyml_core.api.cost_model import CostModel
from tinyml_core.api.dataset import Dataset, DatasetSource
from tinyml_core.api.evaluator import Evaluator, PreparedEvaluator
from tinyml_core.api.executor import ExecutorFactory
from tinyml_core.api.quantizer import Quantizer
from tinyml_core.api.search_space import SearchSpace
from tinyml_core.api.search_strategy import ParetoStrategy, SearchStrategy
from tinyml_core.config import Project, Reference
from tinyml_core.errors import InputError
from tinyml_core.events import Event
from tinyml_core.graph.graph import Graph
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.curves import curve
from tinyml_core.pipeline.passes import ordered_passes
from tinyml_core.pipeline.search_journal import digest, search_fingerprint
from tinyml_core.pipeline.stages import Stages
from tinyml_core.search.budget import Budget
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.evaluation import Work
from tinyml_core.search.journal import Header, Journal
from tinyml_core.search.limits import Limits
from tinyml_core.search.loop import search
from tinyml_core.search.result import SearchResult
from tinyml_core.search.task import EvaluationSetup, EvaluationTask

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


@dataclass(frozen=True, eq=False)
class Problem:
    """What every strategy of a project's search works on: the same space, costs and evaluations."""

    space: SearchSpace
    graph_of: Callable[[Candidate], Graph]
    """The untrained float graph of a candidate."""
    costs_of: Callable[[Candidate], Mapping[str, float]]
    work_of: Callable[[Candidate], Work]
    objectives: tuple[str, ...]
    """Costs kept low beside the accuracy."""
    samples: str
    """A hash of the samples that evaluations see."""


def check_choices(project: Project, platform: Platform) -> None:
    """Create every component that a search will need, so that a mistake is told before anything is loaded.

    Raises:
        PluginError: a component is unknown or broken.
        InputError: its options are not usable, or a pass to leave out is unknown.
    """
    chosen = project.search
    kinds: list[tuple[type, Reference | None, str]] = [
        (DatasetSource, project.dataset, "dataset"),
        (SearchSpace, chosen.space, "search.space"),
        (SearchStrategy, chosen.strategy, "search.strategy"),
        (SearchStrategy, chosen.baseline, "search.baseline"),
        (ExecutorFactory, chosen.executor, "search.executor"),
        (Evaluator, chosen.evaluator, "search.evaluator"),
    ]
    for protocol, reference, place in kinds:
        if reference is not None:
            platform.create(protocol, reference.name, reference.options, f"{place}.options")
    ordered_passes(platform, project.compile.without)


def pose(project: Project, data: Dataset, profile: HardwareProfile, platform: Platform) -> Problem:
    """Create the components of a project's search.

    Raises:
        PluginError: a component is unknown or broken.
        InputError: its options are not usable, or no cost model tells an objective.
    """
    chosen = project.search
    space = platform.create(SearchSpace, chosen.space.name, chosen.space.options, "search.space.options")
    models = [
        platform.create(CostModel, model.name, model.options, f"search.cost_models.{index}.options")
        for index, model in enumerate(_cost_models(project))
    ]
    objectives = tuple(chosen.limits) if chosen.objectives is None else chosen.objectives
    known = sorted({quantity for model in models for quantity in model.quantities})
    for quantity in objectives:
        if quantity not in known:
            raise InputError(
                "no cost model tells this quantity",
                place=f"objective {quantity}", remedy=f"known quantities: {', '.join(known)}",
            )  # fmt: skip
    passes = ordered_passes(platform, project.compile.without)
    quantizer = platform.create(Quantizer, project.quantizer.name, project.quantizer.options, "quantizer.options")

    def graph_of(candidate: Candidate) -> Graph:
        return space.build(candidate, data.sample_shape, len(data.classes))

    def costs_of(candidate: Candidate) -> Mapping[str, float]:
        graph = graph_of(candidate)
        for _, one in passes:
            graph = one.apply(graph)
        integer = quantizer.quantize(graph, None, project.seed)
        return {cost.quantity: cost.value for model in models for cost in model.estimate(integer, profile, platform)}

    setup = EvaluationSetup(
        platform=partial(type(platform).from_settings, platform.settings),
        evaluator=chosen.evaluator.name, evaluator_options=chosen.evaluator.options,
        dataset=project.dataset.name, dataset_options=project.dataset.options, dataset_seed=project.seed,
        cache=chosen.cache or "",
    )  # fmt: skip

    def work_of(candidate: Candidate) -> Work:
        seed = zlib.crc32(candidate.key.encode(), project.seed)  # a candidate's result does not depend on its place
        return EvaluationTask(setup=setup, graph=graph_of(candidate), seed=seed)

    return Problem(space, graph_of, costs_of, work_of, objectives, digest(data))


def prepare_evaluator(
    project: Project, problem: Problem, data: Dataset, platform: Platform, stages: Stages
) -> list[dict[str, Any]]:
    """Let the evaluator do what its evaluations share, where there is such work; its curve, if so.

    Raises:
        TinyMLError: it cannot be done, by name.
    """
    chosen = project.search.evaluator
    evaluator = platform.create(Evaluator, chosen.name, chosen.options, "search.evaluator.options")
    steps: list[int] = []
    figures: list[float] = []
    if isinstance(evaluator, PreparedEvaluator):
        with stages.stage("prepare") as stage:

            def hear(step: int, figure: float) -> None:
                stage.advance(1, f"step {step}: {figure:.4f}")
                steps.append(step)
                figures.append(figure)

            evaluator.prepare(problem.space, data, project.seed, hear)
    return curve("loss of what the evaluations share", figures, steps)


def _cost_models(project: Project) -> tuple[Reference, ...]:
    """Those the project names, or the analytic one planning as the compiler will."""
    compiler = project.compile
    options = {
        "generator": compiler.generator.name or "", "kernels": list(compiler.kernels),
        "objective": compiler.objective, "input_mode": compiler.input_mode,
    }  # fmt: skip
    return project.search.cost_models or (Reference(name="analytic", options=options),)


def run_search(
    problem: Problem,
    project: Project,
    strategy: Reference,
    platform: Platform,
    listen: Callable[[Event], None],
    *,
    journal: Path | None = None,
    resume: bool = False,
) -> SearchResult:
    """Let ``strategy`` search ``problem`` with the project's budget and limits.

    Raises:
        CapacityError: nothing feasible was found; names the limit that binds.
        InputError: the journal belongs to another search.
    """
    chosen = project.search
    arguments: dict[str, Any] = {
        "costs_of": problem.costs_of, "work_of": problem.work_of, "workers": chosen.workers,
        "executor": platform.create(ExecutorFactory, chosen.executor.name, chosen.executor.options),
        "budget": Budget(evaluations=chosen.evaluations, draws=chosen.draws),
        "limits": Limits(chosen.limits), "seed": project.seed, "listen": listen,
    }  # fmt: skip
    searcher = platform.create(SearchStrategy, strategy.name, strategy.options, "search.strategy.options")
    if isinstance(searcher, ParetoStrategy):
        searcher = searcher.toward(problem.objectives)
    if journal is None:
        return search(problem.space, searcher, **arguments)
    config = search_fingerprint(project, strategy, problem.samples)
    with Journal(journal, Header(config=config, seed=project.seed), resume=resume) as kept:
        return search(problem.space, searcher, journal=kept, **arguments)


@dataclass(frozen=True, eq=False)
class Found:
    """A finished search of a project: its result and the untrained float graph of the best candidate."""

    result: SearchResult
    graph: Graph
    report: Mapping[str, Any]


def search_project(project: Project, platform: Platform, journal: Path | None, *, resume: bool) -> Found:
    """Load the data and search with the project's strategy; ``journal`` keeps what was paid for.

    Raises:
        TinyMLError: the first step that cannot be done, by name.
    """
    stages = Stages(platform.emit)
    profile = platform.target(project.target)
    check_choices(project, platform)
    with stages.stage("data"):
        source = platform.create(DatasetSource, project.dataset.name, project.dataset.options, "dataset.options")
        data = source.load(project.seed)
    problem = pose(project, data, profile, platform)
    prepare_evaluator(project, problem, data, platform, stages)
    strategy = project.search.strategy
    with stages.stage("search", project.search.evaluations) as stage:
        result = run_search(problem, project, strategy, platform, platform.emit, journal=journal, resume=resume)
        stage.result = f"{result.costed} costed, {result.evaluated} evaluated, best {result.best.accuracy:.4f}"
    report = search_report(result, strategy.name, problem.objectives) | {
        "target": profile.name, "seed": project.seed, "limits": dict(project.search.limits), "stages": stages.report(),
    }  # fmt: skip
    return Found(result, problem.graph_of(result.best.candidate), report)


def search_report(result: SearchResult, strategy: str, objectives: Sequence[str]) -> dict[str, Any]:
    """The stable object that ``--json`` prints."""
    best = result.best
    return {
        "strategy": strategy,
        "costed": result.costed,
        "evaluated": result.evaluated,
        "draws": result.draws,
        "rejected": dict(sorted(result.rejected.items())),
        "ended": result.ended,
        "failures": [{"number": failure.number, "reason": failure.reason} for failure in result.failures],
        "best": {
            "number": best.number, "choices": dict(best.candidate.choices), "accuracy": best.accuracy,
            "costs": dict(best.costs),
        },
        "objectives": list(objectives),
        "front": [
            {"number": trial.number, "choices": dict(trial.candidate.choices), "accuracy": trial.accuracy,
             "costs": {quantity: trial.costs[quantity] for quantity in objectives}}
            for trial in result.front(objectives)
        ],
        "trials": [
            {"number": trial.number, "accuracy": trial.accuracy, "costs": dict(trial.costs)} for trial in result.trials
        ],
    }  # fmt: skip
