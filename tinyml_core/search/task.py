"""The evaluation task: what travels to a worker process, and what it does there.

Everything in it can be pickled. Platform, evaluator and dataset are made once in each process; the answer is a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import uuid4

from tinyml_core.api.dataset import Dataset, DatasetSource
from tinyml_core.api.evaluator import Evaluation, Evaluator
from tinyml_core.graph.graph import Graph

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


@dataclass(frozen=True, kw_only=True)
class EvaluationSetup:
    """What all evaluations of one search share; compares by ``token``, which is new for every search."""

    platform: Callable[[], Platform] = field(compare=False)
    """Makes the worker's platform: ``partial(Platform.from_settings, platform.settings)``."""
    evaluator: str = field(compare=False)
    dataset: str = field(compare=False)
    dataset_seed: int = field(compare=False)
    evaluator_options: Mapping[str, object] = field(default_factory=dict, compare=False)
    dataset_options: Mapping[str, object] = field(default_factory=dict, compare=False)
    token: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True, kw_only=True)
class EvaluationTask:
    """The evaluation of one float graph."""

    setup: EvaluationSetup
    graph: Graph
    seed: int

    def __call__(self) -> float:
        """The accuracy alone: the trained network stays in the worker."""
        return self.evaluate().accuracy

    def evaluate(self) -> Evaluation:
        """The evaluation with everything the evaluator gives."""
        evaluator, data = _prepared(self.setup)
        return evaluator.evaluate(self.graph, data, self.seed)


@lru_cache(maxsize=1)
def _prepared(setup: EvaluationSetup) -> tuple[Evaluator, Dataset]:
    platform = setup.platform()
    source = platform.create(DatasetSource, setup.dataset, setup.dataset_options)
    return platform.create(Evaluator, setup.evaluator, setup.evaluator_options), source.load(setup.dataset_seed)
