"""Fitting: the most extra memory whose best scheme fits an SRAM budget, as the planner counts it.

Extra memory orders schemes, since it takes no planning; a byte more of it takes about a byte more of SRAM. The least
that a plan can need, known fast, says how much of it may be spent. The plan itself decides: as long as the best scheme
does not fit, the next one has to need less. ``auto`` and ``fisher`` choose so.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tinyml_core.api.update_selector import SramBudget, StepPlan, UpdateScheme
from tinyml_core.errors import CapacityError
from tinyml_core.graph.graph import Graph
from tinyml_plugins.learning.extra_memory import extra_memory

Choose = Callable[[int], UpdateScheme]
"""The best scheme within so many bytes of extra memory; a CapacityError where there is none."""
Planned = Callable[[UpdateScheme], StepPlan]
"""The plan of a scheme's step."""

PLANS = 6
"""Schemes that are planned at most."""
STEP = 0.03
"""Share of the budget by which the next scheme has to need less than one that there was no plan for; otherwise it is
what the plan needed too much."""
TRIES = 12
"""Schemes whose least is looked at for each that is planned."""
NEAR = 0.005
"""Share of the budget that may be left over: what it could still buy is worth less than looking for it."""


def fitting_scheme(graph: Graph, choose: Choose, sram: SramBudget, planned: Planned | None = None) -> UpdateScheme:
    """The scheme of the most extra memory, of those that ``choose`` gives, whose step fits ``sram``.

    ``planned`` tells plans where they are known already; ``sram.planned`` otherwise.

    Raises:
        CapacityError: none fits; says what binds.
    """
    target, refused = sram.bytes, list[StepPlan]()
    while len(refused) < PLANS:
        try:
            scheme = _largest(graph, choose, sram, target)
        except CapacityError:
            if not refused:
                raise
            break
        plan = (planned or sram.planned)(scheme)
        if plan.bytes is not None and plan.bytes <= sram.bytes:
            return scheme
        refused.append(plan)
        over = math.ceil(STEP * sram.bytes) if plan.bytes is None else plan.bytes - sram.bytes
        target = min(target, sram.least(scheme)) - over
    last = refused[-1]
    needs = last.binding if last.bytes is None else f"{last.bytes} bytes, bound by {last.binding}"
    raise CapacityError(
        f"no update scheme fits {sram.bytes} bytes of SRAM ({sram.place}); the last of {len(refused)} that were"
        f" planned: {needs}",
        place=f"network {graph.name!r}", remedy="raise the budget",
    )  # fmt: skip


def _largest(graph: Graph, choose: Choose, sram: SramBudget, target: int) -> UpdateScheme:
    """The scheme of the most extra memory found whose least is at most ``target`` bytes of SRAM."""
    best: UpdateScheme | None = None
    low, high, guess = 0, target + 1, target
    refusal = ""
    for _ in range(TRIES):
        try:
            scheme = choose(guess)
        except CapacityError as error:
            low, guess = guess, 0
            refusal = refusal or error.problem
        else:
            spent, over = extra_memory(graph, scheme).bytes, sram.least(scheme) - target
            if over <= 0:
                best, low = scheme, guess
            else:
                high = min(guess, spent)
                refusal = f"at least {target + over} bytes of SRAM are needed where {target} are left ({sram.place})"
            guess = spent - over
        if high - low <= max(1, NEAR * target):
            break
        if not low < guess < high:
            guess = (low + high) // 2
    if best is None:
        raise CapacityError(refusal, place=f"update schemes of network {graph.name!r}", remedy="raise the budget")
    return best
