"""Counting: how often every block ran, by a hook that Unicorn calls for each.

A block is a straight run of instructions as the emulator translated it. The hook is Python, so a profiled call is slow:
some hundred thousand blocks a second; calls that are not profiled run without it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from tinyml_esp32c3.emulator.engine import unicorn
from tinyml_esp32c3.emulator.instructions import Class, classes_in


@dataclass
class Run:
    """A block that ran ``entries`` times, of which ``falls`` times on to the next address.

    ``context`` is the number, from 1, of the watched address entered last; 0 before any.
    """

    address: int
    classes: Counter[Class]
    context: int
    entries: int = 0
    falls: int = 0


@dataclass
class BlockCounts:
    """Counts while it is entered as a context manager."""

    engine: Any
    watched: Sequence[int]
    _runs: dict[tuple[int, int, int], Run] = field(default_factory=dict)

    def __enter__(self) -> BlockCounts:
        self._contexts = {address: number for number, address in enumerate(self.watched, 1)}
        self._context, self._previous, self._end = 0, Run(0, Counter(), 0), 1
        self.engine.ctl_flush_tb()  # blocks translated without the hook would never call it
        self._hook = self.engine.hook_add(unicorn.UC_HOOK_BLOCK, self._on_block)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.hook_del(self._hook)
        self.engine.ctl_flush_tb()

    def runs(self) -> Iterator[Run]:
        """What was counted, in order of address."""
        return (run for _, run in sorted(self._runs.items()))

    def _on_block(self, engine: Any, address: int, size: int, _data: object) -> None:
        self._context = self._contexts.get(address, self._context)
        key = (address, size, self._context)
        run = self._runs.get(key)
        if run is None:
            classes = classes_in(bytes(engine.mem_read(address, size)))
            run = self._runs[key] = Run(address, classes, self._context)
        if address == self._end:
            self._previous.falls += 1
        run.entries += 1
        self._previous, self._end = run, address + size
