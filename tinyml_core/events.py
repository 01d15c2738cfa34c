"""Events: what the platform tells listeners while it works.

Frozen data, sent to ``tinyml_event`` hooks and to the ``listen`` callback of a :class:`~tinyml_core.platform.Platform`.
The command line draws its progress bars from these and from nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Something happened."""


@dataclass(frozen=True)
class StageStarted(Event):
    """A stage of a pipeline begins; ``steps`` is how many units of progress it expects, 0 when unknown."""

    stage: str
    steps: int = 0


@dataclass(frozen=True)
class StageAdvanced(Event):
    """``steps`` more units of the running stage are done; ``note`` is worth showing beside the bar."""

    stage: str
    steps: int = 1
    note: str = ""


@dataclass(frozen=True)
class StageFinished(Event):
    """A stage ended after ``seconds`` of wall-clock time; ``result`` is its one-line outcome."""

    stage: str
    seconds: float
    result: str = ""
