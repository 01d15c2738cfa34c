"""Progress on standard error: a bar for the running stage, a line for each finished one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from tinyml_core.cli.output import plain
from tinyml_core.events import Event, StageAdvanced, StageFinished, StageStarted


class Listener(Protocol):
    """Hears events."""

    def __call__(self, event: Event) -> None:
        """React to ``event``."""


@contextmanager
def progress() -> Iterator[Listener]:
    """Draw stages while the block runs; where standard error is no terminal only the finished lines are written."""
    console = Console(file=sys.stderr, highlight=False, soft_wrap=True, markup=False)
    columns = (
        SpinnerColumn(), TextColumn("{task.description:<10}", markup=False), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("{task.fields[note]}", markup=False),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        running: dict[str, TaskID] = {}

        def listen(event: Event) -> None:
            match event:
                case StageStarted(stage, steps):
                    running[stage] = bars.add_task(plain(stage), total=steps or None, note="")
                case StageAdvanced(stage, steps, note) if stage in running:
                    bars.update(running[stage], advance=steps, note=plain(note))
                case StageFinished(stage, seconds, result):
                    if stage in running:
                        bars.remove_task(running.pop(stage))
                    console.print(plain(f"{stage:<10} {seconds:6.1f} s  {result}"))

        yield listen
