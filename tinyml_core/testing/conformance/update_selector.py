"""Checks of update selectors: their schemes suit the network, and the memory they were given."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.api.update_selector import LearningTask, StepPlan, UpdateScheme, UpdateSelector
from tinyml_core.errors import CapacityError, InputError
from tinyml_core.testing.conformance.check import Check, NotApplicable, Violation, require
from tinyml_core.testing.conformance.samples.data import bright_thirds
from tinyml_core.testing.conformance.samples.networks import classifier
from tinyml_core.testing.conformance.subject import Subject
from tinyml_core.training.scheme import resolved

ROOMY, TIGHT = 1 << 20, 1
"""Bytes that suffice for every scheme of a small network, and for none."""


@dataclass(frozen=True)
class CountedBudget:
    """A budget in which every layer that learns takes a kilobyte, so that nothing has to be planned."""

    bytes: int
    place: str = "a target of the kit"

    def least(self, scheme: UpdateScheme) -> int:
        """A kilobyte and one more for each layer."""
        return 1000 * (1 + len(scheme.layers))

    def planned(self, scheme: UpdateScheme) -> StepPlan:
        """The same."""
        return StepPlan(self.least(scheme), f"{len(scheme.layers)} layers that learn")


def schemes_suit_the_network(subject: Subject) -> None:
    """A scheme names layers of the network in its order, each once, with channels they have."""
    graph = classifier()
    scheme = _selected(subject, ROOMY)
    try:
        resolved(scheme, graph)
    except InputError as error:
        raise Violation(str(error)) from error
    order = [node.name for node in graph.nodes]
    positions = [order.index(layer.node) for layer in scheme.layers]
    require(positions == sorted(positions), f"its layers are not in the network's order: {scheme.layers}")


def budgets_are_kept_or_not_looked_at(subject: Subject) -> None:
    """With one byte of memory it refuses by CapacityError, unless its choice is fixed: then it is the same as ever."""
    try:
        tight = _selected(subject, TIGHT)
    except CapacityError:
        return
    require(tight == _selected(subject, ROOMY), "it chooses by the budget, and exceeds it")


def equal_tasks_give_equal_schemes(subject: Subject) -> None:
    """Two selections for equal networks and tasks are the same."""
    require(_selected(subject, ROOMY) == _selected(subject, ROOMY), "two selections differ")


def _selected(subject: Subject, sram_bytes: int) -> UpdateScheme:
    graph = classifier()
    task = LearningTask(data=bright_thirds(12, 6, 3), sram=CountedBudget(sram_bytes), platform=subject.platform)
    try:
        return subject.make(UpdateSelector).select(graph, task)
    except InputError as error:
        raise NotApplicable(str(error)) from error


CHECKS = (
    Check(schemes_suit_the_network, slow=True),
    Check(budgets_are_kept_or_not_looked_at, slow=True),
    Check(equal_tasks_give_equal_schemes, slow=True),
)
"""Those of an update selector; some selectors try out what learning is worth, which takes minutes."""
