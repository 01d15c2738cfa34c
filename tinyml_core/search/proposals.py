"""Proposals: a strategy's candidates, each once, costed and within the limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from tinyml_core.api.search_space import SearchSpace
from tinyml_core.api.search_strategy import SearchSession
from tinyml_core.errors import PluginError
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.journal import Journal
from tinyml_core.search.limits import Limits, Rejections

Costs = Mapping[str, float]


class Proposals:
    """Asks a session until a bound is reached.

    ``costs_of`` estimates a candidate's costs; ``journal`` supplies those known from before and keeps the new ones.
    """

    def __init__(
        self,
        space: SearchSpace,
        session: SearchSession,
        costs_of: Callable[[Candidate], Costs],
        limits: Limits,
        draws: int,
        journal: Journal | None,
    ) -> None:
        self._space, self._session, self._costs_of = space, session, costs_of
        self._limits, self._most_draws, self._journal = limits, draws, journal
        self._seen: set[Candidate] = set()
        self.rejections = Rejections(limits)
        self.draws = 0

    @property
    def costed(self) -> int:
        """Different candidates proposed so far."""
        return len(self._seen)

    @property
    def exhausted(self) -> bool:
        """Whether every candidate of the space has been proposed."""
        return self.costed >= self._space.size

    def next(self) -> tuple[Candidate, Costs] | None:
        """The next feasible candidate with its costs; None, for good, once the draws or the space are used up.

        Raises:
            InputError: a limit is on a quantity that ``costs_of`` does not tell.
            PluginError: the candidate lies outside the space, or a cost is no finite number.
        """
        while self.draws < self._most_draws and not self.exhausted:
            candidate = self._session.ask()
            self.draws += 1
            if candidate in self._seen:
                continue
            if not self._space.contains(candidate):
                raise PluginError(
                    f"proposed {dict(candidate.choices)}, which the search space does not contain",
                    place=f"search strategy {type(self._session).__qualname__}",
                    remedy="report this to its author",
                )
            self._seen.add(candidate)
            costs = self._cost(candidate)
            excess = self._limits.excess(costs)
            if not excess:
                return candidate, costs
            self.rejections.add(candidate, costs, excess)
        return None

    def _cost(self, candidate: Candidate) -> Costs:
        known = self._journal.costs(candidate) if self._journal else None
        if known is not None:
            return known
        costs = {quantity: float(value) for quantity, value in self._costs_of(candidate).items()}
        for quantity, value in costs.items():
            if not math.isfinite(value):
                raise PluginError(
                    f"a cost model says it is {value} for {dict(candidate.choices)}",
                    place=f"quantity {quantity}",
                    remedy="report this to the model's author",
                )
        if self._journal:
            self._journal.add_costs(candidate, costs)
        return costs
