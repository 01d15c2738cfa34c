"""Stages: the named, timed parts of a long job, told to listeners as they begin, advance and end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tinyml_core.events import Event, StageAdvanced, StageFinished, StageStarted


@dataclass
class Stage:
    """A stage under way; set ``result`` to its one-line outcome."""

    name: str
    emit: Callable[[Event], None]
    result: str = ""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Tell listeners that ``steps`` more units are done."""
        self.emit(StageAdvanced(self.name, steps, note))


@dataclass
class Stages:
    """The stages of one job, in order, with the seconds each took."""

    emit: Callable[[Event], None]
    seconds: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str, steps: int = 0) -> Iterator[Stage]:
        """Run a block as a stage of ``steps`` units of progress (0: unknown)."""
        self.emit(StageStarted(name, steps))
        stage, start = Stage(name, self.emit), time.perf_counter()
        yield stage
        elapsed = time.perf_counter() - start
        self.seconds.append((name, elapsed))
        self.emit(StageFinished(name, elapsed, stage.result))

    def report(self) -> list[dict[str, str | float]]:
        """The stable list that ``--json`` prints."""
        return [{"name": name, "seconds": round(seconds, 2)} for name, seconds in self.seconds]
