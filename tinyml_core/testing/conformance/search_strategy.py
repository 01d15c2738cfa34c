"""Checks of search strategies, on a small space of the kit's own."""

from __future__ import annotations

import random
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from tinyml_core.api.search_strategy import SearchStrategy
from tinyml_core.search.budget import Budget
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.evaluation import Work
from tinyml_core.search.journal import Header, Journal
from tinyml_core.search.limits import Limits
from tinyml_core.search.loop import search
from tinyml_core.search.result import SearchResult
from tinyml_core.search.trial import Trial
from tinyml_core.testing.conformance.check import Check, require
from tinyml_core.testing.conformance.samples.calling import Calling
from tinyml_core.testing.conformance.samples.space import SmallSpace, accuracy, cost
from tinyml_core.testing.conformance.subject import Subject

EVALUATIONS = 40
LIMIT = 40.0
"""Size that about half of the candidates exceed."""


def proposals_lie_in_the_space(subject: Subject) -> None:
    """Every proposal is a candidate of the space, before anything is told and after."""
    space = SmallSpace()
    conversation = Conversation(subject, space, seed=0)
    for number in range(3 * EVALUATIONS):
        candidate = conversation.ask()
        require(space.contains(candidate), f"proposal {number} is {dict(candidate.choices)}")
        if number % 3 == 2:
            conversation.tell(candidate)


def spends_the_budget_within_the_limits(subject: Subject) -> None:
    """A search with a limit that half the space exceeds evaluates as many different candidates as it may."""
    found = _searched(subject)
    different = {trial.candidate for trial in found.trials}
    told = f"it evaluated {len(different)} of {EVALUATIONS}, in {found.draws} proposals"
    require(len(different) == EVALUATIONS, told)
    require(all(trial.costs["size"] <= LIMIT for trial in found.trials), "a trial exceeds the limit")


def goes_on_untold(subject: Subject) -> None:
    """It keeps proposing when nothing is ever told, as when every proposal is infeasible."""
    session = subject.make(SearchStrategy).begin(SmallSpace(), np.random.default_rng(0))
    different = len({session.ask() for _ in range(2 * EVALUATIONS)})
    require(different >= EVALUATIONS // 2, f"{2 * EVALUATIONS} proposals were {different} candidates")


def outlives_a_small_space(subject: Subject) -> None:
    """In a space of ten candidates it goes on without an error when all have been proposed, and most come up."""
    space = SmallSpace(deepest=1, widths=(4, 8, 12, 16, 20))
    conversation, asked = Conversation(subject, space, seed=0), 8 * space.size
    for _ in range(asked):
        conversation.tell(conversation.ask())
    different = len(conversation.told)
    require(different > space.size // 2, f"{asked} proposals were {different} of {space.size}")


def draws_from_its_generator_alone(subject: Subject) -> None:
    """Random choices come from the generator it is given: nothing else is drawn from, and another seed differs."""
    before = _process_state()
    first, other = (_proposed(subject, seed) for seed in (1, 2))
    after = _process_state()
    require(before == after, "it drew from the random numbers of the whole process")
    require(first != other, "two seeds gave the same proposals")


def restarts_from_its_journal(subject: Subject) -> None:
    """A search that was stopped goes on from its journal, pays for nothing twice and ends as an undisturbed one."""
    with tempfile.TemporaryDirectory() as folder:
        path, paid = Path(folder, "journal.jsonl"), list[str]()
        undisturbed = _searched(subject)
        _searched(subject, path, evaluations=EVALUATIONS // 2, paid=paid)
        resumed = _searched(subject, path, paid=paid)
    same = [trial.candidate for trial in undisturbed.trials] == [trial.candidate for trial in resumed.trials]
    require(same, "the resumed search found other candidates than the undisturbed one")
    require(len(paid) == len(set(paid)), f"{len(paid) - len(set(paid))} evaluations were paid for twice")


def answer(subject: Subject) -> object:
    """What it proposes and finds with one seed."""
    return _proposed(subject, 3), [trial.candidate for trial in _searched(subject).trials]


def _process_state() -> object:
    """The state of the random numbers that belong to the whole process."""
    return random.getstate(), repr(np.random.get_state(legacy=False))


class Conversation:
    """A session that is told trials as the search tells them: of each candidate once."""

    def __init__(self, subject: Subject, space: SmallSpace, seed: int) -> None:
        self._session = subject.make(SearchStrategy).begin(space, np.random.default_rng(seed))
        self.told: set[Candidate] = set()

    def ask(self) -> Candidate:
        """The next proposal."""
        return self._session.ask()

    def tell(self, candidate: Candidate) -> None:
        """Tell how good a proposal is, unless it was told before."""
        if candidate not in self.told:
            self._session.tell(Trial(len(self.told), candidate, cost(candidate), accuracy(candidate)))
            self.told.add(candidate)


def _proposed(subject: Subject, seed: int) -> list[Candidate]:
    conversation, proposed = Conversation(subject, SmallSpace(), seed), []
    for _ in range(EVALUATIONS):
        proposed.append(conversation.ask())
        conversation.tell(proposed[-1])
    return proposed


def _searched(
    subject: Subject, journal: Path | None = None, *, evaluations: int = EVALUATIONS, paid: list[str] | None = None
) -> SearchResult:
    def work(candidate: Candidate) -> Work:
        if paid is not None:
            paid.append(candidate.key)
        return partial(accuracy, candidate)

    run = partial(
        search, SmallSpace(), subject.make(SearchStrategy),
        costs_of=cost, work_of=work, executor=Calling(), workers=1,
        budget=Budget(evaluations=evaluations, draws=40 * EVALUATIONS), limits=Limits({"size": LIMIT}), seed=7,
    )  # fmt: skip
    if journal is None:
        return run()
    with Journal(journal, Header(config="conformance", seed=7), resume=True) as opened:
        return run(journal=opened)


CHECKS = (
    Check(proposals_lie_in_the_space),
    Check(spends_the_budget_within_the_limits),
    Check(goes_on_untold),
    Check(outlives_a_small_space),
    Check(draws_from_its_generator_alone),
    Check(restarts_from_its_journal),
)
"""Those of a search strategy."""
