"""The analysis of contributions: probes carried out in parallel, each paid for once, however often it is killed."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from tinyml_core.api.executor import ExecutorFactory
from tinyml_core.api.update_selector import SramBudget, StepPlan, UpdateScheme
from tinyml_core.errors import UnsupportedError
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.evaluation import EvaluationPool, Outcome, Work
from tinyml_core.search.journal import Journal, fingerprint
from tinyml_plugins.learning.contribution import Choice
from tinyml_plugins.learning.fitting import Planned

_log = logging.getLogger(__name__)
AHEAD = 2
"""Probes under way for each worker: enough to keep it busy, few enough that its death puts few under suspicion."""
SRAM = "sram_bytes"


def worths(
    choices: Sequence[Choice],
    work_of: Callable[[Choice], Work],
    executor: ExecutorFactory,
    workers: int,
    journal: Journal | None,
    hear: Callable[[int, str], None],
) -> dict[Choice, float]:
    """What the probe of each choice is worth, in the order of ``choices``; those that failed are left out.

    Raises:
        UnsupportedError: a probe of biases alone failed, on which the others rest, or all the others did.
    """
    outcomes: dict[int, Outcome] = {}

    def collect(pool: EvaluationPool, *, block: bool) -> None:
        for outcome in pool.finished(block=block):
            outcomes[outcome.number] = outcome
            under_way.remove(outcome.number)
            if journal:
                journal.add_outcome(candidate_of(choices[outcome.number]), outcome)
            if outcome.accuracy is None:
                _log.warning("%s could not be tried: %s", choices[outcome.number], outcome.reason)
            hear(1, f"{len(outcomes)} of {len(choices)} fine-tunings")

    under_way: deque[int] = deque()
    with EvaluationPool(executor, workers) as pool:
        for number, choice in enumerate(choices):
            known = journal.outcome(candidate_of(choice), number) if journal else None
            if known:
                outcomes[number] = known
                continue
            under_way.append(number)
            pool.submit(number, work_of(choice))
            collect(pool, block=len(under_way) >= AHEAD * workers)
        while under_way:
            collect(pool, block=True)
    _check(choices, outcomes)
    found = {number: outcome.accuracy for number, outcome in sorted(outcomes.items())}
    return {choices[number]: value for number, value in found.items() if value is not None}


def _check(choices: Sequence[Choice], outcomes: Mapping[int, Outcome]) -> None:
    failed = [number for number, outcome in sorted(outcomes.items()) if outcome.accuracy is None]
    alone = [number for number in failed if not choices[number].weights]
    if alone or len(failed) == sum(bool(choice.weights) for choice in choices) > 0:
        raise UnsupportedError(
            f"a fine-tuning failed: {outcomes[(alone or failed)[0]].reason}", place="update-selector 'auto'",
            remedy="remove the cause, or choose another fine_tuner",
        )  # fmt: skip


def candidate_of(choice: Choice) -> Candidate:
    """The choice as a journal knows it."""
    parts = {f"layer_{layer}": fraction for layer, fraction in choice.weights}
    return Candidate.of({"bias_layers": choice.bias_layers, **parts})


def remembered(sram: SramBudget, journal: Journal | None) -> Planned:
    """The plans of ``sram``, which go into ``journal`` and come from there."""
    if journal is None:
        return sram.planned

    def planned(scheme: UpdateScheme) -> StepPlan:
        candidate = Candidate.of({"scheme": fingerprint(asdict(scheme)), "place": sram.place, "budget": sram.bytes})
        known, costs = journal.outcome(candidate, 0), journal.costs(candidate)
        if known is not None:
            return StepPlan(None if costs is None else int(costs[SRAM]), known.reason)
        plan = sram.planned(scheme)
        if plan.bytes is not None:
            journal.add_costs(candidate, {SRAM: plan.bytes})
        fits = plan.bytes is not None and plan.bytes <= sram.bytes
        journal.add_outcome(candidate, Outcome(0, float(fits), plan.binding))
        return plan

    return planned
