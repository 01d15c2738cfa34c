"""The evaluation task: what travels to a worker process, and what it does there.

Everything in it can be pickled. Platform, evaluator and dataset are made once in each process; the answer is a number,
kept in a cache where the setup names one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from tinyml_core.api.dataset import Dataset, DatasetSource
from tinyml_core.api.evaluator import Evaluation, Evaluator, PreparedEvaluator
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.serialise import digest
from tinyml_core.search.cache import EvaluationCache
from tinyml_core.search.journal import fingerprint

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
    cache: str = field(default="", compare=False)
    """File of an :class:`~tinyml_core.search.cache.EvaluationCache`; none when empty."""
    token: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True, kw_only=True)
class EvaluationTask:
    """The evaluation of one float graph."""

    setup: EvaluationSetup
    graph: Graph
    seed: int

    def __call__(self) -> float:
        """The accuracy alone, from the cache where it is known: the trained network stays in the worker."""
        if not self.setup.cache:
            return self.evaluate().accuracy
        cache, key = _cache(self.setup.cache), self.key()
        accuracy = cache.get(key)
        if accuracy is None:
            accuracy = self.evaluate().accuracy
            if 0 <= accuracy <= 1:  # what is none is the search's to report
                cache.add(key, accuracy)
        return accuracy

    def evaluate(self) -> Evaluation:
        """The evaluation with everything the evaluator gives."""
        evaluator, data = _prepared(self.setup)
        return evaluator.evaluate(self.graph, data, self.seed)

    def key(self) -> str:
        """A hash of all that the accuracy depends on: network, evaluator, dataset and seed."""
        setup, (evaluator, _) = self.setup, _prepared(self.setup)
        return fingerprint(
            {
                "architecture": digest(self.graph), "seed": self.seed,
                "evaluator": [setup.evaluator, dict(setup.evaluator_options)],
                "prepared": evaluator.identity() if isinstance(evaluator, PreparedEvaluator) else "",
                "dataset": [setup.dataset, dict(setup.dataset_options), setup.dataset_seed],
            }
        )  # fmt: skip


@lru_cache(maxsize=1)
def _prepared(setup: EvaluationSetup) -> tuple[Evaluator, Dataset]:
    platform = setup.platform()
    source = platform.create(DatasetSource, setup.dataset, setup.dataset_options)
    return platform.create(Evaluator, setup.evaluator, setup.evaluator_options), source.load(setup.dataset_seed)


@lru_cache(maxsize=1)
def _cache(path: str) -> EvaluationCache:
    return EvaluationCache(Path(path))
