"""Cuts: a dynamic program over the places where a network can be cut into stages.

Stages do not interfere: what a stage needs follows from its own steps. So the least peak is the best of "the least peak
up to here, then this stage", and the fewest cycles below a ceiling are found the same way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinyml_core.program.stages import Stage

Plan = list[Stage]
"""Stages that follow one another from the first step to the last."""


def least_peak(stages: Sequence[Sequence[Stage]], steps: int) -> float:
    """The least height that any plan's tallest stage can have; infinity when nothing covers all steps.

    ``stages`` holds the stages that begin at each step.
    """
    peak = [0.0] + [math.inf] * steps
    for first in range(steps):
        for stage in stages[first]:
            peak[stage.last + 1] = min(peak[stage.last + 1], max(peak[first], stage.least))
    return peak[steps]


def fastest(stages: Sequence[Sequence[Stage]], steps: int, ceiling: float) -> Plan | None:
    """The plan below ``ceiling`` with the fewest cycles, of equals with the fewest stages; None if there is none."""
    best: list[tuple[float, int]] = [(0.0, 0)] + [(math.inf, 0)] * steps
    arrived: list[Stage | None] = [None] * (steps + 1)
    for first in range(steps):
        if math.isinf(best[first][0]):
            continue
        for stage in stages[first]:
            if stage.least > ceiling:
                continue
            reached = (best[first][0] + stage.cycles(ceiling), best[first][1] + 1)
            if reached < best[stage.last + 1]:
                best[stage.last + 1], arrived[stage.last + 1] = reached, stage
    if math.isinf(best[steps][0]):
        return None
    plan: Plan = []
    at = steps
    while last := arrived[at]:
        plan.append(last)
        at = last.first
    return plan[::-1]
