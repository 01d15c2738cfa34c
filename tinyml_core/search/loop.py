"""The search loop: ask, cost, reject, evaluate, tell.

Costs come first, in this process, because they are a thousand times cheaper than an evaluation; what breaks a limit is
never evaluated. A fixed window of evaluations is pending at any time and results are told in the order of the
proposals, so that a search depends on its seed alone, not on which worker is faster or how many there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from tinyml_core.api.executor import ExecutorFactory
from tinyml_core.api.search_space import SearchSpace
from tinyml_core.api.search_strategy import SearchStrategy
from tinyml_core.errors import UnsupportedError
from tinyml_core.events import Event, StageAdvanced
from tinyml_core.search.budget import Budget
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.evaluation import EvaluationPool, Outcome, Work
from tinyml_core.search.journal import Journal
from tinyml_core.search.limits import Limits
from tinyml_core.search.proposals import Costs, Proposals
from tinyml_core.search.result import Failure, SearchResult
from tinyml_core.search.trial import Trial


def search(
    space: SearchSpace,
    strategy: SearchStrategy,
    *,
    costs_of: Callable[[Candidate], Costs],
    work_of: Callable[[Candidate], Work],
    executor: ExecutorFactory,
    workers: int,
    budget: Budget,
    limits: Limits,
    seed: int,
    journal: Journal | None = None,
    listen: Callable[[Event], None] = lambda event: None,
) -> SearchResult:
    """Search ``space`` for the most accurate candidate within ``limits``.

    Args:
        space: where to search.
        strategy: how to choose the next candidate.
        costs_of: costs of a candidate by quantity, called in this process.
        work_of: the evaluation of a candidate, carried out by a worker.
        executor: opens pools of workers.
        workers: how many evaluations run at a time; the result does not depend on it.
        budget: when to stop.
        limits: what a candidate may cost.
        seed: of the strategy's random choices.
        journal: keeps what was paid for, and supplies what was paid for before.
        listen: hears :class:`~tinyml_core.events.StageAdvanced`, one step per evaluation.

    Raises:
        CapacityError: no candidate within ``budget.draws`` is feasible.
        InputError: a limit is on a quantity that ``costs_of`` does not tell.
        PluginError: the strategy left the space, or a cost is no finite number.
        UnsupportedError: as many evaluations as the window holds failed, and none succeeded.
    """
    session = strategy.begin(space, np.random.default_rng(seed))
    proposals = Proposals(space, session, costs_of, limits, budget.draws, journal)
    pending: deque[tuple[int, Candidate, Costs]] = deque()
    outcomes: dict[int, Outcome] = {}
    trials: list[Trial] = []
    failures: list[Failure] = []
    best = 0.0

    def collect(pool: EvaluationPool, *, block: bool) -> None:
        candidates = {number: candidate for number, candidate, _ in pending}
        for outcome in pool.finished(block=block):
            outcomes[outcome.number] = outcome
            if journal:
                journal.add_outcome(candidates[outcome.number], outcome)

    with EvaluationPool(executor, workers) as pool:
        proposed = 0
        while True:
            while len(pending) < budget.window and proposed < budget.evaluations and (found := proposals.next()):
                candidate, costs = found
                pending.append((proposed, candidate, costs))
                known = journal.outcome(candidate, proposed) if journal else None
                if known:
                    outcomes[proposed] = known
                else:
                    pool.submit(proposed, work_of(candidate))
                    collect(pool, block=False)
                proposed += 1
            if not pending:
                break
            while pending[0][0] not in outcomes:
                collect(pool, block=True)
            number, candidate, costs = pending.popleft()
            outcome = outcomes.pop(number)
            if outcome.accuracy is None:
                failures.append(Failure(number, candidate, costs, outcome.reason))
                listen(StageAdvanced("search", 1, f"evaluation {number} failed: {outcome.reason}"))
            else:
                trials.append(Trial(number, candidate, costs, outcome.accuracy))
                session.tell(trials[-1])
                best = max(best, outcome.accuracy)
                listen(StageAdvanced("search", 1, f"accuracy {outcome.accuracy:.4f}, best {best:.4f}"))
            if not trials and len(failures) >= budget.window:
                break
    if failures and not trials:
        raise UnsupportedError(
            f"each of the first {len(failures)} evaluations failed, the first with: {failures[0].reason}",
            place="search",
            remedy="remove the cause, then start afresh",
        )
    if not trials:
        raise proposals.rejections.explain()
    return SearchResult(
        trials=tuple(trials),
        failures=tuple(failures),
        draws=proposals.draws,
        costed=proposals.costed,
        rejected=dict(proposals.rejections.counts),
        ended="evaluations" if proposed == budget.evaluations else "exhausted" if proposals.exhausted else "draws",
    )
