"""Counting: how often every block of the program ran, by the compiled hook or in Python, with the same result.

A block is a straight run of instructions as the emulator translated it. Blocks may overlap (a jump into the middle of
one starts another), so totals are sums over blocks, never over addresses of one block.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from tinyml_plugins.simulator import block_hook
from tinyml_plugins.simulator.engine import Engine, unicorn


@dataclass(frozen=True)
class BlockRun:
    """A block and how it ran: ``entries`` times, of which ``falls`` times on to the next address."""

    address: int
    size: int
    length: int
    entries: int
    falls: int


class BlockCounter(Protocol):
    """Counts the blocks of one call."""

    def begin(self, limit: int, profile: bool) -> None:
        """Reset, and stop the machine once more than ``limit`` instructions have run."""
        ...

    def end(self) -> None:
        """The call is over."""
        ...

    @property
    def halted(self) -> tuple[int, int]:
        """Why the counter stopped the machine (a bit of ``block_hook``, 0: it did not) and at which address."""
        ...

    def runs(self) -> Sequence[BlockRun]:
        """What was counted, in order of address and size."""
        ...


def instructions_in(code: bytes) -> int:
    """Number of Thumb instructions in ``code``: 0b11101 and above are 32 bits wide (Armv7-M manual, A5.1)."""
    at = count = 0
    while at < len(code):
        at += 4 if code[at + 1] >> 3 >= 0x1D else 2
        count += 1
    return count


class CompiledCounter:
    """Counts in C; attached to the engine for good."""

    def __init__(self, engine: Engine, library: ctypes.CDLL, base: int, code: bytes) -> None:
        binding: Any = importlib.import_module("unicorn.unicorn_py3.unicorn")  # the public one takes only Python
        uclib, handle = binding.uclib, cast(Any, engine)._uch
        halfwords = len(code) // 2
        self._entries, self._falls = np.zeros(halfwords, np.uint64), np.zeros(halfwords, np.uint64)
        self._sizes, self._lengths = np.zeros(halfwords, np.uint32), np.zeros(halfwords, np.uint32)
        self._code, self._base = np.frombuffer(code[: 2 * halfwords], np.uint16), base
        arrays = (self._entries, self._falls, self._sizes, self._lengths, self._code)
        stop = ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p)
        self._state = block_hook.Counter(
            *(array.ctypes.data for array in arrays), base, halfwords, 0, 1, 0, 0, stop, 0, 0
        )
        status = uclib.uc_hook_add(
            handle,
            ctypes.byref(ctypes.c_size_t()),
            unicorn.UC_HOOK_BLOCK,
            ctypes.cast(library.on_block, ctypes.c_void_p),
            ctypes.cast(ctypes.pointer(self._state), ctypes.c_void_p),
            ctypes.c_uint64(1),
            ctypes.c_uint64(0),
        )
        if status != 0:
            raise OSError(f"uc_hook_add failed with status {status}")

    def begin(self, limit: int, profile: bool) -> None:
        """Reset; counting is free, so ``profile`` makes no difference."""
        self._entries.fill(0)
        self._falls.fill(0)
        state = self._state
        state.previous_end, state.executed, state.limit, state.reason = 1, 0, limit, 0

    def end(self) -> None:
        """Nothing to do."""

    @property
    def halted(self) -> tuple[int, int]:
        """See :class:`BlockCounter`."""
        return int(self._state.reason), int(self._state.place)

    def runs(self) -> Sequence[BlockRun]:
        """See :class:`BlockCounter`."""
        tables = (self._sizes, self._lengths, self._entries, self._falls)
        return [
            BlockRun(self._base + 2 * int(index), *(int(table[index]) for table in tables))
            for index in np.flatnonzero(self._entries)
        ]


class PythonCounter:
    """Counts in Python, attached only while a call is profiled; other calls have no instruction limit."""

    def __init__(self, engine: Engine, base: int, code: bytes) -> None:
        self._engine, self._base, self._code = engine, base, code
        self._hook: int | None = None
        self._reset(0)

    def _reset(self, limit: int) -> None:
        self._entries: dict[tuple[int, int], list[int]] = {}  # by address and size: length, entries, falls
        self._previous: list[int] = [0, 0, 0]
        self._previous_end, self._executed, self._limit, self._halted = 1, 0, limit, (0, 0)

    def begin(self, limit: int, profile: bool) -> None:
        """Reset, and attach to the engine for a profiled call."""
        self._reset(limit)
        if profile:
            self._engine.ctl_flush_tb()  # blocks translated without the hook would never call it
            self._hook = self._engine.hook_add(unicorn.UC_HOOK_BLOCK, self._on_block)

    def end(self) -> None:
        """Detach."""
        if self._hook is not None:
            self._engine.hook_del(self._hook)
            self._hook = None
            self._engine.ctl_flush_tb()

    def _on_block(self, engine: Engine, address: int, size: int, _data: object) -> None:
        start = address - self._base
        if not 0 <= start < len(self._code):
            self._halted = (block_hook.STRAY, address)
            engine.emu_stop()
            return
        row = self._entries.get((address, size))
        if row is None:
            row = self._entries[(address, size)] = [instructions_in(self._code[start : start + size]), 0, 0]
        if address == self._previous_end:
            self._previous[2] += 1
        row[1] += 1
        self._previous, self._previous_end = row, address + size
        self._executed += row[0]
        if self._executed > self._limit:
            self._halted = (block_hook.LIMIT, address)
            engine.emu_stop()

    @property
    def halted(self) -> tuple[int, int]:
        """See :class:`BlockCounter`."""
        return self._halted

    def runs(self) -> Sequence[BlockRun]:
        """See :class:`BlockCounter`."""
        return [BlockRun(*key, *row) for key, row in sorted(self._entries.items())]
