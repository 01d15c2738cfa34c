"""Strategies on exhaustive tables: every network's accuracy is known, so is the best one (protocol P2).

The tables hold 5832 networks each and are made by ``search_tables/recipe.py``. Limits are the medians of
multiply-accumulates and parameters; one network is evaluated at a time. Asked of evolution, over 100 seeds and against
random search: evaluations until a network of the best 1 % is found, median and 90th percentile, and the regret after
100 evaluations. A strategy sees the table's accuracies; what they are worth is told in the recipe.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from asked import Row
from numpy.typing import NDArray

from tinyml_core.api.executor import ExecutorFactory
from tinyml_core.api.search_strategy import ParetoStrategy, SearchStrategy
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph
from tinyml_core.platform import Platform
from tinyml_core.search.budget import Budget
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.limits import Limits
from tinyml_core.search.loop import search
from tinyml_plugins.tinynas.choices import ChoiceTree
from tinyml_plugins.tinynas.layers import Layers
from tinyml_plugins.tinynas.tree_space import TreeSpace

FOLDER = Path(__file__).parent / "search_tables"
GENES = {"kernel": (3, 5), "expansion": (2, 3, 4), "depth": (1, 2, 3)}
STAGES = (1, 2, 3)
EVALUATIONS, EARLY = 300, 100
"""Evaluations of a run, and those after which the regret is taken."""
STRATEGIES: Mapping[str, Mapping[str, object]] = {
    "random": {}, "evolution": {"population": 15, "tournament": 12}, "ofa": {"population": 20},
    "nsga2": {"population": 20},
}  # fmt: skip
"""Evolution's options were chosen on these tables."""
ASKED = {"median": 0.6, "90th percentile": 0.5, "regret": 0.5}
"""At most this share of random search's figure, for evolution."""


@dataclass(frozen=True, eq=False)
class Table(TreeSpace):
    """A table as a search space: a network has a kernel, an expansion and a depth for each of three stages."""

    accuracy: NDArray[np.float32]
    costs: Mapping[str, NDArray[np.int64]]
    about: Mapping[str, Any]

    @classmethod
    def read(cls, name: str) -> Table:
        """The stored table of this name."""
        with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as arrays:
            costs = {quantity: arrays[quantity] for quantity in ("macs", "parameters")}
            return cls(arrays["accuracy"], costs, json.loads(str(arrays["about"])))

    @cached_property
    def tree(self) -> ChoiceTree:
        """What the space offers."""
        return ChoiceTree({f"{gene}{stage}": row for stage in STAGES for gene, row in GENES.items()}, ())

    def index(self, candidate: Candidate) -> tuple[int, ...]:
        """Where the table keeps a network."""
        choices = dict(candidate.choices)
        shape = tuple(len(row) for row in GENES.values())
        return tuple(
            int(np.ravel_multi_index([row.index(choices[f"{gene}{stage}"]) for gene, row in GENES.items()], shape))
            for stage in STAGES
        )

    @cached_property
    def limits(self) -> dict[str, float]:
        """The medians."""
        return {quantity: float(np.median(values)) for quantity, values in self.costs.items()}

    @cached_property
    def feasible(self) -> NDArray[np.float32]:
        """Accuracies within the limits, the best first."""
        within = np.logical_and.reduce([values <= self.limits[name] for name, values in self.costs.items()])
        return np.sort(self.accuracy[within])[::-1]

    def write(self, layers: Layers, candidate: Candidate, sample_shape: tuple[int, ...], classes: int) -> Graph:
        """Refused: what is known of a table's networks is what the table tells."""
        raise UnsupportedError("a table holds no networks", place="benchmark tabular")

    def run(self, platform: Platform, name: str, options: Mapping[str, object], seed: int) -> NDArray[np.float64]:
        """Accuracies in the order a strategy meets them."""
        strategy = platform.create(SearchStrategy, name, options)
        if isinstance(strategy, ParetoStrategy):
            strategy = strategy.toward(tuple(self.costs))
        found = search(
            self, strategy,
            costs_of=lambda c: {quantity: float(values[self.index(c)]) for quantity, values in self.costs.items()},
            work_of=lambda c: partial(float, self.accuracy[self.index(c)]),
            executor=platform.create(ExecutorFactory, "serial"), workers=1, seed=seed,
            budget=Budget(evaluations=EVALUATIONS, draws=50 * EVALUATIONS, window=1), limits=Limits(self.limits),
        )  # fmt: skip
        return np.array([trial.accuracy for trial in found.trials])


@dataclass(frozen=True)
class Figures:
    """What a strategy needed on one table, over all seeds."""

    median: float
    percentile: float
    regret: float


def judge(table: Table, platform: Platform, name: str, options: Mapping[str, object], seeds: int) -> Figures:
    """Evaluations to the best 1 %, and the mean regret after :data:`EARLY` evaluations."""
    top = float(table.feasible[len(table.feasible) // 100])
    needed, regrets = [], []
    for seed in range(seeds):
        met = table.run(platform, name, options, seed)
        reached = np.flatnonzero(met >= top)
        needed.append(reached[0] + 1 if len(reached) else np.inf)
        regrets.append(float(table.feasible[0]) - met[:EARLY].max())
    return Figures(float(np.median(needed)), float(np.quantile(needed, 0.9, method="higher")), float(np.mean(regrets)))


def rows(platform: Platform, *, quick: bool) -> Iterator[Row]:
    """Each strategy on each table."""
    seeds = 15 if quick else 100
    for path in sorted(FOLDER.glob("*.npz")):
        table = Table.read(path.stem)
        figures = {name: judge(table, platform, name, options, seeds) for name, options in STRATEGIES.items()}
        chance = figures["random"]
        subject = f"{path.stem} table, {len(table.feasible)} of {table.size} networks feasible, {seeds} seeds"
        for name, found in figures.items():
            for figure, measured, reference in (
                ("median", found.median, chance.median),
                ("90th percentile", found.percentile, chance.percentile),
                ("regret", found.regret, chance.regret),
            ):
                what = f"regret after {EARLY}" if figure == "regret" else f"evaluations to the best 1 %, {figure}"
                asked = ASKED[figure] * reference if name == "evolution" and not quick else None
                share = f"{measured / reference:.0%} of random's" if name != "random" and reference else ""
                yield Row(subject, f"{name}: {what}", measured, at_most=asked, note=share)
