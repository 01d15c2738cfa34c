"""Fidelity: do cheap judgements rank networks as training does? Kendall's tau, its ceiling and the baselines.

Networks of a space, spread evenly over the multiply-accumulates, are trained alone with several seeds. A ranking is
compared with that of each seed, and the mean is told beside the ceiling: how well two seeds of the same training agree.
No judgement can be expected to agree with training better than training agrees with itself; where the ceiling is below
0.6 the ranking of these networks is not resolved at this budget, and nothing is claimed.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from asked import Row
from numpy.typing import NDArray
from scipy.stats import kendalltau

from tinyml_core.api.dataset import Dataset, DatasetSource
from tinyml_core.api.evaluator import Evaluator
from tinyml_core.api.executor import ExecutorFactory
from tinyml_core.api.search_space import SearchSpace
from tinyml_core.graph.graph import Graph
from tinyml_core.platform import Platform
from tinyml_core.search.task import EvaluationSetup, EvaluationTask

RESOLVED = 0.6
"""Ceiling from which the ranking counts as resolved."""
SHARE = 0.7
"""Of the ceiling, that the super-network is asked to reach where the ranking is resolved."""
BASELINES = ("macs", "parameters")
PROXIES = ("synflow", "gradnorm", "naswot")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What is spent, in steps; equal budgets give equal figures on one machine."""

    networks: int
    seeds: int
    steps: int
    """Of each stand-alone training."""
    supernet_steps: int
    largest_steps: int
    space: str = "tiny"
    dataset: str = "digits"
    validation_share: float = 0.5
    """Large, so that chance does not decide between accuracies that are all above nine tenths."""
    pool: int = 2000
    """Samples of the space from which the networks are taken."""


FULL = Budget(networks=24, seeds=3, steps=300, supernet_steps=1200, largest_steps=200)
QUICK = Budget(networks=10, seeds=2, steps=80, supernet_steps=200, largest_steps=50)


@dataclass(frozen=True)
class Fidelity:
    """What was found; taus are means over the seeds, with the range over them."""

    budget: Budget
    ceiling: float
    taus: Mapping[str, tuple[float, float, float]]
    """Judgement -> mean, least and greatest tau against one seed's stand-alone accuracies."""
    accuracies: Mapping[str, tuple[float, float]]
    """Least and greatest accuracy of the networks: stand-alone, and with the super-network's weights."""

    @property
    def resolved(self) -> bool:
        """Whether two seeds agree well enough that a ranking means something."""
        return self.ceiling >= RESOLVED

    @property
    def verdict(self) -> str:
        """One line."""
        if not self.resolved:
            return f"ranking unresolved at this budget: two seeds agree with tau {self.ceiling:.2f}, below {RESOLVED}"
        best = max(BASELINES, key=lambda name: self.taus[name][0])
        tau, base = self.taus["supernet"][0], self.taus[best][0]
        relation = "above" if tau > base else "not above"
        return f"super-network tau {tau:.2f} of a ceiling of {self.ceiling:.2f}; {relation} {best} alone ({base:.2f})"


def measure(budget: Budget, platform: Platform, workers: int = 2) -> Fidelity:
    """Train, judge and compare."""
    data_options = {"validation_share": budget.validation_share, "test_share": 0.05}
    data = platform.create(DatasetSource, budget.dataset, data_options).load(0)
    space = platform.create(SearchSpace, budget.space)
    graphs = stratified(space, data, budget)
    truth = train_alone(graphs, budget, data_options, platform, workers)
    judged = {"supernet": judge_by_supernet(space, graphs, data, budget, platform)}
    for proxy in (*BASELINES, *PROXIES):
        evaluator = platform.create(Evaluator, "zero-cost", {"proxy": proxy})
        judged[proxy] = np.array([evaluator.evaluate(graph, data, 0).accuracy for graph in graphs])
    return compare(budget, truth, judged)


