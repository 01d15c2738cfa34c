"""pymoo's operators on the candidates of a search space: an individual has one variable, the candidate itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from pymoo.core.crossover import Crossover
from pymoo.core.duplicate import ElementwiseDuplicateElimination
from pymoo.core.mutation import Mutation
from pymoo.core.sampling import Sampling

from tinyml_core.api.search_space import SearchSpace
from tinyml_core.search.candidate import Candidate

Individuals = np.ndarray[Any, np.dtype[np.object_]]


def column(candidates: Iterable[Candidate]) -> Individuals:
    """Candidates as variables, shape [candidates, 1]."""
    listed = list(candidates)
    variables = np.empty((len(listed), 1), object)
    for row, candidate in enumerate(listed):
        variables[row, 0] = candidate
    return variables


class SpaceSampling(Sampling):
    def __init__(self, space: SearchSpace, rng: np.random.Generator) -> None:
        super().__init__()
        self._space, self._rng = space, rng

    def _do(self, problem: object, n_samples: int, **kwargs: object) -> Individuals:
        return column(self._space.sample(self._rng) for _ in range(n_samples))


class SpaceCrossover(Crossover):
    def __init__(self, space: SearchSpace, rng: np.random.Generator) -> None:
        super().__init__(n_parents=2, n_offsprings=1)
        self._space, self._rng = space, rng

    def _do(self, problem: object, X: Individuals, **kwargs: object) -> Individuals:
        """``X`` has shape [parents, matings, 1]."""
        pairs = zip(X[0, :, 0], X[1, :, 0], strict=True)
        return column(self._space.crossover(left, right, self._rng) for left, right in pairs)[None]


class SpaceMutation(Mutation):
    def __init__(self, space: SearchSpace, rng: np.random.Generator) -> None:
        super().__init__()
        self._space, self._rng = space, rng

    def _do(self, problem: object, X: Individuals, **kwargs: object) -> Individuals:
        return column(self._space.mutate(candidate, self._rng) for candidate in X[:, 0])


class SameCandidate(ElementwiseDuplicateElimination):
    def is_equal(self, a: Any, b: Any) -> bool:
        same: bool = a.X[0] == b.X[0]
        return same
