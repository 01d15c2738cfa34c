"""Stack: how deep it grew, by painting the reserve before a call and looking afterwards what was overwritten."""

from __future__ import annotations

from typing import Protocol

from tinyml_core.errors import DeviceFault, InputError

_PAINT = b"\xd5\x3c\xa6\x91"  # a word no address, small number or ASCII text looks like
_GUARD = 256


class Memory(Protocol):
    """A device's memory; its methods raise InputError where there is none."""

    def write(self, address: int, data: bytes) -> None:
        """Copy bytes into memory."""
        ...

    def read(self, address: int, size: int) -> bytes:
        """Copy bytes out of memory."""
        ...


class StackPaint:
    """The stack reserve, from ``limit`` (the lowest address) to ``top``."""

    def __init__(self, memory: Memory, limit: int, top: int) -> None:
        self._memory, self.limit, self.top = memory, limit, top
        self._from = top
        self._below: bytes | None = None

    def paint(self, pointer: int) -> None:
        """Paint everything below the stack pointer of a call about to begin, and remember what lies below the reserve.

        Another region may follow downwards without a gap, and then an overflow does not fault.
        """
        self._from = pointer
        self._memory.write(self.limit, _PAINT * ((pointer - self.limit) // len(_PAINT)))
        self._below = self._guard()

    def _guard(self) -> bytes | None:
        try:
            return self._memory.read(self.limit - _GUARD, _GUARD)
        except InputError:
            return None  # nothing is mapped there, so that an overflow faults

    def used(self, symbol: str) -> int:
        """Bytes between the painted stack pointer and the lowest byte written since, a multiple of 4.

        Raises:
            DeviceFault: the stack grew past its reserve.
        """
        if self._guard() != self._below:
            raise DeviceFault(
                f"the stack grew past its reserve of {self.top - self.limit} bytes",
                place=symbol,
                remedy="build with a larger stack",
            )
        painted = self._memory.read(self.limit, self._from - self.limit)
        for offset in range(0, len(painted) - 3, 4):
            if painted[offset : offset + 4] != _PAINT:
                return len(painted) - offset
        return 0