def compare(budget: Budget, truth: NDArray[np.float64], judged: Mapping[str, NDArray[np.float64]]) -> Fidelity:
    """Taus of judgements [networks] against stand-alone accuracies [seeds, networks], and among the latter."""
    ceiling = float(np.mean([tau(one, other) for one, other in itertools.combinations(truth, 2)]))
    taus = {name: [tau(scores, row) for row in truth] for name, scores in judged.items()}
    return Fidelity(
        budget, ceiling,
        {name: (float(np.mean(values)), min(values), max(values)) for name, values in taus.items()},
        {"alone": (float(truth.min()), float(truth.max())),
         "supernet": (float(judged["supernet"].min()), float(judged["supernet"].max()))},
    )  # fmt: skip


def tau(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Kendall's tau-b; 0 where one side ranks nothing."""
    value = float(kendalltau(left, right).statistic)
    return 0.0 if np.isnan(value) else value


def stratified(space: SearchSpace, data: Dataset, budget: Budget) -> list[Graph]:
    """Networks of the space, one from each of as many equally filled ranges of multiply-accumulates."""
    rng = np.random.default_rng(0)
    pool = [space.build(space.sample(rng), data.sample_shape, len(data.classes)) for _ in range(budget.pool)]
    pool.sort(key=lambda graph: graph.macs)
    return [stratum[rng.integers(len(stratum))] for stratum in _split(pool, budget.networks)]


def _split(pool: Sequence[Graph], parts: int) -> list[Sequence[Graph]]:
    edges = np.linspace(0, len(pool), parts + 1).astype(int)
    return [pool[first:last] for first, last in itertools.pairwise(edges)]


def train_alone(
    graphs: Sequence[Graph], budget: Budget, data_options: Mapping[str, object], platform: Platform, workers: int
) -> NDArray[np.float64]:
    """Accuracies [seeds, networks] of training each network alone."""
    setup = EvaluationSetup(
        platform=partial(Platform.from_settings, platform.settings),
        evaluator="training", evaluator_options={"steps": budget.steps},
        dataset=budget.dataset, dataset_options=data_options, dataset_seed=0,
    )  # fmt: skip
    tasks = [EvaluationTask(setup=setup, graph=graph, seed=seed) for seed in range(budget.seeds) for graph in graphs]
    with platform.create(ExecutorFactory, "processes").open(workers) as executor:
        futures = [executor.submit(task) for task in tasks]
        return np.array([future.result() for future in futures]).reshape(budget.seeds, len(graphs))


def judge_by_supernet(
    space: SearchSpace, graphs: Sequence[Graph], data: Dataset, budget: Budget, platform: Platform
) -> NDArray[np.float64]:
    """Accuracies with inherited weights."""
    with tempfile.TemporaryDirectory() as folder:
        options = {
            "steps": budget.supernet_steps, "largest_steps": budget.largest_steps,
            "checkpoint": str(Path(folder, "supernet.npz")), "device": "cpu",
        }  # fmt: skip
        evaluator: Any = platform.create(Evaluator, "supernet", options)
        evaluator.prepare(space, data, 0, lambda step, loss: None)
        return np.array([evaluator.evaluate(graph, data, 0).accuracy for graph in graphs])


def rows(platform: Platform, *, quick: bool) -> Iterator[Row]:
    """Figures for ``benchmarks/search.py``; where two seeds do not agree, the report says so and nothing is asked."""
    found = measure(QUICK if quick else FULL, platform)
    subject = f"fidelity, {found.budget.networks} nets"
    yield Row(subject, "tau of seed against seed: the ceiling", round(found.ceiling, 3), note=found.verdict)
    for name, (mean, least, greatest) in found.taus.items():
        asked = round(SHARE * found.ceiling, 3) if name == "supernet" and found.resolved else None
        note = f"{least:.2f} to {greatest:.2f} over the seeds" + ("; baseline" if name in BASELINES else "")
        yield Row(subject, f"tau of {name} against stand-alone training", round(mean, 3), at_least=asked, note=note)
    for name, (least, greatest) in found.accuracies.items():
        yield Row(subject, f"spread of accuracies, {name}", round(greatest - least, 4), note=f"up to {greatest:.3f}")
