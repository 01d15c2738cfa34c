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
    """A block and how it ran: ``entries`` times, of which ``falls`` times on to the next address.

    ``context`` is the one it ran in: the number, from 1, of the watched address entered last; 0 before any.
    """

    address: int
    size: int
    length: int
    entries: int
    falls: int
    context: int = 0


class BlockCounter(Protocol):
    """Counts the blocks of one call."""

    def begin(self, limit: int, profile: bool, watched: Sequence[int] = ()) -> None:
        """Reset, and stop the machine once more than ``limit`` instructions have run.

        A context begins whenever one of the ``watched`` addresses is entered.
        """
        ...

    def end(self) -> None:
        """The call is over."""
        ...

    @property
    def halted(self) -> tuple[int, int]:
        """Why the counter stopped the machine (a bit of ``block_hook``, 0: it did not) and at which address."""
        ...

    def runs(self) -> Sequence[BlockRun]:
        """What was counted, in order of context, address and size."""
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
        self._sizes, self._lengths = np.zeros(halfwords, np.uint32), np.zeros(halfwords, np.uint32)
        self._contexts = np.zeros(halfwords, np.uint16)
        self._code, self._base = np.frombuffer(code[: 2 * halfwords], np.uint16), base
        stop = ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p)
        self._state = block_hook.Counter(
            contexts=self._contexts.ctypes.data, sizes=self._sizes.ctypes.data, lengths=self._lengths.ctypes.data,
            code=self._code.ctypes.data, base=base, halfwords=halfwords, stop=stop,
        )  # fmt: skip
        self._allocate(1)
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

    def _allocate(self, contexts: int) -> None:
        shape = (contexts, len(self._sizes))  # of most contexts most pages stay untouched, and take no memory
        self._entries, self._falls = np.zeros(shape, np.uint64), np.zeros(shape, np.uint64)
        self._state.entries, self._state.falls = self._entries.ctypes.data, self._falls.ctypes.data

    def begin(self, limit: int, profile: bool, watched: Sequence[int] = ()) -> None:
        """Reset; counting is free, so ``profile`` makes no difference."""
        self._sizes.fill(0)
        self._contexts.fill(0)
        self._contexts[[(address - self._base) // 2 for address in watched]] = np.arange(1, len(watched) + 1)
        self._allocate(len(watched) + 1)
        state = self._state
        state.context, state.previous_end, state.executed, state.limit, state.reason = 0, 1, 0, limit, 0

    def end(self) -> None:
        """Nothing to do."""

    @property
    def halted(self) -> tuple[int, int]:
        """See :class:`BlockCounter`."""
        return int(self._state.reason), int(self._state.place)

    def runs(self) -> Sequence[BlockRun]:
        """See :class:`BlockCounter`."""
        return [
            BlockRun(
                self._base + 2 * int(index), int(self._sizes[index]), int(self._lengths[index]),
                int(self._entries[context, index]), int(self._falls[context, index]), int(context),
            )
            for context, index in zip(*np.nonzero(self._entries), strict=True)
        ]  # fmt: skip


class PythonCounter:
    """Counts in Python, attached only while a call is profiled; other calls have no instruction limit."""

    def __init__(self, engine: Engine, base: int, code: bytes) -> None:
        self._engine, self._base, self._code = engine, base, code
        self._hook: int | None = None
        self._reset(0, ())

    def _reset(self, limit: int, watched: Sequence[int]) -> None:
        self._entries: dict[tuple[int, int, int], list[int]] = {}  # by context, address, size: length, entries, falls
        self._contexts = {address: number for number, address in enumerate(watched, 1)}
        self._context = 0
        self._previous: list[int] = [0, 0, 0]
        self._previous_end, self._executed, self._limit, self._halted = 1, 0, limit, (0, 0)

    def begin(self, limit: int, profile: bool, watched: Sequence[int] = ()) -> None:
        """Reset, and attach to the engine for a profiled call."""
        self._reset(limit, watched)
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
        self._context = self._contexts.get(address, self._context)
        key = (self._context, address, size)
        row = self._entries.get(key)
        if row is None:
            row = self._entries[key] = [instructions_in(self._code[start : start + size]), 0, 0]
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
        return [
            BlockRun(address, size, length, entries, falls, context)
            for (context, address, size), (length, entries, falls) in sorted(self._entries.items())
        ]
